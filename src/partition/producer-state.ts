// Idempotent producers of one partition: for each producer id its epoch and its last five batches, by which a repeated
// batch is recognised and a gap is refused. Owned by a Partition, changed at append and at replay. What it says of a
// batch is provisional until that batch is committed: Partition answers a duplicate only then.
// Source of the rules: Kafka's ProducerAppendInfo, ProducerStateEntry, ProducerStateManager (KIP-98, KIP-360).
import { ErrorCode } from '../protocol/error-code.ts';
import { readInt64, writeInt64 } from '../records/int64.ts';
import { NO_PRODUCER_EPOCH, NO_SEQUENCE } from '../records/record-batch.ts';

/** Kafka's window: clients keep at most five requests in flight. */
export const BATCHES_KEPT_MAX = 5;

/** Above this, the producers that were idle longest are forgotten, as if they had expired. */
export const PRODUCERS_MAX = 100_000;

const SEQUENCE_MAX = 0x7fff_ffff;
const PRODUCER_BYTES = 8 + 2 + 8 + 1;
const BATCH_BYTES = 4 + 4 + 8 + 8;

/** A batch as a producer sent it. */
export interface ProducerBatch {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
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
  /** Wall clock of the last append; after a restart, the greatest timestamp of its last batch. */
  lastActiveMs: number;
  /** A ring: `count` slots are in use, `newest` is the last written. */
  readonly slots: Slot[];
  newest: number;
}

export class ProducerState {
  readonly #producers = new Map<number, Producer>();
  readonly #producersMax: number;

  constructor(producersMax: number = PRODUCERS_MAX) {
    this.#producersMax = producersMax;
  }

  get size(): number {
    return this.#producers.size;
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
    const epoch = producer?.epoch ?? NO_PRODUCER_EPOCH;
    if (batch.producerEpoch < epoch) return ErrorCode.INVALID_PRODUCER_EPOCH;
    if (producer === undefined || !checkSequence) return ErrorCode.NONE;
    if (batch.producerEpoch !== producer.epoch) {
      return batch.baseSequence === 0 ? ErrorCode.NONE : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    if (epoch === NO_PRODUCER_EPOCH) return ErrorCode.NONE;
    return isNext(producer.slots[producer.newest]?.lastSequence ?? NO_SEQUENCE, batch.baseSequence)
      ? ErrorCode.NONE
      : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
  }

  /** Remembers an appended batch; checks nothing (replay trusts the log). */
  record(batch: ProducerBatch, baseOffset: number, lastOffset: number, timestampMs: number, nowMs: number): void {
    const producer = this.#producerFor(batch.producerId);
    producer.lastActiveMs = nowMs;
    if (producer.epoch !== batch.producerEpoch) {
      producer.epoch = batch.producerEpoch;
      producer.slots.length = 0;
      producer.newest = -1;
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

  /** Forgets producers that have appended nothing for `expirationMs`. */
  removeExpired(nowMs: number, expirationMs: number): void {
    for (const [id, producer] of this.#producers) {
      if (nowMs - producer.lastActiveMs >= expirationMs) this.#producers.delete(id);
    }
  }

  #producerFor(id: number): Producer {
    const known = this.#producers.get(id);
    if (known !== undefined) return known;
    if (this.#producers.size >= this.#producersMax) this.#forgetIdle();
    const producer: Producer = { epoch: NO_PRODUCER_EPOCH, lastActiveMs: 0, slots: [], newest: -1 };
    this.#producers.set(id, producer);
    return producer;
  }

  /** Makes room for a tenth more at once, so that the sort is paid rarely. */
  #forgetIdle(): void {
    const byActivity = [...this.#producers].sort((a, b) => a[1].lastActiveMs - b[1].lastActiveMs);
    const count = Math.max(1, Math.floor(this.#producersMax / 10));
    for (const [id] of byActivity.slice(0, count)) this.#producers.delete(id);
  }

  get encodedBytes(): number {
    let bytes = 4;
    for (const producer of this.#producers.values()) bytes += PRODUCER_BYTES + producer.slots.length * BATCH_BYTES;
    return bytes;
  }

  /**
   * Layout: count int32; each producer: id int64, epoch int16, last active ms int64, batches int8, then oldest first:
   * last sequence int32, offset delta int32, last offset int64, timestamp int64. Returns the position after.
   */
  encode(into: Buffer, position: number): number {
    let at = into.writeInt32BE(this.#producers.size, position);
    for (const [id, producer] of this.#producers) {
      writeInt64(into, id, at);
      into.writeInt16BE(producer.epoch, at + 8);
      writeInt64(into, producer.lastActiveMs, at + 10);
      at = into.writeInt8(producer.slots.length, at + 18);
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

  decode(from: Buffer, position: number): number {
    this.#producers.clear();
    const count = from.readInt32BE(position);
    let at = position + 4;
    for (let index = 0; index < count; index++) {
      const id = readInt64(from, at);
      const slots: Slot[] = [];
      const producer: Producer = {
        epoch: from.readInt16BE(at + 8),
        lastActiveMs: readInt64(from, at + 10),
        slots,
        newest: from.readInt8(at + 18) - 1,
      };
      at += PRODUCER_BYTES;
      for (let slot = 0; slot <= producer.newest; slot++) {
        slots.push({
          lastSequence: from.readInt32BE(at),
          offsetDelta: from.readInt32BE(at + 4),
          lastOffset: readInt64(from, at + 8),
          timestampMs: readInt64(from, at + 16),
        });
        at += BATCH_BYTES;
      }
      this.#producers.set(id, producer);
    }
    return at;
  }
}

/** Sequences wrap from 2^31 − 1 to 0. */
function baseSequenceOf(slot: Slot): number {
  const base = slot.lastSequence - slot.offsetDelta;
  return base < 0 && slot.lastSequence >= 0 ? base + SEQUENCE_MAX + 1 : base;
}

function isNext(lastSequence: number, nextSequence: number): boolean {
  return nextSequence === lastSequence + 1 || (nextSequence === 0 && lastSequence === SEQUENCE_MAX);
}
