// The offsets that the groups of one partition of `__consumer_offsets` have committed. Owned by its shard.
// Pure: a change is applied at once and returned as the records that say it; replaying those gives the same offsets.
// Offsets of a transaction stand in a transactional batch and are pending until its marker: then they are the group's, or
// gone. Of two offsets of a partition the one that stands later in the log wins, whichever marker comes first.
import { recordBytes } from '../coordinator/coordinator-log.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { CoordinatorRecord } from './effects.ts';
import { GroupPartitions } from './group-partitions.ts';
import type { OffsetCommitVerdict } from './machine.ts';
import { offsetRecord, offsetTombstone, readOffsetKey, readOffsetValue } from './offset-record.ts';
import { PendingOffsets } from './pending-offsets.ts';

export interface CommittedOffset {
  readonly offset: number;
  /** −1 when the client gave none. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  /** −1 unless the client asked for its own retention (OffsetCommit 2 to 4). */
  readonly expireTimestampMs: number;
  /** ZERO_UUID in records of Kafka before 4.1, and of Kafka's transactions. */
  readonly topicId: string;
  /** Counts the offsets of a shard as they stand in its log. */
  readonly order: number;
}

/** As a record says it. */
export type UnorderedOffset = Omit<CommittedOffset, 'order'>;

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

export interface PendingOutcome extends CommitOutcome {
  readonly apply: () => void;
}

/** The shard's pending offsets; one more waits until transactions end. Each takes some hundred bytes. */
const PENDING_OFFSETS_MAX = 100_000;

const EVERY = () => true;

export class CommittedOffsets {
  readonly #stable = new GroupPartitions<CommittedOffset>();
  readonly #pending = new PendingOffsets();
  #nextOrder = 0;

  /** Of all groups; without pending ones. */
  get count(): number {
    return this.#stable.size;
  }

  get pendingCount(): number {
    return this.#pending.count;
  }

  /** Groups with offsets, pending ones included. */
  groupIds(): Iterable<string> {
    return new Set([...this.#stable.groupIds(), ...this.#pending.groupIds()]);
  }

  /** Pending ones included. */
  has(groupId: string): boolean {
    return this.#stable.has(groupId) || this.#pending.has(groupId);
  }

  of(groupId: string): GroupOffsets {
    return this.#stable.of(groupId);
  }

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#stable.get(groupId, topic, partition);
  }

  /** An open transaction has committed an offset, which may become the partition's. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    return this.#pending.hasPartition(groupId, topic, partition);
  }

  /**
   * A record of type 0 or 1, whose key is `key`; `producerId` is its transaction's. Returns the group that has an offset now;
   * undefined when one was removed.
   */
  replay(type: number, key: Buffer, value: Buffer | null, producerId?: number): string | undefined {
    const { group, topic, partition } = readOffsetKey(type, key);
    if (value === null) {
      this.#remove(group, topic, partition, EVERY);
      return undefined;
    }
    this.#put(group, topic, partition, readOffsetValue(value), producerId);
    return group;
  }

  /** Topics and partitions exist and the group's machine has spoken. */
  commit(groupId: string, topics: readonly TopicToCommit[], rules: CommitRules): CommitOutcome {
    const { apply, ...outcome } = this.#decide(groupId, topics, rules, undefined);
    apply();
    return outcome;
  }

  /** The same in a transaction. Its records may be refused by the log: nothing is changed before `apply` is called. */
  commitPending(
    producerId: number,
    groupId: string,
    topics: readonly TopicToCommit[],
    rules: CommitRules,
  ): PendingOutcome {
    const outcome = this.#decide(groupId, topics, rules, producerId);
    if (this.#pending.count + outcome.records.length <= PENDING_OFFSETS_MAX) return outcome;
    return refusal(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  }

  /** The marker of this producer's transaction follows everything that came before. */
  endTransaction(producerId: number, isCommitted: boolean): void {
    const ended = this.#pending.end(producerId);
    if (!isCommitted) return;
    ended?.each((groupId, topic, partition, committed) => {
      // What was committed later stays, although its marker came first or it needed none.
      const known = this.#stable.get(groupId, topic, partition);
      if (known === undefined || known.order < committed.order) this.#stable.put(groupId, topic, partition, committed);
    });
  }

  /** The tombstones; partitions without an offset give none. What was pending is gone, too. */
  delete(groupId: string, topic: string, partitions: Iterable<number>): CoordinatorRecord[] {
    const records: CoordinatorRecord[] = [];
    for (const partition of partitions) {
      if (this.#remove(groupId, topic, partition, EVERY)) records.push(offsetTombstone(groupId, topic, partition));
    }
    return records;
  }

  deleteGroup(groupId: string): CoordinatorRecord[] {
    return this.#topicsOf(groupId).flatMap((topic) => this.delete(groupId, topic, this.#partitionsOf(groupId, topic)));
  }

  /** Deletes what `isExpired` says, unless a transaction is about to replace it. */
  expire(groupId: string, isExpired: (topic: string, committed: CommittedOffset) => boolean): CoordinatorRecord[] {
    return [...this.of(groupId)].flatMap(([topic, partitions]) => {
      const expired = [...partitions].filter(
        ([partition, committed]) => !this.isPending(groupId, topic, partition) && isExpired(topic, committed),
      );
      return this.delete(
        groupId,
        topic,
        expired.map(([partition]) => partition),
      );
    });
  }

  /** Offsets of a deleted topic, of every group; a topic created anew under the same name keeps its own. */
  deleteTopic(name: string, topicId: string): CoordinatorRecord[] {
    const isGone = (committed: CommittedOffset) => committed.topicId === ZERO_UUID || committed.topicId === topicId;
    return [...this.groupIds()].flatMap((groupId) => this.#deleteGone(groupId, name, isGone));
  }

  /** Offsets of topics that are not there any more. */
  deleteLost(isLost: (topicId: string) => boolean): CoordinatorRecord[] {
    const isGone = ({ topicId }: CommittedOffset) => topicId !== ZERO_UUID && isLost(topicId);
    return [...this.groupIds()].flatMap((groupId) =>
      this.#topicsOf(groupId).flatMap((topic) => this.#deleteGone(groupId, topic, isGone)),
    );
  }

  /** A tombstone removes all that is known of a partition: there is none while something stays. */
  #deleteGone(groupId: string, topic: string, isGone: (committed: CommittedOffset) => boolean): CoordinatorRecord[] {
    const records: CoordinatorRecord[] = [];
    for (const partition of this.#partitionsOf(groupId, topic)) {
      const isRemoved = this.#remove(groupId, topic, partition, isGone);
      const isLeft = this.get(groupId, topic, partition) !== undefined || this.isPending(groupId, topic, partition);
      if (isRemoved && !isLeft) records.push(offsetTombstone(groupId, topic, partition));
    }
    return records;
  }

  #remove(groupId: string, topic: string, partition: number, isGone: (committed: CommittedOffset) => boolean): boolean {
    const known = this.#stable.get(groupId, topic, partition);
    const isStableGone = known !== undefined && isGone(known) && this.#stable.remove(groupId, topic, partition);
    return this.#pending.remove(groupId, topic, partition, isGone) || isStableGone;
  }

  #topicsOf(groupId: string): string[] {
    return [...new Set([...this.#stable.of(groupId).keys(), ...this.#pending.topicsOf(groupId)])];
  }

  #partitionsOf(groupId: string, topic: string): Iterable<number> {
    const stable = this.#stable.of(groupId).get(topic)?.keys() ?? [];
    return new Set([...stable, ...this.#pending.partitionsOf(groupId, topic)]);
  }

  #decide(
    groupId: string,
    topics: readonly TopicToCommit[],
    rules: CommitRules,
    producerId: number | undefined,
  ): PendingOutcome {
    const partitionErrors = topics.map(({ partitions }) =>
      partitions.map(({ committedMetadata }) =>
        (committedMetadata?.length ?? 0) > rules.metadataLengthMax
          ? ErrorCode.OFFSET_METADATA_TOO_LARGE
          : ErrorCode.NONE,
      ),
    );
    const errorCode = refusalOf(topics, partitionErrors, rules.verdict);
    if (errorCode !== ErrorCode.NONE) return refusal(errorCode);
    const { nowMs, retentionTimeMs } = rules;
    const records: CoordinatorRecord[] = [];
    const accepted: (() => void)[] = [];
    let bytes = 0;
    topics.forEach(({ name, topicId, partitions }, topicIndex) => {
      partitions.forEach((partition, index) => {
        if (partitionErrors[topicIndex]![index] !== ErrorCode.NONE) return;
        const committed: UnorderedOffset = {
          offset: partition.committedOffset,
          leaderEpoch: partition.committedLeaderEpoch,
          metadata: partition.committedMetadata ?? '',
          commitTimestampMs: nowMs,
          expireTimestampMs: retentionTimeMs === -1 ? -1 : nowMs + retentionTimeMs,
          topicId,
        };
        const record = offsetRecord(groupId, name, partition.partitionIndex, committed);
        bytes += recordBytes(record);
        records.push(record);
        accepted.push(() => this.#put(groupId, name, partition.partitionIndex, committed, producerId));
      });
    });
    if (bytes > rules.batchBytesMax) return refusal(ErrorCode.UNKNOWN_SERVER_ERROR);
    const apply = () => {
      for (const put of accepted) put();
    };
    return { errorCode: ErrorCode.NONE, records, partitionErrors, apply };
  }

  #put(groupId: string, topic: string, partition: number, unordered: UnorderedOffset, producerId?: number): void {
    const committed = { ...unordered, order: this.#nextOrder++ };
    if (producerId === undefined) this.#stable.put(groupId, topic, partition, committed);
    else this.#pending.put(producerId, groupId, topic, partition, committed);
  }
}

function refusal(errorCode: number): PendingOutcome {
  return { errorCode, records: [], partitionErrors: [], apply: () => {} };
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
