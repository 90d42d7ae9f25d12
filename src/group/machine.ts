// What the coordinator's shell knows of a group, whatever its protocol. A machine never touches a clock, a disk or a
// socket: it is called with an event and the time, changes its own state at once, and returns effects (effects.ts).
// Invariant: replaying the records that a machine appended, in their order, gives a machine in the same state.
// `nowMs` is wall-clock time in milliseconds since the epoch, as it stands in records.
import type {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
} from '../protocol/coordinator-records/consumer-group-current-member-assignment.ts';
import type {
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
} from '../protocol/coordinator-records/consumer-group-member-metadata.ts';
import type {
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
} from '../protocol/coordinator-records/consumer-group-metadata.ts';
import type {
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupPartitionMetadataValue,
} from '../protocol/coordinator-records/consumer-group-partition-metadata.ts';
import type {
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
} from '../protocol/coordinator-records/consumer-group-regular-expression.ts';
import type {
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
} from '../protocol/coordinator-records/consumer-group-target-assignment-member.ts';
import type {
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
} from '../protocol/coordinator-records/consumer-group-target-assignment-metadata.ts';
import type { GroupMetadataKey, GroupMetadataValue } from '../protocol/coordinator-records/group-metadata.ts';
import type { CoordinatorRecord, Effect } from './effects.ts';

/** A record of a group, decoded; `type` is the record type of its key (src/protocol/group-records.ts), a null value a tombstone. */
export type DecodedGroupRecord =
  | DecodedRecord<2, GroupMetadataKey, GroupMetadataValue>
  | DecodedRecord<3, ConsumerGroupMetadataKey, ConsumerGroupMetadataValue>
  | DecodedRecord<4, ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue>
  | DecodedRecord<5, ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue>
  | DecodedRecord<6, ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue>
  | DecodedRecord<7, ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue>
  | DecodedRecord<8, ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue>
  | DecodedRecord<16, ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue>;

export interface DecodedRecord<Type extends number, Key, Value> {
  readonly type: Type;
  readonly key: Key;
  readonly value: Value | null;
}

/** Who sent a request. */
export interface MemberContext {
  readonly clientId: string;
  /** As Kafka writes it: `/127.0.0.1`. */
  readonly clientHost: string;
  readonly apiVersion: number;
  /** Undefined: he may see every topic. */
  readonly mayDescribe?: ((topic: string) => boolean) | undefined;
}

export interface OffsetCommitClaim {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationOrEpoch: number;
  /** TxnOffsetCommit. */
  readonly isTransactional: boolean;
  readonly apiVersion: number;
}

/**
 * An error code for the whole commit (0 is "yes"), or a function that answers for each partition: a member may commit
 * with an epoch older than its own what it has owned since then (KIP-1251).
 */
export type OffsetCommitVerdict = number | ((topicId: string, partition: number) => number);

export interface GroupMachine {
  readonly groupId: string;
  readonly type: 'classic' | 'consumer';
  /** Kafka's name: Empty, PreparingRebalance, CompletingRebalance, Stable, Dead; Empty, Assigning, Reconciling, Stable, Dead. */
  readonly state: string;
  readonly protocolType: string;
  /** No members: its offsets age and the group may be deleted. */
  readonly isEmpty: boolean;
  replay(record: DecodedGroupRecord): void;
  /** After the last record was replayed: arms the timers; sessions start anew. */
  loaded(nowMs: number): Effect[];
  timer(key: string, nowMs: number): Effect[];
  validateOffsetCommit(claim: OffsetCommitClaim): OffsetCommitVerdict;
  validateOffsetFetch(claim: { readonly memberId: string | null; readonly memberEpoch: number }): number;
  validateOffsetDelete(): number;
  /** Offsets of a topic that a member is subscribed to are neither deleted nor aged. */
  isSubscribedTo(topic: string): boolean;
  /** NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, or 0. */
  validateDelete(): number;
  /** The records that remove the group; what it holds besides offsets. */
  tombstones(): CoordinatorRecord[];
}
