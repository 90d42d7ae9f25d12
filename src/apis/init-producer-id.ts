// InitProducerId, versions 0 to 5.
//
// Behaviour: without a transactional id every request gets a new producer id with epoch 0, whatever id and epoch it names (as
// Kafka: the broker keeps nothing to continue from). With one, the producer id of this transactional id with its next epoch,
// which fences whoever was here before: their open transaction is aborted and the request answered
// CONCURRENT_TRANSACTIONS, so that the client asks again. A producer that names its id and epoch (version 3 on) goes on only when
// it is the newest: PRODUCER_FENCED, INVALID_PRODUCER_EPOCH before version 4. When the epochs are used up, a new producer id
// begins. INVALID_REQUEST for an empty transactional id, or an id without an epoch, or the reverse; INVALID_TRANSACTION_TIMEOUT
// for one that is not positive or above transaction.max.timeout.ms.
// Ids come from blocks of 1000 that are reserved durably in the metadata before the first of them is given out, so none
// is ever issued twice, by any broker, across any crash.
//
// Deviations: a broker remembers 100,000 transactional ids; beyond, new ones are POLICY_VIOLATION, which clients take as final
// and report. A repeated request of a producer whose epochs are used up is answered as any other repetition (Kafka fails).
// A wall clock that is set back makes an open transaction last twice its timeout at most (Kafka: until the clock has caught up).
// Two-phase commit (version 6) is not stable in Kafka 4.3 and left out.
//
// KIPs: 98, 360, 730 (blocks), 890. Source: TransactionCoordinator.handleInitProducerId.
import type { BrokerConfig } from '../metadata/configs/broker-definitions.ts';
import type { ProducerIds } from '../metadata/producer-ids.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type InitProducerIdRequest,
  type InitProducerIdResponseInput,
  initProducerId,
} from '../protocol/messages/init-producer-id.ts';
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../records/record-batch.ts';
import type { LogLines } from '../runtime/runtime.ts';
import type { TransactionCoordinator } from '../transaction/coordinator.ts';
import type { ApiHandler } from './api.ts';
import { fencedAs } from './fenced-as.ts';

type Dependencies = {
  readonly producerIds: ProducerIds;
  readonly transactions: Pick<TransactionCoordinator, 'initProducerId'>;
  readonly settings: Pick<BrokerConfig, 'transactionMaxTimeoutMs'>;
  readonly log: LogLines;
};

const FIRST_VERSION_WITH_FENCED = 4;

export function initProducerIdHandler({
  producerIds,
  transactions,
  settings,
  log,
}: Dependencies): ApiHandler<InitProducerIdRequest, InitProducerIdResponseInput> {
  return {
    api: initProducerId,
    minVersion: 0,
    maxVersion: 5,
    dispatch(request, { apiVersion }, reply) {
      const refusal = refusalOf(request, settings.transactionMaxTimeoutMs);
      if (refusal !== ErrorCode.NONE) return reply(refused(refusal));
      const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
      if (transactionalId !== null) {
        const expected = producerId === NO_PRODUCER_ID ? undefined : { producerId, producerEpoch };
        const init = { timeoutMs: transactionTimeoutMs, expected };
        return transactions.initProducerId(transactionalId, init, (answer) => {
          const errorCode = fencedAs(answer.errorCode, apiVersion, FIRST_VERSION_WITH_FENCED);
          reply({ ...answer, throttleTimeMs: 0, errorCode });
        });
      }
      producerIds.next(
        (newId) => reply({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, producerId: newId, producerEpoch: 0 }),
        (error) => {
          log.error('no producer ids could be reserved', { error: error.message });
          reply(refused(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS));
        },
      );
    },
    failed: (_request, errorCode) => refused(errorCode),
  };
}

function refusalOf(request: InitProducerIdRequest, timeoutMaxMs: number): ErrorCode {
  const { transactionalId, transactionTimeoutMs } = request;
  const hasId = request.producerId !== NO_PRODUCER_ID;
  const hasEpoch = request.producerEpoch !== NO_PRODUCER_EPOCH;
  if (hasId !== hasEpoch) return ErrorCode.INVALID_REQUEST;
  if (transactionalId === null) return ErrorCode.NONE;
  if (transactionalId === '') return ErrorCode.INVALID_REQUEST;
  const isValid = transactionTimeoutMs > 0 && transactionTimeoutMs <= timeoutMaxMs;
  return isValid ? ErrorCode.NONE : ErrorCode.INVALID_TRANSACTION_TIMEOUT;
}

function refused(errorCode: number): InitProducerIdResponseInput {
  return { throttleTimeMs: 0, errorCode, producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };
}
