// Tests of an application that uses Kafka, with Vitest: matchers, faults, clock and forks.
import { Producer, stringSerializers } from '@platformatic/kafka';
import { kafkaMatchers, startTestBroker } from 'ottla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBilling } from './billing.js';

expect.extend(kafkaMatchers);

const PATIENCE = { timeoutMs: 60_000 };
let prepared;

beforeAll(async () => {
  // Records have the broker's time: that of their producer does not move with the clock.
  const settings = { 'num.partitions': 2, 'log.message.timestamp.type': 'LogAppendTime' };
  prepared = await startTestBroker({ settings });
  await order(prepared, 'first');
});

afterAll(() => prepared.close());

test('every order has one invoice, although the broker asks for patience', async () => {
  await withBilling(async (broker) => {
    const error = { error: 'NOT_ENOUGH_REPLICAS' };
    const fault = broker.faults.add({
      api: 'Produce',
      clientId: 'billing',
      topic: 'invoices',
      times: 2,
      action: error,
    });
    await order(broker, 'second');
    await fault.struck(2);
    const invoices = [{ key: 'first' }, { key: 'second' }];
    await expect(broker.topic('invoices')).toHaveReceived(invoices, { exactly: true, ...PATIENCE });
    await expect(broker.group('billing')).toBeCaughtUp({ topic: 'orders', ...PATIENCE });
    await expect(broker.topic('invoices')).not.toHaveReceived({ key: 'third' });
  });
});

test('orders are forgotten after a week, and new ones are still invoiced', async () => {
  await withBilling(async (broker) => {
    await expect(broker.topic('invoices')).toHaveReceived({ key: 'first' }, PATIENCE);
    await broker.clock.advance('8 days');
    await expect(broker.topic('orders')).not.toHaveReceived({ key: 'first' });
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
  } catch (error) {
    console.error(broker.journal.toString({ clientId: 'billing' }));
    throw error;
  } finally {
    await billing.stop();
    await broker.close();
  }
}

async function order(broker, id) {
  const options = { clientId: 'shop', bootstrapBrokers: [broker.bootstrapServers], serializers: stringSerializers };
  const producer = new Producer({ ...options, autocreateTopics: true });
  await producer.send({ messages: [{ topic: 'orders', key: id, value: '100' }], acks: -1 });
  await producer.close();
}
