// A transaction coordinator over real partitions, whose storage commits when the test says so and can crash: what comes after
// is what a broker finds that opens the directory again, with the appends of all logs cut off at any place behind the last
// commit.
import { Configs } from '../metadata/configs/configs.ts';
import { ProducerIds } from '../metadata/producer-ids.ts';
import { TRANSACTION_STATE } from '../metadata/topic-name.ts';
import type { EndMarker, WriteMarker } from '../partition/end-marker.ts';
import type { AppendResult, Partition } from '../partition/partition.ts';
import {
  BROKER_ID,
  batchOf,
  ManualMetadata,
  ManualStorage,
  ManualTime,
  type Recovered,
  SilentLog,
} from '../partition/partition-world.suite.ts';
import { Partitions } from '../partition/partitions.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { readBatches } from '../records/read-batches.ts';
import type { LogConfig, PartitionId, PartitionLog, PartitionState } from '../storage/storage.ts';
import { TransactionCoordinator } from './coordinator.ts';
import { decodeTransaction } from './transaction-record.ts';

interface Appended {
  readonly log: string;
  readonly batch: Buffer;
}

/** Remembers the order of appends over all logs. */
class JournaledStorage extends ManualStorage {
  readonly journal: Appended[];
  /** So many are durable. */
  committed: number;

  constructor(kept: readonly Appended[] = []) {
    super(false, recovered(kept));
    this.journal = [...kept];
    this.committed = kept.length;
  }

  override openLog(id: PartitionId, config: LogConfig, state: PartitionState): PartitionLog {
    const log = super.openLog(id, config, state);
    const append = log.append.bind(log);
    log.append = (appended) => {
      for (const batch of appended) this.journal.push({ log: `${id.topicId}/${id.partition}`, batch });
      return append(appended);
    };
    return log;
  }

  override commit(): void {
    super.commit();
    this.committed = this.journal.length;
  }
}

function recovered(kept: readonly Appended[]): Map<string, Recovered> {
  const logs = new Map<string, Buffer[]>();
  for (const { log, batch } of kept) logs.set(log, [...(logs.get(log) ?? []), batch]);
  return new Map([...logs].map(([log, batches]) => [log, { snapshot: undefined, batchesInSnapshot: 0, batches }]));
}

export interface TransactionWorldOptions {
  readonly brokerConfig?: Record<string, string>;
  /** Of `__transaction_state`; 0: it does not exist. */
  readonly stateTopicPartitions?: number;
  readonly stateTopicConfig?: Record<string, string>;
  readonly transactionVersion?: number;
}

export class TransactionWorld {
  readonly time = new ManualTime();
  readonly log = new SilentLog();
  readonly metadata = new ManualMetadata();
  configs!: Configs;
  readonly #brokerConfig: Record<string, string>;
  transactionVersion: number;
  storage = new JournaledStorage();
  partitions!: Partitions;
  producerIds!: ProducerIds;
  coordinator!: TransactionCoordinator;
  /** `topic-partition` → what its next markers are answered with. */
  readonly refusals = new Map<string, ErrorCode>();
  readonly markers: (EndMarker & { readonly partition: string })[] = [];

  constructor(options: TransactionWorldOptions = {}) {
    const { brokerConfig = {}, stateTopicPartitions = 2, stateTopicConfig = {}, transactionVersion = 2 } = options;
    this.transactionVersion = transactionVersion;
    this.#brokerConfig = brokerConfig;
    this.#begin();
    if (stateTopicPartitions > 0) this.createTopic(TRANSACTION_STATE, stateTopicPartitions, stateTopicConfig);
  }

  createTopic(name: string, partitions = 1, configs: Record<string, string> = {}): void {
    const partition = { leader: BROKER_ID, leaderEpoch: 0, replicas: [BROKER_ID], isr: [BROKER_ID] };
    const id = Buffer.from(name.padEnd(16, '.').slice(0, 16)).toString('base64url');
    const internal = name.startsWith('__');
    this.metadata.apply(
      { type: 'topic-created', name, id, internal, partitions: Array(partitions).fill(partition) },
      ...Object.entries(configs).map(
        ([key, value]) => ({ type: 'config-set', resource: `topic:${name}`, name: key, value }) as const,
      ),
    );
  }

  deleteTopic(name: string): void {
    this.metadata.apply({ type: 'topic-deleted', id: this.metadata.image.topics.get(name)!.id });
  }

  partition(name: string, index = 0): Partition {
    return this.partitions.byName(name, index)!;
  }

  /** A batch of a transaction, as Produce hands it on. */
  produce(
    transactionalId: string,
    producer: { readonly producerId: number; readonly producerEpoch: number; readonly baseSequence: number },
    place: { readonly topic: string; readonly partition?: number },
    values: readonly string[],
    options: { readonly add: boolean } = { add: true },
  ): AppendResult {
    const { topic, partition = 0 } = place;
    return this.partition(topic, partition).append(batchOf(values, { ...producer, isTransactional: true }), {
      acks: -1,
      origin: 'client',
      produceVersion: options.add ? 12 : 11,
      admit: (producerId, producerEpoch) =>
        this.coordinator.admit(transactionalId, producerId, producerEpoch, topic, partition, options),
    });
  }

  /** What is due at once happens, and everything is committed. */
  settle(): void {
    this.storage.commit();
    this.time.advance(0);
    this.storage.commit();
  }

  /** What is deferred runs, and what waits for promises. */
  async turn(): Promise<void> {
    this.time.advance(0);
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  async loaded(): Promise<void> {
    let done = false;
    void this.coordinator.loaded().then(() => {
      done = true;
    });
    while (!done) await this.turn();
  }

  /** Another coordinator in the same life: it replays what is committed. */
  async restartCoordinator(): Promise<void> {
    this.coordinator.close();
    this.coordinator = this.#coordinator();
    await this.loaded();
  }

  /** The broker is killed; of what was not committed, the first `survivors` appends have reached the disk. */
  async crash(survivors = 0): Promise<void> {
    const kept = this.storage.journal.slice(0, this.storage.committed + survivors);
    this.coordinator.close();
    this.partitions.close();
    this.metadata.stopListening();
    this.storage = new JournaledStorage(kept);
    this.metadata.apply({ type: 'leader-epochs-raised', brokerId: BROKER_ID });
    this.#begin();
    await this.loaded();
  }

  /** All states of an id in the log, oldest first, as `state epoch partitions`. */
  history(transactionalId: string): string[] {
    const states: string[] = [];
    const id = this.metadata.image.topics.get(TRANSACTION_STATE)!.id;
    for (const { log, batch } of this.storage.journal) {
      if (!log.startsWith(id)) continue;
      for (const read of readBatches(batch)) {
        for (const record of read.records()) {
          const decoded = decodeTransaction({ key: record.key!, value: record.value })!;
          if (decoded.transactionalId === transactionalId) states.push(told(decoded.metadata));
        }
      }
    }
    return states;
  }

  #begin(): void {
    const { metadata, storage, time } = this;
    const staticValues = new Map(Object.entries(this.#brokerConfig));
    const configs = new Configs({ metadata, nodeId: BROKER_ID, staticValues });
    this.configs = configs;
    this.partitions = new Partitions({ metadata, configs, storage, clock: time, timers: time, brokerId: BROKER_ID });
    this.producerIds = new ProducerIds(metadata);
    this.coordinator = this.#coordinator();
  }

  #coordinator(): TransactionCoordinator {
    const { metadata, configs, partitions, storage, time, log, producerIds } = this;
    return new TransactionCoordinator({
      metadata,
      configs,
      partitions,
      storage,
      clock: time,
      timers: time,
      log,
      producerIds,
      writeMarker: this.#writeMarker,
      transactionVersion: () => this.transactionVersion,
    });
  }

  readonly #writeMarker: WriteMarker = (topic, index, marker) => {
    const partition = `${topic}-${index}`;
    const refusal = this.refusals.get(partition);
    if (refusal !== undefined) return { errorCode: refusal, ticket: undefined };
    const found = this.partitions.byName(topic, index);
    if (found === undefined) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ticket: undefined };
    const { errorCode, ticket } = found.appendMarker(marker);
    if (errorCode === ErrorCode.NONE) this.markers.push({ ...marker, partition });
    return { errorCode, ticket };
  };
}

function told(metadata: NonNullable<ReturnType<typeof decodeTransaction>>['metadata']): string {
  if (metadata === null) return 'forgotten';
  const { state, producerEpoch, partitions } = metadata;
  const names = [...partitions].flatMap(([topic, indexes]) => [...indexes].map((index) => `${topic}-${index}`));
  return [state, producerEpoch, ...names].join(' ');
}
