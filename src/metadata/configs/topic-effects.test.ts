// Every topic config of Kafka 4.3, one by one: none is stored and does nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorCode } from '../../protocol/error-code.ts';
import { metadataWorld } from '../metadata-world.suite.ts';
import { brokerDefinitions } from './broker-definitions.ts';
import { ResourceType } from './config-resource.ts';
import { definitionOf } from './definition.ts';
import { topicBrokerSynonyms, topicDefinitions } from './topic-definitions.ts';

/** The default, another value that is in force once it was set, and one that Kafka refuses too. */
const HONOURED: readonly (readonly [name: string, value: string, other: string, wrong: string])[] = [
  ['cleanup.policy', 'delete', 'compact,delete', 'squash'],
  ['compression.gzip.level', '-1', '9', '0'],
  ['compression.type', 'producer', 'zstd', 'brotli'],
  ['compression.zstd.level', '3', '-1', '23'],
  ['delete.retention.ms', '86400000', '0', '-1'],
  ['file.delete.delay.ms', '60000', '0', '-1'],
  ['flush.messages', String(Number.MAX_SAFE_INTEGER), '1', '0'],
  ['flush.ms', String(Number.MAX_SAFE_INTEGER), '0', '-1'],
  ['index.interval.bytes', '4096', '0', '-1'],
  ['max.compaction.lag.ms', String(Number.MAX_SAFE_INTEGER), '1', '0'],
  ['max.message.bytes', '1048588', '0', '-1'],
  ['message.timestamp.after.max.ms', '3600000', '0', '-1'],
  ['message.timestamp.before.max.ms', String(Number.MAX_SAFE_INTEGER), '0', '-1'],
  ['message.timestamp.type', 'CreateTime', 'LogAppendTime', 'Never'],
  ['min.cleanable.dirty.ratio', '0.5', '0.01', '1.01'],
  ['min.compaction.lag.ms', '0', '1', '-1'],
  ['min.insync.replicas', '1', '2', '0'],
  ['retention.bytes', '-1', '1000', 'many'],
  ['retention.ms', '604800000', '-1', '-2'],
  ['segment.bytes', '1073741824', '1048576', '1048575'],
  ['segment.index.bytes', '10485760', '4', '3'],
  ['segment.jitter.ms', '0', '1000', '-1'],
  ['segment.ms', '604800000', '1', '0'],
];

/** The default, which may be set, another value, and why that one is refused. */
const REFUSED: readonly (readonly [name: string, value: string, other: string, reason: RegExp])[] = [
  ['compression.lz4.level', '9', '1', /one level/],
  ['follower.replication.throttled.replicas', '', '0:1', /does not replicate/],
  ['leader.replication.throttled.replicas', '', '0:1', /does not replicate/],
  ['local.retention.bytes', '-2', '1000', /no tiered storage/],
  ['local.retention.ms', '-2', '1000', /no tiered storage/],
  ['preallocate', 'false', 'true', /never preallocated/],
  ['remote.log.copy.disable', 'false', 'true', /no tiered storage/],
  ['remote.log.delete.on.disable', 'false', 'true', /no tiered storage/],
  ['remote.storage.enable', 'false', 'true', /Tiered Storage/],
  ['unclean.leader.election.enable', 'false', 'true', /does not replicate/],
];

/** Not for users: stands in the place of segment.bytes. */
const INTERNAL = 'internal.segment.bytes';

async function worldWithTopic() {
  const world = await metadataWorld();
  await world.topics.create(
    [{ name: 'orders', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    { validateOnly: false },
  );
  const set = async (name: string, value: string | null) => {
    const key = { operation: value === null ? ('DELETE' as const) : ('SET' as const), name, value };
    const change = { resource: { type: ResourceType.TOPIC, name: 'orders' }, keys: [key], replaceAll: false };
    const [refusal] = await world.alterations.apply([change], { validateOnly: false });
    return refusal ?? undefined;
  };
  const inForce = (name: string): string => {
    const camelCase = name.replaceAll(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
    return String((world.configs.topic('orders') as unknown as Record<string, unknown>)[camelCase]);
  };
  return { world, set, inForce };
}

describe('each topic config of Kafka', () => {
  it('is honoured or refused here', () => {
    const known = [...HONOURED, ...REFUSED].map(([name]) => name);
    assert.deepEqual([...known, INTERNAL].sort(), Object.keys(topicDefinitions).sort());
    assert.equal(known.length + 1, 34);
  });

  for (const [name, value, other, wrong] of HONOURED) {
    it(`${name} is in force as soon as it is set, and no longer than that`, async () => {
      const { set, inForce } = await worldWithTopic();
      assert.equal(inForce(name), value);
      assert.equal((await set(name, wrong))?.errorCode, ErrorCode.INVALID_CONFIG);
      assert.equal(inForce(name), value);
      assert.equal(await set(name, other), undefined);
      assert.equal(inForce(name), other);
      assert.equal(await set(name, null), undefined);
      assert.equal(inForce(name), value);
    });
  }

  for (const [name, value, other, reason] of REFUSED) {
    it(`${name} is refused with the reason, unless it asks for what is anyway`, async () => {
      const { set, inForce } = await worldWithTopic();
      const refusal = await set(name, other);
      assert.equal(refusal?.errorCode, ErrorCode.INVALID_CONFIG);
      assert.match(refusal?.errorMessage ?? '', reason);
      assert.equal(inForce(name), value);
      assert.equal(await set(name, value), undefined);
    });
  }

  it('does as little by way of its default in the configs of the broker', () => {
    for (const [name, synonyms] of Object.entries(topicBrokerSynonyms)) {
      const kind = definitionOf(topicDefinitions, name)?.effect.kind;
      for (const synonym of synonyms) {
        assert.equal(definitionOf(brokerDefinitions, synonym.name)?.effect.kind, kind, synonym.name);
      }
    }
  });

  it(`${INTERNAL} stands in the place of segment.bytes`, async () => {
    const { set, inForce } = await worldWithTopic();
    assert.equal(await set(INTERNAL, '5000'), undefined);
    assert.equal(inForce('segment.bytes'), '5000');
  });
});
