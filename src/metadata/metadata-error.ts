// Faults of the stored metadata: the broker does not start with them, and prints the message.

export type MetadataErrorCode =
  /** A file that is not what was written: cut short, changed, or without its predecessors. */
  | 'DAMAGED'
  /** A file of a later version of Ottla. */
  | 'NEWER_FORMAT';

export class MetadataError extends Error {
  readonly code: MetadataErrorCode;
  constructor(code: MetadataErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'MetadataError';
    this.code = code;
  }
}
