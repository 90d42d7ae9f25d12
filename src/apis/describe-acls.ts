// DescribeAcls, versions 1 to 3.
//
// Behaviour: the entries that match the filter, by resource. Without an authorizer: SECURITY_DISABLED.
// Deviations: none known. KIPs: 4, 140, 290. Source: AclApis.handleDescribeAcls.
import type { Acls } from '../metadata/acls.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeAclsRequest,
  type DescribeAclsResponseInput,
  describeAcls,
} from '../protocol/messages/describe-acls.ts';
import type { Authorizer } from '../security/authorizer.ts';
import { aclFilterOf } from './acl-filter.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = { readonly acls: Acls; readonly authorizer?: Authorizer | undefined };
type Resource = DescribeAclsResponseInput['resources'][number];

export function describeAclsHandler({
  acls,
  authorizer,
}: Dependencies): ApiHandler<DescribeAclsRequest, DescribeAclsResponseInput> {
  return {
    api: describeAcls,
    minVersion: 1,
    maxVersion: 3,
    dispatch(request, _context, reply) {
      if (!authorizer) {
        const errorMessage = 'No Authorizer is configured on the broker';
        reply({ throttleTimeMs: 0, errorCode: ErrorCode.SECURITY_DISABLED, errorMessage, resources: [] });
        return;
      }
      const found = acls.matching(aclFilterOf(request));
      const byResource = new Map<string, Resource & { acls: Resource['acls'][number][] }>();
      for (const { resourceType, resourceName, patternType, principal, host, operation, permission } of found) {
        const key = `${resourceType} ${patternType} ${resourceName}`;
        const resource = byResource.get(key) ?? { resourceType, resourceName, patternType, acls: [] };
        resource.acls.push({ principal, host, operation, permissionType: permission });
        byResource.set(key, resource);
      }
      reply({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, resources: [...byResource.values()] });
    },
  };
}
