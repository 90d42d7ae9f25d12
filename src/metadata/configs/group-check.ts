// Whether a group or a client-metrics subscription may have these overrides (Kafka: GroupConfig, ClientMetricsConfigs).
import { ErrorCode } from '../../protocol/error-code.ts';
import { refuse } from '../refusal.ts';
import type { BrokerConfig } from './broker-definitions.ts';
import { type ConfigValue, type Definitions, definitionOf } from './definition.ts';
import { clientMetricsDefinitions, groupDefinitions } from './group-definitions.ts';
import { ConfigError, parseConfig, splitList } from './parse-value.ts';
import { checkLength, hint } from './topic-check.ts';

/** Throws ConfigError. The limits are the broker's `group.<kind>.min/max.*`. */
export function checkGroupOverrides(overrides: ReadonlyMap<string, string>, broker: BrokerConfig): void {
  const values = new Map<string, number>();
  for (const [name, text] of overrides) {
    const value = parseKnown(name, text, groupDefinitions, 'Unknown group config name');
    if (typeof value === 'number') values.set(name, value);
  }
  for (const [name, limits] of Object.entries(limitsOf(broker))) {
    const value = values.get(name);
    if (value === undefined) continue;
    const [kind, ...rest] = name.split('.');
    const bound = (which: string) => `group.${kind}.${which}.${rest.join('.')}`;
    if (limits.min !== undefined && value < limits.min) {
      throw new ConfigError(`${name} must be greater than or equal to ${bound('min')}`);
    }
    if (limits.max !== undefined && value > limits.max) {
      throw new ConfigError(`${name} must be less than or equal to ${bound('max')}`);
    }
  }
  for (const kind of ['consumer', 'share', 'streams']) {
    const session = values.get(`${kind}.session.timeout.ms`);
    const heartbeat = values.get(`${kind}.heartbeat.interval.ms`);
    if (session !== undefined && heartbeat !== undefined && session <= heartbeat) {
      throw new ConfigError(`${kind}.session.timeout.ms must be greater than ${kind}.heartbeat.interval.ms`);
    }
  }
}

const METRICS_INTERVAL_MIN_MS = 100;
const METRICS_INTERVAL_MAX_MS = 3_600_000;
const METRICS_MATCH_NAMES: readonly string[] = [
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
];

/** Throws ConfigError or a Refusal: Kafka answers INVALID_REQUEST for unknown names and intervals here. */
export function checkClientMetricsOverrides(overrides: ReadonlyMap<string, string>): void {
  for (const [name, text] of overrides) {
    if (!Object.hasOwn(clientMetricsDefinitions, name)) {
      refuse(ErrorCode.INVALID_REQUEST, `Unknown client metrics configuration: ${name}`);
    }
    const value = parseKnown(name, text, clientMetricsDefinitions, '');
    const outside = typeof value === 'number' && (value < METRICS_INTERVAL_MIN_MS || value > METRICS_INTERVAL_MAX_MS);
    if (outside) {
      refuse(
        ErrorCode.INVALID_REQUEST,
        `Invalid value ${value} for interval.ms, interval must be between ${METRICS_INTERVAL_MIN_MS} and ${METRICS_INTERVAL_MAX_MS} (1 hour)`,
      );
    }
  }
  for (const pattern of splitList(overrides.get('match') ?? '')) {
    const [name, ...rest] = pattern.split('=');
    if (rest.length !== 1 || !METRICS_MATCH_NAMES.includes((name as string).trim()) || rest[0]?.trim() === '') {
      throw new ConfigError(`Illegal client matching pattern: ${pattern}`);
    }
  }
}

function parseKnown(name: string, text: string, definitions: Definitions, unknown: string): ConfigValue {
  const definition = definitionOf(definitions, name);
  if (definition === undefined) throw new ConfigError(`${unknown}: ${name}${hint(name, definitions)}`);
  checkLength(name, text);
  return parseConfig(name, definition, text);
}

function limitsOf(broker: BrokerConfig): Record<string, { min?: number; max?: number }> {
  return {
    'consumer.assignment.interval.ms': {
      min: broker.groupConsumerMinAssignmentIntervalMs,
      max: broker.groupConsumerMaxAssignmentIntervalMs,
    },
    'consumer.heartbeat.interval.ms': {
      min: broker.groupConsumerMinHeartbeatIntervalMs,
      max: broker.groupConsumerMaxHeartbeatIntervalMs,
    },
    'consumer.session.timeout.ms': {
      min: broker.groupConsumerMinSessionTimeoutMs,
      max: broker.groupConsumerMaxSessionTimeoutMs,
    },
    'share.assignment.interval.ms': {
      min: broker.groupShareMinAssignmentIntervalMs,
      max: broker.groupShareMaxAssignmentIntervalMs,
    },
    'share.delivery.count.limit': {
      min: broker.groupShareMinDeliveryCountLimit,
      max: broker.groupShareMaxDeliveryCountLimit,
    },
    'share.heartbeat.interval.ms': {
      min: broker.groupShareMinHeartbeatIntervalMs,
      max: broker.groupShareMaxHeartbeatIntervalMs,
    },
    'share.partition.max.record.locks': {
      min: broker.groupShareMinPartitionMaxRecordLocks,
      max: broker.groupShareMaxPartitionMaxRecordLocks,
    },
    'share.record.lock.duration.ms': {
      min: broker.groupShareMinRecordLockDurationMs,
      max: broker.groupShareMaxRecordLockDurationMs,
    },
    'share.session.timeout.ms': {
      min: broker.groupShareMinSessionTimeoutMs,
      max: broker.groupShareMaxSessionTimeoutMs,
    },
    'streams.assignment.interval.ms': {
      min: broker.groupStreamsMinAssignmentIntervalMs,
      max: broker.groupStreamsMaxAssignmentIntervalMs,
    },
    'streams.heartbeat.interval.ms': {
      min: broker.groupStreamsMinHeartbeatIntervalMs,
      max: broker.groupStreamsMaxHeartbeatIntervalMs,
    },
    'streams.num.standby.replicas': { max: broker.groupStreamsMaxStandbyReplicas },
    'streams.session.timeout.ms': {
      min: broker.groupStreamsMinSessionTimeoutMs,
      max: broker.groupStreamsMaxSessionTimeoutMs,
    },
  };
}
