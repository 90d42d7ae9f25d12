import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../protocol/error-code.ts';
import { apiVersions } from '../protocol/messages/api-versions.ts';
import { metadata } from '../protocol/messages/metadata.ts';
import { saslAuthenticate } from '../protocol/messages/sasl-authenticate.ts';
import { saslHandshake } from '../protocol/messages/sasl-handshake.ts';
import { PlainServer } from './plain.ts';
import { SaslSession } from './sasl-session.ts';

let nowMs = 0;
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
const users = new Map([
  ['alice', 'a'],
  ['bob', 'b'],
]);

function session(reauthMs = 0): SaslSession {
  return new SaslSession({
    mechanisms: ['PLAIN', 'OTHER'],
    newServer: () => new PlainServer(users),
    reauthMs: () => reauthMs,
    clock,
  });
}

async function loggedIn(reauthMs = 0): Promise<SaslSession> {
  const made = session(reauthMs);
  assert.equal(made.objectionTo(saslHandshake.key), undefined);
  assert.equal(made.handshake('PLAIN', 1), ErrorCode.NONE);
  assert.equal(made.objectionTo(saslAuthenticate.key), undefined);
  assert.equal((await made.authenticate(Buffer.from('\0alice\0a'))).errorCode, ErrorCode.NONE);
  return made;
}

test('before a login only what belongs to it is let through, in its order', async () => {
  const made = session();
  assert.ok(made.objectionTo(metadata.key));
  assert.ok(made.objectionTo(saslAuthenticate.key));
  assert.equal(made.objectionTo(apiVersions.key), undefined);
  assert.equal(made.objectionTo(apiVersions.key), undefined, 'its version may have been unknown');
  made.versionsTold();
  assert.ok(made.objectionTo(apiVersions.key), 'once is enough');
  assert.equal(made.handshake('PLAIN', 1), ErrorCode.NONE);
  assert.ok(made.objectionTo(metadata.key));
  assert.ok(made.objectionTo(saslHandshake.key));
  await made.authenticate(Buffer.from('\0alice\0a'));
  assert.equal(made.objectionTo(metadata.key), undefined);
  assert.deepEqual(made.identity?.principal, { type: 'User', name: 'alice' });
});

test('after a failed login nothing is let through', async () => {
  const made = session();
  made.handshake('PLAIN', 1);
  const answer = await made.authenticate(Buffer.from('\0alice\0wrong'));
  assert.equal(answer.errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED);
  for (const { key } of [metadata, saslHandshake, saslAuthenticate, apiVersions]) assert.ok(made.objectionTo(key));
});

test('a mechanism that is not offered ends the login', () => {
  const made = session();
  assert.equal(made.handshake('GSSAPI', 1), ErrorCode.UNSUPPORTED_SASL_MECHANISM);
  assert.ok(made.objectionTo(saslHandshake.key));
});

test('without an end of the session nobody logs in twice', async () => {
  const made = await loggedIn();
  assert.equal(made.handshake('PLAIN', 1), ErrorCode.ILLEGAL_SASL_STATE);
  assert.equal((await made.authenticate(Buffer.from('\0alice\0a'))).errorCode, ErrorCode.ILLEGAL_SASL_STATE);
  assert.equal(made.objectionTo(metadata.key), undefined);
});

test('a session ends unless the client logs in again', async () => {
  nowMs = 0;
  const made = await loggedIn(5000);
  nowMs = 4999;
  assert.equal(made.objectionTo(metadata.key), undefined);
  nowMs = 5000;
  assert.ok(made.objectionTo(metadata.key));
  assert.equal(made.objectionTo(saslHandshake.key), undefined);
  made.handshake('PLAIN', 1);
  const again = await made.authenticate(Buffer.from('\0alice\0a'));
  assert.equal('token' in again && again.sessionLifetimeMs, 5000);
  assert.equal(made.objectionTo(metadata.key), undefined);
  assert.equal(made.handshake('PLAIN', 1), ErrorCode.ILLEGAL_SASL_STATE, 'not more than once a second');
});

test('logging in again as somebody else, or by another mechanism, is refused', async () => {
  for (const [mechanism, token] of [
    ['PLAIN', '\0bob\0b'],
    ['OTHER', '\0alice\0a'],
  ] as const) {
    const made = await loggedIn(5000);
    nowMs += 2000;
    assert.equal(made.handshake(mechanism, 1), ErrorCode.NONE);
    const answer = await made.authenticate(Buffer.from(token));
    assert.equal(answer.errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED);
    assert.match('message' in answer ? answer.message : '', /re-authentication/);
  }
});

test('a credential that ends ends the session', async () => {
  nowMs = 1000;
  const made = new SaslSession({
    mechanisms: ['X'],
    newServer: () => ({
      evaluate: () => ({
        kind: 'done',
        token: Buffer.alloc(0),
        identity: { principal: { type: 'User', name: 'a' }, expiresAtMs: 1500 },
      }),
    }),
    reauthMs: () => 10_000,
    clock,
  });
  made.handshake('X', 1);
  const answer = await made.authenticate(Buffer.alloc(0));
  assert.equal('token' in answer && answer.sessionLifetimeMs, 500);
});
