// Which of a topic's configs storage acts on.
import type { TopicConfig } from '../metadata/configs/topic-definitions.ts';
import type { LogConfig } from '../storage/storage.ts';

export function logConfig(config: TopicConfig): LogConfig {
  return {
    segmentBytes: config.segmentBytes,
    segmentMs: config.segmentMs,
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
  };
}
