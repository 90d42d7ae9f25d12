// Who may join, see and change consumer groups and their offsets. Groups that may not be described are left out of lists, and so are
// topics whose offsets may not be seen.
import { joinAnswerAt, joinError, lacksProtocol } from '../../group/classic-group-answers.ts';
import { AclOperation, ResourceType } from '../../protocol/acl-codes.ts';
import { ErrorCode } from '../../protocol/error-code.ts';
import type {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponseInput,
} from '../../protocol/messages/consumer-group-describe.ts';
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from '../../protocol/messages/consumer-group-heartbeat.ts';
import type { DeleteGroupsRequest, DeleteGroupsResponseInput } from '../../protocol/messages/delete-groups.ts';
import type { DescribeGroupsRequest, DescribeGroupsResponseInput } from '../../protocol/messages/describe-groups.ts';
import type { FindCoordinatorRequest, FindCoordinatorResponseInput } from '../../protocol/messages/find-coordinator.ts';
import type { JoinGroupRequest, JoinGroupResponseInput } from '../../protocol/messages/join-group.ts';
import type { ListGroupsRequest, ListGroupsResponseInput } from '../../protocol/messages/list-groups.ts';
import type { OffsetCommitRequest, OffsetCommitResponseInput } from '../../protocol/messages/offset-commit.ts';
import type { OffsetDeleteRequest, OffsetDeleteResponseInput } from '../../protocol/messages/offset-delete.ts';
import type { OffsetFetchRequest, OffsetFetchResponseInput } from '../../protocol/messages/offset-fetch.ts';
import type { SyncGroupRequest, SyncGroupResponseInput } from '../../protocol/messages/sync-group.ts';
import { absentGroup } from '../consumer-group-describe.ts';
import { refusedGroup } from '../describe-groups.ts';
import { type Asker, type Authorization, onlyTopics, split } from './authorization.ts';
import { refusalSentence } from './refusal-sentences.ts';

const { CLUSTER_ACTION, DELETE, DESCRIBE, READ } = AclOperation;
const { GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED, TRANSACTIONAL_ID_AUTHORIZATION_FAILED } = ErrorCode;

const CoordinatorType = { GROUP: 0, TRANSACTION: 1, SHARE: 2 } as const;
const FIRST_COMMIT_VERSION_WITH_TOPIC_IDS = 10;
const FIRST_FETCH_VERSION_WITH_GROUPS = 8;
const FIRST_FETCH_VERSION_WITH_TOPIC_IDS = 10;

export const findCoordinatorAuthorization: Authorization<FindCoordinatorRequest, FindCoordinatorResponseInput> = {
  checks: [
    { operation: 'DESCRIBE', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' },
    { operation: 'DESCRIBE', resource: 'TRANSACTIONAL_ID', otherwise: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' },
    { operation: 'CLUSTER_ACTION', resource: 'CLUSTER', otherwise: 'for share groups: CLUSTER_AUTHORIZATION_FAILED' },
  ],
  narrow(request, ask) {
    const { keyType, coordinatorKeys } = request;
    if (keyType === CoordinatorType.SHARE) {
      return ask.cluster(CLUSTER_ACTION) ? { request } : { denied: ErrorCode.CLUSTER_AUTHORIZATION_FAILED };
    }
    const isTransaction = keyType === CoordinatorType.TRANSACTION;
    const error = isTransaction ? TRANSACTIONAL_ID_AUTHORIZATION_FAILED : GROUP_AUTHORIZATION_FAILED;
    const isAllowed = (key: string) =>
      isTransaction
        ? ask.transactionalId(DESCRIBE, key)
        : keyType !== CoordinatorType.GROUP || ask.group(DESCRIBE, key);
    if (ask.context.apiVersion < 4) {
      if (isAllowed(request.key)) return { request };
      const errorMessage = refusalSentence(error);
      return { answer: { throttleTimeMs: 0, errorCode: error, errorMessage, nodeId: -1, host: '', port: -1 } };
    }
    const { allowed, denied } = split(coordinatorKeys, isAllowed);
    if (denied.length === 0) return { request };
    const coordinators = denied.map((key) => ({
      key,
      nodeId: -1,
      host: '',
      port: -1,
      errorCode: error,
      errorMessage: '',
    }));
    if (allowed.length === 0) return { answer: { throttleTimeMs: 0, coordinators } };
    return {
      request: { ...request, coordinatorKeys: allowed },
      complete: (response) => ({ ...response, coordinators: [...(response.coordinators ?? []), ...coordinators] }),
    };
  },
};

const READ_GROUP = [{ operation: 'READ', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' }] as const;

export const joinGroupAuthorization: Authorization<JoinGroupRequest, JoinGroupResponseInput> = {
  checks: READ_GROUP,
  narrow: (request, ask) =>
    ask.group(READ, request.groupId)
      ? { request }
      : { answer: joinAnswerAt(joinError('', GROUP_AUTHORIZATION_FAILED), ask.context.apiVersion) },
};

export const syncGroupAuthorization: Authorization<SyncGroupRequest, SyncGroupResponseInput> = {
  checks: READ_GROUP,
  narrow(request, ask) {
    // What is wrong with a request whoever sends it comes first.
    const isRefused = lacksProtocol(request, ask.context.apiVersion);
    return isRefused || ask.group(READ, request.groupId) ? { request } : { denied: GROUP_AUTHORIZATION_FAILED };
  },
};

export const listGroupsAuthorization: Authorization<ListGroupsRequest, ListGroupsResponseInput> = {
  checks: [
    { operation: 'DESCRIBE', resource: 'CLUSTER', otherwise: 'the next is asked' },
    { operation: 'DESCRIBE', resource: 'GROUP', otherwise: 'left out' },
  ],
  narrow: (request, ask) => ({
    request,
    complete: (response) =>
      ask.cluster(DESCRIBE, 'allowed')
        ? response
        : { ...response, groups: response.groups.filter(({ groupId }) => ask.group(DESCRIBE, groupId, 'allowed')) },
  }),
};

export const describeGroupsAuthorization: Authorization<DescribeGroupsRequest, DescribeGroupsResponseInput> = {
  checks: [{ operation: 'DESCRIBE', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' }],
  narrow(request, ask) {
    const { allowed, denied } = split(request.groups, (id) => ask.group(DESCRIBE, id));
    const answers = denied.map((groupId) => refusedGroup(groupId, GROUP_AUTHORIZATION_FAILED));
    return {
      request: { ...request, groups: allowed },
      complete(response) {
        const groups = request.includeAuthorizedOperations
          ? response.groups.map((group) => withOperations(group, ask))
          : response.groups;
        return { ...response, groups: [...groups, ...answers] };
      },
    };
  },
};

function withOperations<T extends { readonly groupId: string; readonly errorCode: number }>(group: T, ask: Asker): T {
  return group.errorCode === ErrorCode.NONE
    ? { ...group, authorizedOperations: ask.operations(ResourceType.GROUP, group.groupId) }
    : group;
}

type DescribedGroup = ConsumerGroupDescribeResponseInput['groups'][number];

export const consumerGroupDescribeAuthorization: Authorization<
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponseInput
> = {
  checks: [
    { operation: 'DESCRIBE', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' },
    {
      operation: 'DESCRIBE',
      resource: 'TOPIC',
      otherwise: 'TOPIC_AUTHORIZATION_FAILED for the group, without members',
    },
  ],
  narrow(request, ask) {
    const { allowed, denied } = split(request.groupIds, (id) => ask.group(DESCRIBE, id));
    const answers = denied.map((id) => absentGroup(id, GROUP_AUTHORIZATION_FAILED, null));
    return {
      request: { ...request, groupIds: allowed },
      complete(response) {
        const groups = response.groups.map((group) => {
          if (!seesAllTopics(group, ask)) {
            const what = 'The group has described topic(s) that the client is not authorized to describe.';
            return absentGroup(group.groupId, TOPIC_AUTHORIZATION_FAILED, what);
          }
          return request.includeAuthorizedOperations ? withOperations(group, ask) : group;
        });
        return { ...response, groups: [...groups, ...answers] };
      },
    };
  },
};

function seesAllTopics({ members }: DescribedGroup, ask: Asker): boolean {
  return members.every(({ assignment, targetAssignment }) =>
    [...assignment.topicPartitions, ...targetAssignment.topicPartitions].every(({ topicName }) =>
      ask.topic(DESCRIBE, topicName),
    ),
  );
}

export const deleteGroupsAuthorization: Authorization<DeleteGroupsRequest, DeleteGroupsResponseInput> = {
  checks: [{ operation: 'DELETE', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' }],
  narrow(request, ask) {
    const { allowed, denied } = split(request.groupsNames, (id) => ask.group(DELETE, id));
    if (denied.length === 0) return { request };
    const answers = [...new Set(denied)].map((groupId) => ({ groupId, errorCode: GROUP_AUTHORIZATION_FAILED }));
    return {
      request: { ...request, groupsNames: allowed },
      complete: (response) => ({ ...response, results: [...response.results, ...answers] }),
    };
  },
};

export const consumerGroupHeartbeatAuthorization: Authorization<
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput
> = {
  checks: [
    { operation: 'READ', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' },
    { operation: 'DESCRIBE', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' },
    { operation: 'DESCRIBE', resource: 'TOPIC', otherwise: 'not found by a regular expression' },
  ],
  narrow(request, ask) {
    if (!ask.group(READ, request.groupId)) return { denied: GROUP_AUTHORIZATION_FAILED };
    const names = new Set(request.subscribedTopicNames ?? []);
    const { denied } = split([...names], (name) => ask.topic(DESCRIBE, name));
    return denied.length === 0 ? { request } : { denied: TOPIC_AUTHORIZATION_FAILED };
  },
};

export const offsetCommitAuthorization: Authorization<OffsetCommitRequest, OffsetCommitResponseInput> = {
  checks: [
    { operation: 'READ', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' },
    { operation: 'READ', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' },
  ],
  narrow(request, ask) {
    const refused = (topics: OffsetCommitRequest['topics'], errorCode: ErrorCode) =>
      topics.map(({ name, topicId, partitions }) => ({
        name,
        topicId,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      }));
    if (!ask.group(READ, request.groupId)) {
      return { answer: { topics: refused(request.topics, GROUP_AUTHORIZATION_FAILED) } };
    }
    const byId = ask.context.apiVersion >= FIRST_COMMIT_VERSION_WITH_TOPIC_IDS;
    const { allowed, denied } = split(request.topics, ({ name, topicId }) => {
      const found = byId ? ask.nameOf(topicId) : name;
      return found === undefined || ask.topic(READ, found);
    });
    if (denied.length === 0) return { request };
    const answers = refused(denied, TOPIC_AUTHORIZATION_FAILED);
    return onlyTopics(request, allowed, answers);
  },
};

export const offsetDeleteAuthorization: Authorization<OffsetDeleteRequest, OffsetDeleteResponseInput> = {
  checks: [
    { operation: 'DELETE', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' },
    { operation: 'READ', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' },
  ],
  narrow(request, ask) {
    if (!ask.group(DELETE, request.groupId)) return { denied: GROUP_AUTHORIZATION_FAILED };
    const { allowed, denied } = split(request.topics, ({ name }) => ask.topic(READ, name));
    if (denied.length === 0) return { request };
    const answers = denied.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: TOPIC_AUTHORIZATION_FAILED })),
    }));
    return onlyTopics(request, allowed, answers);
  },
};

export const offsetFetchAuthorization: Authorization<OffsetFetchRequest, OffsetFetchResponseInput> = {
  checks: [
    { operation: 'DESCRIBE', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' },
    {
      operation: 'DESCRIBE',
      resource: 'TOPIC',
      otherwise: 'TOPIC_AUTHORIZATION_FAILED; left out when all are asked for',
    },
  ],
  narrow: (request, ask) =>
    ask.context.apiVersion < FIRST_FETCH_VERSION_WITH_GROUPS
      ? narrowOneGroup(request, ask)
      : narrowGroups(request, ask),
};

const NO_OFFSET = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '' };

function refusedTopic<T extends { readonly partitionIndexes: readonly number[] }>(topic: T, errorCode: ErrorCode) {
  const { partitionIndexes, ...named } = topic;
  return {
    ...named,
    partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, ...NO_OFFSET, errorCode })),
  };
}

function narrowOneGroup(request: OffsetFetchRequest, ask: Asker) {
  const asked = request.topics;
  if (!ask.group(DESCRIBE, request.groupId)) {
    const perPartition = ask.context.apiVersion < 2 ? (asked ?? []) : [];
    const topics = perPartition.map((topic) => refusedTopic(topic, GROUP_AUTHORIZATION_FAILED));
    return { answer: { throttleTimeMs: 0, topics, errorCode: GROUP_AUTHORIZATION_FAILED } };
  }
  const { allowed, denied } = split(asked ?? [], ({ name }) => ask.topic(DESCRIBE, name));
  const answers = denied.map((topic) => refusedTopic(topic, TOPIC_AUTHORIZATION_FAILED));
  return {
    request: asked === null ? request : { ...request, topics: allowed },
    complete: (response: OffsetFetchResponseInput): OffsetFetchResponseInput => ({
      ...response,
      topics: [...(response.topics ?? []).filter(({ name }) => ask.topic(DESCRIBE, name)), ...answers],
    }),
  };
}

type AskedGroup = OffsetFetchRequest['groups'][number];
type AskedTopic = NonNullable<AskedGroup['topics']>[number];

function narrowGroups(request: OffsetFetchRequest, ask: Asker) {
  const byId = ask.context.apiVersion >= FIRST_FETCH_VERSION_WITH_TOPIC_IDS;
  const maySee = ({ name, topicId }: { readonly name?: string | undefined; readonly topicId?: string | undefined }) => {
    const found = byId ? ask.nameOf(topicId ?? '') : name;
    return found === undefined || ask.topic(DESCRIBE, found);
  };
  const { allowed, denied } = split(request.groups, ({ groupId }) => ask.group(DESCRIBE, groupId));
  const refusedGroups = denied.map(({ groupId }) => ({ groupId, topics: [], errorCode: GROUP_AUTHORIZATION_FAILED }));
  const refusedTopics = new Map<string, AskedTopic[]>();
  const groups = allowed.map((group) => {
    if (group.topics === null) return group;
    const topics = split(group.topics, maySee);
    refusedTopics.set(group.groupId, topics.denied);
    return { ...group, topics: topics.allowed };
  });
  return {
    request: { ...request, groups },
    complete: (response: OffsetFetchResponseInput): OffsetFetchResponseInput => ({
      ...response,
      groups: [
        ...(response.groups ?? []).map((group) => {
          if (group.errorCode !== undefined && group.errorCode !== ErrorCode.NONE) return group;
          const answers = refusedTopics.get(group.groupId) ?? [];
          return {
            ...group,
            topics: [
              ...group.topics.filter(maySee),
              ...answers.map((topic) => refusedTopic(topic, TOPIC_AUTHORIZATION_FAILED)),
            ],
          };
        }),
        ...refusedGroups,
      ],
    }),
  };
}
