// Records on their way to one partition: filled while the batch is open, sent as one record batch, told about together.
// Owned by the Producer. Invariant: once it has been sent, its records, their order and its sequence number do not change.
import { buildBatch, type RecordToBuild } from '../records/build-batch.ts';
import type { Compression } from '../records/compression-type.ts';
import { BATCH_HEADER_BYTES } from '../records/record-batch.ts';
import type { ClientError } from './client-error.ts';

export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  /** −1 when the broker did not say (acks=0, or a duplicate that it no longer knows). */
  readonly offset: number;
  /** As stored: the record's own, or the broker's with `message.timestamp.type=LogAppendTime`. */
  readonly timestampMs: number;
}

export type OnDelivery = (error: ClientError | undefined, delivery: Delivery | undefined) => void;

/** At most: length, attributes, timestamp delta, offset delta, key and value length, header count. */
const RECORD_OVERHEAD_BYTES = 5 + 1 + 10 + 5 + 5 + 5 + 5;

export class ProduceBatch {
  readonly records: RecordToBuild[] = [];
  readonly callbacks: (OnDelivery | undefined)[] = [];
  readonly createdAtMs: number;
  /** An upper bound of the uncompressed batch. */
  sizeBytes = BATCH_HEADER_BYTES;
  producerId = -1;
  producerEpoch = -1;
  /** −1 until assigned. */
  baseSequence = -1;
  wasSent = false;
  #encoded: Buffer | undefined;

  constructor(createdAtMs: number) {
    this.createdAtMs = createdAtMs;
  }

  add(record: RecordToBuild, sizeBytes: number, onDelivery: OnDelivery | undefined): void {
    this.records.push(record);
    this.callbacks.push(onDelivery);
    this.sizeBytes += sizeBytes;
  }

  encode(compression: Compression, isTransactional = false): Buffer {
    this.#encoded ??= buildBatch({
      records: this.records,
      compression,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      baseSequence: this.baseSequence,
      isTransactional,
    });
    return this.#encoded;
  }

  assignSequence(producerId: number, producerEpoch: number, baseSequence: number): void {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.baseSequence = baseSequence;
    this.#encoded = undefined;
  }

  /** Two batches of half the records, for a broker that finds this one too large. */
  split(): [ProduceBatch, ProduceBatch] {
    const middle = this.records.length >> 1;
    const halves: [ProduceBatch, ProduceBatch] = [
      new ProduceBatch(this.createdAtMs),
      new ProduceBatch(this.createdAtMs),
    ];
    this.records.forEach((record, index) => {
      halves[index < middle ? 0 : 1].add(record, recordBytesMax(record), this.callbacks[index]);
    });
    return halves;
  }

  delivered(topic: string, partition: number, baseOffset: number, logAppendTimeMs: number): void {
    for (let index = 0; index < this.records.length; index++) {
      this.callbacks[index]?.(undefined, {
        topic,
        partition,
        offset: baseOffset < 0 ? -1 : baseOffset + index,
        timestampMs: logAppendTimeMs >= 0 ? logAppendTimeMs : (this.records[index]!.timestampMs ?? -1),
      });
    }
  }

  failed(error: ClientError): void {
    for (const callback of this.callbacks) {
      callback?.(error, undefined);
    }
  }
}

export function recordBytesMax(record: RecordToBuild): number {
  let bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers ?? []) {
    bytes += 10 + 3 * header.key.length + (header.value?.length ?? 0);
  }
  return bytes;
}
