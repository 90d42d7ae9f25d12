// A classic consumer group as a pure machine: JoinGroup, SyncGroup, Heartbeat and LeaveGroup, and what the coordinator asks
// of every group. Here is decided what each request may do; what follows from it is in classic-group-rounds.ts.
//
//     Empty ─► PreparingRebalance ─► CompletingRebalance ─► Stable        joins │ all joined │ the leader synced
//       ▲            │   ▲──────────────────┴──────────────────┘          joined, left, timed out: begin again
//       └────────────┘ nobody left
//
// KIPs: 345 static members, 394 MEMBER_ID_REQUIRED, 559 protocol in SyncGroup, 814 skipAssignment, 848 migration.
// Kafka loses the open SyncGroup of a member that is removed and the first of two equal requests; here each is answered.
import assert from 'node:assert/strict';
import { ErrorCode } from '../protocol/error-code.ts';
import type { DescribeGroupsResponse } from '../protocol/messages/describe-groups.ts';
import type { HeartbeatRequest, HeartbeatResponse } from '../protocol/messages/heartbeat.ts';
import type { JoinGroupRequest, JoinGroupResponse } from '../protocol/messages/join-group.ts';
import type { LeaveGroupRequest, LeaveGroupResponse } from '../protocol/messages/leave-group.ts';
import type { SyncGroupRequest, SyncGroupResponse } from '../protocol/messages/sync-group.ts';
import {
  type ClassicGroupSettings,
  joinError,
  type LeavingMember,
  leaveAnswer,
  leavingMembers,
  syncError,
} from './classic-group-answers.ts';
import {
  type ClassicMember,
  metadataOf,
  NO_ASSIGNMENT,
  ownProtocols,
  protocolsBytes,
  sameProtocols,
  type WaitingJoin,
} from './classic-group-member.ts';
import type { Said } from './classic-group-members.ts';
import { CONSUMER_PROTOCOL_TYPE, selectProtocol } from './classic-group-protocol.ts';
import { groupTombstone, recordedMembers } from './classic-group-record.ts';
import {
  ClassicRounds,
  type ClassicState,
  JOIN_TIMER,
  replyToJoin,
  SESSION_TIMER,
  SYNC_TIMER,
  sessionTimer,
} from './classic-group-rounds.ts';
import type { CoordinatorRecord, Effect, Reply } from './effects.ts';
import type { ClassicGroupMachine } from './group-kinds.ts';
import type { DecodedGroupRecord, MemberContext, OffsetCommitClaim } from './machine.ts';
import type { ClassicGroupSnapshot, NewClassicGroup } from './migration.ts';
import { Step } from './step.ts';

/** What a classic group needs from outside. */
export interface ClassicGroupWorld {
  readonly settings: ClassicGroupSettings;
  /** A random id with the form of a UUID; member ids end in one. */
  readonly newUuid: () => string;
}

export type DescribedGroup = DescribeGroupsResponse['groups'][number];

/** Ids given out and not come back are bounded by their sessions' ends, which a hostile client makes long. */
const PENDING_JOIN_MAX = 10_000;
/** What a string of the protocol can hold; a longer one could be told to nobody and written nowhere. */
const MEMBER_ID_BYTES_MAX = 0x7fff;
const AUTHORIZED_OPERATIONS_UNKNOWN = -0x8000_0000;

export class ClassicGroup implements ClassicGroupMachine {
  readonly type = 'classic';
  readonly groupId: string;
  readonly #world: ClassicGroupWorld;
  #rounds: ClassicRounds;
  /** The log knows the group, by more than its offsets. */
  #recorded = false;

  /** A group without members, as its first JoinGroup finds it and as committed offsets alone make it. */
  constructor(groupId: string, world: ClassicGroupWorld, nowMs: number) {
    this.groupId = groupId;
    this.#world = world;
    this.#rounds = new ClassicRounds(groupId, world.settings, nowMs);
  }

  get state(): ClassicState {
    return this.#rounds.state;
  }

  /** Empty for a group of offsets alone. */
  get protocolType(): string {
    return this.#rounds.protocolType ?? '';
  }

  get isEmpty(): boolean {
    return this.state === 'Empty';
  }

  /** Nothing would be lost with it (but offsets): the JoinGroup that made it was refused. */
  get isUnused(): boolean {
    return this.isEmpty && !this.#recorded && this.#rounds.members.pendingJoin.size === 0;
  }

  get generationId(): number {
    return this.#rounds.generationId;
  }

  get memberCount(): number {
    return this.#rounds.members.size;
  }

  // ---- JoinGroup

  /** The caller has asked `refuseJoin`. */
  join(request: JoinGroupRequest, context: MemberContext, to: Reply<JoinGroupResponse>, nowMs: number): Effect[] {
    const step = new Step(nowMs);
    const join: WaitingJoin = { to, apiVersion: context.apiVersion };
    const refusal = this.#refusal(request);
    if (refusal !== null) {
      if (refusal.errorCode === ErrorCode.GROUP_MAX_SIZE_REACHED) this.#turnAway(step, request.memberId);
      replyToJoin(step, join, refusal);
    } else if (request.memberId === '') {
      this.#joinNew(step, request, context, join);
    } else {
      this.#joinKnown(step, request, context, join);
    }
    return step.effects;
  }

  #refusal(request: JoinGroupRequest): JoinGroupResponse | null {
    const { memberId, protocolType, protocols } = request;
    if (this.state === 'Dead') return joinError(memberId, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    if (!this.#hasRoomFor(memberId)) return joinError('', ErrorCode.GROUP_MAX_SIZE_REACHED);
    if (!this.#agreesWith(protocolType, protocols)) return joinError(memberId, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    const isTooLarge = protocolsBytes(protocols) > this.#world.settings.recordBytesMax;
    return isTooLarge ? joinError(memberId, ErrorCode.UNKNOWN_SERVER_ERROR) : null;
  }

  /** During a round the first to join get the places, whoever was in the group before. */
  #hasRoomFor(memberId: string): boolean {
    const { members } = this.#rounds;
    const { maxSize } = this.#world.settings;
    if (memberId === '' && members.pendingJoin.size >= PENDING_JOIN_MAX) return false;
    if (this.state === 'Empty') return true;
    const member = members.get(memberId);
    if (this.state === 'PreparingRebalance') return (member?.join ?? null) !== null || members.joining < maxSize;
    return member !== undefined || members.size < maxSize;
  }

  #turnAway(step: Step, memberId: string): void {
    const { members } = this.#rounds;
    if (!members.has(memberId) && !members.pendingJoin.has(memberId)) return;
    this.#rounds.remove(step, memberId);
    this.#rounds.endRoundWhenAllJoined(step);
  }

  #agreesWith(protocolType: string, protocols: JoinGroupRequest['protocols']): boolean {
    if (this.state === 'Empty') return protocolType !== '' && protocols.length > 0;
    return protocolType === this.#rounds.protocolType && this.#rounds.members.haveInCommon(protocols);
  }

  #joinNew(step: Step, request: JoinGroupRequest, context: MemberContext, join: WaitingJoin): void {
    const { groupInstanceId } = request;
    const newMemberId = `${groupInstanceId ?? context.clientId}-${this.#world.newUuid()}`;
    if (Buffer.byteLength(newMemberId) > MEMBER_ID_BYTES_MAX) {
      replyToJoin(step, join, joinError('', ErrorCode.UNKNOWN_SERVER_ERROR));
      return;
    }
    const existingId = groupInstanceId === null ? undefined : this.#rounds.members.idOfInstance(groupInstanceId);
    this.#recordNewGroup(step);
    if (existingId !== undefined) {
      this.#replaceStatic(step, request, existingId, newMemberId, join);
    } else if (groupInstanceId === null && context.apiVersion >= 4) {
      this.#rounds.members.pendingJoin.add(newMemberId);
      step.arm(sessionTimer(newMemberId), request.sessionTimeoutMs);
      replyToJoin(step, join, joinError(newMemberId, ErrorCode.MEMBER_ID_REQUIRED));
    } else {
      this.#add(step, request, context, newMemberId, join);
    }
  }

  /** So that a group that was joined is still there after a restart in the middle of its first round. */
  #recordNewGroup(step: Step): void {
    if (this.#recorded) return;
    this.#recorded = true;
    step.append(this.#rounds.record());
  }

  #add(step: Step, request: JoinGroupRequest, context: MemberContext, memberId: string, join: WaitingJoin): void {
    const { clientId, clientHost, apiVersion } = context;
    const member: ClassicMember = {
      memberId,
      groupInstanceId: request.groupInstanceId,
      clientId,
      clientHost,
      ...spoken(request, apiVersion),
      assignment: NO_ASSIGNMENT,
      isNew: true,
      join: null,
      sync: null,
    };
    this.#rounds.add(step, member, join, request.protocolType);
  }

  #joinKnown(step: Step, request: JoinGroupRequest, context: MemberContext, join: WaitingJoin): void {
    const { memberId, groupInstanceId } = request;
    const { members } = this.#rounds;
    if (members.pendingJoin.has(memberId)) {
      // Such ids are given to dynamic members only.
      if (groupInstanceId === null) this.#add(step, request, context, memberId, join);
      else replyToJoin(step, join, joinError(memberId, ErrorCode.UNKNOWN_MEMBER_ID));
      return;
    }
    const errorCode = this.#checkMember(memberId, groupInstanceId);
    if (errorCode !== ErrorCode.NONE) {
      replyToJoin(step, join, joinError(memberId, errorCode));
      return;
    }
    const member = members.get(memberId)!;
    if (this.#saysNothingNew(member, request)) {
      replyToJoin(step, join, this.#rounds.joinedAnswer(member));
      return;
    }
    this.#rounds.awaitJoin(step, member, join);
    this.#rounds.rejoin(step, member, spoken(request, context.apiVersion));
  }

  /** An answer was lost: it is given again. From the leader of a stable group it is the wish for a new assignment. */
  #saysNothingNew(member: ClassicMember, request: JoinGroupRequest): boolean {
    if (this.state === 'PreparingRebalance') return false;
    if (this.state === 'Stable' && this.#rounds.members.isLeader(member.memberId)) return false;
    return sameProtocols(member.protocols, request.protocols);
  }

  /**
   * While the group is stable and would choose the same protocol again, the member takes over the assignment under its new
   * id and nobody else notices. From version 9 on a leader is told so (KIP-814); before, it is told another leader's name,
   * or it would begin to assign.
   */
  #replaceStatic(
    step: Step,
    request: JoinGroupRequest,
    oldMemberId: string,
    newMemberId: string,
    join: WaitingJoin,
  ): void {
    const rounds = this.#rounds;
    const leaderBefore = rounds.members.leaderId ?? '';
    const before = { ...rounds.members.get(oldMemberId)! };
    const member = rounds.replaceStatic(step, oldMemberId, newMemberId);
    rounds.members.update(member, spoken(request, join.apiVersion));
    if (this.state !== 'Stable' || selectProtocol(rounds.members) !== rounds.protocolName) {
      rounds.awaitJoin(step, member, join);
      rounds.rebalanceOrEndRound(step);
      return;
    }
    const record = rounds.record();
    if (!rounds.fits(record)) {
      rounds.members.update(member, before);
      rounds.armSession(step, rounds.members.replace(newMemberId, oldMemberId));
      step.cancel(sessionTimer(newMemberId));
      replyToJoin(step, join, joinError('', ErrorCode.UNKNOWN_SERVER_ERROR));
      return;
    }
    step.append(record);
    const isLeader = rounds.members.isLeader(newMemberId);
    const answer = rounds.joinedAnswer(member);
    if (join.apiVersion >= 9) replyToJoin(step, join, { ...answer, skipAssignment: isLeader });
    else replyToJoin(step, join, { ...answer, leader: leaderBefore, members: [] });
  }

  /** Kafka's ClassicGroup.validateMember. */
  #checkMember(memberId: string, groupInstanceId: string | null): number {
    const { members } = this.#rounds;
    if (groupInstanceId !== null) {
      const existingId = members.idOfInstance(groupInstanceId);
      if (existingId === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (existingId !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
    }
    return members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
  }

  // ---- SyncGroup, Heartbeat, LeaveGroup

  /** The caller has asked `refuseSync`. */
  sync(request: SyncGroupRequest, _context: MemberContext, to: Reply<SyncGroupResponse>, nowMs: number): Effect[] {
    const step = new Step(nowMs);
    const errorCode = this.#refuseSync(request);
    if (errorCode !== ErrorCode.NONE) {
      step.reply(to, syncError(errorCode));
      return step.effects;
    }
    const { memberId, assignments } = request;
    const member = this.#rounds.members.get(memberId)!;
    if (this.state === 'Stable') {
      this.#rounds.hasSynced(step, member);
      step.reply(to, this.#rounds.syncedAnswer(member));
      return step.effects;
    }
    this.#rounds.awaitSync(step, member, to);
    if (this.#rounds.members.isLeader(memberId)) {
      const parts = assignments.map((part) => [part.memberId, Buffer.from(part.assignment)] as const);
      this.#rounds.assign(step, new Map(parts));
    }
    return step.effects;
  }

  #refuseSync(request: SyncGroupRequest): number {
    if (this.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const errorCode = this.#checkMember(request.memberId, request.groupInstanceId);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    if (request.generationId !== this.generationId) return ErrorCode.ILLEGAL_GENERATION;
    const { protocolType, protocolName } = this.#rounds;
    if (differ(request.protocolType, protocolType) || differ(request.protocolName, protocolName)) {
      return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
    }
    return this.state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  heartbeat(request: HeartbeatRequest, _context: MemberContext, to: Reply<HeartbeatResponse>, nowMs: number): Effect[] {
    const step = new Step(nowMs);
    step.reply(to, { throttleTimeMs: 0, errorCode: this.#beat(step, request) });
    return step.effects;
  }

  #beat(step: Step, { memberId, groupInstanceId, generationId }: HeartbeatRequest): number {
    if (this.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const errorCode = this.#checkMember(memberId, groupInstanceId);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    if (generationId !== this.generationId) return ErrorCode.ILLEGAL_GENERATION;
    this.#rounds.armSession(step, this.#rounds.members.get(memberId)!);
    return this.state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  leave(
    request: LeaveGroupRequest,
    { apiVersion }: MemberContext,
    to: Reply<LeaveGroupResponse>,
    nowMs: number,
  ): Effect[] {
    const step = new Step(nowMs);
    if (this.state === 'Dead') {
      step.reply(to, { throttleTimeMs: 0, errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, members: [] });
      return step.effects;
    }
    const members = leavingMembers(request, apiVersion).map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      errorCode: this.#leaveOne(step, member),
    }));
    if (members.some(({ errorCode }) => errorCode === ErrorCode.NONE)) this.#afterLeaving(step);
    step.reply(to, leaveAnswer(members, apiVersion));
    return step.effects;
  }

  /** An operator who removes a static member knows its instance id only. */
  #leaveOne(step: Step, { memberId, groupInstanceId }: LeavingMember): number {
    const { members } = this.#rounds;
    if (memberId === '') {
      const existingId = groupInstanceId === null ? undefined : members.idOfInstance(groupInstanceId);
      if (existingId === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      this.#rounds.remove(step, existingId);
      return ErrorCode.NONE;
    }
    const errorCode = members.pendingJoin.has(memberId) ? ErrorCode.NONE : this.#checkMember(memberId, groupInstanceId);
    if (errorCode === ErrorCode.NONE) this.#rounds.remove(step, memberId);
    return errorCode;
  }

  #afterLeaving(step: Step): void {
    if (this.state !== 'Empty') this.#rounds.rebalanceOrEndRound(step);
  }

  // ---- what the coordinator asks of every group

  timer(key: string, nowMs: number): Effect[] {
    const step = new Step(nowMs);
    if (key === JOIN_TIMER) this.#rounds.joinTimeEnded(step);
    else if (key === SYNC_TIMER) this.#rounds.syncTimeEnded(step);
    else this.#rounds.sessionEnded(step, key.slice(SESSION_TIMER.length));
    return step.effects;
  }

  replay(record: DecodedGroupRecord): void {
    assert.equal(record.type, 2, 'a record of another kind of group');
    const { value } = record;
    const rounds = new ClassicRounds(this.groupId, this.#world.settings, this.#rounds.stateTimestampMs);
    this.#rounds = rounds;
    this.#recorded = value !== null;
    if (value === null) return;
    for (const member of recordedMembers(value)) rounds.members.add(member);
    if (value.leader !== null && rounds.members.has(value.leader)) rounds.members.setLeader(value.leader);
    rounds.generationId = value.generation;
    rounds.protocolType = value.protocolType === '' ? null : value.protocolType;
    rounds.protocolName = value.protocol;
    rounds.restore(rounds.members.size === 0 ? 'Empty' : 'Stable', value.currentStateTimestamp);
  }

  /** A group with more members than are allowed now begins a round, in which the first to join get the places. */
  loaded(nowMs: number): Effect[] {
    const step = new Step(nowMs);
    for (const member of this.#rounds.members) this.#rounds.armSession(step, member);
    if (this.memberCount > this.#world.settings.maxSize) this.#rounds.beginRound(step);
    return step.effects;
  }

  validateOffsetCommit(claim: OffsetCommitClaim): number {
    const { memberId, groupInstanceId, generationOrEpoch, isTransactional } = claim;
    if (this.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    // Consumers that assign themselves commit without a group.
    if (generationOrEpoch < 0 && this.isEmpty) return ErrorCode.NONE;
    if (generationOrEpoch >= 0 || memberId !== '' || groupInstanceId !== null) {
      const errorCode = this.#checkMember(memberId, groupInstanceId);
      if (errorCode !== ErrorCode.NONE) return errorCode;
      if (generationOrEpoch !== this.generationId) return ErrorCode.ILLEGAL_GENERATION;
    } else if (!isTransactional && !this.isEmpty) {
      return ErrorCode.UNKNOWN_MEMBER_ID;
    }
    const mustSyncFirst = !isTransactional && this.state === 'CompletingRebalance';
    return mustSyncFirst ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** A member that commits (not in a transaction) is alive; called after `validateOffsetCommit` said yes. */
  committed(memberId: string, nowMs: number): Effect[] {
    const step = new Step(nowMs);
    const member = this.#rounds.members.get(memberId);
    if (member !== undefined) this.#rounds.armSession(step, member);
    return step.effects;
  }

  validateOffsetFetch(_claim: { readonly memberId: string | null; readonly memberEpoch: number }): number {
    return this.state === 'Dead' ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.NONE;
  }

  /** While consumers are active, offsets of topics that none of them is subscribed to may go (isSubscribedTo). */
  validateOffsetDelete(): number {
    if (this.state === 'Dead') return ErrorCode.GROUP_ID_NOT_FOUND;
    const isInUse = !this.isEmpty && this.#rounds.protocolType !== CONSUMER_PROTOCOL_TYPE;
    return isInUse ? ErrorCode.NON_EMPTY_GROUP : ErrorCode.NONE;
  }

  /** Consumers whose subscriptions are not known are taken to be subscribed to everything. */
  isSubscribedTo(topic: string): boolean {
    const { subscribedTopics, protocolType } = this.#rounds;
    return subscribedTopics?.has(topic) ?? protocolType === CONSUMER_PROTOCOL_TYPE;
  }

  /**
   * The time from which the retention of a committed offset counts; undefined: it does not age. Offsets of topics that the
   * group is subscribed to are kept besides (isSubscribedTo).
   */
  agingSince(commitTimestampMs: number): number | undefined {
    const { protocolType, subscribedTopics, stateTimestampMs } = this.#rounds;
    if (protocolType === null) return commitTimestampMs;
    if (this.isEmpty) return stateTimestampMs === -1 ? commitTimestampMs : stateTimestampMs;
    const isConsumers = protocolType === CONSUMER_PROTOCOL_TYPE && subscribedTopics !== null;
    return isConsumers && this.state === 'Stable' ? commitTimestampMs : undefined;
  }

  validateDelete(): number {
    if (this.state === 'Dead') return ErrorCode.GROUP_ID_NOT_FOUND;
    return this.isEmpty ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
  }

  tombstones(): CoordinatorRecord[] {
    return [groupTombstone(this.groupId)];
  }

  /** As DescribeGroups shows it; subscriptions only while the group is stable. */
  describe(): DescribedGroup {
    const { members, protocolName } = this.#rounds;
    const shown = this.state === 'Stable' ? protocolName : null;
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      groupId: this.groupId,
      groupState: this.state,
      protocolType: this.protocolType,
      protocolData: shown ?? '',
      members: [...members].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        memberMetadata: (shown === null ? null : metadataOf(member, shown)) ?? NO_ASSIGNMENT,
        memberAssignment: member.assignment,
      })),
      authorizedOperations: AUTHORIZED_OPERATIONS_UNKNOWN,
    };
  }

  // ---- migration to and from the consumer protocol

  snapshot(): ClassicGroupSnapshot {
    const { members, protocolType, protocolName, generationId } = this.#rounds;
    return {
      generationId,
      protocolType,
      protocolName,
      members: [...members].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        sessionTimeoutMs: member.sessionTimeoutMs,
        protocols: member.protocols,
        assignment: member.assignment,
      })),
    };
  }

  release(): Effect[] {
    const step = new Step(this.#rounds.stateTimestampMs);
    this.#rounds.die(step, ErrorCode.REBALANCE_IN_PROGRESS);
    return step.effects;
  }

  /** See NewClassicGroup. */
  static from(
    world: ClassicGroupWorld,
    groupId: string,
    snapshot: ClassicGroupSnapshot,
    rebalance: boolean,
    nowMs: number,
  ): { readonly machine: ClassicGroup; readonly effects: Effect[] } {
    const group = new ClassicGroup(groupId, world, nowMs);
    const rounds = group.#rounds;
    for (const member of snapshot.members) {
      rounds.members.add({ ...member, isNew: false, join: null, sync: null });
    }
    rounds.generationId = snapshot.generationId;
    rounds.protocolType = snapshot.protocolType ?? CONSUMER_PROTOCOL_TYPE;
    rounds.protocolName = snapshot.protocolName ?? selectProtocol(rounds.members);
    rounds.restore(rounds.members.size === 0 ? 'Empty' : 'Stable', nowMs);
    group.#recorded = true;
    const step = new Step(nowMs);
    step.append(rounds.record());
    for (const member of rounds.members) rounds.armSession(step, member);
    if (rebalance && rounds.members.size > 0) rounds.beginRound(step);
    return { machine: group, effects: step.effects };
  }
}

/** The way back for consumer groups, bound to the world of classic groups. */
export function newClassicGroup(world: ClassicGroupWorld): NewClassicGroup {
  return (...args) => ClassicGroup.from(world, ...args);
}

/** Version 0 has no rebalance timeout of its own. */
function spoken(request: JoinGroupRequest, apiVersion: number): Said {
  const { sessionTimeoutMs, rebalanceTimeoutMs } = request;
  return {
    protocols: ownProtocols(request.protocols),
    rebalanceTimeoutMs: apiVersion === 0 ? sessionTimeoutMs : Math.max(rebalanceTimeoutMs, 0),
    sessionTimeoutMs,
  };
}

function differ(claimed: string | null, actual: string | null): boolean {
  return claimed !== null && actual !== null && claimed !== actual;
}
