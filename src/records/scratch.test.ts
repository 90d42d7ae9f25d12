import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compress, decompress } from './compression.ts';
import { Compression } from './compression-type.ts';
import { Scratch } from './scratch.ts';

const LIMIT = { maxBytes: 8 * 1024 * 1024 };

test('what is decompressed into a scratch is what is decompressed without, batch after batch of any size', () => {
  const scratch = new Scratch();
  const sizes = [0, 10, 65_536, 65_537, 300_000, 100, 3_000_000, 200_000];
  for (const codec of [Compression.LZ4, Compression.SNAPPY, Compression.GZIP]) {
    for (const [index, size] of sizes.entries()) {
      const plain = Buffer.alloc(size, `the ${index}th of some batches, `);
      const packed = compress(codec, plain);
      assert.ok(decompress(codec, packed, { ...LIMIT, scratch }).equals(plain));
      assert.ok(decompress(codec, packed, LIMIT).equals(plain));
    }
  }
});

test('a scratch gives the same memory again, and keeps nothing large', () => {
  const scratch = new Scratch();
  const first = scratch.take(100_000);
  assert.ok(first.length >= 100_000);
  assert.equal(scratch.take(50_000), first);
  const large = scratch.take(5_000_000);
  assert.equal(large.length, 5_000_000);
  assert.notEqual(scratch.take(5_000_000), large);
  assert.equal(scratch.take(100_000), first);
});

test('what was decompressed without a scratch stays as it is', () => {
  const scratch = new Scratch();
  const [one, other] = [Buffer.alloc(200_000, 'one'), Buffer.alloc(200_000, 'other')];
  const kept = decompress(Compression.LZ4, compress(Compression.LZ4, one), LIMIT);
  decompress(Compression.LZ4, compress(Compression.LZ4, other), { ...LIMIT, scratch });
  assert.ok(kept.equals(one));
});
