// The one error that reading record bytes may throw: the bytes came from outside and are not what they claim to be.

/**
 * `corrupt`: broken structure or checksum (Kafka's CorruptRecordException);
 * `invalid`: well-formed bytes that break a rule (InvalidRecordException);
 * `too-large`: decompressed data would exceed the caller's limit;
 * `unsupported`: an unknown compression type or magic.
 */
export type RecordErrorKind = 'corrupt' | 'invalid' | 'too-large' | 'unsupported';

export class RecordError extends Error {
  override readonly name = 'RecordError';
  readonly kind: RecordErrorKind;

  constructor(kind: RecordErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}
