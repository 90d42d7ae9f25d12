// What Ottla costs as a topic grows and as partitions multiply: append, reads of the tail and of random old offsets, lookups by
// time, the restart after kill -9, memory, open files. The promise is that none of them grows: each is measured in turns with a broker
// over a topic of the first size, and set beside what that one takes.

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
    probes: { type: 'string', default: '900' },
    starts: { type: 'string', default: '5' },
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
                                      [--probes 900] [--starts 5] [--directory DIR] [--data DIR [--fill-only]] [--kafka] [--keep]

Fills one topic of four partitions with records of 100 bytes and of 1 KB to each of the --sizes (GB, rising) and measures there, in
turns with a second broker over a topic of the first size. At the last one adds a topic of --wide partitions, and measures starts
again, also after as many small batches as the write-ahead log keeps. Then measures with each number
of --partitions over a directory of its own, with --kafka beside Kafka 4.3. An empty list leaves its part out. --directory needs room
for the largest size, twice the first and 5 GB. With --data the topic and what was measured stay there, and the next run goes on:
--fill-only fills to the last of the --sizes and measures nothing. As root it empties the page cache before it reads what is old.
Writes bench/results/constant-cost-sizes.json and constant-cost-partitions.json with --keep.
Needs Linux (/proc).`);
  process.exit(0);
}

const GB = 1e9;
const PARTITIONS = 4;
const TOPIC = 'growing';
const WIDE = 'wide';
/** Written between one start and the next: the killed broker has work on its hands. */
const BETWEEN_BYTES = 300e6;
/** What is appended, and measured, after each start. */
const WINDOW_BYTES = 400e6;
/** Single records, before the last starts: more than the write-ahead log keeps. */
const SMALL_BATCHES = 3_000_000;
const STARTED_MS_MAX = 120_000;
/** Appends to single partitions, and fetches from them, with each number of partitions. */
const PARTITION_PROBES = 300;
/** So many reads after the page cache was emptied: more would have read a good part of the smallest topic. */
const PROBES_COLD = 100;
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
  const stateFile = join(work, 'state.json');
  mkdirSync(work, { recursive: true });
  const state = existsSync(stateFile) ? JSON.parse(readFileSync(stateFile, 'utf8')) : { rows: [] };
  const neededBytes = (largest + 2 * sizes[0] + 5) * GB - (state.topic?.bytes ?? 0);
  if (freeBytes(work) < neededBytes) throw new Error(`${work} has no room for ${largest} GB`);
  const pageCache = pageCacheFile();
  const grown = new Grown(join(work, 'data'), state.topic);
  const rows = state.rows;
  const add = (row) => {
    rows.push(row);
    print(row);
  };
  await grown.start();
  try {
    for (const size of sizes.filter((size) => !rows.some((row) => row.size === `${size} GB`))) {
      if (!options['fill-only']) add(await measuredAt(size, grown, sizes[0], join(work, 'beside'), pageCache));
      else if (size === largest) await grown.fill(size * GB);
    }
    const count = Number(options.wide);
    if (count > 0 && !options['fill-only']) await withWide(grown, largest, count, rows, add);
  } finally {
    await grown.broker.stop();
    pageCache.remove();
    if (options.data === undefined) rmSync(work, { recursive: true, force: true });
    else writeFileSync(stateFile, JSON.stringify({ topic: grown.topic.state, rows }, null, 2));
  }
  return rows;
}

/** A broker over a directory of its own, and the topic that grows there. */
class Grown {
  broker;
  connection;
  topic;
  directory;
  #isNew;

  constructor(directory, topicState) {
    this.directory = directory;
    this.topic = new GrowingTopic(TOPIC, PARTITIONS, topicState);
    this.#isNew = topicState === undefined;
  }

  async start() {
    this.broker = await startOttla(this.directory, durability, STARTED_MS_MAX);
    this.connection = await connectTo(this.broker.bootstrap);
    if (this.#isNew) {
      await createTopic(this.connection, TOPIC, PARTITIONS, { 'retention.ms': -1, 'segment.bytes': 1 << 30 });
      await partitionsReady(this.connection, TOPIC, PARTITIONS);
    }
    this.#isNew = false;
    await this.topic.lookAgain(this.connection);
  }

  async fill(bytes) {
    await this.topic.fillTo(this.connection, bytes);
  }

  /** The disk has nothing left of what the broker gave it to do. */
  async rest() {
    spawnSync('sync');
    await untilIdle(this.broker.pid, 2);
  }

  /**
   * Kills the broker in the middle of writing, and starts it again. `moment`, from 0 to 1: when, the same at every size, since a start
   * reads what was written after the last checkpoint.
   */
  async startAfterKill(moment, write) {
    if (write === undefined) {
      // From the checkpoint of a clean stop: where the last one was decides how much there is to replay.
      this.connection.close();
      await this.broker.stop();
      await this.start();
    }
    const { broker, topic } = this;
    const until = topic.bytes + BETWEEN_BYTES * (0.5 + moment);
    const writing = write === undefined ? this.fill(topic.bytes + GB) : write();
    // Marked as handled: it ends with the broker.
    writing.catch(() => {});
    await Promise.race([writing, write === undefined ? reached(() => topic.bytes >= until) : sleep(5_000 * moment)]);
    const killed = performance.now();
    process.kill(broker.pid, 'SIGKILL');
    await Promise.allSettled([broker.exited, writing]);
    this.connection.close();
    const exitMs = performance.now() - killed;
    const begun = performance.now();
    this.broker = await startOttla(this.directory, durability, STARTED_MS_MAX);
    const figures = { exitMs, readyMs: performance.now() - begun, cpuMs: cpuMs(this.broker.pid) };
    this.connection = await connectTo(this.broker.bootstrap);
    await topic.lookAgain(this.connection);
    return figures;
  }

  async append() {
    const cpuBefore = cpuMs(this.broker.pid);
    const { bytes, ms } = await this.topic.fillTo(this.connection, this.topic.bytes + WINDOW_BYTES);
    const { slowestMs } = this.topic;
    return {
      cpuMsPerMb: (cpuMs(this.broker.pid) - cpuBefore) / (bytes / 1e6),
      mbPerSecond: bytes / 1e3 / ms,
      slowestMs,
    };
  }
}

/** The figures at one size, each in turns with a broker over the first size: what the machine is like at a moment concerns both. */
async function measuredAt(size, grown, firstSize, besideDirectory, pageCache) {
  const row = { size: `${size} GB` };
  const beside = new Grown(besideDirectory);
  await grown.fill(size * GB);
  // How far the disk was outrun, not how much there is: the rest is measured in a new life, of the same age at every size.
  row['resident after filling, MB'] = residentBytes(grown.broker.pid) / 1e6;
  await beside.start();
  try {
    await beside.fill(firstSize * GB);
    const both = [beside, grown];
    const inTurns = (count, measure) => takenInTurns(both, count, measure);
    const rested = (count, measure, first) => takenInTurns(both, count, measure, true, first);
    const put = (name, [valueBeside, value]) => {
      row[besideOf(name)] = valueBeside;
      row[name] = value;
    };
    // As a broker that is killed finds them, had the reads of the size before not emptied the page cache.
    for (const { directory } of both) readLog(directory);
    const kills = both.map(() => []);
    const appends = both.map(() => []);
    const tailReads = both.map(() => []);
    const addTo = (lists, more) => more.forEach((list, i) => void lists[i].push(...list));
    const starts = Number(options.starts);
    // One process takes half as long again as another of the same age for the same work: so what is in memory is measured in several.
    for (let i = 0; i < starts; i++) {
      addTo(kills, await rested(1, (each) => each.startAfterKill(i / starts), i));
      if (i === 0) pageCache.fill();
      addTo(appends, await rested(1, (each) => each.append(), i));
      for (const each of both) await each.rest();
      const tailRead = ({ topic, connection }) => timed(() => topic.fetchNewest(connection));
      addTo(tailReads, await inTurns(Math.ceil(probes / starts), tailRead));
    }
    addStarts(row, put, kills);
    put('append, CPU ms/MB', appends.map(mediansOf('cpuMsPerMb')));
    put('append, MB/s', appends.map(mediansOf('mbPerSecond')));
    row['slowest append, ms'] = Math.max(...appends[1].map(({ slowestMs }) => slowestMs));
    put('tail read, ms', tailReads.map(median));
    const read = async (name, work) => {
      const times = both.map(() => []);
      for (let done = 0; done < probes; done += PROBES_COLD) {
        forgetCached();
        addTo(times, await inTurns(Math.min(PROBES_COLD, probes - done), (each) => timed(() => work(each))));
      }
      put(name, times.map(median));
    };
    const readers = new Map(both.map((each) => [each, readerOf(each.directory)]));
    await read('disk read of a batch, ms', (each) => readers.get(each)());
    const readBefore = readBytes(grown.broker.pid);
    await read('random old read, ms', ({ topic, connection }) => topic.fetchRandom(connection));
    row['random old read: bytes, KB'] = (readBytes(grown.broker.pid) - readBefore) / 1e3 / probes;
    await read('lookup by time, ms', ({ topic, connection }) => topic.lookUpRandom(connection));
    put(
      'resident, MB',
      both.map(({ broker }) => residentBytes(broker.pid) / 1e6),
    );
    row['open files'] = openFiles(grown.broker);
  } finally {
    await beside.broker.stop();
    rmSync(besideDirectory, { recursive: true, force: true });
  }
  return row;
}

/**
 * One list of results for each of `all`, first of one and then of the other. `isRested`: each begins when all have nothing to do.
 * `first`: the number of the first turn; with odd ones the other way round.
 */
async function takenInTurns(all, count, measure, isRested = false, first = 0) {
  const results = new Map(all.map((each) => [each, []]));
  for (let i = first; i < first + count; i++) {
    for (const each of i % 2 === 0 ? all : all.toReversed()) {
      if (isRested) for (const one of all) await one.rest();
      results.get(each).push(await measure(each, i));
    }
  }
  return [...results.values()];
}

function mediansOf(name) {
  return (results) => median(results.map((result) => result[name]));
}

/** `put` takes the medians of all lists, of which the last is the row's own. */
function addStarts(row, put, lists) {
  const own = lists[lists.length - 1];
  row['exit of the killed one, ms'] = median(own.map(({ exitMs }) => exitMs));
  put('ready after kill -9, ms', lists.map(mediansOf('readyMs')));
  row['the longest, ms'] = Math.max(...own.map(({ readyMs }) => readyMs));
  row[CPU_OF_START] = median(own.map((start) => start.cpuMs));
}

/** The starts of the largest size beside a topic of many partitions, amid large batches and after many small ones. */
async function withWide(grown, size, count, rows, add) {
  const measured = async (name, write) => {
    const row = { size: name };
    const starts = Number(options.starts);
    const put = (figure, [value]) => {
      row[figure] = value;
    };
    addStarts(row, put, await takenInTurns([grown], starts, (each, i) => each.startAfterKill(i / starts, write), true));
    await partitionsReady(grown.connection, WIDE, count);
    row['resident, MB'] = residentBytes(grown.broker.pid) / 1e6;
    row['open files'] = openFiles(grown.broker);
    add(row);
  };
  const first = `${size} GB, ${count} partitions`;
  if (!rows.some((row) => row.size === first)) {
    await createTopic(grown.connection, WIDE, count);
    await partitionsReady(grown.connection, WIDE, count);
    await sendToEach(grown.connection, count);
    await measured(first);
  }
  await sendToEach(grown.connection, count, SMALL_BATCHES);
  await measured(`${first}, small batches`, () => sendToEach(grown.connection, count, SMALL_BATCHES));
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

/** All of the write-ahead log, into the page cache. */
function readLog(directory) {
  const log = join(directory, 'broker-1');
  for (const name of readdirSync(log)) if (name.startsWith('wal-')) readFileSync(join(log, name));
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
  for (let i = 0; i < PARTITION_PROBES; i++) times.push(await timed(work));
  return median(times);
}

async function timed(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** What the same measure of the first size at the same moments is called. */
function besideOf(name) {
  return name.replace(/(?=, [^,]*$)/, ': first size');
}

/** Each figure, and how many times that of the broker beside it, or of the first row. */
function print({ size, ...figures }, { size: _first, ...first } = {}) {
  console.log(size);
  for (const [name, value] of Object.entries(figures)) {
    const ratio = value / (figures[besideOf(name)] ?? first[name]);
    const compared = Number.isFinite(ratio) ? `  × ${ratio.toFixed(2)}` : '';
    console.log(`  ${name.padEnd(36)} ${value.toPrecision(3).padStart(8)}${compared}`);
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
    // Next to the broker beside it, where there is one, else next to the first row.
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
