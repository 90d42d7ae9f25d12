// Logging in at a broker by SASL: the handshake names a mechanism, then its tokens go back and forth. Besides the broker's check of the
// client there is, with SCRAM, the client's check of the broker: whoever does not know the password cannot pretend to be one.
import { timingSafeEqual } from 'node:crypto';
import type { Api } from '../protocol/api.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { saslAuthenticate } from '../protocol/messages/sasl-authenticate.ts';
import { saslHandshake } from '../protocol/messages/sasl-handshake.ts';
import type { Random } from '../runtime/runtime.ts';
import { hash, hmac, type ScramMechanism, saltedPassword } from '../security/scram-credential.ts';
import { ClientError } from './client-error.ts';

export type Login =
  | {
      readonly mechanism: 'PLAIN' | ScramMechanism;
      readonly user: string;
      readonly password: string;
      /** User and password are the id and the HMAC of a delegation token. */
      readonly isToken?: boolean;
    }
  | {
      readonly mechanism: 'OAUTHBEARER';
      /** Called for every login, so that a fresh token is used. */
      readonly token: () => Promise<string>;
    };

/** Sends one request of the login; rejects with ClientError. */
type Exchange = <Response, Input>(api: Api<unknown, Response, Input>, body: NoInfer<Input>) => Promise<Response>;

const NONCE_BYTES = 20;
/** A broker that asks for more is made to keep the client busy. */
const ITERATIONS_MAX = 1_000_000;

/** How long the session lasts in milliseconds; 0 is without end. Rejects with ClientError. */
export async function logIn(login: Login, random: Random, exchange: Exchange): Promise<number> {
  const { errorCode, mechanisms } = await exchange(saslHandshake, { mechanism: login.mechanism });
  if (errorCode !== ErrorCode.NONE) {
    const offered = mechanisms.length === 0 ? 'none' : mechanisms.join(', ');
    throw new ClientError(errorCode, `the broker has no logins by ${login.mechanism} (it offers ${offered})`);
  }
  const send = async (token: string) => {
    const answer = await exchange(saslAuthenticate, { authBytes: Buffer.from(token) });
    if (answer.errorCode !== ErrorCode.NONE) {
      throw new ClientError(answer.errorCode, answer.errorMessage ?? 'the broker refused the login');
    }
    return { text: answer.authBytes.toString('utf8'), lifetimeMs: answer.sessionLifetimeMs };
  };
  switch (login.mechanism) {
    case 'PLAIN':
      return (await send(`\0${login.user}\0${login.password}`)).lifetimeMs;
    case 'OAUTHBEARER': {
      const { text, lifetimeMs } = await send(`n,,\x01auth=Bearer ${(await login.token()).trim()}\x01\x01`);
      // A refusal comes as a challenge, whose answer ends the login.
      if (text !== '') await send('\x01');
      return lifetimeMs;
    }
    default:
      return scram(login.mechanism, login, random, send);
  }
}

async function scram(
  mechanism: ScramMechanism,
  { user, password, isToken }: { user: string; password: string; isToken?: boolean },
  random: Random,
  send: (token: string) => Promise<{ text: string; lifetimeMs: number }>,
): Promise<number> {
  const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C');
  const nonce = random.bytes(NONCE_BYTES).toString('hex');
  const first = `n=${name},r=${nonce}${isToken ? ',tokenauth=true' : ''}`;
  const challenge = (await send(`n,,${first}`)).text;
  const [, bothNonces, salt, count] =
    /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+=*),i=(\d{1,9})$/.exec(challenge) ?? [];
  const iterations = Number(count);
  if (!bothNonces?.startsWith(nonce) || salt === undefined || iterations < 1 || iterations > ITERATIONS_MAX) {
    throw new ClientError('BAD_RESPONSE', 'the broker answered the login with something that is not SCRAM');
  }
  const salted = await saltedPassword(mechanism, password, Buffer.from(salt, 'base64'), iterations);
  const clientKey = hmac(mechanism, salted, 'Client Key');
  const withoutProof = `c=biws,r=${bothNonces}`;
  const transcript = `${first},${challenge},${withoutProof}`;
  const signature = hmac(mechanism, hash(mechanism, clientKey), transcript);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString('base64');
  const { text, lifetimeMs } = await send(`${withoutProof},p=${proof}`);
  const expected = Buffer.from(
    `v=${hmac(mechanism, hmac(mechanism, salted, 'Server Key'), transcript).toString('base64')}`,
  );
  const got = Buffer.from(text);
  if (got.length !== expected.length || !timingSafeEqual(got, expected)) {
    throw new ClientError('BAD_RESPONSE', 'the broker does not know the password; it may be somebody else');
  }
  return lifetimeMs;
}
