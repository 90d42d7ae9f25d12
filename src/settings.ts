// Every setting of a broker: where it comes from, what it means, what is wrong with it. Kafka's keys keep Kafka's names
// (tables in metadata/configs/broker/), Ottla's own start with `ottla.`. Precedence: overrides, then the properties
// file, then defaults. Reading a file is the caller's work; nothing here touches the outside.
import { brokerObjections } from './metadata/configs/broker-check.ts';
import type { BrokerConfig } from './metadata/configs/broker-definitions.ts';
import { brokerConfigNames, brokerDefinitions } from './metadata/configs/broker-definitions.ts';
import {
  type ConfigValue,
  camelCase,
  type Definition,
  definitionOf,
  type Effect,
  type ValuesOf,
} from './metadata/configs/definition.ts';
import { nearestName } from './metadata/configs/nearest-name.ts';
import { ottlaDefinitions } from './metadata/configs/ottla-definitions.ts';
import { ConfigError, parseConfig } from './metadata/configs/parse-value.ts';
import { authenticates, type SecuritySettings } from './security/security-settings.ts';
import { type ListenerSetting, readListeners } from './settings/listeners.ts';
import { AUTHORIZER_KEYS, listenerKeyOf, SecurityReading } from './settings/security.ts';

export type { ListenerSetting } from './settings/listeners.ts';
export { parseProperties } from './settings/properties.ts';

export type Durability = 'fsync' | 'os' | 'memory';

export interface Settings {
  readonly nodeId: number;
  /** At least one; port 0 takes a free one, host '' is every interface. */
  readonly listeners: readonly ListenerSetting[];
  /** Empty: clients are told the address they dialled. */
  readonly advertisedListeners: readonly ListenerSetting[];
  /** As given, relative paths included; null keeps everything in memory. */
  readonly dataDirectory: string | null;
  readonly durability: Durability;
  /** Memory for requests read and not yet answered. */
  readonly requestMemoryMaxBytes: number;
  readonly security: SecuritySettings;
  /** `ottla.*`, camelCase without the prefix. */
  readonly ottla: OttlaConfig;
  /** Kafka's keys as they were given, canonical names: the static layer of Configs. */
  readonly staticValues: ReadonlyMap<string, string>;
  /** Kafka's keys in force at start; dynamic configs may change them: read Configs.broker while running. */
  readonly broker: BrokerConfig;
  /** One sentence each, for the operator. */
  readonly warnings: readonly string[];
}

type WithoutPrefix<T> = {
  readonly [K in keyof T as K extends `ottla${infer Rest}` ? Uncapitalize<Rest> : never]: T[K];
};
export type OttlaConfig = WithoutPrefix<ValuesOf<typeof ottlaDefinitions>>;

/** Settings that cannot be. One sentence per problem, all of them. */
export class SettingsError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

export interface SettingsSources {
  /** From a server.properties file. */
  readonly properties?: ReadonlyMap<string, string> | Readonly<Record<string, string>>;
  /** From the command line (`--set key=value`) or the program that embeds the broker; win over properties. */
  readonly overrides?: ReadonlyMap<string, string> | Readonly<Record<string, string>>;
  /** `null` keeps everything in memory; wins over log.dirs. Undefined: as the settings say. */
  readonly dataDirectory?: string | null;
}

/** Throws SettingsError. */
export function resolveSettings(sources: SettingsSources = {}): Settings {
  const given = new Map([...entriesOf(sources.properties), ...entriesOf(sources.overrides)]);
  const reading = new Reading(given);
  reading.checkAll();
  const broker = reading.broker();
  const ottla = reading.ottla();
  const nodeId = reading.nodeId(broker);
  const dataDirectory = sources.dataDirectory === undefined ? reading.dataDirectory(broker) : sources.dataDirectory;
  const durability = reading.durability(dataDirectory, ottla);
  const { listeners, advertisedListeners } = reading.listeners(broker);
  const security = reading.security(listeners, ottla);
  reading.problems.push(...brokerObjections(broker).map((objection) => objection.replace(/\.?$/, '.')));
  if (reading.problems.length > 0) throw new SettingsError(reading.problems);
  // Shown by DescribeConfigs as in Kafka, where a file always has them.
  for (const name of ['node.id', 'broker.id']) reading.staticValues.set(name, String(nodeId));
  if (sources.dataDirectory !== undefined && dataDirectory !== null)
    reading.staticValues.set('log.dirs', dataDirectory);
  return {
    nodeId,
    listeners,
    advertisedListeners,
    dataDirectory,
    durability,
    requestMemoryMaxBytes:
      broker.queuedMaxRequestBytes > 0 ? broker.queuedMaxRequestBytes : ottla.requestMemoryMaxBytes,
    security,
    ottla,
    staticValues: reading.staticValues,
    broker: { ...broker, nodeId },
    warnings: reading.warnings,
  };
}

/** A setting as the reference page shows it. */
export interface SettingDescription {
  readonly name: string;
  readonly type: string;
  readonly defaultValue: string | null;
  readonly allowedValues: string | null;
  readonly unit: string | null;
  readonly importance: string;
  readonly update: string;
  readonly effect: Effect;
  readonly documentation: string;
}

/** Every setting, Ottla's own first, then Kafka's by name. */
export function listSettings(): readonly SettingDescription[] {
  const describe = ([name, definition]: [string, Definition]): SettingDescription => ({
    name,
    type: definition.type,
    defaultValue: definition.defaultValue,
    allowedValues: definition.rule?.text ?? null,
    unit: unitOf(name),
    importance: definition.importance,
    update: definition.update,
    effect: definition.effect,
    documentation: definition.documentation,
  });
  const kafka = Object.entries(brokerDefinitions).sort(([one], [other]) => (one < other ? -1 : 1));
  return [...Object.entries<Definition>(ottlaDefinitions), ...kafka].map(describe);
}

/** Kafka names say their unit at the end, or nearly so. */
function unitOf(name: string): string | null {
  if (/\.bytes(\.|$)|\.max\.receive\.size$|buffer\.size$/.test(name)) return 'bytes';
  const unit = /\.(ms|seconds|secs|minutes|hours)$/.exec(name)?.[1];
  return unit === 'secs' ? 'seconds' : unit === 'ms' ? 'milliseconds' : (unit ?? null);
}

class Reading {
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  readonly staticValues = new Map<string, string>();
  readonly #given: ReadonlyMap<string, string>;

  constructor(given: ReadonlyMap<string, string>) {
    this.#given = given;
  }

  checkAll(): void {
    for (const [name, text] of this.#given) {
      const own = definitionOf(ottlaDefinitions, name);
      const kafka = definitionOf(brokerDefinitions, name);
      if (own !== undefined) this.#checkOwnKey(name, own, text);
      else if (kafka !== undefined) this.#checkKafkaKey(name, kafka, text);
      else this.#checkForeignKey(name);
    }
    const roles = this.#given.get('process.roles');
    if (roles !== undefined && !roles.includes('broker')) {
      this.problems.push('process.roles names no broker; Ottla has no controllers, so this file is not for it.');
    }
  }

  broker(): BrokerConfig {
    const values: Record<string, ConfigValue> = {};
    for (const name of brokerConfigNames) {
      const definition = brokerDefinitions[name] as Definition;
      values[camelCase(name)] = this.#valueOrDefault(name, definition, this.staticValues.get(name));
    }
    return values as unknown as BrokerConfig;
  }

  ottla(): OttlaConfig {
    const values: Record<string, ConfigValue> = {};
    for (const [name, definition] of Object.entries<Definition>(ottlaDefinitions)) {
      values[camelCase(name.slice('ottla.'.length))] = this.#valueOrDefault(name, definition, this.#given.get(name));
    }
    return values as unknown as OttlaConfig;
  }

  nodeId(broker: BrokerConfig): number {
    const old = this.staticValues.get('broker.id');
    if (old === undefined || broker.brokerId < 0) return broker.nodeId;
    if (this.staticValues.has('node.id') && broker.brokerId !== broker.nodeId) {
      this.problems.push(
        `node.id is ${broker.nodeId} and broker.id is ${broker.brokerId}; they name the same thing, so give one of them.`,
      );
    }
    return broker.brokerId;
  }

  dataDirectory(broker: BrokerConfig): string | null {
    const name = broker.logDirs === null ? 'log.dir' : 'log.dirs';
    const directories = broker.logDirs ?? broker.logDir;
    if (directories.length === 1 && directories[0] !== '') return directories[0] as string;
    this.problems.push(
      directories.length > 1
        ? `${name} names ${directories.length} directories; Ottla keeps everything in one, so name one.`
        : `${name} names no directory.`,
    );
    return null;
  }

  durability(dataDirectory: string | null, ottla: OttlaConfig): Durability {
    const asked = ottla.durability as Durability | null;
    if (dataDirectory === null) {
      if (asked === 'fsync' || asked === 'os') {
        this.problems.push(`ottla.durability=${asked} needs a data directory, and everything is kept in memory here.`);
      }
      return 'memory';
    }
    return asked ?? 'fsync';
  }

  listeners(broker: BrokerConfig) {
    return readListeners(
      broker,
      this.staticValues,
      this.#given.get('controller.listener.names') ?? '',
      this.problems,
      this.warnings,
    );
  }

  security(listeners: readonly ListenerSetting[], ottla: OttlaConfig): SecuritySettings {
    const reading = new SecurityReading(this.#given, this.problems);
    const security = reading.read(listeners, ottla.oauthbearerRequiredScopes, ottla.loginTimeoutMs);
    for (const { name, host } of listeners) {
      const own = security.listeners.get(name);
      if (!own || authenticates(own) || isLoopback(host)) continue;
      const where = `The listener ${name} at ${host === '' ? 'every address' : host} can be reached from the network, and nobody has to log in on it`;
      if (ottla.allowUnauthenticatedNetworkAccess) {
        this.warnings.push(`${where}: whoever reaches it can read, write and delete everything.`);
      } else {
        this.problems.push(
          `${where}. Give it a login (SASL_SSL, or SSL with ssl.client.auth=required) or the address 127.0.0.1; to open it to everybody all the same, set ottla.allow.unauthenticated.network.access=true (--allow-unauthenticated-network-access).`,
        );
      }
    }
    return security;
  }

  #checkOwnKey(name: string, definition: Definition, text: string): void {
    if (this.#parse(name, definition, text) !== undefined) this.staticValues.set(name, text);
  }

  #checkKafkaKey(name: string, definition: Definition, text: string): void {
    const value = this.#parse(name, definition, text);
    if (value === undefined) return;
    this.staticValues.set(name, text);
    if (definition.effect.kind === 'honoured' || name === 'process.roles') return;
    if (definition.defaultValue !== null && same(value, parseConfig(name, definition, definition.defaultValue))) return;
    if (definition.defaultValue === null && (value === null || value === '')) return;
    this.warnings.push(
      definition.effect.kind === 'unused'
        ? `${name} has no effect: ${definition.effect.reason}.`
        : `${name} has no effect yet: ${definition.effect.feature} ${definition.effect.feature.endsWith('s') ? 'are' : 'is'} not part of this version.`,
    );
  }

  #checkForeignKey(name: string): void {
    if ((AUTHORIZER_KEYS as readonly string[]).includes(name)) return;
    const listenerKey = listenerKeyOf(name);
    if (listenerKey !== undefined) {
      this.#checkListenerKey(name, listenerKey);
      return;
    }
    const nearest = nearestName(name, [
      ...Object.keys(ottlaDefinitions),
      ...Object.keys(brokerDefinitions),
      ...AUTHORIZER_KEYS,
    ]);
    if (nearest !== undefined) this.problems.push(`There is no setting ${name}; did you mean ${nearest}?`);
    else if (name.startsWith('ottla.')) this.problems.push(`There is no setting ${name}.`);
    else this.warnings.push(`${name} is not a setting of Kafka or Ottla and has no effect.`);
  }

  /** Values are read where they are used (settings/security.ts); here only whether they mean anything. */
  #checkListenerKey(name: string, key: string): void {
    const definition = definitionOf(brokerDefinitions, key) as Definition;
    if (definition.effect.kind !== 'unused') this.#parse(name, definition, this.#given.get(name) as string);
    else this.warnings.push(`${name} has no effect: ${definition.effect.reason}.`);
  }

  #valueOrDefault(name: string, definition: Definition, text: string | undefined): ConfigValue {
    if (text !== undefined) {
      try {
        return parseConfig(name, definition, text);
      } catch {
        // Already among the problems.
      }
    }
    return definition.defaultValue === null ? null : parseConfig(name, definition, definition.defaultValue);
  }

  #parse(name: string, definition: Definition, text: string): ConfigValue | undefined {
    try {
      return parseConfig(name, definition, text);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.problems.push(`${error.message}.`);
      return undefined;
    }
  }
}

function isLoopback(host: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(host) || host === '::1' || host.toLowerCase() === 'localhost';
}

function same(one: ConfigValue, other: ConfigValue): boolean {
  return String(one) === String(other);
}

function entriesOf(values: SettingsSources['properties']): Iterable<[string, string]> {
  if (values === undefined) return [];
  return values instanceof Map ? values : Object.entries(values as Readonly<Record<string, string>>);
}
