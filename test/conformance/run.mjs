// The conformance run: other people's clients against one broker. Their own checks first, then groups and transactions (where the
// broker says that it has them), several clients side by side because they mostly wait. Then every login, and what is refused. Then the access log: every producer and codec writes its 10,000 lines to a topic of one partition, every consumer reads every topic, and what comes out must be
// the file, byte for byte. Then a clean stop, kafka-dump-log over the segments, a restart, and all topics read again.
// Prints "ok …" or "not ok …" for each check and "N passed, N failed" at the end; the exit status says the same.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { untilAccepted } from '../../bench/probe.mjs';
import { root, startOttla, testSettings } from './broker.mjs';
import { clients } from './clients.mjs';
import { startSecureBroker } from './logins.mjs';

const here = join(root, 'test', 'conformance');
const STEP_MS_MAX = 300_000;
const CLIENTS_AT_ONCE = 3;
const JOIN_GROUP = 11;
const END_TXN = 26;
const BROKER_SETTINGS = Object.entries(testSettings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
const CODEC_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bootstrap: { type: 'string' },
    'node-only': { type: 'boolean', default: false },
    'no-checks': { type: 'boolean', default: false },
    'no-groups': { type: 'boolean', default: false },
    'no-transactions': { type: 'boolean', default: false },
    'no-logins': { type: 'boolean', default: false },
    'no-log': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(`usage: test/conformance/run [CLIENT ...] [options]

Runs the named clients (${clients.map((client) => client.folder).join(', ')}), or all, against an Ottla broker
that it starts over a temporary directory.

  --bootstrap HOST:PORT  use a broker that runs already (real Kafka: bench/rivals/kafka/run)
  --node-only            only the clients that need nothing but Node
  --no-checks            without the clients' own checks
  --no-groups            without groups
  --no-transactions      without transactions
  --no-logins            without logins, certificates and access control
  --no-log               without the access log
  --keep                 leave the temporary directory and say where it is`);
  process.exit(0);
}

const unknown = positionals.filter((name) => !clients.some((client) => client.folder === name));
if (unknown.length > 0) fatal(`there is no client ${unknown.join(', ')}; see --help`);
const chosen = clients.filter(
  (client) =>
    (positionals.length === 0 || positionals.includes(client.folder)) && (!options['node-only'] || client.nodeOnly),
);

let passed = 0;
let failed = 0;
const directory = mkdtempSync(join(tmpdir(), 'ottla-conformance-'));
const data = join(directory, 'data');
let broker;

try {
  await main();
} catch (error) {
  report(false, 'the run', error.message);
} finally {
  await broker?.stop?.();
  if (options.keep) console.log(`kept ${directory}`);
  else rmSync(directory, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

async function main() {
  const ready = chosen.filter(setUp);
  broker = options.bootstrap ? { bootstrap: options.bootstrap } : await startOttla(data, BROKER_SETTINGS);
  if (!options['no-checks']) {
    for (const client of ready.filter((one) => one.checks)) await runChecks(client);
  }
  if (!options['no-groups']) await runSideBySide('groups', JOIN_GROUP, ready);
  if (!options['no-transactions']) await runSideBySide('transactions', END_TXN, ready);
  if (!options['no-logins'] && !options.bootstrap) await runLogins(ready);
  const topics = options['no-log'] ? [] : await produceAll(ready);
  await consumeAll(ready, topics, 'reads');
  if (options.bootstrap) return;
  await stopCleanly();
  const anythingWritten = topics.length > 0 || !options['no-transactions'];
  if (anythingWritten && ready.some((client) => client.folder === 'java'))
    await dumpSegments(!options['no-transactions']);
  broker = await startOttla(data, BROKER_SETTINGS);
  const reader = ready.find((client) => client.consumers.length > 0 && client.readable === undefined) ?? ready[0];
  await consumeAll(reader === undefined ? [] : [reader], topics, 'reads after a restart');
  await stopCleanly();
}

/** True when the client can be used; a setup that fails counts as a failed check. */
function setUp(client) {
  const script = join(here, client.folder, 'setup');
  if (!existsSync(script)) return true;
  const { status, stdout, stderr } = spawnSync(script, { encoding: 'utf8', timeout: 600_000 });
  if (status !== 0) report(false, `${client.folder}: setup`, `${stderr}${stdout}`);
  return status === 0;
}

/** What several clients check at once; nothing where the broker does not list the API that it takes. */
async function runSideBySide(what, apiKey, ready) {
  if (!(await brokerApis()).includes(apiKey)) {
    console.log(`# the broker has no ${what}`);
    return;
  }
  const waiting = ready.filter((client) => client[what]);
  const next = async () => {
    for (let client = waiting.shift(); client; client = waiting.shift()) await runChecks(client, [what]);
  };
  await Promise.all(Array.from({ length: CLIENTS_AT_ONCE }, next));
}

/** Against a broker of its own, which lets nobody in who is not known. */
async function runLogins(ready) {
  const place = join(directory, 'logins');
  const logins = await startSecureBroker(place);
  try {
    for (const client of ready.filter((one) => one.logins)) {
      await runChecks(client, ['logins', logins.casesFile, logins.adminFile]);
    }
  } finally {
    await logins.stop();
  }
}

async function brokerApis() {
  let keys;
  await withProbe(async (probe) => {
    keys = await probe.apiKeys();
    return true;
  });
  return keys;
}

/** The client prints its own "ok" and "not ok" lines; they get its name in front and are counted. */
async function runChecks(client, args = ['checks']) {
  const [command] = args;
  let notOk = 0;
  let total = 0;
  const { status, tail } = await runClient(client, args, (line) => {
    const match = /^(not )?ok (.*)$/.exec(line);
    if (match === null) return;
    total++;
    if (match[1]) notOk++;
    report(!match[1], `${client.folder}: ${match[2]}`);
  });
  if (total === 0 || (status !== 0 && notOk === 0)) {
    report(false, `${client.folder}: ${command}`, `ended with ${status} after ${total} checks: ${tail}`);
  }
}

/** Every producer and codec into a topic of its own. Returns the topics that were written. */
async function produceAll(ready) {
  const file = join(directory, 'access.log');
  const content = gunzipSync(readFileSync(join(root, 'examples', 'access-log', 'web-access.log.gz')));
  writeFileSync(file, content);
  const expected = { sha256: sha256(content), count: content.toString('latin1').split('\n').length - 1 };
  const run = Date.now().toString(36);
  const topics = [];
  for (const client of ready) {
    for (const { name, codecs } of client.producers) {
      for (const codec of codecs) {
        const topic = `log-${run}-${name}-${codec}`;
        await createTopic(topic);
        const { status, tail } = await runClient(client, ['produce', name, topic, file, codec]);
        const stored = status === 0 ? await storedCodecs(topic) : [];
        const right = stored.length === 1 && stored[0] === codec;
        const problem =
          status === 0 ? `stored as ${stored.join(' and ') || 'nothing'}` : `ended with ${status}: ${tail}`;
        report(right, `${name} writes the access log, ${codec}, and it is stored so`, problem);
        if (status === 0) topics.push({ topic, name, codec, ...expected });
      }
    }
  }
  return topics;
}

/** Every consumer reads every topic that it can read, a process for each consumer. */
async function consumeAll(ready, topics, verb) {
  if (topics.length === 0) return;
  for (const client of ready) {
    const readable = topics.filter((topic) => client.readable === undefined || client.readable.includes(topic.codec));
    for (const name of client.consumers) {
      const output = join(directory, `out-${name}`);
      mkdirSync(output, { recursive: true });
      const args = ['consume', name, String(topics[0].count), output, ...readable.map(({ topic }) => topic)];
      const { status, tail } = await runClient(client, args);
      for (const { topic, name: producer, codec, sha256: wanted } of readable) {
        const path = join(output, topic);
        const got = existsSync(path) ? readFileSync(path) : null;
        const problem =
          got === null ? `nothing came (ended with ${status}: ${tail})` : `${got.length} bytes that differ`;
        report(got !== null && sha256(got) === wanted, `${name} ${verb} what ${producer} wrote with ${codec}`, problem);
      }
      rmSync(output, { recursive: true, force: true });
    }
  }
}

async function stopCleanly() {
  const stopping = broker;
  broker = undefined;
  const status = await stopping.stop();
  report(
    status === 0,
    'the broker stops cleanly at SIGTERM',
    `it ended with ${status}: ${stopping.output.join('').slice(-500)}`,
  );
}

async function dumpSegments(transactions) {
  const java = { folder: 'java' };
  const before = failed + passed;
  const { status, tail } = await runClient(
    java,
    ['dump', data, ...(transactions ? ['transactions'] : [])],
    (line) => {
      const match = /^(not )?ok (.*)$/.exec(line);
      if (match) report(!match[1], match[2]);
    },
    '-',
  );
  if (failed + passed === before) report(false, 'kafka-dump-log', `ended with ${status}: ${tail}`);
}

/** Runs a client's script, bounded in time; each line of its output goes to onLine, the last few are kept. */
async function runClient(client, args, onLine = () => {}, bootstrap = broker.bootstrap) {
  const child = spawn(join(here, client.folder, 'run'), [bootstrap, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const tail = [];
  const keep = (line) => {
    tail.push(line);
    if (tail.length > 8) tail.shift();
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    keep(line);
    onLine(line);
  });
  createInterface({ input: child.stderr }).on('line', keep);
  const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), STEP_MS_MAX);
  const status = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  clearTimeout(timer);
  return { status, tail: tail.join(' | ') };
}

async function createTopic(topic) {
  await withProbe(async (probe) => {
    const { topicError, partitionError } = await probe.metadata(topic);
    return topicError === 0 && partitionError === 0;
  });
}

/** The codecs of the batches at the start of partition 0. */
async function storedCodecs(topic) {
  const codecs = new Set();
  await withProbe(async (probe) => {
    const bytes = await probe.fetch(topic, 0);
    for (let at = 0; at + 61 <= bytes.length; at += 12 + bytes.readInt32BE(at + 8)) {
      const codec = CODEC_NAMES[bytes.readInt16BE(at + 21) & 7];
      // On a busy machine a producer may send one short line alone, and librdkafka leaves as it is what would not get shorter.
      if (codec === 'none' && bytes.readInt32BE(at + 57) === 1) continue;
      codecs.add(codec);
    }
    return true;
  });
  return [...codecs];
}

function withProbe(attempt) {
  const colon = broker.bootstrap.lastIndexOf(':');
  return untilAccepted(
    broker.bootstrap.slice(0, colon),
    Number(broker.bootstrap.slice(colon + 1)),
    15_000,
    attempt,
    50,
  );
}

function report(ok, name, problem = '') {
  if (ok) passed++;
  else failed++;
  console.log(ok ? `ok ${name}` : `not ok ${name}${problem && `: ${problem.replaceAll(/\s*\n\s*/g, ' | ')}`}`);
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function fatal(message) {
  console.error(message);
  process.exit(2);
}
