// A broker for one test: start, first record and stop, in time and memory, of Ottla in process, Ottla as a process, Kafka 4.3 and franz-go's kfake.
// All in turns on this machine, over plain sockets (probe.mjs). Writes bench/results/testing.json and docs/guide/testing-compared.md.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { ottla, root } from '../test/conformance/broker.mjs';
import { median, residentBytes, writeResult } from './measured.mjs';
import { acceptsProduce, untilAccepted } from './probe.mjs';
import { prepareKafka, setUpKafka } from './rivals/kafka/kafka.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(`usage: npm run bench -- testing [--rounds N]

What a broker for one test costs: from its start to the first accepted record, its stop, and resident memory after the first record; medians
of --rounds (7), in turns. Needs Linux (/proc), Java 17 and Maven for Kafka, Go for kfake.`);
  process.exit(0);
}

const rounds = Number(options.rounds);
/** Brokers that the process of tests starts one after the other. */
const IN_PROCESS = 11;
const kfake = buildKfake();
setUpKafka();

const KINDS = {
  first: 'Ottla in process, the first broker of the process (with loading the code)',
  further: 'Ottla in process, each further broker',
  process: 'Ottla as a process (`ottla serve --testing`)',
  kafka: 'Kafka 4.3, JVM',
  kfake: "franz-go's kfake, as a process",
};
const runs = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, []]));

for (let round = 1; round <= rounds; round++) {
  const [first, ...further] = await inProcess();
  runs.first.push(first);
  runs.further.push(...further);
  runs.process.push(
    await measured({ command: process.execPath, args: [ottla, 'serve', '--testing', '--port', '0', '--json'] }),
  );
  runs.kafka.push(await measured(await prepareKafka()));
  runs.kfake.push(await measured({ command: kfake, args: [] }));
  console.log(`round ${round} of ${rounds}`);
}
const table = Object.entries(KINDS).map(([kind, name]) => ({
  name,
  startMs: median(runs[kind].map(({ startMs }) => startMs)),
  stopMs: median(runs[kind].map(({ stopMs }) => stopMs)),
  mebibytes: median(runs[kind].map(({ bytes }) => bytes)) / 2 ** 20,
}));
for (const row of table) console.log(lineOf(row));
writeResult('testing', { what: 'start, first record and stop of a broker for one test', rounds, table, runs });
writeFileSync(join(root, 'docs', 'guide', 'testing-compared.md'), page());

async function inProcess() {
  const child = spawn(process.execPath, [join(root, 'bench', 'testing', 'in-process.mjs'), String(IN_PROCESS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const found = [];
  for await (const line of createInterface({ input: child.stdout })) found.push(JSON.parse(line));
  if (found.length !== IN_PROCESS) throw new Error('the process of tests ended early');
  return found;
}

/** A port that is not given is read from the ready line, which is JSON. */
async function measured({ command, args, port, remove }) {
  const begun = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    const target = port ?? (await readyPort(child, exited));
    await untilAccepted('127.0.0.1', target, 60_000, (probe) => acceptsProduce(probe, 'startup'));
    const startMs = performance.now() - begun;
    const bytes = residentBytes(child.pid);
    const stopping = performance.now();
    child.kill('SIGTERM');
    const forced = setTimeout(() => child.kill('SIGKILL'), 60_000);
    await exited;
    clearTimeout(forced);
    return { startMs, stopMs: performance.now() - stopping, bytes };
  } finally {
    child.kill('SIGKILL');
    await exited;
    remove?.();
  }
}

function readyPort(child, exited) {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line).port));
    exited.then((code) => reject(new Error(`the broker ended with ${code} before it was ready`)));
  });
}

function buildKfake() {
  const cache = join(root, '.cache', 'go');
  const program = join(cache, 'kfake');
  mkdirSync(dirname(program), { recursive: true });
  const { status, error } = spawnSync('go', ['build', '-o', program, '.'], {
    cwd: join(root, 'bench', 'testing', 'kfake'),
    stdio: 'inherit',
    env: {
      ...process.env,
      GOMODCACHE: join(cache, 'mod'),
      GOCACHE: join(cache, 'build'),
      GOFLAGS: '-modcacherw -mod=readonly',
    },
  });
  if (status !== 0) throw new Error(`kfake cannot be built: ${error?.message ?? 'go build failed'}`);
  return program;
}

function lineOf({ name, startMs, stopMs, mebibytes }) {
  return `| ${name} | ${startMs.toFixed(0)} ms | ${stopMs.toFixed(0)} ms | ${mebibytes.toFixed(0)} MiB |`;
}

function page() {
  return `# A broker for one test, measured

What a test pays for a broker of its own. All on the same machine (${cpus().length} cores, ${cpus()[0].model.trim()}; Linux, Node ${process.versions.node}), in turns, medians of
${rounds} rounds. Made by \`npm run bench -- testing\`; every round is in [bench/results/testing.json](../../bench/results/testing.json).

| | start to first accepted record | stop | resident memory |
|---|---:|---:|---:|
${table.map(lineOf).join('\n')}

How to read it:

- Time runs from the call, or from the start of the process, until one record written with acks=all was accepted, asked over a plain socket every two
  milliseconds; then the broker is told to stop (\`close()\`, SIGTERM), and it counts until it has.
- Memory is that of the whole process after the first record. In process that includes Node and the test itself; ${IN_PROCESS} brokers are started one after the other in each round.
- Kafka's storage directory is formatted beforehand, outside the measured time; its heap is the bench's usual 1 GiB (\`-Xms1g -Xmx1g\`), so its
  resident memory says little about the least it can do with. A container would come on top.
- kfake is a fake for testing Go clients, in Go: it keeps everything in memory, has no disk, no clock that can be moved, and is meant to be used inside a Go test, where
  no process has to be started. What it answers is not compared here.
`;
}
