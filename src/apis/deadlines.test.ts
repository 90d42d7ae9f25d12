import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualTime } from '../partition/partition-world.suite.ts';
import { Deadlines } from './deadlines.ts';

function world() {
  const time = new ManualTime();
  const deadlines = new Deadlines(time, time);
  const expired: string[] = [];
  const add = (name: string, delayMs: number) => {
    const deadline = { dueAtMs: time.monotonicMs() + delayMs, expired: () => void expired.push(name) };
    deadlines.add(deadline);
    return deadline;
  };
  return { time, deadlines, expired, add };
}

test('deadlines expire when due, whatever the order in which they were added', () => {
  const { time, expired, add } = world();
  add('late', 100);
  add('early', 50);
  add('middle', 70);
  time.advance(49);
  assert.deepEqual(expired, []);
  time.advance(1);
  assert.deepEqual(expired, ['early']);
  time.advance(100);
  assert.deepEqual(expired, ['early', 'middle', 'late']);
});

test('a removed deadline does not expire', () => {
  const { time, deadlines, expired, add } = world();
  const removed = add('removed', 10);
  add('kept', 20);
  deadlines.remove(removed);
  deadlines.remove(removed);
  time.advance(100);
  assert.deepEqual(expired, ['kept']);
  assert.equal(deadlines.size, 0);
});

test('any number of deadlines needs one timer at most, and none once all are gone', () => {
  const { time, deadlines, add } = world();
  const all = Array.from({ length: 100 }, (_, index) => add(String(index), 1000 - index));
  assert.equal(time.pendingTimers, 1);
  for (const deadline of all) deadlines.remove(deadline);
  time.advance(1000);
  assert.equal(time.pendingTimers, 0);
});

test('a deadline that is due at once expires at the next turn', () => {
  const { time, expired, add } = world();
  add('now', 0);
  add('past', -5);
  assert.deepEqual(expired, []);
  time.advance(0);
  assert.deepEqual(expired.sort(), ['now', 'past']);
});

test('a deadline added while others expire is kept', () => {
  const time = new ManualTime();
  const deadlines = new Deadlines(time, time);
  let second = 0;
  const start = time.monotonicMs();
  deadlines.add({
    dueAtMs: start + 10,
    expired: () => deadlines.add({ dueAtMs: start + 20, expired: () => void second++ }),
  });
  time.advance(15);
  assert.equal(second, 0);
  time.advance(5);
  assert.equal(second, 1);
});

test('a deadline between two milliseconds expires at the later one, never early', () => {
  const { time, expired, add } = world();
  add('half', 10.5);
  time.advance(10);
  assert.deepEqual(expired, []);
  time.advance(1);
  assert.deepEqual(expired, ['half']);
});

test('random deadlines expire in the order of their times, and removed ones never', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ delayMs: fc.nat(200), removed: fc.boolean() })), (wanted) => {
      const { time, deadlines, expired, add } = world();
      const added = wanted.map(({ delayMs }, index) => add(String(index), delayMs));
      for (const [index, { removed }] of wanted.entries()) if (removed) deadlines.remove(added[index]!);
      const kept = wanted.map((one, index) => ({ ...one, index })).filter(({ removed }) => !removed);
      assert.equal(deadlines.size, kept.length);
      time.advance(200);
      const order = kept.sort((a, b) => a.delayMs - b.delayMs || a.index - b.index);
      assert.deepEqual(
        expired,
        order.map(({ index }) => String(index)),
      );
      assert.equal(deadlines.size, 0);
      assert.equal(time.pendingTimers, 0);
    }),
  );
});

test('deadlines that are removed long before their time leave nothing behind that grows', () => {
  const { time, deadlines, add } = world();
  const kept = add('kept', 2_000_000_000);
  for (let i = 0; i < 10_000; i++) deadlines.remove(add('removed', 1_000_000 + i));
  assert.ok(deadlines.storedTimes <= 200, `${deadlines.storedTimes} times are stored`);
  deadlines.remove(kept);
  time.advance(2_000_000_000);
  assert.equal(time.pendingTimers, 0);
});
