// DescribeTransactions, version 0.
//
// Behaviour: state, producer, timeout, start and partitions of transactional ids, as committed; of a transaction that ends, the
// partitions whose marker is still to be written. TRANSACTIONAL_ID_NOT_FOUND, INVALID_REQUEST for an empty id, and the
// codes of a coordinator that is loading or elsewhere.
//
// Deviations: none known. KIPs: 664. Source: TransactionCoordinator.handleDescribeTransactions.
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeTransactionsRequest,
  type DescribeTransactionsResponseInput,
  describeTransactions,
} from '../protocol/messages/describe-transactions.ts';
import type { TransactionCoordinator } from '../transaction/coordinator.ts';
import type { TransactionMetadata } from '../transaction/transaction-metadata.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = { readonly transactions: Pick<TransactionCoordinator, 'describe'> };
type Described = DescribeTransactionsResponseInput['transactionStates'][number];

export function describeTransactionsHandler({
  transactions,
}: Dependencies): ApiHandler<DescribeTransactionsRequest, DescribeTransactionsResponseInput> {
  return {
    api: describeTransactions,
    minVersion: 0,
    maxVersion: 0,
    dispatch({ transactionalIds }, _context, reply) {
      const transactionStates: Described[] = [];
      let missing = transactionalIds.length;
      if (missing === 0) reply({ throttleTimeMs: 0, transactionStates });
      transactionalIds.forEach((transactionalId, index) => {
        transactions.describe(transactionalId, (described) => {
          transactionStates[index] =
            typeof described === 'number'
              ? failedTransaction(transactionalId, described)
              : stateOf(transactionalId, described);
          missing--;
          if (missing === 0) reply({ throttleTimeMs: 0, transactionStates });
        });
      });
    },
  };
}

function stateOf(transactionalId: string, metadata: TransactionMetadata): Described {
  return {
    errorCode: ErrorCode.NONE,
    transactionalId,
    transactionState: metadata.state,
    transactionTimeoutMs: metadata.timeoutMs,
    transactionStartTimeMs: metadata.startTimestampMs,
    producerId: metadata.producerId,
    producerEpoch: metadata.producerEpoch,
    topics: [...metadata.partitions].map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
  };
}

/** Of which nothing is told but why. */
export function failedTransaction(transactionalId: string, errorCode: number): Described {
  return {
    errorCode,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  };
}
