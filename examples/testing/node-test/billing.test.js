// Tests of an application that uses Kafka, with node:test: one prepared broker, and a fork of it for each test.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Kafka, logLevel } from 'kafkajs';
import { startTestBroker } from 'ottla/testing';
import { startBilling } from './billing.js';

let prepared;

before(async () => {
  prepared = await startTestBroker();
  const admin = clientOf(prepared).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 2 }, { topic: 'invoices' }] });
  await admin.disconnect();
  await order(prepared, 'first');
});

after(() => prepared.close());

test('every order has one invoice, although answers are lost', async () => {
  await withBilling(async (broker) => {
    broker.faults.add({ api: 'Produce', clientId: 'billing', nth: 2, action: { drop: 'after' } });
    broker.faults.add({
      api: 'TxnOffsetCommit',
      clientId: 'billing',
      action: { error: 'COORDINATOR_LOAD_IN_PROGRESS' },
    });
    await order(broker, 'second');
    await order(broker, 'third');
    await broker.group('billing').caughtUp({ topic: 'orders', timeoutMs: 60_000 });
    const invoices = ['first', 'second', 'third'].map((id) => ({ key: id, value: { id } }));
    await broker.expectTopic('invoices').toHaveReceived(invoices, { exactly: true });
    const verdict = await broker.exactlyOnce({
      input: 'orders',
      output: 'invoices',
      group: 'billing',
      clientId: 'billing',
    });
    assert.ok(verdict.exactlyOnce, String(verdict));
  });
});

test('a broker that is killed and comes back costs no order', async () => {
  await withBilling(async (broker) => {
    await broker.expectTopic('invoices').toHaveReceived({ key: 'first' }, { timeoutMs: 60_000 });
    await broker.crash();
    await broker.start();
    await order(broker, 'second');
    await broker
      .expectTopic('invoices')
      .toHaveReceived([{ key: 'first' }, { key: 'second' }], { exactly: true, timeoutMs: 60_000 });
  });
});

test('the application joins again when its session ran out', async () => {
  await withBilling(async (broker) => {
    await broker.group('billing').caughtUp({ topic: 'orders', timeoutMs: 60_000 });
    const sessions = broker.journal.entries({ api: 'JoinGroup' }).length;
    await broker.clock.advance('1 minute');
    await order(broker, 'second');
    await broker.expectTopic('invoices').toHaveReceived({ key: 'second' }, { timeoutMs: 60_000 });
    // Its answer may have been quicker than the heartbeat that tells it.
    await broker.waitUntil(
      () => broker.journal.entries({ api: 'JoinGroup' }).length > sessions,
      () => 'it did not have to join again',
    );
  });
});

test('orders are forgotten after a week', async () => {
  const broker = await prepared.fork();
  try {
    await broker.clock.advance('8 days');
    assert.deepEqual(await broker.topic('orders').records(), []);
    assert.equal((await prepared.topic('orders').records()).length, 1);
  } finally {
    await broker.close();
  }
});

test('a leader that moves to another broker costs no order', async () => {
  const broker = await startTestBroker({ brokers: 3 });
  await order(broker, 'first');
  const billing = await startBilling(broker.bootstrapServers);
  try {
    await broker.expectTopic('invoices').toHaveReceived({ key: 'first' }, { timeoutMs: 60_000 });
    await broker.moveLeader('orders', 0);
    await broker.moveLeader('invoices', 0);
    broker.moveCoordinator({ group: 'billing' });
    await order(broker, 'second');
    await broker
      .expectTopic('invoices')
      .toHaveReceived([{ key: 'first' }, { key: 'second' }], { exactly: true, timeoutMs: 60_000 });
  } finally {
    await billing.stop();
    await broker.close();
  }
});

async function withBilling(work) {
  const broker = await prepared.fork();
  const billing = await startBilling(broker.bootstrapServers);
  try {
    await work(broker);
  } catch (error) {
    console.error(broker.journal.toString({ clientId: 'billing' }));
    throw error;
  } finally {
    await billing.stop();
    await broker.close();
  }
}

async function order(broker, id) {
  const producer = clientOf(broker).producer({ idempotent: true });
  await producer.connect();
  await producer.send({ topic: 'orders', messages: [{ key: id, value: JSON.stringify({ id, amount: 100 }) }] });
  await producer.disconnect();
}

function clientOf(broker) {
  return new Kafka({ clientId: 'shop', brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING });
}
