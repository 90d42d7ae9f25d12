// What the tests of this room share: a fixed clock, a counting source of randomness, log lines in memory, images that
// can be compared.
import { memoryObjectStore } from '../object-store/memory.ts';
import type { Clock, LogLines, Random } from '../runtime/runtime.ts';
import { Alterations } from './configs/alterations.ts';
import { Configs } from './configs/configs.ts';
import type { Image } from './image.ts';
import { openMetadata } from './metadata-log.ts';
import { Topics } from './topics.ts';

export function testClock(): Clock {
  return { nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5), monotonicMs: () => 0 };
}

let drawn = 0;

/** Never the same bytes twice, nor in another world of this process. */
export function testRandom(): Random {
  return {
    bytes(count) {
      const bytes = Buffer.alloc(count, 0x5a);
      bytes.writeUInt32BE(++drawn, 0);
      return bytes;
    },
    below: (limit) => ++drawn % limit,
  };
}

export function testLog(): LogLines & { readonly lines: string[] } {
  const lines: string[] = [];
  const add = (message: string) => void lines.push(message);
  return { lines, info: add, warn: add, error: add };
}

/** An image as plain data, in one order. */
export function plainImage(image: Image): unknown {
  const sorted = <K, V>(map: ReadonlyMap<K, V>) => [...map].sort(([one], [other]) => (one < other ? -1 : 1));
  return {
    version: image.version,
    clusterId: image.clusterId,
    brokers: sorted(image.brokers),
    topics: sorted(image.topics),
    topicsById: sorted(image.topicsById),
    configs: sorted(image.configs).map(([resource, overrides]) => [resource, sorted(overrides)]),
    nextProducerId: image.nextProducerId,
    acls: sorted(image.acls),
    scramCredentials: sorted(image.scramCredentials),
    delegationTokens: sorted(image.delegationTokens),
    clientQuotas: sorted(image.clientQuotas).map(([key, { entity, quotas }]) => [key, entity, sorted(quotas)]),
  };
}

export interface WorldOptions {
  readonly brokers?: readonly number[];
  readonly staticValues?: Readonly<Record<string, string>>;
  readonly clampReplicationFactor?: boolean;
  readonly partitionsPerTopicMax?: number;
}

/** Metadata with registered brokers (1 alone by default), and everything that decides about it, as broker 1 has it. */
export async function metadataWorld(options: WorldOptions = {}) {
  const random = testRandom();
  const metadata = await openMetadata({ store: memoryObjectStore(), clock: testClock(), random, log: testLog() });
  await metadata.commit(() =>
    (options.brokers ?? [1]).map((id) => ({
      type: 'broker-registered' as const,
      broker: { id, rack: null, endpoints: [] },
    })),
  );
  const configs = new Configs({
    metadata,
    nodeId: 1,
    staticValues: new Map(Object.entries(options.staticValues ?? {})),
  });
  const topics = new Topics({
    metadata,
    configs,
    random,
    clampReplicationFactor: options.clampReplicationFactor ?? false,
    partitionsPerTopicMax: options.partitionsPerTopicMax ?? 10_000,
  });
  return { metadata, configs, topics, alterations: new Alterations(metadata, configs), nodeId: 1 };
}
