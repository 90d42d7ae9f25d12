// A file system in memory: what the embedded broker uses when it is given no directory, and the ground of the
// test disk that forgets what was not synced (unsynced-files.ts), which listens through `MemoryFilesHooks`.
import { type DirectoryLock, FileError, type FileStat, type Files, type OpenFile } from '../files.ts';
import { MemoryContent } from './memory-content.ts';

export class MemoryFile {
  content = new MemoryContent();
  modifiedMs = 0;
}

export class MemoryDirectory {
  readonly entries = new Map<string, MemoryFile | MemoryDirectory>();
}

export type FileOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'list'
  | 'stat'
  | 'makeDirectory'
  | 'rename'
  | 'link'
  | 'remove'
  | 'syncDirectory'
  | 'space'
  | 'lock';

/** Names that one operation sets (or removes, when undefined) in one directory; atomic. */
export type NameChange = readonly (readonly [name: string, node: MemoryFile | MemoryDirectory | undefined])[];

export interface MemoryFilesHooks {
  /** Before every operation; may throw a FileError. */
  before?(operation: FileOperation, path: string): void;
  /** Before every asynchronous operation; lets tests decide when it happens. */
  delay?(operation: FileOperation, path: string): Promise<void> | undefined;
  wrote?(file: MemoryFile, bytes: Uint8Array, position: number): void;
  truncated?(file: MemoryFile, sizeBytes: number): void;
  synced?(file: MemoryFile): void;
  named?(directory: MemoryDirectory, change: NameChange): void;
  directorySynced?(directory: MemoryDirectory): void;
}

export interface MemoryFilesOptions {
  /** Writes beyond fail with ENOSPC. */
  readonly capacityBytes?: number;
  readonly nowMs?: () => number;
  readonly hooks?: MemoryFilesHooks;
  readonly root?: MemoryDirectory;
}

export class MemoryFiles implements Files {
  readonly root: MemoryDirectory;
  capacityBytes: number;
  #nowMs: () => number;
  #hooks: MemoryFilesHooks;
  #locks = new Set<string>();

  constructor(options: MemoryFilesOptions = {}) {
    this.root = options.root ?? new MemoryDirectory();
    this.capacityBytes = options.capacityBytes ?? 2 ** 40;
    this.#nowMs = options.nowMs ?? (() => 0);
    this.#hooks = options.hooks ?? {};
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<OpenFile> {
    await this.#hooks.delay?.('open', path);
    return this.openSync(path, mode);
  }

  openSync(path: string, mode: 'read' | 'write' | 'create'): OpenFile {
    this.#hooks.before?.('open', path);
    const { directory, name } = this.#parent(path);
    let node = directory.entries.get(name);
    if (node instanceof MemoryDirectory) throw failure('EISDIR', path);
    if (node === undefined) {
      if (mode === 'read') throw failure('ENOENT', path);
      node = new MemoryFile();
      node.modifiedMs = this.#nowMs();
      this.#name(directory, [[name, node]]);
    } else if (mode === 'create') {
      throw failure('EEXIST', path);
    }
    return new MemoryOpenFile(this, this.#hooks, this.#nowMs, path, node, mode !== 'read');
  }

  async readFile(path: string): Promise<Buffer> {
    const file = await this.open(path, 'read');
    this.#hooks.before?.('read', path);
    const bytes = Buffer.allocUnsafe(file.sizeSync());
    file.readSync(bytes, 0);
    return bytes;
  }

  async list(path: string): Promise<string[]> {
    await this.#hooks.delay?.('list', path);
    this.#hooks.before?.('list', path);
    return [...this.#directory(path).entries.keys()].sort();
  }

  async stat(path: string): Promise<FileStat | undefined> {
    await this.#hooks.delay?.('stat', path);
    this.#hooks.before?.('stat', path);
    const node = this.#find(path);
    if (node === undefined) return undefined;
    if (node instanceof MemoryDirectory) return { sizeBytes: 0, isDirectory: true, modifiedMs: 0 };
    return { sizeBytes: node.content.sizeBytes, isDirectory: false, modifiedMs: node.modifiedMs };
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#hooks.delay?.('makeDirectory', path);
    this.makeDirectorySync(path);
  }

  makeDirectorySync(path: string): void {
    this.#hooks.before?.('makeDirectory', path);
    let directory = this.root;
    for (const name of partsOf(path)) {
      let next = directory.entries.get(name);
      if (next === undefined) {
        next = new MemoryDirectory();
        this.#name(directory, [[name, next]]);
      }
      if (!(next instanceof MemoryDirectory)) throw failure('ENOTDIR', path);
      directory = next;
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#hooks.delay?.('rename', from);
    this.#hooks.before?.('rename', from);
    const source = this.#parent(from);
    const target = this.#parent(to);
    const node = source.directory.entries.get(source.name);
    if (node === undefined) throw failure('ENOENT', from);
    const replaced = target.directory.entries.get(target.name);
    if (replaced instanceof MemoryDirectory && replaced.entries.size > 0) throw failure('ENOTEMPTY', to);
    if (source.directory === target.directory) {
      this.#name(source.directory, [
        [source.name, undefined],
        [target.name, node],
      ]);
    } else {
      this.#name(target.directory, [[target.name, node]]);
      this.#name(source.directory, [[source.name, undefined]]);
    }
  }

  async link(from: string, to: string): Promise<void> {
    await this.#hooks.delay?.('link', to);
    this.#hooks.before?.('link', to);
    const node = this.#find(from);
    if (!(node instanceof MemoryFile)) throw failure('ENOENT', from);
    const { directory, name } = this.#parent(to);
    if (directory.entries.has(name)) throw failure('EEXIST', to);
    this.#name(directory, [[name, node]]);
  }

  async remove(path: string): Promise<void> {
    await this.#hooks.delay?.('remove', path);
    this.#hooks.before?.('remove', path);
    const node = this.#find(path);
    if (node === undefined) return;
    if (node instanceof MemoryDirectory) throw failure('EISDIR', path);
    const { directory, name } = this.#parent(path);
    this.#name(directory, [[name, undefined]]);
  }

  async removeTree(path: string): Promise<void> {
    await this.#hooks.delay?.('remove', path);
    this.#hooks.before?.('remove', path);
    if (this.#find(path) === undefined) return;
    const { directory, name } = this.#parent(path);
    this.#name(directory, [[name, undefined]]);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#hooks.delay?.('syncDirectory', path);
    this.#hooks.before?.('syncDirectory', path);
    this.#hooks.directorySynced?.(this.#directory(path));
  }

  async space(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
    this.#hooks.before?.('space', path);
    return { freeBytes: Math.max(0, this.capacityBytes - this.usedBytes()), totalBytes: this.capacityBytes };
  }

  async lock(directory: string, name: string): Promise<DirectoryLock | undefined> {
    this.#hooks.before?.('lock', directory);
    this.#directory(directory);
    const key = `${partsOf(directory).join('/')} ${name}`;
    if (this.#locks.has(key)) return undefined;
    this.#locks.add(key);
    return {
      release: async () => {
        this.#locks.delete(key);
      },
    };
  }

  /** Bytes of all files; walks the tree. */
  usedBytes(): number {
    const sum = (directory: MemoryDirectory): number => {
      let bytes = 0;
      for (const node of directory.entries.values()) {
        bytes += node instanceof MemoryDirectory ? sum(node) : node.content.sizeBytes;
      }
      return bytes;
    };
    return sum(this.root);
  }

  #name(directory: MemoryDirectory, change: NameChange): void {
    applyNames(directory, change);
    this.#hooks.named?.(directory, change);
  }

  #find(path: string): MemoryFile | MemoryDirectory | undefined {
    let node: MemoryFile | MemoryDirectory | undefined = this.root;
    for (const name of partsOf(path)) {
      if (!(node instanceof MemoryDirectory)) return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  #directory(path: string): MemoryDirectory {
    const node = this.#find(path);
    if (node === undefined) throw failure('ENOENT', path);
    if (!(node instanceof MemoryDirectory)) throw failure('ENOTDIR', path);
    return node;
  }

  #parent(path: string): { directory: MemoryDirectory; name: string } {
    const parts = partsOf(path);
    const name = parts.pop();
    if (name === undefined) throw failure('EISDIR', path);
    return { directory: this.#directory(parts.join('/')), name };
  }
}

/** The same tree again, each to be changed without the other; what files hold is shared until then. */
export function copyTree(directory: MemoryDirectory, copies = new Map<MemoryFile, MemoryFile>()): MemoryDirectory {
  const copy = new MemoryDirectory();
  for (const [name, node] of directory.entries) {
    if (node instanceof MemoryDirectory) {
      copy.entries.set(name, copyTree(node, copies));
      continue;
    }
    let file = copies.get(node);
    if (file === undefined) {
      file = new MemoryFile();
      file.content = node.content.clone();
      file.modifiedMs = node.modifiedMs;
      copies.set(node, file);
    }
    copy.entries.set(name, file);
  }
  return copy;
}

export function applyNames(directory: MemoryDirectory, change: NameChange): void {
  for (const [name, node] of change) {
    if (node === undefined) directory.entries.delete(name);
    else directory.entries.set(name, node);
  }
}

class MemoryOpenFile implements OpenFile {
  readonly path: string;
  #files: MemoryFiles;
  #hooks: MemoryFilesHooks;
  #nowMs: () => number;
  #file: MemoryFile;
  #writable: boolean;
  #closed = false;

  constructor(
    files: MemoryFiles,
    hooks: MemoryFilesHooks,
    nowMs: () => number,
    path: string,
    file: MemoryFile,
    writable: boolean,
  ) {
    this.path = path;
    this.#files = files;
    this.#hooks = hooks;
    this.#nowMs = nowMs;
    this.#file = file;
    this.#writable = writable;
  }

  sizeSync(): number {
    this.#check('stat');
    return this.#file.content.sizeBytes;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    await this.#hooks.delay?.('read', this.path);
    return this.readSync(into, position);
  }

  readSync(into: Uint8Array, position: number): number {
    this.#check('read');
    return this.#file.content.read(into, position);
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.#check('write');
    if (!this.#writable) throw failure('EBADF', this.path);
    let at = position;
    for (const part of parts) {
      const growth = at + part.length - this.#file.content.sizeBytes;
      if (growth > 0 && this.#files.capacityBytes < 2 ** 40) {
        if (this.#files.usedBytes() + growth > this.#files.capacityBytes) throw failure('ENOSPC', this.path);
      }
      this.#file.content.write(part, at);
      this.#hooks.wrote?.(this.#file, part, at);
      at += part.length;
    }
    this.#file.modifiedMs = this.#nowMs();
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    await this.#hooks.delay?.('write', this.path);
    this.writeSync(parts, position);
  }

  async sync(): Promise<void> {
    await this.#hooks.delay?.('sync', this.path);
    this.#check('sync');
    this.#hooks.synced?.(this.#file);
  }

  truncateSync(sizeBytes: number): void {
    this.#check('truncate');
    this.#file.content.truncate(sizeBytes);
    this.#hooks.truncated?.(this.#file, sizeBytes);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #check(operation: FileOperation): void {
    if (this.#closed) throw failure('EBADF', this.path);
    this.#hooks.before?.(operation, this.path);
  }
}

function partsOf(path: string): string[] {
  return path.split(/[/\\]/).filter((part) => part !== '' && part !== '.');
}

function failure(code: string, path: string): FileError {
  return new FileError(code, path, `${path}: ${code}`);
}
