// Many deadlines on one timer: requests that wait for a commit rarely wait long enough to need a timer of their own.
// Owned by a handler; every deadline must be removed or it expires.
//
// Deadlines that fall into the same millisecond share a slot, and a heap orders the slots' times: adding, removing and
// expiring cost the same with ten deadlines and with a hundred thousand. Invariant: each slot's time is in the heap. Times
// whose slots are gone may be there too, but never more of them than slots and a few.
import type { Clock, Timer, Timers } from '../runtime/runtime.ts';
import { MinHeap } from './min-heap.ts';

export interface Deadline {
  /** Monotonic milliseconds. */
  readonly dueAtMs: number;
  expired(): void;
}

/** So many times without slots are never worth clearing away. */
const STALE_TIMES_MAX = 64;

export class Deadlines {
  /** By the whole millisecond at which they are due at the latest. */
  readonly #slots = new Map<number, Set<Deadline>>();
  #times = new MinHeap();
  readonly #clock: Clock;
  readonly #timers: Timers;
  #size = 0;
  #timer: Timer | undefined;
  #timerDueAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  get size(): number {
    return this.#size;
  }

  /** Times in the heap, with and without a slot; for tests. */
  get storedTimes(): number {
    return this.#times.size;
  }

  add(deadline: Deadline): void {
    const timeMs = Math.ceil(deadline.dueAtMs);
    const slot = this.#slots.get(timeMs);
    if (slot === undefined) {
      this.#slots.set(timeMs, new Set([deadline]));
      this.#times.push(timeMs);
      this.#size++;
    } else if (!slot.has(deadline)) {
      slot.add(deadline);
      this.#size++;
    }
    if (timeMs < this.#timerDueAtMs) this.#arm(timeMs);
  }

  /** No error when absent. The timer stays: it finds out by itself that nothing is due. */
  remove(deadline: Deadline): void {
    const timeMs = Math.ceil(deadline.dueAtMs);
    const slot = this.#slots.get(timeMs);
    if (!slot?.delete(deadline)) return;
    this.#size--;
    if (slot.size > 0) return;
    this.#slots.delete(timeMs);
    if (this.#times.size > 2 * this.#slots.size + STALE_TIMES_MAX) this.#times = new MinHeap(this.#slots.keys());
  }

  #arm(dueAtMs: number): void {
    this.#timer?.cancel();
    this.#timerDueAtMs = dueAtMs;
    this.#timer = this.#timers.set(Math.max(0, dueAtMs - this.#clock.monotonicMs()), () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerDueAtMs = Number.POSITIVE_INFINITY;
    const due = this.#takeDue(this.#clock.monotonicMs());
    for (const deadline of due) deadline.expired();
    const nextMs = this.#times.least;
    if (nextMs !== undefined && nextMs < this.#timerDueAtMs) this.#arm(nextMs);
  }

  /** Removes what is due, and the times without slots before the next that something waits for. */
  #takeDue(nowMs: number): Deadline[] {
    const due: Deadline[] = [];
    for (let timeMs = this.#times.least; timeMs !== undefined; timeMs = this.#times.least) {
      const slot = this.#slots.get(timeMs);
      if (slot !== undefined) {
        if (timeMs > nowMs) break;
        for (const deadline of slot) due.push(deadline);
        this.#slots.delete(timeMs);
      }
      this.#times.pop();
    }
    this.#size -= due.length;
    return due;
  }
}
