// One partition of `__transaction_state` and the transactional ids it is in charge of, run by the shell that coordinators share
// (coordinator/shard.ts). It carries a machine's `write-markers` out at once, between the PREPARE and the COMPLETE that
// frame it in the log: docs/decisions/0006-transactions-end-in-one-go.md says why that is safe.
import type { ReplayedRecord } from '../coordinator/coordinator-log.ts';
import type { Reply } from '../coordinator/effects.ts';
import { CoordinatorShard, type ShellSurroundings } from '../coordinator/shard.ts';
import type { EndMarker, WriteMarker } from '../partition/end-marker.ts';
import type { Partition } from '../partition/partition.ts';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import { Compression } from '../records/compression-type.ts';
import type { CommitTicket } from '../storage/storage.ts';
import type { Effect, WriteMarkers } from './effects.ts';
import { type InitAnswer, type InitRequest, TransactionMachine, type TransactionRules } from './transaction-machine.ts';
import type { TransactionPartitions } from './transaction-metadata.ts';
import { decodeTransaction, tombstoneOf } from './transaction-record.ts';

export interface TransactionSurroundings extends ShellSurroundings {
  readonly rules: TransactionRules;
  readonly writeMarker: WriteMarker;
  /** A change that is not committed by then is answered before it is known how it ended. */
  readonly commitTimeoutMs: () => number;
  /** Whether another transactional id can be remembered. */
  readonly hasRoom: () => boolean;
}

export interface TransactionCall<Response> {
  readonly transactionalId: string;
  readonly reply: (response: Response) => void;
  readonly refused: (errorCode: number) => Response;
  readonly step: (shard: TransactionShard, to: Reply<Response>, nowMs: number) => readonly Effect[];
  readonly reads?: boolean;
}

export class TransactionShard {
  readonly #surroundings: TransactionSurroundings;
  readonly #shell: CoordinatorShard<WriteMarkers>;
  readonly #machines = new Map<string, TransactionMachine>();

  constructor(partition: Partition, surroundings: TransactionSurroundings) {
    this.#surroundings = surroundings;
    this.#shell = new CoordinatorShard<WriteMarkers>(
      partition,
      {
        word: 'transaction',
        compression: () => Compression.NONE,
        commitTimeoutMs: surroundings.commitTimeoutMs,
        clear: () => this.#machines.clear(),
        replay: (record) => this.#replay(record),
        // Nobody writes transactions into the log of transactions.
        replayMarker() {},
        loaded: () => this.#loaded(),
        timer: (transactionalId, key) => this.#machines.get(transactionalId)?.timer(key),
        perform: (transactionalId, effect) => this.#writeMarkers(transactionalId, effect),
      },
      surroundings,
    );
  }

  get size(): number {
    return this.#machines.size;
  }

  /** NONE, or why it takes no requests. */
  get errorCode(): ErrorCode {
    return this.#shell.errorCode;
  }

  /** When it is committed, so is everything that the transactions are now. */
  get ticket(): CommitTicket {
    return this.#shell.ticket;
  }

  get isEmptyLog(): boolean {
    return this.#shell.isEmptyLog;
  }

  /** As CoordinatorShard.load. */
  load(): Promise<number> {
    return this.#shell.load();
  }

  close(): void {
    this.#shell.close();
  }

  get(transactionalId: string): TransactionMachine | undefined {
    return this.#machines.get(transactionalId);
  }

  all(): Iterable<TransactionMachine> {
    return this.#machines.values();
  }

  call<Response>({ transactionalId, reply, refused, step, reads = false }: TransactionCall<Response>): void {
    this.#shell.call({ id: transactionalId, reply, refused, reads, step: (to, nowMs) => step(this, to, nowMs) });
  }

  /** A machine comes into being with its first InitProducerId. */
  initProducerId(transactionalId: string, request: InitRequest, to: Reply<InitAnswer>, nowMs: number): Effect[] {
    const known = this.#machines.get(transactionalId);
    if (known !== undefined) return known.initProducerId(request, to, nowMs);
    const { rules, hasRoom } = this.#surroundings;
    const refuse = (errorCode: ErrorCode): Effect[] => [
      { type: 'reply', to, response: { errorCode, producerId: -1, producerEpoch: -1 } },
    ];
    if (!hasRoom()) return refuse(ErrorCode.POLICY_VIOLATION);
    const producerId = rules.takeProducerId();
    if (producerId === undefined) return refuse(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    const machine = TransactionMachine.unused(transactionalId, producerId, request.timeoutMs, nowMs, rules);
    this.#machines.set(transactionalId, machine);
    return machine.initProducerId(request, to, nowMs);
  }

  /** A step that no request waits for; NONE, or why it could not be written. */
  take(transactionalId: string, step: () => readonly Effect[]): ErrorCode {
    const errorCode = this.#shell.writeErrorCode;
    return errorCode === ErrorCode.NONE ? this.#shell.take(transactionalId, step) : errorCode;
  }

  /** These ids are forgotten. */
  forget(transactionalIds: readonly string[]): void {
    if (this.#shell.writeErrorCode !== ErrorCode.NONE) return;
    for (const transactionalId of transactionalIds) {
      this.#shell.cancelTimers(transactionalId);
      this.#machines.delete(transactionalId);
    }
    this.#shell.appendLoosely(transactionalIds.map(tombstoneOf));
  }

  #replay({ key, value, producer }: ReplayedRecord): void {
    if (producer !== undefined) return;
    const decoded = decodeTransaction({ key, value });
    if (decoded === undefined) return;
    const { transactionalId, metadata } = decoded;
    if (metadata === null) this.#machines.delete(transactionalId);
    else {
      const machine = new TransactionMachine(transactionalId, metadata, this.#surroundings.rules);
      this.#machines.set(transactionalId, machine);
    }
  }

  #loaded(): void {
    for (const machine of [...this.#machines.values()])
      this.#shell.take(machine.transactionalId, () => machine.loaded());
  }

  #writeMarkers(transactionalId: string, { marker, partitions }: WriteMarkers): void {
    const machine = this.#machines.get(transactionalId);
    if (machine === undefined) return;
    const whole = { ...marker, coordinatorEpoch: this.#shell.partition.leaderEpoch };
    const left = this.#written(transactionalId, whole, partitions);
    this.#shell.perform(transactionalId, machine.markersWritten(left, this.#surroundings.clock.nowMs()));
  }

  /** The partitions that have to be tried again. */
  #written(transactionalId: string, marker: EndMarker, partitions: TransactionPartitions): TransactionPartitions {
    const left = new Map<string, Set<number>>();
    for (const [topic, indexes] of partitions) {
      for (const index of indexes) {
        const { errorCode } = this.#surroundings.writeMarker(topic, index, marker);
        if (errorCode === ErrorCode.NONE || !this.#isOpen(transactionalId, topic, index, errorCode)) continue;
        const indexesLeft = left.get(topic);
        if (indexesLeft === undefined) left.set(topic, new Set([index]));
        else indexesLeft.add(index);
      }
    }
    return left;
  }

  /** Whether the transaction may still be open in a partition that did not take the marker. */
  #isOpen(transactionalId: string, topic: string, partition: number, errorCode: ErrorCode): boolean {
    // It was deleted, and its records with it.
    if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return false;
    const error = errorName(errorCode);
    const { log } = this.#surroundings;
    if (errorCode === ErrorCode.INVALID_PRODUCER_EPOCH) {
      // It knows a later epoch of the producer, which ended whatever was open.
      log.warn('A partition has gone beyond a transaction that ends', { transactionalId, topic, partition, error });
      return false;
    }
    if (errorCode === ErrorCode.TRANSACTION_COORDINATOR_FENCED) {
      log.warn('A partition does not take the end of a transaction', { transactionalId, topic, partition, error });
    }
    return true;
  }
}
