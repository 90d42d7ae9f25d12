// What compaction leaves of one batch. A batch keeps its base and last offset, its producer, epoch and first sequence, so that
// sequences stay provable; it may lose its last record only where nobody needs it for its producer or for the log's end.
// Source of the rules: Kafka's Cleaner.cleanInto and MemoryRecords.filterTo.
import { buildBatch } from '../../records/build-batch.ts';
import { compress } from '../../records/compression.ts';
import { Compression } from '../../records/compression-type.ts';
import { writeInt64 } from '../../records/int64.ts';
import * as batches from '../../records/record-batch.ts';
import { openRecords, type RecordCursor } from '../../records/record-cursor.ts';
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from '../../records/varint.ts';
import type { CleanedTransactions } from './cleaned-transactions.ts';
import type { OffsetMap } from './offset-map.ts';

/** Of a producer that is known to its partition. */
export interface LastRecord {
  /** −1: it has appended markers only. */
  readonly lastDataOffset: number;
  readonly producerEpoch: number;
}

export interface FilterRules {
  readonly map: OffsetMap;
  readonly transactions: CleanedTransactions;
  readonly lastRecords: ReadonlyMap<number, LastRecord>;
  /** One past the last offset that this round may clean: the batch that ends there stays, be it empty. */
  readonly roundEndOffset: number;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
}

/** The batch (a view when nothing changes), or undefined when nothing of it stays. */
export function filterBatch(buffer: Buffer, at: number, rules: FilterRules): Buffer | undefined {
  const isControl = batches.isControl(buffer, at);
  const mayGo = isControl ? rules.transactions.onControlBatch(buffer, at) : rules.transactions.onBatch(buffer, at);
  const horizonMs = batches.deleteHorizonMs(buffer, at);
  const discards = mayGo && (!isControl || (horizonMs !== undefined && horizonMs <= rules.nowMs));
  const staysEmpty = isLastOfProducer(buffer, at, rules) || batches.nextOffset(buffer, at) === rules.roundEndOffset;
  if (discards) return staysEmpty ? emptied(buffer, at) : undefined;

  const kept = new KeptRecords();
  const cursor = openRecords(buffer, at);
  let removed = 0;
  while (cursor.next()) {
    if (isControl || isKept(cursor, horizonMs, rules)) kept.add(cursor);
    else removed++;
  }
  if (kept.count === 0) return staysEmpty ? emptied(buffer, at) : undefined;
  const needsHorizon = horizonMs === undefined && (kept.hasTombstone || (isControl && mayGo));
  if (removed === 0 && !needsHorizon) return buffer.subarray(at, at + batches.batchLength(buffer, at));
  return rebuild(buffer, at, cursor.bytes, kept, needsHorizon ? rules.nowMs + rules.deleteRetentionMs : undefined);
}

/** The batch by which a start, or a replica, learns the producer's last sequence or epoch. */
function isLastOfProducer(buffer: Buffer, at: number, { lastRecords }: FilterRules): boolean {
  if (lastRecords.size === 0 || !batches.hasProducerId(buffer, at)) return false;
  const last = lastRecords.get(batches.producerId(buffer, at));
  if (last === undefined) return false;
  if (last.lastDataOffset >= 0) return batches.lastOffset(buffer, at) === last.lastDataOffset;
  return batches.isControl(buffer, at) && batches.producerEpoch(buffer, at) === last.producerEpoch;
}

function isKept(record: RecordCursor, horizonMs: number | undefined, { map, nowMs }: FilterRules): boolean {
  if (record.offset > map.latestOffset) return true;
  // Without a key it is nothing that a compacted topic takes; from before it was compacted.
  if (record.keyLength < 0) return false;
  if (record.offset < map.get(record.bytes, record.keyStart, record.keyLength)) return false;
  return record.valueLength >= 0 || horizonMs === undefined || nowMs < horizonMs;
}

/** Where the records that stay stand in the decompressed bytes of their batch. */
class KeptRecords {
  count = 0;
  hasTombstone = false;
  maxTimestampMs: number = batches.NO_TIMESTAMP;
  /** Four numbers for each: start, rest start, end, timestamp. */
  readonly places: number[] = [];

  add(record: RecordCursor): void {
    this.count++;
    if (record.valueLength < 0) this.hasTombstone = true;
    if (record.timestampMs > this.maxTimestampMs) this.maxTimestampMs = record.timestampMs;
    this.places.push(record.start, record.restStart, record.end, record.timestampMs);
  }
}

function rebuild(
  buffer: Buffer,
  at: number,
  records: Buffer,
  kept: KeptRecords,
  newHorizonMs: number | undefined,
): Buffer {
  const body = newHorizonMs === undefined ? unchanged(records, kept) : withBase(records, kept, newHorizonMs);
  const compression = batches.compressionOf(buffer, at);
  const stored = compression === Compression.NONE ? body : compress(compression, body);
  const batch = Buffer.allocUnsafe(batches.BATCH_HEADER_BYTES + stored.length);
  buffer.copy(batch, 0, at, at + batches.BATCH_HEADER_BYTES);
  stored.copy(batch, batches.BATCH_HEADER_BYTES);
  batch.writeInt32BE(batch.length - batches.LOG_OVERHEAD_BYTES, batches.LENGTH_AT);
  if (newHorizonMs !== undefined) {
    batch.writeInt16BE(batches.attributes(buffer, at) | batches.DELETE_HORIZON_BIT, batches.ATTRIBUTES_AT);
    writeInt64(batch, newHorizonMs, batches.BASE_TIMESTAMP_AT);
  }
  if (batches.timestampType(buffer, at) === batches.TimestampType.CREATE_TIME) {
    writeInt64(batch, kept.maxTimestampMs, batches.MAX_TIMESTAMP_AT);
  }
  batch.writeInt32BE(kept.count, batches.RECORD_COUNT_AT);
  batches.updateCrc(batch, 0);
  return batch;
}

/** The base timestamp stays, and so do the records' bytes. */
function unchanged(records: Buffer, { places }: KeptRecords): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < places.length; ) {
    const start = places[i] as number;
    let end = places[i + 2] as number;
    for (i += 4; i < places.length && places[i] === end; i += 4) end = places[i + 2] as number;
    parts.push(records.subarray(start, end));
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

/** The timestamps count from another base. */
function withBase(records: Buffer, { places }: KeptRecords, baseMs: number): Buffer {
  let bytes = 0;
  for (let i = 0; i < places.length; i += 4) {
    const size = sizeWithBase(places, i, baseMs);
    bytes += varintBytes(size) + size;
  }
  const body = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let i = 0; i < places.length; i += 4) {
    const start = places[i] as number;
    const restStart = places[i + 1] as number;
    const end = places[i + 2] as number;
    at = writeVarint(body, sizeWithBase(places, i, baseMs), at);
    // The attributes, of which Kafka defines none, follow the length.
    body[at++] = records[attributesAt(records, start)] as number;
    at = writeVarlong(body, (places[i + 3] as number) - baseMs, at);
    at += records.copy(body, at, restStart, end);
  }
  return body;
}

function sizeWithBase(places: readonly number[], i: number, baseMs: number): number {
  return 1 + varlongBytes((places[i + 3] as number) - baseMs) + (places[i + 2] as number) - (places[i + 1] as number);
}

function attributesAt(records: Buffer, start: number): number {
  let at = start;
  while ((records[at] as number) >= 0x80) at++;
  return at + 1;
}

/** Without records; what it says of offsets, timestamp and producer stays. */
function emptied(buffer: Buffer, at: number): Buffer {
  const maxTimestampMs = batches.maxTimestamp(buffer, at);
  const isStamped = batches.timestampType(buffer, at) === batches.TimestampType.LOG_APPEND_TIME;
  return buildBatch({
    records: [],
    baseOffset: batches.baseOffset(buffer, at),
    lastOffset: batches.lastOffset(buffer, at),
    partitionLeaderEpoch: batches.partitionLeaderEpoch(buffer, at),
    producerId: batches.producerId(buffer, at),
    producerEpoch: batches.producerEpoch(buffer, at),
    baseSequence: batches.baseSequence(buffer, at),
    isTransactional: batches.isTransactional(buffer, at),
    isControl: batches.isControl(buffer, at),
    maxTimestampMs,
    ...(isStamped ? { logAppendTimeMs: maxTimestampMs } : {}),
  });
}
