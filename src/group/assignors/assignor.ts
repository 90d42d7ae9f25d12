// What a server-side assignor is given and gives back (Kafka: ConsumerGroupPartitionAssignor). Assignors are pure.

/** Topic id → partitions, ascending. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

export interface MemberSpec {
  readonly instanceId: string | null;
  /** Only topics that exist. */
  readonly subscribedTopicIds: ReadonlySet<string>;
  /** Of the target assignment before; each partition is some one member's. */
  readonly assigned: Assignment;
}

export interface GroupSpec {
  /** By member id; their order decides where counts do not, so it should be the same from one assignment to the next. */
  readonly members: ReadonlyMap<string, MemberSpec>;
  /** All members are subscribed to the same topics. */
  readonly homogeneous: boolean;
  partitionCount(topicId: string): number;
}

/** Gives every partition of every subscribed topic to exactly one of its subscribers; a member with nothing may be absent. */
export type Assignor = (group: GroupSpec) => Map<string, Assignment>;

export const NOTHING: Assignment = new Map();
