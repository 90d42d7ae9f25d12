// Who may see, create, grow and delete topics: Metadata, DescribeTopicPartitions, CreateTopics, CreatePartitions, DeleteTopics,
// DescribeCluster. Whether a topic exists is not told to those who may not describe it.
import { AclOperation, CLUSTER_NAME, ResourceType } from '../../protocol/acl-codes.ts';
import { ErrorCode } from '../../protocol/error-code.ts';
import type {
  CreatePartitionsRequest,
  CreatePartitionsResponseInput,
} from '../../protocol/messages/create-partitions.ts';
import type { CreateTopicsRequest, CreateTopicsResponseInput } from '../../protocol/messages/create-topics.ts';
import type { DeleteTopicsRequest, DeleteTopicsResponseInput } from '../../protocol/messages/delete-topics.ts';
import type { DescribeClusterRequest, DescribeClusterResponseInput } from '../../protocol/messages/describe-cluster.ts';
import type {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponseInput,
} from '../../protocol/messages/describe-topic-partitions.ts';
import type { MetadataRequest, MetadataResponseInput } from '../../protocol/messages/metadata.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import { type Asker, type Authorization, split } from './authorization.ts';
import { refusalSentence } from './refusal-sentences.ts';

const { ALTER, CREATE, DELETE, DESCRIBE, DESCRIBE_CONFIGS } = AclOperation;
const { TOPIC_AUTHORIZATION_FAILED } = ErrorCode;

function clusterOperations(ask: Asker): number {
  return ask.cluster(DESCRIBE) ? ask.operations(ResourceType.CLUSTER, CLUSTER_NAME) : 0;
}

export const metadataAuthorization: Authorization<MetadataRequest, MetadataResponseInput> = {
  checks: [
    {
      operation: 'DESCRIBE',
      resource: 'TOPIC',
      otherwise: 'TOPIC_AUTHORIZATION_FAILED; left out when all are asked for',
    },
    { operation: 'CREATE', resource: 'CLUSTER', otherwise: 'for topics to be created: the next is asked' },
    { operation: 'CREATE', resource: 'TOPIC', otherwise: 'for topics to be created: TOPIC_AUTHORIZATION_FAILED' },
    { operation: 'DESCRIBE', resource: 'CLUSTER', otherwise: 'authorized operations of the cluster are 0' },
  ],
  narrow(request, ask) {
    const wantsAll = request.topics === null || (ask.context.apiVersion === 0 && request.topics.length === 0);
    const { allowed, denied } = split(request.topics ?? [], (topic) => mayLookAt(topic, request, ask));
    const answers = denied.map(({ name, topicId }) => ({
      errorCode: TOPIC_AUTHORIZATION_FAILED,
      name: topicId === ZERO_UUID ? name : null,
      topicId,
      isInternal: false,
      partitions: [],
    }));
    const isNothingLeft = !wantsAll && allowed.length === 0;
    return {
      request: wantsAll ? request : { ...request, topics: allowed },
      complete(response) {
        const found = isNothingLeft
          ? []
          : wantsAll
            ? response.topics.filter(({ name }) => name != null && ask.topic(DESCRIBE, name, 'allowed'))
            : response.topics;
        const topics = request.includeTopicAuthorizedOperations
          ? found.map((topic) => withOperations(topic, ask))
          : found;
        return {
          ...response,
          topics: [...topics, ...answers],
          ...(request.includeClusterAuthorizedOperations && { clusterAuthorizedOperations: clusterOperations(ask) }),
        };
      },
    };
  },
};

function mayLookAt(
  { name: asked, topicId }: NonNullable<MetadataRequest['topics']>[number],
  request: MetadataRequest,
  ask: Asker,
): boolean {
  const name = topicId === ZERO_UUID ? asked : ask.nameOf(topicId);
  if (name === null || name === undefined) return true;
  if (!ask.topic(DESCRIBE, name)) return false;
  // Also a name that no topic can have: who may not create is told that first.
  const isToBeCreated =
    request.allowAutoTopicCreation && ask.world.configs.broker.autoCreateTopicsEnable && !ask.image.topics.has(name);
  return !isToBeCreated || ask.cluster(CREATE, 'allowed') || ask.topic(CREATE, name);
}

function withOperations<T extends { readonly name?: string | null }>(topic: T, ask: Asker): T {
  return topic.name == null
    ? topic
    : { ...topic, topicAuthorizedOperations: ask.operations(ResourceType.TOPIC, topic.name) };
}

export const describeTopicPartitionsAuthorization: Authorization<
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponseInput
> = {
  checks: [
    {
      operation: 'DESCRIBE',
      resource: 'TOPIC',
      otherwise: 'TOPIC_AUTHORIZATION_FAILED; left out when all are asked for',
    },
  ],
  narrow(request, ask) {
    const wantsAll = request.topics.length === 0;
    // All that may be seen are asked for by name, so that a page of the answer is full.
    const from = request.cursor?.topicName ?? '';
    const topics = wantsAll
      ? [...ask.image.topics.keys()].filter((name) => name >= from).map((name) => ({ name }))
      : request.topics;
    const { allowed, denied } = split(topics, ({ name }) => ask.topic(DESCRIBE, name, wantsAll ? 'allowed' : 'both'));
    const answers = (wantsAll ? [] : denied).map(({ name }) => ({
      errorCode: TOPIC_AUTHORIZATION_FAILED,
      name,
      topicId: ZERO_UUID,
      isInternal: false,
      partitions: [],
    }));
    if (allowed.length === 0) return { answer: { throttleTimeMs: 0, topics: answers, nextCursor: null } };
    // The topic of the cursor may be gone, or may no longer be seen: those after it go on.
    const isCursorGone = wantsAll && !allowed.some(({ name }) => name === from);
    return {
      request: { ...request, topics: allowed, cursor: isCursorGone ? null : request.cursor },
      complete: (response) => ({
        ...response,
        topics: [...response.topics.map((topic) => withOperations(topic, ask)), ...answers],
      }),
    };
  },
};

export const createTopicsAuthorization: Authorization<CreateTopicsRequest, CreateTopicsResponseInput> = {
  checks: [
    { operation: 'CREATE', resource: 'CLUSTER', otherwise: 'the next is asked' },
    { operation: 'CREATE', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' },
    { operation: 'DESCRIBE_CONFIGS', resource: 'TOPIC', otherwise: 'the answer has no configs' },
  ],
  narrow(request, ask) {
    const mayAll = ask.cluster(CREATE, 'allowed');
    const { allowed, denied } = split(request.topics, ({ name }) => mayAll || ask.topic(CREATE, name));
    const answers = [...new Set(denied.map(({ name }) => name))].map((name) => ({
      name,
      topicId: ZERO_UUID,
      errorCode: TOPIC_AUTHORIZATION_FAILED,
      errorMessage: 'Authorization failed.',
    }));
    return {
      request: { ...request, topics: allowed },
      complete: (response) => ({
        ...response,
        topics: [...response.topics.map((topic) => withoutConfigs(topic, ask)), ...answers],
      }),
    };
  },
};

type CreatedTopic = CreateTopicsResponseInput['topics'][number];

function withoutConfigs(topic: CreatedTopic, ask: Asker): CreatedTopic {
  if (topic.errorCode !== ErrorCode.NONE || ask.topic(DESCRIBE_CONFIGS, topic.name, 'allowed')) return topic;
  return {
    ...topic,
    topicConfigErrorCode: TOPIC_AUTHORIZATION_FAILED,
    numPartitions: -1,
    replicationFactor: -1,
    configs: [],
  };
}

export const createPartitionsAuthorization: Authorization<CreatePartitionsRequest, CreatePartitionsResponseInput> = {
  checks: [{ operation: 'ALTER', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' }],
  narrow(request, ask) {
    const { allowed, denied } = split(request.topics, ({ name }) => ask.topic(ALTER, name));
    if (denied.length === 0) return { request };
    const answers = [...new Set(denied.map(({ name }) => name))].map((name) => ({
      name,
      errorCode: TOPIC_AUTHORIZATION_FAILED,
      errorMessage: null,
    }));
    return {
      request: { ...request, topics: allowed },
      complete: (response) => ({ ...response, results: [...response.results, ...answers] }),
    };
  },
};

export const deleteTopicsAuthorization: Authorization<DeleteTopicsRequest, DeleteTopicsResponseInput> = {
  checks: [
    { operation: 'DELETE', resource: 'CLUSTER', otherwise: 'the next two are asked' },
    {
      operation: 'DESCRIBE',
      resource: 'TOPIC',
      otherwise: 'by name: TOPIC_AUTHORIZATION_FAILED; by id: the next is asked, and the answer has no name',
    },
    { operation: 'DELETE', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' },
  ],
  narrow(request, ask) {
    if (ask.cluster(DELETE, 'allowed')) return { request };
    // Who may see a topic may learn from the handler that it is not there.
    const mayName = (name: string) =>
      ask.topic(DESCRIBE, name) && (!ask.image.topics.has(name) || ask.topic(DELETE, name));
    const names = split(request.topicNames, mayName);
    const topics = split(request.topics, ({ name, topicId }) => {
      if (name !== null) return mayName(name);
      const found = ask.nameOf(topicId);
      return found === undefined || ask.topic(DELETE, found);
    });
    const denied = [...topics.denied, ...names.denied.map((name) => ({ name, topicId: ZERO_UUID }))];
    const answers = denied.map(({ name, topicId }) => {
      const found = name ?? ask.nameOf(topicId)!;
      const isSeen = name !== null || ask.topic(DESCRIBE, found);
      const errorMessage = refusalSentence(TOPIC_AUTHORIZATION_FAILED);
      return { name: isSeen ? found : null, topicId, errorCode: TOPIC_AUTHORIZATION_FAILED, errorMessage };
    });
    return {
      request: { ...request, topics: topics.allowed, topicNames: names.allowed },
      complete: (response) => ({ ...response, responses: [...response.responses, ...answers] }),
    };
  },
};

export const describeClusterAuthorization: Authorization<DescribeClusterRequest, DescribeClusterResponseInput> = {
  checks: [{ operation: 'DESCRIBE', resource: 'CLUSTER', otherwise: 'authorized operations are 0' }],
  narrow: (request, ask) => ({
    request,
    complete: (response) =>
      request.includeClusterAuthorizedOperations && response.errorCode === ErrorCode.NONE
        ? { ...response, clusterAuthorizedOperations: clusterOperations(ask) }
        : response,
  }),
};
