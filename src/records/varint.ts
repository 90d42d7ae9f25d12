// The signed, zigzag-coded variable-length integers inside records: sizes and writing. Reading is in record-cursor.ts.

/** Bytes of a zigzag varint of an int32. */
export function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

/** Returns the position behind it. */
export function writeVarint(buffer: Buffer, value: number, position: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let at = position;
  while (rest >= 0x80) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
}

/** Bytes of a zigzag varlong; `value` is a safe integer. */
export function varlongBytes(value: number): number {
  if (value === (value | 0)) return varintBytes(value);
  let rest = zigzag(value);
  let bytes = 1;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Returns the position behind it. */
export function writeVarlong(buffer: Buffer, value: number, position: number): number {
  if (value === (value | 0)) return writeVarint(buffer, value, position);
  let rest = zigzag(value);
  let at = position;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) buffer[at++] = (rest % 0x80) | 0x80;
  buffer[at++] = rest;
  return at;
}

/** Exact while |value| ≤ 2^52; timestamp deltas are. */
function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}
