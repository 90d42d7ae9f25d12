// What Ottla costs as a topic grows and as partitions multiply: append, reads of the tail and of random old offsets, lookups by
// time, the restart after kill -9, memory, open files. The promise is that none of them grows: each row is set beside its value at
// the first size.

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startOttla } from '../test/conformance/broker.mjs';
import { connectTo, createTopic, createWideTopic, partitionsReady } from './group-members.mjs';
import { BATCH_BYTES, batchOf, fetchOne, GrowingTopic, random, send } from './growing-topic.mjs';
import { cpuMs, freeBytes, median, readBytes, residentBytes, untilIdle, writeResult } from './measured.mjs';
import { pageCacheFile } from './page-cache.mjs';
import { setUpKafka, startKafka } from './rivals/kafka/kafka.mjs';

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1,10,40' },
    wide: { type: 'string', default: '10000' },
    partitions: { type: 'string', default: '10,1000,10000' },
    durability: { type: 'string', default: 'os' },
    probes: { type: 'string', default: '300' },
    starts: { type: 'string', default: '7' },
    directory: { type: 'string', default: tmpdir() },
    data: { type: 'string' },
    'fill-only': { type: 'boolean', default: false },
    kafka: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(`usage: npm run bench -- constant-cost [--sizes 1,10,40] [--wide 10000] [--partitions 10,1000,10000] [--durability os]
                                      [--probes 300] [--starts 7] [--directory DIR] [--data DIR [--fill-only]] [--kafka] [--keep]

Fills one topic of four partitions with records of 100 bytes and of 1 KB to each of the --sizes (GB, rising) and measures there. Old
records are read in turns from it and from a second topic, which stays at the first size. At the last one adds a topic of --wide
partitions, and measures starts again, also after as many small batches as the write-ahead log keeps. Then measures with each number
of --partitions over a directory of its own, with --kafka beside Kafka 4.3. An empty list leaves its part out. --directory needs room
for the largest size, the first and 5 GB. With --data the topics and what was measured stay there, and the next run with it goes on:
--fill-only fills to the last of the --sizes and measures nothing. As root it empties the page cache before it reads what is old.
Writes bench/results/constant-cost-sizes.json and constant-cost-partitions.json with --keep.
Needs Linux (/proc).`);
  process.exit(0);
}

const GB = 1e9;
const PARTITIONS = 4;
const TOPIC = 'growing';
const WIDE = 'wide';
/** As large as the other one is at first, and read in turns with it: what the disk is like at that moment concerns both. */
const BESIDE = 'beside';
/** Written between one start and the next: the killed broker has work on its hands. */
const BETWEEN_BYTES = 300e6;
/** What is appended, and measured, at each size. */
const WINDOW_BYTES = 1e9;
/** Single records, before the last starts: more than the write-ahead log keeps. */
const SMALL_BATCHES = 3_000_000;
const STARTED_MS_MAX = 120_000;
const GROWTH_MAX = 1.2;
const CPU_OF_START = 'its CPU, ms';
/** "Ready in under a second of its own work", with all of the partitions. */
const START_CPU_MS_MAX = 1000;
const probes = Number(options.probes);
/** Only root may empty the page cache. */
let cold = true;
const durability = ['--durability', options.durability];

async function bySize(sizes) {
  const largest = sizes[sizes.length - 1];
  const work = options.data ?? mkdtempSync(join(options.directory, 'ottla-constant-'));
  const directory = join(work, 'data');
  const stateFile = join(work, 'state.json');
  mkdirSync(work, { recursive: true });
  const state = existsSync(stateFile) ? JSON.parse(readFileSync(stateFile, 'utf8')) : { rows: [] };
  const neededBytes = (largest + sizes[0] + 5) * GB - (state.topic?.bytes ?? 0) - (state.beside?.bytes ?? 0);
  if (freeBytes(work) < neededBytes) throw new Error(`${work} has no room for ${largest} GB`);
  const pageCache = pageCacheFile();
  const topic = new GrowingTopic(TOPIC, PARTITIONS, state.topic);
  const beside = new GrowingTopic(BESIDE, PARTITIONS, state.beside);
  const measured = new Measured(directory, topic, beside, state.rows, pageCache);
  await measured.start(state.topic === undefined, sizes[0] * GB);
  try {
    for (const size of sizes.filter((size) => !state.rows.some((row) => row.size === `${size} GB`))) {
      if (!options['fill-only']) await measured.at(size);
      else if (size === largest) await measured.fill(size);
    }
    const count = Number(options.wide);
    if (count > 0 && !options['fill-only']) await measured.withWide(largest, count);
  } finally {
    await measured.broker.stop();
    pageCache.remove();
    if (options.data === undefined) rmSync(work, { recursive: true, force: true });
    else
      writeFileSync(
        stateFile,
        JSON.stringify({ topic: topic.state, beside: beside.state, rows: measured.rows }, null, 2),
      );
  }
  return measured.rows;
}

/** The topic at its sizes, one row of figures after the other. */
class Measured {
  broker;
  rows;
  #directory;
  #topic;
  #beside;
  #pageCache;
  #connection;

  constructor(directory, topic, beside, rows, pageCache) {
    this.#directory = directory;
    this.#topic = topic;
    this.#beside = beside;
    this.#pageCache = pageCache;
    this.rows = rows;
  }

  async start(isNew, besideBytes) {
    this.broker = await startOttla(this.#directory, durability);
    this.#connection = await connectTo(this.broker.bootstrap);
    for (const [name, topic] of [
      [TOPIC, this.#topic],
      [BESIDE, this.#beside],
    ]) {
      if (!isNew) await topic.lookAgain(this.#connection);
      else await createTopic(this.#connection, name, PARTITIONS, { 'retention.ms': -1, 'segment.bytes': 1 << 30 });
      await partitionsReady(this.#connection, name, PARTITIONS);
    }
    await this.#beside.fillTo(this.#connection, besideBytes);
  }

  async fill(size) {
    await this.#topic.fillTo(this.#connection, size * GB);
  }

  async at(size) {
    const row = { size: `${size} GB` };
    await this.fill(size);
    // How far the disk was outrun, not how much there is: the rest is measured in a new life, of the same age at every size.
    row['resident after filling, MB'] = residentBytes(this.broker.pid) / 1e6;
    await this.#restarts(row);
    const topic = this.#topic;
    await untilIdle(this.broker.pid, 3);
    this.#pageCache.fill();
    const cpuBefore = cpuMs(this.broker.pid);
    const { bytes, ms } = await topic.fillTo(this.#connection, topic.bytes + WINDOW_BYTES);
    row['append, CPU ms/MB'] = (cpuMs(this.broker.pid) - cpuBefore) / (bytes / 1e6);
    row['append, MB/s'] = bytes / 1e3 / ms;
    row['slowest append, ms'] = topic.slowestMs;
    await untilIdle(this.broker.pid, 3);
    row['tail read, ms'] = await probed(() => topic.fetchNewest(this.#connection));
    forgetCached();
    row['disk read of a batch, ms'] = await probed(readerOf(this.#directory));
    forgetCached();
    Object.assign(row, await this.#readsOf('random old read', (from) => from.fetchRandom(this.#connection)));
    forgetCached();
    Object.assign(row, await this.#readsOf('lookup by time', (from) => from.lookUpRandom(this.#connection)));
    row['resident, MB'] = residentBytes(this.broker.pid) / 1e6;
    row['open files'] = openFiles(this.broker);
    this.#add(row);
  }

  /**
   * The time of one, and how much the broker reads for it, of the growing topic and in turns of the one beside it: what a cold disk
   * adds to the time is no work of the broker.
   */
  async #readsOf(name, work) {
    const times = [];
    const timesBeside = [];
    let bytes = 0;
    for (let i = 0; i < probes; i++) {
      timesBeside.push(await timed(() => work(this.#beside)));
      const before = readBytes(this.broker.pid);
      times.push(await timed(() => work(this.#topic)));
      bytes += readBytes(this.broker.pid) - before;
    }
    return {
      [`${name}, ms`]: median(times),
      [besideOf(`${name}, ms`)]: median(timesBeside),
      [`${name}: bytes, KB`]: bytes / 1e3 / probes,
    };
  }

  async withWide(size, count) {
    const first = { size: `${size} GB, ${count} partitions` };
    if (!this.rows.some((row) => row.size === first.size)) {
      await createTopic(this.#connection, WIDE, count);
      await partitionsReady(this.#connection, WIDE, count);
      await sendToEach(this.#connection, count);
      await this.#restarts(first);
      await this.#addWide(first, count);
    }
    const second = { size: `${first.size}, small batches` };
    await sendToEach(this.#connection, count, SMALL_BATCHES);
    await this.#restarts(second, () => sendToEach(this.#connection, count, SMALL_BATCHES));
    await this.#addWide(second, count);
  }

  async #addWide(row, count) {
    await partitionsReady(this.#connection, WIDE, count);
    row['resident, MB'] = residentBytes(this.broker.pid) / 1e6;
    row['open files'] = openFiles(this.broker);
    this.#add(row);
  }

  #add(row) {
    this.rows.push(row);
    print(row, this.rows[0]);
  }

  async #startAgain() {
    this.#connection.close();
    await this.broker.stop();
    this.broker = await startOttla(this.#directory, durability, STARTED_MS_MAX);
    await this.#connect();
  }

  async #connect() {
    this.#connection = await connectTo(this.broker.bootstrap);
    await this.#topic.lookAgain(this.#connection);
  }

  /** Kills the broker in the middle of writing, and starts it again, several times. */
  async #restarts(row, write) {
    const waits = [];
    const works = [];
    for (let i = 0; i < Number(options.starts); i++) {
      // Each from rest, and large batches from the checkpoint of a clean stop: a disk that is behind, a broker killed again before it has
      // caught up, and the moment of the last checkpoint decide how much there is to replay.
      spawnSync('sync');
      await untilIdle(this.broker.pid, 2);
      if (write === undefined) await this.#startAgain();
      const { broker } = this;
      const topic = this.#topic;
      // The same moments at every size: a start reads what was written since the last checkpoint.
      const moment = i / Number(options.starts);
      const until = topic.bytes + BETWEEN_BYTES * (0.5 + moment);
      const writing = write === undefined ? topic.fillTo(this.#connection, topic.bytes + GB) : write();
      // Marked as handled: it ends with the broker.
      writing.catch(() => {});
      await Promise.race([writing, write === undefined ? reached(() => topic.bytes >= until) : sleep(5_000 * moment)]);
      const started = performance.now();
      process.kill(broker.pid, 'SIGKILL');
      await Promise.allSettled([broker.exited, writing]);
      const begun = performance.now();
      this.#connection.close();
      this.broker = await startOttla(this.#directory, durability, STARTED_MS_MAX);
      waits.push(performance.now() - begun);
      works.push(cpuMs(this.broker.pid));
      if (waits.length === 1) row['exit of the killed one, ms'] = begun - started;
      await this.#connect();
    }
    row['ready after kill -9, ms'] = median(waits);
    row['the longest, ms'] = Math.max(...waits);
    row[CPU_OF_START] = median(works);
  }
}

/** Waits for the disk, and lets the operating system forget what it has read: else a size decides who finds it in memory. */
function forgetCached() {
  spawnSync('sync');
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '1');
  } catch {
    cold = false;
  }
}

/** Reads as much as a batch at random places of the topic, with nothing between it and the disk: what no broker can go below. */
function readerOf(directory) {
  const logs = Array.from({ length: PARTITIONS }, (_, i) => join(directory, `${TOPIC}-${i}`)).flatMap((partition) =>
    readdirSync(partition)
      .filter((name) => name.endsWith('.log'))
      .map((name) => join(partition, name)),
  );
  const buffer = Buffer.alloc(BATCH_BYTES);
  return () => {
    const file = openSync(logs[random(logs.length)], 'r');
    readSync(file, buffer, 0, buffer.length, random(Math.max(1, fstatSync(file).size - buffer.length)));
    closeSync(file);
  };
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
    await createWideTopic(connection, WIDE, count);
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

/** A record of 100 bytes into each partition, again and again until there are so many. */
async function sendToEach(connection, count, batches = count) {
  const { batch } = batchOf(1, 100);
  let sent = 0;
  const work = async () => {
    while (sent < batches) {
      const first = sent % count;
      const each = Array.from({ length: Math.min(500, count - first) }, (_, i) => [first + i, Buffer.from(batch)]);
      sent += each.length;
      await send(connection, WIDE, each);
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
}

function openFiles(broker) {
  return readdirSync(`/proc/${broker.pid}/fd`).length;
}

/** Median milliseconds of one. */
async function probed(work) {
  const times = [];
  for (let i = 0; i < probes; i++) times.push(await timed(work));
  return median(times);
}

async function timed(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** What the same measure of the topic that does not grow is called. */
function besideOf(name) {
  return name.replace(/(?=, [^,]*$)/, ': the small topic');
}

function print({ size, ...figures }, { size: _first, ...first }) {
  console.log(size);
  for (const [name, value] of Object.entries(figures)) {
    const ratio = value / first[name];
    const compared = Number.isFinite(ratio) ? `  × ${ratio.toFixed(2)}` : '';
    console.log(`  ${name.padEnd(26)} ${value.toPrecision(3).padStart(8)}${compared}`);
  }
}

/** For `npm run bench -- report`: one row for each figure, one column for each size. `bounded` are those that the promise is about. */
function tableOf(rows, bounded) {
  const names = [...new Set(rows.flatMap(({ size: _, ...figures }) => Object.keys(figures)))];
  const all = names.map((name) => {
    const [words, unit = ''] = name.split(/, (?=[^,]*$)/);
    const medians = Object.fromEntries(rows.map((row) => [row.size, row[name]]));
    const first = rows[0][name];
    const measure = { key: name, name: words, unit, medians };
    if (name === CPU_OF_START) {
      const met = rows.every((row) => (row[name] ?? 0) <= START_CPU_MS_MAX);
      return { ...measure, target: { atMost: START_CPU_MS_MAX }, met };
    }
    if (!bounded.includes(name) || first === undefined) return measure;
    // Neither Kafka nor a size with something else beside it.
    const own = rows.filter(({ size }) => !/^kafka|GB,/.test(size));
    // Next to the topic beside it, where there is one, else next to the first size.
    const growth = Math.max(...own.map((row) => (row[name] ?? first) / (row[besideOf(name)] ?? first)));
    return { ...measure, growth, target: { atMost: GROWTH_MAX }, met: growth <= GROWTH_MAX };
  });
  return [{ name: '', measures: all }];
}

function numbers(list) {
  return list
    .split(',')
    .map(Number)
    .filter((value) => value > 0)
    .sort((a, b) => a - b);
}

/** `args`: those of the command that measure this part again, alone. */
function keep(part, what, args, rows, bounded) {
  if (!options.keep) return;
  writeResult(`constant-cost-${part}`, {
    what,
    command: `npm run bench -- constant-cost ${args}`,
    durability: options.durability,
    pageCacheWasEmptied: cold,
    rows: tableOf(rows, bounded),
  });
}

const sizes = numbers(options.sizes);
const counts = numbers(options.partitions);
if (sizes.length > 0) {
  const bounded = [
    'append, CPU ms/MB',
    'tail read, ms',
    'random old read, ms',
    'lookup by time, ms',
    'ready after kill -9, ms',
    'resident, MB',
  ];
  const args = `--sizes ${options.sizes} --partitions ''`;
  keep('sizes', 'cost by size of a topic', args, await bySize(sizes), bounded);
}
if (counts.length > 0) {
  const bounded = ['append to one, ms', 'fetch from one, ms'];
  const args = `--sizes '' --partitions ${options.partitions}${options.kafka ? ' --kafka' : ''}`;
  keep('partitions', 'cost by number of partitions', args, await byPartitions(counts), bounded);
}
