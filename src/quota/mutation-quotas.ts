// How many partitions a client may create and delete per second (KIP-599): a bucket of tokens by quota, which one request may overdraw.
// A strict quota refuses while there is debt; a permissive one, for clients that do not know the refusal, makes them wait afterwards.
// Source: ControllerMutationQuotaManager.
import { Refusal } from '../metadata/refusal.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { Clock } from '../runtime/runtime.ts';
import type { QuotaWindows } from './client-rates.ts';
import type { QuotaClient, QuotaLimits } from './quota-limits.ts';
import { RecentlyUsed } from './recently-used.ts';
import { TokenBucket } from './token-bucket.ts';

export interface MutationQuotasOptions extends QuotaWindows {
  readonly limits: QuotaLimits;
  readonly clock: Clock;
}

export class MutationQuotas {
  readonly #options: MutationQuotasOptions;
  readonly #buckets = new RecentlyUsed<TokenBucket>();

  constructor(options: MutationQuotasOptions) {
    this.#options = options;
  }

  /** For one request; undefined when its client may do as much as it likes. */
  of(client: QuotaClient, isStrict: boolean): MutationQuota | undefined {
    const { limits, clock, windows, windowMs } = this.#options;
    const quota = limits.of(client);
    if (quota === undefined) return undefined;
    const nowMs = clock.monotonicMs();
    const burst = (quota.limit * windows * windowMs) / 1000;
    const bucket = this.#buckets.get(quota.sharedBy, nowMs, () => new TokenBucket(burst, nowMs));
    return new MutationQuota({ bucket, rate: quota.limit, burst, isStrict, clock });
  }
}

interface MutationQuotaOptions {
  readonly bucket: TokenBucket;
  readonly rate: number;
  readonly burst: number;
  readonly isStrict: boolean;
  readonly clock: Clock;
}

export class MutationQuota {
  readonly #options: MutationQuotaOptions;
  /** By what was charged for: a decision may be taken again, and is paid for once. */
  readonly #charged = new Map<string, Refusal | undefined>();
  #endOfWaitMs = 0;

  constructor(options: MutationQuotaOptions) {
    this.#options = options;
  }

  /** Throws a Refusal when it is too early. */
  charge(what: string, partitions: number): void {
    if (!this.#charged.has(what)) this.#charged.set(what, this.#take(partitions));
    const refusal = this.#charged.get(what);
    if (refusal) throw refusal;
  }

  /** For how long the client has to wait now. */
  get throttleMs(): number {
    return Math.max(0, Math.round(this.#endOfWaitMs - this.#options.clock.monotonicMs()));
  }

  #take(partitions: number): Refusal | undefined {
    const { bucket, rate, burst, isStrict, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (isStrict && bucket.isInDebt(rate, burst, nowMs)) {
      this.#endOfWaitMs = nowMs + bucket.waitMs(rate, burst, nowMs);
      return new Refusal(ErrorCode.THROTTLING_QUOTA_EXCEEDED, 'The throttling quota has been exceeded.');
    }
    bucket.take(partitions, rate, burst, nowMs);
    if (!isStrict) this.#endOfWaitMs = nowMs + bucket.waitMs(rate, burst, nowMs);
    return undefined;
  }
}
