// A broker that knows its clients: every login plain and encrypted, certificates of their own, access control; and a file with what each
// client library shall try on it, both what works and what is refused. The certificates are those of test/golden/tls, for `localhost`.

import assert from 'node:assert/strict';
import { generateKeyPairSync, pbkdf2Sync, sign } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { alterUserScramCredentials } from '../../dist/src/protocol/messages/alter-user-scram-credentials.js';
import { createAcls } from '../../dist/src/protocol/messages/create-acls.js';
import { createTopics } from '../../dist/src/protocol/messages/create-topics.js';
import { SecureClient } from '../../dist/test/secure-client.js';
import { root, startOttla } from './broker.mjs';

const tls = (name) => join(root, 'test', 'golden', 'tls', name);
const PLAIN_MODULE = 'org.apache.kafka.common.security.plain.PlainLoginModule';
const USERS = ['alice', 'bob', 'carol', 'O=Ottla,CN=mtls'];
const Resource = { TOPIC: 2 };
const Operation = { READ: 3, WRITE: 4 };

/** `casesFile` is for the clients; `adminFile` are Kafka's client settings of somebody who may do everything. */
export async function startSecureBroker(directory) {
  mkdirSync(directory, { recursive: true });
  const ports = { SASL_PLAINTEXT: await freePort(), SASL_SSL: await freePort(), SSL: await freePort() };
  const tokens = issueTokens(directory);
  const config = join(directory, 'server.properties');
  writeFileSync(config, serverProperties(ports, tokens));
  const broker = await startOttla(join(directory, 'data'), ['--config', config]);
  try {
    await furnish(ports.SASL_PLAINTEXT);
  } catch (error) {
    await broker.stop();
    throw error;
  }
  const casesFile = join(directory, 'cases.json');
  writeFileSync(casesFile, JSON.stringify(casesOf(ports, tokens)));
  const adminFile = join(directory, 'admin.properties');
  writeFileSync(adminFile, adminProperties(ports));
  return { casesFile, adminFile, stop: broker.stop };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function serverProperties(ports, tokens) {
  const listeners = (host) =>
    Object.entries(ports)
      .map(([name, port]) => `${name}://${host}:${port}`)
      .join(',');
  return `
listeners=${listeners('127.0.0.1')}
advertised.listeners=${listeners('localhost')}
ssl.keystore.type=PEM
ssl.keystore.location=${tls('server.pem')}
ssl.truststore.type=PEM
ssl.truststore.location=${tls('ca.pem')}
ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
sasl.jaas.config=${PLAIN_MODULE} required user_admin="admin-secret" user_alice="alice-secret";
sasl.oauthbearer.jwks.endpoint.url=file://${tokens.keysFile}
delegation.token.secret.key=master
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
`;
}

function adminProperties(ports) {
  return `
bootstrap.servers=localhost:${ports.SASL_SSL}
security.protocol=SASL_SSL
sasl.mechanism=PLAIN
sasl.jaas.config=${PLAIN_MODULE} required username="admin" password="admin-secret";
ssl.truststore.type=PEM
ssl.truststore.location=${tls('ca.pem')}
`;
}

/** Signed like an identity provider's: a good one of carol, and one that was good an hour ago. */
function issueTokens(directory) {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keysFile = join(directory, 'jwks.json');
  const jwk = { ...keys.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' };
  writeFileSync(keysFile, JSON.stringify({ keys: [jwk] }));
  const nowSeconds = Math.floor(Date.now() / 1000);
  const issue = (name, exp) => {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const unsigned = `${part({ alg: 'RS256', kid: 'one' })}.${part({ sub: 'carol', iat: exp - 3600, exp, scope: 'kafka' })}`;
    const token = `${unsigned}.${sign('sha256', Buffer.from(unsigned), keys.privateKey).toString('base64url')}`;
    writeFileSync(join(directory, name), token);
    return { token, tokenFile: join(directory, name) };
  };
  return { keysFile, good: issue('token', nowSeconds + 3600), expired: issue('expired-token', nowSeconds - 3600) };
}

/** The user bob, two topics, and rights on one of them. */
async function furnish(port) {
  const admin = await SecureClient.connect(port);
  const { errorCode } = await admin.plain('admin', 'admin-secret');
  assert.equal(errorCode, 0);
  const salt = Buffer.from('conformance');
  await admin.call(alterUserScramCredentials, 0, {
    deletions: [],
    upsertions: [1, 2].map((mechanism) => ({
      name: 'bob',
      mechanism,
      iterations: 4096,
      salt,
      saltedPassword: pbkdf2Sync('bob-secret', salt, 4096, mechanism * 32, mechanism === 1 ? 'sha256' : 'sha512'),
    })),
  });
  const topic = (name) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] });
  await admin.call(createTopics, 7, {
    topics: [topic('allowed'), topic('forbidden')],
    timeoutMs: 5000,
    validateOnly: false,
  });
  const { results } = await admin.call(createAcls, 3, {
    creations: USERS.flatMap((user) =>
      [Operation.READ, Operation.WRITE].map((operation) => ({
        resourceType: Resource.TOPIC,
        resourceName: 'allowed',
        resourcePatternType: 3,
        principal: `User:${user}`,
        host: '*',
        operation,
        permissionType: 3,
      })),
    ),
  });
  assert.deepEqual(new Set(results.map((result) => result.errorCode)), new Set([0]));
  admin.end();
}

/** What each client does: a record into the topic and out again, or an error. */
function casesOf(ports, tokens) {
  const at = (protocol) => ({
    protocol,
    bootstrap: `localhost:${ports[protocol]}`,
    ca: tls('ca.pem'),
    topic: 'allowed',
    expect: 'works',
  });
  const plain = { ...at('SASL_SSL'), mechanism: 'PLAIN', user: 'alice', password: 'alice-secret' };
  const scram = { ...at('SASL_SSL'), mechanism: 'SCRAM-SHA-512', user: 'bob', password: 'bob-secret' };
  const scram256 = { ...scram, mechanism: 'SCRAM-SHA-256' };
  const bearer = { ...at('SASL_SSL'), mechanism: 'OAUTHBEARER', ...tokens.good };
  const mutual = { ...at('SSL'), cert: tls('client.pem') };
  return [
    { ...plain, name: 'PLAIN, encrypted' },
    { ...plain, ...at('SASL_PLAINTEXT'), name: 'PLAIN' },
    { ...scram256, name: 'SCRAM-SHA-256, encrypted' },
    { ...scram, name: 'SCRAM-SHA-512, encrypted' },
    { ...scram, ...at('SASL_PLAINTEXT'), name: 'SCRAM-SHA-512' },
    { ...bearer, name: 'OAUTHBEARER, encrypted' },
    { ...mutual, name: 'a certificate of its own' },
    { ...plain, name: 'PLAIN with a wrong password', password: 'wrong', expect: 'login refused' },
    { ...scram, name: 'SCRAM with a wrong password', password: 'wrong', expect: 'login refused' },
    { ...scram256, name: 'SCRAM with an unknown user', user: 'nobody', expect: 'login refused' },
    { ...bearer, name: 'an expired token', ...tokens.expired, expect: 'login refused' },
    { ...mutual, name: "a stranger's certificate", cert: tls('stranger.pem'), expect: 'connection refused' },
    { ...plain, name: 'a certificate that is not trusted', ca: tls('other-ca.pem'), expect: 'connection refused' },
    { ...plain, name: 'a topic without a right', topic: 'forbidden', expect: 'topic refused' },
  ];
}
