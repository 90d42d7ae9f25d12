// Runs the sequences about transactions against both brokers, each with a transactional id and partitions that nobody else
// uses, and compares the two transcripts. Sequences that differ in the same way are told together.

import { differencesOf } from './differences.mjs';
import { apis, exchange } from './exchange.mjs';
import { matrix } from './transaction-matrix.mjs';
import { scenarios } from './transaction-scenarios.mjs';
import { TransactionSession } from './transaction-session.mjs';

const AT_ONCE = 6;
const PARTITIONS_PER_TOPIC = 100;
/** Topics of so many sequences exist at a time. */
const SEQUENCES_PER_ROUND = 300;
const NAMES_SHOWN_MAX = 4;
/** What names begin with, so that brokers may be compared several times. */
const RUN = `transactions-${Date.now()}`;
let sequencesBegun = 0;

/** `show`: also print the transcripts of the first broker. */
export async function compareSequences(worlds, texts, show = false) {
  const chosen = [...scenarios, ...matrix].filter(
    ({ name }) => texts.length === 0 || texts.some((text) => name.startsWith(text)),
  );
  if (chosen.length === 0) return;
  if (!(await bothKnowTransactions(worlds))) return console.log('sequences left out: a broker has no transactions');
  await Promise.all(worlds.map(prepare));
  const different = await runAll(worlds, chosen, AT_ONCE, show);
  // Kafka puts checks of several requests together, so its code for one may be that of another: asked again, each alone.
  const again = different.size > 0 ? await runAll(worlds, [...different.keys()], 1, false) : different;
  report(again, chosen.length);
}

/** Sequences that differ, with their first difference. */
async function runAll(worlds, sequences, atOnce, show) {
  const different = new Map();
  for (let at = 0; at < sequences.length; at += SEQUENCES_PER_ROUND) {
    const round = sequences.slice(at, at + SEQUENCES_PER_ROUND);
    const places = placesOf(round);
    await Promise.all(worlds.map((world) => makeTopics(world, places)));
    const waiting = round.map((sequence, i) => ({ sequence, name: `${RUN}-${sequencesBegun++}`, place: places[i] }));
    const runWaiting = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [kafka, ottla] = await Promise.all(worlds.map((world) => transcriptOf(world, next)));
        if (show) console.log(`${next.sequence.name}\n${kafka.map(line).join('')}`);
        const difference = firstDifference(kafka, ottla);
        if (difference !== undefined) different.set(next.sequence, difference);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, runWaiting));
    await Promise.all(worlds.map((world) => deleteTopics(world, places)));
  }
  return different;
}

function line({ label, answer }) {
  return `    ${label}: ${JSON.stringify(answer)}\n`;
}

/** The first step that differs: those behind it differ because of it. */
function firstDifference(kafka, ottla) {
  for (let i = 0; i < Math.max(kafka.length, ottla.length); i++) {
    const [mine, other] = [kafka[i], ottla[i]];
    if (mine?.label !== other?.label) return `step ${i + 1}: kafka ${mine?.label}, ottla ${other?.label}`;
    const differences = differencesOf(mine.answer, other.answer);
    if (differences.length > 0) return [`step ${i + 1}, ${mine.label}`, ...differences.slice(0, 8)].join('\n    ');
  }
  return undefined;
}

function report(different, count) {
  const byText = new Map();
  for (const [{ name }, text] of different) byText.set(text, [...(byText.get(text) ?? []), name]);
  for (const [text, names] of [...byText].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const more = names.length > NAMES_SHOWN_MAX ? `\nand ${names.length - NAMES_SHOWN_MAX} more` : '';
    console.log(`${names.slice(0, NAMES_SHOWN_MAX).join('\n')}${more}\n    ${text}`);
  }
  console.log(`${count} sequences compared, ${different.size} differ`);
}

async function transcriptOf(world, { sequence, name, place }) {
  const session = new TransactionSession(world, name, place);
  try {
    await session.begin();
    await sequence.run(session);
  } catch (error) {
    session.transcript.push({ label: 'the sequence itself failed', answer: `${error.stack}`.slice(0, 400) });
  }
  return session.transcript;
}

async function bothKnowTransactions(worlds) {
  for (const world of worlds) {
    const { apiKeys } = await exchange(world.bootstrap, apis.apiVersions, 0, {});
    if (!apiKeys.some(({ apiKey }) => apiKey === apis.endTxn.key)) return false;
  }
  return true;
}

/** The coordinator's topic exists, and there is a producer id that belongs to no transactional id. */
async function prepare(world) {
  for (let attempt = 0; attempt < 60; attempt++) {
    const found = await exchange(world.bootstrap, apis.findCoordinator, 3, { key: 'txn', keyType: 1 });
    const made = await exchange(world.bootstrap, apis.initProducerId, 4, {
      transactionalId: `${RUN}-prepared-${attempt}`,
      transactionTimeoutMs: 60_000,
    });
    const other = await exchange(world.bootstrap, apis.initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    });
    world.otherProducerId = other.producerId;
    if (found.errorCode === 0 && made.errorCode === 0 && other.errorCode === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${world.name} has no transaction coordinator after 30 s`);
}

/** Two partitions for each sequence, named alike in both worlds. */
function placesOf(round) {
  const perTopic = PARTITIONS_PER_TOPIC / 2;
  return round.map((_, i) => ({
    topic: `${RUN}-from-${sequencesBegun}-${Math.floor(i / perTopic)}`,
    partitions: [(i % perTopic) * 2, (i % perTopic) * 2 + 1],
  }));
}

async function makeTopics(world, places) {
  const names = [...new Set(places.map(({ topic }) => topic))];
  const { topics } = await exchange(world.bootstrap, apis.createTopics, 7, {
    topics: names.map((name) => ({
      name,
      numPartitions: PARTITIONS_PER_TOPIC,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    })),
    timeoutMs: 20_000,
    validateOnly: false,
  });
  for (const { name, topicId, errorCode } of topics) {
    if (errorCode !== 0) throw new Error(`${world.name} refused to create ${name}: ${errorCode}`);
    world.ids.set(name, topicId);
  }
  for (const name of names) await untilReady(world, name);
}

/** Kafka's partitions are not ready when it has answered. */
async function untilReady(world, name) {
  for (let attempt = 0; attempt < 1200; attempt++) {
    const { topics } = await exchange(world.bootstrap, apis.listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [
        {
          name,
          partitions: Array.from({ length: PARTITIONS_PER_TOPIC }, (_, partitionIndex) => ({
            partitionIndex,
            currentLeaderEpoch: -1,
            timestamp: -1,
          })),
        },
      ],
    });
    if (topics?.[0]?.partitions.every(({ errorCode }) => errorCode === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${world.name} has no ${name} after 60 s`);
}

async function deleteTopics(world, places) {
  const names = [...new Set(places.map(({ topic }) => topic))];
  await exchange(world.bootstrap, apis.deleteTopics, 6, { topics: names.map((name) => ({ name })), timeoutMs: 20_000 });
}
