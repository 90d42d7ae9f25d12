// Frames come out of a stream whole and in order, however it was cut, and a declared size alone costs nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameAssembler, FrameSizeError } from './frame-assembler.ts';
import { RegionPool } from './region-pool.ts';

const MAX = 1024 * 1024;

function framed(body: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

/** Feeds bytes in pieces of at most `pieceBytes`, taking frames as soon as they are whole. */
function feed(assembler: FrameAssembler, bytes: Buffer, pieceBytes: number): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const room = assembler.buffer();
    assert.ok(room.length > 0);
    const count = Math.min(room.length, pieceBytes, bytes.length - at);
    bytes.copy(room, 0, at, at + count);
    at += count;
    assembler.received(count);
    for (let frame = assembler.next(); frame; frame = assembler.next()) {
      frames.push(frame);
    }
  }
  return frames;
}

test('frames come out whole and in order however the stream was cut, and stay unchanged', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 30 });
  fc.assert(
    fc.property(bodies, fc.integer({ min: 1, max: 20_000 }), (parts, pieceBytes) => {
      const frames = feed(new FrameAssembler(MAX), Buffer.concat(parts.map(framed)), pieceBytes);
      assert.deepEqual(
        frames.map((frame) => frame.toString('hex')),
        parts.map((part) => Buffer.from(part).toString('hex')),
      );
    }),
    { numRuns: 200 },
  );
});

test('large frames among small ones come out whole', () => {
  const bodies = [10, 700_000, 3, MAX, 0, 300_000, 65_536].map((size, index) => Buffer.alloc(size, index + 1));
  const frames = feed(new FrameAssembler(MAX), Buffer.concat(bodies.map(framed)), 64 * 1024);
  assert.equal(frames.length, bodies.length);
  for (const [index, frame] of frames.entries()) {
    assert.ok(frame.equals(bodies[index]!), `frame ${index}`);
  }
});

test('a connection that sent nothing yet holds one kilobyte', () => {
  assert.equal(new FrameAssembler(MAX).buffer().buffer.byteLength <= 8192, true);
  assert.equal(new FrameAssembler(MAX).buffer().length, 1024);
});

test('a stranger that declares a large frame gets memory only as its bytes arrive', () => {
  const assembler = new FrameAssembler(100 * MAX);
  const size = Buffer.alloc(4);
  size.writeInt32BE(100 * MAX);
  assert.deepEqual(feed(assembler, size, 4), []);
  let received = 4;
  for (let round = 0; round < 60; round++) {
    const room = assembler.buffer();
    assert.ok(room.length <= Math.max(64 * 1024, 2 * received), `${room.length} after ${received} bytes`);
    assembler.received(room.length);
    received += room.length;
    if (received > 4 * MAX) {
      return;
    }
  }
  assert.fail('the frame did not grow');
});

test('a negative and an oversized length are refused', () => {
  for (const declared of [-1, -0x80000000, MAX + 1, 0x7fffffff]) {
    const assembler = new FrameAssembler(MAX);
    const size = Buffer.alloc(4);
    size.writeInt32BE(declared);
    size.copy(assembler.buffer());
    assembler.received(4);
    assert.ok(assembler.hasNext);
    assert.throws(() => assembler.next(), FrameSizeError);
  }
});

test('with a pool, frames are good until the next bytes are asked for, and a few regions serve a long stream', () => {
  const pool = new RegionPool({ freeBytesMax: 8 * MAX, poisons: true });
  const assembler = new FrameAssembler(MAX, pool);
  const body = (index: number): Buffer => Buffer.alloc(1 + ((index * 7919) % 100_000), index);
  let seen = 0;
  for (let index = 0; index < 500; index++) {
    const bytes = framed(body(index));
    for (let at = 0; at < bytes.length; ) {
      const room = assembler.buffer();
      const count = Math.min(room.length, bytes.length - at);
      bytes.copy(room, 0, at, at + count);
      at += count;
      assembler.received(count);
      for (let frame = assembler.next(); frame; frame = assembler.next()) {
        assert.ok(frame.equals(body(seen)), `frame ${seen}`);
        seen++;
      }
    }
  }
  assert.equal(seen, 500);
  assert.ok(pool.allocated < 20, `${pool.allocated} regions were allocated`);
});

test('a region that somebody keeps views of is never used again', () => {
  const pool = new RegionPool({ freeBytesMax: 8 * MAX, poisons: true });
  const assembler = new FrameAssembler(MAX, pool);
  const bodies = Array.from({ length: 60 }, (_, index) => Buffer.alloc(50_000, index));
  const kept: Buffer[] = [];
  for (const [index, body] of bodies.entries()) {
    const bytes = framed(body);
    for (let at = 0; at < bytes.length; ) {
      const room = assembler.buffer();
      const count = bytes.copy(room, 0, at);
      at += count;
      assembler.received(count);
      const frame = assembler.next();
      if (frame === undefined) continue;
      kept.push(frame);
      assembler.keepRegion();
      assert.equal(kept.length, index + 1);
    }
  }
  for (const [index, frame] of kept.entries()) assert.ok(frame.equals(bodies[index]!), `frame ${index}`);
});
