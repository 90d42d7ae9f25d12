// Zstandard: Node's own from 22.15, else a WebAssembly build (docs/decisions/0001-compression-libraries.md). WebAssembly
// compiles asynchronously, so `loadCompression` is awaited once at start; on newer runtimes it does nothing.
//
// Both are asked for one frame at a time, with a bound computed from the frame's own structure, so that neither a declared
// content size nor the library's guesses decide how much memory is used:
//
//   u32le magic 0xfd2fb528 · u8 descriptor: 6–7 content size length code · 5 single segment · 3 zero · 2 checksum · 0–1 dictionary id code
//   u8 window (absent when single segment) · dictionary id · content size
//   blocks: u24le: bit 0 last · 1–2 type (0 plain, 1 one byte repeated, 2 compressed, 3 reserved) · 3–23 size
//   u32le checksum if flagged.       Skippable frames: u32le 0x184d2a5x · u32le length · bytes
import zlib from 'node:zlib';
import { RecordError } from './record-error.ts';
import { loadZstdWasm, type ZstdLibrary } from './zstd-wasm.ts';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_BYTES_MAX = 128 * 1024;
const DEFAULT_LEVEL = 3;
/** A library that is given the room for all of its output at once needs no second buffer to join the pieces in; never more than this. */
const CHUNK_BYTES_MAX = 1024 * 1024;
/** What zlib allows. */
const CHUNK_BYTES_MIN = 64;

/** @types/node for Node 20 does not know them. */
interface ZlibWithZstd {
  readonly zstdCompressSync?: (bytes: Uint8Array, options: { params: Record<number, number> }) => Buffer;
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: { maxOutputLength: number; chunkSize: number }) => Buffer;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number };
}

let library: ZstdLibrary | undefined = nativeLibrary();
let loading: Promise<void> | undefined;

/** Makes zstd usable; to be awaited before the first batch. Cheap to call again. */
export function loadCompression(): Promise<void> {
  if (library !== undefined) return Promise.resolve();
  loading ??= loadZstdWasm().then((loaded) => {
    library = loaded;
  });
  return loading;
}

export function zstdCompress(bytes: Buffer, level = DEFAULT_LEVEL): Buffer {
  return loaded().compress(bytes, level);
}

/** With `isGlance` the result may be good until the next call only. */
export function zstdDecompress(bytes: Buffer, maxBytes: number, isGlance = false): Buffer {
  return unpackFrames(loaded(), bytes, maxBytes, isGlance);
}

/** The same with a library of one's choice; for tests. */
export function unpackFrames(zstd: ZstdLibrary, bytes: Buffer, maxBytes: number, isGlance: boolean): Buffer {
  const parts: Buffer[] = [];
  let total = 0;
  for (let at = 0; at < bytes.length; ) {
    const frame = measureFrame(bytes, at);
    const remaining = maxBytes - total;
    if (frame.isSkippable) {
      at = frame.endAt;
      continue;
    }
    if (frame.contentBytes > remaining) throw tooLarge(maxBytes);
    const boundBytes = Math.max(1, Math.min(frame.boundBytes, remaining));
    let part: Buffer;
    try {
      part = zstd.decompress(bytes.subarray(at, frame.endAt), boundBytes);
    } catch (cause) {
      if (frame.boundBytes > remaining && zstd.isOutputTooSmall(cause)) throw tooLarge(maxBytes);
      throw new RecordError('compression', 'Cannot decompress zstd: a broken frame', { cause });
    }
    total += part.length;
    if (total > maxBytes) throw tooLarge(maxBytes);
    at = frame.endAt;
    const isAll = parts.length === 0 && at === bytes.length;
    parts.push(zstd.isOutputBorrowed && !(isGlance && isAll) ? Buffer.from(part) : part);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total);
}

interface FrameMeasure {
  readonly endAt: number;
  readonly isSkippable: boolean;
  /** As declared; 0 when the frame does not say. */
  readonly contentBytes: number;
  /** No frame of these blocks can decompress to more. */
  readonly boundBytes: number;
}

/** Walks a frame's headers without decompressing. */
function measureFrame(bytes: Buffer, start: number): FrameMeasure {
  need(bytes, start, 5);
  const magic = bytes.readUInt32LE(start);
  if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE_MAGIC) {
    need(bytes, start, 8);
    const endAt = start + 8 + bytes.readUInt32LE(start + 4);
    need(bytes, endAt, 0);
    return { endAt, isSkippable: true, contentBytes: 0, boundBytes: 0 };
  }
  if (magic !== FRAME_MAGIC) throw corrupt('no frame magic');
  const descriptor = bytes[start + 4]!;
  if ((descriptor & 0b1000) !== 0) throw corrupt('an unsupported kind of frame');
  const isSingleSegment = (descriptor & 0b10_0000) !== 0;
  let at = start + 5;
  let windowBytes = Number.POSITIVE_INFINITY;
  if (!isSingleSegment) {
    need(bytes, at, 1);
    windowBytes = windowSize(bytes[at]!);
    at += 1;
  }
  at += [0, 1, 2, 4][descriptor & 0b11]!;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  need(bytes, at, sizeBytes);
  const declared = sizeBytes === 0 ? undefined : contentSize(bytes, at, sizeBytes);
  at += sizeBytes;

  const blockBytesMax = Math.min(BLOCK_BYTES_MAX, windowBytes, isSingleSegment ? (declared ?? 0) : BLOCK_BYTES_MAX);
  let boundBytes = 0;
  for (let isLast = false; !isLast; ) {
    need(bytes, at, 3);
    const field = bytes.readUIntLE(at, 3);
    at += 3;
    isLast = (field & 1) !== 0;
    const type = (field >> 1) & 0b11;
    const size = field >> 3;
    if (type === 3 || (size > BLOCK_BYTES_MAX && type !== 1)) throw corrupt('an invalid block');
    boundBytes += type === 2 ? blockBytesMax : Math.min(size, BLOCK_BYTES_MAX);
    at += type === 1 ? 1 : size;
    need(bytes, at, 0);
  }
  if ((descriptor & 0b100) !== 0) at += 4;
  need(bytes, at, 0);
  if (declared !== undefined && declared > boundBytes) throw corrupt('a declared size that its blocks cannot have');
  return { endAt: at, isSkippable: false, contentBytes: declared ?? 0, boundBytes: declared ?? boundBytes };
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 0b111);
}

function contentSize(bytes: Buffer, at: number, length: number): number {
  if (length === 1) return bytes[at]!;
  if (length === 2) return bytes.readUInt16LE(at) + 256;
  if (length === 4) return bytes.readUInt32LE(at);
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
}

function need(bytes: Buffer, at: number, count: number): void {
  if (at + count > bytes.length) throw corrupt('the frame ends early');
}

function loaded(): ZstdLibrary {
  if (library === undefined) throw new Error('zstd is used before loadCompression() was awaited');
  return library;
}

function nativeLibrary(): ZstdLibrary | undefined {
  const { zstdCompressSync, zstdDecompressSync, constants } = zlib as unknown as ZlibWithZstd;
  const levelParameter = constants.ZSTD_c_compressionLevel;
  if (!zstdCompressSync || !zstdDecompressSync || levelParameter === undefined) return undefined;
  return {
    isOutputBorrowed: false,
    compress: (bytes, level) => zstdCompressSync(bytes, { params: { [levelParameter]: level } }),
    decompress: (frame, boundBytes) =>
      zstdDecompressSync(frame, { maxOutputLength: boundBytes, chunkSize: chunkBytesFor(boundBytes) }),
    isOutputTooSmall: (error) => (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE',
  };
}

/** A chunk that is just full would be followed by an empty one. */
function chunkBytesFor(boundBytes: number): number {
  return Math.min(Math.max(boundBytes + 1, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX);
}

function corrupt(what: string): RecordError {
  return new RecordError('compression', `Cannot decompress zstd: ${what}`);
}

function tooLarge(maxBytes: number): RecordError {
  return new RecordError('too-large', `Decompressed zstd data exceeds ${maxBytes} bytes`);
}
