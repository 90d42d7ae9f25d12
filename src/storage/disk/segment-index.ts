// Kafka's two sparse indexes of a segment, as it stores them (big endian, relative to the segment's base offset):
//
//   <base>.index       8 bytes:  uint32 relative offset (last offset of a batch), uint32 position of that batch
//   <base>.timeindex  12 bytes:  int64 greatest timestamp so far, uint32 relative offset of the batch that has it
//
// An entry is made every index.interval.bytes. Both are only hints to where a scan starts: what they say is checked against
// the log, and they are rebuilt from it when missing or damaged.
import { readInt64, writeInt64 } from '../../records/int64.ts';

export const offsetEntryBytes = 8;
export const timeEntryBytes = 12;

const noBytes = Buffer.alloc(0);

/** Entries in stored form, growing at the end. */
export class IndexEntries {
  readonly entryBytes: number;
  #bytes: Buffer;
  count: number;

  constructor(entryBytes: number, stored: Buffer = noBytes) {
    this.entryBytes = entryBytes;
    this.#bytes = stored;
    this.count = Math.floor(stored.length / entryBytes);
  }

  /** A view; valid until the next entry is added. */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.count * this.entryBytes);
  }

  get sizeBytes(): number {
    return this.count * this.entryBytes;
  }

  addOffset(relativeOffset: number, position: number): void {
    const at = this.#grow();
    this.#bytes.writeUInt32BE(relativeOffset, at);
    this.#bytes.writeUInt32BE(position, at + 4);
  }

  addTime(timestampMs: number, relativeOffset: number): void {
    const at = this.#grow();
    writeInt64(this.#bytes, timestampMs, at);
    this.#bytes.writeUInt32BE(relativeOffset, at + 8);
  }

  relativeOffset(index: number): number {
    return this.#bytes.readUInt32BE(index * this.entryBytes + (this.entryBytes === timeEntryBytes ? 8 : 0));
  }

  position(index: number): number {
    return this.#bytes.readUInt32BE(index * offsetEntryBytes + 4);
  }

  timestamp(index: number): number {
    return readInt64(this.#bytes, index * timeEntryBytes);
  }

  #grow(): number {
    const at = this.count * this.entryBytes;
    if (at + this.entryBytes > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(16 * this.entryBytes, this.#bytes.length * 2));
      this.#bytes.copy(grown);
      this.#bytes = grown;
    }
    this.count++;
    return at;
  }
}

/** Number of leading entries below which `key` is at most `value`: the entry before is where to look. */
export function entriesAtMost(count: number, value: number, key: (index: number) => number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (key(middle) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many leading offset entries are in order and lie within `segmentBytes`. */
export function soundOffsetEntries(entries: IndexEntries, segmentBytes: number): number {
  let count = 0;
  for (; count < entries.count; count++) {
    if (entries.position(count) >= segmentBytes) break;
    if (count > 0) {
      if (entries.position(count) <= entries.position(count - 1)) break;
      if (entries.relativeOffset(count) <= entries.relativeOffset(count - 1)) break;
    } else if (entries.position(0) === 0) {
      // The first entry is never made for the first batch: zeros are a hole that a crash left.
      break;
    }
  }
  return count;
}

/** How many leading time entries are in order and speak of offsets up to `lastRelativeOffset`. */
export function soundTimeEntries(entries: IndexEntries, lastRelativeOffset: number): number {
  let count = 0;
  for (; count < entries.count; count++) {
    if (entries.relativeOffset(count) > lastRelativeOffset) break;
    if (count > 0) {
      if (entries.timestamp(count) <= entries.timestamp(count - 1)) break;
      if (entries.relativeOffset(count) < entries.relativeOffset(count - 1)) break;
    } else if (entries.timestamp(0) === 0 && entries.relativeOffset(0) === 0) {
      break;
    }
  }
  return count;
}
