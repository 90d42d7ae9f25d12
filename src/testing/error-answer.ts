// The answer of an API that is nothing but an error: what a client gets whose request a fault refuses. Where the message has a
// place for it in every partition, every partition of the request has it.
import { absentGroup } from '../apis/consumer-group-describe.ts';
import { refusedGroup } from '../apis/describe-groups.ts';
import type { AnyApiHandler } from '../apis/registry.ts';
import { type AddPartitionsToTxnRequest, addPartitionsToTxn } from '../protocol/messages/add-partitions-to-txn.ts';
import {
  type ConsumerGroupDescribeRequest,
  consumerGroupDescribe,
} from '../protocol/messages/consumer-group-describe.ts';
import { type DeleteGroupsRequest, deleteGroups } from '../protocol/messages/delete-groups.ts';
import { type DescribeGroupsRequest, describeGroups } from '../protocol/messages/describe-groups.ts';
import { type FetchRequest, fetch } from '../protocol/messages/fetch.ts';
import { metadata } from '../protocol/messages/metadata.ts';
import { type OffsetCommitRequest, offsetCommit } from '../protocol/messages/offset-commit.ts';
import { type OffsetFetchRequest, offsetFetch } from '../protocol/messages/offset-fetch.ts';
import { txnOffsetCommit } from '../protocol/messages/txn-offset-commit.ts';

type Answer = (request: never, errorCode: number) => unknown;

const ANSWERS: ReadonlyMap<number, Answer> = new Map<number, Answer>([
  [fetch.key, ofFetch],
  [offsetCommit.key, ofOffsetCommit],
  [txnOffsetCommit.key, ofOffsetCommit],
  [offsetFetch.key, ofOffsetFetch],
  [addPartitionsToTxn.key, ofAddPartitions],
  [
    describeGroups.key,
    ({ groups }: DescribeGroupsRequest, errorCode: number) => ({
      groups: groups.map((groupId) => refusedGroup(groupId, errorCode)),
    }),
  ],
  [
    consumerGroupDescribe.key,
    ({ groupIds }: ConsumerGroupDescribeRequest, errorCode: number) => ({
      groups: groupIds.map((groupId) => absentGroup(groupId, errorCode, null)),
    }),
  ],
  [
    deleteGroups.key,
    ({ groupsNames }: DeleteGroupsRequest, errorCode: number) => ({
      results: groupsNames.map((groupId) => ({ groupId, errorCode })),
    }),
  ],
]);

/** Undefined where this version of the API has no place for an error. */
export function errorAnswer(handler: AnyApiHandler, request: unknown, errorCode: number): object | undefined {
  const own = ANSWERS.get(handler.api.key);
  if (own !== undefined) return own(request as never, errorCode) as object;
  if (handler.failed !== undefined) return handler.failed(request, errorCode) as object | undefined;
  if (handler.api.key === metadata.key) return undefined;
  return 'errorCode' in handler.api.response.fields ? { errorCode } : undefined;
}

function ofFetch({ topics }: FetchRequest, errorCode: number) {
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    sessionId: 0,
    responses: topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode,
        highWatermark: -1,
        abortedTransactions: null,
        records: null,
      })),
    })),
  };
}

function ofOffsetCommit({ topics }: OffsetCommitRequest, errorCode: number) {
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ partitions, ...topic }) => ({
      ...topic,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  };
}

function ofOffsetFetch({ groups, topics }: OffsetFetchRequest, errorCode: number) {
  return {
    errorCode,
    topics: (topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        committedOffset: -1,
        metadata: '',
        errorCode,
      })),
    })),
    groups: groups.map(({ groupId }) => ({ groupId, topics: [], errorCode })),
  };
}

function ofAddPartitions({ v3AndBelowTopics }: AddPartitionsToTxnRequest, errorCode: number) {
  return {
    throttleTimeMs: 0,
    errorCode,
    resultsByTransaction: [],
    resultsByTopicV3AndBelow: v3AndBelowTopics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: errorCode })),
    })),
  };
}
