// How fast connections may come: from one address (the quota connection_creation_rate) and to the broker (max.connection.creation.rate).
// No wait is longer than one window. Source: ConnectionQuotas.
import type { Clock } from '../runtime/runtime.ts';
import type { QuotaWindows } from './client-rates.ts';
import type { QuotaLimits } from './quota-limits.ts';
import { RecentlyUsed } from './recently-used.ts';
import { throttleMs, WindowedRate } from './windowed-rate.ts';

export interface ConnectionRatesOptions extends QuotaWindows {
  readonly limits: QuotaLimits;
  readonly clock: Clock;
  /** max.connection.creation.rate, per second. */
  readonly brokerRate: () => number;
}

/** The rate that is as good as none. */
const UNLIMITED = 0x7fffffff;

export class ConnectionRates {
  readonly #options: ConnectionRatesOptions;
  readonly #byAddress = new RecentlyUsed<WindowedRate>();
  readonly #broker: WindowedRate;

  constructor(options: ConnectionRatesOptions) {
    this.#options = options;
    this.#broker = new WindowedRate(options.windowMs, options.windows);
  }

  /** Milliseconds that the newcomer has to wait before it is served; 0 at once. */
  paceMs(): number {
    const { clock, brokerRate } = this.#options;
    const limit = brokerRate();
    if (limit >= UNLIMITED) return 0;
    const nowMs = clock.monotonicMs();
    this.#broker.record(1, nowMs);
    return this.#waitMs(this.#broker, limit, nowMs);
  }

  /** Milliseconds by which this address is too early; its connection is not to be served then, and does not count. */
  tooEarlyMs(address: string): number {
    const { limits, clock, windowMs, windows } = this.#options;
    const limit = limits.ofAddress(address);
    if (limit === undefined) return 0;
    const nowMs = clock.monotonicMs();
    const rate = this.#byAddress.get(address, nowMs, () => new WindowedRate(windowMs, windows));
    rate.record(1, nowMs);
    const waitMs = this.#waitMs(rate, limit, nowMs);
    if (waitMs > 0) rate.record(-1, nowMs);
    return waitMs;
  }

  #waitMs(rate: WindowedRate, limit: number, nowMs: number): number {
    // A limit of 0 lets nobody in.
    if (limit === 0) return this.#options.windowMs;
    return Math.min(throttleMs(rate.rate(nowMs), limit, rate.spanMs(nowMs)), this.#options.windowMs);
  }
}
