// One partition that this broker leads: a log that speaks Kafka. Owned by Partitions.
// Invariants: everything set at append (offsets, sequences, epochs) is provisional until the commit; readers see
// nothing at or above the high watermark, which is the log's committed offset; appends keep the order of their calls.
import type { TopicConfig } from '../metadata/configs/topic-definitions.ts';
import type { PartitionImage } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import * as batches from '../records/record-batch.ts';
import type { Clock } from '../runtime/runtime.ts';
import type {
  CommitTicket,
  LogRead,
  PartitionId,
  PartitionLog,
  Storage,
  TimestampAndOffset,
} from '../storage/storage.ts';
import { type AppendRules, appendRules } from './append-rules.ts';
import { type RecordRefusal, type Validated, validateAppend } from './append-validation.ts';
import { CommittedBytes } from './committed-bytes.ts';
import { type FetchWaiter, FetchWaiters } from './fetch-waiters.ts';
import { type EpochEnd, LeaderEpochs, UNDEFINED_END, UNDEFINED_EPOCH, UNDEFINED_OFFSET } from './leader-epochs.ts';
import { logConfig } from './log-config.ts';
import { decodeSnapshot, encodeSnapshot } from './partition-snapshot.ts';
import { type AppendedBatch, type ProducerBatch, ProducerState } from './producer-state.ts';

export const IsolationLevel = { READ_UNCOMMITTED: 0, READ_COMMITTED: 1 } as const;
export type IsolationLevel = (typeof IsolationLevel)[keyof typeof IsolationLevel];

const FIRST_PRODUCE_VERSION_WITH_ZSTD = 7;

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
  /** Of the Produce request: before 7, zstd is refused. Absent: no such rule. */
  readonly produceVersion?: number;
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
    this.#log = dependencies.storage.openLog(id, logConfig(config), {
      snapshot: () => encodeSnapshot(this.#epochs, this.#producers),
      restore: (snapshot) => decodeSnapshot(snapshot, this.#epochs, this.#producers),
      replayBatch: (batch) => this.#replay(batch),
      committed: (committedOffset) => this.#committed(committedOffset),
      startMoved: (startOffset) => this.#epochs.moveStart(startOffset),
    });
    this.#epochs.moveStart(this.#log.startOffset);
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

  /** Up to here every transaction is decided. Without transactions this is the high watermark. */
  get lastStableOffset(): number {
    return this.highWatermark;
  }

  get sizeBytes(): number {
    return this.#log.sizeBytes;
  }

  /** Bytes committed since the log was opened; grows with the high watermark. */
  get committedBytes(): number {
    return this.#committedBytes.total;
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
    if (options.acks === -1 && this.#isUnderMinIsr())
      return refused(ErrorCode.NOT_ENOUGH_REPLICAS, this.logStartOffset);
    if (records === null) return refused(ErrorCode.INVALID_RECORD);
    return this.#append(records, options);
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
    if (!this.#config.cleanupPolicy.includes('delete')) {
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

  #appendOfProducer(validated: Validated, options: AppendOptions): AppendResult {
    const { batch } = validated;
    const isClient = options.origin === 'client';
    const producer = producerBatch(batch);
    const original = isClient ? this.#producers.findDuplicate(producer) : undefined;
    if (original !== undefined) return this.#answerDuplicate(original);
    // A transaction must be known to its coordinator before records of it are taken; no coordinator opens one here yet.
    if (isClient && batches.isTransactional(batch, 0)) return refused(ErrorCode.INVALID_TXN_STATE, this.logStartOffset);
    const error = this.#producers.check(producer, isClient);
    if (error !== ErrorCode.NONE) return refused(error, this.logStartOffset);
    return this.#write(validated, producer);
  }

  #write(validated: Validated, producer: ProducerBatch | undefined): AppendResult {
    const { batch, baseOffset, lastOffset, maxTimestampMs, logAppendTimeMs } = validated;
    this.#lastTicket = this.#log.append([batch]);
    this.#committedBytes.appended(lastOffset + 1, batch.length);
    if (producer !== undefined) {
      this.#producers.record(producer, baseOffset, lastOffset, maxTimestampMs, this.#clock.nowMs());
    }
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
    this.#waiters.wake(this);
  }

  #replay(batch: Buffer): void {
    const baseOffset = batches.baseOffset(batch, 0);
    const epoch = batches.partitionLeaderEpoch(batch, 0);
    if (epoch >= 0) this.#epochs.assign(epoch, baseOffset);
    if (!batches.hasProducerId(batch, 0) || batches.isControl(batch, 0)) return;
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
}

function producerBatch(batch: Buffer): ProducerBatch {
  return {
    producerId: batches.producerId(batch, 0),
    producerEpoch: batches.producerEpoch(batch, 0),
    baseSequence: batches.baseSequence(batch, 0),
    lastSequence: batches.lastSequence(batch, 0),
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
