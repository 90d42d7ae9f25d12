// Open files of segments, so that ten thousand partitions do not need ten thousand descriptors. A lease keeps a file open;
// files without leases are closed, the longest unused first, when there are too many.
import { FileError, type Files, type OpenFile } from '../../runtime/files.ts';

export type LeaseMode = 'read' | 'write';

export interface FileLease {
  readonly file: OpenFile;
  release(): void;
}

interface Entry {
  readonly path: string;
  readonly file: OpenFile;
  leases: number;
  /** Not to be found any more; closed with the last lease. */
  dropped: boolean;
  onClosed: (() => void)[];
}

export class FileCache {
  #files: Files;
  #openMax: number;
  /** In order of last use. */
  #entries = new Map<string, Entry>();
  #closed = false;

  constructor(files: Files, openMax: number) {
    this.#files = files;
    this.#openMax = openMax;
  }

  async lease(path: string, mode: LeaseMode): Promise<FileLease> {
    const key = keyOf(path, mode);
    const known = this.#entries.get(key);
    if (known !== undefined) return this.#lend(key, known);
    this.#check(path);
    const file = await this.#files.open(path, mode);
    const meanwhile = this.#entries.get(key);
    if (this.#closed) {
      await file.close();
      this.#check(path);
    }
    if (meanwhile !== undefined) {
      void file.close();
      return this.#lend(key, meanwhile);
    }
    return this.#lend(key, { path, file, leases: 0, dropped: false, onClosed: [] });
  }

  /** Undefined unless the file is open already. */
  leaseOpen(path: string, mode: LeaseMode): FileLease | undefined {
    const key = keyOf(path, mode);
    const known = this.#entries.get(key);
    return known && this.#lend(key, known);
  }

  leaseSync(path: string, mode: LeaseMode): FileLease {
    this.#check(path);
    const key = keyOf(path, mode);
    const known = this.#entries.get(key);
    return this.#lend(
      key,
      known ?? { path, file: this.#files.openSync(path, mode), leases: 0, dropped: false, onClosed: [] },
    );
  }

  /** Forgets the files below a directory (or one file); resolves when all of them are closed. */
  async drop(path: string): Promise<void> {
    const waits: Promise<void>[] = [];
    for (const [key, entry] of this.#entries) {
      if (entry.path !== path && !entry.path.startsWith(`${path}/`)) continue;
      this.#entries.delete(key);
      waits.push(this.#retire(entry));
    }
    await Promise.all(waits);
  }

  /** Closes what nobody uses: descriptors are short. */
  closeIdle(): void {
    for (const [key, entry] of this.#entries) {
      if (entry.leases > 0) continue;
      this.#entries.delete(key);
      void this.#retire(entry);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map((entry) => this.#retire(entry)));
  }

  #check(path: string): void {
    if (this.#closed) throw new FileError('EBADF', path, `cannot open ${path}: storage is closed`);
  }

  #lend(key: string, entry: Entry): FileLease {
    entry.leases++;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > this.#openMax) this.#closeOldest();
    let released = false;
    return {
      file: entry.file,
      release: () => {
        if (released) return;
        released = true;
        entry.leases--;
        if (entry.leases === 0 && entry.dropped) this.#closeFile(entry);
      },
    };
  }

  #closeOldest(): void {
    for (const [key, entry] of this.#entries) {
      if (entry.leases > 0) continue;
      this.#entries.delete(key);
      void this.#retire(entry);
      return;
    }
  }

  #retire(entry: Entry): Promise<void> {
    return new Promise((resolve) => {
      entry.dropped = true;
      entry.onClosed.push(resolve);
      if (entry.leases === 0) this.#closeFile(entry);
    });
  }

  #closeFile(entry: Entry): void {
    const done = (): void => {
      for (const closed of entry.onClosed) closed();
    };
    // What a close could still report was reported by the sync before; a reader does not care.
    entry.file.close().then(done, done);
  }
}

function keyOf(path: string, mode: LeaseMode): string {
  return `${mode}:${path}`;
}
