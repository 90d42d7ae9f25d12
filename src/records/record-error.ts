// The one error that reading record bytes may throw: the bytes came from outside and are not what they claim to be.

/**
 * `corrupt`: a broken frame or checksum of a batch (Kafka's CorruptRecordException);
 * `invalid`: records that do not fit what the batch says (InvalidRecordException);
 * `compression`: data that its codec cannot decompress (an unmapped KafkaException);
 * `too-large`: decompressed data would exceed the caller's limit;
 * `unsupported`: an unknown compression type or magic.
 */
export type RecordErrorKind = 'corrupt' | 'invalid' | 'compression' | 'too-large' | 'unsupported';

export class RecordError extends Error {
  override readonly name = 'RecordError';
  readonly kind: RecordErrorKind;

  constructor(kind: RecordErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}
