// Faults as data, crashes and copies of a test broker.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault } from '../../src/testing.ts';
import { newTopic, send, withBroker, withClient } from './clients.ts';

const values = (records: readonly { readonly value: string | null }[]) => records.map(({ value }) => value);

test('a connection that is dropped before the append loses the record, after it only the answer', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders');
    const before = broker.faults.add({ api: 'Produce', topic: 'orders', action: { drop: 'before' } });
    await send(client, 'orders', ['a'], { idempotent: false });
    assert.equal(before.strikes, 1);
    assert.deepEqual(values(await broker.topic('orders').records()), ['a']);
    broker.faults.add({ api: 'Produce', topic: 'orders', action: { drop: 'after' } });
    await send(client, 'orders', ['b'], { idempotent: false });
    assert.deepEqual(values(await broker.topic('orders').records()), ['a', 'b', 'b']);
    broker.faults.add({ api: 'Produce', topic: 'orders', action: { drop: 'after' } });
    await send(client, 'orders', ['c'], { idempotent: true });
    assert.deepEqual(values(await broker.topic('orders').records()), ['a', 'b', 'b', 'c']);
    assert.deepEqual(
      broker.journal.entries({ api: 'Produce' }).map(({ outcome, faults }) => `${outcome} ${faults}`.trim()),
      ['dropped drop before', 'answered', 'dropped drop after', 'answered', 'dropped drop after', 'answered'],
    );
  });
});

test('the nth request and those that follow are answered with an error of Kafka', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders');
    const fault = broker.faults.add({
      api: 'Produce',
      clientId: 'app',
      topic: 'orders',
      partition: 0,
      nth: 2,
      times: 2,
      action: { error: 'NOT_ENOUGH_REPLICAS' },
    });
    await send(client, 'orders', ['a', 'b', 'c']);
    await fault.struck(2);
    assert.equal(fault.strikes, 2);
    assert.deepEqual(values(await broker.topic('orders').records()), ['a', 'b', 'c']);
    assert.deepEqual(broker.faults.list(), []);
    assert.equal(broker.journal.entries({ api: 'Produce' }).length, 5);
  });
});

test('chance with a seed strikes the same requests each time', async () => {
  const struck: number[][] = [];
  for (let round = 0; round < 2; round++) {
    await withBroker(async (broker, client) => {
      await newTopic(client, 'orders');
      broker.faults.add({ api: 'Produce', probability: 0.5, seed: 7, action: { error: 'NOT_ENOUGH_REPLICAS' } });
      await send(client, 'orders', ['a', 'b', 'c', 'd', 'e', 'f']);
      const entries = broker.journal.entries({ api: 'Produce' });
      struck.push(entries.flatMap(({ faults }, index) => (faults.length > 0 ? [index] : [])));
    });
  }
  assert.ok(struck[0]!.length > 0);
  assert.deepEqual(struck[0], struck[1]);
});

test('an answer in many pieces is an answer', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders');
    const fault = broker.faults.add({ clientId: 'app', times: 3, action: { split: 7 } });
    await send(client, 'orders', ['a', 'b', 'c']);
    await fault.struck(3);
    assert.deepEqual(values(await broker.topic('orders').records()), ['a', 'b', 'c']);
  });
});

test('a crash after the append keeps what the durability keeps', async () => {
  for (const [durability, kept] of [
    ['os', ['a', 'b', 'c']],
    ['fsync', ['a', 'b', 'c']],
    ['memory', ['b', 'c']],
  ] as const) {
    await withBroker(
      async (broker, client) => {
        await newTopic(client, 'orders');
        await send(client, 'orders', ['a']);
        broker.faults.add({ api: 'Produce', action: { crash: durability === 'memory' ? 'before' : 'after' } });
        await send(client, 'orders', ['b', 'c']);
        assert.deepEqual(values(await broker.topic('orders').records()), kept, durability);
      },
      { durability },
    );
  }
});

test('a broker that was crashed is down until it is started, on the same port', async () => {
  await withBroker(
    async (broker, client) => {
      await send(client, 'orders', ['a']);
      const { port } = broker;
      await broker.crash({ powerCut: true });
      assert.equal(broker.isRunning, false);
      await broker.start();
      assert.equal(broker.port, port);
      assert.deepEqual(values(await broker.topic('orders').records()), ['a']);
      await broker.restart();
      await send(client, 'orders', ['b']);
      assert.deepEqual(values(await broker.topic('orders').records()), ['a', 'b']);
    },
    { durability: 'fsync' },
  );
});

test('a fork has what was acknowledged, and then a life of its own', async () => {
  await withBroker(async (broker, client) => {
    await send(client, 'orders', ['a']);
    const saved = broker.snapshot();
    await send(client, 'orders', ['later']);
    const forks = await Promise.all([saved.start(), saved.start(), broker.fork()]);
    try {
      assert.equal(new Set([broker.port, ...forks.map(({ port }) => port)]).size, 4);
      await Promise.all(
        forks.map((fork, index) => withClient(fork, (other) => send(other, 'orders', [`of fork ${index}`]))),
      );
      const seen = await Promise.all([...forks, broker].map((each) => each.topic('orders').records()));
      assert.deepEqual(seen.map(values), [
        ['a', 'of fork 0'],
        ['a', 'of fork 1'],
        ['a', 'later', 'of fork 2'],
        ['a', 'later'],
      ]);
    } finally {
      await Promise.all(forks.map((fork) => fork.close()));
    }
  });
});

test('a snapshot copies nothing of what is stored', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders');
    await send(
      client,
      'orders',
      Array.from({ length: 32 }, () => 'x'.repeat(1_000_000)),
    );
    const before = process.memoryUsage().arrayBuffers;
    const saved = broker.snapshot();
    assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000);
    const fork = await saved.start();
    try {
      assert.equal((await fork.topic('orders').records()).length, 32);
    } finally {
      await fork.close();
    }
  });
});

test('a fault that could never be what was meant is refused', async () => {
  await withBroker(async (broker) => {
    const wrong: [unknown, RegExp][] = [
      [{ api: 'Produces', action: { drop: 'before' } }, /no API Produces/],
      [{ topics: 'orders', action: { drop: 'before' } }, /has no topics/],
      [{ action: { drop: 'during' } }, /before or after/],
      [{ action: { error: 'OOPS' } }, /no error OOPS/],
      [{ action: { error: 'NOT_ENOUGH_REPLICAS', drop: 'after' } }, /is one of/],
      [{ partition: 0, action: { drop: 'after' } }, /needs its topic/],
      [{ probability: 0.5, action: { drop: 'after' } }, /go together/],
      [{ nth: 0, action: { drop: 'after' } }, /from 1 on/],
    ];
    for (const [fault, message] of wrong) assert.throws(() => broker.faults.add(fault as Fault), message);
  });
});
