// Decides whether a batch may join a partition's log, and makes it what is stored: offsets and leader epoch patched in place,
// timestamps stamped, recompressed when the topic asks for another codec. Pure: bytes and rules in, a decision out.
// Equal to Kafka 4.3's ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords and LogValidator in that order.
//
// Differences, on purpose:
// - Kafka skips through compressed records without comparing a record's declared size with its fields; consumers would
//   stumble over such a record, so it is refused here as it is in an uncompressed batch.
// - A batch whose offset deltas are not 0, 1, 2… is stored by Kafka as it is when uncompressed, and fails with
//   UNKNOWN_SERVER_ERROR when compressed; here both are rebuilt with the right deltas (what Kafka does when it recompresses),
//   so that no consumer sees a record under another's offset.
// - Recompressing keeps what records hold; Kafka then fails on negative timestamps and on transactional batches without a
//   producer id, though it stores both when it need not recompress.
// test/golden/append-validation.ndjson.gz holds what a real UnifiedLog answered to hundreds of batches.
import assert from 'node:assert/strict';
import { ErrorCode } from '../protocol/error-code.ts';
import { buildBatch, type RecordToBuild } from '../records/build-batch.ts';
import { compress, MAX_DECOMPRESSED_BYTES } from '../records/compression.ts';
import { Compression, isCompression } from '../records/compression-type.ts';
import { completeBatchLength } from '../records/read-batches.ts';
import * as batches from '../records/record-batch.ts';
import { openRecords, type RecordCursor } from '../records/record-cursor.ts';
import { RecordError } from '../records/record-error.ts';
import { Scratch } from '../records/scratch.ts';
import type { AppendRules } from './append-rules.ts';
import { type RecordRefusal, RecordRefusals } from './record-refusals.ts';

/** Nothing of it is left when a validation returns: what is stored is the batch as it came, or one that was built anew. */
const decompressedRecords = new Scratch();

export type { RecordRefusal } from './record-refusals.ts';

/** One append: what changes from call to call. */
export interface AppendPlace {
  /** Clients are checked in full; coordinators may write control records and batches of any offsets. */
  readonly origin: 'client' | 'coordinator';
  /** False for Produce versions below 7. */
  readonly zstdAllowed: boolean;
  /** The offset of the batch's first record. */
  readonly nextOffset: number;
  readonly leaderEpoch: number;
  /** Wall clock. */
  readonly nowMs: number;
}

/** A batch ready to be appended as it is. */
export interface Validated {
  readonly errorCode: typeof ErrorCode.NONE;
  /** Exactly one batch: a view of the records given, patched in place, or a new buffer when it had to be rewritten. */
  readonly batch: Buffer;
  readonly isRewritten: boolean;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly recordCount: number;
  /** Greatest record timestamp, or the log append time; −1 when no record has one. */
  readonly maxTimestampMs: number;
  /** The first record with that timestamp. */
  readonly offsetOfMaxTimestamp: number;
  /** −1 unless the topic stamps records with log append time. */
  readonly logAppendTimeMs: number;
}

/** Nothing may be appended. */
export interface Refused {
  readonly errorCode: Exclude<ErrorCode, typeof ErrorCode.NONE>;
  /** What the Produce response carries: Kafka sends a text only with record errors. */
  readonly errorMessage: string | null;
  /** At most RECORD_REFUSALS_MAX of them. */
  readonly recordErrors: readonly RecordRefusal[];
  /** The same for the broker's log, always set. */
  readonly reason: string;
  /** The request's shape was wrong: in Kafka the log was never asked, and the answer does not say where it starts. */
  readonly isOfEnvelope: boolean;
}

/** `records` is what a Produce request carries for one partition; it belongs to the log from now on. */
export function validateAppend(
  records: Buffer,
  rules: AppendRules,
  place: AppendPlace,
  maxDecompressedBytes = MAX_DECOMPRESSED_BYTES,
): Validated | Refused {
  try {
    return validate(records, rules, place, maxDecompressedBytes);
  } catch (error) {
    if (error instanceof RecordError) return refuse(codeOf(error), error.message);
    throw error;
  }
}

function validate(
  records: Buffer,
  rules: AppendRules,
  place: AppendPlace,
  maxDecompressedBytes: number,
): Validated | Refused {
  const misshapen = refuseEnvelope(records, place);
  if (misshapen !== undefined) return { ...misshapen, isOfEnvelope: true };
  const refusal = refuseHeader(records, rules, place);
  if (refusal !== undefined) return refusal;
  const batch = onlyBatch(records);
  const source = batches.compressionOf(batch, 0);
  const target = targetCompression(batch, source, rules);

  const cursor = openRecords(batch, 0, maxDecompressedBytes, decompressedRecords);
  const walk = surveyed(cursor, rules, place) ?? walkRecords(cursor, batch, target, rules, place);
  if (walk.refusals !== undefined) return refuseRecords(walk.refusals);

  const isRewritten = source !== target || !walk.isSequential;
  const stored = isRewritten
    ? rewrite(batch, walk, target, rules, place, maxDecompressedBytes)
    : patchInPlace(batch, walk, rules, place);
  if (isRewritten && stored.length > rules.maxMessageBytes) {
    return refuse(ErrorCode.MESSAGE_TOO_LARGE, `a batch of ${stored.length} bytes exceeds max.message.bytes`);
  }
  if (stored.length > rules.segmentBytes) {
    return refuse(ErrorCode.RECORD_LIST_TOO_LARGE, `a batch of ${stored.length} bytes exceeds segment.bytes`);
  }
  return describe(stored, isRewritten, walk, rules, place);
}

/** Whether the bytes are one batch that says who wrote it; whatever else is wrong with it. */
export function isOneBatch(records: Buffer): boolean {
  try {
    return refuseEnvelope(records, { zstdAllowed: true }) === undefined;
  } catch (error) {
    if (error instanceof RecordError) return false;
    throw error;
  }
}

/** The request's shape: exactly one v2 batch. An incomplete second one is cut off, as in Kafka. Throws a RecordError for what is no batch. */
function refuseEnvelope(records: Buffer, place: Pick<AppendPlace, 'zstdAllowed'>): Refused | undefined {
  const length = completeBatchLength(records, 0);
  if (length === 0) return refuse(ErrorCode.INVALID_RECORD, 'no complete record batch');
  if (batches.magic(records, 0) !== batches.MAGIC) {
    return refuse(ErrorCode.INVALID_RECORD, `magic ${batches.magic(records, 0)} is not accepted any more`);
  }
  if (length < batches.BATCH_HEADER_BYTES) {
    return refuse(ErrorCode.CORRUPT_MESSAGE, `a batch of ${length} bytes has no room for its header`);
  }
  if (!place.zstdAllowed && batches.compressionOf(records, 0) === Compression.ZSTD) {
    return refuse(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, 'zstd in a Produce request below version 7');
  }
  if (records.length > length && completeBatchLength(records, length) !== 0) {
    return refuse(ErrorCode.INVALID_RECORD, 'more than one record batch for a partition');
  }
  return undefined;
}

function onlyBatch(records: Buffer): Buffer {
  const length = batches.batchLength(records, 0);
  return length === records.length ? records : records.subarray(0, length);
}

/** The header's own rules, in Kafka's order. */
function refuseHeader(batch: Buffer, rules: AppendRules, place: AppendPlace): Refused | undefined {
  const length = batches.batchLength(batch, 0);
  const isClient = place.origin === 'client';
  if (isClient && batches.baseOffset(batch, 0) !== 0) {
    return refuse(ErrorCode.INVALID_RECORD, `base offset ${batches.baseOffset(batch, 0)} should be 0`);
  }
  if (length > rules.maxMessageBytes) {
    return refuse(ErrorCode.MESSAGE_TOO_LARGE, `a batch of ${length} bytes exceeds max.message.bytes`);
  }
  if (!batches.verifyCrc(batch, 0)) {
    return refuse(ErrorCode.CORRUPT_MESSAGE, `stored crc ${batches.checksum(batch, 0)} is not that of the bytes`);
  }
  if (!isCompression(batches.compressionOf(batch, 0))) {
    return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, `unknown compression type ${batches.compressionOf(batch, 0)}`);
  }
  return isClient ? refuseClientHeader(batch) : undefined;
}

function refuseClientHeader(batch: Buffer): Refused | undefined {
  const countFromOffsets = batches.lastOffsetDelta(batch, 0) + 1;
  const count = batches.recordCount(batch, 0);
  if (countFromOffsets <= 0 || count <= 0 || countFromOffsets !== count) {
    return refuse(ErrorCode.INVALID_RECORD, `${count} records in a range of ${countFromOffsets} offsets`);
  }
  if (batches.isControl(batch, 0)) return refuse(ErrorCode.INVALID_RECORD, 'clients may not write control records');
  if (batches.hasProducerId(batch, 0) && batches.baseSequence(batch, 0) < 0) {
    return refuse(ErrorCode.INVALID_RECORD, `sequence ${batches.baseSequence(batch, 0)} of an idempotent producer`);
  }
  return undefined;
}

/** Control records are never compressed by the broker. */
function targetCompression(batch: Buffer, source: Compression, rules: AppendRules): Compression {
  if (source === Compression.NONE && batches.isControl(batch, 0)) return source;
  return rules.compression ?? source;
}

interface Walk {
  readonly recordCount: number;
  readonly maxTimestampMs: number;
  readonly indexOfMaxTimestamp: number;
  /** Offset deltas are 0, 1, 2… */
  readonly isSequential: boolean;
  readonly refusals: RecordRefusals | undefined;
  /** The uncompressed records. */
  readonly plain: Buffer;
}

/** The walk over a batch that is sound and of which no record is refused, several times as fast; undefined for any other. */
function surveyed(cursor: RecordCursor, rules: AppendRules, { nowMs }: AppendPlace): Walk | undefined {
  const survey = cursor.survey();
  if (survey === undefined) return undefined;
  if (rules.compacted && survey.hasRecordWithoutKey) return undefined;
  const { minTimestampMs, maxTimestampMs, indexOfMaxTimestamp } = survey;
  if (rules.timestampType === batches.TimestampType.CREATE_TIME) {
    if (nowMs - minTimestampMs > rules.timestampBeforeMaxMs) return undefined;
    if (maxTimestampMs - nowMs > rules.timestampAfterMaxMs) return undefined;
  }
  const recordCount = cursor.declaredCount;
  return {
    recordCount,
    maxTimestampMs,
    indexOfMaxTimestamp,
    isSequential: true,
    refusals: undefined,
    plain: cursor.bytes,
  };
}

/** One pass over all records, allocating nothing per record unless it is refused. */
function walkRecords(
  cursor: RecordCursor,
  batch: Buffer,
  target: Compression,
  rules: AppendRules,
  place: AppendPlace,
): Walk {
  const { compacted, timestampBeforeMaxMs, timestampAfterMaxMs } = rules;
  const { nowMs } = place;
  const isCreateTime = rules.timestampType === batches.TimestampType.CREATE_TIME;
  const claimsLogAppendTime = batches.timestampType(batch, 0) === batches.TimestampType.LOG_APPEND_TIME;
  const source = batches.compressionOf(batch, 0);
  const javaName = source === target && source !== Compression.NONE ? 'PartialDefaultRecord' : 'DefaultRecord';
  let maxTimestampMs: number = batches.NO_TIMESTAMP;
  let indexOfMaxTimestamp = 0;
  let isSequential = true;
  let refusals: RecordRefusals | undefined;
  let index = 0;
  for (; cursor.next(); index++) {
    const timestamp = cursor.timestampMs;
    if (cursor.offsetDelta !== index) isSequential = false;
    if (timestamp > maxTimestampMs) {
      maxTimestampMs = timestamp;
      indexOfMaxTimestamp = index;
    }
    if (compacted && cursor.keyLength < 0) {
      refusals ??= new RecordRefusals();
      refusals.keyMissing(index, rules);
    } else if (isCreateTime && timestamp !== batches.NO_TIMESTAMP) {
      const age = nowMs - timestamp;
      if (age > timestampBeforeMaxMs || -age > timestampAfterMaxMs) {
        refusals ??= new RecordRefusals();
        refusals.timestampOutOfRange(index, cursor, rules, nowMs);
      }
    } else if (claimsLogAppendTime) {
      refusals ??= new RecordRefusals();
      refusals.timestampTypeClaimed(index, cursor, javaName);
    }
  }
  return { recordCount: index, maxTimestampMs, indexOfMaxTimestamp, isSequential, refusals, plain: cursor.bytes };
}

function patchInPlace(batch: Buffer, walk: Walk, rules: AppendRules, place: AppendPlace): Buffer {
  batches.setLastOffset(batch, 0, place.nextOffset + walk.recordCount - 1);
  batches.setPartitionLeaderEpoch(batch, 0, place.leaderEpoch);
  batches.setMaxTimestampAndType(batch, 0, rules.timestampType, storedMaxTimestamp(walk, rules, place));
  return batch;
}

/** A new batch: the same records under the target codec, or rebuilt one by one where their deltas do not fit. */
function rewrite(
  batch: Buffer,
  walk: Walk,
  target: Compression,
  rules: AppendRules,
  place: AppendPlace,
  maxDecompressedBytes: number,
): Buffer {
  const claimsLogAppendTime = batches.timestampType(batch, 0) === batches.TimestampType.LOG_APPEND_TIME;
  if (!walk.isSequential || claimsLogAppendTime) {
    return rebuild(batch, walk, target, rules, place, maxDecompressedBytes);
  }
  const isPlain = batches.compressionOf(batch, 0) === Compression.NONE;
  const plain = isPlain ? batches.recordBytes(batch, 0) : walk.plain;
  const body = compress(target, plain, rules.compressionLevel);
  const rewritten = Buffer.allocUnsafe(batches.BATCH_HEADER_BYTES + body.length);
  batch.copy(rewritten, 0, 0, batches.BATCH_HEADER_BYTES);
  body.copy(rewritten, batches.BATCH_HEADER_BYTES);
  batches.resetHeader(rewritten, 0, {
    compression: target,
    timestampType: rules.timestampType,
    maxTimestampMs: storedMaxTimestamp(walk, rules, place),
    baseOffset: place.nextOffset,
    partitionLeaderEpoch: place.leaderEpoch,
  });
  return rewritten;
}

function rebuild(
  batch: Buffer,
  walk: Walk,
  target: Compression,
  rules: AppendRules,
  place: AppendPlace,
  maxDecompressedBytes: number,
): Buffer {
  const records: RecordToBuild[] = [];
  for (const cursor = openRecords(batch, 0, maxDecompressedBytes); cursor.next(); ) {
    records.push({
      key: cursor.key(),
      value: cursor.value(),
      timestampMs: cursor.timestampMs,
      headers: cursor.headers(),
    });
  }
  assert.equal(records.length, walk.recordCount);
  return buildBatch({
    records,
    baseOffset: place.nextOffset,
    partitionLeaderEpoch: place.leaderEpoch,
    compression: target,
    producerId: batches.producerId(batch, 0),
    producerEpoch: batches.producerEpoch(batch, 0),
    baseSequence: batches.baseSequence(batch, 0),
    isTransactional: batches.isTransactional(batch, 0),
    isControl: batches.isControl(batch, 0),
    ...(rules.compressionLevel === undefined ? {} : { compressionLevel: rules.compressionLevel }),
    ...(rules.timestampType === batches.TimestampType.LOG_APPEND_TIME ? { logAppendTimeMs: place.nowMs } : {}),
  });
}

function storedMaxTimestamp(walk: Walk, rules: AppendRules, place: AppendPlace): number {
  return rules.timestampType === batches.TimestampType.LOG_APPEND_TIME ? place.nowMs : walk.maxTimestampMs;
}

function describe(stored: Buffer, isRewritten: boolean, walk: Walk, rules: AppendRules, place: AppendPlace): Validated {
  const isLogAppendTime = rules.timestampType === batches.TimestampType.LOG_APPEND_TIME;
  return {
    errorCode: ErrorCode.NONE,
    batch: stored,
    isRewritten,
    baseOffset: place.nextOffset,
    lastOffset: place.nextOffset + walk.recordCount - 1,
    recordCount: walk.recordCount,
    maxTimestampMs: storedMaxTimestamp(walk, rules, place),
    offsetOfMaxTimestamp: place.nextOffset + (isLogAppendTime ? 0 : walk.indexOfMaxTimestamp),
    logAppendTimeMs: isLogAppendTime ? place.nowMs : -1,
  };
}

function refuseRecords(refusals: RecordRefusals): Refused {
  const code = refusals.hasInvalidTimestamp ? ErrorCode.INVALID_TIMESTAMP : ErrorCode.INVALID_RECORD;
  const errorMessage = refusals.summary();
  return { ...refuse(code, errorMessage), errorMessage, recordErrors: refusals.list };
}

function refuse(errorCode: Refused['errorCode'], reason: string): Refused {
  return { errorCode, errorMessage: null, recordErrors: [], reason, isOfEnvelope: false };
}

function codeOf(error: RecordError): Refused['errorCode'] {
  switch (error.kind) {
    case 'invalid':
      return ErrorCode.INVALID_RECORD;
    case 'too-large':
      return ErrorCode.MESSAGE_TOO_LARGE;
    case 'corrupt':
      return ErrorCode.CORRUPT_MESSAGE;
    default:
      // In Kafka an exception without a code of its own, which is what clients get to see.
      return ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}
