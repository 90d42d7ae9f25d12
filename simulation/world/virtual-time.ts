// Virtual time: a heap of events, taken one after the other. Between two events every promise that can go on has gone on, so
// that whatever the code under test awaits is one of these events, and their order alone decides what happens.
// Invariant: time never goes back, and two events of one moment happen in the order in which they were planned.

/** Who an event belongs to: it does not happen any more when the owner is dead, and later while it is stopped. */
export interface EventOwner {
  readonly alive: boolean;
  /** Until then nothing of it runs. */
  readonly stoppedUntilMs: number;
}

export interface PlannedEvent {
  atMs: number;
  order: number;
  owner: EventOwner | undefined;
  /** Undefined: cancelled. */
  callback: (() => void) | undefined;
}

export class VirtualTime {
  nowMs = 0;
  /** Events that happened. */
  count = 0;
  #heap: PlannedEvent[] = [];
  #order = 0;
  #onThrown: (error: unknown, owner: EventOwner | undefined) => void;

  constructor(onThrown: (error: unknown, owner: EventOwner | undefined) => void) {
    this.#onThrown = onThrown;
  }

  plan(delayMs: number, owner: EventOwner | undefined, callback: () => void): PlannedEvent {
    const event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, owner, callback };
    this.#push(event);
    return event;
  }

  /** Resolves after `delayMs`; never, when the owner dies before. */
  wait(delayMs: number, owner: EventOwner | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.plan(delayMs, owner, resolve);
    });
  }

  /** Lets events happen until `isOver`, or until none is left or the next one is later than `untilMs`. */
  async run(untilMs: number, isOver: () => boolean): Promise<void> {
    await settled();
    while (!isOver()) {
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) {
        this.nowMs = Math.max(this.nowMs, Math.min(untilMs, event?.atMs ?? untilMs));
        return;
      }
      this.#pop();
      const { callback, owner } = event;
      if (callback === undefined || owner?.alive === false) continue;
      if (owner !== undefined && owner.stoppedUntilMs > event.atMs) {
        event.atMs = owner.stoppedUntilMs;
        event.order = this.#order++;
        this.#push(event);
        continue;
      }
      this.nowMs = event.atMs;
      this.count++;
      event.callback = undefined;
      try {
        callback();
      } catch (error) {
        this.#onThrown(error, owner);
      }
      await settled();
    }
  }

  #push(event: PlannedEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent] as PlannedEvent)) break;
      heap[at] = heap[parent] as PlannedEvent;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as PlannedEvent;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as PlannedEvent, heap[child] as PlannedEvent)) child++;
      if (!isBefore(heap[child] as PlannedEvent, last)) break;
      heap[at] = heap[child] as PlannedEvent;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: PlannedEvent, other: PlannedEvent): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/** Promises go on before Node takes its next immediate, all of them, however many follow from one another. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
