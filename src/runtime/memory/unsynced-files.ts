// A disk for tests that forgets what was not synced. Everything written is visible at once, as in a page cache; `crash`
// leaves what a power cut could have left: synced bytes and names, and of the rest nothing, everything, or a seeded part
// (single writes torn at 512-byte sectors, a directory's name changes up to some point of their order).
import { FileError } from '../files.ts';
import { MemoryContent } from './memory-content.ts';
import {
  applyNames,
  type FileOperation,
  MemoryDirectory,
  MemoryFile,
  MemoryFiles,
  type NameChange,
} from './memory-files.ts';

const sectorBytes = 512;

/** One planned failure: the nth operation of a kind on a path that matches. */
export interface Fault {
  readonly operation: FileOperation;
  readonly path: RegExp;
  readonly code: string;
  /** Operations to let pass first; 0 when absent. */
  skip?: number;
  /** How often it strikes; for ever when absent. */
  times?: number;
}

export interface UnsyncedFilesOptions {
  readonly capacityBytes?: number;
  readonly nowMs?: () => number;
  /** Decides when asynchronous operations happen; at once (in a microtask) when absent. */
  readonly delay?: (operation: FileOperation, path: string) => Promise<void> | undefined;
}

interface FileHistory {
  readonly durable: MemoryContent;
  /** In order; bytes undefined is a truncation to `position`. */
  pending: { position: number; bytes: Buffer | undefined }[];
}

interface DirectoryHistory {
  readonly durable: Map<string, MemoryFile | MemoryDirectory>;
  pending: NameChange[];
}

export class UnsyncedFiles {
  readonly files: MemoryFiles;
  readonly faults: Fault[] = [];
  /** Sync calls so far, of files and of directories: what tests of the commit loop count. */
  syncs = 0;
  #options: UnsyncedFilesOptions;
  #fileHistories = new Map<MemoryFile, FileHistory>();
  #directoryHistories = new Map<MemoryDirectory, DirectoryHistory>();
  #dead = false;

  constructor(options: UnsyncedFilesOptions = {}, root: MemoryDirectory = new MemoryDirectory()) {
    this.#options = options;
    this.#adopt(root);
    this.files = new MemoryFiles({
      root,
      ...(options.capacityBytes === undefined ? {} : { capacityBytes: options.capacityBytes }),
      ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
      hooks: {
        before: (operation, path) => this.#before(operation, path),
        delay: (operation, path) => options.delay?.(operation, path),
        wrote: (file, bytes, position) => {
          this.#history(file).pending.push({ position, bytes: Buffer.from(bytes) });
        },
        truncated: (file, sizeBytes) => {
          this.#history(file).pending.push({ position: sizeBytes, bytes: undefined });
        },
        synced: (file) => {
          const history = this.#history(file);
          for (const write of history.pending) applyWrite(history.durable, write);
          history.pending = [];
          this.syncs++;
        },
        named: (directory, change) => this.#names(directory).pending.push(change),
        directorySynced: (directory) => {
          const history = this.#names(directory);
          for (const change of history.pending) applyChange(history.durable, change);
          history.pending = [];
          this.syncs++;
        },
      },
    });
  }

  /**
   * The disk after a power cut. `below` draws integers in [0, limit) and decides what of the unsynced survives; without it
   * nothing does. This object is dead afterwards: every further operation fails with EIO.
   */
  crash(below?: (limit: number) => number): UnsyncedFiles {
    this.#dead = true;
    return new UnsyncedFiles(this.#options, this.#survivors(this.files.root, below, new Map()));
  }

  /** The disk as another process sees it after this one was killed: everything written is there. */
  kill(): UnsyncedFiles {
    this.#dead = true;
    const next = new UnsyncedFiles(this.#options, this.files.root);
    next.#fileHistories = this.#fileHistories;
    next.#directoryHistories = this.#directoryHistories;
    return next;
  }

  /** Flips one bit of a file, live and durable alike. */
  async flipBit(path: string, position: number, bit: number): Promise<void> {
    const bytes = await this.files.readFile(path);
    bytes[position] = (bytes[position] as number) ^ (1 << bit);
    const file = await this.files.open(path, 'write');
    file.writeSync([bytes.subarray(position, position + 1)], position);
    await file.sync();
    await file.close();
  }

  #before(operation: FileOperation, path: string): void {
    if (this.#dead) throw new FileError('EIO', path, `${path}: the disk is gone`);
    for (const fault of this.faults) {
      if (fault.operation !== operation || !fault.path.test(path)) continue;
      if (fault.skip !== undefined && fault.skip > 0) {
        fault.skip--;
        continue;
      }
      if (fault.times !== undefined) {
        if (fault.times === 0) continue;
        fault.times--;
      }
      if (operation === 'sync') this.#forgetUnsynced(path);
      throw new FileError(fault.code, path, `${path}: ${fault.code} (planned)`);
    }
  }

  /** A failed fsync leaves the pages clean: no later sync writes them, though reads still show them. */
  #forgetUnsynced(path: string): void {
    let node: MemoryFile | MemoryDirectory | undefined = this.files.root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      node = node instanceof MemoryDirectory ? node.entries.get(name) : undefined;
    }
    if (node instanceof MemoryFile) this.#history(node).pending = [];
  }

  #history(file: MemoryFile): FileHistory {
    let history = this.#fileHistories.get(file);
    if (history === undefined) {
      history = { durable: new MemoryContent(), pending: [] };
      this.#fileHistories.set(file, history);
    }
    return history;
  }

  #names(directory: MemoryDirectory): DirectoryHistory {
    let history = this.#directoryHistories.get(directory);
    if (history === undefined) {
      history = { durable: new Map(), pending: [] };
      this.#directoryHistories.set(directory, history);
    }
    return history;
  }

  /** What a tree holds when the disk starts counts as durable. */
  #adopt(directory: MemoryDirectory): void {
    this.#directoryHistories.set(directory, { durable: new Map(directory.entries), pending: [] });
    for (const node of directory.entries.values()) {
      if (node instanceof MemoryDirectory) this.#adopt(node);
      else this.#fileHistories.set(node, { durable: node.content.clone(), pending: [] });
    }
  }

  #survivors(
    directory: MemoryDirectory,
    below: ((limit: number) => number) | undefined,
    copies: Map<MemoryFile, MemoryFile>,
  ): MemoryDirectory {
    const history = this.#names(directory);
    const names = new Map(history.durable);
    const kept = below === undefined ? 0 : below(history.pending.length + 1);
    for (const change of history.pending.slice(0, kept)) applyChange(names, change);
    const survivor = new MemoryDirectory();
    for (const [name, node] of names) {
      if (node instanceof MemoryDirectory) {
        applyNames(survivor, [[name, this.#survivors(node, below, copies)]]);
        continue;
      }
      let copy = copies.get(node);
      if (copy === undefined) {
        copy = new MemoryFile();
        copy.modifiedMs = node.modifiedMs;
        copy.content = this.#survivingContent(this.#history(node), below);
        copies.set(node, copy);
      }
      applyNames(survivor, [[name, copy]]);
    }
    return survivor;
  }

  #survivingContent(history: FileHistory, below: ((limit: number) => number) | undefined): MemoryContent {
    const content = history.durable.clone();
    if (below === undefined) return content;
    const mood = below(4);
    for (const write of history.pending) {
      // Sometimes all of it reached the disk, sometimes none; else every write by itself: whole, lost, or torn.
      const fate = mood === 0 ? 0 : mood === 1 ? 1 : below(3);
      if (fate === 0) applyWrite(content, write);
      else if (fate === 2 && write.bytes !== undefined) {
        for (let at = 0; at < write.bytes.length; ) {
          const end = Math.min(write.bytes.length, at + sectorBytes - ((write.position + at) % sectorBytes));
          if (below(2) === 0) content.write(write.bytes.subarray(at, end), write.position + at);
          at = end;
        }
      }
    }
    return content;
  }
}

function applyWrite(content: MemoryContent, write: { position: number; bytes: Buffer | undefined }): void {
  if (write.bytes === undefined) content.truncate(write.position);
  else content.write(write.bytes, write.position);
}

function applyChange(names: Map<string, MemoryFile | MemoryDirectory>, change: NameChange): void {
  for (const [name, node] of change) {
    if (node === undefined) names.delete(name);
    else names.set(name, node);
  }
}
