// The workloads: which programs run against the broker, over which topics, with which faults.
import type { Durability } from '../../src/settings.ts';
import type { FaultKind } from '../world/faults.ts';
import { idempotentProducer, libraryProducer, plainProducer } from './producers.ts';
import type { Program } from './program.ts';
import { offsetLister, reader, recordDeleter } from './readers.ts';

export interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
  readonly loses?: 'oldest' | 'replaced';
}

export interface Workload {
  readonly name: string;
  readonly durabilities: readonly Durability[];
  readonly topics: readonly TopicPlan[];
  /** By name of the process. */
  readonly programs: Readonly<Record<string, Program>>;
  readonly faults: readonly FaultKind[];
  readonly faultsMax: number;
  /** A broker that crashed is down for at most so long. */
  readonly downMsMax?: number;
  /** How long clients work, in virtual time, when nobody says otherwise. */
  readonly durationMs: number;
}

export const CRASHES: readonly FaultKind[] = [
  'kill',
  'power-cut',
  'clean-stop',
  'kill-at-operation',
  'power-cut-at-operation',
  'power-cut-at-operation',
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

export const WORKLOADS: readonly Workload[] = [records, restarts, retries];
