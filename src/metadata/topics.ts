// Deciding about topics: create, add partitions, delete. Every decision is a function of the newest image, taken
// synchronously inside Metadata.commit; refusals are Kafka's codes and sentences (ReplicationControlManager).

import { ErrorCode } from '../protocol/error-code.ts';
import { FileError } from '../runtime/files.ts';
import type { Random } from '../runtime/runtime.ts';
import { CollisionIndex } from './collision-index.ts';
import type { Configs } from './configs/configs.ts';
import { ConfigError } from './configs/parse-value.ts';
import { checkTopicOverrides } from './configs/topic-check.ts';
import { fold } from './fold.ts';
import type { Image, Metadata, MetadataChange, PartitionImage, TopicImage } from './image.ts';
import { internalTopic } from './internal-topics.ts';
import { checkAssignment, placeReplicas } from './placement.ts';
import { randomId } from './random-id.ts';
import { Refusal, refuse } from './refusal.ts';
import { CLUSTER_METADATA, isInternalTopic, topicNameObjection } from './topic-name.ts';

/** Partitions, and topics, that one request may ask for; the number is Kafka's. */
export const PARTITIONS_PER_REQUEST_MAX = 10_000;

export interface NewTopic {
  readonly name: string;
  /** -1: num.partitions, or as many as there are assignments. */
  readonly numPartitions: number;
  /** -1: default.replication.factor, or as the assignments say. */
  readonly replicationFactor: number;
  readonly assignments: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[];
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

export interface MorePartitions {
  readonly name: string;
  /** The count the topic shall have. */
  readonly count: number;
  readonly assignments: readonly { readonly brokerIds: readonly number[] }[] | null;
}

/** A topic that was created, grown, deleted, or would have been (validate-only), or why not. */
export type TopicOutcome = { readonly topic: TopicImage; readonly refusal?: undefined } | { readonly refusal: Refusal };

/** Pays for partitions before they come or go; throws a Refusal when it is too early. */
export type Charge = (topic: string, partitions: number) => void;

interface ChangeOptions {
  readonly validateOnly: boolean;
  readonly charge?: Charge | undefined;
}

export interface TopicsOptions {
  readonly metadata: Metadata;
  readonly configs: Configs;
  readonly random: Random;
  /** ottla.replication.factor.clamp */
  readonly clampReplicationFactor: boolean;
  /** ottla.partitions.per.topic.max */
  readonly partitionsPerTopicMax: number;
}

export class Topics {
  readonly #metadata: Metadata;
  readonly #configs: Configs;
  readonly #random: Random;
  readonly #clamp: boolean;
  readonly #partitionsMax: number;
  readonly #names = new CollisionIndex();
  /** Auto-creations under way, by name: requests that ask for the same topic share one. */
  readonly #creating = new Map<string, Promise<TopicOutcome>>();

  constructor(options: TopicsOptions) {
    this.#metadata = options.metadata;
    this.#configs = options.configs;
    this.#random = options.random;
    this.#clamp = options.clampReplicationFactor;
    this.#partitionsMax = options.partitionsPerTopicMax;
  }

  /** One outcome per topic, in order. What was created is durable, and its partitions are open, when it resolves. */
  async create(topics: readonly NewTopic[], { validateOnly, charge }: ChangeOptions): Promise<TopicOutcome[]> {
    const excess = this.#tooMany(topics.map((topic) => this.#partitionCount(topic)));
    if (excess) return topics.map(() => ({ refusal: excess }));
    return this.#decideAll(topics, validateOnly, (image, topic) => this.#created(image, topic, charge));
  }

  /** Creates a topic because a client asked for it: as auto.create.topics.enable has it, or the broker's own topics. */
  autoCreate(name: string, charge?: Charge): Promise<TopicOutcome> {
    const existing = this.#metadata.image.topics.get(name);
    if (existing) return Promise.resolve({ topic: existing });
    const underWay = this.#creating.get(name);
    if (underWay) return underWay;
    const creation = this.#autoCreate(name, charge).finally(() => this.#creating.delete(name));
    this.#creating.set(name, creation);
    return creation;
  }

  async addPartitions(
    topics: readonly MorePartitions[],
    { validateOnly, charge }: ChangeOptions,
  ): Promise<TopicOutcome[]> {
    const added = topics.map(
      (topic) => topic.count - (this.#metadata.image.topics.get(topic.name)?.partitions.length ?? topic.count),
    );
    const excess = this.#tooMany(added);
    if (excess) return topics.map(() => ({ refusal: excess }));
    return this.#decideAll(topics, validateOnly, (image, topic) => this.#grown(image, topic, charge));
  }

  /** By id, so that a topic created anew under the same name in between is safe. */
  async delete(topicIds: readonly string[], charge?: Charge): Promise<TopicOutcome[]> {
    return this.#decideAll(
      topicIds,
      false,
      (image, id) => {
        const topic = image.topicsById.get(id);
        if (!topic) refuse(ErrorCode.UNKNOWN_TOPIC_ID);
        charge?.(id, topic.partitions.length);
        return [{ type: 'topic-deleted', id }];
      },
      (image, id) => image.topicsById.get(id),
    );
  }

  async #autoCreate(name: string, charge?: Charge): Promise<TopicOutcome> {
    const topic = internalTopic(name, this.#configs.broker, this.#metadata.image.brokers.size) ?? {
      name,
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [],
      configs: [],
    };
    const [outcome] = await this.create([topic], { validateOnly: false, charge });
    if (outcome?.refusal?.errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) {
      const existing = this.#metadata.image.topics.get(name);
      if (existing) return { topic: existing };
    }
    return outcome!;
  }

  /** Asks `decide` for each item on the image that the items before it lead to; the refused ones change nothing. */
  async #decideAll<T>(
    items: readonly T[],
    validateOnly: boolean,
    decide: (image: Image, item: T) => readonly MetadataChange[],
    find: (image: Image, item: T) => TopicImage | undefined = (image, item) =>
      image.topics.get((item as { name: string }).name),
  ): Promise<TopicOutcome[]> {
    let outcomes: TopicOutcome[] = [];
    const decideOnce = (newest: Image): readonly MetadataChange[] => {
      let image = newest;
      const changes: MetadataChange[] = [];
      outcomes = items.map((item): TopicOutcome => {
        try {
          const before = image;
          const own = decide(image, item);
          image = fold(image, own, image.version);
          changes.push(...own);
          return { topic: (find(image, item) ?? find(before, item))! };
        } catch (error) {
          if (error instanceof Refusal) return { refusal: error };
          throw error;
        }
      });
      return changes;
    };
    if (validateOnly) {
      decideOnce(this.#metadata.image);
      return outcomes;
    }
    try {
      await this.#metadata.commit(decideOnce);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      return items.map(() => ({ refusal: new Refusal(ErrorCode.KAFKA_STORAGE_ERROR, error.message) }));
    }
    return outcomes;
  }

  #created(image: Image, topic: NewTopic, charge: Charge | undefined): readonly MetadataChange[] {
    this.#checkName(image, topic.name);
    const overrides = this.#overrides(topic);
    const partitions = topic.assignments.length > 0 ? this.#assigned(image, topic) : this.#placed(image, topic);
    charge?.(topic.name, partitions.length);
    const id = this.#freshId(image);
    return [
      { type: 'topic-created', name: topic.name, id, internal: isInternalTopic(topic.name), partitions },
      ...[...overrides].map(
        ([name, value]): MetadataChange => ({ type: 'config-set', resource: `topic:${topic.name}`, name, value }),
      ),
    ];
  }

  #checkName(image: Image, name: string): void {
    if (name === CLUSTER_METADATA)
      refuse(ErrorCode.INVALID_REQUEST, `Creation of internal topic ${name} is prohibited.`);
    if (image.topics.has(name)) refuse(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
    const objection = topicNameObjection(name);
    if (objection !== undefined) refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, objection);
    const colliding = this.#names.find(image, name);
    if (colliding !== undefined) {
      refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic '${name}' collides with existing topic: ${colliding}`);
    }
  }

  #overrides(topic: NewTopic): ReadonlyMap<string, string> {
    const without = topic.configs.filter((config) => config.value === null).map((config) => config.name);
    if (without.length > 0) {
      refuse(ErrorCode.INVALID_CONFIG, `Null value not supported for topic configs: ${without.join(',')}`);
    }
    const overrides = new Map(topic.configs.map((config) => [config.name, config.value as string]));
    try {
      checkTopicOverrides(overrides, this.#configs);
    } catch (error) {
      if (error instanceof ConfigError) refuse(ErrorCode.INVALID_CONFIG, error.message);
      throw error;
    }
    return overrides;
  }

  #assigned(image: Image, topic: NewTopic): readonly PartitionImage[] {
    const unset = (what: string) =>
      refuse(ErrorCode.INVALID_REQUEST, `A manual partition assignment was specified, but ${what} was not set to -1.`);
    if (topic.replicationFactor !== -1) unset('replication factor');
    if (topic.numPartitions !== -1) unset('numPartitions');
    const byIndex = new Map<number, readonly number[]>();
    let replicationFactor: number | undefined;
    for (const { partitionIndex, brokerIds } of topic.assignments) {
      if (byIndex.has(partitionIndex)) {
        refuse(
          ErrorCode.INVALID_REPLICA_ASSIGNMENT,
          `Found multiple manual partition assignments for partition ${partitionIndex}`,
        );
      }
      checkAssignment(image, brokerIds, replicationFactor);
      replicationFactor = brokerIds.length;
      byIndex.set(partitionIndex, brokerIds);
    }
    this.#checkCount(byIndex.size);
    return Array.from({ length: byIndex.size }, (_, index) => {
      const brokerIds = byIndex.get(index);
      if (!brokerIds)
        refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'partitions should be a consecutive 0-based integer sequence');
      return newPartition(brokerIds);
    });
  }

  #placed(image: Image, topic: NewTopic): readonly PartitionImage[] {
    if (topic.replicationFactor < -1 || topic.replicationFactor === 0) {
      refuse(
        ErrorCode.INVALID_REPLICATION_FACTOR,
        'Replication factor must be larger than 0, or -1 to use the default value.',
      );
    }
    if (topic.numPartitions < -1 || topic.numPartitions === 0) {
      refuse(ErrorCode.INVALID_PARTITIONS, 'Number of partitions was set to an invalid non-positive value.');
    }
    const count = this.#partitionCount(topic);
    this.#checkCount(count);
    const asked =
      topic.replicationFactor === -1 ? this.#configs.broker.defaultReplicationFactor : topic.replicationFactor;
    const mayClamp = this.#clamp || isInternalTopic(topic.name);
    const factor = mayClamp ? Math.min(asked, Math.max(1, image.brokers.size)) : asked;
    return placeReplicas(image, this.#random, count, factor).map(newPartition);
  }

  #grown(image: Image, wanted: MorePartitions, charge: Charge | undefined): readonly MetadataChange[] {
    const topic = image.topics.get(wanted.name);
    if (!topic) refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const existing = topic.partitions.length;
    if (wanted.count === existing) refuse(ErrorCode.INVALID_PARTITIONS, `Topic already has ${existing} partition(s).`);
    if (wanted.count < existing) {
      refuse(
        ErrorCode.INVALID_PARTITIONS,
        `The topic ${wanted.name} currently has ${existing} partition(s); ${wanted.count} would not be an increase.`,
      );
    }
    this.#checkCount(wanted.count);
    charge?.(wanted.name, wanted.count - existing);
    const replicationFactor = topic.partitions[0]?.replicas.length ?? 1;
    return [
      {
        type: 'partitions-added',
        topicId: topic.id,
        partitions: this.#addedPartitions(image, wanted, existing, replicationFactor),
      },
    ];
  }

  #addedPartitions(
    image: Image,
    wanted: MorePartitions,
    existing: number,
    replicationFactor: number,
  ): readonly PartitionImage[] {
    const additional = wanted.count - existing;
    if (wanted.assignments === null)
      return placeReplicas(image, this.#random, additional, replicationFactor).map(newPartition);
    if (wanted.assignments.length !== additional) {
      refuse(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `Attempted to add ${additional} additional partition(s), but only ${wanted.assignments.length} assignment(s) were specified.`,
      );
    }
    return wanted.assignments.map(({ brokerIds }) => {
      checkAssignment(image, brokerIds, replicationFactor);
      return newPartition(brokerIds);
    });
  }

  #partitionCount(topic: NewTopic): number {
    if (topic.assignments.length > 0) return topic.assignments.length;
    return topic.numPartitions === -1 ? this.#configs.broker.numPartitions : topic.numPartitions;
  }

  #checkCount(count: number): void {
    if (count > this.#partitionsMax) {
      refuse(
        ErrorCode.INVALID_PARTITIONS,
        `A topic may have ${this.#partitionsMax} partitions, not ${count}; ottla.partitions.per.topic.max sets the limit.`,
      );
    }
  }

  #tooMany(counts: readonly number[]): Refusal | undefined {
    // A topic counts even when it asks for none: what is refused costs time, too.
    const total = counts.reduce((sum, count) => sum + Math.max(1, count), 0);
    if (total <= PARTITIONS_PER_REQUEST_MAX) return undefined;
    return new Refusal(ErrorCode.POLICY_VIOLATION, 'Excessively large number of partitions per request.');
  }

  #freshId(image: Image): string {
    for (;;) {
      const id = randomId(this.#random);
      if (!image.topicsById.has(id)) return id;
    }
  }
}

function newPartition(brokerIds: readonly number[]): PartitionImage {
  const replicas = [...brokerIds];
  return { leader: replicas[0] as number, leaderEpoch: 0, replicas, isr: replicas };
}
