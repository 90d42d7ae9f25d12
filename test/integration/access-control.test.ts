// Who may do what, on whole brokers: a stranger without a single entry is denied everything in Kafka's words, entries open exactly what
// they say, lists leave out what may not be seen.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { everyAuthorization } from '../../src/apis/authorization/every-authorization.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { AclOperation as Op, PatternType, Permission, ResourceType } from '../../src/protocol/acl-codes.ts';
import { apiByKey } from '../../src/protocol/all-apis.ts';
import type { Api, RequestInputOf } from '../../src/protocol/api.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { addPartitionsToTxn } from '../../src/protocol/messages/add-partitions-to-txn.ts';
import { alterPartitionReassignments } from '../../src/protocol/messages/alter-partition-reassignments.ts';
import { apiVersions } from '../../src/protocol/messages/api-versions.ts';
import { consumerGroupHeartbeat } from '../../src/protocol/messages/consumer-group-heartbeat.ts';
import { createAcls } from '../../src/protocol/messages/create-acls.ts';
import { createTopics } from '../../src/protocol/messages/create-topics.ts';
import { deleteAcls } from '../../src/protocol/messages/delete-acls.ts';
import { deleteTopics } from '../../src/protocol/messages/delete-topics.ts';
import { describeAcls } from '../../src/protocol/messages/describe-acls.ts';
import { describeClientQuotas } from '../../src/protocol/messages/describe-client-quotas.ts';
import { describeCluster } from '../../src/protocol/messages/describe-cluster.ts';
import { describeUserScramCredentials } from '../../src/protocol/messages/describe-user-scram-credentials.ts';
import { electLeaders } from '../../src/protocol/messages/elect-leaders.ts';
import { fetch } from '../../src/protocol/messages/fetch.ts';
import { findCoordinator } from '../../src/protocol/messages/find-coordinator.ts';
import { initProducerId } from '../../src/protocol/messages/init-producer-id.ts';
import { joinGroup } from '../../src/protocol/messages/join-group.ts';
import { listGroups } from '../../src/protocol/messages/list-groups.ts';
import { listPartitionReassignments } from '../../src/protocol/messages/list-partition-reassignments.ts';
import { metadata } from '../../src/protocol/messages/metadata.ts';
import { offsetCommit } from '../../src/protocol/messages/offset-commit.ts';
import { produce } from '../../src/protocol/messages/produce.ts';
import { syncGroup } from '../../src/protocol/messages/sync-group.ts';
import { SecureClient } from '../secure-client.ts';

const USERS =
  'org.apache.kafka.common.security.plain.PlainLoginModule required user_admin="a" user_alice="a" user_bob="a";';

let broker: RunningBroker;
let admin: SecureClient;
let alice: SecureClient;
const lines: string[] = [];

async function login(user: string): Promise<SecureClient> {
  const client = await SecureClient.connect(broker.port);
  assert.equal((await client.plain(user, 'a')).errorCode, ErrorCode.NONE);
  return client;
}

beforeEach(async () => {
  lines.length = 0;
  broker = await startBroker({
    settings: {
      listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_plaintext.plain.sasl.jaas.config': USERS,
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:admin',
    },
    writeLogLine: (line) => lines.push(line),
  });
  admin = await login('admin');
  alice = await login('alice');
  const topics = ['orders', 'orders-2', 'secret'].map((name) => ({
    name,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  }));
  const { topics: created } = await admin.call(createTopics, 7, { topics, timeoutMs: 1000, validateOnly: false });
  assert.deepEqual(
    created.map(({ errorCode }) => errorCode),
    [0, 0, 0],
  );
});

afterEach(async () => {
  admin.end();
  alice.end();
  await broker.close();
});

async function allow(
  operation: number,
  type: number,
  name: string,
  patternType: number = PatternType.LITERAL,
  permission: number = Permission.ALLOW,
) {
  const { results } = await admin.call(createAcls, 3, {
    creations: [
      {
        resourceType: type,
        resourceName: name,
        resourcePatternType: patternType,
        principal: 'User:alice',
        host: '*',
        operation,
        permissionType: permission,
      },
    ],
  });
  assert.equal(results[0]?.errorCode, ErrorCode.NONE);
}

const ANY = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
};

/** Every number called errorCode or the like in an answer. */
function errorCodes(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(errorCodes);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    /^(partitionE|e)rrorCode$/.test(key) && typeof inner === 'number' ? [inner] : errorCodes(inner),
  );
}

/** A request of each API that names something existing, in a version that says what was denied. */
const REQUESTS: Readonly<Record<string, readonly [version: number, request: unknown]>> = {
  Produce: [
    9,
    {
      transactionalId: null,
      acks: 1,
      timeoutMs: 1,
      topicData: [{ name: 'secret', partitionData: [{ index: 0, records: null }] }],
    },
  ],
  Fetch: [
    12,
    {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic: 'secret', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
      forgottenTopicsData: [],
    },
  ],
  ListOffsets: [9, { replicaId: -1, topics: [{ name: 'secret', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }],
  Metadata: [9, { topics: [{ name: 'secret' }], allowAutoTopicCreation: false }],
  OffsetCommit: [
    8,
    {
      groupId: 'g',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [{ name: 'secret', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }],
    },
  ],
  OffsetFetch: [8, { groups: [{ groupId: 'g', topics: null }] }],
  FindCoordinator: [4, { keyType: 0, coordinatorKeys: ['g'] }],
  JoinGroup: [
    5,
    {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 1,
      memberId: '',
      protocolType: 'consumer',
      protocols: [],
    },
  ],
  Heartbeat: [4, { groupId: 'g', generationId: 1, memberId: 'm' }],
  LeaveGroup: [4, { groupId: 'g', members: [] }],
  SyncGroup: [4, { groupId: 'g', generationId: 1, memberId: 'm', assignments: [] }],
  DescribeGroups: [5, { groups: ['g'], includeAuthorizedOperations: true }],
  CreateTopics: [
    7,
    { topics: [{ name: 'new', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 1 },
  ],
  DeleteTopics: [5, { topicNames: ['secret'], topics: [], timeoutMs: 1 }],
  DeleteRecords: [2, { topics: [{ name: 'secret', partitions: [{ partitionIndex: 0, offset: 0 }] }], timeoutMs: 1 }],
  InitProducerId: [4, { transactionalId: null, transactionTimeoutMs: 1 }],
  OffsetForLeaderEpoch: [4, { topics: [{ topic: 'secret', partitions: [{ partition: 0, leaderEpoch: 0 }] }] }],
  AddPartitionsToTxn: [
    3,
    {
      v3AndBelowTransactionalId: 't',
      v3AndBelowProducerId: 1,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: [{ name: 'secret', partitions: [0] }],
    },
  ],
  AddOffsetsToTxn: [3, { transactionalId: 't', producerId: 1, producerEpoch: 0, groupId: 'g' }],
  EndTxn: [3, { transactionalId: 't', producerId: 1, producerEpoch: 0, committed: true }],
  WriteTxnMarkers: [
    1,
    {
      markers: [
        {
          producerId: 1,
          producerEpoch: 0,
          transactionResult: true,
          topics: [{ name: 'secret', partitionIndexes: [0] }],
          coordinatorEpoch: 0,
        },
      ],
    },
  ],
  TxnOffsetCommit: [
    3,
    {
      transactionalId: 't',
      groupId: 'g',
      producerId: 1,
      producerEpoch: 0,
      topics: [{ name: 'secret', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }],
    },
  ],
  DescribeAcls: [3, ANY],
  CreateAcls: [
    3,
    {
      creations: [
        { resourceType: 2, resourceName: 'x', principal: 'User:x', host: '*', operation: 3, permissionType: 3 },
      ],
    },
  ],
  DeleteAcls: [3, { filters: [ANY] }],
  DescribeConfigs: [
    4,
    {
      resources: [
        { resourceType: 2, resourceName: 'secret', configurationKeys: null },
        { resourceType: 4, resourceName: '1', configurationKeys: null },
        { resourceType: 32, resourceName: 'g', configurationKeys: null },
      ],
    },
  ],
  AlterConfigs: [2, { resources: [{ resourceType: 2, resourceName: 'secret', configs: [] }], validateOnly: false }],
  IncrementalAlterConfigs: [
    1,
    { resources: [{ resourceType: 4, resourceName: '1', configs: [] }], validateOnly: false },
  ],
  AlterReplicaLogDirs: [2, { dirs: [{ path: '/x', topics: [{ name: 'secret', partitions: [0] }] }] }],
  DescribeLogDirs: [4, { topics: null }],
  CreatePartitions: [
    3,
    { topics: [{ name: 'secret', count: 2, assignments: null }], timeoutMs: 1, validateOnly: false },
  ],
  DeleteGroups: [2, { groupsNames: ['g'] }],
  ElectLeaders: [2, { electionType: 0, topicPartitions: null }],
  AlterPartitionReassignments: [0, { topics: [] }],
  ListPartitionReassignments: [0, { topics: null }],
  OffsetDelete: [0, { groupId: 'g', topics: [] }],
  AlterClientQuotas: [
    1,
    { entries: [{ entity: [{ entityType: 'user', entityName: 'alice' }], ops: [] }], validateOnly: false },
  ],
  DescribeClientQuotas: [1, { components: [], strict: false }],
  DescribeUserScramCredentials: [0, { users: null }],
  AlterUserScramCredentials: [0, { deletions: [{ name: 'x', mechanism: 1 }], upsertions: [] }],
  DescribeQuorum: [1, { topics: [] }],
  UpdateFeatures: [1, { timeoutMs: 1, featureUpdates: [] }],
  DescribeProducers: [0, { topics: [{ name: 'secret', partitionIndexes: [0] }] }],
  UnregisterBroker: [0, { brokerId: 9 }],
  DescribeTransactions: [0, { transactionalIds: ['t'] }],
  ConsumerGroupHeartbeat: [
    0,
    {
      groupId: 'g',
      memberId: '',
      memberEpoch: 0,
      rebalanceTimeoutMs: 1,
      subscribedTopicNames: ['secret'],
      topicPartitions: [],
    },
  ],
  ConsumerGroupDescribe: [0, { groupIds: ['g'], includeAuthorizedOperations: true }],
  ListConfigResources: [1, { resourceTypes: [] }],
  DescribeTopicPartitions: [0, { topics: [{ name: 'secret' }] }],
};
/** Those that answer a stranger with nothing, or that everybody may use for himself. */
const OPEN = new Set([
  'ApiVersions',
  'SaslHandshake',
  'SaslAuthenticate',
  'ListGroups',
  'ListTransactions',
  'DescribeCluster',
  'CreateDelegationToken',
  'RenewDelegationToken',
  'ExpireDelegationToken',
  'DescribeDelegationToken',
]);

const CLUSTER_DENIED = ErrorCode.CLUSTER_AUTHORIZATION_FAILED;

describe('a stranger', () => {
  it('is denied every API in Kafka’s words', async () => {
    const { apiKeys } = await alice.call(apiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' });
    for (const { apiKey } of apiKeys) {
      const api = apiByKey(apiKey)!;
      if (OPEN.has(api.name)) continue;
      assert.ok(REQUESTS[api.name], `${api.name} has no request here`);
      const [version, request] = REQUESTS[api.name]!;
      const answer = await alice.call(api, version, request as RequestInputOf<Api>);
      const codes = errorCodes(answer).filter((code) => code !== ErrorCode.NONE);
      const denials: number[] = [
        ErrorCode.TOPIC_AUTHORIZATION_FAILED,
        ErrorCode.GROUP_AUTHORIZATION_FAILED,
        ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      ];
      assert.ok(
        codes.length > 0 && codes.every((code) => denials.includes(code)),
        `${api.name}: ${JSON.stringify(answer)}`,
      );
    }
    assert.ok(
      lines.some((line) =>
        /audit access denied principal=User:alice host=127\.0\.0\.1 operation=WRITE resource=TOPIC:secret/.test(line),
      ),
    );
  });

  it('gets the shape that Kafka’s refusals have', async () => {
    const topicPartitions = [{ topic: 'secret', partitions: [0] }];
    const elected = await alice.call(electLeaders, 2, { topicPartitions });
    assert.equal(elected.replicaElectionResults[0]?.partitionResult[0]?.errorCode, CLUSTER_DENIED);
    const topics = [{ name: 'secret', partitions: [{ partitionIndex: 0, replicas: null }] }];
    const moved = await alice.call(alterPartitionReassignments, 1, { topics });
    assert.equal(moved.responses[0]?.partitions[0]?.errorCode, CLUSTER_DENIED);
    const asked = [{ name: 'secret', partitionIndexes: [0] }];
    const moving = await alice.call(listPartitionReassignments, 0, { topics: asked });
    assert.deepEqual([moving.errorCode, moving.topics[0]?.partitions.length], [CLUSTER_DENIED, 1]);
    const quotas = await alice.call(describeClientQuotas, 1, { components: [], strict: false });
    assert.deepEqual([quotas.errorCode, quotas.entries], [CLUSTER_DENIED, null]);
    const scram = await alice.call(describeUserScramCredentials, 0, { users: [{ name: 'alice' }] });
    assert.deepEqual([scram.results[0]?.user, scram.results[0]?.errorCode], ['', CLUSTER_DENIED]);
    const producer = await alice.call(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 });
    assert.deepEqual([producer.producerId, producer.producerEpoch], [-1, -1]);
    const join = {
      ...{ groupId: 'g', sessionTimeoutMs: 10_000, memberId: '', protocolType: 'consumer', protocols: [] },
    };
    assert.equal((await alice.call(joinGroup, 6, join)).protocolName, '');
    assert.equal((await alice.call(joinGroup, 7, join)).protocolName, null);
    const sync = { groupId: 'g', generationId: 1, memberId: 'm', assignments: [] };
    assert.equal((await alice.call(syncGroup, 4, sync)).errorCode, ErrorCode.GROUP_AUTHORIZATION_FAILED);
    assert.equal((await alice.call(syncGroup, 5, sync)).errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  });

  it('sees nothing in lists, and what each operation bit says', async () => {
    const all = await alice.call(metadata, 9, {
      topics: null,
      allowAutoTopicCreation: true,
      includeClusterAuthorizedOperations: true,
    });
    assert.deepEqual([all.topics, all.clusterAuthorizedOperations], [[], 0]);
    assert.deepEqual((await alice.call(listGroups, 4, { statesFilter: [] })).groups, []);
    const { clusterAuthorizedOperations } = await admin.call(describeCluster, 0, {
      includeClusterAuthorizedOperations: true,
    });
    assert.notEqual(clusterAuthorizedOperations, 0);
  });

  it('is named in every API’s own entry', () => {
    for (const [name, { checks }] of Object.entries(everyAuthorization)) {
      for (const { operation } of checks) assert.ok(operation in Op, `${name} ${operation}`);
    }
  });
});

describe('an entry', () => {
  const write = (topic: string) => ({
    transactionalId: null,
    acks: 1,
    timeoutMs: 1000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records: null }] }],
  });
  const codeOf = async (topic: string) =>
    (await alice.call(produce, 9, write(topic))).responses[0]?.partitionResponses[0]?.errorCode;
  const denied = ErrorCode.TOPIC_AUTHORIZATION_FAILED;

  it('opens its topic and no other, until it is deleted', async () => {
    await allow(Op.WRITE, ResourceType.TOPIC, 'orders');
    assert.notEqual(await codeOf('orders'), denied);
    assert.equal(await codeOf('secret'), denied);
    const { topics } = await alice.call(metadata, 9, {
      topics: null,
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: true,
    });
    assert.deepEqual(
      topics.map(({ name, topicAuthorizedOperations }) => [name, topicAuthorizedOperations]),
      [['orders', (1 << Op.WRITE) | (1 << Op.DESCRIBE)]],
    );
    const { filterResults } = await admin.call(deleteAcls, 3, { filters: [ANY] });
    assert.equal(filterResults[0]?.matchingAcls.length, 1);
    assert.equal(await codeOf('orders'), denied);
  });

  it('with a prefix opens what begins with it, and deny takes it away', async () => {
    await allow(Op.WRITE, ResourceType.TOPIC, 'orders', PatternType.PREFIXED);
    assert.notEqual(await codeOf('orders-2'), denied);
    await allow(Op.WRITE, ResourceType.TOPIC, 'orders-2', PatternType.LITERAL, Permission.DENY);
    assert.equal(await codeOf('orders-2'), denied);
    assert.notEqual(await codeOf('orders'), denied);
    const { resources } = await admin.call(describeAcls, 3, {
      ...ANY,
      resourceNameFilter: 'orders-2',
      patternTypeFilter: PatternType.MATCH,
    });
    assert.equal(resources.length, 2);
  });

  it('answers the allowed part of a request and denies the rest', async () => {
    await allow(Op.READ, ResourceType.GROUP, 'g');
    await allow(Op.READ, ResourceType.TOPIC, 'orders');
    await admin.call(findCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] });
    const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: '' }];
    const { topics } = await alice.call(offsetCommit, 8, {
      groupId: 'g',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [
        { name: 'secret', partitions },
        { name: 'orders', partitions },
      ],
    });
    assert.deepEqual(
      new Map(topics.map(({ name, partitions: answers }) => [name, answers[0]?.errorCode])),
      new Map<string, number | undefined>([
        ['orders', ErrorCode.NONE],
        ['secret', denied],
      ]),
    );
  });

  it('to create topics is needed by who asks for one that is not there, whatever its name', async () => {
    await allow(Op.DESCRIBE, ResourceType.TOPIC, '*');
    const ask = async () => {
      const topics = ['orders', 'new', 'no/topic'].map((name) => ({ name }));
      const answer = await alice.call(metadata, 9, { topics, allowAutoTopicCreation: true });
      return new Map(answer.topics.map(({ name, errorCode }) => [name, errorCode as number]));
    };
    const seen = ['orders', ErrorCode.NONE] as const;
    assert.deepEqual(await ask(), new Map<string, number>([seen, ['new', denied], ['no/topic', denied]]));
    await allow(Op.CREATE, ResourceType.CLUSTER, 'kafka-cluster');
    const invalid = ['no/topic', ErrorCode.INVALID_TOPIC_EXCEPTION] as const;
    assert.deepEqual(await ask(), new Map([seen, ['new', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION], invalid]));
    assert.deepEqual(await ask(), new Map([seen, ['new', ErrorCode.NONE], invalid]));
  });

  it('to see topics tells missing ones from those that may not be deleted', async () => {
    await allow(Op.DESCRIBE, ResourceType.TOPIC, 'orders', PatternType.PREFIXED);
    const names = ['orders', 'orders-missing', 'secret', 'secret-missing'];
    const { responses } = await alice.call(deleteTopics, 5, { topicNames: names, topics: [], timeoutMs: 1000 });
    const codes = new Map(responses.map(({ name, errorCode }) => [name, errorCode]));
    assert.deepEqual(
      names.map((name) => codes.get(name)),
      [denied, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, denied, denied],
    );
  });

  it('to delete a topic is enough when it is named by its id', async () => {
    const described = await admin.call(metadata, 12, { topics: [{ name: 'orders' }], allowAutoTopicCreation: false });
    const topics = [{ name: null, topicId: described.topics[0]!.topicId }];
    const remove = async () =>
      (await alice.call(deleteTopics, 6, { topics, topicNames: [], timeoutMs: 1000 })).responses[0];
    const before = await remove();
    assert.deepEqual([before?.name, before?.errorCode], [null, denied]);
    await allow(Op.DESCRIBE, ResourceType.TOPIC, 'orders');
    const seen = await remove();
    assert.deepEqual([seen?.name, seen?.errorCode], ['orders', denied]);
    await allow(Op.DELETE, ResourceType.TOPIC, 'orders');
    await allow(Op.DESCRIBE, ResourceType.TOPIC, 'orders', PatternType.LITERAL, Permission.DENY);
    assert.equal((await remove())?.errorCode, ErrorCode.NONE);
  });

  it('to write in a transaction adds all its topics or none', async () => {
    await allow(Op.WRITE, ResourceType.TRANSACTIONAL_ID, 't');
    await allow(Op.WRITE, ResourceType.TOPIC, 'orders', PatternType.PREFIXED);
    const names = ['orders', 'orders-missing', 'secret'];
    const { resultsByTopicV3AndBelow: results } = await alice.call(addPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: 't',
      v3AndBelowProducerId: 1,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: names.map((name) => ({ name, partitions: [0] })),
    });
    assert.deepEqual(
      results.map(({ name, resultsByPartition: [first] }) => [name, first?.partitionErrorCode]),
      [
        ['orders', ErrorCode.OPERATION_NOT_ATTEMPTED],
        ['orders-missing', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        ['secret', denied],
      ],
    );
  });

  it('to write one topic is enough for a producer id', async () => {
    const ask = () => alice.call(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 });
    assert.equal((await ask()).errorCode, ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
    await allow(Op.WRITE, ResourceType.TOPIC, 'orders');
    assert.equal((await ask()).errorCode, ErrorCode.NONE);
  });

  it('to see topics decides what a regular expression finds', async () => {
    await allow(Op.READ, ResourceType.GROUP, 'g');
    await allow(Op.DESCRIBE, ResourceType.TOPIC, 'orders', PatternType.PREFIXED);
    // Makes the topic that groups are kept in.
    await admin.call(findCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] });
    const assigned = async (memberId: string, client: SecureClient) => {
      const { errorCode, assignment } = await client.call(consumerGroupHeartbeat, 1, {
        groupId: memberId === 'of-alice' ? 'g' : 'of-admin',
        memberId,
        memberEpoch: 0,
        rebalanceTimeoutMs: 1000,
        subscribedTopicNames: null,
        subscribedTopicRegex: '.*',
        topicPartitions: [],
      });
      assert.equal(errorCode, ErrorCode.NONE);
      return assignment!.topicPartitions.length;
    };
    assert.equal(await assigned('of-alice', alice), 2);
    assert.ok((await assigned('of-admin', admin)) > 2);
  });

  it('that is gone ends a fetch session of others’ topics too', async () => {
    await allow(Op.READ, ResourceType.TOPIC, 'orders');
    const topics = [{ topic: 'orders', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }];
    const first = await alice.call(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      sessionEpoch: 0,
      topics,
      forgottenTopicsData: [],
    });
    assert.equal(first.responses[0]?.partitions[0]?.errorCode, ErrorCode.NONE);
    await admin.call(deleteAcls, 3, { filters: [ANY] });
    const second = await alice.call(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      sessionId: first.sessionId,
      sessionEpoch: 1,
      topics: [],
      forgottenTopicsData: [],
    });
    assert.equal(second.responses[0]?.partitions[0]?.errorCode, denied);
  });
});
