// Who may come in: TLS, certificates, SASL logins, delegation tokens, on whole brokers over real sockets.
import assert from 'node:assert/strict';
import { pbkdf2Sync } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { alterUserScramCredentials } from '../../src/protocol/messages/alter-user-scram-credentials.ts';
import { apiVersions } from '../../src/protocol/messages/api-versions.ts';
import { createDelegationToken } from '../../src/protocol/messages/create-delegation-token.ts';
import { describeConfigs } from '../../src/protocol/messages/describe-configs.ts';
import { describeDelegationToken } from '../../src/protocol/messages/describe-delegation-token.ts';
import { describeUserScramCredentials } from '../../src/protocol/messages/describe-user-scram-credentials.ts';
import { expireDelegationToken } from '../../src/protocol/messages/expire-delegation-token.ts';
import { metadata } from '../../src/protocol/messages/metadata.ts';
import { renewDelegationToken } from '../../src/protocol/messages/renew-delegation-token.ts';
import { saslAuthenticate } from '../../src/protocol/messages/sasl-authenticate.ts';
import { saslHandshake } from '../../src/protocol/messages/sasl-handshake.ts';
import { SecureClient, tlsFile, trusting } from '../secure-client.ts';

const USERS =
  'org.apache.kafka.common.security.plain.PlainLoginModule required user_admin="admin-secret" user_alice="alice-secret";';
const ASK = { topics: [], allowAutoTopicCreation: false } as const;

let broker: RunningBroker | undefined;
const lines: string[] = [];
const clients: SecureClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.end();
  await broker?.close();
  broker = undefined;
});

async function start(protocol: string, settings: Record<string, string | number>): Promise<void> {
  lines.length = 0;
  broker = await startBroker({
    settings: { listeners: `${protocol}://127.0.0.1:0`, 'connection.failed.authentication.delay.ms': 1, ...settings },
    writeLogLine: (line) => lines.push(line),
  });
}

const SASL = {
  'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
  'listener.name.sasl_plaintext.plain.sasl.jaas.config': USERS,
  'delegation.token.secret.key': 'token-master-secret',
};
const TLS = { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': tlsFile('server.pem') };
const MUTUAL = {
  ...TLS,
  'ssl.client.auth': 'required',
  'ssl.truststore.type': 'PEM',
  'ssl.truststore.location': tlsFile('ca.pem'),
};

async function dial(tls?: Parameters<typeof SecureClient.connect>[1]): Promise<SecureClient> {
  const client = await SecureClient.connect(broker!.port, tls);
  clients.push(client);
  return client;
}

async function asAdmin(): Promise<SecureClient> {
  const client = await dial();
  assert.equal((await client.plain('admin', 'admin-secret')).errorCode, ErrorCode.NONE);
  return client;
}

async function setPassword(
  admin: SecureClient,
  user: string,
  password: string,
  mechanism = 1,
): Promise<number | undefined> {
  const salt = Buffer.from(`salt of ${user}`);
  const saltedPassword = pbkdf2Sync(
    password,
    salt,
    4096,
    mechanism === 1 ? 32 : 64,
    mechanism === 1 ? 'sha256' : 'sha512',
  );
  const { results } = await admin.call(alterUserScramCredentials, 0, {
    deletions: [],
    upsertions: [{ name: user, mechanism, iterations: 4096, salt, saltedPassword }],
  });
  return results[0]?.errorCode;
}

describe('a listener with SASL', () => {
  it('serves nothing before a login, and closes', async () => {
    await start('SASL_PLAINTEXT', SASL);
    const early = await dial();
    await assert.rejects(early.call(metadata, 12, ASK));
    const polite = await dial();
    const versions = await polite.call(apiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' });
    assert.equal(versions.errorCode, ErrorCode.NONE);
    await assert.rejects(polite.call(metadata, 12, ASK));
  });

  it('lets PLAIN users in and refuses the others, all alike', async () => {
    await start('SASL_PLAINTEXT', SASL);
    const alice = await dial();
    assert.equal((await alice.plain('alice', 'alice-secret')).errorCode, ErrorCode.NONE);
    assert.equal((await alice.call(metadata, 12, ASK)).errorCode, ErrorCode.NONE);
    const refusals = [];
    for (const [user, password] of [
      ['alice', 'wrong'],
      ['nobody', 'wrong'],
    ] as const) {
      const client = await dial();
      refusals.push(await client.plain(user, password));
      await client.closed();
    }
    assert.deepEqual(
      refusals.map(({ errorCode }) => errorCode),
      [ErrorCode.SASL_AUTHENTICATION_FAILED, ErrorCode.SASL_AUTHENTICATION_FAILED],
    );
    assert.equal(refusals[0]!.errorMessage, refusals[1]!.errorMessage);
  });

  it('names its mechanisms to those who ask for another', async () => {
    await start('SASL_PLAINTEXT', SASL);
    const client = await dial();
    assert.deepEqual(await client.call(saslHandshake, 1, { mechanism: 'GSSAPI' }), {
      errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM,
      mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
    });
    await client.closed();
  });

  it('takes tokens without headers after a handshake of version 0', async () => {
    await start('SASL_PLAINTEXT', SASL);
    const client = await dial();
    await client.call(saslHandshake, 0, { mechanism: 'PLAIN' });
    assert.equal((await client.raw(Buffer.from('\0alice\0alice-secret'))).length, 0);
    assert.equal((await client.call(metadata, 12, ASK)).errorCode, ErrorCode.NONE);
    const wrong = await dial();
    await wrong.call(saslHandshake, 0, { mechanism: 'PLAIN' });
    await assert.rejects(wrong.raw(Buffer.from('\0alice\0x')));
  });

  it('knows SCRAM users from the moment they are set to the moment they are deleted', async () => {
    await start('SASL_PLAINTEXT', SASL);
    const admin = await asAdmin();
    for (const [mechanism, name] of [
      [1, 'SCRAM-SHA-256'],
      [2, 'SCRAM-SHA-512'],
    ] as const) {
      const before = await dial();
      assert.equal((await before.scram(name, 'carol', 'carol-secret')).errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED);
      assert.equal(await setPassword(admin, 'carol', 'carol-secret', mechanism), ErrorCode.NONE);
      const carol = await dial();
      assert.equal((await carol.scram(name, 'carol', 'carol-secret')).errorCode, ErrorCode.NONE);
      const wrong = await dial();
      assert.equal((await wrong.scram(name, 'carol', 'other')).errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED);
    }
    const { results } = await admin.call(describeUserScramCredentials, 0, { users: null });
    assert.deepEqual(
      results.map(({ user, credentialInfos }) => [user, credentialInfos.map(({ mechanism }) => mechanism)]),
      [['carol', [1, 2]]],
    );
    await admin.call(alterUserScramCredentials, 0, { deletions: [{ name: 'carol', mechanism: 1 }], upsertions: [] });
    const revoked = await dial();
    assert.equal(
      (await revoked.scram('SCRAM-SHA-256', 'carol', 'carol-secret')).errorCode,
      ErrorCode.SASL_AUTHENTICATION_FAILED,
    );
  });

  it('says how long a session lasts, and lets it be renewed', async () => {
    await start('SASL_PLAINTEXT', { ...SASL, 'connections.max.reauth.ms': 600_000 });
    const client = await dial();
    assert.equal((await client.plain('alice', 'alice-secret')).sessionLifetimeMs, 600_000);
    assert.equal((await client.plain('alice', 'alice-secret')).errorCode, ErrorCode.NONE);
    assert.equal((await client.call(metadata, 12, ASK)).errorCode, ErrorCode.NONE);
  });

  it('ends sessions that are not renewed', async () => {
    await start('SASL_PLAINTEXT', { ...SASL, 'connections.max.reauth.ms': 1 });
    const client = await dial();
    assert.equal((await client.plain('alice', 'alice-secret')).sessionLifetimeMs, 1);
    await assert.rejects(async () => {
      for (;;) await client.call(metadata, 12, ASK);
    });
  });

  it('closes those who do not finish their login in time', async () => {
    await start('SASL_PLAINTEXT', { ...SASL, 'ottla.login.timeout.ms': 200 });
    const client = await dial();
    const known = await asAdmin();
    await client.closed();
    assert.equal((await known.call(metadata, 12, ASK)).errorCode, ErrorCode.NONE);
  });

  it('takes no large frame before a login', async () => {
    await start('SASL_PLAINTEXT', { ...SASL, 'sasl.server.max.receive.size': 1000 });
    const client = await dial();
    await client.call(saslHandshake, 1, { mechanism: 'PLAIN' });
    await assert.rejects(client.call(saslAuthenticate, 2, { authBytes: Buffer.alloc(2000) }));
    const admin = await asAdmin();
    const many = Array.from({ length: 200 }, (_, index) => ({ name: `topic-${index}` }));
    assert.equal(
      (await admin.call(metadata, 9, { topics: many, allowAutoTopicCreation: false })).errorCode,
      ErrorCode.NONE,
    );
  });

  it('writes no secret into its log, nor into the configs it shows', async () => {
    await start('SASL_PLAINTEXT', { ...SASL, 'ssl.keystore.password': 'keystore-secret' });
    const admin = await asAdmin();
    await setPassword(admin, 'dave', 'dave-secret');
    const client = await dial();
    await client.plain('alice', 'wrong-secret');
    const { results } = await admin.call(describeConfigs, 4, {
      resources: [{ resourceType: 4, resourceName: '1', configurationKeys: null }],
      includeSynonyms: true,
      includeDocumentation: false,
    });
    const shown = JSON.stringify(results) + lines.join('');
    for (const secret of [
      'admin-secret',
      'alice-secret',
      'dave-secret',
      'keystore-secret',
      'wrong-secret',
      'token-master-secret',
    ]) {
      assert.ok(!shown.includes(secret), secret);
    }
    assert.match(lines.join(''), /audit login denied/);
  });
});

describe('delegation tokens', () => {
  const NEW = { ownerPrincipalType: null, ownerPrincipalName: null, renewers: [], maxLifetimeMs: -1 };

  async function login(tokenId: string, hmac: Buffer): Promise<[number, SecureClient]> {
    const client = await dial();
    const { errorCode } = await client.scram('SCRAM-SHA-256', tokenId, hmac.toString('base64'), ',tokenauth=true');
    return [errorCode, client];
  }

  it('log in as their owner until they end, and make no further tokens', async () => {
    await start('SASL_PLAINTEXT', SASL);
    const admin = await asAdmin();
    const token = await admin.call(createDelegationToken, 3, NEW);
    assert.equal(token.errorCode, ErrorCode.NONE);
    const [errorCode, client] = await login(token.tokenId, token.hmac);
    assert.equal(errorCode, ErrorCode.NONE);
    assert.equal(
      (await client.call(createDelegationToken, 3, NEW)).errorCode,
      ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
    );
    const { tokens } = await admin.call(describeDelegationToken, 3, { owners: null });
    assert.deepEqual(
      tokens.map(({ tokenId, principalName }) => [tokenId, principalName]),
      [[token.tokenId, 'admin']],
    );
    const renewed = await admin.call(renewDelegationToken, 2, { hmac: token.hmac, renewPeriodMs: 1000 });
    assert.ok(renewed.errorCode === ErrorCode.NONE && renewed.expiryTimestampMs < token.expiryTimestampMs);
    const ended = await admin.call(expireDelegationToken, 2, { hmac: token.hmac, expiryTimePeriodMs: -1 });
    assert.equal(ended.errorCode, ErrorCode.NONE);
    assert.equal((await login(token.tokenId, token.hmac))[0], ErrorCode.SASL_AUTHENTICATION_FAILED);
  });

  it('belong to their owner and renewers', async () => {
    await start('SASL_PLAINTEXT', SASL);
    const admin = await asAdmin();
    const { hmac } = await admin.call(createDelegationToken, 3, NEW);
    const alice = await dial();
    await alice.plain('alice', 'alice-secret');
    const renewed = await alice.call(renewDelegationToken, 2, { hmac, renewPeriodMs: -1 });
    assert.equal(renewed.errorCode, ErrorCode.DELEGATION_TOKEN_OWNER_MISMATCH);
    const unknown = await alice.call(expireDelegationToken, 2, { hmac: Buffer.from('x'), expiryTimePeriodMs: -1 });
    assert.equal(unknown.errorCode, ErrorCode.DELEGATION_TOKEN_NOT_FOUND);
    const renewers = [{ principalType: 'Group', principalName: 'x' }];
    assert.equal(
      (await alice.call(createDelegationToken, 3, { ...NEW, renewers })).errorCode,
      ErrorCode.INVALID_PRINCIPAL_TYPE,
    );
  });

  it('do not exist without a secret to sign them', async () => {
    const { 'delegation.token.secret.key': _, ...settings } = SASL;
    await start('SASL_PLAINTEXT', settings);
    const admin = await asAdmin();
    assert.equal((await admin.call(createDelegationToken, 3, NEW)).errorCode, ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED);
  });
});

describe('a listener with TLS', () => {
  it('serves those who trust its certificate, from PEM and PKCS#12 stores', async () => {
    for (const settings of [
      TLS,
      {
        'ssl.keystore.type': 'PKCS12',
        'ssl.keystore.location': tlsFile('server.p12'),
        'ssl.keystore.password': 'secret1',
      },
    ]) {
      await start('SSL', settings);
      const client = await dial(trusting('ca.pem'));
      assert.equal((await client.call(metadata, 12, ASK)).errorCode, ErrorCode.NONE);
      await assert.rejects(dial(trusting('other-ca.pem')));
      client.end();
      await broker?.close();
    }
  });

  it('speaks TLS 1.2 and 1.3 and nothing older', async () => {
    await start('SSL', TLS);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      await dial({ ...trusting('ca.pem'), minVersion: version, maxVersion: version });
    }
    await assert.rejects(
      dial({ ...trusting('ca.pem'), minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    );
  });

  it('closes plain text and handshakes that do not end, and goes on', async () => {
    await start('SSL', { ...TLS, 'ottla.login.timeout.ms': 300 });
    const plain = await dial();
    await assert.rejects(plain.call(metadata, 12, ASK));
    const silent = await dial();
    await silent.closed();
    const client = await dial(trusting('ca.pem'));
    assert.equal((await client.call(metadata, 12, ASK)).errorCode, ErrorCode.NONE);
  });

  it('takes large requests and answers, in pieces', async () => {
    await start('SSL', TLS);
    const client = await dial(trusting('ca.pem'));
    const topics = Array.from({ length: 20_000 }, (_, index) => ({ name: `topic-${index}-${'x'.repeat(100)}` }));
    const answer = await client.call(metadata, 9, { topics, allowAutoTopicCreation: false });
    assert.equal(answer.topics.length, topics.length);
  });

  it('asks for certificates where it must, and makes principals of their names', async () => {
    await start('SSL', { ...MUTUAL, 'ssl.principal.mapping.rules': 'RULE:^O=Ottla,CN=([a-z]+)$/$1/' });
    const client = await dial(trusting('ca.pem', 'client.pem'));
    assert.equal((await client.call(metadata, 12, ASK)).errorCode, ErrorCode.NONE);
    for (const own of [undefined, 'stranger.pem']) {
      await assert.rejects(async () => (await dial(trusting('ca.pem', own))).call(metadata, 12, ASK), `${own}`);
    }
    // Its name matches no rule.
    await assert.rejects(async () => (await dial(trusting('ca.pem', 'server.pem'))).call(metadata, 12, ASK));
  });

  it('carries logins', async () => {
    await start('SASL_SSL', {
      ...TLS,
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_ssl.plain.sasl.jaas.config': USERS,
    });
    const client = await dial(trusting('ca.pem'));
    await assert.rejects(client.call(metadata, 12, ASK));
    const alice = await dial(trusting('ca.pem'));
    assert.equal((await alice.plain('alice', 'alice-secret')).errorCode, ErrorCode.NONE);
    assert.equal((await alice.call(metadata, 12, ASK)).errorCode, ErrorCode.NONE);
  });

  it('shows a new certificate when its file changed, and keeps the old one when the new one is broken', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'ottla-tls-'));
    try {
      const file = path.join(directory, 'server.pem');
      copyFileSync(tlsFile('server.pem'), file);
      await start('SSL', { ...TLS, 'ssl.keystore.location': file, 'ottla.tls.reload.interval.ms': 100 });
      const old = await dial(trusting('ca.pem'));
      copyFileSync(tlsFile('ca.pem'), file);
      await until(() => lines.some((line) => line.includes('the old ones stay')));
      assert.equal(await organisation(), undefined);
      copyFileSync(tlsFile('server2.pem'), file);
      await until(() => lines.some((line) => line.includes('Certificates were read again')));
      assert.equal(await organisation(), 'second');
      assert.equal((await old.call(metadata, 12, ASK)).errorCode, ErrorCode.NONE);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('starts only with a key that can be used', async () => {
    await assert.rejects(
      start('SSL', { ...TLS, 'ssl.keystore.location': '/no/such/file' }),
      /cannot be read \(ENOENT\)/,
    );
    await assert.rejects(start('SSL', { ...TLS, 'ssl.keystore.location': tlsFile('ca.pem') }), /0 private keys/);
    const wrong = {
      'ssl.keystore.type': 'PKCS12',
      'ssl.keystore.location': tlsFile('server.p12'),
      'ssl.keystore.password': 'x',
    };
    await assert.rejects(start('SSL', wrong), /cannot be used/);
  });
});

function organisation(): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ ...trusting('ca.pem'), port: broker!.port }, () => {
      const { O } = socket.getPeerCertificate().subject;
      resolve(Array.isArray(O) ? O[0] : O);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 10));
}
