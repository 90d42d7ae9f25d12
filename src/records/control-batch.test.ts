import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readGolden } from '../../test/golden/read.ts';
import {
  buildEndTransactionMarker,
  ControlType,
  controlKey,
  readControlType,
  readEndTransactionMarker,
} from './control-batch.ts';

describe('an end-transaction marker', () => {
  for (const [name, type] of [
    ['end-txn-commit', ControlType.COMMIT],
    ['end-txn-abort', ControlType.ABORT],
  ] as const) {
    it(`has Kafka's bytes (${name})`, () => {
      const golden = readGolden<{ case: string; hex?: string }>('records').find((line) => line.case === name)!;
      const built = buildEndTransactionMarker({
        type,
        coordinatorEpoch: 21,
        timestampMs: 1_700_000_000_000,
        producerId: 1234,
        producerEpoch: 4,
        baseOffset: 55,
        partitionLeaderEpoch: 6,
      });
      assert.equal(built.toString('hex'), golden.hex);
    });
  }

  it('is not what other control records hold', () => {
    assert.equal(readEndTransactionMarker(controlKey(ControlType.LEADER_CHANGE), Buffer.alloc(6)), undefined);
  });
});

describe('a control record', () => {
  it('of an unknown type is to be skipped', () => {
    assert.equal(readControlType(Buffer.from('0000002a', 'hex')), ControlType.UNKNOWN);
    assert.equal(readControlType(Buffer.from('0009000100', 'hex')), ControlType.COMMIT);
  });

  it('with a broken key or value is refused', () => {
    for (const key of [null, Buffer.alloc(3), Buffer.from('ffff0001', 'hex')]) {
      assert.throws(() => readControlType(key), { name: 'RecordError', kind: 'invalid' });
    }
    for (const value of [null, Buffer.alloc(5), Buffer.from('ffff00000001', 'hex')]) {
      const key = controlKey(ControlType.COMMIT);
      assert.throws(() => readEndTransactionMarker(key, value), { name: 'RecordError', kind: 'invalid' });
    }
  });
});
