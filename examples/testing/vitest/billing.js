// The application under test: one invoice at least for each order, with @platformatic/kafka. It knows nothing of Ottla.
import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';

export async function startBilling(bootstrapServers) {
  const options = { clientId: 'billing', bootstrapBrokers: [bootstrapServers], retries: 20, retryDelay: 100 };
  const producer = new Producer({
    ...options,
    idempotent: true,
    autocreateTopics: true,
    serializers: stringSerializers,
  });
  const consumer = new Consumer({
    ...options,
    groupId: 'billing',
    autocommit: false,
    sessionTimeout: 10_000,
    heartbeatInterval: 100,
    maxWaitTime: 100,
    deserializers: stringDeserializers,
  });
  const stream = await consumer.consume({ topics: ['orders'], mode: 'committed', fallbackMode: 'earliest' });
  const done = (async () => {
    for await (const order of stream) {
      const messages = [{ topic: 'invoices', key: order.key, value: `invoice of ${order.value}` }];
      await producer.send({ messages, acks: -1 });
      await order.commit();
    }
  })();
  return {
    async stop() {
      await consumer.close(true);
      await done.catch(() => {});
      await producer.close(true);
    },
  };
}
