// Kafka's own tools as clients: ProducerPerformance and ConsumerPerformance with their defaults (acks=all, idempotent, 16 KB batches), 100-byte
// records. On two cores the client takes one of them and is often the limit; what a record costs the broker is the figure that it cannot blur.

import { spawn } from 'node:child_process';
import { compare } from './compare.mjs';
import { withTopic } from './figures.mjs';
import { cpuMs, residentBytes } from './measured.mjs';
import { classpath, setUpKafka } from './rivals/kafka/kafka.mjs';

const PARTITIONS = 4;
const RECORD_BYTES = 100;
/** How many a second it takes at most; only decides how long a run is. */
const RECORDS_PER_SECOND = 200_000;

setUpKafka();

await compare({
  name: 'java',
  help: `Records per second as the tool says, and server CPU per record; ${PARTITIONS} partitions, records of ${RECORD_BYTES} bytes. The consumer reads what
a producer wrote just before; its rate is that of fetching, without joining a group.`,
  needsGenerator: false,
  rows: [
    { name: 'ProducerPerformance, defaults', measure: (broker, run) => producer(broker, run, []) },
    {
      name: 'ProducerPerformance, lz4',
      measure: (broker, run) => producer(broker, run, ['compression.type=lz4']),
    },
    { name: 'ConsumerPerformance, defaults', measure: consumer },
  ],
});

function producer(broker, { seconds }, properties) {
  return withTopic(broker, PARTITIONS, async (topic) => {
    const { text, values } = await watched(broker, () => produceAll(broker, topic, seconds, properties));
    const found = [
      ...text.matchAll(/^(\d+) records sent, ([\d.]+) records\/sec .*?([\d.]+) ms 99th, ([\d.]+) ms 99.9th/gm),
    ].at(-1);
    if (found === undefined) throw new Error(`ProducerPerformance said nothing that can be read: ${text.slice(-500)}`);
    const records = Number(found[1]);
    return {
      recordsPerSecond: Number(found[2]),
      cpuPerRecord: (values.cpuMs * 1000) / records,
      p99: Number(found[3]),
      residentMax: values.residentMax,
    };
  });
}

function consumer(broker, { seconds }) {
  return withTopic(broker, PARTITIONS, async (topic) => {
    await produceAll(broker, topic, seconds, []);
    const records = recordsOf(seconds);
    const { text, values } = await watched(broker, () =>
      tool('ConsumerPerformance', [
        ['--bootstrap-server', broker.bootstrap],
        ['--topic', topic],
        ['--num-records', String(records)],
      ]),
    );
    // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
    const cells = text.trim().split('\n').at(-1).split(', ');
    if (cells.length < 10 || Number(cells[4]) < records)
      throw new Error(`ConsumerPerformance read too little: ${text.slice(-500)}`);
    return {
      recordsPerSecond: Number(cells[9]),
      cpuPerRecord: (values.cpuMs * 1000) / Number(cells[4]),
      residentMax: values.residentMax,
    };
  });
}

function recordsOf(seconds) {
  return Math.round(seconds * RECORDS_PER_SECOND);
}

function produceAll(broker, topic, seconds, properties) {
  return tool('ProducerPerformance', [
    ['--bootstrap-server', broker.bootstrap],
    ['--topic', topic],
    ['--num-records', String(recordsOf(seconds))],
    ['--record-size', String(RECORD_BYTES)],
    ['--throughput', '-1'],
    ...(properties.length > 0 ? [['--command-property', ...properties]] : []),
  ]);
}

/** Runs the work and watches the broker's process meanwhile. */
async function watched(broker, work) {
  if (!broker.pid) return { text: await work(), values: { cpuMs: Number.NaN, residentMax: Number.NaN } };
  const before = cpuMs(broker.pid);
  let residentMax = 0;
  const watch = setInterval(() => {
    residentMax = Math.max(residentMax, residentBytes(broker.pid) / 2 ** 20);
  }, 100);
  try {
    const text = await work();
    return { text, values: { cpuMs: cpuMs(broker.pid) - before, residentMax } };
  } finally {
    clearInterval(watch);
  }
}

async function tool(name, args) {
  const child = spawn('java', ['-Xmx512m', '-cp', classpath, `org.apache.kafka.tools.${name}`, ...args.flat()], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  let complaints = '';
  child.stdout.on('data', (bytes) => {
    text += bytes;
  });
  child.stderr.on('data', (bytes) => {
    complaints += bytes;
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), 180_000);
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(limit);
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${complaints.trim() || text.slice(-500)}`);
  return text;
}
