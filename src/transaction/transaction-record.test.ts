// Records of `__transaction_state`: against those that Kafka wrote, and through the states of a transaction.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGolden } from '../../test/golden/read.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { newMetadata, type TransactionMetadata, withNextEpoch, withPartitions } from './transaction-metadata.ts';
import { decodeTransaction, encodeTransaction, tombstoneOf } from './transaction-record.ts';

const KEY = Buffer.from('00000002', 'hex');
const key = Buffer.concat([KEY, Buffer.from('tx')]);

test('every record that Kafka wrote is read as what it says, unless its state is none', () => {
  let read = 0;
  for (const { name, prefixedHex, json } of readGolden('_transaction-coordinator')) {
    const value = Buffer.from(prefixedHex!, 'hex');
    if (name === 'TransactionLogKey') {
      const { transactionalId } = json as { transactionalId: string };
      assert.deepEqual(decodeTransaction({ key: value, value: null }), { transactionalId, metadata: null });
      continue;
    }
    const expected = json as { transactionStatus: number; producerEpoch: number; transactionTimeoutMs: number };
    if (expected.transactionStatus < 0) {
      assert.throws(() => decodeTransaction({ key, value }), ProtocolError);
      continue;
    }
    const { metadata } = decodeTransaction({ key, value })!;
    assert.equal(metadata!.state, expected.transactionStatus === 4 ? 'CompleteCommit' : 'Empty');
    assert.equal(metadata!.producerEpoch, expected.producerEpoch);
    assert.equal(metadata!.timeoutMs, expected.transactionTimeoutMs);
    read++;
  }
  assert.ok(read > 5);
});

test('a state survives its record; what only version 1 can say is lost in version 0', () => {
  const begun = withNextEpoch(newMetadata(7, 60_000, 1000), 60_000, undefined, 1000)!;
  const open = withPartitions(begun, new Map([['t', new Set([0, 2])]]), 2, 1001);
  const rich: TransactionMetadata = { ...open, previousProducerId: 5, nextProducerId: 6 };
  assert.deepEqual(decodeTransaction(encodeTransaction('tx', rich, 2)), { transactionalId: 'tx', metadata: rich });
  assert.deepEqual(decodeTransaction(encodeTransaction('tx', rich, 0)), {
    transactionalId: 'tx',
    metadata: { ...rich, previousProducerId: -1, nextProducerId: -1, clientTransactionVersion: 0 },
  });
});

test('a record without a value forgets the id, and one of another type is nobody’s', () => {
  assert.deepEqual(decodeTransaction(tombstoneOf('tx')), { transactionalId: 'tx', metadata: null });
  assert.equal(decodeTransaction({ key: Buffer.from('0063', 'hex'), value: null }), undefined);
});
