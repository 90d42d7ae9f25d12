// The process is killed with SIGKILL while groups rebalance: a member has joined and the others have not heard of it. The next
// process knows the members, their generation or epoch and every acknowledged commit, and the rebalance comes to its end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTopic } from '../../src/client/admin.ts';
import { type Client, connectClient } from '../../src/client/client.ts';
import { groupCoordinator } from '../../src/client/coordinators.ts';
import { commitOffsets, committedOffsets } from '../../src/client/groups.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { consumerGroupHeartbeat } from '../../src/protocol/messages/consumer-group-heartbeat.ts';
import { heartbeat } from '../../src/protocol/messages/heartbeat.ts';
import { joinGroup } from '../../src/protocol/messages/join-group.ts';
import { syncGroup } from '../../src/protocol/messages/sync-group.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { serveOttla, temporaryDirectory } from '../integration/ottla-process.ts';

const TOPIC = 'shared';
const PARTITIONS = 6;
const GROUP = 'survivors';
const METADATA = Buffer.from('what members tell each other is opaque to the broker');

/** `before` runs against the first process, `after` against the one that follows its death. */
async function acrossKill(
  before: (client: Client, topicId: string) => Promise<void>,
  after: (client: Client, topicId: string) => Promise<void>,
): Promise<void> {
  const directory = temporaryDirectory();
  const args = ['--data', directory.path, '--set', 'group.initial.rebalance.delay.ms=0'];
  let broker = await serveOttla(args);
  // The runtime's timers do not keep a process alive; while retries wait for one, this does.
  const alive = setInterval(() => {}, 60_000);
  try {
    let client = await connectClient(nodeRuntime(), broker.bootstrapServers);
    const topicId = await createTopic(client, { name: TOPIC, partitions: PARTITIONS });
    await groupCoordinator(client, GROUP);
    await before(client, topicId);
    await broker.stop('SIGKILL');
    client.close();
    broker = await serveOttla(args);
    client = await connectClient(nodeRuntime(), broker.bootstrapServers);
    await committedSeven(client); // waits until the group is loaded
    await after(client, topicId);
    client.close();
  } finally {
    clearInterval(alive);
    await broker.stop();
    directory.remove();
  }
}

async function commitSeven(client: Client, memberId: string, memberEpoch: number): Promise<void> {
  await commitOffsets(client, GROUP, [{ topic: TOPIC, offsets: new Map([[3, 7]]) }], { memberId, memberEpoch });
}

async function committedSeven(client: Client): Promise<void> {
  const [topic] = await committedOffsets(client, GROUP, null);
  assert.deepEqual(topic, { topic: TOPIC, offsets: new Map([[3, 7]]) });
}

class ClassicMember {
  memberId = '';
  generation = -1;

  /** One round of joining; the leader gives everybody the same bytes. Each member has a lane, for JoinGroup waits. */
  async join(client: Client, lane: string): Promise<void> {
    let joined = await this.#join(client, lane);
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.memberId = joined.memberId;
      joined = await this.#join(client, lane);
    }
    assert.equal(joined.errorCode, ErrorCode.NONE);
    this.generation = joined.generationId;
    const assignments = joined.members.map(({ memberId }) => ({ memberId, assignment: METADATA }));
    const synced = await client.request(
      syncGroup,
      {
        groupId: GROUP,
        generationId: this.generation,
        memberId: this.memberId,
        protocolType: 'consumer',
        protocolName: 'range',
        assignments,
      },
      { lane },
    );
    assert.equal(synced.errorCode, ErrorCode.NONE);
    assert.deepEqual(synced.assignment, METADATA);
  }

  async heartbeat(client: Client): Promise<number> {
    const { generation: generationId, memberId } = this;
    return (await client.request(heartbeat, { groupId: GROUP, generationId, memberId })).errorCode;
  }

  #join(client: Client, lane: string) {
    return client.request(
      joinGroup,
      {
        groupId: GROUP,
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 60_000,
        memberId: this.memberId,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: METADATA }],
      },
      { lane },
    );
  }
}

test('a classic group goes on with its members and offsets after kill -9 in the middle of a rebalance', {
  timeout: 120_000,
}, async () => {
  const first = new ClassicMember();
  await acrossKill(
    async (client) => {
      await first.join(client, 'first');
      await commitSeven(client, first.memberId, first.generation);
      // Joins, and is never answered: the first does not come back in time.
      const interrupted = new ClassicMember().join(client, 'interrupted');
      interrupted.catch(() => {});
      while ((await first.heartbeat(client)) !== ErrorCode.REBALANCE_IN_PROGRESS) await nextTurn();
    },
    async (client) => {
      assert.equal(await first.heartbeat(client), ErrorCode.NONE);
      const generation = first.generation;
      const second = new ClassicMember();
      const joining = second.join(client, 'second');
      while ((await first.heartbeat(client)) !== ErrorCode.REBALANCE_IN_PROGRESS) await nextTurn();
      await Promise.all([joining, first.join(client, 'first')]);
      assert.equal(first.generation, second.generation);
      assert.ok(first.generation > generation);
      await assert.rejects(commitSeven(client, first.memberId, generation), { code: 'ILLEGAL_GENERATION' });
      await commitSeven(client, first.memberId, first.generation);
      await committedSeven(client);
    },
  );
});

class ConsumerMember {
  readonly memberId: string;
  epoch = 0;
  owned: number[] = [];

  constructor(memberId: string) {
    this.memberId = memberId;
  }

  async heartbeat(client: Client, topicId: string): Promise<void> {
    const joining = this.epoch === 0;
    const response = await client.request(consumerGroupHeartbeat, {
      groupId: GROUP,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      rebalanceTimeoutMs: 60_000,
      ...(joining && { subscribedTopicNames: [TOPIC] }),
      topicPartitions: this.owned.length === 0 ? [] : [{ topicId, partitions: this.owned }],
    });
    assert.equal(response.errorCode, ErrorCode.NONE, response.errorMessage ?? '');
    this.epoch = response.memberEpoch;
    const assigned = response.assignment?.topicPartitions;
    if (assigned !== undefined) this.owned = assigned.flatMap(({ partitions }) => partitions);
  }
}

test('a consumer group goes on with its members and offsets after kill -9 in the middle of a rebalance', {
  timeout: 120_000,
}, async () => {
  const first = new ConsumerMember('first');
  const second = new ConsumerMember('second');
  await acrossKill(
    async (client, topicId) => {
      while (first.owned.length < PARTITIONS) await first.heartbeat(client, topicId);
      await commitSeven(client, first.memberId, first.epoch);
      // The second waits for partitions that the first has not heard it must give up.
      await second.heartbeat(client, topicId);
      assert.deepEqual(second.owned, []);
    },
    async (client, topicId) => {
      const epoch = first.epoch;
      while (first.owned.length !== 3 || second.owned.length !== 3 || first.epoch !== second.epoch) {
        await first.heartbeat(client, topicId);
        await second.heartbeat(client, topicId);
      }
      assert.deepEqual([...first.owned, ...second.owned].sort(), [0, 1, 2, 3, 4, 5]);
      assert.ok(first.epoch > epoch);
      await committedSeven(client);
    },
  );
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
