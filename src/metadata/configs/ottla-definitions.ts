// Ottla's own settings: what Kafka has no name for.
import { brokerKey } from './define.ts';
import { atLeast, between, oneOf } from './rule.ts';

export const ottlaDefinitions = {
  'ottla.durability': brokerKey(
    'STRING',
    null,
    oneOf('fsync', 'os', 'memory'),
    'HIGH',
    'read-only',
    'What an acknowledged acks=all write survives: fsync a power cut, os a killed process, memory nothing. Without a value: fsync with a data directory, memory without one.',
  ),
  'ottla.wal.max.bytes': brokerKey(
    'LONG',
    '268435456',
    atLeast(16777216),
    'MEDIUM',
    'read-only',
    'Size of the write-ahead log, all its files together; it bounds the time a start after a crash takes.',
  ),
  'ottla.wal.file.bytes': brokerKey(
    'INT',
    '67108864',
    between(4194304, 1073741824),
    'LOW',
    'read-only',
    'Size of one file of the write-ahead log.',
  ),
  'ottla.tail.max.bytes': brokerKey(
    'LONG',
    '134217728',
    atLeast(1048576),
    'MEDIUM',
    'read-only',
    'Memory for the newest batches of all partitions, from which consumers that keep up are served. What a slow disk makes it hold beyond that is taken from ottla.request.memory.max.bytes: clients wait.',
  ),
  'ottla.request.memory.max.bytes': brokerKey(
    'LONG',
    '268435456',
    atLeast(1048576),
    'MEDIUM',
    'read-only',
    'Memory for requests that were read and not yet answered; reading pauses above it. queued.max.request.bytes, when set, wins.',
  ),
  'ottla.released.memory.poison': brokerKey(
    'BOOLEAN',
    'false',
    null,
    'LOW',
    'read-only',
    'Overwrites memory before it is used again, so that a use after its release shows. To hunt bugs with; costs throughput.',
  ),
  'ottla.replication.factor.clamp': brokerKey(
    'BOOLEAN',
    'false',
    null,
    'MEDIUM',
    'read-only',
    'Gives a topic that asks for more replicas than there are brokers as many as there are, instead of refusing it.',
  ),
  'ottla.partitions.per.topic.max': brokerKey(
    'INT',
    '10000',
    between(1, 1000000),
    'LOW',
    'read-only',
    'Partitions one topic may have.',
  ),
} as const;
