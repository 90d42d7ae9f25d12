// Answers leave in the order of their requests, whatever the order they were given in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ResponseQueue, type Slot } from './response-queue.ts';

test('answers leave in request order and the counts come back to nothing', () => {
  const orders = fc.array(fc.nat(), { minLength: 1, maxLength: 600 });
  fc.assert(
    fc.property(orders, (keys) => {
      const queue = new ResponseQueue();
      const slots: Slot[] = keys.map(() => queue.reserve(1));
      const answering = keys.map((key, index) => ({ key, index })).sort((a, b) => a.key - b.key);
      const sent: number[] = [];
      let requestBytes = 0;
      for (const { index } of answering) {
        assert.equal(queue.answer(slots[index]!, [Buffer.from(String(index))]), true);
        const parts: Uint8Array[] = [];
        requestBytes += queue.takeReady(parts).requestBytes;
        sent.push(...parts.map((part) => Number(Buffer.from(part).toString())));
      }
      assert.deepEqual(
        sent,
        keys.map((_, index) => index),
      );
      assert.equal(requestBytes, keys.length);
      assert.equal(queue.length, 0);
      assert.equal(queue.waitingBytes, 0);
    }),
    { numRuns: 100 },
  );
});

test('a second answer to the same request is not taken', () => {
  const queue = new ResponseQueue();
  const slot = queue.reserve(1);
  assert.equal(queue.answer(slot, []), true);
  assert.equal(queue.answer(slot, []), false);
});

test('whoever lent memory to an answer is told once, with the answer or when nothing is sent any more', () => {
  const queue = new ResponseQueue();
  const told: number[] = [];
  const slots = [0, 1, 2].map(() => queue.reserve(1));
  queue.answer(slots[0]!, [Buffer.from('a')], () => void told.push(0));
  queue.answer(slots[2]!, [Buffer.from('c')], () => void told.push(2));
  const { onSent } = queue.takeReady([]);
  assert.deepEqual(told, []);
  for (const listener of onSent ?? []) listener();
  assert.deepEqual(told, [0]);
  queue.drop();
  assert.deepEqual(told, [0, 2]);
  assert.equal(queue.length, 0);
  assert.equal(queue.waitingBytes, 0);
});
