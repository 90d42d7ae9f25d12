// Asks two secured brokers (secured-brokers.mjs) everything that rights.mjs lists, and prints where the answers differ. What an API does
// when it may is compared elsewhere; here it is mostly about which errors say that it may not, and what is left out of lists.

import { SecureClient } from '../../../dist/test/secure-client.js';
import { differencesOf, keyOf } from './differences.mjs';
import { apis } from './exchange.mjs';
import { creationsOf, grants, requests } from './rights.mjs';

/** Fields that may differ; codes of a right refused are in fields that are compared. */
const ASIDE = new Set([
  ...[
    'throttleTimeMs',
    'clusterId',
    'producerId',
    'documentation',
    'sessionId',
    'host',
    'port',
    'logAppendTimeMs',
    'totalBytes',
  ],
  ...[
    'usableBytes',
    'logDir',
    'tokenId',
    'hmac',
    'issueTimestampMs',
    'expiryTimestampMs',
    'maxTimestampMs',
    'issueTimestamp',
  ],
  ...['expiryTimestamp', 'maxTimestamp', 'nodes', 'voters', 'records', 'memberId', 'assignment'],
  ...[
    'leaderEpoch',
    'highWatermark',
    'isCordoned',
    'committedLeaderEpoch',
    'configSource',
    'readOnly',
    'value',
    'synonyms',
  ],
]);
const BROKER = 4;
const NOT_READY = new Set([14, 15, 16, 51]);
const USER_WORDS = /\bu\d+\b/g;

export const userCount = grants.length;

export async function compareRights(brokers, filters, comparesMessages) {
  const chosen = requests.filter(({ name }) => filters.length === 0 || filters.includes(name));
  const worlds = [];
  for (const broker of brokers) worlds.push(await furnish(broker, comparesMessages));
  const served = await bothServe(worlds);
  let compared = 0;
  const found = new Map(); // difference → grants and versions that have it
  for (const [index, grant] of grants.entries()) {
    for (const world of worlds) await prepare(world, index);
    for (const { name, api, request } of chosen) {
      const versions = served.get(api.key);
      if (!versions) continue;
      for (let version = versions.min; version <= versions.max; version++) {
        const answers = [];
        for (const world of worlds) {
          const message = request(world.users[index], version);
          if (message !== null) answers.push(await ask(world, index, api, version, message));
        }
        if (answers.length === 0) continue;
        compared++;
        for (const difference of differencesOf(answers[0], answers[1])) {
          const key = `${name}${difference.startsWith('.') ? '' : ' '}${difference}`;
          const where = found.get(key) ?? new Map();
          where.set(grant.name, [...(where.get(grant.name) ?? []), version]);
          found.set(key, where);
        }
      }
    }
    for (const world of worlds) world.users[index].client?.end();
  }
  for (const [difference, where] of found) {
    console.log(difference);
    for (const [grant, versions] of [...where].slice(0, 6))
      console.log(`    ${grant}: v${[...new Set(versions)].join(' v')}`);
    if (where.size > 6) console.log(`    and with ${where.size - 6} other grants`);
  }
  for (const world of worlds) world.admin.end();
  console.log(`${compared} answers compared, ${found.size} differences`);
}

/** Everybody's topics and rights. */
async function furnish(broker, comparesMessages) {
  const admin = await login(broker, 'admin');
  const world = { broker, admin, users: [] };
  const names = grants.flatMap((_grant, index) => [`u${index}-topic`, `others-u${index}`]);
  const { topics } = await admin.call(apis.createTopics, 7, {
    topics: names.map((name) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] })),
    timeoutMs: 60_000,
    validateOnly: false,
  });
  const idOf = new Map(topics.map(({ name, topicId }) => [name, topicId]));
  for (const [index, grant] of grants.entries()) {
    const user = `u${index}`;
    const ids = new Map([`${user}-topic`, `others-${user}`].map((name) => [name, idOf.get(name)]));
    world.users.push({ user, ids, comparesMessages });
    const creations = creationsOf(grant, user);
    if (creations.length === 0) continue;
    const { results } = await admin.call(apis.createAcls, 3, { creations });
    const refused = results.find(({ errorCode }) => errorCode !== 0);
    if (refused && !grant.name.startsWith('CLUSTER DELETE'))
      throw new Error(`${broker.name} refused ${grant.name}: ${refused.errorMessage}`);
  }
  return world;
}

async function login(broker, user) {
  const client = await SecureClient.connect(broker.port);
  const { errorCode, errorMessage } = await client.plain(user, user);
  if (errorCode !== 0) throw new Error(`${broker.name} does not let ${user} in: ${errorMessage}`);
  return client;
}

/** Versions that both have, by API key. */
async function bothServe(worlds) {
  const [kafka, ottla] = await Promise.all(
    worlds.map(async ({ admin }) => {
      const { apiKeys } = await admin.call(apis.apiVersions, 3, {
        clientSoftwareName: 'd',
        clientSoftwareVersion: '1',
      });
      return new Map(apiKeys.map((one) => [one.apiKey, one]));
    }),
  );
  const served = new Map();
  for (const { key, minVersion, maxVersion } of Object.values(apis)) {
    if (!kafka.has(key) || !ottla.has(key)) continue;
    const lowest = Math.max(minVersion, kafka.get(key).minVersion, ottla.get(key).minVersion);
    const highest = Math.min(maxVersion, kafka.get(key).maxVersion, ottla.get(key).maxVersion);
    served.set(key, { min: lowest, max: highest });
  }
  return served;
}

/** By somebody who may: committed offsets, a group with a member, transactional ids, a token of the administrator. */
async function prepare({ admin, users }, index) {
  const world = users[index];
  const { user, ids } = world;
  const topics = [...ids.values()].map((topicId) => ({
    topicId,
    partitions: [{ partitionIndex: 0, committedOffset: 0, committedMetadata: '' }],
  }));
  for (const groupId of [`${user}-group`, `others-group-${user}`]) {
    await untilReady(async () => {
      await admin.call(apis.findCoordinator, 4, { keyType: 0, coordinatorKeys: [groupId] });
      const answer = await admin.call(apis.offsetCommit, 10, { groupId, memberId: '', topics });
      return answer.topics[0].partitions[0].errorCode;
    });
  }
  await untilReady(async () => {
    const answer = await admin.call(apis.consumerGroupHeartbeat, 1, {
      ...{
        groupId: `${user}-members`,
        memberId: 'member',
        memberEpoch: 0,
        rebalanceTimeoutMs: 60_000,
        topicPartitions: [],
      },
      subscribedTopicNames: [`${user}-topic`],
    });
    return answer.errorCode;
  });
  for (const transactionalId of [`${user}-transactional`, `others-transactional-${user}`]) {
    await untilReady(async () => {
      await admin.call(apis.findCoordinator, 4, { keyType: 1, coordinatorKeys: [transactionalId] });
      return (await admin.call(apis.initProducerId, 4, { transactionalId, transactionTimeoutMs: 60_000 })).errorCode;
    });
  }
  const nobody = { ownerPrincipalType: null, ownerPrincipalName: null };
  world.hmac ??= (await admin.call(apis.createDelegationToken, 3, { ...nobody, renewers: [], maxLifetimeMs: -1 })).hmac;
}

async function untilReady(attempt) {
  for (let tries = 0; tries < 300; tries++) {
    const errorCode = await attempt();
    if (errorCode === 0) return;
    if (!NOT_READY.has(errorCode)) throw new Error(`error ${errorCode} while something was prepared`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the broker does not get ready');
}

async function ask({ broker, users }, index, api, version, message) {
  const world = users[index];
  if (!world.client || world.client.isClosed) world.client = await login(broker, world.user);
  let silent;
  const silence = new Promise((resolve) => {
    silent = setTimeout(resolve, 8000, 'silent');
  });
  try {
    const answer = await Promise.race([world.client.call(api, version, message), silence]);
    if (answer === 'silent') world.client.end();
    return normalised(world, answer);
  } catch {
    return 'closed';
  } finally {
    clearTimeout(silent);
  }
}

/** What belongs to other users is left out, topics have their names for ids, lists of named things are in order. */
function normalised(world, value, key = '') {
  if (key === 'topicId') {
    for (const [name, id] of world.ids) if (id === value) return name.replaceAll(world.user, 'u');
    return 'some id';
  }
  if (ASIDE.has(key) || (key === 'errorMessage' && !world.comparesMessages) || Buffer.isBuffer(value)) return undefined;
  if (value === null || value === undefined) return value;
  // Kafka prints a whole request into some of its messages.
  if (typeof value === 'string')
    return value.startsWith('Request Request') ? 'some words' : value.replaceAll(world.user, 'u');
  if (typeof value !== 'object') return value;
  if (value.resourceType === BROKER) return normalised(world, { ...value, resourceType: 'broker', configs: null });
  if (!Array.isArray(value))
    return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, normalised(world, item, field)]));
  return value
    .filter((item) => isOwn(world.user, item))
    .map((item) => normalised(world, item))
    .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

function isOwn(user, item) {
  if (typeof item !== 'object' || item === null) return true;
  const names = [
    keyOf(item),
    item.transactionalId,
    item.principalName,
    item.tokenRequesterPrincipalName,
    item.user,
  ].map((name) => `${name ?? ''}`);
  return !names.some((name) => name.startsWith('__') || [...name.matchAll(USER_WORDS)].some(([word]) => word !== user));
}

function sortKey(item) {
  return typeof item === 'object' && item !== null ? `${keyOf(item) ?? ''} ${JSON.stringify(item)}` : `${item}`;
}
