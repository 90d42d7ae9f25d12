// The next step of one member towards its target assignment: first it gives up what is no longer its own, then it moves to
// the target's epoch and takes what nobody else holds; the rest follows as others give it up. Pure.
// Source: Kafka's CurrentAssignmentBuilder; KIP-848 calls this reconciliation.
import type { Assignment } from './assignors/assignor.ts';
import { type ConsumerGroupMember, type EpochAssignment, MemberState, NO_PARTITIONS } from './consumer-group-member.ts';

/** Partitions as a member reports them. */
export type OwnedPartitions = readonly { readonly topicId: string; readonly partitions: readonly number[] }[];

export interface Circumstances {
  readonly targetEpoch: number;
  readonly target: Assignment;
  /** Ids of the topics that the member is subscribed to and that exist. */
  readonly subscribedTopicIds: ReadonlySet<string>;
  /** By this request. */
  readonly subscriptionChanged: boolean;
  /** What the member says it owns; null when it does not say. */
  readonly owned: OwnedPartitions | null;
  /** Some member has the partition or has not given it up. */
  isHeld(topicId: string, partition: number): boolean;
}

/** The member unchanged when there is nothing to do. Members in state UNKNOWN start from the beginning. */
export function nextAssignment(member: ConsumerGroupMember, now: Circumstances): ConsumerGroupMember {
  switch (member.state) {
    case MemberState.STABLE:
      if (member.memberEpoch !== now.targetEpoch) return advance(member, member.memberEpoch, now);
      return now.subscriptionChanged ? dropUnsubscribed(member, now) : member;
    case MemberState.UNREVOKED_PARTITIONS:
      if (!stillOwns(now.owned, member.pendingRevocation)) return advance(member, member.memberEpoch, now);
      return now.subscriptionChanged ? dropUnsubscribed(member, now) : member;
    case MemberState.UNRELEASED_PARTITIONS:
      return advance(member, member.memberEpoch, now);
    case MemberState.UNKNOWN:
      return advance(member, now.targetEpoch, now);
  }
}

function advance(member: ConsumerGroupMember, epoch: number, now: Circumstances): ConsumerGroupMember {
  const kept = new Map<string, Map<number, number>>();
  const revoked = new Map<string, Map<number, number>>();
  const free: [string, number][] = [];
  let unreleased = false;
  for (const topicId of new Set([...now.target.keys(), ...member.assigned.keys()])) {
    const target = new Set(now.subscribedTopicIds.has(topicId) ? now.target.get(topicId) : []);
    const current = member.assigned.get(topicId) ?? new Map<number, number>();
    for (const [partition, since] of current) put(target.has(partition) ? kept : revoked, topicId, partition, since);
    for (const partition of target) {
      if (current.has(partition)) continue;
      // What this member itself is about to give up is nobody else's.
      const own = member.pendingRevocation.get(topicId)?.has(partition) ?? false;
      if (!own && now.isHeld(topicId, partition)) unreleased = true;
      else free.push([topicId, partition]);
    }
  }
  if (revoked.size > 0 && stillOwns(now.owned, revoked)) {
    return moved(member, epoch, MemberState.UNREVOKED_PARTITIONS, kept, revoked);
  }
  for (const [topicId, partition] of free) put(kept, topicId, partition, now.targetEpoch);
  const state = unreleased ? MemberState.UNRELEASED_PARTITIONS : MemberState.STABLE;
  return moved(member, now.targetEpoch, state, kept, NO_PARTITIONS);
}

/** The subscription shrank: partitions of topics that are gone from it are given up at once, without a new target. */
function dropUnsubscribed(member: ConsumerGroupMember, now: Circumstances): ConsumerGroupMember {
  const kept = new Map<string, ReadonlyMap<number, number>>();
  const revoked = new Map([...member.pendingRevocation].map(([topicId, epochs]) => [topicId, new Map(epochs)]));
  let dropped = false;
  for (const [topicId, epochs] of member.assigned) {
    if (now.subscribedTopicIds.has(topicId)) {
      kept.set(topicId, epochs);
      continue;
    }
    dropped = true;
    for (const [partition, since] of epochs) put(revoked, topicId, partition, since);
  }
  if (!dropped) return member;
  if (stillOwns(now.owned, revoked)) {
    return moved(member, member.memberEpoch, MemberState.UNREVOKED_PARTITIONS, kept, revoked);
  }
  return { ...member, previousMemberEpoch: member.memberEpoch, assigned: kept };
}

function moved(
  member: ConsumerGroupMember,
  memberEpoch: number,
  state: MemberState,
  assigned: EpochAssignment,
  pendingRevocation: EpochAssignment,
): ConsumerGroupMember {
  return { ...member, memberEpoch, previousMemberEpoch: member.memberEpoch, state, assigned, pendingRevocation };
}

/** A member that does not say what it owns is taken to own everything. */
function stillOwns(owned: OwnedPartitions | null, revoked: EpochAssignment): boolean {
  if (owned === null) return true;
  return owned.some(({ topicId, partitions }) => {
    const epochs = revoked.get(topicId);
    return epochs !== undefined && partitions.some((partition) => epochs.has(partition));
  });
}

function put(into: Map<string, Map<number, number>>, topicId: string, partition: number, epoch: number): void {
  const epochs = into.get(topicId);
  if (epochs === undefined) into.set(topicId, new Map([[partition, epoch]]));
  else epochs.set(partition, epoch);
}
