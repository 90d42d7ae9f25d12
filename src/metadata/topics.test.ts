// Decisions about topics, one by one, with Kafka's codes and words.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import { FileError } from '../runtime/files.ts';
import { metadataWorld, type WorldOptions } from './metadata-world.suite.ts';
import { topicNameObjection } from './topic-name.ts';
import type { NewTopic, TopicOutcome } from './topics.ts';

const topic = (name: string, more: Partial<NewTopic> = {}): NewTopic => ({
  name,
  numPartitions: -1,
  replicationFactor: -1,
  assignments: [],
  configs: [],
  ...more,
});

const shown = (outcome: TopicOutcome | undefined): string =>
  outcome?.refusal
    ? `${errorName(outcome.refusal.errorCode)}: ${outcome.refusal.errorMessage}`
    : `created ${outcome?.topic.name}`;

async function creating(options: WorldOptions, ...topics: NewTopic[]): Promise<string[]> {
  const world = await metadataWorld(options);
  return (await world.topics.create(topics, { validateOnly: false })).map(shown);
}

describe('creating topics', () => {
  it('uses the defaults of the broker', async () => {
    const { topics } = await metadataWorld({
      brokers: [1, 2],
      staticValues: { 'num.partitions': '3', 'default.replication.factor': '2' },
    });
    const [outcome] = await topics.create([topic('a')], { validateOnly: false });
    assert.ok(outcome && !outcome.refusal);
    assert.equal(outcome.topic.partitions.length, 3);
    for (const { leader, replicas, isr, leaderEpoch } of outcome.topic.partitions) {
      assert.deepEqual([...replicas].sort(), [1, 2]);
      assert.deepEqual([leader, isr, leaderEpoch], [replicas[0], replicas, 0]);
    }
  });

  it('spreads leaders over the brokers', async () => {
    const { topics } = await metadataWorld({ brokers: [1, 2, 3] });
    const [outcome] = await topics.create([topic('a', { numPartitions: 6 })], { validateOnly: false });
    assert.ok(outcome && !outcome.refusal);
    const leaders = outcome.topic.partitions.map(({ leader }) => leader).sort();
    assert.deepEqual(leaders, [1, 1, 2, 2, 3, 3]);
  });

  it('gives every topic an id of its own that is none of the reserved ones', async () => {
    const { topics } = await metadataWorld();
    const outcomes = await topics.create(
      Array.from({ length: 300 }, (_, index) => topic(`t${index}`)),
      { validateOnly: false },
    );
    const ids = outcomes.map((outcome) => (outcome.refusal ? '' : outcome.topic.id));
    assert.equal(new Set(ids).size, 300);
    for (const id of ids) assert.match(id, /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
  });

  it('refuses counts that cannot be', async () => {
    const cases: [Partial<NewTopic>, string][] = [
      [{ numPartitions: 0 }, 'INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.'],
      [{ numPartitions: -2 }, 'INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.'],
      [
        { replicationFactor: 0 },
        'INVALID_REPLICATION_FACTOR: Replication factor must be larger than 0, or -1 to use the default value.',
      ],
      [
        { replicationFactor: 3 },
        'INVALID_REPLICATION_FACTOR: Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered.',
      ],
      [
        { numPartitions: 51 },
        'INVALID_PARTITIONS: A topic may have 50 partitions, not 51; ottla.partitions.per.topic.max sets the limit.',
      ],
    ];
    for (const [more, expected] of cases) {
      assert.deepEqual(await creating({ partitionsPerTopicMax: 50 }, topic('a', more)), [expected]);
    }
  });

  it('refuses whole requests for more than 10,000 partitions, as Kafka does', async () => {
    const results = await creating({}, topic('a', { numPartitions: 10_000 }), topic('b'));
    assert.deepEqual(
      new Set(results),
      new Set(['POLICY_VIOLATION: Excessively large number of partitions per request.']),
    );
    assert.deepEqual(await creating({}, topic('a', { numPartitions: 2147483647 }), topic('b')), results);
  });

  it('gives as many replicas as there are brokers when told to accept more', async () => {
    const { topics } = await metadataWorld({ clampReplicationFactor: true });
    const [outcome] = await topics.create([topic('a', { replicationFactor: 3 })], { validateOnly: false });
    assert.ok(outcome && !outcome.refusal);
    assert.deepEqual(outcome.topic.partitions[0]?.replicas, [1]);
  });

  it('takes manual assignments', async () => {
    const { topics } = await metadataWorld({ brokers: [1, 2, 3] });
    const assignments = [
      { partitionIndex: 1, brokerIds: [2, 3] },
      { partitionIndex: 0, brokerIds: [3, 1] },
    ];
    const [outcome] = await topics.create([topic('a', { assignments })], { validateOnly: false });
    assert.ok(outcome && !outcome.refusal);
    assert.deepEqual(
      outcome.topic.partitions.map(({ replicas }) => replicas),
      [
        [3, 1],
        [2, 3],
      ],
    );
  });

  it('refuses manual assignments that cannot be', async () => {
    const refused = async (assignments: NewTopic['assignments'], more: Partial<NewTopic> = {}) =>
      (await creating({ brokers: [1, 2] }, topic('a', { assignments, ...more })))[0];
    const one = [{ partitionIndex: 0, brokerIds: [1] }];
    assert.match(
      (await refused(one, { numPartitions: 1 })) ?? '',
      /^INVALID_REQUEST: .*numPartitions was not set to -1\.$/,
    );
    assert.match(
      (await refused(one, { replicationFactor: 1 })) ?? '',
      /^INVALID_REQUEST: .*replication factor was not set to -1\.$/,
    );
    const bad: [NewTopic['assignments'], RegExp][] = [
      [[...one, ...one], /Found multiple manual partition assignments for partition 0/],
      [[{ partitionIndex: 1, brokerIds: [1] }], /consecutive 0-based integer sequence/],
      [[{ partitionIndex: -1, brokerIds: [1] }], /consecutive 0-based integer sequence/],
      [[{ partitionIndex: 0, brokerIds: [] }], /includes an empty replica list/],
      [[{ partitionIndex: 0, brokerIds: [9] }], /includes broker 9, but no such broker is registered/],
      [[{ partitionIndex: 0, brokerIds: [1, 1] }], /includes the broker 1 more than once/],
      [
        [...one, { partitionIndex: 1, brokerIds: [1, 2] }],
        /with 2 replica\(s\), but this is not consistent with previous partitions, which have 1 replica/,
      ],
    ];
    for (const [assignments, sentence] of bad) {
      const answer = (await refused(assignments)) ?? '';
      assert.match(answer, /^INVALID_REPLICA_ASSIGNMENT/);
      assert.match(answer, sentence);
    }
  });

  it('refuses names that cannot be, with Kafka’s words', async () => {
    const long = 'x'.repeat(250);
    const results = await creating(
      {},
      ...['', '.', '..', 'a b', 'zażółć', long, '__cluster_metadata', 'ok'].map((name) => topic(name)),
    );
    assert.deepEqual(results, [
      'INVALID_TOPIC_EXCEPTION: Topic name is invalid: the empty string is not allowed',
      "INVALID_TOPIC_EXCEPTION: Topic name is invalid: '.' is not allowed",
      "INVALID_TOPIC_EXCEPTION: Topic name is invalid: '..' is not allowed",
      "INVALID_TOPIC_EXCEPTION: Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
      "INVALID_TOPIC_EXCEPTION: Topic name is invalid: 'zażółć' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
      `INVALID_TOPIC_EXCEPTION: Topic name is invalid: the length of '${long}' is longer than the max allowed length 249`,
      'INVALID_REQUEST: Creation of internal topic __cluster_metadata is prohibited.',
      'created ok',
    ]);
  });

  it('refuses a topic that is there already, or collides with one', async () => {
    const world = await metadataWorld();
    await world.topics.create([topic('a.b')], { validateOnly: false });
    const outcomes = await world.topics.create([topic('a.b'), topic('a_b'), topic('a-b'), topic('c_d'), topic('c.d')], {
      validateOnly: false,
    });
    assert.deepEqual(outcomes.map(shown), [
      "TOPIC_ALREADY_EXISTS: Topic 'a.b' already exists.",
      "INVALID_TOPIC_EXCEPTION: Topic 'a_b' collides with existing topic: a.b",
      'created a-b',
      'created c_d',
      "INVALID_TOPIC_EXCEPTION: Topic 'c.d' collides with existing topic: c_d",
    ]);
  });

  it('stores configs with the topic, or refuses both', async () => {
    const world = await metadataWorld();
    const outcomes = await world.topics.create(
      [
        topic('a', { configs: [{ name: 'retention.ms', value: '5' }] }),
        topic('b', { configs: [{ name: 'retention.ms', value: 'soon' }] }),
        topic('c', { configs: [{ name: 'retention.ms', value: null }] }),
      ],
      { validateOnly: false },
    );
    assert.deepEqual(outcomes.map(shown), [
      'created a',
      'INVALID_CONFIG: Invalid value soon for configuration retention.ms: Not a number of type LONG',
      'INVALID_CONFIG: Null value not supported for topic configs: retention.ms',
    ]);
    assert.equal(world.configs.topic('a').retentionMs, 5);
    assert.deepEqual([...world.metadata.image.topics.keys()], ['a']);
  });

  it('only checks when asked to only check', async () => {
    const world = await metadataWorld();
    const version = world.metadata.image.version;
    const outcomes = await world.topics.create([topic('a'), topic('a'), topic('b', { numPartitions: 0 })], {
      validateOnly: true,
    });
    assert.deepEqual(
      outcomes.map((outcome) => outcome.refusal?.errorCode ?? 0),
      [0, ErrorCode.TOPIC_ALREADY_EXISTS, ErrorCode.INVALID_PARTITIONS],
    );
    assert.equal(world.metadata.image.version, version);
  });

  it('answers a disk that fails with KAFKA_STORAGE_ERROR for every topic', async () => {
    const world = await metadataWorld();
    const failing = {
      ...world.metadata,
      image: world.metadata.image,
      onChange: () => {},
      commit: async () => {
        throw new FileError('ENOSPC', '/x', 'full');
      },
    };
    const { Topics } = await import('./topics.ts');
    const topics = new Topics({
      metadata: failing,
      configs: world.configs,
      random: { bytes: Buffer.alloc, below: () => 0 },
      clampReplicationFactor: false,
      partitionsPerTopicMax: 1,
    });
    assert.deepEqual((await topics.create([topic('a'), topic('b')], { validateOnly: false })).map(shown), [
      'KAFKA_STORAGE_ERROR: full',
      'KAFKA_STORAGE_ERROR: full',
    ]);
  });
});

describe('creating a topic because somebody asked for it', () => {
  it('creates it once for all who ask at the same time', async () => {
    const world = await metadataWorld({ staticValues: { 'num.partitions': '2' } });
    const outcomes = await Promise.all([
      world.topics.autoCreate('a'),
      world.topics.autoCreate('a'),
      world.topics.autoCreate('b'),
    ]);
    assert.deepEqual(outcomes.map(shown), ['created a', 'created a', 'created b']);
    assert.equal(world.metadata.image.topics.get('a')?.partitions.length, 2);
    assert.equal(shown(await world.topics.autoCreate('a')), 'created a');
  });

  it('gives the topic that another request created meanwhile', async () => {
    const world = await metadataWorld();
    const [, outcome] = await Promise.all([
      world.topics.create([topic('a')], { validateOnly: false }),
      world.topics.autoCreate('a'),
    ]);
    assert.equal(shown(outcome), 'created a');
  });

  it('refuses bad names', async () => {
    const world = await metadataWorld();
    assert.match(shown(await world.topics.autoCreate('a b')), /^INVALID_TOPIC_EXCEPTION/);
  });

  it('makes the broker’s own topics as Kafka does, with no more replicas than brokers', async () => {
    const world = await metadataWorld({ staticValues: { 'offsets.topic.num.partitions': '4' } });
    for (const name of ['__consumer_offsets', '__transaction_state', '__share_group_state'])
      await world.topics.autoCreate(name);
    const offsets = world.metadata.image.topics.get('__consumer_offsets');
    assert.deepEqual([offsets?.internal, offsets?.partitions.length, offsets?.partitions[0]?.replicas], [true, 4, [1]]);
    const { cleanupPolicy, segmentBytes, compressionType } = world.configs.topic('__consumer_offsets');
    assert.deepEqual([cleanupPolicy, segmentBytes, compressionType], [['compact'], 104857600, 'producer']);
    assert.equal(world.configs.topic('__transaction_state').minInsyncReplicas, 1);
    assert.equal(world.configs.topic('__transaction_state').compressionType, 'uncompressed');
    assert.deepEqual(world.configs.topic('__share_group_state').cleanupPolicy, ['delete']);
  });
});

describe('adding partitions', () => {
  it('keeps the old ones and gives the new ones the same number of replicas', async () => {
    const world = await metadataWorld({ brokers: [1, 2, 3] });
    await world.topics.create([topic('a', { numPartitions: 2, replicationFactor: 2 })], { validateOnly: false });
    const before = world.metadata.image.topics.get('a')!;
    await world.topics.addPartitions([{ name: 'a', count: 4, assignments: null }], { validateOnly: false });
    const after = world.metadata.image.topics.get('a')!;
    assert.deepEqual(after.partitions.slice(0, 2), before.partitions);
    assert.deepEqual(
      after.partitions.map(({ replicas }) => replicas.length),
      [2, 2, 2, 2],
    );
    assert.equal(world.metadata.image.topicsById.get(after.id), after);
  });

  it('refuses what is no increase, or does not fit', async () => {
    const world = await metadataWorld({ partitionsPerTopicMax: 20 });
    await world.topics.create([topic('a', { numPartitions: 2 })], { validateOnly: false });
    const outcomes = await world.topics.addPartitions(
      [
        { name: 'a', count: 2, assignments: null },
        { name: 'a', count: 1, assignments: null },
        { name: 'a', count: 21, assignments: null },
        { name: 'missing', count: 3, assignments: null },
        { name: 'a', count: 3, assignments: [] },
        { name: 'a', count: 3, assignments: [{ brokerIds: [7] }] },
        { name: 'a', count: 3, assignments: [{ brokerIds: [1] }] },
      ],
      { validateOnly: true },
    );
    assert.deepEqual(outcomes.map(shown), [
      'INVALID_PARTITIONS: Topic already has 2 partition(s).',
      'INVALID_PARTITIONS: The topic a currently has 2 partition(s); 1 would not be an increase.',
      'INVALID_PARTITIONS: A topic may have 20 partitions, not 21; ottla.partitions.per.topic.max sets the limit.',
      'UNKNOWN_TOPIC_OR_PARTITION: null',
      'INVALID_REPLICA_ASSIGNMENT: Attempted to add 1 additional partition(s), but only 0 assignment(s) were specified.',
      'INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 7, but no such broker is registered.',
      'created a',
    ]);
    assert.equal(world.metadata.image.topics.get('a')?.partitions.length, 2);
  });
});

describe('deleting topics', () => {
  it('forgets the topic and its configs, and lets the name be used again with another id', async () => {
    const world = await metadataWorld();
    const wanted = topic('a', { configs: [{ name: 'retention.ms', value: '5' }] });
    await world.topics.create([wanted], { validateOnly: false });
    const { id } = world.metadata.image.topics.get('a')!;
    assert.deepEqual((await world.topics.delete([id, id])).map(shown), ['created a', 'UNKNOWN_TOPIC_ID: null']);
    assert.equal(world.metadata.image.topicsById.size, 0);
    assert.equal(world.metadata.image.configs.size, 0);
    await world.topics.create([topic('a')], { validateOnly: false });
    assert.notEqual(world.metadata.image.topics.get('a')?.id, id);
  });
});

describe('a topic name', () => {
  it('is fine exactly when it has 1 to 249 of the characters Kafka allows', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (name) => {
        const fine = /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..';
        assert.equal(topicNameObjection(name) === undefined, fine);
      }),
    );
  });
});
