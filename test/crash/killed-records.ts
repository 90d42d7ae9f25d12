// Records by an idempotent producer, small ones and large ones. Whatever was acknowledged has to be there, once and in order.
import assert from 'node:assert/strict';
import { createTopic, listOffset } from '../../src/client/admin.ts';
import { type Client, connectClient } from '../../src/client/client.ts';
import { Consumer } from '../../src/client/consumer.ts';
import { Producer } from '../../src/client/producer.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import type { ServeProcess } from '../integration/ottla-process.ts';
import type { CrashLoad, Killing } from './killing.ts';

const TOPIC = 'survivors';
const PARTITIONS = 5;
/** The large ones make batches that are written in place instead of through the log. */
const SMALL_BYTES = 80;
const LARGE_BYTES = 60_000;
const LARGE_EVERY = 40;
/** Some of what was added must be on its way when the kill comes, but not without bound. */
const BUFFERED_BYTES_MAX = 4_000_000;

export class KilledRecords implements CrashLoad {
  /** By partition. */
  readonly #acknowledged: Set<number>[] = Array.from({ length: PARTITIONS }, () => new Set<number>());
  #next = 0;

  prepare(broker: ServeProcess): Promise<void> {
    return withClient(
      broker,
      async (client) => void (await createTopic(client, { name: TOPIC, partitions: PARTITIONS })),
    );
  }

  async writeUntilKilled(broker: ServeProcess, killing: Killing): Promise<void> {
    const client = await connect(broker).catch((error) => {
      if (!killing.isStruck) throw error;
    });
    if (client === undefined) return killing.done;
    const producer = new Producer(client, { deliveryTimeoutMs: 30_000, batchBytesMax: 300 * 1024 });
    while (!killing.isStruck) {
      for (let burst = 0; burst < 500; burst++) this.#add(producer, killing);
      if (producer.bufferedBytes > BUFFERED_BYTES_MAX) {
        await Promise.race([producer.writable(), nextTurn(), killing.done]);
      } else {
        await nextTurn();
      }
    }
    await killing.done;
    client.close();
    await producer.close().catch(() => {});
  }

  #add(producer: Producer, killing: Killing): void {
    const number = this.#next++;
    const partition = number % PARTITIONS;
    producer.add({ topic: TOPIC, partition, value: payload(number) }, (error) => {
      if (error !== undefined) return;
      this.#acknowledged[partition]?.add(number);
      killing.acknowledge();
    });
  }

  verify(broker: ServeProcess): Promise<void> {
    return withClient(broker, async (client) => {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const numbers = await readAll(client, partition);
        for (let at = 1; at < numbers.length; at++) {
          const [before, here] = [numbers[at - 1]!, numbers[at]!];
          assert.ok(here > before, `partition ${partition}: ${here} follows ${before}`);
        }
        const found = new Set(numbers);
        for (const number of this.#acknowledged[partition] ?? []) {
          assert.ok(found.has(number), `partition ${partition}: record ${number} was acknowledged and is gone`);
        }
      }
    });
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
  return connectClient(nodeRuntime({ writeLogLine: () => {} }), broker.bootstrapServers);
}

async function withClient(broker: ServeProcess, work: (client: Client) => Promise<void>): Promise<void> {
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
