// Which of a topic's configs storage acts on.
import type { TopicConfig } from '../metadata/configs/topic-definitions.ts';
import type { LogConfig } from '../storage/storage.ts';

const known = new WeakMap<TopicConfig, LogConfig>();

/** The same for all partitions of a topic. */
export function logConfig(config: TopicConfig): LogConfig {
  let found = known.get(config);
  if (found === undefined) {
    found = made(config);
    known.set(config, found);
  }
  return found;
}

function made(config: TopicConfig): LogConfig {
  return {
    segmentBytes: config.segmentBytes,
    segmentMs: maxSegmentMs(config),
    segmentJitterMs: config.segmentJitterMs,
    segmentIndexBytes: config.segmentIndexBytes,
    indexIntervalBytes: config.indexIntervalBytes,
    retentionBytes: config.retentionBytes,
    retentionMs: config.retentionMs,
    fileDeleteDelayMs: config.fileDeleteDelayMs,
    cleanupPolicy: {
      delete: config.cleanupPolicy.includes('delete'),
      compact: config.cleanupPolicy.includes('compact'),
    },
    flushMessages: config.flushMessages,
    flushMs: config.flushMs,
    minCleanableDirtyRatio: config.minCleanableDirtyRatio,
    minCompactionLagMs: config.minCompactionLagMs,
    maxCompactionLagMs: config.maxCompactionLagMs,
    deleteRetentionMs: config.deleteRetentionMs,
  };
}

/** An open segment is never compacted: it must not stay open for longer than records may wait for that. */
function maxSegmentMs(config: TopicConfig): number {
  const isCompacted = config.cleanupPolicy.includes('compact') && config.maxCompactionLagMs > 0;
  return isCompacted ? Math.min(config.maxCompactionLagMs, config.segmentMs) : config.segmentMs;
}
