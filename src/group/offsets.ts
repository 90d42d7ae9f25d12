// The offsets that the groups of one partition of `__consumer_offsets` have committed. Owned by its shard.
// Pure: a change is applied at once and returned as the records that say it; replaying those gives the same offsets.
// Offsets of a transaction come as records of a transactional batch and count when its marker says so; they join the
// others through `put`, which is why it takes any order of records of one partition as it stands in the log.

import { recordBytes } from '../coordinator/coordinator-log.ts';
import {
  decodeRecordKey,
  decodeRecordValue,
  encodeRecordKey,
  encodeRecordValue,
} from '../protocol/coordinator-record.ts';
import { legacyOffsetCommitRecord } from '../protocol/coordinator-records/legacy-offset-commit.ts';
import { type OffsetCommitKey, offsetCommitRecord } from '../protocol/coordinator-records/offset-commit.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { CoordinatorRecord } from './effects.ts';
import type { OffsetCommitVerdict } from './machine.ts';

export interface CommittedOffset {
  readonly offset: number;
  /** −1 when the client gave none. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  /** −1 unless the client asked for its own retention (OffsetCommit 2 to 4). */
  readonly expireTimestampMs: number;
  /** ZERO_UUID in records of Kafka before 4.1. */
  readonly topicId: string;
}

/** Topic → partition → offset, in the order of their first commit. */
export type GroupOffsets = ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>>;

export interface TopicToCommit {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly committedOffset: number;
    readonly committedLeaderEpoch: number;
    readonly committedMetadata: string | null;
  }[];
}

export interface CommitRules {
  readonly nowMs: number;
  /** −1: the broker's. */
  readonly retentionTimeMs: number;
  /** `offset.metadata.max.bytes`, which Kafka counts in UTF-16 code units. */
  readonly metadataLengthMax: number;
  /** What fits in one batch: the offsets of a request are committed together or not at all. */
  readonly batchBytesMax: number;
  readonly verdict: OffsetCommitVerdict;
}

export interface CommitOutcome {
  /** Of the request as a whole; nothing was committed unless it is NONE. */
  readonly errorCode: number;
  readonly records: readonly CoordinatorRecord[];
  /** By topic and partition, parallel to the request. */
  readonly partitionErrors: readonly (readonly number[])[];
}

/** Version of the value with a topic id, and of the last one with an expiry. */
const VALUE_VERSION = 4;
const VALUE_VERSION_WITH_EXPIRY = 1;

const NO_OFFSETS: GroupOffsets = new Map();

export class CommittedOffsets {
  readonly #groups = new Map<string, Map<string, Map<number, CommittedOffset>>>();
  #count = 0;

  /** Of all groups. */
  get count(): number {
    return this.#count;
  }

  groupIds(): Iterable<string> {
    return this.#groups.keys();
  }

  has(groupId: string): boolean {
    return this.#groups.has(groupId);
  }

  of(groupId: string): GroupOffsets {
    return this.#groups.get(groupId) ?? NO_OFFSETS;
  }

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(groupId)?.get(topic)?.get(partition);
  }

  /** A record of type 0 or 1, whose key is `key`. */
  replay(type: number, key: Buffer, value: Buffer | null): void {
    const { group, topic, partition }: OffsetCommitKey =
      type === offsetCommitRecord.type
        ? decodeRecordKey(offsetCommitRecord, key)
        : decodeRecordKey(legacyOffsetCommitRecord, key);
    if (value === null) {
      this.#remove(group, topic, partition);
      return;
    }
    const decoded = decodeRecordValue(offsetCommitRecord, value);
    this.put(group, topic, partition, {
      offset: decoded.offset,
      leaderEpoch: decoded.leaderEpoch,
      metadata: decoded.metadata,
      commitTimestampMs: decoded.commitTimestamp,
      expireTimestampMs: decoded.expireTimestamp,
      topicId: decoded.topicId,
    });
  }

  put(groupId: string, topic: string, partition: number, committed: CommittedOffset): void {
    let topics = this.#groups.get(groupId);
    if (topics === undefined) this.#groups.set(groupId, (topics = new Map()));
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, (partitions = new Map()));
    if (!partitions.has(partition)) this.#count++;
    partitions.set(partition, committed);
  }

  /** Topics and partitions exist and the group's machine has spoken. */
  commit(groupId: string, topics: readonly TopicToCommit[], rules: CommitRules): CommitOutcome {
    const partitionErrors = topics.map(({ partitions }) =>
      partitions.map(({ committedMetadata }) =>
        (committedMetadata?.length ?? 0) > rules.metadataLengthMax
          ? ErrorCode.OFFSET_METADATA_TOO_LARGE
          : ErrorCode.NONE,
      ),
    );
    const errorCode = refusalOf(topics, partitionErrors, rules.verdict);
    if (errorCode !== ErrorCode.NONE) return { errorCode, records: [], partitionErrors: [] };
    const { nowMs, retentionTimeMs } = rules;
    const records: CoordinatorRecord[] = [];
    const accepted: (() => void)[] = [];
    let bytes = 0;
    topics.forEach(({ name, topicId, partitions }, topicIndex) => {
      partitions.forEach((partition, index) => {
        if (partitionErrors[topicIndex]![index] !== ErrorCode.NONE) return;
        const committed: CommittedOffset = {
          offset: partition.committedOffset,
          leaderEpoch: partition.committedLeaderEpoch,
          metadata: partition.committedMetadata ?? '',
          commitTimestampMs: nowMs,
          expireTimestampMs: retentionTimeMs === -1 ? -1 : nowMs + retentionTimeMs,
          topicId,
        };
        const record = recordOf(groupId, name, partition.partitionIndex, committed);
        bytes += recordBytes(record);
        records.push(record);
        accepted.push(() => this.put(groupId, name, partition.partitionIndex, committed));
      });
    });
    if (bytes > rules.batchBytesMax) {
      return { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, records: [], partitionErrors: [] };
    }
    for (const put of accepted) put();
    return { errorCode: ErrorCode.NONE, records, partitionErrors };
  }

  /** The tombstones; partitions without an offset give none. */
  delete(groupId: string, topic: string, partitions: readonly number[]): CoordinatorRecord[] {
    return partitions
      .filter((partition) => this.#remove(groupId, topic, partition))
      .map((partition) => tombstone(groupId, topic, partition));
  }

  deleteGroup(groupId: string): CoordinatorRecord[] {
    return [...this.of(groupId)].flatMap(([topic, partitions]) => this.delete(groupId, topic, [...partitions.keys()]));
  }

  /** Removes what `isGone` says of a group's topics. */
  deleteWhere(groupId: string, isGone: (topic: string, committed: CommittedOffset) => boolean): CoordinatorRecord[] {
    return [...this.of(groupId)].flatMap(([topic, partitions]) => {
      const gone = [...partitions].filter(([, committed]) => isGone(topic, committed));
      return this.delete(
        groupId,
        topic,
        gone.map(([partition]) => partition),
      );
    });
  }

  /** Offsets of a deleted topic, of every group; a topic created anew under the same name keeps its own. */
  deleteTopic(name: string, topicId: string): CoordinatorRecord[] {
    const groupIds = [...this.#groups].filter(([, topics]) => topics.has(name)).map(([groupId]) => groupId);
    return groupIds.flatMap((groupId) => {
      const gone = [...this.of(groupId).get(name)!].filter(
        ([, committed]) => committed.topicId === ZERO_UUID || committed.topicId === topicId,
      );
      return this.delete(
        groupId,
        name,
        gone.map(([partition]) => partition),
      );
    });
  }

  #remove(groupId: string, topic: string, partition: number): boolean {
    const topics = this.#groups.get(groupId);
    const partitions = topics?.get(topic);
    if (topics === undefined || partitions === undefined || !partitions.delete(partition)) return false;
    this.#count--;
    if (partitions.size === 0) topics.delete(topic);
    if (topics.size === 0) this.#groups.delete(groupId);
    return true;
  }
}

/** A refusal of one partition refuses them all, as in Kafka; but for what is refused for its metadata alone. */
function refusalOf(
  topics: readonly TopicToCommit[],
  partitionErrors: readonly (readonly number[])[],
  verdict: OffsetCommitVerdict,
): number {
  if (typeof verdict === 'number') return verdict;
  for (const [topicIndex, { topicId, partitions }] of topics.entries()) {
    for (const [index, { partitionIndex }] of partitions.entries()) {
      if (partitionErrors[topicIndex]![index] !== ErrorCode.NONE) continue;
      const errorCode = verdict(topicId, partitionIndex);
      if (errorCode !== ErrorCode.NONE) return errorCode;
    }
  }
  return ErrorCode.NONE;
}

function recordOf(group: string, topic: string, partition: number, committed: CommittedOffset): CoordinatorRecord {
  const { offset, leaderEpoch, metadata, commitTimestampMs, expireTimestampMs, topicId } = committed;
  const value = {
    offset,
    leaderEpoch,
    metadata,
    commitTimestamp: commitTimestampMs,
    expireTimestamp: expireTimestampMs,
    topicId,
  };
  const version = expireTimestampMs === -1 ? VALUE_VERSION : VALUE_VERSION_WITH_EXPIRY;
  // The field that a version lacks must have its default.
  const stored = version === VALUE_VERSION ? value : { ...value, leaderEpoch: -1, topicId: ZERO_UUID };
  return {
    key: encodeRecordKey(offsetCommitRecord, { group, topic, partition }),
    value: encodeRecordValue(offsetCommitRecord, version, stored),
  };
}

function tombstone(group: string, topic: string, partition: number): CoordinatorRecord {
  return { key: encodeRecordKey(offsetCommitRecord, { group, topic, partition }), value: null };
}
