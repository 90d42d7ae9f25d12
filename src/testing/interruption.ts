// Failures of the test broker's own client that come from the test itself: the broker was crashed, or is just starting again.
import { ClientError } from '../client/client-error.ts';

export function isInterruption(error: unknown): boolean {
  return error instanceof ClientError && (error.retriable || error.code === 'CLOSED');
}
