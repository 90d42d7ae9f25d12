import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchOf } from '../partition/partition-world.suite.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { produce } from '../protocol/messages/produce.ts';
import { ControlType } from '../records/control-batch.ts';
import { MAGIC_AT } from '../records/record-batch.ts';
import { call, dependenciesOf, PartitionWorld } from './data-api-world.suite.ts';
import { produceHandler } from './produce.ts';

const OF_TRANSACTION = { producerId: 5, producerEpoch: 0, baseSequence: 0, isTransactional: true };

/** A coordinator that says what the test wants, and remembers what it was asked. */
class World extends PartitionWorld {
  verdict: ErrorCode = ErrorCode.NONE;
  readonly asked: string[] = [];
  readonly handler = produceHandler({
    ...dependenciesOf(this),
    transactions: {
      admit: (transactionalId, producerId, producerEpoch, topic, partition, { add }) => {
        this.asked.push(`${transactionalId} ${producerId}/${producerEpoch} ${topic}-${partition}${add ? ' add' : ''}`);
        return this.verdict;
      },
    },
  });

  send(version: number, records: readonly Buffer[], transactionalId: string | null = 'tx') {
    const sent = call(produce, this.handler, version, {
      transactionalId,
      acks: 1,
      timeoutMs: 30_000,
      topicData: [
        {
          ...(version < 13 ? { name: 't' } : { topicId: this.metadata.image.topics.get('t')!.id }),
          partitionData: records.map((batch, index) => ({ index, records: batch })),
        },
      ],
    });
    this.storage.commit();
    return sent.got.responses[0]!.partitionResponses;
  }
}

function world(): World {
  const made = new World();
  made.createTopic('t', { partitions: 2 });
  return made;
}

test('the coordinator is asked once for each partition of a transaction; from version 12 on it adds the partition', () => {
  for (const [version, add] of [
    [11, ''],
    [12, ' add'],
    [13, ' add'],
  ] as const) {
    const made = world();
    made.send(version, [batchOf(['a'], OF_TRANSACTION), batchOf(['a'], OF_TRANSACTION)]);
    made.send(version, [batchOf(['b'], { ...OF_TRANSACTION, baseSequence: 1 })]);
    assert.deepEqual(made.asked, [`tx 5/0 t-0${add}`, `tx 5/0 t-1${add}`]);
    assert.equal(made.partition('t').logEndOffset, 2);
    assert.equal(made.partition('t').hasOngoingTransaction(5, 0), true);
  }
});

test('what is no transaction asks nobody', () => {
  const made = world();
  made.send(13, [batchOf(['a']), batchOf(['a'], { producerId: 5, producerEpoch: 0, baseSequence: 0 })]);
  made.send(13, [batchOf(['a'])], null);
  assert.deepEqual(made.asked, []);
});

test('the errors of the coordinator are told as producers of that version understand them', () => {
  const cases: [ErrorCode, number, ErrorCode][] = [
    [ErrorCode.INVALID_TXN_STATE, 12, ErrorCode.INVALID_TXN_STATE],
    [ErrorCode.PRODUCER_FENCED, 12, ErrorCode.INVALID_PRODUCER_EPOCH],
    [ErrorCode.INVALID_PRODUCER_EPOCH, 12, ErrorCode.INVALID_PRODUCER_EPOCH],
    [ErrorCode.INVALID_PRODUCER_ID_MAPPING, 12, ErrorCode.INVALID_PRODUCER_ID_MAPPING],
    [ErrorCode.TRANSACTION_ABORTABLE, 10, ErrorCode.INVALID_TXN_STATE],
    [ErrorCode.TRANSACTION_ABORTABLE, 11, ErrorCode.TRANSACTION_ABORTABLE],
    [ErrorCode.TRANSACTION_ABORTABLE, 12, ErrorCode.TRANSACTION_ABORTABLE],
    [ErrorCode.CONCURRENT_TRANSACTIONS, 11, ErrorCode.NOT_ENOUGH_REPLICAS],
    [ErrorCode.CONCURRENT_TRANSACTIONS, 12, ErrorCode.CONCURRENT_TRANSACTIONS],
    [ErrorCode.NOT_COORDINATOR, 12, ErrorCode.NOT_ENOUGH_REPLICAS],
    [ErrorCode.COORDINATOR_NOT_AVAILABLE, 9, ErrorCode.NOT_ENOUGH_REPLICAS],
    [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, 9, ErrorCode.NOT_ENOUGH_REPLICAS],
  ];
  for (const [verdict, version, told] of cases) {
    const made = world();
    made.verdict = verdict;
    const [answer] = made.send(version, [batchOf(['a'], OF_TRANSACTION)]);
    assert.deepEqual([answer!.errorCode, answer!.baseOffset, answer!.logStartOffset], [told, -1, -1]);
    const isExplained = told === ErrorCode.NOT_ENOUGH_REPLICAS || told === ErrorCode.INVALID_TXN_STATE;
    assert.equal(answer!.errorMessage !== null, isExplained, `${verdict} in version ${version}`);
    assert.equal(made.partition('t').logEndOffset, 0);
  }
});

test('one partition that is refused does not keep the others from being appended, nor lends them its text', () => {
  const made = world();
  made.partition('t', 1).append(batchOf(['a'], OF_TRANSACTION), {
    acks: 1,
    origin: 'client',
    admit: () => ErrorCode.NONE,
  });
  made.verdict = ErrorCode.INVALID_TXN_STATE;
  const answers = made.send(11, [
    batchOf(['a'], OF_TRANSACTION),
    batchOf(['b'], { ...OF_TRANSACTION, baseSequence: 1 }),
  ]);
  assert.deepEqual(
    answers.map(({ errorCode, errorMessage }) => [errorCode, errorMessage]),
    [
      [ErrorCode.INVALID_TXN_STATE, 'the partition is not part of the transaction'],
      [ErrorCode.NONE, null],
    ],
  );
});

test('a request is of one producer, and of a transactional id', () => {
  const made = world();
  const two = [batchOf(['a'], OF_TRANSACTION), batchOf(['a'], { ...OF_TRANSACTION, producerEpoch: 1 })];
  for (const { errorCode } of made.send(12, two)) assert.equal(errorCode, ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  for (const { errorCode } of made.send(12, two, null)) {
    assert.equal(errorCode, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  }
  assert.deepEqual(made.asked, []);
});

test('a batch that is none is refused before anybody is asked; an older epoch too', () => {
  const made = world();
  const two = Buffer.concat([batchOf(['a'], OF_TRANSACTION), batchOf(['b'], OF_TRANSACTION)]);
  assert.equal(made.send(12, [two])[0]!.errorCode, ErrorCode.INVALID_RECORD);
  two.writeInt8(-42, two.length / 2 + MAGIC_AT);
  assert.equal(made.send(12, [two])[0]!.errorCode, ErrorCode.CORRUPT_MESSAGE);
  made.partition('t').appendMarker({
    type: ControlType.ABORT,
    producerId: 5,
    producerEpoch: 1,
    coordinatorEpoch: 0,
    transactionVersion: 2,
  });
  assert.equal(made.send(12, [batchOf(['a'], OF_TRANSACTION)])[0]!.errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
  assert.deepEqual(made.asked, []);
});
