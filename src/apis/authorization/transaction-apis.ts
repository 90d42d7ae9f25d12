// Who may be which transactional producer: InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit, and who may
// see transactions and producers.
import { isInternalTopic } from '../../metadata/topic-name.ts';
import { AclOperation } from '../../protocol/acl-codes.ts';
import { ErrorCode } from '../../protocol/error-code.ts';
import type { AddOffsetsToTxnRequest } from '../../protocol/messages/add-offsets-to-txn.ts';
import type {
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponseInput,
} from '../../protocol/messages/add-partitions-to-txn.ts';
import type {
  DescribeProducersRequest,
  DescribeProducersResponseInput,
} from '../../protocol/messages/describe-producers.ts';
import type {
  DescribeTransactionsRequest,
  DescribeTransactionsResponseInput,
} from '../../protocol/messages/describe-transactions.ts';
import type { EndTxnRequest } from '../../protocol/messages/end-txn.ts';
import type { InitProducerIdRequest } from '../../protocol/messages/init-producer-id.ts';
import type {
  ListTransactionsRequest,
  ListTransactionsResponseInput,
} from '../../protocol/messages/list-transactions.ts';
import type {
  TxnOffsetCommitRequest,
  TxnOffsetCommitResponseInput,
} from '../../protocol/messages/txn-offset-commit.ts';
import { failedTransaction } from '../describe-transactions.ts';
import { type Authorization, onlyTopics, split } from './authorization.ts';
import { refusalSentence } from './refusal-sentences.ts';

const { CLUSTER_ACTION, DESCRIBE, IDEMPOTENT_WRITE, READ, WRITE } = AclOperation;
const {
  CLUSTER_AUTHORIZATION_FAILED,
  GROUP_AUTHORIZATION_FAILED,
  OPERATION_NOT_ATTEMPTED,
  TOPIC_AUTHORIZATION_FAILED,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  UNKNOWN_TOPIC_OR_PARTITION,
} = ErrorCode;

const WRITE_TRANSACTIONAL_ID = {
  operation: 'WRITE',
  resource: 'TRANSACTIONAL_ID',
  otherwise: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
} as const;

export const initProducerIdAuthorization: Authorization<InitProducerIdRequest, unknown> = {
  checks: [
    WRITE_TRANSACTIONAL_ID,
    { operation: 'IDEMPOTENT_WRITE', resource: 'CLUSTER', otherwise: 'without a transactional id: the next is asked' },
    { operation: 'WRITE', resource: 'TOPIC', otherwise: 'on no topic at all: CLUSTER_AUTHORIZATION_FAILED' },
  ],
  narrow(request, ask) {
    if (request.transactionalId !== null) {
      const isAllowed = ask.transactionalId(WRITE, request.transactionalId);
      return isAllowed ? { request } : { denied: TRANSACTIONAL_ID_AUTHORIZATION_FAILED };
    }
    const isAllowed = ask.cluster(IDEMPOTENT_WRITE, 'allowed') || ask.writesSomeTopic();
    return isAllowed ? { request } : { denied: CLUSTER_AUTHORIZATION_FAILED };
  },
};

type TxnTopics = AddPartitionsToTxnRequest['v3AndBelowTopics'];

export const addPartitionsToTxnAuthorization: Authorization<
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponseInput
> = {
  checks: [
    { ...WRITE_TRANSACTIONAL_ID, otherwise: 'versions 0 to 3: TRANSACTIONAL_ID_AUTHORIZATION_FAILED' },
    { operation: 'WRITE', resource: 'TOPIC', otherwise: 'versions 0 to 3: TOPIC_AUTHORIZATION_FAILED' },
    { operation: 'CLUSTER_ACTION', resource: 'CLUSTER', otherwise: 'from version 4 on: CLUSTER_AUTHORIZATION_FAILED' },
  ],
  narrow(request, ask) {
    if (ask.context.apiVersion >= 4) {
      return ask.cluster(CLUSTER_ACTION) ? { request } : { denied: CLUSTER_AUTHORIZATION_FAILED };
    }
    const topics = request.v3AndBelowTopics;
    const answer = (errorOf: (topic: string, partition: number) => ErrorCode) => ({
      answer: { throttleTimeMs: 0, resultsByTopicV3AndBelow: answered(topics, errorOf) },
    });
    if (!ask.transactionalId(WRITE, request.v3AndBelowTransactionalId)) {
      return answer(() => TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    }
    const isDenied = (name: string) => isInternalTopic(name) || !ask.topic(WRITE, name);
    if (!topics.some(({ name }) => isDenied(name))) return { request };
    // All or nothing: those that could be added are told so.
    return answer((name, partition) => {
      if (isDenied(name)) return TOPIC_AUTHORIZATION_FAILED;
      const isThere = ask.image.topics.get(name)?.partitions[partition] !== undefined;
      return isThere ? OPERATION_NOT_ATTEMPTED : UNKNOWN_TOPIC_OR_PARTITION;
    });
  },
};

function answered(topics: TxnTopics, errorOf: (topic: string, partition: number) => ErrorCode) {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: errorOf(name, partitionIndex),
    })),
  }));
}

export const addOffsetsToTxnAuthorization: Authorization<AddOffsetsToTxnRequest, unknown> = {
  checks: [WRITE_TRANSACTIONAL_ID, { operation: 'READ', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' }],
  narrow(request, ask) {
    if (!ask.transactionalId(WRITE, request.transactionalId)) return { denied: TRANSACTIONAL_ID_AUTHORIZATION_FAILED };
    return ask.group(READ, request.groupId) ? { request } : { denied: GROUP_AUTHORIZATION_FAILED };
  },
};

export const endTxnAuthorization: Authorization<EndTxnRequest, unknown> = {
  checks: [WRITE_TRANSACTIONAL_ID],
  narrow: (request, ask) =>
    ask.transactionalId(WRITE, request.transactionalId)
      ? { request }
      : { denied: TRANSACTIONAL_ID_AUTHORIZATION_FAILED },
};

export const txnOffsetCommitAuthorization: Authorization<TxnOffsetCommitRequest, TxnOffsetCommitResponseInput> = {
  checks: [
    WRITE_TRANSACTIONAL_ID,
    { operation: 'READ', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' },
    { operation: 'READ', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' },
  ],
  narrow(request, ask) {
    const refused = (topics: TxnOffsetCommitRequest['topics'], errorCode: ErrorCode) =>
      topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      }));
    const all = (errorCode: ErrorCode) => ({
      answer: { throttleTimeMs: 0, topics: refused(request.topics, errorCode) },
    });
    if (!ask.transactionalId(WRITE, request.transactionalId)) return all(TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    if (!ask.group(READ, request.groupId)) return all(GROUP_AUTHORIZATION_FAILED);
    const { allowed, denied } = split(request.topics, ({ name }) => ask.topic(READ, name));
    if (denied.length === 0) return { request };
    const answers = refused(denied, TOPIC_AUTHORIZATION_FAILED);
    return onlyTopics(request, allowed, answers);
  },
};

export const describeTransactionsAuthorization: Authorization<
  DescribeTransactionsRequest,
  DescribeTransactionsResponseInput
> = {
  checks: [
    { operation: 'DESCRIBE', resource: 'TRANSACTIONAL_ID', otherwise: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' },
    { operation: 'DESCRIBE', resource: 'TOPIC', otherwise: 'left out' },
  ],
  narrow(request, ask) {
    const { allowed, denied } = split(request.transactionalIds, (id) => ask.transactionalId(DESCRIBE, id));
    const answers = denied.map((id) => failedTransaction(id, TRANSACTIONAL_ID_AUTHORIZATION_FAILED));
    return {
      request: { ...request, transactionalIds: allowed },
      complete: (response) => ({
        ...response,
        transactionStates: [
          ...response.transactionStates.map((state) => ({
            ...state,
            topics: state.topics.filter(({ topic }) => ask.topic(DESCRIBE, topic)),
          })),
          ...answers,
        ],
      }),
    };
  },
};

export const listTransactionsAuthorization: Authorization<ListTransactionsRequest, ListTransactionsResponseInput> = {
  checks: [{ operation: 'DESCRIBE', resource: 'TRANSACTIONAL_ID', otherwise: 'left out' }],
  narrow: (request, ask) => ({
    request,
    complete: (response) => ({
      ...response,
      transactionStates: response.transactionStates.filter(({ transactionalId }) =>
        ask.transactionalId(DESCRIBE, transactionalId),
      ),
    }),
  }),
};

export const describeProducersAuthorization: Authorization<DescribeProducersRequest, DescribeProducersResponseInput> = {
  checks: [{ operation: 'READ', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' }],
  narrow(request, ask) {
    const { allowed, denied } = split(request.topics, ({ name }) => ask.topic(READ, name));
    if (denied.length === 0) return { request };
    const answers = denied.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        errorCode: TOPIC_AUTHORIZATION_FAILED,
        errorMessage: refusalSentence(TOPIC_AUTHORIZATION_FAILED),
        activeProducers: [],
      })),
    }));
    return onlyTopics(request, allowed, answers);
  },
};
