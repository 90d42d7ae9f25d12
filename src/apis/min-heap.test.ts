import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MinHeap } from './min-heap.ts';

test('numbers come out in order, however pushes and pops alternate', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: -50, max: 50 }))), (steps) => {
      const heap = new MinHeap([3, -2, 7]);
      const model: number[] = [-2, 3, 7];
      for (const step of steps) {
        if (step === null) {
          assert.equal(heap.pop(), model.shift());
        } else {
          heap.push(step);
          model.push(step);
          model.sort((a, b) => a - b);
        }
        assert.equal(heap.least, model[0]);
        assert.equal(heap.size, model.length);
      }
    }),
  );
});
