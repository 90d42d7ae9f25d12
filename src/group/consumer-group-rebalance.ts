// How a consumer group follows its members and its topics. Whatever changes what the group consumes raises the group epoch;
// a target assignment is then made for that epoch (not more often than the assignment interval); and each member is led to
// the target by its own heartbeats (current-assignment.ts). Source: Kafka's GroupMetadataManager, KIP-848.
import { javaStringHash } from '../protocol/java-string-hash.ts';
import type { Assignor, MemberSpec } from './assignors/assignor.ts';
import { assignRange } from './assignors/range.ts';
import { assignUniform } from './assignors/uniform.ts';
import {
  type ConsumerGroupMember,
  isReconciledTo,
  MemberState,
  sameAssignment,
  sameMetadata,
  sameNames,
  sameProgress,
} from './consumer-group-member.ts';
import type { ConsumerGroupState } from './consumer-group-state.ts';
import type { ConsumerGroupStep } from './consumer-group-step.ts';
import type { ConsumerGroupWorld } from './consumer-group-world.ts';
import { nextAssignment, type OwnedPartitions } from './current-assignment.ts';
import { RegexSubscriptions } from './regex-subscriptions.ts';

const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map([
  ['uniform', assignUniform],
  ['range', assignRange],
]);

/** Names of the timers of a member. */
export const memberTimers = {
  session: (memberId: string) => `session/${memberId}`,
  rebalance: (memberId: string) => `rebalance/${memberId}`,
  join: (memberId: string) => `join/${memberId}`,
  sync: (memberId: string) => `sync/${memberId}`,
} as const;

export class Rebalance {
  readonly #state: ConsumerGroupState;
  readonly #world: ConsumerGroupWorld;
  readonly #regexes: RegexSubscriptions;
  /** The topics have not been looked at since the group was loaded or they changed. */
  #topicsStale = true;
  /** The epoch in which a member was asked to give up partitions. */
  readonly #revokingSince = new Map<string, number>();
  /** Members of the classic protocol that were told to join again. */
  readonly #calledToJoin = new Set<string>();

  constructor(state: ConsumerGroupState, world: ConsumerGroupWorld) {
    this.#state = state;
    this.#world = world;
    this.#regexes = new RegexSubscriptions(state, world);
  }

  topicsChanged(): void {
    this.#topicsStale = true;
  }

  /** Refuses INVALID_REGULAR_EXPRESSION before anything was changed. */
  checkRegex(before: ConsumerGroupMember, member: ConsumerGroupMember): void {
    this.#regexes.check(before, member);
  }

  /** A member told something about itself: everything that follows. Returns it as it is after that. */
  follow(
    step: ConsumerGroupStep,
    before: ConsumerGroupMember,
    member: ConsumerGroupMember,
    owned: OwnedPartitions | null,
    mayAssign = true,
  ): ConsumerGroupMember {
    const changed = this.update(step, before, member);
    if (mayAssign) this.#retarget(step);
    return this.reconcile(step, member, changed, owned);
  }

  /** Records what the member said and raises the group epoch if it matters; true when its subscription changed. */
  update(step: ConsumerGroupStep, before: ConsumerGroupMember, member: ConsumerGroupMember): boolean {
    const isKnown = this.#state.members.has(member.memberId);
    if (!isKnown || !sameMetadata(before, member)) step.putMetadata(member);
    const namesChanged = !sameNames(before.subscribedTopicNames, member.subscribedTopicNames);
    const regex = this.#regexes.follow(step, before, member);
    this.#raiseEpoch(step, namesChanged || regex.topicsChanged);
    return namesChanged || regex.changed;
  }

  /** Brings the member one step nearer to the target assignment. */
  reconcile(
    step: ConsumerGroupStep,
    member: ConsumerGroupMember,
    subscriptionChanged: boolean,
    owned: OwnedPartitions | null,
  ): ConsumerGroupMember {
    const { assignmentEpoch } = this.#state;
    if (!subscriptionChanged && isReconciledTo(member, assignmentEpoch)) return member;
    const next = nextAssignment(member, {
      targetEpoch: assignmentEpoch,
      target: this.#state.target(member.memberId),
      subscribedTopicIds: this.#topicIdsOf(member),
      subscriptionChanged,
      owned,
      isHeld: (topicId, partition) => this.#state.isHeld(topicId, partition),
    });
    if (sameProgress(next, member)) return next;
    step.putProgress(next);
    if (next.classic === null) this.#watchRevocation(step, next);
    return next;
  }

  /** Removes members for good; the others are assigned anew with their next heartbeats. */
  remove(step: ConsumerGroupStep, members: readonly ConsumerGroupMember[]): void {
    for (const { memberId } of members) {
      step.removeMember(memberId);
      step.cancel(...Object.values(memberTimers).map((key) => key(memberId)));
      this.#revokingSince.delete(memberId);
      this.#calledToJoin.delete(memberId);
    }
    this.#regexes.dropUnused(step, members);
    step.putGroupEpoch(this.#state.groupEpoch + 1, this.#hash());
  }

  /** A static member comes back as another: it gets all that the former had, and starts in epoch 0. */
  replace(step: ConsumerGroupStep, former: ConsumerGroupMember, memberId: string): ConsumerGroupMember {
    const member: ConsumerGroupMember = { ...former, memberId, memberEpoch: 0, previousMemberEpoch: 0 };
    const target = this.#state.target(former.memberId);
    step.removeMember(former.memberId);
    if (former.memberId !== memberId) {
      step.cancel(...Object.values(memberTimers).map((key) => key(former.memberId)));
      this.#revokingSince.delete(former.memberId);
      this.#calledToJoin.delete(former.memberId);
    }
    step.putMetadata(member);
    step.putTarget(memberId, target);
    step.putProgress(member);
    return member;
  }

  /** After loading, and after a change of protocol. */
  armSession(step: ConsumerGroupStep, member: ConsumerGroupMember): void {
    const { sessionTimeoutMs } = this.#world.settings(this.#state.groupId);
    step.timer(memberTimers.session(member.memberId), member.classic?.sessionTimeoutMs ?? sessionTimeoutMs);
  }

  armRevocation(step: ConsumerGroupStep, member: ConsumerGroupMember): void {
    if (member.state === MemberState.UNREVOKED_PARTITIONS && member.classic === null)
      this.#watchRevocation(step, member);
  }

  /** The rebalance timeout of a member: true when it is still in the epoch in which it had to give up partitions. */
  failedToRevoke(member: ConsumerGroupMember): boolean {
    return this.#revokingSince.get(member.memberId) === member.memberEpoch;
  }

  /** A member of the classic protocol has its rebalance timeout from the first call on. */
  callToJoin(step: ConsumerGroupStep, member: ConsumerGroupMember): void {
    if (this.#calledToJoin.has(member.memberId)) return;
    this.#calledToJoin.add(member.memberId);
    step.timer(memberTimers.join(member.memberId), member.rebalanceTimeoutMs);
  }

  joined(step: ConsumerGroupStep, member: ConsumerGroupMember): void {
    if (this.#calledToJoin.delete(member.memberId)) step.cancel(memberTimers.join(member.memberId));
  }

  /** Goes on matching topics; the members are assigned anew with their next heartbeats. */
  continueRegexes(step: ConsumerGroupStep): void {
    if (this.#regexes.continue(step)) this.#raiseEpoch(step, true);
  }

  /** The assignor that most members ask for. */
  get assignor(): string {
    const names = this.#world.settings(this.#state.groupId).assignors;
    return this.#state.assignors.mostFrequent(byJavaHash(names)) ?? (names[0] as string);
  }

  #raiseEpoch(step: ConsumerGroupStep, subscriptionChanged: boolean): void {
    if (!subscriptionChanged && !this.#topicsStale) return;
    this.#topicsStale = false;
    const hash = this.#hash();
    if (subscriptionChanged || hash !== this.#state.metadataHash) step.putGroupEpoch(this.#state.groupEpoch + 1, hash);
    if (this.#state.hasPartitionMetadata) step.removePartitionMetadata();
  }

  #hash(): bigint {
    return this.#world.topics.hashOf(this.#state.subscribedTopics());
  }

  #retarget(step: ConsumerGroupStep): void {
    const state = this.#state;
    if (state.assignmentEpoch >= state.groupEpoch || !this.#intervalPassed(step.nowMs)) return;
    const assign = ASSIGNORS.get(this.assignor) ?? assignUniform;
    const targets = assign({
      members: this.#memberSpecs(),
      homogeneous: state.isHomogeneous,
      partitionCount: (topicId) => this.#world.topics.topicById(topicId)?.partitions.length ?? 0,
    });
    for (const memberId of state.members.keys()) {
      const target = targets.get(memberId) ?? new Map();
      if (!state.hasTarget(memberId) || !sameAssignment(state.target(memberId), target))
        step.putTarget(memberId, target);
    }
    step.putTargetEpoch(state.groupEpoch, step.nowMs);
  }

  #intervalPassed(nowMs: number): boolean {
    const madeAtMs = this.#state.assignmentTimestampMs;
    const { assignmentIntervalMs } = this.#world.settings(this.#state.groupId);
    // A clock that was set back must not hold the group up.
    return madeAtMs === 0 || nowMs >= madeAtMs + assignmentIntervalMs || nowMs < madeAtMs;
  }

  /** In the order of member ids: the same members give the same assignment, whatever happened before. */
  #memberSpecs(): Map<string, MemberSpec> {
    const members = [...this.#state.members.values()].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
    const [first] = members;
    const shared = this.#state.isHomogeneous && first !== undefined ? this.#topicIdsOf(first) : null;
    return new Map(
      members.map((member) => [
        member.memberId,
        {
          instanceId: member.instanceId,
          subscribedTopicIds: shared ?? this.#topicIdsOf(member),
          assigned: this.#state.target(member.memberId),
        },
      ]),
    );
  }

  #topicIdsOf(member: ConsumerGroupMember): Set<string> {
    const ids = new Set<string>();
    for (const name of this.#state.topicsOf(member)) {
      const topic = this.#world.topics.topic(name);
      if (topic !== undefined) ids.add(topic.id);
    }
    return ids;
  }

  #watchRevocation(step: ConsumerGroupStep, member: ConsumerGroupMember): void {
    const key = memberTimers.rebalance(member.memberId);
    if (member.state === MemberState.UNREVOKED_PARTITIONS) {
      this.#revokingSince.set(member.memberId, member.memberEpoch);
      step.timer(key, member.rebalanceTimeoutMs);
    } else if (this.#revokingSince.delete(member.memberId)) step.cancel(key);
  }
}

/** Between equally wanted assignors, Kafka takes the one that comes first in a Java hash map. */
function byJavaHash(names: readonly string[]): string[] {
  const bucket = (name: string) => {
    const hash = javaStringHash(name);
    return (hash ^ (hash >>> 16)) & 15;
  };
  return [...names].sort((a, b) => bucket(a) - bucket(b));
}
