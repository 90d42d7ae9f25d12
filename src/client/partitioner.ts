// Which partition a record goes to, as Kafka's clients decide: murmur2 of the key, so that all clients put the same key
// into the same partition. Pure.

/** Kafka's variant of murmur2 (32 bits, fixed seed), as a signed integer. */
export function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995;
  const length = bytes.length;
  let hash = 0x9747b28c ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    hash = Math.imul(hash, m) ^ k;
  }
  const rest = length - at;
  if (rest >= 3) {
    hash ^= bytes[at + 2]! << 16;
  }
  if (rest >= 2) {
    hash ^= bytes[at + 1]! << 8;
  }
  if (rest >= 1) {
    hash = Math.imul(hash ^ bytes[at]!, m);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, m);
  return hash ^ (hash >>> 15);
}

/** The partition of a key among `partitionCount`. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}
