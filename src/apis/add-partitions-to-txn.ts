// AddPartitionsToTxn, versions 0 to 5.
//
// Behaviour: versions 0 to 3 come from clients and add partitions to one transaction, which begins with the first. From version 4
// on other brokers send it, for several transactions, to add or only to verify (TRANSACTION_ABORTABLE for a partition that was
// not added). When a partition does not exist (UNKNOWN_TOPIC_OR_PARTITION) nothing of its transaction is done, and its other
// partitions say OPERATION_NOT_ATTEMPTED. Every partition is answered alike otherwise: INVALID_PRODUCER_ID_MAPPING,
// PRODUCER_FENCED (INVALID_PRODUCER_EPOCH before version 2), CONCURRENT_TRANSACTIONS while the last one ends, INVALID_REQUEST
// for an empty transactional id.
//
// Deviations: a transaction has at most 10,000 partitions, and no more than one record of __transaction_state can name;
// beyond, TRANSACTION_ABORTABLE.
//
// KIPs: 98, 360, 890. Source: KafkaApis.handleAddPartitionsToTxnRequest.
import type { Partitions } from '../partition/partitions.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type AddPartitionsToTxnRequest,
  type AddPartitionsToTxnResponseInput,
  addPartitionsToTxn,
} from '../protocol/messages/add-partitions-to-txn.ts';
import type { TransactionCoordinator } from '../transaction/coordinator.ts';
import type { TransactionPartitions } from '../transaction/transaction-metadata.ts';
import type { ApiHandler } from './api.ts';
import { fencedAs } from './fenced-as.ts';

type Dependencies = {
  readonly transactions: Pick<TransactionCoordinator, 'addPartitions' | 'verifyPartitions'>;
  readonly partitions: Pick<Partitions, 'absence' | 'byName'>;
};
type Transaction = AddPartitionsToTxnRequest['transactions'][number];
type TopicResults = AddPartitionsToTxnResponseInput['resultsByTopicV3AndBelow'] & object;

const FIRST_VERSION_WITH_FENCED = 2;
const FIRST_VERSION_OF_BROKERS = 4;

export function addPartitionsToTxnHandler(
  dependencies: Dependencies,
): ApiHandler<AddPartitionsToTxnRequest, AddPartitionsToTxnResponseInput> {
  return {
    api: addPartitionsToTxn,
    minVersion: 0,
    maxVersion: 5,
    dispatch(request, { apiVersion }, reply) {
      const version = apiVersion;
      if (version < FIRST_VERSION_OF_BROKERS) {
        addOrVerify(dependencies, ofClient(request), version, (resultsByTopicV3AndBelow) =>
          reply({ throttleTimeMs: 0, resultsByTopicV3AndBelow }),
        );
        return;
      }
      const results: { transactionalId: string; topicResults: TopicResults }[] = [];
      const { transactions } = request;
      let missing = transactions.length;
      const send = () => reply({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, resultsByTransaction: results });
      if (missing === 0) send();
      transactions.forEach((transaction, index) => {
        addOrVerify(dependencies, transaction, version, (topicResults) => {
          results[index] = { transactionalId: transaction.transactionalId, topicResults };
          missing--;
          if (missing === 0) send();
        });
      });
    },
  };
}

function ofClient(request: AddPartitionsToTxnRequest): Transaction {
  return {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false,
    topics: request.v3AndBelowTopics,
  };
}

function addOrVerify(
  { transactions, partitions }: Dependencies,
  transaction: Transaction,
  version: number,
  reply: (results: TopicResults) => void,
): void {
  const wanted = partitionsOf(transaction);
  const exists = (topic: string, index: number) =>
    partitions.byName(topic, index) !== undefined ||
    partitions.absence(topic, index) !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (some(wanted, (topic, index) => !exists(topic, index))) {
    const codeOf = (topic: string, index: number) =>
      exists(topic, index) ? ErrorCode.OPERATION_NOT_ATTEMPTED : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    reply(resultsOf(wanted, codeOf));
  } else if (transaction.verifyOnly) {
    transactions.verifyPartitions(transaction, wanted, (verified) =>
      reply(resultsOf(wanted, (topic, index) => verified.get(topic)?.get(index) ?? ErrorCode.UNKNOWN_SERVER_ERROR)),
    );
  } else {
    const clientTransactionVersion = version >= FIRST_VERSION_OF_BROKERS ? 2 : 0;
    transactions.addPartitions(transaction, wanted, clientTransactionVersion, (code) => {
      const errorCode = fencedAs(code, version, FIRST_VERSION_WITH_FENCED);
      reply(resultsOf(wanted, () => errorCode));
    });
  }
}

function partitionsOf({ topics }: Transaction): TransactionPartitions {
  const wanted = new Map<string, Set<number>>();
  for (const { name, partitions } of topics) wanted.set(name, new Set([...(wanted.get(name) ?? []), ...partitions]));
  return wanted;
}

function some(partitions: TransactionPartitions, holds: (topic: string, index: number) => boolean): boolean {
  for (const [topic, indexes] of partitions) for (const index of indexes) if (holds(topic, index)) return true;
  return false;
}

function resultsOf(partitions: TransactionPartitions, codeOf: (topic: string, index: number) => number): TopicResults {
  return [...partitions].map(([name, indexes]) => ({
    name,
    resultsByPartition: [...indexes].map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: codeOf(name, partitionIndex),
    })),
  }));
}
