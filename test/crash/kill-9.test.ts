// The process is killed with SIGKILL under load, again and again over one directory. Whatever was acknowledged must be
// there afterwards, once and in order. (This proves `fsync` and `os` against the death of the process; a power cut is
// simulated elsewhere, by a file system that forgets what was not synced.) OTTLA_CRASH_ROUNDS=300 kills so often, at random
// moments; OTTLA_CRASH_SEED repeats the moments of an earlier run as far as a real machine can.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTopic, listOffset } from '../../src/client/admin.ts';
import { type Client, connectClient } from '../../src/client/client.ts';
import { Consumer } from '../../src/client/consumer.ts';
import { Producer } from '../../src/client/producer.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { Dice } from '../dice.ts';
import { type ServeProcess, serveOttla, temporaryDirectory } from '../integration/ottla-process.ts';

const TOPIC = 'survivors';
const PARTITIONS = 5;
const ROUNDS = Number(process.env.OTTLA_CRASH_ROUNDS ?? 3);
const SEED = Number(process.env.OTTLA_CRASH_SEED ?? Date.now() % 1_000_000);
/** Acknowledged records per round before the kill; different each time so that it hits different moments. */
const ACKNOWLEDGED_BEFORE_KILL = [1, 700, 12_000];
/** Small and large records: the large ones make batches that are written in place instead of through the log. */
const SMALL_BYTES = 80;
const LARGE_BYTES = 60_000;
const LARGE_EVERY = 40;

for (const durability of ['fsync', 'os']) {
  test(`what was acknowledged survives kill -9 under load (${durability})`, { timeout: 240_000 * ROUNDS }, async () => {
    const dice = new Dice(SEED);
    const directory = temporaryDirectory();
    const written = new Written();
    const args = ['--data', directory.path, '--durability', durability];
    let broker = await serveOttla(args);
    // The runtime's timers do not keep a process alive; while retries wait for one, this does.
    const alive = setInterval(() => {}, 60_000);
    try {
      await withClient(broker, (client) => createTopic(client, { name: TOPIC, partitions: PARTITIONS }));
      for (let round = 0; round < ROUNDS; round++) {
        const before = ACKNOWLEDGED_BEFORE_KILL[round] ?? 1 + dice.below(dice.below(4_000) + 1);
        const acknowledged = await loadUntilKilled(broker, written, before);
        assert.ok(acknowledged > 0, `seed ${SEED}, round ${round}`);
        broker = await serveOttla(args);
        await withClient(broker, (client) => verify(client, written));
      }
    } finally {
      clearInterval(alive);
      await broker.stop();
      directory.remove();
    }
  });
}

/** Every value that was sent, by partition, and the newest that was acknowledged. */
class Written {
  readonly acknowledged: Set<number>[] = Array.from({ length: PARTITIONS }, () => new Set<number>());
  next = 0;
}

async function loadUntilKilled(
  broker: ServeProcess,
  written: Written,
  acknowledgedBeforeKill: number,
): Promise<number> {
  const client = await connect(broker);
  const producer = new Producer(client, { deliveryTimeoutMs: 30_000, batchBytesMax: 300 * 1024 });
  let acknowledged = 0;
  let killed: Promise<unknown> | undefined;
  const add = () => {
    const number = written.next++;
    const partition = number % PARTITIONS;
    return producer.add({ topic: TOPIC, partition, value: payload(number) }, (error) => {
      if (error !== undefined) return;
      written.acknowledged[partition]?.add(number);
      acknowledged++;
      if (acknowledged >= acknowledgedBeforeKill) killed ??= broker.stop('SIGKILL');
    });
  };
  while (killed === undefined) {
    for (let burst = 0; burst < 500; burst++) add();
    // Some of what was added must be on its way when the kill comes, but not without bound.
    if (producer.bufferedBytes > 4_000_000) await Promise.race([producer.writable(), nextTurn()]);
    else await nextTurn();
  }
  await killed;
  client.close();
  await producer.close().catch(() => {});
  return acknowledged;
}

async function verify(client: Client, written: Written): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const numbers = await readAll(client, partition);
    for (let at = 1; at < numbers.length; at++) {
      assert.ok(numbers[at]! > numbers[at - 1]!, `partition ${partition}: ${numbers[at]} follows ${numbers[at - 1]}`);
    }
    const found = new Set(numbers);
    for (const number of written.acknowledged[partition] ?? []) {
      assert.ok(found.has(number), `partition ${partition}: record ${number} was acknowledged and is gone`);
    }
  }
}

async function readAll(client: Client, partition: number): Promise<number[]> {
  const end = await listOffset(client, TOPIC, partition, 'end', false);
  const consumer = new Consumer(client);
  await consumer.assign([{ topic: TOPIC, partition, from: 'beginning' }]);
  const numbers: number[] = [];
  // A poll that brings nothing says nothing: a busy machine is slow.
  for (let next = 0; next < end; ) {
    const fetched = await consumer.poll();
    for (const { records } of fetched) {
      for (const { value } of records) {
        const number = Number(value?.subarray(0, 12).toString());
        assert.deepEqual(value, payload(number));
        numbers.push(number);
      }
    }
    next = fetched.at(-1)?.nextOffset ?? next;
  }
  consumer.close();
  return numbers;
}

function payload(number: number): Buffer {
  const value = Buffer.alloc(number % LARGE_EVERY === 0 ? LARGE_BYTES : SMALL_BYTES, number % 251);
  value.write(String(number).padStart(12, '0'));
  return value;
}

function connect(broker: ServeProcess): Promise<Client> {
  return connectClient(nodeRuntime(), broker.bootstrapServers);
}

async function withClient(broker: ServeProcess, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = await connect(broker);
  try {
    await work(client);
  } finally {
    client.close();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
