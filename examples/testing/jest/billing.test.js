// Tests of an application that uses Kafka, with Jest: matchers, faults, clock and forks.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { kafkaMatchers, startTestBroker } from 'ottla/testing';
import { startBilling } from './billing.js';

expect.extend(kafkaMatchers);

const PATIENCE = { timeoutMs: 60_000 };
let prepared;

beforeAll(async () => {
  prepared = await startTestBroker();
  await order(prepared, 'first');
});

afterAll(() => prepared.close());

test('every order has one invoice, although an answer is lost', async () => {
  await withBilling(async (broker) => {
    const fault = broker.faults.add({
      api: 'Produce',
      clientId: 'billing',
      topic: 'invoices',
      action: { drop: 'after' },
    });
    await fault.struck();
    await expect(broker.topic('invoices')).toHaveReceived(
      { key: 'first', value: 'invoice of 100' },
      { exactly: true, ...PATIENCE },
    );
    await expect(broker.group('billing')).toBeCaughtUp(PATIENCE);
    await expect(broker.topic('invoices')).not.toHaveReceived({ key: 'second' });
  });
});

test('a session that ran out is no reason to miss an order', async () => {
  await withBilling(async (broker) => {
    await expect(broker.topic('invoices')).toHaveReceived({ key: 'first' }, PATIENCE);
    await broker.clock.advance('1 minute');
    await order(broker, 'second');
    await expect(broker.topic('invoices')).toHaveReceived({ key: 'second' }, PATIENCE);
  });
});

test('what one fork receives, the others do not', async () => {
  const [one, other] = await Promise.all([prepared.fork(), prepared.fork()]);
  await order(one, 'second');
  await expect(one.topic('orders')).toHaveReceived([{ key: 'first' }, { key: 'second' }], { exactly: true });
  await expect(other.topic('orders')).toHaveReceived({ key: 'first' }, { exactly: true });
  await Promise.all([one.close(), other.close()]);
});

async function withBilling(work) {
  const broker = await prepared.fork();
  const billing = await startBilling(broker.bootstrapServers);
  try {
    await work(broker);
  } finally {
    await billing.stop();
    await broker.close();
  }
}

async function order(broker, id) {
  const kafka = new Kafka({ clientId: 'shop', brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: 'orders', messages: [{ key: id, value: '100' }] });
  await producer.disconnect();
}
