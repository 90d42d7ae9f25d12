import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchOf } from '../partition/partition-world.suite.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { listOffsets } from '../protocol/messages/list-offsets.ts';
import { buildBatch } from '../records/build-batch.ts';
import { type Call, call, dependenciesOf, PartitionWorld, settle } from './data-api-world.suite.ts';
import { listOffsetsHandler } from './list-offsets.ts';

type Asked = { readonly partition?: number; readonly timestamp: number; readonly currentLeaderEpoch?: number };

class World extends PartitionWorld {
  readonly handler = listOffsetsHandler(dependenciesOf(this));

  async ask(
    version: number,
    asked: readonly Asked[],
    name = 't',
    isolationLevel = 0,
  ): Promise<Call<typeof listOffsets>> {
    const made = call(listOffsets, this.handler, version, {
      replicaId: -1,
      ...(version < 2 ? {} : { isolationLevel }),
      topics: [
        {
          name,
          partitions: asked.map(({ partition, timestamp, currentLeaderEpoch }) => ({
            partitionIndex: partition ?? 0,
            timestamp,
            ...(currentLeaderEpoch === undefined ? {} : { currentLeaderEpoch }),
          })),
        },
      ],
      ...(version < 10 ? {} : { timeoutMs: 1000 }),
    });
    await settle();
    return made;
  }

  async one(version: number, timestamp: number, more: Partial<Asked> = {}) {
    const answer = await this.ask(version, [{ timestamp, ...more }]);
    const { errorCode, offset, timestamp: found, leaderEpoch } = answer.got.topics[0]!.partitions[0]!;
    return { errorCode, offset, timestamp: found, leaderEpoch };
  }
}

/** Records at offsets 0 to 5 with timestamps 10, 30, 20, 40, 40, 25; the last one is not committed. */
function world(): World {
  const made = new World();
  made.createTopic('t', { partitions: 2 });
  const append = (...timestamps: number[]) => {
    const records = timestamps.map((timestampMs) => ({ key: null, value: Buffer.from('v'), timestampMs }));
    made.partition('t').append(buildBatch({ records }), { acks: -1, origin: 'client' });
  };
  append(10, 30, 20);
  append(40, 40);
  made.storage.commit();
  append(90);
  return made;
}

test('latest is the high watermark, earliest the start of the log, in every version', async () => {
  const made = world();
  for (let version = 1; version <= 11; version++) {
    const leaderEpoch = version >= 4 ? 0 : -1;
    assert.deepEqual(await made.one(version, -1), { errorCode: 0, offset: 5, timestamp: -1, leaderEpoch });
    assert.deepEqual(await made.one(version, -2), { errorCode: 0, offset: 0, timestamp: -1, leaderEpoch });
  }
  made.partition('t').deleteRecords(2);
  assert.equal((await made.one(11, -2)).offset, 2);
});

test('a timestamp finds the first record at or after it, exact to the record, committed only', async () => {
  const made = world();
  const expected = [
    [0, 0],
    [10, 0],
    [11, 1],
    [30, 1],
    [31, 3],
    [40, 3],
    [41, -1],
    [90, -1],
  ] as const;
  for (const [timestamp, offset] of expected) assert.equal((await made.one(11, timestamp)).offset, offset);
  assert.deepEqual(await made.one(11, 11), { errorCode: 0, offset: 1, timestamp: 30, leaderEpoch: 0 });
  assert.deepEqual(await made.one(11, 41), { errorCode: 0, offset: -1, timestamp: -1, leaderEpoch: -1 });
});

test('the greatest timestamp is that of the first record that has it', async () => {
  const made = world();
  assert.deepEqual(await made.one(7, -3), { errorCode: 0, offset: 3, timestamp: 40, leaderEpoch: 0 });
  assert.equal((await made.one(7, -3, { partition: 1 })).offset, -1);
});

test('the special timestamps of tiered storage: local is all there is, the others find nothing', async () => {
  const made = world();
  assert.equal((await made.one(8, -4)).offset, 0);
  assert.deepEqual(await made.one(9, -5), { errorCode: 0, offset: -1, timestamp: -1, leaderEpoch: -1 });
  assert.deepEqual(await made.one(11, -6), { errorCode: 0, offset: -1, timestamp: -1, leaderEpoch: -1 });
});

test('a special timestamp before its version, and one that does not exist, are unsupported', async () => {
  const made = world();
  for (const [version, timestamp] of [
    [6, -3],
    [7, -4],
    [8, -5],
    [10, -6],
    [11, -7],
    [11, -1000],
  ] as const) {
    assert.equal((await made.one(version, timestamp)).errorCode, ErrorCode.UNSUPPORTED_VERSION);
  }
});

test('leader epochs are checked', async () => {
  const made = world();
  made.metadata.apply({ type: 'leader-epochs-raised', brokerId: 1 });
  assert.equal((await made.one(11, -1, { currentLeaderEpoch: 0 })).errorCode, ErrorCode.FENCED_LEADER_EPOCH);
  assert.equal((await made.one(11, -1, { currentLeaderEpoch: 2 })).errorCode, ErrorCode.UNKNOWN_LEADER_EPOCH);
  assert.deepEqual(await made.one(11, -1, { currentLeaderEpoch: 1 }), {
    errorCode: 0,
    offset: 5,
    timestamp: -1,
    leaderEpoch: 1,
  });
});

test('many partitions are answered in the order in which they were asked for', async () => {
  const made = new World();
  made.createTopic('t', { partitions: 30 });
  for (let partition = 0; partition < 30; partition++) {
    const records = Array.from({ length: partition + 1 }, (_, at) => ({ key: null, value: null, timestampMs: at }));
    made.partition('t', partition).append(buildBatch({ records }), { acks: -1, origin: 'client' });
  }
  made.storage.commit();
  const asked = Array.from({ length: 30 }, (_, partition) => ({
    partition,
    timestamp: partition % 2 ? -1 : partition,
  }));
  const answer = await made.ask(11, asked);
  assert.deepEqual(
    answer.got.topics[0]!.partitions.map(({ partitionIndex, offset }) => [partitionIndex, offset]),
    asked.map(({ partition }) => [partition, partition % 2 ? partition + 1 : partition]),
  );
});

test('a partition named twice is an invalid request, answered once', async () => {
  const answer = await world().ask(11, [{ timestamp: -1 }, { partition: 1, timestamp: -1 }, { timestamp: -2 }]);
  assert.deepEqual(
    answer.got.topics[0]!.partitions.map(({ errorCode }) => errorCode),
    [ErrorCode.INVALID_REQUEST, ErrorCode.NONE],
  );
});

test('a topic in two entries is answered in one, and what both ask for is refused once', async () => {
  const partitions = [[0, 1], [0]].map((indexes) =>
    indexes.map((partitionIndex) => ({ partitionIndex, timestamp: -1 })),
  );
  const made = call(listOffsets, world().handler, 11, {
    replicaId: -1,
    isolationLevel: 0,
    topics: partitions.map((asked) => ({ name: 't', partitions: asked })),
    timeoutMs: 1000,
  });
  await settle();
  assert.deepEqual(
    made.got.topics.map(({ partitions: answers }) =>
      answers.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode]),
    ),
    [
      [
        [0, ErrorCode.INVALID_REQUEST],
        [1, ErrorCode.NONE],
      ],
    ],
  );
});

test('partitions that do not exist, or are led elsewhere, say so', async () => {
  const made = world();
  made.createTopic('elsewhere', { leader: 2 });
  assert.equal((await made.one(11, -1, { partition: 9 })).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const answer = await made.ask(11, [{ timestamp: -1 }], 'elsewhere');
  assert.equal(answer.got.topics[0]!.partitions[0]!.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER);
});

test('a topic deleted during a lookup is unknown', async () => {
  const made = world();
  const asked = made.ask(11, [{ timestamp: 5 }]);
  made.deleteTopic('t');
  assert.equal((await asked).got.topics[0]!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
});

test('a record without a timestamp cannot be found by one', async () => {
  const made = world();
  made.partition('t', 1).append(batchOf(['a'], { timestampMs: -1 }), { acks: -1, origin: 'client' });
  made.storage.commit();
  assert.equal((await made.one(11, 0, { partition: 1 })).offset, -1);
});
