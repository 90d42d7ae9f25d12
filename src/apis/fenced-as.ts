// How a fenced producer is told, which differs by version in all APIs of transactions.
import { ErrorCode } from '../protocol/error-code.ts';

/** Clients of versions before `firstVersion` do not know PRODUCER_FENCED. */
export function fencedAs(errorCode: number, apiVersion: number, firstVersion: number): number {
  const isUnknown = errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < firstVersion;
  return isUnknown ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode;
}
