// A 128-bit hash of a record's key (MurmurHash3, x86 variant, with a seed that nobody outside knows), as four int32. Two keys
// with the same hash would be taken for one by compaction; with 128 bits that does not happen by chance.

const c1 = 0x239b961b;
const c2 = 0xab0e9789;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;

/** Of `length` bytes from `start`; the result replaces what `into` holds. */
export function hashKey(bytes: Buffer, start: number, length: number, seed: number, into: Int32Array): void {
  let h1 = seed;
  let h2 = seed;
  let h3 = seed;
  let h4 = seed;
  const end = start + length;
  let at = start;
  for (; at + 16 <= end; at += 16) {
    h1 ^= Math.imul(rotate(Math.imul(word(bytes, at), c1), 15), c2);
    h1 = (Math.imul((rotate(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotate(Math.imul(word(bytes, at + 4), c2), 16), c3);
    h2 = (Math.imul((rotate(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotate(Math.imul(word(bytes, at + 8), c3), 17), c4);
    h3 = (Math.imul((rotate(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotate(Math.imul(word(bytes, at + 12), c4), 18), c1);
    h4 = (Math.imul((rotate(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  const left = end - at;
  if (left > 12) h4 ^= Math.imul(rotate(Math.imul(partialWord(bytes, at + 12, end), c4), 18), c1);
  if (left > 8) h3 ^= Math.imul(rotate(Math.imul(partialWord(bytes, at + 8, end), c3), 17), c4);
  if (left > 4) h2 ^= Math.imul(rotate(Math.imul(partialWord(bytes, at + 4, end), c2), 16), c3);
  if (left > 0) h1 ^= Math.imul(rotate(Math.imul(partialWord(bytes, at, end), c1), 15), c2);
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = mix(h1);
  h2 = mix(h2);
  h3 = mix(h3);
  h4 = mix(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  into[0] = h1;
  into[1] = (h2 + h1) | 0;
  into[2] = (h3 + h1) | 0;
  into[3] = (h4 + h1) | 0;
}

function word(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Up to four bytes, but none from `end` on. */
function partialWord(bytes: Buffer, at: number, end: number): number {
  let value = 0;
  for (let i = Math.min(4, end - at) - 1; i >= 0; i--) value = (value << 8) | bytes[at + i]!;
  return value;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function mix(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
