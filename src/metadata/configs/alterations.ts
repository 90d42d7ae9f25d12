// Changing configs: one decision per resource, each on its own, all in one commit. Refusals are Kafka's
// (ConfigAdminManager, ConfigurationControlManager); its broker answers INVALID_REQUEST for broker configs that cannot be
// changed, and INVALID_CONFIG for the rest.
import { ErrorCode } from '../../protocol/error-code.ts';
import { FileError } from '../../runtime/files.ts';
import type { Image, Metadata, MetadataChange } from '../image.ts';
import { Refusal, refuse } from '../refusal.ts';
import { topicNameObjection } from '../topic-name.ts';
import { brokerObjections } from './broker-check.ts';
import { type BrokerConfig, brokerDefinitions } from './broker-definitions.ts';
import { type ConfigResource, ResourceType, resourceKeyOf } from './config-resource.ts';
import type { Configs } from './configs.ts';
import { type ConfigValue, camelCase, type Definition, definitionOf } from './definition.ts';
import { checkClientMetricsOverrides, checkGroupOverrides } from './group-check.ts';
import { ConfigError, parseConfig, splitList } from './parse-value.ts';
import { checkLength, checkTopicOverrides, hint } from './topic-check.ts';
import { topicDefinitions } from './topic-definitions.ts';

/** How one key changes: the new value from the present one and the default, or undefined to remove the override. */
export interface KeyChange {
  readonly name: string;
  readonly operation: 'SET' | 'DELETE' | 'APPEND' | 'SUBTRACT';
  readonly value: string | null;
}

export interface ResourceChange {
  readonly resource: ConfigResource;
  readonly keys: readonly KeyChange[];
  /** Everything not named is removed (AlterConfigs). */
  readonly replaceAll: boolean;
}

/** Resources that one request may change; Kafka bounds it likewise, by the records it would write. */
const RESOURCES_PER_REQUEST_MAX = 10_000;
/** Groups and client-metrics subscriptions exist by being configured, so their number needs a bound. */
const NAMED_RESOURCES_MAX = 10_000;

export class Alterations {
  readonly #metadata: Metadata;
  readonly #configs: Configs;

  constructor(metadata: Metadata, configs: Configs) {
    this.#metadata = metadata;
    this.#configs = configs;
  }

  /** One outcome per change, in order; null is success. Durable and in force when it resolves. */
  async apply(changes: readonly ResourceChange[], options: { validateOnly: boolean }): Promise<(Refusal | null)[]> {
    if (changes.length > RESOURCES_PER_REQUEST_MAX) {
      const excess = new Refusal(ErrorCode.POLICY_VIOLATION, 'Excessively large number of resources per request.');
      return changes.map(() => excess);
    }
    let outcomes: (Refusal | null)[] = [];
    const decide = (image: Image): readonly MetadataChange[] => {
      const all: MetadataChange[] = [];
      outcomes = changes.map((change) => {
        try {
          all.push(...this.#decide(image, change));
          return null;
        } catch (error) {
          if (error instanceof Refusal) return error;
          if (error instanceof ConfigError) return new Refusal(ErrorCode.INVALID_CONFIG, error.message);
          throw error;
        }
      });
      return all;
    };
    if (options.validateOnly) {
      decide(this.#metadata.image);
      return outcomes;
    }
    try {
      await this.#metadata.commit(decide);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      return changes.map(() => new Refusal(ErrorCode.KAFKA_STORAGE_ERROR, error.message));
    }
    return outcomes;
  }

  #decide(image: Image, { resource, keys, replaceAll }: ResourceChange): readonly MetadataChange[] {
    this.#checkResource(image, resource);
    const key = resourceKeyOf(resource) as string;
    const before: ReadonlyMap<string, string> = image.configs.get(key) ?? new Map();
    if (before.size === 0) this.#checkNumber(image, resource);
    const after = new Map(replaceAll ? [] : before);
    for (const change of keys) applyKey(after, change, this.#listBehind(resource, change.name));
    if (resource.type === ResourceType.TOPIC) checkTopicOverrides(after, this.#configs, before);
    if (resource.type === ResourceType.GROUP) checkGroupOverrides(after, this.#configs.broker);
    if (resource.type === ResourceType.CLIENT_METRICS) checkClientMetricsOverrides(after);
    if (resource.type === ResourceType.BROKER) this.#checkBroker(resource.name, before, after);
    return differences(key, before, after);
  }

  #checkResource(image: Image, { type, name }: ConfigResource): void {
    switch (type) {
      case ResourceType.TOPIC: {
        if (name === '') refuse(ErrorCode.INVALID_REQUEST, 'Default topic resources are not allowed.');
        const objection = topicNameObjection(name);
        if (objection !== undefined) refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, objection);
        if (!image.topics.has(name))
          refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`);
        return;
      }
      case ResourceType.BROKER:
        if (name !== '') checkNodeId(name, this.#configs.nodeId);
        return;
      case ResourceType.GROUP:
        if (name === '') refuse(ErrorCode.INVALID_REQUEST, 'Default group resources are not allowed.');
        return;
      case ResourceType.CLIENT_METRICS:
        if (name === '') refuse(ErrorCode.INVALID_REQUEST, "Subscription name can't be empty");
        return;
      default:
        refuse(ErrorCode.INVALID_REQUEST, `Unknown resource type ${type}`);
    }
  }

  #checkNumber(image: Image, { type }: ConfigResource): void {
    if (type !== ResourceType.GROUP && type !== ResourceType.CLIENT_METRICS) return;
    if (image.configs.size < NAMED_RESOURCES_MAX) return;
    let count = 0;
    for (const key of image.configs.keys()) if (!key.startsWith('topic:')) count++;
    if (count >= NAMED_RESOURCES_MAX) {
      refuse(
        ErrorCode.POLICY_VIOLATION,
        `There are configs for ${count} groups and subscriptions already, which is the most.`,
      );
    }
  }

  /** Only what changes is looked at: a value stored by another version stays. */
  #checkBroker(name: string, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): void {
    const changed = [...after].filter(([key, text]) => before.get(key) !== text);
    refuseAny(changed, (definition) => definition.update === 'read-only', 'Cannot update these configs dynamically');
    if (name === '') {
      refuseAny(
        changed,
        (definition) => definition.update === 'per-broker',
        'Cannot update these configs at default cluster level',
      );
    }
    for (const [key, text] of changed) checkBrokerKey(key, text);
    const objection = brokerObjections(this.#brokerWith(changed))[0];
    if (objection !== undefined) refuse(ErrorCode.INVALID_REQUEST, `requirement failed: ${objection}`);
  }

  #brokerWith(changed: readonly (readonly [string, string])[]): BrokerConfig {
    const values: Record<string, ConfigValue> = { ...this.#configs.broker };
    for (const [key, text] of changed)
      values[camelCase(key)] = parseConfig(key, brokerDefinitions[key] as Definition, text);
    return values as unknown as BrokerConfig;
  }

  /** The list that APPEND and SUBTRACT start from when there is no override; undefined when the key is no list. */
  #listBehind({ type }: ConfigResource, name: string): string | undefined {
    if (type === ResourceType.TOPIC) {
      return definitionOf(topicDefinitions, name)?.type === 'LIST'
        ? (this.#configs.topicDefault(name) ?? '')
        : undefined;
    }
    if (type === ResourceType.BROKER) {
      return definitionOf(brokerDefinitions, name)?.type === 'LIST'
        ? (this.#configs.brokerText(name) ?? '')
        : undefined;
    }
    return type === ResourceType.CLIENT_METRICS && (name === 'metrics' || name === 'match') ? '' : undefined;
  }
}

/** Throws a Refusal unless `name` is the number of this broker. */
export function checkNodeId(name: string, nodeId: number): void {
  if (!/^[+-]?\d{1,10}$/.test(name))
    refuse(ErrorCode.INVALID_REQUEST, `Node id must be an integer, but it is: ${name}`);
  if (Number(name) !== nodeId) {
    refuse(ErrorCode.INVALID_REQUEST, `Unexpected broker id, expected ${nodeId}, but received ${name}`);
  }
}

function applyKey(overrides: Map<string, string>, change: KeyChange, listBehind: string | undefined): void {
  const { name, operation, value } = change;
  if (operation === 'DELETE') {
    overrides.delete(name);
    return;
  }
  if (operation === 'SET') {
    overrides.set(name, value as string);
    return;
  }
  if (listBehind === undefined) {
    refuse(ErrorCode.INVALID_CONFIG, `Can't ${operation} to key ${name} because its type is not LIST.`);
  }
  const list = splitList(overrides.get(name) ?? listBehind);
  const given = splitList(value as string);
  const result =
    operation === 'APPEND'
      ? [...list, ...given.filter((each, index) => !list.includes(each) && given.indexOf(each) === index)]
      : list.filter((each) => !given.includes(each));
  overrides.set(name, result.join(','));
}

function checkBrokerKey(name: string, text: string): void {
  const definition = definitionOf(brokerDefinitions, name);
  if (definition === undefined) {
    refuse(ErrorCode.INVALID_CONFIG, `Unknown broker config name: ${name}${hint(name, brokerDefinitions)}`);
  }
  try {
    checkLength(name, text);
    const value = parseConfig(name, definition, text);
    const { effect, defaultValue } = definition;
    if (effect.kind === 'honoured') return;
    if (defaultValue !== null && String(value) === String(parseConfig(name, definition, defaultValue))) return;
    if (effect.kind === 'unused')
      throw new Refusal(ErrorCode.INVALID_CONFIG, `${name} cannot be changed: ${effect.reason}.`);
    if (definition.update === 'per-broker') {
      throw new Refusal(
        ErrorCode.INVALID_CONFIG,
        `${name} cannot be changed: it belongs to ${effect.feature}, not part of this version.`,
      );
    }
  } catch (error) {
    if (error instanceof ConfigError) refuse(ErrorCode.INVALID_REQUEST, error.message);
    throw error;
  }
}

function refuseAny(
  changed: readonly (readonly [string, string])[],
  refused: (definition: Definition) => boolean,
  sentence: string,
): void {
  const names = changed
    .map(([name]) => name)
    .filter((name) => {
      const definition = definitionOf(brokerDefinitions, name);
      return definition !== undefined && refused(definition);
    });
  if (names.length > 0) refuse(ErrorCode.INVALID_REQUEST, `${sentence}: [${names.join(', ')}]`);
}

function differences(
  resource: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): MetadataChange[] {
  const changes: MetadataChange[] = [];
  for (const name of before.keys())
    if (!after.has(name)) changes.push({ type: 'config-set', resource, name, value: null });
  for (const [name, value] of after) {
    if (before.get(name) !== value) changes.push({ type: 'config-set', resource, name, value });
  }
  return changes;
}
