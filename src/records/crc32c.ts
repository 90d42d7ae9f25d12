// CRC-32C (Castagnoli), the checksum of v2 record batches and of the write-ahead log. The native function is an order of
// magnitude faster on long inputs, but calling it costs about as much as a table walk over a few hundred bytes:
// bench/micro/crc32c.ts measures where they cross.
import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/** Below this many bytes the table is faster than the call into native code. */
export const NATIVE_MIN_BYTES = 256;

const TABLES = slicingTables();

/**
 * The unsigned checksum of bytes [start, end). `seed` continues: crc32c(b, 0, n, crc32c(a)) is the checksum of a then b.
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  if (end - start < NATIVE_MIN_BYTES) return tableCrc32c(bytes, start, end, seed);
  return nativeCrc32c(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), seed);
}

/** The same in JavaScript, four bytes at a step. Exported for the benchmark and the tests. */
export function tableCrc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  const tables = TABLES;
  let crc = ~seed;
  let i = start;
  for (const last = end - 3; i < last; i += 4) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    crc =
      tables[768 + (crc & 0xff)]! ^
      tables[512 + ((crc >>> 8) & 0xff)]! ^
      tables[256 + ((crc >>> 16) & 0xff)]! ^
      tables[crc >>> 24]!;
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

/** Table k (256 entries at 256·k) advances a byte through k further zero bytes. */
function slicingTables(): Int32Array {
  const polynomial = 0x82f63b78;
  const tables = new Int32Array(4 * 256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    tables[n] = crc;
  }
  for (let n = 0; n < 256; n++) {
    for (let k = 1; k < 4; k++) {
      const previous = tables[(k - 1) * 256 + n]!;
      tables[k * 256 + n] = (previous >>> 8) ^ tables[previous & 0xff]!;
    }
  }
  return tables;
}
