// DeleteAcls, versions 1 to 3.
//
// Behaviour: per filter the entries that it deleted. Without an authorizer: SECURITY_DISABLED for every filter.
// Deviations: none known. KIPs: 4, 140, 290. Source: AclApis.handleDeleteAcls.
import type { Acls } from '../metadata/acls.ts';
import { Refusal } from '../metadata/refusal.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { type DeleteAclsRequest, type DeleteAclsResponseInput, deleteAcls } from '../protocol/messages/delete-acls.ts';
import type { Authorizer } from '../security/authorizer.ts';
import { aclFilterOf } from './acl-filter.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = { readonly acls: Acls; readonly authorizer?: Authorizer | undefined };
type FilterResult = DeleteAclsResponseInput['filterResults'][number];

export function deleteAclsHandler({
  acls,
  authorizer,
}: Dependencies): ApiHandler<DeleteAclsRequest, DeleteAclsResponseInput> {
  return {
    api: deleteAcls,
    minVersion: 1,
    maxVersion: 3,
    async dispatch({ filters }, _context, reply) {
      if (!authorizer) {
        const result = refused(ErrorCode.SECURITY_DISABLED, 'No Authorizer is configured.');
        reply({ throttleTimeMs: 0, filterResults: filters.map(() => result) });
        return;
      }
      const outcomes = await acls.delete(filters.map(aclFilterOf));
      const filterResults = outcomes.map((outcome): FilterResult => {
        if (outcome instanceof Refusal) return refused(outcome.errorCode, outcome.errorMessage);
        const matchingAcls = outcome.map(({ id: _, permission, ...acl }) => ({
          ...acl,
          errorCode: ErrorCode.NONE,
          errorMessage: null,
          permissionType: permission,
        }));
        return { errorCode: ErrorCode.NONE, errorMessage: null, matchingAcls };
      });
      reply({ throttleTimeMs: 0, filterResults });
    },
    failed: ({ filters }, errorCode) => ({
      throttleTimeMs: 0,
      filterResults: filters.map(() => refused(errorCode, null)),
    }),
  };
}

function refused(errorCode: number, errorMessage: string | null): FilterResult {
  return { errorCode, errorMessage, matchingAcls: [] };
}
