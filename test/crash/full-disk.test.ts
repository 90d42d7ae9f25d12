// A file system that is really full: a small tmpfs, where the machine lets us mount one (Linux, root); elsewhere the simulator and
// the engine's tests stand in for it. Writes are refused, reads go on, and when there is room again writing resumes by itself.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { createTopic } from '../../src/client/admin.ts';
import { type Client, connectClient } from '../../src/client/client.ts';
import { ClientError } from '../../src/client/client-error.ts';
import { Producer } from '../../src/client/producer.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { produce as produceApi } from '../../src/protocol/messages/produce.ts';
import { buildBatch } from '../../src/records/build-batch.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { runOttla, type ServeProcess, serveOttla, temporaryDirectory } from '../integration/ottla-process.ts';

const TOPIC = 'lines';
const DELIVERY_TIMEOUT_MS = 5_000;
const DISK = '160m';
const FILLING_BYTES = 8 * 1024 * 1024;
/** Below the 64 MiB at which the broker refuses, well above what it writes meanwhile. */
const LEFT_FREE_BYTES = 40 * 1024 * 1024;

const mounted = mountSmallDisk();
const skip = mounted === undefined ? 'no tmpfs can be mounted here (that takes Linux and root)' : false;

test('a full disk refuses writes, keeps what it has, and is written again when there is room', {
  skip,
  timeout: 300_000,
}, async (context) => {
  const disk = mounted!;
  const data = path.join(disk.path, 'data');
  let broker = await serve(data);
  // The runtime's timers do not keep a process alive; while retries wait for one, this does.
  const alive = setInterval(() => {}, 60_000);
  try {
    await context.test('at the reserve, records are refused and can be read', async () => {
      await withClient(broker, (client) => createTopic(client, { name: TOPIC, partitions: 1 }));
      assert.equal(await produce(broker, 'before'), undefined);
      const filling = fillUntil(disk.path, () => freeBytes(disk.path) < LEFT_FREE_BYTES);
      // The broker looks at the free space every few seconds.
      const refusal = await produceUntilRefused(broker, 'not yet refused');
      assert.match(refusal.message, /KAFKA_STORAGE_ERROR|not delivered/);
      assert.match(await consume(broker), /^before\n/);
      for (const file of filling) rmSync(file);
      await produceUntilTaken(broker, 'between');
    });
    await context.test(
      'when somebody else takes the last byte, all are answered, and all goes on once there is room',
      async () => {
        let log = '';
        broker.child.stderr?.on('data', (text) => {
          log += text;
        });
        // Should the broker notice before it writes, nothing fails: then once more.
        for (let times = 0; !log.includes('open for reading only'); times++) {
          const filling = fillUntil(disk.path, () => false);
          await produceUntilRefused(broker, 'x'.repeat(100_000));
          assert.equal(await answerToProduce(broker, `not now ${times}`), ErrorCode.KAFKA_STORAGE_ERROR);
          assert.match(await consume(broker), /^before\n/);
          for (const file of filling) rmSync(file);
          await produceUntilTaken(broker, 'after');
        }
        assert.equal(broker.child.exitCode, null);
      },
    );
    await context.test('everything acknowledged is there after a kill', async () => {
      await broker.stop('SIGKILL');
      broker = await serve(data);
      const lines = await consume(broker);
      assert.match(lines, /^before\n/);
      assert.match(lines, /\nbetween\n/);
      assert.match(lines, /\nafter\n/);
    });
  } finally {
    clearInterval(alive);
    await broker.stop('SIGKILL');
    disk.remove();
  }
});

function serve(data: string): Promise<ServeProcess> {
  return serveOttla(['--data', data, '--set', 'ottla.wal.file.bytes=8388608', '--set', 'ottla.wal.max.bytes=33554432']);
}

/** Why the record was not taken; undefined when it was. */
async function produce(broker: ServeProcess, value: string): Promise<Error | undefined> {
  try {
    await withClient(broker, async (client) => {
      // Without a producer id, for which there would be no room either.
      const producer = new Producer(client, { deliveryTimeoutMs: DELIVERY_TIMEOUT_MS, idempotent: false });
      await producer.send({ topic: TOPIC, partition: 0, value: Buffer.from(value) });
      await producer.close();
    });
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** The error code of the first answer: a life that ends gives none, and the next one has to come. */
async function answerToProduce(broker: ServeProcess, value: string): Promise<number> {
  const records = buildBatch({ records: [{ key: null, value: Buffer.from(value), timestampMs: Date.now() }] });
  for (;;) {
    try {
      let errorCode: number = ErrorCode.NONE;
      await withClient(broker, async (client) => {
        const { topicId } = await client.topic(TOPIC);
        const topicData = [{ name: TOPIC, topicId, partitionData: [{ index: 0, records }] }];
        const request = { transactionalId: null, acks: -1, timeoutMs: DELIVERY_TIMEOUT_MS, topicData };
        const { responses } = await client.request(produceApi, request);
        errorCode = responses[0]!.partitionResponses[0]!.errorCode;
      });
      return errorCode;
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      await nextTurn();
    }
  }
}

async function produceUntilRefused(broker: ServeProcess, value: string): Promise<Error> {
  for (;;) {
    const refusal = await produce(broker, value);
    if (refusal !== undefined) return refusal;
  }
}

async function produceUntilTaken(broker: ServeProcess, value: string): Promise<void> {
  while ((await produce(broker, value)) !== undefined) await nextTurn();
}

async function consume(broker: ServeProcess): Promise<string> {
  const { stdout } = await runOttla(['consume', TOPIC], { env: { OTTLA_BOOTSTRAP: broker.bootstrapServers } });
  return stdout.toString();
}

async function withClient(broker: ServeProcess, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = await connectClient(nodeRuntime(), broker.bootstrapServers);
  try {
    await work(client);
  } finally {
    client.close();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Files that fill the disk until `isEnough`, or until not a byte is left. */
function fillUntil(directory: string, isEnough: () => boolean): string[] {
  const files: string[] = [];
  while (!isEnough()) {
    const file = path.join(directory, `filling-${files.length}`);
    files.push(file);
    try {
      writeFileSync(file, Buffer.alloc(FILLING_BYTES));
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ENOSPC');
      break;
    }
  }
  return files;
}

function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

function mountSmallDisk(): { readonly path: string; remove(): void } | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const directory = temporaryDirectory();
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', directory.path]);
  if (mount.status !== 0) {
    directory.remove();
    return undefined;
  }
  return {
    path: directory.path,
    remove() {
      spawnSync('umount', ['-l', directory.path]);
      directory.remove();
    },
  };
}
