// A message: a named struct with a range of versions, decoded and encoded by functions that compile.ts makes for each
// version on first use. Requests, responses, headers, coordinator records and the consumer protocol are all messages.
import { type Codec, compile } from './compile.ts';
import { ProtocolError } from './protocol-error.ts';
import { Reader } from './reader.ts';
import { type DecodedOf, type Field, type Fields, type InputOf, type Versions, versionRange } from './schema.ts';
import { Writer } from './writer.ts';

/**
 * `normal`: int64 is a number, unknown tagged fields are skipped. `exact`, for tests and tools: int64 beyond ±(2^53−1)
 * is a bigint, and unknown tagged fields are kept as `unknownTags` on their struct and written back, so that decoding
 * and encoding returns the same bytes.
 */
export type Mode = 'normal' | 'exact';

/** What the exact mode keeps of a tagged field that the definition does not know. */
export interface UnknownTag {
  readonly tag: number;
  readonly bytes: Buffer;
}

export class Message<Decoded = unknown, Input = unknown> {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** Infinity when no version is flexible. */
  readonly firstFlexibleVersion: number;
  readonly fields: Fields;
  /** Whether anything that decoding gives is a view of the bytes decoded. */
  readonly hasByteFields: boolean;
  /** Types only; these properties do not exist. */
  declare readonly $decoded: Decoded;
  declare readonly $input: Input;
  readonly #normal: (Codec | undefined)[] = [];
  readonly #exact: (Codec | undefined)[] = [];

  constructor(name: string, minVersion: number, maxVersion: number, firstFlexibleVersion: number, fields: Fields) {
    this.name = name;
    this.minVersion = minVersion;
    this.maxVersion = maxVersion;
    this.firstFlexibleVersion = firstFlexibleVersion;
    this.fields = fields;
    this.hasByteFields = haveBytes(fields);
  }

  /** Reads one message at the reader's position. */
  read(reader: Reader, version: number, mode: Mode = 'normal'): Decoded {
    return this.#codec(version, mode).decode(reader) as Decoded;
  }

  write(writer: Writer, version: number, message: Input, mode: Mode = 'normal'): void {
    this.#codec(version, mode).encode(writer, message);
  }

  /** Bytes after the message are ignored, as Kafka does. Byte fields of the result are views of `bytes`. */
  decode(version: number, bytes: Buffer, mode: Mode = 'normal'): Decoded {
    return this.read(new Reader(bytes), version, mode);
  }

  /** The message in one buffer. */
  encode(version: number, message: Input, mode: Mode = 'normal'): Buffer {
    const writer = new Writer();
    this.write(writer, version, message, mode);
    const pieces = writer.finish();
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  #codec(version: number, mode: Mode): Codec {
    const codecs = mode === 'normal' ? this.#normal : this.#exact;
    return codecs[version] ?? (codecs[version] = this.#compile(version, mode));
  }

  #compile(version: number, mode: Mode): Codec {
    if (!(version >= this.minVersion && version <= this.maxVersion && Number.isInteger(version))) {
      throw new ProtocolError(
        'unsupported-version',
        `${this.name} has versions ${this.minVersion} to ${this.maxVersion}, not ${version}`,
      );
    }
    return compile(this.fields, version, version >= this.firstFlexibleVersion, mode === 'exact');
  }
}

function haveBytes(fields: Fields): boolean {
  return Object.values(fields).some(hasBytes);
}

function hasBytes({ type, element, fields }: Field): boolean {
  if (type === 'bytes' || type === 'records') return true;
  return (element !== null && hasBytes(element)) || (fields !== null && haveBytes(fields));
}

/** Defines a message that belongs to no API. */
export function defineMessage<const F extends Fields>(definition: {
  readonly name: string;
  readonly versions: Versions;
  readonly flexible: Versions | 'none';
  readonly fields: F;
}): Message<DecodedOf<F>, InputOf<F>> {
  const [minVersion, maxVersion] = versionRange(definition.versions);
  const firstFlexible =
    definition.flexible === 'none' ? Number.POSITIVE_INFINITY : versionRange(definition.flexible)[0];
  return new Message(definition.name, minVersion, maxVersion, firstFlexible, definition.fields);
}
