// The broker over a disk that fails: what it closes, what it survives, when it gives up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Broker, openBroker } from './broker.ts';
import { createTopic } from './client/admin.ts';
import { connectClient } from './client/client.ts';
import { Consumer } from './client/consumer.ts';
import { Producer } from './client/producer.ts';
import { FileError } from './runtime/files.ts';
import { MemoryFiles } from './runtime/memory/memory-files.ts';
import { nodeRuntime } from './runtime/node/node-runtime.ts';
import { settingsFrom } from './settings/start-options.ts';

const SETTINGS = settingsFrom(
  { settings: { 'ottla.wal.file.bytes': 4_194_304 } },
  { data: '/data', host: '127.0.0.1', port: 0 },
);

/** A disk in memory whose writes and syncs fail with `errno` while it is set. */
class FailingDisk {
  errno: string | undefined;
  readonly files = new MemoryFiles({
    hooks: {
      before: (operation, path) => {
        if (this.errno !== undefined && (operation === 'write' || operation === 'sync')) {
          throw new FileError(this.errno, path, `${this.errno}: ${operation} ${path}`);
        }
      },
    },
  });
}

function open(disk: FailingDisk): Promise<Broker> {
  const runtime = { ...nodeRuntime({ writeLogLine: () => {} }), files: disk.files };
  return openBroker({ runtime, settings: SETTINGS, directory: '/data' });
}

async function withClient<T>(
  broker: Broker,
  work: (client: Awaited<ReturnType<typeof connectClient>>) => Promise<T>,
): Promise<T> {
  const client = await connectClient(nodeRuntime(), `127.0.0.1:${broker.port}`);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

function send(broker: Broker, value: string, deliveryTimeoutMs = 30_000): Promise<number> {
  return withClient(broker, async (client) => {
    const producer = new Producer(client, { deliveryTimeoutMs });
    const { offset } = await producer.send({ topic: 'kept', value });
    await producer.close();
    return offset;
  });
}

function readAll(broker: Broker): Promise<string[]> {
  return withClient(broker, async (client) => {
    const consumer = new Consumer(client);
    await consumer.assign([{ topic: 'kept', partition: 0, from: 'beginning' }]);
    const values: string[] = [];
    for (;;) {
      const fetched = await consumer.poll();
      for (const { records } of fetched) values.push(...records.map((record) => String(record.value)));
      const last = fetched.at(-1);
      if (last !== undefined && last.nextOffset >= last.endOffset) return values;
    }
  });
}

/** The runtime's timers do not keep a process alive; while a broker waits for one, this does. */
async function alive<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 1000);
  return work.finally(() => clearInterval(timer));
}

test('a disk that fails a commit ends the broker with one sentence, and nothing of that commit is acknowledged', async () => {
  const disk = new FailingDisk();
  const broker = await open(disk);
  await withClient(broker, (client) => createTopic(client, { name: 'kept' }));
  assert.equal(await send(broker, 'before'), 0);
  disk.errno = 'EIO';
  const lost = send(broker, 'lost', 1_000);
  await alive(
    assert.rejects(broker.closed, (error: Error & { code?: string }) => {
      assert.equal(error.name, 'BrokerFault');
      assert.match(error.message, /^the data directory \/data failed \(.*EIO.*\); repair the disk and start again\.$/);
      return true;
    }),
  );
  await alive(assert.rejects(lost));
  await broker.close();
  disk.errno = undefined;
  const again = await open(disk);
  assert.deepEqual(await readAll(again), ['before']);
  await again.close();
});

test('a disk that is full at a commit closes the connections, and the broker goes on by itself when there is room', async () => {
  const disk = new FailingDisk();
  const broker = await open(disk);
  const { port } = broker;
  await withClient(broker, (client) => createTopic(client, { name: 'kept' }));
  assert.equal(await send(broker, 'before'), 0);
  disk.errno = 'ENOSPC';
  await alive(assert.rejects(send(broker, 'refused', 1_000)));
  disk.errno = undefined;
  // The same port, the same data: a client that keeps trying gets through.
  const offset = await alive(untilItWorks(() => send(broker, 'after', 5_000)));
  assert.ok(offset >= 1);
  assert.equal(broker.port, port);
  const values = await readAll(broker);
  assert.equal(values[0], 'before');
  assert.ok(values.includes('after'));
  await broker.close();
});

test('the leader epoch rises when the last stop was not clean, and only then', async () => {
  const disk = new FailingDisk();
  const epochs: number[] = [];
  for (const clean of [true, true, false, true]) {
    const broker = await open(disk);
    await withClient(broker, async (client) => {
      if (epochs.length === 0) await createTopic(client, { name: 'kept' });
      epochs.push((await client.topic('kept')).partitions[0]?.leaderEpoch ?? -1);
    });
    if (!clean) {
      await send(broker, 'in flight');
      disk.errno = 'EIO';
      await alive(Promise.all([assert.rejects(broker.closed), send(broker, 'x', 500).catch(() => {})]));
      disk.errno = undefined;
    }
    await broker.close().catch(() => {});
  }
  assert.deepEqual(epochs, [0, 0, 0, 1]);
});

async function untilItWorks<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

test('retention looks at the logs as often as log.retention.check.interval.ms says', async () => {
  const runtime = nodeRuntime({ writeLogLine: () => {} });
  const periods: number[] = [];
  const { timers } = runtime;
  const watched = {
    ...runtime,
    timers: {
      set(ms: number, callback: () => void) {
        periods.push(ms);
        return timers.set(ms, callback);
      },
      defer: (callback: () => void) => timers.defer(callback),
    },
  };
  const settings = settingsFrom(
    { settings: { 'log.retention.check.interval.ms': 123_457 } },
    { data: '/data', host: '127.0.0.1', port: 0 },
  );
  const broker = await openBroker({ runtime: watched, settings, directory: null });
  await broker.close();
  assert.ok(periods.includes(123_457), `the periods are ${periods.join(', ')}`);
});
