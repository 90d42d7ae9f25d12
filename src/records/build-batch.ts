// Builds v2 record batches: for clients, tests, control records and internal topics. The layout is in record-batch.ts.
//
//   a record: varint length · int8 attributes (0) · varlong timestamp delta · varint offset delta
//             varint key length (−1 = null) · key · varint value length (−1 = null) · value
//             varint number of headers · each: varint key length · key (UTF-8) · varint value length (−1 = null) · value
import { compress } from './compression.ts';
import { Compression } from './compression-type.ts';
import { writeInt64 } from './int64.ts';
import * as batch from './record-batch.ts';
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from './varint.ts';

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export interface RecordToBuild {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** −1 (no timestamp) when absent. */
  readonly timestampMs?: number;
  readonly headers?: readonly RecordHeader[];
  /** Absent: one more than the record before. Must rise. */
  readonly offset?: number;
}

export interface BatchToBuild {
  readonly records: readonly RecordToBuild[];
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
  readonly compression?: Compression;
  readonly compressionLevel?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** Stamps the batch with log append time instead of the records' own timestamps. */
  readonly logAppendTimeMs?: number;
  /** Compaction's mark; becomes the base timestamp that record deltas count from. */
  readonly deleteHorizonMs?: number;
  /** Compaction may keep the range of what it removed; default: the last record. */
  readonly lastOffset?: number;
  /** For a batch without records. */
  readonly maxTimestampMs?: number;
}

/** One whole batch in a new buffer, checksum included. */
export function buildBatch(input: BatchToBuild): Buffer {
  const base = input.baseOffset ?? input.records[0]?.offset ?? 0;
  const baseTimestamp = input.deleteHorizonMs ?? input.records[0]?.timestampMs ?? batch.NO_TIMESTAMP;
  const compression = input.compression ?? Compression.NONE;

  const sizes = recordSizes(input.records, base, baseTimestamp);
  let bodyBytes = 0;
  for (const size of sizes) bodyBytes += varintBytes(size) + size;

  if (compression === Compression.NONE || input.records.length === 0) {
    const buffer = Buffer.allocUnsafe(batch.BATCH_HEADER_BYTES + bodyBytes);
    writeRecords(buffer, batch.BATCH_HEADER_BYTES, input.records, sizes, base, baseTimestamp);
    return writeHeader(buffer, input, base, baseTimestamp, Compression.NONE);
  }
  const body = Buffer.allocUnsafe(bodyBytes);
  writeRecords(body, 0, input.records, sizes, base, baseTimestamp);
  const compressed = compress(compression, body, input.compressionLevel);
  const buffer = Buffer.allocUnsafe(batch.BATCH_HEADER_BYTES + compressed.length);
  compressed.copy(buffer, batch.BATCH_HEADER_BYTES);
  return writeHeader(buffer, input, base, baseTimestamp, compression);
}

function writeHeader(
  buffer: Buffer,
  input: BatchToBuild,
  base: number,
  baseTimestamp: number,
  compression: Compression,
): Buffer {
  const appendTime = input.logAppendTimeMs;
  let attributes: number = compression;
  if (appendTime !== undefined) attributes |= batch.TIMESTAMP_TYPE_BIT;
  if (input.isTransactional) attributes |= batch.TRANSACTIONAL_BIT;
  if (input.isControl) attributes |= batch.CONTROL_BIT;
  if (input.deleteHorizonMs !== undefined) attributes |= batch.DELETE_HORIZON_BIT;

  writeInt64(buffer, base, batch.BASE_OFFSET_AT);
  buffer.writeInt32BE(buffer.length - batch.LOG_OVERHEAD_BYTES, batch.LENGTH_AT);
  buffer.writeInt32BE(input.partitionLeaderEpoch ?? batch.NO_PARTITION_LEADER_EPOCH, batch.PARTITION_LEADER_EPOCH_AT);
  buffer.writeInt8(batch.MAGIC, batch.MAGIC_AT);
  buffer.writeInt16BE(attributes, batch.ATTRIBUTES_AT);
  buffer.writeInt32BE(lastOffsetOf(input, base) - base, batch.LAST_OFFSET_DELTA_AT);
  writeInt64(buffer, baseTimestamp, batch.BASE_TIMESTAMP_AT);
  writeInt64(buffer, appendTime ?? input.maxTimestampMs ?? maxTimestampOf(input.records), batch.MAX_TIMESTAMP_AT);
  writeInt64(buffer, input.producerId ?? batch.NO_PRODUCER_ID, batch.PRODUCER_ID_AT);
  buffer.writeInt16BE(input.producerEpoch ?? batch.NO_PRODUCER_EPOCH, batch.PRODUCER_EPOCH_AT);
  buffer.writeInt32BE(input.baseSequence ?? batch.NO_SEQUENCE, batch.BASE_SEQUENCE_AT);
  buffer.writeInt32BE(input.records.length, batch.RECORD_COUNT_AT);
  batch.updateCrc(buffer, 0);
  return buffer;
}

function lastOffsetOf(input: BatchToBuild, base: number): number {
  if (input.lastOffset !== undefined) return input.lastOffset;
  let offset = base - 1;
  for (const record of input.records) offset = record.offset ?? offset + 1;
  return Math.max(offset, base);
}

function maxTimestampOf(records: readonly RecordToBuild[]): number {
  let max: number = batch.NO_TIMESTAMP;
  for (const record of records) max = Math.max(max, record.timestampMs ?? batch.NO_TIMESTAMP);
  return max;
}

/** The size of each record without its own length field. */
function recordSizes(records: readonly RecordToBuild[], base: number, baseTimestamp: number): number[] {
  const sizes: number[] = [];
  let offset = base - 1;
  for (const record of records) {
    offset = record.offset ?? offset + 1;
    const headers = record.headers ?? [];
    let size =
      1 +
      varlongBytes((record.timestampMs ?? batch.NO_TIMESTAMP) - baseTimestamp) +
      varintBytes(offset - base) +
      fieldBytes(record.key) +
      fieldBytes(record.value) +
      varintBytes(headers.length);
    for (const header of headers) {
      const keyBytes = Buffer.byteLength(header.key);
      size += varintBytes(keyBytes) + keyBytes + fieldBytes(header.value);
    }
    sizes.push(size);
  }
  return sizes;
}

function writeRecords(
  buffer: Buffer,
  start: number,
  records: readonly RecordToBuild[],
  sizes: readonly number[],
  base: number,
  baseTimestamp: number,
): void {
  let at = start;
  let offset = base - 1;
  records.forEach((record, index) => {
    offset = record.offset ?? offset + 1;
    const headers = record.headers ?? [];
    at = writeVarint(buffer, sizes[index]!, at);
    buffer[at++] = 0;
    at = writeVarlong(buffer, (record.timestampMs ?? batch.NO_TIMESTAMP) - baseTimestamp, at);
    at = writeVarint(buffer, offset - base, at);
    at = writeField(buffer, record.key, at);
    at = writeField(buffer, record.value, at);
    at = writeVarint(buffer, headers.length, at);
    for (const header of headers) {
      at = writeField(buffer, Buffer.from(header.key), at);
      at = writeField(buffer, header.value, at);
    }
  });
}

function fieldBytes(field: Uint8Array | null): number {
  return field === null ? 1 : varintBytes(field.length) + field.length;
}

function writeField(buffer: Buffer, field: Uint8Array | null, position: number): number {
  if (field === null) return writeVarint(buffer, -1, position);
  const at = writeVarint(buffer, field.length, position);
  buffer.set(field, at);
  return at + field.length;
}
