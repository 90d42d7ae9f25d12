// A fault of the world met by storage. `code` says what can be done about it; the message is one sentence for the operator.

export type StorageErrorCode =
  /** Another living process holds the same broker id over the same directory. */
  | 'IN_USE'
  /** The directory was written by a newer format. */
  | 'NEWER_FORMAT'
  /** Bytes that were durable are wrong or gone: starting would lose acknowledged records. */
  | 'DAMAGED'
  /** No space left; everything resumes when there is. */
  | 'FULL'
  /** The disk refused an operation. */
  | 'IO';

export class StorageError extends Error {
  readonly code: StorageErrorCode;
  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StorageError';
    this.code = code;
  }
}

/** Bytes that were read are not those that were written. */
export function isDamage(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'DAMAGED';
}

/** What a failed file operation means for storage. */
export function storageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const code = (error as { code?: unknown } | undefined)?.code;
  const message = error instanceof Error ? error.message : String(error);
  return new StorageError(code === 'ENOSPC' || code === 'EDQUOT' ? 'FULL' : 'IO', message, error);
}
