// The administrative calls that Ottla's own programs and tests make; everything else is `client.request(api, …)`.
import { ErrorCode } from '../protocol/error-code.ts';
import { createTopics } from '../protocol/messages/create-topics.ts';
import { deleteTopics } from '../protocol/messages/delete-topics.ts';
import { listOffsets } from '../protocol/messages/list-offsets.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { Client } from './client.ts';
import { ClientError, throwOnError } from './client-error.ts';

/** The special timestamps of ListOffsets. */
export const OffsetSpec = { LATEST: -1, EARLIEST: -2, MAX_TIMESTAMP: -3 } as const;

export interface NewTopic {
  readonly name: string;
  /** Absent: the broker's default. */
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

/** Creates one topic; rejects with TOPIC_ALREADY_EXISTS and the like. Returns its id. */
export async function createTopic(
  client: Client,
  topic: NewTopic,
  options: { timeoutMs?: number } = {},
): Promise<string> {
  const response = await client.request(createTopics, {
    topics: [
      {
        name: topic.name,
        numPartitions: topic.partitions ?? -1,
        replicationFactor: topic.replicationFactor ?? -1,
        assignments: [],
        configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value })),
      },
    ],
    ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
  });
  const answer = response.topics[0];
  throwOnError(
    answer?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR,
    `cannot create topic ${topic.name}`,
    answer?.errorMessage,
  );
  client.forgetTopic(topic.name);
  return answer!.topicId;
}

/** Deletes one topic; rejects with UNKNOWN_TOPIC_OR_PARTITION and the like. */
export async function deleteTopic(client: Client, name: string, timeoutMs = 30_000): Promise<void> {
  const response = await client.request(deleteTopics, {
    topics: [{ name, topicId: ZERO_UUID }],
    topicNames: [name],
    timeoutMs,
  });
  const answer = response.responses[0];
  throwOnError(
    answer?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR,
    `cannot delete topic ${name}`,
    answer?.errorMessage,
  );
  client.forgetTopic(name);
}

/** One offset of one partition; for a time after the last record, the end. Retries while the leader moves. */
export function listOffset(
  client: Client,
  topic: string,
  partition: number,
  at: 'beginning' | 'end' | { readonly timestampMs: number },
  readCommitted = false,
): Promise<number> {
  const timestamp = at === 'beginning' ? OffsetSpec.EARLIEST : at === 'end' ? OffsetSpec.LATEST : at.timestampMs;
  return client.retrying(async () => {
    const offset = await askOffset(client, topic, partition, timestamp, readCommitted);
    return offset < 0 ? askOffset(client, topic, partition, OffsetSpec.LATEST, readCommitted) : offset;
  });
}

async function askOffset(
  client: Client,
  topic: string,
  partition: number,
  timestamp: number,
  readCommitted: boolean,
): Promise<number> {
  const nodeId = await client.leader(topic, partition);
  const response = await client.request(
    listOffsets,
    {
      replicaId: -1,
      isolationLevel: readCommitted ? 1 : 0,
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
    },
    { nodeId },
  );
  const answer = response.topics[0]?.partitions[0];
  if (answer === undefined) {
    throw new ClientError('BAD_RESPONSE', 'the broker did not answer for a partition');
  }
  if (answer.errorCode !== ErrorCode.NONE) {
    client.forgetTopic(topic);
    throw new ClientError(answer.errorCode, `cannot look up an offset of ${topic}-${partition}`);
  }
  return answer.offset;
}
