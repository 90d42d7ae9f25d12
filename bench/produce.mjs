// Producing in large batches: what a megabyte costs the broker, and how much goes through. Prepared requests over a few connections, acks=all,
// each connection with five unanswered; durability os against Kafka's default, which both survive a killed process.

import { compare } from './compare.mjs';
import { figuresOf, withTopic } from './figures.mjs';
import { generate } from './generator.mjs';

const CONNECTIONS = 4;
const PARTITIONS = 8;

await compare({
  name: 'produce',
  fillsPageCache: true,
  help: `Server CPU per MB of record batches and throughput, ${CONNECTIONS} connections with five requests of one batch in flight, ${PARTITIONS} partitions.`,
  rows: [
    row('64 KB batches, 1 KB records', 1000, 64),
    row('512 KB batches, 1 KB records', 1000, 512),
    row('1 MB batches, 1 KB records', 1000, 1024),
    row('64 KB batches, 100-byte records', 100, 600),
    row('100 KB batches, 100-byte records', 100, 940),
    row('1 MB batches, 100-byte records', 100, 9400),
  ],
});

function row(name, recordBytes, recordsPerBatch) {
  return {
    name,
    measure: (broker, { seconds, warmSeconds, ...run }) =>
      withTopic(broker, PARTITIONS, async (topic) => {
        const job = { kind: 'produce', bootstrap: broker.bootstrap, pid: broker.pid, topic, partitions: PARTITIONS };
        const load = { connections: CONNECTIONS, inFlight: 5, roundRobin: true, recordBytes, recordsPerBatch };
        const result = await generate({ ...job, ...load, seconds, warmSeconds }, run);
        return figuresOf(result, ['cpuPerMb', 'mbPerSecond', 'recordsPerSecond', 'residentMax']);
      }),
  };
}
