import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readInt64, writeInt64 } from './int64.ts';

const buffer = Buffer.alloc(8);

describe('a 64-bit integer', () => {
  it('keeps every safe value', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        writeInt64(buffer, value, 0);
        assert.equal(buffer.readBigInt64BE(0), BigInt(value));
        assert.equal(readInt64(buffer, 0), value);
      }),
    );
  });

  it('keeps what lies at the ends of 32 bits', () => {
    for (const near of [0, 2 ** 31, 2 ** 32, -(2 ** 31), -(2 ** 32)]) {
      for (const value of [near - 1, near, near + 1]) {
        buffer.writeBigInt64BE(BigInt(value), 0);
        assert.equal(readInt64(buffer, 0), value);
      }
    }
  });

  it('reads to the nearest number beyond', () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
        buffer.writeBigInt64BE(value, 0);
        assert.equal(readInt64(buffer, 0), Number(value));
      }),
    );
  });

  it('is written as the nearest end of the range when it lies outside', () => {
    writeInt64(buffer, 2 ** 63, 0);
    assert.equal(buffer.readBigInt64BE(0), 2n ** 63n - 1n);
    writeInt64(buffer, -(2 ** 65), 0);
    assert.equal(buffer.readBigInt64BE(0), -(2n ** 63n));
  });
});
