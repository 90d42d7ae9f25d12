// Classic groups: their transcripts (test/transcripts/classic-group/*.txt), how they choose a protocol, what survives a
// change to the consumer protocol and back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testTranscripts } from '../../test/transcripts/transcript.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { JoinGroupResponse } from '../protocol/messages/join-group.ts';
import { ClassicGroup } from './classic-group.ts';
import { leaveWithoutGroup, refuseSync } from './classic-group-answers.ts';
import { beginClassicGroup, CLASSIC_SETTINGS } from './classic-group-narrator.suite.ts';
import { selectProtocol } from './classic-group-protocol.ts';
import type { ClassicGroupSnapshot } from './migration.ts';

testTranscripts('classic-group', beginClassicGroup);

const WORLD = { settings: CLASSIC_SETTINGS, newUuid: () => 'uuid' };

test('most votes choose the protocol; on a tie the order of a Java hash map does, whoever voted first', () => {
  const voter = (...names: string[]) => ({ protocols: names.map((name) => ({ name, metadata: Buffer.alloc(0) })) });
  assert.equal(selectProtocol([voter('a', 'b'), voter('b', 'a'), voter('b', 'a')]), 'b');
  assert.equal(selectProtocol([voter('a', 'b'), voter('b')]), 'b');
  assert.equal(selectProtocol([voter('a', 'b'), voter('b', 'a')]), 'a');
  assert.equal(selectProtocol([voter('b', 'a'), voter('a', 'b')]), 'a');
  assert.equal(selectProtocol([voter('a'), voter('b')]), null);
  assert.equal(selectProtocol([]), null);
});

test('a group that comes back from the consumer protocol is stable with the members and assignments it is given', () => {
  const member = (memberId: string) => ({
    memberId,
    groupInstanceId: null,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    rebalanceTimeoutMs: 60_000,
    sessionTimeoutMs: 10_000,
    protocols: [{ name: 'range', metadata: Buffer.from([0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]) }],
    assignment: Buffer.from(memberId),
  });
  const snapshot: ClassicGroupSnapshot = {
    generationId: 7,
    protocolType: 'consumer',
    protocolName: 'range',
    members: [member('a'), member('b')],
  };
  const { machine, effects } = ClassicGroup.from(WORLD, 'g', snapshot, false, 1000);
  assert.equal(machine.state, 'Stable');
  assert.deepEqual(machine.snapshot(), snapshot);
  assert.equal(effects[0]?.type, 'append');
  const timers = effects.flatMap((effect) => (effect.type === 'timer' ? [effect.key] : []));
  assert.deepEqual(timers, ['session/a', 'session/b']);

  const rebalancing = ClassicGroup.from(WORLD, 'g', snapshot, true, 1000);
  assert.equal(rebalancing.machine.state, 'PreparingRebalance');
});

test('a group that is taken over sends those who wait for it away', () => {
  const group = new ClassicGroup('g', WORLD, 0);
  const request = {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    memberId: '',
    groupInstanceId: 'web',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    reason: null,
  };
  const to = () => undefined;
  group.join(request, { clientId: 'web', clientHost: '/127.0.0.1', apiVersion: 9 }, to, 0);
  const [reply, ...cancels] = group.release();
  assert.ok(reply?.type === 'reply' && reply.to === to);
  assert.equal((reply.response as JoinGroupResponse).errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
  assert.deepEqual(
    cancels.map((effect) => effect.type === 'cancel' && effect.key),
    ['session/web-uuid', 'join', 'sync'],
  );
});

test('a JoinGroup that is refused leaves a group that nobody needs to keep', () => {
  const group = new ClassicGroup('g', WORLD, 0);
  const request = {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    memberId: '',
    groupInstanceId: null,
    protocolType: 'consumer',
    protocols: [],
    reason: null,
  };
  const context = { clientId: 'c', clientHost: '/127.0.0.1', apiVersion: 6 };
  const effects = group.join(request, context, () => undefined, 0);
  assert.deepEqual(
    effects.map(({ type }) => type),
    ['reply'],
  );
  assert.ok(group.isUnused);
});

test('what needs no group is answered as the version of the request has it', () => {
  const leave = { groupId: 'g', memberId: 'a', members: [] };
  assert.equal(leaveWithoutGroup(leave, 2).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  const several = { ...leave, members: [{ memberId: 'a', groupInstanceId: null, reason: null }] };
  assert.equal(leaveWithoutGroup(several, 3).errorCode, ErrorCode.NONE);
  assert.equal(leaveWithoutGroup(several, 3).members[0]?.errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  const sync = {
    groupId: 'g',
    generationId: 1,
    memberId: 'a',
    groupInstanceId: null,
    protocolType: null,
    protocolName: null,
    assignments: [],
  };
  assert.equal(refuseSync(sync, 5)?.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  assert.equal(refuseSync(sync, 4), null);
});
