// Classic groups under random members: they join, leave, fall silent, come back, answer late, and the broker restarts.
// Checked after every step: nobody waits without a timer that will end it, and a generation has one leader and one
// assignment for each member. At the end the living come to rest in one stable group.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ErrorCode } from '../protocol/error-code.ts';
import type { JoinGroupResponse } from '../protocol/messages/join-group.ts';
import type { SyncGroupResponse } from '../protocol/messages/sync-group.ts';
import { ClassicGroup } from './classic-group.ts';
import { CLASSIC_SETTINGS } from './classic-group-narrator.suite.ts';
import type { MemberContext } from './machine.ts';
import { MachineWorld, Question } from './machine-world.suite.ts';

const SESSION_MS = 10_000;
const REBALANCE_MS = 30_000;
const HEARTBEAT_MS = 3000;
const PROTOCOLS = ['range', 'roundrobin', 'sticky'];

type Behaviour = { readonly act: string; readonly who: number; readonly pick: number };

/** Clients mostly do what is their turn; the rest is what may come between. */
function weighted(weights: Readonly<Record<string, number>>): fc.Arbitrary<string> {
  return fc.oneof(...Object.entries(weights).map(([act, weight]) => ({ arbitrary: fc.constant(act), weight })));
}

const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  act: weighted({ live: 8, all: 6, join: 2, sync: 2, heartbeat: 1, leave: 1, forget: 2, advance: 2, restart: 1 }),
  who: fc.nat({ max: 5 }),
  pick: fc.nat({ max: 1000 }),
});

test('whatever members do, every request is answered once or waits for a timer, and generations agree', () => {
  fc.assert(
    fc.property(fc.array(behaviour, { minLength: 30, maxLength: 120, size: 'max' }), (behaviours) => {
      const run = new Run();
      for (const step of behaviours) run.act(step);
      run.settle();
    }),
    { numRuns: 100 },
  );
});

test('a log that is replayed gives the group that wrote it, up to the round that was under way', () => {
  fc.assert(
    fc.property(fc.array(behaviour, { minLength: 30, maxLength: 80, size: 'max' }), (behaviours) => {
      const run = new Run();
      for (const step of behaviours) {
        run.act(step);
        run.checkReplay();
      }
    }),
    { numRuns: 60 },
  );
});

/** A client: half of them are static members. */
class Client {
  readonly name: string;
  readonly groupInstanceId: string | null;
  memberId = '';
  generationId = -1;
  /** Members as the leader heard them, when it has an assignment to make. */
  toAssign: readonly string[] | null = null;
  protocols: readonly string[] = PROTOCOLS;
  joining: Question<JoinGroupResponse> | null = null;
  syncing: Question<SyncGroupResponse> | null = null;
  isAssigned = false;

  constructor(index: number) {
    this.name = `c${index}`;
    this.groupInstanceId = index % 2 === 0 ? null : `i${index}`;
  }

  /** Its process begins anew. */
  forget(): void {
    this.memberId = '';
    this.reset();
  }

  reset(): void {
    this.generationId = -1;
    this.toAssign = null;
    this.joining = null;
    this.syncing = null;
    this.isAssigned = false;
  }
}

class Run {
  #uuids = 0;
  readonly #world = new MachineWorld<ClassicGroup>(
    (nowMs) => new ClassicGroup('g', { settings: CLASSIC_SETTINGS, newUuid: () => String(++this.#uuids) }, nowMs),
  );
  readonly #clients = Array.from({ length: 6 }, (_, i) => new Client(i));
  readonly #waiting = new Set<unknown>();
  /** Generation → its leader, and member → what it was assigned: told once, told the same. */
  readonly #leaders = new Map<number, string>();
  readonly #assignments = new Map<string, string>();

  get #machine(): ClassicGroup {
    return this.#world.machine;
  }

  act({ act, who, pick }: Behaviour): void {
    const client = this.#clients[who]!;
    const acts: Record<string, () => void> = {
      live: () => this.#liveOn(client),
      all: () => this.#allLiveOn(),
      join: () => this.#join(client, 4 + (pick % 6)),
      sync: () => this.#sync(client),
      heartbeat: () => this.#heartbeat(client),
      leave: () => this.#leave(client),
      forget: () => client.forget(),
      advance: () => this.#world.advance(pick * 15),
      restart: () => this.#restart(),
    };
    if (act === 'join' && pick % 7 === 0) client.protocols = PROTOCOLS.slice(pick % 3);
    acts[act]!();
    this.#check();
  }

  #join(client: Client, apiVersion: number): void {
    const question: Question<JoinGroupResponse> = this.#ask((response) => this.#joined(client, question, response));
    client.reset();
    client.joining = question;
    const request = {
      groupId: 'g',
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      memberId: client.memberId,
      groupInstanceId: client.groupInstanceId,
      protocolType: 'consumer',
      protocols: client.protocols.map((name) => ({ name, metadata: Buffer.from(client.name) })),
      reason: null,
    };
    const context: MemberContext = { clientId: client.name, clientHost: '/127.0.0.1', apiVersion };
    this.#world.perform(this.#machine.join(request, context, question.to, this.#world.nowMs));
  }

  #joined(client: Client, question: Question<JoinGroupResponse>, response: JoinGroupResponse): void {
    if (client.joining !== question) return;
    client.joining = null;
    if (response.errorCode === ErrorCode.MEMBER_ID_REQUIRED) client.memberId = response.memberId;
    else if (response.errorCode === ErrorCode.NONE) this.#enter(client, response);
    else if (response.errorCode !== ErrorCode.REBALANCE_IN_PROGRESS) client.forget();
  }

  #enter(client: Client, { memberId, generationId, leader, members, skipAssignment }: JoinGroupResponse): void {
    client.memberId = memberId;
    client.generationId = generationId;
    const known = this.#leaders.get(generationId) ?? leader;
    // A leader that came back under another id leads on; others of its generation may have heard the old one.
    if (client.groupInstanceId === null && !known.startsWith('i')) assert.equal(leader, known);
    this.#leaders.set(generationId, leader);
    if (members.length > 0) {
      assert.equal(leader, memberId, 'only the leader hears who the members are');
      assert.equal(new Set(members.map((member) => member.memberId)).size, members.length);
      client.toAssign = skipAssignment ? null : members.map((member) => member.memberId);
    }
  }

  #sync(client: Client): void {
    if (client.generationId < 0) return;
    const { generationId, memberId, groupInstanceId, toAssign } = client;
    const question: Question<SyncGroupResponse> = this.#ask((response) => this.#synced(client, question, response));
    client.syncing = question;
    const request = {
      groupId: 'g',
      generationId,
      memberId,
      groupInstanceId,
      protocolType: 'consumer',
      protocolName: null,
      assignments: (toAssign ?? []).map((each) => ({
        memberId: each,
        assignment: Buffer.from(`${generationId}:${each}`),
      })),
    };
    const context: MemberContext = { clientId: client.name, clientHost: '/127.0.0.1', apiVersion: 4 };
    this.#world.perform(this.#machine.sync(request, context, question.to, this.#world.nowMs));
  }

  #synced(client: Client, question: Question<SyncGroupResponse>, response: SyncGroupResponse): void {
    if (client.syncing !== question) return;
    client.syncing = null;
    if (response.errorCode !== ErrorCode.NONE) {
      this.#fallen(client, response.errorCode);
      return;
    }
    client.isAssigned = true;
    const key = `${client.generationId}:${client.groupInstanceId ?? client.memberId}`;
    const told = response.assignment.toString();
    assert.equal(told, this.#assignments.get(key) ?? told, 'a member of a generation has one assignment');
    this.#assignments.set(key, told);
  }

  #heartbeat(client: Client): void {
    if (client.generationId < 0) return;
    const { generationId, memberId, groupInstanceId } = client;
    const question = this.#ask<{ readonly errorCode: number }>(({ errorCode }) => {
      if (errorCode !== ErrorCode.NONE && client.generationId === generationId) this.#fallen(client, errorCode);
    });
    const request = { groupId: 'g', generationId, memberId, groupInstanceId };
    const context: MemberContext = { clientId: client.name, clientHost: '/127.0.0.1', apiVersion: 4 };
    this.#world.perform(this.#machine.heartbeat(request, context, question.to, this.#world.nowMs));
  }

  #leave(client: Client): void {
    if (client.memberId === '') return;
    const question = this.#ask(() => undefined);
    const members = [{ memberId: client.memberId, groupInstanceId: client.groupInstanceId, reason: null }];
    const request = { groupId: 'g', memberId: '', members };
    const context: MemberContext = { clientId: client.name, clientHost: '/127.0.0.1', apiVersion: 5 };
    this.#world.perform(this.#machine.leave(request, context, question.to as never, this.#world.nowMs));
    client.forget();
  }

  #fallen(client: Client, errorCode: number): void {
    if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) client.reset();
    else client.forget();
  }

  #restart(): void {
    this.#waiting.clear();
    // A generation that was told and not yet synced is not in the log: its number is given again.
    this.#leaders.clear();
    for (const client of this.#clients) {
      client.joining = null;
      client.syncing = null;
    }
    this.#world.restart();
  }

  #ask<Response>(heard: (response: Response) => void): Question<Response> {
    const question: Question<Response> = new Question((response) => {
      this.#waiting.delete(question);
      heard(response);
    });
    this.#waiting.add(question);
    return question;
  }

  #check(): void {
    const { state, memberCount } = this.#machine;
    const { timers } = this.#world;
    if (state === 'PreparingRebalance') assert.ok(timers.has('join'), 'a round without an end');
    if (state === 'CompletingRebalance') assert.ok(timers.has('sync'), 'nobody waits for the leader for ever');
    if (state === 'Empty' || state === 'Stable')
      assert.equal(this.#waiting.size, 0, `waiting in a group that is ${state}`);
    assert.equal(state === 'Empty', memberCount === 0 && state !== 'PreparingRebalance');
    if (state === 'Stable') for (const key of this.#sessions()) assert.ok(timers.has(key), `${key} never ends`);
  }

  #sessions(): string[] {
    return this.#machine.describe().members.map(({ memberId }) => `session/${memberId}`);
  }

  checkReplay(): void {
    const replayed = new MachineWorld<ClassicGroup>(
      (nowMs) => new ClassicGroup('g', { settings: CLASSIC_SETTINGS, newUuid: () => '' }, nowMs),
    );
    replayed.log.push(...this.#world.log);
    replayed.restart();
    if (this.#machine.state !== 'Stable' && this.#machine.state !== 'Empty') return;
    assert.deepEqual(replayed.machine.describe(), this.#machine.describe());
    assert.equal(replayed.machine.generationId, this.#machine.generationId);
    assert.equal(replayed.machine.agingSince(7), this.#machine.agingSince(7));
  }

  /** Three clients live on and do what clients do; the others are gone for good. */
  settle(): void {
    const living = this.#clients.slice(0, 3);
    const gone = this.#clients.slice(3);
    for (const client of gone) client.forget();
    for (let i = 0; i < 200; i++) {
      this.#world.advance(HEARTBEAT_MS);
      for (const client of living) this.#liveOn(client);
      this.#check();
    }
    const { state, generationId, memberCount } = this.#machine;
    assert.equal(state, 'Stable');
    assert.equal(memberCount, living.length);
    for (const client of living) {
      assert.ok(client.isAssigned && client.generationId === generationId, `${client.name} has no part`);
    }
    assert.equal(this.#waiting.size, 0, 'a request was never answered');
  }

  #allLiveOn(): void {
    this.#world.advance(HEARTBEAT_MS);
    for (const client of this.#clients) this.#liveOn(client);
  }

  #liveOn(client: Client): void {
    if (client.joining !== null || client.syncing !== null) return;
    if (client.generationId < 0) this.#join(client, 9);
    else if (client.isAssigned) this.#heartbeat(client);
    else this.#sync(client);
  }
}
