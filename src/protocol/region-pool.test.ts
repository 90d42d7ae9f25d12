// Regions come back when their last user lets go, not before, and misuse does not go unseen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegionPool, regionOf, releaseAll } from './region-pool.ts';

const KIB = 1024;

test('a region is used again when every user has released it, and not before', () => {
  const pool = new RegionPool({ freeBytesMax: 1024 * KIB });
  const region = pool.take(100 * KIB);
  region.retain();
  region.release();
  assert.notEqual(pool.take(100 * KIB).buffer, region.buffer);
  region.release();
  const again = pool.take(100 * KIB);
  assert.equal(again.buffer, region.buffer);
  assert.equal(pool.allocated, 2);
  assert.throws(() => region.release(), /released once/);
  assert.throws(() => region.retain(), /may still look/);
  assert.equal(again.references, 1);
});

test('sizes are rounded up little enough to share and to waste little', () => {
  const pool = new RegionPool({ freeBytesMax: 1024 * KIB });
  for (const bytes of [1, 4096, 4097, 70_000, 262_144, 1_000_000, 5_000_001]) {
    const { buffer } = pool.take(bytes);
    assert.ok(buffer.length >= bytes, `${buffer.length} for ${bytes}`);
    assert.ok(buffer.length <= Math.max(bytes * 1.125 + 1, bytes + 4096), `${buffer.length} for ${bytes}`);
    assert.equal(buffer.byteOffset, 0);
  }
  pool.take(100_001).release();
  assert.equal(pool.take(100_002).buffer.length, pool.take(100_003).buffer.length);
  assert.equal(pool.allocated, 7 + 2);
});

test('what waits for its next use stays below its limit', () => {
  const pool = new RegionPool({ freeBytesMax: 256 * KIB });
  const held = Array.from({ length: 10 }, () => pool.take(64 * KIB));
  releaseAll(held);
  assert.equal(pool.freeBytes, 256 * KIB);
  for (let i = 0; i < 4; i++) pool.take(64 * KIB);
  assert.equal(pool.freeBytes, 0);
  assert.equal(pool.allocated, 10);
});

test('sizes that are asked for no more make room for those that are', () => {
  const pool = new RegionPool({ freeBytesMax: 256 * KIB });
  releaseAll(Array.from({ length: 4 }, () => pool.take(64 * KIB)));
  const large = pool.take(100 * KIB);
  large.release();
  assert.ok(pool.freeBytes <= 256 * KIB);
  assert.equal(pool.take(100 * KIB).buffer, large.buffer);
  const { allocated } = pool;
  pool.take(64 * KIB);
  pool.take(64 * KIB);
  assert.equal(pool.allocated, allocated);
  pool.take(300 * KIB).release();
  assert.ok(pool.freeBytes <= 256 * KIB);
});

test('what nobody needed between two trims goes', () => {
  const pool = new RegionPool({ freeBytesMax: 1024 * KIB });
  releaseAll(Array.from({ length: 8 }, () => pool.take(64 * KIB)));
  pool.trim();
  assert.equal(pool.freeBytes, 512 * KIB);
  releaseAll([pool.take(64 * KIB), pool.take(64 * KIB)]);
  pool.trim();
  assert.equal(pool.freeBytes, 128 * KIB);
  pool.trim();
  assert.equal(pool.freeBytes, 0);
});

test('a view finds its region while somebody uses it, and none in memory of other kinds', () => {
  const pool = new RegionPool({ freeBytesMax: 256 * KIB });
  const region = pool.take(64 * KIB);
  const view = region.buffer.subarray(10, 20);
  assert.equal(regionOf(view), region);
  region.release();
  assert.equal(regionOf(view), undefined);
  assert.equal(regionOf(Buffer.alloc(64 * KIB)), undefined);
});

test('poison shows a reader that was late, and a writer that was late stops the next user', () => {
  const pool = new RegionPool({ freeBytesMax: 256 * KIB, poisons: true });
  const region = pool.take(64 * KIB);
  region.buffer.fill('x');
  const late = region.buffer.subarray(100, 104);
  region.release();
  assert.equal(late.toString('hex'), 'dbdbdbdb');
  late[0] = 0;
  assert.throws(() => pool.take(64 * KIB), /written after it was released/);
});
