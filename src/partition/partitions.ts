// All partitions that this broker leads. Follows the metadata image synchronously: when a commit that creates a topic
// resolves, its partitions are open, so the topic is writable and readable the moment CreateTopics answered.
// Invariant: every partition that the newest image gives this broker to lead is in here, and none of a deleted topic.
// Leaders do not move yet: with one broker there is nowhere to move them to.
import type { TopicConfig } from '../metadata/configs/topic-definitions.ts';
import type { Image, Metadata, TopicImage } from '../metadata/image.ts';
import { PersistentMap } from '../metadata/persistent-map.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { Clock, Timer, Timers } from '../runtime/runtime.ts';
import type { Storage } from '../storage/storage.ts';
import { Partition } from './partition.ts';

/** The part of `Configs` that partitions follow. */
export interface PartitionConfigs {
  /** Effective; the same object until something changes. */
  topic(name: string): TopicConfig;
  onTopicConfigChange(listener: (topic: string) => void): void;
  readonly broker: { readonly producerIdExpirationMs: number };
}

/** How often idle producers are looked for: Kafka's default of an internal setting. */
const EXPIRY_CHECK_INTERVAL_MS = 600_000;

type Dependencies = {
  readonly metadata: Metadata;
  readonly configs: PartitionConfigs;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly brokerId: number;
};

interface TopicPartitions {
  readonly id: string;
  image: TopicImage;
  /** Index = partition number; holes where another broker leads. */
  readonly partitions: (Partition | undefined)[];
}

export class Partitions {
  readonly #dependencies: Dependencies;
  readonly #byId = new Map<string, TopicPartitions>();
  readonly #byName = new Map<string, TopicPartitions>();
  #expiry: Timer | undefined;
  #closed = false;

  /** Opens the logs of all partitions in the image; `metadata`, `configs` and `storage` must be ready. */
  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    const { metadata, configs } = dependencies;
    for (const topic of metadata.image.topicsById.values()) this.#open(topic);
    metadata.onChange((image, before) => this.#follow(image, before));
    configs.onTopicConfigChange((topic) => this.#applyConfig(topic));
    this.#scheduleExpiry();
  }

  get(topicId: string, index: number): Partition | undefined {
    return this.#byId.get(topicId)?.partitions[index];
  }

  byName(topic: string, index: number): Partition | undefined {
    return this.#byName.get(topic)?.partitions[index];
  }

  /** Why there is no such partition here: it does not exist, or another broker leads it. */
  absence(topic: string, index: number): ErrorCode {
    const image = this.#dependencies.metadata.image.topics.get(topic);
    return image?.partitions[index] === undefined
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  /** In no particular order. */
  *all(): Generator<Partition> {
    for (const topic of this.#byId.values()) {
      for (const partition of topic.partitions) if (partition !== undefined) yield partition;
    }
  }

  get count(): number {
    let count = 0;
    for (const topic of this.#byId.values()) for (const partition of topic.partitions) if (partition) count++;
    return count;
  }

  /** Stops the expiry of producers; the logs belong to storage and close with it. */
  close(): void {
    this.#closed = true;
    this.#expiry?.cancel();
  }

  /** Deletions first: a new topic may have taken the name of a deleted one in the same commit. */
  #follow(image: Image, before: Image): void {
    if (image.topicsById === before.topicsById) return;
    const changed = [...changedTopicIds(image, before)];
    for (const id of changed) {
      const known = this.#byId.get(id);
      if (known !== undefined && !image.topicsById.has(id)) this.#delete(known);
    }
    for (const id of changed) {
      const topic = image.topicsById.get(id);
      const known = this.#byId.get(id);
      if (topic === undefined) continue;
      if (known === undefined) this.#open(topic);
      else this.#update(known, topic);
    }
  }

  #open(image: TopicImage): void {
    const topic: TopicPartitions = { id: image.id, image, partitions: [] };
    this.#openMissing(topic, this.#dependencies.configs.topic(image.name));
    this.#byId.set(image.id, topic);
    this.#byName.set(image.name, topic);
  }

  #update(topic: TopicPartitions, image: TopicImage): void {
    topic.image = image;
    const config = this.#dependencies.configs.topic(image.name);
    topic.partitions.forEach((partition, index) => {
      partition?.update(config, image.partitions[index]!);
    });
    this.#openMissing(topic, config);
  }

  #openMissing(topic: TopicPartitions, config: TopicConfig): void {
    const { image } = topic;
    image.partitions.forEach((partition, index) => {
      if (topic.partitions[index] !== undefined || partition.leader !== this.#dependencies.brokerId) return;
      const id = { topic: image.name, topicId: image.id, partition: index };
      topic.partitions[index] = new Partition(this.#dependencies, id, config, partition);
    });
  }

  #delete(topic: TopicPartitions): void {
    this.#byId.delete(topic.id);
    // The name may already belong to a new topic of another id.
    if (this.#byName.get(topic.image.name) === topic) this.#byName.delete(topic.image.name);
    for (const partition of topic.partitions) partition?.delete();
  }

  #applyConfig(name: string): void {
    const topic = this.#byName.get(name);
    if (topic === undefined) return;
    const config = this.#dependencies.configs.topic(name);
    topic.partitions.forEach((partition, index) => {
      partition?.update(config, topic.image.partitions[index]!);
    });
  }

  /** One timer for all producers of all partitions, as Kafka's ProducerIdExpirationCheck. */
  #scheduleExpiry(): void {
    if (this.#closed) return;
    const { timers, configs } = this.#dependencies;
    this.#expiry = timers.set(EXPIRY_CHECK_INTERVAL_MS, () => {
      const expirationMs = configs.broker.producerIdExpirationMs;
      for (const partition of this.all()) partition.removeExpiredProducers(expirationMs);
      this.#scheduleExpiry();
    });
  }
}

/** Of ten thousand topics a commit changes one: persistent maps know which. */
function changedTopicIds(image: Image, before: Image): Iterable<string> {
  if (image.topicsById instanceof PersistentMap && before.topicsById instanceof PersistentMap) {
    return (image.topicsById as PersistentMap<string, TopicImage>).changedSince(before.topicsById);
  }
  return new Set([...before.topicsById.keys(), ...image.topicsById.keys()]);
}
