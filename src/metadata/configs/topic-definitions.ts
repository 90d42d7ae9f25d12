// Every topic config of Kafka 4.3, and the broker keys that give their defaults.

import { resourceKey } from './define.ts';
import type { Effect, ValuesOf } from './definition.ts';
import { atLeast, between, gzipLevel, listOf, oneOf, throttledReplicas } from './rule.ts';

const NO_REPLICATION: Effect = {
  kind: 'unused',
  reason: 'Ottla does not replicate between brokers, so there is nothing to throttle or elect',
};
const NO_REMOTE_STORAGE: Effect = { kind: 'unused', reason: 'Ottla has no tiered storage' };
const ONE_LZ4_LEVEL: Effect = { kind: 'unused', reason: 'lz4 has one level here' };
const OWN_ALLOCATION: Effect = {
  kind: 'unused',
  reason: 'segment files are written in large pieces and never preallocated',
};

const LONG_MAX = '9223372036854775807';

export const topicDefinitions = {
  'cleanup.policy': resourceKey(
    'LIST',
    'delete',
    listOf(['compact', 'delete']),
    'What happens to old segments: delete removes them by age or size, compact keeps the last record of each key; an empty list keeps everything.',
  ),
  'compression.gzip.level': resourceKey(
    'INT',
    '-1',
    gzipLevel,
    'How hard gzip tries when the broker compresses with it; -1 is its own default.',
  ),
  'compression.lz4.level': resourceKey(
    'INT',
    '9',
    between(1, 17),
    'How hard lz4 tries when the broker compresses with it.',
    ONE_LZ4_LEVEL,
  ),
  'compression.type': resourceKey(
    'STRING',
    'producer',
    oneOf('uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'),
    'The codec batches are stored with; producer keeps whatever the producer chose.',
  ),
  'compression.zstd.level': resourceKey(
    'INT',
    '3',
    between(-131072, 22),
    'How hard zstd tries when the broker compresses with it.',
  ),
  'delete.retention.ms': resourceKey(
    'LONG',
    '86400000',
    atLeast(0),
    'How long a deletion marker stays readable in a compacted topic.',
  ),
  'file.delete.delay.ms': resourceKey(
    'LONG',
    '60000',
    atLeast(0),
    'How long a segment that was removed stays on the disk, so that readers under way can finish.',
  ),
  'flush.messages': resourceKey(
    'LONG',
    LONG_MAX,
    atLeast(1),
    'With ottla.durability=os, the topic is synced after this many records, before they are acknowledged: 1 syncs each.',
  ),
  'flush.ms': resourceKey(
    'LONG',
    LONG_MAX,
    atLeast(0),
    'With ottla.durability=os, a record is synced at most so long after it was written.',
  ),
  'follower.replication.throttled.replicas': resourceKey(
    'LIST',
    '',
    throttledReplicas,
    'Replicas whose copying is slowed down on the receiving side.',
    NO_REPLICATION,
  ),
  'index.interval.bytes': resourceKey(
    'INT',
    '4096',
    atLeast(0),
    'Bytes of log between two entries of the offset and time indexes.',
  ),
  'internal.segment.bytes': {
    ...resourceKey('INT', null, null, 'A segment size below the usual minimum, for tests.'),
    internal: true,
  },
  'leader.replication.throttled.replicas': resourceKey(
    'LIST',
    '',
    throttledReplicas,
    'Replicas whose copying is slowed down on the sending side.',
    NO_REPLICATION,
  ),
  'local.retention.bytes': resourceKey(
    'LONG',
    '-2',
    atLeast(-2),
    'Size kept on local disks once a topic is tiered; -2 means the same as retention.bytes.',
    NO_REMOTE_STORAGE,
  ),
  'local.retention.ms': resourceKey(
    'LONG',
    '-2',
    atLeast(-2),
    'Time kept on local disks once a topic is tiered; -2 means the same as retention.ms.',
    NO_REMOTE_STORAGE,
  ),
  'max.compaction.lag.ms': resourceKey(
    'LONG',
    LONG_MAX,
    atLeast(1),
    'The longest a record may wait before compaction has to look at it.',
  ),
  'max.message.bytes': resourceKey(
    'INT',
    '1048588',
    atLeast(0),
    'The largest record batch a producer may append, as it is on the wire.',
  ),
  'message.timestamp.after.max.ms': resourceKey(
    'LONG',
    '3600000',
    atLeast(0),
    'How far ahead of the broker a record timestamp may be; not looked at with LogAppendTime.',
  ),
  'message.timestamp.before.max.ms': resourceKey(
    'LONG',
    LONG_MAX,
    atLeast(0),
    'How far behind the broker a record timestamp may be; not looked at with LogAppendTime.',
  ),
  'message.timestamp.type': resourceKey(
    'STRING',
    'CreateTime',
    oneOf('CreateTime', 'LogAppendTime'),
    'Whose clock stamps records: the producer (CreateTime) or the broker at append (LogAppendTime).',
  ),
  'min.cleanable.dirty.ratio': resourceKey(
    'DOUBLE',
    '0.5',
    between(0, 1),
    'The share of not yet compacted bytes from which compaction is worth its cost.',
  ),
  'min.compaction.lag.ms': resourceKey(
    'LONG',
    '0',
    atLeast(0),
    'How long a record is safe from compaction after it was written.',
  ),
  'min.insync.replicas': resourceKey(
    'INT',
    '1',
    atLeast(1),
    'Replicas that must be in sync for acks=all to be accepted.',
  ),
  preallocate: resourceKey(
    'BOOLEAN',
    'false',
    null,
    'Whether new segment files get their full size at once.',
    OWN_ALLOCATION,
  ),
  'remote.log.copy.disable': resourceKey(
    'BOOLEAN',
    'false',
    null,
    'Stops uploading the segments of a tiered topic.',
    NO_REMOTE_STORAGE,
  ),
  'remote.log.delete.on.disable': resourceKey(
    'BOOLEAN',
    'false',
    null,
    'Removes the uploaded segments when tiering is switched off.',
    NO_REMOTE_STORAGE,
  ),
  'remote.storage.enable': resourceKey(
    'BOOLEAN',
    'false',
    null,
    'Tiers the topic to remote storage, which this broker does not have; true is refused.',
    NO_REMOTE_STORAGE,
  ),
  'retention.bytes': resourceKey(
    'LONG',
    '-1',
    null,
    'Size above which the oldest segments of a partition are removed; -1 is no limit.',
  ),
  'retention.ms': resourceKey(
    'LONG',
    '604800000',
    atLeast(-1),
    'Age at which segments are removed; -1 keeps them for ever.',
  ),
  'segment.bytes': resourceKey(
    'INT',
    '1073741824',
    atLeast(1048576),
    'Size at which a segment is closed and the next one begins.',
  ),
  'segment.index.bytes': resourceKey(
    'INT',
    '10485760',
    atLeast(4),
    'The largest an index of a segment may grow before the segment is closed.',
  ),
  'segment.jitter.ms': resourceKey(
    'LONG',
    '0',
    atLeast(0),
    'Upper bound of a random shortening of segment.ms, so that partitions do not all roll at once.',
  ),
  'segment.ms': resourceKey(
    'LONG',
    '604800000',
    atLeast(1),
    'Age at which a segment is closed even when it is not full.',
  ),
  'unclean.leader.election.enable': resourceKey(
    'BOOLEAN',
    'false',
    null,
    'Whether a replica that is behind may become leader when no other is left.',
    NO_REPLICATION,
  ),
} as const;

/** Effective configs of a topic, by camelCase name. */
export type TopicConfig = ValuesOf<typeof topicDefinitions>;

/** A broker key and what one unit of it is in the topic config's unit. The first that has a value gives the topic's default. */
export interface BrokerSynonym {
  readonly name: string;
  readonly factor: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const same = (name: string): readonly BrokerSynonym[] => [{ name, factor: 1 }];

export const topicBrokerSynonyms: Readonly<Record<string, readonly BrokerSynonym[]>> = {
  'cleanup.policy': same('log.cleanup.policy'),
  'compression.gzip.level': same('compression.gzip.level'),
  'compression.lz4.level': same('compression.lz4.level'),
  'compression.type': same('compression.type'),
  'compression.zstd.level': same('compression.zstd.level'),
  'delete.retention.ms': same('log.cleaner.delete.retention.ms'),
  'file.delete.delay.ms': same('log.segment.delete.delay.ms'),
  'flush.messages': same('log.flush.interval.messages'),
  'flush.ms': [...same('log.flush.interval.ms'), ...same('log.flush.scheduler.interval.ms')],
  'index.interval.bytes': same('log.index.interval.bytes'),
  'local.retention.bytes': same('log.local.retention.bytes'),
  'local.retention.ms': same('log.local.retention.ms'),
  'max.compaction.lag.ms': same('log.cleaner.max.compaction.lag.ms'),
  'max.message.bytes': same('message.max.bytes'),
  'message.timestamp.after.max.ms': same('log.message.timestamp.after.max.ms'),
  'message.timestamp.before.max.ms': same('log.message.timestamp.before.max.ms'),
  'message.timestamp.type': same('log.message.timestamp.type'),
  'min.cleanable.dirty.ratio': same('log.cleaner.min.cleanable.ratio'),
  'min.compaction.lag.ms': same('log.cleaner.min.compaction.lag.ms'),
  'min.insync.replicas': same('min.insync.replicas'),
  preallocate: same('log.preallocate'),
  'retention.bytes': same('log.retention.bytes'),
  'retention.ms': [
    { name: 'log.retention.ms', factor: 1 },
    { name: 'log.retention.minutes', factor: MINUTE_MS },
    { name: 'log.retention.hours', factor: HOUR_MS },
  ],
  'segment.bytes': same('log.segment.bytes'),
  'segment.index.bytes': same('log.index.size.max.bytes'),
  'segment.jitter.ms': [
    { name: 'log.roll.jitter.ms', factor: 1 },
    { name: 'log.roll.jitter.hours', factor: HOUR_MS },
  ],
  'segment.ms': [
    { name: 'log.roll.ms', factor: 1 },
    { name: 'log.roll.hours', factor: HOUR_MS },
  ],
  'unclean.leader.election.enable': same('unclean.leader.election.enable'),
};
