// Fetching: what a megabyte costs the broker. At the tail: the last 32 MB, which consumers that keep up read; and old data, 1 GB that the
// page cache holds but no memory of the broker. Record bytes are counted and dropped, sixteen consumers, one partition each.

import { compare } from './compare.mjs';
import { figuresOf, withTopic } from './figures.mjs';
import { generate } from './generator.mjs';

const PARTITIONS = 16;
const RECORD_BYTES = 1000;
const RECORDS_PER_BATCH = 64;
const MB = 1e6;

await compare({
  name: 'fetch',
  help: `Server CPU per MB fetched and throughput: ${PARTITIONS} consumers with one request of at most 1 MiB in flight each, 64 KB batches of 1 KB records.`,
  rows: [row('at the tail', 32 * MB), row('old data from page cache', 1000 * MB)],
});

function row(name, bytes) {
  return {
    name,
    measure: (broker, { seconds, warmSeconds, ...run }) =>
      withTopic(broker, PARTITIONS, async (topic) => {
        const job = { bootstrap: broker.bootstrap, topic, partitions: PARTITIONS, connections: PARTITIONS };
        const batches = { recordBytes: RECORD_BYTES, recordsPerBatch: RECORDS_PER_BATCH };
        const requestsMax = Math.ceil(bytes / (RECORD_BYTES * RECORDS_PER_BATCH));
        const filled = await generate({ kind: 'produce', ...job, ...batches, requestsMax }, run);
        // Requests may be few in number for each partition: what all of them have for sure.
        const each = Math.floor(requestsMax / PARTITIONS / 2) * RECORDS_PER_BATCH;
        const range = { fetchFrom: 0, fetchTo: each, fetchBatchBytes: filled.batchBytes };
        const result = await generate(
          { kind: 'fetch', ...job, ...batches, ...range, pid: broker.pid, seconds, warmSeconds },
          run,
        );
        return figuresOf(result, ['cpuPerMb', 'mbPerSecond', 'residentMax']);
      }),
  };
}
