// Seeds that found something once. The world draws differently when a workload changes, so that they do not show the same for
// ever; each finding has a unit test of its own besides.

export interface PastFailure {
  readonly seed: number;
  readonly workload: string;
  readonly pace?: number;
  readonly found: string;
}

const lostName =
  'the name of a segment file that a killed broker had made was lost in the next power cut, the segment with it';

export const PAST_FAILURES: readonly PastFailure[] = [
  { seed: 237, workload: 'records', found: 'a full disk during a write in place kept the broker from opening again' },
  { seed: 150, workload: 'records', found: 'a log start was told before it was durable' },
  { seed: 10062, workload: 'groups', found: 'a commit answered with NOT_COORDINATOR may survive (as in Kafka)' },
  { seed: 20033, workload: 'topics', found: 'a topic whose creation was answered with KAFKA_STORAGE_ERROR may exist' },
  { seed: 234, workload: 'transactions', found: 'a clock that was set back kept a transaction open for as long' },
  {
    seed: 1795669947141,
    workload: 'groups',
    pace: 32,
    found: 'a member whose answer was lost did not know what it had',
  },
  { seed: 1795671568959, workload: 'restarts', pace: 32, found: lostName },
  { seed: 1795671568974, workload: 'retention', pace: 8, found: lostName },
  { seed: 1795673730970, workload: 'compaction', pace: 32, found: lostName },
  {
    seed: 1795700169566,
    workload: 'transactions',
    pace: 32,
    found: 'a segment that the disk refused to open during a start was reported as damaged',
  },
  {
    seed: 1795704323302,
    workload: 'compaction',
    pace: 2,
    found: 'a batch that was copied forward in the write-ahead log was written from memory that had been given up',
  },
];
