// What the coordinator's shell calls on the two kinds of group besides machine.ts: one method per request. Each answers
// through `to`, in the effects it returns; answers that wait (joining, syncing) come with the effects of a later step.
import type { ConsumerGroupDescribeResponseInput } from '../protocol/messages/consumer-group-describe.ts';
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from '../protocol/messages/consumer-group-heartbeat.ts';
import type { DescribeGroupsResponseInput } from '../protocol/messages/describe-groups.ts';
import type { HeartbeatRequest, HeartbeatResponseInput } from '../protocol/messages/heartbeat.ts';
import type { JoinGroupRequest, JoinGroupResponseInput } from '../protocol/messages/join-group.ts';
import type { LeaveGroupRequest, LeaveGroupResponseInput } from '../protocol/messages/leave-group.ts';
import type { SyncGroupRequest, SyncGroupResponseInput } from '../protocol/messages/sync-group.ts';
import type { Effect, Reply } from './effects.ts';
import type { GroupMachine, MemberContext } from './machine.ts';
import type { UpgradableGroup } from './migration.ts';

export type DescribedClassicGroup = DescribeGroupsResponseInput['groups'][number];
export type DescribedConsumerGroup = ConsumerGroupDescribeResponseInput['groups'][number];

/** The four requests of the classic protocol; a consumer group answers them too, for members that have not changed over. */
export interface ClassicProtocol {
  join(request: JoinGroupRequest, context: MemberContext, to: Reply<JoinGroupResponseInput>, nowMs: number): Effect[];
  sync(request: SyncGroupRequest, context: MemberContext, to: Reply<SyncGroupResponseInput>, nowMs: number): Effect[];
  heartbeat(
    request: HeartbeatRequest,
    context: MemberContext,
    to: Reply<HeartbeatResponseInput>,
    nowMs: number,
  ): Effect[];
  leave(
    request: LeaveGroupRequest,
    context: MemberContext,
    to: Reply<LeaveGroupResponseInput>,
    nowMs: number,
  ): Effect[];
}

export interface ClassicGroupMachine extends ClassicProtocol, UpgradableGroup {
  readonly type: 'classic';
  describe(): DescribedClassicGroup;
  /** A commit of a member was accepted: it is alive. */
  committed(memberId: string, nowMs: number): Effect[];
  /** The time from which the retention of an offset counts that nobody is subscribed to; undefined: it does not age. */
  agingSince(commitTimestampMs: number): number | undefined;
  /** Nothing would be lost with it: the JoinGroup that made it was refused. */
  readonly isUnused: boolean;
}

export interface ConsumerGroupMachine extends GroupMachine {
  readonly type: 'consumer';
  readonly classic: ClassicProtocol;
  heartbeat(
    request: ConsumerGroupHeartbeatRequest,
    context: MemberContext,
    to: Reply<ConsumerGroupHeartbeatResponseInput>,
    nowMs: number,
  ): Effect[];
  describe(): DescribedConsumerGroup;
  /** These topics were created, deleted or changed. */
  topicsChanged(names: ReadonlySet<string>, nowMs: number): Effect[];
}

export type Group = ClassicGroupMachine | ConsumerGroupMachine;

/** Makes the machines; the shell knows their kinds only by this. */
export interface GroupKinds {
  newClassic(groupId: string, nowMs: number): ClassicGroupMachine;
  newConsumer(groupId: string): ConsumerGroupMachine;
  /** What a ConsumerGroupHeartbeat is refused for whatever the group is, also one that does not exist. */
  refusedHeartbeat(request: ConsumerGroupHeartbeatRequest, apiVersion: number): RefusedHeartbeat | null;
  /**
   * A consumer group that takes over a classic one with members because of this heartbeat, which is then handed to it; an
   * error code when that may not be.
   */
  upgrade(
    group: ClassicGroupMachine,
    request: ConsumerGroupHeartbeatRequest,
    nowMs: number,
  ): { readonly group: ConsumerGroupMachine; readonly effects: readonly Effect[] } | number;
}

export interface RefusedHeartbeat {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}
