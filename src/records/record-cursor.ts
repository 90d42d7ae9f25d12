// Walks the records of a v2 batch without allocating per record: the fields of the current record are numbers on the cursor,
// keys and values stay where they are. The layout of a record is in build-batch.ts.
import { decompress, MAX_DECOMPRESSED_BYTES } from './compression.ts';
import { Compression, isCompression } from './compression-type.ts';
import * as batch from './record-batch.ts';
import { RecordError } from './record-error.ts';
import { type RecordSurvey, surveyRecords } from './record-survey.ts';
import type { Scratch } from './scratch.ts';

/**
 * A cursor before the first record of the batch at `position`, decompressed when needed into at most `maxBytes`. With a
 * scratch, the records may lie in it.
 */
export function openRecords(
  buffer: Buffer,
  position: number,
  maxBytes = MAX_DECOMPRESSED_BYTES,
  scratch?: Scratch,
): RecordCursor {
  const compression = batch.compressionOf(buffer, position);
  if (!isCompression(compression)) {
    throw new RecordError('unsupported', `Unknown compression type id: ${compression}`);
  }
  if (compression === Compression.NONE) {
    const end = position + batch.batchLength(buffer, position);
    return new RecordCursor(buffer, position + batch.BATCH_HEADER_BYTES, end, buffer, position);
  }
  const records = decompress(compression, batch.recordBytes(buffer, position), { maxBytes, scratch });
  return new RecordCursor(records, 0, records.length, buffer, position);
}

export class RecordCursor {
  /** What keyStart, valueStart and headersStart are positions in. */
  readonly bytes: Buffer;
  /** As the batch declares; never trusted for allocation. */
  readonly declaredCount: number;

  offset = 0;
  offsetDelta = 0;
  timestampMs = 0;
  keyStart = 0;
  /** −1 for null. */
  keyLength = -1;
  valueStart = 0;
  /** −1 for null. */
  valueLength = -1;
  headersStart = 0;
  headerCount = 0;
  /** Where the record begins (with its own length), where what follows its timestamp begins, and where it ends. */
  start = 0;
  restStart = 0;
  end = 0;

  readonly #end: number;
  readonly #baseOffset: number;
  readonly #baseTimestamp: number;
  readonly #logAppendTime: number;
  readonly #isLogAppendTime: boolean;
  #at: number;
  #read = 0;

  /** Records at bytes [start, end); the header of their batch at `header[headerAt]`. */
  constructor(bytes: Buffer, start: number, end: number, header: Buffer, headerAt: number) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.declaredCount = batch.recordCount(header, headerAt);
    this.#baseOffset = batch.baseOffset(header, headerAt);
    this.#baseTimestamp = batch.baseTimestamp(header, headerAt);
    this.#isLogAppendTime = batch.timestampType(header, headerAt) === batch.TimestampType.LOG_APPEND_TIME;
    this.#logAppendTime = batch.maxTimestamp(header, headerAt);
    if (this.declaredCount < 0) throw invalid(`an invalid record count ${this.declaredCount}`);
  }

  /**
   * Moves to the next record; false behind the last. Checks the structure of the whole record, headers included, and that
   * nothing follows the last one. (Like Java's reader it does not look at what follows when the count is 0.)
   */
  next(): boolean {
    if (this.#read === this.declaredCount) return false;
    this.start = this.#at;
    const size = this.#varint(this.#end);
    const start = this.#at;
    const end = start + size;
    if (size < 0 || end > this.#end) throw invalid(`a record of ${size} bytes does not fit its batch`);
    if (size === 0) throw invalid('an empty record');

    this.#at = start + 1;
    const timestampDelta = this.#varlong(end);
    this.timestampMs = this.#isLogAppendTime ? this.#logAppendTime : this.#baseTimestamp + timestampDelta;
    this.restStart = this.#at;
    this.offsetDelta = this.#varint(end);
    this.offset = this.#baseOffset + this.offsetDelta;
    this.keyLength = this.#varint(end);
    this.keyStart = this.#skip(this.keyLength, end);
    this.valueLength = this.#varint(end);
    this.valueStart = this.#skip(this.valueLength, end);
    this.#skipHeaders(end);
    if (this.#at !== end) throw invalid(`a record declares ${size} bytes and has ${this.#at - start}`);

    this.end = end;
    this.#read++;
    if (this.#read === this.declaredCount && this.#at !== this.#end) throw invalid('bytes follow the last record');
    return true;
  }

  /** Of all records from here on, without moving; undefined when only a walk can tell. For a cursor before its first record. */
  survey(): RecordSurvey | undefined {
    if (this.#isLogAppendTime) return undefined;
    return surveyRecords(this.bytes, this.#at, this.#end, this.declaredCount, this.#baseTimestamp);
  }

  /** A view; null for a null key. */
  key(): Buffer | null {
    return this.keyLength < 0 ? null : this.bytes.subarray(this.keyStart, this.keyStart + this.keyLength);
  }

  /** A view; null for a null value. */
  value(): Buffer | null {
    return this.valueLength < 0 ? null : this.bytes.subarray(this.valueStart, this.valueStart + this.valueLength);
  }

  /** Keys are decoded, values are views. */
  headers(): { key: string; value: Buffer | null }[] {
    const headers: { key: string; value: Buffer | null }[] = [];
    const behind = this.#at;
    this.#at = this.headersStart;
    for (let i = 0; i < this.headerCount; i++) {
      const keyLength = this.#varint(behind);
      const keyStart = this.#skip(keyLength, behind);
      const valueLength = this.#varint(behind);
      const valueStart = this.#skip(valueLength, behind);
      headers.push({
        key: this.bytes.toString('utf8', keyStart, keyStart + keyLength),
        value: valueLength < 0 ? null : this.bytes.subarray(valueStart, valueStart + valueLength),
      });
    }
    this.#at = behind;
    return headers;
  }

  #skipHeaders(end: number): void {
    const count = this.#varint(end);
    this.headersStart = this.#at;
    this.headerCount = count;
    if (count === 0) return;
    if (count < 0 || count > end - this.#at) throw invalid(`an invalid number of record headers ${count}`);
    for (let i = 0; i < count; i++) {
      const keyLength = this.#varint(end);
      if (keyLength < 0) throw invalid(`a negative header key size ${keyLength}`);
      this.#skip(keyLength, end);
      this.#skip(this.#varint(end), end);
    }
  }

  /** Returns where the field begins. Any negative length means null, as in Java. */
  #skip(length: number, end: number): number {
    const start = this.#at;
    if (length > 0) {
      if (length > end - start) throw invalid('a field does not fit its record');
      this.#at = start + length;
    }
    return start;
  }

  #varint(end: number): number {
    const bytes = this.bytes;
    let at = this.#at;
    if (at < end) {
      const first = bytes[at]!;
      if (first < 0x80) {
        this.#at = at + 1;
        return (first >>> 1) ^ -(first & 1);
      }
    }
    let value = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
      if (at >= end) throw invalid('a record ends early');
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#at = at;
        return (value >>> 1) ^ -(value & 1);
      }
    }
    throw invalid('a varint is too long');
  }

  /** Exact to 2^53, the nearest double beyond. */
  #varlong(end: number): number {
    const bytes = this.bytes;
    let at = this.#at;
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) throw invalid('a record ends early');
      const byte = bytes[at++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#at = at;
        return (low >>> 1) ^ -(low & 1);
      }
    }
    let value = low;
    let factor = 2 ** 28;
    for (let i = 4; i < 10; i++) {
      if (at >= end) throw invalid('a record ends early');
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * factor;
      factor *= 128;
      if (byte < 0x80) {
        this.#at = at;
        return (low & 1) === 0 ? value / 2 : -((value + 1) / 2);
      }
    }
    throw invalid('a varlong is too long');
  }
}

function invalid(what: string): RecordError {
  return new RecordError('invalid', `Invalid record batch: ${what}`);
}
