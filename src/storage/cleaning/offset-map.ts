// The newest offset of every key that compaction met in the dirty part of a log, in one block of memory that never grows:
// when it is full, the rest of the log waits for the next round. Kafka's SkimpyOffsetMap: 24 bytes for each key, which is
// known by its hash alone.
import { hashKey } from './key-hash.ts';

/** Four words of hash, two of offset + 1 (0 and 0: the slot is free). */
const WORDS = 6;
export const OFFSET_MAP_ENTRY_BYTES = WORDS * 4;

export class OffsetMap {
  /** Everything up to here has been looked at; −1: nothing. */
  latestOffset = -1;
  #words: Int32Array;
  #slots: number;
  #entriesMax: number;
  #size = 0;
  #seed: number;
  #hash = new Int32Array(4);

  /** `loadFactor`: the share of slots that are used at most. */
  constructor(slots: number, loadFactor: number, seed: number) {
    this.#slots = Math.max(2, slots);
    this.#entriesMax = Math.min(this.#slots - 1, Math.max(1, Math.floor(this.#slots * loadFactor)));
    this.#words = new Int32Array(this.#slots * WORDS);
    this.#seed = seed;
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size >= this.#entriesMax;
  }

  get sizeBytes(): number {
    return this.#words.byteLength;
  }

  /** Offsets only rise. The map must not be full. */
  put(bytes: Buffer, start: number, length: number, offset: number): void {
    const at = this.#find(bytes, start, length);
    const words = this.#words;
    if (words[at + 4] === 0 && words[at + 5] === 0) {
      words.set(this.#hash, at);
      this.#size++;
    }
    const stored = offset + 1;
    words[at + 4] = Math.floor(stored / 2 ** 32);
    words[at + 5] = stored | 0;
  }

  /** −1: the key is not in the map. */
  get(bytes: Buffer, start: number, length: number): number {
    const at = this.#find(bytes, start, length);
    return (this.#words[at + 4] as number) * 2 ** 32 + ((this.#words[at + 5] as number) >>> 0) - 1;
  }

  /** Position of the key's slot, or of the free one where it would go. */
  #find(bytes: Buffer, start: number, length: number): number {
    const hash = this.#hash;
    hashKey(bytes, start, length, this.#seed, hash);
    const words = this.#words;
    const [h0, h1, h2, h3] = hash as unknown as [number, number, number, number];
    for (let slot = (h0 >>> 0) % this.#slots; ; slot = slot + 1 === this.#slots ? 0 : slot + 1) {
      const at = slot * WORDS;
      if (words[at] === h0 && words[at + 1] === h1 && words[at + 2] === h2 && words[at + 3] === h3) {
        if (words[at + 4] !== 0 || words[at + 5] !== 0) return at;
      }
      if (words[at + 4] === 0 && words[at + 5] === 0) return at;
    }
  }
}
