// Many deadlines on one timer: requests that wait for a commit rarely wait long enough to need a timer of their own.
// Owned by a handler; every deadline must be removed or it expires.
//
// Deadlines that fall into the same millisecond share a slot, and a heap orders the slots' times: adding, removing and
// expiring cost the same with ten deadlines and with a hundred thousand. Most are removed soon, long before they are due: what
// they leave behind (empty slots and their times) is cleared away by the dozen, because a map that is emptied one by one
// makes garbage each time, which outlives a young collection. Invariant: each slot's time is in the heap, and there
// are never more empty slots than others and a few.
import type { Clock, Timer, Timers } from '../runtime/runtime.ts';
import { MinHeap } from './min-heap.ts';

export interface Deadline {
  /** Monotonic milliseconds. */
  readonly dueAtMs: number;
  expired(): void;
  /** Written by Deadlines alone: its place in its slot. */
  slotIndex?: number;
}

/** Deadlines of one millisecond in the order in which they were added, with holes where some were removed. */
type Slot = (Deadline | undefined)[];

/** So many empty slots are never worth clearing away. */
const EMPTY_SLOTS_MAX = 64;

export class Deadlines {
  /** By the whole millisecond at which they are due at the latest. */
  #slots = new Map<number, Slot>();
  #emptySlots = 0;
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

  /** Times in the heap, those of empty slots too; for tests. */
  get storedTimes(): number {
    return this.#times.size;
  }

  add(deadline: Deadline): void {
    const timeMs = Math.ceil(deadline.dueAtMs);
    const slot = this.#slots.get(timeMs);
    if (slot !== undefined && slot[deadline.slotIndex ?? -1] === deadline) return;
    deadline.slotIndex = slot?.length ?? 0;
    this.#size++;
    if (slot === undefined) {
      this.#slots.set(timeMs, [deadline]);
      this.#times.push(timeMs);
    } else {
      if (slot.length === 0) this.#emptySlots--;
      slot.push(deadline);
    }
    if (timeMs < this.#timerDueAtMs) this.#arm(timeMs);
  }

  /** No error when absent. The timer stays: it finds out by itself that nothing is due. */
  remove(deadline: Deadline): void {
    const { slotIndex } = deadline;
    if (slotIndex === undefined) return;
    const slot = this.#slots.get(Math.ceil(deadline.dueAtMs));
    if (slot?.[slotIndex] !== deadline) return;
    this.#size--;
    slot[slotIndex] = undefined;
    while (slot.length > 0 && slot[slot.length - 1] === undefined) slot.pop();
    if (slot.length > 0) return;
    this.#emptySlots++;
    if (this.#emptySlots * 2 > this.#slots.size + EMPTY_SLOTS_MAX) this.#clearEmptySlots();
  }

  #clearEmptySlots(): void {
    this.#slots = new Map([...this.#slots].filter(([, slot]) => slot.length > 0));
    this.#times = new MinHeap(this.#slots.keys());
    this.#emptySlots = 0;
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

  /** Removes what is due, and the empty slots before the next that something waits for. */
  #takeDue(nowMs: number): Deadline[] {
    const due: Deadline[] = [];
    for (let timeMs = this.#times.least; timeMs !== undefined; timeMs = this.#times.least) {
      const slot = this.#slots.get(timeMs) as Slot;
      if (slot.length === 0) this.#emptySlots--;
      else if (timeMs > nowMs) break;
      for (const deadline of slot) if (deadline !== undefined) due.push(deadline);
      this.#slots.delete(timeMs);
      this.#times.pop();
    }
    this.#size -= due.length;
    return due;
  }
}
