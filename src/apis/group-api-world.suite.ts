// A coordinator with the APIs of groups around it, over a storage that commits when the test says so and a clock that the
// test moves. Requests go through the real codec at their version.
import { GroupCoordinator } from '../group/coordinator.ts';
import { CONSUMER_OFFSETS } from '../metadata/topic-name.ts';
import type { EndMarker } from '../partition/end-marker.ts';
import { PartitionWorld } from '../partition/partition-world.suite.ts';
import type { Api, RequestInputOf, ResponseOf } from '../protocol/api.ts';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import { coordinatorPartition } from '../protocol/java-string-hash.ts';
import { consumerGroupDescribe } from '../protocol/messages/consumer-group-describe.ts';
import { consumerGroupHeartbeat } from '../protocol/messages/consumer-group-heartbeat.ts';
import { deleteGroups } from '../protocol/messages/delete-groups.ts';
import { describeGroups } from '../protocol/messages/describe-groups.ts';
import { heartbeat } from '../protocol/messages/heartbeat.ts';
import { joinGroup } from '../protocol/messages/join-group.ts';
import { leaveGroup } from '../protocol/messages/leave-group.ts';
import { listGroups } from '../protocol/messages/list-groups.ts';
import { offsetCommit } from '../protocol/messages/offset-commit.ts';
import { offsetDelete } from '../protocol/messages/offset-delete.ts';
import { offsetFetch } from '../protocol/messages/offset-fetch.ts';
import { syncGroup } from '../protocol/messages/sync-group.ts';
import { txnOffsetCommit } from '../protocol/messages/txn-offset-commit.ts';
import { consumerGroupDescribeHandler } from './consumer-group-describe.ts';
import { consumerGroupHeartbeatHandler } from './consumer-group-heartbeat.ts';
import { type Call, call } from './data-api-world.suite.ts';
import { deleteGroupsHandler } from './delete-groups.ts';
import { describeGroupsHandler } from './describe-groups.ts';
import { features } from './features.ts';
import { heartbeatHandler } from './heartbeat.ts';
import { joinGroupHandler } from './join-group.ts';
import { leaveGroupHandler } from './leave-group.ts';
import { listGroupsHandler } from './list-groups.ts';
import { offsetCommitHandler } from './offset-commit.ts';
import { offsetDeleteHandler } from './offset-delete.ts';
import { offsetFetchHandler } from './offset-fetch.ts';
import type { AnyApiHandler } from './registry.ts';
import { syncGroupHandler } from './sync-group.ts';
import { txnOffsetCommitHandler } from './txn-offset-commit.ts';

export interface GroupWorldOptions {
  readonly brokerConfig?: Record<string, string>;
  /** Of `__consumer_offsets`; 0: the topic does not exist. */
  readonly partitions?: number;
  readonly offsetsTopicConfig?: Record<string, string>;
}

/** Says of every producer what the test wants it to, and remembers what it was asked. */
export class ScriptedTransactions {
  answer: ErrorCode = ErrorCode.NONE;
  readonly asked: { readonly transactionalId: string; readonly partition: string; readonly add: boolean }[] = [];

  admit(
    transactionalId: string,
    _producerId: number,
    _producerEpoch: number,
    topic: string,
    partition: number,
    { add }: { readonly add: boolean },
  ): ErrorCode {
    this.asked.push({ transactionalId, partition: `${topic}-${partition}`, add });
    return this.answer;
  }
}

export interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export class GroupApiWorld extends PartitionWorld {
  groups: GroupCoordinator;
  readonly transactions = new ScriptedTransactions();
  #handlers: ReadonlyMap<Api, AnyApiHandler>;

  constructor({ brokerConfig = {}, partitions = 2, offsetsTopicConfig = {} }: GroupWorldOptions = {}) {
    super({ brokerConfig: { 'group.initial.rebalance.delay.ms': '0', ...brokerConfig } });
    if (partitions > 0) {
      this.createTopic(CONSUMER_OFFSETS, {
        partitions,
        configs: { 'cleanup.policy': 'compact', ...offsetsTopicConfig },
      });
    }
    this.groups = this.#coordinator();
    this.#handlers = this.#handlersOf();
  }

  /** The coordinator as a restart finds it: only what is in the log. Not loaded yet. */
  restartCoordinator(): void {
    this.groups.close();
    this.groups = this.#coordinator();
    this.#handlers = this.#handlersOf();
  }

  async loaded(): Promise<void> {
    let done = false;
    void this.groups.loaded().then(() => {
      done = true;
    });
    while (!done) await this.turn();
  }

  /** What is deferred runs, and what waits for promises. */
  async turn(): Promise<void> {
    this.time.advance(0);
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  send<A extends Api>(api: A, version: number, request: RequestInputOf<A>): Call<A> {
    return call(api, this.#handlers.get(api)!, version, request);
  }

  /** What is due at once happens, and everything is committed. */
  settle(): void {
    this.storage.commit();
    this.time.advance(0);
    this.storage.commit();
  }

  /** Sends, settles, and returns the answer. */
  ask<A extends Api>(api: A, version: number, request: RequestInputOf<A>): ResponseOf<A> {
    const sent = this.send(api, version, request);
    this.settle();
    return sent.got;
  }

  /** A classic member that is alone in its group, stable. */
  stableMember(groupId: string, topics: readonly string[] = ['t'], memberId = ''): StableMember {
    const protocols = [{ name: 'range', metadata: subscription(topics) }];
    const joinRequest = {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId,
      protocolType: 'consumer',
      protocols,
    };
    const joined = this.ask(joinGroup, 3, joinRequest);
    const { generationId } = joined;
    const synced = this.ask(syncGroup, 3, {
      groupId,
      generationId,
      memberId: joined.memberId,
      assignments: [{ memberId: joined.memberId, assignment: Buffer.from('mine') }],
    });
    if (joined.errorCode !== 0 || synced.errorCode !== 0) throw new Error('not joined');
    return { memberId: joined.memberId, generationId };
  }

  commitOffset(groupId: string, topic: string, partition: number, offset: number, member?: StableMember): number {
    const { topics } = this.ask(offsetCommit, 8, {
      groupId,
      generationIdOrMemberEpoch: member?.generationId ?? -1,
      memberId: member?.memberId ?? '',
      topics: [
        {
          name: topic,
          topicId: '',
          partitions: [{ partitionIndex: partition, committedOffset: offset, committedMetadata: 'm' }],
        },
      ] as never,
    });
    return topics[0]!.partitions[0]!.errorCode;
  }

  /** Of producers of transactions; a request of the version, with the fields that it has. */
  commitPending(
    groupId: string,
    producer: Producer,
    offsets: Record<number, number>,
    { version = 5, ...more }: { version?: number; generationId?: number; memberId?: string } = {},
  ): number[] {
    const partitions = Object.entries(offsets).map(([partition, committedOffset]) => ({
      partitionIndex: Number(partition),
      committedOffset,
      committedMetadata: 'm',
    }));
    const request = { transactionalId: 'tx', groupId, ...producer, topics: [{ name: 't', partitions }], ...more };
    const { topics } = this.ask(txnOffsetCommit, version, request);
    return topics[0]!.partitions.map(({ errorCode }) => errorCode);
  }

  /** The marker in the group's partition of `__consumer_offsets`, as the transaction coordinator writes it. */
  endTransaction(groupId: string, producer: Producer, type: EndMarker['type']): number {
    const { partitions } = this.metadata.image.topics.get(CONSUMER_OFFSETS)!;
    const index = coordinatorPartition(groupId, partitions.length);
    const { errorCode } = this.groups.writeMarker(index, {
      type,
      ...producer,
      coordinatorEpoch: 0,
      transactionVersion: 1,
    });
    this.settle();
    return errorCode;
  }

  /** An error code, or the offset (undefined when there is none). */
  stableOffset(groupId: string, partition: number): number | string | undefined {
    const topics = [{ name: 't', partitionIndexes: [partition] }];
    const { groups } = this.ask(offsetFetch, 8, { groups: [{ groupId, topics }], requireStable: true } as never);
    const { committedOffset, errorCode } = groups[0]!.topics[0]!.partitions[0]!;
    if (errorCode !== ErrorCode.NONE) return errorName(errorCode);
    return committedOffset === -1 ? undefined : committedOffset;
  }

  /** Undefined when there is none. */
  offset(groupId: string, topic: string, partition: number): number | undefined {
    const { groups } = this.ask(offsetFetch, 8, {
      groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [partition] }] }],
    } as never);
    const { committedOffset } = groups[0]!.topics[0]!.partitions[0]!;
    return committedOffset === -1 ? undefined : committedOffset;
  }

  groupIds(): string[] {
    return this.ask(listGroups, 5, { statesFilter: [], typesFilter: [] })
      .groups.map(({ groupId }) => groupId)
      .sort();
  }

  #coordinator(): GroupCoordinator {
    const { metadata, configs, partitions, storage, time, random, log } = this;
    return new GroupCoordinator({ metadata, configs, partitions, storage, clock: time, timers: time, random, log });
  }

  #handlersOf(): ReadonlyMap<Api, AnyApiHandler> {
    const all = {
      groups: this.groups,
      transactions: this.transactions,
      metadata: this.metadata,
      configs: this.configs,
      features: features(this.metadata),
    };
    return new Map<Api, AnyApiHandler>([
      [joinGroup, joinGroupHandler(all)],
      [syncGroup, syncGroupHandler(all)],
      [heartbeat, heartbeatHandler(all)],
      [leaveGroup, leaveGroupHandler(all)],
      [offsetCommit, offsetCommitHandler(all)],
      [offsetFetch, offsetFetchHandler(all)],
      [txnOffsetCommit, txnOffsetCommitHandler(all)],
      [offsetDelete, offsetDeleteHandler(all)],
      [listGroups, listGroupsHandler(all)],
      [describeGroups, describeGroupsHandler(all)],
      [deleteGroups, deleteGroupsHandler(all)],
      [consumerGroupHeartbeat, consumerGroupHeartbeatHandler(all)],
      [consumerGroupDescribe, consumerGroupDescribeHandler(all)],
    ]);
  }
}

export interface StableMember {
  readonly memberId: string;
  readonly generationId: number;
}

/** A ConsumerProtocolSubscription of version 0. */
export function subscription(topics: readonly string[]): Buffer {
  const parts = [Buffer.from([0, 0]), int32(topics.length)];
  for (const topic of topics) parts.push(Buffer.from([0, topic.length]), Buffer.from(topic));
  return Buffer.concat([...parts, int32(-1)]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
