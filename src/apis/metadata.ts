// Metadata, versions 0 to 13.
//
// Behaviour: null topics (in version 0: none named) means all topics; from version 12 on topics may be asked for by id, and
// then names without an id are passed over. A topic that does not exist is answered with UNKNOWN_TOPIC_OR_PARTITION,
// INVALID_TOPIC_EXCEPTION or UNKNOWN_TOPIC_ID. When the request and auto.create.topics.enable allow it, its creation begins with
// this answer: the client asks again until the topic is there. Why a creation is refused stands in the log only. Addresses follow
// broker-endpoint.ts. The controller is this broker (Kafka's brokers name any of them).
//
// Deviations: a topic without name and id is INVALID_REQUEST (Kafka: UNKNOWN_SERVER_ERROR). The next request of a connection that
// has topics created waits until they are, or are refused; so what one client has under way is bounded, and when it asks
// again at once it is told. Kafka may answer some more times with UNKNOWN_TOPIC_OR_PARTITION.
//
// KIPs: 4, 430 (authorized operations), 516 (topic ids), 700, 1102 (top-level error).
// Source: KafkaApis.handleTopicMetadataRequest, DefaultAutoTopicCreationManager.
import type { Image, Metadata, PartitionImage, TopicImage } from '../metadata/image.ts';
import { isInternalTopic, topicNameObjection } from '../metadata/topic-name.ts';
import { PARTITIONS_PER_REQUEST_MAX, type Topics } from '../metadata/topics.ts';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import {
  type MetadataRequest,
  type MetadataResponseInput,
  metadata as metadataApi,
} from '../protocol/messages/metadata.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { MutationQuotas } from '../quota/mutation-quotas.ts';
import { LimitedLog } from '../runtime/limited-log.ts';
import type { Clock, LogLines } from '../runtime/runtime.ts';
import type { ApiHandler, RequestContext } from './api.ts';
import { ALL_CLUSTER_OPERATIONS, ALL_TOPIC_OPERATIONS, OPERATIONS_NOT_ASKED } from './authorized-operations.ts';
import { brokerEndpoints } from './broker-endpoint.ts';
import { clientOf } from './throttling.ts';

type Dependencies = {
  readonly metadata: Pick<Metadata, 'image'>;
  readonly topics: Pick<Topics, 'autoCreate'>;
  readonly configs: {
    readonly broker: { readonly autoCreateTopicsEnable: boolean; readonly numPartitions: number };
  };
  readonly brokerId: number;
  readonly clock: Clock;
  readonly log: LogLines;
  /** Undefined: everybody may change as much as he likes. */
  readonly mutations?: MutationQuotas | undefined;
};

type TopicAnswer = MetadataResponseInput['topics'][number];
type PartitionAnswer = TopicAnswer['partitions'][number];

const FIRST_VERSION_WITH_TOPIC_IDS = 12;
const NO_LEADER = -1;

export function metadataHandler(dependencies: Dependencies): ApiHandler<MetadataRequest, MetadataResponseInput> {
  const { metadata } = dependencies;
  const log = new LimitedLog(dependencies.log, dependencies.clock);
  return {
    api: metadataApi,
    minVersion: 0,
    maxVersion: 13,
    dispatch(request, context, reply) {
      if (asksWrongly(request, context.apiVersion)) {
        reply(failed(request, ErrorCode.INVALID_REQUEST));
        return;
      }
      const missing = topicsToCreate(dependencies, request, context.apiVersion);
      reply(answer(dependencies, request, context, metadata.image));
      return missing.length > 0 ? createAll(dependencies, missing, context, log) : undefined;
    },
    failed,
  };
}

/** Ids and null names exist in versions 10 and 11, and must not be used there; later one of the two is needed. */
function asksWrongly(request: MetadataRequest, version: number): boolean {
  const hasIds = version >= FIRST_VERSION_WITH_TOPIC_IDS;
  return (request.topics ?? []).some(({ name, topicId }) => (topicId === ZERO_UUID ? name === null : !hasIds));
}

function failed(request: MetadataRequest, errorCode: number): MetadataResponseInput {
  return {
    throttleTimeMs: 0,
    brokers: [],
    topics: (request.topics ?? []).map(({ name, topicId }) => ({
      errorCode,
      name: name ?? '',
      topicId,
      partitions: [],
    })),
    errorCode,
  };
}

function asksForAll(request: MetadataRequest, version: number): boolean {
  return request.topics === null || (version === 0 && request.topics.length === 0);
}

/** Ids that were asked for, once each; when there is one, names are not looked at. */
function askedIds(request: MetadataRequest): Set<string> {
  return new Set((request.topics ?? []).map(({ topicId }) => topicId).filter((id) => id !== ZERO_UUID));
}

function askedNames(request: MetadataRequest): Set<string> {
  return new Set((request.topics ?? []).map(({ name }) => name).filter((name) => name !== null));
}

function topicsToCreate({ metadata, configs }: Dependencies, request: MetadataRequest, version: number): string[] {
  if (!request.allowAutoTopicCreation || !configs.broker.autoCreateTopicsEnable || asksForAll(request, version)) {
    return [];
  }
  if (askedIds(request).size > 0) {
    return [];
  }
  const missing = [...askedNames(request)].filter(
    (name) => !metadata.image.topics.has(name) && topicNameObjection(name) === undefined,
  );
  // As for CreateTopics, and as in Kafka: all or none.
  return missing.length * configs.broker.numPartitions > PARTITIONS_PER_REQUEST_MAX ? [] : missing;
}

/** Those that are being created for somebody else are only waited for. */
async function createAll(
  { topics, mutations }: Dependencies,
  names: readonly string[],
  context: RequestContext,
  log: LimitedLog,
): Promise<void> {
  const quota = mutations?.of(clientOf(context), true);
  const charge = quota && ((name: string, partitions: number) => quota.charge(name, partitions));
  const outcomes = await Promise.all(names.map((name) => topics.autoCreate(name, charge)));
  for (const [index, { refusal }] of outcomes.entries()) {
    // Who has used up his quota asks again, as if the topic were being made.
    if (!refusal || refusal.errorCode === ErrorCode.THROTTLING_QUOTA_EXCEEDED) continue;
    log.warn('A topic that a client asked for could not be created', {
      topic: names[index]!,
      clientId: context.clientId ?? '',
      error: errorName(refusal.errorCode),
      reason: refusal.message,
    });
  }
}

function answer(
  { brokerId }: Dependencies,
  request: MetadataRequest,
  context: RequestContext,
  image: Image,
): MetadataResponseInput {
  const endpoints = brokerEndpoints(image, brokerId, context.connection);
  const alive = new Set(endpoints.map(({ nodeId }) => nodeId));
  const operations = request.includeTopicAuthorizedOperations ? ALL_TOPIC_OPERATIONS : OPERATIONS_NOT_ASKED;
  return {
    throttleTimeMs: 0,
    brokers: endpoints,
    clusterId: image.clusterId,
    controllerId: brokerId,
    topics: answerTopics(request, context.apiVersion, image, alive, operations),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? ALL_CLUSTER_OPERATIONS
      : OPERATIONS_NOT_ASKED,
    errorCode: ErrorCode.NONE,
  };
}

function answerTopics(
  request: MetadataRequest,
  version: number,
  image: Image,
  alive: ReadonlySet<number>,
  operations: number,
): TopicAnswer[] {
  if (asksForAll(request, version)) {
    return [...image.topics.values()].map((topic) => found(topic, alive, operations));
  }
  const ids = askedIds(request);
  if (ids.size > 0) {
    return [...ids].map((topicId) => {
      const topic = image.topicsById.get(topicId);
      return topic
        ? found(topic, alive, operations)
        : { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null, topicId, isInternal: false, partitions: [] };
    });
  }
  return [...askedNames(request)].map((name) => {
    const topic = image.topics.get(name);
    return topic ? found(topic, alive, operations) : notFound(name, operations);
  });
}

function notFound(name: string, operations: number): TopicAnswer {
  return {
    errorCode:
      topicNameObjection(name) === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION,
    name,
    topicId: ZERO_UUID,
    isInternal: isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: operations,
  };
}

function found(topic: TopicImage, alive: ReadonlySet<number>, operations: number): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: topic.partitions.map((partition, index) => answerPartition(partition, index, alive)),
    topicAuthorizedOperations: operations,
  };
}

function answerPartition(
  partition: PartitionImage,
  partitionIndex: number,
  alive: ReadonlySet<number>,
): PartitionAnswer {
  const hasLeader = alive.has(partition.leader);
  return {
    errorCode: hasLeader ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE,
    partitionIndex,
    leaderId: hasLeader ? partition.leader : NO_LEADER,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes: partition.isr,
    offlineReplicas: partition.replicas.filter((id) => !alive.has(id)),
  };
}
