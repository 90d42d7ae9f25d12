// Transactions through a whole broker: what readers of committed records see, offsets that go with records, producers that
// are fenced or too late, a restart in between; and the commands that look after them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTopic, deleteTopic, OffsetSpec } from '../../src/client/admin.ts';
import { type Client, connectClient } from '../../src/client/client.ts';
import { Consumer } from '../../src/client/consumer.ts';
import { committedOffsets } from '../../src/client/groups.ts';
import { listOffsetsOf } from '../../src/client/list-offsets.ts';
import { TransactionError } from '../../src/client/transaction-error.ts';
import type { ProducerIdentity } from '../../src/client/transaction-requests.ts';
import { isFenced, TransactionalProducer } from '../../src/client/transactional-producer.ts';
import {
  abortTransaction,
  describeTransaction,
  hangingTransactions,
  producersOf,
  transactionAt,
  transactionsOf,
} from '../../src/client/transactions.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { finished, runOttla, startOttla, temporaryDirectory } from './ottla-process.ts';

// The runtime's timers do not keep a process alive; while something waits for one, this does.
const alive = setInterval(() => {}, 60_000);
after(() => clearInterval(alive));

const LOOKS_OFTEN = {
  'ottla.released.memory.poison': true,
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': 20,
};

async function clientOf(bootstrapServers: string): Promise<Client> {
  return connectClient(nodeRuntime({ writeLogLine: () => {} }), bootstrapServers, { clientId: 'transactions-test' });
}

async function producerOf(client: Client, transactionalId: string, transactionTimeoutMs = 60_000) {
  const producer = new TransactionalProducer(client, transactionalId, { transactionTimeoutMs });
  await producer.init();
  return producer;
}

/** Values up to what may be read now, partition by partition. */
async function valuesOf(client: Client, topic: string, readCommitted = true): Promise<string[]> {
  const partitions = (await client.topic(topic)).partitions.map(({ partition }) => partition);
  const ends = await listOffsetsOf(client, topic, partitions, OffsetSpec.LATEST, readCommitted);
  const consumer = new Consumer(client, { readCommitted, maxWaitMs: 50 });
  await consumer.assign(partitions.map((partition) => ({ topic, partition, from: 'beginning' })));
  const values: string[] = [];
  while (partitions.some((partition) => consumer.position(topic, partition)! < ends.get(partition)!)) {
    for (const { records } of await consumer.poll()) values.push(...records.map(({ value }) => String(value)));
  }
  consumer.close();
  return values.sort();
}

async function untilState(client: Client, transactionalId: string, state: string): Promise<void> {
  while ((await describeTransaction(client, transactionalId)).state !== state) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('transactions in a broker', () => {
  let broker: RunningBroker;
  let client: Client;

  before(async () => {
    broker = await startBroker({ settings: LOOKS_OFTEN });
    client = await clientOf(broker.bootstrapServers);
  });

  after(async () => {
    client.close();
    await broker.close();
  });

  test('all records of a commit are seen, none of an abort, and nothing behind an open transaction', async () => {
    await createTopic(client, { name: 'seen', partitions: 3 });
    const producer = await producerOf(client, 'seen');
    producer.begin();
    for (const partition of [0, 1, 2]) producer.add({ topic: 'seen', partition, value: `committed ${partition}` });
    await producer.commit();
    producer.begin();
    await Promise.all([0, 1, 2].map((partition) => producer.send({ topic: 'seen', partition, value: 'aborted' })));
    await producer.abort();
    producer.begin();
    await producer.send({ topic: 'seen', partition: 0, value: 'open' });
    const other = await producerOf(client, 'seen-other');
    other.begin();
    await other.send({ topic: 'seen', partition: 0, value: 'behind' });
    await other.commit();
    const committed = ['committed 0', 'committed 1', 'committed 2'];
    assert.deepEqual(await valuesOf(client, 'seen'), committed);
    assert.equal((await valuesOf(client, 'seen', false)).length, 8);
    await producer.commit();
    assert.deepEqual(await valuesOf(client, 'seen'), ['behind', ...committed, 'open']);
  });

  test('offsets become those of the group with the commit, and vanish with an abort', async () => {
    await createTopic(client, { name: 'input', partitions: 2 });
    const producer = await producerOf(client, 'offsets');
    const offsets = (first: number, second: number) => [
      {
        topic: 'input',
        offsets: new Map([
          [0, first],
          [1, second],
        ]),
      },
    ];
    producer.begin();
    await producer.sendOffsets('readers', offsets(3, 4));
    await producer.commit();
    producer.begin();
    await producer.sendOffsets('readers', offsets(30, 40));
    await producer.abort();
    assert.deepEqual(await committedOffsets(client, 'readers', null), offsets(3, 4));
  });

  test('a producer whose transactional id was taken over can do nothing more, and its transaction is aborted', async () => {
    await createTopic(client, { name: 'fenced' });
    const zombie = await producerOf(client, 'fenced');
    zombie.begin();
    await zombie.send({ topic: 'fenced', value: 'of the zombie' });
    const successor = await producerOf(client, 'fenced');
    await assert.rejects(zombie.send({ topic: 'fenced', value: 'too late' }), TransactionError);
    await assert.rejects(zombie.commit(), TransactionError);
    await assert.rejects(zombie.abort(), (error) => isFenced(error));
    await zombie.close();
    successor.begin();
    await successor.send({ topic: 'fenced', value: 'of the successor' });
    await successor.commit();
    assert.deepEqual(await valuesOf(client, 'fenced'), ['of the successor']);
  });

  test('a transaction that takes too long is aborted by the broker, and its producer goes on after an abort', async () => {
    await createTopic(client, { name: 'late' });
    const producer = await producerOf(client, 'late', 1);
    producer.begin();
    await producer.send({ topic: 'late', value: 'late' }).catch(() => {});
    await untilState(client, 'late', 'CompleteAbort');
    await assert.rejects(producer.send({ topic: 'late', value: 'later' }), { remedy: 'abort' });
    await producer.abort();
    const next = await producerOf(client, 'late');
    next.begin();
    await next.send({ topic: 'late', value: 'next' });
    await next.commit();
    assert.deepEqual(await valuesOf(client, 'late'), ['next']);
  });

  test('a transaction that lost a record can only be aborted, and the one after it is whole', async () => {
    await createTopic(client, { name: 'lost' });
    const producer = await producerOf(client, 'lost');
    producer.begin();
    await producer.send({ topic: 'lost', value: 'first' });
    const failed = { code: 'UNKNOWN_TOPIC_OR_PARTITION', remedy: 'abort' };
    await assert.rejects(producer.send({ topic: 'lost', partition: 7, value: 'nowhere' }), failed);
    assert.throws(() => producer.add({ topic: 'lost', value: 'second' }), failed);
    await assert.rejects(producer.commit(), failed);
    await producer.abort();
    producer.begin();
    await producer.send({ topic: 'lost', value: 'third' });
    await producer.commit();
    assert.deepEqual(await valuesOf(client, 'lost'), ['third']);
  });

  test('listing knows states, ids and patterns; describing knows partitions', async () => {
    await createTopic(client, { name: 'listed', partitions: 2 });
    const producer = await producerOf(client, 'listed-open');
    await producerOf(client, 'listed-empty');
    producer.begin();
    await Promise.all([1, 0].map((partition) => producer.send({ topic: 'listed', partition, value: 'v' })));
    const pattern = { transactionalIdPattern: 'listed-.*' };
    const ids = async (filters: object) =>
      (await transactionsOf(client, { ...pattern, ...filters })).map(({ transactionalId }) => transactionalId);
    assert.deepEqual(await ids({}), ['listed-empty', 'listed-open']);
    assert.deepEqual(await ids({ states: ['Ongoing'] }), ['listed-open']);
    assert.deepEqual(await ids({ producerIds: [producer.identity.producerId] }), ['listed-open']);
    assert.deepEqual(await ids({ olderThanMs: 3_600_000 }), []);
    await assert.rejects(ids({ states: ['Sleeping'] }), /transactions have no state Sleeping; the states are Empty/);
    const described = await describeTransaction(client, 'listed-open');
    assert.equal(described.state, 'Ongoing');
    assert.deepEqual(described.partitions, [{ topic: 'listed', partitions: [0, 1] }]);
    assert.deepEqual(await broker.transactions.describe('listed-open'), described);
    assert.equal((await broker.transactions.list(pattern)).length, 2);
    await broker.transactions.fence('listed-open');
    await assert.rejects(producer.commit());
    await assert.rejects(describeTransaction(client, 'nobody'), { code: 'TRANSACTIONAL_ID_NOT_FOUND' });
  });

  test('a transaction that no coordinator knows is found, aborted, and readers go on', async () => {
    await createTopic(client, { name: 'hanging' });
    const producer = await hang(client, 'hanging');
    const cared = await producerOf(client, 'cared-for');
    cared.begin();
    await cared.send({ topic: 'hanging', value: 'open, and its coordinator knows' });
    // The last write has to be a millisecond ago.
    const search = () => hangingTransactions(client, { topic: 'hanging', timeoutMaxMs: 0 });
    let found = await search();
    while (found.length === 0) found = await search();
    assert.deepEqual(
      found.map(({ producerId, transactionStartOffset }) => ({ producerId, transactionStartOffset })),
      [{ producerId: producer.producerId, transactionStartOffset: 0 }],
    );
    await assert.rejects(
      transactionAt(client, 'hanging', 0, 77),
      /no open transaction of hanging-0 begins at offset 77/,
    );
    await abortTransaction(client, await transactionAt(client, 'hanging', 0, 0));
    assert.deepEqual(await search(), []);
    await cared.commit();
    assert.deepEqual(await valuesOf(client, 'hanging'), ['open, and its coordinator knows']);
    const open = (await producersOf(client, 'hanging', [0])).filter((each) => each.transactionStartOffset !== null);
    assert.deepEqual(open, []);
  });

  test('the command line lists, describes, finds, aborts and fences', async () => {
    await createTopic(client, { name: 'commands' });
    const env = { OTTLA_BOOTSTRAP: broker.bootstrapServers };
    const ottla = async (...args: string[]) => {
      const { code, stdout, stderr } = await runOttla(['transaction', ...args], { env });
      return { code, stdout: stdout.toString(), stderr };
    };
    const { producerId, producerEpoch } = await hang(client, 'commands');
    const producer = await producerOf(client, 'commands');
    producer.begin();
    await producer.send({ topic: 'commands', value: 'v' });

    assert.equal((await ottla('list', '--transactional-id-pattern', 'commands')).stdout, 'commands\n');
    assert.match((await ottla('list', '--state', 'Sleeping')).stderr, /^ottla: transactions have no state Sleeping; /);
    const described = await ottla('describe', 'commands');
    assert.match(
      described.stdout,
      /^commands {2}Ongoing, producer \d+ epoch 0, timeout 1 min 0 s, coordinator \d+\nopen /,
    );
    assert.match(described.stdout, /\ncommands +0\n$/);
    const missing = await ottla('describe', 'nobody');
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /TRANSACTIONAL_ID_NOT_FOUND; `ottla transaction list` shows what there is\.\n$/);

    const search = ['find-hanging', '--topic', 'commands', '--max-transaction-timeout', '0', '--json'];
    const [found] = JSON.parse((await ottla(...search)).stdout);
    assert.equal(found.producerId, producerId);
    assert.equal(found.transactionStartOffset, 0);
    assert.equal((await ottla('find-hanging', '--partition', '0')).code, 2);

    const abort = ['abort', '--topic', 'commands', '--partition', '0'];
    assert.equal((await ottla(...abort)).code, 2);
    assert.equal((await ottla(...abort, '--start-offset', '0', '--producer-id', '1')).code, 2);
    assert.match((await ottla(...abort, '--start-offset', '5')).stderr, /begins at offset 5; `ottla transaction find-/);
    const ids = ['--producer-id', `${producerId}`, '--producer-epoch', `${producerEpoch}`, '--coordinator-epoch', '-1'];
    const aborted = await ottla(...abort, ...ids);
    assert.equal(aborted.stderr, '');
    assert.match(aborted.stdout, /^aborted the transaction of producer \d+ epoch \d+ in commands-0\n$/);

    assert.equal((await ottla('fence', 'commands')).stdout, 'fenced commands\n');
    await assert.rejects(producer.commit());
    assert.deepEqual(await valuesOf(client, 'commands'), []);
  });

  test('the command line writes all lines or none, and stops reading committed records at an open transaction', async () => {
    await createTopic(client, { name: 'lines' });
    const env = { OTTLA_BOOTSTRAP: broker.bootstrapServers };
    const write = (input: string, ...args: string[]) =>
      runOttla(['produce', 'lines', '--transactional-id', 'lines', ...args], { env, input: Buffer.from(input) });
    const read = async () =>
      (await runOttla(['consume', 'lines', '--read-committed'], { env })).stdout.toString().trim().split('\n');
    assert.match((await write('a\nb\nc\n')).stdout.toString(), /^wrote 3 records /);
    const failed = await write('d\te\nno separator\n', '--key-separator', '\\t');
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /^ottla: line 2 has no key separator/);
    assert.deepEqual(await read(), ['a', 'b', 'c']);
    const partly = await write(
      '1\td\n2\te\n3\tf\nno separator\n',
      '--key-separator',
      '\\t',
      '--transaction-records',
      '2',
    );
    assert.match(partly.stdout.toString(), /^wrote 2 records /);
    assert.deepEqual(await read(), ['a', 'b', 'c', 'd', 'e']);

    const child = startOttla(['produce', 'lines', '--transactional-id', 'interrupted'], { env });
    const end = finished(child);
    child.stdin!.write('never\n');
    while ((await transactionsOf(client, { states: ['Ongoing'], transactionalIdPattern: 'interrupted' })).length === 0);
    assert.deepEqual(await read(), ['a', 'b', 'c', 'd', 'e']);
    child.kill('SIGINT');
    assert.match((await end).stdout.toString(), /^wrote 0 records /);
    assert.equal((await describeTransaction(client, 'interrupted')).state, 'CompleteAbort');
    assert.equal((await runOttla(['produce', 'lines', '--transaction-records', '5'], { env })).code, 2);
  });
});

test('transactions that were open, committed and aborted are so after a restart, and the open one can be committed', async () => {
  const directory = temporaryDirectory();
  const options = { data: directory.path, settings: LOOKS_OFTEN };
  let broker = await startBroker(options);
  try {
    let client = await clientOf(broker.bootstrapServers);
    await createTopic(client, { name: 'restarted', partitions: 2 });
    const producer = await producerOf(client, 'restarted');
    for (const committed of [true, false]) {
      producer.begin();
      for (const partition of [0, 1]) {
        await producer.send({
          topic: 'restarted',
          partition,
          value: `${committed ? 'committed' : 'aborted'} ${partition}`,
        });
      }
      await (committed ? producer.commit() : producer.abort());
    }
    producer.begin();
    await producer.send({ topic: 'restarted', partition: 1, value: 'open' });
    const { port } = broker;
    client.close();
    await broker.close();
    broker = await startBroker({ ...options, port });
    client = await clientOf(broker.bootstrapServers);
    assert.deepEqual(await valuesOf(client, 'restarted'), ['committed 0', 'committed 1']);
    const described = await describeTransaction(client, 'restarted');
    assert.equal(described.state, 'Ongoing');
    assert.deepEqual(described.partitions, [{ topic: 'restarted', partitions: [1] }]);
    await broker.transactions.fence('restarted');
    const successor = await producerOf(client, 'restarted');
    successor.begin();
    await successor.send({ topic: 'restarted', partition: 1, value: 'after' });
    await successor.commit();
    assert.deepEqual(await valuesOf(client, 'restarted'), ['after', 'committed 0', 'committed 1']);
    client.close();
  } finally {
    await broker.close();
    directory.remove();
  }
});

/** A transaction in partition 0 whose coordinator has forgotten it with everything else that it knew. */
async function hang(client: Client, topic: string): Promise<ProducerIdentity> {
  const producer = await producerOf(client, `hangs in ${topic}`);
  producer.begin();
  await producer.send({ topic, value: 'hangs' });
  await deleteTopic(client, '__transaction_state');
  return producer.identity;
}
