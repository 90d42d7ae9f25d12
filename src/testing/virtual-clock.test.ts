import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeRuntime } from '../runtime/node/node-runtime.ts';
import { durationMs } from './duration.ts';
import { VirtualClock } from './virtual-clock.ts';

test('an advance calls timers in order, each at its moment, with those that they set', async () => {
  const clock = new VirtualClock(nodeRuntime(), { startMs: 0, frozen: true });
  const timers = clock.timersOf({}, () => true);
  const called: string[] = [];
  const note = (name: string) => () => void called.push(`${name} at ${clock.nowMs()}`);
  timers.set(3_000, note('third'));
  timers.set(1_000, () => {
    note('first')();
    timers.set(1_000, note('second'));
  });
  timers.set(2_500, note('cancelled')).cancel();
  timers.set(60_000, note('never'));
  await clock.advance('10s');
  assert.deepEqual(called, ['first at 1000', 'second at 2000', 'third at 3000']);
  assert.equal(clock.nowMs(), 10_000);
});

test('a long advance calls periodic timers without counting every one, and ends at its time', async () => {
  const clock = new VirtualClock(nodeRuntime(), { startMs: 0, frozen: true });
  const timers = clock.timersOf({}, () => true);
  let calls = 0;
  const again = () => {
    calls++;
    timers.set(1_000, again);
  };
  timers.set(1_000, again);
  await clock.advance('7 days');
  assert.equal(clock.nowMs(), 7 * 86_400_000);
  assert.ok(calls > 1_000 && calls <= 2_001, `${calls} calls`);
});

test('timers of an owner that was dropped are not called', async () => {
  const clock = new VirtualClock(nodeRuntime(), { startMs: 0, frozen: true });
  const owner = {};
  clock.timersOf(owner, () => true).set(1_000, () => assert.fail('called'));
  clock.drop(owner);
  await clock.advance('1 minute');
});

test('durations are written as people write them', () => {
  assert.equal(durationMs('7 days'), 604_800_000);
  assert.equal(durationMs('1h 30m'), 5_400_000);
  assert.equal(durationMs('1.5 s'), 1_500);
  assert.equal(durationMs(250), 250);
  for (const wrong of ['', '7', 'days', '-1s', '1 fortnight', -1, Number.NaN]) {
    assert.throws(() => durationMs(wrong), TypeError, String(wrong));
  }
});
