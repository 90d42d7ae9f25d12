// The bit fields of authorized operations (KIP-430): one bit per AclOperation code. Without an authorizer everything that
// the resource type supports is allowed, as in Kafka (AuthHelper, AclEntry.supportedOperations).
import { ResourceType, supportedOperations } from '../protocol/acl-codes.ts';

/** In a response whose request did not ask. */
export const OPERATIONS_NOT_ASKED = -0x80000000;

export const ALL_TOPIC_OPERATIONS = everythingOn(ResourceType.TOPIC);
export const ALL_GROUP_OPERATIONS = everythingOn(ResourceType.GROUP);
export const ALL_CLUSTER_OPERATIONS = everythingOn(ResourceType.CLUSTER);

function everythingOn(type: ResourceType): number {
  return supportedOperations(type).reduce<number>((field, operation) => field | (1 << operation), 0);
}
