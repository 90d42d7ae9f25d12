// Members of a consumer group that speak the classic protocol: their JoinGroup, SyncGroup, Heartbeat and LeaveGroup, as long
// as the group is being moved from one protocol to the other. To them a member epoch is a generation, there is no leader,
// and REBALANCE_IN_PROGRESS means: there is a new assignment to fetch. Source: GroupMetadataManager.classicGroup*ToConsumerGroup.
import { refuse } from '../metadata/refusal.ts';
import { consumerProtocolAssignment } from '../protocol/consumer-protocol/assignment.ts';
import {
  type ConsumerProtocolSubscription,
  consumerProtocolSubscription,
} from '../protocol/consumer-protocol/subscription.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { JoinGroupRequest } from '../protocol/messages/join-group.ts';
import type { SyncGroupRequest } from '../protocol/messages/sync-group.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { decodeVersioned, encodeVersioned } from '../protocol/versioned.ts';
import type { Assignment } from './assignors/assignor.ts';
import type { LeavingMember } from './classic-group-answers.ts';
import { CONSUMER_PROTOCOL_TYPE } from './classic-group-protocol.ts';
import { type ConsumerGroupMember, MemberState, newMember, withoutEpochs } from './consumer-group-member.ts';
import type { ConsumerGroupState } from './consumer-group-state.ts';
import type { OwnedPartitions } from './current-assignment.ts';
import type { MemberContext } from './machine.ts';
import type { TopicsView } from './topics-view.ts';

const MEMBER_ID_REQUIRED_SINCE = 4;

/** A new member of JoinGroup 4+ without an id gets one and has to come again with it. */
export function needsMemberIdFirst(request: JoinGroupRequest, context: MemberContext): boolean {
  return request.memberId === '' && request.groupInstanceId === null && context.apiVersion >= MEMBER_ID_REQUIRED_SINCE;
}

/** Refuses INCONSISTENT_GROUP_PROTOCOL unless it knows an assignor that all members of the classic protocol know. */
export function checkClassicProtocols(state: ConsumerGroupState, request: JoinGroupRequest, memberId: string): void {
  const supported =
    request.protocolType === CONSUMER_PROTOCOL_TYPE &&
    request.protocols.some(({ name }) => state.isKnownToAllClassic(name));
  if (!supported) {
    refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, `Member ${memberId}'s protocols are not supported.`);
  }
}

/** The member that a JoinGroup comes from, before what it says is applied. */
export function joiningClassicMember(
  state: ConsumerGroupState,
  request: JoinGroupRequest,
  memberId: string,
): { readonly member: ConsumerGroupMember; readonly replaced: ConsumerGroupMember | null } {
  const instanceId = request.groupInstanceId;
  if (instanceId === null) return { member: state.members.get(memberId) ?? newMember(memberId), replaced: null };
  const former = state.staticMember(instanceId);
  if (request.memberId === '') {
    return { member: former ?? newMember(memberId), replaced: former ?? null };
  }
  return { member: ownerOfInstance(state, memberId, instanceId), replaced: null };
}

/** Refuses UNKNOWN_SERVER_ERROR, as Kafka does, for a subscription that cannot be read. */
export function readSubscription(request: JoinGroupRequest): ConsumerProtocolSubscription {
  try {
    return decodeVersioned(consumerProtocolSubscription, request.protocols[0]!.metadata).message;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return refuse(
      ErrorCode.UNKNOWN_SERVER_ERROR,
      'Malformed embedded consumer protocol in subscription deserialization.',
    );
  }
}

export function withJoinRequest(
  member: ConsumerGroupMember,
  request: JoinGroupRequest,
  subscription: ConsumerProtocolSubscription,
  context: MemberContext,
): ConsumerGroupMember {
  const { sessionTimeoutMs } = request;
  // Version 0 has one timeout for both.
  const rebalanceTimeoutMs = context.apiVersion === 0 ? sessionTimeoutMs : request.rebalanceTimeoutMs;
  return {
    ...member,
    instanceId: request.groupInstanceId ?? member.instanceId,
    rackId: subscription.rackId || member.rackId,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
    subscribedTopicNames: new Set(subscription.topics),
    subscribedTopicRegex: '',
    clientId: context.clientId,
    clientHost: context.clientHost,
    classic: {
      sessionTimeoutMs,
      // The request's bytes are views of a frame that goes; a member stays.
      supportedProtocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
    },
  };
}

export function ownedBy(subscription: ConsumerProtocolSubscription, topics: TopicsView): OwnedPartitions {
  return subscription.ownedPartitions.flatMap(({ topic, partitions }) => {
    const known = topics.topic(topic);
    return known === undefined ? [] : [{ topicId: known.id, partitions }];
  });
}

/** Refuses UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION. */
export function classicMember(
  state: ConsumerGroupState,
  request: { readonly memberId: string; readonly groupInstanceId: string | null; readonly generationId: number },
): ConsumerGroupMember {
  const { memberId, groupInstanceId, generationId } = request;
  const member =
    groupInstanceId === null ? knownMember(state, memberId) : ownerOfInstance(state, memberId, groupInstanceId);
  if (member.classic === null) {
    refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} does not use the classic protocol.`);
  }
  if (member.memberEpoch !== generationId) {
    refuse(
      ErrorCode.ILLEGAL_GENERATION,
      `The request generation id ${generationId} is not equal to the member epoch ${member.memberEpoch} of member ${memberId}.`,
    );
  }
  return member;
}

/** Refuses INCONSISTENT_GROUP_PROTOCOL when it asks for another protocol than its JoinGroup was answered with. */
export function checkSyncProtocol(member: ConsumerGroupMember, request: SyncGroupRequest): void {
  const { protocolType, protocolName } = request;
  const typeDiffers = protocolType !== null && protocolType !== CONSUMER_PROTOCOL_TYPE;
  const nameDiffers = protocolName !== null && protocolName !== classicProtocolName(member);
  if (typeDiffers || nameDiffers) {
    refuse(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
      `Member ${member.memberId} asks for protocol ${protocolType}/${protocolName}, not the one returned in the join response.`,
    );
  }
}

export function classicProtocolName(member: ConsumerGroupMember): string {
  return member.classic!.supportedProtocols[0]!.name;
}

/** A new target is there, and the member has nothing left to give up before it may join for it. */
export function mustRejoinBeforeSync(state: ConsumerGroupState, member: ConsumerGroupMember): boolean {
  return state.assignmentEpoch > member.memberEpoch && member.state !== MemberState.UNREVOKED_PARTITIONS;
}

/** There is something to fetch for the member by joining again, or to give up. */
export function shouldRejoin(state: ConsumerGroupState, member: ConsumerGroupMember): boolean {
  if (member.memberEpoch < state.assignmentEpoch || member.state === MemberState.UNREVOKED_PARTITIONS) return true;
  return member.state === MemberState.UNRELEASED_PARTITIONS && !waitsForOthers(state, member);
}

function waitsForOthers(state: ConsumerGroupState, member: ConsumerGroupMember): boolean {
  for (const [topicId, partitions] of state.target(member.memberId)) {
    const assigned = member.assigned.get(topicId);
    if (partitions.some((partition) => !assigned?.has(partition) && state.isHeld(topicId, partition))) return true;
  }
  return false;
}

/** The member's assignment as SyncGroup carries it, in the version of the consumer protocol that the member speaks. */
export function classicAssignment(member: ConsumerGroupMember, topics: TopicsView): Buffer {
  return encodeClassicAssignment(
    withoutEpochs(member.assigned),
    member.classic!.supportedProtocols[0]!.metadata,
    topics,
  );
}

/** `metadata`: the member's ConsumerProtocolSubscription, for its version. Topics that are gone are left out. */
export function encodeClassicAssignment(assignment: Assignment, metadata: Buffer, topics: TopicsView): Buffer {
  // Only the first of a member's subscriptions was ever read: the others may be anything.
  const spoken = metadata.length < 2 ? 0 : metadata.readInt16BE(0);
  const version = Math.min(Math.max(spoken, 0), consumerProtocolAssignment.maxVersion);
  const assignedPartitions = [...assignment].flatMap(([topicId, partitions]) => {
    const topic = topics.topicById(topicId);
    return topic === undefined ? [] : [{ topic: topic.name, partitions: [...partitions] }];
  });
  return encodeVersioned(consumerProtocolAssignment, version, { assignedPartitions, userData: null });
}

/** Whom a LeaveGroup names, or an error code. Members of both protocols may be removed so. */
export function findLeaving(
  state: ConsumerGroupState,
  { memberId, groupInstanceId }: LeavingMember,
): ConsumerGroupMember | number {
  const member = groupInstanceId === null ? state.members.get(memberId) : state.staticMember(groupInstanceId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  const fenced = groupInstanceId !== null && memberId !== '' && member.memberId !== memberId;
  return fenced ? ErrorCode.FENCED_INSTANCE_ID : member;
}

/** Refuses UNKNOWN_MEMBER_ID. */
export function knownMember(state: ConsumerGroupState, memberId: string): ConsumerGroupMember {
  return (
    state.members.get(memberId) ??
    refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${state.groupId}.`)
  );
}

/** Refuses UNKNOWN_MEMBER_ID, and FENCED_INSTANCE_ID when another member has the instance id. */
export function ownerOfInstance(state: ConsumerGroupState, memberId: string, instanceId: string): ConsumerGroupMember {
  const member = state.staticMember(instanceId);
  if (member === undefined) refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
  if (member.memberId !== memberId) {
    refuse(
      ErrorCode.FENCED_INSTANCE_ID,
      `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.memberId}.`,
    );
  }
  return member;
}
