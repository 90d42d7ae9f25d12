import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checksumOfBatches } from './batches-checksum.ts';
import { buildBatch } from './build-batch.ts';
import { Compression } from './compression-type.ts';
import { crc32c } from './crc32c.ts';
import {
  setLastOffset,
  setMaxTimestampAndType,
  setPartitionLeaderEpoch,
  TimestampType,
  verifyCrc,
} from './record-batch.ts';

/** What a producer may send, and what the broker writes into it before it is stored. */
const stored = fc.record({
  valueBytes: fc.oneof(fc.nat(300), fc.integer({ min: 3_900, max: 4_200 }), fc.constantFrom(9_000, 70_000)),
  fill: fc.nat(255),
  records: fc.integer({ min: 1, max: 3 }),
  compression: fc.constantFrom(Compression.NONE, Compression.GZIP, Compression.LZ4),
  lastOffset: fc.integer({ min: 2, max: 2 ** 48 }),
  leaderEpoch: fc.nat(2 ** 31 - 1),
  stampedMs: fc.option(fc.nat(2 ** 41)),
});
type Stored = typeof stored extends fc.Arbitrary<infer T> ? T : never;

function batchOf({ valueBytes, fill, records, compression, lastOffset, leaderEpoch, stampedMs }: Stored): Buffer {
  const record = { timestampMs: 1_000, key: null, value: Buffer.alloc(valueBytes, fill) };
  const batch = buildBatch({ records: Array.from({ length: records }, () => record), compression });
  setLastOffset(batch, 0, lastOffset);
  setPartitionLeaderEpoch(batch, 0, leaderEpoch);
  if (stampedMs !== null) setMaxTimestampAndType(batch, 0, TimestampType.LOG_APPEND_TIME, stampedMs);
  return batch;
}

test('the checksum of batches is that of their bytes, whatever their sizes, what was patched in and what stands around them', () => {
  fc.assert(
    fc.property(fc.array(stored, { maxLength: 8 }), fc.nat(), (shapes, seed) => {
      const batches = shapes.map(batchOf);
      for (const batch of batches) assert.ok(verifyCrc(batch, 0));
      const bytes = Buffer.concat([Buffer.from('before'), ...batches, Buffer.from('behind')]);
      const end = bytes.length - 6;
      assert.equal(checksumOfBatches(bytes, 6, end, seed), crc32c(bytes, 6, end, seed));
    }),
  );
});

test('a large batch that is not what its checksum says makes a checksum that its bytes do not have', () => {
  const batch = buildBatch({ records: [{ timestampMs: 1_000, key: null, value: Buffer.alloc(10_000) }] });
  batch[5_000]! ^= 1;
  assert.notEqual(checksumOfBatches(batch), crc32c(batch));
});
