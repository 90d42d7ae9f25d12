// A consumer group takes a classic one over, and gives it back, while its members go on consuming (KIP-848, "online
// migration"). Partitions stay where they are: assignments are translated, not made anew.
import { Refusal, refuse } from '../metadata/refusal.ts';
import { consumerProtocolAssignment } from '../protocol/consumer-protocol/assignment.ts';
import { consumerProtocolSubscription } from '../protocol/consumer-protocol/subscription.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { decodeVersioned } from '../protocol/versioned.ts';
import type { Assignment } from './assignors/assignor.ts';
import { CONSUMER_PROTOCOL_TYPE, selectProtocol } from './classic-group-protocol.ts';
import { encodeClassicAssignment } from './consumer-group-classic.ts';
import { type ConsumerGroupMember, MemberState, newMember, sorted, withEpoch } from './consumer-group-member.ts';
import type { ConsumerGroupState } from './consumer-group-state.ts';
import { type ConsumerGroupStep, consumerGroupTombstones } from './consumer-group-step.ts';
import type { ConsumerGroupSettings, ConsumerGroupWorld } from './consumer-group-world.ts';
import type { ClassicGroupSnapshot, ClassicMemberSnapshot } from './migration.ts';
import type { TopicsView } from './topics-view.ts';

/** Without the members that leave, all speak the classic protocol. `joining`: how many come instead. */
export function canDowngrade(
  state: ConsumerGroupState,
  settings: ConsumerGroupSettings,
  leaving: readonly ConsumerGroupMember[],
  joining: number,
): boolean {
  const remaining = state.members.size - leaving.length;
  const classic = state.classicMembers - leaving.filter((member) => member.classic !== null).length;
  const size = remaining + joining;
  return classic === remaining && size > 0 && settings.downgrades && size <= settings.classicSizeMax;
}

/** The group becomes a classic one of the members that stay. `rebalance`: their assignment is not that of the group's epoch. */
export function downgrade(
  step: ConsumerGroupStep,
  world: ConsumerGroupWorld,
  leaving: readonly ConsumerGroupMember[],
  rebalance: boolean,
): void {
  const { state } = step;
  const gone = new Set(leaving.map((member) => member.memberId));
  const staying = [...state.members.values()].filter((member) => !gone.has(member.memberId));
  // Members were let in only with a protocol that all of them know.
  const protocolName = selectProtocol(staying.map(({ classic }) => ({ protocols: classic!.supportedProtocols })))!;
  const snapshot: ClassicGroupSnapshot = {
    generationId: state.groupEpoch,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName,
    members: staying.map((member) => classicSnapshot(member, protocolName, state, world.topics)),
  };
  step.append(consumerGroupTombstones(state));
  const { machine, effects } = world.newClassicGroup(state.groupId, snapshot, rebalance, step.nowMs);
  step.perform([{ type: 'become', machine }, ...effects]);
}

/** Refuses GROUP_ID_NOT_FOUND, as Kafka does, when the group may not or cannot be taken over. */
export function checkUpgrade(groupId: string, snapshot: ClassicGroupSnapshot, settings: ConsumerGroupSettings): void {
  if (!settings.upgrades) cannotUpgrade(groupId, 'online upgrade is disabled');
  if (snapshot.protocolType !== CONSUMER_PROTOCOL_TYPE) {
    cannotUpgrade(groupId, 'the group does not use the consumer embedded protocol');
  }
  if (snapshot.members.length > settings.sizeMax) {
    cannotUpgrade(groupId, 'the group size exceeds the consumer group maximum size');
  }
}

/** Puts the members of a classic group into a new consumer group. Refuses as `checkUpgrade`. */
export function upgrade(
  step: ConsumerGroupStep,
  snapshot: ClassicGroupSnapshot,
  topics: TopicsView,
): ConsumerGroupMember[] {
  const { groupId } = step.state;
  const generation = snapshot.generationId;
  const taken = new Set<string>();
  const members = snapshot.members.map((member) => readMember(groupId, member, snapshot, topics, taken));
  for (const { member } of members) step.putMetadata(member);
  step.putGroupEpoch(generation, topics.hashOf(step.state.subscribedTopics()));
  for (const { member, target } of members) step.putTarget(member.memberId, target);
  // No time: the first target assignment of the new protocol need not wait.
  step.putTargetEpoch(generation, 0);
  for (const { member } of members) step.putProgress(member);
  return members.map(({ member }) => member);
}

function readMember(
  groupId: string,
  classic: ClassicMemberSnapshot,
  { generationId, protocolName }: ClassicGroupSnapshot,
  topics: TopicsView,
  taken: Set<string>,
): { readonly member: ConsumerGroupMember; readonly target: Assignment } {
  try {
    const target = readAssignment(groupId, classic.assignment, topics, taken);
    // Between two generations no protocol is agreed on; all that a member says is the same but for the assignor's own data.
    const spoken = classic.protocols.find(({ name }) => name === protocolName) ?? classic.protocols[0]!;
    const subscription = decodeVersioned(consumerProtocolSubscription, spoken.metadata).message;
    const member: ConsumerGroupMember = {
      ...newMember(classic.memberId),
      memberEpoch: generationId,
      previousMemberEpoch: generationId,
      state: MemberState.STABLE,
      instanceId: classic.groupInstanceId,
      rackId: subscription.rackId || null,
      rebalanceTimeoutMs: classic.rebalanceTimeoutMs,
      clientId: classic.clientId,
      clientHost: classic.clientHost,
      subscribedTopicNames: new Set(subscription.topics),
      assigned: withEpoch(target, generationId),
      classic: {
        sessionTimeoutMs: classic.sessionTimeoutMs,
        supportedProtocols: classic.protocols.map(({ name, metadata }) => ({ name, metadata })),
      },
    };
    return { member, target };
  } catch (error) {
    if (error instanceof Refusal || !(error instanceof ProtocolError)) throw error;
    return cannotUpgrade(groupId, 'the embedded consumer protocol is malformed');
  }
}

/** A leader may have assigned anything: partitions that do not exist or that another member has (`taken`) are left out. */
function readAssignment(groupId: string, bytes: Buffer, topics: TopicsView, taken: Set<string>): Assignment {
  const target = new Map<string, readonly number[]>();
  if (bytes.length === 0) return target;
  const { assignedPartitions, userData } = decodeVersioned(consumerProtocolAssignment, bytes).message;
  if (userData !== null && userData.length > 0) {
    cannotUpgrade(
      groupId,
      'an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor before re-attempting the upgrade',
    );
  }
  for (const { topic, partitions } of assignedPartitions) {
    const known = topics.topic(topic);
    if (known === undefined) continue;
    const own = partitions.filter((partition) => {
      const key = `${known.id}/${partition}`;
      if (partition < 0 || partition >= known.partitions.length || taken.has(key)) return false;
      taken.add(key);
      return true;
    });
    if (own.length > 0) target.set(known.id, sorted([...(target.get(known.id) ?? []), ...own]));
  }
  return target;
}

function classicSnapshot(
  member: ConsumerGroupMember,
  protocolName: string,
  state: ConsumerGroupState,
  topics: TopicsView,
): ClassicMemberSnapshot {
  const { sessionTimeoutMs, supportedProtocols } = member.classic!;
  const { metadata } = supportedProtocols.find(({ name }) => name === protocolName)!;
  return {
    memberId: member.memberId,
    groupInstanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    sessionTimeoutMs,
    protocols: supportedProtocols,
    assignment: encodeClassicAssignment(state.target(member.memberId), metadata, topics),
  };
}

function cannotUpgrade(groupId: string, reason: string): never {
  return refuse(
    ErrorCode.GROUP_ID_NOT_FOUND,
    `Cannot upgrade classic group ${groupId} to consumer group because ${reason}.`,
  );
}
