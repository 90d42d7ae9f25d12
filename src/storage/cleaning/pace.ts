// How fast a round on a thread goes on: within the bytes per second that are allowed, and resting twice as long as it works, so
// that two cores have room for the event loop and a client even beside it. Low priority alone left producers waiting, and rests of half
// that length kept their 99th percentile at 2.5 times its quiet value (docs/benchmarks.md).
import { type Clock, sleep, type Timers } from '../../runtime/runtime.ts';
import type { Pause } from './walk-segment.ts';

export interface PaceOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly bytesPerSecondMax: number;
}

/** Shorter rests would be of the length of a timer's error. */
const workMs = 10;
const RESTS_PER_WORK = 2;

/** To be asked after each slice of work. Waiting for a sync counts as work. */
export function restingPace({ clock, timers, bytesPerSecondMax }: PaceOptions): Pause {
  const since = clock.monotonicMs();
  let restedMs = since;
  let total = 0;
  return async (bytes) => {
    total += bytes;
    const nowMs = clock.monotonicMs();
    const workedMs = nowMs - restedMs;
    const restMs = workedMs < workMs ? 0 : RESTS_PER_WORK * workedMs;
    const aheadMs = (total / bytesPerSecondMax) * 1000 - (nowMs - since);
    const delayMs = Math.max(restMs, aheadMs > 1 ? aheadMs : 0);
    if (delayMs === 0) return;
    await sleep(timers, delayMs);
    restedMs = clock.monotonicMs();
  };
}
