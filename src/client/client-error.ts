// The one error of the client. `code` is Kafka's name of the error code when a broker answered with one
// (`UNKNOWN_TOPIC_OR_PARTITION`), otherwise one of the client's own below.
import { ErrorCode, errorName, isRetriable } from '../protocol/error-code.ts';

export type OwnCode =
  /** No bootstrap server could be reached. */
  | 'NO_BROKER_REACHABLE'
  /** The connection broke before the answer came; whether the request was carried out is unknown. */
  | 'DISCONNECTED'
  /** No answer in time; whether the request was carried out is unknown. */
  | 'TIMED_OUT'
  /** The record's transaction was aborted before it was delivered. */
  | 'TRANSACTION_ABORTED'
  /** The client was closed. */
  | 'CLOSED'
  /** The broker's answer is not what the protocol says. */
  | 'BAD_RESPONSE'
  /** An argument that cannot work, such as a malformed bootstrap server. */
  | 'INVALID_ARGUMENT';

const RETRIABLE_OWN: ReadonlySet<string> = new Set(['NO_BROKER_REACHABLE', 'DISCONNECTED', 'TIMED_OUT']);

export class ClientError extends Error {
  /** Kafka's error name, or an OwnCode. */
  readonly code: string;
  /** Kafka's error code; UNKNOWN_SERVER_ERROR for the client's own errors. */
  readonly errorCode: number;
  /** Whether sending the same request again may succeed. */
  readonly retriable: boolean;

  constructor(code: OwnCode | number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ClientError';
    this.code = typeof code === 'number' ? errorName(code) : code;
    this.errorCode = typeof code === 'number' ? code : ErrorCode.UNKNOWN_SERVER_ERROR;
    this.retriable = typeof code === 'number' ? isRetriable(code) : RETRIABLE_OWN.has(code);
  }
}

/** Throws when a broker answered with an error. `what` is the beginning of the sentence: `cannot create topic x`. */
export function throwOnError(errorCode: number, what: string, message?: string | null): void {
  if (errorCode !== ErrorCode.NONE) {
    throw new ClientError(errorCode, `${what}: ${message || errorName(errorCode)}`);
  }
}
