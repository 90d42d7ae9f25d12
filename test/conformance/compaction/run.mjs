// Compaction of two brokers compared: the same random histories (history.mjs) against Apache Kafka 4.3 and against Ottla, first
// without compaction, then with both cleaning as often as they can. Before and after, the same batches with the same records,
// offsets and times, and the same aborted transactions must be in both; and Kafka's kafka-dump-log must find nothing wrong with
// Ottla's segments. Prints "ok …" or "not ok …" for each check and "N passed, N failed" at the end.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { classpath, setUpKafka, startKafka } from '../../../bench/rivals/kafka/kafka.mjs';
import { startOttla } from '../broker.mjs';

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    histories: { type: 'string', default: '3' },
    steps: { type: 'string', default: '150' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log('usage: test/conformance/compaction/run [--seed N] [--histories N] [--steps N]');
  process.exit(0);
}

const { World } = await import('./world.mjs');
const { APPEND_SEGMENT_MS, historyOf, SEGMENT_MS } = await import('./history.mjs');

const SETTINGS = {
  'log.cleaner.backoff.ms': '50',
  'log.initial.task.delay.ms': '100',
  'log.segment.delete.delay.ms': '100',
};
const SETTLED_MS_MAX = 30_000;
const TOPIC = {
  'cleanup.policy': '',
  'min.cleanable.dirty.ratio': '0',
  'segment.ms': String(SEGMENT_MS),
  'retention.ms': '-1',
  'index.interval.bytes': '200',
  'message.timestamp.after.max.ms': '9223372036854775807',
};

setUpKafka();
const data = mkdtempSync(join(tmpdir(), 'ottla-compaction-'));
const arguments_ = Object.entries(SETTINGS)
  .filter(([name]) => name !== 'log.initial.task.delay.ms')
  .flatMap(([name, value]) => ['--set', `${name}=${value}`]);
let passed = 0;
let failed = 0;
try {
  const kafka = await startKafka({ properties: SETTINGS });
  try {
    await main(kafka);
  } finally {
    await kafka.stop();
  }
} catch (error) {
  report(false, 'the run', error.message);
} finally {
  rmSync(data, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

async function main(kafka) {
  let ottla = await startOttla(data, arguments_);
  try {
    const histories = [];
    for (let i = 0; i < Number(options.histories); i++) {
      const history = await begin(Number(options.seed) + i, [kafka.bootstrap, ottla.bootstrap]);
      histories.push(history);
      await play(history, history.before);
      await compare(history, 'before compaction');
    }
    // A clean stop brings all of it into segments, and the compaction begins with transactions that a restart found open.
    await ottla.stop();
    dumpSegments('before compaction', kafka);
    ottla = await startOttla(data, arguments_);
    for (const history of histories) {
      history.worlds[1].bootstrap = ottla.bootstrap;
      await play(history, history.after);
      await compare(history, 'after it');
    }
  } finally {
    await ottla.stop();
  }
  dumpSegments('after it', kafka);
}

async function begin(seed, bootstraps) {
  const name = `history-${seed}`;
  const worlds = bootstraps.map((bootstrap) => new World(bootstrap, name));
  // Half of the histories keep deletion markers, half let them go at once.
  const topic = { ...TOPIC, 'delete.retention.ms': seed % 2 === 0 ? '0' : '86400000' };
  // In one of three, records have the time of their append.
  const isStampedByBroker = seed % 3 === 0;
  if (isStampedByBroker) {
    topic['message.timestamp.type'] = 'LogAppendTime';
    topic['segment.ms'] = String(APPEND_SEGMENT_MS);
  }
  for (const world of worlds) await world.create(topic);
  return { name, worlds, ...historyOf(seed, Number(options.steps), performance.timeOrigin, isStampedByBroker) };
}

async function play({ worlds }, steps) {
  for (const step of steps) await Promise.all(worlds.map((world) => world.step(step)));
}

async function compare({ name, worlds }, when) {
  const deadline = performance.now() + SETTLED_MS_MAX;
  let difference;
  let told;
  do {
    told = await Promise.all(worlds.map((world) => world.contents()));
    difference = firstDifference(told[0], told[1]);
    if (difference !== undefined) await sleep(500);
  } while (difference !== undefined && performance.now() < deadline);
  const { end, batches, aborted } = told[1];
  const count = batches.reduce((sum, { records }) => sum + records.length, 0);
  const what = `${name} ${when}: ${end} offsets, ${count} records in ${batches.length} batches, ${aborted.length} aborted`;
  report(difference === undefined, what, difference);
}

function firstDifference(kafkas, ottlas) {
  if (kafkas.end !== ottlas.end) return `the log ends at ${kafkas.end} in Kafka, at ${ottlas.end} here`;
  if (kafkas.stable !== ottlas.stable) return `committed up to ${kafkas.stable} in Kafka, ${ottlas.stable} here`;
  for (let i = 0; i < Math.max(kafkas.batches.length, ottlas.batches.length); i++) {
    const [theirs, ours] = [kafkas.batches[i], ottlas.batches[i]].map((batch) => JSON.stringify(batch));
    if (theirs !== ours) return `Kafka has ${theirs}\n  Ottla has ${ours}`;
  }
  const [theirs, ours] = [kafkas.aborted, ottlas.aborted].map((list) => list.join(' '));
  return theirs === ours ? undefined : `aborted in Kafka: ${theirs}; here: ${ours}`;
}

/** What kafka-dump-log says of Kafka's own compacted segments (emptied batches have a time and no record) it may say of ours. */
function dumpSegments(when, kafka) {
  for (const directory of readdirSync(data).filter((name) => name.startsWith('history-'))) {
    const theirs = complaintsAbout(join(kafka.directory, 'logs', directory));
    const ours = complaintsAbout(join(data, directory));
    const own = ours.filter((line) => !theirs.includes(line));
    report(
      own.length === 0,
      `kafka-dump-log finds in ${directory} ${when} nothing but what it finds in Kafka's: ${ours.length} complaints`,
      own.join('\n'),
    );
  }
}

/** About closed segments: Kafka's open one has indexes of the size they may grow to. */
function complaintsAbout(directory) {
  const names = readdirSync(directory).filter((name) => /\.(log|index|timeindex|txnindex)$/.test(name));
  const newest = names
    .filter((name) => name.endsWith('.log'))
    .sort()
    .at(-1)
    .slice(0, 20);
  const files = names.filter((name) => !name.startsWith(newest)).map((name) => join(directory, name));
  const { stdout, stderr } = spawnSync(
    'java',
    ['-cp', classpath, 'org.apache.kafka.tools.DumpLogSegments', '--deep-iteration', '--files', files.join(',')],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (!stdout.includes('Dumping')) return [`nothing was dumped: ${stderr}`];
  return `${stdout}\n${stderr}`
    .split('\n')
    .filter((line) =>
      /mismatch|isvalid: false|corrupt|exception|do not match|error|not found|Index timestamp/i.test(line),
    )
    .map((line) => line.replace(directory, '').trim());
}

function report(isOk, what, detail) {
  if (isOk) passed++;
  else failed++;
  console.log(isOk ? `ok ${what}` : `not ok ${what}: ${detail}`);
}
