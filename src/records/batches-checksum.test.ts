import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checksumOfBatches } from './batches-checksum.ts';
import { buildBatch } from './build-batch.ts';
import { crc32c } from './crc32c.ts';

function batchOf(valueBytes: number, baseOffset: number): Buffer {
  const records = [{ timestampMs: 1_000, key: null, value: Buffer.alloc(valueBytes, baseOffset) }];
  return buildBatch({ records, baseOffset, partitionLeaderEpoch: baseOffset % 7 });
}

test('the checksum of batches is that of their bytes, whatever their sizes and what stands before them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(1, 100, 4_000, 4_100, 9_000, 70_000), { maxLength: 8 }),
      fc.nat(),
      (sizes, seed) => {
        const batches = sizes.map((bytes, index) => batchOf(bytes, index));
        const bytes = Buffer.concat([Buffer.from('before'), ...batches, Buffer.from('behind')]);
        const end = bytes.length - 6;
        assert.equal(checksumOfBatches(bytes, 6, end, seed), crc32c(bytes, 6, end, seed));
      },
    ),
  );
});

test('a large batch that is not what its checksum says makes a checksum that its bytes do not have', () => {
  const batch = batchOf(10_000, 1);
  batch[5_000]! ^= 1;
  assert.notEqual(checksumOfBatches(batch), crc32c(batch));
});
