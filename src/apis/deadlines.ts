// Many deadlines on one timer: requests that wait for a commit rarely wait long enough to need a timer of their own.
// Owned by a handler; every deadline must be removed or it expires.
import type { Clock, Timer, Timers } from '../runtime/runtime.ts';

export interface Deadline {
  /** Monotonic milliseconds. */
  readonly dueAtMs: number;
  expired(): void;
}

export class Deadlines {
  readonly #pending = new Set<Deadline>();
  readonly #clock: Clock;
  readonly #timers: Timers;
  #timer: Timer | undefined;
  #timerDueAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  get size(): number {
    return this.#pending.size;
  }

  add(deadline: Deadline): void {
    this.#pending.add(deadline);
    if (deadline.dueAtMs < this.#timerDueAtMs) this.#arm(deadline.dueAtMs);
  }

  /** No error when absent. The timer stays: it finds out by itself that nothing is due. */
  remove(deadline: Deadline): void {
    this.#pending.delete(deadline);
  }

  #arm(dueAtMs: number): void {
    this.#timer?.cancel();
    this.#timerDueAtMs = dueAtMs;
    this.#timer = this.#timers.set(Math.max(0, dueAtMs - this.#clock.monotonicMs()), () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerDueAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonicMs();
    const due: Deadline[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const deadline of this.#pending) {
      if (deadline.dueAtMs <= nowMs) due.push(deadline);
      else if (deadline.dueAtMs < nextMs) nextMs = deadline.dueAtMs;
    }
    for (const deadline of due) this.#pending.delete(deadline);
    for (const deadline of due) deadline.expired();
    if (nextMs < this.#timerDueAtMs) this.#arm(nextMs);
  }
}
