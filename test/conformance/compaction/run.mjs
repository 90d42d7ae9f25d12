// Compaction of two brokers compared: the same random history (history.mjs) against Apache Kafka 4.3 and against Ottla, both
// cleaning as often as they can. In the end the same batches with the same records, offsets and times, and the same aborted
// transactions must be left in both; and Kafka's kafka-dump-log must find nothing wrong with Ottla's segments.
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
const { historyOf, SEGMENT_MS } = await import('./history.mjs');

const SETTINGS = {
  'log.cleaner.backoff.ms': '50',
  'log.initial.task.delay.ms': '100',
  'log.segment.delete.delay.ms': '100',
};
const SETTLED_MS_MAX = 30_000;
const TOPIC = {
  'cleanup.policy': 'compact',
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
let failed = 0;
const kafka = await startKafka({ properties: SETTINGS });
try {
  const ottla = await startOttla(data, arguments_);
  try {
    for (let i = 0; i < Number(options.histories); i++) await compare(Number(options.seed) + i, ottla);
  } finally {
    await ottla.stop();
  }
  dumpSegments();
} finally {
  await kafka.stop();
  rmSync(data, { recursive: true, force: true });
}
process.exit(failed === 0 ? 0 : 1);

async function compare(seed, ottla) {
  // Half of the histories keep deletion markers, half let them go at once.
  const topic = { ...TOPIC, 'delete.retention.ms': seed % 2 === 0 ? '0' : '86400000' };
  const steps = historyOf(seed, Number(options.steps), performance.timeOrigin);
  const worlds = [new World(kafka.bootstrap, `history-${seed}`), new World(ottla.bootstrap, `history-${seed}`)];
  for (const world of worlds) await world.create(topic);
  for (const step of steps) await Promise.all(worlds.map((world) => world.step(step)));
  const deadline = performance.now() + SETTLED_MS_MAX;
  let difference;
  let told;
  do {
    told = await Promise.all(worlds.map((world) => world.contents()));
    difference = firstDifference(told[0], told[1]);
    if (difference !== undefined) await sleep(500);
  } while (difference !== undefined && performance.now() < deadline);
  const kept = told[1].batches.reduce((sum, { records }) => sum + records.length, 0);
  const what = `history ${seed}: ${told[1].end} offsets, of which ${kept} records in ${told[1].batches.length} batches are left`;
  report(difference === undefined, what, difference);
}

function firstDifference(kafkas, ottlas) {
  if (kafkas.end !== ottlas.end) return `the log ends at ${kafkas.end} in Kafka, at ${ottlas.end} here`;
  for (let i = 0; i < Math.max(kafkas.batches.length, ottlas.batches.length); i++) {
    const [theirs, ours] = [kafkas.batches[i], ottlas.batches[i]].map((batch) => JSON.stringify(batch));
    if (theirs !== ours) return `Kafka has ${theirs}\n  Ottla has ${ours}`;
  }
  const [theirs, ours] = [kafkas.aborted, ottlas.aborted].map((list) => list.join(' '));
  return theirs === ours ? undefined : `aborted in Kafka: ${theirs}; here: ${ours}`;
}

/** What kafka-dump-log says of Kafka's own compacted segments (emptied batches have a time and no record) it may say of ours. */
function dumpSegments() {
  for (const directory of readdirSync(data).filter((name) => name.startsWith('history-'))) {
    const theirs = complaintsAbout(join(kafka.directory, 'logs', directory));
    const ours = complaintsAbout(join(data, directory));
    const own = ours.filter((line) => !theirs.includes(line));
    report(
      own.length === 0,
      `kafka-dump-log finds in ${directory} what it finds in Kafka's: ${ours.length} complaints`,
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
  if (!isOk) failed++;
  console.log(`${isOk ? 'ok    ' : 'not ok'} ${what}${isOk ? '' : `\n  ${detail}`}`);
}
