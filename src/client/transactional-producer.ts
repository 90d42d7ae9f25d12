// Writes records and consumed offsets in transactions: all of one become visible to readers of committed records, or none. One
// transaction at a time, one live producer per transactional id: `init` ends what an earlier one left open and fences it.
//
// Invariant: after a failure nothing more of the transaction is sent; what the error's remedy says is all that is left to do.
// A commit or abort whose answer was lost may be asked again, with the same outcome only.
import { ErrorCode } from '../protocol/error-code.ts';
import { produce } from '../protocol/messages/produce.ts';
import type { Client } from './client.ts';
import { ClientError } from './client-error.ts';
import type { TopicOffsets } from './groups.ts';
import { type Delivery, type OnDelivery, Producer, type ProducerOptions, type ProducerRecord } from './producer.ts';
import { TransactionError, type TransactionStep, transactionError } from './transaction-error.ts';
import {
  type GroupGeneration,
  NO_IDENTITY,
  type ProducerIdentity,
  speaksTransactionsV2,
  TransactionRequests,
  V1_VERSIONS,
} from './transaction-requests.ts';

export interface TransactionalProducerOptions extends Omit<ProducerOptions, 'acks' | 'idempotent'> {
  /** A transaction that is open for longer is aborted by the broker; it refuses more than its `transaction.max.timeout.ms`. */
  readonly transactionTimeoutMs?: number;
}

const TRANSACTION_TIMEOUT_MS = 60_000;

/** `committing` and `aborting` last until the coordinator has answered, over several calls if need be. */
type State = 'new' | 'ready' | 'open' | 'committing' | 'aborting' | 'closed';

export class TransactionalProducer {
  readonly transactionalId: string;
  readonly #client: Client;
  readonly #timeoutMs: number;
  readonly #requests: TransactionRequests;
  readonly #producer: Producer;
  #state: State = 'new';
  #identity: ProducerIdentity = NO_IDENTITY;
  #v2 = false;
  #failure: TransactionError | undefined;
  /** The coordinator may know of the open transaction, so that it has to be ended there. */
  #begun = false;
  // v1 only: what the coordinator was told of the open transaction, and what it is to be told next.
  readonly #added = new Set<string>();
  readonly #addedGroups = new Set<string>();
  #toAdd = new Map<string, number[]>();
  #adding: Promise<void> | undefined;

  constructor(client: Client, transactionalId: string, options: TransactionalProducerOptions = {}) {
    const { transactionTimeoutMs = TRANSACTION_TIMEOUT_MS, ...rest } = options;
    this.transactionalId = transactionalId;
    this.#client = client;
    this.#timeoutMs = transactionTimeoutMs;
    this.#requests = new TransactionRequests(client, transactionalId);
    const owner = this;
    this.#producer = new Producer(client, rest, {
      transactionalId,
      get produceVersionMax() {
        return owner.#v2 ? produce.maxVersion : V1_VERSIONS.produce;
      },
      admits: (topic, partition) => this.#admits(topic, partition),
      // While it is being aborted, records are given up for that reason.
      failed: (error) => (this.#state === 'aborting' ? error : this.#fail(error, 'produce')),
    });
  }

  /** Bytes of records that were added and not yet delivered. */
  get bufferedBytes(): number {
    return this.#producer.bufferedBytes;
  }

  /** Who this producer is to the broker; −1 before `init`. */
  get identity(): ProducerIdentity {
    return this.#identity;
  }

  /** Once, before the first transaction: fences earlier producers of the transactional id and aborts what they left open. */
  async init(): Promise<void> {
    this.#expect('new');
    this.#identity = await this.#asking(() => this.#requests.init(this.#timeoutMs));
    await this.#becomeReady();
  }

  begin(): void {
    this.#expect('ready');
    this.#state = 'open';
  }

  /** As Producer.add, within the open transaction. Throws what made the transaction fail. */
  add(record: ProducerRecord, onDelivery?: OnDelivery): boolean {
    this.#expect('open');
    return this.#producer.add(record, onDelivery);
  }

  /** Resolves when `add` would return true. */
  writable(): Promise<void> {
    return this.#producer.writable();
  }

  /** `add` as a promise; that a record is delivered does not mean that it is committed. */
  async send(record: ProducerRecord): Promise<Delivery> {
    this.#expect('open');
    return this.#producer.send(record);
  }

  /** Consumed offsets (the next to read) that become the group's when the transaction is committed. */
  async sendOffsets(groupId: string, topics: readonly TopicOffsets[], member?: GroupGeneration): Promise<void> {
    this.#expect('open');
    this.#begun = true;
    if (!this.#v2 && !this.#addedGroups.has(groupId)) {
      await this.#asking(() => this.#requests.addOffsets(this.#identity, groupId));
      this.#addedGroups.add(groupId);
    }
    await this.#asking(
      () => this.#requests.commitOffsets(this.#identity, groupId, topics, member, this.#v2),
      'offsets',
    );
  }

  /** Delivers everything and commits. Rejects with TransactionError; with another error the outcome is open: commit again. */
  async commit(): Promise<void> {
    this.#expect('open', 'committing');
    this.#state = 'committing';
    await this.#producer.flush();
    this.#expect('committing');
    await this.#end('committing');
  }

  /** Gives up what is not delivered and aborts. Clears a failure whose remedy that is. */
  async abort(): Promise<void> {
    if (this.#failure?.remedy !== 'abort') this.#expect('open', 'aborting');
    this.#state = 'aborting';
    await this.#producer.discard(new ClientError('TRANSACTION_ABORTED', 'the transaction of this record was aborted'));
    await this.#adding;
    const raiseEpoch = this.#failure !== undefined && !this.#v2;
    await this.#end('aborting');
    if (raiseEpoch) await this.#raiseEpoch();
  }

  /** Aborts a transaction that is open. The client stays open. */
  async close(): Promise<void> {
    const isOpen = this.#state === 'open' || this.#state === 'aborting' || this.#state === 'committing';
    try {
      if (isOpen && this.#failure?.remedy !== 'close' && this.#state !== 'committing') await this.abort();
    } finally {
      this.#state = 'closed';
      await this.#producer.close();
    }
  }

  // --- ends ---

  async #end(how: 'committing' | 'aborting'): Promise<void> {
    this.#state = how;
    if (this.#begun) {
      this.#identity = await this.#asking(() => this.#requests.end(this.#identity, how === 'committing', this.#v2));
    }
    this.#failure = undefined;
    await this.#becomeReady();
  }

  /** v1: numbers of batches that were given up are missing at the broker; with a new epoch they begin again (KIP-360). */
  async #raiseEpoch(): Promise<void> {
    this.#identity = await this.#asking(() => this.#requests.init(this.#timeoutMs, this.#identity));
    this.#producer.identify(this.#identity.producerId, this.#identity.producerEpoch);
  }

  async #becomeReady(): Promise<void> {
    this.#begun = false;
    this.#added.clear();
    this.#addedGroups.clear();
    this.#toAdd.clear();
    this.#producer.identify(this.#identity.producerId, this.#identity.producerEpoch);
    this.#v2 = await speaksTransactionsV2(this.#client);
    this.#state = 'ready';
  }

  // --- what the producer asks ---

  #admits(topic: string, partition: number): boolean {
    if (this.#state !== 'open' && this.#state !== 'committing') return false;
    if (this.#failure !== undefined) return false;
    if (this.#v2) {
      this.#begun = true;
      return true;
    }
    if (this.#added.has(`${topic}-${partition}`)) return true;
    const list = this.#toAdd.get(topic) ?? [];
    if (!list.includes(partition)) this.#toAdd.set(topic, [...list, partition]);
    this.#adding ??= this.#addPartitions().finally(() => {
      this.#adding = undefined;
      // Some were asked for while the answer to others was awaited.
      this.#producer.wake();
    });
    return false;
  }

  /** All that is asked for in one turn goes in one request. */
  async #addPartitions(): Promise<void> {
    await new Promise<void>((resolve) => this.#client.runtime.timers.defer(resolve));
    const partitions = this.#toAdd;
    this.#toAdd = new Map();
    this.#begun = true;
    try {
      await this.#requests.addPartitions(this.#identity, partitions);
    } catch (error) {
      this.#fail(error as ClientError, 'coordinator');
      return;
    }
    for (const [topic, list] of partitions) for (const partition of list) this.#added.add(`${topic}-${partition}`);
  }

  // --- failures ---

  /** What cannot be taken back ends the transaction; records that wait for it are given up at once. */
  #fail(error: ClientError, step: TransactionStep): TransactionError {
    if (this.#failure?.remedy === 'close') return this.#failure;
    const failure = transactionError(error, step);
    if (this.#state === 'aborting' && failure.remedy === 'abort') return failure;
    if (this.#failure !== undefined && failure.remedy === 'abort') return this.#failure;
    this.#failure = failure;
    void this.#producer.discard(failure);
    return failure;
  }

  async #asking<Result>(ask: () => Promise<Result>, step: TransactionStep = 'coordinator'): Promise<Result> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      const isEnding = this.#state === 'committing' || this.#state === 'aborting';
      // Whether a transaction has ended is open while no answer came; before one has begun nothing is lost by asking again.
      if ((isEnding || this.#state === 'new') && error.retriable) throw error;
      throw this.#fail(error, step);
    }
  }

  #expect(...states: readonly State[]): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (states.includes(this.#state)) return;
    if (this.#state === 'closed') throw new ClientError('CLOSED', 'the producer was closed');
    throw new ClientError('INVALID_ARGUMENT', `${SENTENCES[this.#state]} (transactional id ${this.transactionalId})`);
  }
}

const SENTENCES: Readonly<Record<Exclude<State, 'closed'>, string>> = {
  new: 'the producer has to be initialised first',
  ready: 'no transaction was begun',
  open: 'a transaction is open already',
  committing: 'the transaction is being committed',
  aborting: 'the transaction is being aborted',
};

/** Whether another producer with the same transactional id has taken over. */
export function isFenced(error: unknown): boolean {
  return (
    error instanceof TransactionError &&
    error.remedy === 'close' &&
    (error.errorCode === ErrorCode.PRODUCER_FENCED || error.errorCode === ErrorCode.INVALID_PRODUCER_EPOCH)
  );
}
