// What to do about an error code of Kafka, in the words of the command line.
import { ErrorCode, isRetriable } from '../protocol/error-code.ts';

/** The end of a sentence, without its full stop; undefined when nothing general can be said. */
export function remedyFor(errorCode: number): string | undefined {
  return REMEDIES[errorCode] ?? (isRetriable(errorCode) ? 'try again in a moment' : undefined);
}

const REMEDIES: Readonly<Record<number, string>> = {
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]: '`ottla topic list` shows what there is',
  [ErrorCode.GROUP_ID_NOT_FOUND]: '`ottla group list` shows what there is',
  [ErrorCode.NON_EMPTY_GROUP]: 'stop its consumers first',
  [ErrorCode.TRANSACTIONAL_ID_NOT_FOUND]: '`ottla transaction list` shows what there is',
  [ErrorCode.TRANSACTION_COORDINATOR_FENCED]: 'use the coordinator epoch that `ottla transaction find-hanging` shows',
  [ErrorCode.INVALID_REGULAR_EXPRESSION]: 'it is one of RE2/J, as in Kafka',
  [ErrorCode.INVALID_TRANSACTION_TIMEOUT]: 'raise transaction.max.timeout.ms of the broker or ask for less',
  [ErrorCode.PRODUCER_FENCED]: 'another producer with this transactional id has taken over',
  [ErrorCode.TOPIC_ALREADY_EXISTS]: '--if-not-exists accepts that',
  [ErrorCode.INVALID_REPLICATION_FACTOR]: 'there is one broker, so the replication factor is 1',
  [ErrorCode.KAFKA_STORAGE_ERROR]:
    'the broker cannot write at the moment; its own log lines say why, a full disk for example',
  [ErrorCode.CORRUPT_MESSAGE]:
    'stop the broker and run `ottla check` on its data directory, which names what is damaged',
  [ErrorCode.MESSAGE_TOO_LARGE]: 'raise max.message.bytes of the topic or write smaller records',
};
