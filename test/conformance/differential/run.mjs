// Sends the same requests to two brokers, Kafka 4.3 and Ottla for example, at every version of each API, frames as bytes
// (frames.mjs), and sequences of requests about transactions (transaction-*.mjs), and prints where the answers differ: error codes, numbers, presence. Ids, times, addresses and messages are put aside first. A tool for finding
// what is wrong, no test: some differences are meant, and it always ends with status 0.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setUpKafka, startKafka } from '../../../bench/rivals/kafka/kafka.mjs';
import { startOttla } from '../broker.mjs';
import { differencesOf, keyOf } from './differences.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kafka: { type: 'string' },
    ottla: { type: 'string' },
    messages: { type: 'boolean', default: false },
    transcripts: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(`usage: test/conformance/differential/run [TEXT ...] [--kafka HOST:PORT] [--ottla HOST:PORT] [--messages] [--transcripts]

Compares the answers of both brokers, starting those that are not given (they must be fresh ones: the cases create topics).
Only cases whose name begins with one of the TEXTs, if any; sequences begin with "Transaction" (scenarios), "State" (matrix) or "Creation". --messages compares error messages too,
--transcripts prints what Kafka answered in every sequence.`);
  process.exit(0);
}

const { apis, exchange } = await import('./exchange.mjs');
const { cases, filling, topicsNeeded } = await import('./cases.mjs');
const { frames, outcome } = await import('./frames.mjs');
const { compareCreations } = await import('./compare-creations.mjs');
const { compareSequences } = await import('./compare-sequences.mjs');

/** Fields that may differ. */
const ASIDE = new Set([
  'throttleTimeMs',
  'clusterId',
  'producerId',
  'documentation',
  'sessionId',
  'port',
  'finalizedFeaturesEpoch',
  'logAppendTimeMs',
  'totalBytes',
  'usableBytes',
  'logDir',
  'lastFetchTimestamp',
  'lastCaughtUpTimestamp',
  'logEndOffset',
  'leaderDirectoryId',
  'replicaDirectoryId',
]);
/** Both brokers: transactions that are over their time are looked for often. */
const SETTINGS = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200' };
const MESSAGES = new Set(['errorMessage', 'batchIndexErrorMessage']);

/** These have topics of their own, so that brokers may be used several times. */
const onlySequences = positionals.length > 0 && positionals.every((text) => /^(State|Transaction)/.test(text));
const directory = mkdtempSync(join(tmpdir(), 'ottla-differential-'));
let kafka;
let ottla;
try {
  if (!options.kafka) setUpKafka();
  kafka = options.kafka
    ? { bootstrap: options.kafka }
    : await startKafka({ properties: { 'node.id': '1', 'auto.create.topics.enable': 'true', ...SETTINGS } });
  ottla = options.ottla
    ? { bootstrap: options.ottla }
    : await startOttla(join(directory, 'data'), [
        ...['--set', 'node.id=1', '--set', 'offsets.topic.num.partitions=4'],
        ...['--set', 'transaction.state.log.num.partitions=4'],
        ...['--set', 'share.coordinator.state.topic.num.partitions=4'],
        ...Object.entries(SETTINGS).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
      ]);
  const worlds = [await prepare('kafka', kafka.bootstrap), await prepare('ottla', ottla.bootstrap)];
  await compareAll(worlds);
  await compareFrames(worlds);
  await compareCreations(worlds, positionals);
  await compareSequences(worlds, positionals, options.transcripts);
} finally {
  await ottla?.stop?.();
  await kafka?.stop?.();
  rmSync(directory, { recursive: true, force: true });
}

/** A broker with the topics that the cases need: `{ name, bootstrap, brokerId, producer, id(topic), fresh(version) }`. */
async function prepare(name, bootstrap) {
  let count = 0;
  const ids = new Map();
  const world = {
    name,
    bootstrap,
    ids,
    id: (topic) => ids.get(topic) ?? 'AAAAAAAAAAAAAAAAAAAAKg',
    fresh: () => `fresh-${count++}`,
  };
  if (!onlySequences) await makeTopics(world);
  await untilCoordinated(bootstrap);
  world.producer = await transactionalProducer(bootstrap);
  await new Promise((resolve) => setTimeout(resolve, 2000)); // Kafka's partitions are not ready when it has answered
  const metadata = await exchange(bootstrap, apis.metadata, 12, { topics: [], allowAutoTopicCreation: false });
  world.brokerId = metadata.brokers[0].nodeId;
  if (!onlySequences) await fillTopics(world);
  return world;
}

async function makeTopics({ name, bootstrap, ids }) {
  const created = await exchange(bootstrap, apis.createTopics, 7, {
    topics: topicsNeeded,
    timeoutMs: 10_000,
    validateOnly: false,
  });
  for (const topic of created.topics) {
    if (topic.errorCode !== 0)
      throw new Error(`${name} refused to create ${topic.name}: ${topic.errorCode} ${topic.errorMessage}`);
    ids.set(topic.name, topic.topicId);
  }
}

async function fillTopics({ name, bootstrap }) {
  for (const topic of ['full', 'trimmed']) {
    for (const records of filling(topic).batches) {
      const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
      const produced = await exchange(bootstrap, apis.produce, 9, {
        transactionalId: null,
        acks: -1,
        timeoutMs: 5000,
        topicData,
      });
      const { errorCode } = produced.responses[0].partitionResponses[0];
      if (errorCode !== 0) throw new Error(`${name} refused a record for ${topic}: ${errorCode}`);
    }
  }
}

/** Kafka makes its internal topics, and takes its first block of producer ids, when somebody asks. */
async function untilCoordinated(bootstrap) {
  for (let attempt = 0; attempt < 60; attempt++) {
    const group = await exchange(bootstrap, apis.findCoordinator, 3, { key: 'differential', keyType: 0 });
    const offsets = await exchange(bootstrap, apis.offsetFetch, 7, { groupId: 'differential', topics: null });
    const producer = await exchange(bootstrap, apis.initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    });
    if (group.errorCode === 0 && offsets.errorCode === 0 && producer.errorCode === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${bootstrap} has no coordinator after 30 s`);
}

/** The producer of a transactional id, as soon as there is a coordinator for it. */
async function transactionalProducer(bootstrap) {
  for (let attempt = 0; attempt < 60; attempt++) {
    await exchange(bootstrap, apis.findCoordinator, 3, { key: 'differential', keyType: 1 });
    const { errorCode, producerId, producerEpoch } = await exchange(bootstrap, apis.initProducerId, 4, {
      transactionalId: 'differential',
      transactionTimeoutMs: 600_000,
    });
    if (errorCode === 0) return { producerId, producerEpoch };
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${bootstrap} has no transaction coordinator after 30 s`);
}

async function compareAll(worlds) {
  let compared = 0;
  let different = 0;
  for (const { name, api, request } of cases) {
    if (positionals.length > 0 && !positionals.some((text) => name.startsWith(text))) continue;
    const found = new Map(); // differences → versions that have them
    for (let version = api.minVersion; version <= api.maxVersion; version++) {
      const answers = [];
      for (const world of worlds) {
        const message = request(world, version);
        if (message === null) break;
        answers.push(normalised(world, await exchange(world.bootstrap, api, version, message)));
      }
      if (answers.length < 2) continue;
      compared++;
      const differences = differencesOf(answers[0], answers[1]);
      if (differences.length === 0) continue;
      different++;
      const text =
        differences.slice(0, 12).join('\n    ') +
        (differences.length > 12 ? `\n    and ${differences.length - 12} more` : '');
      found.set(text, [...(found.get(text) ?? []), version]);
    }
    for (const [text, versions] of found) console.log(`${name} (${versionRange(versions)})\n    ${text}`);
  }
  console.log(`${compared} answers compared, ${different} differ`);
}

/** Frames of APIs that Ottla does not have are left out. */
async function compareFrames(worlds) {
  const { apiKeys } = await exchange(worlds[1].bootstrap, apis.apiVersions, 0, {});
  const known = new Set(apiKeys.map(({ apiKey }) => apiKey));
  let compared = 0;
  let different = 0;
  for (const frame of frames) {
    if (frame.apiKey >= 0 && !known.has(frame.apiKey)) continue;
    if (positionals.length > 0 && !positionals.some((text) => frame.name.startsWith(text))) continue;
    const [kafkas, ottlas] = await Promise.all(worlds.map((world) => outcome(world.bootstrap, frame)));
    compared++;
    if (kafkas === ottlas) continue;
    different++;
    console.log(`${frame.name}\n    kafka ${kafkas}, ottla ${ottlas}`);
  }
  console.log(`${compared} frames compared, ${different} differ`);
}

/** The answer with what may differ put aside, lists of named things in order, record bytes as their number of bytes. */
function normalised(world, value, key = '') {
  if (value?.name === 'min.insync.replicas') return { name: value.name }; // Kafka's own dynamic default, set by a feature
  if (value?.topicName === '__cluster_metadata') return { topicName: value.topicName }; // a quorum of one has other epochs
  if (ASIDE.has(key) || (MESSAGES.has(key) && !options.messages)) return undefined;
  if (value === null || value === undefined) return value;
  if (Buffer.isBuffer(value)) return `${value.length} bytes`;
  if (Array.isArray(value)) {
    const list = value.map((item) => normalised(world, item));
    return list.some((item) => keyOf(item) !== undefined)
      ? list.sort((a, b) => (`${keyOf(a)}` < `${keyOf(b)}` ? -1 : 1))
      : list;
  }
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, normalised(world, item, field)]));
  if (typeof value === 'string' && key === 'topicId') {
    for (const [name, id] of world.ids) if (id === value) return `id of ${name}`;
    return value === 'AAAAAAAAAAAAAAAAAAAAAA' || value === 'AAAAAAAAAAAAAAAAAAAAKg' ? value : 'some id';
  }
  return typeof value === 'string' ? value.replace(/^fresh-\d+$/, 'fresh') : value;
}

function versionRange(versions) {
  return versions.length > 1 && versions.at(-1) - versions[0] === versions.length - 1
    ? `v${versions[0]}–${versions.at(-1)}`
    : versions.map((version) => `v${version}`).join(' ');
}
