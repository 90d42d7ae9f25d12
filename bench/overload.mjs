// Overload: clients that offer twice what the broker takes at its peak. Throughput is to stay at the peak, memory below a limit, and latency at
// what the clients' windows allow: what is in their windows, divided by the throughput.

import { compare } from './compare.mjs';
import { figuresOf, withTopic } from './figures.mjs';
import { generate } from './generator.mjs';

const PARTITIONS = 8;
const CONNECTIONS = 16;
const WINDOW = 32;

await compare({
  name: 'overload',
  help: `Requests of 100 KB: the peak with 4 connections × 5 in a closed loop, then twice as many per second due on ${CONNECTIONS} connections with ${WINDOW}
unanswered requests each (50 MB in flight); latency is from sending to the answer.`,
  rows: [
    {
      name: 'twice the peak',
      measure: (broker, { seconds, warmSeconds, ...run }) =>
        withTopic(broker, PARTITIONS, async (topic) => {
          const job = { kind: 'produce', bootstrap: broker.bootstrap, pid: broker.pid, topic, partitions: PARTITIONS };
          const requests = { roundRobin: true, recordBytes: 100, recordsPerBatch: 940 };
          const peak = await generate(
            { ...job, ...requests, connections: 4, inFlight: 5, seconds: seconds / 2, warmSeconds },
            run,
          );
          const rate = (2 * peak.requests) / peak.seconds;
          const result = await generate(
            { ...job, ...requests, connections: CONNECTIONS, inFlight: WINDOW, rate, seconds, warmSeconds },
            run,
          );
          const kept = result.requests / result.seconds / (peak.requests / peak.seconds);
          return { throughputKept: kept, ...figuresOf(result, ['mbPerSecond', 'p50', 'p99', 'residentMax']) };
        }),
    },
  ],
});
