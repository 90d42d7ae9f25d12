// The requests that are sent to both brokers: mostly wrong ones, where brokers differ. A case is a name, an API, and a function of
// the world (topic names and ids as this broker has them) and the version that gives the request; null leaves a version out.
// Cases run in this order at every version; those that change something use names of their own for each version.

import { apis, buildBatch } from './exchange.mjs';

const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAAKg';
const NOW = Date.now();

const records = (count, options = {}) =>
  buildBatch({
    records: Array.from({ length: count }, (_, i) => ({
      key: options.key ?? null,
      value: Buffer.from(`v${i}`),
      timestampMs: options.timestampMs ?? NOW,
    })),
    ...options,
  });

function damaged(change, count = 2) {
  const batch = records(count);
  change(batch);
  return batch;
}

const topic = (name, extra = {}) => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...extra,
});
const create = (topics, validateOnly = false) => ({ topics, timeoutMs: 5000, validateOnly });
const createCase = (name, extra, validateOnly) => [
  `CreateTopics: ${name}`,
  apis.createTopics,
  (world, version) =>
    create([topic(world.fresh(version), typeof extra === 'function' ? extra(world) : extra)], validateOnly),
];

const produceTo = (world, version, name, partition, batch, extra = {}) => ({
  transactionalId: null,
  acks: -1,
  timeoutMs: 3000,
  topicData: [
    {
      ...(version >= 13 ? { topicId: world.id(name) } : { name }),
      partitionData: [{ index: partition, records: batch }],
    },
  ],
  ...extra,
});
const produceCase = (name, batch, { topic: to = 'plain', partition = 0, ...extra } = {}) => [
  `Produce: ${name}`,
  apis.produce,
  (world, version) => produceTo(world, version, to, partition, typeof batch === 'function' ? batch() : batch, extra),
];

const fetchCase = (
  name,
  { topic: from = 'full', partition = 0, fetchOffset = 0, currentLeaderEpoch = -1, ...extra } = {},
) => [
  `Fetch: ${name}`,
  apis.fetch,
  (world, version) => ({
    replicaId: -1,
    maxWaitMs: 100,
    minBytes: 1,
    maxBytes: 1_000_000,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [
      {
        ...(version >= 13 ? { topicId: world.id(from) } : { topic: from }),
        partitions: [
          {
            partition,
            fetchOffset,
            currentLeaderEpoch,
            lastFetchedEpoch: -1,
            logStartOffset: -1,
            partitionMaxBytes: 1_000_000,
          },
        ],
      },
    ],
    forgottenTopicsData: [],
    rackId: '',
    ...extra,
  }),
];

const offsetsCase = (
  name,
  timestamp,
  { topic: of = 'full', partition = 0, currentLeaderEpoch = -1, from = 1, ...extra } = {},
) => [
  `ListOffsets: ${name}`,
  apis.listOffsets,
  (_world, version) =>
    version < from
      ? null
      : {
          replicaId: -1,
          isolationLevel: 0,
          timeoutMs: 3000,
          topics: [{ name: of, partitions: [{ partitionIndex: partition, currentLeaderEpoch, timestamp }] }],
          ...extra,
        },
];

const describeConfigs = (name, resource, extra = {}) => [
  `DescribeConfigs: ${name}`,
  apis.describeConfigs,
  () => ({
    resources: [{ configurationKeys: null, ...resource }],
    includeSynonyms: true,
    includeDocumentation: false,
    ...extra,
  }),
];
const alterCase = (name, resource, configs) => [
  `IncrementalAlterConfigs: ${name}`,
  apis.incrementalAlterConfigs,
  () => ({ resources: [{ ...resource, configs }], validateOnly: false }),
];
const replaceCase = (name, resource, configs) => [
  `AlterConfigs: ${name}`,
  apis.alterConfigs,
  () => ({ resources: [{ ...resource, configs }], validateOnly: false }),
];
const TOPIC = 2;
const BROKER = 4;
const of = (resourceType, resourceName) => ({ resourceType, resourceName });

const partitionsCase = (name, request, validateOnly = false) => [
  `CreatePartitions: ${name}`,
  apis.createPartitions,
  (world) => ({ topics: [].concat(request(world)), timeoutMs: 5000, validateOnly }),
];
const deleteRecords = (name, of_, partitionIndex, offset) => [
  `DeleteRecords: ${name}`,
  apis.deleteRecords,
  () => ({ topics: [{ name: of_, partitions: [{ partitionIndex, offset }] }], timeoutMs: 3000 }),
];
const epochCase = (name, partition, of_ = 'full') => [
  `OffsetForLeaderEpoch: ${name}`,
  apis.offsetForLeaderEpoch,
  () => ({
    replicaId: -1,
    topics: [{ topic: of_, partitions: [{ partition: 0, currentLeaderEpoch: -1, ...partition }] }],
  }),
];
const initCase = (name, request) => [
  `InitProducerId: ${name}`,
  apis.initProducerId,
  (_world, version) =>
    version < 3 && request.producerId !== undefined
      ? null
      : { transactionalId: null, transactionTimeoutMs: 60000, producerId: -1, producerEpoch: -1, ...request },
];

export const cases = [
  ['ApiVersions', apis.apiVersions, () => ({ clientSoftwareName: 'differential', clientSoftwareVersion: '1' })],
  [
    'ApiVersions: bad software name',
    apis.apiVersions,
    (_w, version) => (version < 3 ? null : { clientSoftwareName: '-bad name!', clientSoftwareVersion: '' }),
  ],

  ['Metadata: a topic', apis.metadata, () => ({ topics: [{ name: 'plain' }], allowAutoTopicCreation: false })],
  [
    'Metadata: with authorized operations',
    apis.metadata,
    (_w, version) =>
      version < 8
        ? null
        : {
            topics: [{ name: 'plain' }],
            allowAutoTopicCreation: false,
            includeTopicAuthorizedOperations: true,
            includeClusterAuthorizedOperations: version <= 10,
          },
  ],
  [
    'Metadata: a missing topic, no creation',
    apis.metadata,
    (_w, version) => (version < 4 ? null : { topics: [{ name: 'missing' }], allowAutoTopicCreation: false }),
  ],
  [
    'Metadata: an invalid name',
    apis.metadata,
    () => ({ topics: [{ name: 'no/topic' }], allowAutoTopicCreation: true }),
  ],
  ['Metadata: an empty name', apis.metadata, () => ({ topics: [{ name: '' }], allowAutoTopicCreation: true })],
  [
    'Metadata: a name twice',
    apis.metadata,
    () => ({ topics: [{ name: 'plain' }, { name: 'plain' }], allowAutoTopicCreation: false }),
  ],
  [
    'Metadata: no topics',
    apis.metadata,
    (_w, version) => (version < 1 ? null : { topics: [], allowAutoTopicCreation: false }),
  ],
  [
    'Metadata: by id',
    apis.metadata,
    (world, version) =>
      version < 10 ? null : { topics: [{ topicId: world.id('plain'), name: null }], allowAutoTopicCreation: false },
  ],
  [
    'Metadata: by unknown id',
    apis.metadata,
    (_w, version) =>
      version < 10 ? null : { topics: [{ topicId: UNKNOWN_ID, name: null }], allowAutoTopicCreation: false },
  ],
  [
    'Metadata: by id and name',
    apis.metadata,
    (world, version) =>
      version < 10 ? null : { topics: [{ topicId: world.id('plain'), name: 'plain' }], allowAutoTopicCreation: false },
  ],
  [
    'Metadata: neither id nor name',
    apis.metadata,
    (_w, version) =>
      version < 10
        ? null
        : { topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAA', name: null }], allowAutoTopicCreation: false },
  ],

  createCase('a new one', { configs: [{ name: 'retention.ms', value: '5000' }] }),
  createCase('validate only', { numPartitions: 3 }, true),
  createCase('defaults', { numPartitions: -1, replicationFactor: -1 }),
  createCase('one that exists', { name: 'plain' }),
  createCase('one that exists, validate only', { name: 'plain' }, true),
  createCase('name collides in metrics', { name: 'dotted_name' }),
  createCase('invalid name', { name: 'no/topic' }),
  createCase('empty name', { name: '' }),
  createCase('name of a dot', { name: '.' }),
  createCase('name too long', { name: 'x'.repeat(250) }),
  createCase('internal name', { name: '__cluster_metadata' }),
  createCase('three replicas', { replicationFactor: 3 }),
  createCase('no replicas', { replicationFactor: 0 }),
  createCase('-2 replicas', { replicationFactor: -2 }),
  createCase('no partitions', { numPartitions: 0 }),
  createCase('-2 partitions', { numPartitions: -2 }),
  createCase('no partitions and three replicas', { numPartitions: 0, replicationFactor: 3 }),
  createCase('two million partitions, validate only', { numPartitions: 2_000_000 }, true),
  createCase('unknown config', { configs: [{ name: 'no.such.key', value: '1' }] }),
  createCase('bad value', { configs: [{ name: 'retention.ms', value: 'soon' }] }),
  createCase('value out of range', { configs: [{ name: 'retention.ms', value: '-2' }] }),
  createCase('null value', { configs: [{ name: 'retention.ms', value: null }] }),
  createCase('bad list value', { configs: [{ name: 'cleanup.policy', value: 'shred' }] }),
  createCase('empty list value', { configs: [{ name: 'cleanup.policy', value: '' }] }),
  createCase('list twice the same', { configs: [{ name: 'cleanup.policy', value: 'delete,delete' }] }),
  createCase('bad enum value', { configs: [{ name: 'compression.type', value: 'brotli' }] }),
  createCase('bad boolean', { configs: [{ name: 'preallocate', value: 'yes' }] }),
  createCase('spaces around a value', { configs: [{ name: 'retention.ms', value: ' 5000 ' }] }),
  createCase('tiered storage', { configs: [{ name: 'remote.storage.enable', value: 'true' }] }),
  createCase('a removed config', { configs: [{ name: 'message.format.version', value: '3.0' }] }),
  createCase('config twice', {
    configs: [
      { name: 'retention.ms', value: '1' },
      { name: 'retention.ms', value: '2' },
    ],
  }),
  createCase('assignment', (world) => ({
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [
      { partitionIndex: 0, brokerIds: [world.brokerId] },
      { partitionIndex: 1, brokerIds: [world.brokerId] },
    ],
  })),
  createCase('assignment and partition count', (world) => ({
    numPartitions: 1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 0, brokerIds: [world.brokerId] }],
  })),
  createCase('assignment and replication factor', (world) => ({
    numPartitions: -1,
    replicationFactor: 1,
    assignments: [{ partitionIndex: 0, brokerIds: [world.brokerId] }],
  })),
  createCase('assignment to an unknown broker', {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 0, brokerIds: [99] }],
  }),
  createCase('assignment with a hole', (world) => ({
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 1, brokerIds: [world.brokerId] }],
  })),
  createCase('assignment of a partition twice', (world) => ({
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [0, 0].map((partitionIndex) => ({ partitionIndex, brokerIds: [world.brokerId] })),
  })),
  createCase('assignment to a broker twice', (world) => ({
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 0, brokerIds: [world.brokerId, world.brokerId] }],
  })),
  createCase('assignment without brokers', {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 0, brokerIds: [] }],
  }),
  [
    'CreateTopics: a name twice',
    apis.createTopics,
    (world, version) => create([topic(`twice-${version}`), topic(`twice-${version}`), topic(world.fresh(version))]),
  ],
  ['CreateTopics: nothing', apis.createTopics, () => create([])],

  [
    'DeleteTopics: unknown',
    apis.deleteTopics,
    (_w, version) => ({
      topics: version >= 6 ? [{ name: 'missing' }] : undefined,
      topicNames: version < 6 ? ['missing'] : undefined,
      timeoutMs: 3000,
    }),
  ],
  [
    'DeleteTopics: by unknown id',
    apis.deleteTopics,
    (_w, version) => (version < 6 ? null : { topics: [{ name: null, topicId: UNKNOWN_ID }], timeoutMs: 3000 }),
  ],
  [
    'DeleteTopics: name and id',
    apis.deleteTopics,
    (world, version) =>
      version < 6 ? null : { topics: [{ name: 'plain', topicId: world.id('plain') }], timeoutMs: 3000 },
  ],
  [
    'DeleteTopics: neither name nor id',
    apis.deleteTopics,
    (_w, version) => (version < 6 ? null : { topics: [{ name: null }], timeoutMs: 3000 }),
  ],
  [
    'DeleteTopics: an unknown name twice',
    apis.deleteTopics,
    (_w, version) => ({
      topics: version >= 6 ? [{ name: 'missing' }, { name: 'missing' }] : undefined,
      topicNames: version < 6 ? ['missing', 'missing'] : undefined,
      timeoutMs: 3000,
    }),
  ],
  [
    'DeleteTopics: a name twice',
    apis.deleteTopics,
    (_w, version) => ({
      topics: version >= 6 ? [{ name: 'plain' }, { name: 'plain' }] : undefined,
      topicNames: version < 6 ? ['plain', 'plain'] : undefined,
      timeoutMs: 3000,
    }),
  ],
  [
    'DeleteTopics: one made for it',
    apis.deleteTopics,
    (_w, version) => ({
      topics: version >= 6 ? [{ name: `delete-${version}` }] : undefined,
      topicNames: version < 6 ? [`delete-${version}`] : undefined,
      timeoutMs: 3000,
    }),
  ],

  partitionsCase('fewer', () => ({ name: 'three', count: 2, assignments: null })),
  partitionsCase('the same', () => ({ name: 'three', count: 3, assignments: null })),
  partitionsCase('more, validate only', () => ({ name: 'three', count: 5, assignments: null }), true),
  partitionsCase('none', () => ({ name: 'three', count: 0, assignments: null })),
  partitionsCase('unknown topic', () => ({ name: 'missing', count: 2, assignments: null })),
  partitionsCase('invalid topic', () => ({ name: 'no/topic', count: 2, assignments: null })),
  partitionsCase('too few assignments', (world) => ({
    name: 'three',
    count: 5,
    assignments: [{ brokerIds: [world.brokerId] }],
  })),
  partitionsCase('too many assignments', (world) => ({
    name: 'three',
    count: 4,
    assignments: [{ brokerIds: [world.brokerId] }, { brokerIds: [world.brokerId] }],
  })),
  partitionsCase('assignment to an unknown broker', () => ({
    name: 'three',
    count: 4,
    assignments: [{ brokerIds: [99] }],
  })),
  partitionsCase('assignment without brokers', () => ({ name: 'three', count: 4, assignments: [{ brokerIds: [] }] })),
  partitionsCase('a topic twice', () => [
    { name: 'three', count: 5, assignments: null },
    { name: 'three', count: 6, assignments: null },
  ]),

  describeConfigs('a topic, all keys', of(TOPIC, 'plain')),
  describeConfigs('a topic with its own values', of(TOPIC, 'small')),
  describeConfigs('a topic, some keys and an unknown one', {
    ...of(TOPIC, 'plain'),
    configurationKeys: ['retention.ms', 'no.such.key'],
  }),
  describeConfigs('a topic, no keys', { ...of(TOPIC, 'plain'), configurationKeys: [] }),
  describeConfigs('a missing topic', of(TOPIC, 'missing')),
  describeConfigs('an invalid topic', of(TOPIC, 'no/topic')),
  describeConfigs('an empty topic', of(TOPIC, '')),
  describeConfigs('another broker', of(BROKER, '99')),
  describeConfigs('a broker that is no number', of(BROKER, 'abc')),
  describeConfigs('the default broker', of(BROKER, '')),
  describeConfigs('an unknown resource type', of(99, 'x')),
  describeConfigs('resource type 0', of(0, 'x')),
  describeConfigs('a group', of(32, 'some-group')),
  describeConfigs('a group without a name', of(32, '')),
  describeConfigs('client metrics', of(16, 'some-metrics')),
  describeConfigs('broker loggers of another broker', of(8, '99')),

  alterCase('a value', of(TOPIC, 'configured'), [{ name: 'retention.ms', configOperation: 0, value: '7000' }]),
  alterCase('append to a list', of(TOPIC, 'configured'), [
    { name: 'cleanup.policy', configOperation: 2, value: 'compact' },
  ]),
  alterCase('subtract from a list', of(TOPIC, 'configured'), [
    { name: 'cleanup.policy', configOperation: 3, value: 'compact' },
  ]),
  alterCase('subtract what is not there', of(TOPIC, 'configured'), [
    { name: 'cleanup.policy', configOperation: 3, value: 'compact' },
  ]),
  alterCase('delete', of(TOPIC, 'configured'), [{ name: 'retention.ms', configOperation: 1, value: null }]),
  alterCase('delete what is not set', of(TOPIC, 'configured'), [
    { name: 'segment.ms', configOperation: 1, value: null },
  ]),
  alterCase('delete an unknown key', of(TOPIC, 'configured'), [
    { name: 'no.such.key', configOperation: 1, value: null },
  ]),
  alterCase('unknown operation', of(TOPIC, 'configured'), [{ name: 'retention.ms', configOperation: 9, value: '1' }]),
  alterCase('append to no list', of(TOPIC, 'configured'), [{ name: 'retention.ms', configOperation: 2, value: '1' }]),
  alterCase('unknown key', of(TOPIC, 'configured'), [{ name: 'no.such.key', configOperation: 0, value: '1' }]),
  alterCase('bad value', of(TOPIC, 'configured'), [{ name: 'retention.ms', configOperation: 0, value: 'soon' }]),
  alterCase('null value', of(TOPIC, 'configured'), [{ name: 'retention.ms', configOperation: 0, value: null }]),
  alterCase('a key twice', of(TOPIC, 'configured'), [
    { name: 'retention.ms', configOperation: 0, value: '1' },
    { name: 'retention.ms', configOperation: 1, value: null },
  ]),
  alterCase('nothing', of(TOPIC, 'configured'), []),
  alterCase('nothing, missing topic', of(TOPIC, 'missing'), []),
  alterCase('missing topic', of(TOPIC, 'missing'), [{ name: 'retention.ms', configOperation: 0, value: '1' }]),
  alterCase('invalid topic', of(TOPIC, 'no/topic'), [{ name: 'retention.ms', configOperation: 0, value: '1' }]),
  alterCase('empty topic', of(TOPIC, ''), [{ name: 'retention.ms', configOperation: 0, value: '1' }]),
  alterCase('read-only key of the default broker', of(BROKER, ''), [
    { name: 'node.id', configOperation: 0, value: '5' },
  ]),
  alterCase('per-broker key of the default broker', of(BROKER, ''), [
    { name: 'listeners', configOperation: 0, value: 'PLAINTEXT://:1' },
  ]),
  alterCase('bad value of the default broker', of(BROKER, ''), [
    { name: 'log.retention.ms', configOperation: 0, value: 'soon' },
  ]),
  alterCase('unknown key of the default broker', of(BROKER, ''), [
    { name: 'no.such.key', configOperation: 0, value: 'x' },
  ]),
  alterCase('another broker', of(BROKER, '99'), [{ name: 'log.retention.ms', configOperation: 0, value: '5000' }]),
  alterCase('a broker that is no number', of(BROKER, 'abc'), [
    { name: 'log.retention.ms', configOperation: 0, value: '5000' },
  ]),
  alterCase('unknown resource type', of(99, 'x'), [{ name: 'a', configOperation: 0, value: 'b' }]),
  alterCase('group, unknown key', of(32, 'some-group'), [{ name: 'a', configOperation: 0, value: 'b' }]),
  alterCase('client metrics, unknown key', of(16, 'some-metrics'), [{ name: 'a', configOperation: 0, value: 'b' }]),
  [
    'IncrementalAlterConfigs: a topic twice',
    apis.incrementalAlterConfigs,
    () => ({
      resources: [1, 2].map((n) => ({
        ...of(TOPIC, 'configured'),
        configs: [{ name: 'retention.ms', configOperation: 0, value: String(n) }],
      })),
      validateOnly: false,
    }),
  ],

  replaceCase('a value', of(TOPIC, 'configured'), [{ name: 'retention.ms', value: '8000' }]),
  replaceCase('null value', of(TOPIC, 'configured'), [{ name: 'retention.ms', value: null }]),
  replaceCase('bad value', of(TOPIC, 'configured'), [{ name: 'retention.ms', value: 'soon' }]),
  replaceCase('a key twice', of(TOPIC, 'configured'), [
    { name: 'retention.ms', value: '1' },
    { name: 'retention.ms', value: '2' },
  ]),
  replaceCase('missing topic', of(TOPIC, 'missing'), [{ name: 'retention.ms', value: '1' }]),
  replaceCase('nothing', of(TOPIC, 'configured'), []),

  ['ListConfigResources: all', apis.listConfigResources, (_w, version) => (version === 0 ? {} : { resourceTypes: [] })],
  [
    'ListConfigResources: client metrics',
    apis.listConfigResources,
    (_w, version) => (version === 0 ? null : { resourceTypes: [16] }),
  ],
  [
    'ListConfigResources: unknown type',
    apis.listConfigResources,
    (_w, version) => (version === 0 ? null : { resourceTypes: [99] }),
  ],

  offsetsCase('latest', -1),
  offsetsCase('earliest', -2),
  offsetsCase('largest timestamp', -3),
  offsetsCase('earliest local', -4),
  offsetsCase('latest tiered', -5),
  offsetsCase('earliest pending upload', -6),
  offsetsCase('special timestamp -7', -7),
  offsetsCase('time 0', 0),
  offsetsCase('a time in the middle', NOW - 5000),
  offsetsCase('a time after all', NOW + 1_000_000),
  offsetsCase('largest timestamp of an empty partition', -3, { topic: 'three', partition: 1 }),
  offsetsCase('a time in an empty partition', 0, { topic: 'three', partition: 1 }),
  offsetsCase('missing topic', -1, { topic: 'missing' }),
  offsetsCase('missing partition', -1, { partition: 7 }),
  offsetsCase('negative partition', -1, { partition: -1 }),
  offsetsCase('leader epoch ahead', -1, { currentLeaderEpoch: 99, from: 4 }),
  offsetsCase('as replica 5', -1, { replicaId: 5 }),
  offsetsCase('as the debugging replica', -1, { replicaId: -2 }),
  offsetsCase('read committed', -1, { isolationLevel: 1, from: 2 }),
  [
    'ListOffsets: a partition twice',
    apis.listOffsets,
    () => ({
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 'full', partitions: [0, 0].map((partitionIndex) => ({ partitionIndex, timestamp: -1 })) }],
    }),
  ],

  produceCase('a batch', () => records(2)),
  produceCase('acks 1', () => records(1), { acks: 1 }),
  produceCase('acks 2', () => records(1), { acks: 2 }),
  produceCase('acks -2', () => records(1), { acks: -2 }),
  produceCase('acks 0, missing topic', () => records(1), { acks: 0, topic: 'missing' }),
  produceCase('acks 0, wrong checksum', () => damaged((batch) => batch.writeUInt8(batch[20] ^ 1, 20)), { acks: 0 }),
  produceCase('missing topic', () => records(1), { topic: 'missing' }),
  produceCase('invalid topic', () => records(1), { topic: 'no/topic' }),
  produceCase('missing partition', () => records(1), { partition: 7 }),
  produceCase('negative partition', () => records(1), { partition: -1 }),
  produceCase('no bytes', () => Buffer.alloc(0)),
  produceCase('null records', () => null),
  produceCase('wrong checksum', () => damaged((batch) => batch.writeUInt8(batch[20] ^ 1, 20))),
  produceCase('magic 1 in the header', () => damaged((batch) => batch.writeInt8(1, 16))),
  produceCase('magic 3 in the header', () => damaged((batch) => batch.writeInt8(3, 16))),
  produceCase('negative batch length', () => damaged((batch) => batch.writeInt32BE(-5, 8))),
  produceCase('batch length too small', () => damaged((batch) => batch.writeInt32BE(10, 8))),
  produceCase('batch length too large', () => damaged((batch) => batch.writeInt32BE(batch.length, 8))),
  produceCase('truncated', () => records(3).subarray(0, 70)),
  produceCase('only a header', () => records(3).subarray(0, 61)),
  produceCase('two batches', () => Buffer.concat([records(1), records(1)])),
  produceCase('base offset 100', () => damaged((batch) => batch.writeInt32BE(100, 4))),
  produceCase('a batch without records', () => records(0, { lastOffset: 0, maxTimestampMs: NOW })),
  produceCase('larger than max.message.bytes', () => records(200), { topic: 'small' }),
  produceCase('old timestamp', () => records(1, { timestampMs: NOW - 10_000_000 }), { topic: 'timely' }),
  produceCase('future timestamp', () => records(1, { timestampMs: NOW + 10_000_000 }), { topic: 'timely' }),
  produceCase('no timestamp', () => records(1, { timestampMs: -1 }), { topic: 'timely' }),
  produceCase('no key, compacted', () => records(2), { topic: 'compacted' }),
  produceCase('key, compacted', () => records(2, { key: Buffer.from('k') }), { topic: 'compacted' }),
  produceCase('log append time', () => records(2), { topic: 'append-time' }),
  produceCase('gzip', () => records(2, { compression: 1 })),
  produceCase('zstd', () => records(2, { compression: 4 })),
  produceCase('unknown producer from sequence 0', () =>
    records(1, { producerId: 4242, producerEpoch: 0, baseSequence: 0 }),
  ),
  produceCase('its duplicate', () => records(1, { producerId: 4242, producerEpoch: 0, baseSequence: 0 })),
  produceCase('a gap in its sequence', () => records(1, { producerId: 4242, producerEpoch: 0, baseSequence: 9 })),
  produceCase('an unknown producer from sequence 5', () =>
    records(1, { producerId: 777777, producerEpoch: 0, baseSequence: 5 }),
  ),
  produceCase('a new epoch not from sequence 0', () =>
    records(1, { producerId: 4242, producerEpoch: 3, baseSequence: 7 }),
  ),
  produceCase('a producer without sequence', () =>
    records(1, { producerId: 4242, producerEpoch: 0, baseSequence: -1 }),
  ),
  produceCase('a producer without epoch', () => records(1, { producerId: 4242, producerEpoch: -1, baseSequence: 0 })),
  produceCase('two batches of a producer', () =>
    Buffer.concat([
      records(1, { producerId: 51, producerEpoch: 0, baseSequence: 0 }),
      records(1, { producerId: 51, producerEpoch: 0, baseSequence: 1 }),
    ]),
  ),
  produceCase('transactional batch without transactional id', () =>
    records(1, { producerId: 52, producerEpoch: 0, baseSequence: 0, isTransactional: true }),
  ),
  produceCase('control batch', () =>
    records(1, { producerId: 53, producerEpoch: 0, baseSequence: 0, isControl: true }),
  ),
  produceCase('to the offsets topic', () => records(1), { topic: '__consumer_offsets' }),
  ['Produce: nothing', apis.produce, () => ({ transactionalId: null, acks: -1, timeoutMs: 1000, topicData: [] })],

  fetchCase('from the start'),
  fetchCase('at the end', { fetchOffset: 10, maxWaitMs: 10 }),
  fetchCase('past the end', { fetchOffset: 11 }),
  fetchCase('negative offset', { fetchOffset: -1 }),
  fetchCase('below the log start', { topic: 'trimmed', fetchOffset: 1 }),
  fetchCase('missing topic', { topic: 'missing' }),
  fetchCase('missing partition', { partition: 7 }),
  fetchCase('leader epoch ahead', { currentLeaderEpoch: 99 }),
  fetchCase('leader epoch 0', { currentLeaderEpoch: 0 }),
  fetchCase('new session', { sessionEpoch: 0 }),
  fetchCase('unknown session', { sessionId: 12345, sessionEpoch: 3 }),
  fetchCase('session without epoch', { sessionId: 12345, sessionEpoch: 0 }),
  fetchCase('session closing', { sessionId: 12345, sessionEpoch: -1 }),
  fetchCase('negative maximum', { maxBytes: -1 }),
  fetchCase('as replica 5', { replicaId: 5, replicaState: { replicaId: 5, replicaEpoch: -1 } }),

  epochCase('epoch 0', { leaderEpoch: 0 }),
  epochCase('epoch -1', { leaderEpoch: -1 }),
  epochCase('epoch 50', { leaderEpoch: 50 }),
  epochCase('current epoch ahead', { leaderEpoch: 0, currentLeaderEpoch: 99 }),
  epochCase('missing partition', { partition: 7, leaderEpoch: 0 }),
  epochCase('missing topic', { leaderEpoch: 0 }, 'missing'),

  deleteRecords('to 4 of 10', 'trimmed', 0, 4),
  deleteRecords('to 2, which is before', 'trimmed', 0, 2),
  deleteRecords('past the end', 'trimmed', 0, 11),
  deleteRecords('to -2', 'trimmed', 0, -2),
  deleteRecords('missing partition', 'trimmed', 7, 0),
  deleteRecords('missing topic', 'missing', 0, 0),
  deleteRecords('a compacted topic', 'compacted', 0, 0),

  initCase('a new id', {}),
  initCase('empty transactional id', { transactionalId: '' }),
  initCase('id without epoch', { producerId: 5 }),
  initCase('epoch without id', { producerEpoch: 5, producerId: -1 }),
  initCase('id and epoch, not transactional', { producerId: 5, producerEpoch: 0 }),
  initCase('negative timeout', { transactionTimeoutMs: -1 }),

  [
    'FindCoordinator: a group',
    apis.findCoordinator,
    (_w, version) => (version >= 4 ? { keyType: 0, coordinatorKeys: ['g'] } : { key: 'g', keyType: 0 }),
  ],
  [
    'FindCoordinator: an empty group',
    apis.findCoordinator,
    (_w, version) => (version >= 4 ? { keyType: 0, coordinatorKeys: [''] } : { key: '', keyType: 0 }),
  ],
  [
    'FindCoordinator: unknown type',
    apis.findCoordinator,
    (_w, version) =>
      version < 1 ? null : version >= 4 ? { keyType: 9, coordinatorKeys: ['g'] } : { key: 'g', keyType: 9 },
  ],
  [
    'FindCoordinator: share without a version for it',
    apis.findCoordinator,
    (_w, version) =>
      version < 1 ? null : version >= 4 ? { keyType: 2, coordinatorKeys: ['g'] } : { key: 'g', keyType: 2 },
  ],
  [
    'FindCoordinator: no keys',
    apis.findCoordinator,
    (_w, version) => (version < 4 ? null : { keyType: 0, coordinatorKeys: [] }),
  ],

  [
    'DescribeCluster: brokers',
    apis.describeCluster,
    () => ({ includeClusterAuthorizedOperations: true, endpointType: 1 }),
  ],
  [
    'DescribeCluster: controllers',
    apis.describeCluster,
    (_w, version) => (version < 1 ? null : { includeClusterAuthorizedOperations: false, endpointType: 2 }),
  ],
  [
    'DescribeCluster: unknown endpoint type',
    apis.describeCluster,
    (_w, version) => (version < 1 ? null : { includeClusterAuthorizedOperations: false, endpointType: 9 }),
  ],

  [
    'DescribeTopicPartitions',
    apis.describeTopicPartitions,
    () => ({ topics: [{ name: 'three' }, { name: 'missing' }], responsePartitionLimit: 100, cursor: null }),
  ],
  [
    'DescribeTopicPartitions: limit 1',
    apis.describeTopicPartitions,
    () => ({ topics: [{ name: 'three' }], responsePartitionLimit: 1, cursor: null }),
  ],
  [
    'DescribeTopicPartitions: cursor',
    apis.describeTopicPartitions,
    () => ({
      topics: [{ name: 'three' }],
      responsePartitionLimit: 100,
      cursor: { topicName: 'three', partitionIndex: 1 },
    }),
  ],
  [
    'DescribeTopicPartitions: negative cursor',
    apis.describeTopicPartitions,
    () => ({
      topics: [{ name: 'three' }],
      responsePartitionLimit: 100,
      cursor: { topicName: 'three', partitionIndex: -1 },
    }),
  ],
  [
    'DescribeTopicPartitions: no limit',
    apis.describeTopicPartitions,
    () => ({ topics: [{ name: 'three' }], responsePartitionLimit: 0, cursor: null }),
  ],
  [
    'DescribeTopicPartitions: invalid name',
    apis.describeTopicPartitions,
    () => ({ topics: [{ name: 'no/topic' }, { name: '' }], responsePartitionLimit: 100, cursor: null }),
  ],

  [
    'DescribeLogDirs: a topic',
    apis.describeLogDirs,
    () => ({
      topics: [
        { topic: 'three', partitions: [0, 1, 9] },
        { topic: 'missing', partitions: [0] },
      ],
    }),
  ],
  ['DescribeLogDirs: nothing', apis.describeLogDirs, () => ({ topics: [] })],

  [
    'ElectLeaders: preferred',
    apis.electLeaders,
    () => ({ electionType: 0, topicPartitions: [{ topic: 'three', partitions: [0] }], timeoutMs: 3000 }),
  ],
  [
    'ElectLeaders: unclean',
    apis.electLeaders,
    (_w, version) =>
      version < 1 ? null : { electionType: 1, topicPartitions: [{ topic: 'three', partitions: [0] }], timeoutMs: 3000 },
  ],
  [
    'ElectLeaders: unknown type',
    apis.electLeaders,
    (_w, version) =>
      version < 1 ? null : { electionType: 9, topicPartitions: [{ topic: 'three', partitions: [0] }], timeoutMs: 3000 },
  ],
  [
    'ElectLeaders: missing',
    apis.electLeaders,
    () => ({
      electionType: 0,
      topicPartitions: [
        { topic: 'missing', partitions: [0] },
        { topic: 'three', partitions: [7] },
      ],
      timeoutMs: 3000,
    }),
  ],
  ['ElectLeaders: all', apis.electLeaders, () => ({ electionType: 0, topicPartitions: null, timeoutMs: 3000 })],

  [
    'AlterPartitionReassignments: to itself',
    apis.alterPartitionReassignments,
    (world) => ({
      timeoutMs: 3000,
      topics: [{ name: 'three', partitions: [{ partitionIndex: 0, replicas: [world.brokerId] }] }],
    }),
  ],
  [
    'AlterPartitionReassignments: unknown broker',
    apis.alterPartitionReassignments,
    () => ({ timeoutMs: 3000, topics: [{ name: 'three', partitions: [{ partitionIndex: 0, replicas: [99] }] }] }),
  ],
  [
    'AlterPartitionReassignments: more replicas',
    apis.alterPartitionReassignments,
    (world) => ({
      timeoutMs: 3000,
      allowReplicationFactorChange: false,
      topics: [{ name: 'three', partitions: [{ partitionIndex: 0, replicas: [world.brokerId, 99] }] }],
    }),
  ],
  [
    'AlterPartitionReassignments: no brokers',
    apis.alterPartitionReassignments,
    () => ({ timeoutMs: 3000, topics: [{ name: 'three', partitions: [{ partitionIndex: 0, replicas: [] }] }] }),
  ],
  [
    'AlterPartitionReassignments: a broker twice',
    apis.alterPartitionReassignments,
    (world) => ({
      timeoutMs: 3000,
      topics: [{ name: 'three', partitions: [{ partitionIndex: 0, replicas: [world.brokerId, world.brokerId] }] }],
    }),
  ],
  [
    'AlterPartitionReassignments: cancel',
    apis.alterPartitionReassignments,
    () => ({ timeoutMs: 3000, topics: [{ name: 'three', partitions: [{ partitionIndex: 0, replicas: null }] }] }),
  ],
  [
    'AlterPartitionReassignments: missing',
    apis.alterPartitionReassignments,
    () => ({
      timeoutMs: 3000,
      topics: [
        { name: 'missing', partitions: [{ partitionIndex: 0, replicas: [0] }] },
        { name: 'three', partitions: [{ partitionIndex: 7, replicas: [0] }] },
      ],
    }),
  ],
  ['ListPartitionReassignments: all', apis.listPartitionReassignments, () => ({ timeoutMs: 3000, topics: null })],
  [
    'ListPartitionReassignments: missing',
    apis.listPartitionReassignments,
    () => ({ timeoutMs: 3000, topics: [{ name: 'missing', partitionIndexes: [0] }] }),
  ],
  [
    'AlterReplicaLogDirs: unknown directory',
    apis.alterReplicaLogDirs,
    () => ({ dirs: [{ path: '/no/such', topics: [{ name: 'three', partitions: [0] }] }] }),
  ],
  [
    'AlterReplicaLogDirs: relative directory',
    apis.alterReplicaLogDirs,
    () => ({ dirs: [{ path: 'relative', topics: [{ name: 'three', partitions: [0] }] }] }),
  ],
  [
    'AlterReplicaLogDirs: missing topic',
    apis.alterReplicaLogDirs,
    () => ({ dirs: [{ path: '/no/such', topics: [{ name: 'missing', partitions: [0] }] }] }),
  ],

  [
    'DescribeQuorum',
    apis.describeQuorum,
    () => ({ topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }),
  ],
  [
    'DescribeQuorum: another topic',
    apis.describeQuorum,
    () => ({ topics: [{ topicName: 'three', partitions: [{ partitionIndex: 0 }] }] }),
  ],
  ['DescribeQuorum: nothing', apis.describeQuorum, () => ({ topics: [] })],
  [
    'UpdateFeatures: unknown',
    apis.updateFeatures,
    () => ({
      timeoutMs: 3000,
      featureUpdates: [{ feature: 'no.such.feature', maxVersionLevel: 1, upgradeType: 1 }],
      validateOnly: true,
    }),
  ],
  [
    'UpdateFeatures: metadata.version as it is',
    apis.updateFeatures,
    () => ({
      timeoutMs: 3000,
      featureUpdates: [{ feature: 'metadata.version', maxVersionLevel: 30, upgradeType: 1 }],
      validateOnly: true,
    }),
  ],
  [
    'UpdateFeatures: too high',
    apis.updateFeatures,
    () => ({
      timeoutMs: 3000,
      featureUpdates: [{ feature: 'metadata.version', maxVersionLevel: 999, upgradeType: 1 }],
      validateOnly: true,
    }),
  ],
  ['UpdateFeatures: nothing', apis.updateFeatures, () => ({ timeoutMs: 3000, featureUpdates: [], validateOnly: true })],
  ['UnregisterBroker: unknown', apis.unregisterBroker, () => ({ brokerId: 99 })],

  ...groupCases(),
  ...transactionalOffsetCases(),

  [
    'Metadata: every topic, after all',
    apis.metadata,
    (_w, version) => ({ topics: version === 0 ? [] : null, allowAutoTopicCreation: false }),
  ],
].map(([name, api, request]) => ({ name, api, request }));

/** Topics that the cases count on, with ten records in `full` and `trimmed`. */
export const topicsNeeded = [
  topic('plain'),
  topic('full'),
  topic('trimmed'),
  topic('three', { numPartitions: 3 }),
  topic('configured'),
  topic('dotted.name'),
  topic('small', { configs: [{ name: 'max.message.bytes', value: '500' }] }),
  topic('timely', {
    configs: [
      { name: 'message.timestamp.before.max.ms', value: '60000' },
      { name: 'message.timestamp.after.max.ms', value: '60000' },
    ],
  }),
  topic('compacted', { configs: [{ name: 'cleanup.policy', value: 'compact' }] }),
  topic('append-time', { configs: [{ name: 'message.timestamp.type', value: 'LogAppendTime' }] }),
  ...[1, 2, 3, 4, 5, 6].map((version) => topic(`delete-${version}`)),
];

export function filling(name) {
  return { name, batches: Array.from({ length: 10 }, (_, i) => records(1, { timestampMs: NOW - 10_000 + i * 1000 })) };
}

/** Groups as nobody uses them: empty ids, unknown members, topics that do not exist, wrong generations. */
function groupCases() {
  const committed = (world, version, topic) => ({
    ...(version >= 10 ? { topicId: world.id(topic) } : { name: topic }),
    partitions: [{ partitionIndex: 0, committedOffset: 3, committedLeaderEpoch: -1, committedMetadata: 'm' }],
  });
  const commit = (name, groupId, topic, extra = {}) => [
    `OffsetCommit: ${name}`,
    apis.offsetCommit,
    (world, version) => ({
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      ...(version <= 4 ? { retentionTimeMs: -1 } : {}),
      ...(version >= 7 ? { groupInstanceId: null } : {}),
      topics: [committed(world, version, topic)],
      ...extra,
    }),
  ];
  const fetch = (name, groupId, topic) => [
    `OffsetFetch: ${name}`,
    apis.offsetFetch,
    (world, version) => {
      const topics = topic && [
        { ...(version >= 10 ? { topicId: world.id(topic) } : { name: topic }), partitionIndexes: [0, 9] },
      ];
      if (version < 8) return topics === null && version < 2 ? null : { groupId, topics };
      return { groups: [{ groupId, memberId: null, memberEpoch: -1, topics }], requireStable: false };
    },
  ];
  const member = (name, api, request) => [name, api, (_world, version) => request(version)];
  return [
    commit('outside a group', 'simple', 'plain'),
    commit('empty group id', '', 'plain'),
    commit('missing topic', 'simple', 'missing'),
    commit('unknown member', 'simple', 'plain', { memberId: 'nobody', generationIdOrMemberEpoch: 5 }),
    fetch('what was committed', 'simple', 'plain'),
    fetch('missing topic', 'simple', 'missing'),
    fetch('everything', 'simple', null),
    fetch('unknown group', 'nobody', 'plain'),
    fetch('empty group id', '', 'plain'),
    ...['simple', 'nobody', ''].flatMap((groupId) => [
      member(`Heartbeat: unknown member of '${groupId}'`, apis.heartbeat, () => ({
        groupId,
        generationId: 1,
        memberId: 'x',
      })),
      member(`SyncGroup: unknown member of '${groupId}'`, apis.syncGroup, () => ({
        groupId,
        generationId: 1,
        memberId: 'x',
        protocolType: 'consumer',
        protocolName: 'range',
        assignments: [],
      })),
      member(`LeaveGroup: unknown member of '${groupId}'`, apis.leaveGroup, (version) =>
        version < 3 ? { groupId, memberId: 'x' } : { groupId, members: [{ memberId: 'x', groupInstanceId: null }] },
      ),
      member(`JoinGroup: no protocols, '${groupId}'`, apis.joinGroup, (version) => ({
        groupId,
        sessionTimeoutMs: 10_000,
        ...(version >= 1 ? { rebalanceTimeoutMs: 10_000 } : {}),
        memberId: '',
        protocolType: 'consumer',
        protocols: [],
      })),
      member(`JoinGroup: short session, '${groupId}'`, apis.joinGroup, (version) => ({
        groupId,
        sessionTimeoutMs: 1,
        ...(version >= 1 ? { rebalanceTimeoutMs: 10_000 } : {}),
        memberId: '',
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.alloc(6) }],
      })),
      member(`DescribeGroups: '${groupId}'`, apis.describeGroups, () => ({ groups: [groupId] })),
      member(`ConsumerGroupDescribe: '${groupId}'`, apis.consumerGroupDescribe, () => ({
        groupIds: [groupId],
        includeAuthorizedOperations: false,
      })),
      member(`ConsumerGroupHeartbeat: unknown member of '${groupId}'`, apis.consumerGroupHeartbeat, () => ({
        groupId,
        memberId: 'x',
        memberEpoch: 3,
        rebalanceTimeoutMs: -1,
        subscribedTopicNames: null,
        topicPartitions: null,
      })),
      member(`OffsetDelete: '${groupId}'`, apis.offsetDelete, () => ({
        groupId,
        topics: [
          { name: 'three', partitions: [{ partitionIndex: 0 }] },
          { name: 'missing', partitions: [{ partitionIndex: 0 }] },
        ],
      })),
    ]),
    member('ListGroups', apis.listGroups, () => ({})),
    member('DeleteGroups', apis.deleteGroups, () => ({ groupsNames: ['simple', 'nobody', ''] })),
  ];
}

/** Offsets in a transaction of `world.producer`: not part of it yet, part of it, ended; and what is wrong with producer or group. */
function transactionalOffsetCases() {
  const commit = (name, { topic: to = 'plain', metadata = 'm', member = {}, ...extra } = {}, { since = 0 } = {}) => [
    `TxnOffsetCommit: ${name}`,
    apis.txnOffsetCommit,
    ({ producer }, version) =>
      version < since
        ? null
        : {
            transactionalId: 'differential',
            groupId: 'transactional',
            ...producer,
            ...(version >= 3 ? member : {}),
            topics: [
              {
                name: to,
                partitions: [
                  { partitionIndex: 0, committedOffset: 3, committedLeaderEpoch: -1, committedMetadata: metadata },
                  { partitionIndex: 9, committedOffset: 3, committedLeaderEpoch: -1, committedMetadata: null },
                ],
              },
            ],
            ...extra,
          },
  ];
  const fetch = (name, topics) => [
    `OffsetFetch: ${name}`,
    apis.offsetFetch,
    (world, version) => {
      if (version < 7) return null;
      const asked = topics && [
        { ...(version >= 10 ? { topicId: world.id('plain') } : { name: 'plain' }), partitionIndexes: [0, 1] },
      ];
      const groups = [{ groupId: 'transactional', memberId: null, memberEpoch: -1, topics: asked }];
      return version < 8
        ? { groupId: 'transactional', topics: asked, requireStable: true }
        : { groups, requireStable: true };
    },
  ];
  const fetches = (when) => [fetch(`stable, ${when}`, true), fetch(`stable, everything, ${when}`, null)];
  return [
    commit('missing topic', { topic: 'missing' }),
    commit('empty group id', { groupId: '' }),
    commit('empty group id and missing topic', { groupId: '', topic: 'missing' }),
    commit('unknown transactional id', { transactionalId: 'nobody' }),
    commit('another producer id', { producerId: 987_654 }),
    commit('a newer producer epoch', { producerEpoch: 9 }),
    // Version 5 makes the group part of the transaction.
    commit('before the group is part of the transaction'),
    commit('in the transaction'),
    commit('in the transaction, a long note', { metadata: 'x'.repeat(5000) }),
    commit('in the transaction, a member of nothing', { member: { memberId: 'nobody', generationId: 5 } }),
    commit('in the transaction, a generation without a member', { member: { generationId: 5 } }),
    ...fetches('while a transaction is open'),
    [
      'OffsetDelete: while a transaction is open',
      apis.offsetDelete,
      () => ({ groupId: 'transactional', topics: [{ name: 'plain', partitions: [{ partitionIndex: 0 }] }] }),
    ],
    ...fetches('after the deletion'),
    commit('once more', {}, { since: 5 }),
    [
      'EndTxn: with offsets',
      apis.endTxn,
      ({ producer }, version) =>
        version !== 4 ? null : { transactionalId: 'differential', ...producer, committed: true },
    ],
    // Kafka writes the markers after it has answered: for a moment its offsets may still be unstable.
    ...fetches('after the commit'),
    commit('after the end', {}, { since: 5 }),
    ...fetches('in the next transaction'),
  ];
}
