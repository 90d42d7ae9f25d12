// The workloads: which programs run against the broker, over which topics, with which faults.
import type { Durability } from '../../src/settings.ts';
import type { Losing } from '../history.ts';
import type { FaultKind } from '../world/faults.ts';
import { classicMember } from './classic-member.ts';
import { copier } from './copiers.ts';
import { committer, consumerMember } from './groups.ts';
import { prober } from './prober.ts';
import { idempotentProducer, largeProducer, libraryProducer, plainProducer } from './producers.ts';
import type { Program } from './program.ts';
import { offsetLister, reader, recordDeleter } from './readers.ts';
import { configAlterer, onlooker, topicMaker } from './topic-admins.ts';
import { transactionalProducer } from './transactional-producers.ts';

export interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
  readonly loses?: Losing;
}

export interface Workload {
  readonly name: string;
  readonly durabilities: readonly Durability[];
  readonly topics: readonly TopicPlan[];
  /** Of the broker. */
  readonly settings?: Readonly<Record<string, number>>;
  /** By name of the process. */
  readonly programs: Readonly<Record<string, Program>>;
  /** Those that wait for the others to end. */
  readonly members?: Readonly<Record<string, Program>>;
  readonly faults: readonly FaultKind[];
  readonly faultsMax: number;
  /** A broker that crashed is down for at most so long. */
  readonly downMsMax?: number;
  /** How long clients work, in virtual time, when nobody says otherwise. */
  readonly durationMs: number;
  /** Takes seconds, so that it runs when it is asked for, and with every fiftieth seed. */
  readonly isRare?: boolean;
}

export const CRASHES: readonly FaultKind[] = [
  'kill',
  'power-cut',
  'clean-stop',
  'kill-at-operation',
  'power-cut-at-operation',
  'kill-during-sync',
  'power-cut-during-sync',
  'power-cut-during-sync',
  'kill-then-power-cut',
  'failed-sync-then-power-cut',
  'stuck-disk-then-power-cut',
];

export const ALL_FAULTS: readonly FaultKind[] = [
  ...CRASHES,
  ...CRASHES,
  'broken-connections',
  'cut-off-client',
  'slow-network',
  'slow-disk',
  'stuck-disk',
  'full-disk',
  'disk-error',
  'stopped-broker',
  'stopped-client',
  'clock-jump',
];

const SMALL_SEGMENTS = { 'internal.segment.bytes': '30000', 'index.interval.bytes': '1000' };

const records: Workload = {
  name: 'records',
  durabilities: ['fsync', 'fsync', 'os'],
  topics: [
    { name: 'one', partitions: 1, configs: SMALL_SEGMENTS },
    { name: 'three', partitions: 3, configs: SMALL_SEGMENTS },
  ],
  programs: {
    'plain-1': plainProducer,
    'plain-2': plainProducer,
    'idempotent-1': idempotentProducer,
    'idempotent-2': idempotentProducer,
    library: libraryProducer,
    'reader-1': reader,
    'reader-2': reader,
    lister: offsetLister,
    deleter: recordDeleter,
  },
  faults: ALL_FAULTS,
  faultsMax: 8,
  durationMs: 8_000,
};

/** Few records, and a broker that is hardly ever up for long. */
const restarts: Workload = {
  ...records,
  name: 'restarts',
  durabilities: ['fsync'],
  programs: {
    'plain-1': plainProducer,
    'idempotent-1': idempotentProducer,
    'reader-1': reader,
    'reader-2': reader,
    lister: offsetLister,
    deleter: recordDeleter,
  },
  faults: [...CRASHES, 'slow-disk', 'stuck-disk', 'disk-error'],
  faultsMax: 16,
  downMsMax: 300,
};

/** Batches that go to their segments at once, and a disk that keeps parts of them. */
const large: Workload = {
  ...restarts,
  name: 'large',
  topics: [{ name: 'one', partitions: 1, configs: { ...SMALL_SEGMENTS, 'internal.segment.bytes': '200000' } }],
  programs: { 'large-1': largeProducer, 'large-2': largeProducer, 'plain-1': plainProducer, 'reader-1': reader },
  faults: [...CRASHES, 'power-cut-during-sync', 'stuck-disk-then-power-cut', 'full-disk'],
};

/** Producers whose answers are late or get lost. */
const retries: Workload = {
  ...records,
  name: 'retries',
  topics: [{ name: 'one', partitions: 2, configs: SMALL_SEGMENTS }],
  programs: {
    'idempotent-1': idempotentProducer,
    'idempotent-2': idempotentProducer,
    'idempotent-3': idempotentProducer,
    library: libraryProducer,
    'reader-1': reader,
  },
  faults: [
    ...CRASHES,
    'broken-connections',
    'broken-connections',
    'stuck-disk',
    'slow-disk',
    'slow-network',
    'cut-off-client',
  ],
  faultsMax: 12,
};

/** Groups of both protocols over a few topics, and offsets kept without members. */
const groups: Workload = {
  ...records,
  name: 'groups',
  topics: [
    { name: 'one', partitions: 2, configs: SMALL_SEGMENTS },
    { name: 'two', partitions: 3, configs: SMALL_SEGMENTS },
  ],
  programs: {
    'plain-1': plainProducer,
    'idempotent-1': idempotentProducer,
    'keeper-1': committer,
    'keeper-2': committer,
  },
  members: {
    'consumer-1': consumerMember('new'),
    'consumer-2': consumerMember('new'),
    'consumer-3': consumerMember('new'),
    'classic-1': classicMember('old'),
    'classic-2': classicMember('old'),
  },
};

/** A disk that others fill for long: everybody gets an answer, and all goes on when there is room. */
const full: Workload = {
  ...records,
  name: 'full',
  programs: {
    'prober-1': prober,
    'plain-1': plainProducer,
    'reader-1': reader,
    deleter: recordDeleter,
  },
  // Nothing that would keep answers away for a reason.
  faults: ['full-disk', 'last-byte-taken', 'last-byte-taken', 'broken-connections', 'slow-client'],
  faultsMax: 4,
  downMsMax: 60_000,
  durationMs: 40_000,
};

/** Topics that come and go, and whose configs change. */
const topics: Workload = {
  ...records,
  name: 'topics',
  topics: [{ name: 'lasting', partitions: 1, configs: SMALL_SEGMENTS }],
  programs: {
    'maker-1': topicMaker,
    'maker-2': topicMaker,
    'alterer-1': configAlterer,
    'alterer-2': configAlterer,
    'onlooker-1': onlooker,
    'onlooker-2': onlooker,
    'plain-1': plainProducer,
    'plain-2': plainProducer,
    'idempotent-1': idempotentProducer,
    'reader-1': reader,
  },
};

/** Topics that lose their oldest records by size and by age. */
const retention: Workload = {
  ...records,
  name: 'retention',
  faults: [...ALL_FAULTS, 'slow-client', 'slow-client'],
  topics: [
    {
      name: 'by-size',
      partitions: 2,
      loses: 'oldest',
      configs: { ...SMALL_SEGMENTS, 'retention.bytes': '60000', 'file.delete.delay.ms': '100' },
    },
    {
      name: 'by-age',
      partitions: 1,
      loses: 'oldest',
      configs: { ...SMALL_SEGMENTS, 'retention.ms': '3000', 'file.delete.delay.ms': '0' },
    },
  ],
};

const COMPACTED = {
  ...SMALL_SEGMENTS,
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0.01',
  'delete.retention.ms': '1000',
  'file.delete.delay.ms': '100',
};

/** Topics that keep the newest record of each key, with transactions in them. */
const compaction: Workload = {
  ...records,
  name: 'compaction',
  settings: { 'log.cleaner.backoff.ms': 300 },
  faults: [...ALL_FAULTS, 'slow-client', 'slow-client'],
  topics: [
    { name: 'one', partitions: 1, loses: 'replaced', configs: COMPACTED },
    { name: 'two', partitions: 2, loses: 'replaced', configs: { ...COMPACTED, 'internal.segment.bytes': '8000' } },
    {
      name: 'both',
      partitions: 1,
      loses: 'both',
      configs: { ...COMPACTED, 'cleanup.policy': 'compact,delete', 'retention.ms': '4000' },
    },
  ],
  programs: {
    'plain-1': plainProducer,
    'plain-2': plainProducer,
    'idempotent-1': idempotentProducer,
    'idempotent-2': idempotentProducer,
    'transactional-1': transactionalProducer,
    'transactional-2': transactionalProducer,
    'reader-1': reader,
    'reader-2': reader,
    lister: offsetLister,
  },
  faultsMax: 10,
};

/** More partitions than one would count. */
const many: Workload = {
  ...records,
  name: 'many',
  topics: [{ name: 'thousand', partitions: 1_000, configs: SMALL_SEGMENTS }],
  programs: {
    'plain-1': plainProducer,
    'plain-2': plainProducer,
    'idempotent-1': idempotentProducer,
    'deleter-1': recordDeleter,
  },
  durationMs: 4_000,
  faultsMax: 3,
  isRare: true,
};

/** Transactions among other producers. */
const transactions: Workload = {
  ...records,
  name: 'transactions',
  topics: [
    { name: 'one', partitions: 1, configs: SMALL_SEGMENTS },
    { name: 'two', partitions: 2, configs: SMALL_SEGMENTS },
  ],
  programs: {
    'transactional-1': transactionalProducer,
    'transactional-2': transactionalProducer,
    'transactional-3': transactionalProducer,
    'plain-1': plainProducer,
    'reader-1': reader,
    'reader-2': reader,
    lister: offsetLister,
  },
  faultsMax: 10,
};

/** A clock that was set back may stay so for good. */
const COPIED = { ...SMALL_SEGMENTS, 'message.timestamp.after.max.ms': String(2 ** 53 - 1) };

/** Exactly once: copies and the offsets behind them in one transaction, by groups of both protocols. */
const copies: Workload = {
  ...records,
  name: 'copies',
  topics: [
    { name: 'input', partitions: 2, configs: SMALL_SEGMENTS },
    { name: 'copies-classic', partitions: 2, configs: COPIED },
    { name: 'copies-consumer', partitions: 2, configs: COPIED },
  ],
  programs: {
    'plain-1': plainProducer,
    'idempotent-1': idempotentProducer,
    'transactional-1': transactionalProducer,
  },
  members: {
    'classic-1': copier('classic'),
    'classic-2': copier('classic'),
    'classic-3': copier('classic'),
    'consumer-1': copier('consumer'),
    'consumer-2': copier('consumer'),
    'consumer-3': copier('consumer'),
  },
  faults: [...ALL_FAULTS, 'stopped-client', 'stopped-client'],
  faultsMax: 10,
};

export const WORKLOADS: readonly Workload[] = [
  records,
  restarts,
  large,
  retries,
  full,
  groups,
  topics,
  retention,
  transactions,
  copies,
  compaction,
  many,
];
