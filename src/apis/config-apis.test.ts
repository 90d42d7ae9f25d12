// DescribeConfigs, IncrementalAlterConfigs, AlterConfigs and ListConfigResources as clients of every version see them, next to Kafka's recorded answers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { repositoryPath } from '../../test/repository.ts';
import { ResourceType } from '../metadata/configs/config-resource.ts';
import { ConfigSource } from '../metadata/configs/configs.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { metadataApiWorld } from './metadata-api-world.suite.ts';

const { TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP } = ResourceType;
const TYPES = ['UNKNOWN', 'BOOLEAN', 'STRING', 'INT', 'SHORT', 'LONG', 'DOUBLE', 'LIST', 'CLASS', 'PASSWORD'];
const SET = 0;
const DELETE = 1;
const APPEND = 2;

type World = Awaited<ReturnType<typeof metadataApiWorld>>;

async function worldWithTopic(staticValues: Record<string, string> = {}): Promise<World> {
  const world = await metadataApiWorld({ staticValues });
  const topic = { name: 'orders', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await world.createTopics(7, { topics: [topic], timeoutMs: 1, validateOnly: false });
  return world;
}

const describeOne = async (
  world: World,
  resourceType: number,
  resourceName: string,
  version = 4,
  configurationKeys: string[] | null = null,
) =>
  (
    await world.describeConfigs(version, {
      resources: [{ resourceType, resourceName, configurationKeys }],
      includeSynonyms: true,
      includeDocumentation: version >= 3,
    })
  ).results[0];

const alter = async (
  world: World,
  resourceType: number,
  resourceName: string,
  configs: [string, number, string | null][],
  more: object = {},
) => {
  const resource = {
    resourceType,
    resourceName,
    configs: configs.map(([name, configOperation, value]) => ({ name, configOperation, value })),
  };
  const { responses } = await world.incrementalAlterConfigs(1, { resources: [resource], validateOnly: false, ...more });
  return [responses[0].errorCode, responses[0].errorMessage];
};

/** A config in the form of the recorded answers of Kafka 4.3. */
interface Recorded {
  readonly name: string;
  readonly value: string | null;
  readonly source: string;
  readonly type: string;
  readonly readOnly: boolean;
  readonly sensitive: boolean;
  readonly synonyms: readonly { readonly name: string; readonly value: string | null; readonly source: string }[];
}

function recorded(kind: string): Recorded[] {
  const file = repositoryPath('test', 'golden', 'configs', `describe-configs-${kind}.ndjson.gz`);
  return gunzipSync(readFileSync(file))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

// biome-ignore lint/suspicious/noExplicitAny: a decoded answer
function asRecorded(config: any): Recorded {
  const sources = Object.entries(ConfigSource);
  const sourceName = (number: number) => sources.find(([, each]) => each === number)?.[0] ?? '';
  return {
    name: config.name,
    value: config.value,
    source: sourceName(config.configSource),
    type: TYPES[config.configType] as string,
    readOnly: config.readOnly,
    sensitive: config.isSensitive,
    synonyms: config.synonyms.map((each: { name: string; value: string; source: number }) => ({
      name: each.name,
      value: each.value,
      source: sourceName(each.source),
    })),
  };
}

describe('DescribeConfigs', () => {
  it('answers for a topic exactly as Kafka 4.3 does', async () => {
    const world = await worldWithTopic();
    // Kafka sets this one itself when it starts a cluster.
    await alter(world, BROKER, '', [['min.insync.replicas', SET, '1']]);
    const { errorCode, configs } = await describeOne(world, TOPIC, 'orders');
    assert.equal(errorCode, 0);
    assert.deepEqual(configs.map(asRecorded), recorded('topic'));
  });

  it('answers for a group exactly as Kafka 4.3 does', async () => {
    const world = await metadataApiWorld();
    assert.deepEqual((await describeOne(world, GROUP, 'any')).configs.map(asRecorded), recorded('group'));
  });

  it('answers for a broker as Kafka 4.3 does, but for what is named here', async () => {
    const live = recorded('broker');
    const given = live.filter(({ source, type }) => source === 'STATIC_BROKER_CONFIG' && type !== 'UNKNOWN');
    const world = await metadataApiWorld({
      staticValues: Object.fromEntries(given.map(({ name, value }) => [name, value ?? ''])),
    });
    await alter(world, BROKER, '', [['min.insync.replicas', SET, '1']]);
    const { configs } = await describeOne(world, BROKER, '1');
    const ours: Recorded[] = configs.map(asRecorded).filter(({ name }: Recorded) => !name.startsWith('ottla.'));

    // Keys Kafka does not know, which Ottla leaves out; the default of listeners, log.dir and node.id; what cannot change here.
    const unknown = new Set(live.filter(({ type }) => type === 'UNKNOWN').map(({ name }) => name));
    const different = new Set(['listeners', 'listener.security.protocol.map', 'log.dir', 'node.id']);
    assert.deepEqual(
      ours.map(({ name }) => name),
      live.map(({ name }) => name).filter((name) => !unknown.has(name)),
    );
    const byName = new Map(ours.map((each) => [each.name, each]));
    for (const each of live) {
      if (unknown.has(each.name) || different.has(each.name)) continue;
      // What belongs to logins and certificates is read at the start only.
      const readOnly = byName.get(each.name)?.readOnly && /^(ssl|sasl)\./.test(each.name) ? true : each.readOnly;
      assert.deepEqual(byName.get(each.name), { ...each, readOnly });
    }
    assert.equal(byName.get('listeners')?.readOnly, true);
    assert.equal(byName.get('listener.security.protocol.map')?.readOnly, true);
  });

  it('documents every config in the versions that have documentation', async () => {
    const world = await worldWithTopic();
    for (const version of world.describeConfigs.versions) {
      for (const [type, name] of [
        [TOPIC, 'orders'],
        [BROKER, '1'],
        [GROUP, 'g'],
        [CLIENT_METRICS, 'm'],
      ] as const) {
        const { configs } = await describeOne(world, type, name, version);
        for (const config of configs) {
          if (version >= 3) assert.match(config.documentation, /^[A-Z].*\.$/, config.name);
          else assert.equal(config.documentation, '');
        }
      }
    }
  });

  it('gives the keys asked for; null and an empty list are all', async () => {
    const world = await worldWithTopic();
    const names = async (keys: string[] | null) =>
      (await describeOne(world, TOPIC, 'orders', 4, keys)).configs.map((each: { name: string }) => each.name);
    assert.deepEqual(await names(['segment.ms', 'retention.ms', 'nonsense']), ['retention.ms', 'segment.ms']);
    assert.equal((await names(null)).length, 33);
    assert.equal((await names([])).length, 33);
  });

  it('leaves synonyms and documentation out when they are not wanted', async () => {
    const world = await worldWithTopic();
    const request = {
      resources: [{ resourceType: TOPIC, resourceName: 'orders', configurationKeys: null }],
      includeSynonyms: false,
      includeDocumentation: false,
    };
    const { results } = await world.describeConfigs(4, request);
    for (const config of results[0].configs) assert.deepEqual([config.synonyms, config.documentation], [[], null]);
  });

  it('answers each resource on its own', async () => {
    const world = await worldWithTopic();
    const resources: [number, string, number][] = [
      [TOPIC, 'orders', 0],
      [TOPIC, 'missing', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [TOPIC, 'bad name', ErrorCode.INVALID_TOPIC_EXCEPTION],
      [BROKER, '', 0],
      [BROKER, '2', ErrorCode.INVALID_REQUEST],
      [BROKER, 'x', ErrorCode.INVALID_REQUEST],
      [BROKER_LOGGER, '1', 0],
      [BROKER_LOGGER, '', ErrorCode.INVALID_REQUEST],
      [GROUP, '', ErrorCode.INVALID_REQUEST],
      [CLIENT_METRICS, '', ErrorCode.INVALID_REQUEST],
      [77, 'x', ErrorCode.INVALID_REQUEST],
    ];
    const request = {
      resources: resources.map(([resourceType, resourceName]) => ({
        resourceType,
        resourceName,
        configurationKeys: null,
      })),
      includeSynonyms: false,
      includeDocumentation: false,
    };
    const { results } = await world.describeConfigs(1, request);
    assert.deepEqual(
      results.map((each: { resourceType: number; resourceName: string; errorCode: number }) => [
        each.resourceType,
        each.resourceName,
        each.errorCode,
      ]),
      resources,
    );
    assert.equal(results[4].errorMessage, 'Unexpected broker id, expected 1 or empty string, but received 2');
    assert.equal(results[1].errorMessage, '');
  });

  it('never shows a secret', async () => {
    const world = await metadataApiWorld({ staticValues: { 'ssl.key.password': 'hidden-word' } });
    const answer = await describeOne(world, BROKER, '1', 4, ['ssl.key.password']);
    assert.deepEqual(
      [answer.configs[0].value, answer.configs[0].isSensitive, answer.configs[0].synonyms[0].value],
      [null, true, null],
    );
    assert.ok(!JSON.stringify(answer).includes('hidden-word'));
  });
});

describe('IncrementalAlterConfigs', () => {
  it('sets, appends and deletes in every version', async () => {
    const world = await worldWithTopic();
    for (const version of world.incrementalAlterConfigs.versions) {
      const run = (name: string, configOperation: number, value: string | null) =>
        world.incrementalAlterConfigs(version, {
          resources: [{ resourceType: TOPIC, resourceName: 'orders', configs: [{ name, configOperation, value }] }],
          validateOnly: false,
        });
      const { responses } = await run('cleanup.policy', APPEND, 'compact');
      assert.deepEqual(responses, [{ errorCode: 0, errorMessage: null, resourceType: TOPIC, resourceName: 'orders' }]);
      assert.deepEqual(world.configs.topic('orders').cleanupPolicy, ['delete', 'compact']);
      await run('cleanup.policy', DELETE, null);
      assert.deepEqual(world.configs.topic('orders').cleanupPolicy, ['delete']);
    }
  });

  it('checks without changing when only asked to check', async () => {
    const world = await worldWithTopic();
    const checkOnly = { validateOnly: true };
    assert.deepEqual(await alter(world, TOPIC, 'orders', [['retention.ms', SET, '5']], checkOnly), [0, null]);
    assert.equal(
      (await alter(world, TOPIC, 'orders', [['retention.ms', SET, '-5']], checkOnly))[0],
      ErrorCode.INVALID_CONFIG,
    );
    assert.equal(world.configs.topic('orders').retentionMs, 604800000);
  });

  it('refuses malformed changes', async () => {
    const world = await worldWithTopic();
    assert.deepEqual(
      await alter(world, TOPIC, 'orders', [
        ['retention.ms', SET, '5'],
        ['retention.ms', DELETE, null],
      ]),
      [ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys'],
    );
    assert.deepEqual(await alter(world, TOPIC, 'orders', [['retention.ms', SET, null]]), [
      ErrorCode.INVALID_REQUEST,
      'Null value not supported for : retention.ms',
    ]);
    assert.deepEqual(await alter(world, TOPIC, 'orders', [['retention.ms', 9, '1']]), [
      ErrorCode.INVALID_REQUEST,
      'Unknown operation type 9',
    ]);
    assert.deepEqual(await alter(world, BROKER_LOGGER, '1', [['kafka', SET, 'INFO']]), [
      ErrorCode.INVALID_CONFIG,
      'Logger kafka does not exist!',
    ]);
  });

  it('refuses a resource named twice and changes the others', async () => {
    const world = await worldWithTopic();
    const resource = (resourceName: string, name: string, value: string) => ({
      resourceType: resourceName === '' ? BROKER : TOPIC,
      resourceName,
      configs: [{ name, configOperation: SET, value }],
    });
    const resources = [
      resource('orders', 'retention.ms', '1'),
      resource('', 'log.retention.ms', '9'),
      resource('orders', 'segment.ms', '1'),
    ];
    const { responses } = await world.incrementalAlterConfigs(1, { resources, validateOnly: false });
    assert.deepEqual(
      responses.map((each: { errorCode: number }) => each.errorCode),
      [ErrorCode.INVALID_REQUEST, 0, ErrorCode.INVALID_REQUEST],
    );
    assert.equal(responses[0].errorMessage, 'Each resource must appear at most once.');
    assert.equal(world.configs.topic('orders').retentionMs, 9);
  });
});

describe('AlterConfigs', () => {
  it('replaces all configs of a resource in every version', async () => {
    const world = await worldWithTopic();
    for (const version of world.alterConfigs.versions) {
      await alter(world, TOPIC, 'orders', [['segment.ms', SET, '77']]);
      const configs = [{ name: 'retention.ms', value: '5' }];
      const { responses } = await world.alterConfigs(version, {
        resources: [{ resourceType: TOPIC, resourceName: 'orders', configs }],
        validateOnly: false,
      });
      assert.deepEqual(responses, [{ errorCode: 0, errorMessage: null, resourceType: TOPIC, resourceName: 'orders' }]);
      assert.deepEqual([...(world.metadata.image.configs.get('topic:orders') ?? [])], [['retention.ms', '5']]);
    }
  });

  it('leaves everything as it was when one value is refused', async () => {
    const world = await worldWithTopic();
    await alter(world, TOPIC, 'orders', [['segment.ms', SET, '77']]);
    const configs = [
      { name: 'retention.ms', value: '5' },
      { name: 'segment.bytes', value: '1' },
    ];
    const { responses } = await world.alterConfigs(2, {
      resources: [{ resourceType: TOPIC, resourceName: 'orders', configs }],
      validateOnly: false,
    });
    assert.equal(responses[0].errorCode, ErrorCode.INVALID_CONFIG);
    assert.deepEqual([...(world.metadata.image.configs.get('topic:orders') ?? [])], [['segment.ms', '77']]);
  });
});

describe('ListConfigResources', () => {
  it('lists client-metrics subscriptions in version 0, and what is asked for in version 1', async () => {
    const world = await worldWithTopic();
    await alter(world, CLIENT_METRICS, 'm1', [['interval.ms', SET, '1000']]);
    await alter(world, GROUP, 'g1', [['share.auto.offset.reset', SET, 'earliest']]);
    const list = async (version: number, resourceTypes: number[]) => {
      const { errorCode, configResources } = await world.listConfigResources(version, { resourceTypes });
      assert.equal(errorCode, 0);
      return configResources.map(
        (each: { resourceName: string; resourceType: number }) => `${each.resourceType}:${each.resourceName}`,
      );
    };
    assert.deepEqual(await list(0, []), ['16:m1']);
    assert.deepEqual((await list(1, [])).sort(), ['16:m1', '2:orders', '32:g1', '4:1', '8:1']);
    assert.deepEqual(await list(1, [GROUP, TOPIC]), ['32:g1', '2:orders']);
  });

  it('refuses a type that cannot be listed', async () => {
    const world = await metadataApiWorld();
    assert.equal((await world.listConfigResources(1, { resourceTypes: [3] })).errorCode, ErrorCode.UNSUPPORTED_VERSION);
  });
});
