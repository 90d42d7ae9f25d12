// CreateTopics, versions 2 to 7.
//
// Behaviour: each topic on its own; -1 means the default count and replication factor; manual assignments, validate-only,
// and from version 5 on the configs in force, from 7 on the topic id. A name given twice: INVALID_REQUEST for it. More
// replicas than brokers: INVALID_REPLICATION_FACTOR, unless ottla.replication.factor.clamp accepts it; the broker's own
// topics get as many as there are. More than 10,000 partitions in one request: POLICY_VIOLATION for all, as in Kafka.
//
// Deviations: two new topics in one request whose names collide ('.' against '_'): the second is refused (Kafka creates
// both). A topic may have ottla.partitions.per.topic.max partitions. timeout.ms is not looked at: creation takes one
// commit, and the topic is writable when it is answered.
//
// KIPs: 4, 464, 525, 599, 516.
import type { Configs } from '../metadata/configs/configs.ts';
import { describeTopic } from '../metadata/configs/describe.ts';
import type { NewTopic, TopicOutcome, Topics } from '../metadata/topics.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type CreateTopicsRequest,
  type CreateTopicsResponseInput,
  createTopics,
} from '../protocol/messages/create-topics.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { MutationQuotas } from '../quota/mutation-quotas.ts';
import type { ApiHandler } from './api.ts';
import { splitRepeated } from './repeated.ts';
import { clientOf } from './throttling.ts';

type Dependencies = {
  readonly topics: Topics;
  readonly configs: Configs;
  /** Undefined: everybody may change as much as he likes. */
  readonly mutations?: MutationQuotas | undefined;
};
/** Earlier clients do not know THROTTLING_QUOTA_EXCEEDED (KIP-599). */
const FIRST_VERSION_WITH_STRICT_QUOTA = 6;

type Result = CreateTopicsResponseInput['topics'][number];

export function createTopicsHandler(
  dependencies: Dependencies,
): ApiHandler<CreateTopicsRequest, CreateTopicsResponseInput> {
  const { topics, configs, mutations } = dependencies;
  return {
    api: createTopics,
    minVersion: 2,
    maxVersion: 7,
    async dispatch(request, context, reply) {
      const { once, repeated } = splitRepeated(request.topics, (topic) => topic.name);
      const quota = mutations?.of(clientOf(context), context.apiVersion >= FIRST_VERSION_WITH_STRICT_QUOTA);
      const charge = quota && ((name: string, partitions: number) => quota.charge(name, partitions));
      const outcomes = await topics.create(once, { validateOnly: request.validateOnly, charge });
      const results = once.map((topic, index) => resultOf(topic, outcomes[index]!, configs));
      const refused = repeated.map((name) => refusal(name, ErrorCode.INVALID_REQUEST, 'Duplicate topic name.'));
      reply({ throttleTimeMs: quota?.throttleMs ?? 0, topics: [...refused, ...results] });
    },
    failed: (request, errorCode) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name }) => refusal(name, errorCode, null)),
    }),
  };
}

function resultOf(wanted: NewTopic, outcome: TopicOutcome, configs: Configs): Result {
  if (outcome.refusal) return refusal(wanted.name, outcome.refusal.errorCode, outcome.refusal.errorMessage);
  const { topic } = outcome;
  const overrides = new Map(wanted.configs.map((config) => [config.name, config.value as string]));
  return {
    name: topic.name,
    topicId: topic.id,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    topicConfigErrorCode: ErrorCode.NONE,
    numPartitions: topic.partitions.length,
    replicationFactor: topic.partitions[0]?.replicas.length ?? -1,
    configs: describeTopic(configs, overrides).map((entry) => ({
      name: entry.name,
      // What was set is echoed as it was written; DescribeConfigs shows it in its plain form.
      value: overrides.get(entry.name) ?? entry.value,
      readOnly: entry.readOnly,
      configSource: entry.source,
      isSensitive: entry.sensitive,
    })),
  };
}

function refusal(name: string, errorCode: number, errorMessage: string | null): Result {
  return {
    name,
    topicId: ZERO_UUID,
    errorCode,
    errorMessage,
    topicConfigErrorCode: ErrorCode.NONE,
    numPartitions: -1,
    replicationFactor: -1,
    configs: [],
  };
}
