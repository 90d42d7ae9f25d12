// Fetches that wait for a partition to have more to read. Owned by a Partition; holds nothing while nobody waits.
// Bounded by its users: the Fetch handler parks a limited number of requests.

export interface FetchWaiter<P> {
  /**
   * The partition has more to read, or will never have (it was deleted): look again. Called synchronously from the
   * commit loop, possibly for several partitions in a row; must not add or remove waiters before it returns.
   */
  partitionMoved(partition: P): void;
}

export class FetchWaiters<P> {
  #waiters: Set<FetchWaiter<P>> | undefined;

  get size(): number {
    return this.#waiters?.size ?? 0;
  }

  add(waiter: FetchWaiter<P>): void {
    this.#waiters ??= new Set();
    this.#waiters.add(waiter);
  }

  /** No error when absent. */
  remove(waiter: FetchWaiter<P>): void {
    if (this.#waiters?.delete(waiter) && this.#waiters.size === 0) this.#waiters = undefined;
  }

  wake(partition: P): void {
    if (this.#waiters === undefined) return;
    for (const waiter of this.#waiters) waiter.partitionMoved(partition);
  }
}
