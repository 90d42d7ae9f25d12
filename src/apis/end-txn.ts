// EndTxn, versions 0 to 5.
//
// Behaviour: commits or aborts the open transaction of a producer. From version 5 on every end raises the producer's epoch and
// the answer brings the id and epoch to go on with; an abort is taken even when nothing is open. A repetition is answered as
// the first, CONCURRENT_TRANSACTIONS while markers are still to be written. Otherwise INVALID_PRODUCER_ID_MAPPING,
// PRODUCER_FENCED (INVALID_PRODUCER_EPOCH before version 2), INVALID_TXN_STATE, INVALID_REQUEST for an empty transactional id.
//
// Deviations: Kafka answers when the decision is durable, this broker when the markers are too, unless one cannot be written now.
//
// KIPs: 98, 360, 890. Source: KafkaApis.handleEndTxnRequest, TransactionCoordinator.endTransaction.
import { type EndTxnRequest, type EndTxnResponseInput, endTxn } from '../protocol/messages/end-txn.ts';
import type { TransactionCoordinator } from '../transaction/coordinator.ts';
import type { ApiHandler } from './api.ts';
import { fencedAs } from './fenced-as.ts';

type Dependencies = { readonly transactions: Pick<TransactionCoordinator, 'endTransaction'> };

const FIRST_VERSION_WITH_FENCED = 2;
const FIRST_VERSION_OF_V2 = 5;

export function endTxnHandler({ transactions }: Dependencies): ApiHandler<EndTxnRequest, EndTxnResponseInput> {
  return {
    api: endTxn,
    minVersion: 0,
    maxVersion: 5,
    dispatch({ transactionalId, producerId, producerEpoch, committed }, { apiVersion }, reply) {
      const clientTransactionVersion = apiVersion >= FIRST_VERSION_OF_V2 ? 2 : 0;
      const request = { transactionalId, producerId, producerEpoch, committed, clientTransactionVersion };
      return transactions.endTransaction(request, (answer) => {
        const errorCode = fencedAs(answer.errorCode, apiVersion, FIRST_VERSION_WITH_FENCED);
        reply({ ...answer, throttleTimeMs: 0, errorCode });
      });
    },
  };
}
