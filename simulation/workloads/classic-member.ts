// A member of a group by the classic protocol, request by request: joins, lets the leader divide the partitions, reads and
// commits what it has, and joins again when it is told to. Ends when its group has read everything.

import { consumerProtocolAssignment } from '../../src/protocol/consumer-protocol/assignment.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { heartbeat } from '../../src/protocol/messages/heartbeat.ts';
import { joinGroup } from '../../src/protocol/messages/join-group.ts';
import { leaveGroup } from '../../src/protocol/messages/leave-group.ts';
import { syncGroup } from '../../src/protocol/messages/sync-group.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { logKey } from '../history.ts';
import { CoordinatorType, commitOffset, committedOffset, findsCoordinator } from './groups.ts';
import { checkOwners, type Owner, ownersOf } from './owners.ts';
import { type KnownTopic, outcomeOf, type ProgramContext, pause } from './program.ts';
import { asked, fetchOnce } from './readers.ts';

const SESSION_MS = 6_000;
const HEARTBEAT_MS = 500;

export interface Member {
  readonly group: string;
  /** What all of the group divide among themselves; all there is when absent. */
  readonly topics?: readonly string[];
  memberId: string;
  generation: number;
}

export interface Part {
  readonly topic: string;
  readonly partition: number;
}

/** Nobody yet. */
export function newMember(group: string, topics?: readonly string[]): Member {
  return { group, ...(topics && { topics }), memberId: '', generation: -1 };
}

export function classicMember(group: string): (context: ProgramContext) => Promise<void> {
  return async (context) => {
    const member = newMember(group);
    await findsCoordinator(context, group, CoordinatorType.GROUP);
    while (!context.hasReadAll(group)) {
      const parts = await join(context, member);
      if (parts === undefined) await pause(context, context.dice.skewed(20, 400));
      else await work(context, member, parts);
      if (context.dice.oneIn(6)) await leave(context, member);
    }
    await leave(context, member);
  };
}

/** Undefined: not now. */
export async function join(context: ProgramContext, member: Member): Promise<Part[] | undefined> {
  const response = await asked(
    context,
    joinGroup,
    {
      groupId: member.group,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: 5_000,
      memberId: member.memberId,
      protocolType: 'consumer',
      // What is subscribed to is the leader's knowledge here: all topics.
      protocols: [{ name: 'all', metadata: Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) }],
    },
    { lane: 'join', timeoutMs: 12_000 },
  );
  if (response === undefined) return undefined;
  if (response.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
    member.memberId = response.memberId;
    return undefined;
  }
  if (outcomeOf(context, 'JoinGroup', response.errorCode) !== 'ok') return lost(member, response.errorCode);
  member.memberId = response.memberId;
  member.generation = response.generationId;
  const assignments =
    response.leader === response.memberId
      ? divide(
          context.topics.filter(({ name }) => member.topics?.includes(name) ?? true),
          response.members.map(({ memberId }) => memberId),
        )
      : [];
  const synced = await asked(
    context,
    syncGroup,
    {
      groupId: member.group,
      memberId: member.memberId,
      generationId: member.generation,
      protocolType: 'consumer',
      protocolName: 'all',
      assignments,
    },
    { lane: 'join', timeoutMs: 12_000 },
  );
  if (synced === undefined) return undefined;
  if (outcomeOf(context, 'SyncGroup', synced.errorCode) !== 'ok') return lost(member, synced.errorCode);
  return partsOf(synced.assignment);
}

/** What an error says of the membership. */
export function lost(member: Member, errorCode: number): undefined {
  if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) member.memberId = '';
  return undefined;
}

/** Partition by partition, one member after the other. */
function divide(
  topics: readonly KnownTopic[],
  memberIds: readonly string[],
): { memberId: string; assignment: Buffer }[] {
  const shares = memberIds.map((): Part[] => []);
  let next = 0;
  for (const { name, partitions } of topics) {
    for (let partition = 0; partition < partitions; partition++) {
      shares[next++ % shares.length]!.push({ topic: name, partition });
    }
  }
  return memberIds.map((memberId, i) => ({ memberId, assignment: encodeParts(shares[i]!) }));
}

function encodeParts(parts: readonly Part[]): Buffer {
  const writer = new Writer();
  writer.int16(0);
  consumerProtocolAssignment.write(writer, 0, {
    assignedPartitions: parts.map(({ topic, partition }) => ({ topic, partitions: [partition] })),
    userData: null,
  });
  return Buffer.concat(writer.finish());
}

function partsOf(assignment: Buffer): Part[] {
  if (assignment.length === 0) return [];
  const { assignedPartitions } = consumerProtocolAssignment.read(new Reader(assignment, 2), 0);
  return assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}

/** What a member has in one generation: others may have it when this is given up, or the group went on without the member. */
export class Share {
  readonly #context: ProgramContext;
  readonly #member: Member;
  readonly #owner: Owner;
  #heartbeatAtMs: number;

  constructor(context: ProgramContext, member: Member, parts: readonly Part[]) {
    this.#context = context;
    this.#member = member;
    this.#owner = { name: context.process.name, assignment: parts, answeredMs: Number.NEGATIVE_INFINITY };
    this.#heartbeatAtMs = this.#nowMs();
    checkOwners(context, member.group, this.#owner, new Set());
    ownersOf(context, member.group).add(this.#owner);
  }

  /** Sends a heartbeat when it is time; false: there is a rebalance, or the membership is lost. */
  async isKept(): Promise<boolean> {
    const sentMs = this.#nowMs();
    if (sentMs < this.#heartbeatAtMs) return true;
    const { group: groupId, memberId, generation: generationId } = this.#member;
    const response = await asked(this.#context, heartbeat, { groupId, memberId, generationId });
    this.#heartbeatAtMs = this.#nowMs() + HEARTBEAT_MS;
    if (response === undefined) return true;
    lost(this.#member, response.errorCode);
    if (response.errorCode !== ErrorCode.NONE) return false;
    this.#owner.answeredMs = sentMs;
    return true;
  }

  giveUp(): void {
    ownersOf(this.#context, this.#member.group).delete(this.#owner);
  }

  #nowMs(): number {
    return this.#context.process.runtime.clock.monotonicMs();
  }
}

/** Until there is a rebalance or the membership is lost. */
async function work(context: ProgramContext, member: Member, parts: readonly Part[]): Promise<void> {
  const share = new Share(context, member, parts);
  await readShare(context, member, parts, share);
  share.giveUp();
}

async function readShare(context: ProgramContext, member: Member, parts: readonly Part[], share: Share): Promise<void> {
  const { dice, history, process } = context;
  const positions = new Map<Part, number>();
  for (let rounds = dice.between(5, 60); rounds > 0 && !context.hasReadAll(member.group); rounds--) {
    if (!(await share.isKept())) return;
    for (const part of parts) {
      const topic = context.topics.find(({ name }) => name === part.topic)!;
      const at = positions.get(part) ?? (await committedOffset(context, member.group, topic, part.partition));
      if (at === undefined) continue;
      const from = Math.max(0, at);
      const options = { readCommitted: false, maxBytes: 50_000, maxWaitMs: 50 };
      const fetched = await fetchOnce(context, topic, part.partition, from, options);
      if (fetched === undefined || fetched === 'out-of-range') continue;
      const log = logKey(topic.topicId, part.partition);
      const ids = fetched.records.filter(({ offset }) => offset >= from).map(({ id }) => id);
      if (ids.length > 0) history.add({ type: 'handed-out', group: member.group, member: process.name, log, ids });
      positions.set(part, Math.max(from, fetched.nextOffset));
      if (ids.length === 0 || dice.oneIn(2)) continue;
      const errorCode = await commitOffset(context, member, topic, part.partition, fetched.nextOffset);
      if (errorCode !== undefined && errorCode !== ErrorCode.NONE) return lost(member, errorCode);
    }
    await pause(context, dice.skewed(10, 300));
  }
}

export async function leave(context: ProgramContext, member: Member): Promise<void> {
  if (member.memberId === '') return;
  const { group: groupId, memberId } = member;
  member.memberId = '';
  await asked(context, leaveGroup, { groupId, memberId, members: [{ memberId }] });
}
