// Files over node:fs. Writes are positional and complete (partial writes are continued); every failure is a FileError.
import fs from 'node:fs';
import path from 'node:path';
import { type DirectoryLock, FileError, type FileStat, type Files, type OpenFile } from '../files.ts';
import { lockDirectory } from './directory-lock.ts';

export function nodeFiles(): Files {
  return files;
}

const openFlags = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR | fs.constants.O_CREAT,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
} as const;

const files: Files = {
  open: (path, mode) =>
    settle<number>('open', path, (done) => fs.open(path, openFlags[mode], 0o644, done)).then(
      (descriptor) => new NodeFile(path, descriptor),
    ),

  openSync: (path, mode) => attempt('open', path, () => new NodeFile(path, fs.openSync(path, openFlags[mode], 0o644))),

  readFile: (path) => settle<Buffer>('read', path, (done) => fs.readFile(path, done)),

  list: async (directory) => (await settle<string[]>('list', directory, (done) => fs.readdir(directory, done))).sort(),

  async stat(path): Promise<FileStat | undefined> {
    try {
      const stat = await settle<fs.Stats>('stat', path, (done) => fs.stat(path, done));
      return { sizeBytes: stat.size, isDirectory: stat.isDirectory(), modifiedMs: stat.mtimeMs };
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  },

  makeDirectory: async (path) => {
    await settle<string | undefined>('create directory', path, (done) => fs.mkdir(path, { recursive: true }, done));
  },

  makeDirectorySync: (path) => {
    attempt('create directory', path, () => fs.mkdirSync(path, { recursive: true }));
  },

  rename: (from, to) => settle<void>('rename', from, (done) => fs.rename(from, to, done)),

  // No copy in its place where a file system has no links: that would neither be whole after a crash nor durable.
  link: (from, to) => settle<void>('link', to, (done) => fs.link(from, to, done)),

  async remove(path) {
    try {
      await settle<void>('remove', path, (done) => fs.unlink(path, done));
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  },

  removeTree: (path) => settle<void>('remove', path, (done) => fs.rm(path, { recursive: true, force: true }, done)),

  async syncDirectory(directory) {
    // Windows has no way to sync a directory; there NTFS journals names by itself.
    if (process.platform === 'win32') return;
    const descriptor = await settle<number>('open', directory, (done) => fs.open(directory, 'r', done));
    try {
      await settle<void>('sync', directory, (done) => fs.fsync(descriptor, done));
    } finally {
      fs.close(descriptor, () => {});
    }
  },

  async space(path) {
    const stat = await settle<fs.StatsFs>('ask the free space of', path, (done) => fs.statfs(path, done));
    return { freeBytes: stat.bavail * stat.bsize, totalBytes: stat.blocks * stat.bsize };
  },

  lock: (directory: string, name: string): Promise<DirectoryLock | undefined> =>
    lockDirectory(path.resolve(directory), name),
};

class NodeFile implements OpenFile {
  readonly path: string;
  #descriptor: number;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  sizeSync(): number {
    return attempt('stat', this.path, () => fs.fstatSync(this.#descriptor).size);
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let count = 0;
    while (count < into.length) {
      const got = await settle<number>('read', this.path, (done) =>
        fs.read(this.#descriptor, into, count, into.length - count, position + count, done),
      );
      if (got === 0) break;
      count += got;
    }
    return count;
  }

  readSync(into: Uint8Array, position: number): number {
    return attempt('read', this.path, () => {
      let count = 0;
      while (count < into.length) {
        const got = fs.readSync(this.#descriptor, into, count, into.length - count, position + count);
        if (got === 0) break;
        count += got;
      }
      return count;
    });
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    attempt('write', this.path, () => {
      let rest = parts;
      let at = position;
      while (rest.length > 0) {
        const wrote =
          rest.length === 1
            ? fs.writeSync(this.#descriptor, rest[0] as Uint8Array, 0, (rest[0] as Uint8Array).length, at)
            : fs.writevSync(this.#descriptor, rest as Uint8Array[], at);
        at += wrote;
        rest = after(rest, wrote);
      }
    });
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    let rest = parts;
    let at = position;
    while (rest.length > 0) {
      const wrote = await settle<number>('write', this.path, (done) =>
        fs.writev(this.#descriptor, rest as Uint8Array[], at, done),
      );
      at += wrote;
      rest = after(rest, wrote);
    }
  }

  sync(): Promise<void> {
    return settle<void>('sync', this.path, (done) => fs.fdatasync(this.#descriptor, done));
  }

  truncateSync(sizeBytes: number): void {
    attempt('truncate', this.path, () => fs.ftruncateSync(this.#descriptor, sizeBytes));
  }

  async close(): Promise<void> {
    if (this.#descriptor < 0) return;
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    await settle<void>('close', this.path, (done) => fs.close(descriptor, done));
  }
}

/** What is left of `parts` when the first `wrote` bytes are on their way. */
function after(parts: readonly Uint8Array[], wrote: number): readonly Uint8Array[] {
  let skipped = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as Uint8Array;
    if (skipped + part.length > wrote) {
      return [part.subarray(wrote - skipped), ...parts.slice(i + 1)];
    }
    skipped += part.length;
  }
  return [];
}

type Done<T> = (error: NodeJS.ErrnoException | null, value?: T) => void;

function settle<T>(what: string, path: string, start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(fileError(error, what, path)) : resolve(value as T)));
  });
}

function attempt<T>(what: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileError(error as NodeJS.ErrnoException, what, path);
  }
}

function fileError(error: NodeJS.ErrnoException, what: string, path: string): FileError {
  const code = error.code ?? 'UNKNOWN';
  return new FileError(code, path, `cannot ${what} ${path}: ${code}`, error);
}

function isAbsent(error: unknown): boolean {
  return error instanceof FileError && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
