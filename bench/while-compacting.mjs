// What producers notice while a large topic is compacted: the latency of single small records, first with nothing else to do,
// then while the broker compacts the gigabytes of another topic. The promise is a 99th percentile of at most twice the quiet one.

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startOttla } from '../test/conformance/broker.mjs';
import { compiled, connectTo, createTopic, partitionsReady } from './group-members.mjs';
import { batchOf, send } from './growing-topic.mjs';
import { cpuMs, freeBytes, median, residentBytes, stolenMs, untilIdle, writeResult } from './measured.mjs';

const { values: options } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '10' },
    durability: { type: 'string', default: 'os' },
    seconds: { type: 'string', default: '30' },
    every: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    directory: { type: 'string', default: tmpdir() },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(`usage: npm run bench -- while-compacting [--gigabytes 10] [--durability os] [--seconds 30] [--every 4]
                                         [--rounds 3] [--directory DIR] [--keep]

Fills a topic of one partition with records of 1 KB, of which one in ten has the last value of its key. Sends a record of 100 bytes
to another topic --every so many milliseconds for --seconds, then sets cleanup.policy=compact on the large topic and goes on until
it is compacted. Does so --rounds times, each over a directory of its own; the median of the rounds counts. Writes
bench/results/while-compacting-<durability>.json with --keep.`);
  process.exit(0);
}

const { buildBatch } = await compiled('records/build-batch.js');
const { incrementalAlterConfigs } = await compiled('protocol/messages/incremental-alter-configs.js');

const GB = 1e9;
const LARGE = 'large';
const SMALL = 'small';
const IN_FLIGHT = 8;
const RECORDS = 500;
const ROUNDS = 10;
const TOPIC_CONFIG = 2;
const COMPACTED_MS_MAX = 900_000;
const P99_RATIO_MAX = 2;
const bytes = Number(options.gigabytes) * GB;
if (freeBytes(options.directory) < bytes * 1.3 + 4 * GB)
  throw new Error(`${options.directory} has no room for ${bytes / GB} GB`);

const rounds = [];
while (rounds.length < Number(options.rounds)) {
  const round = await measured();
  console.log(JSON.stringify(round, null, 2));
  rounds.push(round);
}
const ratios = rounds.map((round) => round.p99Ratio);
const p99Ratio = median(ratios);
const listed = ratios.map((ratio) => ratio.toFixed(2)).join(', ');
console.log(`p99 while compacting / quiet: ${p99Ratio.toFixed(2)}, the median of ${listed}`);
if (options.keep) keep();
process.exitCode = p99Ratio <= P99_RATIO_MAX ? 0 : 1;

async function measured() {
  const data = mkdtempSync(join(options.directory, 'ottla-while-'));
  const partition = join(data, `${LARGE}-0`);
  const broker = await startOttla(data, [
    ...['--durability', options.durability],
    ...['--set', 'log.cleaner.backoff.ms=1000', '--set', 'log.segment.delete.delay.ms=1000'],
  ]);
  try {
    const connection = await connectTo(broker.bootstrap);
    await createTopic(connection, LARGE, 1, {
      'cleanup.policy': '',
      'min.cleanable.dirty.ratio': 0,
      'segment.bytes': 256 << 20,
      'message.timestamp.type': 'LogAppendTime',
    });
    await createTopic(connection, SMALL, 1);
    await partitionsReady(connection, LARGE, 1);
    await partitionsReady(connection, SMALL, 1);
    await fill(connection);
    const before = logBytes(partition);
    // What was filled is on the disk, and the broker idle.
    await untilIdle(broker.pid, 5);
    await sleep(10_000);
    const quiet = await probe(connection, sleep(Number(options.seconds) * 1000));
    const cpuBefore = cpuMs(broker.pid);
    const started = performance.now();
    await compactNow(connection);
    const busy = await probe(connection, compacted(partition, before));
    const ms = performance.now() - started;
    const after = logBytes(partition);
    const result = {
      gigabytes: before / GB,
      gigabytesAfter: after / GB,
      compactionSeconds: ms / 1000,
      compactionMegabytesPerSecond: before / 1e3 / ms,
      cpuMsPerMegabyte: (cpuMs(broker.pid) - cpuBefore) / (before / 1e6),
      residentMegabytes: residentBytes(broker.pid) / 1e6,
      quiet,
      whileCompacting: busy,
      p99Ratio: busy.p99 / quiet.p99,
    };
    connection.close();
    return result;
  } finally {
    await broker.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

/** The same keys again and again: a tenth of the records is the newest of its key. */
async function fill(connection) {
  const value = Buffer.alloc(1000, 'v');
  const batches = Math.floor(bytes / (RECORDS * 1024));
  const keysOfBatch = (i) => (i % Math.ceil(batches / ROUNDS)) * RECORDS;
  let next = 0;
  const work = async () => {
    while (next < batches) {
      const firstKey = keysOfBatch(next++);
      const records = Array.from({ length: RECORDS }, (_, i) => ({
        key: Buffer.from(`key ${firstKey + i}`),
        value,
        timestampMs: Date.now(),
      }));
      await send(connection, LARGE, [[0, buildBatch({ records })]]);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
}

/**
 * A record a fixed time after the one before was due, whether that is answered or not: a broker that stands still makes all of them
 * late. So does a host that takes the cores away, which is why the time it took is told.
 */
async function probe(connection, until) {
  let isOver = false;
  until.finally(() => {
    isOver = true;
  });
  const { batch } = batchOf(1, 100);
  const stolenBefore = stolenMs();
  const times = [];
  const waiting = new Set();
  const everyMs = Number(options.every);
  for (let dueMs = performance.now(); !isOver; dueMs += everyMs) {
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    // A timer that is a little early or late is not the broker's doing.
    const fromMs = waitMs > 0 ? performance.now() : dueMs;
    const sent = send(connection, SMALL, [[0, Buffer.from(batch)]]).then(() => {
      times.push(performance.now() - fromMs);
      waiting.delete(sent);
    });
    waiting.add(sent);
    if (waiting.size >= IN_FLIGHT * 4) await Promise.race(waiting);
  }
  await until;
  await Promise.all(waiting);
  times.sort((a, b) => a - b);
  const at = (share) => Number((times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(3));
  return {
    records: times.length,
    p50: at(0.5),
    p99: at(0.99),
    p999: at(0.999),
    max: at(1),
    stolenMs: stolenMs() - stolenBefore,
  };
}

/** For `npm run bench -- report`. */
function keep() {
  const of = (figure) => median(rounds.map(figure));
  const both = (key, name) => ({
    key,
    name,
    unit: 'ms',
    medians: {
      quiet: of(({ quiet }) => quiet[key]),
      'while compacting': of(({ whileCompacting }) => whileCompacting[key]),
    },
  });
  const p99 = {
    ...both('p99', 'p99'),
    growth: p99Ratio,
    target: { atMost: P99_RATIO_MAX },
    met: p99Ratio <= P99_RATIO_MAX,
  };
  const measures = [both('p50', 'p50'), p99, both('p999', 'p99.9'), both('max', 'longest')];
  writeResult(`while-compacting-${options.durability}`, {
    what: `milliseconds until a record of 100 bytes is acknowledged, durability ${options.durability}, median of ${rounds.length} rounds`,
    command: `npm run bench -- while-compacting --gigabytes ${options.gigabytes} --durability ${options.durability} --rounds ${options.rounds}`,
    gigabytesAfter: of((round) => round.gigabytesAfter),
    compactionSeconds: of((round) => round.compactionSeconds),
    cpuMsPerMegabyte: of((round) => round.cpuMsPerMegabyte),
    p99Ratios: ratios,
    rows: [{ name: '', measures: [...measures, both('stolenMs', 'cores taken by the host')] }],
  });
}

async function compactNow(connection) {
  const { responses } = await connection.request(incrementalAlterConfigs, {
    resources: [
      {
        resourceType: TOPIC_CONFIG,
        resourceName: LARGE,
        configs: [{ name: 'cleanup.policy', configOperation: 0, value: 'compact' }],
      },
    ],
    validateOnly: false,
  });
  if (responses[0].errorCode !== 0) throw new Error(`cleanup.policy: ${responses[0].errorCode}`);
}

/** Resolves when the log is a small part of what it was, and nothing more is under way. */
async function compacted(partition, before) {
  const deadline = performance.now() + COMPACTED_MS_MAX;
  const underWay = () => readdirSync(partition).some((name) => /\.(cleaned|swap|deleted)$/.test(name));
  while (logBytes(partition) > before / 3 || underWay()) {
    if (performance.now() > deadline) throw new Error('the topic was not compacted in time');
    await sleep(200);
  }
}

function logBytes(partition) {
  let sum = 0;
  for (const name of readdirSync(partition)) {
    if (name.endsWith('.log')) sum += statSync(join(partition, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return sum;
}
