// The aborted transactions of one log, as entries of Kafka's `.txnindex` (big endian, 34 bytes, in order of the marker):
//
//    0  int16  version (0)
//    2  int64  producer id
//   10  int64  first offset of the transaction in this partition
//   18  int64  last offset: that of the abort marker
//   26  int64  last stable offset after the marker: where the oldest transaction begins that was still open, else marker + 1
//
// An entry stands in the file of the segment that holds its marker. Until it is durable there, it is kept here, by the
// partition; what an entry says follows from the log before its marker alone, so that it can be written again after a crash.
import { readInt64, writeInt64 } from '../records/int64.ts';

export const ABORTED_ENTRY_BYTES = 34;
const MARKER_AT = 18;

/** As in the answer to a fetch. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export function markerOffsetAt(entries: Buffer, index: number): number {
  return readInt64(entries, index * ABORTED_ENTRY_BYTES + MARKER_AT);
}

/** How many leading entries have a marker below `offset`. */
export function entriesBelow(entries: Buffer, offset: number): number {
  let low = 0;
  let high = Math.floor(entries.length / ABORTED_ENTRY_BYTES);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (markerOffsetAt(entries, middle) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Adds those of the entries that a reader of offsets [fromOffset, limitOffset) must know; true when no later entry can
 * be one. Kafka's TransactionIndex.collectAbortedTxns.
 */
export function collectAborted(
  entries: Buffer,
  fromOffset: number,
  limitOffset: number,
  into: AbortedTransaction[],
): boolean {
  for (let at = entriesBelow(entries, fromOffset) * ABORTED_ENTRY_BYTES; at < entries.length; ) {
    const firstOffset = readInt64(entries, at + 10);
    if (firstOffset < limitOffset) into.push({ producerId: readInt64(entries, at + 2), firstOffset });
    if (readInt64(entries, at + 26) >= limitOffset) return true;
    at += ABORTED_ENTRY_BYTES;
  }
  return false;
}

/** Of all that have no entries: most partitions have no transactions, and memory of no bytes has its price too. */
const noBytes = Buffer.alloc(0);

/** Entries in memory, growing at the end, dropped at the beginning. */
export class AbortedEntries {
  /** Files hold what has a marker below; everything else is here. Only ever grows. */
  indexedOffset = 0;
  #bytes: Buffer = noBytes;
  #start = 0;
  #end = 0;

  get count(): number {
    return (this.#end - this.#start) / ABORTED_ENTRY_BYTES;
  }

  /** A view, valid until the next change. */
  bytes(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  add(producerId: number, firstOffset: number, markerOffset: number, lastStableOffset: number): void {
    if (this.#end + ABORTED_ENTRY_BYTES > this.#bytes.length) this.#grow();
    const at = this.#end;
    this.#bytes.writeInt16BE(0, at);
    writeInt64(this.#bytes, producerId, at + 2);
    writeInt64(this.#bytes, firstOffset, at + 10);
    writeInt64(this.#bytes, markerOffset, at + MARKER_AT);
    writeInt64(this.#bytes, lastStableOffset, at + 26);
    this.#end = at + ABORTED_ENTRY_BYTES;
  }

  /** A copy of the entries whose marker is below `limitOffset`; undefined when there is none. */
  below(limitOffset: number): Buffer | undefined {
    const count = entriesBelow(this.bytes(), limitOffset);
    return count === 0 ? undefined : Buffer.from(this.bytes().subarray(0, count * ABORTED_ENTRY_BYTES));
  }

  /** Those with a marker below `offset` are durable in files. */
  indexed(offset: number): void {
    if (offset <= this.indexedOffset) return;
    this.indexedOffset = offset;
    this.dropBelow(offset);
  }

  /** Forgets those whose marker is below `offset`: nobody reads there any more. */
  dropBelow(offset: number): void {
    if (this.#start === this.#end) return;
    this.#start += entriesBelow(this.bytes(), offset) * ABORTED_ENTRY_BYTES;
    if (this.#start < this.#end) return;
    this.#bytes = noBytes;
    this.#start = this.#end = 0;
  }

  get encodedBytes(): number {
    return 12 + this.#end - this.#start;
  }

  /** Layout: indexed offset int64, count int32, the entries. Returns the position after. */
  encode(into: Buffer, position: number): number {
    writeInt64(into, this.indexedOffset, position);
    const at = into.writeInt32BE(this.count, position + 8);
    return at + this.bytes().copy(into, at);
  }

  decode(from: Buffer, position: number): number {
    this.indexedOffset = readInt64(from, position);
    const at = position + 12;
    const end = at + from.readInt32BE(position + 8) * ABORTED_ENTRY_BYTES;
    this.#bytes = at === end ? noBytes : Buffer.from(from.subarray(at, end));
    this.#start = 0;
    this.#end = end - at;
    return end;
  }

  #grow(): void {
    const used = this.#end - this.#start;
    const grown = Buffer.alloc(Math.max(16 * ABORTED_ENTRY_BYTES, used * 2));
    this.bytes().copy(grown);
    this.#bytes = grown;
    this.#start = 0;
    this.#end = used;
  }
}
