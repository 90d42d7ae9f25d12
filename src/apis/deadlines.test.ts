import assert from 'node:assert/strict';
import { test } from 'node:test';
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
