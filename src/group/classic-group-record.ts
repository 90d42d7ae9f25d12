// A classic group as the GroupMetadata record of `__consumer_offsets`: one record holds the whole group.
import type { GroupMetadataValue } from '../protocol/coordinator-records/group-metadata.ts';
import { type ClassicMember, metadataOf, NO_ASSIGNMENT } from './classic-group-member.ts';
import type { CoordinatorRecord } from './effects.ts';
import { encodeGroupRecord } from './group-record.ts';

export interface RecordedGroup {
  readonly groupId: string;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly generationId: number;
  readonly leaderId: string | null;
  readonly stateTimestampMs: number;
  readonly members: Iterable<ClassicMember>;
}

export function groupRecord(group: RecordedGroup): CoordinatorRecord {
  const { protocolName } = group;
  return encodeGroupRecord({
    type: 2,
    key: { group: group.groupId },
    value: {
      protocolType: group.protocolType ?? '',
      generation: group.generationId,
      protocol: protocolName,
      leader: group.leaderId,
      currentStateTimestamp: group.stateTimestampMs,
      members: [...group.members].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeout: member.rebalanceTimeoutMs,
        sessionTimeout: member.sessionTimeoutMs,
        subscription: (protocolName === null ? null : metadataOf(member, protocolName)) ?? NO_ASSIGNMENT,
        assignment: member.assignment,
      })),
    },
  });
}

export function groupTombstone(groupId: string): CoordinatorRecord {
  return encodeGroupRecord({ type: 2, key: { group: groupId }, value: null });
}

/** Of a member's protocols the log keeps the one that the group chose. Keeps views of the record's value. */
export function recordedMembers(value: GroupMetadataValue): ClassicMember[] {
  return value.members.map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    // Version 0 of the record has no rebalance timeout.
    rebalanceTimeoutMs: member.rebalanceTimeout === -1 ? member.sessionTimeout : member.rebalanceTimeout,
    sessionTimeoutMs: member.sessionTimeout,
    protocols: [{ name: value.protocol ?? '', metadata: member.subscription }],
    assignment: member.assignment,
    isNew: false,
    join: null,
    sync: null,
  }));
}
