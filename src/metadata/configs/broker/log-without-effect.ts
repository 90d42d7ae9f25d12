// Defaults of topic configs that Ottla knows, checks and shows, but has nothing to do for.
import { brokerKey, unused } from '../define.ts';
import { atLeast, between } from '../rule.ts';

export const logWithoutEffectDefinitions = {
  ...unused('Ottla has no tiered storage', {
    'log.local.retention.bytes': brokerKey(
      'LONG',
      '-2',
      atLeast(-2),
      'MEDIUM',
      'cluster-wide',
      'Default of the topic config local.retention.bytes.',
    ),
    'log.local.retention.ms': brokerKey(
      'LONG',
      '-2',
      atLeast(-2),
      'MEDIUM',
      'cluster-wide',
      'Default of the topic config local.retention.ms.',
    ),
  }),
  ...unused('lz4 has one level here', {
    'compression.lz4.level': brokerKey(
      'INT',
      '9',
      between(1, 17),
      'MEDIUM',
      'cluster-wide',
      'Default of the topic config of the same name.',
    ),
  }),
  ...unused('segment files are written in large pieces and never preallocated', {
    'log.preallocate': brokerKey(
      'BOOLEAN',
      'false',
      null,
      'MEDIUM',
      'cluster-wide',
      'Default of the topic config preallocate.',
    ),
  }),
  ...unused('brokers do not copy records from each other, so no replica is ever behind', {
    'unclean.leader.election.enable': brokerKey(
      'BOOLEAN',
      'false',
      null,
      'HIGH',
      'cluster-wide',
      'Default of the topic config of the same name.',
    ),
  }),
} as const;
