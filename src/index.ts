// The public face: a broker inside your program or test.
//
//   import { startBroker } from 'ottla';
//   const broker = await startBroker();           // in memory, on a free port
//   … any Kafka client, bootstrap servers broker.bootstrapServers …
//   await broker.close();
/// <reference lib="esnext.disposable" preserve="true" />
import { resolve, sep } from 'node:path';
import {
  asking,
  type BrokerGroups,
  type BrokerTransactions,
  brokerGroups,
  brokerTransactions,
  dialable,
} from './administration.ts';
import { openBroker } from './broker.ts';
import type { DescribedGroup } from './client/group-description.ts';
import type { ListedGroup } from './client/groups.ts';
import type { DescribedTransaction, ListedTransaction, TransactionFilters } from './client/transactions.ts';
import { nodeRuntime } from './runtime/node/node-runtime.ts';
import { settingsFrom } from './settings/start-options.ts';
import { SettingsError } from './settings.ts';

export type {
  BrokerGroups,
  BrokerTransactions,
  DescribedGroup,
  DescribedTransaction,
  ListedGroup,
  ListedTransaction,
  TransactionFilters,
};
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
  const ask = asking(runtime, () => bootstrapServers, 'ottla-embedded');
  for (const warning of settings.warnings) writeLogLine(`${warning}\n`);
  return {
    bootstrapServers,
    host: broker.host,
    port: broker.port,
    groups: brokerGroups(ask),
    transactions: brokerTransactions(ask),
    closed: broker.closed,
    close: () => broker.close(),
    [Symbol.asyncDispose]: () => broker.close(),
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
