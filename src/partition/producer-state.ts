// Producers of one partition: for each producer id its epoch and its last five batches, by which a repeated batch is
// recognised and a gap is refused, and where its open transaction begins. Owned by a Partition, changed at append and at
// replay. What it says of a batch is provisional until that batch is committed: Partition answers a duplicate only then.
// Invariant: a producer with an open transaction is never forgotten.
// Source of the rules: Kafka's ProducerAppendInfo, ProducerStateEntry, ProducerStateManager (KIP-98, KIP-360, KIP-890).
import { ErrorCode } from '../protocol/error-code.ts';
import { readInt64, writeInt64 } from '../records/int64.ts';
import { NO_PRODUCER_EPOCH, NO_SEQUENCE, NO_TIMESTAMP } from '../records/record-batch.ts';
import type { EndMarker } from './end-marker.ts';
import { type Transaction, UnstableTransactions } from './unstable-transactions.ts';

/** Kafka's window: clients keep at most five requests in flight. */
export const BATCHES_KEPT_MAX = 5;

/**
 * Above this, the producers that were idle longest are forgotten, as if they had expired; when all of them have a
 * transaction open, no other producer is taken.
 */
export const PRODUCERS_MAX = 100_000;

const SEQUENCE_MAX = 0x7fff_ffff;
const EPOCH_MAX = 0x7fff;
const NO_COORDINATOR_EPOCH = -1;
/** The first version in which transactions raise the epoch at their end. */
const TRANSACTIONS_V2 = 2;
/** By version of the layout. */
const PRODUCER_BYTES = { 1: 8 + 2 + 8 + 1, 2: 8 + 2 + 4 + 8 + 8 + 8 + 1 } as const;
const BATCH_BYTES = 4 + 4 + 8 + 8;

/** A batch as a producer sent it. */
export interface ProducerBatch {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly isTransactional: boolean;
}

/** What ended a transaction, as the log holds it. */
export interface AppendedMarker {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly offset: number;
  readonly timestampMs: number;
}

/** As DescribeProducers tells. */
export interface ProducerDescription {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** −1: none since the epoch began. */
  readonly lastSequence: number;
  /** Of the records, not of the wall clock. */
  readonly lastTimestampMs: number;
  /** −1: none has ended a transaction here. */
  readonly coordinatorEpoch: number;
  /** −1: no transaction is open. */
  readonly currentTxnStartOffset: number;
}

/** A batch as it was appended. Reused by the next appends of its producer: read it before the next append. */
export interface AppendedBatch {
  readonly lastSequence: number;
  readonly offsetDelta: number;
  readonly lastOffset: number;
  readonly timestampMs: number;
}

interface Slot {
  lastSequence: number;
  offsetDelta: number;
  lastOffset: number;
  timestampMs: number;
}

interface Producer {
  epoch: number;
  /** Of the coordinator that ended its last transaction. */
  coordinatorEpoch: number;
  /** Wall clock of the last append. */
  lastActiveMs: number;
  /** Of the newest batch or marker. */
  lastTimestampMs: number;
  transaction: Transaction | undefined;
  /** A ring: `count` slots are in use, `newest` is the last written. */
  readonly slots: Slot[];
  newest: number;
}

/** Of the many partitions that have none. */
const NO_PRODUCERS = new Map<number, Producer>();

export class ProducerState {
  readonly transactions = new UnstableTransactions();
  #producers: Map<number, Producer> = NO_PRODUCERS;
  readonly #producersMax: number;

  constructor(producersMax: number = PRODUCERS_MAX) {
    this.#producersMax = producersMax;
  }

  get size(): number {
    return this.#producers.size;
  }

  /** −1 of a producer that is not known. */
  epochOf(producerId: number): number {
    return this.#producers.get(producerId)?.epoch ?? NO_PRODUCER_EPOCH;
  }

  /** Whether it appended anything in its newest epoch. */
  hasBatches(producerId: number): boolean {
    return (this.#producers.get(producerId)?.slots.length ?? 0) > 0;
  }

  /** In a newer epoch the transaction may have ended: then the coordinator has to be asked. */
  hasOngoingTransaction(producerId: number, producerEpoch: number): boolean {
    const producer = this.#producers.get(producerId);
    return producer?.transaction !== undefined && producer.epoch === producerEpoch;
  }

  /** False when the producer is new and nobody can be forgotten for it. */
  hasRoomFor(producerId: number): boolean {
    const { size } = this.#producers;
    return size < this.#producersMax || this.transactions.openCount < size || this.#producers.has(producerId);
  }

  *describe(): Generator<ProducerDescription> {
    for (const [producerId, producer] of this.#producers) {
      yield {
        producerId,
        producerEpoch: producer.epoch,
        lastSequence: lastSequenceOf(producer),
        lastTimestampMs: producer.lastTimestampMs,
        coordinatorEpoch: producer.coordinatorEpoch,
        currentTxnStartOffset: producer.transaction?.firstOffset ?? -1,
      };
    }
  }

  /** For compaction: the last batch of each producer, or −1 where it has appended markers only. */
  lastRecords(): Map<number, { readonly lastDataOffset: number; readonly producerEpoch: number }> {
    const last = new Map<number, { lastDataOffset: number; producerEpoch: number }>();
    for (const [producerId, producer] of this.#producers) {
      const lastDataOffset = producer.slots[producer.newest]?.lastOffset ?? -1;
      last.set(producerId, { lastDataOffset, producerEpoch: producer.epoch });
    }
    return last;
  }

  /** The same sequence range in the same epoch among the last five batches. */
  findDuplicate(batch: ProducerBatch): AppendedBatch | undefined {
    const producer = this.#producers.get(batch.producerId);
    if (producer === undefined || producer.epoch !== batch.producerEpoch) return undefined;
    for (const slot of producer.slots) {
      if (slot.lastSequence === batch.lastSequence && baseSequenceOf(slot) === batch.baseSequence) return slot;
    }
    return undefined;
  }

  /**
   * Whether the batch may be appended next. A producer that is unknown (new, expired, or its records were deleted)
   * may begin with any sequence, in any epoch from −1 (none) on. Coordinators write without sequences: only their epoch counts.
   */
  check(batch: ProducerBatch, checkSequence: boolean): ErrorCode {
    const producer = this.#producers.get(batch.producerId);
    const error = checkOrder(producer, batch, checkSequence);
    if (error !== ErrorCode.NONE) return error;
    // What is not of the transaction must not be taken for a part of it.
    if (producer?.transaction !== undefined && !batch.isTransactional) return ErrorCode.INVALID_TXN_STATE;
    return this.hasRoomFor(batch.producerId) ? ErrorCode.NONE : ErrorCode.THROTTLING_QUOTA_EXCEEDED;
  }

  /**
   * Whether the marker may be appended. Since transactions version 2 its epoch is above that of the records, so that a
   * marker that comes late cannot end a later transaction; the same marker again, when nothing is open, does no harm.
   */
  checkMarker(marker: EndMarker): ErrorCode {
    const producer = this.#producers.get(marker.producerId);
    if (producer === undefined) return ErrorCode.NONE;
    const { epoch, transaction } = producer;
    const isV2 = marker.transactionVersion >= TRANSACTIONS_V2;
    const isRepeated = marker.producerEpoch === epoch && (transaction === undefined || epoch === EPOCH_MAX);
    const isLate = isV2 ? marker.producerEpoch <= epoch && !isRepeated : marker.producerEpoch < epoch;
    if (isLate) return ErrorCode.INVALID_PRODUCER_EPOCH;
    return producer.coordinatorEpoch > marker.coordinatorEpoch
      ? ErrorCode.TRANSACTION_COORDINATOR_FENCED
      : ErrorCode.NONE;
  }

  /**
   * Remembers an appended batch; checks nothing (replay trusts the log). `bytesBefore` counts what the partition appended
   * before it.
   */
  record(
    batch: ProducerBatch,
    baseOffset: number,
    lastOffset: number,
    timestampMs: number,
    nowMs: number,
    bytesBefore = 0,
  ): void {
    const producer = this.#producerFor(batch.producerId);
    producer.lastActiveMs = nowMs;
    producer.lastTimestampMs = timestampMs;
    moveToEpoch(producer, batch.producerEpoch);
    if (batch.isTransactional && producer.transaction === undefined) {
      producer.transaction = this.transactions.begin(batch.producerId, baseOffset, bytesBefore);
    }
    producer.newest = (producer.newest + 1) % BATCHES_KEPT_MAX;
    const slot = producer.slots[producer.newest];
    const offsetDelta = lastOffset - baseOffset;
    if (slot === undefined) {
      producer.slots.push({ lastSequence: batch.lastSequence, offsetDelta, lastOffset, timestampMs });
    } else {
      slot.lastSequence = batch.lastSequence;
      slot.offsetDelta = offsetDelta;
      slot.lastOffset = lastOffset;
      slot.timestampMs = timestampMs;
    }
  }

  /** Remembers an appended marker, and returns the transaction that it ended, if one was open. */
  recordMarker(marker: AppendedMarker, nowMs: number): Transaction | undefined {
    // A marker is never refused for want of room: it opens nothing, and with it others may end.
    if (!this.hasRoomFor(marker.producerId)) return undefined;
    const producer = this.#producerFor(marker.producerId);
    producer.lastActiveMs = nowMs;
    producer.lastTimestampMs = marker.timestampMs;
    moveToEpoch(producer, marker.producerEpoch);
    producer.coordinatorEpoch = marker.coordinatorEpoch;
    const { transaction } = producer;
    if (transaction === undefined) return undefined;
    producer.transaction = undefined;
    this.transactions.end(transaction, marker.offset);
    return transaction;
  }

  /** Forgets producers that have appended nothing for `expirationMs`. */
  removeExpired(nowMs: number, expirationMs: number): void {
    for (const [id, producer] of this.#producers) {
      const isIdle = nowMs - producer.lastActiveMs >= expirationMs;
      if (isIdle && producer.transaction === undefined) this.#producers.delete(id);
    }
  }

  #producerFor(id: number): Producer {
    const known = this.#producers.get(id);
    if (known !== undefined) return known;
    if (this.#producers.size >= this.#producersMax) this.#forgetIdle();
    const producer: Producer = {
      epoch: NO_PRODUCER_EPOCH,
      coordinatorEpoch: NO_COORDINATOR_EPOCH,
      lastActiveMs: 0,
      lastTimestampMs: NO_TIMESTAMP,
      transaction: undefined,
      slots: [],
      newest: -1,
    };
    this.#remember(id, producer);
    return producer;
  }

  #remember(id: number, producer: Producer): void {
    if (this.#producers === NO_PRODUCERS) this.#producers = new Map();
    this.#producers.set(id, producer);
  }

  /** Makes room for a tenth more at once, so that the sort is paid rarely. */
  #forgetIdle(): void {
    const idle = [...this.#producers].filter(([, producer]) => producer.transaction === undefined);
    const byActivity = idle.sort((a, b) => a[1].lastActiveMs - b[1].lastActiveMs);
    const count = Math.max(1, Math.floor(this.#producersMax / 10));
    for (const [id] of byActivity.slice(0, count)) this.#producers.delete(id);
  }

  get encodedBytes(): number {
    let bytes = 4;
    for (const producer of this.#producers.values()) bytes += PRODUCER_BYTES[2] + producer.slots.length * BATCH_BYTES;
    return bytes;
  }

  /**
   * Layout: count int32; each producer: id int64, epoch int16, coordinator epoch int32, last active ms int64, last
   * timestamp ms int64, first offset of the open transaction int64 (−1: none), batches int8, then oldest first: last
   * sequence int32, offset delta int32, last offset int64, timestamp int64. Returns the position after.
   * Version 1 had neither coordinator epoch nor last timestamp nor transaction.
   */
  encode(into: Buffer, position: number): number {
    let at = into.writeInt32BE(this.#producers.size, position);
    for (const [id, producer] of this.#producers) {
      writeInt64(into, id, at);
      into.writeInt16BE(producer.epoch, at + 8);
      into.writeInt32BE(producer.coordinatorEpoch, at + 10);
      writeInt64(into, producer.lastActiveMs, at + 14);
      writeInt64(into, producer.lastTimestampMs, at + 22);
      writeInt64(into, producer.transaction?.firstOffset ?? -1, at + 30);
      at = into.writeInt8(producer.slots.length, at + 38);
      for (let age = producer.slots.length; age > 0; age--) {
        const slot = producer.slots[(producer.newest + 1 - age + BATCHES_KEPT_MAX) % BATCHES_KEPT_MAX]!;
        at = into.writeInt32BE(slot.lastSequence, at);
        at = into.writeInt32BE(slot.offsetDelta, at);
        writeInt64(into, slot.lastOffset, at);
        writeInt64(into, slot.timestampMs, at + 8);
        at += 16;
      }
    }
    return at;
  }

  /** Into a state that nothing was recorded in yet. */
  decode(from: Buffer, position: number, version: 1 | 2 = 2): number {
    const count = from.readInt32BE(position);
    const open: { readonly producer: Producer; readonly id: number; readonly firstOffset: number }[] = [];
    let at = position + 4;
    for (let index = 0; index < count; index++) {
      const id = readInt64(from, at);
      const producer = version === 1 ? decodeFirstVersion(from, at) : decodeProducer(from, at);
      const firstOffset = version === 1 ? -1 : readInt64(from, at + 30);
      if (firstOffset >= 0) open.push({ producer, id, firstOffset });
      at += PRODUCER_BYTES[version];
      for (let slot = 0; slot <= producer.newest; slot++) {
        producer.slots.push({
          lastSequence: from.readInt32BE(at),
          offsetDelta: from.readInt32BE(at + 4),
          lastOffset: readInt64(from, at + 8),
          timestampMs: readInt64(from, at + 16),
        });
        at += BATCH_BYTES;
      }
      if (version === 1) producer.lastTimestampMs = producer.slots[producer.newest]?.timestampMs ?? NO_TIMESTAMP;
      this.#remember(id, producer);
    }
    open.sort((a, b) => a.firstOffset - b.firstOffset);
    for (const { producer, id, firstOffset } of open) {
      producer.transaction = this.transactions.begin(id, firstOffset, 0);
    }
    return at;
  }
}

function decodeProducer(from: Buffer, at: number): Producer {
  return {
    epoch: from.readInt16BE(at + 8),
    coordinatorEpoch: from.readInt32BE(at + 10),
    lastActiveMs: readInt64(from, at + 14),
    lastTimestampMs: readInt64(from, at + 22),
    transaction: undefined,
    slots: [],
    newest: from.readInt8(at + 38) - 1,
  };
}

function decodeFirstVersion(from: Buffer, at: number): Producer {
  return {
    epoch: from.readInt16BE(at + 8),
    coordinatorEpoch: NO_COORDINATOR_EPOCH,
    lastActiveMs: readInt64(from, at + 10),
    lastTimestampMs: NO_TIMESTAMP,
    transaction: undefined,
    slots: [],
    newest: from.readInt8(at + 18) - 1,
  };
}

/** The rules of epochs and sequences alone. */
function checkOrder(producer: Producer | undefined, batch: ProducerBatch, checkSequence: boolean): ErrorCode {
  const epoch = producer?.epoch ?? NO_PRODUCER_EPOCH;
  if (batch.producerEpoch < epoch) return ErrorCode.INVALID_PRODUCER_EPOCH;
  if (producer === undefined || !checkSequence) return ErrorCode.NONE;
  if (batch.producerEpoch !== epoch) {
    return batch.baseSequence === 0 || epoch === NO_PRODUCER_EPOCH
      ? ErrorCode.NONE
      : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
  }
  if (epoch === NO_PRODUCER_EPOCH) return ErrorCode.NONE;
  return isNext(lastSequenceOf(producer), batch.baseSequence) ? ErrorCode.NONE : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
}

/** The batches of an older epoch say nothing about those of a newer one. */
function moveToEpoch(producer: Producer, epoch: number): void {
  if (producer.epoch === epoch) return;
  producer.epoch = epoch;
  producer.slots.length = 0;
  producer.newest = -1;
}

function lastSequenceOf(producer: Producer): number {
  return producer.slots[producer.newest]?.lastSequence ?? NO_SEQUENCE;
}

/** Sequences wrap from 2^31 − 1 to 0. */
function baseSequenceOf(slot: Slot): number {
  const base = slot.lastSequence - slot.offsetDelta;
  return base < 0 && slot.lastSequence >= 0 ? base + SEQUENCE_MAX + 1 : base;
}

function isNext(lastSequence: number, nextSequence: number): boolean {
  return nextSequence === lastSequence + 1 || (nextSequence === 0 && lastSequence === SEQUENCE_MAX);
}
