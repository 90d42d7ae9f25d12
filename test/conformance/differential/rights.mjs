// Who may do what, asked of two brokers: grants, each for a user of its own with topics, groups and transactional ids of its own, and requests of
// every API, about what the grant covers (names that begin with the user's) and about what it does not (`others…`). A request is a function of
// the user's world and the version; null leaves a version out.

import { apis, buildBatch, load } from './exchange.mjs';

const {
  AclOperation: Operation,
  PatternType: { LITERAL, PREFIXED },
  Permission: { ALLOW, DENY },
  ResourceType: Type,
} = await load('protocol/acl-codes.js');

const SINGLE = {
  TOPIC: ['ALL', 'READ', 'WRITE', 'CREATE', 'DELETE', 'ALTER', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'],
  GROUP: ['ALL', 'READ', 'DELETE', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'],
  CLUSTER: [
    ...['ALL', 'CREATE', 'CLUSTER_ACTION', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER', 'ALTER_CONFIGS'],
    'IDEMPOTENT_WRITE',
  ],
  TRANSACTIONAL_ID: ['ALL', 'DESCRIBE', 'WRITE'],
  USER: ['CREATE_TOKENS', 'DESCRIBE_TOKENS'],
  DELEGATION_TOKEN: ['DESCRIBE'],
};
const TOGETHER = [
  'GROUP READ, TOPIC READ',
  'GROUP READ, TOPIC DESCRIBE',
  'GROUP DESCRIBE, TOPIC DESCRIBE',
  'GROUP DELETE, TOPIC READ',
  'TRANSACTIONAL_ID WRITE, TOPIC WRITE',
  'TRANSACTIONAL_ID WRITE, GROUP READ',
  'TRANSACTIONAL_ID WRITE, GROUP READ, TOPIC READ',
  'TRANSACTIONAL_ID DESCRIBE, TOPIC DESCRIBE',
  'CLUSTER CREATE, TOPIC DESCRIBE',
  'TOPIC CREATE, TOPIC DESCRIBE_CONFIGS',
  'CLUSTER DELETE, TOPIC DESCRIBE',
  'TOPIC ALL, not TOPIC DESCRIBE',
  'TOPIC ALL, not TOPIC READ',
  'TOPIC ALL, not TOPIC ALL',
  'GROUP ALL, not GROUP READ',
  'CLUSTER ALL, not CLUSTER ALTER',
  'TOPIC READ here',
  'TOPIC READ elsewhere',
  'TOPIC ALL, not TOPIC WRITE elsewhere',
  'TOPIC ALL everywhere, GROUP ALL everywhere, TRANSACTIONAL_ID ALL everywhere',
];

/** `{ name, entries }`; the first grants nothing. `here` and `elsewhere` are hosts, `everywhere` is every resource. */
export const grants = [
  'nothing',
  ...Object.entries(SINGLE).flatMap(([type, operations]) => operations.map((operation) => `${type} ${operation}`)),
  ...TOGETHER,
].map((name) => ({ name, entries: name === 'nothing' ? [] : name.split(', ').map(entryOf) }));

function entryOf(text) {
  const words = text.split(' ');
  const permission = words[0] === 'not' ? DENY : ALLOW;
  if (permission === DENY) words.shift();
  const [type, operation, where] = words;
  if (!(type in Type && operation in Operation)) throw new Error(`no such grant: ${text}`);
  return { type, operation, permission, where };
}

/** The grant's entries as CreateAcls wants them, for one user. */
export function creationsOf(grant, user) {
  return grant.entries.map(({ type, operation, permission, where }) => {
    const whole = { CLUSTER: 'kafka-cluster', USER: 'User:admin' }[type];
    const everything = where === 'everywhere' || type === 'DELEGATION_TOKEN';
    return {
      resourceType: Type[type],
      resourceName: everything ? '*' : (whole ?? `${user}-`),
      resourcePatternType: everything || whole ? LITERAL : PREFIXED,
      principal: `User:${user}`,
      host: { here: '127.0.0.1', elsewhere: '10.9.8.7' }[where] ?? '*',
      operation: Operation[operation],
      permissionType: permission,
    };
  });
}

const NOW = Date.now();
const batch = (extra) => buildBatch({ records: [{ key: null, value: Buffer.from('v'), timestampMs: NOW }], ...extra });

/** Two that are there and two that are not, one of each covered by grants. */
const topicsOf = ({ user }) => [`${user}-topic`, `${user}-missing`, `others-${user}`, `others-missing-${user}`];
const byIdOrName = (since, key) => (world, version, rest) =>
  topicsOf(world)
    .filter((name) => version < since || world.ids.has(name))
    .map((name) => ({ ...(version >= since ? { topicId: world.ids.get(name) } : { [key]: name }), ...rest }));
const named = (world, rest) => topicsOf(world).map((name) => ({ name, ...rest }));
const groupsOf = ({ user }) => [`${user}-group`, `others-group-${user}`];
const transactionsOf = ({ user }) => [`${user}-transactional`, `others-transactional-${user}`];
const between = (least, most, version, message) => (version >= least && version <= most ? message : null);

const produced = byIdOrName(13, 'name');
const fetched = byIdOrName(13, 'topic');
const committed = byIdOrName(10, 'name');
const OFFSET = [{ partitionIndex: 0, committedOffset: 0, committedMetadata: '' }];
const RESOURCES = (world) => [
  ...topicsOf(world).map((resourceName) => ({ resourceType: 2, resourceName })),
  ...groupsOf(world).map((resourceName) => ({ resourceType: 32, resourceName })),
  { resourceType: 4, resourceName: '1' },
  { resourceType: 4, resourceName: '' },
  { resourceType: 16, resourceName: `metrics-${world.user}` },
];
const twice = (list, request) =>
  list.map((one, index) => (world, version) => request(one(world)[index], world, version));
const perGroup = (request) => twice([groupsOf, groupsOf], request);
const perTransaction = (request) => twice([transactionsOf, transactionsOf], request);
const ANY_ACL = {
  ...{ resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1, principalFilter: 'User:nobody' },
  ...{ hostFilter: null, operation: 1, permissionType: 1 },
};
const QUOTA = (user) => ({ entity: [{ entityType: 'user', entityName: user }], ops: [] });

/** In this order; what takes something away comes last. */
export const requests = [
  ['Metadata', (world) => ({ topics: named(world), allowAutoTopicCreation: false })],
  [
    'Metadata',
    (world, version) =>
      between(8, 13, version, {
        topics: named(world),
        allowAutoTopicCreation: false,
        includeTopicAuthorizedOperations: true,
        includeClusterAuthorizedOperations: version <= 10,
      }),
  ],
  [
    'Metadata',
    (world, version) =>
      between(12, 13, version, {
        topics: [...[...world.ids.values()].map((topicId) => ({ topicId, name: null }))],
        allowAutoTopicCreation: false,
      }),
  ],
  ['Metadata', (_world, version) => ({ topics: version === 0 ? [] : null, allowAutoTopicCreation: false })],
  ['DescribeCluster', () => ({ includeClusterAuthorizedOperations: true })],
  ['DescribeTopicPartitions', (world) => ({ topics: named(world) })],
  ['DescribeTopicPartitions', () => ({ topics: [] })],
  [
    'Produce',
    (world, version) => ({
      ...{ transactionalId: null, acks: -1, timeoutMs: 3000 },
      topicData: produced(world, version, { partitionData: [{ index: 0, records: batch() }] }),
    }),
  ],
  ...perTransaction((transactionalId, world, version) => ({
    ...{ transactionalId, acks: -1, timeoutMs: 3000 },
    topicData: produced(world, version, {
      partitionData: [
        { index: 0, records: batch({ producerId: 1e9, producerEpoch: 0, baseSequence: 7, isTransactional: true }) },
      ],
    }),
  })).map((request) => ['Produce', request]),
  [
    'Fetch',
    (world, version) => ({
      ...{ maxWaitMs: 0, minBytes: 0, maxBytes: 1000, sessionEpoch: -1, forgottenTopicsData: [] },
      topics: fetched(world, version, { partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10 }] }),
    }),
  ],
  [
    'ListOffsets',
    (world) => ({ replicaId: -1, topics: named(world, { partitions: [{ partitionIndex: 0, timestamp: -1 }] }) }),
  ],
  [
    'OffsetForLeaderEpoch',
    (world) => ({
      replicaId: -1,
      topics: topicsOf(world).map((topic) => ({ topic, partitions: [{ partition: 0, leaderEpoch: 0 }] })),
    }),
  ],
  ...perGroup((groupId, world, version) => ({
    groupId,
    memberId: '',
    topics: committed(world, version, { partitions: OFFSET }),
  })).map((request) => ['OffsetCommit', request]),
  ...perGroup((groupId, world, version) => {
    const topics = committed(world, version, { partitionIndexes: [0] });
    return version < 8 ? { groupId, topics } : { groups: [{ groupId, topics }] };
  }).map((request) => ['OffsetFetch', request]),
  ...perGroup((groupId, _world, version) =>
    version < 8 ? between(2, 7, version, { groupId, topics: null }) : { groups: [{ groupId, topics: null }] },
  ).map((request) => ['OffsetFetch', request]),
  ...perGroup((key, _world, version) => (version < 4 ? { key } : { keyType: 0, coordinatorKeys: [key] })).map(
    (request) => ['FindCoordinator', request],
  ),
  ...perTransaction((key, _world, version) =>
    version < 1 ? null : version < 4 ? { key, keyType: 1 } : { keyType: 1, coordinatorKeys: [key] },
  ).map((request) => ['FindCoordinator', request]),
  ...perGroup((groupId) => ({
    ...{ groupId, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 1000, memberId: '', protocolType: 'consumer' },
    protocols: [],
  })).map((request) => ['JoinGroup', request]),
  ...perGroup((groupId) => ({
    ...{ groupId, generationId: 1, memberId: 'm', assignments: [], protocolType: 'consumer', protocolName: 'range' },
  })).map((request) => ['SyncGroup', request]),
  ...perGroup((groupId) => ({ groupId, generationId: 1, memberId: 'm', assignments: [] })).map((request) => [
    'SyncGroup',
    request,
  ]),
  ...perGroup((groupId) => ({ groupId, generationId: 1, memberId: 'm' })).map((request) => ['Heartbeat', request]),
  ...perGroup((groupId) => ({ groupId, memberId: 'm', members: [{ memberId: 'm' }] })).map((request) => [
    'LeaveGroup',
    request,
  ]),
  ['DescribeGroups', (world) => ({ groups: groupsOf(world), includeAuthorizedOperations: true })],
  ['ListGroups', () => ({ statesFilter: [], typesFilter: [] })],
  ...perGroup((groupId, world) => ({
    ...{ groupId: `${groupId}-new`, memberId: 'nobody', memberEpoch: 0, rebalanceTimeoutMs: 1000, topicPartitions: [] },
    subscribedTopicNames: [`others-${world.user}`],
  })).map((request) => ['ConsumerGroupHeartbeat', request]),
  ...perGroup((groupId, world) => ({
    ...{ groupId: `${groupId}-new`, memberId: 'nobody', memberEpoch: 5, rebalanceTimeoutMs: 1000, topicPartitions: [] },
    subscribedTopicNames: [`${world.user}-topic`],
  })).map((request) => ['ConsumerGroupHeartbeat', request]),
  [
    'ConsumerGroupDescribe',
    (world) => ({ groupIds: [...groupsOf(world), `${world.user}-members`], includeAuthorizedOperations: true }),
  ],
  ['DescribeConfigs', (world) => ({ resources: RESOURCES(world).map((one) => ({ ...one, configurationKeys: [] })) })],
  [
    'AlterConfigs',
    (world) => ({ resources: RESOURCES(world).map((one) => ({ ...one, configs: [] })), validateOnly: true }),
  ],
  [
    'IncrementalAlterConfigs',
    (world) => ({ resources: RESOURCES(world).map((one) => ({ ...one, configs: [] })), validateOnly: true }),
  ],
  ['ListConfigResources', (_world, version) => ({ resourceTypes: version > 0 ? [16] : [] })],
  [
    'CreatePartitions',
    (world) => ({ topics: named(world, { count: 2, assignments: null }), timeoutMs: 3000, validateOnly: true }),
  ],
  ['DescribeLogDirs', (world) => ({ topics: topicsOf(world).map((topic) => ({ topic, partitions: [0] })) })],
  ['AlterReplicaLogDirs', (world) => ({ dirs: [{ path: '/nowhere', topics: named(world, { partitions: [0] }) }] })],
  [
    'ElectLeaders',
    (world) => ({ topicPartitions: topicsOf(world).map((topic) => ({ topic, partitions: [0] })), timeoutMs: 3000 }),
  ],
  [
    'AlterPartitionReassignments',
    (world) => ({ topics: named(world, { partitions: [{ partitionIndex: 0, replicas: null }] }), timeoutMs: 3000 }),
  ],
  ['ListPartitionReassignments', (world) => ({ topics: named(world, { partitionIndexes: [0] }), timeoutMs: 3000 })],
  ['DescribeQuorum', () => ({ topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] })],
  [
    'UpdateFeatures',
    (_world, version) => between(1, 2, version, { featureUpdates: [], timeoutMs: 3000, validateOnly: true }),
  ],
  ['UnregisterBroker', () => ({ brokerId: 99 })],
  ['DescribeProducers', (world) => ({ topics: named(world, { partitionIndexes: [0] }) })],
  ['DescribeAcls', () => ANY_ACL],
  ['DeleteAcls', () => ({ filters: [ANY_ACL] })],
  [
    'CreateAcls',
    (world) => ({
      creations: [
        {
          ...{ resourceType: 2, resourceName: `acl-${world.user}`, resourcePatternType: 3, principal: 'User:somebody' },
          ...{ host: '*', operation: 3, permissionType: 3 },
        },
      ],
    }),
  ],
  [
    'DescribeClientQuotas',
    (world) => ({ components: [{ entityType: 'user', matchType: 0, match: world.user }], strict: true }),
  ],
  ['AlterClientQuotas', ({ user }) => ({ entries: [QUOTA(user)], validateOnly: true })],
  ['DescribeUserScramCredentials', ({ user }) => ({ users: [{ name: user }] })],
  ['AlterUserScramCredentials', ({ user }) => ({ deletions: [{ name: user, mechanism: 1 }], upsertions: [] })],
  [
    'CreateDelegationToken',
    () => ({ ownerPrincipalType: null, ownerPrincipalName: null, renewers: [], maxLifetimeMs: -1 }),
  ],
  [
    'CreateDelegationToken',
    (_world, version) =>
      between(3, 3, version, {
        ownerPrincipalType: 'User',
        ownerPrincipalName: 'admin',
        renewers: [],
        maxLifetimeMs: -1,
      }),
  ],
  ['RenewDelegationToken', ({ hmac }) => ({ hmac, renewPeriodMs: -1 })],
  ['ExpireDelegationToken', ({ hmac }) => ({ hmac, expiryTimePeriodMs: 1e9 })],
  ['InitProducerId', () => ({ transactionalId: null, transactionTimeoutMs: 1000 })],
  ['DescribeTransactions', (world) => ({ transactionalIds: transactionsOf(world) })],
  ['ListTransactions', () => ({ stateFilters: [], producerIdFilters: [], durationFilter: -1 })],
  ...perTransaction((transactionalId, world, version) => {
    const topics = named(world, { partitions: [0] });
    const [id, epoch] = [{ producerId: 1e9 }, { producerEpoch: 0 }];
    return version >= 4
      ? { transactions: [{ transactionalId, ...id, ...epoch, verifyOnly: false, topics }] }
      : {
          v3AndBelowTransactionalId: transactionalId,
          v3AndBelowProducerId: 1e9,
          v3AndBelowProducerEpoch: 0,
          v3AndBelowTopics: topics,
        };
  }).map((request) => ['AddPartitionsToTxn', request]),
  ...perTransaction((transactionalId, { user }, version) =>
    between(0, 3, version, {
      ...{ v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: 1e9, v3AndBelowProducerEpoch: 0 },
      v3AndBelowTopics: [{ name: `${user}-topic`, partitions: [0] }],
    }),
  ).map((request) => ['AddPartitionsToTxn', request]),
  ...perTransaction((transactionalId, { user }) => ({
    transactionalId,
    producerId: 1e9,
    producerEpoch: 0,
    groupId: `${user}-group`,
  })).map((request) => ['AddOffsetsToTxn', request]),
  ...perTransaction((transactionalId, world) => ({
    ...{ transactionalId, groupId: `${world.user}-group`, producerId: 1e9, producerEpoch: 0 },
    topics: named(world, { partitions: OFFSET }),
  })).map((request) => ['TxnOffsetCommit', request]),
  ...perTransaction((transactionalId) => ({ transactionalId, producerId: 1e9, producerEpoch: 0, committed: true })).map(
    (request) => ['EndTxn', request],
  ),
  ...perTransaction((transactionalId) => ({ transactionalId, transactionTimeoutMs: 1000 })).map((request) => [
    'InitProducerId',
    request,
  ]),
  [
    'WriteTxnMarkers',
    (world) => ({
      markers: [
        {
          ...{ producerId: 1e9, producerEpoch: 0, transactionResult: true, coordinatorEpoch: 0 },
          topics: [{ name: `${world.user}-missing`, partitionIndexes: [0] }],
        },
      ],
    }),
  ],
  [
    'CreateTopics',
    ({ user }, version) => ({
      topics: [`${user}-new-${version}`, `others-${user}-new-${version}`, `${user}-topic`, `others-${user}`].map(
        (name) => ({
          ...{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
        }),
      ),
      timeoutMs: 3000,
      validateOnly: true,
    }),
  ],
  ['DescribeDelegationToken', () => ({ owners: null })],
  ['DescribeDelegationToken', () => ({ owners: [{ principalType: 'User', principalName: 'admin' }] })],
  [
    'DeleteRecords',
    (world) => ({ topics: named(world, { partitions: [{ partitionIndex: 0, offset: 0 }] }), timeoutMs: 3000 }),
  ],
  ...perGroup((groupId, world) => ({ groupId, topics: named(world, { partitions: [{ partitionIndex: 0 }] }) })).map(
    (request) => ['OffsetDelete', request],
  ),
  ['DeleteGroups', (world) => ({ groupsNames: groupsOf(world) })],
  [
    'DeleteTopics',
    (world, version) => {
      const names = [`${world.user}-missing`, `others-${world.user}`, `others-missing-${world.user}`];
      return version < 6
        ? { topicNames: names, timeoutMs: 3000 }
        : { topics: names.map((name) => ({ name })), timeoutMs: 3000 };
    },
  ],
  [
    'DeleteTopics',
    ({ user, ids }, version) =>
      between(6, 6, version, { topics: [{ name: null, topicId: ids.get(`others-${user}`) }], timeoutMs: 3000 }),
  ],
  [
    'DeleteTopics',
    ({ user, ids }, version) =>
      between(6, 6, version, { topics: [{ name: null, topicId: ids.get(`${user}-topic`) }], timeoutMs: 3000 }),
  ],
].map(([name, request]) => ({ name, api: apis[name[0].toLowerCase() + name.slice(1)], request }));
