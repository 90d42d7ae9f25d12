// Snappy as Kafka's clients write it: Java's xerial stream, or one raw snappy block (some other clients).
//
//   82 'S' 'N' 'A' 'P' 'P' 'Y' 00 · int32 version · int32 oldest compatible version (Java looks at neither)
//   blocks: int32 length · raw snappy block (begins with its plain length as a varint)
//   Streams may follow each other: a block length equal to the first four magic bytes begins another header.
import { onFirstUse } from '../runtime/on-first-use.ts';
import { RecordError } from './record-error.ts';
import { joinParts, type Scratch } from './scratch.ts';

const snappy = onFirstUse<typeof import('snappy')>('snappy');

const STREAM_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const STREAM_MAGIC_HEAD = STREAM_MAGIC.readInt32BE(0);
const STREAM_HEADER_BYTES = 16;
const STREAM_VERSION = 1;
/** What Java's SnappyOutputStream writes. */
const BLOCK_BYTES = 32 * 1024;
/** A three-byte copy yields 64 bytes: a block that declares more growth lies. */
const MAX_GROWTH = 22;
/** Output in a buffer of Node's own: three to nine times faster than one that wraps the library's memory. */
const COPY = { copyOutputData: true };

export function snappyCompressStream(bytes: Buffer): Buffer {
  const header = Buffer.alloc(STREAM_HEADER_BYTES);
  STREAM_MAGIC.copy(header);
  header.writeInt32BE(STREAM_VERSION, 8);
  header.writeInt32BE(STREAM_VERSION, 12);
  const parts: Buffer[] = [header];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = snappy().compressSync(bytes.subarray(at, at + BLOCK_BYTES), COPY);
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(block.length, 0);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

export function snappyDecompress(bytes: Buffer, maxBytes: number, scratch?: Scratch): Buffer {
  if (bytes.length < STREAM_HEADER_BYTES || !startsWithMagic(bytes, 0)) return unpackBlock(bytes, maxBytes);
  const parts: Buffer[] = [];
  let total = 0;
  let at = STREAM_HEADER_BYTES;
  while (at < bytes.length) {
    // Java, too, takes fewer than four bytes for the end.
    if (bytes.length - at < 4) break;
    const length = bytes.readInt32BE(at);
    if (length === STREAM_MAGIC_HEAD) {
      if (bytes.length - at < STREAM_HEADER_BYTES || !startsWithMagic(bytes, at))
        throw corrupt('the stream ends early');
      at += STREAM_HEADER_BYTES;
      continue;
    }
    at += 4;
    if (length < 0 || length > bytes.length - at) throw corrupt('the stream ends early');
    const part = unpackBlock(bytes.subarray(at, at + length), maxBytes - total);
    total += part.length;
    parts.push(part);
    at += length;
  }
  return joinParts(parts, total, scratch);
}

function unpackBlock(block: Buffer, maxBytes: number): Buffer {
  const declared = declaredBytes(block);
  if (declared > block.length * MAX_GROWTH) throw corrupt('a block declares an impossible size');
  if (declared > maxBytes) throw new RecordError('too-large', `Decompressed snappy data exceeds ${maxBytes} bytes`);
  try {
    return snappy().uncompressSync(block, COPY) as Buffer;
  } catch (cause) {
    throw new RecordError('compression', 'Cannot decompress snappy: a broken block', { cause });
  }
}

/** The varint that a raw block begins with. */
function declaredBytes(block: Buffer): number {
  let value = 0;
  for (let i = 0; i < 5 && i < block.length; i++) {
    const byte = block[i]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  throw corrupt('a block without a size');
}

function startsWithMagic(bytes: Buffer, at: number): boolean {
  return bytes.compare(STREAM_MAGIC, 0, STREAM_MAGIC.length, at, at + STREAM_MAGIC.length) === 0;
}

function corrupt(what: string): RecordError {
  return new RecordError('compression', `Cannot decompress snappy: ${what}`);
}
