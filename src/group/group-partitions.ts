// A value for each partition that a group has something of: group → topic → partition. Owned by what keeps the values.
// Invariant: no group and no topic is left empty.

const NOTHING: ReadonlyMap<string, ReadonlyMap<number, never>> = new Map();

export class GroupPartitions<Value> {
  readonly #groups = new Map<string, Map<string, Map<number, Value>>>();
  #size = 0;

  /** Of all groups. */
  get size(): number {
    return this.#size;
  }

  groupIds(): Iterable<string> {
    return this.#groups.keys();
  }

  has(groupId: string): boolean {
    return this.#groups.has(groupId);
  }

  /** Topics and partitions in the order in which they came. */
  of(groupId: string): ReadonlyMap<string, ReadonlyMap<number, Value>> {
    return this.#groups.get(groupId) ?? NOTHING;
  }

  get(groupId: string, topic: string, partition: number): Value | undefined {
    return this.#groups.get(groupId)?.get(topic)?.get(partition);
  }

  put(groupId: string, topic: string, partition: number, value: Value): void {
    let topics = this.#groups.get(groupId);
    if (topics === undefined) this.#groups.set(groupId, (topics = new Map()));
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, (partitions = new Map()));
    if (!partitions.has(partition)) this.#size++;
    partitions.set(partition, value);
  }

  /** Whether there was one. */
  remove(groupId: string, topic: string, partition: number): boolean {
    const topics = this.#groups.get(groupId);
    const partitions = topics?.get(topic);
    if (topics === undefined || partitions === undefined || !partitions.delete(partition)) return false;
    this.#size--;
    if (partitions.size === 0) topics.delete(topic);
    if (topics.size === 0) this.#groups.delete(groupId);
    return true;
  }

  each(visit: (groupId: string, topic: string, partition: number, value: Value) => void): void {
    for (const [groupId, topics] of this.#groups) {
      for (const [topic, partitions] of topics) {
        for (const [partition, value] of partitions) visit(groupId, topic, partition, value);
      }
    }
  }
}
