// One transactional id as a pure machine: a request, a timer or what became of the markers goes in, effects come out. It
// changes at once; what it tells is sent when the shell has it committed. Owned by the shard of its partition.
//
//     step                 log                                    then
//     InitProducerId       Empty (or, when open, as an abort)
//     AddPartitions        Ongoing
//     EndTxn, timeout      PrepareCommit/Abort ─► write-markers ─► markersWritten: CompleteCommit/Abort, or a timer
//
// Invariants: replaying its records, or those up to any of them, gives a machine that can go on; while a transaction is
// prepared nothing is added to it and no producer is let in. Source: TransactionCoordinator of Kafka 4.3.
import assert from 'node:assert/strict';
import type { Reply } from '../coordinator/effects.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { ControlType } from '../records/control-batch.ts';
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../records/record-batch.ts';
import type { Effect } from './effects.ts';
import { type EndRequest, endVerdict } from './end-verdict.ts';
import {
  bumpsEpoch,
  completed,
  fencedEpoch,
  hasAll,
  isExhausted,
  isTimedOut,
  newMetadata,
  partitionCount,
  prepared,
  type TransactionMetadata,
  type TransactionPartitions,
  withNewProducerId,
  withNextEpoch,
  withPartitions,
} from './transaction-metadata.ts';
import { encodeTransaction } from './transaction-record.ts';
import { isIdle, isPrepared, TransactionState } from './transaction-state.ts';

/** Each request adds to a record that names them all: what one transaction may cost is bounded. */
export const PARTITIONS_MAX = 10_000;
/** What a later record of the transaction may have more than the one that added its last partition. */
const RECORD_RESERVE_BYTES = 128;
/** Markers that could not be written are tried again after this, and twice as long each further time. */
const MARKER_RETRY_MS = 100;
const MARKER_RETRY_MAX_MS = 10_000;
const MARKERS = 'markers';

export interface TransactionRules {
  /** The level of `transaction.version` in force. */
  readonly transactionVersion: () => number;
  /** Undefined: none at hand now. */
  readonly takeProducerId: () => number | undefined;
  /** The longest record that the log takes. */
  readonly recordBytesMax: () => number;
}

export interface ProducerClaim {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface InitRequest {
  readonly timeoutMs: number;
  /** What the producer believes to be; undefined for a new one. */
  readonly expected: ProducerClaim | undefined;
}

export interface InitAnswer extends ProducerClaim {
  readonly errorCode: number;
}

export type EndAnswer = InitAnswer;

export class TransactionMachine {
  readonly transactionalId: string;
  readonly #rules: TransactionRules;
  #metadata: TransactionMetadata;
  /** When what is open began; when the wall clock was set back to before that, when this was noticed. */
  #openSinceMs: number;
  #retryMs = MARKER_RETRY_MS;

  constructor(transactionalId: string, metadata: TransactionMetadata, rules: TransactionRules) {
    this.transactionalId = transactionalId;
    this.#rules = rules;
    this.#metadata = metadata;
    this.#openSinceMs = metadata.startTimestampMs;
  }

  /** Of an id that is used for the first time. */
  static unused(
    transactionalId: string,
    producerId: number,
    timeoutMs: number,
    nowMs: number,
    rules: TransactionRules,
  ): TransactionMachine {
    return new TransactionMachine(transactionalId, newMetadata(producerId, timeoutMs, nowMs), rules);
  }

  get metadata(): TransactionMetadata {
    return this.#metadata;
  }

  // ---- InitProducerId

  initProducerId(request: InitRequest, to: Reply<InitAnswer>, nowMs: number): Effect[] {
    const { state } = this.#metadata;
    if (!this.#mayGoOn(request.expected)) return [refuse(to, ErrorCode.PRODUCER_FENCED)];
    if (isPrepared(state)) return [refuse(to, ErrorCode.CONCURRENT_TRANSACTIONS)];
    if (state === TransactionState.ONGOING) {
      // The transaction of whoever was here before is aborted; by asking again, the new one gets a higher epoch still.
      const fence = this.#fence(nowMs);
      return typeof fence === 'number'
        ? [refuse(to, fence)]
        : [...fence, refuse(to, ErrorCode.CONCURRENT_TRANSACTIONS)];
    }
    const next = this.#initialized(request, nowMs);
    if (typeof next === 'number') return [refuse(to, next)];
    const { producerId, producerEpoch } = next;
    return [
      this.#become(next),
      { type: 'reply', to, response: { errorCode: ErrorCode.NONE, producerId, producerEpoch } },
    ];
  }

  /**
   * A producer that names itself goes on when it is the newest, or was until its epochs were used up and has missed the answer
   * with its new id. Its epoch is looked at when it is raised.
   */
  #mayGoOn(expected: ProducerClaim | undefined): boolean {
    const { producerId, previousProducerId, producerEpoch } = this.#metadata;
    return (
      expected === undefined ||
      producerEpoch === NO_PRODUCER_EPOCH ||
      expected.producerId === producerId ||
      (expected.producerId === previousProducerId && isExhausted(expected.producerEpoch))
    );
  }

  #initialized({ timeoutMs, expected }: InitRequest, nowMs: number): TransactionMetadata | ErrorCode {
    const { producerEpoch } = this.#metadata;
    const isNewest = expected === undefined || expected.producerEpoch === producerEpoch;
    if (!isExhausted(producerEpoch) || !isNewest) {
      const next = withNextEpoch(this.#metadata, timeoutMs, expected?.producerEpoch, nowMs);
      return next ?? ErrorCode.PRODUCER_FENCED;
    }
    const producerId = this.#rules.takeProducerId();
    if (producerId === undefined) return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    return withNewProducerId(this.#metadata, producerId, timeoutMs, expected !== undefined, nowMs);
  }

  // ---- partitions

  /** NONE: what is added must be appended by the caller, who has the effects. */
  addPartitions(
    claim: ProducerClaim,
    partitions: TransactionPartitions,
    clientTransactionVersion: number,
    nowMs: number,
  ): { readonly errorCode: ErrorCode; readonly effects: Effect[] } {
    const errorCode = this.#checkClaim(claim);
    if (errorCode !== ErrorCode.NONE) return { errorCode, effects: [] };
    const { state } = this.#metadata;
    if (state === TransactionState.ONGOING && hasAll(this.#metadata.partitions, partitions)) {
      return { errorCode, effects: [] };
    }
    const next = withPartitions(this.#metadata, partitions, clientTransactionVersion, nowMs);
    if (!this.#fits(next)) return { errorCode: ErrorCode.TRANSACTION_ABORTABLE, effects: [] };
    return { errorCode, effects: [this.#become(next)] };
  }

  /** Whether the transaction that is open has this partition. */
  verify(claim: ProducerClaim, topic: string, partition: number): ErrorCode {
    const errorCode = this.#checkClaim(claim);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    const isPart = this.#metadata.partitions.get(topic)?.has(partition) === true;
    return isPart ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE;
  }

  #checkClaim({ producerId, producerEpoch }: ProducerClaim): ErrorCode {
    const known = this.#metadata;
    if (known.producerId !== producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
    if (known.producerEpoch !== producerEpoch) return ErrorCode.PRODUCER_FENCED;
    return isPrepared(known.state) ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.NONE;
  }

  #fits(next: TransactionMetadata): boolean {
    if (partitionCount(next.partitions) > PARTITIONS_MAX) return false;
    const { key, value } = this.#record(next);
    return key.length + (value?.length ?? 0) + RECORD_RESERVE_BYTES <= this.#rules.recordBytesMax();
  }

  // ---- the end

  end(request: EndRequest, to: Reply<EndAnswer>, nowMs: number): Effect[] {
    const verdict = endVerdict(this.#metadata, request);
    if (verdict !== 'end') {
      // A version 5 retry is told what the answer it missed has said.
      const told = verdict === ErrorCode.NONE && bumpsEpoch(request.clientTransactionVersion);
      const { producerId, producerEpoch } = told ? this.#metadata : NOBODY;
      return [{ type: 'reply', to, response: { errorCode: verdict, producerId, producerEpoch } }];
    }
    const { committed, clientTransactionVersion } = request;
    const effects = this.#prepare(committed, clientTransactionVersion, undefined, nowMs);
    if (typeof effects === 'number') return [refuse(to, effects)];
    const after = bumpsEpoch(clientTransactionVersion) ? completed(this.#metadata, nowMs) : NOBODY;
    const { producerId, producerEpoch } = after;
    return [...effects, { type: 'reply', to, response: { errorCode: ErrorCode.NONE, producerId, producerEpoch } }];
  }

  /**
   * Open for longer than its producer allowed. The coordinator asks again and again: nothing began after now, so that a clock that is
   * set back makes a transaction last twice its timeout at most, and holds back readers no longer (Kafka: until the clock has
   * caught up).
   */
  isTimedOut(nowMs: number): boolean {
    this.#openSinceMs = Math.min(this.#openSinceMs, nowMs);
    return isTimedOut(this.#metadata, this.#openSinceMs, nowMs);
  }

  /** What the coordinator does with a transaction that is open for too long; nothing when it cannot be done now. */
  abortWhenTimedOut(nowMs: number): Effect[] {
    if (!this.isTimedOut(nowMs)) return [];
    const fence = this.#fence(nowMs);
    return typeof fence === 'number' ? [] : fence;
  }

  /** Aborts what is open so that its producer can do nothing more. */
  #fence(nowMs: number): Effect[] | ErrorCode {
    const version = this.#rules.transactionVersion();
    const epoch = bumpsEpoch(version) ? undefined : fencedEpoch(this.#metadata);
    return this.#prepare(false, bumpsEpoch(version) ? version : 0, epoch, nowMs);
  }

  #prepare(
    committed: boolean,
    clientTransactionVersion: number,
    fenced: number | undefined,
    nowMs: number,
  ): Effect[] | ErrorCode {
    const rotates = bumpsEpoch(clientTransactionVersion) && isExhausted(this.#metadata.producerEpoch);
    const nextProducerId = rotates ? this.#rules.takeProducerId() : undefined;
    if (rotates && nextProducerId === undefined) return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    const end = { committed, clientTransactionVersion, nextProducerId, nowMs };
    const next = prepared(this.#metadata, fenced === undefined ? end : { ...end, fencedEpoch: fenced });
    return [this.#become(next), this.#writeMarkers()];
  }

  #writeMarkers(): Effect {
    const { state, producerId, producerEpoch, clientTransactionVersion, partitions } = this.#metadata;
    const type = state === TransactionState.PREPARE_COMMIT ? ControlType.COMMIT : ControlType.ABORT;
    const marker = { type, producerId, producerEpoch, transactionVersion: clientTransactionVersion };
    return { type: 'write-markers', marker, partitions };
  }

  /** The markers that could be written are; those of `left` are tried again. */
  markersWritten(left: TransactionPartitions, nowMs: number): Effect[] {
    assert.ok(isPrepared(this.#metadata.state), this.#metadata.state);
    if (left.size === 0) {
      this.#retryMs = MARKER_RETRY_MS;
      return [this.#become(completed(this.#metadata, nowMs))];
    }
    this.#metadata = { ...this.#metadata, partitions: left };
    const afterMs = this.#retryMs;
    this.#retryMs = Math.min(2 * afterMs, MARKER_RETRY_MAX_MS);
    return [{ type: 'timer', key: MARKERS, afterMs }];
  }

  timer(_key: string): Effect[] {
    return isPrepared(this.#metadata.state) ? [this.#writeMarkers()] : [];
  }

  /** After the last record was replayed: a decided end is carried out, whatever of it was written before. */
  loaded(): Effect[] {
    return isPrepared(this.#metadata.state) ? [this.#writeMarkers()] : [];
  }

  /** Nobody has used it for so long that it may be forgotten. */
  isExpired(expirationMs: number, nowMs: number): boolean {
    const { state, lastUpdateTimestampMs } = this.#metadata;
    return isIdle(state) && lastUpdateTimestampMs <= nowMs - expirationMs;
  }

  #become(next: TransactionMetadata): Effect {
    if (isIdle(this.#metadata.state)) this.#openSinceMs = next.startTimestampMs;
    this.#metadata = next;
    return { type: 'append', records: [this.#record(next)] };
  }

  #record(metadata: TransactionMetadata) {
    return encodeTransaction(this.transactionalId, metadata, this.#rules.transactionVersion());
  }
}

const NOBODY: ProducerClaim = { producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };

function refuse(to: Reply<InitAnswer>, errorCode: ErrorCode): Effect {
  return { type: 'reply', to, response: { errorCode, ...NOBODY } };
}
