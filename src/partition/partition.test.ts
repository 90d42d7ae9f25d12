import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../protocol/error-code.ts';
import { buildBatch } from '../records/build-batch.ts';
import { loadCompression } from '../records/compression.ts';
import * as batches from '../records/record-batch.ts';
import type { LogRead } from '../storage/storage.ts';
import { type AppendOptions, IsolationLevel, type Partition, type ReadRequest, type ReadResult } from './partition.ts';
import { batchOf, PartitionWorld } from './partition-world.suite.ts';

const CLIENT: AppendOptions = { acks: -1, origin: 'client' };

function world(configs: Record<string, string> = {}): PartitionWorld {
  const made = new PartitionWorld();
  made.createTopic('t', { configs });
  return made;
}

function read(partition: Partition, offset: number, more: Partial<ReadRequest> = {}): ReadResult {
  return partition.read({
    offset,
    maxBytes: 1_000_000,
    atLeastOne: true,
    isolationLevel: IsolationLevel.READ_UNCOMMITTED,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    ...more,
  });
}

function offsetsOf(result: ReadResult): number[] {
  return ((result.read as LogRead | undefined)?.parts ?? []).map((part) => batches.baseOffset(part, 0));
}

test('appends get consecutive offsets and carry the leader epoch', () => {
  const { storage, ...rest } = world();
  const partition = rest.partitions.byName('t', 0)!;
  assert.equal(partition.append(batchOf(['a', 'b']), CLIENT).baseOffset, 0);
  const second = partition.append(batchOf(['c']), CLIENT);
  assert.equal(second.baseOffset, 2);
  assert.equal(second.lastOffset, 2);
  assert.equal(second.ticket, storage.currentTicket);
  const [, stored] = [...storage.logs.values()][0]!.batches;
  assert.equal(batches.baseOffset(stored!, 0), 2);
  assert.equal(batches.partitionLeaderEpoch(stored!, 0), 0);
});

test('nothing appended is readable before its commit', () => {
  const made = world();
  const partition = made.partition('t');
  partition.append(batchOf(['a']), CLIENT);
  assert.equal(partition.highWatermark, 0);
  assert.deepEqual(offsetsOf(read(partition, 0)), []);
  assert.equal(read(partition, 1).errorCode, ErrorCode.NONE);
  made.storage.commit();
  assert.equal(partition.highWatermark, 1);
  assert.deepEqual(offsetsOf(read(partition, 0)), [0]);
});

test('an offset before the start or after the end is out of range', () => {
  const made = world();
  const partition = made.partition('t');
  partition.append(batchOf(['a', 'b']), CLIENT);
  partition.append(batchOf(['c']), CLIENT);
  made.storage.commit();
  partition.deleteRecords(2);
  for (const offset of [0, 1, 4, -1]) assert.equal(read(partition, offset).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE);
  for (const offset of [2, 3]) assert.equal(read(partition, offset).errorCode, ErrorCode.NONE);
});

test('a read takes whole batches within its maximum, and the first one always when it must', () => {
  const made = world();
  const partition = made.partition('t');
  for (const value of ['a', 'b', 'c']) partition.append(batchOf([value]), CLIENT);
  made.storage.commit();
  const size = batchOf(['a']).length;
  assert.deepEqual(offsetsOf(read(partition, 0, { maxBytes: 2 * size + 1 })), [0, 1]);
  assert.deepEqual(offsetsOf(read(partition, 1, { maxBytes: 1 })), [1]);
  assert.deepEqual(offsetsOf(read(partition, 0, { maxBytes: 1, atLeastOne: false })), []);
});

test('a refused batch changes nothing', () => {
  const made = world();
  const partition = made.partition('t');
  const broken = batchOf(['a']);
  broken[broken.length - 1]! ^= 1;
  const result = partition.append(broken, CLIENT);
  assert.equal(result.errorCode, ErrorCode.CORRUPT_MESSAGE);
  assert.equal(result.baseOffset, -1);
  assert.equal(result.ticket, undefined);
  assert.equal(partition.append(null, CLIENT).errorCode, ErrorCode.INVALID_RECORD);
  assert.equal(partition.logEndOffset, 0);
});

test('a compacted topic refuses records without keys and names them', () => {
  const made = world({ 'cleanup.policy': 'compact' });
  const records = [
    { key: Buffer.from('k'), value: null },
    { key: null, value: Buffer.from('v') },
  ];
  const result = made.partition('t').append(buildBatch({ records }), CLIENT);
  assert.equal(result.errorCode, ErrorCode.INVALID_RECORD);
  assert.deepEqual(
    result.recordErrors.map(({ batchIndex }) => batchIndex),
    [1],
  );
  assert.equal(made.partition('t').logEndOffset, 0);
});

test('batches that are too large are refused as the topic says, from the moment its config changes', () => {
  const made = world();
  const partition = made.partition('t');
  assert.equal(partition.append(batchOf(['a'.repeat(500)]), CLIENT).errorCode, ErrorCode.NONE);
  made.metadata.apply({ type: 'config-set', resource: 'topic:t', name: 'max.message.bytes', value: '300' });
  assert.equal(partition.append(batchOf(['a'.repeat(500)]), CLIENT).errorCode, ErrorCode.MESSAGE_TOO_LARGE);
  made.metadata.apply({ type: 'config-set', resource: 'topic:t', name: 'max.message.bytes', value: null });
  assert.equal(partition.append(batchOf(['a'.repeat(500)]), CLIENT).errorCode, ErrorCode.NONE);
});

test('log append time is stamped and reported', () => {
  const made = world({ 'message.timestamp.type': 'LogAppendTime' });
  const result = made.partition('t').append(batchOf(['a'], { timestampMs: 5 }), CLIENT);
  assert.equal(result.logAppendTimeMs, made.time.nowMs());
});

test('storage that cannot write refuses before anything happens', () => {
  const made = world();
  made.storage.writable = false;
  assert.equal(made.partition('t').append(batchOf(['a']), CLIENT).errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
  assert.equal(made.partition('t').logEndOffset, 0);
});

test('acks=all asks for min.insync.replicas, counted up to the number of replicas', () => {
  const made = world({ 'min.insync.replicas': '2' });
  const partition = made.partition('t');
  assert.equal(partition.append(batchOf(['a']), CLIENT).errorCode, ErrorCode.NONE);
  partition.update(partition.config, { leader: 1, leaderEpoch: 0, replicas: [1, 2], isr: [1] });
  assert.equal(partition.append(batchOf(['a']), CLIENT).errorCode, ErrorCode.NOT_ENOUGH_REPLICAS);
  assert.equal(partition.append(batchOf(['a']), { ...CLIENT, acks: 1 }).errorCode, ErrorCode.NONE);
});

test('a duplicate gets the offsets of its original, and waits for the commit that carries it', () => {
  const made = world();
  const partition = made.partition('t');
  const send = (sequence: number) =>
    partition.append(batchOf(['x', 'y'], { producerId: 9, producerEpoch: 0, baseSequence: sequence }), CLIENT);
  const original = send(0);
  send(2);
  const pending = send(0);
  assert.equal(pending.errorCode, ErrorCode.NONE);
  assert.equal(pending.baseOffset, original.baseOffset);
  assert.equal(pending.lastOffset, original.lastOffset);
  assert.ok(pending.ticket !== undefined && pending.ticket >= original.ticket!);
  assert.equal(partition.logEndOffset, 4);
  made.storage.commit();
  const committed = send(0);
  assert.equal(committed.ticket, undefined);
  assert.equal(committed.baseOffset, 0);
  assert.equal(partition.logEndOffset, 4);
});

test('a gap in the sequence and an old epoch are refused', () => {
  const partition = world().partition('t');
  const send = (producerEpoch: number, baseSequence: number) =>
    partition.append(batchOf(['x'], { producerId: 9, producerEpoch, baseSequence }), CLIENT).errorCode;
  assert.equal(send(1, 0), ErrorCode.NONE);
  assert.equal(send(1, 2), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  assert.equal(send(0, 1), ErrorCode.INVALID_PRODUCER_EPOCH);
  assert.equal(send(1, 1), ErrorCode.NONE);
});

test('records of a transaction are refused while no transaction can be open', () => {
  const partition = world().partition('t');
  const batch = batchOf(['x'], { producerId: 9, producerEpoch: 0, baseSequence: 0, isTransactional: true });
  assert.equal(partition.append(batch, CLIENT).errorCode, ErrorCode.INVALID_TXN_STATE);
  assert.equal(partition.logEndOffset, 0);
});

test('zstd is refused below version 7 of Produce only', async () => {
  await loadCompression();
  const partition = world().partition('t');
  const zstd = () => batchOf(['x'], { compression: 4 });
  assert.equal(
    partition.append(zstd(), { ...CLIENT, produceVersion: 6 }).errorCode,
    ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
  );
  assert.equal(partition.append(zstd(), { ...CLIENT, produceVersion: 7 }).errorCode, ErrorCode.NONE);
});

test('after a restart the producers are known, from a checkpoint, from the log, and from both', () => {
  for (const checkpointAfter of [0, 1, 2]) {
    const made = world();
    const partition = made.partition('t');
    const log = made.logOf('t');
    const send = (to: Partition, baseSequence: number) =>
      to.append(batchOf(['x'], { producerId: 9, producerEpoch: 0, baseSequence }), CLIENT);
    let snapshot: { bytes: Uint8Array; batches: number } | undefined;
    for (let sequence = 0; sequence < 2; sequence++) {
      if (checkpointAfter === sequence) snapshot = { bytes: log.state.snapshot(), batches: sequence };
      send(partition, sequence);
    }
    if (checkpointAfter === 2) snapshot = { bytes: log.state.snapshot(), batches: 2 };
    made.storage.commit();

    const again = made.restart('t', snapshot);
    assert.equal(send(again, 1).baseOffset, 1);
    assert.equal(send(again, 0).baseOffset, 0);
    assert.equal(send(again, 3).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert.equal(send(again, 2).baseOffset, 2);
    assert.deepEqual(again.endOfEpoch(0), { epoch: 0, endOffset: 2 });
  }
});

test('what was appended but never committed is forgotten by a restart: its retry is appended', () => {
  const made = world();
  const send = (to: Partition, baseSequence: number) =>
    to.append(batchOf(['x'], { producerId: 9, producerEpoch: 0, baseSequence }), CLIENT);
  send(made.partition('t'), 0);
  made.storage.commit();
  send(made.partition('t'), 1);
  const again = made.restart('t');
  const retried = send(again, 1);
  assert.equal(retried.errorCode, ErrorCode.NONE);
  assert.equal(retried.baseOffset, 1);
  assert.notEqual(retried.ticket, undefined);
});

test('a checkpoint of a newer format is refused', () => {
  const made = world();
  const snapshot = made.logOf('t').state.snapshot();
  snapshot[0] = 99;
  assert.throws(() => made.restart('t', { bytes: snapshot, batches: 0 }), /version 99/);
});

test('leader epochs: a client behind is fenced, one ahead is not believed', () => {
  const made = world();
  const partition = made.partition('t');
  partition.update(partition.config, { leader: 1, leaderEpoch: 3, replicas: [1], isr: [1] });
  assert.equal(read(partition, 0, { currentLeaderEpoch: 2 }).errorCode, ErrorCode.FENCED_LEADER_EPOCH);
  assert.equal(read(partition, 0, { currentLeaderEpoch: 4 }).errorCode, ErrorCode.UNKNOWN_LEADER_EPOCH);
  assert.equal(read(partition, 0, { currentLeaderEpoch: 3 }).errorCode, ErrorCode.NONE);
});

test('a reader whose last epoch ended earlier than it believes is told where', () => {
  const made = world();
  const partition = made.partition('t');
  const raise = (leaderEpoch: number) =>
    partition.update(partition.config, { leader: 1, leaderEpoch, replicas: [1], isr: [1] });
  const write = () => {
    partition.append(batchOf(['x', 'y']), CLIENT);
    made.storage.commit();
  };
  write();
  raise(2);
  write();
  raise(5);
  write();
  assert.equal(read(partition, 2, { lastFetchedEpoch: 0 }).divergingEpoch, undefined);
  assert.deepEqual(read(partition, 3, { lastFetchedEpoch: 0 }).divergingEpoch, { epoch: 0, endOffset: 2 });
  assert.deepEqual(read(partition, 3, { lastFetchedEpoch: 1 }).divergingEpoch, { epoch: 0, endOffset: 2 });
  assert.deepEqual(read(partition, 5, { lastFetchedEpoch: 4 }).divergingEpoch, { epoch: 2, endOffset: 4 });
  assert.equal(read(partition, 6, { lastFetchedEpoch: 5 }).divergingEpoch, undefined);
  assert.deepEqual(read(partition, 99, { lastFetchedEpoch: 5 }).divergingEpoch, { epoch: 5, endOffset: 6 });
  assert.deepEqual(offsetsOf(read(partition, 3, { lastFetchedEpoch: 0 })), []);
  assert.equal(read(partition, 3, { lastFetchedEpoch: 9 }).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE);
});

test('DeleteRecords moves the start up to the high watermark and no further', () => {
  const made = world();
  const partition = made.partition('t');
  for (const value of ['a', 'b', 'c']) partition.append(batchOf([value]), CLIENT);
  assert.equal(partition.deleteRecords(1).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE);
  made.storage.commit();
  assert.equal(partition.deleteRecords(4).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE);
  assert.equal(partition.deleteRecords(-2).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE);
  assert.notEqual(partition.deleteRecords(2).ticket, undefined);
  assert.equal(partition.logStartOffset, 2);
  assert.equal(partition.deleteRecords(1).errorCode, ErrorCode.NONE);
  assert.equal(partition.logStartOffset, 2);
  partition.deleteRecords(-1);
  assert.equal(partition.logStartOffset, 3);
  assert.deepEqual(partition.earliestOffset(), { timestampMs: -1, offset: 3, leaderEpoch: 0 });
});

test('DeleteRecords of a topic that is only compacted is against its policy', () => {
  const partition = world({ 'cleanup.policy': 'compact' }).partition('t');
  assert.equal(partition.deleteRecords(-1).errorCode, ErrorCode.POLICY_VIOLATION);
});

test('waiters are told of every commit and of the end', () => {
  const made = world();
  const partition = made.partition('t');
  let calls = 0;
  const waiter = { partitionMoved: () => void calls++ };
  partition.addWaiter(waiter);
  partition.append(batchOf(['a']), CLIENT);
  assert.equal(calls, 0);
  made.storage.commit();
  assert.equal(calls, 1);
  made.deleteTopic('t');
  assert.equal(calls, 2);
  partition.removeWaiter(waiter);
  assert.equal(partition.append(batchOf(['a']), CLIENT).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
});

test('committed bytes count what commits bring', () => {
  const made = world();
  const partition = made.partition('t');
  const batch = batchOf(['a']);
  partition.append(batch, CLIENT);
  assert.equal(partition.readableBytes(IsolationLevel.READ_UNCOMMITTED), 0);
  made.storage.commit();
  assert.equal(partition.readableBytes(IsolationLevel.READ_UNCOMMITTED), batch.length);
});
