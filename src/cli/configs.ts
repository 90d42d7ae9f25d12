// Reading and changing configs over the protocol, for `ottla config` and `ottla topic`.
import type { Client } from '../client/client.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { describeConfigs as describeConfigsApi } from '../protocol/messages/describe-configs.ts';
import { incrementalAlterConfigs } from '../protocol/messages/incremental-alter-configs.ts';
import { brokerRefusal } from './connection.ts';

/** Kafka's ConfigResource.Type. */
export const RESOURCE_TYPE = { topic: 2, broker: 4 } as const;
export type ResourceType = (typeof RESOURCE_TYPE)[keyof typeof RESOURCE_TYPE];

/** Kafka's ConfigSource, as numbers on the wire. */
export const CONFIG_SOURCE = { topic: 1, broker: 2, allBrokers: 3, startup: 4, builtIn: 5 } as const;

const SOURCE_WORDS: Readonly<Record<number, string>> = {
  [CONFIG_SOURCE.topic]: 'set on the topic',
  [CONFIG_SOURCE.broker]: 'set on the broker',
  [CONFIG_SOURCE.allBrokers]: 'set on all brokers',
  [CONFIG_SOURCE.startup]: 'given at start',
  [CONFIG_SOURCE.builtIn]: 'default',
};

const OPERATION = { set: 0, delete: 1 } as const;

export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
  readonly sourceWords: string;
  readonly readOnly: boolean;
  readonly documentation: string | null;
}

export async function describeConfigs(
  client: Client,
  type: ResourceType,
  name: string,
  documentation = false,
): Promise<ConfigEntry[]> {
  const response = await client.request(describeConfigsApi, {
    resources: [{ resourceType: type, resourceName: name, configurationKeys: null }],
    includeSynonyms: false,
    includeDocumentation: documentation,
  });
  const result = response.results[0];
  if (result === undefined || result.errorCode !== ErrorCode.NONE) {
    throw brokerRefusal(
      `the configs of ${resourceWords(type, name)} cannot be read`,
      result?.errorCode ?? -1,
      result?.errorMessage,
    );
  }
  return result.configs
    .map((config) => ({
      name: config.name,
      value: config.value,
      source: config.configSource,
      sourceWords: SOURCE_WORDS[config.configSource] ?? `source ${config.configSource}`,
      readOnly: config.readOnly,
      documentation: config.documentation,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export async function alterConfigs(
  client: Client,
  type: ResourceType,
  name: string,
  set: readonly (readonly [string, string])[],
  unset: readonly string[],
): Promise<void> {
  const response = await client.request(incrementalAlterConfigs, {
    resources: [
      {
        resourceType: type,
        resourceName: name,
        configs: [
          ...set.map(([config, value]) => ({ name: config, configOperation: OPERATION.set, value })),
          ...unset.map((config) => ({ name: config, configOperation: OPERATION.delete, value: null })),
        ],
      },
    ],
    validateOnly: false,
  });
  for (const result of response.responses) {
    if (result.errorCode !== ErrorCode.NONE) {
      throw brokerRefusal(
        `the configs of ${resourceWords(type, name)} were not changed`,
        result.errorCode,
        result.errorMessage,
      );
    }
  }
}

function resourceWords(type: ResourceType, name: string): string {
  if (type === RESOURCE_TYPE.topic) return `topic ${name}`;
  return name === '' ? 'all brokers' : `broker ${name}`;
}
