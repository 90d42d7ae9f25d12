import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from './token-bucket.ts';
import { throttleMs, WindowedRate } from './windowed-rate.ts';

test('a first burst is spread over the windows it could have used', () => {
  const rate = new WindowedRate(1000, 11);
  rate.record(10_000, 0);
  assert.equal(rate.spanMs(0), 10_000);
  assert.equal(rate.rate(0), 1000);
  assert.equal(throttleMs(rate.rate(0), 1000, rate.spanMs(0)), 0);
  rate.record(5_000, 500);
  // 15,000 within 10.5 s against 1,000 a second: 4.5 s too early.
  assert.equal(throttleMs(rate.rate(500), 1000, rate.spanMs(500)), 4500);
});

test('what is older than all windows is forgotten', () => {
  const rate = new WindowedRate(1000, 3);
  rate.record(3000, 0);
  rate.record(3000, 1000);
  assert.ok(rate.rate(2000) > 2900);
  assert.equal(rate.rate(10_000), 0);
});

test('recording a negative value takes back what was recorded', () => {
  const rate = new WindowedRate(1000, 3);
  rate.record(3000, 0);
  rate.record(-3000, 0);
  assert.equal(rate.rate(0), 0);
});

test('a bucket lets a burst through and then asks to wait for the debt', () => {
  const bucket = new TokenBucket(10, 0);
  bucket.take(10, 1, 10, 0);
  assert.equal(bucket.waitMs(1, 10, 0), 0);
  bucket.take(5, 1, 10, 0);
  assert.equal(bucket.waitMs(1, 10, 0), 5000);
  assert.equal(bucket.waitMs(1, 10, 5000), 0);
  bucket.take(-100, 1, 10, 5000);
  bucket.take(10, 1, 10, 5000);
  assert.equal(bucket.waitMs(1, 10, 5000), 0, 'it never holds more than the burst');
});
