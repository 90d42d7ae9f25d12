// What a start put into segments again without waiting for the disk: no checkpoint, and no block of the log, may call it
// durable before it was synced here. Where every commit is synced a start waits instead, and nothing is left.
import type { Files, OpenFile } from '../../runtime/files.ts';
import { FileError } from '../../runtime/files.ts';

const openFilesMax = 64;

export class RecoveredFiles {
  #files: Files;
  #open: OpenFile[] = [];
  #directories = new Set<string>();
  #sync: Promise<void> | undefined;

  constructor(files: Files) {
    this.#files = files;
  }

  /** Takes the file over, kept open since the path may soon be another partition's. */
  async add(file: OpenFile): Promise<void> {
    this.#open.push(file);
    if (this.#open.length > openFilesMax) await this.#syncFiles();
  }

  addDirectory(path: string): void {
    this.#directories.add(path);
  }

  /** All of it is durable when it resolves; many may ask. A failure stays one: what a failed sync left behind is not known. */
  synced(): Promise<void> {
    this.#sync ??= this.#syncAll();
    return this.#sync;
  }

  async #syncAll(): Promise<void> {
    await this.#syncFiles();
    for (const path of this.#directories) {
      try {
        await this.#files.syncDirectory(path);
      } catch (error) {
        // The partition was deleted meanwhile.
        if (!(error instanceof FileError && error.code === 'ENOENT')) throw error;
      }
    }
  }

  async #syncFiles(): Promise<void> {
    for (const file of this.#open) await file.sync();
    await this.close();
  }

  /** Without syncing what is left. */
  async close(): Promise<void> {
    for (const file of this.#open.splice(0)) await file.close();
  }
}
