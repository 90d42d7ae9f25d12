// The filter of DescribeAcls, and of DeleteAcls, as the wire has it.
import type { AclFilter } from '../metadata/acls.ts';
import type { DescribeAclsRequest } from '../protocol/messages/describe-acls.ts';

export function aclFilterOf(request: DescribeAclsRequest): AclFilter {
  return {
    resourceType: request.resourceTypeFilter,
    resourceName: request.resourceNameFilter,
    patternType: request.patternTypeFilter,
    principal: request.principalFilter,
    host: request.hostFilter,
    operation: request.operation,
    permission: request.permissionType,
  };
}
