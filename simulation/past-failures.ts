// Seeds that found something once. The world draws differently when a workload changes, so that they do not show the same for
// ever; each finding has a unit test of its own besides.

export const PAST_FAILURES: readonly { readonly seed: number; readonly workload: string; readonly found: string }[] = [
  { seed: 237, workload: 'records', found: 'a full disk during a write in place kept the broker from opening again' },
  { seed: 150, workload: 'records', found: 'a log start was told before it was durable' },
  { seed: 10062, workload: 'groups', found: 'a commit answered with NOT_COORDINATOR may survive (as in Kafka)' },
  { seed: 20033, workload: 'topics', found: 'a topic whose creation was answered with KAFKA_STORAGE_ERROR may exist' },
  { seed: 234, workload: 'transactions', found: 'a clock that was set back kept a transaction open for as long' },
];
