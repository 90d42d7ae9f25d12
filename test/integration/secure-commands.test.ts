// The commands against brokers that ask for something: every login, encrypted, with certificates of their own, from options and from
// a file in Kafka's format; and what is said when it is wrong.
import assert from 'node:assert/strict';
import { generateKeyPairSync, pbkdf2Sync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { alterUserScramCredentials } from '../../src/protocol/messages/alter-user-scram-credentials.ts';
import { createDelegationToken } from '../../src/protocol/messages/create-delegation-token.ts';
import { SecureClient, tlsFile, trusting } from '../secure-client.ts';
import { runOttla } from './ottla-process.ts';

const PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule';
const SCRAM = 'org.apache.kafka.common.security.scram.ScramLoginModule';
const OAUTH = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule';

const directory = mkdtempSync(path.join(tmpdir(), 'ottla-secure-commands-'));
let broker: RunningBroker;
let mutual: RunningBroker;
let token: { readonly id: string; readonly hmac: string };

/** Certificates are made out to the name `localhost`, so that is what clients must be told. */
async function start(protocol: string, settings: Record<string, string>): Promise<RunningBroker> {
  const port = await freePort();
  return startBroker({
    settings: {
      listeners: `${protocol}://127.0.0.1:${port}`,
      'advertised.listeners': `${protocol}://localhost:${port}`,
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': tlsFile('server.pem'),
      ...settings,
    },
    writeLogLine: () => {},
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

before(async () => {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...keys.publicKey.export({ format: 'jwk' }), kid: 'test', alg: 'RS256', use: 'sig' };
  file('jwks.json', JSON.stringify({ keys: [jwk] }));
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const nowSeconds = Math.floor(Date.now() / 1000);
  const unsigned = `${part({ alg: 'RS256', kid: 'test' })}.${part({ sub: 'carol', iat: nowSeconds, exp: nowSeconds + 3600 })}`;
  const signature = sign('sha256', Buffer.from(unsigned), keys.privateKey).toString('base64url');
  file('token', `${unsigned}.${signature}\n`);
  file('bad-token', `${unsigned}.${Buffer.alloc(256).toString('base64url')}`);
  file('password', 'bob-secret\n');
  broker = await start('SASL_SSL', {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${PLAIN} required user_alice="alice-secret";`,
    'sasl.oauthbearer.jwks.endpoint.url': `file://${file('jwks.json')}`,
    'delegation.token.secret.key': 'secret',
  });
  mutual = await start('SSL', {
    'ssl.client.auth': 'required',
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': tlsFile('ca.pem'),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:O=Ottla,CN=mtls',
  });
  const admin = await SecureClient.connect(broker.port, trusting('ca.pem'));
  await admin.plain('alice', 'alice-secret');
  const salt = Buffer.from('salt');
  const { results } = await admin.call(alterUserScramCredentials, 0, {
    deletions: [],
    upsertions: [1, 2].map((mechanism) => ({
      name: 'bob',
      mechanism,
      iterations: 4096,
      salt,
      saltedPassword: pbkdf2Sync('bob-secret', salt, 4096, mechanism * 32, mechanism === 1 ? 'sha256' : 'sha512'),
    })),
  });
  assert.deepEqual([...new Set(results.map(({ errorCode }) => errorCode))], [0]);
  const made = await admin.call(createDelegationToken, 3, {
    ownerPrincipalType: null,
    ownerPrincipalName: null,
    renewers: [],
    maxLifetimeMs: -1,
  });
  token = { id: made.tokenId, hmac: made.hmac.toString('base64') };
  admin.end();
});

after(async () => {
  await broker.close();
  await mutual.close();
  rmSync(directory, { recursive: true });
});

/** Writes it when there is something to write; its path. */
function file(name: string, text?: string): string {
  const where = path.join(directory, name);
  if (text !== undefined) writeFileSync(where, text);
  return where;
}

function run(at: RunningBroker, args: readonly string[], env: Readonly<Record<string, string>> = {}, input = '') {
  const bootstrap = ['--bootstrap-server', `localhost:${at.port}`];
  return runOttla([...args, ...bootstrap], { env, input: Buffer.from(input), cwd: directory });
}

async function works(at: RunningBroker, options: readonly string[], env?: Readonly<Record<string, string>>) {
  const name = options.join('-').replaceAll(/[^A-Za-z0-9-]/g, '');
  const topic = `t${name.slice(-100)}`;
  const produced = await run(at, ['produce', topic, ...options], env, 'hello\n');
  assert.equal(produced.code, 0, produced.stderr);
  const consumed = await run(at, ['consume', topic, '-n', '1', ...options], env);
  assert.equal(consumed.stdout.toString(), 'hello\n', consumed.stderr);
}

const CA = ['--tls-ca', tlsFile('ca.pem')];

test('a user logs in with a password from a file or the environment, by each mechanism', async () => {
  await works(broker, [...CA, '--user', 'alice', '--mechanism', 'PLAIN'], { OTTLA_PASSWORD: 'alice-secret' });
  await works(broker, [...CA, '--user', 'bob', '--password-file', 'password']);
  await works(broker, [...CA, '--user', 'bob', '--password-file', 'password', '--mechanism', 'scram-sha-256']);
});

test('a bearer token from a file logs in, and a forged one does not', async () => {
  await works(broker, [...CA, '--token-file', 'token']);
  const refused = await run(broker, ['topic', 'list', ...CA, '--token-file', 'bad-token']);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^ottla: localhost:\d+ refused the login: /);
});

const FILES: Readonly<Record<string, () => string>> = {
  PLAIN: () => `sasl.mechanism=PLAIN\nsasl.jaas.config=${PLAIN} required username="alice" password="alice-secret";`,
  SCRAM: () => `sasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config=${SCRAM} required username="bob" password="bob-secret";`,
  'a delegation token': () =>
    `sasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config=${SCRAM} required username="${token.id}" password="${token.hmac}" tokenauth="true";`,
  OAUTHBEARER: () =>
    `sasl.mechanism=OAUTHBEARER\nsasl.jaas.config=${OAUTH} required;\nsasl.oauthbearer.token.endpoint.url=file://${file('token')}`,
};

for (const [what, login] of Object.entries(FILES)) {
  test(`a file in Kafka's format logs in by ${what}`, async () => {
    const trust = `ssl.truststore.type=PEM\nssl.truststore.location=${tlsFile('ca.pem')}`;
    file('client.properties', `security.protocol=SASL_SSL\n${trust}\n${login()}\n`);
    const { code, stderr } = await run(broker, ['topic', 'list', '--command-config', 'client.properties']);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /changes nothing/);
  });
}

test('a setting of the file that means nothing here is named', async () => {
  file('odd.properties', 'security.protocol=SSL\nretries=5\n');
  const { stderr } = await run(broker, ['topic', 'list', ...CA, '--command-config', 'odd.properties']);
  assert.match(stderr, /^retries in odd\.properties changes nothing here\.$/m);
});

test('a certificate of its own is who the command is', async () => {
  await works(mutual, [...CA, '--tls-cert', tlsFile('client.pem'), '--tls-key', tlsFile('client.pem')]);
  const keyStore = `ssl.keystore.type=PEM\nssl.keystore.location=${tlsFile('client.pem')}`;
  const trustStore = `ssl.truststore.type=PEM\nssl.truststore.location=${tlsFile('ca.pem')}`;
  file('mutual.properties', `security.protocol=SSL\n${keyStore}\n${trustStore}\n`);
  const { code, stderr } = await run(mutual, ['topic', 'list', '--command-config', 'mutual.properties']);
  assert.equal(code, 0, stderr);
  const without = await run(mutual, ['topic', 'list', ...CA]);
  assert.equal(without.code, 1);
});

test('a wrong password, an authority that is not trusted and a plain connection each get a sentence', async () => {
  const wrong = await run(broker, ['topic', 'list', ...CA, '--user', 'bob'], { OTTLA_PASSWORD: 'wrong' });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^ottla: localhost:\d+ refused the login: .*invalid credentials/);
  const strange = await run(broker, ['topic', 'list', '--tls-ca', tlsFile('other-ca.pem')]);
  assert.equal(strange.code, 1);
  assert.match(strange.stderr, /look at its certificate and at --tls-ca\.\n$/);
  const plain = await run(broker, ['topic', 'list']);
  assert.equal(plain.code, 1);
  assert.match(plain.stderr, /if it wants TLS or a login, see --tls and --user\.\n$/);
  const missing = await run(broker, ['topic', 'list', ...CA, '--user', 'bob']);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /--password-file/);
});
