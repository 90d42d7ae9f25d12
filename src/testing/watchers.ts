// Waiting for the state of a broker without sleeping: looked at again whenever a request came or was answered, and a few times a second
// beside, because not everything has a request (a retention, a timer). Real time, so that a test with a frozen clock ends as well.
import type { Runtime } from '../runtime/runtime.ts';

/** A wait was over before what it was for. The message says what there was instead. */
export class WaitTimeout extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WaitTimeout';
  }
}

export interface WaitOptions {
  /** Real time. Default: 10 seconds. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const LOOK_MS = 25;

export class Watchers {
  readonly #real: Pick<Runtime, 'clock' | 'timers'>;
  #waiting = new Set<() => void>();

  constructor(real: Pick<Runtime, 'clock' | 'timers'>) {
    this.#real = real;
  }

  get nowMs(): number {
    return this.#real.clock.monotonicMs();
  }

  /** Something happened. */
  wake(): void {
    if (this.#waiting.size === 0) return;
    const woken = this.#waiting;
    this.#waiting = new Set();
    for (const wake of woken) wake();
  }

  /** Asks `look` again and again until it gives something; rejects with what `failure` says then. */
  async until<T>(
    look: () => T | undefined | Promise<T | undefined>,
    failure: () => string,
    { timeoutMs = TIMEOUT_MS }: WaitOptions = {},
  ): Promise<T> {
    const deadlineMs = this.nowMs + timeoutMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (this.nowMs >= deadlineMs) throw new WaitTimeout(failure());
      await this.#next(Math.min(LOOK_MS, deadlineMs - this.nowMs));
    }
  }

  /** Something happened, or so long nothing did. */
  next(maxMs: number): Promise<void> {
    return this.#next(maxMs);
  }

  #next(maxMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#real.timers.set(Math.max(1, maxMs), () => {
        this.#waiting.delete(wake);
        resolve();
      });
      const wake = (): void => {
        timer.cancel();
        resolve();
      };
      this.#waiting.add(wake);
    });
  }
}
