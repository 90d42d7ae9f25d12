// Small requests: one record of 100 bytes in each, acks=all. One unanswered request on each of 100 connections, and five on each of ten.

import { compare } from './compare.mjs';
import { figuresOf, withTopic } from './figures.mjs';
import { generate } from './generator.mjs';

const PARTITIONS = 8;

await compare({
  name: 'small-requests',
  help: 'Requests per second and server CPU per request, one record of 100 bytes in each.',
  rows: [row('100 connections', 100, 1), row('pipelined 10 × 5', 10, 5), row('one connection', 1, 1)],
});

function row(name, connections, inFlight) {
  return {
    name,
    measure: (broker, { seconds, warmSeconds, ...run }) =>
      withTopic(broker, PARTITIONS, async (topic) => {
        const job = { kind: 'produce', bootstrap: broker.bootstrap, pid: broker.pid, topic, partitions: PARTITIONS };
        const result = await generate({ ...job, connections, inFlight, seconds, warmSeconds }, run);
        return figuresOf(result, ['requestsPerSecond', 'cpuPerRequest', 'p50', 'p99', 'residentMax']);
      }),
  };
}
