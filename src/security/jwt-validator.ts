// JSON Web Tokens against the keys that an identity provider publishes (JWKS): signature, issuer, audience, expiry, scope,
// subject, as Kafka's broker checks them. Keys are read again after `refreshMs`, and when a token names a key that is not known,
// but then not more often than every `retryMs`. The library is loaded with the first token.
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from 'jose';
import type { Clock } from '../runtime/runtime.ts';
import type { CheckedToken } from './oauth-bearer.ts';

export interface JwtRules {
  readonly issuer: string | null;
  /** Empty: any. */
  readonly audiences: readonly string[];
  readonly clockSkewSeconds: number;
  readonly scopeClaimName: string;
  readonly subjectClaimName: string;
  /** Scopes that a token must all hold; empty: none. */
  readonly requiredScopes: readonly string[];
}

export interface JwtValidatorOptions {
  readonly rules: JwtRules;
  /** The text of the key set. */
  readonly fetchKeys: () => Promise<string>;
  readonly clock: Clock;
  readonly refreshMs: number;
  readonly retryMs: number;
}

/** What a broker accepts; "none" and shared secrets are not among them. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

export class JwtValidator {
  readonly #options: JwtValidatorOptions;
  #keys: JWTVerifyGetKey | undefined;
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(options: JwtValidatorOptions) {
    this.#options = options;
  }

  async check(token: string): Promise<CheckedToken> {
    const { clock, rules, refreshMs } = this.#options;
    if (clock.monotonicMs() - this.#fetchedAtMs >= refreshMs) await this.#fetch();
    if (!this.#keys) return { objection: 'the keys of the identity provider cannot be read' };
    try {
      return claimsOf(await this.#verify(token), rules);
    } catch (error) {
      const code = (error as { code?: string }).code ?? 'ERR_JWT_INVALID';
      return { objection: `the token was refused (${code.replace(/^ERR_/, '').toLowerCase().replaceAll('_', ' ')})` };
    }
  }

  async #verify(token: string): Promise<JWTPayload> {
    const { jwtVerify } = await import('jose');
    const { clock, rules } = this.#options;
    const options = {
      algorithms: ALGORITHMS,
      clockTolerance: rules.clockSkewSeconds,
      currentDate: new Date(clock.nowMs()),
      requiredClaims: ['exp', 'iat'],
      ...(rules.issuer !== null && { issuer: rules.issuer }),
      ...(rules.audiences.length > 0 && { audience: [...rules.audiences] }),
    };
    try {
      return (await jwtVerify(token, this.#keys!, options)).payload;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_JWKS_NO_MATCHING_KEY') throw error;
      await this.#fetch();
      return (await jwtVerify(token, this.#keys!, options)).payload;
    }
  }

  /** Old keys stay good while new ones cannot be read. */
  #fetch(): Promise<void> {
    const { clock, retryMs } = this.#options;
    if (clock.monotonicMs() - this.#triedAtMs < retryMs) return this.#fetching ?? Promise.resolve();
    this.#triedAtMs = clock.monotonicMs();
    this.#fetching = this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const { createLocalJWKSet } = await import('jose');
    try {
      this.#keys = createLocalJWKSet(JSON.parse(await this.#options.fetchKeys()) as JSONWebKeySet);
      this.#fetchedAtMs = this.#options.clock.monotonicMs();
    } catch {
      // Whoever asks finds that there are no keys, or the old ones.
    }
  }
}

function claimsOf(payload: JWTPayload, rules: JwtRules): CheckedToken {
  const subject = payload[rules.subjectClaimName];
  if (typeof subject !== 'string' || subject.trim() === '') {
    return { objection: `the token has no claim "${rules.subjectClaimName}"` };
  }
  const claim = payload[rules.scopeClaimName] ?? [];
  const scopes = typeof claim === 'string' ? claim.split(/\s+/).filter((scope) => scope !== '') : claim;
  if (!Array.isArray(scopes) || scopes.some((scope) => typeof scope !== 'string' || scope.trim() === '')) {
    return { objection: `the claim "${rules.scopeClaimName}" is not a list of scopes` };
  }
  const missing = rules.requiredScopes.find((scope) => !scopes.includes(scope));
  if (missing !== undefined) return { objection: `the token has no scope "${missing}"` };
  return { subject: subject.trim(), expiresAtMs: (payload.exp as number) * 1000 };
}
