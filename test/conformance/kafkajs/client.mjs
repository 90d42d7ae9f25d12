// KafkaJS: checks, groups, and the access log in and out. Its consumer always joins a group, so outside the group checks records are
// read back with the fetch that its consumer is made of, on the connection of its cluster.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { shareTopic } from '../group-scenario.mjs';
import { linesOf, Report, readTopics, topicNames, within } from '../report.mjs';
import { checkLogins } from './logins.mjs';

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1';
const require = createRequire(new URL('../../../.cache/kafkajs/package.json', import.meta.url));
const kafkajs = require('kafkajs');
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.Snappy] = require('kafkajs-snappy');
const Cluster = require('kafkajs/src/cluster');
const createSocketFactory = require('kafkajs/src/network/socketFactory');
const { createLogger } = require('kafkajs/src/loggers');
const consoleLogger = require('kafkajs/src/loggers/console');

const { CompressionTypes, ConfigResourceTypes, Kafka } = kafkajs;
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy };

const [bootstrap, command, ...args] = process.argv.slice(2);
const retry = { retries: 3, initialRetryTime: 50 };
const kafka = new Kafka({ clientId: 'conformance', brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING, retry });
const newName = topicNames('kafkajs');

const logins = (casesFile) => checkLogins(kafkajs, casesFile);
const commands = { checks, logins, groups, transactions, produce: produceFile, consume: consumeFiles };
process.exitCode = await commands[command](...args);

async function checks(only) {
  const report = new Report(only);
  const admin = kafka.admin();
  await admin.connect();
  const topic = async (numPartitions = 1, configEntries = []) => {
    const name = newName();
    await admin.createTopics({ topics: [{ topic: name, numPartitions, configEntries }], waitForLeaders: true });
    return name;
  };

  for (const codec of Object.keys(CODECS)) {
    await report.check(`records compressed with ${codec} come back as they were`, async () => {
      const name = await topic();
      await produce(name, numbered(500), codec);
      assert.deepEqual((await read(name, 500)).map(text), numbered(500).map(String));
    });
  }
  await report.check('an idempotent producer gets offsets without gaps', async () => {
    const name = await topic();
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    for (let i = 0; i < 50; i++) {
      const [{ baseOffset }] = await producer.send({ topic: name, messages: [{ value: `a${i}` }, { value: `b${i}` }] });
      assert.equal(baseOffset, String(2 * i));
    }
    await producer.disconnect();
  });
  for (const acks of [0, 1, -1]) {
    await report.check(`acks ${acks}`, async () => {
      const name = await topic();
      const producer = kafka.producer();
      await producer.connect();
      await producer.send({ topic: name, acks, messages: numbered(10).map((value) => ({ value })) });
      await producer.disconnect();
      assert.deepEqual((await read(name, 10)).map(text), numbered(10).map(String));
    });
  }
  await report.check('headers, null keys and null values', async () => {
    const name = await topic();
    const producer = kafka.producer();
    await producer.connect();
    const headers = { a: 'one', empty: '' };
    const messages = [
      { key: 'key', value: 'value', headers, timestamp: '1600000000123' },
      { value: null },
      { key: '', value: '' },
    ];
    await producer.send({ topic: name, messages });
    await producer.disconnect();
    const [full, nulls, empty] = await read(name, 3);
    assert.equal(full.headers.a.toString(), 'one');
    assert.equal(full.headers.empty.length, 0);
    assert.equal(full.timestamp, '1600000000123');
    assert.deepEqual([nulls.key, nulls.value], [null, null]);
    assert.deepEqual([empty.key.length, empty.value.length], [0, 0]);
  });
  await report.check('an unknown topic is created by the first send', async () => {
    const name = newName();
    await produce(name, numbered(3), 'none');
    assert.equal((await read(name, 3)).length, 3);
  });
  await report.check('admin: create, list, describe, grow and delete topics', async () => {
    const name = await topic(2);
    assert.ok((await admin.listTopics()).includes(name));
    assert.equal((await admin.fetchTopicMetadata({ topics: [name] })).topics[0].partitions.length, 2);
    assert.equal(await admin.createTopics({ topics: [{ topic: name }] }), false);
    await admin.createPartitions({ topicPartitions: [{ topic: name, count: 4 }] });
    assert.equal((await admin.fetchTopicMetadata({ topics: [name] })).topics[0].partitions.length, 4);
    await admin.deleteTopics({ topics: [name] });
    assert.ok(!(await admin.listTopics()).includes(name));
  });
  await report.check('admin: the errors of bad topics', async () => {
    const refused = (config, type) =>
      assert.rejects(admin.createTopics({ topics: [{ topic: newName(), ...config }] }), (error) =>
        (error.errors ?? [error]).some((one) => one.type === type),
      );
    await refused({ replicationFactor: 3 }, 'INVALID_REPLICATION_FACTOR');
    await refused({ numPartitions: 0 }, 'INVALID_PARTITIONS');
    await refused({ topic: 'no/topic' }, 'INVALID_TOPIC_EXCEPTION');
    await refused({ configEntries: [{ name: 'no.such.key', value: '1' }] }, 'INVALID_CONFIG');
  });
  await report.check('admin: offsets, by time, and deleting records', async () => {
    const name = await topic();
    await produce(name, numbered(10), 'none');
    assert.deepEqual(await admin.fetchTopicOffsets(name), [{ partition: 0, offset: '10', low: '0', high: '10' }]);
    assert.equal((await admin.fetchTopicOffsetsByTimestamp(name, 1000))[0].offset, '0');
    await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: '4' }] });
    assert.equal((await admin.fetchTopicOffsets(name))[0].low, '4');
  });
  await report.check('admin: describe and alter configs', async () => {
    const name = await topic(1, [{ name: 'retention.ms', value: '5000' }]);
    const resource = { type: ConfigResourceTypes.TOPIC, name };
    const value = async () => {
      const { resources } = await admin.describeConfigs({
        resources: [{ ...resource, configNames: ['retention.ms'] }],
        includeSynonyms: true,
      });
      return resources[0].configEntries[0].configValue;
    };
    assert.equal(await value(), '5000');
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '6000' }] }],
    });
    assert.equal(await value(), '6000');
  });
  await report.check('admin: describe cluster', async () => {
    const cluster = await admin.describeCluster();
    assert.equal(cluster.brokers.length, 1);
    assert.equal(`${cluster.brokers[0].host}:${cluster.brokers[0].port}`, bootstrap);
    assert.ok(cluster.clusterId);
  });
  await report.check('admin: list and alter reassignments', async () => {
    assert.deepEqual((await admin.listPartitionReassignments({ topics: null })).topics, []);
  });
  await admin.disconnect();
  return report.failed ? 1 : 0;
}

async function groups(only) {
  const report = new Report(only);
  const admin = kafka.admin();
  const producer = kafka.producer();
  await Promise.all([admin.connect(), producer.connect()]);
  const createTopic = async (numPartitions) => {
    const topic = newName();
    await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
    return topic;
  };
  const send = (topic, messages) => producer.send({ topic, messages });
  const committed = async (groupId, topic) => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] });
    return partitions.sort((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset));
  };

  await report.check('three members share a topic while they come and go, and a later one goes on', () =>
    shareTopic({ createTopic, send, join, committed }),
  );
  await report.check('admin: list, describe, reset and delete groups', async () => {
    const topic = await createTopic(1);
    const groupId = `group-of-${topic}`;
    await send(topic, [{ partition: 0, value: '0:0' }]);
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '1' }] });
    assert.deepEqual(await committed(groupId, topic), [1]);
    assert.ok((await admin.listGroups()).groups.some((group) => group.groupId === groupId));
    assert.equal((await admin.describeGroups([groupId])).groups[0].state, 'Empty');
    await admin.resetOffsets({ groupId, topic, earliest: true });
    assert.equal(
      (await admin.fetchOffsets({ groupId, topics: [topic], resolveOffsets: true }))[0].partitions[0].offset,
      '0',
    );
    await admin.deleteGroups([groupId]);
    assert.ok(!(await admin.listGroups()).groups.some((group) => group.groupId === groupId));
  });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
  return report.failed ? 1 : 0;
}

/** A member that commits after every batch. */
async function join(name, topic, groupId, ledger) {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 10_000, heartbeatInterval: 300, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch, isStale }) => {
      if (isStale() || batch.messages.length === 0) return;
      for (const { offset, value } of batch.messages)
        ledger.consumed(name, batch.partition, Number(offset), String(value));
      const offset = String(Number(batch.lastOffset()) + 1);
      await consumer.commitOffsets([{ topic, partition: batch.partition, offset }]);
      ledger.committed(batch.partition, Number(offset));
    },
  });
  return { leave: () => consumer.disconnect() };
}

function numbered(count) {
  return Array.from({ length: count }, (_, i) => Buffer.from(`value-${i}`));
}

function text(message) {
  return message.value.toString();
}

async function produce(topic, values, codec) {
  const producer = kafka.producer();
  await producer.connect();
  for (let from = 0; from < values.length; from += 500) {
    const messages = values.slice(from, from + 500).map((value) => ({ value, partition: 0 }));
    await producer.send({ topic, messages, compression: CODECS[codec] });
  }
  await producer.disconnect();
}

async function transactions(only) {
  const report = new Report(only);
  const admin = kafka.admin();
  await admin.connect();
  const create = async () => {
    const topic = newName();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    return topic;
  };

  await report.check(
    'transactions: committed records are read by all, aborted ones by read_uncommitted alone',
    async () => {
      const topic = await create();
      const producer = await transactional(topic);
      for (const [value, end] of [
        ['a', 'commit'],
        ['b', 'abort'],
        ['c', 'commit'],
        ['d', 'abort'],
        ['e', 'commit'],
      ]) {
        const transaction = await producer.transaction();
        await transaction.send({ topic, messages: [{ value }] });
        await transaction[end]();
      }
      await producer.disconnect();
      assert.deepEqual(await consumed(topic, 3, {}), ['a', 'c', 'e']);
      assert.deepEqual(await consumed(topic, 5, { readUncommitted: true }), ['a', 'b', 'c', 'd', 'e']);
    },
  );
  await report.check('transactions: offsets of a group become visible with the transaction, or never', async () => {
    const committed = async (groupId, topic) =>
      (await admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions[0].offset;
    const topic = await create();
    const consumerGroupId = `group-of-${topic}`;
    const producer = await transactional(topic);
    for (const [offset, end] of [
      ['3', 'commit'],
      ['5', 'abort'],
    ]) {
      const transaction = await producer.transaction();
      await transaction.sendOffsets({ consumerGroupId, topics: [{ topic, partitions: [{ partition: 0, offset }] }] });
      await transaction[end]();
      // Markers are written after a transaction is over for its producer; this client gives up where others ask again.
      while ((await committed(consumerGroupId, topic)) === '-1');
    }
    await producer.disconnect();
    assert.equal(await committed(consumerGroupId, topic), '3');
  });
  await report.check('transactions: a second producer with the same id fences the first', async () => {
    const topic = await create();
    const first = await transactional(topic);
    const open = await first.transaction();
    await open.send({ topic, messages: [{ value: 'left open' }] });
    const second = await transactional(topic);
    const transaction = await second.transaction();
    await transaction.send({ topic, messages: [{ value: 'kept' }] });
    await transaction.commit();
    await assert.rejects(open.commit());
    assert.deepEqual(await consumed(topic, 1, {}), ['kept']);
    await first.disconnect();
    await second.disconnect();
  });
  await admin.disconnect();
  return report.failed > 0 ? 1 : 0;
}

async function transactional(topic) {
  const producer = kafka.producer({ transactionalId: `id-${topic}`, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  return producer;
}

/** The values that a consumer of a new group gets first. */
async function consumed(topic, count, options) {
  const consumer = kafka.consumer({ groupId: `reader-${newName()}`, maxWaitTimeInMs: 100, ...options });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const values = [];
  try {
    await within(
      15_000,
      new Promise((resolve, reject) => {
        const eachMessage = async ({ message }) => {
          values.push(String(message.value));
          if (values.length >= count) resolve();
        };
        consumer.run({ eachMessage }).catch(reject);
      }),
    );
  } catch (error) {
    throw new Error(`${error.message}; came: ${values.join(', ')}`);
  } finally {
    await consumer.disconnect();
  }
  return values;
}

/** The first `count` records of partition 0, by KafkaJS's own Broker.fetch and record decoder. */
async function read(topic, count) {
  const cluster = new Cluster({
    socketFactory: createSocketFactory(),
    brokers: [bootstrap],
    clientId: 'conformance',
    retry,
    logger: createLogger({ level: kafkajs.logLevel.NOTHING, logCreator: consoleLogger }),
    connectionTimeout: 5000,
    requestTimeout: 15000,
    metadataMaxAge: 300000,
    offsets: new Map(),
  });
  await cluster.connect();
  try {
    await cluster.addTargetTopic(topic);
    const [node] = Object.keys(cluster.findLeaderForPartitions(topic, [0]));
    const broker = await cluster.findBroker({ nodeId: node });
    const messages = [];
    while (messages.length < count) {
      const partitions = [{ partition: 0, fetchOffset: messages.length, maxBytes: 1_000_000 }];
      const { responses } = await within(
        15_000,
        broker.fetch({ isolationLevel: 0, maxWaitTime: 500, topics: [{ topic, partitions }] }),
      );
      const fetched = responses[0].partitions[0].messages.filter(
        (message) => Number(message.offset) >= messages.length,
      );
      if (fetched.length === 0) throw new Error(`only ${messages.length} of ${count} records came`);
      messages.push(...fetched);
    }
    return messages.slice(0, count);
  } finally {
    await cluster.disconnect();
  }
}

async function produceFile(_name, topic, path, codec) {
  await produce(topic, linesOf(path), codec);
  return 0;
}

async function consumeFiles(_name, count, directory, ...topics) {
  return readTopics(topics, directory, (topic) => read(topic, Number(count)));
}
