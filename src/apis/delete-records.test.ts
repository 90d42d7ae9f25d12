import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchOf } from '../partition/partition-world.suite.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { deleteRecords } from '../protocol/messages/delete-records.ts';
import { type Call, call, dependenciesOf, PartitionWorld } from './data-api-world.suite.ts';
import { deleteRecordsHandler } from './delete-records.ts';

class World extends PartitionWorld {
  readonly handler = deleteRecordsHandler(dependenciesOf(this));

  ask(
    offsets: readonly (readonly [number, number])[],
    options: { topic?: string; version?: number; timeoutMs?: number } = {},
  ) {
    return call(deleteRecords, this.handler, options.version ?? 2, {
      topics: [
        {
          name: options.topic ?? 't',
          partitions: offsets.map(([partitionIndex, offset]) => ({ partitionIndex, offset })),
        },
      ],
      timeoutMs: options.timeoutMs ?? 1000,
    });
  }
}

/** Three committed records in each of two partitions. */
function world(configs: Record<string, string> = {}): World {
  const made = new World();
  made.createTopic('t', { partitions: 2, configs });
  for (const partition of [0, 1]) {
    made.partition('t', partition).append(batchOf(['a', 'b', 'c']), { acks: -1, origin: 'client' });
  }
  made.storage.commit();
  return made;
}

function answers(asked: Call<typeof deleteRecords>) {
  return asked.got.topics[0]!.partitions.map(({ partitionIndex, errorCode, lowWatermark }) => [
    partitionIndex,
    errorCode,
    lowWatermark,
  ]);
}

test('the answer follows when the new starts are durable', () => {
  for (const version of [0, 1, 2]) {
    const made = world();
    const asked = made.ask(
      [
        [0, 2],
        [1, -1],
      ],
      { version },
    );
    assert.equal(asked.answer, undefined);
    made.storage.commit();
    assert.deepEqual(answers(asked), [
      [0, ErrorCode.NONE, 2],
      [1, ErrorCode.NONE, 3],
    ]);
    assert.equal(made.partition('t').logStartOffset, 2);
  }
});

test('each partition has its own error', () => {
  const made = world();
  const asked = made.ask([
    [0, 4],
    [1, 1],
    [7, 0],
    [0, -2],
  ]);
  made.storage.commit();
  assert.deepEqual(answers(asked), [
    [0, ErrorCode.OFFSET_OUT_OF_RANGE, -1],
    [1, ErrorCode.NONE, 1],
    [7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
    [0, ErrorCode.OFFSET_OUT_OF_RANGE, -1],
  ]);
});

test('an offset below the start changes nothing and is answered with the start', () => {
  const made = world();
  made.ask([[0, 2]]);
  made.storage.commit();
  assert.deepEqual(answers(made.ask([[0, 1]])), [[0, ErrorCode.NONE, 2]]);
});

test('a move that is not durable in time is timed out, and stands', () => {
  const made = world();
  const asked = made.ask(
    [
      [0, 2],
      [1, 9],
    ],
    { timeoutMs: 50 },
  );
  made.time.advance(50);
  assert.deepEqual(answers(asked), [
    [0, ErrorCode.REQUEST_TIMED_OUT, 2],
    [1, ErrorCode.OFFSET_OUT_OF_RANGE, -1],
  ]);
  made.storage.commit();
  assert.equal(made.partition('t').logStartOffset, 2);
});

test('without a timeout there is time', () => {
  const made = world();
  const asked = made.ask([[0, 2]], { timeoutMs: 0 });
  made.time.advance(1_000);
  made.storage.commit();
  assert.deepEqual(answers(asked), [[0, ErrorCode.NONE, 2]]);
});

test('compacted and internal topics are refused', () => {
  const made = world({ 'cleanup.policy': 'compact' });
  made.createTopic('__consumer_offsets');
  assert.deepEqual(answers(made.ask([[0, 1]])), [[0, ErrorCode.POLICY_VIOLATION, -1]]);
  assert.deepEqual(answers(made.ask([[0, 0]], { topic: '__consumer_offsets' })), [
    [0, ErrorCode.INVALID_TOPIC_EXCEPTION, -1],
  ]);
});

test('a topic that nothing is cleaned of may lose records by hand, and one that is compacted and deleted', () => {
  for (const policy of ['', 'compact,delete']) {
    const made = world({ 'cleanup.policy': policy });
    const asked = made.ask([[0, 2]]);
    made.storage.commit();
    assert.deepEqual(answers(asked), [[0, ErrorCode.NONE, 2]], policy);
  }
});

test('a topic deleted meanwhile is unknown', () => {
  const made = world();
  const asked = made.ask([[0, 2]]);
  made.deleteTopic('t');
  made.storage.commit();
  assert.deepEqual(answers(asked), [[0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1]]);
});
