// What a SASL mechanism is to the broker: it is given the client's tokens one by one and answers each with a token, an
// identity, or a refusal. One object per login; it is dropped after 'done' or 'failed'.
import type { Principal } from './principal.ts';

export interface SaslServer {
  evaluate(token: Buffer): SaslStep | Promise<SaslStep>;
}

export type SaslStep =
  | { readonly kind: 'challenge'; readonly token: Buffer }
  | { readonly kind: 'done'; readonly token: Buffer; readonly identity: Identity }
  /**
   * `message` is for the client and says nothing about which part of the credentials was wrong; null gives the
   * sentence that all mechanisms share. `reason` is for the log; it never holds a secret.
   */
  | { readonly kind: 'failed'; readonly message: string | null; readonly reason: string };

export interface Identity {
  readonly principal: Principal;
  /** Wall clock; when the credential itself ends. */
  readonly expiresAtMs?: number;
  /** Logged in with a delegation token, which may not make further tokens. */
  readonly byToken?: boolean;
}

export function failed(reason: string, message: string | null = null): SaslStep {
  return { kind: 'failed', message, reason };
}

/** The mechanisms there are; what a listener offers is its `sasl.enabled.mechanisms`. */
export const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];
