import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { buildBatch, type RecordToBuild } from './build-batch.ts';
import * as batches from './record-batch.ts';
import { openRecords } from './record-cursor.ts';
import { RecordError } from './record-error.ts';
import type { RecordSurvey } from './record-survey.ts';

const BASE_MS = 1_700_000_000_000;

const bytes = fc
  .oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 60, maxLength: 300 }))
  .map(Buffer.from);
const record: fc.Arbitrary<RecordToBuild> = fc.record({
  key: fc.option(bytes, { nil: null }),
  value: fc.option(bytes, { nil: null }),
  timestampMs: fc.oneof(
    fc.integer({ min: BASE_MS - 300, max: BASE_MS + 300 }),
    fc.constant(batches.NO_TIMESTAMP),
    fc.integer({ min: 0, max: 2 * BASE_MS }),
  ),
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 8 }), value: fc.option(bytes, { nil: null }) }), {
    maxLength: 3,
  }),
});
const records = fc.array(record, { minLength: 1, maxLength: 200 });

/** What a walk with the cursor learns; undefined when it refuses a record or finds offset deltas with gaps. */
function walked(batch: Buffer): RecordSurvey | undefined {
  let maxTimestampMs: number = batches.NO_TIMESTAMP;
  let indexOfMaxTimestamp = 0;
  let minTimestampMs = Number.POSITIVE_INFINITY;
  let hasRecordWithoutKey = false;
  try {
    const cursor = openRecords(batch, 0);
    for (let index = 0; cursor.next(); index++) {
      if (cursor.offsetDelta !== index) return undefined;
      const timestamp = cursor.timestampMs;
      if (timestamp > maxTimestampMs) {
        maxTimestampMs = timestamp;
        indexOfMaxTimestamp = index;
      }
      if (timestamp !== batches.NO_TIMESTAMP) minTimestampMs = Math.min(minTimestampMs, timestamp);
      if (cursor.keyLength < 0) hasRecordWithoutKey = true;
    }
  } catch (error) {
    if (error instanceof RecordError) return undefined;
    throw error;
  }
  return { maxTimestampMs, indexOfMaxTimestamp, minTimestampMs, hasRecordWithoutKey };
}

function surveyed(batch: Buffer): RecordSurvey | undefined {
  return openRecords(batch, 0).survey();
}

describe('a survey of records', () => {
  it('says of sound records what a walk over them says', () => {
    fc.assert(
      fc.property(records, (written) => {
        const batch = buildBatch({ records: written });
        const survey = surveyed(batch);
        const timestamps = written.map((one) => one.timestampMs ?? 0);
        const isNear = timestamps.every((timestamp) => Math.abs(timestamp - timestamps[0]!) < 2 ** 27);
        if (survey !== undefined || isNear) assert.deepEqual(survey, walked(batch));
      }),
      { numRuns: 300 },
    );
  });

  it('never says more of damaged records than a walk over them, and nothing of those that it refuses', () => {
    let saidSomething = 0;
    const damages = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 6 }), damages, (written, places) => {
        const batch = buildBatch({ records: written });
        const recordBytes = batch.length - batches.BATCH_HEADER_BYTES;
        for (const [place, byte] of places) batch[batches.BATCH_HEADER_BYTES + (place % recordBytes)] = byte;
        const survey = surveyed(batch);
        if (survey === undefined) return;
        saidSomething++;
        assert.deepEqual(survey, walked(batch));
      }),
      { numRuns: 3000 },
    );
    assert.ok(saidSomething > 0);
  });

  it('is undefined for records that end early, wherever they are cut', () => {
    const batch = buildBatch({
      records: [
        { key: null, value: Buffer.alloc(100), timestampMs: BASE_MS },
        {
          key: Buffer.from('k'),
          value: null,
          timestampMs: BASE_MS + 70,
          headers: [{ key: 'h', value: Buffer.alloc(70) }],
        },
      ],
    });
    assert.deepEqual(surveyed(batch), walked(batch));
    for (let length = batch.length - 1; length >= batches.BATCH_HEADER_BYTES; length--) {
      for (const cut of [
        Buffer.from(batch.subarray(0, length)),
        Buffer.concat([batch.subarray(0, length), Buffer.alloc(8)]),
      ]) {
        cut.writeInt32BE(length - batches.LOG_OVERHEAD_BYTES, batches.LENGTH_AT);
        assert.equal(surveyed(cut), undefined);
      }
    }
  });

  it('is undefined for offset deltas with gaps, and for log append time', () => {
    const one = { key: null, value: null, timestampMs: BASE_MS };
    assert.equal(surveyed(buildBatch({ records: [one], logAppendTimeMs: BASE_MS })), undefined);
    const batch = buildBatch({ records: [one, one] });
    // size, attributes, timestamp delta, offset delta, key, value, headers: seven bytes each.
    batch[batches.BATCH_HEADER_BYTES + 7 + 3] = 4;
    assert.equal(surveyed(batch), undefined);
    assert.equal(walked(batch), undefined);
  });
});
