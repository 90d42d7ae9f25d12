// DescribeProducers, version 0: the producers that partitions remember, and where their open transactions begin. With it
// admins find transactions that hang.
//
// Behaviour: UNKNOWN_TOPIC_OR_PARTITION for what does not exist, INVALID_TOPIC_EXCEPTION for names that no topic can have. What is
// appended but not committed counts. The last timestamp is that of the records.
//
// Deviations: a partition named twice is answered once (a partition may know 100 000 producers). KIP-664.
import type { Metadata } from '../metadata/image.ts';
import { topicNameObjection } from '../metadata/topic-name.ts';
import type { Partition } from '../partition/partition.ts';
import type { Partitions } from '../partition/partitions.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeProducersRequest,
  type DescribeProducersResponseInput,
  describeProducers,
} from '../protocol/messages/describe-producers.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = {
  readonly metadata: Pick<Metadata, 'image'>;
  readonly partitions: Partitions;
};

type Described = DescribeProducersResponseInput['topics'][number]['partitions'][number];

export function describeProducersHandler(
  dependencies: Dependencies,
): ApiHandler<DescribeProducersRequest, DescribeProducersResponseInput> {
  return {
    api: describeProducers,
    minVersion: 0,
    maxVersion: 0,
    dispatch({ topics }, _context, reply) {
      const answered = new Map<string, Map<number, Described>>();
      for (const { name, partitionIndexes } of topics) {
        const ofTopic = answered.get(name) ?? new Map<number, Described>();
        answered.set(name, ofTopic);
        for (const index of partitionIndexes) {
          if (!ofTopic.has(index)) ofTopic.set(index, describe(dependencies, name, index));
        }
      }
      reply({
        throttleTimeMs: 0,
        topics: [...answered].map(([name, partitions]) => ({ name, partitions: [...partitions.values()] })),
      });
    },
    failed: ({ topics }, errorCode) => ({
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((index) => refusal(index, errorCode)),
      })),
    }),
  };
}

function describe({ metadata, partitions }: Dependencies, topic: string, index: number): Described {
  const objection = topicNameObjection(topic);
  if (objection !== undefined) return refusal(index, ErrorCode.INVALID_TOPIC_EXCEPTION, objection);
  if (!metadata.image.topics.has(topic)) {
    const message = 'This server does not host this topic-partition.';
    return refusal(index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message);
  }
  const partition = partitions.byName(topic, index);
  if (partition === undefined) return refusal(index, partitions.absence(topic, index));
  return { partitionIndex: index, errorCode: ErrorCode.NONE, activeProducers: producersOf(partition) };
}

function producersOf(partition: Partition): NonNullable<Described['activeProducers']> {
  return Array.from(partition.describeProducers(), ({ lastTimestampMs, ...producer }) => ({
    ...producer,
    lastTimestamp: lastTimestampMs,
  }));
}

function refusal(partitionIndex: number, errorCode: number, errorMessage: string | null = null): Described {
  return { partitionIndex, errorCode, errorMessage, activeProducers: [] };
}
