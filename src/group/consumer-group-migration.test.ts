// Groups on their way from one protocol to the other: what the transcripts (7-upgrade, 8-downgrade) do not tell.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consumerProtocolAssignment } from '../protocol/consumer-protocol/assignment.ts';
import { consumerProtocolSubscription } from '../protocol/consumer-protocol/subscription.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { JoinGroupResponseInput } from '../protocol/messages/join-group.ts';
import type { SyncGroupRequest, SyncGroupResponseInput } from '../protocol/messages/sync-group.ts';
import { decodeVersioned, encodeVersioned } from '../protocol/versioned.ts';
import { ClassicGroup } from './classic-group.ts';
import { CLASSIC_SETTINGS } from './classic-group-narrator.suite.ts';
import { ConsumerGroup } from './consumer-group.ts';
import { consumerKind } from './consumer-group-kind.ts';
import { GROUP, TestCoordinator, TestMember, topicId } from './consumer-group-world.suite.ts';
import type { Effect } from './effects.ts';
import type { ClassicGroupSnapshot, UpgradableGroup } from './migration.ts';

const CONTEXT = { clientId: 'client', clientHost: '/127.0.0.1', apiVersion: 9 };
const LOG = topicId(1);

interface Converted {
  readonly snapshot: ClassicGroupSnapshot;
  readonly rebalance: boolean;
}

/** A coordinator that tells what it would make a classic group of. */
function coordinatorOf(partitions: number): { readonly coordinator: TestCoordinator; readonly converted: Converted[] } {
  const converted: Converted[] = [];
  const coordinator = new TestCoordinator((groupId, snapshot, rebalance, nowMs) => {
    converted.push({ snapshot, rebalance });
    const world = { settings: CLASSIC_SETTINGS, newUuid: () => 'id' };
    return { machine: new ClassicGroup(groupId, world, nowMs), effects: [] };
  });
  coordinator.setTopic('log', partitions);
  return { coordinator, converted };
}

interface Join {
  readonly memberId?: string;
  readonly instanceId?: string;
  readonly protocols?: readonly { readonly name: string; readonly metadata: Buffer }[];
  readonly protocolType?: string;
  readonly owned?: readonly number[];
  readonly version?: number;
}

function subscription(owned: readonly number[] = []): Buffer {
  const ownedPartitions = owned.length === 0 ? [] : [{ topic: 'log', partitions: [...owned] }];
  return encodeVersioned(consumerProtocolSubscription, 1, { topics: ['log'], ownedPartitions });
}

function join(coordinator: TestCoordinator, said: Join): JoinGroupResponseInput {
  const request = {
    groupId: GROUP,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 30_000,
    memberId: said.memberId ?? '',
    groupInstanceId: said.instanceId ?? null,
    protocolType: said.protocolType ?? 'consumer',
    protocols: [...(said.protocols ?? [{ name: 'range', metadata: subscription(said.owned) }])],
    reason: null,
  };
  const context = { ...CONTEXT, apiVersion: said.version ?? 9 };
  return coordinator.ask((to) => coordinator.consumerGroup.classic.join(request, context, to, coordinator.nowMs));
}

function sync(
  coordinator: TestCoordinator,
  memberId: string,
  generationId: number,
  more: Partial<SyncGroupRequest> = {},
): SyncGroupResponseInput {
  const request = {
    groupId: GROUP,
    generationId,
    memberId,
    groupInstanceId: null,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [],
    ...more,
  };
  return coordinator.ask((to) => coordinator.consumerGroup.classic.sync(request, CONTEXT, to, coordinator.nowMs));
}

function beat(coordinator: TestCoordinator, memberId: string, generationId: number): number {
  const request = { groupId: GROUP, generationId, memberId, groupInstanceId: null };
  return coordinator.ask<{ errorCode: number }>((to) =>
    coordinator.consumerGroup.classic.heartbeat(request, CONTEXT, to, coordinator.nowMs),
  ).errorCode;
}

test('a member of the classic protocol needs an assignor that all others of its protocol know', () => {
  const { coordinator } = coordinatorOf(2);
  new TestMember(coordinator, 'a', ['log']).heartbeat();
  const metadata = subscription();
  const range = [{ name: 'range', metadata }];
  assert.equal(
    join(coordinator, { memberId: 'c', protocolType: 'connect' }).errorCode,
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
  );
  assert.equal(join(coordinator, { memberId: 'c', protocols: [] }).errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  assert.equal(join(coordinator, { memberId: 'c', protocols: range }).errorCode, 0);
  const sticky = [{ name: 'sticky', metadata }];
  assert.equal(
    join(coordinator, { memberId: 'd', protocols: sticky }).errorCode,
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
  );
  assert.equal(join(coordinator, { memberId: 'd', protocols: [...sticky, ...range] }).errorCode, 0);
});

test('a subscription that cannot be read is refused and changes nothing', () => {
  const { coordinator } = coordinatorOf(2);
  new TestMember(coordinator, 'a', ['log']).heartbeat();
  const written = coordinator.log.length;
  const protocols = [{ name: 'range', metadata: Buffer.from('00', 'hex') }];
  assert.equal(join(coordinator, { memberId: 'c', protocols }).errorCode, ErrorCode.UNKNOWN_SERVER_ERROR);
  assert.equal(coordinator.log.length, written);
});

test('since JoinGroup 4 a new member comes twice, before that once', () => {
  const { coordinator } = coordinatorOf(2);
  new TestMember(coordinator, 'a', ['log']).heartbeat();
  const first = join(coordinator, {});
  assert.equal(first.errorCode, ErrorCode.MEMBER_ID_REQUIRED);
  assert.equal(join(coordinator, { memberId: first.memberId }).errorCode, 0);
  assert.equal(join(coordinator, { version: 3 }).errorCode, 0);
});

test('SyncGroup and Heartbeat of the classic protocol are for its members and their generation', () => {
  const { coordinator } = coordinatorOf(2);
  new TestMember(coordinator, 'a', ['log']).heartbeat();
  const { generationId } = join(coordinator, { memberId: 'c' });
  assert.equal(sync(coordinator, 'x', generationId!).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  assert.equal(sync(coordinator, 'a', generationId!).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  assert.equal(sync(coordinator, 'c', generationId! - 1).errorCode, ErrorCode.ILLEGAL_GENERATION);
  assert.equal(
    sync(coordinator, 'c', generationId!, { protocolName: 'sticky' }).errorCode,
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
  );
  assert.equal(
    sync(coordinator, 'c', generationId!, { protocolType: 'x' }).errorCode,
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
  );
  assert.equal(sync(coordinator, 'c', generationId!, { groupInstanceId: 'i' }).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  assert.equal(sync(coordinator, 'c', generationId!).errorCode, 0);
  assert.equal(beat(coordinator, 'c', generationId!), 0);
  assert.equal(beat(coordinator, 'c', generationId! + 1), ErrorCode.ILLEGAL_GENERATION);
});

test('a member of the classic protocol that does not come back for the new assignment is out after its rebalance timeout', () => {
  const { coordinator } = coordinatorOf(2);
  const a = new TestMember(coordinator, 'a', ['log']);
  a.heartbeat();
  a.reconcile();
  const { generationId } = join(coordinator, { memberId: 'c' });
  sync(coordinator, 'c', generationId!);
  a.heartbeat();
  a.reconcile();
  a.heartbeat();
  for (let i = 0; i < 5; i++) {
    assert.equal(beat(coordinator, 'c', generationId!), ErrorCode.REBALANCE_IN_PROGRESS);
    a.heartbeat();
    coordinator.advance(6_000);
  }
  assert.equal(beat(coordinator, 'c', generationId!), ErrorCode.UNKNOWN_MEMBER_ID);
});

test('a member of the classic protocol that joined and does not fetch its assignment is out after its rebalance timeout', () => {
  const { coordinator } = coordinatorOf(2);
  new TestMember(coordinator, 'a', ['log']).heartbeat();
  join(coordinator, { memberId: 'c' });
  assert.ok(coordinator.timers.includes('sync/c'));
  for (let i = 0; i < 4; i++) {
    beat(coordinator, 'c', 3);
    coordinator.advance(8_000);
  }
  assert.equal(beat(coordinator, 'c', 3), ErrorCode.UNKNOWN_MEMBER_ID);
});

test('a static member may change its protocol in both directions and keeps its partitions', () => {
  const { coordinator, converted } = coordinatorOf(4);
  const other = new TestMember(coordinator, 'o', ['log']);
  const s = new TestMember(coordinator, 's-1', ['log'], { instanceId: 's' });
  for (let i = 0; i < 4; i++) {
    for (const member of [other, s]) {
      member.heartbeat();
      member.reconcile();
    }
  }
  const { generationId, memberId, errorCode } = join(coordinator, { instanceId: 's' });
  assert.equal(errorCode, 0);
  assert.equal(generationId, s.epoch);
  const { assignment } = sync(coordinator, memberId, generationId!, { groupInstanceId: 's' });
  const { assignedPartitions } = decodeVersioned(consumerProtocolAssignment, Buffer.from(assignment)).message;
  assert.deepEqual(
    assignedPartitions.flatMap(({ partitions }) => partitions.map((p) => `${LOG}/${p}`)),
    [...s.owned].sort(),
  );
  assert.equal(converted.length, 0, 'the other one is still of the consumer protocol');

  const back = new TestMember(coordinator, 's-2', ['log'], { instanceId: 's' });
  back.heartbeat();
  assert.deepEqual(back.owned, s.owned);
  assert.equal(coordinator.group.state, 'Stable');
});

test('when the last member of the consumer protocol is replaced by one of the classic, the group is given back', () => {
  const { coordinator, converted } = coordinatorOf(2);
  const s = new TestMember(coordinator, 's-1', ['log'], { instanceId: 's' });
  s.heartbeat();
  const { memberId, generationId } = join(coordinator, { instanceId: 's' });
  assert.equal(generationId, 2);
  const [{ snapshot, rebalance }] = converted as [Converted];
  assert.equal(rebalance, false, 'its assignment is that of the epoch');
  assert.equal(snapshot.protocolName, 'range');
  assert.deepEqual(
    snapshot.members.map((member) => member.memberId),
    [memberId],
  );
  const { message } = decodeVersioned(consumerProtocolAssignment, snapshot.members[0]!.assignment);
  assert.deepEqual(message.assignedPartitions, [{ topic: 'log', partitions: [0, 1] }]);
  assert.equal(coordinator.group.type, 'classic');
});

test('the group stays a consumer group where the policy or the size forbids the other', () => {
  for (const change of [{ downgrades: false }, { classicSizeMax: 1 }]) {
    const { coordinator, converted } = coordinatorOf(2);
    coordinator.settings = { ...coordinator.settings, ...change };
    const a = new TestMember(coordinator, 'a', ['log']);
    a.heartbeat();
    join(coordinator, { memberId: 'c' });
    join(coordinator, { memberId: 'd' });
    a.leave();
    assert.equal(converted.length, 0);
    assert.equal(coordinator.group.type, 'consumer');
  }
});

test('what a member of the classic protocol says in its other subscriptions does no harm', () => {
  const { coordinator, converted } = coordinatorOf(2);
  const a = new TestMember(coordinator, 'a', ['log']);
  a.heartbeat();
  const metadata = subscription();
  const empty = { name: 'sticky', metadata: Buffer.alloc(0) };
  join(coordinator, { memberId: 'c', protocols: [{ name: 'range', metadata }, empty] });
  join(coordinator, { memberId: 'd', protocols: [{ name: 'roundrobin', metadata }, empty] });
  join(coordinator, { memberId: 'd', protocols: [{ name: 'sticky', metadata }] });
  a.leave();
  assert.equal(converted[0]?.snapshot.protocolName, 'sticky');
});

test('a classic group whose leader assigned partitions twice or that do not exist is taken over without these', () => {
  const { coordinator } = coordinatorOf(4);
  const { group } = upgrade(coordinator, [
    ['c', [0, 1, 1, 9]],
    ['d', [1, 2, -1]],
  ]);
  assert(group instanceof ConsumerGroup);
  const held = group.describe().members.map((m) => m.assignment.topicPartitions.map((t) => t.partitions));
  assert.deepEqual(held, [[[0, 1]], [[2]]]);
  coordinator.group = group;
  const a = new TestMember(coordinator, 'a', ['log']);
  a.heartbeat();
  assert.deepEqual(a.owned, new Set([`${LOG}/3`]), 'what nobody has is free');
});

test('an upgrade that may not be, or a join that would be refused, leaves the classic group alone', () => {
  const { coordinator } = coordinatorOf(2);
  const code = (subscribedTopicRegex: string | null, userData: Buffer | null = null) => {
    const { released, errorCode } = upgrade(coordinator, [['c', [0]]], { subscribedTopicRegex, userData });
    assert.equal(released, 0);
    return errorCode;
  };
  assert.equal(code('('), ErrorCode.INVALID_REGULAR_EXPRESSION);
  assert.equal(code(null, Buffer.from('mine')), ErrorCode.GROUP_ID_NOT_FOUND, "a custom assignor's data would be lost");
  coordinator.settings = { ...coordinator.settings, upgrades: false };
  assert.equal(code(null), ErrorCode.GROUP_ID_NOT_FOUND);
  coordinator.settings = { ...coordinator.settings, upgrades: true, sizeMax: 0 };
  assert.equal(code(null), ErrorCode.GROUP_ID_NOT_FOUND);
});

function upgrade(
  coordinator: TestCoordinator,
  members: readonly (readonly [string, readonly number[]])[],
  more: { readonly subscribedTopicRegex?: string | null; readonly userData?: Buffer | null } = {},
): { readonly group?: unknown; readonly errorCode?: number; readonly released: number } {
  let released = 0;
  const classic = {
    groupId: GROUP,
    snapshot: (): ClassicGroupSnapshot => ({
      generationId: 5,
      protocolType: 'consumer',
      protocolName: 'range',
      members: members.map(([memberId, partitions]) => ({
        memberId,
        groupInstanceId: null,
        clientId: 'client',
        clientHost: '/127.0.0.1',
        rebalanceTimeoutMs: 30_000,
        sessionTimeoutMs: 10_000,
        protocols: [{ name: 'range', metadata: subscription() }],
        assignment: encodeVersioned(consumerProtocolAssignment, 1, {
          assignedPartitions: [{ topic: 'log', partitions: [...partitions] }],
          userData: more.userData ?? null,
        }),
      })),
    }),
    tombstones: () => [],
    release: (): Effect[] => {
      released++;
      return [];
    },
  } as Partial<UpgradableGroup>;
  const request = {
    groupId: GROUP,
    memberId: 'a',
    memberEpoch: 0,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: ['log'],
    subscribedTopicRegex: more.subscribedTopicRegex ?? null,
    serverAssignor: null,
    topicPartitions: [],
  };
  const result = consumerKind(coordinator.world).upgrade(classic as never, request, coordinator.nowMs);
  return typeof result === 'number' ? { errorCode: result, released } : { group: result.group, released };
}
