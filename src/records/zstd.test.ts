import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { loadCompression, unpackFrames, zstdCompress } from './zstd.ts';
import { loadZstdWasm, type ZstdLibrary } from './zstd-wasm.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const SKIPPABLE = Buffer.from('502a4d1803000000aabbcc', 'hex');
let wasm: ZstdLibrary;

before(async () => {
  wasm = await loadZstdWasm();
  await loadCompression();
});

/** Compressible, and different for every seed. */
function textOf(bytes: number, seed: number): Buffer {
  return Buffer.from(`${seed} is what this text is about, `.repeat(bytes / 30 + 1)).subarray(0, bytes);
}

const size = fc.oneof(
  fc.nat(500),
  fc.nat(200_000),
  fc.constantFrom(64 * 1024, 1024 * 1024, 1024 * 1024 + 1, 3_000_000),
);

test('WebAssembly gives back what it or the other library packed, in any number of frames, and keeps hands off it', () => {
  const results: { plain: Buffer; expected: Buffer }[] = [];
  fc.assert(
    fc.property(
      fc.array(size, { maxLength: 4 }),
      fc.nat(),
      fc.boolean(),
      fc.boolean(),
      (sizes, seed, own, isGlance) => {
        const texts = sizes.map((bytes, index) => textOf(bytes, seed + index));
        const frames = texts.map((text) => (own ? wasm.compress(text, 3) : zstdCompress(text)));
        const expected = Buffer.concat(texts);
        const plain = unpackFrames(wasm, Buffer.concat([SKIPPABLE, ...frames]), MAX_BYTES, isGlance);
        assert.ok(plain.equals(expected));
        if (!isGlance) results.push({ plain, expected });
      },
    ),
    { numRuns: 60 },
  );
  for (const { plain, expected } of results) assert.ok(plain.equals(expected));
});

test('WebAssembly packs what it has just unpacked, while its memory grows', () => {
  const text = textOf(900_000, 7);
  const glance = unpackFrames(wasm, wasm.compress(text, 1), MAX_BYTES, true);
  assert.ok(unpackFrames(wasm, wasm.compress(glance, 19), MAX_BYTES, false).equals(text));
});

test('WebAssembly goes on after a broken frame and after one that is too large', () => {
  const text = textOf(100_000, 3);
  const frame = wasm.compress(text, 3);
  const broken = Buffer.from(frame);
  broken.fill(0xff, 12, 30);
  for (let i = 0; i < 20; i++) {
    assert.throws(() => unpackFrames(wasm, broken, MAX_BYTES, true), { name: 'RecordError', kind: 'compression' });
    assert.throws(() => unpackFrames(wasm, frame, 99_999, true), { name: 'RecordError', kind: 'too-large' });
    assert.ok(unpackFrames(wasm, frame, 100_000, true).equals(text));
  }
});

test('a frame that does not say its size and grows beyond the limit is too large', () => {
  // One block of 20 bytes, each the same one: a frame without a content size and with a window of 1 KiB.
  const frame = Buffer.from('28b52ffd0000a3000061', 'hex');
  assert.ok(unpackFrames(wasm, frame, 20, true).equals(Buffer.alloc(20, 'a')));
  assert.throws(() => unpackFrames(wasm, frame, 19, true), { name: 'RecordError', kind: 'too-large' });
});
