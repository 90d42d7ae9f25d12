// TxnOffsetCommit, versions 0 to 5.
//
// Behaviour: stores a group's offsets as part of a transaction: they are pending until it ends. Answered when they are
// committed to the log. Per partition: UNKNOWN_TOPIC_OR_PARTITION, and OFFSET_METADATA_TOO_LARGE (offset.metadata.max.bytes); the
// others are stored. For all that exist: INVALID_GROUP_ID; what the transaction coordinator has against the producer
// (INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_EPOCH, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE or, since version 4,
// TRANSACTION_ABORTABLE): since version 5 the request itself makes the group's partition of __consumer_offsets part of the
// transaction, before that AddOffsetsToTxn must have; what the group has against the member, which may say who it is since
// version 3 (UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, also for a stale member epoch and a group that does
// not exist). Versions 0 and 1 are told COORDINATOR_NOT_AVAILABLE while groups are being loaded. A commit is no heartbeat.
//
// Deviations: the topic's id is stored with the offset, so that it ends with the topic. Pending offsets, and producers with
// open transactions, are bounded: COORDINATOR_NOT_AVAILABLE beyond, which clients try again.
// KIPs: 98, 447 (members), 890 (versions 4 and 5).
// Source: KafkaApis.handleTxnOffsetCommitRequest, OffsetMetadataManager.commitTransactionalOffset, AddPartitionsToTxnManager.
import type { GroupCoordinator } from '../group/coordinator.ts';
import type { GroupShard } from '../group/group-shard.ts';
import { classicGroupSettings } from '../group/group-world.ts';
import { commitPendingOffsets } from '../group/offset-requests.ts';
import type { Configs } from '../metadata/configs/configs.ts';
import type { Metadata } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitResponseInput,
  txnOffsetCommit,
} from '../protocol/messages/txn-offset-commit.ts';
import type { ApiHandler } from './api.ts';
import { OffsetsToCommit } from './offsets-to-commit.ts';

/** The transaction coordinator, as far as it is asked here. */
export interface TransactionsOfOffsets {
  /** NONE: the partition is part of the producer's open transaction (with `add`: from now on). Its own error codes. */
  admit(
    transactionalId: string,
    producerId: number,
    producerEpoch: number,
    topic: string,
    partition: number,
    options: { readonly add: boolean },
  ): ErrorCode;
}

type Dependencies = {
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionsOfOffsets;
  readonly metadata: Pick<Metadata, 'image'>;
  readonly configs: Pick<Configs, 'broker' | 'topic'>;
};

const FIRST_VERSION_WITH_LOADING_ERROR = 2;
const FIRST_VERSION_WITH_ABORTABLE_ERROR = 4;
const FIRST_VERSION_THAT_ADDS = 5;

export function txnOffsetCommitHandler({
  groups,
  transactions,
  metadata,
  configs,
}: Dependencies): ApiHandler<TxnOffsetCommitRequest, TxnOffsetCommitResponseInput> {
  return {
    api: txnOffsetCommit,
    minVersion: 0,
    maxVersion: 5,
    dispatch(request, { apiVersion }, reply) {
      const found = request.topics.map(({ name }) => metadata.image.topics.get(name));
      const asked = new OffsetsToCommit(request.topics, found, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
      const answer = (errorOf: (topic: number, partition: number) => number): TxnOffsetCommitResponseInput => ({
        throttleTimeMs: 0,
        topics: asked.answer(errorOf),
      });
      const refused = (errorCode: number) => answer(() => errorKnownTo(apiVersion, errorCode));
      if (asked.known.length === 0) {
        reply(answer(() => ErrorCode.NONE));
        return;
      }
      if (request.groupId === '') {
        reply(refused(ErrorCode.INVALID_GROUP_ID));
        return;
      }
      groups.call<TxnOffsetCommitResponseInput>(request.groupId, {
        reply,
        refused,
        step(shard, to, nowMs) {
          const { errorCode, partitionErrors } = commit(shard, nowMs);
          const response =
            errorCode === ErrorCode.NONE
              ? answer((topic, partition) => partitionErrors[topic]![partition]!)
              : refused(errorCode);
          return [{ type: 'reply', to, response }];
        },
      });

      /** In Kafka's order: the transaction, the group, the log. */
      function commit(shard: GroupShard, nowMs: number) {
        const notAdmitted = admit(transactions, shard, request, apiVersion);
        if (notAdmitted !== ErrorCode.NONE) return { errorCode: notAdmitted, partitionErrors: [] };
        const outcome = commitPendingOffsets(
          shard,
          { ...request, topics: asked.known },
          {
            apiVersion,
            nowMs,
            metadataLengthMax: configs.broker.offsetMetadataMaxBytes,
            batchBytesMax: classicGroupSettings(configs).recordBytesMax,
          },
        );
        if (outcome.records.length === 0) return outcome;
        const { producerId, producerEpoch } = request;
        const errorCode = shard.appendPending(outcome.records, { producerId, producerEpoch });
        if (errorCode === ErrorCode.NONE) outcome.apply();
        return { errorCode, partitionErrors: outcome.partitionErrors };
      }
    },
  };
}

/** A producer whose transaction is open in the partition has been admitted before. */
function admit(
  transactions: TransactionsOfOffsets,
  { partition }: GroupShard,
  { transactionalId, producerId, producerEpoch }: TxnOffsetCommitRequest,
  apiVersion: number,
): number {
  if (partition.hasOngoingTransaction(producerId, producerEpoch)) return ErrorCode.NONE;
  const { topic, partition: index } = partition.id;
  const add = apiVersion >= FIRST_VERSION_THAT_ADDS;
  return transactions.admit(transactionalId, producerId, producerEpoch, topic, index, { add });
}

/** What clients of this version expect instead. */
function errorKnownTo(apiVersion: number, errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.PRODUCER_FENCED:
      return ErrorCode.INVALID_PRODUCER_EPOCH;
    case ErrorCode.TRANSACTION_ABORTABLE:
      return apiVersion >= FIRST_VERSION_WITH_ABORTABLE_ERROR ? errorCode : ErrorCode.INVALID_TXN_STATE;
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return apiVersion >= FIRST_VERSION_WITH_LOADING_ERROR ? errorCode : ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.THROTTLING_QUOTA_EXCEEDED:
      // The log has no room for one more producer. Producers take this code here for the end.
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    default:
      return errorCode;
  }
}
