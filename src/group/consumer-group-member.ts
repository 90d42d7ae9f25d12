// A member of a consumer group (KIP-848) as an immutable value. A member that joined with the classic protocol carries what
// it said there, and is otherwise a member like any other.
import type { ConsumerGroupCurrentMemberAssignmentValue } from '../protocol/coordinator-records/consumer-group-current-member-assignment.ts';
import type { ConsumerGroupMemberMetadataValue } from '../protocol/coordinator-records/consumer-group-member-metadata.ts';
import type { Assignment } from './assignors/assignor.ts';

/** As numbers they stand in records. */
export const MemberState = {
  /** Has what the target assignment of its epoch gives it. */
  STABLE: 0,
  /** Was asked to give up partitions and has not said that it did. */
  UNREVOKED_PARTITIONS: 1,
  /** Waits for partitions that others have not given up. */
  UNRELEASED_PARTITIONS: 2,
  /** Written by a version that knows more states. */
  UNKNOWN: 127,
} as const;
export type MemberState = (typeof MemberState)[keyof typeof MemberState];

/** Member epochs with a meaning of their own. */
export const JOINING_EPOCH = 0;
export const LEAVING_EPOCH = -1;
/** A static member is away and will be back before its session ends. */
export const AWAY_EPOCH = -2;

/** Topic id → partition → the epoch of the target assignment that gave it. */
export type EpochAssignment = ReadonlyMap<string, ReadonlyMap<number, number>>;

export type ClassicMetadata = NonNullable<ConsumerGroupMemberMetadataValue['classicMemberMetadata']>;

export interface ConsumerGroupMember {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly rebalanceTimeoutMs: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopicNames: ReadonlySet<string>;
  /** Empty: none. */
  readonly subscribedTopicRegex: string;
  readonly serverAssignor: string | null;
  readonly assigned: EpochAssignment;
  readonly pendingRevocation: EpochAssignment;
  /** Not null: speaks the classic protocol. */
  readonly classic: ClassicMetadata | null;
}

export const NO_PARTITIONS: EpochAssignment = new Map();

export function newMember(memberId: string): ConsumerGroupMember {
  return {
    memberId,
    memberEpoch: JOINING_EPOCH,
    previousMemberEpoch: -1,
    state: MemberState.STABLE,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: -1,
    clientId: '',
    clientHost: '',
    subscribedTopicNames: new Set(),
    subscribedTopicRegex: '',
    serverAssignor: null,
    assigned: NO_PARTITIONS,
    pendingRevocation: NO_PARTITIONS,
    classic: null,
  };
}

/** Nothing is left to do for it in this epoch. */
export function isReconciledTo(member: ConsumerGroupMember, assignmentEpoch: number): boolean {
  return member.state === MemberState.STABLE && member.memberEpoch === assignmentEpoch;
}

/** Whether its record of metadata (type 5) would be the same. */
export function sameMetadata(a: ConsumerGroupMember, b: ConsumerGroupMember): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.subscribedTopicRegex === b.subscribedTopicRegex &&
    a.serverAssignor === b.serverAssignor &&
    sameNames(a.subscribedTopicNames, b.subscribedTopicNames) &&
    sameClassic(a.classic, b.classic)
  );
}

export function sameNames(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const name of a) if (!b.has(name)) return false;
  return true;
}

/** Whether its record of the current assignment (type 8) would be the same. */
export function sameProgress(a: ConsumerGroupMember, b: ConsumerGroupMember): boolean {
  return (
    a.memberEpoch === b.memberEpoch &&
    a.previousMemberEpoch === b.previousMemberEpoch &&
    a.state === b.state &&
    sameEpochAssignment(a.assigned, b.assigned) &&
    sameEpochAssignment(a.pendingRevocation, b.pendingRevocation)
  );
}

export function sameEpochAssignment(a: EpochAssignment, b: EpochAssignment): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [topicId, epochs] of a) {
    const others = b.get(topicId);
    if (others === undefined || others.size !== epochs.size) return false;
    for (const [partition, epoch] of epochs) if (others.get(partition) !== epoch) return false;
  }
  return true;
}

export function sameAssignment(a: Assignment, b: Assignment): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId);
    if (others === undefined || others.length !== partitions.length) return false;
    for (let i = 0; i < partitions.length; i++) if (others[i] !== partitions[i]) return false;
  }
  return true;
}

export function withoutEpochs(assignment: EpochAssignment): Assignment {
  return new Map([...assignment].map(([topicId, epochs]) => [topicId, sorted(epochs.keys())]));
}

export function withEpoch(assignment: Assignment, epoch: number): EpochAssignment {
  return new Map(
    [...assignment].map(([topicId, partitions]) => [
      topicId,
      new Map(partitions.map((partition) => [partition, epoch])),
    ]),
  );
}

export function sorted(partitions: Iterable<number>): number[] {
  return [...partitions].sort((a, b) => a - b);
}

export function memberWithMetadata(
  member: ConsumerGroupMember,
  value: ConsumerGroupMemberMetadataValue,
): ConsumerGroupMember {
  return {
    ...member,
    instanceId: value.instanceId,
    rackId: value.rackId,
    rebalanceTimeoutMs: value.rebalanceTimeoutMs,
    clientId: value.clientId,
    clientHost: value.clientHost,
    subscribedTopicNames: new Set(value.subscribedTopicNames),
    subscribedTopicRegex: value.subscribedTopicRegex ?? '',
    serverAssignor: value.serverAssignor,
    classic: value.classicMemberMetadata,
  };
}

export function metadataOf(member: ConsumerGroupMember): ConsumerGroupMemberMetadataValue {
  return {
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: [...member.subscribedTopicNames].sort(),
    subscribedTopicRegex: member.subscribedTopicRegex,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    serverAssignor: member.serverAssignor,
    classicMemberMetadata: member.classic,
  };
}

export function memberWithProgress(
  member: ConsumerGroupMember,
  value: ConsumerGroupCurrentMemberAssignmentValue,
): ConsumerGroupMember {
  return {
    ...member,
    memberEpoch: value.memberEpoch,
    previousMemberEpoch: value.previousMemberEpoch,
    state: stateOf(value.state),
    assigned: readEpochs(value.assignedPartitions, value.memberEpoch),
    pendingRevocation: readEpochs(value.partitionsPendingRevocation, value.memberEpoch),
  };
}

export function progressOf(member: ConsumerGroupMember): ConsumerGroupCurrentMemberAssignmentValue {
  return {
    memberEpoch: member.memberEpoch,
    previousMemberEpoch: member.previousMemberEpoch,
    state: member.state,
    assignedPartitions: writeEpochs(member.assigned),
    partitionsPendingRevocation: writeEpochs(member.pendingRevocation),
  };
}

type TopicPartitions = ConsumerGroupCurrentMemberAssignmentValue['assignedPartitions'];

/** Records from before KIP-1251 have no epochs: their partitions came with the member's. */
function readEpochs(topics: TopicPartitions, memberEpoch: number): EpochAssignment {
  const epochless = Math.max(memberEpoch, 0);
  return new Map(
    topics.map(({ topicId, partitions, assignmentEpochs }) => {
      const epochs = assignmentEpochs?.length === partitions.length ? assignmentEpochs : null;
      return [topicId, new Map(partitions.map((partition, i) => [partition, epochs?.[i] ?? epochless]))];
    }),
  );
}

function writeEpochs(assignment: EpochAssignment): TopicPartitions {
  return [...assignment].map(([topicId, epochs]) => {
    const partitions = sorted(epochs.keys());
    return { topicId, partitions, assignmentEpochs: partitions.map((partition) => epochs.get(partition) as number) };
  });
}

function stateOf(value: number): MemberState {
  return value === 0 || value === 1 || value === 2 ? value : MemberState.UNKNOWN;
}

function sameClassic(a: ClassicMetadata | null, b: ClassicMetadata | null): boolean {
  if (a === b) return true;
  if (a === null || b === null) return false;
  if (a.sessionTimeoutMs !== b.sessionTimeoutMs || a.supportedProtocols.length !== b.supportedProtocols.length)
    return false;
  return a.supportedProtocols.every((protocol, i) => {
    const other = b.supportedProtocols[i]!;
    return protocol.name === other.name && protocol.metadata.equals(other.metadata);
  });
}
