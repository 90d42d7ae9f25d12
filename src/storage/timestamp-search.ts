// Finds single records by timestamp inside one batch, exactly, decompressing it.

import { readBatches } from '../records/read-batches.ts';
import { partitionLeaderEpoch } from '../records/record-batch.ts';
import type { TimestampAndOffset } from './storage.ts';

/** The first record of the batch at or after `timestampMs` whose offset is at least `startOffset`. */
export function recordAtOrAfter(
  batch: Buffer,
  timestampMs: number,
  startOffset: number,
): TimestampAndOffset | undefined {
  for (const { timestampMs: timestamp, offset } of recordsOf(batch)) {
    if (timestamp >= timestampMs && offset >= startOffset) return found(batch, timestamp, offset);
  }
  return undefined;
}

/** The first record with the greatest timestamp of the batch. */
export function firstRecordWith(batch: Buffer, startOffset: number): TimestampAndOffset | undefined {
  let best: TimestampAndOffset | undefined;
  for (const { timestampMs: timestamp, offset } of recordsOf(batch)) {
    if (offset >= startOffset && timestamp > (best?.timestampMs ?? -2)) best = found(batch, timestamp, offset);
  }
  return best;
}

function* recordsOf(batch: Buffer): Generator<{ timestampMs: number; offset: number }> {
  for (const one of readBatches(batch)) yield* one.records();
}

function found(batch: Buffer, timestampMs: number, offset: number): TimestampAndOffset {
  return { timestampMs, offset, leaderEpoch: partitionLeaderEpoch(batch, 0) };
}
