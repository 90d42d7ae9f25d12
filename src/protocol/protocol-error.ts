// The one error that decoding and encoding may throw: bytes that are not the message they claim to be, or a message that
// cannot be put into bytes at the asked version. Everything else thrown in this folder is a bug.

export type ProtocolErrorCode =
  /** The bytes end before the message does. */
  | 'truncated'
  /** A length, count or tag that no message can have. */
  | 'malformed'
  /** More elements than one message may hold (reader.ts: `ELEMENTS_MAX`). */
  | 'too-large'
  /** The API or message does not have this version. */
  | 'unsupported-version'
  /** On encode: null, an identifier or a length that the field cannot carry. */
  | 'unencodable';

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
