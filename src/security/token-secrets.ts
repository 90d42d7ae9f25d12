// The secrets of delegation tokens: HMAC-SHA-512 of the id under `delegation.token.secret.key`, so that nothing secret is stored. A
// token logs in through SCRAM with its id as user and the base64 of its secret as password; that credential is computed at
// the first login and kept.
import { createHmac } from 'node:crypto';
import type { DelegationToken } from '../metadata/image.ts';
import type { Random } from '../runtime/runtime.ts';
import { parsePrincipal } from './principal.ts';
import type { TokenCredential } from './scram.ts';
import {
  credentialFromPassword,
  SCRAM_ITERATIONS_MIN,
  type ScramCredential,
  type ScramMechanism,
} from './scram-credential.ts';

const CREDENTIALS_KEPT_MAX = 10_000;
const SALT_BYTES = 20;

export class TokenSecrets {
  readonly #key: Buffer;
  readonly #random: Random;
  readonly #credentials = new Map<string, Promise<ScramCredential>>();

  constructor(secretKey: string, random: Random) {
    this.#key = Buffer.from(secretKey, 'utf8');
    this.#random = random;
  }

  secretOf(tokenId: string): Buffer {
    return createHmac('sha512', this.#key).update(tokenId, 'utf8').digest();
  }

  /** The token that a secret belongs to. */
  find(tokens: Iterable<DelegationToken>, secret: Buffer): DelegationToken | undefined {
    for (const token of tokens) if (this.secretOf(token.id).equals(secret)) return token;
    return undefined;
  }

  /** Undefined when the token has ended. */
  async credentialOf(
    token: DelegationToken,
    mechanism: ScramMechanism,
    nowMs: number,
  ): Promise<TokenCredential | undefined> {
    const principal = parsePrincipal(token.owner);
    if (!principal || Math.min(token.expiresAtMs, token.endsAtMs) < nowMs) return undefined;
    const credential = await this.#credential(token.id, mechanism);
    return { credential, identity: { principal, expiresAtMs: token.expiresAtMs, byToken: true } };
  }

  #credential(tokenId: string, mechanism: ScramMechanism): Promise<ScramCredential> {
    const key = `${mechanism}:${tokenId}`;
    let credential = this.#credentials.get(key);
    if (!credential) {
      const oldest = this.#credentials.size >= CREDENTIALS_KEPT_MAX ? this.#credentials.keys().next().value : undefined;
      if (oldest !== undefined) this.#credentials.delete(oldest);
      const password = this.secretOf(tokenId).toString('base64');
      credential = credentialFromPassword(mechanism, password, this.#random.bytes(SALT_BYTES), SCRAM_ITERATIONS_MIN);
      this.#credentials.set(key, credential);
    }
    return credential;
  }
}
