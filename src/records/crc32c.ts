// CRC-32C (Castagnoli), the checksum of v2 record batches and of the write-ahead log. The native function is an order of
// magnitude faster on long inputs, but calling it costs about as much as a table walk over a few hundred bytes:
// bench/micro/crc32c.ts measures where they cross.
import { required } from '../runtime/on-first-use.ts';

const { crc32c: nativeCrc32c } = required<typeof import('@node-rs/crc32')>('@node-rs/crc32');

/** Below this many bytes the table is faster than the call into native code. */
export const NATIVE_MIN_BYTES = 256;

/** The polynomial, its lowest power in the highest bit. */
const POLYNOMIAL = 0x82f63b78;
/** x to the 0 in the same notation. */
const ONE = 0x80000000 | 0;

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

/**
 * The checksum of a then b, from those of a and of b and the length of b: no byte is looked at. About as dear as the checksum of one
 * KiB, less for lengths that come again and again.
 */
export function concatenatedCrc32c(crcOfA: number, crcOfB: number, bytesOfB: number): number {
  if (bytesOfB !== shiftedBytes) {
    shift = powerOfX(bytesOfB);
    shiftedBytes = bytesOfB;
  }
  return (multiply(crcOfA, shift) ^ crcOfB) >>> 0;
}

/** What a checksum is multiplied by when so many bytes follow. */
let shiftedBytes = 0;
let shift = ONE;

/** x to the 8·bytes: a checksum is a polynomial over bits, reduced by POLYNOMIAL. */
function powerOfX(bytes: number): number {
  let power = ONE;
  for (let rest = bytes, k = 0; rest > 0; rest = Math.floor(rest / 2), k++) {
    if (rest % 2 === 1) power = multiply(power, SQUARES[k]!);
  }
  return power;
}

/** x to the 8, 16, 32…: enough for any number that is exact. */
const SQUARES = squares();

function squares(): number[] {
  const powers = [ONE >>> 8];
  for (let k = 1; k < 53; k++) powers.push(multiply(powers[k - 1]!, powers[k - 1]!));
  return powers;
}

function multiply(a: number, b: number): number {
  let product = 0;
  for (let rest = a | 0, shifted = b | 0; rest !== 0; rest <<= 1) {
    if (rest < 0) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product;
}

/** Table k (256 entries at 256·k) advances a byte through k further zero bytes. */
function slicingTables(): Int32Array {
  const tables = new Int32Array(4 * 256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
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
