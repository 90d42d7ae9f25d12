import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { compress, decompress, loadCompression } from './compression.ts';
import { Compression, compressionByName, compressionName } from './compression-type.ts';
import { RecordError } from './record-error.ts';
import { xxhash32 } from './xxhash32.ts';

const CODECS = [Compression.GZIP, Compression.SNAPPY, Compression.LZ4, Compression.ZSTD] as const;
const LIMIT = { maxBytes: 8 * 1024 * 1024 };

before(loadCompression);

function pseudoRandom(length: number): Buffer {
  let state = 1;
  return Buffer.from(Array.from({ length }, () => (state = Math.imul(state, 1_664_525) + 1_013_904_223) >>> 24));
}

function errorOf(kind: string): { name: string; kind: string } {
  return { name: 'RecordError', kind };
}

for (const codec of CODECS) {
  describe(`compression with ${compressionName(codec)}`, () => {
    for (const length of [0, 1, 100, 32 * 1024, 32 * 1024 + 1, 64 * 1024, 200_000]) {
      it(`gives back ${length} bytes, whether they shrink or not`, () => {
        for (const bytes of [Buffer.alloc(length, 'abcd'), pseudoRandom(length)]) {
          assert.ok(decompress(codec, compress(codec, bytes), LIMIT).equals(bytes));
        }
      });
    }

    it('shrinks what repeats', () => {
      assert.ok(compress(codec, Buffer.alloc(100_000, 'ottla ')).length < 10_000);
    });

    it('stops at the limit and works exactly at it', () => {
      const bytes = Buffer.concat([pseudoRandom(70_000), Buffer.alloc(70_000)]);
      const compressed = compress(codec, bytes);
      assert.ok(decompress(codec, compressed, { maxBytes: bytes.length }).equals(bytes));
      for (const maxBytes of [bytes.length - 1, 70_001, 1, 0]) {
        assert.throws(() => decompress(codec, compressed, { maxBytes }), errorOf('too-large'));
      }
    });

    it('refuses what is cut off', () => {
      const compressed = compress(codec, Buffer.from('a short text, a short text'));
      for (let length = 0; length < compressed.length; length++) {
        try {
          const plain = decompress(codec, compressed.subarray(0, length), LIMIT);
          // The end of a snappy stream, and an empty zstd one, cannot be seen: nothing may have appeared.
          assert.equal(plain.length, 0);
        } catch (error) {
          assert.ok(error instanceof RecordError && error.kind === 'compression', String(error));
        }
      }
    });

    it('answers any bytes with bytes within the limit or the one error', () => {
      const change = fc.record({ at: fc.nat(), byte: fc.nat(255) });
      const valid = compress(codec, Buffer.concat([Buffer.alloc(3000, 'x'), pseudoRandom(1000)]));
      fc.assert(
        fc.property(
          fc.array(change, { maxLength: 5 }),
          fc.uint8Array({ maxLength: 40 }),
          fc.boolean(),
          (changes, tail, cuts) => {
            const bytes = Buffer.concat([cuts ? valid.subarray(0, 40) : valid, tail]);
            for (const { at, byte } of changes) bytes[at % Math.min(bytes.length, 60)] = byte;
            assertBounded(codec, bytes);
          },
        ),
        { numRuns: 1500 },
      );
      fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => assertBounded(codec, Buffer.from(bytes))));
    });
  });
}

function assertBounded(codec: Compression, bytes: Buffer): void {
  const maxBytes = 20_000;
  try {
    assert.ok(decompress(codec, bytes, { maxBytes }).length <= maxBytes);
  } catch (error) {
    assert.ok(error instanceof RecordError, String(error));
    assert.ok(error.kind === 'compression' || error.kind === 'too-large');
  }
}

describe('other writers of the same formats', () => {
  const text = Buffer.from('one two three one two three one two three');

  it('may send a raw snappy block', () => {
    assert.ok(decompress(Compression.SNAPPY, snappy.compressSync(text), LIMIT).equals(text));
  });

  it('may send several gzip members', () => {
    const bytes = Buffer.concat([gzipSync(text), gzipSync(text)]);
    assert.equal(decompress(Compression.GZIP, bytes, LIMIT).length, 2 * text.length);
  });

  it('may end a gzip stream with a size that is not that of all', () => {
    const long = Buffer.alloc(300_000, 'abc');
    const members = Buffer.concat([gzipSync(long), gzipSync(text)]);
    assert.equal(decompress(Compression.GZIP, members, LIMIT).length, long.length + text.length);
    for (const lie of [0, 1, 299_999, 2 ** 32 - 1]) {
      const bytes = gzipSync(long);
      bytes.writeUInt32LE(lie, bytes.length - 4);
      assert.throws(() => decompress(Compression.GZIP, bytes, LIMIT), errorOf('compression'));
    }
  });

  it('may put checksums into an lz4 frame, and the blocks are checked', () => {
    const frame = lz4.compressFrameSync(text, { blockChecksums: true, contentChecksum: true });
    assert.ok(decompress(Compression.LZ4, frame, LIMIT).equals(text));
    frame[frame.length - 9]! ^= 1;
    assert.throws(() => decompress(Compression.LZ4, frame, LIMIT), errorOf('compression'));
  });

  it('may have hashed the lz4 header wrongly, which is forgiven in magic 0 alone', () => {
    const frame = compress(Compression.LZ4, text);
    frame[6]! ^= 0xff;
    assert.throws(() => decompress(Compression.LZ4, frame, LIMIT), errorOf('compression'));
    assert.ok(decompress(Compression.LZ4, frame, { ...LIMIT, ignoreLz4HeaderChecksum: true }).equals(text));
  });

  it('may put skippable zstd frames around theirs', () => {
    const skippable = Buffer.from('502a4d1803000000aabbcc', 'hex');
    const frame = compress(Compression.ZSTD, text);
    assert.ok(decompress(Compression.ZSTD, Buffer.concat([skippable, frame, skippable]), LIMIT).equals(text));
  });

  it('read our lz4 frames', () => {
    const long = Buffer.concat([Buffer.alloc(100_000, 'abc'), pseudoRandom(70_000)]);
    assert.ok(lz4.decompressFrameSync(compress(Compression.LZ4, long) as Buffer<ArrayBuffer>).equals(long));
  });
});

describe('a hostile stream', () => {
  it('is refused for a size it only declares', () => {
    // A raw snappy block of 2 GiB in five bytes, and a zstd frame of 4 GiB whose one block is empty.
    const snappyBlock = Buffer.from('ffffffff0700', 'hex');
    const zstdFrame = Buffer.from('28b52ffda0ffffffff010000', 'hex');
    assert.throws(() => decompress(Compression.SNAPPY, snappyBlock, { maxBytes: 2 ** 32 }), errorOf('compression'));
    assert.throws(() => decompress(Compression.ZSTD, zstdFrame, { maxBytes: 2 ** 32 }), errorOf('compression'));
  });

  it('is refused when it grows a thousandfold', () => {
    const bombs = CODECS.map((codec) => [codec, compress(codec, Buffer.alloc(4 * 1024 * 1024))] as const);
    for (const [codec, bomb] of bombs) {
      assert.throws(() => decompress(codec, bomb, { maxBytes: 1024 * 1024 }), errorOf('too-large'));
    }
  });
});

describe('compression levels', () => {
  it('reach gzip and zstd', () => {
    const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `line ${i * i} of ${i % 17}\n`).join(''));
    assert.ok(compress(Compression.GZIP, bytes, 9).length < compress(Compression.GZIP, bytes, 1).length);
    assert.ok(compress(Compression.ZSTD, bytes, 19).length < compress(Compression.ZSTD, bytes, -5).length);
  });
});

describe('compression types', () => {
  it('are known by name, other bits are refused', () => {
    assert.equal(compressionByName('zstd'), Compression.ZSTD);
    assert.equal(compressionByName('producer'), undefined);
    assert.throws(() => decompress(5 as Compression, Buffer.alloc(1), LIMIT), errorOf('unsupported'));
  });
});

describe('xxHash32', () => {
  it('is what its specification says', () => {
    assert.equal(xxhash32(Buffer.from('')), 0x02cc5d05);
    assert.equal(xxhash32(Buffer.from('a')), 0x550d7456);
    assert.equal(xxhash32(Buffer.from('Nobody inspects the spammish repetition')), 0xe2293b2f);
  });
});
