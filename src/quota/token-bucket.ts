// A bucket that fills at a rate and is emptied by use; it may go below zero, and then one waits until it is not (KIP-599).
// Pure; whoever asks brings the time.

export class TokenBucket {
  #tokens: number;
  #lastMs: number;

  /** Full at the start: `burst` tokens. */
  constructor(burst: number, nowMs: number) {
    this.#tokens = burst;
    this.#lastMs = nowMs;
  }

  take(count: number, ratePerSecond: number, burst: number, nowMs: number): void {
    this.#refill(ratePerSecond, burst, nowMs);
    this.#tokens = Math.min(burst, this.#tokens - count);
  }

  /** Milliseconds until there is no debt. */
  waitMs(ratePerSecond: number, burst: number, nowMs: number): number {
    this.#refill(ratePerSecond, burst, nowMs);
    return this.#tokens >= 0 ? 0 : Math.round((-this.#tokens / ratePerSecond) * 1000);
  }

  isInDebt(ratePerSecond: number, burst: number, nowMs: number): boolean {
    this.#refill(ratePerSecond, burst, nowMs);
    return this.#tokens < 0;
  }

  #refill(ratePerSecond: number, burst: number, nowMs: number): void {
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#lastMs) / 1000) * ratePerSecond);
    this.#lastMs = nowMs;
  }
}
