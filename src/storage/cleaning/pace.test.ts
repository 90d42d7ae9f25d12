// How a round on a thread shares the machine with everything else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock, Timers } from '../../runtime/runtime.ts';
import { restingPace } from './pace.ts';

/** Time that passes only when somebody works or rests. */
function worker(bytesPerSecondMax: number) {
  let nowMs = 1_000;
  let restedMs = 0;
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const timers: Timers = {
    set(delayMs, run) {
      nowMs += delayMs;
      restedMs += delayMs;
      run();
      return { cancel() {} };
    },
    defer: (run) => run(),
  };
  const pace = restingPace({ clock, timers, bytesPerSecondMax });
  const work = async (ms: number, bytes: number): Promise<number> => {
    nowMs += ms;
    restedMs = 0;
    await pace(bytes);
    return restedMs;
  };
  return { work };
}

test('a round on a thread rests twice as long as it has worked', async () => {
  const { work } = worker(Number.MAX_VALUE);
  let rested = 0;
  for (let i = 0; i < 1_000; i++) rested += await work(3, 512 * 1024);
  assert.equal(rested, 2 * 3 * 1_000);
});

test('a slice that waited long for the disk is followed by a rest of twice that length', async () => {
  const { work } = worker(Number.MAX_VALUE);
  assert.equal(await work(1, 1), 0);
  assert.equal(await work(200, 1), 402);
  assert.equal(await work(1, 1), 0);
});

test('log.cleaner.io.max.bytes.per.second lets it rest longer, never work longer', async () => {
  const { work } = worker(1_000_000);
  assert.equal(await work(100, 1_000_000), 900);
  assert.equal(await work(100, 1_000), 200);
});
