// Reads Kafka's wire types from a frame. The frame is a stranger's: every read is checked against its end, a declared
// count against the bytes that are left, and the only error is ProtocolError. Strings are copied, bytes are views.
import { int64Of } from './int64-of.ts';
import { textAt, uuidAt } from './known-text.ts';
import { ProtocolError } from './protocol-error.ts';

/**
 * Structs, strings and the like that one message may hold in all its arrays together: a struct of one byte on the wire
 * is an object of a hundred, so the frame's size alone does not bound what decoding allocates. Numbers are not counted.
 * The largest legitimate messages (every partition of a large cluster) stay below.
 */
export const ELEMENTS_MAX = 1_000_000;

/** The same for requests, which come from anybody and hold up everybody: a broker is busy with as many for less than a second. */
export const REQUEST_ELEMENTS_MAX = 250_000;

/** Kafka refuses longer strings, also where the compact form could carry them. */
export const STRING_BYTES_MAX = 0x7fff;

export class Reader {
  readonly bytes: Buffer;
  readonly end: number;
  position: number;
  readonly #elementsMax: number;
  #elements = 0;

  constructor(bytes: Buffer, position = 0, end = bytes.length, elementsMax = ELEMENTS_MAX) {
    this.#elementsMax = elementsMax;
    this.bytes = bytes;
    this.position = position;
    this.end = end;
    if (position < 0 || position > end || end > bytes.length) throw truncated();
  }

  get remaining(): number {
    return this.end - this.position;
  }

  bool(): boolean {
    return this.int8() !== 0;
  }

  int8(): number {
    const at = this.position;
    if (at >= this.end) throw truncated();
    this.position = at + 1;
    return (this.bytes[at]! << 24) >> 24;
  }

  int16(): number {
    const at = this.#take(2);
    return ((this.bytes[at]! << 24) >> 16) | this.bytes[at + 1]!;
  }

  uint16(): number {
    const at = this.#take(2);
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }

  int32(): number {
    const at = this.#take(4);
    return int32At(this.bytes, at);
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  /** The nearest double: exact within ±2^53. */
  int64(): number {
    const at = this.#take(8);
    return int64Of(int32At(this.bytes, at), int32At(this.bytes, at + 4));
  }

  bigInt64(): bigint {
    return this.bytes.readBigInt64BE(this.#take(8));
  }

  /** A number where that is exact and safe, else a bigint. */
  exactInt64(): number | bigint {
    const value = this.int64();
    return Number.isSafeInteger(value) ? value : this.bytes.readBigInt64BE(this.position - 8);
  }

  float64(): number {
    return this.bytes.readDoubleBE(this.#take(8));
  }

  uuid(): string {
    return uuidAt(this.bytes, this.#take(16));
  }

  /** Unsigned, 32 bits, at most five bytes. */
  uvarint(): number {
    const first = this.int8();
    if (first >= 0) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift <= 28; shift += 7) {
      const byte = this.int8();
      value |= (byte & 0x7f) << shift;
      if (byte >= 0) return value >>> 0;
    }
    throw new ProtocolError('malformed', 'a varint of more than five bytes');
  }

  string(): string {
    return this.#text(this.int16());
  }

  nullableString(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.#text(length);
  }

  compactString(): string {
    return this.#text(this.uvarint() - 1);
  }

  compactNullableString(): string | null {
    const length = this.uvarint() - 1;
    return length < 0 ? null : this.#text(length);
  }

  byteArray(): Buffer {
    return this.view(this.int32());
  }

  nullableByteArray(): Buffer | null {
    const length = this.int32();
    return length < 0 ? null : this.view(length);
  }

  compactByteArray(): Buffer {
    return this.view(this.uvarint() - 1);
  }

  compactNullableByteArray(): Buffer | null {
    const length = this.uvarint() - 1;
    return length < 0 ? null : this.view(length);
  }

  /** The next bytes, not copied. */
  view(length: number): Buffer {
    if (length < 0) throw nullNotAllowed();
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** The count of an array whose elements take at least `bytesMin` bytes each; `weight` 0 for numbers, else 1. */
  arrayLength(bytesMin: number, weight: number): number {
    return this.#count(this.int32(), bytesMin, weight);
  }

  compactArrayLength(bytesMin: number, weight: number): number {
    return this.#count(this.uvarint() - 1, bytesMin, weight);
  }

  /** −1 for null. */
  nullableArrayLength(bytesMin: number, weight: number): number {
    const count = this.int32();
    return count < 0 ? -1 : this.#count(count, bytesMin, weight);
  }

  compactNullableArrayLength(bytesMin: number, weight: number): number {
    const count = this.uvarint() - 1;
    return count < 0 ? -1 : this.#count(count, bytesMin, weight);
  }

  /** Skips a struct's section of tagged fields. */
  skipTags(): void {
    for (let count = this.uvarint(); count > 0; count--) {
      this.uvarint();
      this.#take(this.uvarint());
    }
  }

  /** The size of a tagged field comes next; gives the position where the field ends. */
  tagEnd(): number {
    const size = this.uvarint();
    const end = this.position + size;
    if (end > this.end) throw truncated();
    return end;
  }

  /** A known tagged field has been read: it must fill its size. */
  endTag(end: number): void {
    if (this.position !== end) throw new ProtocolError('malformed', 'a tagged field is not as long as its size says');
  }

  #take(length: number): number {
    const at = this.position;
    if (length > this.end - at) throw truncated();
    this.position = at + length;
    return at;
  }

  #text(length: number): string {
    if (length < 0) throw nullNotAllowed();
    if (length === 0) return '';
    if (length > STRING_BYTES_MAX) throw new ProtocolError('malformed', `a string of ${length} bytes`);
    const at = this.#take(length);
    return textAt(this.bytes, at, at + length);
  }

  #count(count: number, bytesMin: number, weight: number): number {
    if (count < 0) throw nullNotAllowed();
    if (count * bytesMin > this.end - this.position) throw truncated();
    this.#elements += count * weight;
    if (this.#elements > this.#elementsMax) {
      throw new ProtocolError('too-large', `a message of more than ${this.#elementsMax} elements`);
    }
    return count;
  }
}

function int32At(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function truncated(): ProtocolError {
  return new ProtocolError('truncated', 'the bytes end before the message does');
}

function nullNotAllowed(): ProtocolError {
  return new ProtocolError('malformed', 'null where the field cannot be null');
}
