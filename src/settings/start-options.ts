// The few things that people say when they start a broker, on the command line (`ottla serve`) or in a program
// (`startBroker`), turned into settings under Kafka's names. Pure.
import { type Durability, resolveSettings, type Settings } from '../settings.ts';

export interface StartOptions {
  /** Directory for everything the broker keeps; null keeps everything in memory. Undefined: as the settings say. */
  readonly data?: string | null | undefined;
  readonly durability?: Durability | undefined;
  readonly host?: string | undefined;
  /** 0 takes a free one. */
  readonly port?: number | undefined;
  /** `host:port` that clients are told to connect to; undefined: the address they dialled. */
  readonly advertise?: string | undefined;
  /** Says in as many words that others on the network may do everything without a login. */
  readonly allowUnauthenticatedNetworkAccess?: boolean | undefined;
  /** From a properties file. */
  readonly properties?: ReadonlyMap<string, string> | undefined;
  /** Settings by name; stronger than the file, weaker than the options above. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined;
}

export interface StartDefaults {
  readonly data: string | null;
  readonly host: string;
  readonly port: number;
}

/** Throws SettingsError. */
export function settingsFrom(options: StartOptions, defaults: StartDefaults): Settings {
  const overrides: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.settings ?? {})) overrides[name] = String(value);
  const given = (name: string) => overrides[name] ?? options.properties?.get(name);

  if (given('listeners') === undefined || options.host !== undefined || options.port !== undefined) {
    const host = options.host ?? defaults.host;
    overrides.listeners = `${onlyListener(given('listeners')) ?? 'PLAINTEXT'}://${host.includes(':') ? `[${host}]` : host}:${options.port ?? defaults.port}`;
  }
  if (options.advertise !== undefined) {
    const listener = /^\s*([^:\s]+):\/\//.exec(given('listeners') ?? '')?.[1] ?? 'PLAINTEXT';
    overrides['advertised.listeners'] = `${listener}://${options.advertise}`;
  }
  if (options.allowUnauthenticatedNetworkAccess) overrides['ottla.allow.unauthenticated.network.access'] = 'true';
  if (options.durability !== undefined) overrides['ottla.durability'] = options.durability;
  const namesDirectory = given('log.dirs') !== undefined || given('log.dir') !== undefined;
  return resolveSettings({
    ...(options.properties !== undefined && { properties: options.properties }),
    overrides,
    ...(options.data !== undefined
      ? { dataDirectory: options.data }
      : namesDirectory
        ? {}
        : { dataDirectory: defaults.data }),
  });
}

/** The name of the one listener that the settings have: another address must not take its protocol away. */
function onlyListener(text: string | undefined): string | undefined {
  return /^\s*([A-Za-z0-9_-]+):\/\/[^,]*$/.exec(text ?? '')?.[1];
}
