// What ConsumerGroupHeartbeat has to be like, and which member it comes from (Kafka: GroupCoordinatorService and
// GroupMetadataManager.throwIf...). Nothing here changes a group.
import { refuse } from '../metadata/refusal.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { ConsumerGroupHeartbeatRequest } from '../protocol/messages/consumer-group-heartbeat.ts';
import { knownMember, ownerOfInstance } from './consumer-group-classic.ts';
import {
  AWAY_EPOCH,
  type ConsumerGroupMember,
  type EpochAssignment,
  JOINING_EPOCH,
  LEAVING_EPOCH,
  MemberState,
  newMember,
} from './consumer-group-member.ts';
import type { ConsumerGroupState } from './consumer-group-state.ts';
import type { OwnedPartitions } from './current-assignment.ts';
import type { MemberContext } from './machine.ts';

/** Refuses INVALID_REQUEST and UNSUPPORTED_ASSIGNOR, whatever the group is. `assignors`: the broker's. */
export function checkHeartbeat(
  request: ConsumerGroupHeartbeatRequest,
  apiVersion: number,
  assignors: readonly string[],
): void {
  const { memberEpoch } = request;
  // Since version 1 members choose their ids themselves.
  if (apiVersion >= 1 || memberEpoch > JOINING_EPOCH || memberEpoch === LEAVING_EPOCH) {
    refuseBlank(request.memberId, 'MemberId');
  }
  refuseBlank(request.groupId, 'GroupId');
  refuseBlank(request.instanceId, 'InstanceId');
  refuseBlank(request.rackId, 'RackId');
  if (memberEpoch === JOINING_EPOCH) checkJoin(request);
  else if (memberEpoch === AWAY_EPOCH && request.instanceId === null) invalid("InstanceId can't be null.");
  else if (memberEpoch < AWAY_EPOCH) invalid('MemberEpoch is invalid.');
  const { serverAssignor } = request;
  if (serverAssignor !== null && !assignors.includes(serverAssignor)) {
    refuse(
      ErrorCode.UNSUPPORTED_ASSIGNOR,
      `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${assignors.join(', ')}.`,
    );
  }
}

function checkJoin(request: ConsumerGroupHeartbeatRequest): void {
  if (request.rebalanceTimeoutMs === -1) invalid('RebalanceTimeoutMs must be provided in first request.');
  if (request.topicPartitions === null || request.topicPartitions.length > 0) {
    invalid('TopicPartitions must be empty when (re-)joining.');
  }
  if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null) {
    invalid('Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.');
  }
}

/**
 * The member as it is before this request; `replaced` is the static member whose place a joining one takes. Refuses
 * UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID.
 */
export function heartbeatingMember(
  state: ConsumerGroupState,
  request: ConsumerGroupHeartbeatRequest,
  memberId: string,
): { readonly member: ConsumerGroupMember; readonly replaced: ConsumerGroupMember | null } {
  const { instanceId, memberEpoch, topicPartitions } = request;
  const joins = memberEpoch === JOINING_EPOCH;
  if (instanceId === null) {
    const member = joins ? (state.members.get(memberId) ?? newMember(memberId)) : knownMember(state, memberId);
    checkEpoch(member, memberEpoch, topicPartitions);
    return { member, replaced: null };
  }
  if (!joins) {
    const member = ownerOfInstance(state, memberId, instanceId);
    checkEpoch(member, memberEpoch, topicPartitions);
    return { member, replaced: null };
  }
  const former = state.staticMember(instanceId);
  if (former === undefined) return { member: state.members.get(memberId) ?? newMember(memberId), replaced: null };
  if (former.classic === null && former.memberEpoch !== AWAY_EPOCH) {
    refuse(
      ErrorCode.UNRELEASED_INSTANCE_ID,
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${former.memberId} member.`,
    );
  }
  return { member: former, replaced: former };
}

/** What a request leaves out stays as it was. */
export function withHeartbeat(
  member: ConsumerGroupMember,
  request: ConsumerGroupHeartbeatRequest,
  context: MemberContext,
): ConsumerGroupMember {
  return {
    ...member,
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? member.serverAssignor,
    subscribedTopicNames:
      request.subscribedTopicNames === null ? member.subscribedTopicNames : new Set(request.subscribedTopicNames),
    subscribedTopicRegex: request.subscribedTopicRegex ?? member.subscribedTopicRegex,
    clientId: context.clientId,
    clientHost: context.clientHost,
    classic: null,
  };
}

/**
 * A member may be one epoch behind when the response that told it the new one was lost: it then still owns nothing but
 * what it was assigned. Any other epoch than its own fences it.
 */
function checkEpoch(member: ConsumerGroupMember, epoch: number, owned: OwnedPartitions | null): void {
  if (member.state === MemberState.UNKNOWN && (owned === null || owned.length > 0)) {
    fence('The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.');
  }
  if (epoch === JOINING_EPOCH || epoch === member.memberEpoch) return;
  const lostResponse = epoch === member.previousMemberEpoch && ownsOnly(owned, member.assigned);
  if (epoch < member.memberEpoch && lostResponse) return;
  fence(
    `The consumer group member has a ${epoch > member.memberEpoch ? 'greater' : 'smaller'} member epoch (${epoch}) than the one known by the group coordinator (${member.memberEpoch}). The member must abandon all its partitions and rejoin.`,
  );
}

function ownsOnly(owned: OwnedPartitions | null, assigned: EpochAssignment): boolean {
  if (owned === null) return false;
  return owned.every(({ topicId, partitions }) => {
    const epochs = assigned.get(topicId);
    return epochs !== undefined && partitions.every((partition) => epochs.has(partition));
  });
}

function refuseBlank(text: string | null, name: string): void {
  if (text !== null && text.trim() === '') invalid(`${name} can't be empty.`);
}

function invalid(message: string): never {
  return refuse(ErrorCode.INVALID_REQUEST, message);
}

function fence(message: string): never {
  return refuse(ErrorCode.FENCED_MEMBER_EPOCH, message);
}
