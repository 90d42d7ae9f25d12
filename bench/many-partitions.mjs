// A thousand partitions, each with a connection of its own that sends one small record after the other.

import { compare } from './compare.mjs';
import { figuresOf, withTopic } from './figures.mjs';
import { generate } from './generator.mjs';

const PARTITIONS = 1000;

await compare({
  name: 'many-partitions',
  help: `Requests per second and server CPU per request: ${PARTITIONS} partitions, ${PARTITIONS} connections, one record of 100 bytes in a request.`,
  rows: [
    {
      name: '1,000 partitions, 1,000 connections',
      measure: (broker, { seconds, warmSeconds, ...run }) =>
        withTopic(broker, PARTITIONS, async (topic) => {
          const job = { kind: 'produce', bootstrap: broker.bootstrap, pid: broker.pid, topic, partitions: PARTITIONS };
          const result = await generate({ ...job, connections: PARTITIONS, inFlight: 1, seconds, warmSeconds }, run);
          return figuresOf(result, ['requestsPerSecond', 'cpuPerRequest', 'p50', 'p99', 'residentMax']);
        }),
    },
  ],
});
