// Reading on the event loop stops as soon as it takes long, and is tried again ever more seldom.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenFile } from '../../runtime/files.ts';
import { PromptReads } from './prompt-reads.ts';

const PIECE = 128 * 1024;

/** A file whose pieces take as long as told, and a clock that sees it. */
function world(pieceMsMax = 1) {
  const state = { nowMs: 0, pieceMs: 0.02, sizeBytes: 100 * PIECE };
  const deferred: (() => void)[] = [];
  const clock = { nowMs: () => 0, monotonicMs: () => state.nowMs };
  const timers = { defer: (callback: () => void) => void deferred.push(callback) } as never;
  const file = {
    readSync(into: Uint8Array, position: number): number {
      state.nowMs += state.pieceMs;
      const count = Math.max(0, Math.min(into.length, state.sizeBytes - position));
      into.fill(7, 0, count);
      return count;
    },
  } as unknown as OpenFile;
  const nextTurn = () => {
    for (const callback of deferred.splice(0)) callback();
  };
  return { state, file, nextTurn, reads: new PromptReads(clock, timers, pieceMsMax) };
}

/** How many reads in a row are refused. */
function refusals({ reads, nextTurn }: ReturnType<typeof world>): number {
  for (let count = 0; ; count++) {
    nextTurn();
    if (reads.mayRead()) return count;
  }
}

test('what is in memory is read whole, up to the end of the file', () => {
  const { reads, file, state } = world();
  assert.equal(reads.mayRead(), true);
  const into = Buffer.alloc(3 * PIECE + 5);
  assert.equal(reads.read(file, into, 0), into.length);
  assert.ok(into.every((byte) => byte === 7));
  assert.equal(reads.read(file, into, state.sizeBytes - 10), 10);
});

test('the first slow piece ends the read, and each further attempt that is slow comes later than the one before', () => {
  const one = world();
  one.state.pieceMs = 5;
  const into = Buffer.alloc(8 * PIECE);
  const waits: number[] = [];
  for (let attempt = 0; attempt < 12; attempt++) {
    waits.push(refusals(one));
    assert.equal(one.reads.read(one.file, into, 0), PIECE);
  }
  assert.deepEqual(waits.slice(0, 4), [0, 16, 32, 64]);
  assert.equal(waits.at(-1), 4096);
  one.state.pieceMs = 0.01;
  refusals(one);
  for (let i = 0; i < 100; i++) assert.equal(one.reads.read(one.file, into, 0), into.length);
  one.state.pieceMs = 5;
  one.reads.read(one.file, into, 0);
  assert.equal(refusals(one), 16);
});

test('after some milliseconds of one turn others have theirs', () => {
  const one = world();
  one.state.pieceMs = 0.9;
  const into = Buffer.alloc(PIECE);
  let count = 0;
  for (; one.reads.mayRead(); count++) one.reads.read(one.file, into, 0);
  assert.equal(count, 4);
  one.nextTurn();
  assert.equal(one.reads.mayRead(), true);
});

test('with a limit of 0 nothing is read on the event loop', () => {
  assert.equal(world(0).reads.mayRead(), false);
});
