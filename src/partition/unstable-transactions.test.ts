import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Transaction, UnstableTransactions } from './unstable-transactions.ts';

test('the oldest without a committed marker, and the oldest without a marker, are always known', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ begin: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ end: fc.nat(1_000) }) },
    { weight: 1, arbitrary: fc.record({ commit: fc.nat(1_000) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
      const transactions = new UnstableTransactions();
      let all: Transaction[] = [];
      let offset = 0;
      let highWatermark = 0;
      for (const one of steps) {
        if ('begin' in one) {
          all.push(transactions.begin(one.begin, offset, 0));
          offset += 1 + one.begin;
        } else if ('end' in one) {
          const open = all.filter(({ markerOffset }) => markerOffset < 0);
          if (open.length > 0) transactions.end(open[one.end % open.length]!, offset++);
        } else {
          highWatermark += one.commit % (offset - highWatermark + 1);
          transactions.committed(highWatermark);
        }
        all = all.filter(({ markerOffset }) => markerOffset < 0 || markerOffset >= highWatermark);
        const open = all.filter(({ markerOffset }) => markerOffset < 0);
        assert.equal(transactions.first, all[0]);
        assert.equal(transactions.firstOpen, open[0]);
        assert.equal(transactions.openCount, open.length);
      }
    }),
    { numRuns: 200 },
  );
});
