// Members of groups as bare requests, so that a bench measures the broker and not a client: classic members with the range
// assignor, members of the consumer protocol, and commits. One connection each. The compiled sources lie beside the command under
// test.

import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ottla } from '../test/conformance/broker.mjs';

export const compiled = (path) => import(pathToFileURL(join(dirname(ottla), '..', 'dist', 'src', path)));
const { BrokerConnection } = await compiled('client/broker-connection.js');
const { nodeRuntime } = await compiled('runtime/node/node-runtime.js');
const [{ joinGroup }, { syncGroup }, { heartbeat }, { offsetCommit }, { offsetFetch }, { listOffsets }, { fetch }] =
  await Promise.all(
    ['join-group', 'sync-group', 'heartbeat', 'offset-commit', 'offset-fetch', 'list-offsets', 'fetch'].map((name) =>
      compiled(`protocol/messages/${name}.js`),
    ),
  );
const { consumerGroupHeartbeat } = await compiled('protocol/messages/consumer-group-heartbeat.js');
const { createPartitions } = await compiled('protocol/messages/create-partitions.js');
const { createTopics } = await compiled('protocol/messages/create-topics.js');
const { findCoordinator: findCoordinatorApi } = await compiled('protocol/messages/find-coordinator.js');
const { deleteTopics } = await compiled('protocol/messages/delete-topics.js');

const MEMBER_ID_REQUIRED = 79;
const REBALANCE_IN_PROGRESS = 27;
const COORDINATOR_ERRORS = [14, 15, 16];
const runtime = nodeRuntime();

export async function connectTo(bootstrap) {
  const [host, port] = bootstrap.split(':');
  return BrokerConnection.open(
    runtime,
    { host, port: Number(port) },
    {
      clientId: 'bench',
      connectTimeoutMs: 10_000,
      requestTimeoutMs: 120_000,
      inFlightRequestsMax: 64,
      responseBytesMax: 64 << 20,
    },
  );
}

/** A new topic; its id. */
export async function createTopic(connection, name, numPartitions, configs = {}) {
  const pairs = Object.entries(configs).map(([key, value]) => ({ name: key, value: String(value) }));
  const { topics } = await connection.request(createTopics, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: pairs }],
    timeoutMs: 30_000,
  });
  if (topics[0].errorCode !== 0) throw new Error(`creating ${name} failed with error code ${topics[0].errorCode}`);
  return topics[0].topicId;
}

/** Kafka makes no more in one go: 10,000 records of its metadata, the topic's being one of them. */
const PARTITIONS_AT_ONCE_MAX = 5_000;

/** The same for any number of partitions. */
export async function createWideTopic(connection, name, count) {
  let made = Math.min(count, PARTITIONS_AT_ONCE_MAX);
  await createTopic(connection, name, made);
  while (made < count) {
    await partitionsReady(connection, name, made);
    made = Math.min(count, made + PARTITIONS_AT_ONCE_MAX);
    const topics = [{ name, count: made, assignments: null }];
    const { results } = await connection.request(createPartitions, { topics, timeoutMs: 30_000, validateOnly: false });
    const { errorCode } = results[0];
    if (errorCode !== 0) throw new Error(`growing ${name} to ${made} partitions failed with error code ${errorCode}`);
  }
}

/** Waits until every partition is led and can be written to: Kafka answers CreateTopics earlier. */
export async function partitionsReady(connection, name, count) {
  for (;;) {
    const { topics } = await connection.request(listOffsets, {
      replicaId: -1,
      topics: [
        {
          name,
          partitions: Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 })),
        },
      ],
      timeoutMs: 10_000,
    });
    if (topics[0].partitions.every(({ errorCode }) => errorCode === 0)) return;
    await pause(20);
  }
}

export async function deleteTopic(connection, name) {
  const { responses } = await connection.request(deleteTopics, {
    topics: [{ name }],
    topicNames: [name],
    timeoutMs: 30_000,
  });
  if (responses[0].errorCode !== 0)
    throw new Error(`deleting ${name} failed with error code ${responses[0].errorCode}`);
}

/** Asks until the group has a coordinator, as every consumer does first. */
export function findGroup(connection, group) {
  return findCoordinator(connection, group, 0);
}

/** Key type 0 is a group, 1 a transactional id. */
export async function findCoordinator(connection, key, keyType) {
  for (;;) {
    const answer = await connection.request(findCoordinatorApi, { key, keyType, coordinatorKeys: [key] });
    if ((answer.coordinators[0] ?? answer).errorCode === 0) return;
    await pause(5);
  }
}

/** A classic member. `join()` takes part in one round and resolves with its partitions. */
export class ClassicMember {
  memberId = '';
  generation = -1;
  #connection;
  #group;
  #topic;
  #partitions;

  constructor(connection, group, topic, partitions) {
    this.#connection = connection;
    this.#group = group;
    this.#topic = topic;
    this.#partitions = partitions;
  }

  async join() {
    for (;;) {
      const joined = await this.#join();
      if (joined.errorCode === MEMBER_ID_REQUIRED) {
        this.memberId = joined.memberId;
        continue;
      }
      if (COORDINATOR_ERRORS.includes(joined.errorCode)) {
        await pause(5);
        continue;
      }
      if (joined.errorCode !== 0) throw new Error(`joining failed with error code ${joined.errorCode}`);
      this.memberId = joined.memberId;
      this.generation = joined.generationId;
      const assignments = joined.leader === this.memberId ? this.#assign(joined.members) : [];
      const synced = await this.#connection.request(syncGroup, {
        groupId: this.#group,
        generationId: this.generation,
        memberId: this.memberId,
        protocolType: 'consumer',
        protocolName: 'range',
        assignments,
      });
      if (synced.errorCode === REBALANCE_IN_PROGRESS) continue;
      if (synced.errorCode !== 0) throw new Error(`syncing failed with error code ${synced.errorCode}`);
      return partitionsOf(synced.assignment);
    }
  }

  /** True while the group rebalances. */
  async mustRejoin() {
    const { errorCode } = await this.#connection.request(heartbeat, {
      groupId: this.#group,
      generationId: this.generation,
      memberId: this.memberId,
    });
    return errorCode === REBALANCE_IN_PROGRESS;
  }

  #join() {
    return this.#connection.request(joinGroup, {
      groupId: this.#group,
      sessionTimeoutMs: 45_000,
      rebalanceTimeoutMs: 300_000,
      memberId: this.memberId,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: subscriptionOf(this.#topic) }],
    });
  }

  #assign(members) {
    const each = this.#partitions / members.length;
    return members.map(({ memberId }, index) => {
      const from = Math.floor(index * each);
      const to = Math.floor((index + 1) * each);
      const mine = Array.from({ length: to - from }, (_, i) => from + i);
      return { memberId, assignment: assignmentOf(this.#topic, mine) };
    });
  }
}

/** A member of the consumer protocol. `beat()` sends one heartbeat, with what changed, and takes over what is assigned. */
export class ConsumerMember {
  owned = [];
  epoch = 0;
  #memberId = crypto.randomUUID();
  #told = null;
  #connection;
  #group;
  #topic;
  #topicId;

  constructor(connection, group, topic, topicId) {
    this.#connection = connection;
    this.#group = group;
    this.#topic = topic;
    this.#topicId = topicId;
  }

  async beat() {
    const joining = this.epoch === 0;
    const owned = JSON.stringify(this.owned);
    const changed = joining || owned !== this.#told;
    const answer = await this.#connection.request(consumerGroupHeartbeat, {
      groupId: this.#group,
      memberId: this.#memberId,
      memberEpoch: this.epoch,
      rebalanceTimeoutMs: joining ? 300_000 : -1,
      subscribedTopicNames: joining ? [this.#topic] : null,
      topicPartitions: changed
        ? this.owned.length === 0
          ? []
          : [{ topicId: this.#topicId, partitions: this.owned }]
        : null,
    });
    if (COORDINATOR_ERRORS.includes(answer.errorCode)) return;
    if (answer.errorCode !== 0) {
      throw new Error(`the heartbeat failed with error code ${answer.errorCode}: ${answer.errorMessage}`);
    }
    this.epoch = answer.memberEpoch;
    this.#told = owned;
    if (answer.assignment !== null)
      this.owned = answer.assignment.topicPartitions.flatMap(({ partitions }) => partitions);
  }
}

/** Commits without membership: every partition of the topic at this offset. */
export async function commit(connection, group, topic, partitions, offset) {
  const { topics } = await connection.request(
    offsetCommit,
    {
      groupId: group,
      memberId: '',
      topics: [
        {
          name: topic,
          partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
            partitionIndex,
            committedOffset: offset,
            committedMetadata: '',
          })),
        },
      ],
    },
    { maxVersion: 9 },
  );
  const failed = topics[0].partitions.find(({ errorCode }) => errorCode !== 0);
  if (COORDINATOR_ERRORS.includes(failed?.errorCode)) {
    await pause(5); // a young broker is not ready yet
    return commit(connection, group, topic, partitions, offset);
  }
  if (failed !== undefined) throw new Error(`a commit failed with error code ${failed.errorCode}`);
}

/** What a consumer without committed offsets does once it has its partitions: until the first record is here. */
export async function firstRecord(connection, group, topic, topicId, partitions) {
  await connection.request(
    offsetFetch,
    {
      groupId: group,
      topics: [{ name: topic, partitionIndexes: partitions }],
      groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: partitions }] }],
      requireStable: true,
    },
    { maxVersion: 9 },
  );
  await connection.request(listOffsets, {
    replicaId: -1,
    topics: [{ name: topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp: -2 })) }],
    timeoutMs: 10_000,
  });
  await untilFetched(connection, topic, topicId, partitions);
}

/** Fetches from the beginning until there is something. */
export async function untilFetched(connection, topic, topicId, partitions) {
  for (;;) {
    const { responses } = await connection.request(fetch, {
      maxWaitMs: 500,
      minBytes: 1,
      topics: [
        {
          topic,
          topicId,
          partitions: partitions.map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 })),
        },
      ],
      forgottenTopicsData: [],
    });
    if (responses.some((one) => one.partitions.some(({ records }) => (records?.length ?? 0) > 0))) return;
  }
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// What members tell each other in the classic protocol, version 0.
function subscriptionOf(topic) {
  const name = Buffer.from(topic);
  const bytes = Buffer.alloc(2 + 4 + 2 + name.length + 4);
  bytes.writeInt32BE(1, 2);
  bytes.writeInt16BE(name.length, 6);
  name.copy(bytes, 8);
  bytes.writeInt32BE(-1, 8 + name.length);
  return bytes;
}

function assignmentOf(topic, partitions) {
  const name = Buffer.from(topic);
  const bytes = Buffer.alloc(2 + 4 + 2 + name.length + 4 + 4 * partitions.length + 4);
  bytes.writeInt32BE(1, 2);
  bytes.writeInt16BE(name.length, 6);
  name.copy(bytes, 8);
  let at = bytes.writeInt32BE(partitions.length, 8 + name.length);
  for (const partition of partitions) at = bytes.writeInt32BE(partition, at);
  bytes.writeInt32BE(-1, at);
  return bytes;
}

function partitionsOf(assignment) {
  let at = 8 + assignment.readInt16BE(6);
  const count = assignment.readInt32BE(at);
  return Array.from({ length: count }, () => {
    at += 4;
    return assignment.readInt32BE(at);
  });
}
