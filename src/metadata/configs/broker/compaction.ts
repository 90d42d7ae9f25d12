// Log compaction: when it runs, how much memory and disk it may use, and the defaults of topics.
import { brokerKey, unused } from '../define.ts';
import { atLeast, between } from '../rule.ts';

export const compactionDefinitions = {
  'log.cleaner.backoff.ms': brokerKey(
    'LONG',
    '15000',
    atLeast(0),
    'MEDIUM',
    'cluster-wide',
    'Pause of compaction when nothing needs it.',
  ),
  'log.cleaner.dedupe.buffer.size': brokerKey(
    'LONG',
    '134217728',
    null,
    'MEDIUM',
    'cluster-wide',
    'Memory for the map of keys that compaction builds.',
  ),
  'log.cleaner.delete.retention.ms': brokerKey(
    'LONG',
    '86400000',
    atLeast(0),
    'MEDIUM',
    'cluster-wide',
    'Default of the topic config delete.retention.ms.',
  ),
  'log.cleaner.enable': brokerKey('BOOLEAN', 'true', null, 'MEDIUM', 'read-only', 'Whether compaction runs at all.'),
  'log.cleaner.io.buffer.load.factor': brokerKey(
    'DOUBLE',
    '0.9',
    null,
    'MEDIUM',
    'cluster-wide',
    'How full the map of keys may get before compaction starts to write.',
  ),
  'log.cleaner.io.buffer.size': brokerKey(
    'INT',
    '524288',
    atLeast(0),
    'MEDIUM',
    'cluster-wide',
    'Memory for the bytes compaction reads and writes.',
  ),
  'log.cleaner.io.max.bytes.per.second': brokerKey(
    'DOUBLE',
    '1.7976931348623157E308',
    null,
    'MEDIUM',
    'cluster-wide',
    'Upper bound of what compaction reads and writes per second.',
  ),
  'log.cleaner.max.compaction.lag.ms': brokerKey(
    'LONG',
    '9223372036854775807',
    atLeast(1),
    'MEDIUM',
    'cluster-wide',
    'Default of the topic config max.compaction.lag.ms.',
  ),
  'log.cleaner.min.cleanable.ratio': brokerKey(
    'DOUBLE',
    '0.5',
    between(0, 1),
    'MEDIUM',
    'cluster-wide',
    'Default of the topic config min.cleanable.dirty.ratio.',
  ),
  'log.cleaner.min.compaction.lag.ms': brokerKey(
    'LONG',
    '0',
    atLeast(0),
    'MEDIUM',
    'cluster-wide',
    'Default of the topic config min.compaction.lag.ms.',
  ),
  ...unused('one log is compacted at a time', {
    'log.cleaner.threads': brokerKey(
      'INT',
      '1',
      atLeast(0),
      'MEDIUM',
      'cluster-wide',
      'Compactions that run side by side.',
    ),
  } as const),
} as const;
