import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readGolden } from '../../test/golden/read.ts';
import { concatenatedCrc32c, crc32c, NATIVE_MIN_BYTES, tableCrc32c } from './crc32c.ts';

describe('CRC-32C', () => {
  it('is what Java computes', () => {
    const lines = readGolden<{ kind: string; input: string; crc32c: number }>('primitives');
    const hashes = lines.filter((line) => line.kind === 'hash');
    assert.ok(hashes.length > 5);
    for (const { input, crc32c: expected } of hashes) assert.equal(crc32c(Buffer.from(input)), expected);
  });

  it('is the same from the table and from native code, at every length and offset', () => {
    const bytes = Buffer.from(Array.from({ length: 4 * NATIVE_MIN_BYTES }, (_, i) => (i * 31 + (i >> 3)) & 0xff));
    for (let length = 0; length < 3 * NATIVE_MIN_BYTES; length += 7) {
      for (let start = 0; start < 9; start++) {
        assert.equal(crc32c(bytes, start, start + length), tableCrc32c(bytes, start, start + length));
      }
    }
  });

  it('continues from a seed across any cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3 * NATIVE_MIN_BYTES, size: 'max' }), fc.nat(), (bytes, at) => {
        const cut = bytes.length === 0 ? 0 : at % bytes.length;
        const head = crc32c(bytes, 0, cut);
        assert.equal(crc32c(bytes, cut, bytes.length, head), crc32c(bytes));
      }),
    );
  });

  it('of two inputs together is told from their checksums and the length of the second', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 700, size: 'max' }),
        fc.uint8Array({ maxLength: 700, size: 'max' }),
        (a, b) => {
          const both = crc32c(Buffer.concat([a, b]));
          assert.equal(concatenatedCrc32c(crc32c(a), crc32c(b), b.length), both);
          assert.equal(concatenatedCrc32c(crc32c(a), crc32c(b), b.length), both);
        },
      ),
    );
    const zeros = Buffer.alloc(2 ** 20 + 12_345);
    const all = crc32c(Buffer.concat([Buffer.from('ottla'), zeros]));
    assert.equal(concatenatedCrc32c(crc32c(Buffer.from('ottla')), crc32c(zeros), zeros.length), all);
  });
});
