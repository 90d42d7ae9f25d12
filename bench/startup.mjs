// From nothing to the first accepted record, and the memory of an idle broker: Ottla and Kafka 4.3 in turns on this machine.
// Each round starts a broker over an empty directory and asks, every few milliseconds and over plain sockets (probe.mjs), until
// one record written with acks=all is accepted; then it waits and reads the resident set size. Kafka's directory is formatted
// beforehand, outside the measured time. Prints a table and writes bench/results/startup.json.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ottla } from '../test/conformance/broker.mjs';
import { keep, measuresOf, publish } from './compare.mjs';
import { residentBytes } from './measured.mjs';
import { acceptsProduce, untilAccepted } from './probe.mjs';
import { prepareKafka, setUpKafka } from './rivals/kafka/kafka.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    idle: { type: 'string', default: '10' },
    'ottla-only': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(`usage: npm run bench -- startup [--rounds N] [--idle SECONDS] [--ottla-only]

Start to first accepted record over an empty directory, and resident memory after --idle seconds (10) without requests: medians
of --rounds (5), Ottla and Kafka 4.3 in turns. Needs Linux (/proc), and Java 17 and Maven for Kafka. Ends with status 1 when
a target of bench/targets.json is missed.`);
  process.exit(0);
}

const rivals = options['ottla-only'] ? [prepareOttla] : [prepareOttla, prepareRival];
if (rivals.includes(prepareRival)) setUpKafka();

const runs = [];
for (let round = 1; round <= Number(options.rounds); round++) {
  for (const prepare of rivals) {
    const run = await measure(await prepare());
    console.log(
      `round ${round}: ${run.name}: first record after ${run.startMs.toFixed(0)} ms, idle ${megabytes(run.idleBytes)}`,
    );
    runs.push({ round, ...run });
  }
}
summarise();

/** A prepared broker: `{ name, command, args, port, remove }`; a port of null is read from the ready line. */
function prepareOttla() {
  const directory = mkdtempSync(join(tmpdir(), 'bench-ottla-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const args = [ottla, 'serve', '--port', '0', '--data', join(directory, 'data')];
  return { name: 'ottla', command: process.execPath, args, port: null, remove };
}

async function prepareRival() {
  return { name: 'kafka', ...(await prepareKafka()) };
}

async function measure({ name, command, args, port, remove }) {
  const begun = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    const target = port ?? (await readyPort(child, exited));
    await untilAccepted('127.0.0.1', target, 60_000, (probe) => acceptsProduce(probe, 'startup'));
    const startMs = performance.now() - begun;
    await pause(Number(options.idle) * 1000);
    return { name, startMs, idleBytes: residentBytes(child.pid) };
  } finally {
    child.kill('SIGTERM');
    const forced = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(forced);
    remove();
  }
}

/** Ottla takes a free port by itself and names it in its ready line. Kafka's is chosen before. */
function readyPort(child, exited) {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (bytes) => {
      text += bytes;
      const match = /ready on \S+:(\d+) /.exec(text);
      if (match) resolve(Number(match[1]));
    });
    exited.then((code) => reject(new Error(`the broker ended with ${code} before it was ready`)));
  });
}

function summarise() {
  const byBroker = {};
  for (const { name, startMs, idleBytes } of runs) keep(byBroker, name, { startMs, idle: idleBytes / 2 ** 20 });
  const names = Object.keys(byBroker);
  const row = 'empty directory';
  publish({
    name: 'startup',
    names,
    durability: 'fsync',
    table: [{ name: row, measures: measuresOf('startup', row, byBroker, names) }],
    partly: options['ottla-only'],
    conditions: { rounds: Number(options.rounds), idleSeconds: Number(options.idle) },
  });
}

function megabytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
