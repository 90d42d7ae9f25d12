// What OffsetCommit, TxnOffsetCommit, OffsetFetch and OffsetDelete mean to the groups of a shard: the group's machine says whether, the
// committed offsets say what. Topics and partitions have been looked up by the caller.
// Source: OffsetMetadataManager of Kafka 4.3.
import { ErrorCode } from '../protocol/error-code.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { CoordinatorRecord, Effect } from './effects.ts';
import type { Groups } from './groups.ts';
import type { OffsetCommitVerdict } from './machine.ts';
import type { CommittedOffset, CommittedOffsets, PendingOutcome, TopicToCommit } from './offsets.ts';

interface Place {
  readonly groups: Groups;
  readonly offsets: CommittedOffsets;
}

export interface CommitRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationIdOrMemberEpoch: number;
  /** −1: the broker's. */
  readonly retentionTimeMs: number;
  readonly topics: readonly TopicToCommit[];
}

export interface Committed {
  /** Of the whole request. */
  readonly errorCode: number;
  /** By topic and partition of the request; empty with an error. */
  readonly partitionErrors: readonly (readonly number[])[];
  readonly effects: readonly Effect[];
}

interface CommitLimits {
  readonly apiVersion: number;
  readonly nowMs: number;
  readonly metadataLengthMax: number;
  readonly batchBytesMax: number;
}

const FIRST_COMMIT_VERSION_WITH_GROUP_ERRORS = 9;

export function commitOffsets({ groups, offsets }: Place, request: CommitRequest, rules: CommitLimits): Committed {
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch, retentionTimeMs } = request;
  const { apiVersion, nowMs, metadataLengthMax, batchBytesMax } = rules;
  const group = groups.get(groupId);
  let verdict: OffsetCommitVerdict;
  if (group !== undefined) {
    const claim = { memberId, groupInstanceId, generationOrEpoch: generationIdOrMemberEpoch, isTransactional: false };
    verdict = group.validateOffsetCommit({ ...claim, apiVersion });
  } else if (generationIdOrMemberEpoch < 0) {
    // Somebody who assigns partitions itself and keeps only its offsets here.
    verdict = ErrorCode.NONE;
  } else {
    const hasGroupErrors = apiVersion >= FIRST_COMMIT_VERSION_WITH_GROUP_ERRORS;
    verdict = hasGroupErrors ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
  }
  const limits = { metadataLengthMax, batchBytesMax };
  const outcome = offsets.commit(groupId, request.topics, { nowMs, retentionTimeMs, ...limits, verdict });
  const { errorCode, partitionErrors, records } = outcome;
  const effects: Effect[] = records.length > 0 ? [{ type: 'append', records }] : [];
  if (errorCode === ErrorCode.NONE) {
    if (group === undefined && records.length > 0) groups.simple(groupId, nowMs);
    if (group?.type === 'classic') effects.push(...group.committed(memberId, nowMs));
  }
  return { errorCode, partitionErrors, effects };
}

export interface PendingCommitRequest {
  readonly producerId: number;
  readonly groupId: string;
  /** Empty, −1 and null before version 3. */
  readonly memberId: string;
  readonly generationId: number;
  readonly groupInstanceId: string | null;
  readonly topics: readonly TopicToCommit[];
}

/** The records wait for the log's word: what they say becomes true by `apply`. It is no sign of life of a member. */
export function commitPendingOffsets(
  { groups, offsets }: Place,
  request: PendingCommitRequest,
  { apiVersion, ...limits }: CommitLimits,
): PendingOutcome {
  const { producerId, groupId, memberId, groupInstanceId, generationId: generationOrEpoch } = request;
  const group = groups.get(groupId);
  const claim = { memberId, groupInstanceId, generationOrEpoch, isTransactional: true, apiVersion };
  const unknown = generationOrEpoch < 0 ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
  const verdict = withoutEpochs(group === undefined ? unknown : group.validateOffsetCommit(claim));
  const outcome = offsets.commitPending(producerId, groupId, request.topics, {
    ...limits,
    retentionTimeMs: -1,
    verdict,
  });
  const apply = () => {
    outcome.apply();
    if (outcome.records.length > 0) groups.simple(groupId, limits.nowMs);
  };
  return { ...outcome, apply };
}

/** Producers know generations only. */
function withoutEpochs(verdict: OffsetCommitVerdict): OffsetCommitVerdict {
  const known = (code: number) => (code === ErrorCode.STALE_MEMBER_EPOCH ? ErrorCode.ILLEGAL_GENERATION : code);
  if (typeof verdict === 'number') return known(verdict);
  return (topicId, partition) => known(verdict(topicId, partition));
}

export interface FetchedPartition {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly metadata: string;
  readonly errorCode: number;
}

export interface FetchedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly FetchedPartition[];
}

export interface FetchOffsetsRequest {
  readonly groupId: string;
  readonly memberId: string | null;
  readonly memberEpoch: number;
  /** Null: all that have a committed offset. */
  readonly topics: readonly TopicToFetch[] | null;
  /** An offset that an open transaction may change is UNSTABLE_OFFSET_COMMIT. */
  readonly requireStable: boolean;
}

export interface TopicToFetch {
  readonly name: string;
  /** ZERO_UUID where the version names topics. */
  readonly topicId: string;
  readonly partitionIndexes: readonly number[];
}

/** An error code when the group refuses; a group that does not exist has no offsets. */
export function fetchOffsets({ groups, offsets }: Place, request: FetchOffsetsRequest): FetchedTopic[] | number {
  const { groupId, memberId, memberEpoch, topics, requireStable } = request;
  const group = groups.get(groupId);
  const errorCode = group?.validateOffsetFetch({ memberId, memberEpoch }) ?? ErrorCode.GROUP_ID_NOT_FOUND;
  const exists = errorCode !== ErrorCode.GROUP_ID_NOT_FOUND;
  if (errorCode !== ErrorCode.NONE && exists) return errorCode;
  const fetch = (name: string, partition: number, committed: CommittedOffset | undefined) =>
    requireStable && offsets.isPending(groupId, name, partition)
      ? fetched(partition, undefined, ErrorCode.UNSTABLE_OFFSET_COMMIT)
      : fetched(partition, committed);
  if (topics === null) {
    if (!exists) return [];
    return [...offsets.of(groupId)].map(([name, partitions]) => ({
      name,
      topicId: ZERO_UUID,
      partitions: [...partitions].map(([partition, committed]) => fetch(name, partition, committed)),
    }));
  }
  return topics.map(({ name, topicId, partitionIndexes }) => ({
    name,
    topicId,
    partitions: partitionIndexes.map((partition) => {
      const committed = exists ? offsets.get(groupId, name, partition) : undefined;
      return fetch(name, partition, committed && isOfTopic(committed, topicId) ? committed : undefined);
    }),
  }));
}

/** An offset of the topic's former life is none. */
function isOfTopic(committed: CommittedOffset, topicId: string): boolean {
  return committed.topicId === ZERO_UUID || topicId === ZERO_UUID || committed.topicId === topicId;
}

function fetched(
  partitionIndex: number,
  committed: CommittedOffset | undefined,
  errorCode: number = ErrorCode.NONE,
): FetchedPartition {
  return {
    partitionIndex,
    committedOffset: committed?.offset ?? -1,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? '',
    errorCode,
  };
}

export interface DeletedOffsets {
  readonly errorCode: number;
  /** One for each topic of the request: its partitions all have it. */
  readonly topicErrors: readonly number[];
  readonly records: readonly CoordinatorRecord[];
}

export function deleteOffsets(
  { groups, offsets }: Place,
  groupId: string,
  topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
): DeletedOffsets {
  const group = groups.get(groupId);
  const errorCode = group?.validateOffsetDelete() ?? ErrorCode.GROUP_ID_NOT_FOUND;
  if (group === undefined || errorCode !== ErrorCode.NONE) return { errorCode, topicErrors: [], records: [] };
  const topicErrors = topics.map(({ name }) =>
    group.isSubscribedTo(name) ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE,
  );
  const records = topics.flatMap(({ name, partitions }, index) =>
    topicErrors[index] === ErrorCode.NONE ? offsets.delete(groupId, name, partitions) : [],
  );
  return { errorCode, topicErrors, records };
}
