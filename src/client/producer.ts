// Sends records to topics: batched per partition, acknowledged as asked, in order and without duplicates (an idempotent
// producer, unless acks or an option says otherwise). Memory is bounded: `add` returns false when the buffer is full.
//
// Invariant: each partition has at most one batch on its way; the next one collects records meanwhile. Retries can
// therefore never reorder, and a lone producer still fills the wire, because a waiting batch grows.
import { ErrorCode } from '../protocol/error-code.ts';
import { initProducerId } from '../protocol/messages/init-producer-id.ts';
import { type ProduceResponse, produce } from '../protocol/messages/produce.ts';
import { partitionOfKey } from '../protocol/murmur2.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { RecordHeader, RecordToBuild } from '../records/build-batch.ts';
import { type CompressionName, compressionByName } from '../records/compression-type.ts';
import { incrementSequence } from '../records/record-batch.ts';
import type { Timer } from '../runtime/runtime.ts';
import type { Client, TopicMetadata } from './client.ts';
import { ClientError } from './client-error.ts';
import { type Delivery, type OnDelivery, ProduceBatch, recordBytesMax } from './produce-batch.ts';

export type { Delivery, OnDelivery } from './produce-batch.ts';

export interface ProducerRecord {
  readonly topic: string;
  /** Absent: by the key's murmur2 hash; without a key batch by batch over all partitions. */
  readonly partition?: number | undefined;
  /** Strings are sent as UTF-8. Buffers must not change until the record is delivered. */
  readonly key?: Uint8Array | string | null | undefined;
  readonly value: Uint8Array | string | null;
  readonly headers?: readonly RecordHeader[] | undefined;
  /** Now when absent. */
  readonly timestampMs?: number | undefined;
}

export interface ProducerOptions {
  /** −1 waits until the write is durable, 1 until it is written, 0 does not wait at all. */
  readonly acks?: -1 | 0 | 1;
  readonly compression?: CompressionName;
  /** How long a batch that is not full waits for more records. */
  readonly lingerMs?: number;
  /** A batch is closed at this many bytes; a record may be larger and then travels alone. */
  readonly batchBytesMax?: number;
  /** A single record may not be larger (Kafka's `max.request.size`). */
  readonly requestBytesMax?: number;
  /** Records held here at most; then `add` returns false. */
  readonly bufferBytesMax?: number;
  /** Default: true with acks −1. */
  readonly idempotent?: boolean;
  /** From `add` until a record is given up; covers all retries. */
  readonly deliveryTimeoutMs?: number;
  readonly requestsInFlightMax?: number;
  readonly allowAutoTopicCreation?: boolean;
}

const DEFAULTS = {
  acks: -1 as const,
  compression: 'none' as const,
  lingerMs: 0,
  batchBytesMax: 512 * 1024,
  requestBytesMax: 1024 * 1024,
  bufferBytesMax: 32 * 1024 * 1024,
  deliveryTimeoutMs: 120_000,
  requestsInFlightMax: 5,
  allowAutoTopicCreation: true,
};

/** What a transactional producer decides; its owner is `transactional-producer.ts`. */
export interface OpenTransaction {
  readonly transactionalId: string;
  /** Produce requests go out at most at this version: newer ones mean another kind of transaction. */
  readonly produceVersionMax: number;
  /** False: not yet; `wake` is called when it may be. */
  admits(topic: string, partition: number): boolean;
  /** Records were given up; returns what they are told. */
  failed(error: ClientError): ClientError;
}

interface Partition {
  readonly topic: Topic;
  readonly index: number;
  /** In order; the last one may still be filled. */
  readonly batches: ProduceBatch[];
  inFlight: boolean;
  /** Not sent before this monotonic time, after a retriable error. */
  notBeforeMs: number;
  backoffMs: number;
  nextSequence: number;
}

interface Topic {
  readonly name: string;
  metadata: TopicMetadata | undefined;
  asking: boolean;
  readonly partitions: Map<number, Partition>;
  /** Records added before the number of partitions was known. */
  unassigned: {
    record: RecordToBuild;
    partition: number | undefined;
    bytes: number;
    onDelivery: OnDelivery | undefined;
    atMs: number;
  }[];
  /** Where records without a key go until that batch is sent. */
  stickyPartition: number;
}

const PRODUCE_VERSION_BEFORE_IDS = 12;

interface BrokerInFlight {
  requests: number;
}

export class Producer {
  readonly #client: Client;
  readonly #options: Required<ProducerOptions>;
  readonly #compression: ReturnType<typeof compressionByName> & number;
  readonly #topics = new Map<string, Topic>();
  readonly #brokers = new Map<number, BrokerInFlight>();
  #bufferedBytes = 0;
  #records = 0;
  #waitingForRoom: (() => void)[] = [];
  #waitingForFlush: (() => void)[] = [];
  #flushing = false;
  #closed = false;
  #runScheduled = false;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #producerId = -1;
  #producerEpoch = -1;
  #askingProducerId = false;
  readonly #transaction: OpenTransaction | undefined;
  /** What waits and what comes back is given up instead of sent again. */
  #discarding: ClientError | undefined;

  constructor(client: Client, options: ProducerOptions = {}, transaction?: OpenTransaction) {
    this.#client = client;
    this.#transaction = transaction;
    const acks = options.acks ?? DEFAULTS.acks;
    this.#options = { ...DEFAULTS, idempotent: acks === -1, ...options };
    if (this.#options.idempotent && acks !== -1) {
      throw new ClientError('INVALID_ARGUMENT', 'an idempotent producer needs acks=-1 (all)');
    }
    const compression = compressionByName(this.#options.compression);
    if (compression === undefined) {
      throw new ClientError('INVALID_ARGUMENT', `unknown compression ${this.#options.compression}`);
    }
    this.#compression = compression;
  }

  /** Bytes of records that were added and not yet delivered. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /**
   * Takes a record. `onDelivery` is called once, with an error or where the record is. Returns false when the buffer is full now:
   * the record is taken all the same, but wait for `writable()` before adding more.
   */
  add(record: ProducerRecord, onDelivery?: OnDelivery): boolean {
    if (this.#closed) {
      throw new ClientError('CLOSED', 'the producer was closed');
    }
    const built = toBuild(record, this.#client.runtime.clock.nowMs());
    const bytes = recordBytesMax(built);
    if (bytes > this.#options.requestBytesMax) {
      throw new ClientError(
        ErrorCode.MESSAGE_TOO_LARGE,
        `a record of ${bytes} bytes is larger than the ${this.#options.requestBytesMax} bytes allowed`,
      );
    }
    this.#bufferedBytes += bytes;
    this.#records += 1;
    const topic = this.#topic(record.topic);
    const atMs = this.#nowMs();
    if (topic.metadata === undefined) {
      topic.unassigned.push({ record: built, partition: record.partition, bytes, onDelivery, atMs });
    } else {
      this.#assign(topic, topic.metadata, built, record.partition, bytes, onDelivery, atMs);
    }
    this.#schedule();
    return this.#bufferedBytes < this.#options.bufferBytesMax;
  }

  /** Resolves when `add` would return true. */
  async writable(): Promise<void> {
    while (this.#bufferedBytes >= this.#options.bufferBytesMax) {
      await new Promise<void>((resolve) => this.#waitingForRoom.push(resolve));
    }
  }

  /** `add` as a promise: for single records, not for many. */
  send(record: ProducerRecord): Promise<Delivery> {
    return new Promise((resolve, reject) => {
      this.add(record, (error, delivery) => (error ? reject(error) : resolve(delivery!)));
    });
  }

  /** Sends what waits without lingering, and resolves when every record added so far was delivered or given up. */
  async flush(): Promise<void> {
    while (this.#records > 0) {
      this.#flushing = true;
      this.#schedule();
      await new Promise<void>((resolve) => this.#waitingForFlush.push(resolve));
    }
  }

  /** Flushes; the client stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
    this.#timer?.cancel();
  }

  // --- for a transactional producer ---

  /** Who writes from now on; nothing may be under way. Sequences begin again with a new epoch. */
  identify(producerId: number, producerEpoch: number): void {
    if (producerId === this.#producerId && producerEpoch === this.#producerEpoch) {
      return;
    }
    this.#producerId = producerId;
    this.#producerEpoch = producerEpoch;
    for (const partition of this.#partitions()) {
      partition.nextSequence = 0;
    }
  }

  /** Looks again at what waits. */
  wake(): void {
    this.#schedule();
  }

  /** Gives up every record that is not on its way, waits for those that are, and resolves when none is left. */
  async discard(error: ClientError): Promise<void> {
    this.#discarding = error;
    for (const topic of this.#topics.values()) {
      for (const { bytes, onDelivery } of topic.unassigned.splice(0)) {
        this.#settle(bytes, 1);
        onDelivery?.(error, undefined);
      }
    }
    this.#failEverything(error);
    await this.flush();
    this.#discarding = undefined;
  }

  // --- taking records ---

  #topic(name: string): Topic {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = { name, metadata: undefined, asking: false, partitions: new Map(), unassigned: [], stickyPartition: -1 };
      this.#topics.set(name, topic);
      this.#askMetadata(topic);
    }
    return topic;
  }

  #askMetadata(topic: Topic): void {
    if (topic.asking) {
      return;
    }
    topic.asking = true;
    this.#client
      .topic(topic.name, {
        refresh: topic.metadata !== undefined,
        allowAutoTopicCreation: this.#options.allowAutoTopicCreation,
        waitMs:
          topic.metadata === undefined
            ? Math.min(this.#options.deliveryTimeoutMs, this.#client.options.operationTimeoutMs)
            : 0,
      })
      .then(
        (metadata) => {
          topic.metadata = metadata;
          topic.asking = false;
          this.#assignWaiting(topic, metadata);
          this.#schedule();
        },
        (error: ClientError) => {
          topic.asking = false;
          if (topic.metadata === undefined) {
            this.#topics.delete(topic.name);
            const told = this.#told(error);
            for (const { bytes, onDelivery } of topic.unassigned.splice(0)) {
              this.#settle(bytes, 1);
              onDelivery?.(told, undefined);
            }
          }
          this.#schedule();
        },
      );
  }

  #assignWaiting(topic: Topic, metadata: TopicMetadata): void {
    const waiting = topic.unassigned;
    topic.unassigned = [];
    for (const { record, partition, bytes, onDelivery, atMs } of waiting) {
      this.#assign(topic, metadata, record, partition, bytes, onDelivery, atMs);
    }
  }

  #assign(
    topic: Topic,
    metadata: TopicMetadata,
    record: RecordToBuild,
    chosen: number | undefined,
    bytes: number,
    onDelivery: OnDelivery | undefined,
    atMs: number,
  ): void {
    const count = metadata.partitions.length;
    const index = chosen ?? (record.key ? partitionOfKey(record.key, count) : this.#stickyPartition(topic, count));
    if (index < 0 || index >= count) {
      this.#settle(bytes, 1);
      const message = `topic ${topic.name} has no partition ${index}`;
      const error = new ClientError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message);
      onDelivery?.(this.#told(error), undefined);
      return;
    }
    let partition = topic.partitions.get(index);
    if (partition === undefined) {
      partition = { topic, index, batches: [], inFlight: false, notBeforeMs: 0, backoffMs: 0, nextSequence: 0 };
      topic.partitions.set(index, partition);
    }
    let batch = partition.batches.at(-1);
    if (
      batch === undefined ||
      batch.wasSent ||
      batch.baseSequence >= 0 ||
      batch.sizeBytes + bytes > this.#options.batchBytesMax
    ) {
      if (batch !== undefined && chosen === undefined && !record.key) {
        topic.stickyPartition = -1;
      }
      batch = new ProduceBatch(atMs);
      partition.batches.push(batch);
    }
    batch.add(record, bytes, onDelivery);
  }

  #stickyPartition(topic: Topic, count: number): number {
    if (topic.stickyPartition < 0 || topic.stickyPartition >= count) {
      topic.stickyPartition = this.#client.runtime.random.below(count);
    }
    return topic.stickyPartition;
  }

  // --- sending ---

  /** Records added in one turn of the event loop travel together. */
  #schedule(): void {
    if (!this.#runScheduled) {
      this.#runScheduled = true;
      this.#client.runtime.timers.defer(() => {
        this.#runScheduled = false;
        this.#run();
      });
    }
  }

  #run(): void {
    const nowMs = this.#nowMs();
    let wakeAtMs = Number.POSITIVE_INFINITY;
    const byLeader = new Map<number, Partition[]>();
    for (const topic of this.#topics.values()) {
      for (const partition of topic.partitions.values()) {
        this.#expire(partition, nowMs);
        const batch = partition.batches[0];
        if (batch === undefined || partition.inFlight) {
          continue;
        }
        const dueMs = Math.max(
          partition.notBeforeMs,
          this.#isComplete(partition, batch) ? 0 : batch.createdAtMs + this.#options.lingerMs,
        );
        if (dueMs > nowMs) {
          wakeAtMs = Math.min(wakeAtMs, dueMs);
          continue;
        }
        const leader = topic.metadata?.partitions[partition.index]?.leader ?? -1;
        if (leader < 0) {
          this.#backOff(partition, nowMs);
          wakeAtMs = Math.min(wakeAtMs, partition.notBeforeMs);
          continue;
        }
        if (this.#transaction?.admits(topic.name, partition.index) === false) {
          continue;
        }
        const ready = byLeader.get(leader);
        if (ready) {
          ready.push(partition);
        } else {
          byLeader.set(leader, [partition]);
        }
      }
    }
    if (byLeader.size > 0 && (!this.#options.idempotent || this.#hasProducerId())) {
      for (const [leader, partitions] of byLeader) {
        this.#sendTo(leader, partitions);
      }
    }
    this.#wakeAt(wakeAtMs, nowMs);
  }

  #isComplete(partition: Partition, batch: ProduceBatch): boolean {
    return (
      this.#flushing || batch.wasSent || partition.batches.length > 1 || batch.sizeBytes >= this.#options.batchBytesMax
    );
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (atMs < this.#timerAtMs) {
      this.#timer?.cancel();
      this.#timerAtMs = atMs;
      this.#timer = this.#client.runtime.timers.set(Math.max(1, atMs - nowMs), () => {
        this.#timerAtMs = Number.POSITIVE_INFINITY;
        this.#run();
      });
    }
  }

  /** Gives up batches that are older than the delivery timeout; the one on its way is judged when it comes back. */
  #expire(partition: Partition, nowMs: number): void {
    const first = partition.inFlight ? 1 : 0;
    while (
      partition.batches.length > first &&
      partition.batches[first]!.createdAtMs + this.#options.deliveryTimeoutMs <= nowMs
    ) {
      const [batch] = partition.batches.splice(first, 1);
      const message = `not delivered to ${partition.topic.name}-${partition.index} within ${this.#options.deliveryTimeoutMs} ms`;
      this.#failBatch(batch!, new ClientError('TIMED_OUT', message));
    }
  }

  #hasProducerId(): boolean {
    if (this.#producerId >= 0 || this.#transaction !== undefined) {
      return this.#producerId >= 0;
    }
    if (!this.#askingProducerId && !this.#anyInFlight()) {
      this.#askingProducerId = true;
      this.#askProducerId().then(
        () => {
          this.#askingProducerId = false;
          this.#schedule();
        },
        (error: ClientError) => {
          this.#askingProducerId = false;
          this.#failEverything(error);
        },
      );
    }
    return false;
  }

  async #askProducerId(): Promise<void> {
    const answer = await this.#client.retrying(async () => {
      const response = await this.#client.request(initProducerId, {
        transactionalId: null,
        transactionTimeoutMs: 60_000,
      });
      if (response.errorCode !== ErrorCode.NONE) {
        throw new ClientError(response.errorCode, 'the broker gave no producer id');
      }
      return response;
    }, this.#options.deliveryTimeoutMs);
    this.#producerId = answer.producerId;
    this.#producerEpoch = answer.producerEpoch;
    // Sequences begin again with a new id; what was sent under the old one and not answered gets new numbers too.
    for (const partition of this.#partitions()) {
      partition.nextSequence = 0;
      for (const batch of partition.batches) {
        batch.assignSequence(-1, -1, -1);
      }
    }
  }

  #sendTo(leader: number, partitions: Partition[]): void {
    let broker = this.#brokers.get(leader);
    if (broker === undefined) {
      broker = { requests: 0 };
      this.#brokers.set(leader, broker);
    }
    for (let next = 0; next < partitions.length && broker.requests < this.#options.requestsInFlightMax; ) {
      const group: Partition[] = [];
      let bytes = 0;
      for (; next < partitions.length; next++) {
        const batch = partitions[next]!.batches[0]!;
        if (group.length > 0 && bytes + batch.sizeBytes > this.#options.requestBytesMax) {
          break;
        }
        bytes += batch.sizeBytes;
        group.push(partitions[next]!);
      }
      broker.requests += 1;
      this.#sendGroup(leader, group).finally(() => {
        broker.requests -= 1;
        this.#schedule();
      });
    }
  }

  async #sendGroup(leader: number, group: readonly Partition[]): Promise<void> {
    const batches = group.map((partition) => this.#start(partition));
    const byTopic = new Map<Topic, { index: number; records: Buffer }[]>();
    group.forEach((partition, at) => {
      const data = {
        index: partition.index,
        records: batches[at]!.encode(this.#compression, this.#transaction !== undefined),
      };
      const list = byTopic.get(partition.topic);
      if (list) {
        list.push(data);
      } else {
        byTopic.set(partition.topic, [data]);
      }
    });
    const topics = [...byTopic.keys()];
    const allHaveIds = topics.every((topic) => topic.metadata!.topicId !== ZERO_UUID);
    const maxVersion = Math.min(
      allHaveIds ? produce.maxVersion : PRODUCE_VERSION_BEFORE_IDS,
      this.#transaction?.produceVersionMax ?? produce.maxVersion,
    );
    try {
      const response = await this.#client.request(
        produce,
        {
          transactionalId: this.#transaction?.transactionalId ?? null,
          acks: this.#options.acks,
          timeoutMs: this.#client.options.requestTimeoutMs,
          topicData: topics.map((topic) => ({
            name: topic.name,
            topicId: topic.metadata!.topicId,
            partitionData: byTopic.get(topic)!,
          })),
        },
        {
          nodeId: leader,
          noResponse: this.#options.acks === 0,
          maxVersion,
        },
      );
      this.#answered(group, batches, response as ProduceResponse | undefined);
    } catch (error) {
      const failure = error instanceof ClientError ? error : new ClientError('BAD_RESPONSE', String(error), error);
      group.forEach((partition, at) => {
        this.#refused(partition, batches[at]!, failure);
      });
    }
  }

  #start(partition: Partition): ProduceBatch {
    const batch = partition.batches[0]!;
    partition.inFlight = true;
    batch.wasSent = true;
    partition.topic.stickyPartition = -1;
    if (this.#options.idempotent && batch.baseSequence < 0) {
      batch.assignSequence(this.#producerId, this.#producerEpoch, partition.nextSequence);
      partition.nextSequence = incrementSequence(partition.nextSequence, batch.records.length);
    }
    return batch;
  }

  // --- answers ---

  #answered(
    group: readonly Partition[],
    batches: readonly ProduceBatch[],
    response: ProduceResponse | undefined,
  ): void {
    group.forEach((partition, at) => {
      const batch = batches[at]!;
      if (response === undefined) {
        this.#delivered(partition, batch, -1, -1);
        return;
      }
      const topic = response.responses.find(
        (entry) =>
          entry.name === partition.topic.name ||
          (entry.name === '' && entry.topicId === partition.topic.metadata?.topicId),
      );
      const answer = topic?.partitionResponses.find((entry) => entry.index === partition.index);
      if (answer === undefined) {
        this.#refused(partition, batch, new ClientError('BAD_RESPONSE', 'the broker did not answer for a partition'));
      } else if (answer.errorCode === ErrorCode.NONE || answer.errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
        this.#delivered(partition, batch, answer.baseOffset, answer.logAppendTimeMs);
      } else {
        const where = `${partition.topic.name}-${partition.index}`;
        const detail = answer.errorMessage ?? answer.recordErrors[0]?.batchIndexErrorMessage;
        const failure = new ClientError(answer.errorCode, `cannot produce to ${where}${detail ? `: ${detail}` : ''}`);
        this.#refused(partition, batch, failure);
      }
    });
  }

  #delivered(partition: Partition, batch: ProduceBatch, baseOffset: number, logAppendTimeMs: number): void {
    partition.inFlight = false;
    partition.backoffMs = 0;
    partition.batches.shift();
    this.#settleBatch(batch);
    batch.delivered(partition.topic.name, partition.index, baseOffset, logAppendTimeMs);
  }

  #refused(partition: Partition, batch: ProduceBatch, failure: ClientError): void {
    partition.inFlight = false;
    const nowMs = this.#nowMs();
    const inTime = batch.createdAtMs + this.#options.deliveryTimeoutMs > nowMs;
    if (this.#discarding !== undefined) {
      partition.batches.shift();
      this.#failBatch(batch, this.#discarding);
    } else if (failure.errorCode === ErrorCode.MESSAGE_TOO_LARGE && batch.records.length > 1) {
      this.#split(partition, batch);
    } else if (failure.retriable && inTime && (this.#options.acks !== 0 || failure.code !== 'TIMED_OUT')) {
      partition.topic.asking || this.#client.forgetTopic(partition.topic.name);
      this.#askMetadata(partition.topic);
      this.#backOff(partition, nowMs);
    } else {
      partition.batches.shift();
      this.#failBatch(batch, failure);
    }
  }

  #split(partition: Partition, batch: ProduceBatch): void {
    const [first, second] = batch.split();
    if (batch.baseSequence >= 0) {
      const middle = incrementSequence(batch.baseSequence, first.records.length);
      first.assignSequence(batch.producerId, batch.producerEpoch, batch.baseSequence);
      second.assignSequence(batch.producerId, batch.producerEpoch, middle);
    }
    partition.batches.splice(0, 1, first, second);
  }

  #backOff(partition: Partition, nowMs: number): void {
    const { retryBackoffMs, retryBackoffMaxMs } = this.#client.options;
    partition.backoffMs = Math.min(
      partition.backoffMs === 0 ? retryBackoffMs : partition.backoffMs * 2,
      retryBackoffMaxMs,
    );
    partition.notBeforeMs = nowMs + partition.backoffMs;
    if (partition.topic.metadata?.partitions[partition.index]?.leader === -1) {
      this.#askMetadata(partition.topic);
    }
  }

  /** A sequence number that was used and not delivered leaves a gap, so the next batches need a new producer id. */
  #failBatch(batch: ProduceBatch, error: ClientError): void {
    if (this.#transaction === undefined && batch.baseSequence >= 0 && batch.producerId === this.#producerId) {
      this.#producerId = -1;
    }
    this.#settleBatch(batch);
    batch.failed(this.#told(error));
  }

  #told(error: ClientError): ClientError {
    return this.#transaction?.failed(error) ?? error;
  }

  #failEverything(error: ClientError): void {
    for (const partition of this.#partitions()) {
      for (const batch of partition.batches.splice(partition.inFlight ? 1 : 0)) {
        this.#failBatch(batch, error);
      }
    }
  }

  #settleBatch(batch: ProduceBatch): void {
    let bytes = 0;
    for (const record of batch.records) {
      bytes += recordBytesMax(record);
    }
    this.#settle(bytes, batch.records.length);
  }

  #settle(bytes: number, records: number): void {
    this.#bufferedBytes -= bytes;
    this.#records -= records;
    if (this.#bufferedBytes < this.#options.bufferBytesMax) {
      for (const resolve of this.#waitingForRoom.splice(0)) {
        resolve();
      }
    }
    if (this.#records === 0) {
      this.#flushing = false;
      for (const resolve of this.#waitingForFlush.splice(0)) {
        resolve();
      }
    }
  }

  *#partitions(): Iterable<Partition> {
    for (const topic of this.#topics.values()) {
      yield* topic.partitions.values();
    }
  }

  #anyInFlight(): boolean {
    for (const partition of this.#partitions()) {
      if (partition.inFlight) {
        return true;
      }
    }
    return false;
  }

  #nowMs(): number {
    return this.#client.runtime.clock.monotonicMs();
  }
}

function toBuild(record: ProducerRecord, nowMs: number): RecordToBuild {
  return {
    key: toBytes(record.key ?? null),
    value: toBytes(record.value),
    timestampMs: record.timestampMs ?? nowMs,
    ...(record.headers && { headers: record.headers }),
  };
}

function toBytes(value: Uint8Array | string | null): Uint8Array | null {
  return typeof value === 'string' ? Buffer.from(value) : value;
}
