// Classic groups as transcripts tell them: commands of members by name, and what the machine then did. A member's name is
// its client id; it remembers the member id and generation it was told, as a client would.
import assert from 'node:assert/strict';
import { Command, durationMs, durationText, type Execute } from '../../test/transcripts/transcript.ts';
import { consumerProtocolAssignment } from '../protocol/consumer-protocol/assignment.ts';
import { consumerProtocolSubscription } from '../protocol/consumer-protocol/subscription.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { JoinGroupResponse } from '../protocol/messages/join-group.ts';
import type { LeaveGroupResponse } from '../protocol/messages/leave-group.ts';
import type { SyncGroupResponse } from '../protocol/messages/sync-group.ts';
import { decodeVersioned, encodeVersioned } from '../protocol/versioned.ts';
import { ClassicGroup } from './classic-group.ts';
import { refuseJoin } from './classic-group-answers.ts';
import type { CoordinatorRecord, Effect } from './effects.ts';
import { decodeGroupRecord } from './group-record.ts';
import type { MemberContext } from './machine.ts';
import { MachineWorld, Question } from './machine-world.suite.ts';

export const CLASSIC_SETTINGS = {
  initialRebalanceDelayMs: 3000,
  minSessionTimeoutMs: 6000,
  maxSessionTimeoutMs: 1_800_000,
  maxSize: 0x7fff_ffff,
  recordBytesMax: 1_048_588,
};

const BEAT_MS = 3000;

interface Known {
  memberId: string;
  generationId: number;
}

export function beginClassicGroup(): Execute {
  const narrator = new ClassicGroupNarrator();
  return (command) => narrator.execute(command);
}

class ClassicGroupNarrator {
  readonly #settings = { ...CLASSIC_SETTINGS };
  readonly #known = new Map<string, Known>();
  #lines: string[] = [];
  #uuids = 0;
  readonly #world = new MachineWorld<ClassicGroup>(
    (nowMs) => new ClassicGroup('g', { settings: this.#settings, newUuid: () => String(++this.#uuids) }, nowMs),
    (effect) => this.#tell(effect),
  );

  execute(command: Command): readonly string[] {
    this.#lines = [];
    const before = this.#machine.state;
    const act = this.#acts[command.verb];
    assert.ok(act, `nobody knows how to "${command.verb}"`);
    act(command);
    if (this.#machine.state !== before) this.#lines.push(`state ${before} -> ${this.#machine.state}`);
    return this.#lines;
  }

  get #machine(): ClassicGroup {
    return this.#world.machine;
  }

  readonly #acts: Record<string, (command: Command) => void> = {
    settings: (command) => {
      this.#settings.maxSize = command.number('max-size', this.#settings.maxSize);
      this.#settings.recordBytesMax = command.number('record-bytes', this.#settings.recordBytesMax);
      this.#settings.initialRebalanceDelayMs = command.duration(
        'initial-delay',
        this.#settings.initialRebalanceDelayMs,
      );
    },
    join: (command) => this.#join(command),
    sync: (command) => this.#sync(command),
    heartbeat: (command) => this.#heartbeat(command),
    leave: (command) => this.#leave(command),
    commit: (command) => this.#commit(command),
    alive: (command) => this.#alive(command),
    advance: (command) => {
      this.#world.advance(durationMs(command.subject), (key) => this.#lines.push(`fired: ${key}`));
    },
    restart: () => this.#world.restart(),
    describe: () => this.#describe(),
    delete: () => this.#lines.push(`delete: ${nameOf(this.#machine.validateDelete())}`),
    'delete-offsets': (command) => {
      const errorCode = this.#machine.validateOffsetDelete();
      const subscribed = this.#machine.isSubscribedTo(command.subject) ? 'subscribed' : 'not subscribed';
      this.#lines.push(`delete-offsets: ${nameOf(errorCode)}, ${command.subject} is ${subscribed}`);
    },
    release: () => this.#world.perform(this.#machine.release()),
  };

  #join(command: Command): void {
    const name = command.subject;
    const version = command.number('version', 9);
    const request = {
      groupId: 'g',
      sessionTimeoutMs: command.duration('session', 10_000),
      rebalanceTimeoutMs: command.duration('rebalance', 60_000),
      memberId: this.#memberId(command),
      groupInstanceId: command.string('instance') ?? null,
      protocolType: command.string('type', 'consumer'),
      protocols: command.list('protocols', ['range']).map((protocol) => ({
        name: protocol,
        metadata: subscription(command.list('topics', ['t'])),
      })),
      reason: null,
    };
    const question = new Question<JoinGroupResponse>((response) => this.#joined(name, response));
    const refusal = refuseJoin(request, this.#settings);
    if (refusal !== null) question.to(refusal);
    else this.#world.perform(this.#machine.join(request, contextOf(name, version), question.to, this.#world.nowMs));
  }

  #joined(name: string, response: JoinGroupResponse): void {
    const { errorCode, memberId, generationId, protocolName, leader, members, skipAssignment } = response;
    if (errorCode !== ErrorCode.NONE) {
      if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.#known.set(name, { memberId, generationId: -1 });
      const given = memberId === '' ? '' : ` as ${memberId}`;
      this.#lines.push(`${name} <- join ${nameOf(errorCode)}${given}`);
      return;
    }
    this.#known.set(name, { memberId, generationId });
    const told = members.map((member) => `${member.memberId} [${topicsOf(member.metadata)}]`).join(', ');
    const parts = [`as ${memberId}`, `generation ${generationId}`, `${protocolName}`, `leader ${leader}`];
    if (told !== '') parts.push(`members ${told}`);
    if (skipAssignment) parts.push('skip assignment');
    this.#lines.push(`${name} <- joined ${parts.join(', ')}`);
  }

  #sync(command: Command): void {
    const name = command.subject;
    const request = {
      groupId: 'g',
      generationId: command.number('generation', this.#known.get(name)?.generationId ?? -1),
      memberId: this.#memberId(command),
      groupInstanceId: command.string('instance') ?? null,
      protocolType: command.string('type', 'consumer'),
      protocolName: command.string('protocol') ?? null,
      assignments: [...assignments(command)].map(([each, partitions]) => ({
        memberId: this.#known.get(each)?.memberId ?? each,
        assignment: assignment(partitions),
      })),
    };
    const question = new Question<SyncGroupResponse>((response) => {
      const told = response.errorCode === ErrorCode.NONE ? `[${partitionsOf(response.assignment)}]` : undefined;
      this.#lines.push(`${name} <- ${told === undefined ? `sync ${nameOf(response.errorCode)}` : `assigned ${told}`}`);
    });
    this.#world.perform(this.#machine.sync(request, contextOf(name, 5), question.to, this.#world.nowMs));
  }

  #heartbeat(command: Command): void {
    const name = command.subject;
    const request = {
      groupId: 'g',
      generationId: command.number('generation', this.#known.get(name)?.generationId ?? -1),
      memberId: this.#memberId(command),
      groupInstanceId: command.string('instance') ?? null,
    };
    const question = new Question<{ errorCode: number }>(({ errorCode }) =>
      this.#lines.push(`${name} <- heartbeat ${nameOf(errorCode)}`),
    );
    this.#world.perform(this.#machine.heartbeat(request, contextOf(name, 4), question.to, this.#world.nowMs));
  }

  /** `alive alice bob for=1m`: they send heartbeats all the time; told is what else happens, and what they hear last. */
  #alive(command: Command): void {
    const endMs = this.#world.nowMs + command.duration('for', 0);
    while (this.#world.nowMs < endMs) {
      this.#world.advance(Math.min(BEAT_MS, endMs - this.#world.nowMs), (key) => this.#lines.push(`fired: ${key}`));
      const told = this.#lines;
      this.#lines = [];
      for (const name of command.words) this.#heartbeat(new Command(`heartbeat ${name}`));
      const heard = this.#lines.filter((line) => line.includes(' <- '));
      this.#lines = this.#world.nowMs < endMs ? told : [...told, ...heard];
    }
  }

  /** `leave alice bob`; `leave instance=web` as an operator does it. */
  #leave(command: Command): void {
    const version = command.number('version', 5);
    const members = command.words.map((name) => ({ memberId: this.#idOf(name), groupInstanceId: null, reason: null }));
    for (const groupInstanceId of command.list('instance'))
      members.push({ memberId: '', groupInstanceId: groupInstanceId as never, reason: null });
    const request = { groupId: 'g', memberId: members[0]?.memberId ?? '', members: version < 3 ? [] : members };
    const question = new Question<LeaveGroupResponse>((response) => {
      const told = response.members.map(
        ({ memberId, groupInstanceId, errorCode }) => `${memberId || groupInstanceId} ${nameOf(errorCode)}`,
      );
      this.#lines.push(`<- left ${nameOf(response.errorCode)}: ${told.join(', ')}`);
    });
    const context = contextOf('operator', version);
    this.#world.perform(this.#machine.leave(request, context, question.to, this.#world.nowMs));
  }

  #commit(command: Command): void {
    const name = command.subject;
    const memberId = this.#memberId(command);
    const isTransactional = command.words.includes('transactional');
    const errorCode = this.#machine.validateOffsetCommit({
      memberId,
      groupInstanceId: command.string('instance') ?? null,
      generationOrEpoch: command.number('generation', this.#known.get(name)?.generationId ?? -1),
      isTransactional,
      apiVersion: 9,
    });
    this.#lines.push(`commit ${nameOf(errorCode)}`);
    if (errorCode !== ErrorCode.NONE || isTransactional) return;
    this.#world.perform(this.#machine.committed(memberId, this.#world.nowMs));
  }

  #describe(): void {
    const { groupState, protocolType, protocolData, members } = this.#machine.describe();
    this.#lines.push(`${groupState}, generation ${this.#machine.generationId}, ${protocolType}/${protocolData}`);
    for (const member of members) {
      const instance = member.groupInstanceId == null ? '' : `, instance ${member.groupInstanceId}`;
      const said = member.memberMetadata.length === 0 ? '' : `, topics [${topicsOf(member.memberMetadata)}]`;
      const has = partitionsOf(member.memberAssignment);
      this.#lines.push(`${member.memberId}${instance} of ${member.clientId} at ${member.clientHost}${said}: [${has}]`);
    }
  }

  /** `id=` with nothing joins anew. */
  #memberId(command: Command): string {
    return command.string('id') ?? this.#idOf(command.subject);
  }

  #idOf(name: string): string {
    return this.#known.get(name)?.memberId ?? '';
  }

  #tell(effect: Effect): void {
    if (effect.type === 'timer') this.#lines.push(`timer ${effect.key} in ${durationText(effect.afterMs)}`);
    else if (effect.type === 'cancel') this.#lines.push(`cancel ${effect.key}`);
    else if (effect.type === 'append') this.#lines.push(...effect.records.map(recordText));
  }
}

function recordText(record: CoordinatorRecord): string {
  const decoded = decodeGroupRecord(record);
  assert.ok(decoded?.type === 2);
  if (decoded.value === null) return 'log: the group is gone';
  const { protocolType, protocol, generation, leader, members } = decoded.value;
  const told = members.map(
    ({ memberId, assignment: has, groupInstanceId }) =>
      `${memberId}${groupInstanceId === null ? '' : ` (${groupInstanceId})`} [${partitionsOf(has)}]`,
  );
  const who = told.length === 0 ? 'no members' : `leader ${leader}: ${told.join(', ')}`;
  return `log: generation ${generation}, ${protocolType || '(no type)'}/${protocol ?? '(none)'}, ${who}`;
}

function contextOf(clientId: string, apiVersion: number): MemberContext {
  return { clientId, clientHost: '/127.0.0.1', apiVersion };
}

export function nameOf(errorCode: number): string {
  return Object.entries(ErrorCode).find(([, code]) => code === errorCode)?.[0] ?? String(errorCode);
}

function subscription(topics: readonly string[]): Buffer {
  return encodeVersioned(consumerProtocolSubscription, 1, { topics: [...topics], ownedPartitions: [] });
}

function topicsOf(metadata: Buffer): string {
  return decodeVersioned(consumerProtocolSubscription, metadata).message.topics.join(' ');
}

/** `assign="alice:0,1 bob:2"`: partitions of topic t. */
function assignments(command: Command): Map<string, number[]> {
  const parts = command.string('assign', '').split(' ').filter(Boolean);
  return new Map(
    parts.map((part) => {
      const [name = '', partitions = ''] = part.split(':');
      return [name, partitions.split(',').filter(Boolean).map(Number)];
    }),
  );
}

function assignment(partitions: readonly number[]): Buffer {
  return encodeVersioned(consumerProtocolAssignment, 1, {
    assignedPartitions: [{ topic: 't', partitions: [...partitions] }],
  });
}

function partitionsOf(bytes: Buffer): string {
  if (bytes.length === 0) return '';
  const { assignedPartitions } = decodeVersioned(consumerProtocolAssignment, bytes).message;
  return assignedPartitions
    .flatMap(({ topic, partitions }) => partitions.map((partition) => `${topic}-${partition}`))
    .join(' ');
}
