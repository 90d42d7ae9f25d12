import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaderEpochs, UNDEFINED_END } from './leader-epochs.ts';

function epochs(...starts: readonly (readonly [number, number])[]): LeaderEpochs {
  const history = new LeaderEpochs();
  for (const [epoch, startOffset] of starts) history.assign(epoch, startOffset);
  return history;
}

test('the latest epoch ends at the end of the log', () => {
  assert.deepEqual(epochs([0, 0], [3, 10]).endOf(3, 25), { epoch: 3, endOffset: 25 });
});

test('an older epoch ends where the next one begins', () => {
  assert.deepEqual(epochs([0, 0], [3, 10], [5, 20]).endOf(0, 25), { epoch: 0, endOffset: 10 });
});

test('an epoch nobody wrote in is answered with the one below it', () => {
  assert.deepEqual(epochs([1, 0], [3, 10], [5, 20]).endOf(4, 25), { epoch: 3, endOffset: 20 });
});

test('an epoch before the history ends where the history begins', () => {
  assert.deepEqual(epochs([4, 7], [5, 20]).endOf(2, 25), { epoch: 2, endOffset: 7 });
});

test('an epoch above the latest, no epoch, and an empty history are undefined', () => {
  assert.deepEqual(epochs([4, 7]).endOf(5, 25), UNDEFINED_END);
  assert.deepEqual(epochs([4, 7]).endOf(-1, 25), UNDEFINED_END);
  assert.deepEqual(epochs().endOf(0, 25), UNDEFINED_END);
});

test('an epoch that rises again before anything was written replaces the empty one', () => {
  assert.deepEqual(epochs([0, 0], [1, 0], [2, 0]).entries, [{ epoch: 2, startOffset: 0 }]);
});

test('an epoch that does not rise changes nothing', () => {
  assert.deepEqual(epochs([2, 0], [2, 5], [1, 9]).entries, [{ epoch: 2, startOffset: 0 }]);
});

test('moving the start forgets epochs wholly below it and shortens the one it falls into', () => {
  const history = epochs([0, 0], [1, 10], [2, 20]);
  history.moveStart(15);
  assert.deepEqual(history.entries, [
    { epoch: 1, startOffset: 15 },
    { epoch: 2, startOffset: 20 },
  ]);
  assert.deepEqual(history.earliest, { epoch: 1, startOffset: 15 });
});

test('the epoch of an offset is that of the range it lies in', () => {
  const history = epochs([1, 5], [3, 10]);
  assert.equal(history.epochOf(4), undefined);
  assert.equal(history.epochOf(5), 1);
  assert.equal(history.epochOf(9), 1);
  assert.equal(history.epochOf(10), 3);
});

test('encoding and decoding gives the same history', () => {
  const history = epochs([0, 0], [7, 2 ** 40], [9, Number.MAX_SAFE_INTEGER]);
  const bytes = Buffer.alloc(3 + history.encodedBytes);
  assert.equal(history.encode(bytes, 3), bytes.length);
  const copy = new LeaderEpochs();
  assert.equal(copy.decode(bytes, 3), bytes.length);
  assert.deepEqual(copy.entries, history.entries);
});
