// The `uniform` assignor, Kafka's default: every member gets as many partitions as any other, give or take one, and keeps
// what it has as far as that allows. Source: Kafka's UniformAssignor, which knows no racks.
import { type Assignment, type GroupSpec, type MemberSpec, NOTHING } from './assignor.ts';
import { orderOfHashMap, orderOfHashSet } from './java-order.ts';
import { assignUnevenly } from './uniform-heterogeneous.ts';

interface TopicPartition {
  readonly topicId: string;
  readonly partition: number;
}

/** What a member keeps, and how many more it should get. */
interface Share {
  readonly kept: Map<string, readonly number[]>;
  readonly wants: number;
}

export function assignUniform(group: GroupSpec): Map<string, Assignment> {
  return group.homogeneous ? assignEvenly(group) : assignUnevenly(group);
}

/** All members are subscribed to the same topics. */
function assignEvenly(group: GroupSpec): Map<string, Assignment> {
  const [first] = group.members.values();
  const topicIds = first?.subscribedTopicIds ?? new Set<string>();
  if (topicIds.size === 0) return new Map();
  const free = unassignedPartitions(group, topicIds);
  let total = 0;
  for (const id of topicIds) total += group.partitionCount(id);
  const shares = keep(group, topicIds, total, free);
  const assignments = new Map<string, Assignment>();
  let next = 0;
  for (const [memberId, { kept, wants }] of shares) {
    const end = Math.min(next + wants, free.length);
    assignments.set(memberId, end > next ? withMore(kept, free.slice(next, end)) : kept);
    next = end;
  }
  if (next < free.length) throw new Error(`${free.length - next} partitions are left without a member`);
  return assignments;
}

function unassignedPartitions(group: GroupSpec, topicIds: ReadonlySet<string>): TopicPartition[] {
  const assigned = new Map<string, Set<number>>();
  for (const member of group.members.values()) {
    for (const [id, partitions] of member.assigned) {
      const known = assigned.get(id);
      if (known === undefined) assigned.set(id, new Set(partitions));
      else for (const partition of partitions) known.add(partition);
    }
  }
  const free: TopicPartition[] = [];
  for (const topicId of orderOfHashSet(topicIds)) {
    const taken = assigned.get(topicId);
    const count = group.partitionCount(topicId);
    for (let partition = 0; partition < count; partition++) {
      if (taken === undefined || !taken.has(partition)) free.push({ topicId, partition });
    }
  }
  return free;
}

/** Decides what every member keeps; what it loses to its quota goes to the end of `free`. */
function keep(
  group: GroupSpec,
  topicIds: ReadonlySet<string>,
  total: number,
  free: TopicPartition[],
): Map<string, Share> {
  const least = Math.floor(total / group.members.size);
  let extras = total % group.members.size;
  let membersLeft = group.members.size;
  const shares = new Map<string, Share>();
  for (const [memberId, member] of group.members) {
    let mayHaveExtra = extras > 0;
    const { kept, count } = keepUpTo(least + (mayHaveExtra ? 1 : 0), member, topicIds, free);
    let wants = least + (mayHaveExtra ? 1 : 0) - count;
    // A member that does not fill its share leaves the extra partition to a later one that may already have it.
    if (wants > 0 && mayHaveExtra && membersLeft > extras) {
      wants--;
      mayHaveExtra = false;
    }
    if (mayHaveExtra) extras--;
    membersLeft--;
    shares.set(memberId, { kept, wants });
  }
  return shares;
}

function keepUpTo(
  quota: number,
  member: MemberSpec,
  topicIds: ReadonlySet<string>,
  free: TopicPartition[],
): { kept: Map<string, readonly number[]>; count: number } {
  const kept = new Map<string, readonly number[]>();
  let count = 0;
  for (const topicId of orderOfHashMap(member.assigned.keys())) {
    if (!topicIds.has(topicId)) continue;
    const partitions = member.assigned.get(topicId) as readonly number[];
    const room = Math.min(quota - count, partitions.length);
    if (room > 0) kept.set(topicId, room === partitions.length ? partitions : partitions.slice(0, room));
    for (const partition of partitions.slice(room)) free.push({ topicId, partition });
    count += room;
  }
  return { kept, count };
}

function withMore(kept: Map<string, readonly number[]>, more: readonly TopicPartition[]): Assignment {
  const grown = new Map<string, number[]>();
  for (const { topicId, partition } of more) {
    const partitions = grown.get(topicId);
    if (partitions !== undefined) partitions.push(partition);
    else grown.set(topicId, [...(kept.get(topicId) ?? []), partition]);
  }
  for (const [topicId, partitions] of grown)
    kept.set(
      topicId,
      partitions.sort((a, b) => a - b),
    );
  return kept.size === 0 ? NOTHING : kept;
}
