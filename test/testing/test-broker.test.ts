// The test broker as a test uses it: quick, alone, and gone on close; and its waits and expectations.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { TransactionalProducer } from '../../src/client/transactional-producer.ts';
import { kafkaMatchers, startTestBroker, type TestBrokerOptions, WaitTimeout } from '../../src/testing.ts';
import { newTopic, send, withBroker, withClient } from './clients.ts';

test('two hundred test brokers in one process know nothing of each other', async () => {
  const brokers = await Promise.all(Array.from({ length: 200 }, () => startTestBroker()));
  try {
    assert.equal(new Set(brokers.map(({ port }) => port)).size, 200);
    await Promise.all(
      brokers.map((broker, index) => withClient(broker, (client) => send(client, 'mine', [`of ${index}`]))),
    );
    for (const [index, broker] of brokers.entries()) {
      const records = await broker.topic('mine').records();
      assert.deepEqual(
        records.map(({ value }) => value),
        [`of ${index}`],
      );
    }
  } finally {
    await Promise.all(brokers.map((broker) => broker.close()));
  }
});

test('a closed test broker leaves no handle, no timer and no file', () => {
  const program = `
    import { readdirSync } from 'node:fs';
    import { startTestBroker } from ${JSON.stringify(new URL('../../src/testing.js', import.meta.url).href)};
    const before = readdirSync('.').length;
    for (const durability of ['os', 'fsync', 'memory']) {
      const broker = await startTestBroker({ durability });
      await broker.close();
      await broker.close();
    }
    await new Promise((resolve) => setImmediate(resolve));
    const left = process.getActiveResourcesInfo().filter((name) => !/TTY|Pipe|FSReq|ConnectWrap/.test(name));
    console.log(JSON.stringify({ left, files: readdirSync('.').length - before }));
  `;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(run.status, 0, run.stderr);
  assert.deepEqual(JSON.parse(run.stdout), { left: [], files: 0 });
});

test('an option that does not exist is refused', async () => {
  await assert.rejects(startTestBroker({ durabilty: 'os' } as TestBrokerOptions), /has no option durabilty/);
  await assert.rejects(startTestBroker({ settings: { 'log.dirs': '/tmp' } }), /keeps everything in memory/);
  await assert.rejects(startTestBroker({ clock: { start: 'soon' } }), TypeError);
});

test('records come back decoded, without those of open and aborted transactions', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders', { partitions: 2 });
    await send(client, 'orders', ['{"id":1}', 'text'], { partition: 1 });
    const producer = new TransactionalProducer(client, 'app-1');
    await producer.init();
    producer.begin();
    await producer.send({ topic: 'orders', partition: 0, key: 'k', value: 'aborted', headers: [] });
    await producer.abort();
    producer.begin();
    await producer.send({ topic: 'orders', partition: 0, key: 'k', value: 'open', headers: [] });
    const committed = await broker.topic('orders').records();
    assert.deepEqual(
      committed.map(({ partition, offset, key, value, json }) => ({ partition, offset, key, value, json })),
      [
        { partition: 1, offset: 0, key: null, value: '{"id":1}', json: { id: 1 } },
        { partition: 1, offset: 1, key: null, value: 'text', json: undefined },
      ],
    );
    const all = await broker.topic('orders').records({ isolation: 'uncommitted', partition: 0 });
    assert.deepEqual(
      all.map(({ value }) => value),
      ['aborted', 'open'],
    );
    await producer.commit();
    await producer.close();
    assert.equal((await broker.topic('orders').records({ partition: 0 })).length, 1);
    assert.deepEqual(await broker.topic('never').records(), []);
  });
});

test('an expectation waits for its records and says what there was instead', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders');
    const waiting = broker.expectTopic('orders').toHaveReceived({ value: { id: 2, lines: [{ sku: 'a' }] } });
    await send(client, 'orders', ['{"id":1}', '{"id":2,"lines":[{"sku":"a","count":3}],"more":true}']);
    await waiting;
    const orders = broker.expectTopic('orders');
    await orders.toHaveReceived([{ value: { id: 1 } }, { value: /"more":true/ }], { inOrder: true, exactly: true });
    await orders.notToHaveReceived({ value: { id: 3 } });
    const brief = { timeoutMs: 0 };
    await assert.rejects(orders.toHaveReceived({ value: { id: 3 } }, brief), (error: Error) => {
      assert.ok(error instanceof assert.AssertionError);
      assert.match(error.message, /0@0 null: "\{\\"id\\":1\}"/);
      return true;
    });
    // One record does not stand for two.
    await assert.rejects(orders.toHaveReceived([{ value: { id: 1 } }, { value: { id: 1 } }], brief));
    await assert.rejects(
      orders.toHaveReceived([{ value: { id: 2 } }, { value: { id: 1 } }], { ...brief, inOrder: true }),
      /in this order/,
    );
    await assert.rejects(orders.toHaveReceived({ value: { id: 1 } }, { ...brief, exactly: true }), /nothing else/);
    await assert.rejects(orders.notToHaveReceived({ value: { id: 1 } }), assert.AssertionError);
    await assert.rejects(orders.toHaveReceived({ vlaue: '1' } as never), /a record has no vlaue/);
    await assert.rejects(orders.toHaveReceived({}), /say what is expected/);
  });
});

test('the matchers for expect.extend pass and fail as an expectation does', async () => {
  await withBroker(async (broker, client) => {
    await send(client, 'orders', ['a']);
    const orders = broker.topic('orders');
    const found = await kafkaMatchers.toHaveReceived.call({}, orders, { value: 'a' });
    assert.equal(found.pass, true);
    assert.match(found.message(), /topic orders has received/);
    const missing = await kafkaMatchers.toHaveReceived.call({ isNot: true }, orders, { value: 'b' });
    assert.equal(missing.pass, false);
    assert.match(missing.message(), /has not received/);
    await broker.groups.reset('billing', 'orders', new Map([[0, 0]]));
    assert.equal((await kafkaMatchers.toBeCaughtUp.call({ isNot: true }, broker.group('billing'))).pass, false);
    await broker.groups.reset('billing', 'orders', new Map([[0, 1]]));
    assert.equal((await kafkaMatchers.toBeCaughtUp.call({}, broker.group('billing'))).pass, true);
  });
});

test('a group has caught up when it has committed all that a reader may read', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders', { partitions: 2 });
    await send(client, 'orders', ['a', 'b'], { partition: 0 });
    await send(client, 'orders', ['c'], { partition: 1 });
    const group = broker.group('billing');
    await assert.rejects(group.caughtUp({ timeoutMs: 0 }), /it does not exist/);
    await broker.groups.reset('billing', 'orders', new Map([[0, 2]]));
    await group.caughtUp();
    await assert.rejects(group.caughtUp({ topic: 'orders', timeoutMs: 0 }), /orders-1 by 1/);
    assert.equal(await group.lag('orders'), 1);
    const waiting = group.caughtUp({ topic: 'orders' });
    await broker.groups.reset('billing', 'orders', new Map([[1, 1]]));
    await waiting;
    assert.equal((await group.describe()).state, 'Empty');
  });
});

test('the journal has every request of clients with its answer, and none of the broker’s own', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders');
    await send(client, 'orders', ['a']);
    await broker.waitForIdle({ quietMs: 1 });
    await broker.topic('orders').records();
    const [produce, ...others] = broker.journal.entries({ api: 'Produce', topic: 'orders' });
    assert.equal(others.length, 0);
    assert.equal(produce?.clientId, 'app');
    assert.equal(produce?.outcome, 'answered');
    assert.deepEqual([...(produce?.topics.get('orders') ?? [])], [0]);
    assert.match(broker.journal.toString({ api: 'Produce' }), /app Produce v\d+ orders\[0\]: answered in \d+ ms → \{/);
    assert.deepEqual([...new Set(broker.journal.entries().map(({ clientId }) => clientId))], ['app']);
    const { count } = broker.journal;
    broker.journal.clear();
    assert.ok(count > 3);
    assert.equal(broker.journal.count, 0);
  });
});

test('a journal keeps the newest entries only', async () => {
  await withBroker(
    async (broker, client) => {
      await send(client, 'orders', ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
      assert.equal(broker.journal.entries().length, 3);
      assert.equal(broker.journal.isCut, true);
      assert.ok(broker.journal.count > 7);
    },
    { journalEntriesMax: 3 },
  );
});

test('a broker is idle when every request is answered, and a wait that is too short says what waits', async () => {
  await withBroker(async (broker, client) => {
    await newTopic(client, 'orders');
    const fault = broker.faults.add({ api: 'Produce', action: { delay: '1h' } });
    const sent = send(client, 'orders', ['late']);
    await fault.struck();
    await assert.rejects(broker.waitForIdle({ quietMs: 0, timeoutMs: 500 }), (error: Error) => {
      assert.ok(error instanceof WaitTimeout);
      assert.match(error.message, /1 requests wait[\s\S]*Produce v\d+ orders\[0\] \{delay 1h\}: waiting/);
      return true;
    });
    await broker.clock.advance('1h');
    await sent;
    await broker.waitForIdle();
  });
});
