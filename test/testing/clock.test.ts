// The virtual clock: whatever waits in the broker hears of time that a test advances.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../src/client/client.ts';
import { groupCoordinator } from '../../src/client/coordinators.ts';
import { commitOffsets } from '../../src/client/groups.ts';
import { TransactionalProducer } from '../../src/client/transactional-producer.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { alterClientQuotas } from '../../src/protocol/messages/alter-client-quotas.ts';
import { heartbeat } from '../../src/protocol/messages/heartbeat.ts';
import { joinGroup } from '../../src/protocol/messages/join-group.ts';
import { newTopic, send, withBroker } from './clients.ts';

test('seven days later, records older than the retention are gone', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders', { configs: { 'retention.ms': '604800000' } });
    await send(client, 'orders', ['old'], { timestampMs: broker.clock.now().getTime() });
    await broker.clock.advance('6 days');
    assert.equal((await broker.topic('orders').records()).length, 1);
    await broker.clock.advance('2 days');
    await send(client, 'orders', ['new'], { timestampMs: broker.clock.now().getTime() });
    await broker.topic('orders').until(
      (records) => records.length === 1,
      () => 'the old record is still there',
    );
    await broker.expectTopic('orders').toHaveReceived({ value: 'new', offset: 1 }, { exactly: true });
  });
});

test('a transaction that is open for too long is aborted', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders');
    const producer = new TransactionalProducer(client, 'app-1', { transactionTimeoutMs: 60_000 });
    await producer.init();
    producer.begin();
    await producer.send({ topic: 'orders', value: 'never seen' });
    await broker.clock.advance('30s');
    assert.equal((await broker.transactions.describe('app-1')).state, 'Ongoing');
    await broker.clock.advance('45s');
    assert.equal((await broker.transactions.describe('app-1')).state, 'CompleteAbort');
    assert.deepEqual(await broker.topic('orders').records(), []);
    await assert.rejects(producer.commit());
  });
});

test('a member that sends no heartbeat loses its session', async () => {
  await withBroker(async (broker, client) => {
    await join(client, 'billing', 45_000);
    assert.equal((await broker.group('billing').describe()).members.length, 1);
    await broker.clock.advance('46s');
    assert.equal((await broker.group('billing').describe()).members.length, 0);
  });
});

test('a heartbeat that comes while time is advanced does not keep a session alive', async () => {
  await withBroker(async (broker, client) => {
    const memberId = await join(client, 'billing', 45_000);
    const beat = () => client.request(heartbeat, { groupId: 'billing', generationId: 1, memberId });
    const advance = broker.clock.advance('46s');
    const { errorCode } = await beat();
    await advance;
    assert.equal(errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });
});

test('committed offsets of a group that nobody uses expire', async () => {
  await withBroker(async (broker, client) => {
    await send(client, 'orders', ['a']);
    await commitOffsets(client, 'billing', [{ topic: 'orders', offsets: new Map([[0, 1]]) }]);
    await broker.clock.advance('6 days');
    assert.equal((await broker.group('billing').describe()).partitions.length, 1);
    await broker.clock.advance('2 days');
    await assert.rejects(broker.group('billing').describe(), { code: 'GROUP_ID_NOT_FOUND' });
  });
});

test('compaction waits for its lag, and takes place when it is over', async () => {
  await withBroker(
    async (broker, client) => {
      const configs = {
        'cleanup.policy': 'compact',
        'min.compaction.lag.ms': '3600000',
        'min.cleanable.dirty.ratio': '0.01',
        'segment.ms': '60000',
      };
      await newTopic(client, 'state', { configs });
      for (const value of ['one', 'two']) {
        await sendKeyed(client, 'state', 'key', value, broker.clock.now().getTime());
      }
      await broker.clock.advance('10 minutes');
      await sendKeyed(client, 'state', 'other', 'three', broker.clock.now().getTime());
      await broker.clock.advance('10 minutes');
      assert.equal((await broker.topic('state').records()).length, 3);
      await broker.clock.advance('2 hours');
      await broker.topic('state').until(
        (records) => records.every(({ value }) => value !== 'one'),
        () => 'it is not compacted',
      );
    },
    { settings: { 'log.cleaner.backoff.ms': 1000 } },
  );
});

test('a client that is over its quota waits for the broker’s time', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders');
    const entity = [{ entityType: 'client-id', entityName: 'app' }];
    const ops = [{ key: 'producer_byte_rate', value: 1_000, remove: false }];
    const { entries } = await client.request(alterClientQuotas, { entries: [{ entity, ops }], validateOnly: false });
    assert.equal(entries[0]?.errorCode, 0);
    await send(client, 'orders', ['x'.repeat(900_000)]);
    // Its connection is muted for minutes: the next request is taken when they are over.
    const next = send(client, 'orders', ['y']);
    await broker.clock.advance('1 hour');
    await next;
    const [first, second] = broker.journal.entries({ api: 'Produce' });
    assert.ok((first!.response as { throttleTimeMs: number }).throttleTimeMs >= 10_000);
    assert.ok(second!.receivedAtMs - first!.receivedAtMs >= 10_000);
  });
});

test('frozen, time moves by what it is advanced and by nothing else', async () => {
  const start = new Date('2031-05-01T12:00:00Z');
  await withBroker(
    async (broker) => {
      assert.equal(broker.clock.frozen, true);
      assert.equal(broker.clock.now().toISOString(), '2031-05-01T12:00:00.000Z');
      await broker.clock.advance('1h 30m');
      assert.equal(broker.clock.now().toISOString(), '2031-05-01T13:30:00.000Z');
      broker.clock.resume();
      assert.equal(broker.clock.frozen, false);
      assert.ok(broker.clock.now().getTime() >= start.getTime() + 5_400_000);
      await assert.rejects(broker.clock.advance('a while'), /is no duration/);
    },
    { clock: { start, frozen: true } },
  );
});

async function join(client: Client, groupId: string, sessionTimeoutMs: number): Promise<string> {
  await groupCoordinator(client, groupId);
  const ask = (memberId: string) =>
    client.request(joinGroup, {
      groupId,
      sessionTimeoutMs,
      rebalanceTimeoutMs: sessionTimeoutMs,
      memberId,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    });
  const { memberId } = await ask('');
  assert.equal((await ask(memberId)).errorCode, 0);
  return memberId;
}

async function sendKeyed(client: Client, topic: string, key: string, value: string, timestampMs: number) {
  const { Producer } = await import('../../src/client/producer.ts');
  const producer = new Producer(client);
  await producer.send({ topic, key, value, timestampMs });
  await producer.close();
}
