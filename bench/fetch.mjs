// Fetching: what a megabyte costs the broker. Consumers at the tail, which follow a producer (what producing costs is in the figure, for both) or
// read the last 32 MB over and over; and old data, 1 GB that the page cache holds but no memory of the broker. Record bytes are counted and dropped.

import { compare } from './compare.mjs';
import { figuresOf, withTopic } from './figures.mjs';
import { generate } from './generator.mjs';

const PARTITIONS = 16;
const BATCHES = { recordBytes: 1000, recordsPerBatch: 64 };
const BATCH_BYTES = BATCHES.recordBytes * BATCHES.recordsPerBatch;
/** Batches per second of the producer that consumers follow: 19 MB/s. */
const PRODUCED_PER_SECOND = 300;
const FOLLOWERS_PER_PARTITION = 4;
const MB = 1e6;

await compare({
  name: 'fetch',
  help: `Server CPU per MB fetched and throughput: ${PARTITIONS} partitions, 64 KB batches of 1 KB records, one request of at most 1 MiB in flight for each consumer.
Following a producer of 19 MB/s, ${FOLLOWERS_PER_PARTITION} consumers of each partition; else one of each.`,
  rows: [
    { name: 'at the tail, following a producer', warmSeconds: 15, measure: follow },
    again('at the tail, the last 32 MB again and again', 32 * MB),
    again('old data from page cache', 1000 * MB),
  ],
});

function follow(broker, { seconds, warmSeconds, ...run }) {
  return withTopic(broker, PARTITIONS, async (topic) => {
    const job = { bootstrap: broker.bootstrap, topic, partitions: PARTITIONS, ...BATCHES };
    // Only to learn how long a batch is.
    const { batchBytes } = await generate({ kind: 'produce', ...job, partitions: 1, requestsMax: 1 }, run);
    const load = { connections: 4, inFlight: 5, roundRobin: true, rate: PRODUCED_PER_SECOND };
    const producing = generate({ kind: 'produce', ...job, ...load, seconds: warmSeconds + seconds + 0.5 }, run);
    const range = { fetchFrom: 0, fetchTo: -1, fetchBatchBytes: batchBytes };
    const consumers = { connections: PARTITIONS * FOLLOWERS_PER_PARTITION, pid: broker.pid, seconds, warmSeconds };
    const [result] = await Promise.all([generate({ kind: 'fetch', ...job, ...range, ...consumers }, run), producing]);
    return figuresOf(result, ['cpuPerMb', 'mbPerSecond', 'residentMax']);
  });
}

function again(name, bytes) {
  return {
    name,
    measure: (broker, { seconds, warmSeconds, ...run }) =>
      withTopic(broker, PARTITIONS, async (topic) => {
        const job = { bootstrap: broker.bootstrap, topic, partitions: PARTITIONS, connections: PARTITIONS, ...BATCHES };
        const requestsMax = Math.ceil(bytes / BATCH_BYTES);
        const filled = await generate({ kind: 'produce', ...job, roundRobin: true, requestsMax }, run);
        // Partitions are filled alike, but not exactly; this much all of them have.
        const fetchTo = Math.floor(requestsMax / PARTITIONS / 2) * BATCHES.recordsPerBatch;
        const range = { fetchFrom: 0, fetchTo, fetchBatchBytes: filled.batchBytes };
        const result = await generate({ kind: 'fetch', ...job, ...range, pid: broker.pid, seconds, warmSeconds }, run);
        return figuresOf(result, ['cpuPerMb', 'mbPerSecond', 'residentMax']);
      }),
  };
}
