// The login of one connection of a SASL listener, as a state machine: ApiVersions at most once, a handshake that names a mechanism,
// the mechanism's tokens, and then everything until the session ends; within a session the client may log in again, as
// the same principal by the same mechanism (KIP-368). Pure but for the clock. Invariant: nothing but what belongs to the login is
// let through before somebody has logged in, nor after the session has ended. Source: SaslServerAuthenticator, KafkaChannel.
import { ErrorCode } from '../protocol/error-code.ts';
import { apiVersions } from '../protocol/messages/api-versions.ts';
import { saslAuthenticate } from '../protocol/messages/sasl-authenticate.ts';
import { saslHandshake } from '../protocol/messages/sasl-handshake.ts';
import type { Clock } from '../runtime/runtime.ts';
import { principalText } from './principal.ts';
import type { Identity, SaslServer, SaslStep } from './sasl-mechanism.ts';

export interface SaslSessionOptions {
  /** In the order of the settings. */
  readonly mechanisms: readonly string[];
  readonly newServer: (mechanism: string) => SaslServer;
  /** connections.max.reauth.ms for a mechanism; not positive: a login lasts as long as its credential. */
  readonly reauthMs: (mechanism: string) => number;
  readonly clock: Clock;
}

export type LoginAnswer =
  | { readonly errorCode: typeof ErrorCode.NONE; readonly token: Buffer; readonly sessionLifetimeMs: number }
  /** The connection must close after this; `reason` is for the log. */
  | { readonly errorCode: ErrorCode; readonly message: string; readonly reason: string };

type State = 'versions-or-handshake' | 'handshake' | 'tokens' | 'logged-in' | 'failed';

const REAUTH_INTERVAL_MS_MIN = 1000;

export class SaslSession {
  readonly mechanisms: readonly string[];
  readonly #options: SaslSessionOptions;
  #state: State = 'versions-or-handshake';
  #mechanism = '';
  #server: SaslServer | undefined;
  #rawTokens = false;
  #identity: Identity | undefined;
  /** The mechanism of the login before this one. */
  #before: string | undefined;
  #expiresAtMonotonicMs: number | undefined;
  #lastReauthMs: number | undefined;

  constructor(options: SaslSessionOptions) {
    this.mechanisms = options.mechanisms;
    this.#options = options;
  }

  /** Of the last login that succeeded. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  get isLoggedIn(): boolean {
    return this.#state === 'logged-in';
  }

  /** After a handshake of version 0 the tokens come without Kafka's headers. */
  get takesRawTokens(): boolean {
    return this.#rawTokens && this.#state === 'tokens';
  }

  /** Why a request must not be served now, and its connection must close; undefined when it may. */
  objectionTo(apiKey: number): string | undefined {
    switch (this.#state) {
      case 'versions-or-handshake':
        return apiKey === apiVersions.key || apiKey === saslHandshake.key
          ? undefined
          : unexpected(apiKey, 'before the SASL handshake');
      case 'handshake':
        return apiKey === saslHandshake.key ? undefined : unexpected(apiKey, 'before the SASL handshake');
      case 'tokens':
        return apiKey === saslAuthenticate.key ? undefined : unexpected(apiKey, 'during SASL authentication');
      case 'logged-in':
        if (apiKey === saslHandshake.key || !this.#hasExpired()) return undefined;
        return 'its session has ended and it did not log in again';
      default:
        return 'its login failed';
    }
  }

  /** An ApiVersions request was understood; of a version that is not, the client tries another. */
  versionsTold(): void {
    if (this.#state === 'versions-or-handshake') this.#state = 'handshake';
  }

  /** What a SaslHandshake is answered. UNSUPPORTED_SASL_MECHANISM ends the connection, ILLEGAL_SASL_STATE does not. */
  handshake(mechanism: string, version: number): ErrorCode {
    if (this.#state === 'logged-in' && !this.#mayReauthenticate()) return ErrorCode.ILLEGAL_SASL_STATE;
    if (!this.mechanisms.includes(mechanism)) {
      this.#state = 'failed';
      return ErrorCode.UNSUPPORTED_SASL_MECHANISM;
    }
    if (this.#state === 'logged-in') this.#before = this.#mechanism;
    this.#mechanism = mechanism;
    this.#rawTokens = version === 0;
    this.#server = this.#options.newServer(mechanism);
    this.#state = 'tokens';
    return ErrorCode.NONE;
  }

  async authenticate(token: Buffer): Promise<LoginAnswer> {
    if (this.#state !== 'tokens' || !this.#server) {
      const what = 'SaslAuthenticate request received after successful authentication';
      return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, message: what, reason: what };
    }
    if (this.#before !== undefined && this.#before !== this.#mechanism) {
      const what = `SASL mechanism '${this.#mechanism}' requested by client is not supported for re-authentication of mechanism '${this.#before}'`;
      return this.#refused(what, what);
    }
    const step = await this.#server.evaluate(token);
    return this.#stepped(step);
  }

  #stepped(step: SaslStep): LoginAnswer {
    switch (step.kind) {
      case 'challenge':
        return { errorCode: ErrorCode.NONE, token: step.token, sessionLifetimeMs: 0 };
      case 'failed': {
        const attempt = this.#before === undefined ? 'authentication' : 're-authentication';
        const general = `Authentication failed during ${attempt} due to invalid credentials with SASL mechanism ${this.#mechanism}`;
        return this.#refused(step.message ?? general, step.reason);
      }
      case 'done':
        return this.#done(step.token, step.identity);
    }
  }

  #done(token: Buffer, identity: Identity): LoginAnswer {
    const { principal: now } = identity;
    const before = this.#identity?.principal;
    if (before && principalText(before) !== principalText(now)) {
      const what = `Cannot change principals during re-authentication from ${before.type}.${before.name}: ${now.type}.${now.name}`;
      return this.#refused(what, what);
    }
    const sessionLifetimeMs = this.#startSession(identity);
    return { errorCode: ErrorCode.NONE, token, sessionLifetimeMs };
  }

  /** How long it lasts; 0 is without end. */
  #startSession(identity: Identity): number {
    const { clock, reauthMs } = this.#options;
    const limits = [reauthMs(this.#mechanism)].filter((ms) => ms > 0);
    if (identity.expiresAtMs !== undefined) limits.push(Math.max(0, identity.expiresAtMs - clock.nowMs()));
    this.#identity = identity;
    this.#server = undefined;
    this.#state = 'logged-in';
    const lifetimeMs = limits.length === 0 ? undefined : Math.min(...limits);
    this.#expiresAtMonotonicMs = lifetimeMs === undefined ? undefined : clock.monotonicMs() + lifetimeMs;
    return lifetimeMs ?? 0;
  }

  #refused(message: string, reason: string): LoginAnswer {
    this.#state = 'failed';
    this.#server = undefined;
    return { errorCode: ErrorCode.SASL_AUTHENTICATION_FAILED, message, reason };
  }

  #hasExpired(): boolean {
    return this.#expiresAtMonotonicMs !== undefined && this.#options.clock.monotonicMs() >= this.#expiresAtMonotonicMs;
  }

  /** Not without an end of the session, and not more than once a second. */
  #mayReauthenticate(): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const isTooSoon = this.#lastReauthMs !== undefined && nowMs - this.#lastReauthMs < REAUTH_INTERVAL_MS_MIN;
    if (this.#expiresAtMonotonicMs === undefined || isTooSoon) return false;
    this.#lastReauthMs = nowMs;
    return true;
  }
}

function unexpected(apiKey: number, when: string): string {
  return `it sent a request with API key ${apiKey} ${when}`;
}
