// Compresses and decompresses the records of a batch, synchronously. Decompression is bounded by the caller and trusts no
// declared size; whatever is wrong with the bytes becomes a RecordError.
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { Compression } from './compression-type.ts';
import { RecordError } from './record-error.ts';

export interface DecompressLimit {
  /** Decompressed data beyond this many bytes is refused with kind `too-large`. */
  readonly maxBytes: number;
}

/** `level` as in Kafka's compression.gzip/lz4/zstd.level; the codec's default when undefined. */
export function compress(codec: Compression, bytes: Buffer, level?: number): Buffer {
  switch (codec) {
    case Compression.NONE:
      return bytes;
    case Compression.GZIP:
      return gzipSync(bytes, { level: level ?? constants.Z_DEFAULT_COMPRESSION });
    default:
      throw new RecordError('unsupported', `Unknown compression type id: ${codec}`);
  }
}

export function decompress(codec: Compression, bytes: Buffer, limit: DecompressLimit): Buffer {
  switch (codec) {
    case Compression.NONE:
      return bytes;
    case Compression.GZIP:
      return gunzipSync(bytes, { maxOutputLength: limit.maxBytes });
    default:
      throw new RecordError('unsupported', `Unknown compression type id: ${codec}`);
  }
}
