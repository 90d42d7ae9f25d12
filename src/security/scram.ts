// SASL SCRAM on the broker's side (RFC 5802, RFC 7677): two messages each way, after which both know that the other knows the
// password. Users come from the metadata, delegation tokens log in the same way with the extension `tokenauth=true`
// (KIP-48). Deviation: Kafka refuses an unknown user at its first message; here it is given a salt that is always the same for
// that name and refused at the second, as if the password were wrong.
import { timingSafeEqual } from 'node:crypto';
import type { Random } from '../runtime/runtime.ts';
import { userPrincipal } from './principal.ts';
import { failed, type Identity, type SaslServer, type SaslStep } from './sasl-mechanism.ts';
import {
  digestBytes,
  hash,
  hmac,
  SCRAM_ITERATIONS_MIN,
  type ScramCredential,
  type ScramMechanism,
} from './scram-credential.ts';

export interface ScramDirectory {
  credential(user: string, mechanism: ScramMechanism): ScramCredential | undefined;
  /** The credential made of a delegation token, and whom the token speaks for. */
  token(tokenId: string, mechanism: ScramMechanism): Promise<TokenCredential | undefined>;
}

export interface TokenCredential {
  readonly credential: ScramCredential;
  readonly identity: Identity;
}

const NAME = '(?:[\\x01-\\x2b\\x2d-\\x3c\\x3e-\\x7f]|=2C|=3D)+';
const VALUE = '[\\x01-\\x2b\\x2d-\\x7f]+';
const PRINTABLE = '[\\x21-\\x2b\\x2d-\\x7e]+';
const BASE64 = '[a-zA-Z0-9/+]*={0,2}';
const CLIENT_FIRST = new RegExp(
  `^(n,(?:a=(${NAME}))?,)((?:m=${VALUE},)?n=(${NAME}),r=(${PRINTABLE})((?:,[A-Za-z]+=${VALUE})*))$`,
);
const CLIENT_FINAL = new RegExp(`^(c=(${BASE64}),r=(${PRINTABLE})(?:,[A-Za-z]+=${VALUE})*),p=(${BASE64})$`);
/** A message longer than this is none; expressions above are linear, this keeps them short too. */
const MESSAGE_LENGTH_MAX = 8192;
const NONCE_BYTES = 20;

/** Known between the first and the second message. */
interface Exchange {
  readonly gs2Header: string;
  readonly nonce: string;
  /** client-first-message-bare, server-first-message. */
  readonly soFar: string;
  readonly credential: ScramCredential;
  /** Undefined: there is no such user, whatever the proof says. */
  readonly identity: Identity | undefined;
}

export class ScramServer implements SaslServer {
  readonly #mechanism: ScramMechanism;
  readonly #directory: ScramDirectory;
  readonly #random: Random;
  /** Makes the salts of users that do not exist; the same for the life of the broker. */
  readonly #decoyKey: Buffer;
  #exchange: Exchange | undefined;

  constructor(mechanism: ScramMechanism, directory: ScramDirectory, random: Random, decoyKey: Buffer) {
    this.#mechanism = mechanism;
    this.#directory = directory;
    this.#random = random;
    this.#decoyKey = decoyKey;
  }

  evaluate(token: Buffer): SaslStep | Promise<SaslStep> {
    if (token.length > MESSAGE_LENGTH_MAX) return failed('a SCRAM message is too long');
    const message = token.toString('utf8');
    return this.#exchange ? this.#second(this.#exchange, message) : this.#first(message);
  }

  async #first(message: string): Promise<SaslStep> {
    const [, gs2Header, authorizationId, bare, saslName, clientNonce, extensions] = CLIENT_FIRST.exec(message) ?? [];
    if (bare === undefined || saslName === undefined) return failed('the first SCRAM message cannot be read');
    const user = decodeName(saslName);
    if (authorizationId !== undefined && decodeName(authorizationId) !== user) {
      return failed(
        'authorization id differs from user',
        'Authentication failed: Client requested an authorization id that is different from username',
      );
    }
    const isToken = (extensions ?? '').split(',').includes('tokenauth=true');
    const known = isToken ? await this.#directory.token(user, this.#mechanism) : this.#user(user);
    const credential = known?.credential ?? this.#decoy(user);
    if (credential.iterations < SCRAM_ITERATIONS_MIN) return failed('the stored iterations are below the minimum');
    const nonce = `${clientNonce}${this.#random.bytes(NONCE_BYTES).toString('hex')}`;
    const reply = `r=${nonce},s=${credential.salt.toString('base64')},i=${credential.iterations}`;
    this.#exchange = { gs2Header: gs2Header!, nonce, soFar: `${bare},${reply}`, credential, identity: known?.identity };
    return { kind: 'challenge', token: Buffer.from(reply) };
  }

  #second({ gs2Header, nonce, soFar, credential, identity }: Exchange, message: string): SaslStep {
    const [, withoutProof, binding, echoedNonce, proof] = CLIENT_FINAL.exec(message) ?? [];
    if (withoutProof === undefined || proof === undefined) return failed('the second SCRAM message cannot be read');
    if (echoedNonce !== nonce) return failed('the nonce is not the one that was given');
    if (binding !== Buffer.from(gs2Header).toString('base64')) return failed('the channel binding is wrong');
    const authMessage = `${soFar},${withoutProof}`;
    const isProven = this.#isProof(credential, authMessage, Buffer.from(proof, 'base64'));
    if (!isProven || identity === undefined) return failed('invalid credentials');
    const signature = hmac(this.#mechanism, credential.serverKey, authMessage);
    return { kind: 'done', token: Buffer.from(`v=${signature.toString('base64')}`), identity };
  }

  /** Proof XOR signature is the client key, whose hash is what was stored. */
  #isProof({ storedKey }: ScramCredential, authMessage: string, proof: Buffer): boolean {
    const signature = hmac(this.#mechanism, storedKey, authMessage);
    if (proof.length !== signature.length) return false;
    const clientKey = Buffer.from(signature.map((byte, index) => byte ^ proof[index]!));
    return timingSafeEqual(hash(this.#mechanism, clientKey), storedKey);
  }

  #user(name: string): TokenCredential | undefined {
    const credential = this.#directory.credential(name, this.#mechanism);
    return credential && { credential, identity: { principal: userPrincipal(name) } };
  }

  #decoy(user: string): ScramCredential {
    const salt = hmac(this.#mechanism, this.#decoyKey, user).subarray(0, 20);
    const nothing = Buffer.alloc(digestBytes(this.#mechanism));
    return { salt, storedKey: nothing, serverKey: nothing, iterations: SCRAM_ITERATIONS_MIN };
  }
}

function decodeName(text: string): string {
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
