// What broker configs must fulfil together (Kafka: KafkaConfig.validateValues and the configs of each coordinator).
import type { BrokerConfig } from './broker-definitions.ts';

const MEBIBYTE = 1024 * 1024;

/** One sentence per problem; empty when all is well. */
export function brokerObjections(config: BrokerConfig): string[] {
  return [...logObjections(config), ...connectionObjections(config), ...groupObjections(config)];
}

function logObjections(config: BrokerConfig): string[] {
  const objections: string[] = [];
  const retention = config.logRetentionMs ?? config.logRetentionMinutes ?? config.logRetentionHours;
  if (retention === 0) objections.push('log.retention.ms must be unlimited (-1) or, greater than or equal to 1');
  if (config.logRollMs !== null && config.logRollMs < 1)
    objections.push('log.roll.ms must be greater than or equal to 1');
  if (config.logRollJitterMs !== null && config.logRollJitterMs < 0) {
    objections.push('log.roll.jitter.ms must be greater than or equal to 0');
  }
  if (config.logCleanerMinCompactionLagMs > config.logCleanerMaxCompactionLagMs) {
    objections.push('log.cleaner.min.compaction.lag.ms must not be greater than log.cleaner.max.compaction.lag.ms');
  }
  // Kafka fails at the division by 0 threads.
  const { logCleanerDedupeBufferSize, logCleanerThreads } = config;
  if (logCleanerThreads === 0 || logCleanerDedupeBufferSize / logCleanerThreads <= MEBIBYTE) {
    objections.push('log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.');
  }
  return objections;
}

function connectionObjections(config: BrokerConfig): string[] {
  const objections: string[] = [];
  const queued = config.queuedMaxRequestBytes;
  if (queued > 0 && queued < config.socketRequestMaxBytes) {
    objections.push('queued.max.request.bytes must be larger or equal to socket.request.max.bytes');
  }
  if (config.maxConnectionsPerIp === 0 && config.maxConnectionsPerIpOverrides === '') {
    objections.push(
      'max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set',
    );
  }
  for (const each of config.maxConnectionsPerIpOverrides.split(',')) {
    if (each.trim() !== '' && !/^.+:\d{1,9}$/.test(each.trim())) {
      objections.push(`max.connections.per.ip.overrides has "${each.trim()}", which is not address:count`);
    }
  }
  return objections;
}

function groupObjections(config: BrokerConfig): string[] {
  const notBelow = (name: string, value: number, otherName: string, other: number): string[] =>
    value < other ? [`${name} must be greater than or equal to ${otherName}`] : [];
  const within = (prefix: string, key: string, min: number, value: number, max: number): string[] => [
    ...notBelow(`${prefix}.max.${key}`, max, `${prefix}.min.${key}`, min),
    ...notBelow(`${prefix}.${key}`, value, `${prefix}.min.${key}`, min),
    ...notBelow(`${prefix}.max.${key}`, max, `${prefix}.${key}`, value),
  ];
  const c = config;
  return [
    ...notBelow(
      'group.max.session.timeout.ms',
      c.groupMaxSessionTimeoutMs,
      'group.min.session.timeout.ms',
      c.groupMinSessionTimeoutMs,
    ),
    ...within(
      'group.consumer',
      'heartbeat.interval.ms',
      c.groupConsumerMinHeartbeatIntervalMs,
      c.groupConsumerHeartbeatIntervalMs,
      c.groupConsumerMaxHeartbeatIntervalMs,
    ),
    ...within(
      'group.consumer',
      'session.timeout.ms',
      c.groupConsumerMinSessionTimeoutMs,
      c.groupConsumerSessionTimeoutMs,
      c.groupConsumerMaxSessionTimeoutMs,
    ),
    ...within(
      'group.share',
      'heartbeat.interval.ms',
      c.groupShareMinHeartbeatIntervalMs,
      c.groupShareHeartbeatIntervalMs,
      c.groupShareMaxHeartbeatIntervalMs,
    ),
    ...within(
      'group.share',
      'session.timeout.ms',
      c.groupShareMinSessionTimeoutMs,
      c.groupShareSessionTimeoutMs,
      c.groupShareMaxSessionTimeoutMs,
    ),
    ...within(
      'group.share',
      'record.lock.duration.ms',
      c.groupShareMinRecordLockDurationMs,
      c.groupShareRecordLockDurationMs,
      c.groupShareMaxRecordLockDurationMs,
    ),
    ...within(
      'group.streams',
      'heartbeat.interval.ms',
      c.groupStreamsMinHeartbeatIntervalMs,
      c.groupStreamsHeartbeatIntervalMs,
      c.groupStreamsMaxHeartbeatIntervalMs,
    ),
    ...within(
      'group.streams',
      'session.timeout.ms',
      c.groupStreamsMinSessionTimeoutMs,
      c.groupStreamsSessionTimeoutMs,
      c.groupStreamsMaxSessionTimeoutMs,
    ),
  ];
}
