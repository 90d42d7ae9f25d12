// The APIs of transactions over a real coordinator and real partitions.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONSUMER_OFFSETS, TRANSACTION_STATE } from '../metadata/topic-name.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { addOffsetsToTxn } from '../protocol/messages/add-offsets-to-txn.ts';
import { addPartitionsToTxn } from '../protocol/messages/add-partitions-to-txn.ts';
import { describeTransactions } from '../protocol/messages/describe-transactions.ts';
import { endTxn } from '../protocol/messages/end-txn.ts';
import { listTransactions } from '../protocol/messages/list-transactions.ts';
import { settle } from './data-api-world.suite.ts';
import { type Producer, TransactionApiWorld } from './transaction-api-world.suite.ts';

async function worldWithProducer(options = {}): Promise<{ world: TransactionApiWorld; producer: Producer }> {
  const world = new TransactionApiWorld(options);
  world.createTopic('t', 3);
  const { errorCode, ...producer } = await world.init('tx');
  assert.equal(errorCode, ErrorCode.NONE);
  return { world, producer };
}

const raised = ({ producerId, producerEpoch }: Producer): Producer => ({
  producerId,
  producerEpoch: producerEpoch + 1,
});

describe('InitProducerId with a transactional id', () => {
  it('gives one producer id with an epoch that rises each time, and keeps both over a restart', async () => {
    const { world, producer } = await worldWithProducer();
    assert.equal(producer.producerEpoch, 0);
    assert.deepEqual(await world.init('tx'), { errorCode: 0, producerId: producer.producerId, producerEpoch: 1 });
    await world.restartCoordinator();
    assert.deepEqual(await world.init('tx'), { errorCode: 0, producerId: producer.producerId, producerEpoch: 2 });
    assert.notEqual((await world.init('other')).producerId, producer.producerId);
  });

  it('answers only when it is committed', async () => {
    const world = new TransactionApiWorld();
    const { initProducerId } = await import('../protocol/messages/init-producer-id.ts');
    const sent = world.send(initProducerId, 5, { transactionalId: 'tx', transactionTimeoutMs: 1000 });
    await settle();
    assert.equal(sent.answer, undefined);
    world.settle();
    assert.equal(sent.got.errorCode, ErrorCode.NONE);
  });

  it('refuses an empty id and timeouts that are not positive or too long', async () => {
    const world = new TransactionApiWorld({ brokerConfig: { 'transaction.max.timeout.ms': '5000' } });
    assert.equal((await world.init('')).errorCode, ErrorCode.INVALID_REQUEST);
    for (const transactionTimeoutMs of [-1, 0, 5001]) {
      const { errorCode, producerId } = await world.init('tx', { transactionTimeoutMs });
      assert.deepEqual([errorCode, producerId], [ErrorCode.INVALID_TRANSACTION_TIMEOUT, -1]);
    }
    assert.equal((await world.init('tx', { transactionTimeoutMs: 5000 })).errorCode, ErrorCode.NONE);
  });

  it('aborts what another producer has open and makes the new one ask again', async () => {
    const { world, producer } = await worldWithProducer();
    await world.add('tx', producer, { t: [0, 1] });
    assert.equal((await world.init('tx')).errorCode, ErrorCode.CONCURRENT_TRANSACTIONS);
    assert.deepEqual(
      world.markers.map(({ partition, type, producerEpoch }) => [partition, type, producerEpoch]),
      [
        ['t-0', 0, 1],
        ['t-1', 0, 1],
      ],
    );
    assert.equal((await world.init('tx')).producerEpoch, 2);
    const fenced = { 't-0': ErrorCode.PRODUCER_FENCED };
    assert.deepEqual(await world.add('tx', producer, { t: [0] }), fenced);
  });

  it('lets a producer go on that names itself, and one that has missed the answer', async () => {
    const { world, producer } = await worldWithProducer();
    const next = { errorCode: 0, ...raised(producer) };
    assert.deepEqual(await world.init('tx', producer), next);
    assert.deepEqual(await world.init('tx', producer), next);
    assert.equal((await world.init('tx')).producerEpoch, 2);
    assert.equal((await world.init('tx', producer)).errorCode, ErrorCode.PRODUCER_FENCED);
    assert.equal((await world.init('tx', producer, 3)).errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
    const stranger = { producerId: producer.producerId + 500, producerEpoch: 2 };
    assert.equal((await world.init('tx', stranger)).errorCode, ErrorCode.PRODUCER_FENCED);
  });

  it('is not taken while another broker would be in charge, or nobody', async () => {
    const world = new TransactionApiWorld({ stateTopicPartitions: 0 });
    assert.equal((await world.init('tx')).errorCode, ErrorCode.NOT_COORDINATOR);
    world.createTopic(TRANSACTION_STATE);
    assert.equal((await world.init('tx')).errorCode, ErrorCode.NONE);
    world.storage.writable = false;
    assert.equal((await world.init('tx')).errorCode, ErrorCode.NOT_COORDINATOR);
    world.storage.writable = true;
    assert.equal((await world.init('tx')).errorCode, ErrorCode.NONE);
  });
});

describe('AddPartitionsToTxn', () => {
  it('begins the transaction and says for each partition that it is part of it', async () => {
    for (let version = 0; version <= 3; version++) {
      const { world, producer } = await worldWithProducer();
      assert.deepEqual(await world.add('tx', producer, { t: [0, 2] }, version), { 't-0': 0, 't-2': 0 });
      assert.deepEqual(world.history('tx'), ['Empty 0', 'Ongoing 0 t-0 t-2']);
      assert.deepEqual(await world.add('tx', producer, { t: [2] }, version), { 't-2': 0 });
      assert.equal(world.history('tx').length, 2);
    }
  });

  it('does nothing when one of the partitions does not exist', async () => {
    const { world, producer } = await worldWithProducer();
    assert.deepEqual(await world.add('tx', producer, { t: [0, 9], none: [0] }), {
      't-0': ErrorCode.OPERATION_NOT_ATTEMPTED,
      't-9': ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      'none-0': ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
    assert.deepEqual(world.history('tx'), ['Empty 0']);
  });

  it('refuses producers that are not the one of the id, in words of the version', async () => {
    const { world, producer } = await worldWithProducer();
    const codeOf = async (of: Producer, version: number, id = 'tx') =>
      (await world.add(id, of, { t: [0] }, version))['t-0'];
    const other = { ...producer, producerId: producer.producerId + 1 };
    assert.equal(await codeOf(other, 3), ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    assert.equal(await codeOf(producer, 3, 'unknown'), ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    assert.equal(await codeOf(producer, 3, ''), ErrorCode.INVALID_REQUEST);
    assert.equal(await codeOf(raised(producer), 2), ErrorCode.PRODUCER_FENCED);
    assert.equal(await codeOf(raised(producer), 1), ErrorCode.INVALID_PRODUCER_EPOCH);
  });

  it('verifies for other brokers, and adds for them under version 2', async () => {
    const { world, producer } = await worldWithProducer();
    assert.deepEqual(await world.addOrVerify('tx', producer, { t: [0] }, false), { 't-0': 0 });
    assert.deepEqual(await world.addOrVerify('tx', producer, { t: [0, 1] }, true), {
      't-0': 0,
      't-1': ErrorCode.TRANSACTION_ABORTABLE,
    });
    const other = { ...producer, producerId: producer.producerId + 1 };
    const wrong = { 't-0': ErrorCode.INVALID_PRODUCER_ID_MAPPING };
    assert.deepEqual(await world.addOrVerify('tx', other, { t: [0] }, true), wrong);
    assert.deepEqual(await world.addOrVerify('unknown', producer, { t: [0] }, true), wrong);
    assert.deepEqual(await world.addOrVerify('tx', raised(producer), { t: [0] }, true), {
      't-0': ErrorCode.PRODUCER_FENCED,
    });
    assert.deepEqual(await world.addOrVerify('', producer, { t: [0] }, true), { 't-0': ErrorCode.INVALID_REQUEST });
  });

  it('answers several transactions together, and none at once', async () => {
    const { world, producer } = await worldWithProducer();
    const topics = [{ name: 't', partitions: [0] }];
    const { resultsByTransaction } = await world.ask(addPartitionsToTxn, 4, {
      transactions: [
        { transactionalId: 'unknown', producerId: 1, producerEpoch: 0, verifyOnly: true, topics },
        { transactionalId: 'tx', ...producer, verifyOnly: false, topics },
      ],
    } as never);
    assert.deepEqual(
      resultsByTransaction.map(({ transactionalId, topicResults }) => [
        transactionalId,
        topicResults[0]!.resultsByPartition[0]!.partitionErrorCode,
      ]),
      [
        ['unknown', ErrorCode.INVALID_PRODUCER_ID_MAPPING],
        ['tx', ErrorCode.NONE],
      ],
    );
    const none = await world.ask(addPartitionsToTxn, 4, { transactions: [] } as never);
    assert.deepEqual(none.resultsByTransaction, []);
  });

  it('takes no more partitions than a record can name, and the transaction can still be aborted', async () => {
    const { world, producer } = await worldWithProducer({ stateTopicConfig: { 'max.message.bytes': '1200' } });
    world.createTopic('many', 500);
    const all = Array.from({ length: 500 }, (_, index) => index);
    const codes = await world.add('tx', producer, { many: all });
    assert.equal(codes['many-0'], ErrorCode.TRANSACTION_ABORTABLE);
    assert.deepEqual(await world.add('tx', producer, { many: [0] }), { 'many-0': 0 });
    assert.equal((await world.end('tx', producer, false)).errorCode, ErrorCode.NONE);
  });
});

describe('AddOffsetsToTxn', () => {
  it('adds the partition of the group, whose topic is made when there is none', async () => {
    for (let version = 0; version <= 4; version++) {
      const { world, producer } = await worldWithProducer();
      const { errorCode } = await world.ask(addOffsetsToTxn, version, {
        transactionalId: 'tx',
        ...producer,
        groupId: 'g',
      });
      assert.equal(errorCode, ErrorCode.NONE);
      assert.deepEqual(world.history('tx'), ['Empty 0', `Ongoing 0 ${CONSUMER_OFFSETS}-0`]);
      const fenced = await world.ask(addOffsetsToTxn, version, {
        transactionalId: 'tx',
        ...raised(producer),
        groupId: 'g',
      });
      assert.equal(fenced.errorCode, version < 2 ? ErrorCode.INVALID_PRODUCER_EPOCH : ErrorCode.PRODUCER_FENCED);
    }
  });
});

describe('EndTxn', () => {
  it('commits and aborts in versions before 5, where the epoch stays', async () => {
    for (let version = 0; version <= 4; version++) {
      const { world, producer } = await worldWithProducer();
      for (const committed of [true, false]) {
        await world.add('tx', producer, { t: [1] });
        const ended = { errorCode: 0, producerId: -1, producerEpoch: -1 };
        assert.deepEqual(await world.end('tx', producer, committed, version), ended);
        assert.deepEqual(await world.end('tx', producer, committed, version), ended);
        const opposite = await world.end('tx', producer, !committed, version);
        assert.equal(opposite.errorCode, ErrorCode.INVALID_TXN_STATE);
      }
      assert.deepEqual(world.history('tx').slice(1), [
        'Ongoing 0 t-1',
        'PrepareCommit 0 t-1',
        'CompleteCommit 0',
        'Ongoing 0 t-1',
        'PrepareAbort 0 t-1',
        'CompleteAbort 0',
      ]);
      const fenced = await world.end('tx', raised(producer), true, version);
      assert.equal(fenced.errorCode, version < 2 ? ErrorCode.INVALID_PRODUCER_EPOCH : ErrorCode.PRODUCER_FENCED);
    }
  });

  it('raises the epoch from version 5 on, and tells a repetition what it missed', async () => {
    const { world, producer } = await worldWithProducer();
    await world.addOrVerify('tx', producer, { t: [1] }, false);
    const next = { errorCode: 0, ...raised(producer) };
    assert.deepEqual(await world.end('tx', producer, true), next);
    assert.deepEqual(await world.end('tx', producer, true), next);
    assert.equal((await world.end('tx', producer, false)).errorCode, ErrorCode.INVALID_TXN_STATE);
    assert.deepEqual(
      world.markers.map(({ partition, producerEpoch, transactionVersion }) => [
        partition,
        producerEpoch,
        transactionVersion,
      ]),
      [['t-1', 1, 2]],
    );
  });

  it('takes an abort when nothing is open, but no commit', async () => {
    const { world, producer } = await worldWithProducer();
    assert.equal((await world.end('tx', producer, true)).errorCode, ErrorCode.INVALID_TXN_STATE);
    assert.equal((await world.end('tx', producer, false)).producerEpoch, 1);
    assert.equal((await world.end('tx', raised(producer), false)).producerEpoch, 2);
  });

  it('can never touch a newer transaction, however late it comes', async () => {
    const { world, producer } = await worldWithProducer();
    await world.addOrVerify('tx', producer, { t: [0] }, false);
    await world.end('tx', producer, true);
    const next = raised(producer);
    await world.addOrVerify('tx', next, { t: [0] }, false);
    for (const committed of [true, false]) {
      assert.equal((await world.end('tx', producer, committed)).errorCode, ErrorCode.PRODUCER_FENCED);
    }
    assert.equal((await world.describe('tx')).transactionState, 'Ongoing');
  });

  it('refuses who is not the producer of the id, and an id that is not known or empty', async () => {
    const { world, producer } = await worldWithProducer();
    const other = { ...producer, producerId: producer.producerId + 1 };
    assert.equal((await world.end('tx', other, true)).errorCode, ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    assert.equal((await world.end('unknown', producer, true)).errorCode, ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    assert.equal((await world.end('', producer, true)).errorCode, ErrorCode.INVALID_REQUEST);
  });

  it('answers when it is committed', async () => {
    const { world, producer } = await worldWithProducer();
    await world.addOrVerify('tx', producer, { t: [0] }, false);
    const sent = world.send(endTxn, 5, { transactionalId: 'tx', ...producer, committed: true });
    assert.equal(sent.answer, undefined);
    world.storage.commit();
    assert.equal(sent.got.errorCode, ErrorCode.NONE);
  });
});

describe('A marker that cannot be written', () => {
  it('is tried again, and meanwhile nobody else gets in', async () => {
    const { world, producer } = await worldWithProducer();
    await world.addOrVerify('tx', producer, { t: [0, 1] }, false);
    world.refusals.set('t-1', ErrorCode.KAFKA_STORAGE_ERROR);
    assert.deepEqual(await world.end('tx', producer, true), { errorCode: 0, ...raised(producer) });
    const described = await world.describe('tx');
    assert.equal(described.transactionState, 'PrepareCommit');
    assert.deepEqual(described.topics, [{ topic: 't', partitions: [1] }]);
    const waiting = ErrorCode.CONCURRENT_TRANSACTIONS;
    assert.equal((await world.init('tx')).errorCode, waiting);
    assert.equal((await world.end('tx', producer, true)).errorCode, waiting);
    assert.equal((await world.end('tx', producer, false)).errorCode, ErrorCode.INVALID_TXN_STATE);
    assert.deepEqual(await world.addOrVerify('tx', raised(producer), { t: [2] }, false), { 't-2': waiting });
    assert.deepEqual(await world.addOrVerify('tx', raised(producer), { t: [0] }, true), { 't-0': waiting });

    world.refusals.clear();
    world.time.advance(100);
    world.settle();
    assert.equal((await world.describe('tx')).transactionState, 'CompleteCommit');
    assert.deepEqual(world.history('tx').slice(-2), ['PrepareCommit 1 t-0 t-1', 'CompleteCommit 1']);
    assert.deepEqual(
      world.markers.map(({ partition }) => partition),
      ['t-0', 't-1'],
    );
  });

  it('is tried ever more rarely, and again after a restart', async () => {
    const { world, producer } = await worldWithProducer();
    await world.addOrVerify('tx', producer, { t: [0] }, false);
    world.refusals.set('t-0', ErrorCode.TRANSACTION_COORDINATOR_FENCED);
    await world.end('tx', producer, true);
    world.time.advance(60_000);
    const tries = world.log.lines.filter((line) => line.startsWith('A partition does not take')).length;
    assert.ok(tries > 5 && tries < 15, `${tries} tries`);
    world.refusals.clear();
    await world.crash();
    world.settle();
    assert.equal((await world.describe('tx')).transactionState, 'CompleteCommit');
  });

  it('is not needed in a topic that was deleted', async () => {
    const { world, producer } = await worldWithProducer();
    world.createTopic('gone');
    await world.addOrVerify('tx', producer, { gone: [0], t: [0] }, false);
    world.deleteTopic('gone');
    await world.end('tx', producer, true);
    assert.equal((await world.describe('tx')).transactionState, 'CompleteCommit');
  });
});

describe('Epochs that are used up', () => {
  const LAST = 32_766;

  /** Raises the epoch to the last one that a client may have. */
  async function lastEpoch(world: TransactionApiWorld, producer: Producer): Promise<Producer> {
    let now = producer;
    while (now.producerEpoch < LAST) {
      const sent = world.send(endTxn, 5, { transactionalId: 'tx', ...now, committed: false });
      world.storage.commit();
      now = { producerId: sent.got.producerId, producerEpoch: sent.got.producerEpoch };
    }
    return now;
  }

  it('are followed by a new producer id: at an end, for a repetition of it, and at InitProducerId', async () => {
    const { world, producer } = await worldWithProducer();
    const last = await lastEpoch(world, producer);
    await world.addOrVerify('tx', last, { t: [0] }, false);
    world.markers.length = 0;
    const first = await world.end('tx', last, true);
    assert.equal(first.producerEpoch, 0);
    assert.notEqual(first.producerId, last.producerId);
    assert.deepEqual(
      world.markers.map(({ producerId, producerEpoch }) => [producerId, producerEpoch]),
      [[last.producerId, LAST + 1]],
    );
    assert.deepEqual(await world.end('tx', last, true), first);
    assert.deepEqual(await world.addOrVerify('tx', first, { t: [0] }, false), { 't-0': 0 });
    const late = await world.end('tx', last, true);
    assert.equal(late.errorCode, ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  });

  it('make InitProducerId give a new producer id, and a producer that missed it gets it too', async () => {
    const { world, producer } = await worldWithProducer();
    const last = await lastEpoch(world, producer);
    const first = await world.init('tx', last);
    assert.equal(first.producerEpoch, 0);
    assert.notEqual(first.producerId, last.producerId);
    assert.deepEqual(await world.init('tx', last), first);
  });

  it('do not keep a producer from being fenced', async () => {
    const { world, producer } = await worldWithProducer();
    const last = await lastEpoch(world, producer);
    await world.addOrVerify('tx', last, { t: [0] }, false);
    assert.equal((await world.init('tx')).errorCode, ErrorCode.CONCURRENT_TRANSACTIONS);
    const next = await world.init('tx');
    assert.deepEqual([next.errorCode, next.producerEpoch], [0, 1]);
    assert.notEqual(next.producerId, last.producerId);
  });
});

describe('Time', () => {
  it('aborts a transaction that is open for longer than its producer allowed, which is fenced by that', async () => {
    const { world, producer } = await worldWithProducer();
    await world.add('tx', producer, { t: [0] });
    world.time.advance(60_000);
    assert.equal((await world.describe('tx')).transactionState, 'Ongoing');
    world.time.advance(10_000);
    world.settle();
    assert.equal((await world.describe('tx')).transactionState, 'CompleteAbort');
    assert.equal((await world.end('tx', producer, true)).errorCode, ErrorCode.INVALID_TXN_STATE);
    assert.deepEqual(await world.add('tx', producer, { t: [0] }), { 't-0': ErrorCode.PRODUCER_FENCED });
  });

  it('makes an id that nobody uses forgotten, but not one with an open transaction', async () => {
    const brokerConfig = { 'transactional.id.expiration.ms': '3600000', 'transaction.max.timeout.ms': '999999999' };
    const { world, producer } = await worldWithProducer({ brokerConfig });
    const { errorCode: _, ...other } = await world.init('open', { transactionTimeoutMs: 999_999_999 });
    await world.add('open', other, { t: [0] });
    world.time.advance(3_600_000);
    for (let i = 0; i < 5; i++) await world.turn();
    world.settle();
    assert.equal((await world.describe('tx')).errorCode, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
    assert.equal(world.history('tx').at(-1), 'forgotten');
    assert.equal((await world.describe('open')).transactionState, 'Ongoing');
    await world.restartCoordinator();
    assert.equal((await world.describe('tx')).errorCode, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
    assert.notEqual((await world.init('tx')).producerId, producer.producerId);
  });
});

describe('Under transaction.version 0 and 1', () => {
  it('a fenced producer is told by an epoch that the coordinator raises itself', async () => {
    for (const transactionVersion of [0, 1]) {
      const { world, producer } = await worldWithProducer({ transactionVersion });
      await world.add('tx', producer, { t: [0] });
      assert.equal((await world.init('tx')).errorCode, ErrorCode.CONCURRENT_TRANSACTIONS);
      assert.deepEqual(world.history('tx').slice(-2), ['PrepareAbort 1 t-0', 'CompleteAbort 1']);
      assert.equal(world.markers[0]!.transactionVersion, 0);
      assert.equal((await world.init('tx')).producerEpoch, 2);
      await world.restartCoordinator();
      assert.equal((await world.init('tx')).producerEpoch, 3);
    }
  });
});

describe('ListTransactions and DescribeTransactions', () => {
  async function worldWithThree() {
    const { world, producer } = await worldWithProducer();
    await world.add('tx', producer, { t: [0, 2] });
    world.time.advance(5000);
    const { errorCode: _, ...second } = await world.init('second');
    await world.add('second', second, { t: [1] });
    await world.end('second', second, true, 3);
    const { errorCode: __, ...third } = await world.init('third');
    await world.add('third', third, { t: [1] });
    return { world, producer, third };
  }

  const noFilters = { stateFilters: [], producerIdFilters: [] };

  it('tell of all transactions, or of those that pass all filters', async () => {
    const { world, third } = await worldWithThree();
    const list = async (filters: object, version = 2) => {
      const sent = world.send(listTransactions, version, { ...noFilters, ...filters } as never);
      await world.turn();
      return sent.got.transactionStates.map(({ transactionalId }) => transactionalId).sort();
    };
    assert.deepEqual(await list({}, 0), ['second', 'third', 'tx']);
    assert.deepEqual(await list({ stateFilters: ['Ongoing'] }), ['third', 'tx']);
    assert.deepEqual(await list({ producerIdFilters: [third.producerId] }), ['third']);
    assert.deepEqual(await list({ durationFilter: 4999 }), ['tx']);
    assert.deepEqual(await list({ durationFilter: 0, stateFilters: ['Ongoing'] }), ['tx']);
    assert.deepEqual(await list({ transactionalIdPattern: 't.*' }), ['third', 'tx']);
    assert.deepEqual(await list({ transactionalIdPattern: 't' }), []);
    assert.deepEqual(await list({ transactionalIdPattern: '' }), ['second', 'third', 'tx']);
  });

  it('return state filters that are none, and refuse what is no regular expression', async () => {
    const { world } = await worldWithThree();
    const unknown = await world.ask(listTransactions, 0, {
      ...noFilters,
      stateFilters: ['Asleep', 'Ongoing'],
    } as never);
    assert.deepEqual(unknown.unknownStateFilters, ['Asleep']);
    assert.equal(unknown.transactionStates.length, 2);
    for (const transactionalIdPattern of ['(', 'a{1000}{1000}', 'x'.repeat(9000)]) {
      const refused = await world.ask(listTransactions, 2, { ...noFilters, transactionalIdPattern } as never);
      assert.equal(refused.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION);
    }
  });

  it('describe one by one, in order', async () => {
    const { world, producer } = await worldWithThree();
    const { transactionStates } = await world.ask(describeTransactions, 0, {
      transactionalIds: ['second', '', 'nobody', 'tx'],
    });
    assert.deepEqual(
      transactionStates.map(({ errorCode, transactionState }) => [errorCode, transactionState]),
      [
        [0, 'CompleteCommit'],
        [ErrorCode.INVALID_REQUEST, ''],
        [ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, ''],
        [0, 'Ongoing'],
      ],
    );
    const described = transactionStates[3]!;
    assert.deepEqual(described.topics, [{ topic: 't', partitions: [0, 2] }]);
    assert.deepEqual([described.producerId, described.transactionTimeoutMs], [producer.producerId, 60_000]);
    const empty = await world.ask(describeTransactions, 0, { transactionalIds: [] });
    assert.deepEqual(empty.transactionStates, []);
  });

  it('wait for loading', async () => {
    const { world } = await worldWithThree();
    world.coordinator.close();
    const loading = world.restartCoordinator();
    const list = await world.ask(listTransactions, 0, noFilters as never);
    assert.equal(list.errorCode, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    assert.equal((await world.describe('tx')).errorCode, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    await loading;
    assert.equal((await world.describe('tx')).transactionState, 'Ongoing');
  });
});
