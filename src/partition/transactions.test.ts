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

test('with version 2 a transaction begins with sequence 0, also of a producer that nobody knows any more', () => {
  const partition = world().partition('t');
  assert.equal(send(partition, 1, 3, admittedV2).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  assert.equal(send(partition, 1, 3, admitted).errorCode, ErrorCode.NONE, 'version 1 cannot know');
  assert.equal(send(partition, 2, 0, admittedV2).errorCode, ErrorCode.NONE);
});

test('what follows a batch that was not admitted waits for it', () => {
  const partition = world().partition('t');
  const refusing: AppendOptions = { ...admitted, admit: () => ErrorCode.NOT_ENOUGH_REPLICAS };
  assert.equal(send(partition, 1, 5, refusing).errorCode, ErrorCode.NOT_ENOUGH_REPLICAS);
  assert.equal(send(partition, 1, 6).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  assert.equal(send(partition, 1, 5).errorCode, ErrorCode.NONE);
  assert.equal(send(partition, 1, 6).errorCode, ErrorCode.NONE);
});

test('a repeated batch of an ended transaction is its original again, and opens nothing', () => {
  const made = world();
  const partition = made.partition('t');
  send(partition, 1, 0);
  partition.appendMarker(marker(1));
  made.storage.commit();
  const again = send(partition, 1, 0);
  assert.deepEqual([again.errorCode, again.baseOffset], [ErrorCode.NONE, 0]);
  assert.equal(partition.hasOngoingTransaction(1, 0), false);
  assert.equal(partition.lastStableOffset, 2);
});

test('the same marker twice is written twice and ends one transaction', () => {
  const made = world();
  const partition = made.partition('t');
  send(partition, 1, 0, admittedV2);
  const end = marker(1, { ...ABORT, producerEpoch: 1, transactionVersion: 2 });
  assert.equal(partition.appendMarker(end).baseOffset, 1);
  assert.equal(partition.appendMarker(end).baseOffset, 2);
  made.storage.commit();
  assert.deepEqual(partition.abortedTransactions(0, 3), [{ producerId: 1, firstOffset: 0 }]);
  send(partition, 1, 0, admittedV2, 1);
  assert.equal(partition.appendMarker(end).errorCode, ErrorCode.INVALID_PRODUCER_EPOCH, 'it is of the one before');
  assert.equal(partition.hasOngoingTransaction(1, 1), true);
});

test('the start of the log may pass an open transaction: the rest of it stays unstable', () => {
  const made = world();
  const partition = made.partition('t');
  for (let sequence = 0; sequence < 4; sequence++) send(partition, 1, sequence);
  made.storage.commit();
  partition.deleteRecords(2);
  made.storage.commit();
  assert.deepEqual([partition.logStartOffset, partition.lastStableOffset], [2, 2]);
  partition.appendMarker(marker(1, ABORT));
  made.storage.commit();
  assert.equal(partition.lastStableOffset, 5);
  assert.deepEqual(partition.abortedTransactions(2, 5), [{ producerId: 1, firstOffset: 0 }]);
});

test('a coordinator on this broker opens transactions without being asked for admission', () => {
  const made = world();
  const partition = made.partition('t');
  const batch = batchOf(['x'], { producerId: 1, producerEpoch: 2, isTransactional: true });
  assert.equal(partition.append(batch, { acks: -1, origin: 'coordinator' }).errorCode, ErrorCode.NONE);
  made.storage.commit();
  assert.equal(partition.hasOngoingTransaction(1, 2), true);
  assert.equal(partition.lastStableOffset, 0);
});

test('open and aborted transactions are the same after a restart, with a checkpoint or without', () => {
  const made = world();
  const partition = made.partition('t');
  send(partition, 1, 0);
  send(partition, 2, 0);
  partition.appendMarker(marker(1, { ...ABORT, coordinatorEpoch: 3 }));
  const { state } = made.logOf('t');
  const snapshot = { bytes: state.snapshot(), batches: 3 };
  send(partition, 1, 1);
  partition.appendMarker(marker(1, { ...ABORT, coordinatorEpoch: 3 }));
  made.storage.commit();
  for (const restarted of [made.restart('t'), made.restart('t', snapshot)]) {
    assert.equal(restarted.lastStableOffset, 1);
    assert.deepEqual([...restarted.describeProducers()], [...partition.describeProducers()]);
    assert.deepEqual(restarted.abortedTransactions(0, 5), partition.abortedTransactions(0, 5));
    assert.equal(restarted.appendMarker(marker(1)).errorCode, ErrorCode.TRANSACTION_COORDINATOR_FENCED);
  }
});

test('after a restart too, readers of committed records learn of each end that lets them read on', () => {
  const made = world();
  const partition = made.partition('t');
  send(partition, 1, 0);
  send(partition, 2, 0);
  made.storage.commit();
  const restarted = made.restart('t');
  assert.equal(restarted.readableBytes(IsolationLevel.READ_UNCOMMITTED), 0);
  const before = restarted.readableBytes(COMMITTED);
  restarted.appendMarker(marker(1));
  assert.equal(restarted.readableBytes(COMMITTED), before);
  made.restarted!.commit();
  assert.equal(restarted.readableBytes(COMMITTED) > before, true);
});

test('a marker on a topic that stamps its records carries the broker’s time', () => {
  const made = world({ 'message.timestamp.type': 'LogAppendTime' });
  const partition = made.partition('t');
  send(partition, 1, 0);
  assert.equal(partition.appendMarker(marker(1)).logAppendTimeMs, made.time.nowMs());
  const [, written] = made.logOf('t').batches;
  assert.equal([...readBatches(written!)][0]!.timestampType, 1);
});

test('a marker without producer id or epoch is never written', () => {
  const made = world();
  const partition = made.partition('t');
  send(partition, 1, 0);
  made.storage.commit();
  for (const wrong of [marker(-1), marker(1, { producerEpoch: -1 }), marker(2, { producerEpoch: -1 })]) {
    const result = partition.appendMarker(wrong);
    assert.deepEqual([result.errorCode, result.ticket], [ErrorCode.UNKNOWN_SERVER_ERROR, undefined]);
  }
  assert.equal(partition.logEndOffset, 1);
});
