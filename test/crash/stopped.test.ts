// A process that the operating system stops for a while (SIGSTOP: a frozen virtual machine, a debugger) goes on as if nothing had
// happened, and what it acknowledged before and after is there after a kill.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTopic } from '../../src/client/admin.ts';
import { connectClient } from '../../src/client/client.ts';
import { Producer } from '../../src/client/producer.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { runOttla, serveOttla, temporaryDirectory } from '../integration/ottla-process.ts';

const ROUNDS = 3;
const STOPPED_MS = 300;

test('a stopped broker goes on where it was, and nothing acknowledged is lost', { timeout: 120_000 }, async () => {
  const directory = temporaryDirectory();
  const args = ['--data', directory.path];
  let broker = await serveOttla(args);
  const alive = setInterval(() => {}, 60_000);
  try {
    const client = await connectClient(nodeRuntime(), broker.bootstrapServers);
    await createTopic(client, { name: 'stops', partitions: 1 });
    const producer = new Producer(client, { deliveryTimeoutMs: 60_000 });
    let count = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const sent = Array.from({ length: 50 }, () =>
        producer.send({ topic: 'stops', partition: 0, value: text(count++) }),
      );
      broker.child.kill('SIGSTOP');
      setTimeout(() => broker.child.kill('SIGCONT'), STOPPED_MS);
      await Promise.all(sent);
    }
    await producer.close();
    await client.close();
    await broker.stop('SIGKILL');
    broker = await serveOttla(args);
    const { stdout } = await runOttla(['consume', 'stops'], { env: { OTTLA_BOOTSTRAP: broker.bootstrapServers } });
    const expected = Array.from({ length: count }, (_, i) => text(i).toString());
    assert.deepEqual(stdout.toString().trim().split('\n'), expected);
  } finally {
    clearInterval(alive);
    await broker.stop('SIGKILL');
    directory.remove();
  }
});

function text(number: number): Buffer {
  return Buffer.from(`record ${number}`);
}
