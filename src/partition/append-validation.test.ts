import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { ErrorCode } from '../protocol/error-code.ts';
import { type BatchToBuild, buildBatch, type RecordToBuild } from '../records/build-batch.ts';
import { compress, loadCompression } from '../records/compression.ts';
import { Compression } from '../records/compression-type.ts';
import { buildEndTransactionMarker, ControlType } from '../records/control-batch.ts';
import { readBatches } from '../records/read-batches.ts';
import * as batches from '../records/record-batch.ts';
import type { AppendRules } from './append-rules.ts';
import { type AppendPlace, type Refused, type Validated, validateAppend } from './append-validation.ts';
import { RECORD_REFUSALS_MAX } from './record-refusals.ts';

const NOW_MS = 1_700_000_001_000;

const RULES: AppendRules = {
  topicPartition: 'orders-3',
  maxMessageBytes: 1_048_588,
  segmentBytes: 1_073_741_824,
  compacted: false,
  timestampType: batches.TimestampType.CREATE_TIME,
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
  compression: undefined,
  compressionLevel: undefined,
};

const PLACE: AppendPlace = {
  origin: 'client',
  zstdAllowed: true,
  nextOffset: 5_000_000_000,
  leaderEpoch: 7,
  nowMs: NOW_MS,
};

before(loadCompression);

function record(fields: Partial<RecordToBuild> = {}): RecordToBuild {
  return { key: Buffer.from('key'), value: Buffer.from('value '.repeat(20)), timestampMs: NOW_MS - 10, ...fields };
}

function batchOf(fields: Partial<BatchToBuild> = {}): Buffer {
  return buildBatch({ records: [record(), record({ timestampMs: NOW_MS - 5 }), record()], ...fields });
}

function accepted(answer: Validated | Refused): Validated {
  assert.equal(answer.errorCode, ErrorCode.NONE, answer.errorCode === ErrorCode.NONE ? '' : answer.reason);
  return answer as Validated;
}

function refused(answer: Validated | Refused, code: ErrorCode): Refused {
  assert.equal(answer.errorCode, code);
  return answer as Refused;
}

describe('a batch that needs no other form', () => {
  for (const compression of [Compression.NONE, Compression.LZ4]) {
    it(`is patched where it lies, compression type ${compression}`, () => {
      const bytes = batchOf({ compression });
      const storedCrc = batches.checksum(bytes, 0);
      const answer = accepted(validateAppend(bytes, RULES, PLACE));
      assert.equal(answer.batch, bytes);
      assert.equal(answer.isRewritten, false);
      assert.equal(batches.checksum(bytes, 0), storedCrc);
      assert.equal(batches.baseOffset(bytes, 0), 5_000_000_000);
      assert.equal(batches.partitionLeaderEpoch(bytes, 0), 7);
    });
  }

  it('says its range, its size and where its greatest timestamp is', () => {
    const { batch: _, ...answer } = accepted(validateAppend(batchOf(), RULES, PLACE));
    assert.deepEqual(answer, {
      errorCode: ErrorCode.NONE,
      isRewritten: false,
      baseOffset: 5_000_000_000,
      lastOffset: 5_000_000_002,
      recordCount: 3,
      maxTimestampMs: NOW_MS - 5,
      offsetOfMaxTimestamp: 5_000_000_001,
      logAppendTimeMs: -1,
    });
  });

  it('gets log append time with a new checksum, and the first record stands for it', () => {
    const rules = { ...RULES, timestampType: batches.TimestampType.LOG_APPEND_TIME };
    const answer = accepted(validateAppend(batchOf(), rules, PLACE));
    assert.ok(batches.verifyCrc(answer.batch, 0));
    assert.equal(answer.logAppendTimeMs, NOW_MS);
    assert.equal(answer.offsetOfMaxTimestamp, 5_000_000_000);
    const [read] = [...readBatches(answer.batch)];
    assert.deepEqual(
      [...read!.records()].map((found) => found.timestampMs),
      [NOW_MS, NOW_MS, NOW_MS],
    );
  });

  it('loses an incomplete batch behind it', () => {
    const whole = batchOf();
    const answer = accepted(validateAppend(Buffer.concat([whole, whole.subarray(0, 50)]), RULES, PLACE));
    assert.equal(answer.batch.length, whole.length);
  });
});

describe('a batch for a topic with another codec', () => {
  it('is recompressed with the level asked for, its producer and records unchanged', () => {
    const rules = { ...RULES, compression: Compression.ZSTD, compressionLevel: 19 };
    const bytes = batchOf({ producerId: 99, producerEpoch: 4, baseSequence: 11, isTransactional: true });
    const before = [...[...readBatches(bytes)][0]!.records()];
    const answer = accepted(validateAppend(bytes, rules, PLACE));
    assert.equal(answer.isRewritten, true);
    assert.ok(batches.verifyCrc(answer.batch, 0));
    const [read] = [...readBatches(answer.batch)];
    assert.equal(read!.compression, Compression.ZSTD);
    assert.equal(read!.producerId, 99);
    assert.equal(read!.producerEpoch, 4);
    assert.equal(read!.baseSequence, 11);
    assert.equal(read!.isTransactional, true);
    assert.deepEqual(
      [...read!.records()],
      before.map((found, index) => ({ ...found, offset: 5_000_000_000 + index })),
    );
    const plain = batches.recordBytes(batchOf(), 0);
    assert.deepEqual(batches.recordBytes(answer.batch, 0), compress(Compression.ZSTD, plain, 19));
  });

  it('is measured again after growing', () => {
    const bytes = batchOf({ compression: Compression.GZIP });
    const rules = { ...RULES, compression: Compression.NONE, maxMessageBytes: bytes.length };
    refused(validateAppend(bytes, rules, PLACE), ErrorCode.MESSAGE_TOO_LARGE);
  });
});

describe('a batch of a coordinator', () => {
  const place: AppendPlace = { ...PLACE, origin: 'coordinator' };
  const marker = {
    type: ControlType.COMMIT,
    coordinatorEpoch: 3,
    timestampMs: NOW_MS,
    producerId: 9,
    producerEpoch: 1,
  } as const;

  it('may be a transaction marker, which is never compressed', () => {
    const bytes = buildEndTransactionMarker(marker);
    const answer = accepted(validateAppend(bytes, { ...RULES, compression: Compression.GZIP }, place));
    assert.equal(answer.batch, bytes);
    assert.equal(batches.isControl(answer.batch, 0), true);
  });

  it('is refused where a client sends it', () => {
    refused(validateAppend(buildEndTransactionMarker(marker), RULES, PLACE), ErrorCode.INVALID_RECORD);
  });
});

describe('a hostile batch', () => {
  it('may not decompress to more than the limit', () => {
    for (const compression of [Compression.GZIP, Compression.SNAPPY, Compression.LZ4, Compression.ZSTD]) {
      const bytes = batchOf({ compression, records: [record({ value: Buffer.alloc(300_000) })] });
      refused(validateAppend(bytes, RULES, PLACE, 200_000), ErrorCode.MESSAGE_TOO_LARGE);
      accepted(validateAppend(bytes, RULES, PLACE, 400_000));
    }
  });

  it('gets no longer list of refusals than the limit, and still the right count', () => {
    const records = Array.from({ length: RECORD_REFUSALS_MAX + 50 }, () => record({ key: null, value: null }));
    const answer = refused(
      validateAppend(buildBatch({ records }), { ...RULES, compacted: true }, PLACE),
      ErrorCode.INVALID_RECORD,
    );
    assert.equal(answer.recordErrors.length, RECORD_REFUSALS_MAX);
    assert.match(answer.errorMessage!, /due to 1050 record errors in total/);
  });

  it('never gets anything but an answer, whatever its bytes', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255) });
    const properties = fc.property(
      fc.constantFrom(Compression.NONE, Compression.GZIP, Compression.SNAPPY, Compression.LZ4, Compression.ZSTD),
      fc.constantFrom(undefined, Compression.NONE, Compression.SNAPPY),
      fc.array(change, { maxLength: 4 }),
      fc.boolean(),
      (compression, target, changes, fixesCrc) => {
        const bytes = batchOf({ compression });
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        if (fixesCrc && batches.batchLength(bytes, 0) === bytes.length) batches.updateCrc(bytes, 0);
        const answer = validateAppend(bytes, { ...RULES, compression: target }, PLACE, 1_000_000);
        if (answer.errorCode !== ErrorCode.NONE) return;
        assert.ok(batches.verifyCrc(answer.batch, 0));
        const [read] = [...readBatches(answer.batch)];
        const offsets = [...read!.records()].map((found) => found.offset);
        assert.deepEqual(
          offsets,
          offsets.map((_, index) => PLACE.nextOffset + index),
        );
      },
    );
    fc.assert(properties, { numRuns: 2000 });
  });

  it('may be of any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const answer = validateAppend(Buffer.from(bytes), RULES, PLACE, 1_000_000);
        assert.notEqual(answer.errorCode, ErrorCode.NONE);
      }),
      { numRuns: 2000 },
    );
  });
});
