// The rounds of a classic group. A round gathers JoinGroup requests (PreparingRebalance), ends in a new generation whose
// leader is told the members (CompletingRebalance), and the leader's SyncGroup gives everyone its part (Stable).
// What a request may do is decided in classic-group.ts; here stands what then happens. GroupMetadataManager of Kafka 4.3
// is the model. Invariants: whoever waits for a round is answered by its end, and a timer that ends it is armed.
import assert from 'node:assert/strict';
import { ErrorCode } from '../protocol/error-code.ts';
import type { JoinGroupResponse } from '../protocol/messages/join-group.ts';
import type { SyncGroupResponse } from '../protocol/messages/sync-group.ts';
import { type ClassicGroupSettings, joinError, syncError } from './classic-group-answers.ts';
import { type ClassicMember, isAlive, metadataOf, NO_ASSIGNMENT, type WaitingJoin } from './classic-group-member.ts';
import { ClassicMembers, type Said } from './classic-group-members.ts';
import { selectProtocol, subscribedTopics } from './classic-group-protocol.ts';
import { groupRecord } from './classic-group-record.ts';
import type { CoordinatorRecord, Reply } from './effects.ts';
import type { Step } from './step.ts';

export type ClassicState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

export const JOIN_TIMER = 'join';
export const SYNC_TIMER = 'sync';
export const SESSION_TIMER = 'session/';

/** How long a new member may wait for the end of its first round; its client may be gone. */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 300_000;

/** The first round of an empty group waits for company: again and again while members come, up to the rebalance timeout. */
interface InitialDelay {
  readonly delayMs: number;
  readonly remainingMs: number;
}

export class ClassicRounds {
  readonly groupId: string;
  readonly settings: ClassicGroupSettings;
  members = new ClassicMembers();
  #state: ClassicState = 'Empty';
  stateTimestampMs: number;
  generationId = 0;
  /** Null until the first member came: what offsets alone have made has none. */
  protocolType: string | null = null;
  protocolName: string | null = null;
  subscribedTopics: ReadonlySet<string> | null = null;
  /** Not null: the round began in an empty group and only time ends it. */
  #initialDelay: InitialDelay | null = null;
  #newMemberAdded = false;

  constructor(groupId: string, settings: ClassicGroupSettings, nowMs: number) {
    this.groupId = groupId;
    this.settings = settings;
    this.stateTimestampMs = nowMs;
  }

  get state(): ClassicState {
    return this.#state;
  }

  /** In a state that its log shows. */
  restore(state: ClassicState, stateTimestampMs: number): void {
    this.#state = state;
    this.stateTimestampMs = stateTimestampMs;
    this.#initialDelay = null;
    this.computeSubscribedTopics();
  }

  computeSubscribedTopics(): void {
    this.subscribedTopics = subscribedTopics(this.protocolType, this.protocolName, this.members);
  }

  // ---- members come, speak again and go

  add(step: Step, member: ClassicMember, join: WaitingJoin, protocolType: string): void {
    if (this.members.size === 0) this.protocolType = protocolType;
    assert.equal(this.protocolType, protocolType);
    if (this.#initialDelay !== null) this.#newMemberAdded = true;
    this.members.add(member);
    this.members.setJoin(member, join);
    step.arm(sessionTimer(member.memberId), NEW_MEMBER_JOIN_TIMEOUT_MS);
    this.rebalanceOrEndRound(step);
  }

  rejoin(step: Step, member: ClassicMember, said: Said): void {
    this.members.update(member, said);
    this.rebalanceOrEndRound(step);
  }

  /** A request that another of the same member replaces is told to join again: its sender has given it up. */
  awaitJoin(step: Step, member: ClassicMember, join: WaitingJoin): void {
    if (member.join !== null)
      this.answerJoin(step, member, joinError(member.memberId, ErrorCode.REBALANCE_IN_PROGRESS));
    this.members.setJoin(member, join);
  }

  awaitSync(step: Step, member: ClassicMember, to: Reply<SyncGroupResponse>): void {
    this.answerSync(step, member, syncError(ErrorCode.REBALANCE_IN_PROGRESS));
    member.sync = to;
    this.hasSynced(step, member);
  }

  hasSynced(step: Step, member: ClassicMember): void {
    this.members.pendingSync.delete(member.memberId);
    if (this.members.pendingSync.size === 0) step.cancel(SYNC_TIMER);
  }

  /** A static member came back under a new id: whatever still uses the old one is fenced. */
  replaceStatic(step: Step, oldMemberId: string, newMemberId: string): ClassicMember {
    const old = this.members.get(oldMemberId)!;
    this.answerJoin(step, old, joinError(oldMemberId, ErrorCode.FENCED_INSTANCE_ID));
    this.answerSync(step, old, syncError(ErrorCode.FENCED_INSTANCE_ID));
    step.cancel(sessionTimer(oldMemberId));
    const member = this.members.replace(oldMemberId, newMemberId);
    this.armSession(step, member);
    return member;
  }

  /** The caller goes on with the round. */
  remove(step: Step, memberId: string): void {
    const member = this.members.get(memberId);
    if (member !== undefined) {
      this.answerJoin(step, member, joinError('', ErrorCode.UNKNOWN_MEMBER_ID));
      this.answerSync(step, member, syncError(ErrorCode.UNKNOWN_MEMBER_ID));
    }
    this.members.remove(memberId);
    step.cancel(sessionTimer(memberId));
  }

  sessionEnded(step: Step, memberId: string): void {
    const member = this.members.get(memberId);
    if (member === undefined ? !this.members.pendingJoin.has(memberId) : isAlive(member)) return;
    this.remove(step, memberId);
    if (this.#state === 'PreparingRebalance') {
      if (this.members.haveAllJoined) this.endRound(step);
    } else if (member !== undefined) {
      this.rebalanceOrEndRound(step);
    }
  }

  armSession(step: Step, member: ClassicMember): void {
    step.arm(sessionTimer(member.memberId), member.sessionTimeoutMs);
  }

  // ---- a round begins and ends

  rebalanceOrEndRound(step: Step): void {
    if (this.#state === 'PreparingRebalance') this.endRoundWhenAllJoined(step);
    else this.beginRound(step);
  }

  /** Not in the first round of an empty group: there time decides. */
  endRoundWhenAllJoined(step: Step): void {
    if (this.#state !== 'PreparingRebalance' || this.#initialDelay !== null) return;
    if (this.members.haveAllJoined) this.endRound(step);
  }

  beginRound(step: Step): void {
    if (this.#state === 'CompletingRebalance') this.#dropAssignment(step, ErrorCode.REBALANCE_IN_PROGRESS);
    this.members.pendingSync.clear();
    step.cancel(SYNC_TIMER);
    const wasEmpty = this.#state === 'Empty';
    this.#become('PreparingRebalance', step.nowMs);
    if (wasEmpty) {
      const delayMs = this.settings.initialRebalanceDelayMs;
      this.#newMemberAdded = false;
      this.#initialDelay = { delayMs, remainingMs: Math.max(this.members.rebalanceTimeoutMs - delayMs, 0) };
      step.arm(JOIN_TIMER, delayMs);
    } else if (this.members.haveAllJoined) {
      this.endRound(step);
    } else {
      step.arm(JOIN_TIMER, this.members.rebalanceTimeoutMs);
    }
  }

  joinTimeEnded(step: Step): void {
    if (this.#state !== 'PreparingRebalance') return;
    const delay = this.#initialDelay;
    if (delay === null || !this.#newMemberAdded || delay.remainingMs === 0) {
      this.endRound(step);
      return;
    }
    this.#newMemberAdded = false;
    const delayMs = Math.min(this.settings.initialRebalanceDelayMs, delay.remainingMs);
    this.#initialDelay = { delayMs, remainingMs: Math.max(delay.remainingMs - delay.delayMs, 0) };
    step.arm(JOIN_TIMER, delayMs);
  }

  /** Who has not joined is out, but for static members: they may be on their way back until their session ends. */
  endRound(step: Step): void {
    step.cancel(JOIN_TIMER);
    this.#initialDelay = null;
    for (const member of [...this.members]) {
      if (member.join === null && member.groupInstanceId === null) this.remove(step, member.memberId);
    }
    if (this.members.size > 0 && !this.#electJoinedLeader()) {
      step.arm(JOIN_TIMER, this.members.rebalanceTimeoutMs);
      return;
    }
    this.generationId++;
    this.protocolName = selectProtocol(this.members);
    this.computeSubscribedTopics();
    this.members.pendingSync.clear();
    if (this.members.size === 0) {
      this.#become('Empty', step.nowMs);
      step.append(this.record());
    } else {
      this.#become('CompletingRebalance', step.nowMs);
      this.#tellGeneration(step);
    }
  }

  #electJoinedLeader(): boolean {
    const leader = this.members.get(this.members.leaderId!)!;
    if (leader.join !== null) return true;
    for (const member of this.members) {
      if (member.join === null) continue;
      this.members.setLeader(member.memberId);
      return true;
    }
    return false;
  }

  #tellGeneration(step: Step): void {
    for (const member of this.members) {
      this.answerJoin(step, member, this.joinedAnswer(member));
      this.armSession(step, member);
      member.isNew = false;
      this.members.pendingSync.add(member.memberId);
    }
    step.arm(SYNC_TIMER, this.members.rebalanceTimeoutMs);
  }

  // ---- the assignment

  /** The leader's word; members that it forgot get nothing. The group is stable once this is in the log. */
  assign(step: Step, assignments: ReadonlyMap<string, Buffer>): void {
    assert.equal(this.#state, 'CompletingRebalance');
    for (const member of this.members) member.assignment = assignments.get(member.memberId) ?? NO_ASSIGNMENT;
    const record = this.record(step.nowMs);
    if (!this.fits(record)) {
      this.#dropAssignment(step, ErrorCode.UNKNOWN_SERVER_ERROR);
      this.beginRound(step);
      return;
    }
    this.#become('Stable', step.nowMs);
    step.append(record);
    for (const member of this.members) {
      if (this.answerSync(step, member, this.syncedAnswer(member))) this.armSession(step, member);
    }
  }

  #dropAssignment(step: Step, errorCode: number): void {
    for (const member of this.members) {
      member.assignment = NO_ASSIGNMENT;
      if (this.answerSync(step, member, syncError(errorCode))) this.armSession(step, member);
    }
  }

  syncTimeEnded(step: Step): void {
    const late = [...this.members.pendingSync];
    if (late.length === 0 || (this.#state !== 'CompletingRebalance' && this.#state !== 'Stable')) return;
    for (const memberId of late) this.remove(step, memberId);
    this.beginRound(step);
  }

  // ---- answers and records

  joinedAnswer(member: ClassicMember): JoinGroupResponse {
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      generationId: this.generationId,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leader: this.members.leaderId ?? '',
      skipAssignment: false,
      memberId: member.memberId,
      members: this.members.isLeader(member.memberId) ? this.membersForLeader() : [],
    };
  }

  membersForLeader(): JoinGroupResponse['members'] {
    return [...this.members].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: metadataOf(member, this.protocolName ?? '') ?? NO_ASSIGNMENT,
    }));
  }

  syncedAnswer(member: ClassicMember): SyncGroupResponse {
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      assignment: member.assignment,
    };
  }

  answerJoin(step: Step, member: ClassicMember, response: JoinGroupResponse): boolean {
    if (member.join === null) return false;
    replyToJoin(step, member.join, response);
    this.members.setJoin(member, null);
    return true;
  }

  answerSync(step: Step, member: ClassicMember, response: SyncGroupResponse): boolean {
    if (member.sync === null) return false;
    step.reply(member.sync, response);
    member.sync = null;
    return true;
  }

  record(stateTimestampMs: number = this.stateTimestampMs): CoordinatorRecord {
    const { groupId, protocolType, protocolName, generationId, members } = this;
    const { leaderId } = members;
    return groupRecord({ groupId, protocolType, protocolName, generationId, leaderId, stateTimestampMs, members });
  }

  fits(record: CoordinatorRecord): boolean {
    return record.key.length + (record.value?.length ?? 0) <= this.settings.recordBytesMax;
  }

  /** Every waiting request gets the error, every timer is gone; the group takes part in nothing any more. */
  die(step: Step, errorCode: number): void {
    for (const member of this.members) {
      this.answerJoin(step, member, joinError(member.memberId, errorCode));
      this.answerSync(step, member, syncError(errorCode));
      step.cancel(sessionTimer(member.memberId));
    }
    for (const memberId of this.members.pendingJoin) step.cancel(sessionTimer(memberId));
    step.cancel(JOIN_TIMER);
    step.cancel(SYNC_TIMER);
    this.#become('Dead', step.nowMs);
  }

  #become(state: ClassicState, nowMs: number): void {
    assert.ok(MAY_FOLLOW[state].includes(this.#state), `${this.groupId} goes from ${this.#state} to ${state}`);
    this.#state = state;
    this.stateTimestampMs = nowMs;
  }
}

const MAY_FOLLOW: Readonly<Record<ClassicState, readonly ClassicState[]>> = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Empty', 'CompletingRebalance', 'Stable'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable'],
};

export function sessionTimer(memberId: string): string {
  return SESSION_TIMER + memberId;
}

/** Before version 7 the name of no protocol is the empty string. */
export function replyToJoin(step: Step, { to, apiVersion }: WaitingJoin, response: JoinGroupResponse): void {
  step.reply(to, apiVersion < 7 && response.protocolName === null ? { ...response, protocolName: '' } : response);
}
