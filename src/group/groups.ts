// The groups of one partition of `__consumer_offsets`: which machine a request is for, made when it is the first, replaced
// when the group changes its protocol, and the questions that are asked of many groups at once. Owned by its shard.
// Pure: like the machines it changes at once and returns the effects. Source: GroupMetadataManager of Kafka 4.3.
import { recordType } from '../protocol/coordinator-record.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from '../protocol/messages/consumer-group-heartbeat.ts';
import type { HeartbeatRequest, HeartbeatResponseInput } from '../protocol/messages/heartbeat.ts';
import type { JoinGroupRequest, JoinGroupResponseInput } from '../protocol/messages/join-group.ts';
import type { LeaveGroupRequest, LeaveGroupResponseInput } from '../protocol/messages/leave-group.ts';
import type { SyncGroupRequest, SyncGroupResponseInput } from '../protocol/messages/sync-group.ts';
import { joinWithoutGroup, leaveWithoutGroup, syncError } from './classic-group-answers.ts';
import type { CoordinatorRecord, Effect, Reply } from './effects.ts';
import type { ClassicGroupMachine, ClassicProtocol, ConsumerGroupMachine, Group, GroupKinds } from './group-kinds.ts';
import { decodeGroupRecord } from './group-record.ts';
import type { MemberContext } from './machine.ts';

const OFFSET_RECORD_TYPE_MAX = 1;
const GROUP_METADATA_TYPE = 2;
const CONSUMER_GROUP_METADATA_TYPE = 3;

export class Groups {
  readonly #kinds: GroupKinds;
  readonly #groups = new Map<string, Group>();

  constructor(kinds: GroupKinds) {
    this.#kinds = kinds;
  }

  get size(): number {
    return this.#groups.size;
  }

  get(groupId: string): Group | undefined {
    return this.#groups.get(groupId);
  }

  all(): Iterable<Group> {
    return this.#groups.values();
  }

  /** Puts a machine in the place of the one before. */
  put(group: Group): void {
    this.#groups.set(group.groupId, group);
  }

  remove(groupId: string): void {
    this.#groups.delete(groupId);
  }

  clear(): void {
    this.#groups.clear();
  }

  /** A record that is not of a committed offset, on load. Types of later versions are passed over. */
  replay(record: CoordinatorRecord, nowMs: number): void {
    const type = recordType(record.key);
    if (type <= OFFSET_RECORD_TYPE_MAX) return;
    // Machines keep what is in a record; they must not pin what it was read with.
    const { key } = record;
    const decoded = decodeGroupRecord({ key, value: record.value === null ? null : Buffer.from(record.value) });
    if (decoded === null) return;
    const groupId = decoded.type === GROUP_METADATA_TYPE ? decoded.key.group : decoded.key.groupId;
    const known = this.#groups.get(groupId);
    if (decoded.value === null) {
      const ends = decoded.type === GROUP_METADATA_TYPE || decoded.type === CONSUMER_GROUP_METADATA_TYPE;
      const ofKind = known?.type === (decoded.type === GROUP_METADATA_TYPE ? 'classic' : 'consumer');
      if (ends && ofKind) this.#groups.delete(groupId);
      else if (ofKind) known?.replay(decoded);
    } else if (decoded.type === GROUP_METADATA_TYPE) {
      this.#putIfNew(known?.type === 'classic' ? known : this.#kinds.newClassic(groupId, nowMs)).replay(decoded);
    } else {
      this.#putIfNew(known?.type === 'consumer' ? known : this.#kinds.newConsumer(groupId)).replay(decoded);
    }
  }

  /** A group that has nothing but offsets ("simple"): a classic group that nobody ever joined. */
  simple(groupId: string, nowMs: number): Group {
    return this.#groups.get(groupId) ?? this.#putIfNew(this.#kinds.newClassic(groupId, nowMs));
  }

  join(request: JoinGroupRequest, context: MemberContext, to: Reply<JoinGroupResponseInput>, nowMs: number): Effect[] {
    const { groupId } = request;
    const known = this.#groups.get(groupId);
    if (known !== undefined && (known.type === 'classic' || !known.isEmpty)) {
      return protocolOf(known).join(request, context, to, nowMs);
    }
    // Who brings a member id believes that the group exists.
    if (known === undefined && request.memberId !== '') {
      return [{ type: 'reply', to, response: joinWithoutGroup(request) }];
    }
    const group = this.#kinds.newClassic(groupId, nowMs);
    return this.#begin(group, known, group.join(request, context, to, nowMs));
  }

  sync(request: SyncGroupRequest, context: MemberContext, to: Reply<SyncGroupResponseInput>, nowMs: number): Effect[] {
    const group = this.#groups.get(request.groupId);
    if (group !== undefined && !group.isEmpty) return protocolOf(group).sync(request, context, to, nowMs);
    return [{ type: 'reply', to, response: syncError(ErrorCode.UNKNOWN_MEMBER_ID) }];
  }

  heartbeat(
    request: HeartbeatRequest,
    context: MemberContext,
    to: Reply<HeartbeatResponseInput>,
    nowMs: number,
  ): Effect[] {
    const group = this.#groups.get(request.groupId);
    if (group !== undefined) return protocolOf(group).heartbeat(request, context, to, nowMs);
    return [{ type: 'reply', to, response: { errorCode: ErrorCode.UNKNOWN_MEMBER_ID } }];
  }

  leave(
    request: LeaveGroupRequest,
    context: MemberContext,
    to: Reply<LeaveGroupResponseInput>,
    nowMs: number,
  ): Effect[] {
    const group = this.#groups.get(request.groupId);
    if (group !== undefined) return protocolOf(group).leave(request, context, to, nowMs);
    return [{ type: 'reply', to, response: leaveWithoutGroup(request, context.apiVersion) }];
  }

  consumerHeartbeat(
    request: ConsumerGroupHeartbeatRequest,
    context: MemberContext,
    to: Reply<ConsumerGroupHeartbeatResponseInput>,
    nowMs: number,
  ): Effect[] {
    const refused = (errorCode: number, errorMessage: string | null): Effect[] => [
      {
        type: 'reply',
        to,
        response: { throttleTimeMs: 0, errorCode, errorMessage, memberEpoch: 0, heartbeatIntervalMs: 0 },
      },
    ];
    const refusal = this.#kinds.refusedHeartbeat(request, context.apiVersion);
    if (refusal !== null) return refused(refusal.errorCode, refusal.errorMessage);
    const { groupId } = request;
    const known = this.#groups.get(groupId);
    if (known?.type === 'consumer') return known.heartbeat(request, context, to, nowMs);
    if (request.memberEpoch !== JOINING_EPOCH) {
      const sentence = known ? `Group ${groupId} is not a consumer group.` : `Consumer group ${groupId} not found.`;
      return refused(ErrorCode.GROUP_ID_NOT_FOUND, sentence);
    }
    if (known === undefined || known.isEmpty) {
      const group = this.#kinds.newConsumer(groupId);
      return this.#begin(group, known, group.heartbeat(request, context, to, nowMs));
    }
    const upgrade = this.#kinds.upgrade(known, request, nowMs);
    if (typeof upgrade === 'number') return refused(upgrade, `Group ${groupId} is not a consumer group.`);
    return [
      { type: 'become', machine: upgrade.group },
      ...upgrade.effects,
      ...upgrade.group.heartbeat(request, context, to, nowMs),
    ];
  }

  /** A new group counts from when it has something to remember: a request that was refused leaves none behind. */
  #begin(group: Group, before: Group | undefined, effects: Effect[]): Effect[] {
    if (!effects.some(({ type }) => type === 'append' || type === 'timer')) return effects;
    const removed: Effect[] = before ? [{ type: 'append', records: before.tombstones() }] : [];
    return [...removed, { type: 'become', machine: group }, ...effects];
  }

  #putIfNew(group: Group): Group {
    this.#groups.set(group.groupId, group);
    return group;
  }
}

const JOINING_EPOCH = 0;

function protocolOf(group: ClassicGroupMachine | ConsumerGroupMachine): ClassicProtocol {
  return group.type === 'classic' ? group : group.classic;
}
