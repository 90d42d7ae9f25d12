// The `range` assignor: each topic's partitions are cut into as many ranges as it has subscribers, the first ones longer by
// one. Members go by instance id, then by member id, so that topics with the same number of partitions and the same
// subscribers are co-partitioned. Source: Kafka's RangeAssignor (server side), which knows neither racks nor stickiness.
import type { Assignment, GroupSpec, MemberSpec } from './assignor.ts';

interface TopicRange {
  readonly partitions: number;
  subscribers: number;
  /** Ranges handed out so far. */
  given: number;
  next: number;
}

export function assignRange(group: GroupSpec): Map<string, Assignment> {
  const members = [...group.members].sort(compareMembers);
  const topics = new Map<string, TopicRange>();
  for (const [, member] of members) {
    for (const id of member.subscribedTopicIds) {
      const topic = topics.get(id);
      if (topic !== undefined) topic.subscribers++;
      else topics.set(id, { partitions: group.partitionCount(id), subscribers: 1, given: 0, next: 0 });
    }
  }
  const assignments = new Map<string, Assignment>();
  for (const [memberId, member] of members) {
    const assignment = new Map<string, readonly number[]>();
    for (const id of member.subscribedTopicIds) {
      const range = nextRange(topics.get(id)!);
      if (range.length > 0) assignment.set(id, range);
    }
    assignments.set(memberId, assignment);
  }
  return assignments;
}

function nextRange(topic: TopicRange): number[] {
  const extra = topic.given < topic.partitions % topic.subscribers ? 1 : 0;
  const length = Math.floor(topic.partitions / topic.subscribers) + extra;
  const start = topic.next;
  topic.next += length;
  topic.given++;
  return Array.from({ length }, (_, i) => start + i);
}

/** Static members first, by their instance id, which survives a restart; the others by member id. */
function compareMembers([idA, a]: [string, MemberSpec], [idB, b]: [string, MemberSpec]): number {
  if (a.instanceId !== null && b.instanceId !== null) return compareText(a.instanceId, b.instanceId);
  if (a.instanceId !== null) return -1;
  if (b.instanceId !== null) return 1;
  return compareText(idA, idB);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
