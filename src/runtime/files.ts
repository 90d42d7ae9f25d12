// Files and directories as the engine needs them. Paths are absolute, with '/' between parts.
// Failures are FileError; its `code` is the errno name ('ENOENT', 'ENOSPC', 'EIO', 'EEXIST', …).

export class FileError extends Error {
  readonly code: string;
  readonly path: string;
  constructor(code: string, path: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'FileError';
    this.code = code;
    this.path = path;
  }
}

export interface Files {
  /**
   * Opens a file. `read`: must exist. `write`: read and write, created when absent. `create`: read and write, fails
   * with EEXIST when present.
   */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<OpenFile>;
  /** Synchronous twin of open, for the first flush of a partition inside a commit. */
  openSync(path: string, mode: 'read' | 'write' | 'create'): OpenFile;
  /** The whole file, in a buffer owned by the caller. */
  readFile(path: string): Promise<Buffer>;
  /** Names in a directory, sorted; ENOENT when it does not exist. */
  list(directory: string): Promise<string[]>;
  stat(path: string): Promise<FileStat | undefined>;
  /** Creates the directory and its parents; no error when present. */
  makeDirectory(path: string): Promise<void>;
  makeDirectorySync(path: string): void;
  /** Replaces `to` when it exists. */
  rename(from: string, to: string): Promise<void>;
  /** A second name for the file; EEXIST when `to` exists: the one atomic create-if-absent of a complete file. */
  link(from: string, to: string): Promise<void>;
  /** Removes a file; no error when absent. */
  remove(path: string): Promise<void>;
  /** Removes a directory and all below it; no error when absent. */
  removeTree(path: string): Promise<void>;
  /** Makes creations, renames and removals in this directory durable. A no-op where the platform has none. */
  syncDirectory(path: string): Promise<void>;
  /** Free and total bytes of the file system that holds `path`. */
  space(path: string): Promise<{ freeBytes: number; totalBytes: number }>;
  /**
   * Takes a lock that the kernel drops when the process dies; `undefined` when another holder lives.
   * `directory` must exist; `name` distinguishes locks in it (one per broker id).
   */
  lock(directory: string, name: string): Promise<DirectoryLock | undefined>;
}

export interface FileStat {
  readonly sizeBytes: number;
  readonly isDirectory: boolean;
  readonly modifiedMs: number;
}

export interface DirectoryLock {
  release(): Promise<void>;
}

/** Positions and sizes are bytes. The caller keeps ownership of every buffer; it must not change it before the call ends. */
export interface OpenFile {
  readonly path: string;
  sizeSync(): number;
  /** Reads until `into` is full or the file ends; returns the bytes read. */
  read(into: Uint8Array, position: number): Promise<number>;
  readSync(into: Uint8Array, position: number): number;
  /** Writes all parts in order at `position`, or throws (then any prefix may have been written). */
  writeSync(parts: readonly Uint8Array[], position: number): void;
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  /** Data and size are durable when it resolves (fdatasync). After a failure nothing written since the last success may be trusted. */
  sync(): Promise<void>;
  truncateSync(sizeBytes: number): void;
  close(): Promise<void>;
}
