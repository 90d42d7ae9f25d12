// APIs that need one permission on the cluster, or on one group, and nothing else; and those that ask nothing here.
import { AclOperation } from '../../protocol/acl-codes.ts';
import { ErrorCode } from '../../protocol/error-code.ts';
import type { AnyAuthorization, Authorization } from './authorization.ts';

const { ALTER, CLUSTER_ACTION } = AclOperation;

/** Denied as a whole without the operation on the cluster. */
export function needsCluster(operation: 'ALTER' | 'DESCRIBE' | 'DESCRIBE_CONFIGS' | 'ALTER_CONFIGS'): AnyAuthorization {
  return {
    checks: [{ operation, resource: 'CLUSTER', otherwise: 'CLUSTER_AUTHORIZATION_FAILED' }],
    narrow: (request, ask) =>
      ask.cluster(AclOperation[operation]) ? { request } : { denied: ErrorCode.CLUSTER_AUTHORIZATION_FAILED },
  };
}

/** Denied as a whole without READ on the group that the request names. */
export const needsGroupRead: Authorization<{ readonly groupId: string }, unknown> = {
  checks: [{ operation: 'READ', resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' }],
  narrow: (request, ask) =>
    ask.group(AclOperation.READ, request.groupId) ? { request } : { denied: ErrorCode.GROUP_AUTHORIZATION_FAILED },
};

export const writeTxnMarkersAuthorization: AnyAuthorization = {
  checks: [
    { operation: 'ALTER', resource: 'CLUSTER', otherwise: 'the next is asked' },
    { operation: 'CLUSTER_ACTION', resource: 'CLUSTER', otherwise: 'CLUSTER_AUTHORIZATION_FAILED' },
  ],
  narrow: (request, ask) =>
    ask.cluster(ALTER, 'allowed') || ask.cluster(CLUSTER_ACTION)
      ? { request }
      : { denied: ErrorCode.CLUSTER_AUTHORIZATION_FAILED },
};

/** Nothing is asked before the handler: what it asks by itself, if anything, is listed. */
export function asksItself(...checks: AnyAuthorization['checks']): AnyAuthorization {
  return { checks, narrow: (request) => ({ request }) };
}
