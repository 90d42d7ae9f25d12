// Reads what a Produce request, a Fetch response or a segment holds: batches of any magic, one after the other, and their
// records. For clients, tools and tests; the broker's hot paths use record-batch.ts and record-cursor.ts directly.
import { MAX_DECOMPRESSED_BYTES } from './compression.ts';
import type { Compression } from './compression-type.ts';
import { LegacyBatch } from './legacy-batch.ts';
import * as batch from './record-batch.ts';
import { openRecords } from './record-cursor.ts';
import { RecordError } from './record-error.ts';

export interface ReadRecord {
  readonly offset: number;
  /** −1 when the record has none (always in magic 0). */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

/** A batch of magic 0, 1 (one message, or a wrapper of compressed ones) or 2. Every getter may throw a RecordError. */
export interface ReadBatch {
  /** A view of exactly this batch. */
  readonly bytes: Buffer;
  readonly magic: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly compression: Compression;
  /** Undefined in magic 0. */
  readonly timestampType: batch.TimestampType | undefined;
  readonly maxTimestampMs: number;
  readonly checksum: number;
  readonly isControl: boolean;
  readonly isTransactional: boolean;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly partitionLeaderEpoch: number;
  /** Null where the format does not say (magic 0 and 1). */
  readonly recordCount: number | null;
  /** Throws `corrupt` when the checksum is not that of the bytes. */
  ensureValid(): void;
  records(): Iterable<ReadRecord>;
}

/** The smallest message, of magic 0, behind its offset and length. */
const MIN_MESSAGE_BYTES = 14;

/**
 * The length of the batch at `position`, or 0 when the buffer ends before the batch does (a fetch may end in the middle of
 * one). Throws `corrupt` for a length or magic that no batch has. As Java's ByteBufferLogInputStream.
 */
export function completeBatchLength(buffer: Buffer, position: number): number {
  const remaining = buffer.length - position;
  if (remaining < batch.LOG_OVERHEAD_BYTES) return 0;
  const size = buffer.readInt32BE(position + batch.LENGTH_AT);
  if (size < MIN_MESSAGE_BYTES) {
    throw new RecordError('corrupt', `Record size ${size} is less than the minimum record overhead (14)`);
  }
  if (remaining <= batch.MAGIC_AT) return 0;
  const magic = batch.magic(buffer, position);
  if (magic < 0 || magic > batch.MAGIC) {
    throw new RecordError('corrupt', `Invalid magic found in record: ${magic}`);
  }
  const length = batch.LOG_OVERHEAD_BYTES + size;
  return length <= remaining ? length : 0;
}

/** The complete batches of a buffer, in order; an incomplete tail ends the sequence silently. */
export function* readBatches(buffer: Buffer, maxDecompressedBytes = MAX_DECOMPRESSED_BYTES): Generator<ReadBatch> {
  for (let position = 0; ; ) {
    const length = completeBatchLength(buffer, position);
    if (length === 0) return;
    const bytes = buffer.subarray(position, position + length);
    yield batch.magic(bytes, 0) === batch.MAGIC
      ? new DefaultBatch(bytes, maxDecompressedBytes)
      : new LegacyBatch(bytes, maxDecompressedBytes);
    position += length;
  }
}

/** Magic 2. */
class DefaultBatch implements ReadBatch {
  readonly bytes: Buffer;
  readonly #maxDecompressedBytes: number;

  constructor(bytes: Buffer, maxDecompressedBytes: number) {
    if (bytes.length < batch.BATCH_HEADER_BYTES) {
      throw new RecordError(
        'corrupt',
        `Record batch is corrupt (the size ${bytes.length} is smaller than the minimum allowed overhead 61)`,
      );
    }
    this.bytes = bytes;
    this.#maxDecompressedBytes = maxDecompressedBytes;
  }

  get magic(): number {
    return batch.MAGIC;
  }
  get baseOffset(): number {
    return batch.baseOffset(this.bytes, 0);
  }
  get lastOffset(): number {
    return batch.lastOffset(this.bytes, 0);
  }
  get compression(): Compression {
    return batch.compressionOf(this.bytes, 0);
  }
  get timestampType(): batch.TimestampType {
    return batch.timestampType(this.bytes, 0);
  }
  get maxTimestampMs(): number {
    return batch.maxTimestamp(this.bytes, 0);
  }
  get checksum(): number {
    return batch.checksum(this.bytes, 0);
  }
  get isControl(): boolean {
    return batch.isControl(this.bytes, 0);
  }
  get isTransactional(): boolean {
    return batch.isTransactional(this.bytes, 0);
  }
  get producerId(): number {
    return batch.producerId(this.bytes, 0);
  }
  get producerEpoch(): number {
    return batch.producerEpoch(this.bytes, 0);
  }
  get baseSequence(): number {
    return batch.baseSequence(this.bytes, 0);
  }
  get partitionLeaderEpoch(): number {
    return batch.partitionLeaderEpoch(this.bytes, 0);
  }
  get recordCount(): number {
    return batch.recordCount(this.bytes, 0);
  }

  ensureValid(): void {
    if (batch.verifyCrc(this.bytes, 0)) return;
    const computed = batch.computeCrc(this.bytes, 0);
    throw new RecordError('corrupt', `Record is corrupt (stored crc = ${this.checksum}, computed crc = ${computed})`);
  }

  *records(): Generator<ReadRecord> {
    if (this.recordCount === 0) return;
    const cursor = openRecords(this.bytes, 0, this.#maxDecompressedBytes);
    while (cursor.next()) {
      yield {
        offset: cursor.offset,
        timestampMs: cursor.timestampMs,
        key: cursor.key(),
        value: cursor.value(),
        headers: cursor.headers(),
      };
    }
  }
}
