// Reads, at a start, what blocks of the write-ahead log say is in segments: through one buffer, and with the few files and
// directories in mind that one block after another speaks of.
import type { Files, OpenFile } from '../../runtime/files.ts';
import { FileError } from '../../runtime/files.ts';
import type { ExtentPlace } from './block.ts';
import { readTopicId } from './partition-directory.ts';
import { segmentName } from './segment.ts';

const openFilesMax = 64;

export class ExtentReader {
  #files: Files;
  #dataDirectory: string;
  #topicIds = new Map<string, string | undefined>();
  #open = new Map<string, OpenFile>();
  #buffer: Buffer = Buffer.alloc(0);

  constructor(files: Files, dataDirectory: string) {
    this.#files = files;
    this.#dataDirectory = dataDirectory;
  }

  /** That marks a partition's directory; undefined when there is none. Nobody renames directories during a start. */
  async topicIdIn(directory: string): Promise<string | undefined> {
    if (!this.#topicIds.has(directory)) {
      this.#topicIds.set(directory, await readTopicId(this.#files, `${this.#dataDirectory}/${directory}`));
    }
    return this.#topicIds.get(directory);
  }

  /** Lent until the next call; undefined when not all of it is there. */
  async read(place: ExtentPlace): Promise<Buffer | undefined> {
    const file = await this.#fileOf(place);
    if (file === undefined) return undefined;
    const bytes = this.buffer(place.length);
    return file.readSync(bytes, place.position) === place.length ? bytes : undefined;
  }

  /** Of any content; the next call, and the next read, give the same memory out again. */
  buffer(bytes: number): Buffer {
    if (this.#buffer.length < bytes) this.#buffer = Buffer.allocUnsafeSlow(bytes);
    return this.#buffer.subarray(0, bytes);
  }

  async #fileOf({ directory, segmentBase }: ExtentPlace): Promise<OpenFile | undefined> {
    const path = `${this.#dataDirectory}/${directory}/${segmentName(segmentBase)}.log`;
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    if (this.#open.size === openFilesMax) await this.close();
    try {
      const file = await this.#files.open(path, 'read');
      this.#open.set(path, file);
      return file;
    } catch (error) {
      if (error instanceof FileError && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    const files = [...this.#open.values()];
    this.#open.clear();
    for (const file of files) await file.close();
  }
}
