// Configs as DescribeConfigs and CreateTopics show them: value in force, where it comes from, and everything it could
// have come from, strongest first (Kafka: ConfigHelper). Values nobody may see are null.
import { brokerDefinitions, brokerSynonyms } from './broker-definitions.ts';
import { CLUSTER_WIDE, ConfigSource, type Configs } from './configs.ts';
import { type ConfigType, type Definition, type Definitions, definitionOf, isSensitive } from './definition.ts';
import { clientMetricsDefinitions, groupDefinitions } from './group-definitions.ts';
import { ottlaDefinitions } from './ottla-definitions.ts';
import { canonicalText } from './parse-value.ts';
import { topicBrokerSynonyms, topicDefinitions } from './topic-definitions.ts';

export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly type: ConfigType | 'UNKNOWN';
  readonly readOnly: boolean;
  readonly sensitive: boolean;
  readonly synonyms: readonly ConfigSynonym[];
  readonly documentation: string | null;
}

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSource;
}

/** What a topic with these overrides has, by name. */
export function describeTopic(configs: Configs, overrides: ReadonlyMap<string, string>): ConfigEntry[] {
  return describeResource(topicDefinitions, overrides, ConfigSource.TOPIC_CONFIG, (name) => {
    const first = topicBrokerSynonyms[name]?.[0]?.name;
    return { inherited: configs.topicDefault(name), synonyms: first === undefined ? [] : synonymsOf(configs, first) };
  });
}

export function describeGroup(configs: Configs, id: string): ConfigEntry[] {
  return describeResource(groupDefinitions, configs.overrides(`group:${id}`), ConfigSource.GROUP_CONFIG, (name) => {
    const inherited = configs.groupDefault(name);
    if (inherited !== null) return { inherited, synonyms: synonymsOf(configs, `group.${name}`) };
    const value = definitionOf(groupDefinitions, name)?.defaultValue ?? null;
    return { inherited, synonyms: [{ name, value, source: ConfigSource.DEFAULT_CONFIG }] };
  });
}

export function describeClientMetrics(configs: Configs, name: string): ConfigEntry[] {
  const overrides = configs.overrides(`client-metrics:${name}`);
  const nothingInherited = () => ({ inherited: null, synonyms: [] });
  return describeResource(clientMetricsDefinitions, overrides, ConfigSource.CLIENT_METRICS_CONFIG, nothingInherited);
}

/** Everything this broker knows: Kafka's keys and Ottla's own. */
export function describeBroker(configs: Configs): ConfigEntry[] {
  const isSet = (name: string) =>
    synonymsOf(configs, name).some(({ source }) => source !== ConfigSource.DEFAULT_CONFIG);
  const shown = Object.entries(ALL_BROKER_DEFINITIONS).filter(([name, { internal }]) => !internal || isSet(name));
  return shown.map(([name, definition]) => brokerEntry(configs, name, definition, () => true)).sort(byName);
}

/** The cluster-wide dynamic configs alone. */
export function describeClusterWide(configs: Configs): ConfigEntry[] {
  const only = (synonym: ConfigSynonym) => synonym.source === ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG;
  const names = [...configs.overrides(CLUSTER_WIDE).keys()];
  return names.map((name) => brokerEntry(configs, name, definitionOf(ALL_BROKER_DEFINITIONS, name), only)).sort(byName);
}

const ALL_BROKER_DEFINITIONS: Definitions = { ...brokerDefinitions, ...ottlaDefinitions };

function brokerEntry(
  configs: Configs,
  name: string,
  definition: Definition | undefined,
  counts: (synonym: ConfigSynonym) => boolean,
): ConfigEntry {
  const sensitive = isSensitive(definition);
  const synonyms = synonymsOf(configs, name).filter(counts);
  const own = synonyms.find((synonym) => synonym.name === name);
  return {
    name,
    value:
      sensitive || own?.value == null ? null : canonicalText(definition?.type ?? 'STRING', own.value, definition?.rule),
    source: synonyms[0]?.source ?? ConfigSource.DEFAULT_CONFIG,
    type: definition?.type ?? 'UNKNOWN',
    readOnly: definition?.update === 'read-only',
    sensitive,
    synonyms,
    documentation: documentationOf(definition),
  };
}

function describeResource(
  definitions: Definitions,
  overrides: ReadonlyMap<string, string>,
  source: ConfigSource,
  inherit: (name: string) => { inherited: string | null; synonyms: readonly ConfigSynonym[] },
): ConfigEntry[] {
  const entries: ConfigEntry[] = [];
  for (const [name, definition] of Object.entries(definitions)) {
    const own = overrides.get(name);
    if (definition.internal && own === undefined) continue;
    const { inherited, synonyms } = inherit(name);
    const text = own ?? inherited ?? definition.defaultValue;
    const value = text === null ? null : canonicalText(definition.type, text, definition.rule);
    const all = own === undefined ? synonyms : [{ name, value, source }, ...synonyms];
    entries.push({
      name,
      value,
      source: all[0]?.source ?? ConfigSource.DEFAULT_CONFIG,
      type: definition.type,
      readOnly: false,
      sensitive: false,
      synonyms: all,
      documentation: documentationOf(definition),
    });
  }
  return entries.sort(byName);
}

/**
 * Every place a broker key has a value, strongest first. As in Kafka, other names of the same thing are listed only
 * after the first mention of the key itself.
 */
function synonymsOf(configs: Configs, name: string): ConfigSynonym[] {
  const names = brokerSynonyms(name);
  const found: ConfigSynonym[] = [];
  const add = (synonym: string, value: string | null | undefined, source: ConfigSource): void => {
    if (value === undefined || value === null) return;
    const definition = definitionOf(ALL_BROKER_DEFINITIONS, synonym);
    found.push({ name: synonym, value: isSensitive(definition) ? null : value, source });
  };
  for (const layer of configs.brokerLayers()) {
    for (const each of names) add(each, layer.values.get(each), layer.source);
  }
  for (const each of names)
    add(each, definitionOf(ALL_BROKER_DEFINITIONS, each)?.defaultValue, ConfigSource.DEFAULT_CONFIG);
  const first = found.findIndex((synonym) => synonym.name === name);
  return first < 0 ? [] : found.slice(first);
}

function documentationOf(definition: Definition | undefined): string | null {
  if (definition === undefined) return null;
  const { effect, documentation } = definition;
  if (effect.kind === 'unused') return `${documentation} No effect here: ${effect.reason}.`;
  return effect.kind === 'later' ? `${documentation} No effect yet: it belongs to ${effect.feature}.` : documentation;
}

function byName(one: ConfigEntry, other: ConfigEntry): number {
  return one.name < other.name ? -1 : 1;
}
