// The oracle: small applications that read, transform and write, right and wrong ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../src/client/client.ts';
import { Consumer } from '../../src/client/consumer.ts';
import { commitOffsets } from '../../src/client/groups.ts';
import { Producer } from '../../src/client/producer.ts';
import { TransactionalProducer } from '../../src/client/transactional-producer.ts';
import type { ExactlyOnceOptions } from '../../src/testing.ts';
import { newTopic, send, withBroker, withClient } from './clients.ts';

const ABOUT: ExactlyOnceOptions = { input: 'orders', output: 'invoices', group: 'billing', clientId: 'app' };
const IDS = ['1', '2', '3', '4'];

/** Reads all that is there and hands it out. */
async function read(client: Client, readCommitted = true): Promise<string[]> {
  const consumer = new Consumer(client, { readCommitted, maxWaitMs: 10 });
  await consumer.assign([{ topic: 'orders', partition: 0, from: 'beginning' }]);
  const values: string[] = [];
  for (;;) {
    const found = await consumer.poll(1_000);
    for (const { records } of found) for (const { value } of records) values.push(String(value));
    const last = found.at(-1);
    if (last !== undefined && last.nextOffset >= last.endOffset) break;
  }
  consumer.close();
  return values;
}

async function write(client: Client, values: readonly string[], idempotent = true): Promise<void> {
  await send(client, 'invoices', values, { idempotent });
}

const commit = (client: Client, offset: number) =>
  commitOffsets(client, 'billing', [{ topic: 'orders', offsets: new Map([[0, offset]]) }]);

async function withOrders(work: Parameters<typeof withBroker>[0]): Promise<void> {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders');
    await newTopic(client, 'invoices');
    await withClient(broker, (shop) => send(shop, 'orders', IDS), 'shop');
    await work(broker, client);
  });
}

test('an application whose transactions survive dropped answers is found to be exactly once', async () => {
  await withOrders(async (broker, client) => {
    broker.faults.add({ api: ['Produce', 'EndTxn'], clientId: 'app', topic: 'invoices', action: { drop: 'after' } });
    const producer = new TransactionalProducer(client, 'app-1');
    await producer.init();
    const values = await read(client);
    producer.begin();
    for (const value of values) await producer.send({ topic: 'invoices', value });
    await producer.sendOffsets('billing', [{ topic: 'orders', offsets: new Map([[0, values.length]]) }]);
    await producer.commit();
    await producer.close();
    const verdict = await broker.exactlyOnce(ABOUT);
    assert.ok(verdict.exactlyOnce, String(verdict));
    assert.equal(String(verdict), 'exactly once: 4 inputs, 4 outputs');
  });
});

test('a retry without idempotence is found as a duplicate, with the two requests', async () => {
  await withOrders(async (broker, client) => {
    const values = await read(client);
    broker.faults.add({ api: 'Produce', clientId: 'app', nth: 2, action: { drop: 'after' } });
    await write(client, values, false);
    await commit(client, 4);
    const { findings } = await broker.exactlyOnce(ABOUT);
    assert.deepEqual(
      findings.map(({ kind, outputs }) => [kind, outputs.map(({ offset }) => offset)]),
      [['duplicated', [1, 2]]],
    );
    const requests = findings[0]!.requests.map((number) =>
      broker.journal.entries().find((entry) => entry.number === number),
    );
    assert.deepEqual(
      requests.map((entry) => [entry?.api, entry?.outcome]),
      [
        ['Produce', 'dropped'],
        ['Produce', 'answered'],
      ],
    );
  });
});

test('an input that was committed and not processed is found as lost', async () => {
  await withOrders(async (broker, client) => {
    const values = await read(client);
    await write(client, values.slice(0, 3));
    await commit(client, 3);
    assert.ok((await broker.exactlyOnce({ ...ABOUT, complete: false })).exactlyOnce);
    await commit(client, 4);
    const verdict = await broker.exactlyOnce({ ...ABOUT, complete: false });
    assert.deepEqual(
      verdict.findings.map(({ kind, inputs }) => [kind, inputs]),
      [['lost', [{ topic: 'orders', partition: 0, offset: 3 }]]],
    );
    const apis = verdict.findings[0]!.requests.map(
      (number) => broker.journal.entries().find((entry) => entry.number === number)?.api,
    );
    assert.deepEqual([...new Set(apis)], ['Fetch', 'OffsetCommit']);
    assert.match(String(verdict), /lost: "4": 1 inputs have 0 outputs instead of 1 \(input orders-0@3; requests #/);
  });
});

test('a commit beyond what was fetched is found as skipped', async () => {
  await withOrders(async (broker, client) => {
    await write(client, IDS);
    await commit(client, 4);
    const { findings } = await broker.exactlyOnce(ABOUT);
    assert.deepEqual(
      findings.map(({ kind, inputs }) => [kind, inputs.length]),
      [['skipped', 4]],
    );
  });
});

test('outputs in another order than their inputs are found', async () => {
  await withOrders(async (broker, client) => {
    await read(client);
    await write(client, ['1', '3', '2', '4']);
    const { findings } = await broker.exactlyOnce(ABOUT);
    assert.deepEqual(
      findings.map(({ kind, inputs, outputs }) => [
        kind,
        inputs.map(({ offset }) => offset),
        outputs.map(({ offset }) => offset),
      ]),
      [['reordered', [2, 1], [1, 2]]],
    );
  });
});

test('an application that reads uncommitted records is found by what it fetched and by what it made of it', async () => {
  await withOrders(async (broker, client) => {
    await withClient(broker, async (shop) => {
      const producer = new TransactionalProducer(shop, 'shop-1');
      await producer.init();
      producer.begin();
      await producer.send({ topic: 'orders', value: 'never' });
      await producer.abort();
      await producer.close();
    });
    await write(client, await read(client, false));
    const { findings } = await broker.exactlyOnce(ABOUT);
    assert.deepEqual(
      [...new Set(findings.map(({ kind, inputs }) => `${kind} ${inputs.map(({ offset }) => offset)}`))],
      ['uncommitted 4'],
    );
    assert.ok(findings.some(({ outputs }) => outputs[0]?.offset === 4));
  });
});

test('an output that nobody asked for is found, and ids may come from headers and fields', async () => {
  await withBroker(async (broker, client) => {
    await send(client, 'orders', ['{"id":7}', '{"id":8}']);
    const producer = new Producer(client);
    for (const id of ['7', '8', '9']) {
      await producer.send({ topic: 'invoices', value: 'x', headers: [{ key: 'order', value: Buffer.from(id) }] });
    }
    await producer.close();
    const { findings } = await broker.exactlyOnce({
      input: 'orders',
      output: ['invoices'],
      inputId: 'json:id',
      outputId: 'header:order',
    });
    assert.deepEqual(
      findings.map(({ kind, outputs }) => [kind, outputs[0]?.offset]),
      [['invented', 2]],
    );
    await assert.rejects(
      broker.exactlyOnce({ input: 'orders', output: 'invoices', inputId: 'keys' as 'key' }),
      TypeError,
    );
  });
});
