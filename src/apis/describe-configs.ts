// DescribeConfigs, versions 1 to 4: configs of topics, this broker, the cluster-wide defaults, groups, client-metrics
// subscriptions and loggers, with sources, synonyms, types (from 3 on) and documentation (from 3 on).
//
// Behaviour: no key list, or an empty one, is all keys; unknown keys are left out. An empty broker name shows the
// cluster-wide dynamic configs. Groups and subscriptions need not exist. An answer holds at most 400,000 configs or so;
// resources beyond are POLICY_VIOLATION.
// Deviations: broker resources also show the `ottla.*` settings; `listeners` and `listener.security.protocol.map` are
// read-only; there is one logger, `root`. KIPs: 133, 226, 412, 569, 1043.
import { ResourceType } from '../metadata/configs/config-resource.ts';
import { ConfigSource, type Configs } from '../metadata/configs/configs.ts';
import {
  type ConfigEntry,
  describeBroker,
  describeClientMetrics,
  describeClusterWide,
  describeGroup,
  describeTopic,
} from '../metadata/configs/describe.ts';
import type { Metadata } from '../metadata/image.ts';
import { Refusal, refuse } from '../metadata/refusal.ts';
import { topicNameObjection } from '../metadata/topic-name.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeConfigsRequest,
  type DescribeConfigsResponseInput,
  describeConfigs,
} from '../protocol/messages/describe-configs.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = { readonly metadata: Pick<Metadata, 'image'>; readonly configs: Configs };
type Resource = DescribeConfigsRequest['resources'][number];
type Result = DescribeConfigsResponseInput['results'][number];

/** Configs in one answer: enough for all topics of a large cluster, and a bound for the memory of the answer. */
const ENTRIES_MAX = 400_000;
const TOO_MANY = 'Too many configs for one answer; ask for fewer resources at a time.';

const TYPE_NUMBERS: Readonly<Record<ConfigEntry['type'], number>> = {
  UNKNOWN: 0,
  BOOLEAN: 1,
  STRING: 2,
  INT: 3,
  SHORT: 4,
  LONG: 5,
  DOUBLE: 6,
  LIST: 7,
  CLASS: 8,
  PASSWORD: 9,
};

export function describeConfigsHandler(
  dependencies: Dependencies,
): ApiHandler<DescribeConfigsRequest, DescribeConfigsResponseInput> {
  return {
    api: describeConfigs,
    minVersion: 1,
    maxVersion: 4,
    dispatch(request, _context, reply) {
      let entries = 0;
      const results = request.resources.map((each) => {
        if (entries > ENTRIES_MAX) return refused(each, new Refusal(ErrorCode.POLICY_VIOLATION, TOO_MANY));
        const result = describe(dependencies, request, each);
        entries += result.configs.length;
        return result;
      });
      reply({ throttleTimeMs: 0, results });
    },
    failed: ({ resources }, errorCode) => ({
      throttleTimeMs: 0,
      results: resources.map(({ resourceType, resourceName }) => {
        return { errorCode, errorMessage: null, resourceType, resourceName, configs: [] };
      }),
    }),
  };
}

function describe(dependencies: Dependencies, request: DescribeConfigsRequest, resource: Resource): Result {
  const { resourceType, resourceName, configurationKeys } = resource;
  try {
    const all = entriesOf(dependencies, resource);
    const keys = configurationKeys === null || configurationKeys.length === 0 ? undefined : new Set(configurationKeys);
    const wanted = keys === undefined ? all : all.filter((entry) => keys.has(entry.name));
    const configs = wanted.map((entry) => shown(entry, request));
    return { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName, configs };
  } catch (error) {
    if (error instanceof Refusal) return refused(resource, error);
    throw error;
  }
}

function refused({ resourceType, resourceName }: Resource, { errorCode, errorMessage }: Refusal): Result {
  return { errorCode, errorMessage, resourceType, resourceName, configs: [] };
}

/** Throws a Refusal. */
function entriesOf({ metadata, configs }: Dependencies, { resourceType, resourceName }: Resource): ConfigEntry[] {
  switch (resourceType) {
    case ResourceType.TOPIC: {
      const objection = topicNameObjection(resourceName);
      if (objection !== undefined) refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, objection);
      if (!metadata.image.topics.has(resourceName)) refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, '');
      return describeTopic(configs, configs.overrides(`topic:${resourceName}`));
    }
    case ResourceType.BROKER:
      if (resourceName === '') return describeClusterWide(configs);
      checkBrokerId(resourceName, configs.nodeId, ' or empty string');
      return describeBroker(configs);
    case ResourceType.BROKER_LOGGER:
      if (resourceName === '') refuse(ErrorCode.INVALID_REQUEST, 'Broker id must not be empty');
      checkBrokerId(resourceName, configs.nodeId, '');
      return [ROOT_LOGGER];
    case ResourceType.CLIENT_METRICS:
      if (resourceName === '') refuse(ErrorCode.INVALID_REQUEST, 'Client metrics subscription name must not be empty');
      return describeClientMetrics(configs, resourceName);
    case ResourceType.GROUP:
      if (resourceName === '') refuse(ErrorCode.INVALID_REQUEST, 'Group name must not be empty');
      return describeGroup(configs, resourceName);
    default:
      return refuse(ErrorCode.INVALID_REQUEST, `Unsupported resource type: ${resourceType}`);
  }
}

const ROOT_LOGGER: ConfigEntry = {
  name: 'root',
  value: 'INFO',
  source: ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG,
  type: 'UNKNOWN',
  readOnly: false,
  sensitive: false,
  synonyms: [],
  documentation: null,
};

function checkBrokerId(name: string, nodeId: number, orElse: string): void {
  if (!/^[+-]?\d{1,10}$/.test(name))
    refuse(ErrorCode.INVALID_REQUEST, `Broker id must be an integer, but it is: ${name}`);
  if (Number(name) === nodeId) return;
  refuse(ErrorCode.INVALID_REQUEST, `Unexpected broker id, expected ${nodeId}${orElse}, but received ${name}`);
}

function shown(entry: ConfigEntry, request: DescribeConfigsRequest): Result['configs'][number] {
  return {
    name: entry.name,
    value: entry.value,
    readOnly: entry.readOnly,
    configSource: entry.source,
    isSensitive: entry.sensitive,
    synonyms: request.includeSynonyms ? [...entry.synonyms] : [],
    configType: TYPE_NUMBERS[entry.type],
    documentation: request.includeDocumentation ? entry.documentation : null,
  };
}
