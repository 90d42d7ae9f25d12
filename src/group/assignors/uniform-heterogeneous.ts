// The `uniform` assignor for members with different subscriptions (Kafka: UniformHeterogeneousAssignmentBuilder).
// Topics are visited from the most loaded (partitions per subscriber) to the least. First every free partition goes to the
// least loaded subscriber of its topic; then, topic by topic, partitions move from the most to the least loaded subscribers
// until a whole round changes nothing, or after 16 rounds.
import type { Assignment, GroupSpec } from './assignor.ts';
import { compareUuids } from './java-order.ts';
import { SubscriberBalance } from './subscriber-balance.ts';

const ROUNDS_MAX = 16;
const NOBODY = -1;

interface Topic {
  readonly id: string;
  /** Indexes into the members, ascending. */
  readonly subscribers: number[];
  /** By partition: the index of a member, or NOBODY. */
  readonly owners: number[];
}

export function assignUnevenly(group: GroupSpec): Map<string, Assignment> {
  return new UnevenAssignment(group).build();
}

class UnevenAssignment {
  readonly #memberIds: readonly string[];
  readonly #topics = new Map<string, Topic>();
  /** By member: how many partitions it has now. */
  readonly #sizes: number[];
  readonly #balance: SubscriberBalance;

  constructor(group: GroupSpec) {
    this.#memberIds = [...group.members.keys()];
    this.#sizes = this.#memberIds.map(() => 0);
    this.#balance = new SubscriberBalance(this.#sizes);
    this.#memberIds.forEach((memberId, member) => {
      for (const id of group.members.get(memberId)!.subscribedTopicIds) {
        const topic = this.#topics.get(id);
        if (topic !== undefined) topic.subscribers.push(member);
        else {
          const owners = new Array<number>(group.partitionCount(id)).fill(NOBODY);
          this.#topics.set(id, { id, subscribers: [member], owners });
        }
      }
    });
    this.#memberIds.forEach((memberId, member) => {
      const { subscribedTopicIds, assigned } = group.members.get(memberId)!;
      for (const [id, partitions] of assigned) {
        if (!subscribedTopicIds.has(id)) continue;
        for (const partition of partitions) this.#give(this.#topics.get(id)!, partition, member);
      }
    });
  }

  build(): Map<string, Assignment> {
    const topics = [...this.#topics.values()].sort(compareTopics);
    for (const topic of topics) this.#assignFree(topic);
    this.#balanceAll(topics.filter((topic) => topic.subscribers.length > 1));
    return this.#result();
  }

  #assignFree(topic: Topic): void {
    if (!topic.owners.includes(NOBODY)) return;
    this.#balance.start(topic.subscribers);
    topic.owners.forEach((owner, partition) => {
      if (owner === NOBODY) this.#give(topic, partition, this.#balance.nextLeastLoaded());
    });
  }

  #balanceAll(topics: readonly Topic[]): void {
    let lastChanged: Topic | undefined;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      for (const topic of topics) {
        if (topic === lastChanged) return;
        if (this.#balanceTopic(topic) || lastChanged === undefined) lastChanged = topic;
      }
    }
  }

  /** True when a partition moved. */
  #balanceTopic(topic: Topic): boolean {
    if (this.#balance.start(topic.subscribers) <= 1) return false;
    const ownedBy = new Map<number, number[]>();
    topic.owners.forEach((owner, partition) => {
      const owned = ownedBy.get(owner);
      if (owned !== undefined) owned.push(partition);
      else ownedBy.set(owner, [partition]);
    });
    let moved = false;
    while (!this.#balance.isBalanced) {
      let most = this.#balance.nextMostLoaded();
      // Members that have nothing of this topic cannot give of it.
      while (most !== NOBODY && (ownedBy.get(most)?.length ?? 0) === 0) {
        this.#balance.excludeMostLoaded();
        most = this.#balance.nextMostLoaded();
      }
      if (most === NOBODY) break;
      const partition = ownedBy.get(most)!.pop() as number;
      const least = this.#balance.nextLeastLoaded();
      if (this.#balance.isBalanced) break;
      this.#give(topic, partition, least);
      moved = true;
    }
    return moved;
  }

  #give(topic: Topic, partition: number, member: number): void {
    const before = topic.owners[partition] as number;
    if (before !== NOBODY) this.#sizes[before]!--;
    topic.owners[partition] = member;
    this.#sizes[member]!++;
  }

  #result(): Map<string, Assignment> {
    const assignments = this.#memberIds.map(() => new Map<string, number[]>());
    for (const topic of this.#topics.values()) {
      topic.owners.forEach((owner, partition) => {
        if (owner === NOBODY) return;
        const assignment = assignments[owner]!;
        const partitions = assignment.get(topic.id);
        if (partitions !== undefined) partitions.push(partition);
        else assignment.set(topic.id, [partition]);
      });
    }
    return new Map(this.#memberIds.map((memberId, member) => [memberId, assignments[member]!]));
  }
}

function compareTopics(a: Topic, b: Topic): number {
  const loadA = a.owners.length / a.subscribers.length;
  const loadB = b.owners.length / b.subscribers.length;
  return loadB - loadA || a.subscribers.length - b.subscribers.length || compareUuids(a.id, b.id);
}
