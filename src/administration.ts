// What a program asks of a broker that it started, beside its own Kafka clients: groups and transactions, as `ottla group` and
// `ottla transaction` show and change them. Asked over the protocol, by a client that is loaded when first needed.
import type { Client } from './client/client.ts';
import type { DescribedGroup } from './client/group-description.ts';
import type { ListedGroup } from './client/groups.ts';
import type { DescribedTransaction, ListedTransaction, TransactionFilters } from './client/transactions.ts';
import type { Runtime } from './runtime/runtime.ts';

/** Rejections have Kafka's name of the error as `code`: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, … */
export interface BrokerGroups {
  list(): Promise<ListedGroup[]>;
  /** State, members with their partitions; committed offset, end and lag of each partition. */
  describe(group: string): Promise<DescribedGroup>;
  /** Sets committed offsets (partition → offset) of a group that has no members; creates the group when there is none. */
  reset(group: string, topic: string, offsets: ReadonlyMap<number, number>): Promise<void>;
  /** Deletes a group that has no members, with its offsets. */
  delete(group: string): Promise<void>;
}

/** Rejections have Kafka's name of the error as `code`: TRANSACTIONAL_ID_NOT_FOUND, … */
export interface BrokerTransactions {
  list(filters?: TransactionFilters): Promise<ListedTransaction[]>;
  /** State, producer, and the partitions of an open transaction. */
  describe(transactionalId: string): Promise<DescribedTransaction>;
  /** Ends the producer of a transactional id and aborts what it has open. */
  fence(transactionalId: string): Promise<void>;
}

export type Ask = <Result>(work: (client: Client) => Promise<Result>) => Promise<Result>;

/** Asks as any client does, over a connection of its own for each call. */
export function asking(runtime: Runtime, bootstrapServers: () => string, clientId: string): Ask {
  return async (work) => {
    const { connectClient } = await import('./client/client.ts');
    const client = await connectClient(runtime, bootstrapServers(), { clientId });
    try {
      return await work(client);
    } finally {
      client.close();
    }
  };
}

export function brokerGroups(ask: Ask): BrokerGroups {
  const calls = () => import('./client/groups.ts');
  return {
    list: () => ask(async (client) => (await calls()).groupsOf(client)),
    describe: (group) =>
      ask(async (client) => (await import('./client/group-description.ts')).describeGroup(client, group)),
    reset: (group, topic, offsets) =>
      ask(async (client) => (await calls()).commitOffsets(client, group, [{ topic, offsets }])),
    delete: (group) => ask(async (client) => (await calls()).deleteGroup(client, group)),
  };
}

export function brokerTransactions(ask: Ask): BrokerTransactions {
  const calls = () => import('./client/transactions.ts');
  return {
    list: (filters) => ask(async (client) => (await calls()).transactionsOf(client, filters)),
    describe: (transactionalId) => ask(async (client) => (await calls()).describeTransaction(client, transactionalId)),
    fence: (transactionalId) =>
      ask(async (client) => {
        await (await calls()).fenceProducer(client, transactionalId);
      }),
  };
}

/** An address to dial; a broker that listens everywhere is reached on this machine's own. */
export function dialable(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `127.0.0.1:${port}`;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
