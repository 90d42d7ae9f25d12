// Reading DER, the encoding of certificates and key stores: tag, length, content. Views into the bytes that were given; lengths are
// checked against what is there, and nothing recurses by itself, so that hostile input costs nothing.

export interface Der {
  /** With class and constructed bits: 0x30 SEQUENCE, 0x31 SET, 0x06 OBJECT IDENTIFIER, 0xa0 [0], … */
  readonly tag: number;
  readonly content: Buffer;
  /** Tag, length and content. */
  readonly whole: Buffer;
}

export const DerTag = {
  INTEGER: 0x02,
  OCTET_STRING: 0x04,
  OBJECT_ID: 0x06,
  UTF8: 0x0c,
  SEQUENCE: 0x30,
  SET: 0x31,
  PRINTABLE: 0x13,
  TELETEX: 0x14,
  IA5: 0x16,
  UNIVERSAL: 0x1c,
  BMP: 0x1e,
} as const;

export class DerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DerError';
  }
}

export function readDer(bytes: Buffer, at = 0): Der {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new DerError('the bytes end within an element');
  let length = first;
  let begin = at + 2;
  if (first >= 0x80) {
    const lengthBytes = first & 0x7f;
    if (lengthBytes === 0 || lengthBytes > 4) throw new DerError('the length of an element cannot be read');
    if (begin + lengthBytes > bytes.length) throw new DerError('the bytes end within an element');
    length = bytes.readUIntBE(begin, lengthBytes);
    begin += lengthBytes;
  }
  if (begin + length > bytes.length) throw new DerError('the bytes end within an element');
  return { tag, content: bytes.subarray(begin, begin + length), whole: bytes.subarray(at, begin + length) };
}

/** The elements inside a constructed one. */
export function derChildren({ content }: Der): Der[] {
  const children: Der[] = [];
  for (let at = 0; at < content.length; ) {
    const child = readDer(content, at);
    children.push(child);
    at += child.whole.length;
  }
  return children;
}

export function child(parent: Der, index: number): Der {
  const found = derChildren(parent)[index];
  if (!found) throw new DerError('an element is missing');
  return found;
}

/** `1.2.840.113549.1.9.1` */
export function objectId({ tag, content }: Der): string {
  if (tag !== DerTag.OBJECT_ID) throw new DerError('an object identifier was expected');
  const numbers: number[] = [];
  let number = 0;
  for (const byte of content) {
    number = number * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      numbers.push(number);
      number = 0;
    }
  }
  const first = Math.min(2, Math.floor((numbers[0] ?? 0) / 40));
  return [first, (numbers[0] ?? 0) - first * 40, ...numbers.slice(1)].join('.');
}
