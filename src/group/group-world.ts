// What groups are given by this broker: its settings as they are at each step, the topics, ids.

import type { Configs } from '../metadata/configs/configs.ts';
import { CONSUMER_OFFSETS } from '../metadata/topic-name.ts';
import type { Random } from '../runtime/runtime.ts';
import { ClassicGroup, type ClassicGroupWorld, newClassicGroup } from './classic-group.ts';
import type { ClassicGroupSettings } from './classic-group-answers.ts';
import { consumerKind } from './consumer-group-kind.ts';
import type { ConsumerGroupWorld } from './consumer-group-world.ts';
import { consumerGroupSettings } from './consumer-group-world.ts';
import type { GroupKinds } from './group-kinds.ts';
import type { TopicsView } from './topics-view.ts';

export function groupKinds({
  configs,
  random,
  topics,
}: {
  readonly configs: Configs;
  readonly random: Random;
  readonly topics: TopicsView;
}): GroupKinds {
  const classic: ClassicGroupWorld = { settings: classicGroupSettings(configs), newUuid: () => uuidText(random) };
  const consumer: ConsumerGroupWorld = {
    topics,
    settings: (groupId) => consumerGroupSettings(configs.broker, configs.overrides(`group:${groupId}`)),
    newMemberId: () => random.bytes(16).toString('base64url'),
    newClassicGroup: newClassicGroup(classic),
  };
  return {
    newClassic: (groupId, nowMs) => new ClassicGroup(groupId, classic, nowMs),
    ...consumerKind(consumer),
  };
}

/** Around the one record of a step: header, lengths. */
const BATCH_OVERHEAD_BYTES = 256;

/** Read at each use: settings are dynamic. */
export function classicGroupSettings(configs: Pick<Configs, 'broker' | 'topic'>): ClassicGroupSettings {
  return {
    get initialRebalanceDelayMs() {
      return Math.max(0, configs.broker.groupInitialRebalanceDelayMs);
    },
    get minSessionTimeoutMs() {
      return configs.broker.groupMinSessionTimeoutMs;
    },
    get maxSessionTimeoutMs() {
      return configs.broker.groupMaxSessionTimeoutMs;
    },
    get maxSize() {
      return configs.broker.groupMaxSize;
    },
    get recordBytesMax() {
      return Math.max(0, configs.topic(CONSUMER_OFFSETS).maxMessageBytes - BATCH_OVERHEAD_BYTES);
    },
  };
}

/** As Java prints a random UUID. */
function uuidText(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
