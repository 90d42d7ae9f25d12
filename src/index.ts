// The public face: a broker inside your program or test.
//
//   import { startBroker } from 'ottla';
//   const broker = await startBroker();           // in memory, on a free port
//   … any Kafka client, bootstrap servers broker.bootstrapServers …
//   await broker.close();
/// <reference lib="esnext.disposable" preserve="true" />
import { resolve, sep } from 'node:path';
import { openBroker } from './broker.ts';
import type { Client } from './client/client.ts';
import type { DescribedGroup } from './client/group-description.ts';
import type { ListedGroup } from './client/groups.ts';
import type { DescribedTransaction, ListedTransaction, TransactionFilters } from './client/transactions.ts';
import { nodeRuntime } from './runtime/node/node-runtime.ts';
import type { Runtime } from './runtime/runtime.ts';
import { settingsFrom } from './settings/start-options.ts';
import { SettingsError } from './settings.ts';

export type { DescribedGroup, DescribedTransaction, ListedGroup, ListedTransaction, TransactionFilters };
export { SettingsError };

export interface BrokerOptions {
  /** Directory for everything the broker keeps. Without it everything is in memory and gone on close. */
  readonly data?: string;
  /**
   * What an acknowledged acks=all write survives: `fsync` a power cut, `os` the death of the process, `memory` nothing.
   * Default: `fsync` with `data`, `memory` without.
   */
  readonly durability?: 'fsync' | 'os' | 'memory';
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** TCP port. Default: 0, a free one. */
  readonly port?: number;
  /** `host:port` that clients are told to connect to. Default: the address they dialled. */
  readonly advertise?: string;
  /** Settings by name, Kafka's and Ottla's own: `{ 'num.partitions': 4 }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Gets the broker's log, line by line; without it the log is dropped. */
  readonly writeLogLine?: (line: string) => void;
}

export interface RunningBroker extends AsyncDisposable {
  /** `host:port`, what Kafka clients ask for. */
  readonly bootstrapServers: string;
  readonly host: string;
  readonly port: number;
  /** Consumer groups, as `ottla group` shows and changes them. */
  readonly groups: BrokerGroups;
  /** Transactional ids, as `ottla transaction` shows and fences them. */
  readonly transactions: BrokerTransactions;
  /** Resolves when the broker has been closed; rejects when it had to give up by itself (a broken disk, for example). */
  readonly closed: Promise<void>;
  /** Answers the requests already received, flushes everything, and leaves nothing behind that keeps the process alive. */
  close(): Promise<void>;
}

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

/**
 * Starts a broker and resolves when it accepts connections. Rejects with SettingsError, with TypeError for an option that
 * does not exist, or with an error that has a `code` and one sentence that says what to do (port or directory in use, …).
 */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  refuseUnknown(options);
  const { writeLogLine = () => {}, ...rest } = options;
  const settings = settingsFrom(rest, { data: null, host: '127.0.0.1', port: 0 });
  const directory = settings.dataDirectory === null ? null : resolve(settings.dataDirectory).split(sep).join('/');
  const runtime = nodeRuntime({ writeLogLine });
  const broker = await openBroker({ runtime, settings, directory });
  const bootstrapServers = dialable(broker.host, broker.port);
  for (const warning of settings.warnings) writeLogLine(`${warning}\n`);
  return {
    bootstrapServers,
    host: broker.host,
    port: broker.port,
    groups: brokerGroups(asking(runtime, bootstrapServers)),
    transactions: brokerTransactions(asking(runtime, bootstrapServers)),
    closed: broker.closed,
    close: () => broker.close(),
    [Symbol.asyncDispose]: () => broker.close(),
  };
}

type Ask = <Result>(work: (client: Client) => Promise<Result>) => Promise<Result>;

/** Asks as any client does, over a connection of its own for each call; the client is loaded when first needed. */
function asking(runtime: Runtime, bootstrapServers: string): Ask {
  return async (work) => {
    const { connectClient } = await import('./client/client.ts');
    const client = await connectClient(runtime, bootstrapServers, { clientId: 'ottla-embedded' });
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  };
}

function brokerGroups(ask: Ask): BrokerGroups {
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

function brokerTransactions(ask: Ask): BrokerTransactions {
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

const OPTIONS = [
  'data',
  'durability',
  'host',
  'port',
  'advertise',
  'settings',
  'writeLogLine',
] as const satisfies readonly (keyof BrokerOptions)[];

/** Programs without types get no help from the compiler: a misspelt option must not be dropped silently. */
function refuseUnknown(options: BrokerOptions): void {
  const known: readonly string[] = OPTIONS;
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(
    `startBroker has no option ${unknown}; it takes ${OPTIONS.join(', ')} (Kafka's settings go into "settings").`,
  );
}

/** An address to dial; a broker that listens everywhere is reached on this machine's own. */
function dialable(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `127.0.0.1:${port}`;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
