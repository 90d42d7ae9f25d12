// Exactly once, under fire: applications consume, transform and produce in transactions, and abort some of them at random, while they are
// killed (SIGKILL), stopped and replaced (so that they wake up as zombies), and the broker is killed every few seconds. A reader of
// committed records, which lives all the time, and one that begins when all is over, must see every input exactly once, in the order of its
// partition; and no transaction stays open. For each client a fresh broker. Prints "ok …" or "not ok …" and "N passed, N failed".

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { root, testSettings } from '../broker.mjs';
import { Place, pause } from './application.mjs';
import { compiled } from './compiled.mjs';
import { CopiedRecords, Counts } from './expected-output.mjs';
import { prepareBroker } from './killable-broker.mjs';
import { tellTransactions } from './transactions-of-files.mjs';
import { Writer } from './writer.mjs';

const PARTITIONS = 4;
const PLACES = 2;
/** By then whatever was killed last has lost its place in the group and its transaction, and others have caught up. */
const SETTLE_MS_MAX = 90_000;
const TRANSACTIONS_END_MS_MAX = 30_000;
/** What was killed is missed after two seconds, so that the others go on soon enough to be killed in turn. */
const SETTINGS = {
  ...testSettings,
  'group.min.session.timeout.ms': '1000',
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.session.timeout.ms': '2000',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
};

const applications = {
  java: { folder: 'java', Expected: CopiedRecords, last: (id) => [id, 'classic'] },
  'java-consumer': { folder: 'java', Expected: CopiedRecords, last: (id) => [id, 'consumer'] },
  librdkafka: { folder: 'librdkafka', Expected: CopiedRecords, last: (id) => [id] },
  go: { folder: 'go', Expected: CopiedRecords, last: (id) => [id] },
  streams: { folder: 'streams', Expected: Counts, ownState: true },
};

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    broker: { type: 'string', default: 'ottla' },
    client: { type: 'string', multiple: true, default: Object.keys(applications) },
    'no-broker-kills': { type: 'boolean', default: false },
    'no-kills': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const unknown = options.client.filter((name) => !(name in applications));
if (unknown.length > 0 || !['ottla', 'kafka'].includes(options.broker)) {
  console.error(
    unknown.length > 0 ? `there is no client ${unknown.join(', ')}; see --help` : 'the broker is ottla or kafka',
  );
  process.exit(2);
}
if (options.help) {
  console.log(`usage: test/conformance/exactly-once/run [options]

Consume, transform, produce in transactions, with random aborts, while applications and broker are killed.

  --seconds N        how long each client is under fire (60)
  --broker NAME      ottla or kafka (ottla)
  --client NAME      ${Object.keys(applications).join(', ')}; may come several times (all)
  --no-broker-kills  only applications are killed
  --no-kills         nothing is killed
  --keep             leave the broker's directory where something was not as expected, and say where
TRACE=1 prints what the applications say.`);
  process.exit(0);
}

const { connectClient } = await compiled('client/client.js');
const { createTopic, listOffset } = await compiled('client/admin.js');
const { committedOffsets } = await compiled('client/groups.js');
const { nodeRuntime } = await compiled('runtime/node/node-runtime.js');

let passed = 0;
let failed = 0;
for (const name of options.client) {
  try {
    await underFire(name, applications[name]);
  } catch (error) {
    report(false, `${name}: the run`, process.env.TRACE ? error.stack : error.message);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

async function underFire(name, { folder, Expected, last, ownState }) {
  const setUp = join(root, 'test', 'conformance', folder, 'setup');
  const { status, stderr } = spawnSync(setUp, { encoding: 'utf8', timeout: 600_000 });
  if (status !== 0) throw new Error(`setup: ${stderr}`);
  const command = join(root, 'test', 'conformance', folder, 'run');
  const state = mkdtempSync(join(tmpdir(), 'exactly-once-state-'));
  const broker = await prepareBroker(options.broker, SETTINGS);
  const failedBefore = failed;
  const places = [];
  const readers = [];
  let client;
  try {
    await broker.start();
    client = await connectClient(nodeRuntime(), broker.bootstrap, { retryBackoffMaxMs: 200 });
    for (const topic of ['input', 'output']) await createTopic(client, { name: topic, partitions: PARTITIONS });
    const written = Array.from({ length: PARTITIONS }, () => []);
    const live = read(command, broker.bootstrap, new Expected(written));
    readers.push(live);
    for (let index = 0; index < PLACES; index++) {
      const rest = (n) => (ownState ? [join(state, `${index}-${n}`)] : last(`application-${index}`));
      places.push(
        new Place(command, (n) => [broker.bootstrap, 'transform', 'input', 'output', 'application', ...rest(n)]),
      );
    }
    const writer = new Writer(client, 'input', written);
    const kills = await fire(broker, places, writer);
    await writer.end();
    await until(SETTLE_MS_MAX, () => live.expected.breach !== null || live.expected.complete());
    // Streams keeps its transactions to itself.
    const ends = ownState ? {} : { committed: sumOf(places, 'committed'), aborted: sumOf(places, 'aborted') };
    const counts = { ...ends, ...kills };
    console.log(
      `# ${name}: ${Object.entries(counts)
        .map(([what, count]) => `${count} ${what}`)
        .join(', ')}`,
    );
    judge(`${name}: a reader that is there all the time`, live, writer, places);
    if (!isRight(live, writer)) tellState(broker.bootstrap);
    const late = read(command, broker.bootstrap, new Expected(written));
    readers.push(late);
    await until(SETTLE_MS_MAX, () => late.expected.breach !== null || late.expected.complete());
    judge(`${name}: a reader that comes at the end`, late, writer, places);
    await Promise.all(places.map((place) => place.end()));
    const open = await openTransactions(client);
    report(open.length === 0, `${name}: no transaction stays open when the applications are dead`, open.join(', '));
    const behind = await offsetsBehind(client, written);
    report(behind === '', `${name}: the group's offsets are stable, and at the end of what was written`, behind);
    const wanted = [options['no-broker-kills'] ? [] : 'broker kills', 'application kills', 'zombies'].flat();
    const killed = wanted.every((what) => kills[what] > 0);
    const ended = ownState || (counts.committed > 0 && counts.aborted > 0);
    const tested = `${name}: transactions were committed and aborted, applications and broker killed`;
    report((killed || options['no-kills']) && ended, tested, JSON.stringify(counts));
  } finally {
    for (const { child } of readers) child.kill('SIGKILL');
    await Promise.all(places.map((place) => place.end()));
    client?.close();
    await broker.stop();
    const { place } = readers.map(({ expected }) => expected).find((expected) => expected.place) ?? {};
    if (place && broker.dataDirectory) tellTransactions(broker.dataDirectory, place.partition, place.inputs);
    if (options.keep && failed > failedBefore) console.log(`# kept ${broker.directory}`);
    else broker.remove();
    rmSync(state, { recursive: true, force: true });
  }
}

/** Kills at random until the time is up; then everything runs. */
async function fire(broker, places, writer) {
  const kills = { 'broker kills': 0, 'application kills': 0, zombies: 0 };
  const endMs = performance.now() + Number(options.seconds) * 1000;
  const left = () => endMs - performance.now();
  const brokerLife = async () => {
    for (;;) {
      const life = between(...broker.killEveryMs);
      await pause(Math.max(0, Math.min(life, left())));
      if (left() < 1000) return;
      await broker.kill();
      kills['broker kills']++;
      await pause(between(0, 600));
      await broker.start();
    }
  };
  const placeLife = async (place) => {
    for (let count = 1; ; count++) {
      await pause(Math.max(0, Math.min(between(1000, 5000), left())));
      if (left() < 500) return;
      if (count % 3 !== 0) {
        place.kill();
        kills['application kills']++;
      } else {
        await place.pause(8000);
        kills.zombies++;
      }
    }
  };
  if (options['no-kills']) await pause(left());
  else await Promise.all([options['no-broker-kills'] ? undefined : brokerLife(), ...places.map(placeLife)]);
  return { ...kills, records: writer.total };
}

/** A reader process whose lines go to what is expected. */
function read(command, bootstrap, expected) {
  const child = spawn(command, [bootstrap, 'read', 'output', String(PARTITIONS)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const reader = { child, expected, words: [] };
  createInterface({ input: child.stdout }).on('line', (line) => expected.take(line));
  createInterface({ input: child.stderr }).on('line', (line) => {
    reader.words.push(line);
    if (reader.words.length > 10) reader.words.shift();
  });
  child.on('exit', (code, signal) => {
    if (signal !== 'SIGKILL')
      expected.breach ??= `the reader ended with ${code ?? signal}: ${reader.words.join(' | ')}`;
  });
  return reader;
}

function judge(what, { expected }, writer, places) {
  const sees = `${what} sees ${writer.total} records exactly once, in order, with the right sums`;
  const right = isRight({ expected }, writer);
  report(right, sees, expected.breach ?? `it saw ${expected.count()}`);
  if (!right) for (const place of places) for (const line of place.words) console.log(`#   ${line}`);
}

function isRight({ expected }, writer) {
  return expected.breach === null && expected.complete() && expected.count() === writer.total;
}

/** What the broker knows of the group and of transactions, for whoever looks for the cause. */
function tellState(bootstrap) {
  for (const question of ['group describe application', 'transaction list', 'transaction find-hanging']) {
    const args = [join(root, 'bin', 'ottla'), ...question.split(' '), '--bootstrap-server', bootstrap];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 30_000 });
    for (const line of `${stdout}${stderr}`.trimEnd().split('\n')) console.log(`#   ${question}: ${line}`);
  }
}

/** What is wrong with the offsets that the transactions committed; empty when nothing is. */
async function offsetsBehind(client, written) {
  const partitions = written.map((_, partition) => partition);
  try {
    const [input] = await committedOffsets(client, 'application', [{ topic: 'input', partitions }]);
    const wrong = partitions.filter((partition) => input?.offsets.get(partition) !== written[partition].length);
    return wrong
      .map((partition) => `${partition} is at ${input?.offsets.get(partition)} of ${written[partition].length}`)
      .join(', ');
  } catch (error) {
    return error.message;
  }
}

/** Partitions of the output whose last stable offset does not reach their end, after every transaction has had its time. */
async function openTransactions(client) {
  let open = [];
  await until(TRANSACTIONS_END_MS_MAX, async () => {
    open = [];
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const stable = await listOffset(client, 'output', partition, 'end', true);
      const end = await listOffset(client, 'output', partition, 'end', false);
      if (stable !== end) open.push(`partition ${partition} is stable up to ${stable} and ends at ${end}`);
    }
    return open.length === 0;
  });
  return open;
}

async function until(deadlineMs, holds) {
  const deadline = performance.now() + deadlineMs;
  while (!(await holds()) && performance.now() < deadline) await pause(100);
}

function sumOf(places, what) {
  return places.reduce((sum, place) => sum + place[what], 0);
}

function between(least, most) {
  return least + Math.random() * (most - least);
}

function report(ok, name, problem = '') {
  if (ok) passed++;
  else failed++;
  console.log(ok ? `ok ${name}` : `not ok ${name}${problem && `: ${problem.replaceAll(/\s*\n\s*/g, ' | ')}`}`);
}
