// The LZ4 frame format around raw blocks that a native library packs and unpacks. What is accepted is what Kafka's
// Lz4BlockInputStream accepts: independent blocks only, block checksums verified, a declared content size skipped, a
// content checksum not verified.
//
//   u32le magic 0x184d2204
//   u8 flags: 6–7 version (1) · 5 blocks are independent · 4 block checksums · 3 content size · 2 content checksum · 0–1 zero
//   u8 largest block: 4–6 size code n = 4…7 (2^(2n+8) bytes), other bits zero
//   u64le content size, if flagged
//   u8 second byte of xxHash32 over flags … content size (clients writing magic 0 hashed the frame's magic too: not checked)
//   blocks: u32le length (top bit: stored plain), bytes, u32le xxHash32 of them if flagged
//   u32le 0, then u32le content checksum if flagged
import { onFirstUse } from '../runtime/on-first-use.ts';
import { RecordError } from './record-error.ts';
import { joinParts, Scratch } from './scratch.ts';
import { xxhash32 } from './xxhash32.ts';

const lz4 = onFirstUse<typeof import('lz4-napi')>('lz4-napi');

const MAGIC = 0x184d2204;
const MIN_HEADER_BYTES = 7;
const PLAIN_BIT = 0x8000_0000;
/** 64 KiB, what Kafka writes. */
const BLOCK_SIZE_CODE = 4;
const BLOCK_BYTES = 64 * 1024;
/** No LZ4 block grows by more than this: each further byte of a match length adds at most 255 bytes. */
const MAX_GROWTH = 255;
const MIN_BLOCK_SCRATCH_BYTES = 64;
/** Of a block with the prefix that the library wants: only the library sees it. */
const prefixedBlock = new Scratch();

export interface Lz4Limit {
  readonly maxBytes: number;
  /** The batch is of magic 0, whose header checksum is known to be wrong. */
  readonly ignoreHeaderChecksum: boolean;
  /** Where the result may lie; without it, it is the caller's for good. */
  readonly scratch?: Scratch | undefined;
}

export function lz4CompressFrame(bytes: Buffer): Buffer {
  const header = Buffer.alloc(MIN_HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header[4] = 0b0110_0000;
  header[5] = BLOCK_SIZE_CODE << 4;
  header[6] = (xxhash32(header, 4, 6) >>> 8) & 0xff;

  const parts: Buffer[] = [header];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const plain = bytes.subarray(at, at + BLOCK_BYTES);
    // The library prefixes the plain size in four bytes: their place becomes the block's own length field.
    const block = lz4().compressSync(plain);
    const packedBytes = block.length - 4;
    if (packedBytes < plain.length) {
      block.writeUInt32LE(packedBytes, 0);
      parts.push(block);
    } else {
      const length = Buffer.alloc(4);
      length.writeUInt32LE((plain.length | PLAIN_BIT) >>> 0, 0);
      parts.push(length, plain);
    }
  }
  parts.push(Buffer.alloc(4));
  return Buffer.concat(parts);
}

export function lz4DecompressFrame(bytes: Buffer, limit: Lz4Limit): Buffer {
  const header = readHeader(bytes, limit.ignoreHeaderChecksum);
  const parts: Buffer[] = [];
  let total = 0;
  let at = header.endAt;
  for (;;) {
    if (bytes.length - at < 4) throw corrupt('the frame ends early');
    const field = bytes.readUInt32LE(at);
    at += 4;
    const isPlain = field >= PLAIN_BIT;
    const length = isPlain ? field - PLAIN_BIT : field;
    if (length === 0) {
      if (header.hasContentChecksum && bytes.length - at < 4) throw corrupt('the frame ends early');
      return joinParts(parts, total, limit.scratch);
    }
    if (length > header.blockBytesMax) throw corrupt('a block exceeds the declared size');
    const end = at + length;
    if (end + (header.hasBlockChecksums ? 4 : 0) > bytes.length) throw corrupt('the frame ends early');
    if (header.hasBlockChecksums && xxhash32(bytes, at, end) !== bytes.readUInt32LE(end)) {
      throw corrupt('a block checksum does not match');
    }
    const part = isPlain
      ? bytes.subarray(at, end)
      : unpackBlock(bytes.subarray(at, end), header.blockBytesMax, limit.maxBytes - total);
    total += part.length;
    if (total > limit.maxBytes) throw tooLarge(limit.maxBytes);
    parts.push(part);
    at = end + (header.hasBlockChecksums ? 4 : 0);
  }
}

interface FrameHeader {
  readonly blockBytesMax: number;
  readonly hasBlockChecksums: boolean;
  readonly hasContentChecksum: boolean;
  readonly endAt: number;
}

function readHeader(bytes: Buffer, ignoreChecksum: boolean): FrameHeader {
  if (bytes.length < MIN_HEADER_BYTES) throw corrupt('the frame ends early');
  if (bytes.readUInt32LE(0) !== MAGIC) throw corrupt('no frame magic');
  const flags = bytes[4]!;
  const blockSize = bytes[5]!;
  if ((flags & 0b1110_0011) !== 0b0110_0000) throw corrupt('an unsupported kind of frame');
  const sizeCode = blockSize >> 4;
  if ((blockSize & 0b1000_1111) !== 0 || sizeCode < 4) throw corrupt('an invalid block size');
  const checksumAt = (flags & 0b1000) === 0 ? 6 : 14;
  if (bytes.length <= checksumAt) throw corrupt('the frame ends early');
  if (!ignoreChecksum && bytes[checksumAt] !== ((xxhash32(bytes, 4, checksumAt) >>> 8) & 0xff)) {
    throw corrupt('the header checksum does not match');
  }
  return {
    blockBytesMax: 1 << (2 * sizeCode + 8),
    hasBlockChecksums: (flags & 0b1_0000) !== 0,
    hasContentChecksum: (flags & 0b100) !== 0,
    endAt: checksumAt + 1,
  };
}

/** The library allocates what the prefix says, so the prefix is our bound, not the sender's. */
function unpackBlock(packed: Buffer, blockBytesMax: number, remainingBytes: number): Buffer {
  const possibleBytes = Math.min(blockBytesMax, packed.length * MAX_GROWTH + MIN_BLOCK_SCRATCH_BYTES);
  const boundBytes = Math.min(possibleBytes, Math.max(remainingBytes, 0));
  const prefixed = prefixedBlock.take(4 + packed.length).subarray(0, 4 + packed.length);
  prefixed.writeUInt32LE(boundBytes, 0);
  packed.copy(prefixed, 4);
  try {
    return lz4().uncompressSync(prefixed);
  } catch (cause) {
    if (boundBytes < possibleBytes && /too small/.test(String(cause))) throw tooLarge(remainingBytes);
    throw new RecordError('compression', 'Cannot decompress lz4: a broken block', { cause });
  }
}

function corrupt(what: string): RecordError {
  return new RecordError('compression', `Cannot decompress lz4: ${what}`);
}

function tooLarge(maxBytes: number): RecordError {
  return new RecordError('too-large', `Decompressed lz4 data exceeds ${maxBytes} bytes`);
}
