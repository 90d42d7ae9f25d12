// Random lives of a consumer group: members join, answer late, lose answers, crash and leave, topics change, the broker dies.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TestCoordinator, TestMember } from './consumer-group-world.suite.ts';

const TOPICS = ['log', 'orders', 'clicks'];
const REGEXES = ['.*', '[lo].*'];
const SESSION_MS = 10_000;

type Action =
  | { readonly type: 'heartbeat'; readonly member: number; readonly reconciles: boolean; readonly lost: boolean }
  | { readonly type: 'subscribe'; readonly member: number; readonly topics: string[]; readonly regex: string | null }
  | { readonly type: 'leave' | 'crash'; readonly member: number }
  | { readonly type: 'topic'; readonly name: string; readonly partitions: number }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'restart'; readonly compacted: boolean };

const member = fc.nat(4);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant('heartbeat' as const),
      member,
      reconciles: fc.boolean(),
      lost: fc.nat(9).map((n) => n === 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('subscribe' as const),
      member,
      topics: fc.subarray(TOPICS),
      regex: fc.option(fc.constantFrom(...REGEXES)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('leave' as const, 'crash' as const), member }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('topic' as const),
      name: fc.constantFrom(...TOPICS),
      partitions: fc.nat(6),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(100, 1000, 4000, 9000) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const), compacted: fc.boolean() }) },
);

class Life {
  readonly coordinator = new TestCoordinator();
  readonly members: TestMember[];
  #partitions = new Map([['log', 5]]);
  #groupEpoch = 0;
  #assignmentEpoch = 0;
  readonly #epochs = new Map<string, number>();
  #incarnations = 0;

  constructor(assignor: string) {
    const { coordinator } = this;
    coordinator.settings = {
      ...coordinator.settings,
      sessionTimeoutMs: SESSION_MS,
      assignmentIntervalMs: 1000,
      assignors: [assignor],
    };
    coordinator.setTopic('log', 5);
    // The last two are static.
    this.members = [0, 1, 2, 3, 4].map((i) => this.#newMember(i));
  }

  do(action: Action): void {
    const { coordinator } = this;
    if (action.type === 'pass') coordinator.advance(action.ms);
    else if (action.type === 'topic') this.#setTopic(action.name, action.partitions);
    else if (action.type === 'restart') {
      const before = coordinator.consumerGroup.describe();
      coordinator.restart(action.compacted);
      assert.deepEqual(sorted(coordinator.consumerGroup.describe()), sorted(before));
    } else {
      const member = this.members[action.member]!;
      if (action.type === 'heartbeat') {
        if (action.reconciles) member.reconcile();
        member.heartbeat(action.lost);
      } else if (action.type === 'subscribe') member.subscribe(action.topics, action.regex);
      else if (action.type === 'crash' || !member.joined) this.members[action.member] = this.#newMember(action.member);
      else {
        member.leave();
        this.members[action.member] = this.#newMember(action.member);
      }
    }
    this.check();
  }

  check(): void {
    const group = this.coordinator.consumerGroup.describe();
    assert.ok(group.groupEpoch! >= this.#groupEpoch, 'the group epoch never goes back');
    assert.ok(group.assignmentEpoch! >= this.#assignmentEpoch, 'the assignment epoch never goes back');
    this.#groupEpoch = group.groupEpoch!;
    this.#assignmentEpoch = group.assignmentEpoch!;
    const owners = new Map<string, string>();
    for (const { memberId, assignment, memberEpoch } of group.members) {
      assert.ok(memberEpoch! === -2 || memberEpoch! >= (this.#epochs.get(memberId) ?? 0), 'no member epoch goes back');
      this.#epochs.set(memberId, memberEpoch!);
      for (const { topicId, partitions } of assignment.topicPartitions) {
        for (const partition of partitions) claim(owners, `${topicId}/${partition}`, memberId);
      }
    }
    // What members believe, too: but of those that the group gave up, and that have not heard of it.
    const known = new Set(group.members.map(({ memberId }) => memberId));
    const believed = new Map<string, string>();
    for (const member of this.members) {
      if (!member.joined || !known.has(member.memberId)) continue;
      for (const key of member.owned) claim(believed, key, member.memberId);
    }
  }

  /** Who is alive goes on; nothing else happens. */
  settle(): void {
    for (let round = 0; round < 12; round++) {
      for (const member of this.members) {
        member.reconcile();
        member.heartbeat();
        this.check();
      }
      this.coordinator.advance(SESSION_MS / 4);
    }
    assert.equal(this.coordinator.group.state, 'Stable');
    const group = this.coordinator.consumerGroup.describe();
    assert.equal(group.members.length, this.members.length, 'nobody else is left');
    for (const member of this.members) {
      member.reconcile();
      const described = group.members.find(({ memberId }) => memberId === member.memberId)!;
      assert.deepEqual([...member.owned].sort(), keysOf(described.assignment.topicPartitions));
      assert.deepEqual(
        keysOf(described.assignment.topicPartitions),
        keysOf(described.targetAssignment.topicPartitions),
      );
    }
    const owned = this.members.flatMap((member) => [...member.owned]);
    assert.deepEqual(owned.sort(), this.#everythingSubscribed());
  }

  #everythingSubscribed(): string[] {
    const keys: string[] = [];
    for (const [name, partitions] of this.#partitions) {
      const topic = this.coordinator.topics.topic(name);
      if (topic === undefined || !this.coordinator.group.isSubscribedTo(name)) continue;
      for (let partition = 0; partition < partitions; partition++) keys.push(`${topic.id}/${partition}`);
    }
    return keys.sort();
  }

  #setTopic(name: string, partitions: number): void {
    const before = this.#partitions.get(name) ?? 0;
    // Partitions are never taken away, but with the topic.
    const after = partitions === 0 ? 0 : Math.max(before, partitions);
    this.#partitions.set(name, after);
    this.coordinator.setTopic(name, after);
  }

  #newMember(index: number): TestMember {
    const id = `m${index}-${++this.#incarnations}`;
    return new TestMember(this.coordinator, id, TOPICS, index > 2 ? { instanceId: `i${index}` } : {});
  }
}

for (const assignor of ['uniform', 'range']) {
  test(`${assignor}: no partition has two members, epochs only rise, and every group of live members becomes stable`, () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 120 }), (actions) => {
        const life = new Life(assignor);
        for (const each of actions) life.do(each);
        life.settle();
      }),
      { numRuns: 150, includeErrorInReport: true },
    );
  });
}

function claim(owners: Map<string, string>, key: string, memberId: string): void {
  const other = owners.get(key);
  assert.ok(other === undefined, `${key} is held by ${other} and ${memberId}`);
  owners.set(key, memberId);
}

function keysOf(topics: readonly { topicId: string; partitions: readonly number[] }[]): string[] {
  return topics.flatMap(({ topicId, partitions }) => partitions.map((p) => `${topicId}/${p}`)).sort();
}

/** The order of members and topics is not part of a group. */
function sorted(group: ReturnType<TestCoordinator['consumerGroup']['describe']>): unknown {
  const members = group.members.map((each) => ({
    ...each,
    subscribedTopicNames: [...each.subscribedTopicNames].sort(),
    assignment: keysOf(each.assignment.topicPartitions),
    targetAssignment: keysOf(each.targetAssignment.topicPartitions),
  }));
  return { ...group, members: members.sort((a, b) => (a.memberId < b.memberId ? -1 : 1)) };
}
