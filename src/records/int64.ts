// 64-bit integers of the record format as JavaScript numbers: exact up to 2^53, the nearest double beyond. Two int32 reads
// cost a quarter of a BigInt; offsets, sequences and sane timestamps never leave the exact range.
import { int64Of } from '../protocol/int64-of.ts';

const TWO_32 = 0x1_0000_0000;
const MAX_HIGH = 0x7fff_ffff;

export function readInt64(buffer: Buffer, position: number): number {
  return int64Of(buffer.readInt32BE(position), buffer.readInt32BE(position + 4));
}

/** Values beyond the 64-bit range are written as the nearest end of it. */
export function writeInt64(buffer: Buffer, value: number, position: number): void {
  let high = Math.floor(value / TWO_32);
  let low = value - high * TWO_32;
  if (high > MAX_HIGH) {
    high = MAX_HIGH;
    low = TWO_32 - 1;
  } else if (high < -MAX_HIGH - 1) {
    high = -MAX_HIGH - 1;
    low = 0;
  }
  buffer.writeInt32BE(high, position);
  buffer.writeUInt32BE(low, position + 4);
}
