// Offsets of partitions by ListOffsets, for commands that show or need a position.
import type { Client } from '../client/client.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { listOffsets } from '../protocol/messages/list-offsets.ts';
import { brokerRefusal } from './connection.ts';

/** Kafka's special timestamps. */
export const LATEST = -1;
export const EARLIEST = -2;

export interface OffsetAndTimestamp {
  /** -1: no record is that young. */
  readonly offset: number;
  readonly timestampMs: number;
}

/** By partition. `timestampMs` may be a special one. */
export async function listOffsetsOf(
  client: Client,
  topic: string,
  partitions: readonly number[],
  timestampMs: number,
): Promise<Map<number, OffsetAndTimestamp>> {
  const response = await client.request(listOffsets, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp: timestampMs })) }],
    timeoutMs: 30_000,
  });
  const found = new Map<number, OffsetAndTimestamp>();
  for (const partition of response.topics[0]?.partitions ?? []) {
    if (partition.errorCode !== ErrorCode.NONE) {
      throw brokerRefusal(`the offsets of ${topic} partition ${partition.partitionIndex} cannot be listed`, partition.errorCode);
    }
    found.set(partition.partitionIndex, { offset: partition.offset, timestampMs: partition.timestamp });
  }
  return found;
}
