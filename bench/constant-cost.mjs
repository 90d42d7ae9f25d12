// What Ottla costs as a topic grows and as partitions multiply: append, reads of the tail and of random old offsets, lookups by
// time, the restart after kill -9, memory, open files. The promise is that none of them grows: each row is set beside its value at
// the first size.

import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startOttla } from '../test/conformance/broker.mjs';
import { compiled, connectTo, createTopic, partitionsReady } from './group-members.mjs';
import { cpuMs, median, residentBytes, writeResult } from './measured.mjs';
import { setUpKafka, startKafka } from './rivals/kafka/kafka.mjs';

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1,10,40' },
    partitions: { type: 'string', default: '10,1000,10000' },
    durability: { type: 'string', default: 'os' },
    probes: { type: 'string', default: '300' },
    directory: { type: 'string', default: tmpdir() },
    kafka: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(`usage: npm run bench -- constant-cost [--sizes 1,10,40] [--partitions 10,1000,10000] [--durability os]
                                      [--probes 300] [--directory DIR] [--kafka] [--keep]

Fills one topic of four partitions with records of 100 bytes and of 1 KB to each of the --sizes (GB, rising) and measures there; then
measures with each number of --partitions over a directory of its own, with --kafka beside Kafka 4.3. --directory needs room
for the largest size and 2 GB. Writes bench/results/constant-cost.json with --keep. Needs Linux (/proc).`);
  process.exit(0);
}

const { buildBatch } = await compiled('records/build-batch.js');
const { BASE_TIMESTAMP_AT, MAX_TIMESTAMP_AT, updateCrc } = await compiled('records/record-batch.js');
const [{ produce }, { fetch }, { listOffsets }] = await Promise.all(
  ['produce', 'fetch', 'list-offsets'].map((name) => compiled(`protocol/messages/${name}.js`)),
);

const GB = 1e9;
const PARTITIONS = 4;
const IN_FLIGHT = 8;
const BATCH_BYTES = 500_000;
/** A year ago: with a second for each batch, no record is from the future. */
const START_MS = Date.now() - 365 * 86_400_000;
const probes = Number(options.probes);
const results = { sizes: [], partitions: [] };

async function bySize(sizes) {
  const largest = Math.max(...sizes);
  const { bavail, bsize } = statfsSync(options.directory);
  if (bavail * bsize < (largest + 2) * GB) throw new Error(`${options.directory} has no room for ${largest} GB`);
  const directory = mkdtempSync(join(options.directory, 'ottla-constant-'));
  const args = ['--durability', options.durability];
  let broker = await startOttla(directory, args);
  try {
    const filler = new Filler();
    let connection = await connectTo(broker.bootstrap);
    await createTopic(connection, 'growing', PARTITIONS, { 'retention.ms': -1, 'segment.bytes': 1 << 30 });
    await partitionsReady(connection, 'growing', PARTITIONS);
    for (const size of sizes) {
      const cpuBefore = cpuMs(broker.pid);
      const { bytes, ms } = await filler.fillTo(connection, size * GB);
      const row = { size: `${size} GB` };
      row['append, CPU ms/MB'] = bytes === 0 ? Number.NaN : (cpuMs(broker.pid) - cpuBefore) / (bytes / 1e6);
      row['append, MB/s'] = bytes / 1e3 / ms;
      row['tail read, ms'] = await probed(() => filler.fetchAt(connection, (partition) => filler.next[partition] - 1));
      row['random old read, ms'] = await probed(() =>
        filler.fetchAt(connection, (partition) => random(filler.next[partition])),
      );
      row['lookup by time, ms'] = await probed(() => filler.lookUp(connection));
      row['resident, MB'] = residentBytes(broker.pid) / 1e6;
      row['open files'] = readdirSync(`/proc/${broker.pid}/fd`).length;
      connection.close();
      process.kill(broker.pid, 'SIGKILL');
      await broker.exited;
      const restarted = performance.now();
      broker = await startOttla(directory, args);
      row['ready after kill -9, ms'] = performance.now() - restarted;
      connection = await connectTo(broker.bootstrap);
      results.sizes.push(row);
      print(row, results.sizes[0]);
    }
    connection.close();
  } finally {
    await broker.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function byPartitions(counts) {
  const names = options.kafka ? ['ottla', 'kafka'] : ['ottla'];
  if (options.kafka) setUpKafka();
  for (const name of names) {
    const first = results.partitions.length;
    for (const count of counts) {
      const row = await partitionsOf(name, count);
      results.partitions.push(row);
      print(row, results.partitions[first]);
    }
  }
}

async function partitionsOf(name, count) {
  const data = mkdtempSync(join(options.directory, `${name}-constant-`));
  const start = () =>
    name === 'kafka' ? startKafka({ data }) : startOttla(data, ['--durability', options.durability]);
  let broker = await start();
  try {
    let connection = await connectTo(broker.bootstrap);
    const empty = residentBytes(broker.pid);
    const row = { size: `${name}, ${count} partitions` };
    const created = performance.now();
    await createTopic(connection, 'wide', count);
    await partitionsReady(connection, 'wide', count);
    row['create, ms/partition'] = (performance.now() - created) / count;
    const { batch } = batchOf(1, 100);
    const write = (partition) => send(connection, 'wide', [[partition, batch]]);
    for (let first = 0; first < count; first += 500) {
      const each = Array.from({ length: Math.min(500, count - first) }, (_, i) => [first + i, Buffer.from(batch)]);
      await send(connection, 'wide', each);
    }
    row['append to one, ms'] = await probed(() => write(random(count)));
    row['fetch from one, ms'] = await probed(() => fetchOne(connection, 'wide', random(count), 0));
    row['memory, KB/partition'] = (residentBytes(broker.pid) - empty) / 1e3 / count;
    row['open files'] = readdirSync(`/proc/${broker.pid}/fd`).length;
    connection.close();
    process.kill(broker.pid, 'SIGKILL');
    await broker.exited;
    const started = performance.now();
    broker = await start();
    connection = await connectTo(broker.bootstrap);
    await partitionsReady(connection, 'wide', count);
    row['ready after kill -9, ms'] = performance.now() - started;
    connection.close();
    return row;
  } finally {
    await broker.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

/** Fills the partitions evenly; remembers what offsets and times they hold. */
class Filler {
  next = Array(PARTITIONS).fill(0);
  bytes = 0;
  // Half of the bytes in small records, half in large ones.
  #batches = [batchOf(Math.floor(BATCH_BYTES / 100), 100), batchOf(Math.floor(BATCH_BYTES / 1000), 1000)];
  #sent = 0;

  async fillTo(connection, bytes) {
    const before = this.bytes;
    const started = performance.now();
    const work = async () => {
      while (this.bytes < bytes) {
        const partition = this.#sent % PARTITIONS;
        const { batch, records } = this.#batches[Math.floor(this.#sent / PARTITIONS) % 2];
        this.#sent++;
        this.bytes += batch.length;
        this.next[partition] += records;
        await send(connection, 'growing', [[partition, this.#timed(batch)]]);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
    return { bytes: this.bytes - before, ms: performance.now() - started };
  }

  /** Each batch a second after the one before: a time to look for. */
  #timed(batch) {
    const timed = Buffer.from(batch);
    const timestampMs = BigInt(START_MS + this.#sent * 1000);
    timed.writeBigInt64BE(timestampMs, BASE_TIMESTAMP_AT);
    timed.writeBigInt64BE(timestampMs, MAX_TIMESTAMP_AT);
    updateCrc(timed, 0);
    return timed;
  }

  fetchAt(connection, offsetIn) {
    const partition = random(PARTITIONS);
    return fetchOne(connection, 'growing', partition, offsetIn(partition));
  }

  async lookUp(connection) {
    const partitionIndex = random(PARTITIONS);
    const timestamp = START_MS + random(this.#sent) * 1000;
    const { topics } = await connection.request(listOffsets, {
      replicaId: -1,
      topics: [{ name: 'growing', partitions: [{ partitionIndex, timestamp }] }],
      timeoutMs: 30_000,
    });
    if (topics[0].partitions[0].errorCode !== 0) throw new Error(`lookup: ${topics[0].partitions[0].errorCode}`);
  }
}

function batchOf(count, valueBytes) {
  const value = Buffer.alloc(valueBytes, 'v');
  const records = Array.from({ length: count }, () => ({ key: null, value, timestampMs: START_MS }));
  return { batch: buildBatch({ records }), records: count };
}

async function send(connection, topic, batches) {
  const { responses } = await connection.request(
    produce,
    {
      transactionalId: null,
      acks: -1,
      // A disk that has to write back what came before may take its time.
      timeoutMs: 110_000,
      topicData: [{ name: topic, partitionData: batches.map(([index, batch]) => ({ index, records: [batch] })) }],
    },
    { maxVersion: 12 },
  );
  const failed = responses[0].partitionResponses.find(({ errorCode }) => errorCode !== 0);
  if (failed !== undefined) throw new Error(`produce: ${failed.errorCode}`);
}

async function fetchOne(connection, topic, partition, fetchOffset) {
  const { responses } = await connection.request(
    fetch,
    {
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1 << 20,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic, partitions: [{ partition, currentLeaderEpoch: -1, fetchOffset, partitionMaxBytes: 4096 }] }],
      forgottenTopicsData: [],
      rackId: '',
    },
    { maxVersion: 12 },
  );
  const { errorCode, records } = responses[0].partitions[0];
  if (errorCode !== 0) throw new Error(`fetch: ${errorCode}`);
  if (records === null || records.length === 0) throw new Error(`nothing at ${fetchOffset}`);
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

function random(limit) {
  return Math.floor(Math.random() * limit);
}

function print({ size, ...figures }, { size: _first, ...first }) {
  console.log(size);
  for (const [name, value] of Object.entries(figures)) {
    const ratio = value / first[name];
    console.log(`  ${name.padEnd(26)} ${value.toPrecision(3).padStart(8)}  × ${ratio.toFixed(2)}`);
  }
}

await bySize(options.sizes.split(',').map(Number));
await byPartitions(
  options.partitions
    .split(',')
    .map(Number)
    .filter((count) => count > 0),
);
if (options.keep)
  writeResult('constant-cost', { what: 'cost by size of a topic and by number of partitions', ...results });
