// KafkaJS at a broker that knows its clients: what ../logins.mjs lists.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Report } from '../report.mjs';

// It takes the status of a bad token for a success, and then finds the connection closed.
const REFUSALS = {
  'login refused': /SASL|authenticat|Closed connection/i,
  'topic refused': /not authorized to access topic/i,
  'connection refused': /certificate|closed|disconnect|socket|ECONN|alert|handshake/i,
};

/** `kafkajs` is the library; it is looked for by the caller. */
export async function checkLogins(kafkajs, casesFile) {
  const report = new Report();
  for (const one of JSON.parse(readFileSync(casesFile, 'utf8'))) {
    await report.check(`${one.name}: ${one.expect}`, async () => {
      if (one.expect === 'works') await writeAndSee(kafkajs, one);
      else await assert.rejects(writeAndSee(kafkajs, one), REFUSALS[one.expect]);
    });
  }
  return report.failed > 0 ? 1 : 0;
}

async function writeAndSee(kafkajs, one) {
  const kafka = new kafkajs.Kafka({
    clientId: 'logins',
    brokers: [one.bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 0 },
    ...(one.protocol.endsWith('SSL') && { ssl: tlsOf(one) }),
    ...(one.mechanism && { sasl: saslOf(one) }),
  });
  const producer = kafka.producer({ retry: { retries: 0 } });
  const admin = kafka.admin();
  try {
    await producer.connect();
    const [{ errorCode, baseOffset }] = await producer.send({ topic: one.topic, messages: [{ value: one.name }] });
    assert.equal(errorCode, 0);
    await admin.connect();
    const [{ high }] = await admin.fetchTopicOffsets(one.topic);
    assert.ok(Number(high) > Number(baseOffset));
  } finally {
    await Promise.allSettled([producer.disconnect(), admin.disconnect()]);
  }
}

function tlsOf({ ca, cert }) {
  const own = cert && readFileSync(cert, 'utf8');
  return { ca: [readFileSync(ca, 'utf8')], servername: 'localhost', ...(own && { key: own, cert: own }) };
}

function saslOf({ mechanism, user: username, password, token }) {
  const name = mechanism.toLowerCase();
  if (name === 'oauthbearer') return { mechanism: name, oauthBearerProvider: async () => ({ value: token }) };
  return { mechanism: name, username, password };
}
