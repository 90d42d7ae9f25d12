// The CRC-32C of stored batches as a row of bytes, for the write-ahead log. Large batches are not read for it: each carries
// the checksum of all but its first 21 bytes, which was verified when it was appended. Invariant: the result is what
// `crc32c` over all the bytes gives, unless a batch is not what its checksum says; and then whoever replays finds out.
import { concatenatedCrc32c, crc32c } from './crc32c.ts';
import { ATTRIBUTES_AT, batchLength, checksum } from './record-batch.ts';

/** Smaller batches are read: bench/micro/crc32c.ts measures from where on their own checksums are cheaper. */
export const OWN_CHECKSUM_BYTES_MIN = 4096;

/** Of bytes [start, end), which are whole batches; `seed` continues, as for `crc32c`. */
export function checksumOfBatches(bytes: Buffer, start = 0, end = bytes.length, seed = 0): number {
  let crc = seed;
  let unread = start;
  for (let at = start; at < end; ) {
    const length = batchLength(bytes, at);
    if (length >= OWN_CHECKSUM_BYTES_MIN) {
      crc = crc32c(bytes, unread, at + ATTRIBUTES_AT, crc);
      crc = concatenatedCrc32c(crc, checksum(bytes, at), length - ATTRIBUTES_AT);
      unread = at + length;
    }
    at += length;
  }
  return unread < end ? crc32c(bytes, unread, end, crc) : crc;
}
