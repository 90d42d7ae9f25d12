// Whether a topic may have these overrides (Kafka: LogConfig.validate).
import type { Configs } from './configs.ts';
import { type Definition, type Definitions, definitionOf } from './definition.ts';
import { nearestName } from './nearest-name.ts';
import { ConfigError, parseConfig } from './parse-value.ts';
import { topicDefinitions } from './topic-definitions.ts';

/** Bytes of one config value; Kafka cannot store longer ones either. */
export const VALUE_LENGTH_MAX = 32_767;

/**
 * Throws ConfigError. `overrides` is the whole set the topic would have; of `before` a value that does nothing here may stay
 * (another version took it).
 */
export function checkTopicOverrides(
  overrides: ReadonlyMap<string, string>,
  configs: Configs,
  before: ReadonlyMap<string, string> = new Map(),
): void {
  const definitions: Definitions = topicDefinitions;
  for (const [name, text] of overrides) {
    const definition = definitionOf(definitions, name);
    if (definition === undefined) throw new ConfigError(`Unknown topic config name: ${name}${hint(name, definitions)}`);
    checkLength(name, text);
    parseConfig(name, definition, text);
  }
  const config = configs.topicWith(overrides);
  if (config.minCompactionLagMs > config.maxCompactionLagMs) {
    throw new ConfigError(
      `conflict topic config setting min.compaction.lag.ms (${config.minCompactionLagMs}) > max.compaction.lag.ms (${config.maxCompactionLagMs})`,
    );
  }
  if (config.remoteStorageEnable) {
    throw new ConfigError(
      'Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.',
    );
  }
  for (const [name, text] of overrides) {
    if (before.get(name) !== text) checkEffect(name, definitionOf(definitions, name) as Definition, text);
  }
}

/** What would be stored and change nothing is refused, unless it is what is anyway. */
function checkEffect(name: string, definition: Definition, text: string): void {
  const { effect, defaultValue } = definition;
  if (effect.kind !== 'unused') return;
  if (
    defaultValue !== null &&
    String(parseConfig(name, definition, text)) === String(parseConfig(name, definition, defaultValue))
  )
    return;
  throw new ConfigError(`${name} cannot be changed: ${effect.reason}.`);
}

export function checkLength(name: string, text: string): void {
  if (Buffer.byteLength(text) > VALUE_LENGTH_MAX) {
    throw new ConfigError(`The value of ${name} is longer than ${VALUE_LENGTH_MAX} bytes`);
  }
}

export function hint(name: string, definitions: Definitions): string {
  const nearest = nearestName(name, Object.keys(definitions));
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}
