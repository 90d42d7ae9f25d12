// "No", with Kafka's code and sentence: an expected outcome of a decision. Thrown inside decisions only, caught by the
// class that asked, and never seen outside as an exception.
import type { ErrorCode } from '../protocol/error-code.ts';

export class Refusal extends Error {
  readonly errorCode: ErrorCode;
  /** Null: the code says it all. */
  readonly errorMessage: string | null;
  constructor(errorCode: ErrorCode, errorMessage: string | null = null) {
    super(errorMessage ?? String(errorCode));
    this.name = 'Refusal';
    this.errorCode = errorCode;
    this.errorMessage = errorMessage;
  }
}

export function refuse(errorCode: ErrorCode, errorMessage: string | null = null): never {
  throw new Refusal(errorCode, errorMessage);
}
