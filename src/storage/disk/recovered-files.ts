// What a start found, or put into segments again, without waiting for the disk: no checkpoint, and no block of the log, may call
// it durable before it was written once more and synced here, since a sync that failed before the start may have left pages that
// the next one takes for written. Where every commit is synced a start does so itself, and nothing is left.
import type { Files, OpenFile } from '../../runtime/files.ts';
import { FileError } from '../../runtime/files.ts';

const openFilesMax = 64;
const pieceBytes = 1024 * 1024;

interface Stretch {
  readonly file: OpenFile;
  readonly position: number;
  readonly bytes: number;
}

export class RecoveredFiles {
  #files: Files;
  #again: Stretch[] = [];
  #own: OpenFile[] = [];
  #directories = new Set<string>();
  #sync: Promise<void> | undefined;

  constructor(files: Files) {
    this.#files = files;
  }

  /** To be written again; nobody else writes there before `synced` has resolved. The file is open until then. */
  addAgain(stretch: Stretch): void {
    this.#again.push(stretch);
  }

  /** To be synced. Takes the file over, kept open since the path may soon be another partition's. */
  async add(file: OpenFile): Promise<void> {
    this.#own.push(file);
    if (this.#own.length > openFilesMax) await this.#syncFiles();
  }

  addDirectory(path: string): void {
    this.#directories.add(path);
  }

  /** All of it is durable when it resolves, or, in files that others own, with their next sync. Many may ask. */
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
    const piece = Buffer.allocUnsafeSlow(this.#again.length > 0 ? pieceBytes : 0);
    for (const { file, position, bytes } of this.#again.splice(0)) {
      for (let at = 0; at < bytes; at += piece.length) {
        const part = piece.subarray(0, Math.min(piece.length, bytes - at));
        await file.read(part, position + at);
        await file.write([part], position + at);
      }
    }
    for (const file of this.#own) await file.sync();
    await this.close();
  }

  /** Without syncing what is left. */
  async close(): Promise<void> {
    for (const file of this.#own.splice(0)) await file.close();
  }
}
