// One partition that this broker leads: a log that speaks Kafka. Owned by Partitions.
// Invariants: everything set at append (offsets, sequences, epochs) is provisional until the commit; readers see
// nothing at or above the high watermark, which is the log's committed offset; appends keep the order of their calls.
import type { TopicConfig } from '../metadata/configs/topic-definitions.ts';
import type { PartitionImage } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { buildEndTransactionMarker, ControlType } from '../records/control-batch.ts';
import * as batches from '../records/record-batch.ts';
import type { Clock } from '../runtime/runtime.ts';
import { AbortedEntries, type AbortedTransaction, collectAborted } from '../storage/aborted-index.ts';
import type {
  CommitTicket,
  LogRead,
  PartitionId,
  PartitionLog,
  Storage,
  TimestampAndOffset,
} from '../storage/storage.ts';
import { type AppendRules, appendRules } from './append-rules.ts';
import { isOneBatch, type RecordRefusal, type Validated, validateAppend } from './append-validation.ts';
import { CommittedBytes } from './committed-bytes.ts';
import { type EndMarker, markerIn } from './end-marker.ts';
import { type FetchWaiter, FetchWaiters } from './fetch-waiters.ts';
import { type EpochEnd, LeaderEpochs, UNDEFINED_END, UNDEFINED_EPOCH, UNDEFINED_OFFSET } from './leader-epochs.ts';
import { logConfig } from './log-config.ts';
import { decodeSnapshot, encodeSnapshot } from './partition-snapshot.ts';
import {
  type AppendedBatch,
  type AppendedMarker,
  type ProducerBatch,
  type ProducerDescription,
  ProducerState,
} from './producer-state.ts';
import { RefusedAdmissions } from './refused-admissions.ts';

export const IsolationLevel = { READ_UNCOMMITTED: 0, READ_COMMITTED: 1 } as const;
export type IsolationLevel = (typeof IsolationLevel)[keyof typeof IsolationLevel];

const FIRST_PRODUCE_VERSION_WITH_ZSTD = 7;
/** From here on clients leave it to the broker to add partitions, and every transaction has an epoch of its own (KIP-890). */
export const FIRST_PRODUCE_VERSION_OF_TRANSACTIONS_V2 = 12;

/** Refusals of a batch by the log with which Kafka does not say where the log starts (ReplicaManager.appendToLocalLog). */
const HIDES_START: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.RECORD_LIST_TOO_LARGE,
  ErrorCode.CORRUPT_MESSAGE,
]);

/** Who appends: clients are checked in full, coordinators on this broker are trusted with sequences and control records. */
export type AppendOrigin = 'client' | 'coordinator';

export interface AppendOptions {
  readonly acks: number;
  readonly origin: AppendOrigin;
  /** Of the Produce request: before 7, zstd is refused; from 12 on, transactions are of version 2. Absent: no such rules. */
  readonly produceVersion?: number;
  /**
   * Asked, before the batch is looked at any closer, for a client's transactional batch whose producer has no transaction
   * open here. NONE: the transaction coordinator knows the partition as part of the producer's transaction. Without it
   * such a batch is refused.
   */
  readonly admit?: (producerId: number, producerEpoch: number) => ErrorCode;
}

export interface AppendResult {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
  readonly recordErrors: readonly RecordRefusal[];
  /** −1 when refused. */
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** −1 unless the topic stamps records with log append time. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** When it is committed, so is the batch (or, for a duplicate, its original); undefined when refused or already so. */
  readonly ticket: CommitTicket | undefined;
}

export interface ReadResult {
  readonly errorCode: ErrorCode;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Set when the reader's last epoch ended earlier than it believes: nothing is read, it must truncate (KIP-595). */
  readonly divergingEpoch: EpochEnd | undefined;
  /** Undefined: nothing to read there yet. Otherwise as PartitionLog.read; the promise may reject with a FileError. */
  readonly read: LogRead | Promise<LogRead> | undefined;
}

export interface ReadRequest {
  readonly offset: number;
  readonly maxBytes: number;
  /** The first batch is returned even when it is larger than `maxBytes`. */
  readonly atLeastOne: boolean;
  readonly isolationLevel: number;
  /** −1: not given. */
  readonly currentLeaderEpoch: number;
  /** −1: not given. */
  readonly lastFetchedEpoch: number;
}

/** Offset of ListOffsets; `leaderEpoch` −1 when unknown. */
export type FoundOffset = TimestampAndOffset;

type Dependencies = {
  readonly storage: Storage;
  readonly clock: Clock;
};

export class Partition {
  readonly id: PartitionId;
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #log: PartitionLog;
  readonly #epochs = new LeaderEpochs();
  readonly #producers = new ProducerState();
  readonly #waiters = new FetchWaiters<Partition>();
  readonly #committedBytes = new CommittedBytes();
  readonly #aborted = new AbortedEntries();
  readonly #refusedAdmissions = new RefusedAdmissions();
  #config: TopicConfig;
  #rules: AppendRules;
  #image: PartitionImage;
  #lastTicket: CommitTicket = -1;
  #deleted = false;

  /** Opens the log: recovered state is complete when this returns. */
  constructor(dependencies: Dependencies, id: PartitionId, config: TopicConfig, image: PartitionImage) {
    this.id = id;
    this.#storage = dependencies.storage;
    this.#clock = dependencies.clock;
    this.#config = config;
    this.#rules = appendRules(id.topic, id.partition, config);
    this.#image = image;
    const parts = { epochs: this.#epochs, producers: this.#producers, aborted: this.#aborted };
    this.#log = dependencies.storage.openLog(id, logConfig(config), {
      aborted: this.#aborted,
      epochOf: (offset) => this.#epochs.epochOf(offset),
      kept: { lastStableOffset: () => this.lastStableOffset, lastRecords: () => this.#producers.lastRecords() },
      snapshot: () => encodeSnapshot(parts),
      restore: (snapshot) => decodeSnapshot(snapshot, parts),
      replayBatch: (batch) => this.#replay(batch),
      committed: (committedOffset) => this.#committed(committedOffset),
      startMoved: (startOffset) => this.#startMoved(startOffset),
    });
    this.#startMoved(this.#log.startOffset);
    const { startOffset, endOffset, sizeBytes, committedOffset } = this.#log;
    const bytesPerOffset = Math.max(1, sizeBytes / Math.max(1, endOffset - startOffset));
    this.#producers.transactions.committed(committedOffset);
    this.#producers.transactions.estimateBytes((firstOffset) => (firstOffset - endOffset) * bytesPerOffset);
    this.#epochs.assign(image.leaderEpoch, this.#log.endOffset);
  }

  get leaderEpoch(): number {
    return this.#image.leaderEpoch;
  }

  get config(): TopicConfig {
    return this.#config;
  }

  get logStartOffset(): number {
    return this.#log.startOffset;
  }

  /** The next offset to be assigned; includes what is not committed. */
  get logEndOffset(): number {
    return this.#log.endOffset;
  }

  get highWatermark(): number {
    return this.#log.committedOffset;
  }

  /** Below, every transaction is decided, and so durably; at most the high watermark. Never goes back. */
  get lastStableOffset(): number {
    const first = this.#producers.transactions.first;
    if (first === undefined) return this.highWatermark;
    // The log's start may have moved past the beginning of an open transaction.
    return Math.min(this.highWatermark, Math.max(this.logStartOffset, first.firstOffset));
  }

  /** When it rises between them, records read and aborted transactions told may not belong together. */
  get compactions(): number {
    return this.#log.compactions;
  }

  get sizeBytes(): number {
    return this.#log.sizeBytes;
  }

  /** Bytes that readers of this isolation level got to see since the log was opened; grows with `readableEnd`. */
  readableBytes(isolationLevel: number): number {
    const { total } = this.#committedBytes;
    if (isolationLevel !== IsolationLevel.READ_COMMITTED) return total;
    return Math.min(total, this.#producers.transactions.first?.bytesBefore ?? total);
  }

  get producerCount(): number {
    return this.#producers.size;
  }

  get deleted(): boolean {
    return this.#deleted;
  }

  /**
   * Appends one record batch. Synchronous: when it returns, the order is fixed. The buffer belongs to the log from now
   * on, also when the batch is refused.
   */
  append(records: Buffer | null, options: AppendOptions): AppendResult {
    if (this.#deleted) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    if (!this.#storage.writable) return refused(ErrorCode.KAFKA_STORAGE_ERROR);
    if (options.origin === 'client' && isMarkedTransactional(records)) {
      const error = this.#admit(records, options);
      if (error !== ErrorCode.NONE) return refused(error);
    }
    if (options.acks === -1 && this.#isUnderMinIsr())
      return refused(ErrorCode.NOT_ENOUGH_REPLICAS, this.logStartOffset);
    if (records === null) return refused(ErrorCode.INVALID_RECORD);
    return this.#append(records, options);
  }

  /** Ends the producer's transaction here, if one is open. Synchronous, as `append`. */
  appendMarker(marker: EndMarker): AppendResult {
    if (this.#deleted) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    if (!this.#storage.writable) return refused(ErrorCode.KAFKA_STORAGE_ERROR);
    if (this.#isUnderMinIsr()) return refused(ErrorCode.NOT_ENOUGH_REPLICAS, this.logStartOffset);
    // Kafka fails to build such a marker, and answers with what it has for exceptions.
    if (marker.producerId < 0 || marker.producerEpoch < 0) return refused(ErrorCode.UNKNOWN_SERVER_ERROR);
    const error = this.#producers.checkMarker(marker);
    if (error !== ErrorCode.NONE) return refused(error, this.logStartOffset);
    const offset = this.#log.endOffset;
    const timestampMs = this.#clock.nowMs();
    const partitionLeaderEpoch = this.leaderEpoch;
    const batch = buildEndTransactionMarker({ ...marker, timestampMs, baseOffset: offset, partitionLeaderEpoch });
    batches.setMaxTimestampAndType(batch, 0, this.#rules.timestampType, timestampMs);
    this.#lastTicket = this.#log.append([batch]);
    const isStamped = this.#rules.timestampType === batches.TimestampType.LOG_APPEND_TIME;
    const { producerId, producerEpoch, coordinatorEpoch } = marker;
    const isAbort = marker.type === ControlType.ABORT;
    this.#recordMarker({ producerId, producerEpoch, coordinatorEpoch, offset, timestampMs }, isAbort, timestampMs);
    this.#committedBytes.appended(offset + 1, batch.length);
    return this.#appended(offset, offset, isStamped ? timestampMs : -1);
  }

  hasOngoingTransaction(producerId: number, producerEpoch: number): boolean {
    return this.#producers.hasOngoingTransaction(producerId, producerEpoch);
  }

  /** In no particular order. */
  describeProducers(): Iterable<ProducerDescription> {
    return this.#producers.describe();
  }

  /** False: no reader from here on has to know of an aborted transaction. */
  mayHaveAborted(fromOffset: number): boolean {
    return this.#aborted.count > 0 || fromOffset < this.#aborted.indexedOffset;
  }

  /**
   * The aborted transactions that a reader of the offsets [fromOffset, limitOffset), all of them stable, must leave out.
   * At once unless files have to be asked; the promise may reject with a FileError.
   */
  abortedTransactions(
    fromOffset: number,
    limitOffset: number,
  ): readonly AbortedTransaction[] | Promise<readonly AbortedTransaction[]> {
    const { indexedOffset } = this.#aborted;
    const inMemory: AbortedTransaction[] = [];
    collectAborted(this.#aborted.bytes(), fromOffset, limitOffset, inMemory);
    if (fromOffset >= indexedOffset) return inMemory;
    // What moves into files meanwhile has been seen here.
    return this.#log.readAborted(fromOffset, limitOffset, indexedOffset).then((inFiles) => inFiles.concat(inMemory));
  }

  read(request: ReadRequest): ReadResult {
    const error = this.checkLeaderEpoch(request.currentLeaderEpoch);
    if (error !== ErrorCode.NONE) return unreadable(error);
    const diverging = this.#divergence(request);
    if (diverging === UNDEFINED_END) return unreadable(ErrorCode.OFFSET_OUT_OF_RANGE);
    const { offset } = request;
    const log = this.#log;
    // A diverging reader may well be beyond the end: it is told where to truncate.
    const isBeyond = offset > log.endOffset && diverging === undefined;
    if (offset < log.startOffset || isBeyond) return unreadable(ErrorCode.OFFSET_OUT_OF_RANGE);

    const limit = this.readableEnd(request.isolationLevel);
    const nothing = diverging !== undefined || offset >= limit || (request.maxBytes <= 0 && !request.atLeastOne);
    return {
      errorCode: ErrorCode.NONE,
      highWatermark: this.highWatermark,
      lastStableOffset: this.lastStableOffset,
      logStartOffset: log.startOffset,
      divergingEpoch: diverging,
      read: nothing ? undefined : log.read(offset, request.maxBytes, limit, request.atLeastOne),
    };
  }

  /** The offset below which this isolation level may read. */
  readableEnd(isolationLevel: number): number {
    return isolationLevel === IsolationLevel.READ_COMMITTED ? this.lastStableOffset : this.highWatermark;
  }

  /** A client that knows another leader epoch is behind (fenced) or ahead of this broker; −1 is no epoch given. */
  checkLeaderEpoch(currentLeaderEpoch: number): ErrorCode {
    if (this.#deleted) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (currentLeaderEpoch === UNDEFINED_EPOCH || currentLeaderEpoch === this.leaderEpoch) return ErrorCode.NONE;
    return currentLeaderEpoch < this.leaderEpoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH;
  }

  /** Of what is committed: the end of the largest epoch at or below `epoch`. */
  endOfEpoch(epoch: number): EpochEnd {
    return this.#epochs.endOf(epoch, this.highWatermark);
  }

  earliestOffset(): FoundOffset {
    const offset = this.logStartOffset;
    const first = this.#epochs.earliest;
    return {
      timestampMs: -1,
      offset,
      leaderEpoch: first !== undefined && first.startOffset <= offset ? first.epoch : UNDEFINED_EPOCH,
    };
  }

  latestOffset(isolationLevel: number): FoundOffset {
    return { timestampMs: -1, offset: this.readableEnd(isolationLevel), leaderEpoch: this.leaderEpoch };
  }

  findTimestamp(timestampMs: number, isolationLevel: number): Promise<FoundOffset | undefined> {
    return this.#log.findTimestamp(timestampMs, this.readableEnd(isolationLevel));
  }

  findMaxTimestamp(isolationLevel: number): Promise<FoundOffset | undefined> {
    return this.#log.findMaxTimestamp(this.readableEnd(isolationLevel));
  }

  /**
   * Makes everything below `offset` unreadable (−1: below the high watermark). An offset below the log's start changes
   * nothing. Undefined as ticket: already durable.
   */
  deleteRecords(offset: number): { readonly errorCode: ErrorCode; readonly ticket: CommitTicket | undefined } {
    if (this.#deleted) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ticket: undefined };
    const { cleanupPolicy } = this.#config;
    if (cleanupPolicy.includes('compact') && !cleanupPolicy.includes('delete')) {
      return { errorCode: ErrorCode.POLICY_VIOLATION, ticket: undefined };
    }
    const target = offset === -1 ? this.highWatermark : offset;
    if (target < 0 || target > this.highWatermark) {
      return { errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, ticket: undefined };
    }
    if (target <= this.logStartOffset) return { errorCode: ErrorCode.NONE, ticket: this.#pendingTicket() };
    this.#lastTicket = this.#log.moveStart(target);
    return { errorCode: ErrorCode.NONE, ticket: this.#lastTicket };
  }

  addWaiter(waiter: FetchWaiter<Partition>): void {
    this.#waiters.add(waiter);
  }

  removeWaiter(waiter: FetchWaiter<Partition>): void {
    this.#waiters.remove(waiter);
  }

  /** Whether the topic's configs or the partition's place in the cluster changed; cheap when they did not. */
  update(config: TopicConfig, image: PartitionImage): void {
    if (config !== this.#config) {
      this.#config = config;
      this.#rules = appendRules(this.id.topic, this.id.partition, config);
      this.#log.config = logConfig(config);
    }
    if (image.leaderEpoch > this.#image.leaderEpoch) this.#epochs.assign(image.leaderEpoch, this.#log.endOffset);
    this.#image = image;
  }

  removeExpiredProducers(expirationMs: number): void {
    this.#producers.removeExpired(this.#clock.nowMs(), expirationMs);
  }

  /** The topic is gone: nothing is appended or read any more, waiting fetches are told. */
  delete(): void {
    this.#deleted = true;
    this.#log.delete();
    this.#waiters.wake(this);
  }

  #append(records: Buffer, options: AppendOptions): AppendResult {
    const validated = validateAppend(records, this.#rules, {
      origin: options.origin,
      zstdAllowed: options.produceVersion === undefined || options.produceVersion >= FIRST_PRODUCE_VERSION_WITH_ZSTD,
      nextOffset: this.#log.endOffset,
      leaderEpoch: this.leaderEpoch,
      nowMs: this.#clock.nowMs(),
    });
    if (validated.errorCode !== ErrorCode.NONE) {
      const hidesStart = validated.isOfEnvelope || HIDES_START.has(validated.errorCode);
      const start = hidesStart ? -1 : this.logStartOffset;
      return refused(validated.errorCode, start, validated.errorMessage, validated.recordErrors);
    }
    const { batch } = validated;
    if (!batches.hasProducerId(batch, 0)) return this.#write(validated, undefined);
    return this.#appendOfProducer(validated, options);
  }

  /** Whether a transaction may go on, or begin, with this batch of a client. */
  #admit(records: Buffer, options: AppendOptions): ErrorCode {
    // What is no batch at all is refused as such, before anybody is asked about it.
    if (!isOneBatch(records)) return ErrorCode.NONE;
    const { producerId, producerEpoch, baseSequence } = producerBatch(records);
    const producers = this.#producers;
    if (producerEpoch < producers.epochOf(producerId)) return ErrorCode.INVALID_PRODUCER_EPOCH;
    if (producers.hasOngoingTransaction(producerId, producerEpoch)) return ErrorCode.NONE;
    if (!producers.hasRoomFor(producerId)) return ErrorCode.THROTTLING_QUOTA_EXCEEDED;
    if (options.admit === undefined) return ErrorCode.INVALID_TXN_STATE;
    const error = options.admit(producerId, producerEpoch);
    if (error !== ErrorCode.NONE) {
      this.#refusedAdmissions.refused(producerId, producerEpoch, baseSequence, isTransactionsV2(options));
    }
    return error;
  }

  #appendOfProducer(validated: Validated, options: AppendOptions): AppendResult {
    const { batch } = validated;
    const isClient = options.origin === 'client';
    const producer = producerBatch(batch);
    const original = isClient ? this.#producers.findDuplicate(producer) : undefined;
    if (original !== undefined) return this.#answerDuplicate(original);
    const error =
      isClient && this.#leavesGap(producer, options)
        ? ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
        : this.#producers.check(producer, isClient);
    if (error !== ErrorCode.NONE) return refused(error, this.logStartOffset);
    if (producer.isTransactional) this.#refusedAdmissions.appended(producer.producerId);
    return this.#write(validated, producer);
  }

  /** The first batch of a transaction must not stand in for one that is still to come. */
  #leavesGap(batch: ProducerBatch, options: AppendOptions): boolean {
    const { producerId, producerEpoch, baseSequence } = batch;
    if (!batch.isTransactional || this.#producers.hasOngoingTransaction(producerId, producerEpoch)) return false;
    if (producerEpoch < this.#producers.epochOf(producerId)) return false;
    // With version 2 every transaction begins with sequence 0, also where the producer was forgotten.
    if (isTransactionsV2(options) && baseSequence !== 0 && !this.#producers.hasBatches(producerId)) return true;
    return this.#refusedAdmissions.precede(producerId, producerEpoch, baseSequence);
  }

  #write(validated: Validated, producer: ProducerBatch | undefined): AppendResult {
    const { batch, baseOffset, lastOffset, maxTimestampMs, logAppendTimeMs } = validated;
    this.#lastTicket = this.#log.append([batch]);
    const bytesBefore = this.#committedBytes.appendedTotal;
    this.#committedBytes.appended(lastOffset + 1, batch.length);
    if (producer !== undefined) {
      this.#producers.record(producer, baseOffset, lastOffset, maxTimestampMs, this.#clock.nowMs(), bytesBefore);
    }
    return this.#appended(baseOffset, lastOffset, logAppendTimeMs);
  }

  #appended(baseOffset: number, lastOffset: number, logAppendTimeMs: number): AppendResult {
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      recordErrors: NO_REFUSALS,
      baseOffset,
      lastOffset,
      logAppendTimeMs,
      logStartOffset: this.logStartOffset,
      ticket: this.#lastTicket,
    };
  }

  #recordMarker(marker: AppendedMarker, isAbort: boolean, nowMs: number): void {
    this.#refusedAdmissions.markerAppended(marker.producerId, marker.producerEpoch);
    const ended = this.#producers.recordMarker(marker, nowMs);
    if (ended === undefined || !isAbort) return;
    const { offset } = marker;
    const lastStableOffset = this.#producers.transactions.firstOpen?.firstOffset ?? offset + 1;
    this.#aborted.add(marker.producerId, ended.firstOffset, offset, lastStableOffset);
  }

  /** With the original's offsets, and no earlier than the original is committed. Its timestamp stands for the append time, as in Kafka. */
  #answerDuplicate(original: AppendedBatch): AppendResult {
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      recordErrors: NO_REFUSALS,
      baseOffset: original.lastOffset - original.offsetDelta,
      lastOffset: original.lastOffset,
      logAppendTimeMs: original.timestampMs,
      logStartOffset: this.logStartOffset,
      ticket: original.lastOffset < this.highWatermark ? undefined : this.#pendingTicket(),
    };
  }

  /** Kafka's rule: a minimum above the number of replicas counts as that number. */
  #isUnderMinIsr(): boolean {
    const { isr, replicas } = this.#image;
    return isr.length < Math.min(this.#config.minInsyncReplicas, replicas.length);
  }

  /** undefined: no divergence (or not asked); UNDEFINED_END: the epoch is not known, the offset means nothing here. */
  #divergence(request: ReadRequest): EpochEnd | undefined {
    if (request.lastFetchedEpoch === UNDEFINED_EPOCH) return undefined;
    const end = this.endOfEpoch(request.lastFetchedEpoch);
    if (end.endOffset === UNDEFINED_OFFSET || request.offset < this.logStartOffset) return UNDEFINED_END;
    return end.epoch < request.lastFetchedEpoch || end.endOffset < request.offset ? end : undefined;
  }

  /** The ticket of this partition's newest change, unless all of it is committed. */
  #pendingTicket(): CommitTicket | undefined {
    return this.#lastTicket < 0 ? undefined : this.#lastTicket;
  }

  #committed(committedOffset: number): void {
    this.#committedBytes.committed(committedOffset);
    this.#producers.transactions.committed(committedOffset);
    this.#waiters.wake(this);
  }

  #startMoved(startOffset: number): void {
    this.#epochs.moveStart(startOffset);
    this.#aborted.dropBelow(startOffset);
  }

  #replay(batch: Buffer): void {
    const baseOffset = batches.baseOffset(batch, 0);
    const epoch = batches.partitionLeaderEpoch(batch, 0);
    if (epoch >= 0) this.#epochs.assign(epoch, baseOffset);
    if (!batches.hasProducerId(batch, 0)) return;
    if (batches.isControl(batch, 0)) {
      this.#replayMarker(batch, baseOffset);
      return;
    }
    // Kafka counts a producer's idle time from its last record; after a restart we count from the restart, because
    // records may carry any timestamp and forgetting a living producer too early would let its retries in twice.
    this.#producers.record(
      producerBatch(batch),
      baseOffset,
      batches.lastOffset(batch, 0),
      batches.maxTimestamp(batch, 0),
      this.#clock.nowMs(),
    );
  }

  #replayMarker(batch: Buffer, offset: number): void {
    const marker = markerIn(batch);
    if (marker === undefined) return;
    const { coordinatorEpoch, timestampMs, isAbort } = marker;
    const producerId = batches.producerId(batch, 0);
    const producerEpoch = batches.producerEpoch(batch, 0);
    const appended = { producerId, producerEpoch, coordinatorEpoch, offset, timestampMs };
    this.#recordMarker(appended, isAbort, this.#clock.nowMs());
  }
}

/** Of a buffer that may hold anything. */
function isMarkedTransactional(records: Buffer | null): records is Buffer {
  return (
    records !== null &&
    records.length >= batches.BATCH_HEADER_BYTES &&
    batches.isTransactional(records, 0) &&
    batches.hasProducerId(records, 0)
  );
}

function isTransactionsV2({ produceVersion }: AppendOptions): boolean {
  return produceVersion !== undefined && produceVersion >= FIRST_PRODUCE_VERSION_OF_TRANSACTIONS_V2;
}

function producerBatch(batch: Buffer): ProducerBatch {
  return {
    producerId: batches.producerId(batch, 0),
    producerEpoch: batches.producerEpoch(batch, 0),
    baseSequence: batches.baseSequence(batch, 0),
    lastSequence: batches.lastSequence(batch, 0),
    isTransactional: batches.isTransactional(batch, 0),
  };
}

const NO_REFUSALS: readonly RecordRefusal[] = [];

function refused(
  errorCode: ErrorCode,
  logStartOffset = -1,
  errorMessage: string | null = null,
  recordErrors = NO_REFUSALS,
): AppendResult {
  return {
    errorCode,
    errorMessage,
    recordErrors,
    baseOffset: -1,
    lastOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset,
    ticket: undefined,
  };
}

function unreadable(errorCode: ErrorCode): ReadResult {
  return {
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergingEpoch: undefined,
    read: undefined,
  };
}
