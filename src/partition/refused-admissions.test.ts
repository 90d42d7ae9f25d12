import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefusedAdmissions } from './refused-admissions.ts';

test('nothing that follows a refused batch goes before it; the batch itself and earlier ones may', () => {
  const refused = new RefusedAdmissions();
  refused.refused(1, 0, 5, false);
  assert.equal(refused.precede(1, 0, 6), true);
  assert.equal(refused.precede(1, 0, 5), false);
  assert.equal(refused.precede(2, 0, 6), false, 'another producer');
  refused.refused(1, 0, 3, false);
  assert.equal(refused.precede(1, 0, 5), true, 'an earlier one was refused meanwhile');
  assert.equal(refused.precede(1, 1, 0), false, 'a new epoch begins anew');
  assert.equal(refused.precede(1, 1, 1), true);
  refused.appended(1);
  assert.equal(refused.precede(1, 1, 1), false);
});

test('a marker ends what was refused, unless it ended the transaction before', () => {
  const refused = new RefusedAdmissions();
  refused.refused(1, 1, 0, true);
  refused.markerAppended(1, 1);
  assert.equal(refused.precede(1, 1, 1), true, 'version 2: the epoch of the marker is that of the next transaction');
  refused.markerAppended(1, 2);
  assert.equal(refused.precede(1, 1, 1), false);
  refused.refused(1, 1, 0, false);
  refused.markerAppended(1, 1);
  assert.equal(refused.precede(1, 1, 1), false);
});

test('of too many producers the oldest is forgotten', () => {
  const refused = new RefusedAdmissions();
  for (let producerId = 0; producerId <= 1_000; producerId++) refused.refused(producerId, 0, 0, false);
  assert.equal(refused.precede(0, 0, 1), false);
  assert.equal(refused.precede(1, 0, 1), true);
});
