// Compresses and decompresses the records of a batch, synchronously. Decompression is bounded by the caller and trusts no
// declared size; whatever is wrong with the bytes becomes a RecordError.
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { Compression } from './compression-type.ts';
import { lz4CompressFrame, lz4DecompressFrame } from './lz4-frame.ts';
import { RecordError } from './record-error.ts';
import type { Scratch } from './scratch.ts';
import { snappyCompressStream, snappyDecompress } from './snappy.ts';
import { zstdCompress, zstdDecompress } from './zstd.ts';

export { loadCompression } from './zstd.ts';

/**
 * What a batch may grow to when a caller has no reason for another bound. Kafka's brokers decompress without any; batches of
 * real producers stay far below (max.request.size limits what they hold uncompressed, 1 MB by default).
 */
export const MAX_DECOMPRESSED_BYTES = 128 * 1024 * 1024;

/** Deflate spends at least a bit on 258 bytes, with a little around it. */
const GZIP_GROWTH_MAX = 1032;
const GZIP_CHUNK_BYTES_MAX = 1024 * 1024;

export interface DecompressLimit {
  /** Decompressed data beyond this many bytes is refused with kind `too-large`. */
  readonly maxBytes: number;
  /** LZ4 in magic 0 carries a wrong header checksum, which is not looked at. */
  readonly ignoreLz4HeaderChecksum?: boolean;
  /** The result may lie there, or where a library unpacks the next one: it is looked at before anything else is decompressed. */
  readonly scratch?: Scratch | undefined;
}

/**
 * `level` as in Kafka's compression.gzip.level and compression.zstd.level, the codec's default when undefined. LZ4 has one
 * level here: any reader takes the result, it only may be larger than Java's levels above 9.
 */
export function compress(codec: Compression, bytes: Buffer, level?: number): Buffer {
  switch (codec) {
    case Compression.NONE:
      return bytes;
    case Compression.GZIP:
      return gzipSync(bytes, { level: level ?? constants.Z_DEFAULT_COMPRESSION });
    case Compression.SNAPPY:
      return snappyCompressStream(bytes);
    case Compression.LZ4:
      return lz4CompressFrame(bytes);
    case Compression.ZSTD:
      return zstdCompress(bytes, level);
    default:
      throw unknownCodec(codec);
  }
}

/** A new buffer, except for codec none: then the bytes themselves; or a part of the scratch when there is one. */
export function decompress(codec: Compression, bytes: Buffer, limit: DecompressLimit): Buffer {
  switch (codec) {
    case Compression.NONE:
      return bytes;
    case Compression.GZIP:
      return gunzip(bytes, limit.maxBytes);
    case Compression.SNAPPY:
      return snappyDecompress(bytes, limit.maxBytes, limit.scratch);
    case Compression.LZ4:
      return lz4DecompressFrame(bytes, {
        maxBytes: limit.maxBytes,
        ignoreHeaderChecksum: limit.ignoreLz4HeaderChecksum ?? false,
        scratch: limit.scratch,
      });
    case Compression.ZSTD:
      return zstdDecompress(bytes, limit.maxBytes, limit.scratch !== undefined);
    default:
      throw unknownCodec(codec);
  }
}

function gunzip(bytes: Buffer, maxBytes: number): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: Math.max(1, maxBytes), chunkSize: chunkBytesFor(bytes, maxBytes) });
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new RecordError('too-large', `Decompressed gzip data exceeds ${maxBytes} bytes`);
    }
    throw new RecordError('compression', 'Cannot decompress gzip: a broken stream', { cause });
  }
}

/**
 * Room for all of the output at once, so that it need not be joined from pieces: a gzip stream ends with its plain size. That is a
 * claim, and so it decides about this only, and not beyond what the stream could grow to.
 */
function chunkBytesFor(bytes: Buffer, maxBytes: number): number {
  const declared = bytes.length < 4 ? 0 : bytes.readUInt32LE(bytes.length - 4);
  // A chunk that is just full would be followed by an empty one.
  const wanted = Math.min(declared + 1, maxBytes + 1, bytes.length * GZIP_GROWTH_MAX, GZIP_CHUNK_BYTES_MAX);
  return Math.max(wanted, constants.Z_DEFAULT_CHUNK);
}

function unknownCodec(codec: never): RecordError {
  return new RecordError('unsupported', `Unknown compression type id: ${codec}`);
}
