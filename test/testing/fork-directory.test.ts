// `ottla fork`: a data directory twice, with shared segments and separate lives.
import assert from 'node:assert/strict';
import { readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connectClient } from '../../src/client/client.ts';
import { Consumer } from '../../src/client/consumer.ts';
import { Producer } from '../../src/client/producer.ts';
import { startBroker } from '../../src/index.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { runOttla, temporaryDirectory } from '../integration/ottla-process.ts';
import { newTopic } from './clients.ts';

const SEGMENT_BYTES = 1024 * 1024;
const RECORD_BYTES = 100_000;

test('a forked directory shares old segments, and what one broker does the other does not see', async () => {
  const home = temporaryDirectory().path;
  const [from, to] = [path.join(home, 'from'), path.join(home, 'to')];
  try {
    await withData(from, async (bootstrap) => write(bootstrap, 45, true));
    const forked = await runOttla(['fork', 'from', 'to', '--json'], { cwd: home });
    assert.equal(forked.code, 0, forked.stderr);
    const { linkedFiles, copiedFiles } = JSON.parse(String(forked.stdout));
    assert.ok(linkedFiles >= 9 && copiedFiles >= 3, String(forked.stdout));
    const logs = readdirSync(path.join(to, 'orders-0')).filter((name) => name.endsWith('.log'));
    assert.deepEqual(
      logs.map((name) => statSync(path.join(to, 'orders-0', name)).nlink),
      logs.map((_, index) => (index < logs.length - 1 ? 2 : 1)),
    );
    await Promise.all([
      withData(from, async (bootstrap) => write(bootstrap, 15, false)),
      withData(to, async (bootstrap) => write(bootstrap, 1, false)),
    ]);
    await withData(from, async (bootstrap) => assert.equal(await count(bootstrap), 60));
    await withData(to, async (bootstrap) => assert.equal(await count(bootstrap), 46));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test('a directory in use, one that is no data directory, and a target that exists are refused', async () => {
  const home = temporaryDirectory().path;
  const refused = async (args: string[], message: RegExp) => {
    const { code, stderr } = await runOttla(['fork', ...args], { cwd: home });
    assert.equal(code, 1);
    assert.match(stderr, message);
  };
  try {
    await withData(path.join(home, 'from'), async () => refused(['from', 'to'], /in use by a running broker/));
    assert.deepEqual(readdirSync(home), ['from']);
    await refused(['from', 'from'], /exists already/);
    await refused(['nothing', 'to'], /does not exist/);
    await refused(['.', 'to'], /holds no data/);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

async function withData(data: string, work: (bootstrapServers: string) => Promise<void>): Promise<void> {
  const broker = await startBroker({ data, durability: 'os' });
  try {
    await work(broker.bootstrapServers);
  } finally {
    await broker.close();
  }
}

async function write(bootstrapServers: string, records: number, isNew: boolean): Promise<void> {
  const client = await connectClient(nodeRuntime(), bootstrapServers);
  if (isNew) await newTopic(client, 'orders', { configs: { 'segment.bytes': String(SEGMENT_BYTES) } });
  const producer = new Producer(client);
  for (let index = 0; index < records; index++) {
    await producer.send({ topic: 'orders', partition: 0, value: Buffer.alloc(RECORD_BYTES, index) });
  }
  await producer.close();
  client.close();
}

async function count(bootstrapServers: string): Promise<number> {
  const client = await connectClient(nodeRuntime(), bootstrapServers);
  const consumer = new Consumer(client);
  await consumer.assign([{ topic: 'orders', partition: 0, from: 'beginning' }]);
  let records = 0;
  for (;;) {
    const found = await consumer.poll(5_000);
    for (const each of found) records += each.records.length;
    if (found.length === 0 || found.every(({ nextOffset, endOffset }) => nextOffset >= endOffset)) break;
  }
  consumer.close();
  client.close();
  return records;
}
