// Consumers that wait: each long-polls the end of a partition of its own, 500 ms at a time (a consumer's default), and nothing comes.

import { compare } from './compare.mjs';
import { figuresOf, withTopic } from './figures.mjs';
import { generate } from './generator.mjs';
import { residentBytes } from './measured.mjs';

const CONSUMERS = 2000;
const PARTITIONS = 100;

await compare({
  name: 'idle',
  help: `Server CPU and memory added by ${CONSUMERS} connections with a long poll of 500 ms each over ${PARTITIONS} partitions.`,
  seconds: 10,
  rows: [
    {
      name: '2,000 idle long polls',
      warmSeconds: 30,
      measure: (broker, { seconds, warmSeconds, ...run }) =>
        withTopic(broker, PARTITIONS, async (topic) => {
          const before = broker.pid ? residentBytes(broker.pid) : Number.NaN;
          const job = { kind: 'fetch', bootstrap: broker.bootstrap, pid: broker.pid, topic, partitions: PARTITIONS };
          const load = { connections: CONSUMERS, fetchTo: 0, seconds, warmSeconds: warmSeconds + 1 };
          const result = await generate({ ...job, ...load }, run);
          const added = ((result.server?.residentBytesMax ?? Number.NaN) - before) / 2 ** 20;
          // What is less than nothing was freed for other reasons meanwhile.
          return { ...figuresOf(result, ['cpuCores']), memoryAdded: Math.max(0, added) };
        }),
    },
  ],
});
