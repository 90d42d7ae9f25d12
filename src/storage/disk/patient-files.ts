// Files that wait a while when the process has no descriptor left (EMFILE, ENFILE): connections come and go, and what was
// asked here can be asked again. openSync cannot wait; its caller does without or fails.
import type { DirectoryLock, FileStat, Files, OpenFile } from '../../runtime/files.ts';
import type { Timers } from '../../runtime/runtime.ts';

const attemptsMax = 200;
const pauseMs = 50;

type Mode = 'read' | 'write' | 'create';

export class PatientFiles implements Files {
  /** Gives descriptors back that are only kept for later. */
  onShortage: () => void = () => {};
  #files: Files;
  #timers: Timers;

  constructor(files: Files, timers: Timers) {
    this.#files = files;
    this.#timers = timers;
  }

  open(path: string, mode: Mode): Promise<OpenFile> {
    return this.#patiently(() => this.#files.open(path, mode));
  }
  openSync(path: string, mode: Mode): OpenFile {
    return this.#files.openSync(path, mode);
  }
  readFile(path: string): Promise<Buffer> {
    return this.#patiently(() => this.#files.readFile(path));
  }
  list(directory: string): Promise<string[]> {
    return this.#patiently(() => this.#files.list(directory));
  }
  syncDirectory(path: string): Promise<void> {
    return this.#patiently(() => this.#files.syncDirectory(path));
  }
  removeTree(path: string): Promise<void> {
    return this.#patiently(() => this.#files.removeTree(path));
  }
  lock(directory: string, name: string): Promise<DirectoryLock | undefined> {
    return this.#files.lock(directory, name);
  }
  stat(path: string): Promise<FileStat | undefined> {
    return this.#files.stat(path);
  }
  makeDirectory(path: string): Promise<void> {
    return this.#files.makeDirectory(path);
  }
  makeDirectorySync(path: string): void {
    this.#files.makeDirectorySync(path);
  }
  rename(from: string, to: string): Promise<void> {
    return this.#files.rename(from, to);
  }
  link(from: string, to: string): Promise<void> {
    return this.#files.link(from, to);
  }
  remove(path: string): Promise<void> {
    return this.#files.remove(path);
  }
  space(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
    return this.#files.space(path);
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!isShortage(error) || attempt === attemptsMax) throw error;
      }
      this.onShortage();
      await new Promise<void>((resolve) => void this.#timers.set(pauseMs, resolve));
    }
  }
}

/** No descriptor is left, here or in the whole system. */
export function isShortage(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return code === 'EMFILE' || code === 'ENFILE';
}
