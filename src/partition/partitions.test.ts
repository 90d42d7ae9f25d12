import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../protocol/error-code.ts';
import { batchOf, PartitionWorld } from './partition-world.suite.ts';

test('a topic is open the moment its metadata is committed', async () => {
  const world = new PartitionWorld();
  const replicas = { leader: 1, leaderEpoch: 0, replicas: [1], isr: [1] };
  await world.metadata.commit(() => [
    {
      type: 'topic-created',
      name: 't',
      id: 'AAAAAAAAAAAAAAAAAAAAAQ',
      internal: false,
      partitions: [replicas, replicas],
    },
  ]);
  assert.equal(world.partitions.get('AAAAAAAAAAAAAAAAAAAAAQ', 1), world.partitions.byName('t', 1));
  assert.equal(world.partition('t', 1).append(batchOf(['a']), { acks: 1, origin: 'client' }).baseOffset, 0);
  assert.equal(world.partitions.count, 2);
});

test('partitions in the image at the start are open', () => {
  const first = new PartitionWorld();
  first.createTopic('t', { partitions: 3 });
  assert.deepEqual(
    [...first.partitions.all()].map(({ id }) => id.partition),
    [0, 1, 2],
  );
});

test('added partitions open beside those that are', () => {
  const world = new PartitionWorld();
  const id = world.createTopic('t');
  const before = world.partition('t');
  const added = { leader: 1, leaderEpoch: 0, replicas: [1], isr: [1] };
  world.metadata.apply({ type: 'partitions-added', topicId: id, partitions: [added] });
  assert.equal(world.partition('t'), before);
  assert.equal(world.partition('t', 1).logEndOffset, 0);
});

test('a deleted topic is gone at once, and its name is free for another', () => {
  const world = new PartitionWorld();
  const oldId = world.createTopic('t');
  const old = world.partition('t');
  world.deleteTopic('t');
  assert.equal(old.deleted, true);
  assert.equal(world.partitions.byName('t', 0), undefined);
  assert.equal(world.partitions.absence('t', 0), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const replicas = { leader: 1, leaderEpoch: 0, replicas: [1], isr: [1] };
  const id = 'BBBBBBBBBBBBBBBBBBBBBQ';
  world.metadata.apply({ type: 'topic-created', name: 't', id, internal: false, partitions: [replicas] });
  assert.notEqual(world.partition('t'), old);
  assert.equal(world.partitions.get(oldId, 0), undefined);
});

test('a topic deleted and made again in one commit is the new one', () => {
  const world = new PartitionWorld();
  const oldId = world.createTopic('t');
  const replicas = { leader: 1, leaderEpoch: 0, replicas: [1], isr: [1] };
  const id = 'BBBBBBBBBBBBBBBBBBBBBQ';
  world.metadata.apply(
    { type: 'topic-deleted', id: oldId },
    { type: 'topic-created', name: 't', id, internal: false, partitions: [replicas] },
  );
  assert.equal(world.partition('t').id.topicId, id);
});

test('what another broker leads is not here, and said so', () => {
  const world = new PartitionWorld();
  world.createTopic('t', { leader: 2 });
  assert.equal(world.partitions.byName('t', 0), undefined);
  assert.equal(world.partitions.absence('t', 0), ErrorCode.NOT_LEADER_OR_FOLLOWER);
  assert.equal(world.partitions.absence('t', 1), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  assert.equal(world.partitions.absence('t', -1), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
});

test('configs reach the log at creation and when they change', () => {
  const world = new PartitionWorld();
  world.createTopic('t', { configs: { 'retention.bytes': '77', 'cleanup.policy': 'compact,delete' } });
  assert.equal(world.logOf('t').config.retentionBytes, 77);
  assert.deepEqual(world.logOf('t').config.cleanupPolicy, { delete: true, compact: true });
  world.metadata.apply({ type: 'config-set', resource: 'topic:t', name: 'retention.bytes', value: '88' });
  assert.equal(world.logOf('t').config.retentionBytes, 88);
  world.metadata.apply({ type: 'config-set', resource: 'broker:', name: 'log.retention.ms', value: '99' });
  assert.equal(world.logOf('t').config.retentionMs, 99);
});

test('a raised leader epoch is taken over', () => {
  const world = new PartitionWorld();
  world.createTopic('t');
  world.metadata.apply({ type: 'leader-epochs-raised', brokerId: 1 });
  assert.equal(world.partition('t').leaderEpoch, 1);
});

test('idle producers are forgotten by one timer for all partitions', () => {
  const world = new PartitionWorld({ brokerConfig: { 'producer.id.expiration.ms': '3600000' } });
  world.createTopic('t', { partitions: 2 });
  const timers = world.time.pendingTimers;
  for (const index of [0, 1]) {
    const batch = batchOf(['a'], { producerId: 1, producerEpoch: 0, baseSequence: 0 });
    world.partition('t', index).append(batch, { acks: -1, origin: 'client' });
  }
  assert.equal(world.time.pendingTimers, timers);
  world.time.advance(3_000_000);
  assert.equal(world.partition('t', 1).producerCount, 1);
  world.time.advance(1_200_000);
  assert.equal(world.partition('t', 0).producerCount, 0);
  assert.equal(world.partition('t', 1).producerCount, 0);
  world.partitions.close();
  assert.equal(world.time.pendingTimers, 0);
});
