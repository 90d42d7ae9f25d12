// Several virtual brokers: leaders and coordinators that move, and coordinators that load.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commitOffsets, committedOffsets } from '../../src/client/groups.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { heartbeat } from '../../src/protocol/messages/heartbeat.ts';
import { listOffsets } from '../../src/protocol/messages/list-offsets.ts';
import { metadata } from '../../src/protocol/messages/metadata.ts';
import { startTestBroker } from '../../src/testing.ts';
import { newTopic, send, withBroker } from './clients.ts';

test('clients see every virtual broker, each with some of the partitions', async () => {
  await withBroker(
    async (broker, client) => {
      await newTopic(client, 'orders', { partitions: 3 });
      await client.refreshMetadata(['orders']);
      assert.deepEqual(
        client.cluster.brokers.map(({ id, host, port }) => ({ id, address: `${host}:${port}` })),
        broker.brokers,
      );
      const { partitions } = await client.topic('orders');
      assert.equal(new Set(partitions.map(({ leader }) => leader)).size, 3);
      for (const partition of [0, 1, 2]) await send(client, 'orders', [`of ${partition}`], { partition });
      assert.equal((await broker.topic('orders').records()).length, 3);
      const connections = new Set(broker.journal.entries({ api: 'Produce' }).map(({ connection }) => connection));
      assert.equal(connections.size, 3);
    },
    { brokers: 3 },
  );
});

test('a leader that moves refuses what it led, and the next one has a higher epoch', async () => {
  await withBroker(
    async (broker, client) => {
      await newTopic(client, 'orders', { partitions: 2 });
      await send(client, 'orders', ['a'], { partition: 0 });
      const before = await client.topic('orders', { refresh: true });
      const from = broker.leaderOf('orders', 0);
      const to = await broker.moveLeader('orders', 0);
      assert.notEqual(to, from);
      const topics = [0, 1].map((partitionIndex) => ({ partitionIndex, timestamp: -1 }));
      const { topics: asked } = await client.request(
        listOffsets,
        { replicaId: -1, topics: [{ name: 'orders', partitions: topics }] },
        { nodeId: to },
      );
      const answers = asked.flatMap(({ partitions }) => partitions);
      assert.deepEqual(answers.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode]).sort(), [
        [0, ErrorCode.NONE],
        [1, to === broker.leaderOf('orders', 1) ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER],
      ]);
      // The client believes in the old leader, is refused, asks and goes on.
      await send(client, 'orders', ['b'], { partition: 0 });
      assert.ok(
        broker.journal.toString({ api: 'Produce' }).includes(`"errorCode":${ErrorCode.NOT_LEADER_OR_FOLLOWER}`),
      );
      const after = await client.topic('orders', { refresh: true });
      assert.equal(after.partitions[0]!.leader, to);
      assert.equal(after.partitions[0]!.leaderEpoch, before.partitions[0]!.leaderEpoch + 1);
      assert.equal(after.partitions[1]!.leaderEpoch, before.partitions[1]!.leaderEpoch);
      await broker
        .expectTopic('orders')
        .toHaveReceived([{ value: 'a' }, { value: 'b' }], { inOrder: true, exactly: true });
    },
    { brokers: 3 },
  );
});

test('a fault moves the leader between two batches of a producer', async () => {
  await withBroker(
    async (broker, client) => {
      await newTopic(client, 'orders');
      broker.faults.add({ api: 'Produce', nth: 2, action: { move: 'leader' } });
      broker.faults.add({ api: 'Produce', nth: 4, action: { move: 'leader', when: 'after' } });
      await send(client, 'orders', ['a', 'b', 'c', 'd']);
      await broker.expectTopic('orders').toHaveReceived(
        ['a', 'b', 'c', 'd'].map((value) => ({ value })),
        { inOrder: true, exactly: true },
      );
      assert.deepEqual(broker.faults.list(), []);
    },
    { brokers: 2 },
  );
});

test('a group finds its coordinator where it moved to, and waits while it loads', async () => {
  await withBroker(
    async (broker, client) => {
      await send(client, 'orders', ['a', 'b']);
      const commit = (offset: number) =>
        commitOffsets(client, 'billing', [{ topic: 'orders', offsets: new Map([[0, offset]]) }]);
      await commit(1);
      const from = broker.coordinatorOf({ group: 'billing' });
      const to = broker.moveCoordinator({ group: 'billing' });
      assert.notEqual(from, to);
      const request = { groupId: 'billing', generationId: -1, memberId: '' };
      const refused = await client.request(heartbeat, request, { nodeId: from });
      assert.equal(refused.errorCode, ErrorCode.NOT_COORDINATOR);
      await commit(2);
      broker.loadCoordinator({ group: 'billing' }, '1 hour');
      const loading = await client.request(heartbeat, request, { nodeId: to });
      assert.equal(loading.errorCode, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
      await broker.clock.advance('1 hour');
      assert.equal((await committedOffsets(client, 'billing', null))[0]?.offsets.get(0), 2);
    },
    { brokers: 2 },
  );
});

test('virtual brokers keep their ports and leaders over a crash', async () => {
  await withBroker(
    async (broker, client) => {
      await newTopic(client, 'orders', { partitions: 2 });
      const to = await broker.moveLeader('orders', 0);
      const addresses = broker.brokers;
      await broker.crash();
      await broker.start();
      assert.deepEqual(broker.brokers, addresses);
      await send(client, 'orders', ['a'], { partition: 0 });
      const { topics } = await client.request(metadata, { topics: [{ name: 'orders' }] });
      assert.equal(topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === 0)?.leaderId, to);
    },
    { brokers: 2 },
  );
});

test('with one broker nothing can move, and a load is possible', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders');
    await assert.rejects(broker.moveLeader('orders', 0), /one broker only/);
    const fault = broker.faults.add({ group: 'billing', action: { loadCoordinator: '1 hour' } });
    const request = { groupId: 'billing', generationId: -1, memberId: '' };
    const first = await client.request(heartbeat, request);
    assert.equal(first.errorCode, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    await fault.struck();
    await broker.clock.advance('2 hours');
    assert.notEqual((await client.request(heartbeat, request)).errorCode, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
  });
  await assert.rejects(startTestBroker({ brokers: 0 }), /from 1 to 100/);
  await assert.rejects(startTestBroker({ brokers: 2, advertise: 'here:9092' }), /cannot be advertised/);
});
