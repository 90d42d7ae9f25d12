// The batch that `ottla check --repair` puts in the place of what is lost, byte for byte as long: a control batch of a type that
// no client knows, which every client passes over. So offsets stay dense, and no position in any other file changes.
import { ControlType, controlKey } from '../../records/control-batch.ts';
import {
  ATTRIBUTES_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  CONTROL_BIT,
  LAST_OFFSET_DELTA_AT,
  LENGTH_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  setBaseOffset,
  setPartitionLeaderEpoch,
  updateCrc,
} from '../../records/record-batch.ts';
import { varintBytes, writeVarint } from '../../records/varint.ts';

/** Record types of brokers that are newer than every client. */
const LOST_TYPE = 0x7fff;

export interface LostRange {
  readonly baseOffset: number;
  /** One past the last. */
  readonly endOffset: number;
  readonly leaderEpoch: number;
}

/** Undefined where no batch has so few bytes. */
export function lostBatch(bytes: number, { baseOffset, endOffset, leaderEpoch }: LostRange): Buffer | undefined {
  if (bytes < BATCH_HEADER_BYTES || endOffset <= baseOffset) return undefined;
  const batch = Buffer.alloc(bytes);
  batch.writeInt32BE(bytes - LOG_OVERHEAD_BYTES, LENGTH_AT);
  batch[MAGIC_AT] = MAGIC;
  batch.writeInt16BE(CONTROL_BIT, ATTRIBUTES_AT);
  batch.writeInt32BE(endOffset - baseOffset - 1, LAST_OFFSET_DELTA_AT);
  batch.fill(0xff, BASE_TIMESTAMP_AT, MAX_TIMESTAMP_AT + 8);
  batch.fill(0xff, PRODUCER_ID_AT, PRODUCER_ID_AT + 8);
  batch.writeInt16BE(-1, PRODUCER_EPOCH_AT);
  batch.writeInt32BE(-1, BASE_SEQUENCE_AT);
  // Where one record does not come out at that length there is none, and what follows the header is nothing.
  batch.writeInt32BE(writeRecord(batch, bytes - BATCH_HEADER_BYTES) ? 1 : 0, RECORD_COUNT_AT);
  setBaseOffset(batch, 0, baseOffset);
  setPartitionLeaderEpoch(batch, 0, leaderEpoch);
  updateCrc(batch, 0);
  return batch;
}

/** One record of exactly so many bytes behind the header, its value zeros. */
function writeRecord(batch: Buffer, bytes: number): boolean {
  const key = controlKey(ControlType.ABORT);
  key.writeInt16BE(LOST_TYPE, 2);
  // Attributes, two deltas, the key with its length, and no headers.
  const fixedBytes = 3 + 1 + key.length + 1;
  for (let value = Math.max(0, bytes - fixedBytes - 10); value <= bytes - fixedBytes; value++) {
    const body = fixedBytes + varintBytes(value) + value;
    if (varintBytes(body) + body !== bytes) continue;
    let at = writeVarint(batch, body, BATCH_HEADER_BYTES) + 3;
    at = writeVarint(batch, key.length, at);
    at += key.copy(batch, at);
    writeVarint(batch, value, at);
    return true;
  }
  return false;
}
