// The child of bench/testing.mjs that tests with Ottla would be: starts test brokers one after the other, each until its first record, and
// prints for each what it took, and the memory of the whole process after the first record.
import { acceptsProduce, untilAccepted } from '../probe.mjs';

const [count] = process.argv.slice(2).map(Number);
const bareBytes = process.memoryUsage.rss();
for (let index = 0; index < count; index++) {
  const begun = performance.now();
  const { startTestBroker } = await import('../../dist/lib/testing.js');
  const broker = await startTestBroker();
  await untilAccepted(broker.host, broker.port, 60_000, (probe) => acceptsProduce(probe, 'startup'));
  const startMs = performance.now() - begun;
  const bytes = process.memoryUsage.rss();
  const stopping = performance.now();
  await broker.close();
  console.log(JSON.stringify({ startMs, stopMs: performance.now() - stopping, bytes, addedBytes: bytes - bareBytes }));
}
