// WriteTxnMarkers, DescribeProducers, and what readers of committed records get to see of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WriteMarker } from '../partition/end-marker.ts';
import { batchOf } from '../partition/partition-world.suite.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { describeProducers } from '../protocol/messages/describe-producers.ts';
import { fetch } from '../protocol/messages/fetch.ts';
import { listOffsets } from '../protocol/messages/list-offsets.ts';
import { writeTxnMarkers } from '../protocol/messages/write-txn-markers.ts';
import { readBatches } from '../records/read-batches.ts';
import { FileError } from '../runtime/files.ts';
import { type Call, call, dependenciesOf, PartitionWorld, settle } from './data-api-world.suite.ts';
import { describeProducersHandler } from './describe-producers.ts';
import { fetchHandler } from './fetch.ts';
import { listOffsetsHandler } from './list-offsets.ts';
import { writeTxnMarkersHandler } from './write-txn-markers.ts';

class World extends PartitionWorld {
  readonly #fetch = fetchHandler(dependenciesOf(this));
  readonly #writeMarker: WriteMarker = (topic, index, marker) =>
    this.partitions.byName(topic, index)?.appendMarker(marker) ?? {
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      ticket: undefined,
    };

  send(producerId: number, baseSequence: number, partition = 0, producerEpoch = 0): void {
    const batch = batchOf(['x'], { producerId, producerEpoch, baseSequence, isTransactional: true });
    const result = this.partition('t', partition).append(batch, {
      acks: -1,
      origin: 'client',
      admit: () => ErrorCode.NONE,
    });
    assert.equal(result.errorCode, ErrorCode.NONE);
  }

  end(
    markers: readonly (readonly [
      producerId: number,
      epoch: number,
      commit: boolean,
      topics: Record<string, number[]>,
    ])[],
    more: { version?: number; coordinatorEpoch?: number; transactionVersion?: number } = {},
  ): Call<typeof writeTxnMarkers> {
    const { version = 2, coordinatorEpoch = 0, transactionVersion = 0 } = more;
    const handler = writeTxnMarkersHandler({ storage: this.storage, writeMarker: this.#writeMarker });
    return call(writeTxnMarkers, handler, version, {
      markers: markers.map(([producerId, producerEpoch, transactionResult, topics]) => ({
        producerId,
        producerEpoch,
        transactionResult,
        coordinatorEpoch,
        ...(version < 2 ? {} : { transactionVersion }),
        topics: Object.entries(topics).map(([name, partitionIndexes]) => ({ name, partitionIndexes })),
      })),
    });
  }

  fetch(fetchOffset: number, more: { maxWaitMs?: number; minBytes?: number; isolationLevel?: number } = {}) {
    const { maxWaitMs = 0, minBytes = 1, isolationLevel = 1 } = more;
    return call(fetch, this.#fetch, 12, {
      replicaId: -1,
      maxWaitMs,
      minBytes,
      maxBytes: 1_000_000,
      isolationLevel,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }] }],
    });
  }
}

function world(): World {
  const made = new World();
  made.createTopic('t', { partitions: 2 });
  return made;
}

function summary({ got }: Call<typeof writeTxnMarkers>): string[] {
  return got.markers.flatMap(({ producerId, topics }) =>
    topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode }) => `${producerId} ${name}-${partitionIndex}: ${errorCode}`),
    ),
  );
}

function fetched({ got }: Call<typeof fetch>) {
  const data = got.responses[0]!.partitions[0]!;
  return {
    offsets: data.records === null ? [] : [...readBatches(data.records)].map(({ baseOffset }) => baseOffset),
    lastStableOffset: data.lastStableOffset,
    aborted: data.abortedTransactions?.map(({ producerId, firstOffset }) => [producerId, firstOffset]),
  };
}

for (const version of [1, 2]) {
  test(`version ${version} of WriteTxnMarkers answers when all markers are committed`, () => {
    const made = world();
    made.send(1, 0);
    made.send(1, 0, 1);
    const ended = made.end([[1, 0, true, { t: [0, 1, 7], gone: [0] }]], { version });
    assert.equal(ended.answer, undefined);
    made.storage.commit();
    assert.deepEqual(summary(ended), ['1 t-0: 0', '1 t-1: 0', '1 t-7: 3', '1 gone-0: 3']);
    assert.equal(made.partition('t').lastStableOffset, 2);
  });
}

test('markers of one producer are answered as one; nothing to append is answered at once', () => {
  const made = world();
  assert.deepEqual(summary(made.end([])), []);
  assert.deepEqual(summary(made.end([[1, 0, true, { gone: [0] }]])), ['1 gone-0: 3']);
  const ended = made.end([
    [1, 0, true, { t: [0] }],
    [2, 0, false, { t: [0] }],
    [1, 0, true, { t: [1] }],
  ]);
  made.storage.commit();
  assert.deepEqual(summary(ended), ['1 t-0: 0', '1 t-1: 0', '2 t-0: 0']);
});

test('a marker of an older epoch or coordinator is refused, one of transactions version 2 also in the epoch of the records', () => {
  const made = world();
  made.send(1, 0, 0, 3);
  assert.deepEqual(summary(made.end([[1, 2, true, { t: [0] }]])), ['1 t-0: 47']);
  assert.deepEqual(summary(made.end([[1, 3, true, { t: [0] }]], { transactionVersion: 2 })), ['1 t-0: 47']);
  const ended = made.end([[1, 4, true, { t: [0] }]], { transactionVersion: 2, coordinatorEpoch: 5 });
  const again = made.end([[1, 4, true, { t: [0] }]], { transactionVersion: 2, coordinatorEpoch: 5 });
  made.storage.commit();
  assert.deepEqual([summary(ended), summary(again)], [['1 t-0: 0'], ['1 t-0: 0']]);
  assert.deepEqual(summary(made.end([[1, 4, true, { t: [0] }]], { coordinatorEpoch: 4 })), ['1 t-0: 52']);
  made.storage.writable = false;
  assert.deepEqual(summary(made.end([[1, 4, true, { t: [0] }]], { coordinatorEpoch: 5 })), ['1 t-0: 56']);
});

test('a reader of committed records sees what lies below the last stable offset, and what of it was aborted', () => {
  const made = world();
  made.send(1, 0);
  made.send(2, 0);
  made.end([[1, 0, false, { t: [0] }]]);
  made.storage.commit();
  assert.deepEqual(fetched(made.fetch(0)), { offsets: [0], lastStableOffset: 1, aborted: [[1, 0]] });
  assert.deepEqual(fetched(made.fetch(1)), { offsets: [], lastStableOffset: 1, aborted: [] });
  assert.deepEqual(fetched(made.fetch(0, { isolationLevel: 0 })).offsets, [0, 1, 2]);
  assert.equal(fetched(made.fetch(0, { isolationLevel: 0 })).aborted, undefined);
  made.end([[2, 0, false, { t: [0] }]]);
  made.storage.commit();
  assert.deepEqual(fetched(made.fetch(1)).aborted, [
    [1, 0],
    [2, 1],
  ]);
  assert.deepEqual(fetched(made.fetch(3)).aborted, [[2, 1]]);
});

test('aborted transactions are looked up in files when they are no longer in memory', async () => {
  for (const coldReads of [false, true]) {
    const made = world();
    made.storage.coldReads = coldReads;
    made.send(1, 0);
    made.end([[1, 0, false, { t: [0] }]]);
    made.send(2, 0);
    made.end([[2, 0, false, { t: [0] }]]);
    made.storage.commit();
    const log = made.logOf('t');
    log.state.aborted!.indexed(2);
    log.abortedInFiles = [{ producerId: 1, firstOffset: 0 }];
    const asked = made.fetch(0);
    assert.equal(asked.answer, undefined);
    await settle();
    assert.deepEqual(fetched(asked).aborted, [
      [1, 0],
      [2, 2],
    ]);
    const behind = made.fetch(2);
    await settle();
    assert.deepEqual(fetched(behind).aborted, [[2, 2]]);
  }
});

test('a list of aborted transactions that cannot be read fails the partition, never the reader', async () => {
  const made = world();
  made.send(1, 0);
  made.end([[1, 0, false, { t: [0] }]]);
  made.storage.commit();
  made.logOf('t').state.aborted!.indexed(2);
  made.storage.failReads = new FileError('EIO', '/data/t-0/x.txnindex', 'cannot read');
  const asked = made.fetch(0);
  await settle();
  assert.equal(asked.got.responses[0]!.partitions[0]!.errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
});

test('a waiting reader of committed records wakes when the last stable offset moves, and not before', async () => {
  const made = world();
  const open = made.fetch(0, { maxWaitMs: 1_000, minBytes: 10 });
  for (let sequence = 0; sequence < 5; sequence++) {
    made.send(1, sequence);
    made.storage.commit();
    await settle();
  }
  assert.equal(open.answer, undefined);
  made.end([[1, 0, true, { t: [0] }]]);
  await settle();
  assert.equal(open.answer, undefined, 'the marker is not committed');
  made.storage.commit();
  await settle();
  assert.deepEqual(fetched(open), { offsets: [0, 1, 2, 3, 4, 5], lastStableOffset: 6, aborted: [] });
});

test('a reader that waits for many bytes counts those below the last stable offset', async () => {
  const made = world();
  const bytes = batchOf(['x'], { producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: true }).length;
  const waiting = made.fetch(0, { maxWaitMs: 1_000, minBytes: bytes * 3 });
  made.send(1, 0);
  made.end([[1, 0, true, { t: [0] }]]);
  made.send(2, 0);
  made.send(2, 1);
  made.storage.commit();
  await settle();
  assert.equal(waiting.answer, undefined);
  made.end([[2, 0, true, { t: [0] }]]);
  made.storage.commit();
  await settle();
  assert.deepEqual(fetched(waiting).offsets, [0, 1, 2, 3, 4]);
});

test('ListOffsets tells readers of committed records the last stable offset, and no record behind it', async () => {
  const made = world();
  made.send(1, 0);
  made.end([[1, 0, true, { t: [0] }]]);
  made.send(2, 0);
  made.storage.commit();
  const handler = listOffsetsHandler(dependenciesOf(made));
  for (const [isolationLevel, latest] of [
    [0, 3],
    [1, 2],
  ] as const) {
    const asked = call(listOffsets, handler, 7, {
      replicaId: -1,
      isolationLevel,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }] }],
    });
    assert.equal(asked.got.topics[0]!.partitions[0]!.offset, latest);
  }
});

test('DescribeProducers tells what each partition remembers of its producers', () => {
  const made = world();
  made.send(1, 0);
  made.send(1, 1);
  made.send(2, 0);
  made.end([[2, 1, true, { t: [0] }]], { transactionVersion: 2, coordinatorEpoch: 9 });
  made.storage.commit();
  const asked = call(describeProducers, describeProducersHandler(made), 0, {
    topics: [
      { name: 't', partitionIndexes: [0, 1, 0, 5] },
      { name: 'gone', partitionIndexes: [0] },
      { name: 'no topic', partitionIndexes: [0] },
    ],
  });
  const [t, gone, invalid] = asked.got.topics;
  const nowMs = made.time.nowMs();
  assert.deepEqual(
    t!.partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode]),
    [
      [0, ErrorCode.NONE],
      [1, ErrorCode.NONE],
      [5, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ],
  );
  assert.deepEqual(
    t!.partitions[0]!.activeProducers.map((producer) => Object.values(producer)),
    [
      [1, 0, 1, 1_700_000_000_000, -1, 0],
      [2, 1, -1, nowMs, 9, -1],
    ],
  );
  assert.equal(gone!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  assert.equal(invalid!.partitions[0]!.errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION);
});
