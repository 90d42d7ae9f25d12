import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONSUMER_OFFSETS } from '../metadata/topic-name.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { consumerGroupDescribe } from '../protocol/messages/consumer-group-describe.ts';
import { consumerGroupHeartbeat } from '../protocol/messages/consumer-group-heartbeat.ts';
import { deleteGroups } from '../protocol/messages/delete-groups.ts';
import { describeGroups } from '../protocol/messages/describe-groups.ts';
import { heartbeat } from '../protocol/messages/heartbeat.ts';
import { joinGroup } from '../protocol/messages/join-group.ts';
import { leaveGroup } from '../protocol/messages/leave-group.ts';
import { listGroups } from '../protocol/messages/list-groups.ts';
import { offsetCommit } from '../protocol/messages/offset-commit.ts';
import { offsetDelete } from '../protocol/messages/offset-delete.ts';
import { offsetFetch } from '../protocol/messages/offset-fetch.ts';
import { syncGroup } from '../protocol/messages/sync-group.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import { GroupApiWorld, subscription } from './group-api-world.suite.ts';

const joinRequest = (groupId: string, memberId = '', more: object = {}) => ({
  groupId,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 10_000,
  memberId,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: subscription(['t']) }],
  ...more,
});

const consumerRequest = (groupId: string, more: object = {}) => ({
  groupId,
  memberId: 'm1',
  memberEpoch: 0,
  rebalanceTimeoutMs: 10_000,
  subscribedTopicNames: ['t'],
  topicPartitions: [],
  ...more,
});

const partition = (partitionIndex: number, committedOffset: number, committedMetadata: string | null = '') => ({
  partitionIndex,
  committedOffset,
  committedMetadata,
});

function worldWithTopic(options = {}): GroupApiWorld {
  const world = new GroupApiWorld(options);
  world.createTopic('t', { partitions: 3 });
  return world;
}

describe('JoinGroup, SyncGroup, Heartbeat and LeaveGroup', () => {
  it('give nobody a member id that no answer could carry', () => {
    const world = worldWithTopic();
    const { errorCode } = world.ask(joinGroup, 5, joinRequest('g', '', { groupInstanceId: 'x'.repeat(32_750) }));
    assert.equal(errorCode, ErrorCode.UNKNOWN_SERVER_ERROR);
    assert.deepEqual(world.groupIds(), []);
    const longest = world.send(joinGroup, 5, joinRequest('g', '', { groupInstanceId: 'x'.repeat(32_730) }));
    world.settle();
    assert.equal(longest.got.errorCode, ErrorCode.NONE);
  });

  it('refuse to join without a protocol name, in every version', () => {
    const world = worldWithTopic();
    for (let version = 0; version <= 9; version++) {
      const refused = [joinRequest(''), joinRequest('g', 'nobody'), { ...joinRequest('g'), sessionTimeoutMs: 1 }];
      for (const request of refused) {
        const { errorCode, protocolName } = world.ask(joinGroup, version, request);
        assert.notEqual(errorCode, ErrorCode.NONE);
        assert.equal(protocolName, version >= 7 ? null : '');
      }
    }
  });

  it('take a member through a generation in every version', () => {
    for (let version = 0; version <= 9; version++) {
      const world = worldWithTopic();
      let joined = world.ask(joinGroup, version, joinRequest('g'));
      if (version >= 4) {
        assert.equal(joined.errorCode, ErrorCode.MEMBER_ID_REQUIRED);
        joined = world.ask(joinGroup, version, joinRequest('g', joined.memberId));
      }
      assert.equal(joined.errorCode, ErrorCode.NONE);
      assert.equal(joined.generationId, 1);
      assert.equal(joined.leader, joined.memberId);
      assert.equal(joined.protocolName, 'range');
      assert.deepEqual(
        joined.members.map(({ memberId }) => memberId),
        [joined.memberId],
      );
      const { memberId, generationId } = joined;
      const member = { groupId: 'g', generationId, memberId };
      const synced = world.ask(syncGroup, Math.min(version, 5), {
        ...member,
        protocolType: 'consumer',
        protocolName: 'range',
        assignments: [{ memberId, assignment: Buffer.from('mine') }],
      });
      assert.deepEqual([synced.errorCode, synced.assignment.toString()], [ErrorCode.NONE, 'mine']);
      assert.equal(world.ask(heartbeat, Math.min(version, 4), member).errorCode, ErrorCode.NONE);
      const leaving = { groupId: 'g', memberId, members: [{ memberId }] };
      const left = world.ask(leaveGroup, Math.min(version, 5), leaving);
      assert.equal(left.errorCode, ErrorCode.NONE);
      assert.equal(world.ask(heartbeat, 4, member).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
      const again = world.ask(leaveGroup, Math.min(version, 5), leaving);
      const code = version < 3 ? again.errorCode : again.members[0]!.errorCode;
      assert.equal(code, ErrorCode.UNKNOWN_MEMBER_ID);
    }
  });

  it('answer only when what they changed is committed', () => {
    const world = worldWithTopic();
    const sent = world.send(joinGroup, 3, joinRequest('g'));
    world.time.advance(0);
    assert.equal(sent.answer, undefined);
    world.storage.commit();
    assert.equal(sent.got.errorCode, ErrorCode.NONE);
    const { memberId, generationId } = sent.got;
    const assignments = [{ memberId, assignment: Buffer.from('a') }];
    const sync = world.send(syncGroup, 3, { groupId: 'g', memberId, generationId, assignments });
    // A heartbeat appends nothing, yet waits for what came before.
    const beat = world.send(heartbeat, 3, { groupId: 'g', memberId, generationId });
    assert.deepEqual([sync.answer, beat.answer], [undefined, undefined]);
    world.storage.commit();
    assert.deepEqual([sync.got.errorCode, beat.got.errorCode], [ErrorCode.NONE, ErrorCode.NONE]);
  });

  it('bring a second member in by a rebalance that the first one hears of', () => {
    const world = worldWithTopic();
    const first = world.stableMember('g');
    const second = world.send(joinGroup, 3, joinRequest('g'));
    world.storage.commit();
    assert.equal(second.answer, undefined);
    const member = { groupId: 'g', ...first };
    assert.equal(world.ask(heartbeat, 3, member).errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
    const again = world.ask(joinGroup, 3, joinRequest('g', first.memberId));
    assert.equal(again.generationId, 2);
    assert.equal(again.members.length, 2);
    assert.equal(second.got.generationId, 2);
  });

  it('refuse the empty group id, impossible session timeouts and members that nobody knows', () => {
    const world = worldWithTopic();
    assert.equal(world.ask(joinGroup, 9, joinRequest('')).errorCode, ErrorCode.INVALID_GROUP_ID);
    const short = joinRequest('g', '', { sessionTimeoutMs: 1 });
    assert.equal(world.ask(joinGroup, 9, short).errorCode, ErrorCode.INVALID_SESSION_TIMEOUT);
    assert.equal(world.ask(joinGroup, 9, joinRequest('g', 'who')).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
    const member = { groupId: 'g', generationId: 1, memberId: 'who' };
    const sync = { ...member, protocolType: 'consumer', protocolName: 'range', assignments: [] };
    assert.equal(world.ask(syncGroup, 5, sync).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(world.ask(syncGroup, 5, { ...sync, groupId: '' }).errorCode, ErrorCode.INVALID_GROUP_ID);
    const nameless = { ...sync, protocolName: null };
    assert.equal(world.ask(syncGroup, 5, nameless).errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    assert.equal(world.ask(heartbeat, 4, member).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(world.ask(heartbeat, 4, { ...member, groupId: '' }).errorCode, ErrorCode.INVALID_GROUP_ID);
    const leaving = { groupId: '', memberId: '', members: [] };
    assert.equal(world.ask(leaveGroup, 5, leaving).errorCode, ErrorCode.INVALID_GROUP_ID);
    assert.deepEqual(world.groupIds(), []);
  });

  it('drop a silent member at the end of its session', () => {
    const world = worldWithTopic();
    const first = world.stableMember('g');
    world.time.advance(9_999);
    assert.equal(world.ask(heartbeat, 3, { groupId: 'g', ...first }).errorCode, ErrorCode.NONE);
    world.time.advance(9_999);
    assert.equal(world.commitOffset('g', 't', 0, 1, first), ErrorCode.NONE);
    world.time.advance(9_999);
    assert.equal(world.ask(heartbeat, 3, { groupId: 'g', ...first }).errorCode, ErrorCode.NONE);
    world.time.advance(10_000);
    assert.equal(world.ask(heartbeat, 3, { groupId: 'g', ...first }).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });
});

describe('OffsetCommit and OffsetFetch', () => {
  it('store and return offsets in every version', () => {
    const world = worldWithTopic();
    const topicId = world.metadata.image.topics.get('t')!.id;
    for (let version = 2; version <= 10; version++) {
      const committed = world.ask(offsetCommit, version, {
        groupId: 'g',
        memberId: '',
        generationIdOrMemberEpoch: -1,
        topics: [{ name: 't', topicId, partitions: [{ ...partition(1, version, 'note'), committedLeaderEpoch: 4 }] }],
      });
      assert.deepEqual(committed.topics, [
        {
          name: version < 10 ? 't' : '',
          topicId: version < 10 ? ZERO_UUID : topicId,
          partitions: [{ partitionIndex: 1, errorCode: ErrorCode.NONE }],
        },
      ]);
      for (let fetchVersion = 1; fetchVersion <= 10; fetchVersion++) {
        const topics = [{ name: 't', topicId, partitionIndexes: [1, 2] }];
        const fetched = world.ask(offsetFetch, fetchVersion, {
          groupId: 'g',
          topics,
          groups: [{ groupId: 'g', topics }],
        });
        const [topic] = fetchVersion < 8 ? fetched.topics : fetched.groups[0]!.topics;
        const [one, other] = topic!.partitions;
        const epoch = version < 6 || fetchVersion < 5 ? -1 : 4;
        assert.deepEqual(
          [one!.committedOffset, one!.metadata, one!.committedLeaderEpoch, one!.errorCode],
          [version, 'note', epoch, ErrorCode.NONE],
        );
        assert.deepEqual([other!.committedOffset, other!.metadata, other!.errorCode], [-1, '', ErrorCode.NONE]);
      }
    }
  });

  it('know nothing of topics and partitions that do not exist', () => {
    const world = worldWithTopic();
    const request = (name: string, topicId: string) => ({
      groupId: 'g',
      memberId: '',
      generationIdOrMemberEpoch: -1,
      topics: [
        { name, topicId, partitions: [partition(0, 5)] },
        {
          name: 't',
          topicId: world.metadata.image.topics.get('t')!.id,
          partitions: [partition(3, 5), partition(2, 6)],
        },
      ],
    });
    const codes = (version: number) =>
      world
        .ask(offsetCommit, version, request('no', 'AAAAAAAAAAAAAAAAAAAAAQ'))
        .topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
    const { UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, NONE } = ErrorCode;
    assert.deepEqual(codes(9), [[UNKNOWN_TOPIC_OR_PARTITION], [UNKNOWN_TOPIC_OR_PARTITION, NONE]]);
    assert.deepEqual(codes(10), [[UNKNOWN_TOPIC_ID], [UNKNOWN_TOPIC_OR_PARTITION, NONE]]);
    assert.equal(world.offset('g', 't', 2), 6);
    const { groups } = world.ask(offsetFetch, 10, {
      groups: [{ groupId: 'g', topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitionIndexes: [0] }] }],
    } as never);
    assert.equal(groups[0]!.topics[0]!.partitions[0]!.errorCode, UNKNOWN_TOPIC_ID);
  });

  it('refuse notes that are too long and store the rest', () => {
    const world = worldWithTopic({ brokerConfig: { 'offset.metadata.max.bytes': '4' } });
    const { topics } = world.ask(offsetCommit, 8, {
      groupId: 'g',
      memberId: '',
      generationIdOrMemberEpoch: -1,
      topics: [{ name: 't', partitions: [partition(0, 1, 'long!'), partition(1, 2, 'four'), partition(2, 3, null)] }],
    } as never);
    assert.deepEqual(
      topics[0]!.partitions.map(({ errorCode }) => errorCode),
      [ErrorCode.OFFSET_METADATA_TOO_LARGE, ErrorCode.NONE, ErrorCode.NONE],
    );
    assert.deepEqual(
      [0, 1, 2].map((index) => world.offset('g', 't', index)),
      [undefined, 2, 3],
    );
  });

  it('take commits of the members of a group only', () => {
    const world = worldWithTopic();
    const { generationId, memberId } = world.stableMember('g');
    assert.equal(world.commitOffset('g', 't', 0, 1, { memberId: 'who', generationId }), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(world.commitOffset('g', 't', 0, 1, { memberId, generationId: 9 }), ErrorCode.ILLEGAL_GENERATION);
    assert.equal(world.commitOffset('g', 't', 0, 1), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(world.offset('g', 't', 0), undefined);
    assert.equal(world.commitOffset('g', 't', 0, 1, { memberId, generationId }), ErrorCode.NONE);
    assert.equal(world.offset('g', 't', 0), 1);
    const stranger = { memberId: 'x', generationId: 1 };
    assert.equal(world.commitOffset('nobody', 't', 0, 1, stranger), ErrorCode.ILLEGAL_GENERATION);
    const later = world.ask(offsetCommit, 9, {
      groupId: 'nobody',
      memberId: 'x',
      generationIdOrMemberEpoch: 1,
      topics: [{ name: 't', partitions: [partition(0, 1)] }],
    } as never);
    assert.equal(later.topics[0]!.partitions[0]!.errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
    assert.deepEqual(world.groupIds(), ['g']);
  });

  it('answer for several groups, all their partitions, and groups that do not exist', () => {
    const world = worldWithTopic();
    world.commitOffset('g1', 't', 0, 10);
    world.commitOffset('g1', 't', 2, 12);
    world.commitOffset('g2', 't', 1, 21);
    const all = (version: number) =>
      world
        .ask(offsetFetch, version, {
          groups: ['g1', 'g2', 'g3'].map((groupId) => ({ groupId, topics: null })),
        } as never)
        .groups.map(({ groupId, errorCode, topics }) => [
          groupId,
          errorCode,
          topics.flatMap(({ partitions }) => partitions.map((each) => [each.partitionIndex, each.committedOffset])),
        ]);
    for (const version of [8, 9, 10]) {
      assert.deepEqual(all(version), [
        [
          'g1',
          ErrorCode.NONE,
          [
            [0, 10],
            [2, 12],
          ],
        ],
        ['g2', ErrorCode.NONE, [[1, 21]]],
        ['g3', ErrorCode.NONE, []],
      ]);
    }
  });

  it('answer within offsets.commit.timeout.ms although the disk does not', () => {
    const world = worldWithTopic({ brokerConfig: { 'offsets.commit.timeout.ms': '700' } });
    const request = { groupId: 'g', memberId: '', generationIdOrMemberEpoch: -1 };
    const topics = [{ name: 't', partitions: [partition(0, 1)] }];
    const sent = world.send(offsetCommit, 8, { ...request, topics } as never);
    world.time.advance(699);
    assert.equal(sent.answer, undefined);
    world.time.advance(1);
    assert.equal(sent.got.topics[0]!.partitions[0]!.errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    world.storage.commit();
    assert.equal(world.offset('g', 't', 0), 1);
  });
});

describe('The coordinator', () => {
  it('sends clients elsewhere while __consumer_offsets does not exist, and takes them at once when it does', () => {
    const world = new GroupApiWorld({ partitions: 0 });
    world.createTopic('t', { partitions: 3 });
    assert.equal(world.ask(joinGroup, 3, joinRequest('g')).errorCode, ErrorCode.NOT_COORDINATOR);
    assert.equal(world.commitOffset('g', 't', 0, 1), ErrorCode.NOT_COORDINATOR);
    assert.deepEqual(world.groupIds(), []);
    world.createTopic(CONSUMER_OFFSETS, { partitions: 3 });
    assert.equal(world.commitOffset('g', 't', 0, 1), ErrorCode.NONE);
  });

  it('answers COORDINATOR_LOAD_IN_PROGRESS until its log is read, and then knows what it knew', async () => {
    const world = worldWithTopic();
    const member = world.stableMember('g');
    world.commitOffset('g', 't', 0, 7, member);
    world.commitOffset('simple', 't', 1, 8);
    world.ask(consumerGroupHeartbeat, 1, consumerRequest('new'));
    world.restartCoordinator();
    const { COORDINATOR_LOAD_IN_PROGRESS, NONE } = ErrorCode;
    assert.equal(world.commitOffset('g', 't', 0, 9, member), COORDINATOR_LOAD_IN_PROGRESS);
    assert.equal(world.ask(joinGroup, 3, joinRequest('g')).errorCode, COORDINATOR_LOAD_IN_PROGRESS);
    assert.equal(
      world.ask(listGroups, 5, { statesFilter: [], typesFilter: [] }).errorCode,
      COORDINATOR_LOAD_IN_PROGRESS,
    );
    assert.equal(world.ask(heartbeat, 3, { groupId: 'g', ...member }).errorCode, NONE);
    const described = world.ask(describeGroups, 6, { groups: ['g'], includeAuthorizedOperations: false });
    assert.equal(described.groups[0]!.errorCode, COORDINATOR_LOAD_IN_PROGRESS);
    await world.loaded();
    assert.deepEqual(world.groupIds(), ['g', 'new', 'simple']);
    assert.equal(world.offset('g', 't', 0), 7);
    assert.equal(world.offset('simple', 't', 1), 8);
    assert.equal(world.ask(heartbeat, 3, { groupId: 'g', ...member }).errorCode, NONE);
    const kept = world.ask(consumerGroupDescribe, 1, { groupIds: ['new'], includeAuthorizedOperations: false });
    assert.deepEqual(
      kept.groups[0]!.members.map(({ memberId, memberType }) => [memberId, memberType]),
      [['m1', 1]],
    );
    // Sessions begin anew with the coordinator.
    world.time.advance(10_000);
    world.storage.commit();
    assert.equal(world.ask(heartbeat, 3, { groupId: 'g', ...member }).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it('loads a long log in slices, between which others have their turn', async () => {
    const world = worldWithTopic({ partitions: 1 });
    const topics = [{ name: 't', partitions: [partition(0, 0), partition(1, 0), partition(2, 0)] }];
    const commits = 10_000;
    for (let i = 0; i < commits; i++) {
      for (const each of topics[0]!.partitions) each.committedOffset = i;
      const request = { groupId: `g${i % 1000}`, memberId: '', generationIdOrMemberEpoch: -1, topics };
      world.send(offsetCommit, 8, request as never);
    }
    world.storage.commit();
    world.restartCoordinator();
    let slices = 0;
    let done = false;
    void world.groups.loaded().then(() => {
      done = true;
    });
    while (!done) {
      slices++;
      await world.turn();
    }
    assert.ok(slices > (commits * 3) / 1000, `${slices} slices`);
    assert.equal(world.groupIds().length, 1000);
    assert.equal(world.offset('g7', 't', 2), commits - 1000 + 7);
  });

  it('passes over records that it does not understand', async () => {
    const world = worldWithTopic({ partitions: 1 });
    world.commitOffset('g', 't', 0, 1);
    const { batchOf } = await import('../coordinator/coordinator-log.ts');
    const records = [
      { key: Buffer.from('007f0001', 'hex'), value: Buffer.from('0000', 'hex') },
      { key: Buffer.from('0001', 'hex'), value: Buffer.from('0000', 'hex') },
      { key: Buffer.from('00', 'hex'), value: null },
    ];
    world.partition(CONSUMER_OFFSETS).append(batchOf(records, 1, 0), { acks: -1, origin: 'coordinator' });
    world.commitOffset('g', 't', 1, 2);
    world.restartCoordinator();
    await world.loaded();
    assert.deepEqual([world.offset('g', 't', 0), world.offset('g', 't', 1)], [1, 2]);
  });

  it('is as its log is after an append that was refused, and everybody who waited comes again', async () => {
    const world = worldWithTopic({ partitions: 1, offsetsTopicConfig: { 'max.message.bytes': '2000' } });
    world.commitOffset('g', 't', 0, 1);
    const first = world.stableMember('busy');
    const waiting = world.send(joinGroup, 3, joinRequest('busy'));
    world.storage.commit();
    const answers: number[] = [];
    world.groups.call<number>('g', {
      reply: (answer) => answers.push(answer),
      refused: (errorCode) => errorCode,
      step: (_, to) => [
        { type: 'append', records: [{ key: Buffer.alloc(3000), value: null }] },
        { type: 'reply', to, response: ErrorCode.NONE },
      ],
    });
    assert.deepEqual(answers, [ErrorCode.UNKNOWN_SERVER_ERROR]);
    assert.equal(waiting.got.errorCode, ErrorCode.NOT_COORDINATOR);
    assert.equal(world.commitOffset('g', 't', 0, 3), ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    for (let i = 0; i < 20; i++) await world.turn();
    assert.deepEqual(world.groupIds(), ['busy', 'g']);
    assert.equal(world.offset('g', 't', 0), 1);
    assert.equal(world.ask(heartbeat, 3, { groupId: 'busy', ...first }).errorCode, ErrorCode.NONE);
    assert.equal(world.commitOffset('g', 't', 0, 3), ErrorCode.NONE);
  });

  it('refuses offsets and subscriptions that no batch can hold, and nobody else notices', () => {
    const world = worldWithTopic({ partitions: 1, offsetsTopicConfig: { 'max.message.bytes': '2000' } });
    world.commitOffset('g', 't', 0, 1);
    world.stableMember('busy');
    const waiting = world.send(joinGroup, 3, joinRequest('busy'));
    const topics = [{ name: 't', partitions: [partition(0, 2, 'x'.repeat(3000))] }];
    const request = { groupId: 'g', memberId: '', generationIdOrMemberEpoch: -1, topics };
    const huge = world.ask(offsetCommit, 8, request as never);
    assert.equal(huge.topics[0]!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_SERVER_ERROR);
    const names = consumerRequest('new', { subscribedTopicNames: ['x'.repeat(3000)] });
    assert.equal(world.ask(consumerGroupHeartbeat, 1, names).errorCode, ErrorCode.UNKNOWN_SERVER_ERROR);
    assert.equal(world.offset('g', 't', 0), 1);
    assert.equal(waiting.answer, undefined);
  });

  it('is as its log is after a step that threw half way, which was answered once', async () => {
    const world = worldWithTopic({ partitions: 1 });
    world.commitOffset('g', 't', 0, 1);
    world.stableMember('busy');
    const waiting = world.send(joinGroup, 3, joinRequest('busy'));
    world.storage.commit();
    const answers: number[] = [];
    world.groups.call<number>('g', {
      reply: (answer) => answers.push(answer),
      refused: (errorCode) => errorCode,
      step(shard) {
        shard.offsets.delete('g', 't', [0]);
        throw new Error('a bug');
      },
    });
    assert.deepEqual(answers, [ErrorCode.UNKNOWN_SERVER_ERROR]);
    assert.equal(waiting.got.errorCode, ErrorCode.NOT_COORDINATOR);
    for (let i = 0; i < 20; i++) await world.turn();
    assert.equal(world.offset('g', 't', 0), 1);
    world.groups.close();
    assert.equal(answers.length, 1);
  });

  it('keeps members while the disk is full, and refuses what it cannot remember', () => {
    const world = worldWithTopic();
    const member = world.stableMember('g');
    world.storage.writable = false;
    assert.equal(world.commitOffset('g', 't', 0, 1, member), ErrorCode.NOT_COORDINATOR);
    assert.equal(world.ask(heartbeat, 3, { groupId: 'g', ...member }).errorCode, ErrorCode.NONE);
    // Its session ends while that cannot be written down.
    world.time.advance(15_000);
    assert.equal(world.ask(heartbeat, 3, { groupId: 'g', ...member }).errorCode, ErrorCode.NONE);
    world.storage.writable = true;
    world.time.advance(9_000);
    assert.equal(world.commitOffset('g', 't', 0, 1, member), ErrorCode.NONE);
  });

  it('sends waiting members elsewhere when __consumer_offsets is deleted', () => {
    const world = worldWithTopic();
    world.stableMember('g');
    const waiting = world.send(joinGroup, 3, joinRequest('g'));
    world.storage.commit();
    world.deleteTopic(CONSUMER_OFFSETS);
    assert.equal(waiting.got.errorCode, ErrorCode.NOT_COORDINATOR);
    assert.equal(world.commitOffset('g', 't', 0, 1), ErrorCode.NOT_COORDINATOR);
  });

  it('leaves no timer behind when it is closed', () => {
    const world = worldWithTopic();
    const before = world.time.pendingTimers;
    world.stableMember('g');
    world.send(joinGroup, 3, joinRequest('g'));
    world.ask(consumerGroupHeartbeat, 1, consumerRequest('c'));
    world.send(offsetCommit, 8, {
      groupId: 'x',
      memberId: '',
      topics: [{ name: 't', partitions: [partition(0, 1)] }],
    } as never);
    world.groups.close();
    // The one that looks for offsets to forget went too.
    assert.equal(world.time.pendingTimers, before - 1);
  });
});

describe('Deleting a topic', () => {
  it('removes its offsets of every group, for good', async () => {
    const world = worldWithTopic();
    world.createTopic('u');
    world.commitOffset('g1', 't', 0, 1);
    world.commitOffset('g1', 'u', 0, 2);
    world.commitOffset('g2', 't', 2, 3);
    world.deleteTopic('t');
    world.createTopic('t', { partitions: 3 });
    world.storage.commit();
    const offsets = () => [world.offset('g1', 't', 0), world.offset('g1', 'u', 0), world.offset('g2', 't', 2)];
    assert.deepEqual(offsets(), [undefined, 2, undefined]);
    world.restartCoordinator();
    await world.loaded();
    assert.deepEqual(offsets(), [undefined, 2, undefined]);
  });

  it('removes its offsets also when the coordinator was not there to see it', async () => {
    const world = worldWithTopic();
    world.createTopic('u');
    world.commitOffset('g1', 't', 0, 1);
    world.commitOffset('g1', 'u', 0, 2);
    world.groups.close();
    world.deleteTopic('t');
    world.restartCoordinator();
    await world.loaded();
    world.createTopic('t');
    assert.deepEqual([world.offset('g1', 't', 0), world.offset('g1', 'u', 0)], [undefined, 2]);
  });
});

describe('A full disk', () => {
  it('does not bring back the offsets of a topic that was deleted meanwhile', async () => {
    const world = worldWithTopic();
    world.createTopic('u');
    world.commitOffset('g', 't', 0, 1);
    world.commitOffset('g', 'u', 0, 2);
    world.storage.writable = false;
    world.deleteTopic('t');
    assert.equal(world.offset('g', 't', 0), undefined);
    world.restartCoordinator();
    await world.loaded();
    assert.deepEqual([world.offset('g', 't', 0), world.offset('g', 'u', 0)], [undefined, 2]);
    world.storage.writable = true;
    world.restartCoordinator();
    await world.loaded();
    world.createTopic('t');
    assert.deepEqual([world.offset('g', 't', 0), world.offset('g', 'u', 0)], [undefined, 2]);
    assert.equal(world.commitOffset('g', 'u', 0, 3), ErrorCode.NONE);
  });

  it('is waited for when what follows from loading cannot be written', async () => {
    const world = worldWithTopic({ partitions: 1, brokerConfig: { 'group.max.size': '2' } });
    const first = world.stableMember('g');
    const second = world.send(joinGroup, 3, joinRequest('g'));
    const again = world.ask(joinGroup, 3, joinRequest('g', first.memberId));
    const { generationId } = again;
    const assignments = [{ memberId: second.got.memberId, assignment: Buffer.from('b') }];
    world.ask(syncGroup, 3, { groupId: 'g', memberId: first.memberId, generationId, assignments });
    world.restartCoordinator();
    world.storage.writable = false;
    await world.loaded();
    assert.equal(world.ask(heartbeat, 3, { groupId: 'g', memberId: first.memberId, generationId }).errorCode, 0);
    world.time.advance(30_000);
    world.storage.writable = true;
    world.time.advance(5_000);
    assert.equal(world.commitOffset('x', 't', 0, 1), ErrorCode.NONE);
  });
});

describe('Retention of offsets', () => {
  const MINUTE_MS = 60_000;
  const settings = { 'offsets.retention.minutes': '10', 'offsets.retention.check.interval.ms': '60000' };

  async function pass(world: GroupApiWorld, minutes: number): Promise<void> {
    for (let i = 0; i < minutes; i++) {
      world.time.advance(MINUTE_MS);
      await world.turn();
    }
    world.storage.commit();
  }

  it('forgets the offsets of a group without members, and then the group', async () => {
    const world = worldWithTopic({ brokerConfig: settings });
    world.commitOffset('g', 't', 0, 1);
    await pass(world, 5);
    world.commitOffset('g', 't', 1, 2);
    await pass(world, 6);
    assert.deepEqual([world.offset('g', 't', 0), world.offset('g', 't', 1)], [undefined, 2]);
    await pass(world, 5);
    assert.deepEqual(world.groupIds(), []);
    world.restartCoordinator();
    await world.loaded();
    assert.deepEqual(world.groupIds(), []);
  });

  it('counts from when the last member left', async () => {
    const world = worldWithTopic({ brokerConfig: settings });
    const member = world.stableMember('g');
    world.commitOffset('g', 't', 0, 1, member);
    world.commitOffset('g', 't', 1, 2, member);
    for (let i = 0; i < 20 * 8; i++) {
      world.time.advance(MINUTE_MS / 8);
      world.ask(heartbeat, 3, { groupId: 'g', ...member });
      await world.turn();
    }
    assert.equal(world.offset('g', 't', 0), 1);
    world.ask(leaveGroup, 2, { groupId: 'g', memberId: member.memberId, members: [] });
    await pass(world, 9);
    assert.equal(world.offset('g', 't', 0), 1);
    await pass(world, 2);
    assert.deepEqual(world.groupIds(), []);
  });

  it('forgets what an active group no longer reads', async () => {
    const world = worldWithTopic({ brokerConfig: { ...settings, 'group.max.session.timeout.ms': '7200000' } });
    world.createTopic('old');
    const join = joinRequest('g', '', { sessionTimeoutMs: 7_200_000 });
    const { memberId, generationId } = world.ask(joinGroup, 3, join);
    world.ask(syncGroup, 3, { groupId: 'g', memberId, generationId, assignments: [] });
    world.commitOffset('g', 't', 0, 1, { memberId, generationId });
    world.commitOffset('g', 'old', 0, 1, { memberId, generationId });
    await pass(world, 11);
    assert.deepEqual([world.offset('g', 't', 0), world.offset('g', 'old', 0)], [1, undefined]);
  });

  it('gives an offset the retention that its client asked for', async () => {
    const world = worldWithTopic({ brokerConfig: settings });
    world.ask(offsetCommit, 2, {
      groupId: 'g',
      memberId: '',
      generationIdOrMemberEpoch: -1,
      retentionTimeMs: 30 * MINUTE_MS,
      topics: [{ name: 't', partitions: [partition(0, 1)] }],
    } as never);
    await pass(world, 29);
    assert.equal(world.offset('g', 't', 0), 1);
    world.restartCoordinator();
    await world.loaded();
    await pass(world, 2);
    assert.equal(world.offset('g', 't', 0), undefined);
  });
});

describe('Administration of groups', () => {
  it('lists groups by state and type, whatever the case', () => {
    const world = worldWithTopic();
    world.stableMember('stable');
    world.commitOffset('simple', 't', 0, 1);
    world.ask(consumerGroupHeartbeat, 1, consumerRequest('new'));
    const list = (statesFilter: string[], typesFilter: string[]) =>
      world
        .ask(listGroups, 5, { statesFilter, typesFilter })
        .groups.map(({ groupId }) => groupId)
        .sort();
    assert.deepEqual(list([], []), ['new', 'simple', 'stable']);
    assert.deepEqual(list(['sTABLE'], []), ['new', 'stable']);
    assert.deepEqual(list(['Empty', 'Dead'], []), ['simple']);
    assert.deepEqual(list([], ['Consumer']), ['new']);
    assert.deepEqual(list(['Stable'], ['classic']), ['stable']);
    assert.deepEqual(list([], ['nonsense']), []);
    for (let version = 0; version <= 5; version++) {
      const { groups } = world.ask(listGroups, version, {} as never);
      const stable = groups.find(({ groupId }) => groupId === 'stable');
      assert.deepEqual(stable, {
        groupId: 'stable',
        protocolType: 'consumer',
        groupState: version >= 4 ? 'Stable' : '',
        groupType: version >= 5 ? 'classic' : '',
      });
    }
  });

  it('describes classic groups, and calls others Dead', () => {
    const world = worldWithTopic();
    const { memberId } = world.stableMember('g');
    world.ask(consumerGroupHeartbeat, 1, consumerRequest('new'));
    for (let version = 0; version <= 6; version++) {
      const request = { groups: ['g', 'no', 'new'], includeAuthorizedOperations: true };
      const [group, unknown, other] = world.ask(describeGroups, version, request).groups;
      assert.equal(group!.groupState, 'Stable');
      assert.equal(group!.protocolData, 'range');
      assert.deepEqual(
        group!.members.map((member) => [member.memberId, member.clientId, member.clientHost]),
        [[memberId, 'test', '/127.0.0.1']],
      );
      assert.equal(group!.members[0]!.memberAssignment.toString(), 'mine');
      assert.equal(group!.authorizedOperations, version >= 3 ? 3400 : -0x8000_0000);
      const notFound = version >= 6 ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.NONE;
      assert.deepEqual([unknown!.groupState, unknown!.errorCode], ['Dead', notFound]);
      assert.deepEqual([other!.groupState, other!.errorCode], ['Dead', notFound]);
      if (version >= 6) assert.equal(unknown!.errorMessage, 'Group no not found.');
    }
  });

  it('deletes groups without members together with their offsets', async () => {
    const world = worldWithTopic();
    world.stableMember('busy');
    world.commitOffset('g', 't', 0, 1);
    for (let version = 0; version <= 2; version++) {
      world.commitOffset('g', 't', 1, 2);
      const { results } = world.ask(deleteGroups, version, { groupsNames: ['g', 'busy', 'no', 'g'] });
      assert.deepEqual(
        results.map(({ groupId, errorCode }) => [groupId, errorCode]),
        [
          ['g', ErrorCode.NONE],
          ['busy', ErrorCode.NON_EMPTY_GROUP],
          ['no', ErrorCode.GROUP_ID_NOT_FOUND],
        ],
      );
    }
    assert.equal(world.offset('g', 't', 0), undefined);
    world.restartCoordinator();
    await world.loaded();
    assert.deepEqual(world.groupIds(), ['busy']);
  });

  it('deletes offsets of topics that nobody in the group reads', () => {
    const world = worldWithTopic();
    world.createTopic('old');
    const member = world.stableMember('g');
    world.commitOffset('g', 't', 0, 1, member);
    world.commitOffset('g', 'old', 0, 2, member);
    const remove = (groupId: string) =>
      world.ask(offsetDelete, 0, {
        groupId,
        topics: [
          { name: 't', partitions: [{ partitionIndex: 0 }] },
          { name: 'old', partitions: [{ partitionIndex: 0 }, { partitionIndex: 9 }] },
          { name: 'no', partitions: [{ partitionIndex: 0 }] },
        ],
      });
    const { errorCode, topics } = remove('g');
    assert.equal(errorCode, ErrorCode.NONE);
    assert.deepEqual(
      topics.map(({ name, partitions }) => [name, ...partitions.map((each) => each.errorCode)]),
      [
        ['t', ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC],
        ['old', ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        ['no', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ],
    );
    assert.deepEqual([world.offset('g', 't', 0), world.offset('g', 'old', 0)], [1, undefined]);
    assert.equal(remove('nobody').errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
    assert.equal(remove('').errorCode, ErrorCode.INVALID_GROUP_ID);
  });
});

describe('ConsumerGroupHeartbeat and ConsumerGroupDescribe', () => {
  it('take a member in, and show it', () => {
    const world = worldWithTopic();
    for (const version of [0, 1]) {
      const groupId = `g${version}`;
      const joined = world.ask(consumerGroupHeartbeat, version, consumerRequest(groupId));
      assert.equal(joined.errorCode, ErrorCode.NONE);
      assert.deepEqual(joined.assignment!.topicPartitions[0]!.partitions, [0, 1, 2]);
      const commit = { memberId: joined.memberId!, generationId: joined.memberEpoch };
      const committed = world.ask(offsetCommit, 9, {
        groupId,
        memberId: commit.memberId,
        generationIdOrMemberEpoch: commit.generationId,
        topics: [{ name: 't', partitions: [partition(0, 4)] }],
      } as never);
      assert.equal(committed.topics[0]!.partitions[0]!.errorCode, ErrorCode.NONE);
      const request = { groupIds: [groupId, 'no', ''], includeAuthorizedOperations: true };
      const [group, unknown, empty] = world.ask(consumerGroupDescribe, version, request).groups;
      assert.deepEqual([group!.groupState, group!.members.length, group!.authorizedOperations], ['Stable', 1, 3400]);
      assert.deepEqual(
        [unknown!.errorCode, unknown!.errorMessage],
        [ErrorCode.GROUP_ID_NOT_FOUND, 'Group no not found.'],
      );
      assert.equal(empty!.errorCode, ErrorCode.INVALID_GROUP_ID);
    }
  });

  it('are refused when the broker is told to speak the classic protocol only', () => {
    const world = worldWithTopic({ brokerConfig: { 'group.coordinator.rebalance.protocols': 'classic' } });
    const refused = world.ask(consumerGroupHeartbeat, 1, consumerRequest('g'));
    assert.equal(refused.errorCode, ErrorCode.UNSUPPORTED_VERSION);
    const described = world.ask(consumerGroupDescribe, 1, { groupIds: ['g'], includeAuthorizedOperations: false });
    assert.equal(described.groups[0]!.errorCode, ErrorCode.UNSUPPORTED_VERSION);
  });

  it('follow the configs of the broker and of the group itself', () => {
    const world = worldWithTopic({ brokerConfig: { 'group.consumer.heartbeat.interval.ms': '7000' } });
    const intervalOf = (groupId: string, more = {}) =>
      world.ask(consumerGroupHeartbeat, 1, consumerRequest(groupId, more)).heartbeatIntervalMs;
    assert.equal(intervalOf('g'), 7000);
    const own = { type: 'config-set', resource: 'group:g', value: '6000' } as const;
    world.metadata.apply({ ...own, name: 'consumer.heartbeat.interval.ms' });
    world.metadata.apply({ ...own, name: 'consumer.session.timeout.ms', value: '50000' });
    const { memberEpoch } = world.ask(consumerGroupHeartbeat, 1, consumerRequest('g'));
    const keep = { memberEpoch, subscribedTopicNames: null, topicPartitions: null };
    assert.equal(intervalOf('g', keep), 6000);
    assert.equal(intervalOf('h'), 7000);
    world.time.advance(49_999);
    assert.equal(intervalOf('g', keep), 6000);
    assert.equal(
      world.ask(consumerGroupHeartbeat, 1, consumerRequest('h', keep)).errorCode,
      ErrorCode.UNKNOWN_MEMBER_ID,
    );
    world.time.advance(50_000);
    assert.equal(
      world.ask(consumerGroupHeartbeat, 1, consumerRequest('g', keep)).errorCode,
      ErrorCode.UNKNOWN_MEMBER_ID,
    );
  });

  it('leave no group behind when the first heartbeat is refused', () => {
    const world = worldWithTopic();
    const bad = consumerRequest('g', { serverAssignor: 'none' });
    assert.equal(world.ask(consumerGroupHeartbeat, 1, bad).errorCode, ErrorCode.UNSUPPORTED_ASSIGNOR);
    const stranger = consumerRequest('g', { memberEpoch: 5 });
    assert.equal(world.ask(consumerGroupHeartbeat, 1, stranger).errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
    assert.deepEqual(world.groupIds(), []);
  });

  it('turn an empty group into one of the other protocol, with its offsets', async () => {
    const world = worldWithTopic();
    const member = world.stableMember('g');
    world.commitOffset('g', 't', 0, 5, member);
    world.ask(leaveGroup, 2, { groupId: 'g', memberId: member.memberId, members: [] });
    const joined = world.ask(consumerGroupHeartbeat, 1, consumerRequest('g'));
    assert.equal(joined.errorCode, ErrorCode.NONE);
    world.restartCoordinator();
    await world.loaded();
    const type = () => world.ask(listGroups, 5, { statesFilter: [], typesFilter: [] }).groups[0]!.groupType;
    assert.deepEqual([type(), world.offset('g', 't', 0)], ['consumer', 5]);
    world.ask(consumerGroupHeartbeat, 1, { groupId: 'g', memberId: 'm1', memberEpoch: -1 });
    world.stableMember('g');
    assert.deepEqual([type(), world.offset('g', 't', 0)], ['classic', 5]);
    world.restartCoordinator();
    await world.loaded();
    assert.deepEqual([type(), world.offset('g', 't', 0)], ['classic', 5]);
  });
});
