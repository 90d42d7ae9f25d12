// Objects as files below one directory, on any file system with hard links. An object appears complete or not at all:
//
//   <directory>/.new/<owner>-<random>    written and synced, then linked to its name (which fails when the name exists),
//   <directory>/<key>                    the object; its directory is synced before the creation counts.
//
// Several processes may share the directory; each has an owner name of its own and at its start removes what its
// predecessor left in `.new`.
import { FileError, type Files } from '../runtime/files.ts';
import type { Random } from '../runtime/runtime.ts';
import { checkKey } from './key.ts';
import type { ObjectStore } from './object-store.ts';

const NEW = '.new';
const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

export interface DirectoryStoreOptions {
  readonly files: Files;
  readonly random: Random;
  /** Absolute; made when absent. */
  readonly directory: string;
  /** Unique among the living processes that share the directory, for example `broker-1`. */
  readonly owner: string;
}

/** Rejects with FileError, as all calls of the store do when the disk fails. */
export async function openDirectoryStore(options: DirectoryStoreOptions): Promise<ObjectStore> {
  const { files, directory, owner } = options;
  await files.makeDirectory(`${directory}/${NEW}`);
  for (const name of await files.list(`${directory}/${NEW}`)) {
    if (name.startsWith(`${owner}-`)) await files.remove(`${directory}/${NEW}/${name}`);
  }
  return new DirectoryStore(options);
}

class DirectoryStore implements ObjectStore {
  readonly #files: Files;
  readonly #random: Random;
  readonly #directory: string;
  readonly #owner: string;
  /** Directories that exist and whose entry in their parent is durable. */
  readonly #madeDirectories = new Set<string>();
  /** Directories synced once since the start, before anything was read from them. */
  readonly #syncedDirectories = new Set<string>();

  constructor(options: DirectoryStoreOptions) {
    this.#files = options.files;
    this.#random = options.random;
    this.#directory = options.directory;
    this.#owner = options.owner;
  }

  async get(key: string): Promise<Buffer | undefined> {
    checkKey(key);
    try {
      return await this.#files.readFile(`${this.#directory}/${key}`);
    } catch (error) {
      if (error instanceof FileError && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async createIfAbsent(key: string, body: Uint8Array): Promise<boolean> {
    checkKey(key);
    const parent = key.split('/').slice(0, -1);
    const temporary = `${this.#directory}/${NEW}/${this.#owner}-${this.#random.bytes(9).toString('base64url')}`;
    try {
      await allDone([this.#makeDirectories(parent), this.#write(temporary, body)]);
      if (!(await this.#link(temporary, `${this.#directory}/${key}`))) return false;
      await this.#files.syncDirectory([this.#directory, ...parent].join('/'));
      return true;
    } finally {
      await this.#removeTemporary(temporary);
    }
  }

  async list(prefix: string, options: { after?: string; limit?: number } = {}): Promise<string[]> {
    const { after = '', limit = Number.POSITIVE_INFINITY } = options;
    const found: string[] = [];
    await this.#collect(prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '', prefix, after, found);
    return found.sort().slice(0, limit);
  }

  async delete(key: string): Promise<void> {
    checkKey(key);
    await this.#files.remove(`${this.#directory}/${key}`);
  }

  async #write(path: string, body: Uint8Array): Promise<void> {
    const file = await this.#files.open(path, 'create');
    try {
      await file.write([body], 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #link(from: string, to: string): Promise<boolean> {
    try {
      await this.#files.link(from, to);
      return true;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      if (error.code === 'EEXIST') return false;
      if (!NO_HARD_LINKS.has(error.code)) throw error;
      throw new FileError(
        error.code,
        to,
        `The file system of ${this.#directory} has no hard links, which metadata needs; use a directory on another one.`,
        error,
      );
    }
  }

  /** A leftover does no harm and goes at the next start, so its removal never fails a creation. */
  async #removeTemporary(path: string): Promise<void> {
    try {
      await this.#files.remove(path);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
    }
  }

  async #makeDirectories(parts: readonly string[]): Promise<void> {
    const unsynced: string[] = [];
    let parent = this.#directory;
    for (const part of ['', ...parts]) {
      const directory = part === '' ? parent : `${parent}/${part}`;
      if (!this.#madeDirectories.has(directory)) {
        await this.#files.makeDirectory(directory);
        if (part !== '') unsynced.push(parent);
      }
      parent = directory;
    }
    if (unsynced.length === 0) return;
    const ownParent = this.#madeDirectories.has(this.#directory) ? [] : [syncParent(this.#files, this.#directory)];
    await allDone([...ownParent, ...unsynced.map((each) => this.#files.syncDirectory(each))]);
    for (const each of [this.#directory, ...unsynced, parent]) this.#madeDirectories.add(each);
  }

  /** Adds the keys in a directory and below it that match; looks only into directories that can hold any. */
  async #collect(directory: string, prefix: string, after: string, found: string[]): Promise<void> {
    for (const name of await this.#namesIn(directory)) {
      if (name.startsWith('.')) continue;
      const key = directory === '' ? name : `${directory}/${name}`;
      if (!key.startsWith(prefix) && !prefix.startsWith(`${key}/`)) continue;
      if (key <= after && !after.startsWith(key)) continue;
      const stat = await this.#files.stat(`${this.#directory}/${key}`);
      if (stat?.isDirectory) await this.#collect(key, prefix, after, found);
      else if (stat !== undefined && key.startsWith(prefix) && key > after) found.push(key);
    }
  }

  async #namesIn(directory: string): Promise<string[]> {
    const path = directory === '' ? this.#directory : `${this.#directory}/${directory}`;
    try {
      // A creator that died before its sync must not leave names that are seen now and gone after a power cut.
      if (!this.#syncedDirectories.has(path)) await this.#files.syncDirectory(path);
      this.#syncedDirectories.add(path);
      return await this.#files.list(path);
    } catch (error) {
      if (error instanceof FileError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
      throw error;
    }
  }
}

/** The directory may be new itself. Its parent may belong to somebody else, and then was there before. */
async function syncParent(files: Files, directory: string): Promise<void> {
  try {
    await files.syncDirectory(directory.slice(0, Math.max(1, directory.lastIndexOf('/'))));
  } catch (error) {
    if (!(error instanceof FileError) || (error.code !== 'EACCES' && error.code !== 'EPERM')) throw error;
  }
}

/** Like Promise.all, but nothing is still under way when it rejects. */
async function allDone(work: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason;
}
