// What storage counts: sizes of logs, work of retention and of compaction.
import type { Counter, Metrics, Sample } from '../metrics/metrics.ts';
import type { Log } from './partition-log.ts';

/** Why retention removed a segment: its age, the log's size, or the start moved over it (DeleteRecords). */
export type DeletionReason = 'age' | 'size' | 'start';

export interface StorageMetrics {
  readonly deletedSegments: Readonly<Record<DeletionReason, Counter>>;
  readonly deletedBytes: Counter;
  readonly cleanerRounds: Counter;
  readonly cleanerReadBytes: Counter;
  readonly cleanerFreedBytes: Counter;
}

export function storageMetrics(metrics: Metrics, logs: () => Iterable<Log>): StorageMetrics {
  const perLog = (value: (log: Log) => number) => (): Sample[] =>
    Array.from(logs(), (log) => ({
      labels: { topic: log.id.topic, partition: String(log.id.partition) },
      value: value(log),
    }));
  metrics.gauge(
    'log_size_bytes',
    'Bytes of a partition.',
    perLog((log) => log.sizeBytes),
  );
  metrics.gauge(
    'log_segments',
    'Segments of a partition that are known so far.',
    perLog((log) => log.segments.count),
  );
  metrics.gauge(
    'log_start_offset',
    'First offset of a partition.',
    perLog((log) => log.startOffset),
  );
  metrics.gauge(
    'log_end_offset',
    'Next offset of a partition.',
    perLog((log) => log.endOffset),
  );
  metrics.gauge('cleaner_cleaned_offset', 'Offset up to which a partition is compacted.', () =>
    Array.from(logs())
      .filter((log) => log.config.cleanupPolicy.compact)
      .map((log) => ({
        labels: { topic: log.id.topic, partition: String(log.id.partition) },
        value: log.cleanedOffset,
      })),
  );
  metrics.gauge('cleaner_uncleanable_partitions', 'Partitions that compaction has given up on.', () => {
    let count = 0;
    for (const log of logs()) if (log.uncleanable !== undefined) count++;
    return count;
  });
  return {
    deletedSegments: metrics.counters(
      'retention_deleted_segments_total',
      'Segments that retention removed.',
      'reason',
      ['age', 'size', 'start'],
    ),
    deletedBytes: metrics.counter('retention_deleted_bytes_total', 'Bytes of the segments that retention removed.'),
    cleanerRounds: metrics.counter('cleaner_rounds_total', 'Rounds of compaction.'),
    cleanerReadBytes: metrics.counter('cleaner_read_bytes_total', 'Bytes that compaction read.'),
    cleanerFreedBytes: metrics.counter('cleaner_freed_bytes_total', 'Bytes by which compaction made logs smaller.'),
  };
}
