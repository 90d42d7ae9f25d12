// What a transactional producer asks the coordinators, each request repeated while that is worth it. Transactions v2 (KIP-890):
// leaders and group coordinators add what is written to the transaction themselves, and each end raises the epoch;
// in v1 partitions and groups are added here first. A broker with both is told by the version of a request which one is meant.
import { ErrorCode } from '../protocol/error-code.ts';
import { addOffsetsToTxn } from '../protocol/messages/add-offsets-to-txn.ts';
import { addPartitionsToTxn } from '../protocol/messages/add-partitions-to-txn.ts';
import { endTxn } from '../protocol/messages/end-txn.ts';
import { initProducerId } from '../protocol/messages/init-producer-id.ts';
import { produce } from '../protocol/messages/produce.ts';
import { txnOffsetCommit } from '../protocol/messages/txn-offset-commit.ts';
import type { Client } from './client.ts';
import { ClientError, throwOnError } from './client-error.ts';
import { groupCoordinator, transactionCoordinator } from './coordinators.ts';
import type { TopicOffsets } from './groups.ts';

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export const NO_IDENTITY: ProducerIdentity = { producerId: -1, producerEpoch: -1 };

/** Who commits offsets, as a member of the group; without it anybody may. */
export interface GroupGeneration {
  readonly memberId: string;
  /** The member epoch in the consumer protocol. */
  readonly generationId: number;
  readonly groupInstanceId?: string | null;
}

/** The newest versions that mean transactions v1. */
export const V1_VERSIONS = { produce: 11, txnOffsetCommit: 4, endTxn: 4 } as const;
const V2_VERSIONS = { produce: 12, txnOffsetCommit: 5, endTxn: 5 } as const;
/** From version 4 on, AddPartitionsToTxn is for brokers. */
const ADD_PARTITIONS_VERSION_MAX = 3;
const V2_LEVEL = 2;
const FEATURE = 'transaction.version';

/** Whether the cluster runs transactions v2, and this broker speaks them. */
export async function speaksTransactionsV2(client: Client): Promise<boolean> {
  if (((await client.finalizedFeatures()).get(FEATURE) ?? 0) < V2_LEVEL) return false;
  const versions = await client.versions();
  return (
    (versions.get(produce.key)?.maxVersion ?? 0) >= V2_VERSIONS.produce &&
    (versions.get(txnOffsetCommit.key)?.maxVersion ?? 0) >= V2_VERSIONS.txnOffsetCommit &&
    (versions.get(endTxn.key)?.maxVersion ?? 0) >= V2_VERSIONS.endTxn
  );
}

/** One transactional id's requests. */
export class TransactionRequests {
  readonly #client: Client;
  readonly #transactionalId: string;

  constructor(client: Client, transactionalId: string) {
    this.#client = client;
    this.#transactionalId = transactionalId;
  }

  /** A new epoch, which fences every producer before; `goOn` asks for it only if nobody has taken over from that identity. */
  init(timeoutMs: number, goOn: ProducerIdentity = NO_IDENTITY): Promise<ProducerIdentity> {
    return this.#ask('no producer id for', async (nodeId) => {
      const { errorCode, producerId, producerEpoch } = await this.#client.request(
        initProducerId,
        { transactionalId: this.#transactionalId, transactionTimeoutMs: timeoutMs, ...goOn },
        { nodeId },
      );
      return { errorCode, result: { producerId, producerEpoch } };
    });
  }

  /** v1: before the first record to each of them. */
  addPartitions(who: ProducerIdentity, partitions: ReadonlyMap<string, readonly number[]>): Promise<void> {
    return this.#ask('partitions cannot be added to the transaction of', async (nodeId) => {
      const { resultsByTopicV3AndBelow } = await this.#client.request(
        addPartitionsToTxn,
        {
          v3AndBelowTransactionalId: this.#transactionalId,
          v3AndBelowProducerId: who.producerId,
          v3AndBelowProducerEpoch: who.producerEpoch,
          v3AndBelowTopics: [...partitions].map(([name, list]) => ({ name, partitions: list })),
        },
        { nodeId, maxVersion: ADD_PARTITIONS_VERSION_MAX },
      );
      const codes = resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
        resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
      );
      return { errorCode: tellingOf(codes), result: undefined };
    });
  }

  /** v1: before offsets of that group. */
  addOffsets(who: ProducerIdentity, groupId: string): Promise<void> {
    return this.#ask(`group ${groupId} cannot be added to the transaction of`, async (nodeId) => {
      const { errorCode } = await this.#client.request(
        addOffsetsToTxn,
        { transactionalId: this.#transactionalId, ...who, groupId },
        { nodeId },
      );
      return { errorCode, result: undefined };
    });
  }

  /** Offsets that count from the commit of the transaction on. */
  async commitOffsets(
    who: ProducerIdentity,
    groupId: string,
    topics: readonly TopicOffsets[],
    member: GroupGeneration | undefined,
    v2: boolean,
  ): Promise<void> {
    const body = {
      transactionalId: this.#transactionalId,
      groupId,
      ...who,
      ...(member && { ...member, groupInstanceId: member.groupInstanceId ?? null }),
      topics: topics.map(({ topic, offsets }) => ({
        name: topic,
        partitions: [...offsets].map(([partitionIndex, committedOffset]) => ({
          partitionIndex,
          committedOffset,
          committedMetadata: '',
        })),
      })),
    };
    await this.#client.retrying(async () => {
      const nodeId = await groupCoordinator(this.#client, groupId);
      const response = await this.#client.request(txnOffsetCommit, body, {
        nodeId,
        ...(!v2 && { maxVersion: V1_VERSIONS.txnOffsetCommit }),
      });
      for (const { name, partitions } of response.topics) {
        for (const { partitionIndex, errorCode } of partitions) {
          throwOnError(errorCode, `the offset of ${name}-${partitionIndex} cannot join the transaction`);
        }
      }
    });
  }

  /** The identity for the next transaction: in v2 the one that the coordinator answered with. */
  end(who: ProducerIdentity, committed: boolean, v2: boolean): Promise<ProducerIdentity> {
    return this.#ask(committed ? 'no commit of' : 'no abort of', async (nodeId) => {
      const { errorCode, producerId, producerEpoch } = await this.#client.request(
        endTxn,
        { transactionalId: this.#transactionalId, ...who, committed },
        { nodeId, ...(!v2 && { maxVersion: V1_VERSIONS.endTxn }) },
      );
      return { errorCode, result: producerId >= 0 ? { producerId, producerEpoch } : who };
    });
  }

  #ask<Result>(
    what: string,
    send: (nodeId: number) => Promise<{ readonly errorCode: number; readonly result: Result }>,
  ): Promise<Result> {
    return this.#client.retrying(async () => {
      const nodeId = await transactionCoordinator(this.#client, this.#transactionalId);
      const { errorCode, result } = await send(nodeId);
      if (errorCode !== ErrorCode.NONE)
        throw new ClientError(errorCode, `${what} transactional id ${this.#transactionalId}`);
      return result;
    });
  }
}

/** One partition's error keeps the others from being attempted: the code that says why. */
function tellingOf(codes: readonly number[]): number {
  const failed = codes.filter((code) => code !== ErrorCode.NONE);
  return failed.find((code) => code !== ErrorCode.OPERATION_NOT_ATTEMPTED) ?? failed[0] ?? ErrorCode.NONE;
}
