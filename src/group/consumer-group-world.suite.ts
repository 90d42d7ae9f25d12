// A coordinator of one group for tests: topics that can change, virtual time, a log that the group can be rebuilt from, and
// members that follow the protocol as clients do.
import assert from 'node:assert/strict';
import { emptyImage } from '../metadata/fold.ts';
import type { Image, TopicImage } from '../metadata/image.ts';
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from '../protocol/messages/consumer-group-heartbeat.ts';
import { ConsumerGroup } from './consumer-group.ts';
import type { ConsumerGroupSettings, ConsumerGroupWorld } from './consumer-group-world.ts';
import type { CoordinatorRecord, Effect, Reply } from './effects.ts';
import { decodeGroupRecord } from './group-record.ts';
import type { GroupMachine, MemberContext } from './machine.ts';
import type { NewClassicGroup } from './migration.ts';
import { TopicsView } from './topics-view.ts';

export const GROUP = 'readers';
const START_MS = 1_000_000;

/** The id of the topic that was created as the n-th. */
export function topicId(n: number): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(n, 12);
  return bytes.toString('base64url');
}

export class TestCoordinator {
  nowMs = START_MS;
  group: GroupMachine;
  readonly log: CoordinatorRecord[] = [];
  readonly topics: TopicsView;
  settings: ConsumerGroupSettings = {
    sessionTimeoutMs: 45_000,
    heartbeatIntervalMs: 5_000,
    assignmentIntervalMs: 0,
    sizeMax: 1000,
    classicSizeMax: 1000,
    regexRefreshIntervalMs: 600_000,
    assignors: ['uniform', 'range'],
    upgrades: true,
    downgrades: true,
  };
  readonly #timers = new Map<string, number>();
  #image: Image = {
    ...emptyImage(),
    version: 1,
    clusterId: topicId(0),
    brokers: new Map(),
    topics: new Map(),
    topicsById: new Map(),
    configs: new Map(),
    nextProducerId: 0,
  };
  #topicsMade = 0;
  #idsMade = 0;
  readonly world: ConsumerGroupWorld;

  constructor(newClassicGroup: NewClassicGroup = () => assert.fail('no classic group here')) {
    this.topics = new TopicsView(this.#image);
    this.world = {
      topics: this.topics,
      settings: () => this.settings,
      newMemberId: () => `made-${++this.#idsMade}`,
      newClassicGroup,
    };
    this.group = new ConsumerGroup(GROUP, this.world);
  }

  get consumerGroup(): ConsumerGroup {
    assert(this.group instanceof ConsumerGroup);
    return this.group;
  }

  /** Creates it, adds partitions to it, or with 0 deletes it. */
  setTopic(name: string, partitions: number): void {
    const topics = new Map(this.#image.topics);
    const before = topics.get(name);
    if (partitions === 0) topics.delete(name);
    else {
      const topic: TopicImage = {
        name,
        id: before?.id ?? topicId(++this.#topicsMade),
        internal: false,
        partitions: Array.from({ length: partitions }, () => ({ leader: 0, leaderEpoch: 0, replicas: [0], isr: [0] })),
      };
      topics.set(name, topic);
    }
    const topicsById = new Map([...topics.values()].map((topic) => [topic.id, topic]));
    this.#image = { ...this.#image, version: this.#image.version + 1, topics, topicsById };
    const changed = this.topics.update(this.#image);
    if (this.group instanceof ConsumerGroup) this.perform(this.group.topicsChanged(changed));
  }

  /** Records first, then timers and answers. */
  perform(effects: readonly Effect[]): void {
    for (const effect of effects) if (effect.type === 'append') this.log.push(...effect.records);
    for (const effect of effects) {
      if (effect.type === 'timer') this.#timers.set(effect.key, this.nowMs + effect.afterMs);
      else if (effect.type === 'cancel') this.#timers.delete(effect.key);
      else if (effect.type === 'reply') effect.to(effect.response);
      else if (effect.type === 'become') {
        this.#timers.clear();
        this.group = effect.machine;
      }
    }
  }

  /** Asks the group; fails when it does not answer at once. */
  ask<Response>(call: (to: Reply<Response>) => readonly Effect[]): Response {
    let answer: Response | undefined;
    this.perform(call((response) => (answer = response)));
    assert(answer !== undefined, 'answered at once');
    return answer;
  }

  heartbeat(
    request: Partial<ConsumerGroupHeartbeatRequest>,
    context?: Partial<MemberContext>,
  ): ConsumerGroupHeartbeatResponseInput {
    const full: ConsumerGroupHeartbeatRequest = {
      groupId: GROUP,
      memberId: '',
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      ...request,
    };
    const from = { clientId: 'client', clientHost: '/127.0.0.1', apiVersion: 1, ...context };
    return this.ask((to) => this.consumerGroup.heartbeat(full, from, to, this.nowMs));
  }

  /** Time passes; timers fire in their order. */
  advance(ms: number): void {
    const end = this.nowMs + ms;
    for (;;) {
      const next = [...this.#timers].filter(([, at]) => at <= end).sort((a, b) => a[1] - b[1])[0];
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.nowMs = Math.max(this.nowMs, next[1]);
      this.perform(this.group.timer(next[0], this.nowMs));
    }
    this.nowMs = end;
  }

  get timers(): readonly string[] {
    return [...this.#timers.keys()].sort();
  }

  /** The process dies and another reads the log; `compacted`: only the last record of each key is left of it. */
  restart(compacted = false): void {
    this.#timers.clear();
    const group = new ConsumerGroup(GROUP, this.world);
    for (const record of compacted ? lastOfEachKey(this.log) : this.log) {
      const decoded = decodeGroupRecord(record);
      if (decoded !== null) group.replay(decoded);
    }
    this.group = group;
    this.perform(group.loaded(this.nowMs));
  }
}

function lastOfEachKey(log: readonly CoordinatorRecord[]): CoordinatorRecord[] {
  const last = new Map<string, number>();
  for (const [i, record] of log.entries()) last.set(record.key.toString('latin1'), i);
  return log.filter((record, i) => last.get(record.key.toString('latin1')) === i);
}

/** A consumer as the protocol wants it: it reports what it owns, gives up what it lost, and takes what it was given. */
export class TestMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  epoch = 0;
  joined = false;
  /** `topicId/partition`. */
  owned = new Set<string>();
  /** What the group wants it to have: new partitions are taken at once, lost ones given up with `reconcile`. */
  #wanted: ReadonlySet<string> | null = null;
  #topics: readonly string[];
  #regex: string | null;
  #tells = true;
  readonly #coordinator: TestCoordinator;

  constructor(
    coordinator: TestCoordinator,
    memberId: string,
    topics: readonly string[],
    more: { instanceId?: string; regex?: string } = {},
  ) {
    this.#coordinator = coordinator;
    this.memberId = memberId;
    this.#topics = topics;
    this.#regex = more.regex ?? null;
    this.instanceId = more.instanceId ?? null;
  }

  subscribe(topics: readonly string[], regex: string | null = null): void {
    this.#topics = topics;
    this.#regex = regex;
    this.#tells = true;
  }

  /** One heartbeat. `lost`: the answer does not arrive. */
  heartbeat(lost = false): ConsumerGroupHeartbeatResponseInput {
    const joins = !this.joined;
    const tells = joins || this.#tells;
    const response = this.#coordinator.heartbeat({
      memberId: this.memberId,
      instanceId: this.instanceId,
      memberEpoch: this.epoch,
      rebalanceTimeoutMs: tells ? 60_000 : -1,
      subscribedTopicNames: tells ? [...this.#topics] : null,
      subscribedTopicRegex: tells ? (this.#regex ?? '') : null,
      topicPartitions: joins ? [] : this.#report(),
    });
    // Who got no answer asks for all of it.
    if (lost) this.#tells = true;
    else this.#receive(response);
    return response;
  }

  leave(): ConsumerGroupHeartbeatResponseInput {
    const response = this.#coordinator.heartbeat({
      memberId: this.memberId,
      instanceId: this.instanceId,
      memberEpoch: this.instanceId === null ? -1 : -2,
    });
    this.crash();
    return response;
  }

  /** It forgets all; the group finds out by itself. */
  crash(): void {
    this.epoch = 0;
    this.joined = false;
    this.owned = new Set();
    this.#wanted = null;
  }

  /** Gives up what the last assignment did not have. */
  reconcile(): void {
    if (this.#wanted !== null) this.owned = new Set(this.#wanted);
    this.#wanted = null;
  }

  #receive(response: ConsumerGroupHeartbeatResponseInput): void {
    if (response.errorCode !== 0) {
      this.crash();
      return;
    }
    this.joined = true;
    this.#tells = false;
    this.epoch = response.memberEpoch ?? 0;
    if (response.assignment == null) return;
    const wanted = response.assignment.topicPartitions.flatMap((t) => t.partitions.map((p) => `${t.topicId}/${p}`));
    this.#wanted = new Set(wanted);
    for (const key of wanted) this.owned.add(key);
  }

  #report(): { topicId: string; partitions: number[] }[] {
    const topics = new Map<string, number[]>();
    for (const key of this.owned) {
      const [id, partition] = key.split('/') as [string, string];
      topics.set(id, [...(topics.get(id) ?? []), Number(partition)]);
    }
    return [...topics].map(([id, partitions]) => ({ topicId: id, partitions }));
  }
}
