// Leads the conversations of logins.mjs with two secured brokers, and prints where they go differently.

import { pbkdf2Sync } from 'node:crypto';
import { SecureClient } from '../../../dist/test/secure-client.js';
import { differencesOf } from './differences.mjs';
import { apis } from './exchange.mjs';
import { conversations } from './logins.mjs';

/** What differs with every login. */
const ASIDE = new Set(['authBytes', 'brokers', 'clusterId', 'apiKeys', 'throttleTimeMs', 'sessionLifetimeMs']);
const ANSWER_MS_MAX = 6000;
const SCRAM_SHA_256 = 1;

export async function compareLogins(brokers) {
  for (const { port } of brokers) await addScramUser(port);
  let different = 0;
  for (const [name, steps] of Object.entries(conversations)) {
    const [kafka, ottla] = await Promise.all(brokers.map(({ port }) => converse(port, steps)));
    const differences = steps.flatMap((_step, index) =>
      differencesOf(kafka[index], ottla[index], `step ${index + 1} `),
    );
    if (differences.length === 0) continue;
    different++;
    console.log(`${name}\n    ${differences.join('\n    ')}`);
  }
  console.log(`${Object.keys(conversations).length} conversations compared, ${different} differ`);
}

async function addScramUser(port) {
  const admin = await SecureClient.connect(port);
  await admin.plain('admin', 'admin');
  const salt = Buffer.from('salt');
  const { results } = await admin.call(apis.alterUserScramCredentials, 0, {
    deletions: [],
    upsertions: [
      {
        ...{ name: 'scram', mechanism: SCRAM_SHA_256, iterations: 4096, salt },
        saltedPassword: pbkdf2Sync('secret', salt, 4096, 32, 'sha256'),
      },
    ],
  });
  admin.end();
  if (results[0].errorCode !== 0) throw new Error(`no user could be made: ${results[0].errorMessage}`);
  // Kafka's brokers learn of it a moment after the answer.
  for (let tries = 0; tries < 100; tries++) {
    const client = await SecureClient.connect(port);
    const { errorCode } = await client.scram('SCRAM-SHA-256', 'scram', 'secret');
    client.end();
    if (errorCode === 0) return;
  }
  throw new Error('the user cannot log in');
}

async function converse(port, steps) {
  const client = await SecureClient.connect(port);
  const results = [];
  for (const step of steps) {
    const result = await orSilence(take(client, step));
    results.push(plainOf(result));
    if (result === 'closed' || result === 'silent') break;
  }
  client.end();
  return results;
}

async function take(client, step) {
  try {
    if (step.raw) return `${(await client.raw(step.raw)).length} bytes`;
    if (step.scram)
      return await client.scram('SCRAM-SHA-256', step.scram.user, step.scram.password, step.scram.extension);
    return await client.call(...step);
  } catch {
    return 'closed';
  }
}

async function orSilence(answer) {
  let timer;
  const silence = new Promise((resolve) => {
    timer = setTimeout(resolve, ANSWER_MS_MAX, 'silent');
  });
  const result = await Promise.race([answer, silence]);
  clearTimeout(timer);
  return result;
}

function plainOf(result) {
  if (typeof result === 'string') return result;
  return Object.fromEntries(Object.entries(result).filter(([key]) => !ASIDE.has(key)));
}
