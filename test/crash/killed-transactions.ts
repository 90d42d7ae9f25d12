// Transactions by several producers over several partitions, with the offsets of a group each. A reader of committed records has to
// see each transaction whole or not at all: what was answered as committed is there once and in order, what was aborted or never told
// to commit is not, and the group's offsets are those of the last that is.
import assert from 'node:assert/strict';
import { createTopic, OffsetSpec } from '../../src/client/admin.ts';
import { type Client, connectClient } from '../../src/client/client.ts';
import { Consumer } from '../../src/client/consumer.ts';
import { committedOffsets } from '../../src/client/groups.ts';
import { listOffsetsOf } from '../../src/client/list-offsets.ts';
import { TransactionalProducer } from '../../src/client/transactional-producer.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import type { Dice } from '../dice.ts';
import type { ServeProcess } from '../integration/ottla-process.ts';
import type { CrashLoad, Killing } from './killing.ts';

const TOPIC = 'ledger';
const PARTITIONS = [0, 1, 2, 3, 4];
const PRODUCERS = 4;

/** What its producer knows of a transaction; `unknown` when the answer to its commit did not come. */
type Outcome = 'committed' | 'not committed' | 'unknown';

interface Transaction {
  readonly number: number;
  /** How many records it has, by partition. */
  readonly counts: number[];
  outcome: Outcome;
}

export class KilledTransactions implements CrashLoad {
  readonly #ledgers: Transaction[][] = Array.from({ length: PRODUCERS }, () => []);
  readonly #dice: Dice;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  async prepare(broker: ServeProcess): Promise<void> {
    const client = await connect(broker);
    await createTopic(client, { name: TOPIC, partitions: PARTITIONS.length });
    client.close();
  }

  async writeUntilKilled(broker: ServeProcess, killing: Killing): Promise<void> {
    const client = await connect(broker).catch((error) => {
      if (!killing.isStruck) throw error;
    });
    if (client === undefined) return killing.done;
    const writers = this.#ledgers.map((ledger, id) => writeTransactions(client, id, ledger, this.#dice, killing));
    await killing.done;
    client.close();
    await Promise.all(writers);
  }

  async verify(broker: ServeProcess): Promise<void> {
    const client = await connect(broker);
    await verifyLedgers(client, this.#ledgers);
    client.close();
  }
}

/** One after the other until the broker is gone. */
async function writeTransactions(
  client: Client,
  id: number,
  ledger: Transaction[],
  dice: Dice,
  killing: Killing,
): Promise<void> {
  const producer = new TransactionalProducer(client, `writer-${id}`);
  try {
    await producer.init();
    for (;;) {
      const transaction: Transaction = {
        number: ledger.length,
        counts: PARTITIONS.map(() => 0),
        outcome: 'not committed',
      };
      ledger.push(transaction);
      producer.begin();
      for (const partition of PARTITIONS) {
        if (partition !== id && dice.below(2) === 0) continue;
        const count = 1 + dice.below(3);
        const record = { topic: TOPIC, partition, value: `${id}:${transaction.number}` };
        for (let i = 1; i < count; i++) producer.add(record);
        if (dice.below(4) === 0) await producer.send(record);
        else producer.add(record);
        transaction.counts[partition] = count;
      }
      await producer.sendOffsets(`group-${id}`, [{ topic: TOPIC, offsets: new Map([[0, transaction.number]]) }]);
      if (dice.below(4) === 0) {
        await producer.abort();
      } else {
        transaction.outcome = 'unknown';
        await producer.commit();
        transaction.outcome = 'committed';
      }
      killing.acknowledge();
    }
  } catch {
    // The broker was killed; what this transaction is, the ledger says.
  }
}

async function verifyLedgers(client: Client, ledgers: readonly Transaction[][]): Promise<void> {
  // Whoever comes next under a transactional id ends what was left open.
  for (const id of ledgers.keys()) await new TransactionalProducer(client, `writer-${id}`).init();
  const seen = await readCommitted(client);
  for (const [id, ledger] of ledgers.entries()) {
    let last = -1;
    for (const transaction of ledger) {
      const { number, counts, outcome } = transaction;
      const found = seen.map((values) => values.get(`${id}:${number}`) ?? 0);
      // Once it is known what became of it, that must not change with the next kill.
      if (outcome === 'unknown') transaction.outcome = found.some((count) => count > 0) ? 'committed' : 'not committed';
      const expected = transaction.outcome === 'committed' ? counts : PARTITIONS.map(() => 0);
      assert.deepEqual(found, expected, `transaction ${number} of writer ${id}, ${outcome}`);
      if (transaction.outcome === 'committed') last = number;
    }
    const [offsets] = await committedOffsets(client, `group-${id}`, null);
    assert.equal(offsets?.offsets.get(0) ?? -1, last, `the offsets of writer ${id}`);
  }
}

/** By partition: how often each value was seen, always in order of its writer. No transaction may be open. */
async function readCommitted(client: Client): Promise<Map<string, number>[]> {
  const ends = await listOffsetsOf(client, TOPIC, PARTITIONS, OffsetSpec.LATEST);
  const stable = await listOffsetsOf(client, TOPIC, PARTITIONS, OffsetSpec.LATEST, true);
  assert.deepEqual(stable, ends, 'nothing keeps readers back');
  const seen = PARTITIONS.map(() => new Map<string, number>());
  const newest = new Map<string, number>();
  const consumer = new Consumer(client, { readCommitted: true, maxWaitMs: 50 });
  await consumer.assign(PARTITIONS.map((partition) => ({ topic: TOPIC, partition, from: 'beginning' })));
  while (PARTITIONS.some((partition) => consumer.position(TOPIC, partition)! < ends.get(partition)!)) {
    for (const { partition, records } of await consumer.poll()) {
      for (const { value } of records) {
        const text = String(value);
        const [writer, number] = text.split(':').map(Number);
        const key = `${partition} ${writer}`;
        assert.ok(number! >= (newest.get(key) ?? 0), `partition ${partition}: ${text} is behind ${newest.get(key)}`);
        newest.set(key, number!);
        seen[partition]!.set(text, (seen[partition]!.get(text) ?? 0) + 1);
      }
    }
  }
  consumer.close();
  return seen;
}

function connect(broker: ServeProcess): Promise<Client> {
  return connectClient(nodeRuntime({ writeLogLine: () => {} }), broker.bootstrapServers);
}
