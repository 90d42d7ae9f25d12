// Offsets of several partitions by one ListOffsets request per leader, for what shows or needs positions.
import { listOffsets } from '../protocol/messages/list-offsets.ts';
import type { Client } from './client.ts';
import { throwOnError } from './client-error.ts';

/**
 * Offset by partition; −1 when no record is at or after the time. `timestampMs` may be one of Kafka's special ones. `readCommitted`:
 * nothing behind the first open transaction counts, so the end is where a reader of committed records has to stop.
 */
export async function listOffsetsOf(
  client: Client,
  topic: string,
  partitions: readonly number[],
  timestampMs: number,
  readCommitted = false,
): Promise<Map<number, number>> {
  const byLeader = new Map<number, number[]>();
  for (const partition of partitions) {
    const leader = await client.leader(topic, partition);
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition]);
  }
  const found = new Map<number, number>();
  for (const [nodeId, led] of byLeader) {
    const response = await client.request(
      listOffsets,
      {
        replicaId: -1,
        isolationLevel: readCommitted ? 1 : 0,
        topics: [
          { name: topic, partitions: led.map((partitionIndex) => ({ partitionIndex, timestamp: timestampMs })) },
        ],
      },
      { nodeId },
    );
    for (const { partitionIndex, errorCode, offset } of response.topics[0]?.partitions ?? []) {
      throwOnError(errorCode, `the offsets of ${topic} partition ${partitionIndex} cannot be listed`);
      found.set(partitionIndex, offset);
    }
  }
  return found;
}
