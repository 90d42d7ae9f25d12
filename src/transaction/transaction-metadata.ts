// What is known of a transactional id, and how it changes: each function makes the next state of affairs from the one before
// and leaves that one as it is. Source: TransactionMetadata of Kafka 4.3; KIP-98, KIP-360, KIP-890.
//
// Invariants: the epoch only rises while the producer id stays; 32767 is never given to a client, so that its producer
// can always be fenced; partitions only join while the transaction is open.
import assert from 'node:assert/strict';
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../records/record-batch.ts';
import { isIdle, isPrepared, TransactionState } from './transaction-state.ts';

/** Topic → partitions. */
export type TransactionPartitions = ReadonlyMap<string, ReadonlySet<number>>;

export interface TransactionMetadata {
  readonly producerId: number;
  /** As it was before the last change; −1 at first. */
  readonly previousProducerId: number;
  /** With which the producer goes on after the end that is being written; −1: with the same. */
  readonly nextProducerId: number;
  readonly producerEpoch: number;
  /** What a producer may still believe that missed an answer; −1: nothing. Not in records. */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly state: TransactionState;
  /** Of a prepared transaction: those whose marker is not written yet. */
  readonly partitions: TransactionPartitions;
  /** −1 before the first partition is added. */
  readonly startTimestampMs: number;
  readonly lastUpdateTimestampMs: number;
  /** The `transaction.version` with which the client, or the coordinator, made the last change. */
  readonly clientTransactionVersion: number;
}

export const NO_PARTITIONS: TransactionPartitions = new Map();
const NO_TIMESTAMP = -1;
const EPOCH_MAX = 0x7fff;
/** The transaction has no timeout: an external coordinator ends it. */
const NO_TIMEOUT_MS = 0x7fff_ffff;
/** From this level on, each end of a transaction raises the epoch. */
const FIRST_VERSION_WITH_EPOCH_BUMP = 2;

export function bumpsEpoch(transactionVersion: number): boolean {
  return transactionVersion >= FIRST_VERSION_WITH_EPOCH_BUMP;
}

/** No client may have a higher epoch: the next is for fencing it. */
export function isExhausted(producerEpoch: number): boolean {
  return producerEpoch >= EPOCH_MAX - 1;
}

/** The last epoch a client may have. */
export const LAST_CLIENT_EPOCH = EPOCH_MAX - 1;

/** Of an id that nobody has used; the first InitProducerId raises the epoch to 0. */
export function newMetadata(producerId: number, timeoutMs: number, nowMs: number): TransactionMetadata {
  return {
    producerId,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: NO_PRODUCER_ID,
    producerEpoch: NO_PRODUCER_EPOCH,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs,
    state: TransactionState.EMPTY,
    partitions: NO_PARTITIONS,
    startTimestampMs: NO_TIMESTAMP,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion: 0,
  };
}

/**
 * InitProducerId: the next epoch, by which every earlier producer is fenced. A producer that tells its epoch (KIP-360) goes on
 * only from the newest one, or from the one before when it missed the answer, and then gets the newest as it is. Undefined:
 * it has been fenced itself.
 */
export function withNextEpoch(
  before: TransactionMetadata,
  timeoutMs: number,
  expectedEpoch: number | undefined,
  nowMs: number,
): TransactionMetadata | undefined {
  const { producerEpoch, lastProducerEpoch } = before;
  const begin = { timeoutMs, nowMs };
  if (expectedEpoch === undefined) {
    return begun(before, { ...begin, producerEpoch: producerEpoch + 1, lastProducerEpoch: NO_PRODUCER_EPOCH });
  }
  if (producerEpoch === NO_PRODUCER_EPOCH || expectedEpoch === producerEpoch) {
    return begun(before, { ...begin, producerEpoch: producerEpoch + 1, lastProducerEpoch: producerEpoch });
  }
  return expectedEpoch === lastProducerEpoch
    ? begun(before, { ...begin, producerEpoch, lastProducerEpoch })
    : undefined;
}

/** InitProducerId when the epochs of the producer id are used up. */
export function withNewProducerId(
  before: TransactionMetadata,
  producerId: number,
  timeoutMs: number,
  wasExpected: boolean,
  nowMs: number,
): TransactionMetadata {
  const lastProducerEpoch = wasExpected ? before.producerEpoch : NO_PRODUCER_EPOCH;
  return begun(before, { producerId, producerEpoch: 0, lastProducerEpoch, timeoutMs, nowMs });
}

function begun(
  before: TransactionMetadata,
  change: Pick<TransactionMetadata, 'producerEpoch' | 'lastProducerEpoch' | 'timeoutMs'> & {
    readonly producerId?: number;
    readonly nowMs: number;
  },
): TransactionMetadata {
  assert.ok(isIdle(before.state), before.state);
  assert.ok(change.producerEpoch >= 0 && change.producerEpoch < EPOCH_MAX, `epoch ${change.producerEpoch}`);
  return {
    ...before,
    producerId: change.producerId ?? before.producerId,
    previousProducerId: before.producerId,
    producerEpoch: change.producerEpoch,
    lastProducerEpoch: change.lastProducerEpoch,
    timeoutMs: change.timeoutMs,
    state: TransactionState.EMPTY,
    partitions: NO_PARTITIONS,
    startTimestampMs: NO_TIMESTAMP,
    lastUpdateTimestampMs: change.nowMs,
  };
}

/** The transaction begins, or has more partitions. */
export function withPartitions(
  before: TransactionMetadata,
  added: TransactionPartitions,
  clientTransactionVersion: number,
  nowMs: number,
): TransactionMetadata {
  assert.ok(isIdle(before.state) || before.state === TransactionState.ONGOING, before.state);
  const partitions = new Map(before.partitions);
  for (const [topic, indexes] of added) partitions.set(topic, new Set([...(partitions.get(topic) ?? []), ...indexes]));
  return {
    ...before,
    previousProducerId: before.producerId,
    state: TransactionState.ONGOING,
    partitions,
    startTimestampMs: isIdle(before.state) ? nowMs : before.startTimestampMs,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion,
  };
}

/**
 * The end is decided. With version 2 the epoch of the markers, and of what follows, is one higher; what the producer is given
 * when that uses up the epochs is `nextProducerId`. An idle producer may abort "in case": its transaction begins now.
 */
export function prepared(
  before: TransactionMetadata,
  end: {
    readonly committed: boolean;
    readonly clientTransactionVersion: number;
    readonly nextProducerId: number | undefined;
    /** Given when a producer is fenced under version 0 or 1, where ends do not raise it. */
    readonly fencedEpoch?: number;
    readonly nowMs: number;
  },
): TransactionMetadata {
  const { committed, clientTransactionVersion, nextProducerId, fencedEpoch, nowMs } = end;
  const isAbortOfNothing = isIdle(before.state) && !committed && bumpsEpoch(clientTransactionVersion);
  assert.ok(before.state === TransactionState.ONGOING || isAbortOfNothing, before.state);
  const producerEpoch = bumpsEpoch(clientTransactionVersion)
    ? Math.min(before.producerEpoch + 1, EPOCH_MAX)
    : (fencedEpoch ?? before.producerEpoch);
  const isFence = fencedEpoch !== undefined;
  const lastIfSame = isFence ? NO_PRODUCER_EPOCH : before.lastProducerEpoch;
  return {
    ...before,
    previousProducerId: before.producerId,
    nextProducerId: nextProducerId ?? NO_PRODUCER_ID,
    producerEpoch,
    lastProducerEpoch: bumpsEpoch(clientTransactionVersion) ? before.producerEpoch : lastIfSame,
    state: committed ? TransactionState.PREPARE_COMMIT : TransactionState.PREPARE_ABORT,
    startTimestampMs: isIdle(before.state) ? nowMs : before.startTimestampMs,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion,
  };
}

/** For fencing under version 0 or 1. */
export function fencedEpoch({ producerEpoch }: TransactionMetadata): number {
  return Math.min(producerEpoch + 1, EPOCH_MAX);
}

/** Every marker is written. */
export function completed(before: TransactionMetadata, nowMs: number): TransactionMetadata {
  assert.ok(isPrepared(before.state), before.state);
  const rotates = bumpsEpoch(before.clientTransactionVersion) && before.nextProducerId !== NO_PRODUCER_ID;
  return {
    ...before,
    producerId: rotates ? before.nextProducerId : before.producerId,
    previousProducerId: before.producerId,
    nextProducerId: NO_PRODUCER_ID,
    producerEpoch: rotates ? 0 : before.producerEpoch,
    state:
      before.state === TransactionState.PREPARE_COMMIT
        ? TransactionState.COMPLETE_COMMIT
        : TransactionState.COMPLETE_ABORT,
    partitions: NO_PARTITIONS,
    lastUpdateTimestampMs: nowMs,
  };
}

/** Whether a transaction has been open for longer than its producer allowed. */
export function isTimedOut({ state, timeoutMs }: TransactionMetadata, openSinceMs: number, nowMs: number): boolean {
  return state === TransactionState.ONGOING && timeoutMs !== NO_TIMEOUT_MS && openSinceMs + timeoutMs < nowMs;
}

export function partitionCount(partitions: TransactionPartitions): number {
  let count = 0;
  for (const indexes of partitions.values()) count += indexes.size;
  return count;
}

export function hasAll(partitions: TransactionPartitions, wanted: TransactionPartitions): boolean {
  for (const [topic, indexes] of wanted) {
    const known = partitions.get(topic);
    for (const index of indexes) if (known?.has(index) !== true) return false;
  }
  return true;
}
