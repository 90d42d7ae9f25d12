// The application under test: one invoice at least for each order, with KafkaJS. It knows nothing of Ottla.
import { Kafka, logLevel } from 'kafkajs';

export async function startBilling(bootstrapServers) {
  const kafka = new Kafka({
    clientId: 'billing',
    brokers: [bootstrapServers],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 20 },
  });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  const consumer = kafka.consumer({
    groupId: 'billing',
    heartbeatInterval: 100,
    sessionTimeout: 10_000,
    maxWaitTimeInMs: 100,
  });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      await producer.send({
        topic: 'invoices',
        messages: [{ key: message.key, value: `invoice of ${message.value}` }],
      });
    },
  });
  return {
    async stop() {
      await consumer.disconnect();
      await producer.disconnect();
    },
  };
}
