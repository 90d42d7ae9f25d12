// Latency from the moment a record is due at a producer to its arrival at a consumer, at a steady rate: open loop, so that a stall is charged
// for everything that it made wait. acks=all, 100-byte records, a producer that sends at once with at most five requests in flight.

import { compare } from './compare.mjs';
import { figuresOf, withTopic } from './figures.mjs';
import { generate } from './generator.mjs';

await compare({
  name: 'latency',
  help: 'End to end: p50, p99 and p99.9 at 1,000 and 10,000 records per second, and what it costs the broker.',
  seconds: 10,
  rows: [row('1,000 records per second', 1000), row('10,000 records per second', 10_000)],
});

function row(name, rate) {
  return {
    name,
    measure: (broker, { seconds, warmSeconds, ...run }) =>
      withTopic(broker, 1, async (topic) => {
        const job = { kind: 'end-to-end', bootstrap: broker.bootstrap, pid: broker.pid, topic, rate, inFlight: 5 };
        const result = await generate({ ...job, seconds, warmSeconds: warmSeconds + 0.5 }, run);
        if (result.unsent > rate) throw new Error(`${broker.name} did not keep up with ${rate} records per second`);
        return figuresOf(result, ['p50', 'p99', 'p999', 'cpuCores', 'residentMax']);
      }),
  };
}
