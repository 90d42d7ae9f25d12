import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGolden } from '../../test/golden/read.ts';
import { type ConsumerProtocolSubscription, consumerProtocolSubscription } from './consumer-protocol/subscription.ts';
import {
  decodeRecordKey,
  decodeRecordValue,
  encodeRecordKey,
  encodeRecordValue,
  recordType,
} from './coordinator-record.ts';
import { offsetCommitRecord } from './coordinator-records/offset-commit.ts';
import { transactionLogRecord } from './coordinator-records/transaction-log.ts';
import { GROUP_RECORDS } from './group-records.ts';
import { decodeVersioned, encodeVersioned } from './versioned.ts';

test("stored keys and values of the internal topics agree with Kafka's, type and version in front", () => {
  for (const vector of [...readGolden('_group-coordinator'), ...readGolden('_transaction-coordinator')]) {
    const record = vector.name.startsWith('TransactionLog') ? transactionLogRecord : GROUP_RECORDS.get(vector.apiKey!);
    assert.ok(record);
    const stored = Buffer.from(vector.prefixedHex!, 'hex');
    if (vector.kind === 'coordinator-key') {
      assert.equal(recordType(stored), record.type);
      assert.deepEqual(encodeRecordKey(record, decodeRecordKey(record, stored)), stored);
    } else {
      const value = decodeRecordValue(record, stored);
      // The others hold an int64 that the normal mode rounds, or tagged fields that it skips.
      if (vector.variant !== 'default' && vector.variant !== 'empty') continue;
      assert.deepEqual(encodeRecordValue(record, vector.version, value), stored);
    }
  }
});

test('a committed offset is stored and read', () => {
  const key = encodeRecordKey(offsetCommitRecord, { group: 'readers', topic: 'log', partition: 3 });
  assert.equal(recordType(key), 1);
  assert.deepEqual(decodeRecordKey(offsetCommitRecord, key), { group: 'readers', topic: 'log', partition: 3 });
  const value = encodeRecordValue(offsetCommitRecord, 3, { offset: 42, metadata: 'm', commitTimestamp: 1000 });
  assert.equal(value.readInt16BE(0), 3);
  assert.equal(decodeRecordValue(offsetCommitRecord, value).offset, 42);
});

test('a record of a version that is not known, or cut short, is a ProtocolError', () => {
  assert.throws(() => decodeRecordValue(offsetCommitRecord, Buffer.from('0063', 'hex')), {
    name: 'ProtocolError',
    code: 'unsupported-version',
  });
  assert.throws(() => recordType(Buffer.from('00', 'hex')), { name: 'ProtocolError', code: 'truncated' });
  assert.throws(() => decodeRecordKey(offsetCommitRecord, Buffer.from('00', 'hex')), { code: 'truncated' });
});

test("the consumer protocol agrees with Kafka's, version in front", () => {
  for (const vector of readGolden('_consumer-protocol')) {
    if (vector.name !== 'ConsumerProtocolSubscription') continue;
    const stored = Buffer.from(vector.prefixedHex!, 'hex');
    const { version, message } = decodeVersioned(consumerProtocolSubscription, stored);
    const subscription: ConsumerProtocolSubscription = message;
    assert.equal(version, vector.version);
    assert.deepEqual(encodeVersioned(consumerProtocolSubscription, version, subscription), stored);
  }
});
