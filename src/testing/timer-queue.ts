// Timers in the order in which they are due: a heap. Two of one moment come in the order in which they were set.

export interface QueuedTimer {
  readonly dueMs: number;
  readonly order: number;
  /** Who set it; all of one owner can be dropped at once. */
  readonly owner: object;
  /** Undefined: cancelled. */
  callback: (() => void) | undefined;
}

/** So many cancelled timers are never worth clearing away. */
const CANCELLED_MAX = 256;

export class TimerQueue {
  #heap: QueuedTimer[] = [];
  #order = 0;
  #cancelled = 0;

  add(dueMs: number, owner: object, callback: () => void): QueuedTimer {
    const timer = { dueMs, order: this.#order++, owner, callback };
    this.#push(timer);
    return timer;
  }

  cancel(timer: QueuedTimer): void {
    if (timer.callback === undefined) return;
    timer.callback = undefined;
    this.#cancelled++;
    if (this.#cancelled > CANCELLED_MAX && this.#cancelled * 2 > this.#heap.length) this.#keep(() => true);
  }

  /** Undefined when nothing waits. */
  get nextDueMs(): number | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.callback !== undefined) return first.dueMs;
      this.#pop();
      this.#cancelled--;
    }
    return undefined;
  }

  /** Timers set from now on have this number or a higher one. */
  get nextOrder(): number {
    return this.#order;
  }

  /** Takes the next callback that is due by then and was set before `order`. */
  takeDue(nowMs: number, order: number): (() => void) | undefined {
    const dueMs = this.nextDueMs;
    if (dueMs === undefined || dueMs > nowMs || this.#heap[0]!.order >= order) return undefined;
    const timer = this.#pop();
    const { callback } = timer;
    timer.callback = undefined;
    return callback;
  }

  drop(owner: object): void {
    this.#keep((timer) => timer.owner !== owner);
  }

  #keep(wanted: (timer: QueuedTimer) => boolean): void {
    const kept = this.#heap.filter((timer) => timer.callback !== undefined && wanted(timer));
    this.#heap = [];
    this.#cancelled = 0;
    for (const timer of kept) this.#push(timer);
  }

  #push(timer: QueuedTimer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): QueuedTimer {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: QueuedTimer, other: QueuedTimer): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}
