// Access control as numbers on the wire: resource types, pattern types, operations, permissions (Kafka's codes and names).

export const ResourceType = {
  UNKNOWN: 0,
  ANY: 1,
  TOPIC: 2,
  GROUP: 3,
  CLUSTER: 4,
  TRANSACTIONAL_ID: 5,
  DELEGATION_TOKEN: 6,
  USER: 7,
} as const;
export type ResourceType = (typeof ResourceType)[keyof typeof ResourceType];

export const PatternType = { UNKNOWN: 0, ANY: 1, MATCH: 2, LITERAL: 3, PREFIXED: 4 } as const;
export type PatternType = (typeof PatternType)[keyof typeof PatternType];

export const AclOperation = {
  UNKNOWN: 0,
  ANY: 1,
  ALL: 2,
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
  CREATE_TOKENS: 13,
  DESCRIBE_TOKENS: 14,
  TWO_PHASE_COMMIT: 15,
} as const;
export type AclOperation = (typeof AclOperation)[keyof typeof AclOperation];

export const Permission = { UNKNOWN: 0, ANY: 1, DENY: 2, ALLOW: 3 } as const;
export type Permission = (typeof Permission)[keyof typeof Permission];

/** The one resource of type CLUSTER. */
export const CLUSTER_NAME = 'kafka-cluster';

/** The name behind a code, for sentences and logs. */
export function nameOfCode(codes: Readonly<Record<string, number>>, code: number): string {
  return Object.keys(codes).find((name) => codes[name] === code) ?? `${code}`;
}

const O = AclOperation;

/** What can be allowed on a resource of a type (AclEntry.supportedOperations). */
export function supportedOperations(type: ResourceType): readonly AclOperation[] {
  switch (type) {
    case ResourceType.TOPIC:
      return [O.READ, O.WRITE, O.CREATE, O.DESCRIBE, O.DELETE, O.ALTER, O.DESCRIBE_CONFIGS, O.ALTER_CONFIGS];
    case ResourceType.GROUP:
      return [O.READ, O.DESCRIBE, O.DELETE, O.DESCRIBE_CONFIGS, O.ALTER_CONFIGS];
    case ResourceType.CLUSTER:
      return [O.CREATE, O.CLUSTER_ACTION, O.DESCRIBE_CONFIGS, O.ALTER_CONFIGS, O.IDEMPOTENT_WRITE, O.ALTER, O.DESCRIBE];
    case ResourceType.TRANSACTIONAL_ID:
      return [O.DESCRIBE, O.WRITE, O.TWO_PHASE_COMMIT];
    case ResourceType.DELEGATION_TOKEN:
      return [O.DESCRIBE];
    case ResourceType.USER:
      return [O.CREATE_TOKENS, O.DESCRIBE_TOKENS];
    default:
      return [];
  }
}
