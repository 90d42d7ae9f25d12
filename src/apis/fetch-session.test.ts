import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type FetchContext,
  type FetchRequestFields,
  FetchSessions,
  INVALID_SESSION_ID,
  type PartitionAnswer,
} from './fetch-session.ts';

const QUIET: PartitionAnswer = {
  errorCode: 0,
  highWatermark: 10,
  logStartOffset: 0,
  recordsBytes: 0,
  diverging: false,
};
const WITH_RECORDS: PartitionAnswer = { ...QUIET, recordsBytes: 50 };

class World {
  nowMs = 0;
  #nextId = 0;
  readonly sessions: FetchSessions;
  readonly names = new Map<string, string>();

  constructor(slots = 10) {
    this.sessions = new FetchSessions({
      slots,
      nowMs: () => this.nowMs,
      randomBelow: () => this.#nextId++,
    });
  }

  open(sessionId: number, sessionEpoch: number, wanted: Wanted = {}, forgotten: Forgotten = {}): FetchContext {
    return this.sessions.open(request(sessionId, sessionEpoch, wanted, forgotten), false, () => '');
  }

  openById(sessionId: number, sessionEpoch: number, wanted: Wanted = {}, forgotten: Forgotten = {}): FetchContext {
    const fields = request(sessionId, sessionEpoch, wanted, forgotten);
    return this.sessions.open(fields, true, (id) => this.names.get(id) ?? '');
  }

  /** A new session over the partitions; its id. */
  session(wanted: Wanted, answer = QUIET): number {
    const context = this.open(0, 0, wanted);
    return context.conclude(context.partitions.map(() => answer)).sessionId;
  }
}

type Wanted = Record<string, Record<number, number>>;
type Forgotten = Record<string, number[]>;

/** Topic → partition → fetch offset. The name serves as topic id, too. */
function request(sessionId: number, sessionEpoch: number, wanted: Wanted, forgotten: Forgotten): FetchRequestFields {
  return {
    sessionId,
    sessionEpoch,
    topics: Object.entries(wanted).map(([topic, partitions]) => ({
      topic,
      topicId: topic,
      partitions: Object.entries(partitions).map(([partition, fetchOffset]) => ({
        partition: Number(partition),
        fetchOffset,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
        logStartOffset: -1,
        partitionMaxBytes: 100,
      })),
    })),
    forgottenTopicsData: Object.entries(forgotten).map(([topic, partitions]) => ({
      topic,
      topicId: topic,
      partitions,
    })),
  };
}

function keys(context: FetchContext): string[] {
  return context.partitions.map(({ topic, partition, fetchOffset }) => `${topic}-${partition}@${fetchOffset}`);
}

test('a full request makes a session; the next one names nothing and means the same partitions', () => {
  const world = new World();
  const id = world.session({ a: { 0: 5, 1: 6 } });
  assert.notEqual(id, INVALID_SESSION_ID);
  const next = world.open(id, 1);
  assert.equal(next.errorCode, ErrorCode.NONE);
  assert.deepEqual(keys(next), ['a-0@5', 'a-1@6']);
});

test('an incremental request adds, changes and forgets partitions', () => {
  const world = new World();
  const id = world.session({ a: { 0: 5, 1: 6 } });
  assert.deepEqual(keys(world.open(id, 1, { a: { 1: 7 }, b: { 0: 1 } }, { a: [0] })), ['a-1@7', 'b-0@1']);
});

test('an answer without records leaves out what the consumer was told already', () => {
  const world = new World();
  const id = world.session({ a: { 0: 5, 1: 6, 2: 7, 3: 8 } });
  const context = world.open(id, 1);
  const conclusion = context.conclude([
    QUIET,
    WITH_RECORDS,
    { ...QUIET, highWatermark: 11 },
    { ...QUIET, logStartOffset: 3 },
  ]);
  assert.deepEqual(conclusion.included, [false, true, true, true]);
  assert.equal(conclusion.sessionId, id);
});

test('errors and divergences are always told, and after an error the partition is told anew', () => {
  const world = new World();
  const id = world.session({ a: { 0: 5, 1: 5 } });
  const first = world.open(id, 1).conclude([{ ...QUIET, errorCode: 1, highWatermark: -1, logStartOffset: -1 }, QUIET]);
  assert.deepEqual(first.included, [true, false]);
  const second = world.open(id, 2).conclude([QUIET, { ...QUIET, diverging: true }]);
  assert.deepEqual(second.included, [true, true]);
  assert.deepEqual(world.open(id, 3).conclude([QUIET, QUIET]).included, [false, false]);
});

test('partitions that returned records move behind the others', () => {
  const world = new World();
  const id = world.session({ a: { 0: 0, 1: 0, 2: 0 } });
  world.open(id, 1).conclude([WITH_RECORDS, QUIET, QUIET]);
  const second = world.open(id, 2);
  assert.deepEqual(keys(second), ['a-1@0', 'a-2@0', 'a-0@0']);
  second.conclude([WITH_RECORDS, WITH_RECORDS, QUIET]);
  assert.deepEqual(keys(world.open(id, 3)), ['a-0@0', 'a-1@0', 'a-2@0']);
});

test('an unknown session and a wrong epoch are errors of the whole request', () => {
  const world = new World();
  const id = world.session({ a: { 0: 0 } });
  assert.equal(world.open(id + 1, 1).errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  assert.equal(world.open(id, 2).errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH);
  const failed = world.open(id, 7);
  assert.deepEqual(failed.conclude([]), {
    errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH,
    sessionId: INVALID_SESSION_ID,
    included: [],
  });
  assert.equal(world.open(id, 1).errorCode, ErrorCode.NONE);
});

test('a session made with topic names cannot go on with topic ids', () => {
  const world = new World();
  const id = world.session({ a: { 0: 0 } });
  assert.equal(world.openById(id, 1).errorCode, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
});

test('a topic id that was unknown is resolved as soon as it is known', () => {
  const world = new World();
  const context = world.openById(0, 0, { id1: { 0: 0 } });
  assert.equal(context.partitions[0]!.topic, '');
  const { sessionId } = context.conclude([{ ...QUIET, errorCode: 100 }]);
  assert.equal(world.openById(sessionId, 1).partitions[0]!.topic, '');
  world.names.set('id1', 'a');
  assert.equal(world.openById(sessionId, 2).partitions[0]!.topic, 'a');
});

test('the final epoch closes the session and answers without one', () => {
  const world = new World();
  const id = world.session({ a: { 0: 0 } });
  const last = world.open(id, -1, { a: { 0: 3 } });
  assert.deepEqual(keys(last), ['a-0@3']);
  assert.equal(last.conclude([QUIET]).sessionId, INVALID_SESSION_ID);
  assert.equal(world.sessions.size, 0);
});

test('a full request replaces the session it names', () => {
  const world = new World();
  const id = world.session({ a: { 0: 0 } });
  const full = world.open(id, 0, { b: { 0: 0 } });
  const { sessionId } = full.conclude([QUIET]);
  assert.notEqual(sessionId, id);
  assert.equal(world.sessions.size, 1);
  assert.equal(world.sessions.cachedPartitions, 1);
});

test('a session with nothing left is closed', () => {
  const world = new World();
  const id = world.session({ a: { 0: 0 } });
  const empty = world.open(id, 1, {}, { a: [0] });
  assert.equal(empty.errorCode, ErrorCode.NONE);
  assert.deepEqual(empty.partitions, []);
  assert.equal(empty.conclude([]).sessionId, INVALID_SESSION_ID);
  assert.equal(world.sessions.size, 0);
  assert.equal(world.sessions.cachedPartitions, 0);
});

test('a request overtaken by the next of its session is answered with an epoch error', () => {
  const world = new World();
  const id = world.session({ a: { 0: 0 } });
  const slow = world.open(id, 1);
  const next = world.open(id, 2);
  assert.equal(slow.conclude([WITH_RECORDS]).errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH);
  assert.equal(next.conclude([WITH_RECORDS]).errorCode, ErrorCode.NONE);
});

test('a partition named twice is read once, with what was said last', () => {
  const world = new World();
  const fields = request(0, -1, { a: { 0: 5 } }, {});
  const again = request(0, -1, { a: { 0: 9 } }, {});
  const context = world.sessions.open({ ...fields, topics: [...fields.topics, ...again.topics] }, false, () => '');
  assert.deepEqual(keys(context), ['a-0@9']);
});

test('without slots there are no sessions, and every request is full', () => {
  const world = new World(0);
  assert.equal(world.session({ a: { 0: 0 } }), INVALID_SESSION_ID);
});

test('a full cache keeps new sessions from replacing young ones', () => {
  const world = new World(1);
  world.session({ a: { 0: 0 } });
  assert.equal(world.session({ a: { 0: 0, 1: 0 } }), INVALID_SESSION_ID);
});

test('a stale session makes room for any other', () => {
  const world = new World(1);
  const stale = world.session({ a: { 0: 0, 1: 0 } });
  world.nowMs = 120_001;
  assert.notEqual(world.session({ b: { 0: 0 } }), INVALID_SESSION_ID);
  assert.equal(world.open(stale, 1).errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
});

test('a session that is old but in use makes room for a larger one only', () => {
  const world = new World(1);
  const old = world.session({ a: { 0: 0, 1: 0 } });
  world.nowMs = 120_001;
  world.open(old, 1);
  assert.equal(world.session({ b: { 0: 0, 1: 0 } }), INVALID_SESSION_ID);
  assert.notEqual(world.session({ b: { 0: 0, 1: 0, 2: 0 } }), INVALID_SESSION_ID);
  assert.equal(world.sessions.size, 1);
});

/** A consumer that believes what it is told: after any history, what it believes must be what the broker last said or left out as unchanged. */
test('whatever is changed and left out, the consumer knows the newest state of every partition', () => {
  const partitionNumber = fc.nat(4);
  const step = fc.record({
    add: fc.array(fc.tuple(partitionNumber, fc.nat(100)), { maxLength: 3 }),
    forget: fc.array(partitionNumber, { maxLength: 2 }),
    changes: fc.array(fc.tuple(partitionNumber, fc.constantFrom('water', 'start', 'error', 'heal', 'records')), {
      maxLength: 4,
    }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const world = new World();
      const truth = new Map<number, { highWatermark: number; logStartOffset: number; errorCode: number }>();
      for (let index = 0; index < 5; index++) truth.set(index, { highWatermark: 1, logStartOffset: 0, errorCode: 0 });
      const wanted = new Map<number, number>();
      const believed = new Map<number, { highWatermark: number; logStartOffset: number; errorCode: number }>();
      let sessionId = 0;
      let epoch = 0;
      for (const { add, forget, changes } of steps) {
        const withRecords = new Set<number>();
        for (const [index, change] of changes) {
          const state = truth.get(index)!;
          if (change === 'water') state.highWatermark++;
          else if (change === 'start') state.logStartOffset++;
          else if (change === 'records') withRecords.add(index);
          else state.errorCode = change === 'error' ? 3 : 0;
        }
        const added = new Map(add);
        const gone = forget.filter((index) => !added.has(index) && wanted.has(index));
        for (const [index, offset] of added) wanted.set(index, offset);
        for (const index of gone) {
          wanted.delete(index);
          believed.delete(index);
        }
        if (wanted.size === 0) {
          sessionId = 0;
          epoch = 0;
          continue;
        }
        const isFull = epoch === 0;
        const named = isFull ? wanted : added;
        const context = world.open(sessionId, epoch, { a: Object.fromEntries(named) }, isFull ? {} : { a: gone });
        assert.equal(context.errorCode, ErrorCode.NONE);
        assert.deepEqual(
          new Map(context.partitions.map(({ partition, fetchOffset }) => [partition, fetchOffset])),
          wanted,
        );
        const answers = context.partitions.map(({ partition }) => {
          const { errorCode, highWatermark, logStartOffset } = truth.get(partition)!;
          const failed = errorCode !== 0;
          return {
            errorCode,
            highWatermark: failed ? -1 : highWatermark,
            logStartOffset: failed ? -1 : logStartOffset,
            recordsBytes: !failed && withRecords.has(partition) ? 10 : 0,
            diverging: false,
          };
        });
        const { included, sessionId: answeredId } = context.conclude(answers);
        context.partitions.forEach(({ partition }, index) => {
          const answer = answers[index]!;
          if (included === undefined || included[index]) believed.set(partition, answer);
          const { errorCode, highWatermark, logStartOffset } = believed.get(partition)!;
          assert.deepEqual(
            [errorCode, highWatermark, logStartOffset],
            [answer.errorCode, answer.highWatermark, answer.logStartOffset],
          );
          if (answer.recordsBytes > 0) assert.ok(included === undefined || included[index]);
        });
        sessionId = answeredId;
        epoch = epoch + 1;
      }
    }),
    { numRuns: 200 },
  );
});
