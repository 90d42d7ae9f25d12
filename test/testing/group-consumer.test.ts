// A member of a consumer group whose answers are lost or that the group goes on without: it has what the coordinator thinks it
// has, and reads on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../src/client/client.ts';
import { GroupConsumer } from '../../src/client/group-consumer.ts';
import type { ErrorName, TestBroker } from '../../src/testing.ts';
import { newTopic, send, withBroker, withClient } from './clients.ts';

/** Every poll of a member sends a heartbeat, or nearly so, and each change of the group is followed at once. */
const settings = {
  'group.consumer.min.heartbeat.interval.ms': 1,
  'group.consumer.heartbeat.interval.ms': 1,
  'group.consumer.min.assignment.interval.ms': 0,
  'group.consumer.assignment.interval.ms': 0,
};
/** Far more than anything here takes: a member that waits for its rebalance timeout needs more. */
const POLLS_MAX = 300;

const memberOf = (client: Client) =>
  new GroupConsumer(client, { groupId: 'workers', topics: ['work'], maxWaitMs: 10, commitIntervalMs: 1_000_000 });

/** Polls them in turn until it is so; returns the values that each was handed. */
async function pollUntil(isDone: () => boolean, ...members: readonly GroupConsumer[]): Promise<string[][]> {
  const values = members.map((): string[] => []);
  for (let polls = 0; !isDone(); polls++) {
    assert.ok(polls < POLLS_MAX, 'the members come to an end');
    for (const [i, member] of members.entries()) {
      for (const { topic, partition, records, nextOffset } of await member.poll()) {
        for (const { value } of records) values[i]!.push(String(value));
        member.done(topic, partition, nextOffset);
      }
    }
  }
  return values;
}

const has = (member: GroupConsumer, count: number) => () => member.assignment.length === count;

/** Two members and a topic of two partitions, each with a record; the first member has both. */
async function withMembers(
  work: (broker: TestBroker, first: GroupConsumer, second: GroupConsumer) => Promise<void>,
): Promise<void> {
  await withBroker(
    async (broker, client) => {
      await newTopic(client, 'work', { partitions: 2 });
      for (const partition of [0, 1]) await send(client, 'work', [`in ${partition}`], { partition });
      const first = memberOf(client);
      await pollUntil(has(first, 2), first);
      await withClient(broker, async (other) => work(broker, first, memberOf(other)), 'second');
    },
    { settings },
  );
}

test('a member gives partitions up when the answer that asked for it was lost', async () => {
  await withMembers(async (broker, first, second) => {
    await second.poll();
    const lost = broker.faults.add({ api: 'ConsumerGroupHeartbeat', clientId: 'app', action: { drop: 'after' } });
    await pollUntil(() => has(first, 1)() && has(second, 1)(), first, second);
    assert.equal(lost.strikes, 1);
  });
});

test('a member takes partitions when the answer that gave them was lost', async () => {
  await withMembers(async (broker, first, second) => {
    await second.poll();
    await pollUntil(has(first, 1), first);
    // It tells that it has given one up.
    await first.poll();
    const lost = broker.faults.add({ api: 'ConsumerGroupHeartbeat', clientId: 'second', action: { drop: 'after' } });
    await pollUntil(has(second, 1), second);
    assert.equal(lost.strikes, 1);
    assert.equal(first.assignment.length, 1);
  });
});

for (const error of ['STALE_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID'] satisfies ErrorName[]) {
  test(`a member that hears ${error} when it commits what it gives up comes back and reads on`, async () => {
    await withMembers(async (broker, first, second) => {
      await pollUntil(() => first.position('work', 0) === 1 && first.position('work', 1) === 1, first);
      await second.poll();
      const refused = broker.faults.add({ api: 'OffsetCommit', clientId: 'app', action: { error, when: 'before' } });
      await pollUntil(() => has(first, 1)() && has(second, 1)(), first, second);
      assert.equal(refused.strikes, 1);
    });
  });

  test(`a member that hears ${error} when it asks where to begin comes back and begins`, async () => {
    await withBroker(
      async (broker, client) => {
        await newTopic(client, 'work', { partitions: 1 });
        await send(client, 'work', ['a']);
        const refused = broker.faults.add({ api: 'OffsetFetch', action: { error, when: 'before' } });
        const member = memberOf(client);
        const [values] = await pollUntil(() => member.position('work', 0) === 1, member);
        assert.deepEqual([refused.strikes, values], [1, ['a']]);
      },
      { settings },
    );
  });
}
