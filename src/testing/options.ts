// How a test broker is started, and the settings that make it quick: what a test would otherwise wait for.

import { settingsFrom } from '../settings/start-options.ts';
import { type Settings, SettingsError } from '../settings.ts';

export interface TestBrokerOptions {
  /**
   * What a crash leaves. `os` (the default): everything written, as a killed process does. `fsync`: the same, and a power cut leaves
   * what was synced. `memory`: nothing; no write-ahead log is kept.
   */
  readonly durability?: 'fsync' | 'os' | 'memory';
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** TCP port. Default: 0, a free one. */
  readonly port?: number;
  /** `host:port` that clients are told to connect to. Default: the address they dialled. */
  readonly advertise?: string;
  /**
   * How many brokers clients see, 1 to 100: each has an id and a port, leads some of the partitions and coordinates some of the
   * groups. Behind them is one broker with all data; `moveLeader` moves what they lead. Default: 1.
   */
  readonly brokers?: number;
  /** Settings by name, Kafka's and Ottla's own; stronger than those that make a test broker quick. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  readonly clock?: {
    /** Where its wall clock starts. Default: the real time. */
    readonly start?: Date | number | string;
    /** Time stands still but for `clock.advance`. */
    readonly frozen?: boolean;
  };
  /** How many requests the journal keeps. Default: 10000. */
  readonly journalEntriesMax?: number;
  /** Gets the broker's log, line by line; without it the log is dropped. */
  readonly writeLogLine?: (line: string) => void;
}

const OPTIONS = [
  'durability',
  'host',
  'port',
  'advertise',
  'brokers',
  'settings',
  'clock',
  'journalEntriesMax',
  'writeLogLine',
] as const satisfies readonly (keyof TestBrokerOptions)[];

/** Programs without types get no help from the compiler: a misspelt option must not be dropped silently. */
export function refuseUnknownOptions(options: object): void {
  const known: readonly string[] = OPTIONS;
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(
    `startTestBroker has no option ${unknown}; it takes ${OPTIONS.join(', ')} (Kafka's settings go into "settings").`,
  );
}

const BROKERS_MAX = 100;

/** What differs from Kafka's defaults, and why. */
export const QUICK_SETTINGS: Readonly<Record<string, string | number | boolean>> = {
  // A group starts with its first member instead of waiting 3 s for others.
  'group.initial.rebalance.delay.ms': 0,
  // Sessions may be as short as a test likes, and members of the newer protocol hear of changes at once.
  'group.min.session.timeout.ms': 1,
  'group.consumer.min.session.timeout.ms': 1,
  'group.consumer.min.heartbeat.interval.ms': 1,
  'group.consumer.heartbeat.interval.ms': 100,
  // One partition each instead of 50, so that the first group and the first transaction start at once.
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.num.partitions': 1,
  // Time that is advanced must not close the connections of clients that had no chance to use them.
  'connections.max.idle.ms': -1,
  // Each Fetch says all it is about: for faults that pick topics, and for people who read the journal.
  'max.incremental.fetch.session.cache.slots': 0,
  // Small files: a fork reads back what they hold.
  'ottla.wal.file.bytes': 4 * 1024 * 1024,
  'ottla.wal.max.bytes': 16 * 1024 * 1024,
};

/** Periods of the engine that have no setting: short, so that a retention is enforced within a second of the broker's time. */
export const QUICK_STORAGE = { retentionCheckMs: 1_000, spaceCheckMs: 600_000 } as const;

/** Where the broker believes its data to be; the directory is in memory. */
export const DATA_DIRECTORY = '/ottla';

/** Throws SettingsError. */
export function testSettings(options: TestBrokerOptions): Settings {
  if (options.settings !== undefined && 'log.dirs' in options.settings) {
    throw new SettingsError(['log.dirs has no place here: a test broker keeps everything in memory.']);
  }
  const { brokers = 1 } = options;
  if (!(Number.isInteger(brokers) && brokers >= 1 && brokers <= BROKERS_MAX)) {
    throw new TypeError(`brokers is a number from 1 to ${BROKERS_MAX}, not ${brokers}.`);
  }
  if (brokers > 1) refuseWithSeveral(options);
  const { host, port, advertise, durability = 'os', settings } = options;
  return settingsFrom(
    { host, port, advertise, durability, data: DATA_DIRECTORY, settings: { ...QUICK_SETTINGS, ...settings } },
    { data: DATA_DIRECTORY, host: '127.0.0.1', port: 0 },
  );
}

/** What would have to be different for each of them. */
function refuseWithSeveral({ advertise, settings = {} }: TestBrokerOptions): void {
  if (advertise !== undefined) throw new TypeError('several brokers cannot be advertised by one address.');
  for (const name of ['listeners', 'advertised.listeners', 'max.incremental.fetch.session.cache.slots']) {
    if (name in settings) throw new TypeError(`several brokers do not go together with the setting ${name}.`);
  }
}
