// The broker inside a program: start, several at once, restart over the same directory, close.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createTopic, deleteTopic } from '../../src/client/admin.ts';
import { type Client, connectClient } from '../../src/client/client.ts';
import type { ClientError } from '../../src/client/client-error.ts';
import { Consumer } from '../../src/client/consumer.ts';
import { Producer } from '../../src/client/producer.ts';
import { type BrokerOptions, startBroker } from '../../src/index.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { finished, temporaryDirectory } from './ottla-process.ts';

test('a broker in memory takes records and gives them back', async () => {
  const broker = await startBroker();
  try {
    assert.match(broker.bootstrapServers, /^127\.0\.0\.1:\d+$/);
    await produce(broker.bootstrapServers, 'greetings', ['hello', 'world']);
    assert.deepEqual(await consume(broker.bootstrapServers, 'greetings', 2), ['hello', 'world']);
  } finally {
    await broker.close();
  }
});

test('a broker shows, moves and deletes consumer groups', async () => {
  const broker = await startBroker();
  try {
    await produce(broker.bootstrapServers, 'orders', ['a', 'b', 'c']);
    await assert.rejects(broker.groups.describe('billing'), { code: 'GROUP_ID_NOT_FOUND' });
    await broker.groups.reset('billing', 'orders', new Map([[0, 1]]));
    assert.deepEqual(
      (await broker.groups.list()).map(({ group, state }) => [group, state]),
      [['billing', 'Empty']],
    );
    const [partition] = (await broker.groups.describe('billing')).partitions;
    assert.deepEqual(partition, { topic: 'orders', partition: 0, committed: 1, end: 3, lag: 2, member: null });
    await broker.groups.delete('billing');
    assert.deepEqual(await broker.groups.list(), []);
    await assert.rejects(broker.groups.delete('billing'), { code: 'GROUP_ID_NOT_FOUND' });
  } finally {
    await broker.close();
  }
});

test('several brokers in one process do not disturb each other', async () => {
  const brokers = await Promise.all([startBroker(), startBroker(), startBroker()]);
  try {
    assert.equal(new Set(brokers.map((broker) => broker.port)).size, 3);
    await Promise.all(brokers.map((broker, index) => produce(broker.bootstrapServers, 'mine', [`of ${index}`])));
    for (const [index, broker] of brokers.entries()) {
      assert.deepEqual(await consume(broker.bootstrapServers, 'mine', 1), [`of ${index}`]);
    }
  } finally {
    await Promise.all(brokers.map((broker) => broker.close()));
  }
});

test('over a directory everything is there again after a close, and offsets go on', async () => {
  const directory = temporaryDirectory();
  try {
    for (const round of [1, 2, 3]) {
      const broker = await startBroker({ data: directory.path });
      await produce(broker.bootstrapServers, 'kept', [`round ${round}`]);
      assert.deepEqual(
        await consume(broker.bootstrapServers, 'kept', round),
        Array.from({ length: round }, (_, index) => `round ${index + 1}`),
      );
      await broker.close();
    }
  } finally {
    directory.remove();
  }
});

test('a topic is writable and readable the moment CreateTopics has answered', async () => {
  const broker = await startBroker();
  const client = await connectClient(nodeRuntime(), broker.bootstrapServers);
  try {
    for (let round = 0; round < 20; round++) {
      const topic = `new-${round}`;
      await createTopic(client, { name: topic, partitions: 3 });
      const producer = new Producer(client, { allowAutoTopicCreation: false, deliveryTimeoutMs: 30_000 });
      const deliveries = await Promise.all(
        [0, 1, 2].map((partition) => producer.send({ topic, partition, value: 'x' })),
      );
      assert.deepEqual(
        deliveries.map((delivery) => delivery.offset),
        [0, 0, 0],
      );
      await producer.close();
    }
  } finally {
    client.close();
    await broker.close();
  }
});

test('a topic that several ask for at once is created once, and whoever came first is told that it is unknown', async () => {
  const broker = await startBroker();
  const clients = await Promise.all([1, 2, 3].map(() => connectClient(nodeRuntime(), broker.bootstrapServers)));
  const ask = (client: Client) =>
    client.topic('wanted', { refresh: true, allowAutoTopicCreation: true }).then(
      ({ topicId }) => topicId,
      ({ code }: ClientError) => code,
    );
  try {
    const unknown = 'UNKNOWN_TOPIC_OR_PARTITION';
    for (let round = 0; round < 3; round++) {
      assert.ok((await Promise.all(clients.map(ask))).includes(unknown));
      const ids = new Set(await Promise.all(clients.map(ask)));
      assert.equal(ids.size, 1);
      assert.ok(!ids.has(unknown));
      await deleteTopic(clients[1]!, 'wanted');
    }
  } finally {
    for (const client of clients) client.close();
    await broker.close();
  }
});

test('settings are given under Kafka’s names', async () => {
  const broker = await startBroker({ settings: { 'num.partitions': 4, 'auto.create.topics.enable': true } });
  const client = await connectClient(nodeRuntime(), broker.bootstrapServers);
  try {
    await createTopic(client, { name: 'with-default-partitions' });
    assert.equal((await client.topic('with-default-partitions')).partitions.length, 4);
  } finally {
    client.close();
    await broker.close();
  }
});

test('what cannot be is refused with a sentence', async () => {
  await assert.rejects(startBroker({ settings: { 'num.partition': 4 } }), {
    name: 'SettingsError',
    message: /did you mean num\.partitions\?/,
  });
  const first = await startBroker();
  try {
    await assert.rejects(startBroker({ port: first.port }), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'EADDRINUSE');
      assert.match(error.message, new RegExp(`${first.port}`));
      return true;
    });
  } finally {
    await first.close();
  }
});

test('close can be called twice, and a closed broker accepts nobody', async () => {
  const broker = await startBroker();
  await Promise.all([broker.close(), broker.close()]);
  await broker.close();
  await broker.closed;
  await assert.rejects(connectClient(nodeRuntime(), broker.bootstrapServers));
});

test('the example program runs and its process ends by itself', async () => {
  const example = fileURLToPath(new URL('../../examples/embedded.js', import.meta.url));
  const result = await finished(spawn(process.execPath, [example], { stdio: ['ignore', 'pipe', 'pipe'] }));
  assert.equal(result.stderr, '');
  assert.equal(result.code, 0);
  assert.match(result.stdout.toString(), /closed; nothing is left/);
});

async function produce(bootstrapServers: string, topic: string, values: readonly string[]): Promise<void> {
  const client = await connectClient(nodeRuntime(), bootstrapServers);
  const producer = new Producer(client, { deliveryTimeoutMs: 30_000 });
  await Promise.all(values.map((value) => producer.send({ topic, value })));
  await producer.close();
  client.close();
}

async function consume(bootstrapServers: string, topic: string, count: number): Promise<string[]> {
  const client = await connectClient(nodeRuntime(), bootstrapServers);
  const consumer = new Consumer(client);
  await consumer.assign([{ topic, partition: 0, from: 'beginning' }]);
  const values: string[] = [];
  while (values.length < count) {
    for (const { records } of await consumer.poll()) values.push(...records.map((record) => String(record.value)));
  }
  consumer.close();
  client.close();
  return values;
}

test('an option that does not exist is refused by name', async () => {
  const misspelt = { prt: 1 } as unknown as BrokerOptions;
  await assert.rejects(startBroker(misspelt), /TypeError: startBroker has no option prt; it takes data, /);
});
