// The group coordinator of this broker: a shard for each partition of `__consumer_offsets` that the broker leads, found by
// the hash of a group's id. It follows the metadata: shards come and go with their topic, offsets go with the topics
// they are of, and consumer groups hear of topics that changed. Every so often it forgets offsets that nobody uses.

import type { MarkerResult } from '../coordinator/shard.ts';
import { TopicShards } from '../coordinator/topic-shards.ts';
import type { Configs } from '../metadata/configs/configs.ts';
import type { Image, Metadata } from '../metadata/image.ts';
import { CONSUMER_OFFSETS } from '../metadata/topic-name.ts';
import type { EndMarker } from '../partition/end-marker.ts';
import type { Partitions } from '../partition/partitions.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { Clock, LogLines, Random, Timer, Timers } from '../runtime/runtime.ts';
import type { Storage } from '../storage/storage.ts';
import { expireOffsets } from './expiry.ts';
import type { Group } from './group-kinds.ts';
import { type GroupCall, GroupShard, type ShardSurroundings } from './group-shard.ts';
import { groupKinds } from './group-world.ts';
import { TopicsView } from './topics-view.ts';

export interface CoordinatorSurroundings {
  readonly metadata: Metadata;
  readonly configs: Configs;
  readonly partitions: Partitions;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: LogLines;
}

export class GroupCoordinator {
  readonly #surroundings: CoordinatorSurroundings;
  readonly #topics: TopicsView;
  readonly #shards: TopicShards<GroupShard>;
  #expiry: Timer | undefined;
  #closed = false;

  /** Begins to load at once; `partitions` must follow the metadata already. */
  constructor(surroundings: CoordinatorSurroundings) {
    const { metadata, partitions, clock, log } = surroundings;
    this.#surroundings = surroundings;
    this.#topics = new TopicsView(metadata.image);
    const ofShard: ShardSurroundings = {
      ...surroundings,
      kinds: groupKinds({ ...surroundings, topics: this.#topics }),
    };
    this.#shards = new TopicShards({
      topic: CONSUMER_OFFSETS,
      partitions,
      open: (partition) => new GroupShard(partition, ofShard),
      monotonicMs: () => clock.monotonicMs(),
      onLoaded(shards, records, tookMs) {
        const groups = shards.reduce((sum, shard) => sum + shard.groups.size, 0);
        log.info('Loaded groups', { groups, records, tookMs });
      },
    });
    this.#shards.follow(metadata.image);
    metadata.onChange((image, before) => this.#follow(image, before));
    this.#scheduleExpiry();
  }

  /** Resolves when every shard that there is now has been loaded. */
  loaded(): Promise<void> {
    return this.#shards.loaded();
  }

  /** Why there is nobody for this group here, or the shard that takes requests for it. */
  shardOf(groupId: string): GroupShard | number {
    const shard = this.#shards.of(groupId);
    if (this.#closed || shard === undefined) return ErrorCode.NOT_COORDINATOR;
    return shard.errorCode === ErrorCode.NONE ? shard : shard.errorCode;
  }

  /** The partition of `__consumer_offsets` that holds this group's offsets; −1 while there is no such topic. */
  partitionOf(groupId: string): number {
    return this.#shards.partitionOf(groupId);
  }

  call<Response>(groupId: string, call: GroupCall<Response>): void {
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') call.reply(call.refused(shard));
    else shard.call({ groupId, ...call });
  }

  /** One call for each, answered together, in order. */
  callEach<Item, Response>(
    items: readonly Item[],
    groupIdOf: (item: Item) => string,
    callOf: (item: Item) => Omit<GroupCall<Response>, 'reply'>,
    reply: (responses: Response[]) => void,
  ): void {
    const responses: Response[] = [];
    let missing = items.length;
    if (missing === 0) reply(responses);
    items.forEach((item, index) => {
      const one = (response: Response) => {
        responses[index] = response;
        missing--;
        if (missing === 0) reply(responses);
      };
      this.call(groupIdOf(item), { ...callOf(item), reply: one });
    });
  }

  /** Every group that is coordinated here, once all that they are is committed; COORDINATOR_LOAD_IN_PROGRESS while some are not known. */
  list<Response>(describe: (groups: readonly Group[]) => Response, reply: (result: Response | number) => void): void {
    const shards = this.#shards.all();
    const unknown = shards.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
    if (unknown !== undefined) {
      reply(unknown.errorCode);
      return;
    }
    const result = describe(shards.flatMap(({ groups }) => [...groups.all()]));
    const ticket = shards.reduce((newest, shard) => Math.max(newest, shard.ticket), -1);
    this.#surroundings.storage.whenCommitted(ticket, () => reply(result));
  }

  /**
   * Ends a transaction in a partition of `__consumer_offsets`: what it committed becomes the groups', or is gone.
   * COORDINATOR_LOAD_IN_PROGRESS passes; UNKNOWN_TOPIC_OR_PARTITION: there is nothing to end.
   */
  writeMarker(partitionIndex: number, marker: EndMarker): MarkerResult {
    const shard = this.#shards.get(partitionIndex);
    if (shard !== undefined) return shard.writeMarker(marker);
    const errorCode = this.#closed ? ErrorCode.NOT_COORDINATOR : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return { errorCode, ticket: undefined };
  }

  /** Waiting members are told to look for the coordinator elsewhere; nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#expiry?.cancel();
    this.#shards.close();
  }

  // ---- following the metadata

  #follow(image: Image, before: Image): void {
    const changed = this.#topics.update(image);
    if (this.#closed || changed.size === 0) return;
    if (changed.has(CONSUMER_OFFSETS)) this.#shards.follow(image);
    const { clock } = this.#surroundings;
    for (const shard of this.#shards.all()) {
      if (shard.errorCode !== ErrorCode.NONE) continue;
      for (const name of changed) {
        const gone = before.topics.get(name);
        if (gone === undefined || image.topicsById.has(gone.id)) continue;
        shard.appendLoosely(shard.offsets.deleteTopic(name, gone.id));
      }
      for (const group of [...shard.groups.all()]) {
        if (group.type !== 'consumer') continue;
        const effects = group.topicsChanged(changed, clock.nowMs());
        if (effects.length > 0) shard.perform(group.groupId, effects);
      }
    }
  }

  // ---- retention

  #scheduleExpiry(): void {
    if (this.#closed) return;
    const { timers, configs } = this.#surroundings;
    this.#expiry = timers.set(configs.broker.offsetsRetentionCheckIntervalMs, () => {
      void this.#expire().then(() => this.#scheduleExpiry());
    });
  }

  async #expire(): Promise<void> {
    const { clock, configs, timers, storage } = this.#surroundings;
    for (const shard of this.#shards.all()) {
      const retentionMs = configs.broker.offsetsRetentionMinutes * 60_000;
      await expireOffsets(shard, { nowMs: clock.nowMs(), retentionMs, timers, storage });
    }
  }
}
