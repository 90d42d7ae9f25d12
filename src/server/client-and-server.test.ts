// The client against the server over real sockets, with the real APIs over partitions in memory: what is produced is
// consumed, once and in order, also when answers get lost.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { apiVersionsHandler } from '../apis/api-versions.ts';
import { createTopicsHandler } from '../apis/create-topics.ts';
import { dependenciesOf, PartitionWorld } from '../apis/data-api-world.suite.ts';
import { deleteTopicsHandler } from '../apis/delete-topics.ts';
import { features } from '../apis/features.ts';
import { fetchHandler } from '../apis/fetch.ts';
import { initProducerIdHandler } from '../apis/init-producer-id.ts';
import { listOffsetsHandler } from '../apis/list-offsets.ts';
import { metadataHandler } from '../apis/metadata.ts';
import { produceHandler } from '../apis/produce.ts';
import { type AnyApiHandler, Registry } from '../apis/registry.ts';
import { createTopic, deleteTopic, listOffset } from '../client/admin.ts';
import { type Client, type ClientOptions, connectClient } from '../client/client.ts';
import type { ClientError } from '../client/client-error.ts';
import { Consumer, type ConsumerOptions, type StartPosition } from '../client/consumer.ts';
import { type Delivery, Producer, type ProducerOptions } from '../client/producer.ts';
import { ProducerIds } from '../metadata/producer-ids.ts';
import { Topics } from '../metadata/topics.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { heartbeat } from '../protocol/messages/heartbeat.ts';
import type { ProduceRequest, ProduceResponseInput } from '../protocol/messages/produce.ts';
import { nodeRuntime } from '../runtime/node/node-runtime.ts';
import { startServer } from './server.ts';

const NODE = nodeRuntime({ writeLogLine: () => {} });
/** The brokers of these tests live at a time that stands still. */
const QUIET = { ...NODE, clock: { ...NODE.clock, nowMs: () => 1_700_000_000_000 } };
const LIMITS = {
  connectionsMaxIdleMs: 600_000,
  socketRequestMaxBytes: 100 * 1024 * 1024,
  socketListenBacklogSize: 50,
  maxConnections: 1000,
  maxConnectionsPerIp: 1000,
  maxConnectionsPerIpOverrides: '',
};

interface Broker {
  readonly world: PartitionWorld;
  readonly bootstrapServers: string;
  connect(options?: ClientOptions): Promise<Client>;
}

/** `change` may replace handlers, to let things go wrong. */
async function broker(
  context: TestContext,
  change: (handler: AnyApiHandler) => AnyApiHandler | undefined = (handler) => handler,
): Promise<Broker> {
  const world = new PartitionWorld({ commitsAtOnce: true });
  world.metadata.apply({ type: 'broker-registered', broker: { id: 1, rack: null, endpoints: [] } });
  const { configs, metadata, random } = world;
  const topics = new Topics({ metadata, configs, random, clampReplicationFactor: false, partitionsPerTopicMax: 100 });
  const producerIds = new ProducerIds(metadata);
  const transactions = { initProducerId: () => undefined, admit: () => ErrorCode.NONE };
  const all = { ...dependenciesOf(world), configs, topics, producerIds, transactions };
  const registry = new Registry();
  const handlers: AnyApiHandler[] = [
    produceHandler(all),
    fetchHandler(all),
    listOffsetsHandler(all),
    metadataHandler(all),
    createTopicsHandler(all),
    deleteTopicsHandler(all),
    initProducerIdHandler(all),
    apiVersionsHandler({ registry, features: features(metadata) }),
  ];
  for (const handler of handlers) {
    const changed = change(handler);
    if (changed) {
      registry.add(changed);
    }
  }
  const server = await startServer({
    runtime: QUIET,
    registry,
    listeners: [{ name: 'PLAINTEXT', host: '127.0.0.1', port: 0 }],
    limits: () => LIMITS,
    requestMemoryMaxBytes: 64 * 1024 * 1024,
  });
  const clients: Client[] = [];
  context.after(async () => {
    for (const client of clients) {
      client.close();
    }
    await server.close(0);
  });
  const bootstrapServers = `127.0.0.1:${server.listeners[0]!.port}`;
  const connect = async (options: ClientOptions = {}) => {
    const client = await connectClient(QUIET, bootstrapServers, { retryBackoffMs: 5, ...options });
    clients.push(client);
    return client;
  };
  return { world, bootstrapServers, connect };
}

/** Changes how Produce goes; `original` does what it always did. */
function withProduce(
  go: (
    original: () => void,
    reply: (response: ProduceResponseInput | null) => void,
    request: ProduceRequest,
    close: () => void,
  ) => void,
): (handler: AnyApiHandler) => AnyApiHandler {
  return (handler) => {
    if (handler.api.name !== 'Produce') {
      return handler;
    }
    return {
      ...handler,
      dispatch(request: ProduceRequest, context, reply) {
        go(
          () => void handler.dispatch(request, context, reply),
          reply,
          request,
          () => context.connection.close('as the test wants it'),
        );
      },
    };
  };
}

async function consume(
  client: Client,
  topic: string,
  partition: number,
  count: number,
  from: StartPosition = 'beginning',
  options: ConsumerOptions = {},
) {
  const consumer = new Consumer(client, options);
  await consumer.assign([{ topic, partition, from }]);
  const values: string[] = [];
  while (values.length < count) {
    for (const { records } of await consumer.poll(1_000)) {
      values.push(...records.map(({ value }) => String(value)));
    }
  }
  consumer.close();
  return values;
}

function produceAll(
  producer: Producer,
  topic: string,
  values: readonly string[],
  partition?: number,
): Promise<Delivery[]> {
  return Promise.all(values.map((value) => producer.send({ topic, value, partition })));
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index));

test('what is produced is consumed in order, with keys, headers and timestamps, in every codec', async (context) => {
  const { connect } = await broker(context);
  const client = await connect();
  for (const compression of ['none', 'gzip', 'snappy', 'lz4'] as const) {
    const topic = `codec-${compression}`;
    await createTopic(client, { name: topic, partitions: 1 });
    const producer = new Producer(client, { compression });
    const deliveries = await Promise.all([
      producer.send({
        topic,
        key: 'k',
        value: 'v'.repeat(500),
        timestampMs: 5,
        headers: [{ key: 'h', value: Buffer.from('x') }],
      }),
      producer.send({ topic, key: null, value: null }),
    ]);
    await producer.close();
    assert.deepEqual(
      deliveries.map(({ partition, offset }) => [partition, offset]),
      [
        [0, 0],
        [0, 1],
      ],
    );
    const consumer = new Consumer(client);
    await consumer.assign([{ topic, partition: 0, from: 0 }]);
    const [fetched] = await consumer.poll(5_000);
    assert.equal(fetched?.endOffset, 2);
    const [first, second] = fetched!.records;
    assert.deepEqual(
      [
        String(first?.key),
        String(first?.value),
        first?.timestampMs,
        first?.headers.map(({ key, value }) => [key, String(value)]),
      ],
      ['k', 'v'.repeat(500), 5, [['h', 'x']]],
    );
    assert.deepEqual([second?.key, second?.value], [null, null]);
    assert.equal(consumer.position(topic, 0), 2);
  }
});

test('keys go where every Kafka client puts them, and records without a key to all partitions in the end', async (context) => {
  const { connect } = await broker(context);
  const client = await connect();
  await createTopic(client, { name: 't', partitions: 4 });
  const producer = new Producer(client);
  const keyed = await Promise.all(numbers(20).map((key) => producer.send({ topic: 't', key, value: 'x' })));
  const again = await Promise.all(numbers(20).map((key) => producer.send({ topic: 't', key, value: 'x' })));
  assert.deepEqual(
    keyed.map(({ partition }) => partition),
    again.map(({ partition }) => partition),
  );
  const used = new Set<number>();
  for (let round = 0; round < 200 && used.size < 4; round++) {
    used.add((await producer.send({ topic: 't', value: 'x' })).partition);
  }
  assert.equal(used.size, 4);
});

test('a producer creates the topic it writes to', async (context) => {
  const { connect, world } = await broker(context);
  const producer = new Producer(await connect());
  assert.equal((await producer.send({ topic: 'fresh', value: 'x' })).offset, 0);
  assert.equal(world.partition('fresh').highWatermark, 1);
});

test('a producer that may not create topics is told that there is none', async (context) => {
  const { connect } = await broker(context);
  const producer = new Producer(await connect({ operationTimeoutMs: 20 }), { allowAutoTopicCreation: false });
  await assert.rejects(producer.send({ topic: 'absent', value: 'x' }), { code: 'UNKNOWN_TOPIC_OR_PARTITION' });
});

test('retriable errors are retried without reordering', async (context) => {
  let requests = 0;
  const change = withProduce((original, reply, request) => {
    requests += 1;
    if (requests % 3 !== 2) {
      original();
      return;
    }
    const responses = request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({
        index,
        errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
        baseOffset: -1,
      })),
    }));
    reply({ responses });
  });
  const { connect } = await broker(context, change);
  const client = await connect();
  const values = numbers(300);
  const producer = new Producer(client, { batchBytesMax: 1_000 });
  const deliveries = await produceAll(producer, 't', values);
  assert.deepEqual(
    deliveries.map(({ offset }) => offset),
    values.map(Number),
  );
  assert.deepEqual(await consume(client, 't', 0, 300), values);
});

test('answers that get lost lead to no duplicates', async (context) => {
  let requests = 0;
  const change = withProduce((original, _reply, _request, close) => {
    requests += 1;
    if (requests % 2 === 1) {
      close();
    }
    original();
  });
  const { connect, world } = await broker(context, change);
  const client = await connect();
  await createTopic(client, { name: 't', partitions: 1 });
  const producer = new Producer(client, { batchBytesMax: 1_000 });
  const values = numbers(200);
  await produceAll(producer, 't', values);
  assert.deepEqual(await consume(client, 't', 0, 200), values);
  assert.equal(world.partition('t').highWatermark, 200);
});

test('a batch that the broker finds too large is split, and a single such record is refused', async (context) => {
  const { connect } = await broker(context);
  const client = await connect();
  await createTopic(client, { name: 't', partitions: 1, configs: { 'max.message.bytes': '2000' } });
  const producer = new Producer(client);
  const values = numbers(100).map((value) => value.padEnd(100, '.'));
  const deliveries = await produceAll(producer, 't', values);
  assert.deepEqual(
    deliveries.map(({ offset }) => offset),
    numbers(100).map(Number),
  );
  await assert.rejects(producer.send({ topic: 't', value: 'x'.repeat(3_000) }), { code: 'MESSAGE_TOO_LARGE' });
  assert.equal((await producer.send({ topic: 't', value: 'after' })).offset, 100);
  assert.deepEqual((await consume(client, 't', 0, 101)).slice(0, 100), values);
});

for (const acks of [0, 1, -1] as const) {
  test(`acks=${acks} delivers everything in the order given`, async (context) => {
    const { connect } = await broker(context);
    const client = await connect();
    await createTopic(client, { name: 't', partitions: 1 });
    const options: ProducerOptions = { acks, batchBytesMax: 2_000 };
    const producer = new Producer(client, options);
    const values = numbers(500);
    const deliveries = await produceAll(producer, 't', values);
    assert.equal(deliveries[499]?.offset, acks === 0 ? -1 : 499);
    assert.deepEqual(await consume(client, 't', 0, 500), values);
  });
}

test('a full buffer says so, and flush waits for everything', async (context) => {
  const { connect } = await broker(context);
  const producer = new Producer(await connect(), { bufferBytesMax: 10_000 });
  let delivered = 0;
  let full = 0;
  for (let index = 0; index < 1_000; index++) {
    if (!producer.add({ topic: 't', value: 'x'.repeat(100) }, (error) => void (error ?? delivered++))) {
      full += 1;
      await producer.writable();
      assert.ok(producer.bufferedBytes < 10_000);
    }
  }
  await producer.flush();
  assert.ok(full > 0);
  assert.equal(delivered, 1_000);
  assert.equal(producer.bufferedBytes, 0);
});

test('a partition that does not exist and a record that is too large are errors of that record alone', async (context) => {
  const { connect } = await broker(context);
  const producer = new Producer(await connect(), { requestBytesMax: 1_000 });
  await assert.rejects(producer.send({ topic: 't', partition: 7, value: 'x' }), { code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  await assert.rejects(producer.send({ topic: 't', value: 'x'.repeat(2_000) }), { code: 'MESSAGE_TOO_LARGE' });
  assert.equal((await producer.send({ topic: 't', value: 'x' })).offset, 0);
  await producer.close();
  assert.throws(() => producer.add({ topic: 't', value: 'x' }), { code: 'CLOSED' });
});

test('a consumer waits for what is produced later, from every kind of position', async (context) => {
  const { connect } = await broker(context);
  const client = await connect();
  await createTopic(client, { name: 't', partitions: 2 });
  const producer = new Producer(client);
  await producer.send({ topic: 't', partition: 0, value: 'old', timestampMs: 1_000 });
  await producer.send({ topic: 't', partition: 0, value: 'new', timestampMs: 2_000 });
  assert.deepEqual(await consume(client, 't', 0, 1, { timestampMs: 1_500 }), ['new']);
  assert.deepEqual(await consume(client, 't', 0, 1, 1), ['new']);
  assert.equal(await listOffset(client, 't', 0, { timestampMs: 9_000 }), 2);

  const consumer = new Consumer(client);
  await consumer.assign([
    { topic: 't', partition: 0, from: 'end' },
    { topic: 't', partition: 1, from: 'beginning' },
  ]);
  const waiting = consumer.poll(10_000);
  await producer.send({ topic: 't', partition: 0, value: 'newest' });
  const fetched = (await waiting).filter(({ records }) => records.length > 0);
  assert.deepEqual(
    fetched.map(({ partition, records }) => [partition, records.map(({ value }) => String(value))]),
    [[0, ['newest']]],
  );
  assert.deepEqual([consumer.position('t', 0), consumer.position('t', 1)], [3, 0]);
});

test('an offset that does not exist is an error, unless the consumer knows where to go on', async (context) => {
  const { connect } = await broker(context);
  const client = await connect();
  await produceAll(new Producer(client), 't', ['a', 'b']);
  const strict = new Consumer(client);
  await strict.assign([{ topic: 't', partition: 0, from: 99 }]);
  await assert.rejects(strict.poll(), { code: 'OFFSET_OUT_OF_RANGE' });
  assert.deepEqual(await consume(client, 't', 0, 2, 99, { offsetReset: 'beginning' }), ['a', 'b']);
});

test('topics are created once and deleted once', async (context) => {
  const { connect } = await broker(context);
  const client = await connect();
  const id = await createTopic(client, { name: 't', partitions: 3 });
  const topic = await client.topic('t');
  assert.deepEqual([topic.topicId, topic.partitions.length], [id, 3]);
  await assert.rejects(createTopic(client, { name: 't' }), { code: 'TOPIC_ALREADY_EXISTS' });
  await deleteTopic(client, 't');
  await assert.rejects(client.topic('t'), { code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  await assert.rejects(deleteTopic(client, 't'), { code: 'UNKNOWN_TOPIC_OR_PARTITION' });
});

test('a broker that speaks only the first version of ApiVersions is understood', async (context) => {
  const { connect } = await broker(context, (handler) =>
    handler.api.name === 'ApiVersions' ? { ...handler, maxVersion: 0 } : handler,
  );
  const client = await connect();
  assert.deepEqual((await client.versions()).get(18), { minVersion: 0, maxVersion: 0 });
});

test('older brokers are addressed by topic name', async (context) => {
  const oldest: Record<string, number> = { Produce: 9, Fetch: 12, Metadata: 9 };
  const { connect } = await broker(context, (handler) => ({
    ...handler,
    maxVersion: oldest[handler.api.name] ?? handler.maxVersion,
  }));
  const client = await connect();
  const values = numbers(20);
  await produceAll(new Producer(client), 't', values);
  assert.deepEqual(await consume(client, 't', 0, 20), values);
});

test('a request that is not answered in time breaks its connection, and the next one works', async (context) => {
  let parked = 0;
  const { connect } = await broker(context, (handler) => {
    if (handler.api.name !== 'ListOffsets') {
      return handler;
    }
    return {
      ...handler,
      dispatch: (request, requestContext, reply) =>
        parked++ === 0 ? undefined : handler.dispatch(request, requestContext, reply),
    };
  });
  const client = await connect();
  await createTopic(client, { name: 't', partitions: 1 });
  const timed = await connect({ requestTimeoutMs: 50 });
  assert.equal(await listOffset(timed, 't', 0, 'end'), 0);
  assert.equal(parked, 2);
});

test('errors say what to do: nobody listens, a malformed address, an API that the broker does not have', async (context) => {
  const { connect, bootstrapServers } = await broker(context);
  const isError = (code: string) => (error: ClientError) => error.code === code;
  await assert.rejects(connectClient(QUIET, '127.0.0.1:1'), isError('NO_BROKER_REACHABLE'));
  await assert.rejects(connectClient(QUIET, 'no port:x'), isError('INVALID_ARGUMENT'));
  await assert.rejects(connectClient(QUIET, ''), isError('INVALID_ARGUMENT'));
  const client = await connectClient(QUIET, `127.0.0.1:1,${bootstrapServers}`);
  client.close();
  await assert.rejects(client.refreshMetadata([]), isError('CLOSED'));
  const body = { groupId: 'g', generationId: 1, memberId: 'm' };
  await assert.rejects((await connect()).request(heartbeat, body), isError('UNSUPPORTED_VERSION'));
});
