import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGolden } from '../../test/golden/read.ts';
import type { Random } from '../runtime/runtime.ts';
import type { SaslStep } from './sasl-mechanism.ts';
import { type ScramDirectory, ScramServer } from './scram.ts';
import {
  credentialFromPassword,
  type ScramCredential,
  type ScramMechanism,
  saltedPassword,
} from './scram-credential.ts';

interface Exchange {
  readonly kind: 'scram';
  readonly mechanism: ScramMechanism;
  readonly password: string;
  readonly iterations: number;
  readonly saltHex: string;
  readonly saltedPasswordHex: string;
  readonly storedKeyHex: string;
  readonly serverKeyHex: string;
  readonly clientFirst: string;
  readonly serverFirst: string;
  readonly clientFinal: string;
  readonly serverFinal: string;
}

const exchanges = readGolden<Exchange>('primitives').filter(({ kind }) => kind === 'scram');
const SERVER_NONCE = Buffer.from('SERVERnonce');
/** Its bytes as hex are the nonce; the golden exchanges have one that is no hex, so `toString` says so. */
const goldenRandom: Random = {
  bytes: () => Object.assign(Buffer.from(SERVER_NONCE), { toString: () => 'SERVERnonce' }),
  below: () => 0,
};

function directoryOf(users: Record<string, ScramCredential>): ScramDirectory {
  return { credential: (user) => users[user], token: async () => undefined };
}

function server(mechanism: ScramMechanism, users: Record<string, ScramCredential>): ScramServer {
  return new ScramServer(mechanism, directoryOf(users), goldenRandom, Buffer.from('decoy'));
}

function tokenOf(step: SaslStep): string {
  assert.ok(step.kind !== 'failed', step.kind === 'failed' ? step.reason : '');
  return step.token.toString();
}

test('credentials and exchanges are those that Kafka computes', async () => {
  assert.ok(exchanges.length > 0);
  for (const golden of exchanges) {
    const { mechanism, password, iterations } = golden;
    const salt = Buffer.from(golden.saltHex, 'hex');
    const salted = await saltedPassword(mechanism, password, salt, iterations);
    assert.equal(salted.toString('hex'), golden.saltedPasswordHex);
    const credential = await credentialFromPassword(mechanism, password, salt, iterations);
    assert.equal(credential.storedKey.toString('hex'), golden.storedKeyHex);
    assert.equal(credential.serverKey.toString('hex'), golden.serverKeyHex);

    const login = server(mechanism, { user: credential });
    assert.equal(tokenOf(await login.evaluate(Buffer.from(golden.clientFirst))), golden.serverFirst);
    const done = await login.evaluate(Buffer.from(golden.clientFinal));
    assert.equal(tokenOf(done), golden.serverFinal);
    assert.deepEqual(done.kind === 'done' && done.identity.principal, { type: 'User', name: 'user' });
  }
});

test('a changed proof, nonce or channel binding is refused without saying which', async () => {
  const golden = exchanges[0]!;
  const salt = Buffer.from(golden.saltHex, 'hex');
  const credential = await credentialFromPassword(golden.mechanism, golden.password, salt, golden.iterations);
  const flip = (text: string, at: number) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
  const final = golden.clientFinal;
  const wrong = [flip(final, final.indexOf('p=') + 3), flip(final, final.indexOf('r=') + 3), flip(final, 2), 'p=', ''];
  for (const message of wrong) {
    const login = server(golden.mechanism, { user: credential });
    await login.evaluate(Buffer.from(golden.clientFirst));
    const step = await login.evaluate(Buffer.from(message));
    assert.equal(step.kind, 'failed');
    assert.equal(step.kind === 'failed' && step.message, null);
  }
});

test('a user that does not exist is led through the same exchange as one with a wrong password', async () => {
  const golden = exchanges[0]!;
  const first = async () => tokenOf(await server('SCRAM-SHA-256', {}).evaluate(Buffer.from('n,,n=nobody,r=abc')));
  assert.match(await first(), /^r=abcSERVERnonce,s=[A-Za-z0-9+/=]+,i=4096$/);
  assert.equal(await first(), await first(), 'the salt of a name does not change');
  const login = server('SCRAM-SHA-256', {});
  const challenge = tokenOf(await login.evaluate(Buffer.from(golden.clientFirst)));
  const nonce = /r=([^,]+)/.exec(challenge)?.[1];
  const step = await login.evaluate(Buffer.from(`c=biws,r=${nonce},p=${Buffer.alloc(32).toString('base64')}`));
  assert.equal(step.kind, 'failed');
});

test('messages that are none are refused, however long', async () => {
  for (const message of [
    '',
    'n,,',
    'y,,n=user,r=x',
    'n,,n=us=er,r=x',
    'n,,n=user',
    `n,,n=${'a'.repeat(1e6)},r=x`,
    'n,a=other,n=user,r=x',
  ]) {
    assert.equal(
      (await server('SCRAM-SHA-512', {}).evaluate(Buffer.from(message))).kind,
      'failed',
      message.slice(0, 40),
    );
  }
});

test('names may hold commas and equal signs', async () => {
  const asked: string[] = [];
  const directory: ScramDirectory = {
    credential(user) {
      asked.push(user);
      return undefined;
    },
    token: async () => undefined,
  };
  await new ScramServer('SCRAM-SHA-256', directory, goldenRandom, Buffer.from('x')).evaluate(
    Buffer.from('n,a=CN=3Da=2CO=3Db,n=CN=3Da=2CO=3Db,r=x'),
  );
  assert.deepEqual(asked, ['CN=a,O=b']);
});

test('the extension tokenauth asks for a delegation token instead of a user', async () => {
  const credential = await credentialFromPassword('SCRAM-SHA-256', 'secret', Buffer.from('salt'), 4096);
  const directory: ScramDirectory = {
    credential: () => undefined,
    token: async (id) =>
      id === 'token-1'
        ? { credential, identity: { principal: { type: 'User', name: 'owner' }, byToken: true } }
        : undefined,
  };
  const login = new ScramServer('SCRAM-SHA-256', directory, goldenRandom, Buffer.from('x'));
  const step = await login.evaluate(Buffer.from('n,,n=token-1,r=x,tokenauth=true'));
  assert.match(tokenOf(step), new RegExp(`s=${Buffer.from('salt').toString('base64')}`));
});
