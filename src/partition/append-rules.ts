// What a topic's configs say about appended batches, in the form that append-validation.ts wants: made once per change of
// the configs, not per append.
import type { TopicConfig } from '../metadata/configs/topic-definitions.ts';
import { Compression, compressionByName } from '../records/compression-type.ts';
import { TimestampType } from '../records/record-batch.ts';

export interface AppendRules {
  /** `topic-partition`, for the texts that clients show. */
  readonly topicPartition: string;
  /** max.message.bytes: of the batch as it arrives and as it is stored. */
  readonly maxMessageBytes: number;
  /** segment.bytes: no batch may be larger than a segment. */
  readonly segmentBytes: number;
  /** cleanup.policy contains compact: every record needs a key. */
  readonly compacted: boolean;
  readonly timestampType: TimestampType;
  /** message.timestamp.before.max.ms; Number.MAX_SAFE_INTEGER stands for Kafka's Long.MAX_VALUE. */
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** What batches are stored with; undefined keeps the producer's codec (compression.type=producer). */
  readonly compression: Compression | undefined;
  readonly compressionLevel: number | undefined;
}

export function appendRules(topic: string, partition: number, config: TopicConfig): AppendRules {
  const compression = storedCompression(config.compressionType);
  return {
    topicPartition: `${topic}-${partition}`,
    maxMessageBytes: config.maxMessageBytes,
    segmentBytes: config.segmentBytes,
    compacted: config.cleanupPolicy.includes('compact'),
    timestampType:
      config.messageTimestampType === 'LogAppendTime' ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME,
    timestampBeforeMaxMs: config.messageTimestampBeforeMaxMs,
    timestampAfterMaxMs: config.messageTimestampAfterMaxMs,
    compression,
    compressionLevel: compressionLevel(compression, config),
  };
}

function storedCompression(compressionType: string): Compression | undefined {
  return compressionType === 'uncompressed' ? Compression.NONE : compressionByName(compressionType);
}

function compressionLevel(compression: Compression | undefined, config: TopicConfig): number | undefined {
  if (compression === Compression.GZIP) return config.compressionGzipLevel;
  if (compression === Compression.ZSTD) return config.compressionZstdLevel;
  return undefined;
}
