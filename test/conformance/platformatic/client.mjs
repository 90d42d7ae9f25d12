// @platformatic/kafka: checks, groups, and the access log in and out. Its consumer streams are for groups; outside of the group checks records are read back with
// Consumer.fetch, which asks a broker for partitions directly.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { PARTITIONS, shareTopic } from '../group-scenario.mjs';
import { linesOf, Report, readTopics, topicNames } from '../report.mjs';

const require = createRequire(new URL('../../../.cache/platformatic/package.json', import.meta.url));
const { Admin, ConfigResourceTypes, Consumer, Producer } = await import(
  pathToFileURL(require.resolve('@platformatic/kafka'))
);

const CODECS = process.versions.node.startsWith('20.')
  ? ['none', 'gzip', 'snappy', 'lz4']
  : ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const [bootstrap, command, ...args] = process.argv.slice(2);
const options = {
  clientId: 'conformance',
  bootstrapBrokers: [bootstrap],
  retries: 3,
  retryDelay: 100,
  connectTimeout: 5000,
  requestTimeout: 15000,
};
const newName = topicNames('platformatic');

const commands = { checks, groups, produce: produceFile, consume: consumeFiles };
process.exitCode = await commands[command](...args);

async function checks(only) {
  const report = new Report(only);
  const admin = new Admin(options);
  const topic = async (partitions = 1, configs = []) => {
    const name = newName();
    await admin.createTopics({ topics: [name], partitions, replicas: 1, configs });
    return name;
  };

  for (const codec of CODECS) {
    await report.check(`records compressed with ${codec} come back as they were`, async () => {
      const name = await topic();
      await produce(name, numbered(500), { compression: codec });
      assert.deepEqual((await read(name, 500)).map(text), numbered(500).map(String));
    });
  }
  for (const acks of [0, 1, -1]) {
    await report.check(`acks ${acks}`, async () => {
      const name = await topic();
      await produce(name, numbered(10), { acks });
      assert.deepEqual((await read(name, 10)).map(text), numbered(10).map(String));
    });
  }
  await report.check('an idempotent producer gets offsets without gaps', async () => {
    const name = await topic();
    const producer = new Producer({ ...options, idempotent: true });
    for (let i = 0; i < 20; i++) {
      const { offsets } = await producer.send({ messages: [message(name, `a${i}`), message(name, `b${i}`)], acks: -1 });
      assert.equal(offsets[0].offset, BigInt(2 * i));
    }
    await producer.close();
  });
  await report.check('headers, keys and null values', async () => {
    const name = await topic();
    const headers = new Map([[Buffer.from('a'), Buffer.from('one')]]);
    await send(
      [
        { topic: name, partition: 0, key: Buffer.from('key'), value: Buffer.from('value'), headers },
        { topic: name, partition: 0, value: null },
      ],
      {},
    );
    const [full, nulls] = await read(name, 2);
    assert.equal(full.key.toString(), 'key');
    assert.deepEqual(
      full.headers.map((pair) => pair.map(String)),
      [['a', 'one']],
    );
    assert.deepEqual([nulls.key, nulls.value], [null, null]);
  });
  await report.check('admin: create, list, grow and delete topics; the errors of bad ones', async () => {
    const name = await topic(2);
    assert.ok((await admin.listTopics()).includes(name));
    assert.equal((await metadata(admin, name)).partitionsCount, 2);
    await refused(admin.createTopics({ topics: [name], partitions: 1, replicas: 1 }), 'TOPIC_ALREADY_EXISTS');
    await refused(
      admin.createTopics({ topics: [newName()], partitions: 1, replicas: 3 }),
      'INVALID_REPLICATION_FACTOR',
    );
    await refused(
      admin.createTopics({
        topics: [newName()],
        partitions: 1,
        replicas: 1,
        configs: [{ name: 'no.such.key', value: '1' }],
      }),
      'INVALID_CONFIG',
    );
    await admin.createPartitions({ topics: [{ name, count: 4, assignments: null }] });
    assert.equal((await metadata(admin, name)).partitionsCount, 4);
    await admin.deleteTopics({ topics: [name] });
    assert.ok(!(await admin.listTopics()).includes(name));
  });
  await report.check('admin: describe and alter configs', async () => {
    const name = await topic(1, [{ name: 'retention.ms', value: '5000' }]);
    const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: name };
    const value = async () => {
      const [described] = await admin.describeConfigs({
        resources: [{ ...resource, configurationKeys: ['retention.ms'] }],
        includeSynonyms: true,
      });
      return described.configs[0].value;
    };
    assert.equal(await value(), '5000');
    await admin.incrementalAlterConfigs({
      resources: [{ ...resource, configs: [{ name: 'retention.ms', configOperation: 0, value: '6000' }] }],
    });
    assert.equal(await value(), '6000');
  });
  await report.check('admin: list offsets and delete records', async () => {
    const name = await topic();
    await produce(name, numbered(10), {});
    const offset = async (timestamp) => {
      const [listed] = await admin.listOffsets({ topics: [{ name, partitions: [{ partitionIndex: 0, timestamp }] }] });
      return listed.partitions[0].offset;
    };
    assert.equal(await offset(-1n), 10n);
    assert.equal(await offset(-2n), 0n);
    assert.equal(await offset(1000n), 0n);
    await admin.deleteRecords({ topics: [{ name, partitions: [{ partition: 0, offset: 4n }] }] });
    assert.equal(await offset(-2n), 4n);
  });
  await report.check('admin: describe log dirs', async () => {
    const name = await topic();
    await produce(name, [Buffer.alloc(5000)], {});
    const [broker] = await admin.describeLogDirs({ topics: [{ name, partitions: [0] }] });
    assert.ok(broker.results[0].topics[0].partitions[0].partitionSize >= 5000n);
  });
  await admin.close();
  return report.failed ? 1 : 0;
}

async function groups(only) {
  const report = new Report(only);
  const admin = new Admin(options);
  const producer = new Producer(options);
  const createTopic = async (partitions) => {
    const name = newName();
    await admin.createTopics({ topics: [name], partitions, replicas: 1 });
    return name;
  };
  const send = (topic, messages) =>
    producer.send({
      acks: -1,
      messages: messages.map(({ partition, value }) => ({ topic, partition, value: Buffer.from(value) })),
    });
  const committed = async (groupId, topic) => {
    const consumer = new Consumer({ ...options, groupId });
    try {
      const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
      const offsets = await consumer.listCommittedOffsets({ topics: [{ topic, partitions }] });
      return offsets.get(topic).map(Number);
    } finally {
      await consumer.close(true);
    }
  };
  for (const groupProtocol of ['classic', 'consumer']) {
    await report.check(
      `three members share a topic while they come and go, and a later one goes on, ${groupProtocol}`,
      () => {
        const join = (...member) => joinGroup(groupProtocol, ...member);
        return shareTopic({ createTopic, send, join, committed, mayRepeat: true });
      },
    );
  }
  await report.check('admin: list, describe and delete groups', async () => {
    const topic = await createTopic(1);
    const groupId = `group-of-${topic}`;
    const ledger = { consumed: () => {}, committed: () => {}, breach: () => {} };
    const member = await joinGroup('classic', 'only', topic, groupId, ledger);
    assert.ok((await admin.listGroups()).has(groupId));
    assert.equal((await admin.describeGroups({ groups: [groupId] })).get(groupId).members.size, 1);
    await refused(admin.deleteGroups({ groups: [groupId] }), 'NON_EMPTY_GROUP');
    await member.leave();
    await admin.deleteGroups({ groups: [groupId] });
    assert.ok(!(await admin.listGroups()).has(groupId));
  });
  await Promise.all([admin.close(), producer.close()]);
  return report.failed ? 1 : 0;
}

/** A member that commits after every message; a commit that the group refuses is somebody else's from now on. */
async function joinGroup(groupProtocol, name, topic, groupId, ledger) {
  const timing = groupProtocol === 'classic' ? { sessionTimeout: 10_000, heartbeatInterval: 300 } : {};
  const consumer = new Consumer({ ...options, groupId, groupProtocol, ...timing, maxWaitTime: 100, autocommit: false });
  const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' });
  const reading = (async () => {
    for await (const message of stream) {
      ledger.consumed(name, message.partition, Number(message.offset), String(message.value));
      try {
        await message.commit();
        ledger.committed(message.partition, Number(message.offset) + 1);
      } catch {}
    }
  })();
  reading.catch((error) => ledger.breach(`${name}: ${error.message}`));
  let left;
  const leave = async () => {
    await stream.close();
    await consumer.close(true);
  };
  return { leave: () => (left ??= leave()) };
}

async function refused(promise, apiId) {
  await assert.rejects(promise, (error) => {
    if (error.findBy?.('apiId', apiId)) return true;
    throw new Error(`expected ${apiId}`, { cause: error });
  });
}

function numbered(count) {
  return Array.from({ length: count }, (_, i) => Buffer.from(`value-${i}`));
}

function text(record) {
  return record.value.toString();
}

function message(topic, value) {
  return { topic, partition: 0, value: Buffer.from(value) };
}

async function metadata(client, topic) {
  const all = await client.metadata({ topics: [topic], forceUpdate: true });
  return all.topics.get(topic);
}

async function send(messages, sendOptions) {
  const producer = new Producer(options);
  try {
    await producer.send({ acks: -1, ...sendOptions, messages });
  } finally {
    await producer.close();
  }
}

async function produce(topic, values, sendOptions) {
  for (let from = 0; from < values.length; from += 1000) {
    await send(
      values.slice(from, from + 1000).map((value) => message(topic, value)),
      sendOptions,
    );
  }
}

/** The first `count` records of partition 0, as the library decodes them. */
async function read(topic, count) {
  const consumer = new Consumer({ ...options, groupId: 'not-used' });
  try {
    const { id, partitions } = await metadata(consumer, topic);
    const records = [];
    while (records.length < count) {
      const partition = {
        partition: 0,
        currentLeaderEpoch: -1,
        fetchOffset: BigInt(records.length),
        lastFetchedEpoch: -1,
        partitionMaxBytes: 1_000_000,
      };
      const request = { node: partitions[0].leader, topics: [{ topicId: id, partitions: [partition] }] };
      const { responses } = await consumer.fetch({
        ...request,
        minBytes: 1,
        maxBytes: 10_000_000,
        maxWaitTime: 500,
        isolationLevel: 0,
      });
      const batches = responses[0]?.partitions[0].records ?? [];
      const before = records.length;
      for (const batch of batches) {
        for (const record of batch.records)
          if (batch.firstOffset + BigInt(record.offsetDelta) >= BigInt(before)) records.push(record);
      }
      if (records.length === before) throw new Error(`only ${before} of ${count} records came`);
    }
    return records.slice(0, count);
  } finally {
    await consumer.close(true);
  }
}

async function produceFile(_name, topic, path, codec) {
  await produce(topic, linesOf(path), { compression: codec });
  return 0;
}

async function consumeFiles(_name, count, directory, ...topics) {
  return readTopics(topics, directory, (topic) => read(topic, Number(count)));
}
