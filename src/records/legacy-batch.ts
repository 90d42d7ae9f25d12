// Messages of magic 0 and 1, which old segments and old clients hold: read, never written. A compressed message is a wrapper:
// its value is a sequence of messages. In magic 1 the inner offsets are relative and the wrapper carries the last one.
//
//   0  int64  offset
//   8  int32  length of what follows
//  12  uint32 CRC-32 (not C) of everything from byte 16 to the end
//  16  int8   magic
//  17  int8   attributes: 0–2 compression, 3 timestamp type (magic 1)
//  18  int64  timestamp (magic 1 only)
//      int32  key length (−1 = null) · key · int32 value length (−1 = null) · value
import { required } from '../runtime/on-first-use.ts';
import { decompress } from './compression.ts';
import { Compression, isCompression } from './compression-type.ts';
import { readInt64 } from './int64.ts';
import type { ReadBatch, ReadRecord } from './read-batches.ts';
import {
  COMPRESSION_MASK,
  LENGTH_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  NO_PARTITION_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  TIMESTAMP_TYPE_BIT,
  TimestampType,
} from './record-batch.ts';
import { RecordError } from './record-error.ts';

const { crc32 } = required<typeof import('@node-rs/crc32')>('@node-rs/crc32');

const CRC_AT = 12;
const ATTRIBUTES_AT = 17;
const TIMESTAMP_AT = 18;
const KEY_LENGTH_AT_V0 = 18;
const KEY_LENGTH_AT_V1 = 26;
/** Behind offset and length, with empty key and value. */
const MIN_BYTES_V0 = 14;
const MIN_BYTES_V1 = 22;

export class LegacyBatch implements ReadBatch {
  readonly bytes: Buffer;
  readonly #maxDecompressedBytes: number;

  /** `bytes` is one complete message, as `completeBatchLength` measures it. */
  constructor(bytes: Buffer, maxDecompressedBytes: number) {
    this.bytes = bytes;
    this.#maxDecompressedBytes = maxDecompressedBytes;
    const minimum = LOG_OVERHEAD_BYTES + (this.magic === 0 ? MIN_BYTES_V0 : MIN_BYTES_V1);
    if (bytes.length < minimum) throw new RecordError('corrupt', `Record is corrupt (size ${bytes.length})`);
  }

  get magic(): number {
    return this.bytes.readInt8(MAGIC_AT);
  }
  get baseOffset(): number {
    for (const record of this.records()) return record.offset;
    return this.lastOffset;
  }
  get lastOffset(): number {
    return readInt64(this.bytes, 0);
  }
  get compression(): Compression {
    return (this.bytes[ATTRIBUTES_AT]! & COMPRESSION_MASK) as Compression;
  }
  get timestampType(): TimestampType | undefined {
    if (this.magic === 0) return undefined;
    return (this.bytes[ATTRIBUTES_AT]! & TIMESTAMP_TYPE_BIT) === 0
      ? TimestampType.CREATE_TIME
      : TimestampType.LOG_APPEND_TIME;
  }
  get maxTimestampMs(): number {
    return this.magic === 0 ? NO_TIMESTAMP : readInt64(this.bytes, TIMESTAMP_AT);
  }
  get checksum(): number {
    return this.bytes.readUInt32BE(CRC_AT);
  }
  get isControl(): boolean {
    return false;
  }
  get isTransactional(): boolean {
    return false;
  }
  get producerId(): number {
    return NO_PRODUCER_ID;
  }
  get producerEpoch(): number {
    return NO_PRODUCER_EPOCH;
  }
  get baseSequence(): number {
    return NO_SEQUENCE;
  }
  get partitionLeaderEpoch(): number {
    return NO_PARTITION_LEADER_EPOCH;
  }
  get recordCount(): null {
    return null;
  }

  ensureValid(): void {
    const computed = crc32(this.bytes.subarray(MAGIC_AT));
    if (computed === this.checksum) return;
    throw new RecordError('corrupt', `Record is corrupt (stored crc = ${this.checksum}, computed crc = ${computed})`);
  }

  *records(): Generator<ReadRecord> {
    if (!isCompression(this.compression)) {
      throw new RecordError('unsupported', `Unknown compression type id: ${this.compression}`);
    }
    if (this.compression === Compression.NONE) {
      yield this.#asRecord(this.lastOffset, this.maxTimestampMs);
      return;
    }
    const inner = this.#innerMessages();
    const firstOffset = this.magic === 0 ? 0 : this.#absoluteBase(inner);
    for (const message of inner) {
      if (message.compression !== Compression.NONE) throw invalid('inner messages must not be compressed');
      const isStamped = message.magic !== 0 && this.timestampType === TimestampType.LOG_APPEND_TIME;
      const timestamp = isStamped ? this.maxTimestampMs : message.maxTimestampMs;
      yield message.#asRecord(firstOffset + message.lastOffset, timestamp);
    }
  }

  #innerMessages(): LegacyBatch[] {
    if (this.compression === Compression.ZSTD) throw invalid(`zstd is not allowed in magic ${this.magic}`);
    const packed = this.#field(this.#valueLengthAt());
    if (packed === null) throw invalid('a compressed message without a value');
    const plain = decompress(this.compression, packed, {
      maxBytes: this.#maxDecompressedBytes,
      ignoreLz4HeaderChecksum: this.magic === 0,
    });
    const inner: LegacyBatch[] = [];
    for (let at = 0; plain.length - at >= LOG_OVERHEAD_BYTES; ) {
      const size = plain.readInt32BE(at + LENGTH_AT);
      if (size < MIN_BYTES_V0) throw new RecordError('corrupt', `Record size ${size} is less than the minimum (14)`);
      const end = at + LOG_OVERHEAD_BYTES + size;
      if (end > plain.length) break;
      const message = new LegacyBatch(plain.subarray(at, end), 0);
      if (message.magic !== 0 && message.magic !== 1) throw invalid(`an inner message of magic ${message.magic}`);
      inner.push(message);
      at = end;
    }
    if (inner.length === 0) throw invalid('a compressed message without inner messages');
    return inner;
  }

  /** What relative inner offsets count from. A wrapper offset of 0 is what some versions of librdkafka produced. */
  #absoluteBase(inner: readonly LegacyBatch[]): number {
    const last = inner[inner.length - 1]!.lastOffset;
    if (this.lastOffset === 0) return 0;
    if (this.lastOffset < last) throw invalid(`wrapper offset ${this.lastOffset} is below the inner offset ${last}`);
    return this.lastOffset - last;
  }

  #asRecord(offset: number, timestampMs: number): ReadRecord {
    return {
      offset,
      timestampMs,
      key: this.#field(this.#keyLengthAt()),
      value: this.#field(this.#valueLengthAt()),
      headers: [],
    };
  }

  #keyLengthAt(): number {
    return this.magic === 0 ? KEY_LENGTH_AT_V0 : KEY_LENGTH_AT_V1;
  }

  #valueLengthAt(): number {
    const at = this.#keyLengthAt();
    return at + 4 + Math.max(0, this.bytes.readInt32BE(at));
  }

  /** The length-prefixed bytes at a position: a view. */
  #field(at: number): Buffer | null {
    if (at + 4 > this.bytes.length) throw invalid('a message ends early');
    const length = this.bytes.readInt32BE(at);
    if (length < 0) return null;
    if (at + 4 + length > this.bytes.length) throw invalid('a message ends early');
    return this.bytes.subarray(at + 4, at + 4 + length);
  }
}

function invalid(what: string): RecordError {
  return new RecordError('invalid', `Invalid message: ${what}`);
}
