// How fast clients use something they have a quota of, and how long one that was too fast has to wait. Clients without a quota are
// not measured. Whoever asks brings the time. Source: ClientQuotaManager, ClientRequestQuotaManager.
import type { ApplicableQuota, QuotaClient, QuotaLimits } from './quota-limits.ts';
import { RecentlyUsed } from './recently-used.ts';
import { throttleMs, WindowedRate } from './windowed-rate.ts';

export interface QuotaWindows {
  readonly windows: number;
  readonly windowMs: number;
}

export interface ClientRatesOptions extends QuotaWindows {
  readonly limits: QuotaLimits;
  /** No wait is longer. */
  readonly throttleMsMax?: number;
}

export class ClientRates {
  readonly #options: ClientRatesOptions;
  readonly #rates = new RecentlyUsed<WindowedRate>();

  constructor(options: ClientRatesOptions) {
    this.#options = options;
  }

  /** Counts what was used, and says for how many milliseconds the client has to wait. */
  record(client: QuotaClient, value: number, nowMs: number): number {
    const quota = this.#options.limits.of(client);
    if (quota === undefined) return 0;
    const rate = this.#rateOf(quota, nowMs);
    rate.record(value, nowMs);
    const waitMs = throttleMs(rate.rate(nowMs), quota.limit, rate.spanMs(nowMs));
    return Math.min(waitMs, this.#options.throttleMsMax ?? Number.MAX_SAFE_INTEGER);
  }

  /** Counts for the next time; a negative value takes back what was recorded. */
  add(client: QuotaClient, value: number, nowMs: number): void {
    const quota = this.#options.limits.of(client);
    if (quota !== undefined) this.#rateOf(quota, nowMs).record(value, nowMs);
  }

  /** More than this at once is always too fast, even after a silence. */
  mostAtOnce(client: QuotaClient): number {
    const { limits, windows, windowMs } = this.#options;
    const quota = limits.of(client);
    return quota === undefined ? Number.MAX_SAFE_INTEGER : (quota.limit * (windows - 1) * windowMs) / 1000;
  }

  #rateOf({ sharedBy }: ApplicableQuota, nowMs: number): WindowedRate {
    const { windows, windowMs } = this.#options;
    return this.#rates.get(sharedBy, nowMs, () => new WindowedRate(windowMs, windows));
  }
}
