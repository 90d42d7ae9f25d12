// The time of a test broker: it runs with real time, and jumps when a test says so; frozen, it only jumps. All timers of the
// broker are in one queue with one real timer under it, so that a jump calls those that become due, in order.
//
// Invariants: time never goes back; a timer is never called before it is due; a jump returns when everything that became due
// on the way was called and the broker has come to rest.
import type { Clock, Runtime, Timer, Timers } from '../runtime/runtime.ts';
import { type Duration, durationMs } from './duration.ts';
import { TimerQueue } from './timer-queue.ts';

/** What a test sees of its broker's time. */
export interface TestClock {
  /** The broker's wall clock: take timestamps of records from it once time has been advanced. */
  now(): Date;
  readonly frozen: boolean;
  /**
   * Moves the broker's time on, `'7 days'` in milliseconds of real time: whatever is due on the way happens, in order.
   * Resolves when the broker is done with it. What clients do then (join again, for example) takes real time.
   */
  advance(duration: Duration): Promise<void>;
  /** From now on only `advance` moves time. Waiting requests of clients (a fetch without data) then wait for it. */
  freeze(): void;
  /** Time runs again, from where it stands. */
  resume(): void;
}

export interface VirtualClockOptions {
  /** Where the wall clock starts; the real time when absent. */
  readonly startMs?: number;
  readonly frozen?: boolean;
}

/** Up to here, an advance calls each timer at its very moment. */
const EXACT_MS_MAX = 10 * 60_000;
/** A longer one goes in so many steps at most: a timer is then late by one step at most, as after a pause of the process. */
const STEPS_MAX = 2_000;
/** Shorter waits are a breath that the broker takes between two pieces of work; while time is frozen they take real time. */
const REAL_MS_MAX = 50;
/** Turns of the event loop in which nothing was deferred before the broker counts as at rest. */
const QUIET_TURNS = 3;
const SETTLING_TURNS_MAX = 10_000;

export class VirtualClock implements Clock, TestClock {
  readonly #real: Pick<Runtime, 'clock' | 'timers'>;
  readonly #queue = new TimerQueue();
  /** Wall clock minus monotonic. */
  readonly #originMs: number;
  /** Virtual minus real while time runs. */
  #aheadMs = 0;
  #frozenAtMs: number | undefined;
  #armed: { readonly dueMs: number; readonly timer: Timer } | undefined;
  #advances: Promise<void> = Promise.resolve();
  #advancing: Promise<void> | undefined;
  #deferred = 0;
  #firing = false;

  constructor(real: Pick<Runtime, 'clock' | 'timers'>, options: VirtualClockOptions = {}) {
    this.#real = real;
    // Whole milliseconds: sums of fractions would miss a moment by a hair, and the wall clock then show the one before.
    const monotonicMs = Math.floor(real.clock.monotonicMs());
    this.#originMs = (options.startMs ?? real.clock.nowMs()) - monotonicMs;
    if (options.frozen === true) this.#frozenAtMs = monotonicMs;
  }

  nowMs(): number {
    return Math.floor(this.monotonicMs() + this.#originMs);
  }

  now(): Date {
    return new Date(this.nowMs());
  }

  monotonicMs(): number {
    return this.#frozenAtMs ?? this.#real.clock.monotonicMs() + this.#aheadMs;
  }

  get frozen(): boolean {
    return this.#frozenAtMs !== undefined;
  }

  freeze(): void {
    this.#frozenAtMs ??= this.monotonicMs();
    this.#arm();
  }

  resume(): void {
    if (this.#frozenAtMs === undefined) return;
    this.#aheadMs = this.#frozenAtMs - this.#real.clock.monotonicMs();
    this.#frozenAtMs = undefined;
    this.#arm();
  }

  async advance(duration: Duration): Promise<void> {
    const byMs = durationMs(duration);
    const advance = this.#advances.then(() => this.#advance(byMs));
    const over = advance.catch(() => {});
    this.#advances = over;
    this.#advancing = over;
    await advance.finally(() => {
      if (this.#advancing === over) this.#advancing = undefined;
    });
  }

  /** While an advance is under way: resolves when it is over. What clients send meanwhile must not happen in the middle of it. */
  get advancing(): Promise<void> | undefined {
    return this.#advancing;
  }

  /** Timers of one owner, who can drop them all; what they deferred is dropped with them. */
  timersOf(owner: object, isAlive: () => boolean): Timers {
    return {
      set: (delayMs, callback) => {
        if (this.frozen && delayMs <= REAL_MS_MAX) return this.#real.timers.set(delayMs, () => isAlive() && callback());
        const timer = this.#queue.add(this.monotonicMs() + Math.max(0, delayMs), owner, callback);
        this.#arm();
        return { cancel: () => this.#queue.cancel(timer) };
      },
      defer: (callback) => {
        this.#deferred++;
        this.#real.timers.defer(() => {
          this.#deferred--;
          if (isAlive()) callback();
        });
      },
    };
  }

  drop(owner: object): void {
    this.#queue.drop(owner);
    this.#arm();
  }

  /** Resolves when nothing that the broker does in memory is under way: no timer is due, no work deferred. */
  async settle(): Promise<void> {
    let quietTurns = 0;
    for (let turn = 0; quietTurns < QUIET_TURNS && turn < SETTLING_TURNS_MAX; turn++) {
      await new Promise<void>((resolve) => this.#real.timers.defer(resolve));
      quietTurns = this.#deferred === 0 ? quietTurns + 1 : 0;
    }
  }

  async #advance(byMs: number): Promise<void> {
    const targetMs = this.monotonicMs() + byMs;
    const stepMs = byMs <= EXACT_MS_MAX ? 0 : byMs / STEPS_MAX;
    await this.settle();
    for (;;) {
      const dueMs = this.#queue.nextDueMs;
      if (dueMs === undefined || dueMs > targetMs) break;
      const atMs = Math.min(targetMs, Math.max(dueMs, stepMs === 0 ? 0 : this.monotonicMs() + stepMs));
      this.#jumpTo(atMs);
      this.#fireDue();
      await this.settle();
      // The real timer may have called what is left; time that passed meanwhile counts as well.
    }
    this.#jumpTo(targetMs);
    this.#fireDue();
    this.#arm();
    await this.settle();
  }

  #jumpTo(atMs: number): void {
    const byMs = atMs - this.monotonicMs();
    if (byMs <= 0) return;
    if (this.#frozenAtMs === undefined) this.#aheadMs += byMs;
    else this.#frozenAtMs += byMs;
  }

  /** What is due now, not what becomes due because of it: a timer that is set again and again must not hold up the others. */
  #fireDue(): void {
    if (this.#firing) return;
    this.#firing = true;
    const nowMs = this.monotonicMs();
    const order = this.#queue.nextOrder;
    try {
      for (;;) {
        const callback = this.#queue.takeDue(nowMs, order);
        if (callback === undefined) break;
        callback();
      }
    } finally {
      this.#firing = false;
      this.#arm();
    }
  }

  /** One real timer, for the earliest of the queue; none while time stands still. */
  #arm(): void {
    if (this.#firing) return;
    const dueMs = this.frozen ? undefined : this.#queue.nextDueMs;
    if (dueMs === undefined) {
      this.#armed?.timer.cancel();
      this.#armed = undefined;
      return;
    }
    // Virtual time may have jumped since; a timer that comes too early looks and waits again.
    const realDueMs = dueMs - this.#aheadMs;
    if (this.#armed !== undefined && this.#armed.dueMs <= realDueMs) return;
    this.#armed?.timer.cancel();
    const timer = this.#real.timers.set(Math.max(0, realDueMs - this.#real.clock.monotonicMs()), () => {
      this.#armed = undefined;
      this.#fireDue();
    });
    this.#armed = { dueMs: realDueMs, timer };
  }
}
