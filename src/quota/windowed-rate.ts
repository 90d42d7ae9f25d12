// How fast something flows: sums per window of time, the last few of them, as Kafka's Rate over samples has it. Pure;
// whoever asks brings the time.

interface Sample {
  readonly startMs: number;
  lastMs: number;
  sum: number;
}

export class WindowedRate {
  readonly #windowMs: number;
  readonly #windows: number;
  readonly #samples: Sample[] = [];

  constructor(windowMs: number, windows: number) {
    this.#windowMs = windowMs;
    this.#windows = windows;
  }

  record(value: number, nowMs: number): void {
    const last = this.#samples.at(-1);
    if (last && nowMs - last.startMs < this.#windowMs) {
      last.sum += value;
      last.lastMs = nowMs;
      return;
    }
    this.#samples.push({ startMs: nowMs, lastMs: nowMs, sum: value });
    // One more than the windows: the oldest may reach into the time that is looked at.
    if (this.#samples.length > this.#windows + 1) this.#samples.shift();
  }

  /** Per second. */
  rate(nowMs: number): number {
    const spanMs = this.spanMs(nowMs);
    return (this.#samples.reduce((total, sample) => total + sample.sum, 0) / spanMs) * 1000;
  }

  /**
   * The time the rate is taken over: from the oldest sample on, and as if all windows but the current one had been full;
   * otherwise the first burst would look like a flood.
   */
  spanMs(nowMs: number): number {
    this.#forgetOld(nowMs);
    const elapsedMs = nowMs - (this.#samples[0]?.startMs ?? nowMs);
    const missing = Math.max(0, this.#windows - 1 - Math.floor(elapsedMs / this.#windowMs));
    return Math.max(1, elapsedMs + missing * this.#windowMs);
  }

  #forgetOld(nowMs: number): void {
    const keptMs = this.#windowMs * this.#windows;
    while (this.#samples[0] && nowMs - this.#samples[0].lastMs >= keptMs) this.#samples.shift();
  }
}

/** Milliseconds until a rate above the bound is back at it, if nothing more comes (ClientQuotaManager.throttleTime). */
export function throttleMs(rate: number, bound: number, spanMs: number): number {
  return rate <= bound ? 0 : Math.round(((rate - bound) / bound) * spanMs);
}
