import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ErrorCode } from '../protocol/error-code.ts';
import { ControlType } from '../records/control-batch.ts';
import { incrementSequence } from '../records/record-batch.ts';
import type { EndMarker } from './end-marker.ts';
import { type ProducerBatch, ProducerState } from './producer-state.ts';

const SEQUENCE_MAX = 0x7fff_ffff;

function batch(producerId: number, producerEpoch: number, baseSequence: number, count = 1): ProducerBatch {
  return {
    producerId,
    producerEpoch,
    baseSequence,
    lastSequence: incrementSequence(baseSequence, count - 1),
    isTransactional: false,
  };
}

/** Appends as a partition does, without a log. */
class Appender {
  readonly state: ProducerState;
  nextOffset = 0;

  constructor(state = new ProducerState()) {
    this.state = state;
  }

  append(producerId: number, epoch: number, baseSequence: number, count = 1): ErrorCode | { duplicateOf: number } {
    const sent = batch(producerId, epoch, baseSequence, count);
    const original = this.state.findDuplicate(sent);
    if (original !== undefined) return { duplicateOf: original.lastOffset - original.offsetDelta };
    const error = this.state.check(sent, true);
    if (error !== ErrorCode.NONE) return error;
    const lastOffset = this.nextOffset + count - 1;
    this.state.record(sent, this.nextOffset, lastOffset, 1000 + lastOffset, 5000);
    this.nextOffset = lastOffset + 1;
    return ErrorCode.NONE;
  }
}

test('sequences must follow each other', () => {
  const log = new Appender();
  assert.equal(log.append(7, 0, 0, 3), ErrorCode.NONE);
  assert.equal(log.append(7, 0, 3), ErrorCode.NONE);
  assert.equal(log.append(7, 0, 5), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  assert.equal(log.append(7, 0, 4), ErrorCode.NONE);
});

test('each of the last five batches is recognised when it comes again, an older one is out of order', () => {
  const log = new Appender();
  for (let sequence = 0; sequence < 6; sequence++) log.append(7, 0, sequence);
  for (let sequence = 1; sequence < 6; sequence++)
    assert.deepEqual(log.append(7, 0, sequence), { duplicateOf: sequence });
  assert.equal(log.append(7, 0, 0), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
});

test('a batch that begins like an old one but has another length is no duplicate', () => {
  const log = new Appender();
  log.append(7, 0, 0, 3);
  assert.equal(log.append(7, 0, 0, 2), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
});

test('sequences wrap from 2^31 − 1 to 0, inside a batch and between batches', () => {
  const log = new Appender();
  assert.equal(log.append(7, 0, SEQUENCE_MAX - 1), ErrorCode.NONE);
  assert.equal(log.append(7, 0, SEQUENCE_MAX, 3), ErrorCode.NONE);
  assert.deepEqual(log.append(7, 0, SEQUENCE_MAX, 3), { duplicateOf: 1 });
  assert.equal(log.append(7, 0, 2), ErrorCode.NONE);
  const other = new Appender();
  assert.equal(other.append(7, 0, SEQUENCE_MAX), ErrorCode.NONE);
  assert.equal(other.append(7, 0, 0), ErrorCode.NONE);
});

test('a producer nobody knows may begin with any sequence', () => {
  assert.equal(new Appender().append(7, 4, 1234), ErrorCode.NONE);
});

test('a new epoch begins with sequence 0; an old epoch is refused', () => {
  const log = new Appender();
  log.append(7, 1, 0);
  assert.equal(log.append(7, 2, 1), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  assert.equal(log.append(7, 2, 0), ErrorCode.NONE);
  assert.equal(log.append(7, 1, 1), ErrorCode.INVALID_PRODUCER_EPOCH);
  assert.equal(log.append(7, 1, 0), ErrorCode.INVALID_PRODUCER_EPOCH);
});

test('a coordinator without sequences is checked for its epoch only', () => {
  const state = new ProducerState();
  const sent = { producerId: 7, producerEpoch: 3, baseSequence: -1, lastSequence: -1, isTransactional: false };
  state.record(sent, 0, 0, 0, 0);
  assert.equal(state.check(sent, false), ErrorCode.NONE);
  assert.equal(state.check({ ...sent, producerEpoch: 2 }, false), ErrorCode.INVALID_PRODUCER_EPOCH);
});

test('idle producers expire, and may then begin anywhere', () => {
  const log = new Appender();
  log.append(7, 0, 0);
  log.state.removeExpired(5000 + 99, 100);
  assert.equal(log.append(7, 0, 5), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  log.state.removeExpired(5000 + 100, 100);
  assert.equal(log.state.size, 0);
  assert.equal(log.append(7, 0, 5), ErrorCode.NONE);
});

test('the number of producers is bounded: those idle longest are forgotten', () => {
  const state = new ProducerState(20);
  for (let id = 0; id < 20; id++) state.record(batch(id, 0, 0), id, id, 0, 1000 - id);
  state.record(batch(100, 0, 0), 100, 100, 0, 2000);
  assert.equal(state.size, 19);
  assert.equal(state.findDuplicate(batch(19, 0, 0)), undefined);
  assert.equal(state.findDuplicate(batch(18, 0, 0)), undefined);
  assert.notEqual(state.findDuplicate(batch(17, 0, 0)), undefined);
  assert.notEqual(state.findDuplicate(batch(100, 0, 0)), undefined);
});

/** The rules again, as plainly as can be: the whole history, nothing forgotten. */
class Model {
  readonly #producers = new Map<
    number,
    { epoch: number; batches: { first: number; last: number; offset: number }[] }
  >();
  #offset = 0;

  append(producerId: number, epoch: number, first: number, count: number): ErrorCode | { duplicateOf: number } {
    const last = (first + count - 1) % 2 ** 31;
    const known = this.#producers.get(producerId);
    if (known !== undefined) {
      const repeated =
        known.epoch === epoch && known.batches.slice(-5).find((one) => one.first === first && one.last === last);
      if (repeated) return { duplicateOf: repeated.offset };
      if (epoch < known.epoch) return ErrorCode.INVALID_PRODUCER_EPOCH;
      const expected = epoch > known.epoch ? 0 : (known.batches.at(-1)!.last + 1) % 2 ** 31;
      if (first !== expected) return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    const kept = known !== undefined && known.epoch === epoch ? known.batches : [];
    this.#producers.set(producerId, { epoch, batches: [...kept, { first, last, offset: this.#offset }] });
    this.#offset += count;
    return ErrorCode.NONE;
  }
}

test('any history of appends, with snapshots and restores in between, is judged as the plain rules judge it', () => {
  const near = fc.oneof(
    fc.nat(12),
    fc.nat(12).map((back) => SEQUENCE_MAX - back),
  );
  const step = fc.record({
    producerId: fc.nat(2),
    epoch: fc.nat(2),
    // Mostly the sequence that continues, else a repeated or arbitrary one.
    sequence: fc.oneof(
      { weight: 5, arbitrary: fc.constant('next') },
      fc.nat(6).map((back) => ({ back })),
      near.map((at) => ({ at })),
    ),
    count: fc.integer({ min: 1, max: 4 }),
    snapshot: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let log = new Appender();
      const model = new Model();
      const sent = new Map<string, { first: number; count: number }[]>();
      for (const { producerId, epoch, sequence, count, snapshot } of steps) {
        const key = `${producerId}/${epoch}`;
        const history = sent.get(key) ?? [];
        let first = 0;
        let size = count;
        if (sequence === 'next') {
          const newest = history.at(-1);
          first = newest === undefined ? 0 : (newest.first + newest.count) % 2 ** 31;
        } else if (typeof sequence === 'object' && 'back' in sequence) {
          const old = history.at(-1 - sequence.back);
          first = old?.first ?? 0;
          size = old?.count ?? count;
        } else if (typeof sequence === 'object') {
          first = sequence.at;
        }
        const expected = model.append(producerId, epoch, first, size);
        assert.deepEqual(log.append(producerId, epoch, first, size), expected);
        if (expected === ErrorCode.NONE) sent.set(key, [...history, { first, count: size }]);
        if (snapshot) log = restored(log);
      }
    }),
    { numRuns: 300 },
  );
});

function restored(log: Appender): Appender {
  const bytes = Buffer.alloc(log.state.encodedBytes);
  assert.equal(log.state.encode(bytes, 0), bytes.length);
  const copy = new Appender();
  assert.equal(copy.state.decode(bytes, 0), bytes.length);
  copy.nextOffset = log.nextOffset;
  return copy;
}

test('an epoch below none is refused, and a producer without an epoch is not held to sequences', () => {
  const state = new ProducerState();
  const batch = (producerEpoch: number, baseSequence: number) => ({
    producerId: 1,
    producerEpoch,
    baseSequence,
    lastSequence: baseSequence,
    isTransactional: false,
  });
  assert.equal(state.check(batch(-2, 0), true), ErrorCode.INVALID_PRODUCER_EPOCH);
  assert.equal(state.check(batch(-1, 0), true), ErrorCode.NONE);
  state.record(batch(-1, 0), 0, 0, 0, 0);
  assert.equal(state.check(batch(-1, 9), true), ErrorCode.NONE);
  assert.equal(state.check(batch(-2, 1), true), ErrorCode.INVALID_PRODUCER_EPOCH);
});

function transactional(producerId: number, producerEpoch: number, baseSequence: number): ProducerBatch {
  return { ...batch(producerId, producerEpoch, baseSequence), isTransactional: true };
}

function marker(
  producerId: number,
  producerEpoch: number,
  transactionVersion: number,
  coordinatorEpoch = 0,
): EndMarker {
  return { type: ControlType.COMMIT, producerId, producerEpoch, transactionVersion, coordinatorEpoch };
}

test('a producer with an open transaction neither expires nor is forgotten for others', () => {
  const state = new ProducerState(3);
  state.record(transactional(1, 0, 0), 0, 0, 0, 1000);
  state.record(batch(2, 0, 0), 1, 1, 0, 2000);
  state.record(batch(3, 0, 0), 2, 2, 0, 3000);
  state.record(batch(4, 0, 0), 3, 3, 0, 4000);
  assert.equal(state.epochOf(2), -1, 'the one that was idle longest');
  assert.equal(state.hasOngoingTransaction(1, 0), true);
  state.removeExpired(1_000_000, 1);
  assert.deepEqual([state.size, state.hasOngoingTransaction(1, 0)], [1, true]);
  state.recordMarker({ producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, offset: 4, timestampMs: 0 }, 5000);
  state.removeExpired(1_000_000, 1);
  assert.equal(state.size, 0);
});

test('when every producer has a transaction open, no other one is taken', () => {
  const state = new ProducerState(2);
  state.record(transactional(1, 0, 0), 0, 0, 0, 0);
  state.record(transactional(2, 0, 0), 1, 1, 0, 0);
  assert.equal(state.hasRoomFor(3), false);
  assert.equal(state.check(batch(3, 0, 0), true), ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  assert.equal(state.check(transactional(1, 0, 1), true), ErrorCode.NONE);
  const ended = { producerEpoch: 0, coordinatorEpoch: 0, timestampMs: 0 };
  assert.equal(state.recordMarker({ ...ended, producerId: 3, offset: 2 }, 0), undefined, 'of a producer without room');
  assert.equal(state.size, 2);
  assert.equal(state.recordMarker({ ...ended, producerId: 2, offset: 3 }, 0)?.firstOffset, 1);
  assert.equal(state.check(batch(3, 0, 0), true), ErrorCode.NONE);
});

test('what is not of the open transaction is refused', () => {
  const state = new ProducerState();
  state.record(transactional(1, 0, 0), 0, 0, 0, 0);
  assert.equal(state.check(batch(1, 0, 1), true), ErrorCode.INVALID_TXN_STATE);
  assert.equal(state.check(batch(1, 0, 9), true), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
});

test('markers are judged by epoch, transaction version and coordinator epoch', () => {
  const state = new ProducerState();
  assert.equal(state.checkMarker(marker(1, 0, 2)), ErrorCode.NONE, 'of a producer that nobody knows');
  state.record(transactional(1, 3, 0), 0, 0, 0, 0);
  for (const version of [0, 1]) {
    assert.equal(state.checkMarker(marker(1, 2, version)), ErrorCode.INVALID_PRODUCER_EPOCH);
    assert.equal(state.checkMarker(marker(1, 3, version)), ErrorCode.NONE);
    assert.equal(state.checkMarker(marker(1, 4, version)), ErrorCode.NONE);
  }
  assert.equal(state.checkMarker(marker(1, 3, 2)), ErrorCode.INVALID_PRODUCER_EPOCH, 'it ended an earlier transaction');
  assert.equal(state.checkMarker(marker(1, 4, 2)), ErrorCode.NONE);
  state.recordMarker({ producerId: 1, producerEpoch: 4, coordinatorEpoch: 7, offset: 1, timestampMs: 0 }, 0);
  assert.equal(state.checkMarker(marker(1, 4, 2, 7)), ErrorCode.NONE, 'the same marker again');
  assert.equal(state.checkMarker(marker(1, 3, 2, 7)), ErrorCode.INVALID_PRODUCER_EPOCH);
  assert.equal(state.checkMarker(marker(1, 5, 2, 6)), ErrorCode.TRANSACTION_COORDINATOR_FENCED);
  state.record(transactional(1, 0x7fff, 0), 2, 2, 0, 0);
  assert.equal(state.checkMarker(marker(1, 0x7fff, 2, 7)), ErrorCode.NONE, 'no epoch is left to rise to');
});

test('a marker of a new epoch leaves no sequences: the next transaction begins with 0', () => {
  const state = new ProducerState();
  state.record(transactional(1, 0, 0), 0, 0, 0, 0);
  state.recordMarker({ producerId: 1, producerEpoch: 1, coordinatorEpoch: 0, offset: 1, timestampMs: 0 }, 0);
  assert.equal(state.check(transactional(1, 1, 1), true), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  assert.equal(state.check(transactional(1, 1, 0), true), ErrorCode.NONE);
  assert.equal(state.findDuplicate(transactional(1, 0, 0)), undefined);
});

test('a marker of the same epoch leaves the sequences as they were', () => {
  const state = new ProducerState();
  state.record(transactional(1, 0, 0), 0, 0, 0, 0);
  state.recordMarker({ producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, offset: 1, timestampMs: 0 }, 0);
  assert.equal(state.check(transactional(1, 0, 1), true), ErrorCode.NONE);
  assert.notEqual(state.findDuplicate(transactional(1, 0, 0)), undefined);
});

test('version 1 of the snapshot is read: producers without transactions', () => {
  const bytes = Buffer.alloc(4 + 19 + 24);
  bytes.writeInt32BE(1, 0);
  bytes.writeBigInt64BE(42n, 4);
  bytes.writeInt16BE(3, 12);
  bytes.writeBigInt64BE(5_000n, 14);
  bytes.writeInt8(1, 22);
  bytes.writeInt32BE(9, 23);
  bytes.writeInt32BE(0, 27);
  bytes.writeBigInt64BE(100n, 31);
  bytes.writeBigInt64BE(1_234n, 39);
  const state = new ProducerState();
  assert.equal(state.decode(bytes, 0, 1), bytes.length);
  assert.deepEqual(
    [...state.describe()],
    [
      {
        producerId: 42,
        producerEpoch: 3,
        lastSequence: 9,
        lastTimestampMs: 1_234,
        coordinatorEpoch: -1,
        currentTxnStartOffset: -1,
      },
    ],
  );
});
