// What a consumer group is: its members, their target assignment, its epochs and its resolved regular expressions.
// The only way to change it is to apply a record, live as on replay, so that the log always holds what the group is.
// Indexes (who is subscribed to what, which partitions are held) follow the members here and are never stored.
import type { Assignment } from './assignors/assignor.ts';
import { NOTHING } from './assignors/assignor.ts';
import {
  type ConsumerGroupMember,
  type EpochAssignment,
  isReconciledTo,
  LEAVING_EPOCH,
  memberWithMetadata,
  memberWithProgress,
  NO_PARTITIONS,
  newMember,
  sorted,
} from './consumer-group-member.ts';
import type { DecodedGroupRecord } from './machine.ts';
import type { ResolvedRegex } from './regex-scan.ts';
import { Tally } from './tally.ts';

export type ConsumerGroupPhase = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable';

/** Of the group and of the target assignment before anything was said. */
const FIRST_EPOCH = 1;
const NO_EPOCH = -1;

export class ConsumerGroupState {
  readonly groupId: string;
  groupEpoch = FIRST_EPOCH;
  /** TopicsView.hashOf of the subscribed topics when the group epoch rose last. */
  metadataHash = 0n;
  assignmentEpoch = FIRST_EPOCH;
  /** When the target assignment was made; 0 when none was. */
  assignmentTimestampMs = 0;
  /** A record of Kafka before 4.1 that is no longer written. */
  hasPartitionMetadata = false;
  readonly #members = new Map<string, ConsumerGroupMember>();
  readonly #staticMembers = new Map<string, string>();
  readonly #targets = new Map<string, Assignment>();
  readonly #resolved = new Map<string, ResolvedRegex>();
  readonly #namesSubscribed = new Tally();
  readonly #namesResolved = new Tally();
  readonly #regexes = new Tally();
  readonly #assignors = new Tally();
  readonly #classicProtocols = new Tally();
  #classicMembers = 0;
  /** Topic id → partition → members that have it or have not given it up. */
  readonly #holders = new Map<string, Map<number, number>>();

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  get members(): ReadonlyMap<string, ConsumerGroupMember> {
    return this.#members;
  }

  staticMember(instanceId: string): ConsumerGroupMember | undefined {
    const memberId = this.#staticMembers.get(instanceId);
    return memberId === undefined ? undefined : this.#members.get(memberId);
  }

  target(memberId: string): Assignment {
    return this.#targets.get(memberId) ?? NOTHING;
  }

  hasTarget(memberId: string): boolean {
    return this.#targets.has(memberId);
  }

  get resolvedRegexes(): ReadonlyMap<string, ResolvedRegex> {
    return this.#resolved;
  }

  /** Members by regular expression. */
  get regexes(): Tally {
    return this.#regexes;
  }

  /** Members by the assignor they ask for. */
  get assignors(): Tally {
    return this.#assignors;
  }

  get classicMembers(): number {
    return this.#classicMembers;
  }

  /** A classic protocol (assignor) that all members of the classic protocol know. */
  isKnownToAllClassic(protocol: string): boolean {
    return this.#classicProtocols.count(protocol) === this.#classicMembers;
  }

  /** Names of all topics that some member is subscribed to, whether they exist or not. */
  *subscribedTopics(): Iterable<string> {
    yield* this.#namesSubscribed.keys();
    for (const name of this.#namesResolved.keys()) if (this.#namesSubscribed.count(name) === 0) yield name;
  }

  isSubscribedTo(topic: string): boolean {
    return this.#namesSubscribed.count(topic) > 0 || this.#namesResolved.count(topic) > 0;
  }

  /** The topics of one member, by name or by its regular expression. */
  *topicsOf(member: ConsumerGroupMember): Iterable<string> {
    yield* member.subscribedTopicNames;
    for (const name of this.#resolved.get(member.subscribedTopicRegex)?.topics ?? []) {
      if (!member.subscribedTopicNames.has(name)) yield name;
    }
  }

  /** All members are subscribed to the same topics in the same way. */
  get isHomogeneous(): boolean {
    const everybody = this.#members.size;
    if (this.#regexes.size === 0) return this.#namesSubscribed.all((count) => count === everybody);
    return (
      this.#namesSubscribed.size === 0 && this.#regexes.size === 1 && this.#regexes.all((count) => count === everybody)
    );
  }

  /** Some member has the partition, or has not given it up. */
  isHeld(topicId: string, partition: number): boolean {
    return (this.#holders.get(topicId)?.get(partition) ?? 0) > 0;
  }

  /** For assertions: no partition is held twice. */
  get isExclusive(): boolean {
    for (const partitions of this.#holders.values())
      for (const count of partitions.values()) if (count > 1) return false;
    return true;
  }

  get phase(): ConsumerGroupPhase {
    if (this.#members.size === 0) return 'Empty';
    if (this.groupEpoch > this.assignmentEpoch) return 'Assigning';
    for (const member of this.#members.values()) {
      if (!isReconciledTo(member, this.assignmentEpoch)) return 'Reconciling';
    }
    return 'Stable';
  }

  /** Records of unknown members and repeated tombstones change nothing: compaction leaves such traces. */
  apply(record: DecodedGroupRecord): void {
    switch (record.type) {
      case 3:
        if (record.value === null) return;
        this.groupEpoch = record.value.epoch;
        this.metadataHash = record.value.metadataHash;
        return;
      case 4:
        this.hasPartitionMetadata = record.value !== null;
        return;
      case 5: {
        const { memberId } = record.key;
        if (record.value === null) this.#forget(memberId);
        else this.#put(memberWithMetadata(this.#memberOrNew(memberId), record.value));
        return;
      }
      case 6:
        this.assignmentEpoch = record.value?.assignmentEpoch ?? NO_EPOCH;
        this.assignmentTimestampMs = record.value?.assignmentTimestamp ?? 0;
        return;
      case 7: {
        const { memberId } = record.key;
        if (record.value === null) this.#targets.delete(memberId);
        else {
          const topics = record.value.topicPartitions;
          this.#targets.set(memberId, new Map(topics.map(({ topicId, partitions }) => [topicId, sorted(partitions)])));
        }
        return;
      }
      case 8: {
        const { memberId } = record.key;
        if (record.value !== null) this.#put(memberWithProgress(this.#memberOrNew(memberId), record.value));
        else if (this.#members.has(memberId)) this.#put(left(this.#memberOrNew(memberId)));
        return;
      }
      case 16:
        this.#putRegex(record.key.regularExpression, record.value);
        return;
      case 2:
        // Of a classic group with this id, before or after: that machine's.
        return;
    }
  }

  #memberOrNew(memberId: string): ConsumerGroupMember {
    return this.#members.get(memberId) ?? newMember(memberId);
  }

  #put(member: ConsumerGroupMember): void {
    const before = this.#members.get(member.memberId);
    this.#members.set(member.memberId, member);
    this.#index(before, member);
    if (member.instanceId !== null) this.#staticMembers.set(member.instanceId, member.memberId);
  }

  #forget(memberId: string): void {
    const member = this.#members.get(memberId);
    this.#members.delete(memberId);
    this.#targets.delete(memberId);
    if (member === undefined) return;
    this.#index(member, undefined);
    const { instanceId } = member;
    if (instanceId !== null && this.#staticMembers.get(instanceId) === memberId) this.#staticMembers.delete(instanceId);
  }

  #index(before: ConsumerGroupMember | undefined, after: ConsumerGroupMember | undefined): void {
    if (before?.subscribedTopicNames !== after?.subscribedTopicNames) {
      for (const name of after?.subscribedTopicNames ?? []) this.#namesSubscribed.add(name);
      for (const name of before?.subscribedTopicNames ?? []) this.#namesSubscribed.remove(name);
    }
    if (after !== undefined && after.subscribedTopicRegex !== '') this.#regexes.add(after.subscribedTopicRegex);
    if (before !== undefined && before.subscribedTopicRegex !== '') this.#regexes.remove(before.subscribedTopicRegex);
    if (after !== undefined && after.serverAssignor !== null) this.#assignors.add(after.serverAssignor);
    if (before !== undefined && before.serverAssignor !== null) this.#assignors.remove(before.serverAssignor);
    if (before?.classic !== after?.classic) {
      for (const { name } of after?.classic?.supportedProtocols ?? []) this.#classicProtocols.add(name);
      for (const { name } of before?.classic?.supportedProtocols ?? []) this.#classicProtocols.remove(name);
      this.#classicMembers += (after?.classic ? 1 : 0) - (before?.classic ? 1 : 0);
    }
    this.#hold(after?.assigned, before?.assigned);
    this.#hold(after?.pendingRevocation, before?.pendingRevocation);
  }

  #hold(taken: EpochAssignment | undefined, released: EpochAssignment | undefined): void {
    if (taken === released) return;
    for (const [topicId, partitions] of taken ?? NO_PARTITIONS) {
      let held = this.#holders.get(topicId);
      if (held === undefined) this.#holders.set(topicId, (held = new Map()));
      for (const partition of partitions.keys()) held.set(partition, (held.get(partition) ?? 0) + 1);
    }
    for (const [topicId, partitions] of released ?? NO_PARTITIONS) {
      const held = this.#holders.get(topicId)!;
      for (const partition of partitions.keys()) {
        const count = held.get(partition)! - 1;
        if (count === 0) held.delete(partition);
        else held.set(partition, count);
      }
      if (held.size === 0) this.#holders.delete(topicId);
    }
  }

  #putRegex(text: string, value: (DecodedGroupRecord & { type: 16 })['value']): void {
    for (const name of this.#resolved.get(text)?.topics ?? []) this.#namesResolved.remove(name);
    this.#resolved.delete(text);
    if (value === null) return;
    const topics = new Set(value.topics);
    this.#resolved.set(text, { topics, version: value.version, timestampMs: value.timestamp });
    for (const name of topics) this.#namesResolved.add(name);
  }
}

/** Its current assignment was removed: the record that removes the member itself comes next. */
function left(member: ConsumerGroupMember): ConsumerGroupMember {
  const epochs = { memberEpoch: LEAVING_EPOCH, previousMemberEpoch: LEAVING_EPOCH };
  return { ...member, ...epochs, assigned: NO_PARTITIONS, pendingRevocation: NO_PARTITIONS };
}
