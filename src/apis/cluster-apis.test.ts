// The APIs about the cluster as a whole: a single broker's answers, in Kafka's codes, through the real codec.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from '../metadata/refusal.ts';
import { type TopicOutcome, Topics } from '../metadata/topics.ts';
import type { Api, ResponseOf } from '../protocol/api.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { alterPartitionReassignments } from '../protocol/messages/alter-partition-reassignments.ts';
import { alterReplicaLogDirs } from '../protocol/messages/alter-replica-log-dirs.ts';
import { apiVersions } from '../protocol/messages/api-versions.ts';
import { describeCluster } from '../protocol/messages/describe-cluster.ts';
import { describeLogDirs } from '../protocol/messages/describe-log-dirs.ts';
import { describeQuorum } from '../protocol/messages/describe-quorum.ts';
import { describeTopicPartitions } from '../protocol/messages/describe-topic-partitions.ts';
import { electLeaders } from '../protocol/messages/elect-leaders.ts';
import { findCoordinator } from '../protocol/messages/find-coordinator.ts';
import { listPartitionReassignments } from '../protocol/messages/list-partition-reassignments.ts';
import { metadata as metadataApi } from '../protocol/messages/metadata.ts';
import { unregisterBroker } from '../protocol/messages/unregister-broker.ts';
import { updateFeatures } from '../protocol/messages/update-features.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import { FileError } from '../runtime/files.ts';
import { alterPartitionReassignmentsHandler } from './alter-partition-reassignments.ts';
import { alterReplicaLogDirsHandler } from './alter-replica-log-dirs.ts';
import { apiVersionsHandler } from './api-versions.ts';
import { type Call, call, PartitionWorld, settle, TestConnection } from './data-api-world.suite.ts';
import { describeClusterHandler } from './describe-cluster.ts';
import { describeLogDirsHandler } from './describe-log-dirs.ts';
import { describeQuorumHandler } from './describe-quorum.ts';
import { describeTopicPartitionsHandler } from './describe-topic-partitions.ts';
import { electLeadersHandler } from './elect-leaders.ts';
import { features, type SupportedFeature } from './features.ts';
import { findCoordinatorHandler } from './find-coordinator.ts';
import { listPartitionReassignmentsHandler } from './list-partition-reassignments.ts';
import { metadataHandler } from './metadata.ts';
import { Registry } from './registry.ts';
import { unregisterBrokerHandler } from './unregister-broker.ts';
import { updateFeaturesHandler } from './update-features.ts';

const BROKER = 1;
/** What Kafka 4.3 answers without an authorizer. */
const ALL_TOPIC_OPERATIONS = 0b1101_1111_1000;
const ALL_CLUSTER_OPERATIONS = 0b1_1111_1010_0000;
const NOT_ASKED = -0x80000000;

function setUp(brokerConfig: Record<string, string> = {}) {
  const world = new PartitionWorld({ brokerConfig });
  world.metadata.apply({ type: 'broker-registered', broker: { id: BROKER, rack: 'r1', endpoints: [] } });
  const topics = new Topics({
    metadata: world.metadata,
    configs: world.configs,
    random: world.random,
    clampReplicationFactor: false,
    partitionsPerTopicMax: 100,
  });
  const surroundings = {
    metadata: world.metadata,
    configs: world.configs,
    partitions: world.partitions,
    topics,
    clock: world.time,
    log: world.log,
    brokerId: BROKER,
    logDirectory: '/data',
    files: { space: () => Promise.resolve({ freeBytes: 10, totalBytes: 100 }) },
  };
  return { world, surroundings };
}

async function answered<A extends Api>(made: Call<A>): Promise<ResponseOf<A>> {
  await settle();
  return made.got;
}

// --- ApiVersions ---

function versions(supported: readonly SupportedFeature[] = []) {
  const { world, surroundings } = setUp();
  const registry = new Registry([metadataHandler(surroundings)]);
  const handler = apiVersionsHandler({ registry, features: features(world.metadata, supported) });
  registry.add(handler);
  return handler;
}

test('ApiVersions claims what is registered and nothing else', async () => {
  for (const version of [0, 1, 2, 3, 4]) {
    const body = { clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '4.3.0' };
    const response = await answered(call(apiVersions, versions(), version, body));
    assert.equal(response.errorCode, ErrorCode.NONE);
    assert.deepEqual(response.apiKeys, [
      { apiKey: 3, minVersion: 0, maxVersion: 13 },
      { apiKey: 18, minVersion: 0, maxVersion: 4 },
    ]);
    assert.deepEqual(response.supportedFeatures, []);
  }
});

test('ApiVersions refuses a software name that is none, and keeps a good one', async () => {
  for (const name of ['', '-x', 'x-', 'a b', 'ä']) {
    const body = { clientSoftwareName: name, clientSoftwareVersion: '1' };
    assert.equal((await answered(call(apiVersions, versions(), 4, body))).errorCode, ErrorCode.INVALID_REQUEST);
  }
  const connection = new TestConnection();
  const body = { clientSoftwareName: 'librdkafka', clientSoftwareVersion: 'v2.3.0-x' };
  call(apiVersions, versions(), 3, body, { connection });
  assert.deepEqual([connection.softwareName, connection.softwareVersion], ['librdkafka', 'v2.3.0-x']);
});

test('features whose minimum is 0 are shown from version 4 on', async () => {
  const supported = [
    { name: 'one.version', minVersion: 0, maxVersion: 2 },
    { name: 'other.version', minVersion: 1, maxVersion: 1 },
  ];
  const body = { clientSoftwareName: 'x', clientSoftwareVersion: '1' };
  const names = async (version: number) =>
    (await answered(call(apiVersions, versions(supported), version, body))).supportedFeatures.map(({ name }) => name);
  assert.deepEqual(await names(3), ['other.version']);
  assert.deepEqual(await names(4), ['one.version', 'other.version']);
});

test('an API is registered once', () => {
  const registry = new Registry([listPartitionReassignmentsHandler()]);
  assert.throws(() => registry.add(listPartitionReassignmentsHandler()), /registered twice/);
  assert.equal(registry.get(-1), undefined);
  assert.equal(registry.get(1000), undefined);
});

// --- Metadata ---

test('Metadata describes the topics asked for, all of them for null, and in version 0 for none named', async () => {
  const { world, surroundings } = setUp();
  const idOfA = world.createTopic('a', { partitions: 2 });
  world.createTopic('b');
  const handler = metadataHandler(surroundings);
  for (let version = 0; version <= 13; version++) {
    const ask = async (topics: { name: string }[] | null) =>
      (await answered(call(metadataApi, handler, version, { topics }))).topics.map(({ name }) => name);
    assert.deepEqual(await ask([{ name: 'a' }]), ['a']);
    assert.deepEqual(await ask([]), version === 0 ? ['a', 'b'] : []);
    if (version > 0) {
      assert.deepEqual(await ask(null), ['a', 'b']);
    }
  }
  const { topics, brokers, ...rest } = await answered(call(metadataApi, handler, 13, { topics: [{ name: 'a' }] }));
  assert.deepEqual(rest, {
    throttleTimeMs: 0,
    clusterId: world.metadata.image.clusterId,
    controllerId: BROKER,
    clusterAuthorizedOperations: NOT_ASKED,
    errorCode: 0,
  });
  assert.deepEqual(brokers, [{ nodeId: BROKER, host: '127.0.0.1', port: 9092, rack: 'r1' }]);
  const partition = {
    errorCode: 0,
    leaderId: 1,
    leaderEpoch: 0,
    replicaNodes: [1],
    isrNodes: [1],
    offlineReplicas: [],
  };
  assert.deepEqual(topics, [
    {
      errorCode: 0,
      name: 'a',
      topicId: idOfA,
      isInternal: false,
      partitions: [
        { ...partition, partitionIndex: 0 },
        { ...partition, partitionIndex: 1 },
      ],
      topicAuthorizedOperations: NOT_ASKED,
    },
  ]);
});

test('Metadata answers with what is advertised for the listener, and otherwise with the dialled address', async () => {
  const { world, surroundings } = setUp();
  const endpoint = { listener: 'OUTSIDE', securityProtocol: 'PLAINTEXT', host: 'broker.example', port: 19_092 };
  world.metadata.apply({ type: 'broker-registered', broker: { id: BROKER, rack: null, endpoints: [endpoint] } });
  world.metadata.apply({
    type: 'broker-registered',
    broker: { id: 2, rack: null, endpoints: [{ ...endpoint, port: 2 }] },
  });
  const ask = async (listener: string) => {
    const connection = Object.assign(new TestConnection(), { listener });
    const made = call(metadataApi, metadataHandler(surroundings), 13, { topics: [] }, { connection });
    return (await answered(made)).brokers.map(({ nodeId, host, port }) => `${nodeId}=${host}:${port}`);
  };
  assert.deepEqual(await ask('OUTSIDE'), ['1=broker.example:19092', '2=broker.example:2']);
  assert.deepEqual(await ask('PLAINTEXT'), ['1=127.0.0.1:9092']);
});

test('Metadata finds topics by id from version 12 on, and refuses ids before', async () => {
  const { world, surroundings } = setUp();
  const handler = metadataHandler(surroundings);
  const topicId = world.createTopic('a');
  const unknown = 'BBBBBBBBBBBBBBBBBBBBBA';
  const request = { topics: [{ topicId, name: null }, { topicId: unknown, name: null }, { name: 'ignored' }] };
  for (const version of [12, 13]) {
    const { topics } = await answered(call(metadataApi, handler, version, request));
    assert.deepEqual(
      topics.map(({ name, topicId: id, errorCode }) => [name, id, errorCode]),
      [
        ['a', topicId, ErrorCode.NONE],
        [null, unknown, ErrorCode.UNKNOWN_TOPIC_ID],
      ],
    );
  }
  for (const version of [10, 11]) {
    const { topics } = await answered(call(metadataApi, handler, version, request));
    assert.deepEqual(new Set(topics.map(({ errorCode }) => errorCode)), new Set([ErrorCode.INVALID_REQUEST]));
  }
  assert.equal(world.metadata.image.topics.has('ignored'), false);
});

test('Metadata begins to create a topic when it may, and has it with its partitions open at the next question', async () => {
  const { world, surroundings } = setUp({ 'num.partitions': '3' });
  const handler = metadataHandler(surroundings);
  const request = { topics: [{ name: 'new' }, { name: 'no good' }], allowAutoTopicCreation: true };
  const ask = async () =>
    (await answered(call(metadataApi, handler, 13, request))).topics.map(({ name, topicId, errorCode, partitions }) => [
      name,
      topicId === ZERO_UUID ? 'no id' : 'an id',
      errorCode,
      partitions.length,
    ]);
  const invalid = ['no good', 'no id', ErrorCode.INVALID_TOPIC_EXCEPTION, 0];
  assert.deepEqual(await ask(), [['new', 'no id', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0], invalid]);
  assert.equal(world.partition('new', 2).highWatermark, 0);
  assert.deepEqual(await ask(), [['new', 'an id', ErrorCode.NONE, 3], invalid]);
});

test('Metadata answers before the creation is done, and its connection goes on after it', async () => {
  const { surroundings } = setUp();
  let created = (_outcome: TopicOutcome) => {};
  const topics = { autoCreate: () => new Promise<TopicOutcome>((resolve) => (created = resolve)) };
  const made = call(metadataApi, metadataHandler({ ...surroundings, topics }), 13, { topics: [{ name: 'new' }] });
  let isDispatched = false;
  made.dispatched.then(() => (isDispatched = true));
  const [topic] = (await answered(made)).topics;
  assert.deepEqual([topic?.errorCode, isDispatched], [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, false]);
  created({ refusal: new Refusal(ErrorCode.INVALID_PARTITIONS, 'too many') });
  await settle();
  assert.equal(isDispatched, true);
});

test('Metadata creates nothing when the request or the broker does not allow it', async () => {
  const asked = { topics: [{ name: 'new' }] };
  for (const [config, allowAutoTopicCreation] of [
    ['true', false],
    ['false', true],
  ] as const) {
    const { world, surroundings } = setUp({ 'auto.create.topics.enable': config });
    const made = call(metadataApi, metadataHandler(surroundings), 13, { ...asked, allowAutoTopicCreation });
    const [topic] = (await answered(made)).topics;
    assert.deepEqual([topic?.errorCode, topic?.topicId], [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ZERO_UUID]);
    assert.equal(world.metadata.image.topics.size, 0);
  }
});

test('why a creation is refused stands in the log, and clients are told that the topic is unknown', async () => {
  const refused = async (brokerConfig: Record<string, string>, failure?: Error) => {
    const { world, surroundings } = setUp(brokerConfig);
    world.metadata.failure = failure;
    const made = call(metadataApi, metadataHandler(surroundings), 13, { topics: [{ name: 'new' }] });
    const [topic] = (await answered(made)).topics;
    assert.equal(topic?.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    assert.equal(world.metadata.image.topics.size, 0);
    return world.log.lines;
  };
  const line = 'A topic that a client asked for could not be created';
  assert.deepEqual(await refused({ 'default.replication.factor': '3' }), [line]);
  assert.deepEqual(await refused({}, new FileError('ENOSPC', '/data', 'full')), [line]);
});

test('authorized operations are all of them, where they were asked for', async () => {
  const { world, surroundings } = setUp();
  world.createTopic('a');
  const request = {
    topics: [{ name: 'a' }],
    includeTopicAuthorizedOperations: true,
    includeClusterAuthorizedOperations: true,
  };
  const response = await answered(call(metadataApi, metadataHandler(surroundings), 8, request));
  assert.equal(response.topics[0]?.topicAuthorizedOperations, ALL_TOPIC_OPERATIONS);
  assert.equal(response.clusterAuthorizedOperations, ALL_CLUSTER_OPERATIONS);
  const cluster = await answered(
    call(describeCluster, describeClusterHandler(surroundings), 2, {
      includeClusterAuthorizedOperations: true,
    }),
  );
  assert.equal(cluster.clusterAuthorizedOperations, ALL_CLUSTER_OPERATIONS);
});

// --- DescribeCluster ---

test('DescribeCluster describes brokers only', async () => {
  const { world, surroundings } = setUp();
  const handler = describeClusterHandler(surroundings);
  const ask = (version: number, endpointType: number) =>
    answered(call(describeCluster, handler, version, { includeClusterAuthorizedOperations: false, endpointType }));
  const found = await ask(2, 1);
  assert.equal(found.clusterId, world.metadata.image.clusterId);
  assert.equal(found.controllerId, BROKER);
  assert.deepEqual(found.brokers, [{ brokerId: 1, host: '127.0.0.1', port: 9092, rack: 'r1', isFenced: false }]);
  assert.equal(found.clusterAuthorizedOperations, NOT_ASKED);
  assert.equal((await ask(1, 2)).errorCode, ErrorCode.MISMATCHED_ENDPOINT_TYPE);
  assert.equal((await ask(2, 3)).errorCode, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE);
  assert.equal((await ask(0, 1)).errorCode, ErrorCode.NONE);
});

// --- DescribeTopicPartitions ---

test('DescribeTopicPartitions pages through all partitions of all topics, each once', async () => {
  const { world, surroundings } = setUp();
  const sizes: Record<string, number> = { c: 1, a: 5, b: 3, d: 4 };
  for (const [name, partitions] of Object.entries(sizes)) {
    world.createTopic(name, { partitions });
  }
  const handler = describeTopicPartitionsHandler(surroundings);
  for (const responsePartitionLimit of [-1, 1, 2, 3, 5, 100]) {
    const seen: string[] = [];
    let cursor: { topicName: string; partitionIndex: number } | null = null;
    do {
      const made = call(describeTopicPartitions, handler, 0, { topics: [], responsePartitionLimit, cursor });
      const response: ResponseOf<typeof describeTopicPartitions> = await answered(made);
      let count = 0;
      for (const { name, partitions } of response.topics) {
        seen.push(...partitions.map(({ partitionIndex }) => `${name}${partitionIndex}`));
        count += partitions.length;
      }
      assert.ok(count <= Math.max(1, responsePartitionLimit));
      cursor = response.nextCursor;
    } while (cursor !== null);
    const expected = Object.keys(sizes)
      .sort()
      .flatMap((name) => Array.from({ length: sizes[name]! }, (_, index) => `${name}${index}`));
    assert.deepEqual(seen, expected);
  }
});

test('DescribeTopicPartitions answers for named topics that do not exist, and refuses a negative cursor', async () => {
  const { world, surroundings } = setUp();
  world.createTopic('a');
  const handler = describeTopicPartitionsHandler(surroundings);
  const topics = [{ name: 'zz' }, { name: 'a' }, { name: 'no good' }];
  const response = await answered(call(describeTopicPartitions, handler, 0, { topics }));
  assert.deepEqual(
    response.topics.map(({ name, errorCode }) => [name, errorCode]),
    [
      ['a', ErrorCode.NONE],
      ['no good', ErrorCode.INVALID_TOPIC_EXCEPTION],
      ['zz', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ],
  );
  assert.deepEqual(response.topics[0]?.partitions[0]?.eligibleLeaderReplicas, []);
  const cursor = { topicName: 'a', partitionIndex: -1 };
  const refused = await answered(call(describeTopicPartitions, handler, 0, { topics: [{ name: 'a' }], cursor }));
  assert.equal(refused.topics[0]?.errorCode, ErrorCode.INVALID_REQUEST);
});

// --- DescribeLogDirs and AlterReplicaLogDirs ---

test('DescribeLogDirs shows one directory with the partitions asked for', async () => {
  const { world, surroundings } = setUp();
  world.createTopic('a', { partitions: 2 });
  world.createTopic('b');
  const handler = describeLogDirsHandler(surroundings);
  for (const version of [1, 2, 3, 4, 5]) {
    const { results } = await answered(call(describeLogDirs, handler, version, { topics: null }));
    assert.deepEqual(
      results[0]?.topics.map(({ name, partitions }) => [name, partitions.length]),
      [
        ['a', 2],
        ['b', 1],
      ],
    );
  }
  const topics = [
    { topic: 'a', partitions: [1, 1, 7] },
    { topic: 'x', partitions: [0] },
  ];
  const { results } = await answered(call(describeLogDirs, handler, 5, { topics }));
  assert.deepEqual(results, [
    {
      errorCode: 0,
      logDir: '/data',
      topics: [{ name: 'a', partitions: [{ partitionIndex: 1, partitionSize: 0, offsetLag: 0, isFutureKey: false }] }],
      totalBytes: 100,
      usableBytes: 10,
      isCordoned: false,
    },
  ]);
});

test('AlterReplicaLogDirs moves partitions to where they are and nowhere else', async () => {
  const { world, surroundings } = setUp();
  world.createTopic('a');
  const dirs = [
    { path: '/data', topics: [{ name: 'a', partitions: [0, 1] }] },
    { path: '/other', topics: [{ name: 'b', partitions: [0] }] },
  ];
  for (const version of [1, 2]) {
    const made = call(alterReplicaLogDirs, alterReplicaLogDirsHandler(surroundings), version, { dirs });
    assert.deepEqual((await answered(made)).results, [
      {
        topicName: 'a',
        partitions: [
          { partitionIndex: 0, errorCode: ErrorCode.NONE },
          { partitionIndex: 1, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
        ],
      },
      { topicName: 'b', partitions: [{ partitionIndex: 0, errorCode: ErrorCode.LOG_DIR_NOT_FOUND }] },
    ]);
  }
});

// --- FindCoordinator ---

test('FindCoordinator names this broker and creates the internal topic first', async () => {
  for (const [keyType, topic] of [
    [0, '__consumer_offsets'],
    [1, '__transaction_state'],
  ] as const) {
    for (let version = keyType === 1 ? 1 : 0; version <= 6; version++) {
      const { world, surroundings } = setUp();
      const request = { key: 'g', keyType, coordinatorKeys: ['g', 'h'] };
      const made = call(findCoordinator, findCoordinatorHandler(surroundings), version, request);
      const response = await answered(made);
      const found = version < 4 ? [response] : response.coordinators;
      assert.deepEqual(
        found.map(({ errorCode, nodeId, host, port }) => [errorCode, nodeId, host, port]),
        Array(version < 4 ? 1 : 2).fill([ErrorCode.NONE, BROKER, '127.0.0.1', 9092]),
      );
      assert.equal(world.metadata.image.topics.get(topic)?.partitions.length, 50);
      assert.equal(world.metadata.image.topics.get(topic)?.internal, true);
    }
  }
});

test('FindCoordinator refuses unknown types and keys that name no share partition', async () => {
  const { world, surroundings } = setUp();
  const ask = async (keyType: number, key: string, version = 6) => {
    const made = call(findCoordinator, findCoordinatorHandler(surroundings), version, {
      keyType,
      coordinatorKeys: [key],
    });
    const [first] = (await answered(made)).coordinators;
    return [first?.key, first?.errorCode, first?.nodeId, first?.host, first?.port];
  };
  const sharePartition = `g:${'B'.repeat(21)}A:0`;
  assert.deepEqual(await ask(3, 'x'), ['x', ErrorCode.INVALID_REQUEST, -1, '', -1]);
  assert.deepEqual(await ask(2, 'x'), ['x', ErrorCode.INVALID_REQUEST, -1, '', -1]);
  assert.equal((await ask(2, sharePartition, 5))[1], ErrorCode.INVALID_REQUEST);
  assert.equal((await ask(2, sharePartition))[1], ErrorCode.COORDINATOR_NOT_AVAILABLE);
  assert.equal(world.metadata.image.topics.size, 0);
});

// --- elections, reassignments ---

test('ElectLeaders finds that no election is needed', async () => {
  const { world, surroundings } = setUp();
  world.createTopic('a');
  const handler = electLeadersHandler(surroundings);
  const topicPartitions = [
    { topic: 'a', partitions: [0, 1] },
    { topic: 'x', partitions: [0] },
  ];
  const codes = async (
    version: number,
    request: { electionType?: number; topicPartitions: typeof topicPartitions | null },
  ) =>
    (await answered(call(electLeaders, handler, version, request))).replicaElectionResults.flatMap(
      ({ partitionResult }) => partitionResult.map(({ errorCode }) => errorCode),
    );
  const { ELECTION_NOT_NEEDED, UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST } = ErrorCode;
  const expected = [ELECTION_NOT_NEEDED, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_OR_PARTITION];
  assert.deepEqual(await codes(0, { topicPartitions }), expected);
  assert.deepEqual(await codes(2, { electionType: 1, topicPartitions }), expected);
  assert.deepEqual(await codes(2, { electionType: 0, topicPartitions: null }), []);
  assert.deepEqual(await codes(2, { electionType: 5, topicPartitions }), Array(3).fill(INVALID_REQUEST));
});

test('AlterPartitionReassignments accepts the assignment there is, and gives reasons for every other', async () => {
  const { world, surroundings } = setUp();
  world.createTopic('a');
  const handler = alterPartitionReassignmentsHandler(surroundings);
  const ask = async (name: string, partitionIndex: number, replicas: number[] | null, allow = true) => {
    const topics = [{ name, partitions: [{ partitionIndex, replicas }] }];
    const made = call(alterPartitionReassignments, handler, 1, { allowReplicationFactorChange: allow, topics });
    return (await answered(made)).responses[0]?.partitions[0]?.errorCode;
  };
  assert.equal(await ask('a', 0, [1]), ErrorCode.NONE);
  assert.equal(await ask('a', 0, [1, 2]), ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  assert.equal(await ask('a', 0, [1, 1]), ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  assert.equal(await ask('a', 0, []), ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  assert.equal(await ask('a', 0, null), ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
  assert.equal(await ask('a', 1, [1]), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  assert.equal(await ask('x', 0, [1]), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  world.metadata.apply({ type: 'broker-registered', broker: { id: 2, rack: null, endpoints: [] } });
  assert.equal(await ask('a', 0, [1, 2], false), ErrorCode.INVALID_REPLICATION_FACTOR);
});

test('ListPartitionReassignments lists nothing', async () => {
  const topics = [{ name: 'x', partitionIndexes: [0] }];
  const made = call(listPartitionReassignments, listPartitionReassignmentsHandler(), 0, { topics });
  assert.deepEqual(await answered(made), { throttleTimeMs: 0, errorCode: 0, errorMessage: null, topics: [] });
});

// --- quorum, features, registration ---

test('DescribeQuorum shows this broker as the leader and only voter of the metadata', async () => {
  const { world, surroundings } = setUp();
  const handler = describeQuorumHandler(surroundings);
  const ask = (version: number, topicName: string) =>
    answered(call(describeQuorum, handler, version, { topics: [{ topicName, partitions: [{ partitionIndex: 0 }] }] }));
  for (const version of [0, 1, 2]) {
    const partition = (await ask(version, '__cluster_metadata')).topics[0]?.partitions[0];
    assert.equal(partition?.leaderId, BROKER);
    assert.equal(partition?.highWatermark, world.metadata.image.version);
    assert.deepEqual(
      partition?.currentVoters.map(({ replicaId }) => replicaId),
      [BROKER],
    );
    const other = (await ask(version, 'a')).topics[0]?.partitions[0];
    assert.equal(other?.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
  const [node] = (await ask(2, '__cluster_metadata')).nodes;
  assert.deepEqual(node, { nodeId: 1, listeners: [{ name: 'CONTROLLER', host: '127.0.0.1', port: 9092 }] });
});

test('UpdateFeatures accepts what is in force and refuses the rest with a reason', async () => {
  const { world } = setUp();
  const supported = [{ name: 'one.version', minVersion: 1, maxVersion: 2 }];
  const handler = updateFeaturesHandler({ features: features(world.metadata, supported), brokerId: BROKER });
  const ask = async (feature: string, maxVersionLevel: number, upgradeType = 1) => {
    const featureUpdates = [{ feature, maxVersionLevel, upgradeType }];
    return (await answered(call(updateFeatures, handler, 1, { featureUpdates }))).errorCode;
  };
  assert.equal(await ask('one.version', 2), ErrorCode.NONE);
  assert.equal(await ask('one.version', 3), ErrorCode.INVALID_UPDATE_VERSION);
  assert.equal(await ask('one.version', -1), ErrorCode.INVALID_UPDATE_VERSION);
  assert.equal(await ask('one.version', 1), ErrorCode.INVALID_UPDATE_VERSION);
  assert.equal(await ask('one.version', 1, 2), ErrorCode.FEATURE_UPDATE_FAILED);
  assert.equal(await ask('one.version', 2, 9), ErrorCode.INVALID_UPDATE_VERSION);
  assert.equal(await ask('unknown.version', 1), ErrorCode.INVALID_UPDATE_VERSION);
  const featureUpdates = [{ feature: 'one.version', maxVersionLevel: 2 }];
  const { results } = await answered(call(updateFeatures, handler, 0, { featureUpdates }));
  assert.deepEqual(results, [{ feature: 'one.version', errorCode: 0, errorMessage: 'NONE' }]);
});

test('metadata.version says that this is Kafka 4.3, and stays', async () => {
  const { world } = setUp();
  const handler = updateFeaturesHandler({ features: features(world.metadata), brokerId: BROKER });
  const ask = async (version: number, maxVersionLevel: number, upgradeType: number, validateOnly: boolean) => {
    const featureUpdates = [{ feature: 'metadata.version', maxVersionLevel, upgradeType }];
    return answered(call(updateFeatures, handler, version, { featureUpdates, validateOnly }));
  };
  for (const version of [1, 2]) {
    for (const validateOnly of [true, false]) {
      for (const upgradeType of [1, 2, 3]) {
        assert.equal((await ask(version, 30, upgradeType, validateOnly)).errorCode, ErrorCode.NONE);
        for (const level of [-1, 0, 6, 7, 29, 31]) {
          const { errorCode } = await ask(version, level, upgradeType, validateOnly);
          assert.equal(errorCode, ErrorCode.INVALID_UPDATE_VERSION, `${level}`);
        }
      }
    }
  }
  assert.match((await ask(2, 29, 2, true)).errorMessage ?? '', /might delete metadata information/);
  assert.match((await ask(2, 29, 3, true)).errorMessage ?? '', /Unsafe metadata downgrade/);
});

test('ApiVersions tells the features in force and an epoch that rises with the metadata', async () => {
  const { world, surroundings } = setUp();
  const registry = new Registry([metadataHandler(surroundings)]);
  const handler = apiVersionsHandler({ registry, features: features(world.metadata) });
  const ask = () => answered(call(apiVersions, handler, 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' }));
  const before = await ask();
  assert.deepEqual(
    before.finalizedFeatures.find(({ name }) => name === 'metadata.version'),
    { name: 'metadata.version', maxVersionLevel: 30, minVersionLevel: 30 },
  );
  assert.deepEqual(
    before.supportedFeatures.find(({ name }) => name === 'metadata.version'),
    { name: 'metadata.version', minVersion: 7, maxVersion: 30 },
  );
  world.createTopic('a');
  assert.ok((await ask()).finalizedFeaturesEpoch >= before.finalizedFeaturesEpoch);
});

test('UnregisterBroker removes a broker that is gone, and neither this one nor one that leads', async () => {
  const { world, surroundings } = setUp();
  const handler = unregisterBrokerHandler(surroundings);
  for (const id of [2, 3]) {
    world.metadata.apply({ type: 'broker-registered', broker: { id, rack: null, endpoints: [] } });
  }
  world.createTopic('led', { leader: 3 });
  const ask = async (brokerId: number) => (await answered(call(unregisterBroker, handler, 0, { brokerId }))).errorCode;
  assert.equal(await ask(2), ErrorCode.NONE);
  assert.equal(world.metadata.image.brokers.has(2), false);
  assert.equal(await ask(2), ErrorCode.BROKER_ID_NOT_REGISTERED);
  assert.equal(await ask(3), ErrorCode.INVALID_REQUEST);
  assert.equal(await ask(BROKER), ErrorCode.INVALID_REQUEST);
});
