// Java's String.hashCode, by which Kafka spreads groups and transactional ids over the partitions of its internal
// topics. Clients do not compute it, but the data in those topics outlives any one program.

/** A signed 32-bit hash of the UTF-16 code units. */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/** The partition of `__consumer_offsets` or `__transaction_state` that is in charge of an id (Utils.abs of the hash). */
export function coordinatorPartition(id: string, partitionCount: number): number {
  const hash = javaStringHash(id);
  // Java's abs of the smallest int is negative; Kafka takes 0 for it.
  return (hash === -0x8000_0000 ? 0 : Math.abs(hash)) % partitionCount;
}
