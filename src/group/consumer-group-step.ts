// One step of a consumer group: records are applied to the state as they are made, and collected with the other effects for
// the shell. What each record holds is said here, in one place.
import type { Assignment } from './assignors/assignor.ts';
import { type ConsumerGroupMember, metadataOf, progressOf } from './consumer-group-member.ts';
import type { ConsumerGroupState } from './consumer-group-state.ts';
import type { CoordinatorRecord, Effect, Reply } from './effects.ts';
import { encodeGroupRecord } from './group-record.ts';
import type { DecodedGroupRecord, MemberContext } from './machine.ts';
import type { ResolvedRegex } from './regex-scan.ts';

export class ConsumerGroupStep {
  readonly state: ConsumerGroupState;
  readonly nowMs: number;
  /** Which topics the member whose step this is may see; undefined: all. */
  readonly mayDescribe: MemberContext['mayDescribe'];
  readonly #records: CoordinatorRecord[] = [];
  readonly #effects: Effect[] = [];

  constructor(state: ConsumerGroupState, nowMs: number, mayDescribe?: MemberContext['mayDescribe']) {
    this.state = state;
    this.nowMs = nowMs;
    this.mayDescribe = mayDescribe;
  }

  /** What the shell has to do: the records first, since replies wait for them. */
  effects(): Effect[] {
    if (this.#records.length === 0) return this.#effects;
    return [{ type: 'append', records: this.#records }, ...this.#effects];
  }

  reply<Response>(to: Reply<Response>, response: NoInfer<Response>): void {
    this.#effects.push({ type: 'reply', to, response });
  }

  timer(key: string, afterMs: number): void {
    this.#effects.push({ type: 'timer', key, afterMs: Math.max(afterMs, 0) });
  }

  cancel(...keys: readonly string[]): void {
    for (const key of keys) this.#effects.push({ type: 'cancel', key });
  }

  perform(effects: readonly Effect[]): void {
    this.#effects.push(...effects);
  }

  /** Appended, and not of this group's state. */
  append(records: readonly CoordinatorRecord[]): void {
    this.#records.push(...records);
  }

  putMetadata(member: ConsumerGroupMember): void {
    this.#record({ type: 5, key: this.#memberKey(member.memberId), value: metadataOf(member) });
  }

  putProgress(member: ConsumerGroupMember): void {
    this.#record({ type: 8, key: this.#memberKey(member.memberId), value: progressOf(member) });
  }

  putTarget(memberId: string, target: Assignment): void {
    const topicPartitions = [...target].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions] }));
    this.#record({ type: 7, key: this.#memberKey(memberId), value: { topicPartitions } });
  }

  putTargetEpoch(assignmentEpoch: number, assignmentTimestamp: number): void {
    this.#record({ type: 6, key: this.#groupKey(), value: { assignmentEpoch, assignmentTimestamp } });
  }

  putGroupEpoch(epoch: number, metadataHash: bigint): void {
    this.#record({ type: 3, key: this.#groupKey(), value: { epoch, metadataHash } });
  }

  putRegex(regularExpression: string, { topics, version, timestampMs }: ResolvedRegex): void {
    const value = { topics: [...topics].sort(), version, timestamp: timestampMs };
    this.#record({ type: 16, key: { groupId: this.state.groupId, regularExpression }, value });
  }

  removeRegex(regularExpression: string): void {
    this.#record({ type: 16, key: { groupId: this.state.groupId, regularExpression }, value: null });
  }

  removePartitionMetadata(): void {
    this.#record({ type: 4, key: this.#groupKey(), value: null });
  }

  removeMember(memberId: string): void {
    const key = this.#memberKey(memberId);
    this.#record({ type: 8, key, value: null });
    this.#record({ type: 7, key, value: null });
    this.#record({ type: 5, key, value: null });
  }

  #record(record: DecodedGroupRecord): void {
    this.state.apply(record);
    this.#records.push(encodeGroupRecord(record));
  }

  #groupKey(): { groupId: string } {
    return { groupId: this.state.groupId };
  }

  #memberKey(memberId: string): { groupId: string; memberId: string } {
    return { groupId: this.state.groupId, memberId };
  }
}

/** The records that remove a consumer group, in an order in which each can be applied. */
export function consumerGroupTombstones(state: ConsumerGroupState): CoordinatorRecord[] {
  const { groupId } = state;
  const members = [...state.members.keys()].map((memberId) => ({ groupId, memberId }));
  const records: DecodedGroupRecord[] = [
    ...members.map((key): DecodedGroupRecord => ({ type: 8, key, value: null })),
    ...members.map((key): DecodedGroupRecord => ({ type: 7, key, value: null })),
    { type: 6, key: { groupId }, value: null },
    ...members.map((key): DecodedGroupRecord => ({ type: 5, key, value: null })),
    ...[...state.resolvedRegexes.keys()].map(
      (regularExpression): DecodedGroupRecord => ({ type: 16, key: { groupId, regularExpression }, value: null }),
    ),
    { type: 4, key: { groupId }, value: null },
    { type: 3, key: { groupId }, value: null },
  ];
  return records.map(encodeGroupRecord);
}
