// SASL PLAIN (RFC 4616) on the broker's side: `[authzid] NUL user NUL password`. Users come from the settings. A user that does
// not exist costs the same comparison as a wrong password, and both get the same sentence.
import { createHash, timingSafeEqual } from 'node:crypto';
import { userPrincipal } from './principal.ts';
import { failed, type SaslServer, type SaslStep } from './sasl-mechanism.ts';

const PARTS = 3;

export class PlainServer implements SaslServer {
  readonly #users: ReadonlyMap<string, string>;

  /** Passwords by user. */
  constructor(users: ReadonlyMap<string, string>) {
    this.#users = users;
  }

  evaluate(token: Buffer): SaslStep {
    const parts = token.toString('utf8').split('\0');
    if (parts.length !== PARTS) {
      const words = `Invalid SASL/PLAIN response: expected ${PARTS} tokens, got ${Math.min(parts.length, PARTS + 1)}`;
      return failed(words, words);
    }
    const [authorizationId, user, password] = parts as [string, string, string];
    if (user === '') return refusal('username not specified');
    if (password === '') return refusal('password not specified');
    const expected = this.#users.get(user);
    const isRight = sameText(expected ?? '', password);
    if (!isRight || expected === undefined) return refusal('Invalid username or password');
    if (authorizationId !== '' && authorizationId !== user) {
      return refusal('Client requested an authorization id that is different from username');
    }
    return { kind: 'done', token: Buffer.alloc(0), identity: { principal: userPrincipal(user) } };
  }
}

function refusal(what: string): SaslStep {
  return failed(what, `Authentication failed: ${what}`);
}

/** Takes the same time wherever the texts differ, and however long they are. */
function sameText(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
