import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../protocol/error-code.ts';
import { ControlType } from '../records/control-batch.ts';
import { readBatches } from '../records/read-batches.ts';
import type { EndMarker } from './end-marker.ts';
import { type AppendOptions, IsolationLevel, type Partition } from './partition.ts';
import { batchOf, PartitionWorld } from './partition-world.suite.ts';

const COMMITTED = IsolationLevel.READ_COMMITTED;
const admitted: AppendOptions = { acks: -1, origin: 'client', produceVersion: 11, admit: () => ErrorCode.NONE };
const admittedV2: AppendOptions = { ...admitted, produceVersion: 12 };

function world(configs: Record<string, string> = {}): PartitionWorld {
  const made = new PartitionWorld();
  made.createTopic('t', { configs });
  return made;
}

function send(
  to: Partition,
  producerId: number,
  baseSequence: number,
  options: AppendOptions = admitted,
  producerEpoch = 0,
) {
  return to.append(batchOf(['x'], { producerId, producerEpoch, baseSequence, isTransactional: true }), options);
}

function marker(producerId: number, more: Partial<EndMarker> = {}): EndMarker {
  return {
    type: ControlType.COMMIT,
    producerId,
    producerEpoch: 0,
    coordinatorEpoch: 0,
    transactionVersion: 1,
    ...more,
  };
}

const ABORT = { type: ControlType.ABORT } as const;

test('the last stable offset stops where the oldest open transaction begins, until its marker is committed', () => {
  const made = world();
  const partition = made.partition('t');
  partition.append(batchOf(['a']), admitted);
  send(partition, 1, 0);
  send(partition, 2, 0);
  made.storage.commit();
  assert.deepEqual([partition.highWatermark, partition.lastStableOffset], [3, 1]);
  assert.equal(partition.latestOffset(COMMITTED).offset, 1);
  assert.equal(partition.appendMarker(marker(2)).baseOffset, 3);
  made.storage.commit();
  assert.equal(partition.lastStableOffset, 1, 'the older one is open');
  partition.appendMarker(marker(1));
  assert.equal(partition.lastStableOffset, 1, 'its marker is not committed');
  made.storage.commit();
  assert.equal(partition.lastStableOffset, 5);
});

test('a marker is a control batch that clients can read', () => {
  const made = world();
  const partition = made.partition('t');
  send(partition, 1, 0);
  partition.appendMarker(marker(1, { ...ABORT, coordinatorEpoch: 7 }));
  const [, written] = made.logOf('t').batches;
  const [read] = [...readBatches(written!)];
  assert.deepEqual(
    [read!.isControl, read!.isTransactional, read!.producerId, read!.baseOffset, read!.partitionLeaderEpoch],
    [true, true, 1, 1, 0],
  );
});

test('readers of committed records are told which transactions were aborted, as far as they read', () => {
  const made = world();
  const partition = made.partition('t');
  send(partition, 1, 0);
  partition.appendMarker(marker(1, ABORT));
  send(partition, 2, 0);
  send(partition, 1, 1);
  partition.appendMarker(marker(2));
  partition.appendMarker(marker(1, ABORT));
  made.storage.commit();
  const first = { producerId: 1, firstOffset: 0 };
  const second = { producerId: 1, firstOffset: 3 };
  assert.deepEqual(partition.abortedTransactions(0, 6), [first, second]);
  assert.deepEqual(partition.abortedTransactions(0, 3), [first]);
  assert.deepEqual(partition.abortedTransactions(1, 2), [first], 'its marker is still to come');
  assert.deepEqual(partition.abortedTransactions(2, 6), [second]);
  assert.deepEqual(partition.abortedTransactions(6, 6), []);
});

test('a first batch is admitted by the coordinator, the following ones by the transaction', () => {
  const made = world();
  const partition = made.partition('t');
  const asked: number[] = [];
  const asking: AppendOptions = {
    ...admitted,
    admit: (producerId, producerEpoch) => {
      asked.push(producerId, producerEpoch);
      return ErrorCode.NONE;
    },
  };
  assert.equal(send(partition, 1, 0, { ...admitted, admit: () => ErrorCode.NOT_COORDINATOR }).errorCode, 16);
  assert.equal(send(partition, 1, 0, { acks: -1, origin: 'client' }).errorCode, ErrorCode.INVALID_TXN_STATE);
  assert.equal(partition.logEndOffset, 0);
  assert.equal(send(partition, 1, 0, asking).errorCode, ErrorCode.NONE);
  assert.equal(send(partition, 1, 1, asking).errorCode, ErrorCode.NONE);
  assert.deepEqual(asked, [1, 0]);
  assert.equal(partition.hasOngoingTransaction(1, 0), true);
  partition.appendMarker(marker(1));
  assert.equal(partition.hasOngoingTransaction(1, 0), false);
  assert.equal(send(partition, 1, 1, { acks: -1, origin: 'client' }).errorCode, ErrorCode.INVALID_TXN_STATE);
});

test('what is older than the last marker is refused without asking anybody', () => {
  const made = world();
  const partition = made.partition('t');
  send(partition, 1, 0, admittedV2);
  partition.appendMarker(marker(1, { producerEpoch: 1, transactionVersion: 2 }));
  assert.equal(send(partition, 1, 1, admittedV2).errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
  assert.equal(send(partition, 1, 0, admittedV2).errorCode, ErrorCode.INVALID_PRODUCER_EPOCH, 'also a repeated one');
  assert.equal(partition.hasOngoingTransaction(1, 1), false);
});
