// `bench/rivals/kafka/run`: a real Kafka 4.3.0 on loopback in the foreground, for comparing by hand. Prints its address, ends on
// SIGINT, SIGTERM, or by itself after --seconds.

import { parseArgs } from 'node:util';
import { setUpKafka, startKafka } from './kafka.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3600' },
    data: { type: 'string' },
    heap: { type: 'string', default: '1g' },
    set: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`usage: bench/rivals/kafka/run [--seconds N] [--data DIR] [--heap 1g] [--set key=value ...]

Starts Apache Kafka 4.3.0 on a free loopback port, over a temporary directory (removed at the end) or an empty --data DIR,
prints "ready on HOST:PORT (pid N)" and runs until SIGTERM, SIGINT or --seconds (3600) have passed.`);
  process.exit(0);
}

setUpKafka();
const properties = Object.fromEntries(
  values.set.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
);
const broker = await startKafka({ properties, heap: values.heap, ...(values.data && { data: values.data }) });
console.log(`ready on ${broker.bootstrap} (pid ${broker.pid}, data ${broker.directory})`);

const timer = setTimeout(() => broker.stop(), Number(values.seconds) * 1000);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => broker.stop());
await broker.exited;
clearTimeout(timer);
