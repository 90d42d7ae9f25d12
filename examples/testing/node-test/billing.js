// The application under test: for each order an invoice, exactly once, with KafkaJS. It knows nothing of Ottla.
import { Kafka, logLevel } from 'kafkajs';

export async function startBilling(bootstrapServers) {
  const kafka = new Kafka({
    clientId: 'billing',
    brokers: [bootstrapServers],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 20 },
  });
  const producer = kafka.producer({ transactionalId: 'billing-0', maxInFlightRequests: 1, idempotent: true });
  const consumer = kafka.consumer({
    groupId: 'billing',
    heartbeatInterval: 100,
    sessionTimeout: 10_000,
    maxWaitTimeInMs: 100,
  });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, partition, message }) => {
      const transaction = await producer.transaction();
      try {
        const { id, amount } = JSON.parse(message.value.toString());
        await transaction.send({
          topic: 'invoices',
          messages: [{ key: id, value: JSON.stringify({ id, total: amount * 1.19 }) }],
        });
        const offsets = [{ partition, offset: String(Number(message.offset) + 1) }];
        await transaction.sendOffsets({ consumerGroupId: 'billing', topics: [{ topic, partitions: offsets }] });
        await transaction.commit();
      } catch (error) {
        await transaction.abort().catch(() => {});
        throw error;
      }
    },
  });
  return {
    async stop() {
      await consumer.disconnect();
      await producer.disconnect();
    },
  };
}
