// What several virtual brokers do to requests and answers: the one that was dialled refuses partitions that another leads and groups that another
// coordinates, and answers about the cluster name all of them. Everything else goes to the one broker unchanged.
import type { Reply, RequestContext } from '../apis/api.ts';
import type { AnyApiHandler } from '../apis/registry.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { DescribeClusterResponse } from '../protocol/messages/describe-cluster.ts';
import type { FindCoordinatorRequest, FindCoordinatorResponse } from '../protocol/messages/find-coordinator.ts';
import type { MetadataResponse } from '../protocol/messages/metadata.ts';
import { errorAnswer } from './error-answer.ts';
import type { Subject } from './request-subject.ts';
import type { CoordinatorKind, VirtualBrokers } from './virtual-brokers.ts';

export interface Routed {
  readonly handler: AnyApiHandler;
  readonly request: unknown;
  readonly context: RequestContext;
  readonly subject: Subject;
  readonly topicName: (topicId: string) => string | undefined;
  readonly reply: Reply<unknown>;
}

/** Where a request to the leader names its partitions, and where its answer does. */
interface LeaderApi {
  readonly topics: string;
  readonly partitions: string;
  readonly index: string;
  readonly answers: string;
}

const LEADER_APIS: ReadonlyMap<string, LeaderApi> = new Map([
  ['Produce', { topics: 'topicData', partitions: 'partitionData', index: 'index', answers: 'responses' }],
  ['Fetch', { topics: 'topics', partitions: 'partitions', index: 'partition', answers: 'responses' }],
  ['ListOffsets', { topics: 'topics', partitions: 'partitions', index: 'partitionIndex', answers: 'topics' }],
  ['DeleteRecords', { topics: 'topics', partitions: 'partitions', index: 'partitionIndex', answers: 'topics' }],
  ['OffsetForLeaderEpoch', { topics: 'topics', partitions: 'partitions', index: 'partition', answers: 'topics' }],
]);

const COORDINATOR_APIS: ReadonlyMap<string, CoordinatorKind> = new Map([
  ...[
    'JoinGroup',
    'SyncGroup',
    'Heartbeat',
    'LeaveGroup',
    'OffsetCommit',
    'OffsetFetch',
    'OffsetDelete',
    'TxnOffsetCommit',
    'ConsumerGroupHeartbeat',
    'ConsumerGroupDescribe',
    'DescribeGroups',
    'DeleteGroups',
  ].map((api) => [api, 'group'] as const),
  ...['InitProducerId', 'AddPartitionsToTxn', 'AddOffsetsToTxn', 'EndTxn', 'DescribeTransactions'].map(
    (api) => [api, 'transaction'] as const,
  ),
]);

type Struct = Readonly<Record<string, unknown>>;

export function dispatchRouted(brokers: VirtualBrokers, routed: Routed): void | Promise<void> {
  const { handler, request, context, reply } = routed;
  if (brokers.areOne) return handler.dispatch(request as never, context, reply);
  const self = brokers.at(context.connection.localPort);
  const refusal = coordinatorRefusal(brokers, self, routed);
  if (refusal !== undefined) return refuse(routed, refusal);
  const leaderApi = LEADER_APIS.get(handler.api.name);
  if (leaderApi !== undefined) return dispatchToLeader(brokers, self, leaderApi, routed);
  return handler.dispatch(request as never, context, (response, onSent) =>
    reply(response === null ? null : rewritten(brokers, self, routed, response), onSent),
  );
}

function coordinatorRefusal(
  brokers: VirtualBrokers,
  self: number,
  { handler, subject }: Routed,
): ErrorCode | undefined {
  const kind = COORDINATOR_APIS.get(handler.api.name);
  if (kind === undefined) return undefined;
  for (const name of kind === 'group' ? subject.groups : subject.transactionalIds) {
    if (brokers.coordinator(kind, name) !== self) return ErrorCode.NOT_COORDINATOR;
    if (brokers.isLoading(kind, name)) return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
  }
  return undefined;
}

function refuse({ handler, request, context, reply }: Routed, errorCode: ErrorCode): void {
  const answer = errorAnswer(handler, request, errorCode);
  reply(answer ?? null);
  if (answer === undefined) context.connection.close('a request that this broker cannot answer');
}

/** What it leads goes on, the rest is refused; the answers become one. */
function dispatchToLeader(brokers: VirtualBrokers, self: number, api: LeaderApi, routed: Routed): void | Promise<void> {
  const { handler, context, reply } = routed;
  const request = routed.request as Struct;
  const [led, others] = divided(request, api, (topic, partition) => {
    const name = nameOf(topic, routed.topicName);
    return name === undefined || brokers.leader(name, partition) === self;
  });
  if (others.length === 0) return handler.dispatch(request as never, context, reply);
  const refused = { ...routed, request: { ...request, [api.topics]: others } };
  if (led.length === 0) return refuse(refused, ErrorCode.NOT_LEADER_OR_FOLLOWER);
  const answer = errorAnswer(handler, refused.request, ErrorCode.NOT_LEADER_OR_FOLLOWER) as Struct | undefined;
  // A fetch that has something to say does not wait.
  const rest = { ...request, [api.topics]: led, ...('maxWaitMs' in request && { maxWaitMs: 0 }) };
  return handler.dispatch(rest as never, context, (response, onSent) => {
    if (response === null || answer === undefined) return reply(response, onSent);
    const own = response as Struct;
    const answers = [...(own[api.answers] as unknown[]), ...(answer[api.answers] as unknown[])];
    reply({ ...own, [api.answers]: answers }, onSent);
  });
}

function divided(request: Struct, api: LeaderApi, isLed: (topic: Struct, partition: number) => boolean) {
  const led: Struct[] = [];
  const others: Struct[] = [];
  for (const topic of request[api.topics] as readonly Struct[]) {
    const partitions = topic[api.partitions] as readonly Struct[];
    const own = partitions.filter((partition) => isLed(topic, partition[api.index] as number));
    const foreign = partitions.filter((partition) => !own.includes(partition));
    if (own.length > 0 || partitions.length === 0) led.push({ ...topic, [api.partitions]: own });
    if (foreign.length > 0) others.push({ ...topic, [api.partitions]: foreign });
  }
  return [led, others] as const;
}

function nameOf(topic: Struct, topicName: (topicId: string) => string | undefined): string | undefined {
  const name = topic.name ?? topic.topic;
  if (typeof name === 'string' && name !== '') return name;
  return typeof topic.topicId === 'string' ? topicName(topic.topicId) : undefined;
}

function rewritten(brokers: VirtualBrokers, self: number, { handler, request }: Routed, response: unknown): unknown {
  switch (handler.api.name) {
    case 'Metadata': {
      const answer = response as MetadataResponse;
      const [only] = answer.brokers;
      if (only === undefined) return answer;
      const all = brokers.ids.map((nodeId) => ({ ...only, nodeId, port: brokers.port(nodeId) }));
      return { ...answer, brokers: all, topics: answer.topics.map((topic) => withLeaders(brokers, topic)) };
    }
    case 'DescribeTopicPartitions': {
      const answer = response as MetadataResponse;
      return { ...answer, topics: answer.topics.map((topic) => withLeaders(brokers, topic)) };
    }
    case 'DescribeCluster': {
      const answer = response as DescribeClusterResponse;
      const [only] = answer.brokers;
      if (only === undefined) return answer;
      return {
        ...answer,
        brokers: brokers.ids.map((brokerId) => ({ ...only, brokerId, port: brokers.port(brokerId) })),
      };
    }
    case 'FindCoordinator':
      return withCoordinators(brokers, request as FindCoordinatorRequest, response as FindCoordinatorResponse);
    case 'ListGroups': {
      const answer = response as { groups: readonly { groupId: string }[] };
      return {
        ...answer,
        groups: answer.groups.filter(({ groupId }) => brokers.coordinator('group', groupId) === self),
      };
    }
    case 'ListTransactions': {
      const answer = response as { transactionStates: readonly { transactionalId: string }[] };
      const own = answer.transactionStates.filter(
        ({ transactionalId }) => brokers.coordinator('transaction', transactionalId) === self,
      );
      return { ...answer, transactionStates: own };
    }
    default:
      return response;
  }
}

function withLeaders(brokers: VirtualBrokers, topic: MetadataResponse['topics'][number]) {
  const { name } = topic;
  if (name === null) return topic;
  const partitions = topic.partitions.map((partition) => {
    const leaderId = brokers.leader(name, partition.partitionIndex);
    const replicas = [leaderId, ...brokers.ids.filter((id) => id !== leaderId)];
    return { ...partition, leaderId, replicaNodes: replicas, isrNodes: replicas };
  });
  return { ...topic, partitions };
}

function withCoordinators(
  brokers: VirtualBrokers,
  { key, keyType }: FindCoordinatorRequest,
  answer: FindCoordinatorResponse,
): FindCoordinatorResponse {
  const kind = keyType === 1 ? 'transaction' : 'group';
  const place = <Place extends { nodeId: number; port: number; errorCode: number }>(
    found: Place,
    name: string,
  ): Place => {
    if (found.errorCode !== ErrorCode.NONE) return found;
    const nodeId = brokers.coordinator(kind, name);
    return { ...found, nodeId, port: brokers.port(nodeId) };
  };
  const { coordinators = [] } = answer;
  return { ...place(answer, key), coordinators: coordinators.map((found) => place(found, found.key)) };
}
