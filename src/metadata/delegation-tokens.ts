// Deciding about delegation tokens (KIP-48): create, renew, expire, forget those that have ended. The answers are Kafka's
// (DelegationTokenControlManager). A token's secret is not kept: it follows from the id (security/token-secrets.ts).
import { ErrorCode } from '../protocol/error-code.ts';
import type { DelegationToken, Image, Metadata, MetadataChange } from './image.ts';
import { Refusal, refuse } from './refusal.ts';

/** Tokens there can be at a time. */
const TOKENS_MAX = 10_000;

export interface TokenTimes {
  /** delegation.token.max.lifetime.ms */
  readonly lifetimeMsMax: number;
  /** delegation.token.expiry.time.ms */
  readonly renewalMs: number;
}

export interface NewToken {
  readonly id: string;
  readonly owner: string;
  readonly requester: string;
  readonly renewers: readonly string[];
  /** Not positive: as long as is allowed. */
  readonly lifetimeMs: number;
}

export class DelegationTokens {
  readonly #metadata: Metadata;
  readonly #times: TokenTimes;

  constructor(metadata: Metadata, times: TokenTimes) {
    this.#metadata = metadata;
    this.#times = times;
  }

  get(id: string): DelegationToken | undefined {
    return this.#metadata.image.delegationTokens.get(id);
  }

  all(): Iterable<DelegationToken> {
    return this.#metadata.image.delegationTokens.values();
  }

  create({ id, owner, requester, renewers, lifetimeMs }: NewToken, nowMs: number): Promise<DelegationToken | Refusal> {
    const { lifetimeMsMax, renewalMs } = this.#times;
    const endsAtMs = nowMs + (lifetimeMs > 0 ? Math.min(lifetimeMsMax, lifetimeMs) : lifetimeMsMax);
    const expiresAtMs = Math.min(endsAtMs, nowMs + renewalMs);
    const token = { id, owner, requester, renewers, issuedAtMs: nowMs, expiresAtMs, endsAtMs };
    return this.#commit((image) => {
      if (image.delegationTokens.size >= TOKENS_MAX) {
        refuse(ErrorCode.POLICY_VIOLATION, `There can be ${TOKENS_MAX} delegation tokens.`);
      }
      return token;
    });
  }

  /** A negative period means the broker's own. */
  renew(
    id: string | undefined,
    requester: string,
    periodMs: number,
    nowMs: number,
  ): Promise<DelegationToken | Refusal> {
    const renewalMs = periodMs < 0 ? this.#times.renewalMs : periodMs;
    return this.#commit((image) => {
      const token = owned(image, id, requester);
      checkAlive(token, nowMs);
      return { ...token, expiresAtMs: Math.min(token.endsAtMs, nowMs + renewalMs) };
    });
  }

  /** A negative period ends the token at once. */
  expire(
    id: string | undefined,
    requester: string,
    periodMs: number,
    nowMs: number,
  ): Promise<DelegationToken | Refusal> {
    if (periodMs >= 0) return this.renew(id, requester, periodMs, nowMs);
    return this.#commit(
      (image) => ({ ...owned(image, id, requester), expiresAtMs: nowMs }),
      (token) => ({ type: 'delegation-token-deleted', id: token.id }),
    );
  }

  async forgetEnded(nowMs: number): Promise<void> {
    if (![...this.all()].some((token) => hasEnded(token, nowMs))) return;
    await this.#metadata.commit((image) =>
      [...image.delegationTokens.values()]
        .filter((token) => hasEnded(token, nowMs))
        .map(({ id }): MetadataChange => ({ type: 'delegation-token-deleted', id })),
    );
  }

  async #commit(
    decide: (image: Image) => DelegationToken,
    changeOf: (token: DelegationToken) => MetadataChange = (token) => ({ type: 'delegation-token-set', token }),
  ): Promise<DelegationToken | Refusal> {
    let outcome!: DelegationToken | Refusal;
    await this.#metadata.commit((image) => {
      outcome = attempt(() => decide(image));
      return outcome instanceof Refusal ? [] : [changeOf(outcome)];
    });
    return outcome;
  }
}

function attempt(decide: () => DelegationToken): DelegationToken | Refusal {
  try {
    return decide();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

function owned(image: Image, id: string | undefined, requester: string): DelegationToken {
  const token = id === undefined ? undefined : image.delegationTokens.get(id);
  if (!token) refuse(ErrorCode.DELEGATION_TOKEN_NOT_FOUND);
  if (!isOwnerOrRenewer(token, requester)) refuse(ErrorCode.DELEGATION_TOKEN_OWNER_MISMATCH);
  return token;
}

export function isOwnerOrRenewer(token: DelegationToken, principal: string): boolean {
  return token.owner === principal || token.requester === principal || token.renewers.includes(principal);
}

function hasEnded(token: DelegationToken, nowMs: number): boolean {
  return token.endsAtMs < nowMs || token.expiresAtMs < nowMs;
}

function checkAlive(token: DelegationToken, nowMs: number): void {
  if (hasEnded(token, nowMs)) refuse(ErrorCode.DELEGATION_TOKEN_EXPIRED);
}
