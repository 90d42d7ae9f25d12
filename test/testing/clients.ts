// Clients for tests of the test broker: Ottla's own small one.
import { createTopic } from '../../src/client/admin.ts';
import { type Client, connectClient } from '../../src/client/client.ts';
import { Producer } from '../../src/client/producer.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { startTestBroker, type TestBroker, type TestBrokerOptions } from '../../src/testing.ts';

/** Starts a broker, connects a client, and leaves neither. */
export async function withBroker(
  work: (broker: TestBroker, client: Client) => Promise<void>,
  options: TestBrokerOptions = {},
): Promise<void> {
  const broker = await startTestBroker(options);
  try {
    await withClient(broker, (client) => work(broker, client));
  } finally {
    await broker.close();
  }
}

export async function withClient<T>(
  broker: TestBroker,
  work: (client: Client) => Promise<T>,
  clientId = 'app',
): Promise<T> {
  const client = await connectClient(nodeRuntime(), broker.bootstrapServers, {
    clientId,
    retryBackoffMs: 10,
    retryBackoffMaxMs: 50,
  });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

export async function newTopic(
  client: Client,
  name: string,
  { partitions = 1, configs = {} }: { partitions?: number; configs?: Record<string, string> } = {},
): Promise<void> {
  await createTopic(client, { name, partitions, configs });
}

/** Sends one value after the other, so that each is a batch. */
export async function send(
  client: Client,
  topic: string,
  values: readonly string[],
  options: { timestampMs?: number; partition?: number; idempotent?: boolean } = {},
): Promise<void> {
  const { idempotent = true, ...place } = options;
  const producer = new Producer(client, { idempotent });
  try {
    for (const value of values) await producer.send({ topic, value: Buffer.from(value), ...place });
  } finally {
    await producer.close();
  }
}
