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
import type { Membership, Part } from './membership.ts';
import { Holding } from './owners.ts';
import { type KnownTopic, outcomeOf, type ProgramContext, pause } from './program.ts';
import { asked, fetchOnce } from './readers.ts';

const SESSION_MS = 6_000;
const HEARTBEAT_MS = 500;

export function classicMember(group: string): (context: ProgramContext) => Promise<void> {
  return async (context) => {
    const member = new ClassicMember(context, group);
    await findsCoordinator(context, group, CoordinatorType.GROUP);
    while (!context.hasReadAll(group)) {
      const parts = await member.take();
      if (parts === undefined) await pause(context, context.dice.skewed(20, 400));
      else await read(context, member, parts);
      member.giveUp();
      if (context.dice.oneIn(6)) await member.leave();
    }
    await member.leave();
  };
}

export class ClassicMember implements Membership {
  readonly group: string;
  memberId = '';
  generation = -1;
  readonly #context: ProgramContext;
  readonly #topics: readonly string[] | undefined;
  readonly #holding: Holding;
  #heartbeatAtMs = 0;
  /** When it asked what it has. As in Kafka that prolongs no session. */
  #syncedMs = 0;

  /** `topics`: what all of the group divide among themselves; all there is when absent. */
  constructor(context: ProgramContext, group: string, topics?: readonly string[]) {
    this.group = group;
    this.#context = context;
    this.#topics = topics;
    this.#holding = new Holding(context, group);
  }

  async take(): Promise<readonly Part[] | undefined> {
    const parts = await this.#join();
    if (parts === undefined) return undefined;
    this.#heartbeatAtMs = this.#nowMs();
    this.#holding.take(parts, this.#syncedMs);
    return parts;
  }

  async isKept(): Promise<boolean> {
    if (this.memberId === '') return false;
    const sentMs = this.#nowMs();
    if (sentMs < this.#heartbeatAtMs) return true;
    const { group: groupId, memberId, generation: generationId } = this;
    const response = await asked(this.#context, heartbeat, { groupId, memberId, generationId });
    this.#heartbeatAtMs = this.#nowMs() + HEARTBEAT_MS;
    if (response === undefined) return true;
    this.heard(response.errorCode);
    if (response.errorCode !== ErrorCode.NONE) return false;
    this.#holding.answered(sentMs);
    return true;
  }

  giveUp(): void {
    this.#holding.giveUp();
  }

  heard(errorCode: number): void {
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.memberId = '';
  }

  async leave(): Promise<void> {
    if (this.memberId === '') return;
    const { group: groupId, memberId } = this;
    this.memberId = '';
    await asked(this.#context, leaveGroup, { groupId, memberId, members: [{ memberId }] });
  }

  async #join(): Promise<Part[] | undefined> {
    const response = await asked(
      this.#context,
      joinGroup,
      {
        groupId: this.group,
        sessionTimeoutMs: SESSION_MS,
        rebalanceTimeoutMs: 5_000,
        memberId: this.memberId,
        protocolType: 'consumer',
        // What is subscribed to is the leader's knowledge here.
        protocols: [{ name: 'all', metadata: Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) }],
      },
      { lane: 'join', timeoutMs: 12_000 },
    );
    if (response === undefined) return undefined;
    if (response.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.memberId = response.memberId;
      return undefined;
    }
    if (this.#isRefused('JoinGroup', response.errorCode)) return undefined;
    this.memberId = response.memberId;
    this.generation = response.generationId;
    const isLeader = response.leader === response.memberId;
    const topics = this.#context.topics.filter(({ name }) => this.#topics?.includes(name) ?? true);
    const memberIds = response.members.map(({ memberId }) => memberId);
    this.#syncedMs = this.#nowMs();
    const synced = await asked(
      this.#context,
      syncGroup,
      {
        groupId: this.group,
        memberId: this.memberId,
        generationId: this.generation,
        protocolType: 'consumer',
        protocolName: 'all',
        assignments: isLeader ? divide(topics, memberIds) : [],
      },
      { lane: 'join', timeoutMs: 12_000 },
    );
    if (synced === undefined || this.#isRefused('SyncGroup', synced.errorCode)) return undefined;
    return partsOf(synced.assignment);
  }

  #isRefused(api: string, errorCode: number): boolean {
    this.heard(errorCode);
    return outcomeOf(this.#context, api, errorCode) !== 'ok';
  }

  #nowMs(): number {
    return this.#context.process.runtime.clock.monotonicMs();
  }
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

/** Until there is a rebalance or the membership is lost. */
async function read(context: ProgramContext, member: ClassicMember, parts: readonly Part[]): Promise<void> {
  const { dice, history, process } = context;
  const positions = new Map<Part, number>();
  for (let rounds = dice.between(5, 60); rounds > 0 && !context.hasReadAll(member.group); rounds--) {
    if (!(await member.isKept())) return;
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
      if (errorCode !== undefined && errorCode !== ErrorCode.NONE) return member.heard(errorCode);
    }
    await pause(context, dice.skewed(10, 300));
  }
}
