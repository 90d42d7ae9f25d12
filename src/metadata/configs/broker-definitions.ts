// Every broker key of Kafka 4.3, from the tables in broker/.
import { compactionDefinitions } from './broker/compaction.ts';
import { groupCoordinatorDefinitions } from './broker/group.ts';
import { internalTopicDefinitions } from './broker/internal-topics.ts';
import { logDefinitions } from './broker/log.ts';
import { logWithoutEffectDefinitions } from './broker/log-without-effect.ts';
import { otherDefinitions } from './broker/other.ts';
import { quorumDefinitions } from './broker/quorum.ts';
import { remoteStorageDefinitions } from './broker/remote.ts';
import { securityDefinitions } from './broker/security.ts';
import { serverDefinitions } from './broker/server.ts';
import { shareGroupDefinitions } from './broker/share-group.ts';
import { streamsGroupDefinitions } from './broker/streams-group.ts';
import { transactionDefinitions } from './broker/transaction.ts';
import type { Definitions, ValuesOf } from './definition.ts';

const typedDefinitions = {
  ...serverDefinitions,
  ...logDefinitions,
  ...logWithoutEffectDefinitions,
  ...internalTopicDefinitions,
  ...compactionDefinitions,
  ...groupCoordinatorDefinitions,
  ...transactionDefinitions,
  ...shareGroupDefinitions,
  ...streamsGroupDefinitions,
} as const;

/** Effective broker configs that code may read, by camelCase name. */
export type BrokerConfig = ValuesOf<typeof typedDefinitions>;

/** The keys behind BrokerConfig. */
export const brokerConfigNames: readonly string[] = Object.keys(typedDefinitions);

export const brokerDefinitions: Definitions = {
  ...typedDefinitions,
  ...otherDefinitions,
  ...quorumDefinitions,
  ...remoteStorageDefinitions,
  ...securityDefinitions,
};

/**
 * Names under which one thing can be set, best first (Kafka: DynamicBrokerConfig.brokerConfigSynonyms). A key that is not
 * here has only itself.
 */
const SYNONYMS: readonly (readonly string[])[] = [
  ['log.roll.ms', 'log.roll.hours'],
  ['log.roll.jitter.ms', 'log.roll.jitter.hours'],
  ['log.flush.interval.ms', 'log.flush.scheduler.interval.ms'],
  ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'],
];

export function brokerSynonyms(name: string): readonly string[] {
  return SYNONYMS.find((names) => names.includes(name)) ?? [name];
}
