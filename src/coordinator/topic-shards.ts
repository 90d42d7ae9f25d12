// The shards of a coordinator's topic on this broker, one for each partition; they come and go with the topic. Owned by the
// coordinator, which tells of each change of the metadata. Invariant: an id belongs to the same shard as long as the
// topic lives.
import type { Image } from '../metadata/image.ts';
import type { Partition } from '../partition/partition.ts';
import type { Partitions } from '../partition/partitions.ts';
import { coordinatorPartition } from '../protocol/java-string-hash.ts';

export interface LoadableShard {
  readonly isEmptyLog: boolean;
  load(): Promise<number>;
  close(): void;
}

export interface TopicShardsOptions<Shard> {
  readonly topic: string;
  readonly partitions: Pick<Partitions, 'byName'>;
  readonly open: (partition: Partition) => Shard;
  /** These were loaded, out of so many records. */
  readonly onLoaded: (shards: readonly Shard[], records: number, tookMs: number) => void;
  readonly monotonicMs: () => number;
}

export class TopicShards<Shard extends LoadableShard> {
  readonly #options: TopicShardsOptions<Shard>;
  readonly #shards = new Map<number, Shard>();
  /** The id of the topic that the shards are of, and the number of its partitions when they were opened. */
  #topicId: string | undefined;
  #partitionCount = 0;
  #loading: Promise<void> = Promise.resolve();

  constructor(options: TopicShardsOptions<Shard>) {
    this.#options = options;
  }

  /** Resolves when every shard that there is now has been loaded. */
  loaded(): Promise<void> {
    return this.#loading;
  }

  /** The partition that an id belongs to; −1 while there is no topic. */
  partitionOf(id: string): number {
    return this.#partitionCount === 0 ? -1 : coordinatorPartition(id, this.#partitionCount);
  }

  /** The shard that is in charge of an id. */
  of(id: string): Shard | undefined {
    return this.#shards.get(this.partitionOf(id));
  }

  get(partition: number): Shard | undefined {
    return this.#shards.get(partition);
  }

  all(): Shard[] {
    return [...this.#shards.values()];
  }

  /** Opens what the image has and begins to load it; closes what was of a topic that is gone. */
  follow(image: Image): void {
    const { topic: name, partitions, open } = this.#options;
    const topic = image.topics.get(name);
    if (topic?.id !== this.#topicId) {
      this.close();
      this.#topicId = topic?.id;
      // Kept while it lives, as Kafka does: with another number, ids would be looked for elsewhere.
      this.#partitionCount = topic?.partitions.length ?? 0;
    }
    const toLoad: Shard[] = [];
    for (let index = 0; index < this.#partitionCount; index++) {
      const partition = partitions.byName(name, index);
      if (partition === undefined || this.#shards.has(index)) continue;
      const shard = open(partition);
      this.#shards.set(index, shard);
      if (shard.isEmptyLog) void shard.load();
      else toLoad.push(shard);
    }
    if (toLoad.length > 0) this.#loading = this.#loading.then(() => this.#load(toLoad));
  }

  close(): void {
    for (const shard of this.#shards.values()) shard.close();
    this.#shards.clear();
  }

  /** One after the other: what is being loaded takes memory and turns. */
  async #load(shards: readonly Shard[]): Promise<void> {
    const { monotonicMs, onLoaded } = this.#options;
    const startedAtMs = monotonicMs();
    let records = 0;
    for (const shard of shards) records += await shard.load();
    onLoaded(shards, records, Math.round(monotonicMs() - startedAtMs));
  }
}
