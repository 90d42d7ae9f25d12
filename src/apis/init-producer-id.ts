// InitProducerId, versions 0 to 5, for idempotent producers without transactions.
//
// Behaviour: every request gets a new producer id with epoch 0, whatever id and epoch it names (as Kafka: without a
// transactional id the broker keeps nothing to continue from). An id without an epoch, or the reverse: INVALID_REQUEST.
// Ids come from blocks of 1000 that are reserved durably in the metadata before the first of them is given out, so none
// is ever issued twice, by any broker, across any crash.
//
// Deviations: a transactional id is answered UNSUPPORTED_VERSION: transactions are not part of this version of Ottla, and
// of the codes that fit, this is the one clients take as final and report in words; the retriable ones (coordinator not
// available) would make them ask for ever. An empty one is INVALID_REQUEST as in Kafka.
//
// KIPs: 98, 360, 730 (blocks).
import type { Metadata } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type InitProducerIdRequest,
  type InitProducerIdResponseInput,
  initProducerId,
} from '../protocol/messages/init-producer-id.ts';
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../records/record-batch.ts';
import type { LogLines } from '../runtime/runtime.ts';
import type { ApiHandler } from './api.ts';
import { ProducerIds } from './producer-ids.ts';

type Dependencies = { readonly metadata: Metadata; readonly log: LogLines };

export function initProducerIdHandler(
  dependencies: Dependencies,
): ApiHandler<InitProducerIdRequest, InitProducerIdResponseInput> {
  const ids = new ProducerIds(dependencies.metadata);
  return {
    api: initProducerId,
    minVersion: 0,
    maxVersion: 5,
    dispatch(request, _context, reply) {
      const refusal = refusalOf(request);
      if (refusal !== ErrorCode.NONE) return reply(refused(refusal));
      ids.next(
        (producerId) => reply({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, producerId, producerEpoch: 0 }),
        (error) => {
          dependencies.log.error('no producer ids could be reserved', { error: error.message });
          reply(refused(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS));
        },
      );
    },
  };
}

function refusalOf(request: InitProducerIdRequest): ErrorCode {
  const hasId = request.producerId !== NO_PRODUCER_ID;
  const hasEpoch = request.producerEpoch !== NO_PRODUCER_EPOCH;
  if (hasId !== hasEpoch) return ErrorCode.INVALID_REQUEST;
  if (request.transactionalId === null) return ErrorCode.NONE;
  return request.transactionalId === '' ? ErrorCode.INVALID_REQUEST : ErrorCode.UNSUPPORTED_VERSION;
}

function refused(errorCode: ErrorCode): InitProducerIdResponseInput {
  return { throttleTimeMs: 0, errorCode, producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };
}
