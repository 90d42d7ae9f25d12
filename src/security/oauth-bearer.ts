// SASL OAUTHBEARER (RFC 7628) on the broker's side: one message with a token, which somebody else checks. A token that is not
// good is answered with a JSON status first, as the RFC wants it; the refusal follows the client's empty reply.
import { userPrincipal } from './principal.ts';
import { failed, type SaslServer, type SaslStep } from './sasl-mechanism.ts';

export type CheckedToken =
  | { readonly subject: string; readonly expiresAtMs: number }
  /** For the client and the log; never holds the token. */
  | { readonly objection: string };

// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7628 separates with them
const INITIAL = /^n,(?:a=([\x01-\x2b\x2d-\x7f]+))?,\x01((?:[A-Za-z]+=[\x20-\x7e\t\r\n]*\x01)*)\x01$/;
const MESSAGE_LENGTH_MAX = 128 * 1024;

export class OAuthBearerServer implements SaslServer {
  readonly #check: (token: string) => Promise<CheckedToken>;
  #objection: string | undefined;

  constructor(check: (token: string) => Promise<CheckedToken>) {
    this.#check = check;
  }

  async evaluate(token: Buffer): Promise<SaslStep> {
    if (this.#objection !== undefined) return failed(this.#objection, this.#objection);
    if (token.length > MESSAGE_LENGTH_MAX) return failed('an OAUTHBEARER message is too long');
    const [, authorizationId, pairs] = INITIAL.exec(token.toString('latin1')) ?? [];
    const fields = (pairs ?? '').split('\x01').filter((pair) => pair !== '');
    const authorization = fields.find((pair) => /^auth=/i.test(pair))?.slice('auth='.length) ?? '';
    const bearer = /^bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization.trim())?.[1];
    if (bearer === undefined) return failed('the OAUTHBEARER message has no bearer token');
    const checked = await this.#check(bearer);
    if ('objection' in checked) {
      this.#objection = checked.objection;
      return { kind: 'challenge', token: Buffer.from(JSON.stringify({ status: 'invalid_token' })) };
    }
    const { subject, expiresAtMs } = checked;
    if (authorizationId !== undefined && authorizationId !== subject) {
      const what = `Authentication failed: Client requested an authorization id (${authorizationId}) that is different from the token's principal name (${subject})`;
      return failed('authorization id differs from subject', what);
    }
    return { kind: 'done', token: Buffer.alloc(0), identity: { principal: userPrincipal(subject), expiresAtMs } };
  }
}
