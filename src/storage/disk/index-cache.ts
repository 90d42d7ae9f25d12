// Index files that were read, by segment, the longest unused forgotten first beyond a number of bytes.
import type { IndexEntries } from './segment-index.ts';

interface StoredIndexes {
  readonly offsets: IndexEntries;
  readonly times: IndexEntries;
}

export class IndexCache {
  #bytesMax: number;
  #bytes = 0;
  #entries = new Map<string, StoredIndexes>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(path: string): StoredIndexes | undefined {
    const found = this.#entries.get(path);
    if (found !== undefined) {
      this.#entries.delete(path);
      this.#entries.set(path, found);
    }
    return found;
  }

  put(path: string, indexes: StoredIndexes): void {
    this.drop(path);
    this.#entries.set(path, indexes);
    this.#bytes += sizeOf(indexes);
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax || oldest === path) break;
      this.drop(oldest);
    }
  }

  /** The same where nothing has to be forgotten for it. */
  offer(path: string, indexes: StoredIndexes): void {
    if (this.#bytes + sizeOf(indexes) <= this.#bytesMax) this.put(path, indexes);
  }

  drop(path: string): void {
    const found = this.#entries.get(path);
    if (found === undefined) return;
    this.#entries.delete(path);
    this.#bytes -= sizeOf(found);
  }
}

function sizeOf(indexes: StoredIndexes): number {
  return 200 + indexes.offsets.sizeBytes + indexes.times.sizeBytes;
}
