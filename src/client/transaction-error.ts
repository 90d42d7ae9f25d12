// What went wrong in a transaction, with what is left to do: `abort` it and go on with the next, or `close` the producer because
// another with its transactional id has taken over, or the broker will never take what it sends. As Kafka's TransactionManager.
import { ErrorCode } from '../protocol/error-code.ts';
import { ClientError } from './client-error.ts';

export type TransactionRemedy = 'abort' | 'close';

export class TransactionError extends ClientError {
  readonly remedy: TransactionRemedy;

  constructor(cause: ClientError, remedy: TransactionRemedy) {
    super(cause.errorCode, cause.message, cause);
    this.name = 'TransactionError';
    this.remedy = remedy;
  }
}

/** Who answered: the leader of a partition, the coordinator of the transaction, or that of a group. */
export type TransactionStep = 'produce' | 'coordinator' | 'offsets';

/** Ends the producer wherever they come from. */
const ALWAYS_FATAL: ReadonlySet<number> = new Set([
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  ErrorCode.UNSUPPORTED_VERSION,
  ErrorCode.INVALID_TRANSACTION_TIMEOUT,
]);

/** From a coordinator they mean that another producer has taken over; from a leader, that the transaction was aborted. */
const FATAL_FROM_COORDINATORS: ReadonlySet<number> = new Set([
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.INVALID_TXN_STATE,
]);

export function transactionError(error: ClientError, step: TransactionStep): TransactionError {
  if (error instanceof TransactionError) return error;
  const fatal =
    ALWAYS_FATAL.has(error.errorCode) ||
    (step !== 'produce' && FATAL_FROM_COORDINATORS.has(error.errorCode)) ||
    (step === 'produce' && error.errorCode === ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  return new TransactionError(error, fatal ? 'close' : 'abort');
}
