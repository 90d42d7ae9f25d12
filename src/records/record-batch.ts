// A view over one v2 record batch inside a buffer: functions of (buffer, position of the batch). Nothing is copied or
// allocated; the setters write in place. Callers have checked that the header lies inside the buffer.
//
//   0  int64  base offset                ─┐ assigned by the broker
//   8  int32  length of what follows      │
//  12  int32  partition leader epoch     ─┘ not covered by the checksum
//  16  int8   magic (2)
//  17  uint32 CRC-32C of everything from byte 21 to the end
//  21  int16  attributes: 0–2 compression, 3 timestamp type, 4 transactional, 5 control, 6 has delete horizon
//  23  int32  last offset delta
//  27  int64  base timestamp (the delete horizon in ms when attribute bit 6 is set)
//  35  int64  max timestamp
//  43  int64  producer id
//  51  int16  producer epoch
//  53  int32  base sequence
//  57  int32  number of records
//  61         records, together compressed
import type { Compression } from './compression-type.ts';
import { crc32c } from './crc32c.ts';
import { readInt64, writeInt64 } from './int64.ts';

export const MAGIC = 2;

export const BASE_OFFSET_AT = 0;
export const LENGTH_AT = 8;
export const PARTITION_LEADER_EPOCH_AT = 12;
export const MAGIC_AT = 16;
export const CRC_AT = 17;
export const ATTRIBUTES_AT = 21;
export const LAST_OFFSET_DELTA_AT = 23;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;
export const PRODUCER_ID_AT = 43;
export const PRODUCER_EPOCH_AT = 51;
export const BASE_SEQUENCE_AT = 53;
export const RECORD_COUNT_AT = 57;
/** Bytes before the first record. */
export const BATCH_HEADER_BYTES = 61;
/** Base offset and length: what precedes the bytes that the length field counts. */
export const LOG_OVERHEAD_BYTES = 12;

export const COMPRESSION_MASK = 0x07;
export const TIMESTAMP_TYPE_BIT = 0x08;
export const TRANSACTIONAL_BIT = 0x10;
export const CONTROL_BIT = 0x20;
export const DELETE_HORIZON_BIT = 0x40;

export const TimestampType = { CREATE_TIME: 0, LOG_APPEND_TIME: 1 } as const;
export type TimestampType = (typeof TimestampType)[keyof typeof TimestampType];

export const NO_TIMESTAMP = -1;
export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_PARTITION_LEADER_EPOCH = -1;

/** The whole batch in bytes, base offset and length field included: `position + batchLength` is the next batch. */
export function batchLength(buffer: Buffer, position: number): number {
  return LOG_OVERHEAD_BYTES + buffer.readInt32BE(position + LENGTH_AT);
}

export function magic(buffer: Buffer, position: number): number {
  return buffer.readInt8(position + MAGIC_AT);
}

export function baseOffset(buffer: Buffer, position: number): number {
  return readInt64(buffer, position + BASE_OFFSET_AT);
}

export function lastOffsetDelta(buffer: Buffer, position: number): number {
  return buffer.readInt32BE(position + LAST_OFFSET_DELTA_AT);
}

export function lastOffset(buffer: Buffer, position: number): number {
  return baseOffset(buffer, position) + lastOffsetDelta(buffer, position);
}

export function nextOffset(buffer: Buffer, position: number): number {
  return lastOffset(buffer, position) + 1;
}

export function partitionLeaderEpoch(buffer: Buffer, position: number): number {
  return buffer.readInt32BE(position + PARTITION_LEADER_EPOCH_AT);
}

/** The stored checksum, unsigned. */
export function checksum(buffer: Buffer, position: number): number {
  return buffer.readUInt32BE(position + CRC_AT);
}

export function attributes(buffer: Buffer, position: number): number {
  return buffer.readInt16BE(position + ATTRIBUTES_AT);
}

/** The three compression bits; ask `isCompression` before trusting bytes from outside. */
export function compressionOf(buffer: Buffer, position: number): Compression {
  return (attributes(buffer, position) & COMPRESSION_MASK) as Compression;
}

export function timestampType(buffer: Buffer, position: number): TimestampType {
  return (attributes(buffer, position) & TIMESTAMP_TYPE_BIT) === 0
    ? TimestampType.CREATE_TIME
    : TimestampType.LOG_APPEND_TIME;
}

export function isTransactional(buffer: Buffer, position: number): boolean {
  return (attributes(buffer, position) & TRANSACTIONAL_BIT) !== 0;
}

export function isControl(buffer: Buffer, position: number): boolean {
  return (attributes(buffer, position) & CONTROL_BIT) !== 0;
}

/** Set by compaction; then the base timestamp field holds it, and record deltas still count from that value. */
export function deleteHorizonMs(buffer: Buffer, position: number): number | undefined {
  if ((attributes(buffer, position) & DELETE_HORIZON_BIT) === 0) return undefined;
  return readInt64(buffer, position + BASE_TIMESTAMP_AT);
}

export function baseTimestamp(buffer: Buffer, position: number): number {
  return readInt64(buffer, position + BASE_TIMESTAMP_AT);
}

export function maxTimestamp(buffer: Buffer, position: number): number {
  return readInt64(buffer, position + MAX_TIMESTAMP_AT);
}

export function producerId(buffer: Buffer, position: number): number {
  return readInt64(buffer, position + PRODUCER_ID_AT);
}

export function hasProducerId(buffer: Buffer, position: number): boolean {
  return buffer.readInt32BE(position + PRODUCER_ID_AT) >= 0;
}

export function producerEpoch(buffer: Buffer, position: number): number {
  return buffer.readInt16BE(position + PRODUCER_EPOCH_AT);
}

export function baseSequence(buffer: Buffer, position: number): number {
  return buffer.readInt32BE(position + BASE_SEQUENCE_AT);
}

/** NO_SEQUENCE when the batch has none; sequences wrap from 2^31 − 1 to 0. */
export function lastSequence(buffer: Buffer, position: number): number {
  const base = baseSequence(buffer, position);
  return base === NO_SEQUENCE ? NO_SEQUENCE : incrementSequence(base, lastOffsetDelta(buffer, position));
}

/** As DefaultRecordBatch.incrementSequence: the successor of 2^31 − 1 is 0. */
export function incrementSequence(sequence: number, increment: number): number {
  return (sequence + increment) % 0x8000_0000;
}

export function recordCount(buffer: Buffer, position: number): number {
  return buffer.readInt32BE(position + RECORD_COUNT_AT);
}

/** The compressed (or plain) records: a view. */
export function recordBytes(buffer: Buffer, position: number): Buffer {
  return buffer.subarray(position + BATCH_HEADER_BYTES, position + batchLength(buffer, position));
}

/** Whether the stored checksum is that of the bytes. Requires the whole batch to lie inside the buffer. */
export function verifyCrc(buffer: Buffer, position: number): boolean {
  return checksum(buffer, position) === computeCrc(buffer, position);
}

export function computeCrc(buffer: Buffer, position: number): number {
  return crc32c(buffer, position + ATTRIBUTES_AT, position + batchLength(buffer, position));
}

/** The base offset is outside the checksum: no recomputing. */
export function setBaseOffset(buffer: Buffer, position: number, offset: number): void {
  writeInt64(buffer, offset, position + BASE_OFFSET_AT);
}

/** As in Kafka, where a broker knows the last offset it wants: the base becomes `last − lastOffsetDelta`. */
export function setLastOffset(buffer: Buffer, position: number, last: number): void {
  setBaseOffset(buffer, position, last - lastOffsetDelta(buffer, position));
}

/** The leader epoch is outside the checksum: no recomputing. */
export function setPartitionLeaderEpoch(buffer: Buffer, position: number, epoch: number): void {
  buffer.writeInt32BE(epoch, position + PARTITION_LEADER_EPOCH_AT);
}

/** Recomputes the checksum when anything changed (unused attribute bits are dropped then); the caller has verified the old one. */
export function setMaxTimestampAndType(buffer: Buffer, position: number, type: TimestampType, maxMs: number): void {
  if (timestampType(buffer, position) === type && maxTimestamp(buffer, position) === maxMs) return;
  const kept = attributes(buffer, position) & (COMPRESSION_MASK | TRANSACTIONAL_BIT | CONTROL_BIT | DELETE_HORIZON_BIT);
  const marked = type === TimestampType.LOG_APPEND_TIME ? kept | TIMESTAMP_TYPE_BIT : kept;
  buffer.writeInt16BE(marked, position + ATTRIBUTES_AT);
  writeInt64(buffer, maxMs, position + MAX_TIMESTAMP_AT);
  updateCrc(buffer, position);
}

/** For a batch that ends its buffer and whose records were replaced: producer fields and base timestamp stay, the rest follows the new bytes. */
export function resetHeader(
  buffer: Buffer,
  position: number,
  header: {
    readonly compression: Compression;
    readonly timestampType: TimestampType;
    readonly maxTimestampMs: number;
    readonly baseOffset: number;
    readonly partitionLeaderEpoch: number;
  },
): void {
  const kept = attributes(buffer, position) & (TRANSACTIONAL_BIT | CONTROL_BIT);
  const stamped = header.timestampType === TimestampType.LOG_APPEND_TIME ? TIMESTAMP_TYPE_BIT : 0;
  buffer.writeInt32BE(buffer.length - position - LOG_OVERHEAD_BYTES, position + LENGTH_AT);
  buffer.writeInt16BE(kept | stamped | header.compression, position + ATTRIBUTES_AT);
  writeInt64(buffer, header.maxTimestampMs, position + MAX_TIMESTAMP_AT);
  setBaseOffset(buffer, position, header.baseOffset);
  setPartitionLeaderEpoch(buffer, position, header.partitionLeaderEpoch);
  updateCrc(buffer, position);
}

export function updateCrc(buffer: Buffer, position: number): void {
  buffer.writeUInt32BE(computeCrc(buffer, position), position + CRC_AT);
}
