import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchOf } from '../partition/partition-world.suite.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { offsetForLeaderEpoch } from '../protocol/messages/offset-for-leader-epoch.ts';
import { call, dependenciesOf, PartitionWorld } from './data-api-world.suite.ts';
import { offsetForLeaderEpochHandler } from './offset-for-leader-epoch.ts';

/** Epochs 0 (offsets 0, 1), 1 (nothing), 2 (2, 3) with one more that is not committed. */
function world() {
  const made = new PartitionWorld();
  made.createTopic('t');
  const append = () => made.partition('t').append(batchOf(['a', 'b']), { acks: -1, origin: 'client' });
  append();
  made.metadata.apply({ type: 'leader-epochs-raised', brokerId: 1 });
  made.metadata.apply({ type: 'leader-epochs-raised', brokerId: 1 });
  append();
  made.storage.commit();
  append();
  const handler = offsetForLeaderEpochHandler(dependenciesOf(made));
  const ask = (version: number, leaderEpoch: number, currentLeaderEpoch = -1, partition = 0) => {
    const asked = call(offsetForLeaderEpoch, handler, version, {
      ...(version < 3 ? {} : { replicaId: -1 }),
      topics: [{ topic: 't', partitions: [{ partition, currentLeaderEpoch, leaderEpoch }] }],
    });
    const answer = asked.got.topics[0]!.partitions[0]!;
    return [answer.errorCode, answer.leaderEpoch, answer.endOffset];
  };
  return { ask };
}

test('an epoch ends where the next begins, the latest at what is committed', () => {
  const { ask } = world();
  for (const version of [2, 3, 4]) {
    assert.deepEqual(ask(version, 0), [ErrorCode.NONE, 0, 2]);
    assert.deepEqual(ask(version, 1), [ErrorCode.NONE, 0, 2]);
    assert.deepEqual(ask(version, 2), [ErrorCode.NONE, 2, 4]);
    assert.deepEqual(ask(version, 3), [ErrorCode.NONE, -1, -1]);
  }
});

test('the leader epoch the client knows is checked', () => {
  const { ask } = world();
  assert.deepEqual(ask(4, 0, 1), [ErrorCode.FENCED_LEADER_EPOCH, -1, -1]);
  assert.deepEqual(ask(4, 0, 3), [ErrorCode.UNKNOWN_LEADER_EPOCH, -1, -1]);
  assert.deepEqual(ask(4, 0, 2), [ErrorCode.NONE, 0, 2]);
});

test('a partition that does not exist is unknown', () => {
  assert.deepEqual(world().ask(4, 0, -1, 5), [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1, -1]);
});
