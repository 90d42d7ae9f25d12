// AlterClientQuotas, versions 0 and 1.
//
// Behaviour: sets and removes quotas of users, client ids, both together, addresses, and their defaults (a null name). One result per
// entity, in force when it is answered.
// Deviations: more than 100,000 entities are refused (POLICY_VIOLATION); an address must be numeric. KIPs: 546, 612 (ip).
// Source: ClientQuotaControlManager.
import type { ClientQuotas } from '../metadata/client-quotas.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type AlterClientQuotasRequest,
  type AlterClientQuotasResponseInput,
  alterClientQuotas,
} from '../protocol/messages/alter-client-quotas.ts';
import type { ApiHandler } from './api.ts';
import { refusalSentence } from './authorization/refusal-sentences.ts';

type Dependencies = { readonly clientQuotas: ClientQuotas };

export function alterClientQuotasHandler({
  clientQuotas,
}: Dependencies): ApiHandler<AlterClientQuotasRequest, AlterClientQuotasResponseInput> {
  return {
    api: alterClientQuotas,
    minVersion: 0,
    maxVersion: 1,
    async dispatch({ entries, validateOnly }, _context, reply) {
      const refusals = await clientQuotas.alter(entries, validateOnly);
      reply({
        throttleTimeMs: 0,
        entries: entries.map(({ entity }, index) => ({
          errorCode: refusals[index]?.errorCode ?? ErrorCode.NONE,
          errorMessage: refusals[index]?.errorMessage ?? null,
          entity,
        })),
      });
    },
    failed: ({ entries }, errorCode) => ({
      throttleTimeMs: 0,
      entries: entries.map(({ entity }) => ({ errorCode, errorMessage: refusalSentence(errorCode), entity })),
    }),
  };
}
