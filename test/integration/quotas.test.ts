// Quotas on a whole broker: set and described as Kafka's tools do it, in force at once, and gone when they are removed.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { alterClientQuotas } from '../../src/protocol/messages/alter-client-quotas.ts';
import { apiVersions } from '../../src/protocol/messages/api-versions.ts';
import { createPartitions } from '../../src/protocol/messages/create-partitions.ts';
import { createTopics } from '../../src/protocol/messages/create-topics.ts';
import { deleteTopics } from '../../src/protocol/messages/delete-topics.ts';
import { describeClientQuotas } from '../../src/protocol/messages/describe-client-quotas.ts';
import { fetch } from '../../src/protocol/messages/fetch.ts';
import { metadata } from '../../src/protocol/messages/metadata.ts';
import { produce } from '../../src/protocol/messages/produce.ts';
import { ZERO_UUID } from '../../src/protocol/uuid.ts';
import { buildBatch } from '../../src/records/build-batch.ts';
import { SecureClient } from '../secure-client.ts';

let broker: RunningBroker;
let client: SecureClient;
/** Not under any quota, and never made to wait. */
let admin: SecureClient;

beforeEach(async () => {
  broker = await startBroker();
  client = await SecureClient.connect(broker.port);
  client.clientId = 'app';
  admin = await SecureClient.connect(broker.port);
  admin.clientId = 'admin';
  await create(admin, 'orders', 1);
});

afterEach(async () => {
  client.end();
  admin.end();
  await broker.close();
});

async function setQuota(
  key: string,
  value: number | null,
  entityType = 'client-id',
  entityName: string | null = 'app',
) {
  const { entries } = await admin.call(alterClientQuotas, 1, {
    entries: [{ entity: [{ entityType, entityName }], ops: [{ key, value: value ?? 0, remove: value === null }] }],
    validateOnly: false,
  });
  assert.equal(entries[0]?.errorCode, ErrorCode.NONE, entries[0]?.errorMessage ?? '');
}

async function create(by: SecureClient, name: string, numPartitions: number, version = 7) {
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
  const response = await by.call(createTopics, version, { topics: [topic], timeoutMs: 1000, validateOnly: false });
  return { ...response, errorCode: response.topics[0]?.errorCode };
}

async function produceBytes(count: number) {
  const records = buildBatch({ records: [{ key: null, value: Buffer.alloc(count) }] });
  const { throttleTimeMs, responses } = await client.call(produce, 12, {
    transactionalId: null,
    acks: 1,
    timeoutMs: 1000,
    topicData: [{ name: 'orders', partitionData: [{ index: 0, records: [records] }] }],
  });
  assert.equal(responses[0]?.partitionResponses[0]?.errorCode, ErrorCode.NONE);
  return throttleTimeMs;
}

function fetchAll() {
  const maxBytes = 1_000_000;
  return client.call(fetch, 12, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic: 'orders', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: maxBytes }] }],
    forgottenTopicsData: [],
    rackId: '',
  });
}

test('what is set can be described, and removing it makes it go away', async () => {
  const describe = () =>
    admin.call(describeClientQuotas, 1, {
      components: [{ entityType: 'client-id', matchType: 2, match: null }],
      strict: false,
    });
  await setQuota('producer_byte_rate', 1000);
  const { entries } = await describe();
  assert.deepEqual(entries, [
    {
      entity: [{ entityType: 'client-id', entityName: 'app' }],
      values: [{ key: 'producer_byte_rate', value: 1000 }],
    },
  ]);
  await setQuota('producer_byte_rate', null);
  assert.deepEqual((await describe()).entries, []);
});

test('a producer beyond its quota is told to wait, what it sent is stored, and without the quota it is not', async () => {
  assert.equal(await produceBytes(50_000), 0);
  await setQuota('producer_byte_rate', 10_000);
  const throttleTimeMs = await produceBytes(100_200);
  // 100,000 bytes are what the quota gives in ten seconds; the rest is waited for.
  assert.ok(throttleTimeMs > 20 && throttleTimeMs < 1000, String(throttleTimeMs));
  await setQuota('producer_byte_rate', null);
  assert.equal(await produceBytes(100_000), 0);
});

test('a consumer beyond its quota gets an empty answer and how long to wait, and the records after that', async () => {
  await produceBytes(50_000);
  await setQuota('consumer_byte_rate', 4_990);
  const { throttleTimeMs, responses } = await fetchAll();
  assert.ok(throttleTimeMs > 0);
  assert.deepEqual(responses, []);
  // Its connection waits, and then it gets them.
  for (let again = await fetchAll(); again.responses.length === 0; ) again = await fetchAll();
});

test('changing topics beyond the quota is refused, for the clients that know the refusal', async () => {
  await setQuota('controller_mutation_rate', 1);
  assert.equal((await create(client, 'a', 15)).errorCode, ErrorCode.NONE);
  const refused = await create(client, 'b', 1);
  assert.equal(refused.errorCode, ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  assert.ok(refused.throttleTimeMs > 0);
  // Each on a connection of its own: the one before waits.
  const others = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const other = await SecureClient.connect(broker.port);
      other.clientId = 'app';
      return other;
    }),
  );
  const { results } = await others[0]!.call(createPartitions, 3, {
    topics: [{ name: 'orders', count: 2, assignments: null }],
    timeoutMs: 1000,
    validateOnly: false,
  });
  assert.equal(results[0]?.errorCode, ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  const deleted = await others[1]!.call(deleteTopics, 6, {
    topics: [{ name: 'orders', topicId: ZERO_UUID }],
    topicNames: [],
    timeoutMs: 1000,
  });
  assert.equal(deleted.responses[0]?.errorCode, ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  const asked = await others[2]!.call(metadata, 12, { topics: [{ name: 'wanted' }], allowAutoTopicCreation: true });
  assert.equal(asked.topics[0]?.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const older = await create(others[3]!, 'c', 1, 5);
  assert.equal(older.errorCode, ErrorCode.NONE);
  assert.ok(older.throttleTimeMs > 0);
  assert.equal((await create(admin, 'd', 1)).errorCode, ErrorCode.NONE);
  for (const other of others) other.end();
});

test('an address beyond its rate of connections is not served', async () => {
  await setQuota('connection_creation_rate', 0, 'ip', '127.0.0.1');
  const early = await SecureClient.connect(broker.port);
  const versions = { clientSoftwareName: 'test', clientSoftwareVersion: '1' };
  await assert.rejects(early.call(apiVersions, 4, versions), /closed/);
  await setQuota('connection_creation_rate', null, 'ip', '127.0.0.1');
  const later = await SecureClient.connect(broker.port);
  assert.equal((await later.call(apiVersions, 4, versions)).errorCode, ErrorCode.NONE);
  later.end();
});
