// The answers to JoinGroup, SyncGroup and LeaveGroup of classic groups, and those that need no group: what is refused
// whatever the group, and what a request gets when there is none. GroupCoordinatorService of Kafka 4.3 is the model.
import { ErrorCode } from '../protocol/error-code.ts';
import type { JoinGroupRequest, JoinGroupResponse, JoinGroupResponseInput } from '../protocol/messages/join-group.ts';
import type { LeaveGroupRequest, LeaveGroupResponse } from '../protocol/messages/leave-group.ts';
import type { SyncGroupRequest, SyncGroupResponse } from '../protocol/messages/sync-group.ts';
import { NO_ASSIGNMENT } from './classic-group-member.ts';

const FIRST_JOIN_VERSION_WITH_NULL_PROTOCOL = 7;

/** What the operator may set while the broker runs; read at each step. */
export interface ClassicGroupSettings {
  /** group.initial.rebalance.delay.ms */
  readonly initialRebalanceDelayMs: number;
  /** group.min.session.timeout.ms */
  readonly minSessionTimeoutMs: number;
  /** group.max.session.timeout.ms */
  readonly maxSessionTimeoutMs: number;
  /** group.max.size */
  readonly maxSize: number;
  /** The largest record that the group's log takes: a group that would not fit is refused what makes it so. */
  readonly recordBytesMax: number;
}

/** Error of a JoinGroup whatever the group, or null; asked before the group is looked up or made. */
export function refuseJoin(request: JoinGroupRequest, settings: ClassicGroupSettings): JoinGroupResponse | null {
  if (request.groupId === '') return joinError(request.memberId, ErrorCode.INVALID_GROUP_ID);
  const { sessionTimeoutMs } = request;
  if (sessionTimeoutMs < settings.minSessionTimeoutMs || sessionTimeoutMs > settings.maxSessionTimeoutMs) {
    return joinError(request.memberId, ErrorCode.INVALID_SESSION_TIMEOUT);
  }
  return null;
}

/** A JoinGroup to a group that does not exist makes one, unless it brings a member id. */
export function joinWithoutGroup(request: JoinGroupRequest): JoinGroupResponse {
  return joinError(request.memberId, ErrorCode.UNKNOWN_MEMBER_ID);
}

/** Error of a SyncGroup whatever the group, or null. */
export function refuseSync(request: SyncGroupRequest, apiVersion: number): SyncGroupResponse | null {
  if (lacksProtocol(request, apiVersion)) return syncError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  return request.groupId === '' ? syncError(ErrorCode.INVALID_GROUP_ID) : null;
}

export function lacksProtocol({ protocolType, protocolName }: SyncGroupRequest, apiVersion: number): boolean {
  return apiVersion >= 5 && (protocolType === null || protocolName === null);
}

/** Errors have no protocol name: null from version 7 on, the empty text before. */
export function joinAnswerAt(response: JoinGroupResponseInput, apiVersion: number): JoinGroupResponseInput {
  const lacksNull = apiVersion < FIRST_JOIN_VERSION_WITH_NULL_PROTOCOL && response.protocolName === null;
  return lacksNull ? { ...response, protocolName: '' } : response;
}

/** Its `protocolName` is null, as Kafka's; `joinAnswerAt` makes it '' where a version has no null. */
export function joinError(memberId: string, errorCode: number): JoinGroupResponse {
  return {
    throttleTimeMs: 0,
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  };
}

export function syncError(errorCode: number): SyncGroupResponse {
  return { throttleTimeMs: 0, errorCode, protocolType: null, protocolName: null, assignment: NO_ASSIGNMENT };
}

export interface LeavingMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** Before version 3 a request names one member, and its error is the whole answer's. */
export function leavingMembers(request: LeaveGroupRequest, apiVersion: number): readonly LeavingMember[] {
  return apiVersion < 3 ? [{ memberId: request.memberId, groupInstanceId: null }] : request.members;
}

export function leaveAnswer(members: LeaveGroupResponse['members'], apiVersion: number): LeaveGroupResponse {
  const errorCode = apiVersion < 3 ? members[0]?.errorCode : undefined;
  return { throttleTimeMs: 0, errorCode: errorCode ?? ErrorCode.NONE, members };
}

/** Of a group that does not exist, and of one of another type. */
export function leaveWithoutGroup(request: LeaveGroupRequest, apiVersion: number): LeaveGroupResponse {
  const members = leavingMembers(request, apiVersion).map(({ memberId, groupInstanceId }) => ({
    memberId,
    groupInstanceId,
    errorCode: ErrorCode.UNKNOWN_MEMBER_ID,
  }));
  return leaveAnswer(members, apiVersion);
}
