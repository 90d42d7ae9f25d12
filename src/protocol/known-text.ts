// Strings that come again and again: topic names, topic ids, group and client ids. Making a string out of bytes is the
// dearest part of decoding a small request, and a new string must be hashed again at its first lookup in a Map. So the
// last string of each slot is kept and compared with the bytes; a hit costs a third. A cache, nothing else: a stranger
// who fills it with other strings makes it useless, not wrong, and it holds at most SLOTS strings of each kind.

const SLOTS = 1024;
/** Longer strings are not kept. */
const KEPT_BYTES_MAX = 64;

const texts: string[] = new Array<string>(SLOTS).fill('');
const uuids: string[] = new Array<string>(SLOTS).fill('');
/** The four words of each slot's uuid; a slot whose string is empty holds none. */
const words = new Int32Array(SLOTS * 4);

/** The UTF-8 text from `start` to `end`, which must be inside `bytes`. Invalid sequences become U+FFFD, as in Java. */
export function textAt(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > KEPT_BYTES_MAX) return bytes.toString('utf8', start, end);
  let hash = length;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte > 0x7f) return bytes.toString('utf8', start, end);
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  const slot = (hash ^ (hash >>> 10)) & (SLOTS - 1);
  const kept = texts[slot]!;
  if (kept.length === length && sameText(kept, bytes, start)) return kept;
  return (texts[slot] = bytes.toString('latin1', start, end));
}

function sameText(text: string, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

/** The 16 bytes from `start` on, which must be inside `bytes`, as url-safe base64. */
export function uuidAt(bytes: Buffer, start: number): string {
  const a = wordAt(bytes, start);
  const b = wordAt(bytes, start + 4);
  const c = wordAt(bytes, start + 8);
  const d = wordAt(bytes, start + 12);
  const mixed = Math.imul(a ^ d, 31) ^ b ^ c;
  const slot = (mixed ^ (mixed >>> 10) ^ (mixed >>> 20)) & (SLOTS - 1);
  const at = slot * 4;
  const kept = uuids[slot]!;
  if (kept !== '' && words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return kept;
  words[at] = a;
  words[at + 1] = b;
  words[at + 2] = c;
  words[at + 3] = d;
  return (uuids[slot] = bytes.toString('base64url', start, start + 16));
}

function wordAt(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
