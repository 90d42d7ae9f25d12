// What a consumer group is given by the coordinator: the topics, its settings of the moment, fresh ids.
import type { BrokerConfig } from '../metadata/configs/broker-definitions.ts';
import type { NewClassicGroup } from './migration.ts';
import type { TopicsView } from './topics-view.ts';

export interface ConsumerGroupWorld {
  /** One for all groups of the coordinator. */
  readonly topics: TopicsView;
  /** Asked at every step: settings are dynamic, and groups may have their own. */
  settings(groupId: string): ConsumerGroupSettings;
  /** For members that bring no id: a random uuid in text. */
  newMemberId(): string;
  readonly newClassicGroup: NewClassicGroup;
}

export interface ConsumerGroupSettings {
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** Shortest time between two target assignments. */
  readonly assignmentIntervalMs: number;
  readonly sizeMax: number;
  /** `group.max.size`: a larger group is not given back to the classic protocol. */
  readonly classicSizeMax: number;
  readonly regexRefreshIntervalMs: number;
  /** Names, the default first. */
  readonly assignors: readonly string[];
  readonly upgrades: boolean;
  readonly downgrades: boolean;
}

/** The broker's settings with a group's own overrides (resource `group:<id>` of the metadata image). */
export function consumerGroupSettings(
  broker: BrokerConfig,
  overrides: ReadonlyMap<string, string> = new Map(),
): ConsumerGroupSettings {
  const own = (name: string, otherwise: number) => {
    const text = overrides.get(`consumer.${name}`);
    return text === undefined ? otherwise : Number(text);
  };
  const policy = broker.groupConsumerMigrationPolicy.toLowerCase();
  return {
    sessionTimeoutMs: own('session.timeout.ms', broker.groupConsumerSessionTimeoutMs),
    heartbeatIntervalMs: own('heartbeat.interval.ms', broker.groupConsumerHeartbeatIntervalMs),
    assignmentIntervalMs: own('assignment.interval.ms', broker.groupConsumerAssignmentIntervalMs),
    sizeMax: broker.groupConsumerMaxSize,
    classicSizeMax: broker.groupMaxSize,
    regexRefreshIntervalMs: broker.groupConsumerRegexRefreshIntervalMs,
    assignors: broker.groupConsumerAssignors.map(assignorName),
    upgrades: policy === 'bidirectional' || policy === 'upgrade',
    downgrades: policy === 'bidirectional' || policy === 'downgrade',
  };
}

/** Kafka's configs may name the assignors by their Java classes. */
function assignorName(name: string): string {
  if (name === 'org.apache.kafka.coordinator.group.assignor.UniformAssignor') return 'uniform';
  if (name === 'org.apache.kafka.coordinator.group.assignor.RangeAssignor') return 'range';
  return name;
}
