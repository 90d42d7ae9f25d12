// What EndTxn means to a transactional id as it is: an end to be carried out, a repetition, or an error. With version 2 every
// end raises the epoch, so that a request of the transaction before can be told from one of this: its epoch is one lower (or,
// after the epochs were used up, the last of the former producer id).
//
//     version 2       abort                     commit
//                     repeated    of now        repeated    of now
//     Empty           fenced      end           fenced      invalid
//     CompleteAbort   done        end           invalid     invalid
//     CompleteCommit  invalid     end           done        invalid
//
// In versions 0 and 1 a repetition looks like the first: CompleteAbort takes aborts, CompleteCommit commits.
// Source: TransactionCoordinator.endTransaction of Kafka 4.3, KIP-890.
import { ErrorCode } from '../protocol/error-code.ts';
import { bumpsEpoch, LAST_CLIENT_EPOCH, type TransactionMetadata } from './transaction-metadata.ts';
import { isIdle, isPrepared, TransactionState } from './transaction-state.ts';

export interface EndRequest {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly committed: boolean;
  /** 2 from version 5 of the request on, else 0. */
  readonly clientTransactionVersion: number;
}

/** NONE: it has ended like that already. */
export type EndVerdict = 'end' | ErrorCode;

export function endVerdict(metadata: TransactionMetadata, request: EndRequest): EndVerdict {
  return bumpsEpoch(request.clientTransactionVersion) ? verdictOnV2(metadata, request) : verdictOnV1(metadata, request);
}

function verdictOnV1(metadata: TransactionMetadata, request: EndRequest): EndVerdict {
  if (metadata.producerId !== request.producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
  if (metadata.producerEpoch !== request.producerEpoch) return ErrorCode.PRODUCER_FENCED;
  if (metadata.state === TransactionState.ONGOING) return 'end';
  if (isPrepared(metadata.state)) return whileEnding(metadata, request);
  return endedAs(metadata.state) === request.committed ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE;
}

function verdictOnV2(metadata: TransactionMetadata, request: EndRequest): EndVerdict {
  const { state } = metadata;
  const repeatsOverNewId =
    metadata.previousProducerId === request.producerId &&
    request.producerEpoch === LAST_CLIENT_EPOCH &&
    metadata.producerEpoch === 0;
  const repeatsOverNewEpoch = metadata.producerEpoch === request.producerEpoch + 1;
  const isOfNow = metadata.producerEpoch === request.producerEpoch;
  if (metadata.producerId !== request.producerId && !repeatsOverNewId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;

  if (isPrepared(state)) return repeatsOverNewEpoch ? whileEnding(metadata, request) : ErrorCode.PRODUCER_FENCED;
  if (state === TransactionState.ONGOING) return isOfNow ? 'end' : ErrorCode.PRODUCER_FENCED;
  if (state === TransactionState.EMPTY && !isOfNow) return ErrorCode.PRODUCER_FENCED;
  const isRepetition = repeatsOverNewEpoch || repeatsOverNewId;
  if (!isRepetition && !isOfNow) return ErrorCode.PRODUCER_FENCED;
  if (isRepetition) return endedAs(state) === request.committed ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE;
  return isIdle(state) && !request.committed ? 'end' : ErrorCode.INVALID_TXN_STATE;
}

function whileEnding({ state }: TransactionMetadata, { committed }: EndRequest): ErrorCode {
  const isSame = (state === TransactionState.PREPARE_COMMIT) === committed;
  return isSame ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.INVALID_TXN_STATE;
}

/** Whether it was committed; undefined when nothing has ended yet. */
function endedAs(state: TransactionState): boolean | undefined {
  if (state === TransactionState.COMPLETE_COMMIT) return true;
  return state === TransactionState.COMPLETE_ABORT ? false : undefined;
}
