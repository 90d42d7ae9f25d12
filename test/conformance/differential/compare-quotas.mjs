// Uses more than quotas allow, of two secured brokers alike, and prints how long each makes the client wait. The times follow from rates over the
// last seconds, so that they are never quite equal: what is off by more than a tenth, or by code, is marked.

import { SecureClient } from '../../../dist/test/secure-client.js';
import { apis, buildBatch } from './exchange.mjs';

const TOLERANCE = 0.1;
const TOLERANCE_MS = 150;
const RECORD_BYTES = 60_000;
const CLIENT_ID = 'greedy';
const records = () =>
  buildBatch({ records: [{ key: null, value: Buffer.alloc(RECORD_BYTES), timestampMs: Date.now() }] });

const scenarios = {
  'producing, ten times the quota': {
    quota: { producer_byte_rate: 6000 },
    steps: [produce(), produce(), produce()],
  },
  'producing, a hundred times the quota': { quota: { producer_byte_rate: 600 }, steps: [produce(), produce()] },
  'producing, within the quota': { quota: { producer_byte_rate: 1e6 }, steps: [produce(), produce()] },
  'fetching, ten times the quota': { quota: { consumer_byte_rate: 6000 }, steps: [fetch(), fetch(), fetch()] },
  'fetching, less at once than a record': { quota: { consumer_byte_rate: 600 }, steps: [fetch(), fetch(), fetch()] },
  'topics, versions that know the error': {
    quota: { controller_mutation_rate: 1 },
    steps: [createTopics(7, 20), createTopics(7, 20), createTopics(7, 20)],
  },
  'topics, versions that do not': {
    quota: { controller_mutation_rate: 1 },
    steps: [createTopics(4, 20), createTopics(4, 20)],
  },
  'partitions and deletions': {
    quota: { controller_mutation_rate: 1 },
    steps: [createTopics(7, 20), createPartitions(30), createPartitions(60)],
  },
};

export async function compareQuotas(brokers) {
  const worlds = [];
  for (const { name, port } of brokers) worlds.push({ name, port, admin: await login(port) });
  for (const { admin } of worlds) {
    await untilMade(admin, 'quota-topic');
    for (let i = 0; i < 3; i++) await produce()(admin);
  }
  let compared = 0;
  let different = 0;
  for (const [title, { quota, steps }] of Object.entries(scenarios)) {
    for (const { admin } of worlds) await setQuota(admin, quota);
    const results = await Promise.all(worlds.map(({ port }, index) => use(port, steps, `${index}-${compared}`)));
    for (const [step] of steps.entries()) {
      const [kafka, ottla] = results.map((each) => each[step]);
      const off = Math.abs(kafka.waitMs - ottla.waitMs);
      const isNear = kafka.what === ottla.what && off <= Math.max(TOLERANCE_MS, kafka.waitMs * TOLERANCE);
      compared++;
      if (!isNear) different++;
      const text = ({ what, waitMs }) => `${what}, ${waitMs} ms`;
      console.log(`${isNear ? '  ' : '! '}${title}, ${step + 1}: kafka ${text(kafka)}; ottla ${text(ottla)}`);
    }
    for (const { admin } of worlds)
      await setQuota(admin, Object.fromEntries(Object.keys(quota).map((key) => [key, null])));
  }
  for (const { admin } of worlds) admin.end();
  console.log(`${compared} waits compared, ${different} differ`);
}

/** A connection for each step: the one before is made to wait. */
async function use(port, steps, name) {
  const results = [];
  const clients = [];
  for (const [index, step] of steps.entries()) {
    const client = await login(port, CLIENT_ID);
    clients.push(client);
    results.push(await step(client, `${name}-${index}`));
  }
  for (const client of clients) client.end();
  return results;
}

async function login(port, clientId) {
  const client = await SecureClient.connect(port);
  await client.plain('admin', 'admin');
  client.clientId = clientId ?? 'modest';
  return client;
}

async function untilMade(admin, name) {
  await createTopics(7, 1, name)(admin);
  await new Promise((resolve) => setTimeout(resolve, 2000)); // Kafka's partitions are not ready when it has answered
}

async function setQuota(admin, quota) {
  const { entries } = await admin.call(apis.alterClientQuotas, 1, {
    entries: [
      {
        entity: [{ entityType: 'client-id', entityName: CLIENT_ID }],
        ops: Object.entries(quota).map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
      },
    ],
    validateOnly: false,
  });
  if (entries[0].errorCode !== 0) throw new Error(`no quota could be set: ${entries[0].errorMessage}`);
  await new Promise((resolve) => setTimeout(resolve, 500)); // Kafka applies it a moment after the answer
}

function produce() {
  return async (client) => {
    const { responses, throttleTimeMs } = await client.call(apis.produce, 9, {
      ...{ transactionalId: null, acks: -1, timeoutMs: 3000 },
      topicData: [{ name: 'quota-topic', partitionData: [{ index: 0, records: records() }] }],
    });
    return { what: `error ${responses[0].partitionResponses[0].errorCode}`, waitMs: throttleTimeMs };
  };
}

function fetch() {
  return async (client) => {
    const { responses, throttleTimeMs } = await client.call(apis.fetch, 12, {
      ...{ maxWaitMs: 0, minBytes: 0, maxBytes: 70_000, sessionEpoch: -1, forgottenTopicsData: [] },
      topics: [{ topic: 'quota-topic', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 70_000 }] }],
    });
    return { what: `${responses[0]?.partitions[0]?.records?.length ?? 'no'} bytes`, waitMs: throttleTimeMs };
  };
}

function createTopics(version, count, name) {
  return async (client, suffix) => {
    const { topics, throttleTimeMs } = await client.call(apis.createTopics, version, {
      topics: Array.from({ length: count }, (_, index) => ({
        ...{
          name: name ?? `quota-${suffix}-${index}`,
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [],
        },
      })),
      timeoutMs: 10_000,
      validateOnly: false,
    });
    return { what: codes(topics), waitMs: throttleTimeMs };
  };
}

function createPartitions(count) {
  return async (client) => {
    const { results, throttleTimeMs } = await client.call(apis.createPartitions, 3, {
      ...{ topics: [{ name: 'quota-topic', count, assignments: null }], timeoutMs: 10_000, validateOnly: false },
    });
    return { what: codes(results), waitMs: throttleTimeMs };
  };
}

/** How many of each error. */
function codes(list) {
  const counts = new Map();
  for (const { errorCode } of list) counts.set(errorCode, (counts.get(errorCode) ?? 0) + 1);
  return [...counts]
    .sort()
    .map(([code, count]) => `${count} × error ${code}`)
    .join(' and ');
}
