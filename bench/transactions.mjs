// Transactions, Ottla and Kafka 4.3 in turns on this machine: transactions per second, how long a commit takes, and the throughput of a
// transactional producer as a share of a plain one. Producers are bare requests (transaction-producers.mjs), the same for every broker, and
// Java's own. Kafka does not sync to disk before it answers; so Ottla runs twice, as it does by default (fsync) and with the durability that
// Kafka has (os), and the ratios compare the latter. Prints a table and writes bench/results/transactions.json.

import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { connectTo, createTopic } from './group-members.mjs';
import { median } from './measured.mjs';
import { untilAccepted } from './probe.mjs';
import { classpath, setUpKafka } from './rivals/kafka/kafka.mjs';
import { BatchProducer } from './transaction-producers.mjs';
import { RATIO_MAX, rivals, Turns } from './turns.mjs';

const PARTITIONS = 20;
const PRODUCERS = 20;
const VALUE_BYTES = 100;
/** Of the producers whose throughput is compared: a batch, how many of them are on their way, how long a transaction takes. */
const BATCH_RECORDS = 1000;
const BATCHES_IN_FLIGHT = 5;
const TRANSACTION_MS = 100;
const JAVA_RECORDS = 600_000;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    'ottla-only': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(`usage: npm run bench -- transactions [--rounds N] [--seconds S] [--ottla-only]

Medians of --rounds (5), --seconds (4) each, Ottla with durability fsync and os, and Kafka 4.3, in turns:
  transactions per second  of 1 and of 100 records of ${VALUE_BYTES} bytes; one producer, and ${PRODUCERS} over ${PARTITIONS} partitions; protocol 2, and
                           protocol 1 as clients before KIP-890 speak it
  commit                   from EndTxn to its answer, p50 and p99; one producer, 1 record
  transaction              from its first request until the next may begin, p50 and p99; one producer, 1 record
  throughput               in transactions of ${TRANSACTION_MS} ms: ${BATCH_RECORDS} records a batch, ${BATCHES_IN_FLIGHT} in flight
  share of a plain one     throughput in transactions of ${TRANSACTION_MS} ms, of that without them;
                           and the same with Java's ProducerPerformance
Needs Java 17 and Maven, for Kafka and its producer. Ends with status 1 when Ottla (os) is worse than Kafka in anything by more
than ${RATIO_MAX}; writes its file only when both were measured.`);
  process.exit(0);
}

setUpKafka();
const runMs = Number(options.seconds) * 1000;
const turns = new Turns(rivals(options['ottla-only']), Number(options.rounds));
let count = 0;

await turns.run({}, prepare, [
  ...[1, 2].flatMap((protocol) =>
    [1, 100].flatMap((records) =>
      [1, PRODUCERS].map((producers) => ({
        name: `transactions per second, protocol ${protocol}, ${counted(records, 'record')}, ${counted(producers, 'producer')}`,
        unit: '/s',
        better: 'more',
        of: (broker) => transactionsPerSecond(broker, { protocol, records, producers }),
      })),
    ),
  ),
  { name: 'commit', unit: 'ms', better: 'less', of: (broker) => latency(broker, 'commit') },
  { name: 'transaction', unit: 'ms', better: 'less', of: (broker) => latency(broker, 'whole') },
  { name: 'throughput in transactions', unit: 'MB/s', better: 'more', of: transactionalThroughput },
  { name: 'share of a plain producer', unit: '%', better: 'more', of: shareOfPlain },
  { name: 'share of a plain producer, Java', unit: '%', better: 'more', of: javaShare },
]);
turns.summarise('transactions', 'transactions');

/** The topic of all measures, which takes records, and a coordinator that answers; then what Java compiles as it goes. */
async function prepare(broker) {
  const connection = await connectTo(broker.bootstrap);
  await createTopic(connection, 'measured', PARTITIONS);
  connection.close();
  const [host, port] = broker.bootstrap.split(':');
  await untilAccepted(host, Number(port), 30_000, async (probe) => (await probe.produce('measured')) === 0, 50);
  await transactionsPerSecond(broker, { protocol: 2, records: 1, producers: PRODUCERS });
}

async function transactionsPerSecond(broker, { protocol, records, producers }) {
  const all = await Promise.all(
    Array.from({ length: producers }, (_, partition) => open(broker, { protocol, records, partition })),
  );
  let committed = 0;
  const begun = performance.now();
  const lane = async (producer) => {
    while (performance.now() - begun < runMs) {
      await transact(producer);
      committed++;
    }
  };
  await Promise.all(all.map(lane));
  const perSecond = (committed * 1000) / (performance.now() - begun);
  for (const producer of all) producer.close();
  return perSecond;
}

async function transact(producer) {
  await producer.begin();
  await producer.send();
  await producer.commit();
}

async function latency(broker, what) {
  const producer = await open(broker, { records: 1, partition: 0 });
  const times = [];
  const begun = performance.now();
  let from = begun;
  while (from - begun < runMs) {
    await producer.send();
    const ending = performance.now();
    await producer.commit();
    const now = performance.now();
    times.push(now - (what === 'commit' ? ending : from));
    from = now;
  }
  producer.close();
  times.sort((a, b) => a - b);
  return { ' p50': median(times), ' p99': times[Math.floor(times.length * 0.99)] };
}

async function shareOfPlain(broker) {
  return share(
    () => plainThroughput(broker),
    () => transactionalThroughput(broker),
  );
}

/** In percent: plain, transactional, transactional, plain, so that a broker or a machine that becomes faster or slower favours neither. */
async function share(plain, transactional) {
  const before = await plain();
  const shared = (await transactional()) + (await transactional());
  return (100 * shared) / (before + (await plain()));
}

/** In MB per second. */
async function plainThroughput(broker) {
  const plain = await BatchProducer.open(broker.bootstrap, batches());
  const begun = performance.now();
  const sent = await keepSending(plain, runMs);
  const rate = (sent * plain.bytes) / (performance.now() - begun) / 1000;
  plain.close();
  return rate;
}

/** In MB per second. */
async function transactionalThroughput(broker) {
  const producer = await BatchProducer.open(broker.bootstrap, { ...batches(), transactionalId: newId() });
  let sent = 0;
  const begun = performance.now();
  while (performance.now() - begun < runMs) {
    await producer.send();
    sent += 1 + (await keepSending(producer, TRANSACTION_MS));
    await producer.commit();
  }
  producer.close();
  return (sent * producer.bytes) / (performance.now() - begun) / 1000;
}

/** Batches one behind the other, some always on their way; how many, all of them answered. */
async function keepSending(producer, ms) {
  const begun = performance.now();
  let sent = 0;
  const lane = async () => {
    while (performance.now() - begun < ms) {
      sent++;
      await producer.send();
    }
  };
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, lane));
  return sent;
}

async function javaShare(broker) {
  return share(
    () => producerPerformance(broker, []),
    () =>
      producerPerformance(broker, ['--transactional-id', newId(), '--transaction-duration-ms', String(TRANSACTION_MS)]),
  );
}

/** Records per second. */
async function producerPerformance(broker, args) {
  const tool = ['-Xmx512m', '-cp', classpath, 'org.apache.kafka.tools.ProducerPerformance'];
  const what = ['--topic', 'measured', '--num-records', String(JAVA_RECORDS), '--record-size', String(VALUE_BYTES)];
  const where = ['--throughput', '-1', '--bootstrap-server', broker.bootstrap];
  const child = spawn('java', [...tool, ...what, ...where, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more) => {
    text += more;
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), 180_000);
  const status = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(limit);
  const found = [...text.matchAll(/^(\d+) records sent, ([\d.]+) records\/sec/gm)].at(-1);
  if (status !== 0 || Number(found?.[1]) !== JAVA_RECORDS)
    throw new Error(`ProducerPerformance ended with ${status}: ${text}`);
  return Number(found[2]);
}

function open(broker, { protocol = 2, records, partition }) {
  return BatchProducer.open(broker.bootstrap, {
    topic: 'measured',
    partition,
    records,
    valueBytes: VALUE_BYTES,
    protocol,
    transactionalId: newId(),
  });
}

function batches() {
  return { topic: 'measured', partition: 0, records: BATCH_RECORDS, valueBytes: VALUE_BYTES };
}

function newId() {
  return `bench-${count++}`;
}

function counted(number, what) {
  return number === 1 ? `1 ${what}` : `${number} ${what}s`;
}
