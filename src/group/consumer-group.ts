// A consumer group of the KIP-848 protocol as a pure machine: heartbeats (which join, keep and leave), its members' timers,
// the questions that offsets and admin APIs ask, and the classic protocol for members that have not moved yet.
// All that it knows is in its state, which only records change (consumer-group-state.ts); a request that is refused changes
// nothing. How the group follows its members is consumer-group-rebalance.ts.
import { Refusal, refuse } from '../metadata/refusal.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from '../protocol/messages/consumer-group-heartbeat.ts';
import type { HeartbeatRequest, HeartbeatResponseInput } from '../protocol/messages/heartbeat.ts';
import type { JoinGroupRequest, JoinGroupResponseInput } from '../protocol/messages/join-group.ts';
import type { LeaveGroupRequest, LeaveGroupResponseInput } from '../protocol/messages/leave-group.ts';
import type { SyncGroupRequest, SyncGroupResponseInput } from '../protocol/messages/sync-group.ts';
import { joinError, leaveAnswer, leavingMembers, syncError } from './classic-group-answers.ts';
import { CONSUMER_PROTOCOL_TYPE } from './classic-group-protocol.ts';
import {
  checkClassicProtocols,
  checkSyncProtocol,
  classicAssignment,
  classicMember,
  classicProtocolName,
  findLeaving,
  joiningClassicMember,
  knownMember,
  mustRejoinBeforeSync,
  needsMemberIdFirst,
  ownedBy,
  ownerOfInstance,
  readSubscription,
  shouldRejoin,
  withJoinRequest,
} from './consumer-group-classic.ts';
import { describeConsumerGroup } from './consumer-group-describe.ts';
import { checkHeartbeat, heartbeatingMember, withHeartbeat } from './consumer-group-heartbeat.ts';
import {
  AWAY_EPOCH,
  type ConsumerGroupMember,
  JOINING_EPOCH,
  LEAVING_EPOCH,
  sameEpochAssignment,
} from './consumer-group-member.ts';
import { canDowngrade, downgrade, upgrade } from './consumer-group-migration.ts';
import { memberTimers, Rebalance } from './consumer-group-rebalance.ts';
import { ConsumerGroupState } from './consumer-group-state.ts';
import { ConsumerGroupStep, consumerGroupTombstones } from './consumer-group-step.ts';
import type { ConsumerGroupWorld } from './consumer-group-world.ts';
import type { CoordinatorRecord, Effect, Reply } from './effects.ts';
import type { ClassicProtocol, ConsumerGroupMachine, DescribedConsumerGroup } from './group-kinds.ts';
import type { DecodedGroupRecord, MemberContext, OffsetCommitClaim, OffsetCommitVerdict } from './machine.ts';
import { validateCommit, validateFetch } from './member-epochs.ts';
import type { ClassicGroupSnapshot } from './migration.ts';
import { REGEX_TIMER } from './regex-subscriptions.ts';

export class ConsumerGroup implements ConsumerGroupMachine {
  readonly type = 'consumer';
  readonly protocolType = CONSUMER_PROTOCOL_TYPE;
  readonly #state: ConsumerGroupState;
  readonly #world: ConsumerGroupWorld;
  readonly #rebalance: Rebalance;
  /** For members that have not changed over. */
  readonly classic: ClassicProtocol = {
    join: (...request) => this.#join(...request),
    sync: (...request) => this.#sync(...request),
    heartbeat: (...request) => this.#heartbeatClassic(...request),
    leave: (...request) => this.#leaveClassic(...request),
  };

  constructor(groupId: string, world: ConsumerGroupWorld) {
    this.#state = new ConsumerGroupState(groupId);
    this.#world = world;
    this.#rebalance = new Rebalance(this.#state, world);
  }

  get groupId(): string {
    return this.#state.groupId;
  }

  get state(): string {
    return this.#state.phase;
  }

  get isEmpty(): boolean {
    return this.#state.members.size === 0;
  }

  /** What TopicsView.update returned. The next heartbeat of any member looks at the topics again. */
  topicsChanged(names: ReadonlySet<string>): Effect[] {
    for (const name of names) if (this.#state.isSubscribedTo(name)) this.#rebalance.topicsChanged();
    return [];
  }

  /** Joins (epoch 0), keeps, leaves (epoch -1) or goes away for a while (-2). */
  heartbeat(
    request: ConsumerGroupHeartbeatRequest,
    context: MemberContext,
    to: Reply<ConsumerGroupHeartbeatResponseInput>,
    nowMs: number,
  ): Effect[] {
    const leaves = request.memberEpoch === LEAVING_EPOCH || request.memberEpoch === AWAY_EPOCH;
    return this.#answer(
      nowMs,
      to,
      (step) => {
        checkHeartbeat(request, context.apiVersion, this.#world.settings(this.groupId).assignors);
        return leaves ? this.#leave(step, request) : this.#heartbeat(step, request, context);
      },
      ({ errorCode, errorMessage }) => ({
        throttleTimeMs: 0,
        errorCode,
        errorMessage,
        memberEpoch: 0,
        heartbeatIntervalMs: 0,
      }),
      context.mayDescribe,
    );
  }

  #heartbeat(
    step: ConsumerGroupStep,
    request: ConsumerGroupHeartbeatRequest,
    context: MemberContext,
  ): ConsumerGroupHeartbeatResponseInput {
    this.#refuseWhenFull(request.memberId);
    const memberId = request.memberId === '' ? this.#world.newMemberId() : request.memberId;
    const { member, replaced } = heartbeatingMember(this.#state, request, memberId);
    this.#rebalance.checkRegex(member, withHeartbeat(member, request, context));

    // From here on nothing is refused.
    const before = replaced === null ? member : this.#rebalance.replace(step, replaced, memberId);
    const after = this.#rebalance.follow(
      step,
      before,
      withHeartbeat(before, request, context),
      request.topicPartitions,
    );
    this.#rebalance.armSession(step, after);

    const isFull =
      request.rebalanceTimeoutMs !== -1 &&
      (request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null) &&
      request.topicPartitions !== null;
    const tells =
      request.memberEpoch === JOINING_EPOCH || isFull || !sameEpochAssignment(before.assigned, after.assigned);
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      memberId,
      memberEpoch: after.memberEpoch,
      heartbeatIntervalMs: this.#world.settings(this.groupId).heartbeatIntervalMs,
      assignment: tells ? { topicPartitions: topicPartitions(after) } : null,
    };
  }

  #leave(step: ConsumerGroupStep, request: ConsumerGroupHeartbeatRequest): ConsumerGroupHeartbeatResponseInput {
    const { memberId, memberEpoch, instanceId } = request;
    const member =
      instanceId === null ? knownMember(this.#state, memberId) : ownerOfInstance(this.#state, memberId, instanceId);
    if (instanceId !== null && memberEpoch === AWAY_EPOCH) this.#goAway(step, member);
    else this.#remove(step, [member]);
    return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, memberId, memberEpoch, heartbeatIntervalMs: 0 };
  }

  /** It keeps what it has until its session ends or it comes back; what it was to give up is given up now. */
  #goAway(step: ConsumerGroupStep, member: ConsumerGroupMember): void {
    const assigned = new Map(
      [...member.assigned].map(([topicId, epochs]) => [topicId, new Map([...epochs.keys()].map((p) => [p, 0]))]),
    );
    step.putProgress({ ...member, memberEpoch: AWAY_EPOCH, assigned, pendingRevocation: new Map() });
  }

  /** JoinGroup of a member of the classic protocol. An empty group is not asked: it becomes a classic group. */
  #join(request: JoinGroupRequest, context: MemberContext, to: Reply<JoinGroupResponseInput>, nowMs: number): Effect[] {
    return this.#answer(
      nowMs,
      to,
      (step) => {
        const memberId = request.memberId === '' ? this.#world.newMemberId() : request.memberId;
        this.#refuseWhenFull(memberId);
        checkClassicProtocols(this.#state, request, memberId);
        if (needsMemberIdFirst(request, context)) return joinError(memberId, ErrorCode.MEMBER_ID_REQUIRED);
        return this.#joinClassic(step, request, context, memberId);
      },
      ({ errorCode }) => joinError(request.memberId, errorCode),
    );
  }

  #joinClassic(
    step: ConsumerGroupStep,
    request: JoinGroupRequest,
    context: MemberContext,
    memberId: string,
  ): JoinGroupResponseInput {
    const { member, replaced } = joiningClassicMember(this.#state, request, memberId);
    const subscription = readSubscription(request);

    const former = request.groupInstanceId === null ? undefined : this.#state.staticMember(request.groupInstanceId);
    const moves = former !== undefined && former.classic === null && this.#canDowngrade([former], 1);
    const before = replaced === null ? member : this.#rebalance.replace(step, replaced, memberId);
    const joining = withJoinRequest(before, request, subscription, context);
    const owned = ownedBy(subscription, this.#world.topics);
    let after: ConsumerGroupMember;
    if (moves) {
      const changed = this.#rebalance.update(step, before, joining);
      const stale = this.#state.assignmentEpoch < this.#state.groupEpoch;
      after = stale ? joining : this.#rebalance.reconcile(step, joining, changed, owned);
      downgrade(step, this.#world, [], stale);
    } else {
      after = this.#rebalance.follow(step, before, joining, owned);
      this.#rebalance.joined(step, after);
      this.#rebalance.armSession(step, after);
      step.timer(memberTimers.sync(memberId), after.rebalanceTimeoutMs);
    }
    return {
      errorCode: ErrorCode.NONE,
      generationId: after.memberEpoch,
      protocolType: CONSUMER_PROTOCOL_TYPE,
      protocolName: classicProtocolName(after),
      leader: '',
      memberId,
      members: [],
    };
  }

  #sync(
    request: SyncGroupRequest,
    _context: MemberContext,
    to: Reply<SyncGroupResponseInput>,
    nowMs: number,
  ): Effect[] {
    return this.#answer(
      nowMs,
      to,
      (step) => {
        const member = classicMember(this.#state, request);
        checkSyncProtocol(member, request);
        if (mustRejoinBeforeSync(this.#state, member)) {
          this.#rebalance.callToJoin(step, member);
          return syncError(ErrorCode.REBALANCE_IN_PROGRESS);
        }
        step.cancel(memberTimers.sync(member.memberId));
        this.#rebalance.armSession(step, member);
        const { protocolType, protocolName } = request;
        const assignment = classicAssignment(member, this.#world.topics);
        return { errorCode: ErrorCode.NONE, protocolType, protocolName, assignment };
      },
      ({ errorCode }) => syncError(errorCode),
    );
  }

  #heartbeatClassic(
    request: HeartbeatRequest,
    _context: MemberContext,
    to: Reply<HeartbeatResponseInput>,
    nowMs: number,
  ): Effect[] {
    return this.#answer(
      nowMs,
      to,
      (step) => {
        const member = classicMember(this.#state, request);
        this.#rebalance.armSession(step, member);
        if (!shouldRejoin(this.#state, member)) return { errorCode: ErrorCode.NONE };
        this.#rebalance.callToJoin(step, member);
        return { errorCode: ErrorCode.REBALANCE_IN_PROGRESS };
      },
      ({ errorCode }) => ({ errorCode }),
    );
  }

  #leaveClassic(
    request: LeaveGroupRequest,
    { apiVersion }: MemberContext,
    to: Reply<LeaveGroupResponseInput>,
    nowMs: number,
  ): Effect[] {
    const step = new ConsumerGroupStep(this.#state, nowMs);
    const named = leavingMembers(request, apiVersion).map((who) => ({ who, found: findLeaving(this.#state, who) }));
    const members = new Set<ConsumerGroupMember>();
    for (const { found } of named) if (typeof found !== 'number') members.add(found);
    if (members.size > 0) this.#remove(step, [...members]);
    const answers = named.map(({ who: { memberId, groupInstanceId }, found }) => ({
      memberId,
      groupInstanceId,
      errorCode: typeof found === 'number' ? found : ErrorCode.NONE,
    }));
    step.reply(to, leaveAnswer(answers, apiVersion));
    return step.effects();
  }

  /** A new group begins with the members of a classic one. Refuses when they cannot be read. */
  takeOver(snapshot: ClassicGroupSnapshot, nowMs: number): Effect[] {
    const step = new ConsumerGroupStep(this.#state, nowMs);
    for (const member of upgrade(step, snapshot, this.#world.topics)) this.#rebalance.armSession(step, member);
    return step.effects();
  }

  /** Refuses what `heartbeat` would refuse of a member that joins, and changes nothing. */
  checkJoin(request: ConsumerGroupHeartbeatRequest): void {
    this.#refuseWhenFull(request.memberId);
    const { member } = heartbeatingMember(this.#state, request, request.memberId);
    this.#rebalance.checkRegex(member, withHeartbeat(member, request, { clientId: '', clientHost: '', apiVersion: 0 }));
  }

  timer(key: string, nowMs: number): Effect[] {
    const step = new ConsumerGroupStep(this.#state, nowMs);
    if (key === REGEX_TIMER) this.#rebalance.continueRegexes(step);
    else {
      const slash = key.indexOf('/');
      const member = this.#state.members.get(key.slice(slash + 1));
      const expired = key.slice(0, slash) !== 'rebalance' || (member && this.#rebalance.failedToRevoke(member));
      if (member !== undefined && expired) this.#remove(step, [member]);
    }
    return step.effects();
  }

  replay(record: DecodedGroupRecord): void {
    this.#state.apply(record);
  }

  loaded(nowMs: number): Effect[] {
    const step = new ConsumerGroupStep(this.#state, nowMs);
    for (const member of this.#state.members.values()) {
      this.#rebalance.armSession(step, member);
      this.#rebalance.armRevocation(step, member);
    }
    return step.effects();
  }

  validateOffsetCommit(claim: OffsetCommitClaim): OffsetCommitVerdict {
    return validateCommit(this.#state, claim);
  }

  validateOffsetFetch(claim: { readonly memberId: string | null; readonly memberEpoch: number }): number {
    return validateFetch(this.#state, claim);
  }

  validateOffsetDelete(): number {
    return ErrorCode.NONE;
  }

  isSubscribedTo(topic: string): boolean {
    return this.#state.isSubscribedTo(topic);
  }

  validateDelete(): number {
    return this.isEmpty ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
  }

  tombstones(): CoordinatorRecord[] {
    return consumerGroupTombstones(this.#state);
  }

  describe(): DescribedConsumerGroup {
    return describeConsumerGroup(this.#state, this.#rebalance.assignor, this.#world.topics);
  }

  /** Runs `decide`, which refuses before it changes anything, and answers. */
  #answer<Response>(
    nowMs: number,
    to: Reply<Response>,
    decide: (step: ConsumerGroupStep) => NoInfer<Response>,
    refused: (refusal: Refusal) => NoInfer<Response>,
    mayDescribe?: MemberContext['mayDescribe'],
  ): Effect[] {
    const step = new ConsumerGroupStep(this.#state, nowMs, mayDescribe);
    try {
      step.reply(to, decide(step));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      step.reply(to, refused(error));
    }
    return step.effects();
  }

  #refuseWhenFull(memberId: string): void {
    const { sizeMax } = this.#world.settings(this.groupId);
    if (this.#state.members.size >= sizeMax && !this.#state.members.has(memberId)) {
      refuse(
        ErrorCode.GROUP_MAX_SIZE_REACHED,
        `The consumer group has reached its maximum capacity of ${sizeMax} members.`,
      );
    }
  }

  /** When only members of the classic protocol remain, the group is given back to it. */
  #remove(step: ConsumerGroupStep, members: readonly ConsumerGroupMember[]): void {
    if (this.#canDowngrade(members, 0)) downgrade(step, this.#world, members, true);
    else this.#rebalance.remove(step, members);
  }

  #canDowngrade(leaving: readonly ConsumerGroupMember[], joining: number): boolean {
    return canDowngrade(this.#state, this.#world.settings(this.groupId), leaving, joining);
  }
}

function topicPartitions(member: ConsumerGroupMember): { topicId: string; partitions: number[] }[] {
  return [...member.assigned].map(([topicId, epochs]) => ({
    topicId,
    partitions: [...epochs.keys()].sort((a, b) => a - b),
  }));
}
