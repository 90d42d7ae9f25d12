// At the limit everybody waits, and still something always moves on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Timers } from '../runtime/runtime.ts';
import { type MemoryUser, RequestMemory } from './request-memory.ts';

class FakeTimers implements Timers {
  readonly pending = new Set<{ delayMs: number; callback: () => void }>();
  set(delayMs: number, callback: () => void) {
    const timer = { delayMs, callback };
    this.pending.add(timer);
    return { cancel: () => void this.pending.delete(timer) };
  }
  readonly #deferred: (() => void)[] = [];
  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }
  /** What was deferred until now. */
  turn(): void {
    for (const callback of this.#deferred.splice(0)) {
      callback();
    }
  }
  fire(): void {
    const due = [...this.pending];
    this.pending.clear();
    for (const { callback } of due) {
      callback();
    }
  }
}

class FakeUser implements MemoryUser {
  readonly name: string;
  hasPartialRequest: boolean;
  resumed = 0;
  closed = false;
  readonly #memory: RequestMemory;
  constructor(name: string, memory: RequestMemory, hasPartialRequest: boolean) {
    this.name = name;
    this.#memory = memory;
    this.hasPartialRequest = hasPartialRequest;
  }
  resumeReading(): void {
    this.resumed += 1;
    this.#memory.mayRead(this);
  }
  stalled(): void {
    this.closed = true;
    this.#memory.forget(this);
  }
}

function setUp(limitBytes = 100) {
  const timers = new FakeTimers();
  const memory = new RequestMemory(() => limitBytes, timers);
  return { timers, memory, user: (name: string, partial: boolean) => new FakeUser(name, memory, partial) };
}

test('readers pause at the limit and go on when answers free memory', () => {
  const { timers, memory, user } = setUp();
  const reader = user('reader', false);
  assert.equal(memory.mayRead(reader), true);
  memory.requestStarted();
  memory.take(100);
  assert.equal(memory.mayRead(reader), false);
  memory.release(1);
  assert.equal(reader.resumed, 1);
  memory.requestsAnswered(1);
  timers.fire();
  assert.equal(memory.mayRead(reader), true);
});

test('when only half-received requests hold the memory, one at a time reads on', () => {
  const { memory, user } = setUp();
  const [first, second] = [user('first', true), user('second', true)];
  memory.take(100);
  assert.equal(memory.mayRead(first), true);
  assert.equal(memory.mayRead(second), false);
  assert.equal(memory.mayRead(first), true);
  memory.requestCompleted(first);
  first.hasPartialRequest = false;
  assert.equal(memory.mayRead(first), false);
  assert.equal(memory.mayRead(second), true);
});

test('a chosen reader that does not complete its request is closed and the next one chosen', () => {
  const { timers, memory, user } = setUp();
  const [stalled, next] = [user('stalled', true), user('next', true)];
  memory.take(100);
  memory.mayRead(stalled);
  memory.mayRead(next);
  timers.fire();
  assert.equal(stalled.closed, true);
  assert.equal(memory.mayRead(next), true);
});

test('a chosen reader without a request makes room for the next, so that long polls can be woken by others', () => {
  const { timers, memory, user } = setUp();
  const [quiet, other] = [user('quiet', false), user('other', false)];
  memory.take(100);
  assert.equal(memory.mayRead(quiet), true);
  assert.equal(memory.mayRead(other), false);
  timers.fire();
  assert.equal(memory.mayRead(other), true);
  assert.equal(quiet.closed, false);
});

test('memory that becomes free goes to whoever has waited longest, and readers take turns', () => {
  const readBytes = 256 * 1024;
  const { timers, memory, user } = setUp(4 * readBytes);
  const readers = ['a', 'b', 'c', 'd', 'e'].map((name) => user(name, false));
  memory.take(4 * readBytes);
  memory.requestStarted();
  for (const reader of readers) {
    assert.equal(memory.mayRead(reader), false);
  }
  const order: string[] = [];
  for (let step = 0; step < 15; step++) {
    const before = readers.map((reader) => reader.resumed);
    memory.release(readBytes);
    const resumed = readers.filter((reader, index) => reader.resumed > before[index]!);
    assert.equal(resumed.length, 1);
    order.push(resumed[0]!.name);
    memory.take(readBytes);
    assert.equal(memory.mayRead(resumed[0]!), false);
    timers.turn();
  }
  assert.equal(order.join(''), 'abcde'.repeat(3));
});

test('for a while after memory was full readers take turns, so that none takes all that is free in one go', () => {
  const readBytes = 256 * 1024;
  const { timers, memory, user } = setUp(4 * readBytes);
  const [fast, slow, quiet] = [user('fast', false), user('slow', false), user('quiet', false)];
  const resumed = () => [fast.resumed, slow.resumed, quiet.resumed];
  memory.take(4 * readBytes);
  memory.requestStarted();
  for (const reader of [fast, slow, quiet]) {
    memory.mayRead(reader);
  }
  memory.release(1);
  assert.deepEqual(resumed(), [1, 0, 0]);
  assert.equal(memory.mayRead(fast), false);
  timers.turn();
  assert.deepEqual(resumed(), [1, 1, 0]);
  timers.turn();
  assert.deepEqual(resumed(), [1, 1, 1]);
  timers.turn();
  assert.deepEqual(resumed(), [2, 1, 1]);
  // Nobody waits any more, and there is memory.
  assert.equal(memory.mayRead(fast), false);
  timers.turn();
  assert.deepEqual(resumed(), [3, 1, 1]);
  timers.fire();
  timers.fire();
  assert.equal(memory.mayRead(fast), true);
});
