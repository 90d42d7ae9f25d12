// A partition of a coordinator's topic as a log of its records: replayed in slices when the partition is loaded, appended to
// one atomic batch per step.
import { IsolationLevel, type Partition } from '../partition/partition.ts';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import { buildBatch } from '../records/build-batch.ts';
import type { Compression } from '../records/compression-type.ts';
import { type ControlType, readEndTransactionMarker } from '../records/control-batch.ts';
import * as batches from '../records/record-batch.ts';
import { openRecords } from '../records/record-cursor.ts';
import type { Timers } from '../runtime/runtime.ts';
import type { BatchProducer, CoordinatorRecord } from './effects.ts';

const READ_BYTES = 256 * 1024;
/** Others get their turn after so many records: a few milliseconds. */
const RECORDS_PER_SLICE = 1000;

/** A record of the log. Views, lent for the call. */
export interface ReplayedRecord extends CoordinatorRecord {
  /** Whose transaction it is part of; undefined for none. */
  readonly producer: BatchProducer | undefined;
}

/** The end of a producer's transaction in this log. */
export interface ReplayedMarker extends BatchProducer {
  readonly type: typeof ControlType.COMMIT | typeof ControlType.ABORT;
  readonly coordinatorEpoch: number;
}

export interface Replay {
  readonly partition: Partition;
  readonly timers: Timers;
  /** Asked between slices. */
  readonly stopped: () => boolean;
  readonly record: (record: ReplayedRecord) => void;
  readonly marker: (marker: ReplayedMarker) => void;
}

/**
 * Replays everything committed so far, in order; returns the number of records. Rejects when the log cannot be read.
 * Control batches that are no ends of transactions are skipped.
 */
export async function replayLog({ partition, timers, stopped, record, marker }: Replay): Promise<number> {
  const end = partition.highWatermark;
  let offset = partition.logStartOffset;
  let count = 0;
  while (offset < end && !stopped()) {
    const parts = await readParts(partition, offset);
    if (parts.length === 0) {
      // The start moved while we read; nothing else hides committed records.
      if (partition.logStartOffset <= offset) throw new Error(`nothing can be read at offset ${offset}`);
      offset = partition.logStartOffset;
      continue;
    }
    for (const part of parts) {
      for (let at = 0; at < part.length; at += batches.batchLength(part, at)) {
        const next = batches.nextOffset(part, at);
        if (batches.isControl(part, at)) {
          if (next > offset) replayMarker(part, at, marker);
        } else {
          const producer = batches.isTransactional(part, at) ? producerOf(part, at) : undefined;
          const cursor = openRecords(part, at);
          while (cursor.next()) {
            if (cursor.offset < offset) continue;
            const key = cursor.key();
            if (key !== null) record({ key, value: cursor.value(), producer });
            count++;
            if (count % RECORDS_PER_SLICE !== 0) continue;
            await othersTurn(timers);
            if (stopped()) return count;
          }
        }
        offset = Math.max(offset, next);
      }
    }
    await othersTurn(timers);
  }
  return count;
}

function replayMarker(part: Buffer, at: number, marker: Replay['marker']): void {
  const cursor = openRecords(part, at);
  if (!cursor.next()) return;
  const end = readEndTransactionMarker(cursor.key(), cursor.value());
  if (end !== undefined) marker({ ...producerOf(part, at), ...end });
}

function producerOf(part: Buffer, at: number): BatchProducer {
  return { producerId: batches.producerId(part, at), producerEpoch: batches.producerEpoch(part, at) };
}

async function readParts(partition: Partition, offset: number): Promise<readonly Buffer[]> {
  const result = partition.read({
    offset,
    maxBytes: READ_BYTES,
    atLeastOne: true,
    isolationLevel: IsolationLevel.READ_UNCOMMITTED,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
  });
  if (result.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return [];
  if (result.errorCode !== ErrorCode.NONE) throw new Error(`the log answers ${errorName(result.errorCode)}`);
  return (await result.read)?.parts ?? [];
}

function othersTurn(timers: Timers): Promise<void> {
  return new Promise((resolve) => timers.defer(resolve));
}

/** One batch, transactional when a producer is named; the caller hands it to the log. */
export function batchOf(
  records: readonly CoordinatorRecord[],
  nowMs: number,
  compression: Compression,
  producer?: BatchProducer,
): Buffer {
  return buildBatch({
    records: records.map(({ key, value }) => ({ key, value, timestampMs: nowMs })),
    compression,
    ...(producer === undefined ? {} : { ...producer, isTransactional: true }),
  });
}

/** Splits what needs not be atomic into batches of this size at most (a single larger record stands alone). */
export function* chunksOf(
  records: readonly CoordinatorRecord[],
  maxBytes: number,
): Generator<readonly CoordinatorRecord[]> {
  let chunk: CoordinatorRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = recordBytes(record);
    if (bytes + size > maxBytes && chunk.length > 0) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(record);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

/** In a batch, estimated from above. */
export function recordBytes({ key, value }: CoordinatorRecord): number {
  return key.length + (value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
}

/** Lengths, deltas and attributes of one record at their longest. */
const RECORD_OVERHEAD_BYTES = 32;
