// Kafka's features (KIP-584): names with a range of levels that the broker can do and one level in force. Clients look
// at some of them (`transaction.version` decides how a Java producer runs its transactions, `group.version` whether the new
// consumer protocol is tried), so a feature stands here only when what it promises works. Levels in force are part of the cluster's
// metadata once there is a feature with more than one level; until then the highest is in force.
import type { Metadata } from '../metadata/image.ts';

export interface SupportedFeature {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export interface FinalizedFeature {
  readonly name: string;
  readonly level: number;
}

export interface Features {
  readonly supported: readonly SupportedFeature[];
  /** In force now; a feature at level 0 is left out. */
  finalized(): readonly FinalizedFeature[];
  /** Rises with every change of what is finalized. */
  epoch(): number;
}

export const METADATA_VERSION = 'metadata.version';
const GROUP_VERSION = 'group.version';
const TRANSACTION_VERSION = 'transaction.version';

/**
 * What this version can do. `group.version` 1 is the consumer protocol of KIP-848; `transaction.version` 2 are transactions
 * whose every end raises the producer's epoch (KIP-890). `metadata.version` is how tools tell
 * which Kafka this is: 30 is 4.3; the lower levels are those that Kafka 4.3 starts from.
 */
export const SUPPORTED_FEATURES: readonly SupportedFeature[] = [
  { name: GROUP_VERSION, minVersion: 0, maxVersion: 1 },
  { name: METADATA_VERSION, minVersion: 7, maxVersion: 30 },
  { name: TRANSACTION_VERSION, minVersion: 0, maxVersion: 2 },
];

export function features(
  metadata: Pick<Metadata, 'image'>,
  supported: readonly SupportedFeature[] = SUPPORTED_FEATURES,
): Features {
  return {
    supported,
    finalized: () =>
      supported.filter(({ maxVersion }) => maxVersion > 0).map(({ name, maxVersion }) => ({ name, level: maxVersion })),
    epoch: () => metadata.image.version,
  };
}

/** The level of `transaction.version` in force. */
export function transactionVersion(features: Pick<Features, 'finalized'>): number {
  return features.finalized().find(({ name }) => name === TRANSACTION_VERSION)?.level ?? 0;
}

/** Whether members of the consumer protocol are taken. */
export function hasConsumerGroups(
  features: Pick<Features, 'finalized'>,
  broker: { readonly groupCoordinatorRebalanceProtocols: readonly string[] },
): boolean {
  const level = features.finalized().find(({ name }) => name === GROUP_VERSION)?.level ?? 0;
  return level >= 1 && broker.groupCoordinatorRebalanceProtocols.includes('consumer');
}
