// Consumer groups as transcripts tell them: what members of both protocols say, by name, and what the group then does. A
// member's name is its id; it remembers the epoch that it was told, as a client would.
import assert from 'node:assert/strict';
import { type Command, durationMs, durationText, type Execute } from '../../test/transcripts/transcript.ts';
import { consumerProtocolAssignment } from '../protocol/consumer-protocol/assignment.ts';
import { consumerProtocolSubscription } from '../protocol/consumer-protocol/subscription.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { ConsumerGroupHeartbeatRequest } from '../protocol/messages/consumer-group-heartbeat.ts';
import { decodeVersioned, encodeVersioned } from '../protocol/versioned.ts';
import { ClassicGroup, newClassicGroup } from './classic-group.ts';
import { CLASSIC_SETTINGS, nameOf } from './classic-group-narrator.suite.ts';
import { consumerKind } from './consumer-group-kind.ts';
import { type EpochAssignment, MemberState, memberWithProgress, newMember } from './consumer-group-member.ts';
import { GROUP, TestCoordinator } from './consumer-group-world.suite.ts';
import type { CoordinatorRecord, Effect } from './effects.ts';
import type { Group } from './group-kinds.ts';
import { decodeGroupRecord } from './group-record.ts';
import { Groups } from './groups.ts';
import type { DecodedGroupRecord, MemberContext } from './machine.ts';

interface Known {
  memberId: string;
  epoch: number;
  instanceId: string | null;
}

export function beginConsumerGroup(): Execute {
  const narrator = new ConsumerGroupNarrator();
  return (command) => narrator.execute(command);
}

class ConsumerGroupNarrator {
  #lines: string[] = [];
  #uuids = 0;
  readonly #known = new Map<string, Known>();
  readonly #timers = new Map<string, number>();
  readonly #log: CoordinatorRecord[] = [];
  readonly #classicWorld = { settings: CLASSIC_SETTINGS, newUuid: () => `id-${++this.#uuids}` };
  /** For its topics, its time and its settings. */
  readonly #world = new TestCoordinator(newClassicGroup(this.#classicWorld));
  #groups = this.#newGroups();

  execute(command: Command): readonly string[] {
    this.#lines = [];
    const before = this.#stateName();
    const act = this.#acts[command.verb];
    assert.ok(act, `nobody knows how to "${command.verb}"`);
    act(command);
    const after = this.#stateName();
    if (after !== before) this.#lines.push(`group: ${before} -> ${after}`);
    return this.#lines;
  }

  readonly #acts: Record<string, (command: Command) => void> = {
    topic: (command) => {
      this.#world.setTopic(command.subject, command.number('partitions', 1));
      this.#topicsChanged(command.subject);
    },
    settings: (command) => this.#settings(command),
    join: (command) => this.#join(command),
    beat: (command) => this.#beat(command),
    leave: (command) => this.#leave(command, -1),
    away: (command) => this.#leave(command, -2),
    'classic-join': (command) => this.#classicJoin(command),
    'classic-sync': (command) => this.#classicSync(command),
    'classic-beat': (command) => this.#classicBeat(command),
    'classic-leave': (command) => this.#classicLeave(command),
    advance: (command) => this.#advance(durationMs(command.subject)),
    restart: () => this.#restart(),
    describe: () => this.#describe(),
    commit: (command) => this.#commit(command),
    delete: () => this.#lines.push(`delete: ${nameOf(this.#group!.validateDelete())}`),
  };

  get #group(): Group | undefined {
    return this.#groups.get(GROUP);
  }

  #stateName(): string {
    const group = this.#group;
    return group === undefined ? 'none' : `${group.type} ${group.state}`;
  }

  #newGroups(): Groups {
    const classic = (nowMs: number) => new ClassicGroup(GROUP, this.#classicWorld, nowMs);
    return new Groups({ newClassic: (_, nowMs) => classic(nowMs), ...consumerKind(this.#world.world) });
  }

  #settings(command: Command): void {
    const { settings } = this.#world;
    this.#world.settings = {
      ...settings,
      assignmentIntervalMs: command.duration('assignment-interval', settings.assignmentIntervalMs),
      sessionTimeoutMs: command.duration('session', settings.sessionTimeoutMs),
      sizeMax: command.number('max-size', settings.sizeMax),
      upgrades: command.string('upgrades', String(settings.upgrades)) === 'true',
      downgrades: command.string('downgrades', String(settings.downgrades)) === 'true',
    };
  }

  // ---- the consumer protocol

  #join(command: Command): void {
    const name = command.subject;
    const instanceId = command.string('instance') ?? null;
    this.#known.set(name, { memberId: name, epoch: 0, instanceId });
    this.#heartbeat(name, {
      memberEpoch: 0,
      instanceId,
      rackId: command.string('rack') ?? null,
      rebalanceTimeoutMs: command.duration('rebalance', 60_000),
      subscribedTopicNames: command.has('regex') ? null : [...command.list('topics')],
      subscribedTopicRegex: command.string('regex') ?? null,
      serverAssignor: command.string('assignor') ?? null,
      topicPartitions: [],
    });
  }

  #beat(command: Command): void {
    const known = this.#member(command.subject);
    this.#heartbeat(command.subject, {
      memberEpoch: command.number('epoch', known.epoch),
      instanceId: known.instanceId,
      subscribedTopicNames: command.has('topics') ? [...command.list('topics')] : null,
      subscribedTopicRegex: command.string('regex') ?? null,
      topicPartitions: command.has('owns') ? this.#parse(command.list('owns')) : null,
    });
  }

  #leave(command: Command, memberEpoch: number): void {
    const { instanceId } = this.#member(command.subject);
    this.#heartbeat(command.subject, { memberEpoch, instanceId });
  }

  #heartbeat(name: string, said: Partial<ConsumerGroupHeartbeatRequest>): void {
    const known = this.#member(name);
    const request: ConsumerGroupHeartbeatRequest = {
      groupId: GROUP,
      memberId: known.memberId,
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      ...said,
    };
    const effects = this.#groups.consumerHeartbeat(
      request,
      contextOf(name, 1),
      (response) => {
        const { errorCode, errorMessage, memberEpoch, assignment } = response;
        if (errorCode !== ErrorCode.NONE) {
          this.#lines.push(`${name} <- ${nameOf(errorCode!)}: ${errorMessage}`);
          return;
        }
        known.epoch = memberEpoch!;
        const told = assignment == null ? '' : `, has ${this.#show(assignment.topicPartitions)}`;
        this.#lines.push(`${name} <- epoch ${memberEpoch}${told}`);
      },
      this.#world.nowMs,
    );
    this.#perform(effects);
  }

  // ---- the classic protocol

  #classicJoin(command: Command): void {
    const name = command.subject;
    const known = this.#known.get(name) ?? { memberId: '', epoch: -1, instanceId: command.string('instance') ?? null };
    this.#known.set(name, known);
    const owned = this.#parse(command.list('owns')).map(({ topicId, partitions }) => ({
      topic: this.#world.topics.topicById(topicId)!.name,
      partitions,
    }));
    const metadata = encodeVersioned(consumerProtocolSubscription, 1, {
      topics: [...command.list('topics')],
      ownedPartitions: owned,
    });
    const request = {
      groupId: GROUP,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      memberId: known.memberId,
      groupInstanceId: known.instanceId,
      protocolType: command.string('type', 'consumer'),
      protocols: command.list('protocols', ['range']).map((protocol) => ({ name: protocol, metadata })),
      reason: null,
    };
    const effects = this.#groups.join(
      request,
      contextOf(name, 9),
      (response) => {
        const { errorCode, memberId, generationId, protocolName, leader, members } = response;
        if (memberId !== '') known.memberId = memberId;
        if (errorCode !== ErrorCode.NONE) {
          this.#lines.push(`${name} <- join ${nameOf(errorCode)}${memberId === '' ? '' : ` as ${memberId}`}`);
          return;
        }
        known.epoch = generationId!;
        const leads = leader === memberId ? `, leads ${members.map((each) => each.memberId).join(' ')}` : '';
        this.#lines.push(`${name} <- joined as ${memberId}, generation ${generationId}, ${protocolName}${leads}`);
      },
      this.#world.nowMs,
    );
    this.#perform(effects);
  }

  #classicSync(command: Command): void {
    const name = command.subject;
    const { memberId, epoch, instanceId } = this.#member(name);
    const request = {
      groupId: GROUP,
      generationId: command.number('generation', epoch),
      memberId,
      groupInstanceId: instanceId,
      protocolType: 'consumer',
      protocolName: command.string('protocol', 'range'),
      assignments: this.#assignments(command),
    };
    const effects = this.#groups.sync(
      request,
      contextOf(name, 5),
      ({ errorCode, assignment }) => {
        this.#lines.push(
          errorCode === ErrorCode.NONE
            ? `${name} <- has ${classicNames(Buffer.from(assignment))}`
            : `${name} <- sync ${nameOf(errorCode)}`,
        );
      },
      this.#world.nowMs,
    );
    this.#perform(effects);
  }

  #classicBeat(command: Command): void {
    const name = command.subject;
    const { memberId, epoch, instanceId } = this.#member(name);
    const request = {
      groupId: GROUP,
      generationId: command.number('generation', epoch),
      memberId,
      groupInstanceId: instanceId,
    };
    const effects = this.#groups.heartbeat(
      request,
      contextOf(name, 4),
      ({ errorCode }) => {
        this.#lines.push(`${name} <- heartbeat ${nameOf(errorCode)}`);
      },
      this.#world.nowMs,
    );
    this.#perform(effects);
  }

  #classicLeave(command: Command): void {
    const name = command.subject;
    const { memberId, instanceId } = this.#member(name);
    const request = {
      groupId: GROUP,
      memberId: '',
      members: [{ memberId, groupInstanceId: instanceId, reason: null }],
    };
    const effects = this.#groups.leave(
      request,
      contextOf(name, 5),
      ({ members }) => {
        this.#lines.push(`${name} <- left ${members!.map((each) => nameOf(each.errorCode)).join(' ')}`);
      },
      this.#world.nowMs,
    );
    this.#perform(effects);
  }

  /** `assign="carol:log:0,log:1 dave:log:2"`. */
  #assignments(command: Command): { memberId: string; assignment: Buffer }[] {
    const parts = command.string('assign', '').split(' ').filter(Boolean);
    return parts.map((part) => {
      const colon = part.indexOf(':');
      const topics = this.#parse(part.slice(colon + 1).split(',')).map(({ topicId, partitions }) => ({
        topic: this.#world.topics.topicById(topicId)!.name,
        partitions,
      }));
      const assignment = encodeVersioned(consumerProtocolAssignment, 1, { assignedPartitions: topics, userData: null });
      return { memberId: this.#member(part.slice(0, colon)).memberId, assignment };
    });
  }

  // ---- the shell

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'append') {
        this.#log.push(...effect.records);
        for (const record of effect.records) this.#lines.push(`+ ${this.#tellRecord(decodeGroupRecord(record)!)}`);
      } else if (effect.type === 'become') {
        this.#timers.clear();
        this.#groups.put(effect.machine as Group);
      } else if (effect.type === 'reply') effect.to(effect.response);
      else if (effect.type === 'timer') {
        // Sessions that begin anew are not news.
        if (!this.#timers.has(effect.key)) this.#lines.push(`timer ${effect.key}: ${durationText(effect.afterMs)}`);
        this.#timers.set(effect.key, this.#world.nowMs + effect.afterMs);
      } else if (this.#timers.delete(effect.key)) this.#lines.push(`timer ${effect.key}: off`);
    }
  }

  #topicsChanged(name: string): void {
    const group = this.#group;
    if (group?.type === 'consumer') this.#perform(group.topicsChanged(new Set([name]), this.#world.nowMs));
  }

  #advance(ms: number): void {
    const endMs = this.#world.nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(([, atMs]) => atMs <= endMs).sort((a, b) => a[1] - b[1]);
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.#world.nowMs = Math.max(this.#world.nowMs, next[1]);
      this.#lines.push(`fired ${next[0]}`);
      this.#perform(this.#group!.timer(next[0], this.#world.nowMs));
    }
    this.#world.nowMs = endMs;
  }

  #restart(): void {
    this.#timers.clear();
    this.#groups = this.#newGroups();
    for (const record of this.#log) this.#groups.replay(record, this.#world.nowMs);
    for (const group of this.#groups.all()) this.#perform(group.loaded(this.#world.nowMs));
  }

  #describe(): void {
    const group = this.#group;
    assert(group?.type === 'consumer');
    const { groupState, groupEpoch, assignmentEpoch, assignorName, members } = group.describe();
    this.#lines.push(`${groupState}, epoch ${groupEpoch}, assignment of ${assignmentEpoch} by ${assignorName}`);
    for (const { memberId, memberEpoch, assignment, targetAssignment, memberType } of members) {
      const has = `has ${this.#show(assignment.topicPartitions)}, to have ${this.#show(targetAssignment.topicPartitions)}`;
      this.#lines.push(`${memberId} (${memberType === 0 ? 'classic' : 'consumer'}): epoch ${memberEpoch}, ${has}`);
    }
  }

  #commit(command: Command): void {
    const name = command.subject;
    const { memberId, epoch, instanceId } = this.#member(name);
    const verdict = this.#group!.validateOffsetCommit({
      memberId,
      groupInstanceId: instanceId,
      generationOrEpoch: command.number('epoch', epoch),
      isTransactional: false,
      apiVersion: 9,
    });
    const [{ topicId, partitions }] = this.#parse([command.string('partition', '')]) as [
      { topicId: string; partitions: number[] },
    ];
    const code = typeof verdict === 'number' ? verdict : verdict(topicId, partitions[0]!);
    this.#lines.push(`${name} <- commit ${nameOf(code)}`);
  }

  #member(name: string): Known {
    return this.#known.get(name) ?? { memberId: name, epoch: 0, instanceId: null };
  }

  /** `log:0`, `log:1` → partitions by topic. */
  #parse(partitions: readonly string[]): { topicId: string; partitions: number[] }[] {
    const topics = new Map<string, number[]>();
    for (const each of partitions) {
      const [name, partition] = each.split(':') as [string, string];
      const id = this.#world.topics.topic(name)?.id ?? assert.fail(`no topic ${name}`);
      topics.set(id, [...(topics.get(id) ?? []), Number(partition)]);
    }
    return [...topics].map(([topicId, list]) => ({ topicId, partitions: list }));
  }

  #show(topics: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]): string {
    const partitions = topics.flatMap(({ topicId, partitions }) => {
      const name = this.#world.topics.topicById(topicId)?.name ?? '(a deleted topic)';
      return partitions.map((partition) => `${name}:${partition}`);
    });
    return partitions.length === 0 ? 'nothing' : partitions.join(' ');
  }

  #tellRecord(record: DecodedGroupRecord): string {
    const { type, key, value } = record;
    const gone = value === null ? ': gone' : '';
    if (type === 2)
      return `classic group${gone === '' ? `: generation ${value!.generation}, ${value!.members.length} members` : gone}`;
    if (type === 3) return `group${gone || `: epoch ${value!.epoch}`}`;
    if (type === 4) return `partition metadata${gone}`;
    if (type === 5) return `member ${key.memberId}${gone || `: subscribed to ${subscriptionText(value!)}`}`;
    if (type === 6) return `target${gone || `: epoch ${value!.assignmentEpoch}`}`;
    if (type === 7) return `target of ${key.memberId}${gone || `: ${this.#show(value!.topicPartitions)}`}`;
    if (type === 16) return `regex ${key.regularExpression}${gone || `: ${value!.topics.join(' ') || 'no topic'}`}`;
    if (value === null) return `current of ${key.memberId}: gone`;
    const member = memberWithProgress(newMember(key.memberId), value);
    const revoking =
      member.pendingRevocation.size > 0 ? `, gives up ${this.#showEpochs(member.pendingRevocation)}` : '';
    return `current of ${key.memberId}: epoch ${member.memberEpoch}, ${stateName(member.state)}, ${this.#showEpochs(member.assigned)}${revoking}`;
  }

  #showEpochs(assignment: EpochAssignment): string {
    return this.#show([...assignment].map(([topicId, epochs]) => ({ topicId, partitions: [...epochs.keys()] })));
  }
}

function subscriptionText(value: {
  subscribedTopicNames: readonly string[];
  subscribedTopicRegex: string | null;
}): string {
  const regex = value.subscribedTopicRegex ? [`/${value.subscribedTopicRegex}/`] : [];
  return [...value.subscribedTopicNames, ...regex].join(' ') || 'nothing';
}

function stateName(state: MemberState): string {
  const [name = '?'] = Object.entries(MemberState).find(([, value]) => value === state) ?? [];
  return name.toLowerCase().replace('_', ' ');
}

function classicNames(bytes: Buffer): string {
  if (bytes.length === 0) return 'nothing';
  const { assignedPartitions } = decodeVersioned(consumerProtocolAssignment, bytes).message;
  const names = assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((p) => `${topic}:${p}`));
  return names.join(' ') || 'nothing';
}

function contextOf(clientId: string, apiVersion: number): MemberContext {
  return { clientId, clientHost: '/127.0.0.1', apiVersion };
}
