// A member of a consumer group (KIP-848): the coordinator says which partitions it has, it reads them from their committed
// offsets and commits what its user is done with. Heartbeats are sent between polls, so a member whose user stops
// polling loses its place after the session timeout. Invariants: a partition is given up only when its offset is
// committed; records are handed out only for partitions that the member has.
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type ConsumerGroupHeartbeatResponse,
  consumerGroupHeartbeat,
} from '../protocol/messages/consumer-group-heartbeat.ts';
import type { Client } from './client.ts';
import { ClientError, throwOnError } from './client-error.ts';
import { Consumer, type ConsumerOptions, type FetchedRecords } from './consumer.ts';
import { groupCoordinator } from './coordinators.ts';
import { commitOffsets, committedOffsets, type TopicOffsets } from './groups.ts';

export interface GroupConsumerOptions extends ConsumerOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Where a partition without committed offset begins. */
  readonly from?: 'beginning' | 'end';
  /** How often what is done is committed. */
  readonly commitIntervalMs?: number;
  /** How long the group waits for this member to give partitions up. */
  readonly rebalanceTimeoutMs?: number;
}

const COMMIT_INTERVAL_MS = 5_000;
const REBALANCE_TIMEOUT_MS = 60_000;
const FIRST_HEARTBEAT_INTERVAL_MS = 1_000;
const JOINING_EPOCH = 0;
const LEAVING_EPOCH = -1;

interface Owned {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** The offset after the last record that the user is done with. */
  done: number;
  committed: number;
}

export class GroupConsumer {
  readonly #client: Client;
  readonly #options: GroupConsumerOptions;
  readonly #consumer: Consumer;
  readonly #memberId: string;
  readonly #owned = new Map<string, Owned>();
  #memberEpoch = JOINING_EPOCH;
  #heartbeatIntervalMs = FIRST_HEARTBEAT_INTERVAL_MS;
  #heartbeatAtMs = Number.NEGATIVE_INFINITY;
  #commitAtMs: number;
  /**
   * The next heartbeat says all of the member: it joins, gave partitions up, or did not follow an answer, which may be lost. Only
   * then does the coordinator say once more what the member is to have.
   */
  #tells = true;

  constructor(client: Client, options: GroupConsumerOptions) {
    this.#client = client;
    this.#options = options;
    this.#consumer = new Consumer(client, { offsetReset: options.from ?? 'beginning', ...options });
    this.#memberId = client.runtime.random.bytes(16).toString('base64url');
    this.#commitAtMs = this.#nowMs() + this.#commitIntervalMs;
  }

  /** What this member has now. */
  get assignment(): readonly { readonly topic: string; readonly partition: number }[] {
    return [...this.#owned.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  get memberId(): string {
    return this.#memberId;
  }

  /** Waits for records, as Consumer.poll; keeps the membership on the way. Rejects with ClientError. */
  async poll(): Promise<FetchedRecords[]> {
    if (this.#nowMs() >= this.#heartbeatAtMs) await this.#heartbeat();
    if (this.#nowMs() >= this.#commitAtMs) await this.commit();
    const untilHeartbeatMs = Math.max(0, this.#heartbeatAtMs - this.#nowMs());
    return this.#consumer.poll(Math.min(untilHeartbeatMs, this.#options.maxWaitMs ?? 500));
  }

  /** The offset of the next record that will be handed out; undefined for what it does not have. */
  position(topic: string, partition: number): number | undefined {
    return this.#consumer.position(topic, partition);
  }

  /** The user is done with everything below `offset`. */
  done(topic: string, partition: number, offset: number): void {
    const owned = this.#owned.get(keyOf(topic, partition));
    if (owned !== undefined) owned.done = Math.max(owned.done, offset);
  }

  /** Commits what the user is done with. */
  commit(): Promise<void> {
    this.#commitAtMs = this.#nowMs() + this.#commitIntervalMs;
    return this.#commit([...this.#owned.values()]);
  }

  /** Commits, leaves the group at once, and reads no more. */
  async close(): Promise<void> {
    try {
      await this.commit();
      if (this.#memberEpoch > JOINING_EPOCH) await this.#send(LEAVING_EPOCH, false);
    } finally {
      this.#owned.clear();
      this.#consumer.close();
    }
  }

  async #commit(partitions: readonly Owned[]): Promise<void> {
    const topics = new Map<string, Map<number, number>>();
    const changed = partitions.filter(({ done, committed }) => done > committed);
    for (const { topic, partition, done } of changed) {
      const offsets = topics.get(topic) ?? new Map<number, number>();
      topics.set(topic, offsets.set(partition, done));
    }
    if (changed.length === 0) return;
    const list: TopicOffsets[] = [...topics].map(([topic, offsets]) => ({ topic, offsets }));
    const member = { memberId: this.#memberId, memberEpoch: this.#memberEpoch };
    const doneBefore = changed.map(({ done }) => done);
    const committing = commitOffsets(this.#client, this.#options.groupId, list, member).then(() => true);
    // Otherwise somebody else has our partitions: what was not committed will be read again.
    if (!(await this.#unlessLost(committing))) return;
    changed.forEach((owned, index) => {
      owned.committed = doneBefore[index]!;
    });
  }

  /** Undefined when it fails because this is no member any more. */
  async #unlessLost<T>(request: Promise<T>): Promise<T | undefined> {
    try {
      return await request;
    } catch (error) {
      if (!isLostMembership(error)) throw error;
      await this.#lost();
      return undefined;
    }
  }

  async #heartbeat(): Promise<void> {
    const response = await this.#client.retrying(async () => {
      const tells = this.#tells;
      this.#tells = true;
      const answer = await this.#send(this.#memberEpoch, tells);
      if (answer.errorCode !== ErrorCode.NONE && !LOST.has(answer.errorCode)) {
        throwOnError(answer.errorCode, `group ${this.#options.groupId} cannot be joined`, answer.errorMessage);
      }
      return answer;
    });
    if (LOST.has(response.errorCode)) {
      await this.#lost();
      return;
    }
    this.#memberEpoch = response.memberEpoch;
    this.#heartbeatIntervalMs = response.heartbeatIntervalMs;
    this.#heartbeatAtMs = this.#nowMs() + this.#heartbeatIntervalMs;
    const { assignment } = response;
    this.#tells = assignment !== null && (await this.#follow(assignment.topicPartitions));
  }

  async #send(memberEpoch: number, tells: boolean): Promise<ConsumerGroupHeartbeatResponse> {
    const { groupId, topics, rebalanceTimeoutMs } = this.#options;
    return this.#client.request(
      consumerGroupHeartbeat,
      {
        groupId,
        memberId: this.#memberId,
        memberEpoch,
        ...(tells && {
          rebalanceTimeoutMs: rebalanceTimeoutMs ?? REBALANCE_TIMEOUT_MS,
          subscribedTopicNames: [...topics],
          topicPartitions: this.#ownedById(),
        }),
      },
      { nodeId: await groupCoordinator(this.#client, groupId) },
    );
  }

  /** Gives up what is not in the assignment, then takes what is new; true: the coordinator is to hear of it at once. */
  async #follow(
    assignment: readonly { readonly topicId: string; readonly partitions: readonly number[] }[],
  ): Promise<boolean> {
    const names = new Map<string, string>();
    for (const topic of this.#options.topics) names.set((await this.#topic(topic)).topicId, topic);
    const wanted = new Map<string, Owned>();
    for (const { topicId, partitions } of assignment) {
      const topic = names.get(topicId);
      if (topic === undefined) continue;
      for (const partition of partitions) {
        wanted.set(keyOf(topic, partition), { topic, topicId, partition, done: -1, committed: -1 });
      }
    }
    const revoked = [...this.#owned].filter(([key]) => !wanted.has(key));
    if (revoked.length > 0) {
      await this.#commit(revoked.map(([, owned]) => owned));
      if (this.#isLost) return true;
      for (const [key, { topic, partition }] of revoked) {
        this.#owned.delete(key);
        this.#consumer.unassign(topic, partition);
      }
      this.#heartbeatAtMs = Number.NEGATIVE_INFINITY;
    }
    const added = [...wanted].filter(([key]) => !this.#owned.has(key));
    if (added.length > 0) await this.#take(added.map(([, owned]) => owned));
    return revoked.length > 0 || this.#isLost;
  }

  async #take(added: readonly Owned[]): Promise<void> {
    const { groupId, from = 'beginning' } = this.#options;
    const topics = new Map<string, number[]>();
    for (const { topic, partition } of added) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
    const asked = [...topics].map(([topic, partitions]) => ({ topic, partitions }));
    const member = { memberId: this.#memberId, memberEpoch: this.#memberEpoch };
    const committed = await this.#unlessLost(committedOffsets(this.#client, groupId, asked, member));
    if (committed === undefined) return;
    const offsetOf = (topic: string, partition: number) =>
      committed.find((each) => each.topic === topic)?.offsets.get(partition);
    const kept = [...this.#owned.values()].map(({ topic, partition }) => ({
      topic,
      partition,
      from: this.#consumer.position(topic, partition)!,
    }));
    await this.#consumer.assign([
      ...kept,
      ...added.map(({ topic, partition }) => ({ topic, partition, from: offsetOf(topic, partition) ?? from })),
    ]);
    for (const owned of added) {
      const start = this.#consumer.position(owned.topic, owned.partition)!;
      owned.done = start;
      owned.committed = offsetOf(owned.topic, owned.partition) ?? -1;
      this.#owned.set(keyOf(owned.topic, owned.partition), owned);
    }
  }

  /** The group went on without this member: it comes back as a new one, with nothing. */
  async #lost(): Promise<void> {
    this.#owned.clear();
    await this.#consumer.assign([]);
    this.#memberEpoch = JOINING_EPOCH;
    this.#tells = true;
    this.#heartbeatAtMs = Number.NEGATIVE_INFINITY;
  }

  get #isLost(): boolean {
    return this.#memberEpoch === JOINING_EPOCH;
  }

  #topic(name: string): Promise<{ readonly topicId: string }> {
    return this.#client.topic(name);
  }

  #ownedById(): { topicId: string; partitions: number[] }[] {
    const byId = new Map<string, number[]>();
    for (const { topicId, partition } of this.#owned.values()) {
      byId.set(topicId, [...(byId.get(topicId) ?? []), partition]);
    }
    return [...byId].map(([topicId, partitions]) => ({ topicId, partitions }));
  }

  get #commitIntervalMs(): number {
    return this.#options.commitIntervalMs ?? COMMIT_INTERVAL_MS;
  }

  #nowMs(): number {
    return this.#client.runtime.clock.monotonicMs();
  }
}

const LOST: ReadonlySet<number> = new Set([ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_MEMBER_EPOCH]);

function isLostMembership(error: unknown): boolean {
  return (
    error instanceof ClientError && (LOST.has(error.errorCode) || error.errorCode === ErrorCode.STALE_MEMBER_EPOCH)
  );
}

function keyOf(topic: string, partition: number): string {
  return `${partition}/${topic}`;
}
