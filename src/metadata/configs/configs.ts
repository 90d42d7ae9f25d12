// The configs in force: overrides of a resource, then this broker's dynamic configs, the cluster-wide dynamic ones, the
// settings it was started with, and the defaults, in this order. Values are parsed once and kept until something changes.
import { type ConfigOverrides, changedConfigResources, topicResource } from '../fold.ts';
import type { Image, Metadata } from '../image.ts';
import { type BrokerConfig, brokerConfigNames, brokerDefinitions } from './broker-definitions.ts';
import { type ConfigValue, camelCase, type Definition, type Definitions, definitionOf } from './definition.ts';
import { type GroupConfig, groupDefinitions } from './group-definitions.ts';
import { parseConfig } from './parse-value.ts';
import { type TopicConfig, topicBrokerSynonyms, topicDefinitions } from './topic-definitions.ts';

/** Where a value comes from; the numbers of Kafka's DescribeConfigs. */
export const ConfigSource = {
  UNKNOWN: 0,
  TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
  DYNAMIC_BROKER_LOGGER_CONFIG: 6,
  CLIENT_METRICS_CONFIG: 7,
  GROUP_CONFIG: 8,
} as const;

export type ConfigSource = (typeof ConfigSource)[keyof typeof ConfigSource];

export const CLUSTER_WIDE = 'broker:';
const NO_OVERRIDES: ConfigOverrides = new Map();

/** One place broker values can come from. */
export interface BrokerLayer {
  readonly source: ConfigSource;
  readonly values: ReadonlyMap<string, string>;
}

/** Everything that follows from the broker's layers. */
interface BrokerState {
  readonly own: ConfigOverrides;
  readonly clusterWide: ConfigOverrides;
  readonly broker: BrokerConfig;
  readonly topicDefaults: TopicConfig;
}

export class Configs {
  readonly nodeId: number;
  readonly #metadata: Pick<Metadata, 'image' | 'onChange'>;
  readonly #staticValues: ReadonlyMap<string, string>;
  readonly #topicListeners: ((topic: string) => void)[] = [];
  readonly #brokerListeners: (() => void)[] = [];
  /** Of topics with overrides only; the others share the defaults. */
  readonly #topics = new Map<string, { overrides: ConfigOverrides; defaults: TopicConfig; config: TopicConfig }>();
  #current: BrokerState;
  /** What listeners were last told about; `#current` may be ahead of it while a change is being told. */
  #told: BrokerState;

  constructor(options: {
    metadata: Pick<Metadata, 'image' | 'onChange'>;
    nodeId: number;
    /** Broker keys the broker was started with, by Kafka's name. */
    staticValues: ReadonlyMap<string, string>;
  }) {
    this.nodeId = options.nodeId;
    this.#metadata = options.metadata;
    this.#staticValues = options.staticValues;
    this.#current = this.#compute(options.metadata.image);
    this.#told = this.#current;
    options.metadata.onChange((image, before) => this.#changed(image, before));
  }

  /** Effective configs of a topic, whether it exists or not. The same object until something changes. */
  topic(name: string): TopicConfig {
    const defaults = this.#upToDate().topicDefaults;
    const overrides = this.overrides(topicResource(name));
    if (overrides.size === 0) return defaults;
    const known = this.#topics.get(name);
    if (known?.overrides === overrides && known.defaults === defaults) return known.config;
    const config = this.topicWith(overrides);
    this.#topics.set(name, { overrides, defaults, config });
    return config;
  }

  /** What a topic with these overrides would have. */
  topicWith(overrides: ReadonlyMap<string, string>): TopicConfig {
    const values: Record<string, ConfigValue> = { ...this.#upToDate().topicDefaults };
    for (const [name, text] of overrides) {
      const definition = definitionOf(topicDefinitions, name);
      if (definition) values[camelCase(name)] = parsedOr(name, definition, text, values[camelCase(name)] ?? null);
    }
    return withInternalSegmentSize(values as unknown as TopicConfig);
  }

  /** Effective broker configs, now. The same object until something changes. */
  get broker(): BrokerConfig {
    return this.#upToDate().broker;
  }

  group(id: string): GroupConfig {
    const overrides = this.overrides(`group:${id}`);
    const values: Record<string, ConfigValue> = {};
    for (const [name, definition] of entriesOf(groupDefinitions)) {
      const text = overrides.get(name) ?? this.groupDefault(name) ?? definition.defaultValue;
      values[camelCase(name)] = parsedOr(name, definition, text, null);
    }
    return values as unknown as GroupConfig;
  }

  /** Called once per existing topic whose effective configs changed, after the change. */
  onTopicConfigChange(listener: (topic: string) => void): void {
    this.#topicListeners.push(listener);
  }

  /** Called when a broker config changed, after the change. */
  onBrokerConfigChange(listener: () => void): void {
    this.#brokerListeners.push(listener);
  }

  overrides(resource: string): ConfigOverrides {
    return this.#metadata.image.configs.get(resource) ?? NO_OVERRIDES;
  }

  /** Where broker values come from, strongest first; defaults are the definitions'. */
  brokerLayers(): readonly BrokerLayer[] {
    return [
      { source: ConfigSource.DYNAMIC_BROKER_CONFIG, values: this.overrides(`broker:${this.nodeId}`) },
      { source: ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG, values: this.overrides(CLUSTER_WIDE) },
      { source: ConfigSource.STATIC_BROKER_CONFIG, values: this.#staticValues },
    ];
  }

  /** The broker value that is in force, as text; null when there is none. */
  brokerText(name: string): string | null {
    for (const layer of this.brokerLayers()) {
      const text = layer.values.get(name);
      if (text !== undefined) return text;
    }
    return definitionOf(brokerDefinitions, name)?.defaultValue ?? null;
  }

  /** What a topic without overrides has for a config, as text in the topic config's unit; null when there is no value. */
  topicDefault(name: string): string | null {
    for (const synonym of topicBrokerSynonyms[name] ?? []) {
      const text = this.brokerText(synonym.name);
      if (text === null) continue;
      if (synonym.factor === 1) return name === 'retention.ms' && Number(text) < 0 ? '-1' : text;
      const value = BigInt(text.trim()) * BigInt(synonym.factor);
      return name === 'retention.ms' && value < 0n ? '-1' : String(value);
    }
    return definitionOf(topicDefinitions, name)?.defaultValue ?? null;
  }

  /** What a group without overrides has for a config, when a broker key says so. */
  groupDefault(name: string): string | null {
    return this.brokerText(`group.${name}`);
  }

  #upToDate(): BrokerState {
    const image = this.#metadata.image;
    const own = image.configs.get(`broker:${this.nodeId}`) ?? NO_OVERRIDES;
    const clusterWide = image.configs.get(CLUSTER_WIDE) ?? NO_OVERRIDES;
    if (own !== this.#current.own || clusterWide !== this.#current.clusterWide) this.#current = this.#compute(image);
    return this.#current;
  }

  #compute(image: Image): BrokerState {
    const broker: Record<string, ConfigValue> = {};
    for (const name of brokerConfigNames) broker[camelCase(name)] = this.#brokerValue(name);
    const defaults: Record<string, ConfigValue> = {};
    for (const [name, definition] of entriesOf(topicDefinitions)) {
      defaults[camelCase(name)] = parsedOr(name, definition, this.topicDefault(name), null);
    }
    return {
      own: image.configs.get(`broker:${this.nodeId}`) ?? NO_OVERRIDES,
      clusterWide: image.configs.get(CLUSTER_WIDE) ?? NO_OVERRIDES,
      broker: broker as unknown as BrokerConfig,
      topicDefaults: withInternalSegmentSize(defaults as unknown as TopicConfig),
    };
  }

  #brokerValue(name: string): ConfigValue {
    const definition = brokerDefinitions[name] as Definition;
    const fallback = definition.defaultValue === null ? null : parseConfig(name, definition, definition.defaultValue);
    return parsedOr(name, definition, this.brokerText(name), fallback);
  }

  #changed(image: Image, before: Image): void {
    if (image.configs === before.configs) return;
    const previous = this.#told;
    const current = this.#upToDate();
    this.#told = current;
    const everyTopic = current !== previous && !sameValues(current.topicDefaults, previous.topicDefaults);
    if (current !== previous) for (const listener of this.#brokerListeners) listener();
    for (const resource of changedConfigResources(image, before)) {
      if (!resource.startsWith('topic:')) continue;
      const topic = resource.slice('topic:'.length);
      if (!image.configs.has(resource)) this.#topics.delete(topic);
      if (!everyTopic && image.topics.has(topic) && before.topics.has(topic)) this.#tell(topic);
    }
    if (everyTopic) for (const topic of image.topics.keys()) if (before.topics.has(topic)) this.#tell(topic);
  }

  #tell(topic: string): void {
    for (const listener of this.#topicListeners) listener(topic);
  }
}

function entriesOf(definitions: Definitions): [string, Definition][] {
  return Object.entries(definitions);
}

/** Values are checked before they are stored; one that a later version allowed falls back instead of stopping the broker. */
function parsedOr(name: string, definition: Definition, text: string | null, fallback: ConfigValue): ConfigValue {
  try {
    return parseConfig(name, definition, text);
  } catch {
    return fallback;
  }
}

/** Kafka's test hook: internal.segment.bytes stands in for segment.bytes. */
function withInternalSegmentSize(config: TopicConfig): TopicConfig {
  return config.internalSegmentBytes === null ? config : { ...config, segmentBytes: config.internalSegmentBytes };
}

function sameValues(one: TopicConfig, other: TopicConfig): boolean {
  return Object.entries(one).every(([name, value]) => String(other[name as keyof TopicConfig]) === String(value));
}
