// What Kafka says to somebody who has no right, where an answer has room for words (Errors).
import { ErrorCode } from '../../protocol/error-code.ts';

const SENTENCES: Readonly<Record<number, string>> = {
  [ErrorCode.TOPIC_AUTHORIZATION_FAILED]: 'Topic authorization failed.',
  [ErrorCode.GROUP_AUTHORIZATION_FAILED]: 'Group authorization failed.',
  [ErrorCode.CLUSTER_AUTHORIZATION_FAILED]: 'Cluster authorization failed.',
  [ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED]: 'Transactional Id authorization failed.',
};

/** Null for what is no refusal of a right. */
export function refusalSentence(errorCode: number): string | null {
  return SENTENCES[errorCode] ?? null;
}
