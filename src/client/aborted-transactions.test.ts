import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildBatch } from '../records/build-batch.ts';
import { buildEndTransactionMarker, ControlType } from '../records/control-batch.ts';
import { readBatches } from '../records/read-batches.ts';
import { type AbortedTransaction, readable } from './aborted-transactions.ts';

const data = (baseOffset: number, producerId: number, isTransactional = true, count = 1) =>
  buildBatch({
    records: Array.from({ length: count }, () => ({ key: null, value: Buffer.from('v'), timestampMs: 1 })),
    baseOffset,
    producerId,
    producerEpoch: 0,
    baseSequence: 0,
    isTransactional,
  });

const marker = (baseOffset: number, producerId: number, type: typeof ControlType.ABORT | typeof ControlType.COMMIT) =>
  buildEndTransactionMarker({ type, producerId, producerEpoch: 0, coordinatorEpoch: 0, timestampMs: 1, baseOffset });

/** The base offsets that a reader sees. */
function seen(batches: readonly Buffer[], aborted: readonly AbortedTransaction[] | null): number[] {
  return [...readable(readBatches(Buffer.concat(batches)), aborted)]
    .filter(({ isReadable }) => isReadable)
    .map(({ batch }) => batch.baseOffset);
}

test('records of an aborted transaction are hidden up to its marker, and what the producer writes next is seen', () => {
  const log = [data(0, 7), data(1, 7), marker(2, 7, ControlType.ABORT), data(3, 7), marker(4, 7, ControlType.COMMIT)];
  assert.deepEqual(seen(log, [{ producerId: 7, firstOffset: 0 }]), [3]);
});

test('the list of aborted transactions is used in the order of offsets, however it comes', () => {
  const log = [data(0, 7), marker(1, 7, ControlType.ABORT), data(2, 8), data(3, 7), marker(4, 7, ControlType.ABORT)];
  const aborted = [
    { producerId: 7, firstOffset: 3 },
    { producerId: 7, firstOffset: 0 },
  ];
  assert.deepEqual(seen(log, aborted), [2]);
});

test('a commit marker of another producer, and records without a transaction, change nothing', () => {
  const log = [data(0, 7), data(1, 8), marker(2, 8, ControlType.COMMIT), data(3, 7), data(4, 7, false)];
  assert.deepEqual(seen(log, [{ producerId: 7, firstOffset: 0 }]), [1, 4]);
});

test('a transaction that began before the answer does is hidden from its first batch there', () => {
  const log = [data(40, 7), data(41, 8), marker(42, 7, ControlType.ABORT), data(43, 7)];
  assert.deepEqual(seen(log, [{ producerId: 7, firstOffset: 3 }]), [41, 43]);
});

test('a transaction that begins within a batch hides that batch and not the ones before', () => {
  const log = [data(0, 7, true, 5), data(5, 7, true, 5), marker(10, 7, ControlType.ABORT)];
  assert.deepEqual(seen(log, [{ producerId: 7, firstOffset: 7 }]), [0]);
});

test('without a list only markers are hidden', () => {
  const log = [data(0, 7), marker(1, 7, ControlType.ABORT), data(2, 8)];
  assert.deepEqual(seen(log, null), [0, 2]);
});
