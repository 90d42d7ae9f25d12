// DescribeTopicPartitions, version 0.
//
// Behaviour: topics in the order of their names, from the cursor on, with at most min(responsePartitionLimit,
// max.request.partition.size.limit) partitions; then `nextCursor` says where to go on. No topics named means all. Topics
// that do not exist are answered when they were named. There are no eligible leader replicas: both lists are empty.
//
// Deviations: a name that no topic can have is INVALID_TOPIC_EXCEPTION for itself; Kafka answers UNKNOWN_SERVER_ERROR for
// the whole request, its other topics too. KIPs: 966. Source: DescribeTopicPartitionsRequestHandler, KRaftMetadataCache.describeTopicResponse.
import type { Metadata, PartitionImage, TopicImage } from '../metadata/image.ts';
import { isInternalTopic, topicNameObjection } from '../metadata/topic-name.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsResponseInput,
  describeTopicPartitions,
} from '../protocol/messages/describe-topic-partitions.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { ApiHandler } from './api.ts';
import { ALL_TOPIC_OPERATIONS } from './authorized-operations.ts';

type Dependencies = {
  readonly metadata: Pick<Metadata, 'image'>;
  readonly configs: { readonly broker: { readonly maxRequestPartitionSizeLimit: number } };
  readonly brokerId: number;
};

type TopicAnswer = DescribeTopicPartitionsResponseInput['topics'][number];
type PartitionAnswer = TopicAnswer['partitions'][number];

export function describeTopicPartitionsHandler(
  dependencies: Dependencies,
): ApiHandler<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponseInput> {
  return {
    api: describeTopicPartitions,
    minVersion: 0,
    maxVersion: 0,
    dispatch(request, _context, reply) {
      const negative = request.cursor !== null && request.cursor.partitionIndex < 0;
      reply(negative ? failed(request, ErrorCode.INVALID_REQUEST) : answer(dependencies, request));
    },
    failed,
  };
}

function failed(request: DescribeTopicPartitionsRequest, errorCode: number): DescribeTopicPartitionsResponseInput {
  return {
    throttleTimeMs: 0,
    topics: request.topics.map(({ name }) => ({ errorCode, name, topicId: ZERO_UUID, partitions: [] })),
  };
}

function answer(
  { metadata, configs, brokerId }: Dependencies,
  request: DescribeTopicPartitionsRequest,
): DescribeTopicPartitionsResponseInput {
  const { image } = metadata;
  const limit = Math.max(1, Math.min(configs.broker.maxRequestPartitionSizeLimit, request.responsePartitionLimit));
  const isAlive = (id: number) => id === brokerId || image.brokers.has(id);
  const wantsAll = request.topics.length === 0;
  const topics: TopicAnswer[] = [];
  let remaining = limit;
  for (const name of namesFromCursor(request, wantsAll ? image.topics.keys() : undefined)) {
    if (remaining === 0) {
      return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: 0 } };
    }
    const topic = image.topics.get(name);
    if (topic === undefined) {
      topics.push(notFound(name));
      continue;
    }
    const first = request.cursor?.topicName === name ? request.cursor.partitionIndex : 0;
    const partitions = topic.partitions
      .slice(first, first + remaining)
      .map((partition, at) => answerPartition(partition, first + at, isAlive));
    topics.push(found(topic, partitions));
    remaining -= partitions.length;
    if (first + partitions.length < topic.partitions.length) {
      return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: first + partitions.length } };
    }
  }
  return { throttleTimeMs: 0, topics, nextCursor: null };
}

/** Sorted as Java sorts strings: by UTF-16 code units, which is JavaScript's order too. */
function namesFromCursor(request: DescribeTopicPartitionsRequest, all: Iterable<string> | undefined): string[] {
  const from = request.cursor?.topicName ?? '';
  const names = new Set(all ?? request.topics.map(({ name }) => name));
  return [...names].filter((name) => name >= from).sort();
}

function notFound(name: string): TopicAnswer {
  return {
    errorCode:
      topicNameObjection(name) === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION,
    name,
    topicId: ZERO_UUID,
    isInternal: isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: ALL_TOPIC_OPERATIONS,
  };
}

function found(topic: TopicImage, partitions: PartitionAnswer[]): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions,
    topicAuthorizedOperations: ALL_TOPIC_OPERATIONS,
  };
}

function answerPartition(
  partition: PartitionImage,
  partitionIndex: number,
  isAlive: (brokerId: number) => boolean,
): PartitionAnswer {
  const hasLeader = isAlive(partition.leader);
  return {
    errorCode: hasLeader ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE,
    partitionIndex,
    leaderId: hasLeader ? partition.leader : -1,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes: partition.isr,
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    offlineReplicas: partition.replicas.filter((id) => !isAlive(id)),
  };
}
