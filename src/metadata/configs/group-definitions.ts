// Configs of group and client-metrics resources in Kafka 4.3. A group's defaults come from the broker key of the same name with `group.` before it.
import { resourceKey } from './define.ts';
import type { Effect, ValuesOf } from './definition.ts';
import { atLeast, oneOf, shareOffsetReset } from './rule.ts';

const CONSUMER: Effect = { kind: 'honoured' };
const SHARE: Effect = { kind: 'later', feature: 'share groups' };
const STREAMS: Effect = { kind: 'later', feature: 'streams groups' };
const TELEMETRY: Effect = { kind: 'later', feature: 'client telemetry' };

export const groupDefinitions = {
  'consumer.assignment.interval.ms': resourceKey(
    'INT',
    '1000',
    atLeast(0),
    'Shortest time between two new assignments of the group.',
    CONSUMER,
  ),
  'consumer.heartbeat.interval.ms': resourceKey(
    'INT',
    '5000',
    atLeast(1),
    'How often members are asked to report.',
    CONSUMER,
  ),
  'consumer.session.timeout.ms': resourceKey(
    'INT',
    '45000',
    atLeast(1),
    'A member that is silent for this long has left.',
    CONSUMER,
  ),
  'share.assignment.interval.ms': resourceKey(
    'INT',
    '1000',
    atLeast(0),
    'Shortest time between two new assignments of the group.',
    SHARE,
  ),
  'share.auto.offset.reset': resourceKey(
    'STRING',
    'latest',
    shareOffsetReset,
    'Where the group begins in a partition it has not read: latest, earliest or by_duration:<ISO 8601 duration>.',
    SHARE,
  ),
  'share.delivery.count.limit': resourceKey(
    'INT',
    '5',
    atLeast(2),
    'How often a record is delivered before it is given up.',
    SHARE,
  ),
  'share.heartbeat.interval.ms': resourceKey(
    'INT',
    '5000',
    atLeast(1),
    'How often members are asked to report.',
    SHARE,
  ),
  'share.isolation.level': resourceKey(
    'STRING',
    'read_uncommitted',
    oneOf('read_committed', 'read_uncommitted'),
    'Whether records of open and aborted transactions are delivered.',
    SHARE,
  ),
  'share.partition.max.record.locks': resourceKey(
    'INT',
    '2000',
    atLeast(100),
    'Records of one partition that may be out for delivery at a time.',
    SHARE,
  ),
  'share.record.lock.duration.ms': resourceKey(
    'INT',
    '30000',
    atLeast(1000),
    'How long a delivered record waits for its acknowledgement.',
    SHARE,
  ),
  'share.renew.acknowledge.enable': resourceKey(
    'BOOLEAN',
    'true',
    null,
    'Whether a member may ask for more time for a record.',
    SHARE,
  ),
  'share.session.timeout.ms': resourceKey(
    'INT',
    '45000',
    atLeast(1),
    'A member that is silent for this long has left.',
    SHARE,
  ),
  'streams.assignment.interval.ms': resourceKey(
    'INT',
    '1000',
    atLeast(0),
    'Shortest time between two new assignments of the group.',
    STREAMS,
  ),
  'streams.heartbeat.interval.ms': resourceKey(
    'INT',
    '5000',
    atLeast(1),
    'How often members are asked to report.',
    STREAMS,
  ),
  'streams.initial.rebalance.delay.ms': resourceKey(
    'INT',
    '3000',
    atLeast(0),
    'How long the first assignment waits for more members.',
    STREAMS,
  ),
  'streams.num.standby.replicas': resourceKey(
    'INT',
    '0',
    atLeast(0),
    "Warm copies kept of each task's state.",
    STREAMS,
  ),
  'streams.session.timeout.ms': resourceKey(
    'INT',
    '45000',
    atLeast(1),
    'A member that is silent for this long has left.',
    STREAMS,
  ),
} as const;

/** Effective configs of a group, by camelCase name. */
export type GroupConfig = ValuesOf<typeof groupDefinitions>;

export const clientMetricsDefinitions = {
  'interval.ms': resourceKey('INT', '300000', null, 'How often matching clients push their metrics.', TELEMETRY),
  match: resourceKey('LIST', '', null, 'Which clients the subscription is for, as name=pattern pairs.', TELEMETRY),
  metrics: resourceKey('LIST', '', null, 'Prefixes of the metrics asked for; * is all of them.', TELEMETRY),
} as const;
