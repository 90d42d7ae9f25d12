// Offsets that open transactions have committed: what they come to is decided by the marker that ends the transaction.
// Owned by the committed offsets of its shard (offsets.ts), which says in which order they stand in the log.
// Invariant: a producer is known for a partition if and only if it has an offset for it.
// Source: OffsetMetadataManager (pendingTransactionalOffsets, openTransactions) of Kafka 4.3.
import { GroupPartitions } from './group-partitions.ts';
import type { CommittedOffset } from './offsets.ts';

export class PendingOffsets {
  readonly #byProducer = new Map<number, GroupPartitions<CommittedOffset>>();
  readonly #producers = new GroupPartitions<Set<number>>();
  #count = 0;

  /** Of all producers. */
  get count(): number {
    return this.#count;
  }

  groupIds(): Iterable<string> {
    return this.#producers.groupIds();
  }

  has(groupId: string): boolean {
    return this.#producers.has(groupId);
  }

  /** Whether any transaction may still change the group's offset of this partition. */
  hasPartition(groupId: string, topic: string, partition: number): boolean {
    return this.#producers.get(groupId, topic, partition) !== undefined;
  }

  topicsOf(groupId: string): Iterable<string> {
    return this.#producers.of(groupId).keys();
  }

  partitionsOf(groupId: string, topic: string): Iterable<number> {
    return this.#producers.of(groupId).get(topic)?.keys() ?? [];
  }

  /** Replaces what the same transaction has committed before. */
  put(producerId: number, groupId: string, topic: string, partition: number, committed: CommittedOffset): void {
    let offsets = this.#byProducer.get(producerId);
    if (offsets === undefined) this.#byProducer.set(producerId, (offsets = new GroupPartitions()));
    offsets.put(groupId, topic, partition, committed);
    let producers = this.#producers.get(groupId, topic, partition);
    if (producers === undefined) this.#producers.put(groupId, topic, partition, (producers = new Set()));
    if (!producers.has(producerId)) this.#count++;
    producers.add(producerId);
  }

  /** Removes what is gone of one partition, whoever committed it, and says whether that was anything. */
  remove(groupId: string, topic: string, partition: number, isGone: (committed: CommittedOffset) => boolean): boolean {
    let removed = false;
    for (const producerId of [...(this.#producers.get(groupId, topic, partition) ?? [])]) {
      const offsets = this.#byProducer.get(producerId)!;
      if (!isGone(offsets.get(groupId, topic, partition)!)) continue;
      offsets.remove(groupId, topic, partition);
      if (offsets.size === 0) this.#byProducer.delete(producerId);
      this.#forget(producerId, groupId, topic, partition);
      removed = true;
    }
    return removed;
  }

  /** The transaction has ended: what it had committed, which is pending no more. */
  end(producerId: number): GroupPartitions<CommittedOffset> | undefined {
    const offsets = this.#byProducer.get(producerId);
    this.#byProducer.delete(producerId);
    offsets?.each((groupId, topic, partition) => this.#forget(producerId, groupId, topic, partition));
    return offsets;
  }

  #forget(producerId: number, groupId: string, topic: string, partition: number): void {
    const producers = this.#producers.get(groupId, topic, partition)!;
    producers.delete(producerId);
    this.#count--;
    if (producers.size === 0) this.#producers.remove(groupId, topic, partition);
  }
}
