// DescribeClientQuotas, versions 0 and 1.
//
// Behaviour: the quotas of the entities that match every component: a name, the default, or any of a type; `strict` leaves out
// entities with further types.
// Deviations: none known. KIPs: 546, 612. Source: ClientQuotasImage.describe.
import type { ClientQuotas } from '../metadata/client-quotas.ts';
import type { QuotaEntity, QuotaEntityType } from '../metadata/image.ts';
import { Refusal, refuse } from '../metadata/refusal.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeClientQuotasRequest,
  type DescribeClientQuotasResponseInput,
  describeClientQuotas,
} from '../protocol/messages/describe-client-quotas.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = { readonly clientQuotas: ClientQuotas };
type Component = DescribeClientQuotasRequest['components'][number];

const MatchType = { EXACT: 0, DEFAULT: 1, SPECIFIED: 2 } as const;
const ENTITY_TYPES: readonly string[] = ['user', 'client-id', 'ip'];

export function describeClientQuotasHandler({
  clientQuotas,
}: Dependencies): ApiHandler<DescribeClientQuotasRequest, DescribeClientQuotasResponseInput> {
  return {
    api: describeClientQuotas,
    minVersion: 0,
    maxVersion: 1,
    dispatch(request, _context, reply) {
      try {
        check(request.components);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const { errorCode, errorMessage } = error;
        reply({ throttleTimeMs: 0, errorCode, errorMessage, entries: null });
        return;
      }
      const entries = [...clientQuotas.all()]
        .filter(({ entity }) => matches(request, entity))
        .map(({ entity, quotas }) => ({
          entity: Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName })),
          values: [...quotas].map(([key, value]) => ({ key, value })),
        }));
      reply({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, entries });
    },
    failed: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, errorMessage: null, entries: null }),
  };
}

function matches({ components, strict }: DescribeClientQuotasRequest, entity: QuotaEntity): boolean {
  if (strict && Object.keys(entity).length !== components.length) return false;
  return components.every(({ entityType, matchType, match }) => {
    const name = entity[entityType as QuotaEntityType];
    if (name === undefined) return false;
    return matchType === MatchType.SPECIFIED || name === (matchType === MatchType.EXACT ? match : null);
  });
}

function check(components: readonly Component[]): void {
  const seen = new Set<string>();
  const invalid = (what: string) => refuse(ErrorCode.INVALID_REQUEST, what);
  for (const { entityType, matchType, match } of components) {
    if (entityType === '') invalid('Invalid empty entity type.');
    if (seen.has(entityType)) invalid(`Entity type ${entityType} cannot appear more than once in the filter.`);
    if (!ENTITY_TYPES.includes(entityType)) {
      refuse(ErrorCode.UNSUPPORTED_VERSION, `Unsupported entity type ${entityType}`);
    }
    seen.add(entityType);
    if (matchType === MatchType.EXACT) {
      if (match === null) invalid('Request specified MATCH_TYPE_EXACT, but set match string to null.');
    } else if (matchType === MatchType.DEFAULT || matchType === MatchType.SPECIFIED) {
      const name = matchType === MatchType.DEFAULT ? 'MATCH_TYPE_DEFAULT' : 'MATCH_TYPE_SPECIFIED';
      if (match !== null) invalid(`Request specified ${name}, but also specified a match string.`);
    } else invalid(`Unknown match type ${matchType}`);
  }
  if (seen.has('ip') && seen.size > 1) {
    invalid(
      'Invalid entity filter component combination, IP filter component should not be used with user or clientId filter component.',
    );
  }
}
