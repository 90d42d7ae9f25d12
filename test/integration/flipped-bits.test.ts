// One bit flips in some file of a data directory, after a clean stop or as a crash left it. Then the broker does not start and names
// the file, or a reader is told that records are damaged, or everything is read as it was written: nothing wrong is ever served.
// (Files of aborted transactions are not among them: `ottla check` looks at those.) OTTLA_SEED and OTTLA_SEEDS say which flips.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createTopic } from '../../src/client/admin.ts';
import { type Client, connectClient } from '../../src/client/client.ts';
import { ClientError } from '../../src/client/client-error.ts';
import { Consumer } from '../../src/client/consumer.ts';
import { Producer } from '../../src/client/producer.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { Dice } from '../dice.ts';
import { temporaryDirectory } from './ottla-process.ts';

const RECORDS = 3_000;
const PARTITIONS = 2;
const clean = temporaryDirectory();
const crashed = temporaryDirectory();

before(async () => {
  const broker = await startBroker({ data: clean.path });
  const client = await connectClient(nodeRuntime(), broker.bootstrapServers);
  await createTopic(client, {
    name: 'bits',
    partitions: PARTITIONS,
    configs: { 'segment.bytes': String(1024 * 1024) },
  });
  const producer = new Producer(client, { batchBytesMax: 20_000 });
  const sent = Array.from({ length: RECORDS }, (_, i) => {
    return producer.send({ topic: 'bits', partition: i % PARTITIONS, value: payload(i) });
  });
  await Promise.all(sent);
  await producer.close();
  await client.close();
  // Everything is acknowledged and nothing is written: as after a power cut.
  cpSync(clean.path, crashed.path, { recursive: true, filter: (file) => !statSync(file).isSocket() });
  await broker.close();
});

after(() => {
  clean.remove();
  crashed.remove();
});

function payload(number: number): Buffer {
  return Buffer.from(`${number}:${'v'.repeat(500)}`);
}

function flipSomewhere(data: string, dice: Dice): string {
  const files = readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock') && !entry.name.endsWith('.txnindex'))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => statSync(file).size > 0)
    .sort();
  const file = files[dice.below(files.length)] as string;
  const bytes = readFileSync(file);
  // Not the unwritten rest of a large file only.
  const position = dice.below(dice.below(2) === 0 ? bytes.length : Math.min(bytes.length, 20_000));
  bytes[position]! ^= 1 << dice.below(8);
  writeFileSync(file, bytes);
  return `${path.relative(data, file)}, byte ${position}`;
}

async function started(data: string, where: string): Promise<RunningBroker | undefined> {
  try {
    return await startBroker({ data });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    assert.ok(code === 'DAMAGED' || code === 'NEWER_FORMAT', `${where}: ${message}`);
    assert.match(message, /wal-|checkpoint|metadata|bits-\d|broker-1/, where);
    return undefined;
  }
}

/** True when the reader was told of damage. */
async function readsAreRight(client: Client, partition: number, where: string): Promise<boolean> {
  const consumer = new Consumer(client);
  let next = partition;
  try {
    await consumer.assign([{ topic: 'bits', partition, from: 'beginning' }]);
    while (next < RECORDS) {
      for (const { records } of await consumer.poll()) {
        for (const { value } of records) {
          assert.ok(value?.equals(payload(next)), `${where}: ${value?.subarray(0, 20)} instead of ${next}`);
          next += PARTITIONS;
        }
      }
    }
    return false;
  } catch (error) {
    if (!(error instanceof ClientError) || error.errorCode !== ErrorCode.CORRUPT_MESSAGE) throw error;
    return true;
  } finally {
    consumer.close();
  }
}

for (const [how, original] of [
  ['a clean stop', clean],
  ['a crash', crashed],
] as const) {
  test(`a bit that flips in any file after ${how} is never served`, { timeout: 280_000 }, async () => {
    const from = Number(process.env.OTTLA_SEED ?? 1);
    const count = Number(process.env.OTTLA_SEEDS ?? 12);
    for (let seed = from; seed < from + count; seed++) {
      const data = temporaryDirectory();
      cpSync(original.path, data.path, { recursive: true, filter: (file) => !statSync(file).isSocket() });
      const where = `seed ${seed}: ${flipSomewhere(data.path, new Dice(seed))}`;
      const broker = await started(data.path, where);
      if (broker !== undefined) {
        const client = await connectClient(nodeRuntime(), broker.bootstrapServers);
        for (let partition = 0; partition < PARTITIONS; partition++) await readsAreRight(client, partition, where);
        await client.close();
        await broker.close();
      }
      data.remove();
    }
  });
}
