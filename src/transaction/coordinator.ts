// The transaction coordinator of this broker: a shard for each partition of `__transaction_state` that the broker leads, found
// by the hash of the transactional id. One method for each request; answers come when what they tell is committed. Every so
// often it aborts transactions that ran out of time and forgets ids that nobody uses.
import { TopicShards } from '../coordinator/topic-shards.ts';
import type { Configs } from '../metadata/configs/configs.ts';
import type { Metadata } from '../metadata/image.ts';
import { TRANSACTION_STATE } from '../metadata/topic-name.ts';
import type { WriteMarker } from '../partition/end-marker.ts';
import type { Partitions } from '../partition/partitions.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../records/record-batch.ts';
import type { Clock, LogLines, Timer, Timers } from '../runtime/runtime.ts';
import type { Storage } from '../storage/storage.ts';
import type { EndRequest } from './end-verdict.ts';
import { listTransactions, type TransactionFilters, type TransactionList } from './transaction-list.ts';
import type { EndAnswer, InitAnswer, InitRequest, ProducerClaim, TransactionMachine } from './transaction-machine.ts';
import type { TransactionMetadata, TransactionPartitions } from './transaction-metadata.ts';
import { type TransactionCall, TransactionShard } from './transaction-shard.ts';

export interface CoordinatorSurroundings {
  readonly metadata: Metadata;
  readonly configs: Pick<Configs, 'broker' | 'topic'>;
  readonly partitions: Pick<Partitions, 'byName'>;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: LogLines;
  readonly producerIds: ProducerIdSource;
  readonly writeMarker: WriteMarker;
  /** The level of `transaction.version` in force. */
  readonly transactionVersion: () => number;
}

export interface ProducerIdSource {
  /** Undefined while none is at hand. */
  take(): number | undefined;
  /** Undefined when there is one; otherwise a promise of it, which rejects when none can be had. */
  atHand(): Promise<void> | undefined;
}

export interface TransactionalClaim extends ProducerClaim {
  readonly transactionalId: string;
}

/** Remembered by this broker; each costs some hundred bytes. */
const TRANSACTIONAL_IDS_MAX = 100_000;
/** Ids that are forgotten in one go, before others get their turn. */
const FORGOTTEN_PER_SLICE = 1000;
const NOBODY = { producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };

export class TransactionCoordinator {
  readonly #surroundings: CoordinatorSurroundings;
  readonly #shards: TopicShards<TransactionShard>;
  #timeouts: Timer | undefined;
  #expiry: Timer | undefined;
  #closed = false;

  /** Begins to load at once; `partitions` must follow the metadata already. */
  constructor(surroundings: CoordinatorSurroundings) {
    const { metadata, configs, partitions, clock, log, producerIds, transactionVersion } = surroundings;
    this.#surroundings = surroundings;
    const ofShard = {
      ...surroundings,
      rules: {
        transactionVersion,
        takeProducerId: () => producerIds.take(),
        recordBytesMax: () => configs.topic(TRANSACTION_STATE).maxMessageBytes - BATCH_RESERVE_BYTES,
      },
      commitTimeoutMs: () => COMMIT_TIMEOUT_MS,
      hasRoom: () => this.#count() < TRANSACTIONAL_IDS_MAX,
    };
    this.#shards = new TopicShards({
      topic: TRANSACTION_STATE,
      partitions,
      open: (partition) => new TransactionShard(partition, ofShard),
      monotonicMs: () => clock.monotonicMs(),
      onLoaded(shards, records, tookMs) {
        const transactionalIds = shards.reduce((sum, shard) => sum + shard.size, 0);
        log.info('Loaded transactions', { transactionalIds, records, tookMs });
      },
    });
    this.#shards.follow(metadata.image);
    metadata.onChange((image) => {
      if (!this.#closed) this.#shards.follow(image);
    });
    this.#scheduleTimeouts();
    this.#scheduleExpiry();
  }

  /** Resolves when every shard that there is now has been loaded. */
  loaded(): Promise<void> {
    return this.#shards.loaded();
  }

  /** Who waits is told to look for the coordinator elsewhere; nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#timeouts?.cancel();
    this.#expiry?.cancel();
    this.#shards.close();
  }

  // ---- requests

  /** A promise when a producer id has to be reserved first. */
  initProducerId(
    transactionalId: string,
    request: InitRequest,
    reply: (answer: InitAnswer) => void,
  ): Promise<void> | undefined {
    const refused = (errorCode: number): InitAnswer => ({ errorCode, ...NOBODY });
    return this.#withProducerId(
      () =>
        this.#call({
          transactionalId,
          reply,
          refused,
          step: (shard, to, nowMs) => shard.initProducerId(transactionalId, request, to, nowMs),
        }),
      (errorCode) => reply(refused(errorCode)),
    );
  }

  addPartitions(
    claim: TransactionalClaim,
    partitions: TransactionPartitions,
    clientTransactionVersion: number,
    reply: (errorCode: number) => void,
  ): void {
    this.#callKnown(claim.transactionalId, reply, (machine, to, nowMs) => {
      const added = machine.addPartitions(claim, partitions, clientTransactionVersion, nowMs);
      return [...added.effects, { type: 'reply', to, response: added.errorCode }];
    });
  }

  /** Whether the open transaction has these partitions: a code for each topic and partition. */
  verifyPartitions(
    claim: TransactionalClaim,
    partitions: TransactionPartitions,
    reply: (verified: ReadonlyMap<string, ReadonlyMap<number, number>>) => void,
  ): void {
    const { transactionalId } = claim;
    const verified = (codeOf: (topic: string, partition: number) => number) =>
      new Map(
        [...partitions].map(([topic, indexes]) => [
          topic,
          new Map([...indexes].map((index) => [index, codeOf(topic, index)])),
        ]),
      );
    const refused = (errorCode: number) => verified(() => errorCode);
    if (transactionalId === '') {
      reply(refused(ErrorCode.INVALID_REQUEST));
      return;
    }
    this.#call({
      transactionalId,
      reply,
      refused,
      reads: true,
      step: (shard, to) => {
        const machine = shard.get(transactionalId);
        const response = verified(
          (topic, index) => machine?.verify(claim, topic, index) ?? ErrorCode.INVALID_PRODUCER_ID_MAPPING,
        );
        return [{ type: 'reply', to, response }];
      },
    });
  }

  /** A promise when a producer id has to be reserved first. */
  endTransaction(
    request: EndRequest & TransactionalClaim,
    reply: (answer: EndAnswer) => void,
  ): Promise<void> | undefined {
    const { transactionalId } = request;
    const refused = (errorCode: number): EndAnswer => ({ errorCode, ...NOBODY });
    if (transactionalId === '') {
      reply(refused(ErrorCode.INVALID_REQUEST));
      return undefined;
    }
    return this.#withProducerId(
      () =>
        this.#call({
          transactionalId,
          reply,
          refused,
          step: (shard, to, nowMs) => {
            const machine = shard.get(transactionalId);
            if (machine !== undefined) return machine.end(request, to, nowMs);
            return [{ type: 'reply', to, response: refused(ErrorCode.INVALID_PRODUCER_ID_MAPPING) }];
          },
        }),
      (errorCode) => reply(refused(errorCode)),
    );
  }

  /** An error code when there is nothing to describe. */
  describe(transactionalId: string, reply: (described: TransactionMetadata | number) => void): void {
    if (transactionalId === '') {
      reply(ErrorCode.INVALID_REQUEST);
      return;
    }
    this.#call<TransactionMetadata | number>({
      transactionalId,
      reply,
      refused: (errorCode) => errorCode,
      reads: true,
      step: (shard, to) => {
        const response = shard.get(transactionalId)?.metadata ?? ErrorCode.TRANSACTIONAL_ID_NOT_FOUND;
        return [{ type: 'reply', to, response }];
      },
    });
  }

  /** What the filters let through of all transactions here, once it is committed; an error code while some are not known. */
  list(filters: TransactionFilters, reply: (list: TransactionList | number) => void): void {
    const { storage, clock, timers } = this.#surroundings;
    const shards = this.#shards.all();
    if (this.#closed) {
      reply(ErrorCode.COORDINATOR_NOT_AVAILABLE);
      return;
    }
    const unknown = shards.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
    if (unknown !== undefined) {
      reply(unknown.errorCode);
      return;
    }
    const ticket = shards.reduce((newest, shard) => Math.max(newest, shard.ticket), -1);
    const machines = shards.flatMap((shard) => [...shard.all()]);
    listTransactions(machines, filters, clock.nowMs(), timers, (list) =>
      storage.whenCommitted(ticket, () => reply(list)),
    );
  }

  /**
   * Whether a partition may take the first batch, in a transaction, of this producer: Produce from version 12 on and
   * TxnOffsetCommit from version 5 on add it (the record that says so is in the log before the batch), others had to
   * add it before. Synchronous: what is appended right after is durable no earlier.
   */
  admit(
    transactionalId: string,
    producerId: number,
    producerEpoch: number,
    topic: string,
    partition: number,
    { add }: { readonly add: boolean },
  ): ErrorCode {
    const { configs, clock } = this.#surroundings;
    if (!add && !configs.broker.transactionPartitionVerificationEnable) return ErrorCode.NONE;
    if (transactionalId === '') return ErrorCode.INVALID_REQUEST;
    const shard = this.#shards.of(transactionalId);
    if (this.#closed || shard === undefined) return ErrorCode.NOT_COORDINATOR;
    if (shard.errorCode !== ErrorCode.NONE) return shard.errorCode;
    const machine = shard.get(transactionalId);
    if (machine === undefined) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
    const claim = { producerId, producerEpoch };
    if (!add) return machine.verify(claim, topic, partition);
    let refusal: ErrorCode = ErrorCode.NONE;
    const written = shard.take(transactionalId, () => {
      const partitions = new Map([[topic, new Set([partition])]]);
      const added = machine.addPartitions(claim, partitions, FIRST_VERSION_THAT_ADDS, clock.nowMs());
      refusal = added.errorCode;
      return added.effects;
    });
    return refusal === ErrorCode.NONE ? written : refusal;
  }

  #call<Response>(call: TransactionCall<Response>): void {
    const shard = this.#shards.of(call.transactionalId);
    if (this.#closed || shard === undefined) call.reply(call.refused(ErrorCode.NOT_COORDINATOR));
    else shard.call(call);
  }

  /** A request that answers with an error code, of an id that must be known. */
  #callKnown(
    transactionalId: string,
    reply: (errorCode: number) => void,
    step: (
      machine: TransactionMachine,
      ...rest: [to: (errorCode: number) => void, nowMs: number]
    ) => ReturnType<TransactionCall<number>['step']>,
  ): void {
    if (transactionalId === '') {
      reply(ErrorCode.INVALID_REQUEST);
      return;
    }
    this.#call<number>({
      transactionalId,
      reply,
      refused: (errorCode) => errorCode,
      step: (shard, to, nowMs) => {
        const machine = shard.get(transactionalId);
        if (machine !== undefined) return step(machine, to, nowMs);
        return [{ type: 'reply', to, response: ErrorCode.INVALID_PRODUCER_ID_MAPPING }];
      },
    });
  }

  /** At once while ids are at hand, as they nearly always are. */
  #withProducerId(run: () => void, failed: (errorCode: number) => void): Promise<void> | undefined {
    const reserved = this.#surroundings.producerIds.atHand();
    if (reserved === undefined) {
      run();
      return undefined;
    }
    return reserved.then(
      () => this.#withProducerId(run, failed),
      (error: Error) => {
        this.#surroundings.log.error('no producer ids could be reserved', { error: error.message });
        failed(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
      },
    );
  }

  #count(): number {
    return this.#shards.all().reduce((sum, shard) => sum + shard.size, 0);
  }

  // ---- time

  #scheduleTimeouts(): void {
    if (this.#closed) return;
    const { timers, configs } = this.#surroundings;
    const afterMs = configs.broker.transactionAbortTimedOutTransactionCleanupIntervalMs;
    this.#timeouts = timers.set(afterMs, () => {
      this.#abortTimedOut();
      this.#scheduleTimeouts();
    });
  }

  #abortTimedOut(): void {
    const { clock, log } = this.#surroundings;
    const nowMs = clock.nowMs();
    for (const shard of this.#shards.all()) {
      if (shard.errorCode !== ErrorCode.NONE) continue;
      for (const machine of [...shard.all()]) {
        const { transactionalId } = machine;
        if (!machine.isTimedOut(nowMs)) continue;
        log.info('A transaction ran out of time and is aborted', { transactionalId });
        shard.take(transactionalId, () => machine.abortWhenTimedOut(nowMs));
      }
    }
  }

  #scheduleExpiry(): void {
    if (this.#closed) return;
    const { timers, configs } = this.#surroundings;
    this.#expiry = timers.set(configs.broker.transactionRemoveExpiredTransactionCleanupIntervalMs, () => {
      void this.#expire().then(() => this.#scheduleExpiry());
    });
  }

  async #expire(): Promise<void> {
    const { clock, configs, timers } = this.#surroundings;
    const expirationMs = configs.broker.transactionalIdExpirationMs;
    for (const shard of this.#shards.all()) {
      const nowMs = clock.nowMs();
      const ids = [...shard.all()].filter((machine) => machine.isExpired(expirationMs, nowMs));
      for (let at = 0; at < ids.length && !this.#closed; at += FORGOTTEN_PER_SLICE) {
        const slice = ids.slice(at, at + FORGOTTEN_PER_SLICE);
        // It may have been used in between, or be another after a reload.
        const idle = slice.filter(
          (machine) => shard.get(machine.transactionalId) === machine && machine.isExpired(expirationMs, nowMs),
        );
        shard.forget(idle.map(({ transactionalId }) => transactionalId));
        await new Promise<void>((resolve) => timers.defer(resolve));
      }
    }
  }
}

/** Kafka's request.timeout.ms. */
const COMMIT_TIMEOUT_MS = 30_000;
/** Of a batch, beside its one record. */
const BATCH_RESERVE_BYTES = 128;
const FIRST_VERSION_THAT_ADDS = 2;
