import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../protocol/error-code.ts';
import { GROUP, TestCoordinator, TestMember, topicId } from './consumer-group-world.suite.ts';

const JOIN = { memberEpoch: 0, rebalanceTimeoutMs: 60_000, subscribedTopicNames: ['log'], topicPartitions: [] };

function withTopic(partitions: number): TestCoordinator {
  const coordinator = new TestCoordinator();
  coordinator.setTopic('log', partitions);
  return coordinator;
}

test('the first member gets everything with its first heartbeat, in epoch 2', () => {
  const coordinator = withTopic(3);
  const response = coordinator.heartbeat({ ...JOIN, memberId: 'a' });
  assert.deepEqual(response, {
    throttleTimeMs: 0,
    errorCode: 0,
    memberId: 'a',
    memberEpoch: 2,
    heartbeatIntervalMs: 5000,
    assignment: { topicPartitions: [{ topicId: topicId(1), partitions: [0, 1, 2] }] },
  });
  assert.equal(coordinator.group.state, 'Stable');
  assert.deepEqual(coordinator.timers, ['session/a']);
});

test('a second member waits until the first has given up its share', () => {
  const coordinator = withTopic(2);
  const a = new TestMember(coordinator, 'a', ['log']);
  const b = new TestMember(coordinator, 'b', ['log']);
  a.heartbeat();
  a.reconcile();
  assert.deepEqual(b.heartbeat().assignment, { topicPartitions: [] });
  assert.equal(b.epoch, 3);
  assert.equal(coordinator.group.state, 'Reconciling');

  const asked = a.heartbeat();
  assert.equal(asked.memberEpoch, 2, 'it keeps its epoch until it has given up');
  assert.deepEqual(asked.assignment, { topicPartitions: [{ topicId: topicId(1), partitions: [0] }] });
  assert.ok(coordinator.timers.includes('rebalance/a'));
  assert.equal(b.heartbeat().assignment, null, 'nothing yet');
  a.reconcile();
  assert.equal(a.heartbeat().memberEpoch, 3);
  assert.ok(!coordinator.timers.includes('rebalance/a'));
  assert.deepEqual(b.heartbeat().assignment, { topicPartitions: [{ topicId: topicId(1), partitions: [1] }] });
  assert.equal(coordinator.group.state, 'Stable');
});

test('a member that does not give up in time is out, and its partitions are free', () => {
  const coordinator = withTopic(2);
  const a = new TestMember(coordinator, 'a', ['log']);
  const b = new TestMember(coordinator, 'b', ['log']);
  a.heartbeat();
  a.reconcile();
  b.heartbeat();
  a.heartbeat();
  for (let passed = 0; passed < 50_000; passed += 10_000) {
    coordinator.advance(10_000);
    assert.equal(a.heartbeat().errorCode, 0);
    b.heartbeat();
  }
  coordinator.advance(10_000);
  assert.equal(a.heartbeat().errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  b.heartbeat();
  b.reconcile();
  assert.equal(b.owned.size, 2);
});

test('a silent member is out after the session timeout of the group', () => {
  const coordinator = withTopic(2);
  coordinator.settings = { ...coordinator.settings, sessionTimeoutMs: 10_000 };
  coordinator.heartbeat({ ...JOIN, memberId: 'a' });
  coordinator.advance(9_999);
  assert.equal(coordinator.group.isEmpty, false);
  coordinator.advance(1);
  assert.equal(coordinator.group.isEmpty, true);
  assert.equal(coordinator.group.state, 'Empty');
  assert.deepEqual(coordinator.timers, []);
});

test('malformed heartbeats are INVALID_REQUEST', () => {
  const coordinator = withTopic(1);
  const message = (request: object, apiVersion = 1) => {
    const { errorCode, errorMessage } = coordinator.heartbeat(request, { apiVersion });
    return errorCode === ErrorCode.INVALID_REQUEST ? errorMessage : errorCode;
  };
  assert.equal(message({ ...JOIN, memberId: ' ' }), "MemberId can't be empty.");
  assert.equal(message({ ...JOIN, memberId: '' }, 0), 0, 'in version 0 the group makes an id');
  assert.equal(message({ ...JOIN, memberId: 'a', groupId: '' }), "GroupId can't be empty.");
  assert.equal(message({ ...JOIN, memberId: 'a', instanceId: '' }), "InstanceId can't be empty.");
  assert.equal(message({ ...JOIN, memberId: 'a', rackId: '' }), "RackId can't be empty.");
  assert.equal(
    message({ ...JOIN, memberId: 'a', rebalanceTimeoutMs: -1 }),
    'RebalanceTimeoutMs must be provided in first request.',
  );
  assert.equal(
    message({ ...JOIN, memberId: 'a', topicPartitions: null }),
    'TopicPartitions must be empty when (re-)joining.',
  );
  assert.equal(
    message({ ...JOIN, memberId: 'a', subscribedTopicNames: null }),
    'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.',
  );
  assert.equal(message({ memberId: 'a', memberEpoch: -2 }), "InstanceId can't be null.");
  assert.equal(message({ memberId: 'a', memberEpoch: -3 }), 'MemberEpoch is invalid.');
});

test('an assignor that the broker does not offer is refused, by name', () => {
  const coordinator = withTopic(1);
  const response = coordinator.heartbeat({ ...JOIN, memberId: 'a', serverAssignor: 'sticky' });
  assert.equal(response.errorCode, ErrorCode.UNSUPPORTED_ASSIGNOR);
  assert.equal(response.errorMessage, 'ServerAssignor sticky is not supported. Supported assignors: uniform, range.');
});

test('unknown members, wrong epochs and taken instance ids are refused and change nothing', () => {
  const coordinator = withTopic(2);
  coordinator.heartbeat({ ...JOIN, memberId: 'a' });
  coordinator.heartbeat({ ...JOIN, memberId: 's', instanceId: 'i' });
  const written = coordinator.log.length;
  const code = (request: object) => coordinator.heartbeat(request).errorCode;
  assert.equal(code({ memberId: 'x', memberEpoch: 3 }), ErrorCode.UNKNOWN_MEMBER_ID);
  assert.equal(code({ memberId: 'x', memberEpoch: -1 }), ErrorCode.UNKNOWN_MEMBER_ID);
  assert.equal(code({ memberId: 'a', memberEpoch: 9 }), ErrorCode.FENCED_MEMBER_EPOCH);
  assert.equal(code({ memberId: 'a', memberEpoch: 1 }), ErrorCode.FENCED_MEMBER_EPOCH);
  assert.equal(code({ ...JOIN, memberId: 't', instanceId: 'i' }), ErrorCode.UNRELEASED_INSTANCE_ID);
  assert.equal(code({ memberId: 't', instanceId: 'i', memberEpoch: 3 }), ErrorCode.FENCED_INSTANCE_ID);
  assert.equal(code({ memberId: 't', instanceId: 'j', memberEpoch: 3 }), ErrorCode.UNKNOWN_MEMBER_ID);
  assert.equal(coordinator.log.length, written);
});

test('a member whose answer was lost may repeat its epoch as long as it owns nothing else', () => {
  const coordinator = withTopic(2);
  const a = new TestMember(coordinator, 'a', ['log']);
  a.heartbeat();
  a.reconcile();
  coordinator.setTopic('log', 3);
  a.heartbeat(true);
  const owned = [{ topicId: topicId(1), partitions: [0, 1] }];
  const again = coordinator.heartbeat({ memberId: 'a', memberEpoch: 2, topicPartitions: owned });
  assert.equal(again.errorCode, 0);
  assert.equal(again.memberEpoch, 3);
  const strange = [{ topicId: topicId(1), partitions: [7] }];
  assert.equal(
    coordinator.heartbeat({ memberId: 'a', memberEpoch: 2, topicPartitions: strange }).errorCode,
    ErrorCode.FENCED_MEMBER_EPOCH,
  );
});

test('a full group takes no one, but its members stay', () => {
  const coordinator = withTopic(2);
  coordinator.settings = { ...coordinator.settings, sizeMax: 1 };
  coordinator.heartbeat({ ...JOIN, memberId: 'a' });
  assert.equal(coordinator.heartbeat({ ...JOIN, memberId: 'b' }).errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
  assert.equal(coordinator.heartbeat({ memberId: 'a', memberEpoch: 2 }).errorCode, 0);
});

test('a static member that comes back finds its partitions, and nobody else moves', () => {
  const coordinator = withTopic(4);
  const a = new TestMember(coordinator, 'a', ['log']);
  const s = new TestMember(coordinator, 's-1', ['log'], { instanceId: 's' });
  settle(a, s);
  const had = new Set(s.owned);
  const { epoch } = a;
  s.leave();
  coordinator.advance(20_000);
  a.heartbeat();
  const t = new TestMember(coordinator, 's-2', ['log'], { instanceId: 's' });
  assert.equal(t.heartbeat().memberEpoch, epoch);
  t.reconcile();
  assert.deepEqual(t.owned, had);
  a.heartbeat();
  assert.equal(a.epoch, epoch);
  assert.equal(coordinator.group.state, 'Stable');
});

test('a static member that stays away too long is out', () => {
  const coordinator = withTopic(4);
  const s = new TestMember(coordinator, 's-1', ['log'], { instanceId: 's' });
  settle(s);
  s.leave();
  coordinator.advance(45_000);
  assert.equal(coordinator.group.isEmpty, true);
});

test('topics that come, grow and go are followed with the next heartbeat', () => {
  const coordinator = withTopic(1);
  const a = new TestMember(coordinator, 'a', ['log', 'later']);
  settle(a);
  assert.deepEqual([...a.owned], [`${topicId(1)}/0`]);
  coordinator.setTopic('later', 1);
  settle(a);
  coordinator.setTopic('log', 2);
  settle(a);
  assert.deepEqual([...a.owned].sort(), [`${topicId(1)}/0`, `${topicId(1)}/1`, `${topicId(2)}/0`]);
  coordinator.setTopic('log', 0);
  settle(a);
  assert.deepEqual([...a.owned], [`${topicId(2)}/0`]);
  const { epoch } = a;
  coordinator.setTopic('foreign', 5);
  settle(a);
  assert.equal(a.epoch, epoch, 'other topics do not matter');
});

test('assignments are not made more often than the assignment interval', () => {
  const coordinator = withTopic(2);
  coordinator.settings = { ...coordinator.settings, assignmentIntervalMs: 1000 };
  const a = new TestMember(coordinator, 'a', ['log']);
  const b = new TestMember(coordinator, 'b', ['log']);
  a.heartbeat();
  a.reconcile();
  assert.equal(b.heartbeat().memberEpoch, 2, 'the epoch of the target before');
  assert.equal(coordinator.group.state, 'Assigning');
  coordinator.advance(1000);
  settle(a, b);
  assert.equal(b.epoch, 3);
  assert.equal(b.owned.size, 1);
});

test('most members decide the assignor', () => {
  const coordinator = withTopic(2);
  const join = (memberId: string, serverAssignor: string) =>
    coordinator.heartbeat({ ...JOIN, memberId, serverAssignor }).errorCode;
  join('a', 'range');
  assert.equal(coordinator.consumerGroup.describe().assignorName, 'range');
  join('b', 'uniform');
  join('c', 'uniform');
  assert.equal(coordinator.consumerGroup.describe().assignorName, 'uniform');
});

test('a regular expression is matched against whole names of topics, those that come later too', () => {
  const coordinator = new TestCoordinator();
  coordinator.setTopic('log-1', 1);
  coordinator.setTopic('old-log-1', 1);
  const a = new TestMember(coordinator, 'a', [], { regex: 'log-.*' });
  settle(a);
  assert.deepEqual([...a.owned], [`${topicId(1)}/0`]);
  coordinator.setTopic('log-2', 1);
  coordinator.advance(10_001);
  settle(a);
  assert.deepEqual([...a.owned].sort(), [`${topicId(1)}/0`, `${topicId(3)}/0`]);
  a.subscribe(['old-log-1'], '');
  settle(a);
  assert.deepEqual([...a.owned], [`${topicId(2)}/0`]);
});

test('regular expressions that are wrong or would grow too large are refused', () => {
  const coordinator = withTopic(1);
  for (const [regex, fault] of [
    ['a(', 'missing closing )'],
    ['(?<=a)b', 'invalid'],
    ['(a{1000}){1000}', 'invalid repeat count'],
    ['a{1000}'.repeat(100), 'too large'],
    ['x'.repeat(10_000), 'longer than'],
  ] as const) {
    const request = { ...JOIN, memberId: 'a', subscribedTopicNames: null, subscribedTopicRegex: regex };
    const { errorCode, errorMessage } = coordinator.heartbeat(request);
    assert.equal(errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION, regex);
    assert.ok(errorMessage?.includes(fault), errorMessage ?? '');
  }
  assert.equal(coordinator.log.length, 0);
});

test('a costly regular expression is matched in slices, and the group is answered meanwhile', () => {
  const coordinator = new TestCoordinator();
  for (let i = 0; i < 40; i++) coordinator.setTopic(`topic-${'x'.repeat(200)}-${i}`, 1);
  const a = new TestMember(coordinator, 'a', [], { regex: '(.?){250}-[0-9]' });
  assert.equal(a.heartbeat().memberEpoch, 1);
  assert.deepEqual(coordinator.timers, ['regex', 'session/a']);
  coordinator.advance(0);
  settle(a);
  assert.ok(a.owned.size > 0);
});

test('offsets are committed with the epoch of the member, or an older one since which it had the partition', () => {
  const coordinator = withTopic(2);
  const a = new TestMember(coordinator, 'a', ['log']);
  settle(a);
  coordinator.setTopic('log', 3);
  settle(a);
  assert.equal(a.epoch, 3);
  const judge = (memberId: string, generationOrEpoch: number, apiVersion = 9) =>
    coordinator.group.validateOffsetCommit({
      memberId,
      groupInstanceId: null,
      generationOrEpoch,
      isTransactional: false,
      apiVersion,
    });
  assert.equal(judge('a', 3), 0);
  assert.equal(judge('a', 3, 8), ErrorCode.UNSUPPORTED_VERSION);
  assert.equal(judge('b', 3), ErrorCode.UNKNOWN_MEMBER_ID);
  assert.equal(judge('a', 4), ErrorCode.STALE_MEMBER_EPOCH);
  const older = judge('a', 2);
  assert(typeof older === 'function');
  assert.equal(older(topicId(1), 0), 0);
  assert.equal(older(topicId(1), 2), ErrorCode.STALE_MEMBER_EPOCH);
  assert.equal(judge('', -1), ErrorCode.UNKNOWN_MEMBER_ID);
  assert.equal(coordinator.group.validateOffsetFetch({ memberId: 'a', memberEpoch: 2 }), ErrorCode.STALE_MEMBER_EPOCH);
  assert.equal(coordinator.group.validateOffsetFetch({ memberId: null, memberEpoch: -1 }), 0);
});

test('a group is described with what its members have and are to have', () => {
  const coordinator = withTopic(2);
  const a = new TestMember(coordinator, 'a', ['log']);
  settle(a);
  new TestMember(coordinator, 'b', ['log']).heartbeat();
  a.heartbeat();
  const { members, ...group } = coordinator.consumerGroup.describe();
  assert.deepEqual(group, {
    errorCode: 0,
    groupId: GROUP,
    groupState: 'Reconciling',
    groupEpoch: 3,
    assignmentEpoch: 3,
    assignorName: 'uniform',
  });
  assert.deepEqual(members[0], {
    memberId: 'a',
    instanceId: null,
    rackId: null,
    memberEpoch: 2,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    subscribedTopicNames: ['log'],
    subscribedTopicRegex: '',
    assignment: { topicPartitions: [{ topicId: topicId(1), topicName: 'log', partitions: [0, 1] }] },
    targetAssignment: { topicPartitions: [{ topicId: topicId(1), topicName: 'log', partitions: [0] }] },
    memberType: 1,
  });
});

test('after a restart the group is as it was, and gone after its tombstones', () => {
  const coordinator = withTopic(4);
  const a = new TestMember(coordinator, 'a', ['log']);
  const b = new TestMember(coordinator, 'b', [], { regex: 'l.g' });
  settle(a, b);
  new TestMember(coordinator, 'c', ['log']).heartbeat();
  a.heartbeat();
  const before = coordinator.consumerGroup.describe();
  coordinator.restart();
  assert.deepEqual(coordinator.consumerGroup.describe(), before);
  assert.ok(coordinator.timers.includes('session/b'));
  coordinator.log.push(...coordinator.group.tombstones());
  coordinator.restart(true);
  assert.equal(coordinator.group.isEmpty, true);
  assert.deepEqual(coordinator.consumerGroup.describe().members, []);
});

function settle(...members: readonly TestMember[]): void {
  for (let round = 0; round < 6; round++) {
    for (const member of members) {
      member.heartbeat();
      member.reconcile();
    }
  }
}
