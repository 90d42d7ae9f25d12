// What Ottla costs as a topic grows and as partitions multiply: append, reads of the tail and of random old offsets, lookups by
// time, the restart after kill -9, memory, open files. The promise is that none of them grows: each row is set beside its value at
// the first size.

import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startOttla } from '../test/conformance/broker.mjs';
import { connectTo, createTopic, partitionsReady } from './group-members.mjs';
import { batchOf, fetchOne, GrowingTopic, random, send } from './growing-topic.mjs';
import { cpuMs, median, residentBytes, writeResult } from './measured.mjs';
import { setUpKafka, startKafka } from './rivals/kafka/kafka.mjs';

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1,10,40' },
    wide: { type: 'string', default: '10000' },
    partitions: { type: 'string', default: '10,1000,10000' },
    durability: { type: 'string', default: 'os' },
    probes: { type: 'string', default: '300' },
    starts: { type: 'string', default: '5' },
    directory: { type: 'string', default: tmpdir() },
    kafka: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(`usage: npm run bench -- constant-cost [--sizes 1,10,40] [--wide 10000] [--partitions 10,1000,10000] [--durability os]
                                      [--probes 300] [--starts 5] [--directory DIR] [--kafka] [--keep]

Fills one topic of four partitions with records of 100 bytes and of 1 KB to each of the --sizes (GB, rising) and measures there; at
the last one adds a topic of --wide partitions, and measures starts again. Then measures with each number of --partitions over a
directory of its own, with --kafka beside Kafka 4.3. An empty list leaves its part out. --directory needs room for the largest size
and 4 GB. Writes bench/results/constant-cost-sizes.json and constant-cost-partitions.json with --keep. Needs Linux (/proc).`);
  process.exit(0);
}

const GB = 1e9;
const PARTITIONS = 4;
const TOPIC = 'growing';
const WIDE = 'wide';
/** Written between one start and the next: the killed broker has work on its hands. */
const BETWEEN_BYTES = 300e6;
const probes = Number(options.probes);
const durability = ['--durability', options.durability];

async function bySize(sizes) {
  const { bavail, bsize } = statfsSync(options.directory);
  const largest = sizes[sizes.length - 1];
  if (bavail * bsize < (largest + 4) * GB) throw new Error(`${options.directory} has no room for ${largest} GB`);
  const directory = mkdtempSync(join(options.directory, 'ottla-constant-'));
  const topic = new GrowingTopic(TOPIC, PARTITIONS);
  const rows = [];
  let broker = await startOttla(directory, durability);
  try {
    let connection = await connectTo(broker.bootstrap);
    await createTopic(connection, TOPIC, PARTITIONS, { 'retention.ms': -1, 'segment.bytes': 1 << 30 });
    await partitionsReady(connection, TOPIC, PARTITIONS);
    for (const size of sizes) {
      const cpuBefore = cpuMs(broker.pid);
      const { bytes, ms } = await topic.fillTo(connection, size * GB);
      const row = { size: `${size} GB` };
      row['append, CPU ms/MB'] = (cpuMs(broker.pid) - cpuBefore) / (bytes / 1e6);
      row['append, MB/s'] = bytes / 1e3 / ms;
      row['slowest append, ms'] = topic.slowestMs;
      row['tail read, ms'] = await probed(() => topic.fetchNewest(connection));
      row['random old read, ms'] = await probed(() => topic.fetchRandom(connection));
      row['lookup by time, ms'] = await probed(() => topic.lookUpRandom(connection));
      row['resident, MB'] = residentBytes(broker.pid) / 1e6;
      row['open files'] = openFiles(broker);
      ({ broker, connection } = await restarts(directory, broker, connection, topic, row));
      rows.push(row);
      print(row, rows[0]);
    }
    const count = Number(options.wide);
    if (count === 0) return rows;
    const row = { size: `${largest} GB, and ${count} partitions` };
    await createTopic(connection, WIDE, count);
    await partitionsReady(connection, WIDE, count);
    await sendToEach(connection, count);
    ({ broker, connection } = await restarts(directory, broker, connection, topic, row));
    await partitionsReady(connection, WIDE, count);
    row['resident, MB'] = residentBytes(broker.pid) / 1e6;
    row['open files'] = openFiles(broker);
    rows.push(row);
    print(row, rows[0]);
    return rows;
  } finally {
    await broker.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Kills the broker in the middle of writing, and starts it again, several times. */
async function restarts(directory, before, openConnection, topic, row) {
  const waits = [];
  const works = [];
  let broker = before;
  let connection = openConnection;
  for (let i = 0; i < Number(options.starts); i++) {
    const filling = topic.fillTo(connection, topic.bytes + GB);
    const until = topic.bytes + BETWEEN_BYTES * (0.5 + Math.random());
    await Promise.race([filling, reached(() => topic.bytes >= until)]);
    const started = performance.now();
    process.kill(broker.pid, 'SIGKILL');
    await Promise.allSettled([broker.exited, filling]);
    connection.close();
    const begun = performance.now();
    broker = await startOttla(directory, durability);
    waits.push(performance.now() - begun);
    works.push(cpuMs(broker.pid));
    if (waits.length === 1) row['exit of the killed one, ms'] = begun - started;
    connection = await connectTo(broker.bootstrap);
    await topic.lookAgain(connection);
  }
  row['ready after kill -9, ms'] = median(waits);
  row['the longest, ms'] = Math.max(...waits);
  row['its CPU, ms'] = median(works);
  return { broker, connection };
}

async function reached(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function byPartitions(counts) {
  const names = options.kafka ? ['ottla', 'kafka'] : ['ottla'];
  if (options.kafka) setUpKafka();
  const rows = [];
  for (const name of names) {
    const first = rows.length;
    for (const count of counts) {
      rows.push(await partitionsOf(name, count));
      print(rows[rows.length - 1], rows[first]);
    }
  }
  return rows;
}

async function partitionsOf(name, count) {
  const data = mkdtempSync(join(options.directory, `${name}-constant-`));
  const start = () => (name === 'kafka' ? startKafka({ data }) : startOttla(data, durability));
  let broker = await start();
  try {
    let connection = await connectTo(broker.bootstrap);
    const empty = residentBytes(broker.pid);
    const row = { size: `${name}, ${count} partitions` };
    const created = performance.now();
    await createTopic(connection, WIDE, count);
    await partitionsReady(connection, WIDE, count);
    row['create, ms/partition'] = (performance.now() - created) / count;
    await sendToEach(connection, count);
    const { batch } = batchOf(1, 100);
    row['append to one, ms'] = await probed(() => send(connection, WIDE, [[random(count), Buffer.from(batch)]]));
    row['fetch from one, ms'] = await probed(() => fetchOne(connection, WIDE, random(count), 0));
    row['memory, KB/partition'] = (residentBytes(broker.pid) - empty) / 1e3 / count;
    row['open files'] = openFiles(broker);
    connection.close();
    process.kill(broker.pid, 'SIGKILL');
    await broker.exited;
    const started = performance.now();
    broker = await start();
    connection = await connectTo(broker.bootstrap);
    await partitionsReady(connection, WIDE, count);
    row['ready after kill -9, ms'] = performance.now() - started;
    connection.close();
    return row;
  } finally {
    await broker.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

/** A record of 100 bytes into each partition. */
async function sendToEach(connection, count) {
  const { batch } = batchOf(1, 100);
  for (let first = 0; first < count; first += 500) {
    const each = Array.from({ length: Math.min(500, count - first) }, (_, i) => [first + i, Buffer.from(batch)]);
    await send(connection, WIDE, each);
  }
}

function openFiles(broker) {
  return readdirSync(`/proc/${broker.pid}/fd`).length;
}

/** Median milliseconds of one. */
async function probed(work) {
  const times = [];
  for (let i = 0; i < probes; i++) {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
  }
  return median(times);
}

function print({ size, ...figures }, { size: _first, ...first }) {
  console.log(size);
  for (const [name, value] of Object.entries(figures)) {
    const ratio = value / first[name];
    const compared = Number.isFinite(ratio) ? `  × ${ratio.toFixed(2)}` : '';
    console.log(`  ${name.padEnd(26)} ${value.toPrecision(3).padStart(8)}${compared}`);
  }
}

function numbers(list) {
  return list
    .split(',')
    .map(Number)
    .filter((value) => value > 0)
    .sort((a, b) => a - b);
}

const keep = (part, what, rows) => options.keep && writeResult(`constant-cost-${part}`, { what, rows });
const sizes = numbers(options.sizes);
const counts = numbers(options.partitions);
if (sizes.length > 0) keep('sizes', 'cost by size of a topic', await bySize(sizes));
if (counts.length > 0) keep('partitions', 'cost by number of partitions', await byPartitions(counts));
