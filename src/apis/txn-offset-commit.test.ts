import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CONSUMER_OFFSETS } from '../metadata/topic-name.ts';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import { consumerGroupHeartbeat } from '../protocol/messages/consumer-group-heartbeat.ts';
import { deleteGroups } from '../protocol/messages/delete-groups.ts';
import { heartbeat } from '../protocol/messages/heartbeat.ts';
import { joinGroup } from '../protocol/messages/join-group.ts';
import { offsetDelete } from '../protocol/messages/offset-delete.ts';
import { offsetFetch } from '../protocol/messages/offset-fetch.ts';
import { txnOffsetCommit } from '../protocol/messages/txn-offset-commit.ts';
import { ControlType } from '../records/control-batch.ts';
import { GroupApiWorld, subscription } from './group-api-world.suite.ts';

const { COMMIT, ABORT } = ControlType;
const VERSIONS = [0, 1, 2, 3, 4, 5];
const ONE = { producerId: 1000, producerEpoch: 0 };
const OTHER = { producerId: 1001, producerEpoch: 0 };
const UNSTABLE = 'UNSTABLE_OFFSET_COMMIT';

function worldWithTopic(options = {}): GroupApiWorld {
  const world = new GroupApiWorld(options);
  world.createTopic('t', { partitions: 3 });
  return world;
}

async function restart(world: GroupApiWorld): Promise<void> {
  world.restartCoordinator();
  await world.loaded();
}

describe('TxnOffsetCommit', () => {
  it('stores offsets that count when the transaction is committed, in every version', () => {
    for (const version of VERSIONS) {
      const world = worldWithTopic();
      world.commitOffset('g', 't', 0, 1);
      assert.deepEqual(world.commitPending('g', ONE, { 0: 5, 1: 6 }, { version }), [0, 0]);
      assert.deepEqual([world.offset('g', 't', 0), world.offset('g', 't', 1)], [1, undefined]);
      assert.deepEqual([world.stableOffset('g', 0), world.stableOffset('g', 1)], [UNSTABLE, UNSTABLE]);
      assert.equal(world.stableOffset('g', 2), undefined);
      assert.equal(world.endTransaction('g', ONE, COMMIT), ErrorCode.NONE);
      assert.deepEqual([world.stableOffset('g', 0), world.stableOffset('g', 1)], [5, 6]);
    }
  });

  it('leaves nothing of a transaction that is aborted', () => {
    const world = worldWithTopic();
    world.commitOffset('g', 't', 0, 1);
    world.commitPending('g', ONE, { 0: 5, 1: 6 });
    assert.equal(world.endTransaction('g', ONE, ABORT), ErrorCode.NONE);
    assert.deepEqual([world.stableOffset('g', 0), world.stableOffset('g', 1)], [1, undefined]);
  });

  it('lets the offset win that was committed last, whatever the order of the ends', () => {
    const world = worldWithTopic();
    world.commitPending('g', ONE, { 0: 1, 1: 1 });
    world.commitPending('g', OTHER, { 0: 2 });
    world.commitOffset('g', 't', 1, 3);
    world.endTransaction('g', OTHER, COMMIT);
    assert.equal(world.stableOffset('g', 0), UNSTABLE);
    assert.equal(world.offset('g', 't', 0), 2);
    world.endTransaction('g', ONE, COMMIT);
    assert.deepEqual([world.stableOffset('g', 0), world.stableOffset('g', 1)], [2, 3]);
  });

  it('answers when the offsets are committed to the log', () => {
    const world = worldWithTopic();
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }];
    const sent = world.send(txnOffsetCommit, 5, { transactionalId: 'tx', groupId: 'g', ...ONE, topics });
    assert.equal(sent.answer, undefined);
    world.storage.commit();
    assert.equal(sent.got.topics[0]!.partitions[0]!.errorCode, ErrorCode.NONE);
  });

  it('says which offsets are unstable in every version that asks, and of those with an offset when all are asked for', () => {
    const world = worldWithTopic();
    world.commitOffset('g', 't', 0, 1);
    world.commitPending('g', ONE, { 0: 5, 1: 6 });
    const topicId = world.metadata.image.topics.get('t')!.id;
    const named = [{ name: 't', topicId, partitionIndexes: [0, 1, 2] }];
    for (const topics of [named, null]) {
      for (const version of [7, 8, 9, 10]) {
        for (const requireStable of [true, false]) {
          const request = { groupId: 'g', topics, groups: [{ groupId: 'g', topics }], requireStable };
          const answer = world.ask(offsetFetch, version, request);
          const [topic] = version < 8 ? answer.topics : answer.groups[0]!.topics;
          const got = topic!.partitions.map(({ errorCode, committedOffset }) => [
            errorName(errorCode),
            committedOffset,
          ]);
          const first = requireStable ? [UNSTABLE, -1] : ['NONE', 1];
          const second = requireStable ? [UNSTABLE, -1] : ['NONE', -1];
          assert.deepEqual(got, topics === null ? [first] : [first, second, ['NONE', -1]]);
        }
      }
    }
  });

  it('has the partition of the group made part of the transaction since version 5, before that only looked up', () => {
    for (const version of VERSIONS) {
      const world = worldWithTopic({ partitions: 1 });
      const add = version >= 5;
      world.commitPending('g', ONE, { 0: 1 }, { version });
      assert.deepEqual(world.transactions.asked, [{ transactionalId: 'tx', partition: `${CONSUMER_OFFSETS}-0`, add }]);
      // The transaction is open in the partition: nobody needs to be asked.
      world.commitPending('g', ONE, { 0: 2 }, { version });
      assert.equal(world.transactions.asked.length, 1);
      world.endTransaction('g', ONE, COMMIT);
      world.commitPending('g', ONE, { 0: 3 }, { version });
      assert.equal(world.transactions.asked.length, 2);
    }
  });

  it('passes on what the transaction coordinator says, as clients of each version know it', () => {
    const world = worldWithTopic();
    const codes = (answer: ErrorCode) => {
      world.transactions.answer = answer;
      return VERSIONS.map((version) => errorName(world.commitPending('g', ONE, { 0: 1 }, { version })[0]!));
    };
    const same = (name: string, count = 6) => Array.from({ length: count }, () => name);
    assert.deepEqual(codes(ErrorCode.PRODUCER_FENCED), same('INVALID_PRODUCER_EPOCH'));
    assert.deepEqual(codes(ErrorCode.INVALID_PRODUCER_ID_MAPPING), same('INVALID_PRODUCER_ID_MAPPING'));
    assert.deepEqual(codes(ErrorCode.CONCURRENT_TRANSACTIONS), same('CONCURRENT_TRANSACTIONS'));
    assert.deepEqual(codes(ErrorCode.TRANSACTION_ABORTABLE), [
      ...same('INVALID_TXN_STATE', 4),
      ...same('TRANSACTION_ABORTABLE', 2),
    ]);
    assert.deepEqual(codes(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS), [
      ...same('COORDINATOR_NOT_AVAILABLE', 2),
      ...same('COORDINATOR_LOAD_IN_PROGRESS', 4),
    ]);
    assert.deepEqual(world.groupIds(), []);
    assert.equal(world.stableOffset('g', 0), undefined);
  });

  it('refuses what does not exist and notes that are too long, and stores the rest', () => {
    const world = worldWithTopic({ brokerConfig: { 'offset.metadata.max.bytes': '4' } });
    const partition = (partitionIndex: number, committedMetadata: string | null) => ({
      partitionIndex,
      committedOffset: 1,
      committedMetadata,
    });
    const request = (groupId: string) => ({
      transactionalId: 'tx',
      groupId,
      ...ONE,
      topics: [
        { name: 'no', partitions: [partition(0, null)] },
        { name: 't', partitions: [partition(3, null), partition(0, 'long!'), partition(1, null)] },
      ],
    });
    const codes = (groupId: string) =>
      world
        .ask(txnOffsetCommit, 5, request(groupId))
        .topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
    const { UNKNOWN_TOPIC_OR_PARTITION: UNKNOWN, OFFSET_METADATA_TOO_LARGE, INVALID_GROUP_ID, NONE } = ErrorCode;
    assert.deepEqual(codes('g'), [[UNKNOWN], [UNKNOWN, OFFSET_METADATA_TOO_LARGE, NONE]]);
    assert.deepEqual(codes(''), [[UNKNOWN], [UNKNOWN, INVALID_GROUP_ID, INVALID_GROUP_ID]]);
    assert.deepEqual([world.stableOffset('g', 0), world.stableOffset('g', 1)], [undefined, UNSTABLE]);
  });
});

describe('A group', () => {
  const { NONE, UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, FENCED_INSTANCE_ID } = ErrorCode;

  it('of the classic protocol takes offsets of its members, and of producers that do not say whose they are', () => {
    const world = worldWithTopic();
    const member = world.stableMember('g');
    const commit = (more: object) => world.commitPending('g', ONE, { 0: 1 }, more)[0];
    for (const version of [3, 4, 5]) {
      assert.equal(commit({ version, ...member }), NONE);
      assert.equal(commit({ version, ...member, memberId: 'who' }), UNKNOWN_MEMBER_ID);
      assert.equal(commit({ version, ...member, generationId: 9 }), ILLEGAL_GENERATION);
      assert.equal(commit({ version, memberId: member.memberId }), ILLEGAL_GENERATION);
    }
    for (const version of VERSIONS) assert.equal(commit({ version }), NONE);
  });

  it('takes offsets while its members have not synced yet, and no commit for a sign of life', () => {
    const world = worldWithTopic();
    const protocols = [{ name: 'range', metadata: subscription(['t']) }];
    const times = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 };
    const join = { groupId: 'g', memberId: '', protocolType: 'consumer', protocols, ...times };
    const { memberId, generationId } = world.ask(joinGroup, 3, join);
    const member = { memberId, generationId };
    assert.equal(world.commitOffset('g', 't', 0, 1, member), ErrorCode.REBALANCE_IN_PROGRESS);
    assert.deepEqual(world.commitPending('g', ONE, { 0: 1 }, member), [NONE]);
    const stable = world.stableMember('h');
    world.time.advance(9_999);
    assert.deepEqual(world.commitPending('h', ONE, { 0: 1 }, stable), [NONE]);
    world.time.advance(1);
    assert.equal(world.ask(heartbeat, 3, { groupId: 'h', ...stable }).errorCode, UNKNOWN_MEMBER_ID);
  });

  it('fences the static member that another one has replaced', () => {
    const world = worldWithTopic();
    const protocols = [{ name: 'range', metadata: subscription(['t']) }];
    const times = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 };
    const join = { groupId: 'g', memberId: '', protocolType: 'consumer', protocols, groupInstanceId: 'i', ...times };
    const before = world.ask(joinGroup, 5, join);
    const after = world.ask(joinGroup, 5, join);
    const commit = ({ memberId, generationId }: typeof before) =>
      world.commitPending('g', ONE, { 0: 1 }, { memberId, generationId, groupInstanceId: 'i' } as never);
    assert.deepEqual([commit(before), commit(after)], [[FENCED_INSTANCE_ID], [NONE]]);
  });

  it('of the consumer protocol takes its epochs for generations', () => {
    const world = worldWithTopic();
    const request = { groupId: 'g', memberId: 'm1', rebalanceTimeoutMs: 10_000, topicPartitions: [] };
    const joined = world.ask(consumerGroupHeartbeat, 1, { ...request, memberEpoch: 0, subscribedTopicNames: ['t'] });
    const commit = (generationId: number, memberId = 'm1', version = 5) =>
      world.commitPending('g', ONE, { 0: 1 }, { version, generationId, memberId })[0];
    const { memberEpoch } = joined;
    assert.equal(commit(memberEpoch), NONE);
    assert.equal(commit(memberEpoch + 1), ILLEGAL_GENERATION);
    assert.equal(commit(memberEpoch - 1), ILLEGAL_GENERATION);
    assert.equal(commit(memberEpoch, 'who'), UNKNOWN_MEMBER_ID);
    assert.equal(commit(-1, ''), NONE);
    for (const version of [0, 1, 2]) assert.deepEqual(world.commitPending('g', ONE, { 0: 1 }, { version }), [NONE]);
  });

  it('comes into being with offsets of a transaction unless a generation is named, and stays when they are aborted', async () => {
    const world = worldWithTopic();
    const member = { generationId: 1, memberId: 'm' };
    assert.deepEqual(world.commitPending('none', ONE, { 0: 1 }, member), [ILLEGAL_GENERATION]);
    assert.deepEqual(world.commitPending('g', ONE, { 0: 1 }), [NONE]);
    assert.deepEqual(world.groupIds(), ['g']);
    world.endTransaction('g', ONE, ABORT);
    assert.deepEqual(world.groupIds(), ['g']);
    await restart(world);
    assert.deepEqual(world.groupIds(), ['g']);
  });

  it('loses what is pending with an offset, a topic or itself, for good', async () => {
    const deletions: ((world: GroupApiWorld) => void)[] = [
      (world) => world.ask(deleteGroups, 2, { groupsNames: ['g'] }),
      (world) =>
        world.ask(offsetDelete, 0, {
          groupId: 'g',
          topics: [{ name: 't', partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }],
        }),
      (world) => {
        world.deleteTopic('t');
        world.createTopic('t', { partitions: 3 });
        world.settle();
      },
    ];
    for (const remove of deletions) {
      for (const restarts of ['before', 'between', 'after']) {
        const world = worldWithTopic();
        world.commitOffset('g', 't', 0, 1);
        world.commitPending('g', ONE, { 0: 5, 1: 6 });
        if (restarts === 'before') await restart(world);
        remove(world);
        assert.deepEqual([world.stableOffset('g', 0), world.stableOffset('g', 1)], [undefined, undefined]);
        if (restarts === 'between') await restart(world);
        world.endTransaction('g', ONE, COMMIT);
        if (restarts === 'after') await restart(world);
        assert.deepEqual([world.stableOffset('g', 0), world.stableOffset('g', 1)], [undefined, undefined]);
      }
    }
  });

  it('is kept, with what may be replaced, while offsets are pending', async () => {
    const MINUTE_MS = 60_000;
    const world = worldWithTopic({
      brokerConfig: { 'offsets.retention.minutes': '10', 'offsets.retention.check.interval.ms': '60000' },
    });
    const pass = async (minutes: number) => {
      for (let i = 0; i < minutes; i++) {
        world.time.advance(MINUTE_MS);
        await world.turn();
      }
      world.storage.commit();
    };
    world.commitOffset('g', 't', 0, 1);
    world.commitOffset('g', 't', 2, 1);
    world.commitPending('g', ONE, { 0: 5 });
    world.commitPending('h', ONE, { 0: 5 });
    await pass(12);
    assert.deepEqual([world.offset('g', 't', 0), world.offset('g', 't', 2)], [1, undefined]);
    assert.deepEqual(world.groupIds(), ['g', 'h']);
    for (const groupId of ['g', 'h']) world.endTransaction(groupId, ONE, ABORT);
    await pass(2);
    assert.deepEqual(world.groupIds(), []);
  });
});

describe('The coordinator', () => {
  it('refuses what the log refuses of a producer, and nobody else notices', () => {
    const world = worldWithTopic();
    world.commitPending('g', { ...ONE, producerEpoch: 1 }, { 0: 1 });
    const waiting = world.send(joinGroup, 3, {
      groupId: 'g2',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: subscription(['t']) }],
    });
    assert.deepEqual(world.commitPending('g', ONE, { 0: 9 }), [ErrorCode.INVALID_PRODUCER_EPOCH]);
    assert.equal(waiting.got.errorCode, ErrorCode.NONE);
    assert.equal(world.endTransaction('g', ONE, COMMIT), ErrorCode.INVALID_PRODUCER_EPOCH);
    assert.equal(world.stableOffset('g', 0), UNSTABLE);
    world.endTransaction('g', { ...ONE, producerEpoch: 1 }, COMMIT);
    assert.equal(world.stableOffset('g', 0), 1);
  });

  it('takes neither offsets nor ends while it is loading, and then knows what was pending', async () => {
    const world = worldWithTopic({ partitions: 1 });
    world.commitPending('g', ONE, { 0: 1 });
    world.commitPending('g', OTHER, { 1: 2 });
    world.restartCoordinator();
    const codes = VERSIONS.map((version) => world.commitPending('g', ONE, { 0: 2 }, { version })[0]);
    const { COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS: LOADING } = ErrorCode;
    assert.deepEqual(codes, [COORDINATOR_NOT_AVAILABLE, COORDINATOR_NOT_AVAILABLE, LOADING, LOADING, LOADING, LOADING]);
    assert.equal(world.endTransaction('g', ONE, COMMIT), LOADING);
    await world.loaded();
    assert.deepEqual([world.stableOffset('g', 0), world.stableOffset('g', 1)], [UNSTABLE, UNSTABLE]);
    assert.equal(world.endTransaction('g', ONE, COMMIT), ErrorCode.NONE);
    assert.equal(world.endTransaction('g', OTHER, ABORT), ErrorCode.NONE);
    assert.deepEqual([world.stableOffset('g', 0), world.stableOffset('g', 1)], [1, undefined]);
    await restart(world);
    assert.deepEqual([world.stableOffset('g', 0), world.stableOffset('g', 1)], [1, undefined]);
  });

  it('lets a transaction end when the disk has space again', () => {
    const world = worldWithTopic();
    world.commitPending('g', ONE, { 0: 1 });
    world.storage.writable = false;
    assert.deepEqual(world.commitPending('g', ONE, { 1: 1 }), [ErrorCode.NOT_COORDINATOR]);
    assert.equal(world.endTransaction('g', ONE, COMMIT), ErrorCode.KAFKA_STORAGE_ERROR);
    assert.equal(world.stableOffset('g', 0), UNSTABLE);
    world.storage.writable = true;
    assert.equal(world.endTransaction('g', ONE, COMMIT), ErrorCode.NONE);
    assert.equal(world.stableOffset('g', 0), 1);
  });

  it('says that there is nothing to end in partitions that do not exist, and who to ask when it is closed', () => {
    const world = worldWithTopic({ partitions: 1 });
    const marker = { type: COMMIT, ...ONE, coordinatorEpoch: 0, transactionVersion: 1 };
    assert.equal(world.groups.writeMarker(1, marker).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    world.groups.close();
    assert.equal(world.groups.writeMarker(0, marker).errorCode, ErrorCode.NOT_COORDINATOR);
  });

  it('is after a restart at any time what it was before', async () => {
    const group = fc.constantFrom('g', 'h');
    const partition = fc.nat(1);
    const producer = fc.constantFrom(ONE, OTHER);
    const step = fc.oneof(
      fc.record({ kind: fc.constant('commit' as const), group, partition, offset: fc.nat(1000) }),
      fc.record({ kind: fc.constant('pending' as const), group, partition, offset: fc.nat(1000), producer }),
      fc.record({ kind: fc.constant('pending' as const), group, partition, offset: fc.nat(1000), producer }),
      fc.record({ kind: fc.constant('end' as const), group, producer, type: fc.constantFrom(COMMIT, ABORT) }),
      fc.record({ kind: fc.constant('delete' as const), group }),
      fc.record({ kind: fc.constant('restart' as const) }),
    );
    const stateOf = (world: GroupApiWorld) => [
      world.groupIds(),
      ['g', 'h'].flatMap((groupId) =>
        [0, 1].map((index) => [world.offset(groupId, 't', index), world.stableOffset(groupId, index)]),
      ),
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const world = worldWithTopic({ partitions: 1 });
        for (const each of [...steps, { kind: 'restart' as const }]) {
          if (each.kind === 'commit') world.commitOffset(each.group, 't', each.partition, each.offset);
          else if (each.kind === 'pending') {
            assert.deepEqual(world.commitPending(each.group, each.producer, { [each.partition]: each.offset }), [0]);
          } else if (each.kind === 'end') world.endTransaction(each.group, each.producer, each.type);
          else if (each.kind === 'delete') world.ask(deleteGroups, 2, { groupsNames: [each.group] });
          else {
            const before = stateOf(world);
            await restart(world);
            assert.deepEqual(stateOf(world), before);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
