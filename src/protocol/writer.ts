// Writes Kafka's wire types into a list of buffers. Small things are packed into a slab that writers hand on to each
// other; byte fields of REFERENCE_BYTES_MIN or more are put into the list as they are, and belong to the caller, who
// must not change them until the list has been written out. The bytes of the slab part belong to the list for ever:
// a later writer continues behind them.
import { ProtocolError } from './protocol-error.ts';
import { STRING_BYTES_MAX } from './reader.ts';
import { writeUuid } from './uuid.ts';

/** Byte fields from this size on are passed by reference: below, copying costs less than one more buffer to write. */
export const REFERENCE_BYTES_MIN = 1024;

const SLAB_BYTES = 64 * 1024;
/** A slab with less room than this is left behind. */
const SLAB_ROOM_MIN = 512;
/** A tagged field is written apart, because its size precedes it. */
const TAG_BYTES = 256;
/** Up to this length a string is written by a loop while it is ASCII, and its compact length fits one byte. */
const SHORT_STRING_MAX = 40;

/** The slab that the next writer takes, and where its free end begins; null while a writer has it. */
let freeSlab: Buffer | null = null;
let freeFrom = 0;

export class Writer {
  #pieces: Buffer[] = [];
  #bytes: Buffer;
  /** Where in `#bytes` the piece being written starts. */
  #start = 0;
  #position = 0;
  /** Bytes in `#pieces`. */
  #finishedBytes = 0;
  #framed = false;

  /** Without `bytes`, takes the free slab or a new one. */
  constructor(bytes?: Buffer) {
    if (bytes !== undefined) {
      this.#bytes = bytes;
    } else if (freeSlab !== null) {
      this.#bytes = freeSlab;
      this.#start = this.#position = freeFrom;
      freeSlab = null;
    } else {
      this.#bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
    }
  }

  /** Leaves four bytes at the very beginning for the size of everything after them. */
  startFrame(): void {
    this.#framed = true;
    this.int32(0);
  }

  /** What was written, in pieces; the writer is used up. */
  finish(): Buffer[] {
    this.#cut();
    const pieces = this.#pieces;
    if (this.#framed) {
      const size = this.#finishedBytes - 4;
      if (size > 0x7fff_ffff) throw new ProtocolError('unencodable', `a frame of ${size} bytes`);
      pieces[0]!.writeInt32BE(size, 0);
    }
    if (freeSlab === null && this.#bytes.length - this.#position >= SLAB_ROOM_MIN) {
      freeSlab = this.#bytes;
      freeFrom = this.#position;
    }
    return pieces;
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  int8(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  int16(value: number): void {
    const at = this.#room(2);
    this.#bytes[at] = value >> 8;
    this.#bytes[at + 1] = value;
  }

  int32(value: number): void {
    const at = this.#room(4);
    putInt32(this.#bytes, at, value);
  }

  int64(value: number | bigint): void {
    const at = this.#room(8);
    if (typeof value === 'bigint') {
      this.#bytes.writeBigInt64BE(BigInt.asIntN(64, value), at);
    } else if (value >= 0x8000_0000_0000_0000) {
      putInt32(this.#bytes, at, 0x7fff_ffff);
      putInt32(this.#bytes, at + 4, -1);
    } else if (value < -0x8000_0000_0000_0000) {
      putInt32(this.#bytes, at, -0x8000_0000);
      putInt32(this.#bytes, at + 4, 0);
    } else {
      const low = value >>> 0;
      putInt32(this.#bytes, at, (value - low) / 0x1_0000_0000);
      putInt32(this.#bytes, at + 4, low);
    }
  }

  float64(value: number): void {
    const at = this.#room(8);
    this.#bytes.writeDoubleBE(value, at);
  }

  uuid(value: string): void {
    const at = this.#room(16);
    writeUuid(this.#bytes, at, value);
  }

  /** Unsigned, 32 bits. */
  uvarint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.int8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.int8(rest);
  }

  string(value: string | null): void {
    if (value === null) throw nullNotAllowed();
    const length = value.length;
    if (length <= SHORT_STRING_MAX) {
      const at = this.#room(2 + 3 * length);
      const written = this.#text(value, at + 2);
      this.#bytes[at] = 0;
      this.#bytes[at + 1] = written;
      this.#position = at + 2 + written;
    } else {
      const size = stringBytes(value);
      this.int16(size);
      this.#longText(value, size);
    }
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1);
    else this.string(value);
  }

  compactString(value: string | null): void {
    if (value === null) throw nullNotAllowed();
    const length = value.length;
    if (length <= SHORT_STRING_MAX) {
      const at = this.#room(1 + 3 * length);
      const written = this.#text(value, at + 1);
      this.#bytes[at] = written + 1;
      this.#position = at + 1 + written;
    } else {
      const size = stringBytes(value);
      this.uvarint(size + 1);
      this.#longText(value, size);
    }
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.int8(0);
    else this.compactString(value);
  }

  byteArray(value: Uint8Array | readonly Buffer[] | null): void {
    if (value === null) throw nullNotAllowed();
    this.int32(byteLength(value));
    this.raw(value);
  }

  nullableByteArray(value: Uint8Array | readonly Buffer[] | null): void {
    if (value === null) this.int32(-1);
    else this.byteArray(value);
  }

  compactByteArray(value: Uint8Array | readonly Buffer[] | null): void {
    if (value === null) throw nullNotAllowed();
    this.uvarint(byteLength(value) + 1);
    this.raw(value);
  }

  compactNullableByteArray(value: Uint8Array | readonly Buffer[] | null): void {
    if (value === null) this.int8(0);
    else this.compactByteArray(value);
  }

  arrayLength(value: readonly unknown[] | null): void {
    if (value === null) throw nullNotAllowed();
    this.int32(value.length);
  }

  compactArrayLength(value: readonly unknown[] | null): void {
    if (value === null) throw nullNotAllowed();
    this.uvarint(value.length + 1);
  }

  nullableArrayLength(value: readonly unknown[] | null): void {
    this.int32(value === null ? -1 : value.length);
  }

  compactNullableArrayLength(value: readonly unknown[] | null): void {
    this.uvarint(value === null ? 0 : value.length + 1);
  }

  /** Bytes without a length in front. */
  raw(value: Uint8Array | readonly Uint8Array[]): void {
    if (!(value instanceof Uint8Array)) {
      for (const piece of value) this.raw(piece);
    } else if (value.length >= REFERENCE_BYTES_MIN) {
      this.#cut();
      this.#pieces.push(Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.length));
      this.#finishedBytes += value.length;
    } else {
      const at = this.#room(value.length);
      this.#bytes.set(value, at);
    }
  }

  /** A writer for the value of a tagged field, to be handed to `tag`. */
  openTag(): Writer {
    return new Writer(Buffer.allocUnsafe(TAG_BYTES));
  }

  /** Appends a tagged field: number, size, value. */
  tag(tag: number, value: Writer): void {
    value.#cut();
    this.uvarint(tag);
    this.uvarint(value.#finishedBytes);
    this.raw(value.#pieces);
  }

  /** Appends the tagged fields below `limit`, from `index` on (exact mode); gives the index of the next one. */
  unknownTags(tags: readonly { readonly tag: number; readonly bytes: Buffer }[], index: number, limit: number): number {
    let next = index;
    for (; next < tags.length && tags[next]!.tag < limit; next++) {
      this.uvarint(tags[next]!.tag);
      this.uvarint(tags[next]!.bytes.length);
      this.raw(tags[next]!.bytes);
    }
    return next;
  }

  /** Reserves contiguous bytes; gives their position in `#bytes`, which may change: read that afterwards. */
  #room(length: number): number {
    if (length > this.#bytes.length - this.#position) {
      this.#cut();
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, length));
      this.#start = this.#position = 0;
    }
    const at = this.#position;
    this.#position = at + length;
    return at;
  }

  #cut(): void {
    if (this.#position === this.#start) return;
    const piece = this.#bytes.subarray(this.#start, this.#position);
    // Mostly the only one: a push would make room for seventeen.
    if (this.#pieces.length === 0) this.#pieces = [piece];
    else this.#pieces.push(piece);
    this.#finishedBytes += this.#position - this.#start;
    this.#start = this.#position;
  }

  /** Writes a short string where there is room for it; gives its size in bytes. */
  #text(value: string, at: number): number {
    const bytes = this.#bytes;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return bytes.write(value, at, 'utf8');
      bytes[at + i] = code;
    }
    return value.length;
  }

  #longText(value: string, size: number): void {
    const at = this.#room(size);
    this.#bytes.write(value, at, 'utf8');
  }
}

function putInt32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}

function stringBytes(value: string): number {
  const size = Buffer.byteLength(value);
  if (size > STRING_BYTES_MAX) throw new ProtocolError('unencodable', `a string of ${size} bytes`);
  return size;
}

function byteLength(value: Uint8Array | readonly Uint8Array[]): number {
  if (value instanceof Uint8Array) return value.length;
  let length = 0;
  for (const piece of value) length += piece.length;
  return length;
}

function nullNotAllowed(): ProtocolError {
  return new ProtocolError('unencodable', 'null where the field cannot be null in this version');
}
