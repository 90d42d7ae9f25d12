// Where `ottla produce` puts its records: a producer, or transactions one after the other. Owned by one run of the command.
import type { OnDelivery, Producer, ProducerRecord } from '../client/producer.ts';
import type { TransactionalProducer } from '../client/transactional-producer.ts';

export interface Sink {
  /** What was not committed is not written. */
  readonly isAllOrNothing: boolean;
  add(record: ProducerRecord, onDelivery: OnDelivery): boolean;
  writable(): Promise<void>;
  /** After so many records of the whole run. */
  commitIsDue(records: number): boolean;
  /** Resolves when everything added so far was delivered, and can be seen. */
  commit(): Promise<void>;
  /** Without a commit before it, a transaction is aborted. */
  close(): Promise<void>;
}

export class PlainSink implements Sink {
  readonly isAllOrNothing = false;
  readonly #producer: Producer;

  constructor(producer: Producer) {
    this.#producer = producer;
  }

  add(record: ProducerRecord, onDelivery: OnDelivery): boolean {
    return this.#producer.add(record, onDelivery);
  }

  writable(): Promise<void> {
    return this.#producer.writable();
  }

  commitIsDue(): boolean {
    return false;
  }

  commit(): Promise<void> {
    return this.#producer.flush();
  }

  close(): Promise<void> {
    return this.#producer.close();
  }
}

/** Always has a transaction open. */
export class TransactionalSink implements Sink {
  readonly isAllOrNothing = true;
  readonly #producer: TransactionalProducer;
  readonly #commitEvery: number | undefined;

  constructor(producer: TransactionalProducer, commitEvery: number | undefined) {
    this.#producer = producer;
    this.#commitEvery = commitEvery;
  }

  add(record: ProducerRecord, onDelivery: OnDelivery): boolean {
    return this.#producer.add(record, onDelivery);
  }

  writable(): Promise<void> {
    return this.#producer.writable();
  }

  commitIsDue(records: number): boolean {
    return this.#commitEvery !== undefined && records % this.#commitEvery === 0;
  }

  async commit(): Promise<void> {
    await this.#producer.commit();
    this.#producer.begin();
  }

  close(): Promise<void> {
    return this.#producer.close();
  }
}
