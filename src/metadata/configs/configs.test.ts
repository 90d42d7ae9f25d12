// Which config is in force, how configs change, and how they are shown.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorCode } from '../../protocol/error-code.ts';
import { metadataWorld } from '../metadata-world.suite.ts';
import type { KeyChange } from './alterations.ts';
import { ResourceType } from './config-resource.ts';
import { ConfigSource } from './configs.ts';
import { describeBroker, describeClusterWide, describeTopic } from './describe.ts';

type World = Awaited<ReturnType<typeof metadataWorld>>;

const alter = async (
  world: World,
  type: number,
  name: string,
  ...keys: [KeyChange['operation'], string, string | null][]
) => {
  const change = {
    resource: { type, name },
    keys: keys.map(([operation, key, value]) => ({ operation, name: key, value })),
    replaceAll: false,
  };
  const [refusal] = await world.alterations.apply([change], { validateOnly: false });
  return refusal === null || refusal === undefined ? null : [refusal.errorCode, refusal.errorMessage];
};

const set = (world: World, type: number, name: string, key: string, value: string) =>
  alter(world, type, name, ['SET', key, value]);

async function worldWithTopic(options: Parameters<typeof metadataWorld>[0] = {}): Promise<World> {
  const world = await metadataWorld(options);
  await world.topics.create(
    [{ name: 'orders', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    { validateOnly: false },
  );
  return world;
}

const { TOPIC, BROKER, GROUP, CLIENT_METRICS } = ResourceType;

describe('the configs in force', () => {
  it('are the defaults of Kafka when nothing is set', async () => {
    const { configs } = await metadataWorld();
    const { retentionMs, segmentMs, maxMessageBytes, cleanupPolicy, flushMs, preallocate, minCleanableDirtyRatio } =
      configs.topic('any');
    assert.deepEqual(
      { retentionMs, segmentMs, maxMessageBytes, cleanupPolicy, flushMs, preallocate, minCleanableDirtyRatio },
      {
        retentionMs: 604800000,
        segmentMs: 604800000,
        maxMessageBytes: 1048588,
        cleanupPolicy: ['delete'],
        flushMs: Number.MAX_SAFE_INTEGER,
        preallocate: false,
        minCleanableDirtyRatio: 0.5,
      },
    );
    assert.equal(configs.broker.numPartitions, 1);
    assert.equal(configs.broker.logRetentionMs, null);
  });

  it('of a topic come from hours, minutes and milliseconds of the broker, the finest first', async () => {
    const retention = async (staticValues: Record<string, string>) =>
      (await metadataWorld({ staticValues })).configs.topic('t').retentionMs;
    assert.equal(await retention({ 'log.retention.hours': '2' }), 7200000);
    assert.equal(await retention({ 'log.retention.hours': '2', 'log.retention.minutes': '3' }), 180000);
    assert.equal(await retention({ 'log.retention.minutes': '3', 'log.retention.ms': '5' }), 5);
    assert.equal(await retention({ 'log.retention.hours': '-1' }), -1);
    const { configs } = await metadataWorld({ staticValues: { 'log.roll.hours': '1', 'log.roll.jitter.hours': '2' } });
    assert.equal(configs.topic('t').segmentMs, 3600000);
    assert.equal(configs.topic('t').segmentJitterMs, 7200000);
  });

  it('prefer topic, then this broker, then the cluster, then the settings, then the default', async () => {
    const world = await worldWithTopic({ staticValues: { 'message.max.bytes': '1000' } });
    const now = () => world.configs.topic('orders').maxMessageBytes;
    assert.equal(now(), 1000);
    await set(world, BROKER, '', 'message.max.bytes', '2000');
    assert.equal(now(), 2000);
    await set(world, BROKER, '1', 'message.max.bytes', '3000');
    assert.equal(now(), 3000);
    assert.equal(world.configs.broker.messageMaxBytes, 3000);
    await set(world, TOPIC, 'orders', 'max.message.bytes', '4000');
    assert.equal(now(), 4000);
    await alter(world, TOPIC, 'orders', ['DELETE', 'max.message.bytes', null]);
    await alter(world, BROKER, '1', ['DELETE', 'message.max.bytes', null]);
    assert.equal(now(), 2000);
    await alter(world, BROKER, '', ['DELETE', 'message.max.bytes', null]);
    assert.equal(now(), 1000);
  });

  it('are the same object until something changes', async () => {
    const world = await worldWithTopic();
    assert.equal(world.configs.topic('orders'), world.configs.topic('another'));
    await set(world, TOPIC, 'orders', 'retention.ms', '1');
    const config = world.configs.topic('orders');
    await set(world, GROUP, 'g', 'consumer.session.timeout.ms', '45000');
    assert.equal(world.configs.topic('orders'), config);
  });

  it('tell about each existing topic that changed, and about no other', async () => {
    const world = await worldWithTopic();
    await world.topics.create(
      [{ name: 'other', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      { validateOnly: false },
    );
    const told: string[] = [];
    world.configs.onTopicConfigChange((topic) => told.push(`${topic} ${world.configs.topic(topic).retentionMs}`));
    await set(world, TOPIC, 'orders', 'retention.ms', '7');
    assert.deepEqual(told.splice(0), ['orders 7']);
    await set(world, BROKER, '', 'log.retention.ms', '9');
    assert.deepEqual(told.splice(0).sort(), ['orders 7', 'other 9']);
    await set(world, BROKER, '', 'max.connections', '5');
    assert.deepEqual(told.splice(0), []);
    const [created] = await world.topics.create(
      [
        {
          name: 'new',
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [{ name: 'retention.ms', value: '3' }],
        },
      ],
      { validateOnly: false },
    );
    assert.deepEqual(told, []);
    await world.topics.delete([created?.refusal ? '' : (created?.topic.id ?? '')]);
    assert.deepEqual(told, []);
    assert.equal(world.metadata.image.configs.has('topic:new'), false);
  });

  it('tell about defaults that changed even when somebody asked for a topic in between', async () => {
    const world = await metadataWorld();
    await world.topics.create([{ name: 'a', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], {
      validateOnly: false,
    });
    const told: string[] = [];
    world.configs.onBrokerConfigChange(() => world.configs.topic('a'));
    world.configs.onTopicConfigChange((topic) => told.push(topic));
    await set(world, BROKER, '1', 'log.retention.ms', '9');
    assert.deepEqual(told, ['a']);
  });

  it('let internal.segment.bytes stand in for segment.bytes', async () => {
    const world = await worldWithTopic();
    assert.equal(await set(world, TOPIC, 'orders', 'internal.segment.bytes', '2048'), null);
    assert.equal(world.configs.topic('orders').segmentBytes, 2048);
  });
});

describe('changing configs', () => {
  it('appends to and subtracts from lists, starting from what is in force', async () => {
    const world = await worldWithTopic();
    const policy = () => world.configs.topic('orders').cleanupPolicy;
    assert.equal(await alter(world, TOPIC, 'orders', ['APPEND', 'cleanup.policy', 'compact']), null);
    assert.deepEqual(policy(), ['delete', 'compact']);
    await alter(world, TOPIC, 'orders', ['APPEND', 'cleanup.policy', 'compact,compact']);
    assert.deepEqual(policy(), ['delete', 'compact']);
    await alter(world, TOPIC, 'orders', ['SUBTRACT', 'cleanup.policy', 'delete']);
    assert.deepEqual(policy(), ['compact']);
    assert.deepEqual(await alter(world, TOPIC, 'orders', ['APPEND', 'retention.ms', '1']), [
      ErrorCode.INVALID_CONFIG,
      "Can't APPEND to key retention.ms because its type is not LIST.",
    ]);
  });

  it('is all or nothing for a resource', async () => {
    const world = await worldWithTopic();
    const refusal = await alter(world, TOPIC, 'orders', ['SET', 'retention.ms', '5'], ['SET', 'segment.ms', '0']);
    assert.deepEqual(refusal, [
      ErrorCode.INVALID_CONFIG,
      'Invalid value 0 for configuration segment.ms: Value must be at least 1',
    ]);
    assert.equal(world.metadata.image.configs.get('topic:orders'), undefined);
  });

  it('refuses topic configs that cannot be', async () => {
    const world = await worldWithTopic();
    const cases: [string, string, RegExp][] = [
      ['retention.mss', '1', /^Unknown topic config name: retention\.mss; did you mean retention\.ms\?$/],
      ['constructor', '1', /^Unknown topic config name: constructor$/],
      ['remote.storage.enable', 'true', /^Tiered Storage functionality is disabled in the broker\./],
      ['min.compaction.lag.ms', '9223372036854775807', /^$/],
      ['min.cleanable.dirty.ratio', '2', /^Invalid value 2\.0 for/],
      ['cleanup.policy', 'delete,', /values must not be empty\.$/],
      ['cleanup.policy', 'remove', /String must be one of: compact, delete$/],
      ['compression.type', 'lzo', /String must be one of: uncompressed, zstd/],
      ['retention.ms', 'x'.repeat(40000), /longer than 32767 bytes/],
    ];
    assert.equal(await set(world, TOPIC, 'orders', 'preallocate', ' FALSE '), null, 'what is anyway may be said');
    for (const [key, value, sentence] of cases) {
      const refusal = await set(world, TOPIC, 'orders', key, value);
      if (sentence.source === '^$') assert.equal(refusal, null, key);
      else {
        assert.equal(refusal?.[0], ErrorCode.INVALID_CONFIG, key);
        assert.match(String(refusal?.[1]), sentence);
      }
    }
    assert.match(
      String(await set(world, TOPIC, 'orders', 'max.compaction.lag.ms', '5')),
      /conflict topic config setting min\.compaction\.lag\.ms/,
    );
    assert.deepEqual(await set(world, TOPIC, 'missing', 'retention.ms', '1'), [
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      "The topic 'missing' does not exist.",
    ]);
    assert.equal((await set(world, TOPIC, '', 'retention.ms', '1'))?.[0], ErrorCode.INVALID_REQUEST);
    assert.equal((await set(world, 99, 'x', 'retention.ms', '1'))?.[0], ErrorCode.INVALID_REQUEST);
  });

  it('refuses broker configs that cannot change, or mean nothing here', async () => {
    const world = await metadataWorld();
    const refused = (name: string, key: string, value: string) => set(world, BROKER, name, key, value);
    assert.deepEqual(await refused('1', 'num.partitions', '3'), [
      ErrorCode.INVALID_REQUEST,
      'Cannot update these configs dynamically: [num.partitions]',
    ]);
    assert.deepEqual(await refused('', 'principal.builder.class', 'x'), [
      ErrorCode.INVALID_REQUEST,
      'Cannot update these configs at default cluster level: [principal.builder.class]',
    ]);
    assert.match(
      String(await refused('', 'num.io.threads', '3')),
      new RegExp(`^${ErrorCode.INVALID_CONFIG},num\\.io\\.threads cannot be changed: `),
    );
    assert.equal(await refused('', 'num.io.threads', '8'), null);
    assert.match(
      String(await refused('1', 'message.max.bites', '3')),
      /Unknown broker config name: message\.max\.bites; did you mean message\.max\.bytes\?/,
    );
    assert.equal((await refused('1', 'message.max.bytes', '-3'))?.[0], ErrorCode.INVALID_REQUEST);
    assert.equal((await refused('1', 'toString', '-3'))?.[0], ErrorCode.INVALID_CONFIG);
    assert.equal((await refused('', 'log.retention.ms', '0'))?.[0], ErrorCode.INVALID_REQUEST);
    for (const [key, value] of [
      ['log.cleaner.dedupe.buffer.size', '1048576'],
      ['log.cleaner.threads', '0'],
      ['log.cleaner.threads', '200'],
    ] as const) {
      assert.deepEqual(await refused('', key, value), [
        ErrorCode.INVALID_REQUEST,
        'requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.',
      ]);
    }
    assert.deepEqual(await refused('2', 'message.max.bytes', '3'), [
      ErrorCode.INVALID_REQUEST,
      'Unexpected broker id, expected 1, but received 2',
    ]);
    assert.deepEqual(await refused('x', 'message.max.bytes', '3'), [
      ErrorCode.INVALID_REQUEST,
      'Node id must be an integer, but it is: x',
    ]);
    assert.equal(await refused('', 'log.cleaner.backoff.ms', '2'), null);
  });

  it('keeps groups within what the broker allows', async () => {
    const world = await metadataWorld();
    assert.equal(await set(world, GROUP, 'g', 'share.auto.offset.reset', 'earliest'), null);
    assert.equal(world.configs.group('g').shareAutoOffsetReset, 'earliest');
    assert.equal(world.configs.group('g').consumerSessionTimeoutMs, 45000);
    assert.match(
      String(await set(world, GROUP, 'g', 'consumer.session.timeout.ms', '1000')),
      /must be greater than or equal to group\.consumer\.min\.session\.timeout\.ms/,
    );
    assert.match(
      String(await set(world, GROUP, 'g', 'consumer.session.timeout.ms', '70000')),
      /must be less than or equal to group\.consumer\.max\.session\.timeout\.ms/,
    );
    assert.match(String(await set(world, GROUP, 'g', 'nonsense', '1')), /Unknown group config name: nonsense/);
    assert.equal((await set(world, GROUP, '', 'consumer.session.timeout.ms', '45000'))?.[0], ErrorCode.INVALID_REQUEST);
  });

  it('checks client-metrics subscriptions', async () => {
    const world = await metadataWorld();
    assert.equal(
      await alter(
        world,
        CLIENT_METRICS,
        'm1',
        ['SET', 'interval.ms', '1000'],
        ['SET', 'metrics', ''],
        ['SET', 'match', 'client_id=a.*'],
      ),
      null,
    );
    assert.equal((await set(world, CLIENT_METRICS, 'm1', 'interval.ms', '5'))?.[0], ErrorCode.INVALID_REQUEST);
    assert.equal((await set(world, CLIENT_METRICS, 'm1', 'what', '5'))?.[0], ErrorCode.INVALID_REQUEST);
    assert.equal((await set(world, CLIENT_METRICS, 'm1', 'match', 'color=red'))?.[0], ErrorCode.INVALID_CONFIG);
  });
});

describe('describing configs', () => {
  it('lists every source of a value, strongest first', async () => {
    const world = await worldWithTopic({ staticValues: { 'log.retention.hours': '2' } });
    const entry = () =>
      describeTopic(world.configs, world.configs.overrides('topic:orders')).find(({ name }) => name === 'retention.ms');
    assert.deepEqual(
      [entry()?.value, entry()?.source, entry()?.synonyms],
      ['7200000', ConfigSource.DEFAULT_CONFIG, []],
    );
    await set(world, BROKER, '', 'log.retention.ms', '9');
    await set(world, TOPIC, 'orders', 'retention.ms', ' +10');
    assert.deepEqual(entry(), {
      name: 'retention.ms',
      value: '10',
      source: ConfigSource.TOPIC_CONFIG,
      type: 'LONG',
      readOnly: false,
      sensitive: false,
      synonyms: [
        { name: 'retention.ms', value: '10', source: ConfigSource.TOPIC_CONFIG },
        { name: 'log.retention.ms', value: '9', source: ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG },
        { name: 'log.retention.hours', value: '2', source: ConfigSource.STATIC_BROKER_CONFIG },
        { name: 'log.retention.hours', value: '168', source: ConfigSource.DEFAULT_CONFIG },
      ],
      documentation: 'Age at which segments are removed; -1 keeps them for ever.',
    });
  });

  it('shows the cluster-wide configs alone under the empty broker name', async () => {
    const world = await metadataWorld({ staticValues: { 'message.max.bytes': '5' } });
    await set(world, BROKER, '', 'message.max.bytes', '7');
    await set(world, BROKER, '1', 'message.max.bytes', '8');
    assert.deepEqual(
      describeClusterWide(world.configs).map(({ name, value, synonyms }) => [name, value, synonyms.length]),
      [['message.max.bytes', '7', 1]],
    );
    const own = describeBroker(world.configs).find(({ name }) => name === 'message.max.bytes');
    assert.deepEqual([own?.value, own?.source, own?.synonyms.length], ['8', ConfigSource.DYNAMIC_BROKER_CONFIG, 4]);
  });
});
