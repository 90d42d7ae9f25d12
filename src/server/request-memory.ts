// The memory that requests and responses of all connections may take together (`queued.max.request.bytes`): bytes that
// were received and not yet answered, and answers that the kernel has not yet taken. At the limit every connection stops
// reading, and progress stays certain: answering what was received frees memory, and when nothing is left that can be
// answered by itself (half-received requests hold the memory, or long polls), one connection at a time may read on until
// a request of its is complete. If it does not complete what it began in time it is closed, so that stalled senders cannot
// hold the memory for ever.
//
// Those who wait form a queue: memory that becomes free lets its head read on, and a connection that has read goes to the
// tail while anybody waits, and for a while after memory was full. So a fast sender cannot take all that becomes free in
// one go (a socket is read many times in a turn of the event loop) before the others have read once.
import type { Timer, Timers } from '../runtime/runtime.ts';

/** A connection as seen from here. */
export interface MemoryUser {
  /** Memory became free: read on. */
  resumeReading(): void;
  /** True while part of a request was received, and the rest was not. */
  readonly hasPartialRequest: boolean;
  /** The chosen one did not complete its request in time. */
  stalled(): void;
}

/** How long the chosen connection may take to complete its request while all others wait. */
const CHOSEN_TIME_MAX_MS = 30_000;
/** How long the chosen one may take to begin a request, before the next is chosen. */
const CHOSEN_IDLE_MAX_MS = 100;
/** What a connection may be expected to receive in one turn: so many free bytes let one more read on. */
const TURN_BYTES = 256 * 1024;
/** How long connections go on taking turns after memory was full. */
const TURNS_TIME_MS = 1000;

export class RequestMemory {
  readonly #limitBytes: () => number;
  readonly #timers: Timers;
  /** A queue: whoever has waited longest is first. */
  readonly #paused = new Set<MemoryUser>();
  /** Is being told to read on at this moment. */
  #resuming: MemoryUser | undefined;
  #resumeDeferred = false;
  #turnsTimer: Timer | undefined;
  #wasFullAgain = false;
  #usedBytes = 0;
  /** Requests that are being answered, long polls left out, over all connections. */
  #inFlight = 0;
  #chosen: MemoryUser | undefined;
  #chosenTimer: Timer | undefined;

  constructor(limitBytes: () => number, timers: Timers) {
    this.#limitBytes = limitBytes;
    this.#timers = timers;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get isFull(): boolean {
    return this.#usedBytes >= this.#limitBytes();
  }

  take(bytes: number): void {
    this.#usedBytes += bytes;
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#settle();
  }

  /** The limit may have risen. */
  limitChanged(): void {
    this.#settle();
  }

  /** A request was dispatched that is not a long poll. */
  requestStarted(): void {
    this.#inFlight += 1;
  }

  requestsAnswered(count: number): void {
    this.#inFlight -= count;
    this.#settle();
  }

  /** Whether the connection may read. When not, it must pause; `resumeReading` is called later. */
  mayRead(user: MemoryUser): boolean {
    if (user === this.#chosen) {
      return true;
    }
    const { isFull } = this;
    const isFree = this.#paused.size === 0 && this.#turnsTimer === undefined;
    if (!isFull && (isFree || user === this.#resuming)) {
      return true;
    }
    this.#paused.add(user);
    if (isFull) {
      this.#takeTurns();
      this.#settle();
    } else {
      this.#resumeLater();
    }
    return user === this.#chosen;
  }

  /** The chosen connection has completed its request: it waits like the others now. */
  requestCompleted(user: MemoryUser): void {
    if (user === this.#chosen) {
      this.#dropChosen();
    }
  }

  /** The connection is gone; what it had taken was released by it. */
  forget(user: MemoryUser): void {
    this.#paused.delete(user);
    if (user === this.#chosen) {
      this.#dropChosen();
      this.#settle();
    }
  }

  #settle(): void {
    if (this.#paused.size === 0) {
      return;
    }
    if (!this.isFull) {
      this.#resumeSome();
    } else if (this.#inFlight === 0 && this.#chosen === undefined) {
      this.#chooseOne();
    }
  }

  /** From the head of the queue, as many as there is room for; of those some may have nothing to read, so this goes on. */
  #resumeSome(): void {
    if (this.#resuming !== undefined) {
      return; // an answer given while one is told to read on: whoever tells goes on by itself
    }
    for (let freeBytes = this.#limitBytes() - this.#usedBytes; freeBytes > 0; freeBytes -= TURN_BYTES) {
      const [user] = this.#paused;
      if (user === undefined) {
        return;
      }
      this.#paused.delete(user);
      this.#resuming = user;
      try {
        user.resumeReading();
      } finally {
        this.#resuming = undefined;
      }
    }
    this.#resumeLater();
  }

  #takeTurns(): void {
    if (this.#turnsTimer !== undefined) {
      this.#wasFullAgain = true;
      return;
    }
    this.#wasFullAgain = false;
    this.#turnsTimer = this.#timers.set(TURNS_TIME_MS, () => {
      this.#turnsTimer = undefined;
      if (this.#wasFullAgain) {
        this.#takeTurns();
      }
    });
  }

  #resumeLater(): void {
    if (this.#resumeDeferred || this.#paused.size === 0) {
      return;
    }
    this.#resumeDeferred = true;
    this.#timers.defer(() => {
      this.#resumeDeferred = false;
      this.#settle();
    });
  }

  #chooseOne(): void {
    const candidates = [...this.#paused];
    const user = candidates.find((candidate) => candidate.hasPartialRequest) ?? candidates[0]!;
    this.#paused.delete(user);
    this.#chosen = user;
    this.#chosenTimer = user.hasPartialRequest
      ? this.#timers.set(CHOSEN_TIME_MAX_MS, () => user.stalled())
      : this.#timers.set(CHOSEN_IDLE_MAX_MS, () => this.#chosenIdled(user));
    user.resumeReading();
  }

  #chosenIdled(user: MemoryUser): void {
    if (user.hasPartialRequest) {
      this.#chosenTimer = this.#timers.set(CHOSEN_TIME_MAX_MS, () => user.stalled());
      return;
    }
    this.#dropChosen();
    // It finds out by itself that it must pause, and queues up behind the others.
    user.resumeReading();
    this.#settle();
  }

  #dropChosen(): void {
    this.#chosenTimer?.cancel();
    this.#chosenTimer = undefined;
    this.#chosen = undefined;
  }
}
