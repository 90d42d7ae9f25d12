// CreateAcls, versions 1 to 3.
//
// Behaviour: one result per entry; an entry that exists already is a success. Without an authorizer: SECURITY_DISABLED for all.
// Deviations: more than 100,000 entries are refused (POLICY_VIOLATION). KIPs: 4, 140, 290 (prefixed patterns).
// Source: AclApis.handleCreateAcls, AclControlManager.
import type { AclBinding, Acls } from '../metadata/acls.ts';
import { Refusal } from '../metadata/refusal.ts';
import { CLUSTER_NAME, ResourceType } from '../protocol/acl-codes.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { type CreateAclsRequest, type CreateAclsResponseInput, createAcls } from '../protocol/messages/create-acls.ts';
import type { Authorizer } from '../security/authorizer.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = { readonly acls: Acls; readonly authorizer?: Authorizer | undefined };

export function createAclsHandler({
  acls,
  authorizer,
}: Dependencies): ApiHandler<CreateAclsRequest, CreateAclsResponseInput> {
  return {
    api: createAcls,
    minVersion: 1,
    maxVersion: 3,
    async dispatch({ creations }, _context, reply) {
      if (!authorizer) {
        reply(allRefused(creations.length, ErrorCode.SECURITY_DISABLED, 'No Authorizer is configured.'));
        return;
      }
      const bindings = creations.map(
        ({ resourcePatternType, permissionType, ...rest }): AclBinding => ({
          ...rest,
          patternType: resourcePatternType,
          permission: permissionType,
        }),
      );
      const objections = bindings.map(objectionTo);
      const created = await acls.create(bindings.filter((_, index) => !objections[index]));
      let next = 0;
      const results = objections.map((objection) => {
        const refusal = objection ?? created[next++];
        return { errorCode: refusal?.errorCode ?? ErrorCode.NONE, errorMessage: refusal?.errorMessage ?? null };
      });
      reply({ throttleTimeMs: 0, results });
    },
    failed: ({ creations }, errorCode) => allRefused(creations.length, errorCode, null),
  };
}

function objectionTo({ resourceType, resourceName }: AclBinding): Refusal | undefined {
  if (resourceType === ResourceType.CLUSTER && resourceName !== CLUSTER_NAME) {
    return new Refusal(ErrorCode.INVALID_REQUEST, `The only valid name for the CLUSTER resource is ${CLUSTER_NAME}`);
  }
  return resourceName === '' ? new Refusal(ErrorCode.INVALID_REQUEST, 'Invalid empty resource name') : undefined;
}

function allRefused(count: number, errorCode: number, errorMessage: string | null): CreateAclsResponseInput {
  return { throttleTimeMs: 0, results: Array.from({ length: count }, () => ({ errorCode, errorMessage })) };
}
