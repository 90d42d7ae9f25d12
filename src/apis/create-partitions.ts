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
import type { ApiHandler } from './api.ts';
import { splitRepeated } from './repeated.ts';

type Dependencies = { readonly topics: Topics };

export function createPartitionsHandler(
  dependencies: Dependencies,
): ApiHandler<CreatePartitionsRequest, CreatePartitionsResponseInput> {
  return {
    api: createPartitions,
    minVersion: 0,
    maxVersion: 3,
    async dispatch(request, _context, reply) {
      const { once, repeated } = splitRepeated(request.topics, (topic) => topic.name);
      const outcomes = await dependencies.topics.addPartitions(once, { validateOnly: request.validateOnly });
      const results = once.map(({ name }, index) => {
        const refusal = outcomes[index]?.refusal;
        return { name, errorCode: refusal?.errorCode ?? ErrorCode.NONE, errorMessage: refusal?.errorMessage ?? null };
      });
      const errorCode = ErrorCode.INVALID_REQUEST;
      const refused = repeated.map((name) => ({ name, errorCode, errorMessage: 'Duplicate topic name.' }));
      reply({ throttleTimeMs: 0, results: [...refused, ...results] });
    },
    failed: ({ topics }, errorCode) => ({
      throttleTimeMs: 0,
      results: topics.map(({ name }) => ({ name, errorCode, errorMessage: null })),
    }),
  };
}
