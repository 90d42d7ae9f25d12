// CreatePartitions, versions 0 to 3: raises the number of partitions of topics.
// Behaviour: each topic on its own, manual assignments for the new partitions, validate-only. A topic named twice:
// INVALID_REQUEST for it. More than 10,000 new partitions in one request: POLICY_VIOLATION for all, as in Kafka.
// Deviations: timeout.ms is not looked at. KIPs: 195, 599.
import type { Topics } from '../metadata/topics.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type CreatePartitionsRequest,
  type CreatePartitionsResponseInput,
  createPartitions,
} from '../protocol/messages/create-partitions.ts';
import type { MutationQuotas } from '../quota/mutation-quotas.ts';
import type { ApiHandler } from './api.ts';
import { splitRepeated } from './repeated.ts';
import { clientOf } from './throttling.ts';

type Dependencies = {
  readonly topics: Topics;
  /** Undefined: everybody may change as much as he likes. */
  readonly mutations?: MutationQuotas | undefined;
};

/** Earlier clients do not know THROTTLING_QUOTA_EXCEEDED (KIP-599). */
const FIRST_VERSION_WITH_STRICT_QUOTA = 3;

export function createPartitionsHandler(
  dependencies: Dependencies,
): ApiHandler<CreatePartitionsRequest, CreatePartitionsResponseInput> {
  return {
    api: createPartitions,
    minVersion: 0,
    maxVersion: 3,
    async dispatch(request, context, reply) {
      const { once, repeated } = splitRepeated(request.topics, (topic) => topic.name);
      const isStrict = context.apiVersion >= FIRST_VERSION_WITH_STRICT_QUOTA;
      const quota = dependencies.mutations?.of(clientOf(context), isStrict);
      const charge = quota && ((name: string, partitions: number) => quota.charge(name, partitions));
      const { validateOnly } = request;
      const outcomes = await dependencies.topics.addPartitions(once, { validateOnly, charge });
      const results = once.map(({ name }, index) => {
        const refusal = outcomes[index]?.refusal;
        return { name, errorCode: refusal?.errorCode ?? ErrorCode.NONE, errorMessage: refusal?.errorMessage ?? null };
      });
      const errorCode = ErrorCode.INVALID_REQUEST;
      const refused = repeated.map((name) => ({ name, errorCode, errorMessage: 'Duplicate topic name.' }));
      reply({ throttleTimeMs: quota?.throttleMs ?? 0, results: [...refused, ...results] });
    },
    failed: ({ topics }, errorCode) => ({
      throttleTimeMs: 0,
      results: topics.map(({ name }) => ({ name, errorCode, errorMessage: null })),
    }),
  };
}
