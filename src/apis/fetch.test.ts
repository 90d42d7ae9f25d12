import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchOf } from '../partition/partition-world.suite.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { fetch } from '../protocol/messages/fetch.ts';
import { readBatches } from '../records/read-batches.ts';
import { FileError } from '../runtime/files.ts';
import { type Call, call, dependenciesOf, PartitionWorld, settle, TestConnection } from './data-api-world.suite.ts';
import { fetchHandler } from './fetch.ts';

const VERSIONS = [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18];
const BATCH_BYTES = batchOf(['a']).length;

interface Asked {
  readonly version?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
  readonly isolationLevel?: number;
  readonly sessionId?: number;
  readonly sessionEpoch?: number;
  readonly currentLeaderEpoch?: number;
  readonly lastFetchedEpoch?: number;
  readonly replicaId?: number;
  readonly forget?: Record<string, number[]>;
  readonly connection?: TestConnection;
}

class World extends PartitionWorld {
  readonly handler = fetchHandler(dependenciesOf(this));

  /** Topic → partition → fetch offset, in the order given; sent by id from version 13 on. */
  ask(topics: Record<string, readonly (readonly [number, number])[]>, asked: Asked = {}): Call<typeof fetch> {
    const version = asked.version ?? 18;
    const naming = (name: string) =>
      version < 13 ? { topic: name } : { topicId: this.metadata.image.topics.get(name)?.id ?? name };
    const replicaId = asked.replicaId ?? -1;
    const request = {
      ...(version < 15 ? { replicaId } : { replicaState: { replicaId } }),
      maxWaitMs: asked.maxWaitMs ?? 0,
      minBytes: asked.minBytes ?? 1,
      maxBytes: asked.maxBytes ?? 50_000_000,
      isolationLevel: asked.isolationLevel ?? 0,
      ...(version < 7 ? {} : { sessionId: asked.sessionId ?? 0, sessionEpoch: asked.sessionEpoch ?? -1 }),
      topics: Object.entries(topics).map(([name, partitions]) => ({
        ...naming(name),
        partitions: partitions.map(([partition, fetchOffset]) => ({
          partition,
          fetchOffset,
          ...(asked.currentLeaderEpoch === undefined ? {} : { currentLeaderEpoch: asked.currentLeaderEpoch }),
          ...(asked.lastFetchedEpoch === undefined ? {} : { lastFetchedEpoch: asked.lastFetchedEpoch }),
          partitionMaxBytes: asked.partitionMaxBytes ?? 1_000_000,
        })),
      })),
      ...(asked.forget === undefined
        ? {}
        : {
            forgottenTopicsData: Object.entries(asked.forget).map(([name, partitions]) => ({
              ...naming(name),
              partitions,
            })),
          }),
    };
    return call(fetch, this.handler, version, request, asked.connection === undefined ? {} : asked);
  }

  write(count: number, partition = 0, topic = 't'): void {
    for (let index = 0; index < count; index++) {
      this.partition(topic, partition).append(batchOf(['a']), { acks: -1, origin: 'client' });
    }
    this.storage.commit();
  }
}

function world(configs: Record<string, string> = {}, brokerConfig: Record<string, string> = {}): World {
  const made = new World({ brokerConfig });
  made.createTopic('t', { partitions: 4, configs });
  return made;
}

function offsets(records: Buffer | null): number[] {
  return records === null ? [] : [...readBatches(records)].map(({ baseOffset }) => baseOffset);
}

/** `partition: offsets` for each partition of the answer, in order. */
function summary(answer: Call<typeof fetch>): string[] {
  return answer.got.responses.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex, records }) => `${partitionIndex}: ${offsets(records).join(' ')}`),
  );
}

function only(answer: Call<typeof fetch>) {
  assert.equal(answer.got.responses.length, 1);
  return answer.got.responses[0]!.partitions[0]!;
}

for (const version of VERSIONS) {
  test(`version ${version} returns what is committed, with the marks of the partition`, () => {
    const made = world();
    made.write(3);
    made.partition('t').append(batchOf(['not committed']), { acks: -1, origin: 'client' });
    const data = only(made.ask({ t: [[0, 1]] }, { version }));
    assert.equal(data.errorCode, ErrorCode.NONE);
    assert.deepEqual(offsets(data.records), [1, 2]);
    assert.equal(data.highWatermark, 3);
    assert.equal(data.lastStableOffset, 3);
    assert.equal(data.logStartOffset, version >= 5 ? 0 : -1);
    assert.equal(data.abortedTransactions, null);
    assert.equal(data.preferredReadReplica, -1);
  });
}

test('readers of committed records get a list of aborted transactions, even an empty one', () => {
  const made = world();
  made.write(1);
  assert.deepEqual(only(made.ask({ t: [[0, 0]] }, { isolationLevel: 1 })).abortedTransactions, []);
});

test('an empty answer holds empty records, not null', () => {
  assert.equal(only(world().ask({ t: [[0, 0]] })).records?.length, 0);
});

test('out of range, unknown partitions and unknown ids are errors of the partition', () => {
  const made = world();
  made.write(1);
  assert.equal(only(made.ask({ t: [[0, 9]] })).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE);
  assert.equal(only(made.ask({ t: [[0, 9]] })).highWatermark, -1);
  assert.equal(only(made.ask({ t: [[9, 0]] })).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  assert.equal(only(made.ask({ x: [[0, 0]] }, { version: 12 })).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  assert.equal(only(made.ask({ AAAAAAAAAAAAAAAAAAAAAQ: [[0, 0]] })).errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
});

test('the first batch comes even when it is larger than every maximum; no second one does', () => {
  const made = world();
  made.write(3);
  made.write(3, 1);
  const tiny = { maxBytes: 1, partitionMaxBytes: 1 };
  assert.deepEqual(
    summary(
      made.ask(
        {
          t: [
            [0, 0],
            [1, 0],
          ],
        },
        tiny,
      ),
    ),
    ['0: 0', '1: '],
  );
  assert.deepEqual(
    summary(
      made.ask(
        {
          t: [
            [2, 0],
            [1, 1],
          ],
        },
        tiny,
      ),
    ),
    ['2: ', '1: 1'],
  );
});

test('the maximum of a partition and of the request hold, in whole batches', () => {
  const made = world();
  for (const partition of [0, 1, 2]) made.write(4, partition);
  const all: [number, number][] = [
    [0, 0],
    [1, 0],
    [2, 0],
  ];
  assert.deepEqual(summary(made.ask({ t: all }, { partitionMaxBytes: 2 * BATCH_BYTES + 5 })), [
    '0: 0 1',
    '1: 0 1',
    '2: 0 1',
  ]);
  assert.deepEqual(summary(made.ask({ t: all }, { maxBytes: 5 * BATCH_BYTES })), ['0: 0 1 2 3', '1: 0', '2: ']);
});

test('fetch.max.bytes of the broker limits every request', () => {
  const made = world({}, { 'fetch.max.bytes': '1024' });
  made.write(50);
  assert.equal(offsets(only(made.ask({ t: [[0, 0]] })).records).length, Math.floor(1024 / BATCH_BYTES));
});

test('a session rotates its partitions when answers are cut by their maximum', () => {
  const made = world();
  for (const partition of [0, 1, 2]) made.write(9, partition);
  const first = made.ask(
    {
      t: [
        [0, 0],
        [1, 0],
        [2, 0],
      ],
    },
    { sessionEpoch: 0, maxBytes: 1 },
  );
  const { sessionId } = first.got;
  assert.deepEqual(summary(first), ['0: 0', '1: ', '2: ']);
  const served: string[] = [];
  for (let epoch = 1; epoch <= 6; epoch++)
    served.push(...summary(made.ask({}, { sessionId, sessionEpoch: epoch, maxBytes: 1 })));
  assert.deepEqual(served, ['0: 0', '1: 0', '2: 0', '0: 0', '1: 0', '2: 0']);
});

test('a session answers with what changed only', () => {
  const made = world();
  made.write(1);
  const { sessionId } = made.ask(
    {
      t: [
        [0, 1],
        [1, 0],
      ],
    },
    { sessionEpoch: 0 },
  ).got;
  assert.notEqual(sessionId, 0);
  assert.deepEqual(summary(made.ask({}, { sessionId, sessionEpoch: 1 })), []);
  made.write(1, 1);
  assert.deepEqual(summary(made.ask({}, { sessionId, sessionEpoch: 2 })), ['1: 0']);
  assert.deepEqual(summary(made.ask({ t: [[1, 1]] }, { sessionId, sessionEpoch: 3, forget: { t: [0] } })), []);
  const wrong = made.ask({}, { sessionId, sessionEpoch: 3 }).got;
  assert.equal(wrong.errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH);
  assert.equal(made.ask({}, { sessionId: 77, sessionEpoch: 3 }).got.errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  assert.equal(
    made.ask({}, { version: 12, sessionId, sessionEpoch: 4 }).got.errorCode,
    ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
  );
});

test('a long poll waits for bytes, and is answered when they are committed', async () => {
  const made = world();
  const asked = made.ask(
    {
      t: [
        [0, 0],
        [1, 0],
      ],
    },
    { maxWaitMs: 500 },
  );
  made.partition('t', 1).append(batchOf(['a']), { acks: -1, origin: 'client' });
  await settle();
  assert.equal(asked.answer, undefined);
  made.storage.commit();
  await settle();
  assert.deepEqual(summary(asked), ['0: ', '1: 0']);
});

test('one commit to several partitions wakes a fetch once, with all of it', async () => {
  const made = world();
  const asked = made.ask(
    {
      t: [
        [0, 0],
        [1, 0],
        [2, 0],
      ],
    },
    { maxWaitMs: 500 },
  );
  for (const partition of [2, 0]) made.partition('t', partition).append(batchOf(['a']), { acks: -1, origin: 'client' });
  made.storage.commit();
  await settle();
  assert.deepEqual(summary(asked), ['0: 0', '1: ', '2: 0']);
});

test('a long poll waits for min.bytes over all its partitions', async () => {
  const made = world();
  made.write(1);
  const asked = made.ask(
    {
      t: [
        [0, 0],
        [1, 0],
      ],
    },
    { maxWaitMs: 500, minBytes: 3 * BATCH_BYTES },
  );
  made.write(1, 1);
  await settle();
  assert.equal(asked.answer, undefined);
  made.write(1, 0);
  await settle();
  assert.deepEqual(summary(asked), ['0: 0 1', '1: 0']);
});

test('bytes beyond the maximum of a partition do not end the wait', async () => {
  const made = world();
  const asked = made.ask(
    {
      t: [
        [0, 0],
        [1, 0],
      ],
    },
    { maxWaitMs: 500, minBytes: 2 * BATCH_BYTES, partitionMaxBytes: BATCH_BYTES },
  );
  made.write(5);
  await settle();
  assert.equal(asked.answer, undefined);
  made.write(1, 1);
  await settle();
  assert.deepEqual(summary(asked), ['0: 0', '1: 0']);
});

test('the wait ends with what there is', () => {
  const made = world();
  made.write(1);
  const asked = made.ask({ t: [[0, 0]] }, { maxWaitMs: 500, minBytes: 1000 });
  made.time.advance(499);
  assert.equal(asked.answer, undefined);
  made.time.advance(1);
  assert.deepEqual(summary(asked), ['0: 0']);
});

test('min.bytes of 0 and an empty request are answered at once', () => {
  const made = world();
  assert.deepEqual(summary(made.ask({ t: [[0, 0]] }, { maxWaitMs: 500, minBytes: 0 })), ['0: ']);
  assert.deepEqual(summary(made.ask({}, { maxWaitMs: 500 })), []);
});

test('a partition in error ends the wait, a topic that does not exist does not', () => {
  const made = world();
  made.write(1);
  assert.notEqual(
    made.ask(
      {
        t: [
          [0, 1],
          [1, 5],
        ],
      },
      { maxWaitMs: 500 },
    ).answer,
    undefined,
  );
  const unknown = made.ask(
    {
      t: [
        [0, 1],
        [9, 0],
      ],
    },
    { maxWaitMs: 500 },
  );
  assert.equal(unknown.answer, undefined);
  made.time.advance(500);
  assert.deepEqual(
    unknown.got.responses[0]!.partitions.map(({ errorCode }) => errorCode),
    [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  );
  assert.notEqual(made.ask({ t: [[9, 0]] }, { maxWaitMs: 500 }).answer, undefined);
});

test('a topic deleted under a waiting fetch ends the wait', async () => {
  for (const version of [12, 18]) {
    const made = world();
    const asked = made.ask({ t: [[0, 0]] }, { maxWaitMs: 500, version });
    made.deleteTopic('t');
    await settle();
    assert.equal(only(asked).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
});

test('a session whose topic was made anew is told that the id no longer fits', () => {
  const made = world();
  const id = made.partition('t').id.topicId;
  const { sessionId } = made.ask({ t: [[0, 0]] }, { sessionEpoch: 0 }).got;
  made.deleteTopic('t');
  assert.equal(only(made.ask({}, { sessionId, sessionEpoch: 1 })).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const partition = { leader: 1, leaderEpoch: 0, replicas: [1], isr: [1] };
  made.metadata.apply({
    type: 'topic-created',
    name: 't',
    id: 'BBBBBBBBBBBBBBBBBBBBBQ',
    internal: false,
    partitions: [partition],
  });
  const answer = made.ask({}, { sessionId, sessionEpoch: 2 });
  assert.equal(only(answer).errorCode, ErrorCode.INCONSISTENT_TOPIC_ID);
  assert.equal(answer.got.responses[0]!.topicId, id);
});

test('a connection that goes away takes its waiting fetch along', async () => {
  const made = world();
  const timers = made.time.pendingTimers;
  const asked = made.ask({ t: [[0, 0]] }, { maxWaitMs: 500 });
  asked.connection.drop();
  assert.equal(asked.connection.listeners.size, 0);
  made.write(1);
  await settle();
  made.time.advance(500);
  assert.equal(made.time.pendingTimers, timers);
});

test('an answered fetch leaves nothing behind', async () => {
  const made = world();
  const asked = made.ask({ t: [[0, 0]] }, { maxWaitMs: 500 });
  assert.equal(asked.connection.listeners.size, 1);
  made.write(1);
  await settle();
  assert.equal(asked.connection.listeners.size, 0);
  made.write(1);
  made.time.advance(1000);
  assert.deepEqual(summary(asked), ['0: 0']);
});

test('cold reads keep the order and the limits', async () => {
  const made = world();
  for (const partition of [0, 1, 2]) made.write(4, partition);
  made.storage.coldReads = true;
  const asked = made.ask(
    {
      t: [
        [2, 0],
        [0, 0],
        [1, 0],
      ],
    },
    { maxBytes: 5 * BATCH_BYTES },
  );
  await settle();
  assert.deepEqual(summary(asked), ['2: 0 1 2 3', '0: 0', '1: ']);
});

test('what is committed during a cold read is not missed', async () => {
  const made = world();
  made.write(1);
  made.storage.coldReads = true;
  const asked = made.ask(
    {
      t: [
        [1, 0],
        [0, 0],
      ],
    },
    { maxWaitMs: 500, minBytes: 2 * BATCH_BYTES },
  );
  made.write(1, 1);
  await settle();
  assert.deepEqual(summary(asked), ['1: 0', '0: 0']);
});

test('a disk error is the storage error of that partition, which clients before version 6 get as a retriable one', async () => {
  for (const version of [5, 6, 18]) {
    const made = world();
    made.write(1);
    made.storage.failReads = new FileError('EIO', '/x', 'input/output error');
    const asked = made.ask(
      {
        t: [
          [0, 0],
          [1, 0],
        ],
      },
      { version },
    );
    await settle();
    const codes = asked.got.responses[0]!.partitions.map(({ errorCode }) => errorCode);
    assert.deepEqual(codes, [version < 6 ? ErrorCode.NOT_LEADER_OR_FOLLOWER : ErrorCode.KAFKA_STORAGE_ERROR, 0]);
    assert.equal(made.log.lines.length, 1);
  }
});

test('what requests in progress hold of files is bounded: beyond, they are answered with what they have', async () => {
  const made = world({}, { 'fetch.max.bytes': '1000000000' });
  for (const partition of [0, 1]) made.write(1, partition);
  const [first, second] = [made.logOf('t', 0), made.logOf('t', 1)];
  const read = { parts: [first.batches[0]!], sizeBytes: 64 * 1024 * 1024, isCold: true };
  first.read = () => Promise.resolve(read);
  const asked: number[] = [];
  second.read = (_offset, maxBytes) => {
    asked.push(maxBytes);
    return { parts: [], sizeBytes: 0 };
  };
  const all = [
    [0, 0],
    [1, 0],
  ] as const;
  for (let turn = 0; turn < 2; turn++) {
    const cut = made.ask({ t: all }, { maxWaitMs: 500, minBytes: 500_000_000, maxBytes: 1_000_000_000 });
    await settle();
    assert.deepEqual(summary(cut), ['0: 0', '1: ']);
  }
  assert.deepEqual(asked, []);
  made.ask({ t: [[1, 0]] });
  assert.deepEqual(asked, [1_000_000]);
});

test('a request whose connection goes away during a cold read is not read on', async () => {
  const made = world();
  for (const partition of [0, 1]) made.write(1, partition);
  made.storage.coldReads = true;
  let reads = 0;
  made.logOf('t', 1).read = () => {
    reads++;
    return { parts: [], sizeBytes: 0 };
  };
  const connection = new TestConnection();
  const all = [
    [0, 0],
    [1, 0],
  ] as const;
  made.ask({ t: all }, { connection });
  connection.drop();
  await settle();
  assert.equal(reads, 0);
});

test('what was read from files of a topic that was deleted meanwhile is not returned', async () => {
  const made = world();
  made.write(1);
  made.storage.coldReads = true;
  const asked = made.ask({ t: [[0, 0]] });
  made.deleteTopic('t');
  await settle();
  assert.equal(only(asked).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  assert.equal(only(asked).records?.length, 0);
});

test('a read that throws is the error of its partition, after a wait as well', async () => {
  const made = world();
  const waiting = made.ask({ t: [[0, 0]] }, { maxWaitMs: 500 });
  made.logOf('t').read = () => {
    throw new Error('planned');
  };
  made.write(1);
  await settle();
  assert.equal(only(waiting).errorCode, ErrorCode.UNKNOWN_SERVER_ERROR);
});

test('leader epochs are checked, and the leader is hinted from version 16 on', () => {
  const made = world();
  made.metadata.apply({ type: 'leader-epochs-raised', brokerId: 1 });
  for (const version of [15, 16]) {
    const answer = made.ask({ t: [[0, 0]] }, { version, currentLeaderEpoch: 0 });
    assert.equal(only(answer).errorCode, ErrorCode.FENCED_LEADER_EPOCH);
    assert.deepEqual(
      only(answer).currentLeader,
      version < 16 ? { leaderId: -1, leaderEpoch: -1 } : { leaderId: 1, leaderEpoch: 1 },
    );
    const endpoint = { nodeId: 1, host: '127.0.0.1', port: 9092, rack: null };
    assert.deepEqual(answer.got.nodeEndpoints, version < 16 ? [] : [endpoint]);
  }
  assert.equal(only(made.ask({ t: [[0, 0]] }, { currentLeaderEpoch: 2 })).errorCode, ErrorCode.UNKNOWN_LEADER_EPOCH);
});

test('what another broker leads is refused with a hint', () => {
  const made = world();
  made.createTopic('elsewhere', { leader: 2 });
  const data = only(made.ask({ elsewhere: [[0, 0]] }));
  assert.equal(data.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER);
  assert.deepEqual(data.currentLeader, { leaderId: 2, leaderEpoch: 0 });
});

test('a diverging epoch is told at once, without records', () => {
  const made = world();
  made.write(2);
  made.metadata.apply({ type: 'leader-epochs-raised', brokerId: 1 });
  made.write(2);
  const data = only(made.ask({ t: [[0, 3]] }, { maxWaitMs: 500, lastFetchedEpoch: 0 }));
  assert.deepEqual(data.divergingEpoch, { epoch: 0, endOffset: 2 });
  assert.equal(data.records?.length, 0);
  assert.equal(data.errorCode, ErrorCode.NONE);
});

test('a follower is refused, without an address: nobody replicates from here', () => {
  const made = world();
  made.write(1);
  assert.deepEqual(made.ask({ t: [[0, 0]] }, { version: 18, replicaId: 5 }).got.nodeEndpoints, []);
  for (const version of [14, 15]) {
    assert.equal(
      only(made.ask({ t: [[0, 0]] }, { version, replicaId: 5 })).errorCode,
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
    );
    const withEpoch = made.ask({ t: [[0, 0]] }, { version, replicaId: 5, currentLeaderEpoch: 0 });
    assert.equal(only(withEpoch).errorCode, ErrorCode.UNKNOWN_LEADER_EPOCH);
  }
});

test('topics are grouped in the order in which they were asked for', () => {
  const made = world();
  made.createTopic('u', { partitions: 2 });
  const { responses } = made.ask(
    {
      u: [
        [1, 0],
        [0, 0],
      ],
      t: [[3, 0]],
    },
    { version: 12 },
  ).got;
  assert.deepEqual(
    responses.map(({ topic, partitions }) => [topic, partitions.map(({ partitionIndex }) => partitionIndex)]),
    [
      ['u', [1, 0]],
      ['t', [3]],
    ],
  );
});
