import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BatchOptions, batchOf } from '../partition/partition-world.suite.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { produce } from '../protocol/messages/produce.ts';
import { buildBatch } from '../records/build-batch.ts';
import { type Call, call, dependenciesOf, PartitionWorld } from './data-api-world.suite.ts';
import { produceHandler } from './produce.ts';

const VERSIONS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];

interface Sent {
  readonly acks?: number;
  readonly version?: number;
  readonly timeoutMs?: number;
  readonly transactionalId?: string;
  readonly clientId?: string;
}

class World extends PartitionWorld {
  readonly handler = produceHandler(dependenciesOf(this));

  /** Topic → [partition, records] …; sent by id from version 13 on. */
  send(topics: Record<string, readonly (readonly [number, Buffer])[]>, sent: Sent = {}): Call<typeof produce> {
    const version = sent.version ?? 13;
    const request = {
      transactionalId: sent.transactionalId ?? null,
      acks: sent.acks ?? -1,
      timeoutMs: sent.timeoutMs ?? 30_000,
      topicData: Object.entries(topics).map(([name, partitions]) => ({
        ...(version < 13 ? { name } : { topicId: this.metadata.image.topics.get(name)?.id ?? name }),
        partitionData: partitions.map(([index, records]) => ({ index, records })),
      })),
    };
    return call(
      produce,
      this.handler,
      version,
      request,
      sent.clientId === undefined ? {} : { clientId: sent.clientId },
    );
  }

  sendOne(values: readonly string[], batch: BatchOptions = {}, sent: Sent = {}): Call<typeof produce> {
    return this.send({ t: [[0, batchOf(values, batch)]] }, sent);
  }
}

function world(configs: Record<string, string> = {}): World {
  const made = new World();
  made.createTopic('t', { partitions: 2, configs });
  return made;
}

function only(answer: Call<typeof produce>) {
  return answer.got.responses[0]!.partitionResponses[0]!;
}

test('versions 0 to 2 are advertised and not handled', () => {
  const { handler } = new World();
  assert.deepEqual([handler.minVersion, handler.minHandledVersion, handler.maxVersion], [0, 3, 13]);
});

for (const version of VERSIONS) {
  test(`version ${version} answers with the offset, once the append is committed`, () => {
    const made = world();
    const first = made.sendOne(['a', 'b'], {}, { version });
    const second = made.sendOne(['c'], {}, { version });
    assert.equal(first.answer, undefined);
    made.storage.commit();
    assert.equal(only(first).errorCode, ErrorCode.NONE);
    assert.equal(only(first).baseOffset, 0);
    assert.equal(only(second).baseOffset, 2);
    assert.equal(only(second).logAppendTimeMs, -1);
    assert.equal(only(second).logStartOffset, version >= 5 ? 0 : -1);
    assert.equal(
      second.got.responses[0]!.topicId,
      version >= 13 ? made.partition('t').id.topicId : 'AAAAAAAAAAAAAAAAAAAAAA',
    );
  });
}

test('acks=1 is answered when written, not waiting for the commit', () => {
  const made = world();
  const sent = made.sendOne(['a'], {}, { acks: 1 });
  assert.equal(sent.answer, undefined);
  made.storage.write();
  assert.equal(only(sent).baseOffset, 0);
  assert.equal(made.partition('t').highWatermark, 0);
});

test('acks=0 has no answer, and is in flight until it is written', () => {
  const made = world();
  const sent = made.sendOne(['a'], {}, { acks: 0 });
  assert.equal(sent.answer, undefined);
  made.storage.write();
  assert.equal(sent.answer, null);
  assert.equal(sent.connection.closedBecause, undefined);
  assert.equal(made.partition('t').logEndOffset, 1);
});

test('an error with acks=0 closes the connection', () => {
  const made = world();
  const sent = made.send({ missing: [[0, batchOf(['a'])]] }, { acks: 0, version: 12 });
  assert.equal(sent.answer, null);
  assert.notEqual(sent.connection.closedBecause, undefined);
});

test('other acks are refused for each partition that exists', () => {
  const made = world();
  const batch = () => batchOf(['a']);
  const sent = made.send(
    {
      t: [
        [0, batch()],
        [1, batch()],
      ],
      missing: [[0, batch()]],
    },
    { acks: 2, version: 12 },
  );
  const codes = sent.got.responses.map(({ partitionResponses }) =>
    partitionResponses.map(({ errorCode }) => errorCode),
  );
  assert.deepEqual(codes, [
    [ErrorCode.INVALID_REQUIRED_ACKS, ErrorCode.INVALID_REQUIRED_ACKS],
    [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ]);
  assert.equal(made.partition('t').logEndOffset, 0);
});

test('each partition has its own error, and the others are appended', () => {
  const made = world();
  const broken = batchOf(['a']);
  broken[broken.length - 1]! ^= 1;
  const sent = made.send({
    t: [
      [0, broken],
      [1, batchOf(['b'])],
      [7, batchOf(['c'])],
    ],
  });
  made.storage.commit();
  assert.deepEqual(
    sent.got.responses[0]!.partitionResponses.map(({ index, errorCode, baseOffset }) => [index, errorCode, baseOffset]),
    [
      [0, ErrorCode.CORRUPT_MESSAGE, -1],
      [1, ErrorCode.NONE, 0],
      [7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
    ],
  );
});

test('a request in which nothing was appended is answered at once', () => {
  const made = world();
  assert.equal(only(made.send({ t: [[7, batchOf(['c'])]] })).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
});

test('an unknown topic id has an error of its own', () => {
  const made = world();
  const sent = made.send({ AAAAAAAAAAAAAAAAAAAAAQ: [[0, batchOf(['a'])]] });
  assert.equal(only(sent).errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
});

test('a partition named twice is appended twice and answered twice', () => {
  const made = world();
  const sent = made.send({
    t: [
      [0, batchOf(['a'])],
      [0, batchOf(['b'])],
    ],
  });
  made.storage.commit();
  assert.deepEqual(
    sent.got.responses[0]!.partitionResponses.map(({ baseOffset }) => baseOffset),
    [0, 1],
  );
});

test('a commit later than the timeout is answered REQUEST_TIMED_OUT, and the append stands', () => {
  const made = world();
  const broken = batchOf(['a']);
  broken[broken.length - 1]! ^= 1;
  const sent = made.send(
    {
      t: [
        [0, batchOf(['a'])],
        [1, broken],
      ],
    },
    { timeoutMs: 100 },
  );
  made.time.advance(99);
  assert.equal(sent.answer, undefined);
  made.time.advance(1);
  assert.deepEqual(
    sent.got.responses[0]!.partitionResponses.map(({ errorCode }) => errorCode),
    [ErrorCode.REQUEST_TIMED_OUT, ErrorCode.CORRUPT_MESSAGE],
  );
  made.storage.commit();
  assert.equal(made.partition('t').highWatermark, 1);
});

test('a commit in time needs no timer afterwards', () => {
  const made = world();
  const timers = made.time.pendingTimers;
  const sent = made.sendOne(['a'], {}, { timeoutMs: 100 });
  made.storage.commit();
  made.time.advance(1000);
  assert.equal(only(sent).errorCode, ErrorCode.NONE);
  assert.equal(made.time.pendingTimers, timers);
});

test('bad records are named, from version 8 on', () => {
  const records = [
    { key: Buffer.from('k'), value: null },
    { key: null, value: null },
  ];
  for (const version of [7, 8, 13]) {
    const made = world({ 'cleanup.policy': 'compact' });
    const answer = only(made.send({ t: [[0, buildBatch({ records })]] }, { version }));
    assert.equal(answer.errorCode, ErrorCode.INVALID_RECORD);
    assert.deepEqual(
      answer.recordErrors.map(({ batchIndex }) => batchIndex),
      version >= 8 ? [1] : [],
    );
    assert.equal(typeof answer.errorMessage, version >= 8 ? 'string' : 'object');
  }
});

test('an idempotent producer that retries gets the same offset, once, when the original is committed', () => {
  const made = world();
  const batch = { producerId: 5, producerEpoch: 0, baseSequence: 0 };
  const first = made.sendOne(['a'], batch);
  const retried = made.sendOne(['a'], batch);
  assert.equal(retried.answer, undefined);
  made.storage.commit();
  assert.equal(only(first).baseOffset, 0);
  assert.equal(only(retried).baseOffset, 0);
  assert.equal(only(made.sendOne(['a'], batch)).baseOffset, 0);
  assert.equal(made.partition('t').logEndOffset, 1);
});

test('clients do not write to internal topics, the admin client may', () => {
  const made = world();
  made.createTopic('__consumer_offsets');
  const send = (clientId: string) =>
    made.send({ __consumer_offsets: [[0, batchOf(['a'])]] }, { clientId, acks: 1, version: 12 });
  assert.equal(only(send('app')).errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION);
  const allowed = send('__admin_client');
  made.storage.write();
  assert.equal(only(allowed).errorCode, ErrorCode.NONE);
});

test('a full disk is KAFKA_STORAGE_ERROR', () => {
  const made = world();
  made.storage.writable = false;
  assert.equal(only(made.sendOne(['a'])).errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
});

test('who leads is hinted with NOT_LEADER_OR_FOLLOWER, from version 10 on', () => {
  const made = world();
  made.metadata.apply({
    type: 'broker-registered',
    broker: {
      id: 2,
      rack: 'r',
      endpoints: [{ listener: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: 'other', port: 9093 }],
    },
  });
  made.createTopic('elsewhere', { leader: 2 });
  for (const version of [9, 10, 13]) {
    const sent = made.send({ elsewhere: [[0, batchOf(['a'])]] }, { version });
    assert.equal(only(sent).errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER);
    assert.deepEqual(
      only(sent).currentLeader,
      version < 10 ? { leaderId: -1, leaderEpoch: -1 } : { leaderId: 2, leaderEpoch: 0 },
    );
    assert.deepEqual(sent.got.nodeEndpoints, version < 10 ? [] : [{ nodeId: 2, host: 'other', port: 9093, rack: 'r' }]);
  }
});

test('transactions are refused: without a transactional id as a whole, with one by partition', () => {
  const made = world();
  const batch = { producerId: 5, producerEpoch: 0, baseSequence: 0, isTransactional: true };
  assert.equal(only(made.sendOne(['a'], batch)).errorCode, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  assert.equal(only(made.sendOne(['a'], batch, { transactionalId: 'tx' })).errorCode, ErrorCode.INVALID_TXN_STATE);
});

test('a topic deleted while a commit is awaited is unknown', () => {
  const made = world();
  const sent = made.sendOne(['a']);
  made.deleteTopic('t');
  made.storage.commit();
  assert.equal(only(sent).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
});

test('a refusal by the log says where the log starts, except for those that Kafka answers without it', () => {
  const damagedBy = (change: (batch: Buffer) => void, options: BatchOptions = {}) => {
    const batch = batchOf(['a', 'b'], options);
    change(batch);
    return batch;
  };
  const refusals: [ErrorCode, number, Buffer][] = [
    [ErrorCode.INVALID_RECORD, 1, damagedBy((batch) => batch.writeInt32BE(100, 4))],
    [ErrorCode.INVALID_RECORD, 1, batchOf(['a'], { producerId: 7, producerEpoch: 0, baseSequence: -1 })],
    [ErrorCode.INVALID_PRODUCER_EPOCH, 1, batchOf(['a'], { producerId: 7, producerEpoch: -2, baseSequence: 0 })],
    [ErrorCode.CORRUPT_MESSAGE, -1, damagedBy((batch) => batch.writeUInt8(batch[20]! ^ 1, 20))],
    [ErrorCode.MESSAGE_TOO_LARGE, -1, batchOf(['x'.repeat(600)])],
    [ErrorCode.INVALID_RECORD, -1, Buffer.concat([batchOf(['a']), batchOf(['b'])])],
    [ErrorCode.INVALID_RECORD, -1, Buffer.alloc(0)],
  ];
  const made = world({ 'max.message.bytes': '500' });
  made.sendOne(['first']);
  made.storage.commit();
  made.partition('t').deleteRecords(1);
  for (const [errorCode, logStartOffset, records] of refusals) {
    const answer = only(made.send({ t: [[0, records]] }));
    assert.deepEqual([answer.errorCode, answer.logStartOffset, answer.baseOffset], [errorCode, logStartOffset, -1]);
  }
});
