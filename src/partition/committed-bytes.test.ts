import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CommittedBytes } from './committed-bytes.ts';

test('bytes count when the offset after them is committed', () => {
  const bytes = new CommittedBytes();
  bytes.appended(10, 100);
  bytes.appended(20, 50);
  bytes.committed(9);
  assert.equal(bytes.total, 0);
  bytes.committed(10);
  assert.equal(bytes.total, 100);
  bytes.committed(25);
  assert.equal(bytes.total, 150);
});

test('after any interleaving of appends and commits the total is the sum of what lies below the committed offset', () => {
  const step = fc.record({ size: fc.integer({ min: 1, max: 9 }), lag: fc.nat(3000), commit: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000, size: 'max' }), (steps) => {
      const bytes = new CommittedBytes();
      let total = 0;
      let committed = 0;
      steps.forEach(({ size, lag, commit }, index) => {
        bytes.appended(index + 1, size);
        total += size;
        if (commit) committed = Math.max(committed, index + 1 - lag);
        bytes.committed(committed);
      });
      const open = steps.slice(committed).reduce((sum, { size }) => sum + size, 0);
      assert.equal(bytes.total, total - open);
    }),
    { numRuns: 30 },
  );
});
