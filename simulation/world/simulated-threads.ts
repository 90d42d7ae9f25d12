// Threads of a simulated process: the code of the real one (storage/cleaning/cleaning-thread.ts) with files, clock and timers of its
// own, between which and the rest of the process only copies go. One can die alone, and stops only a while after it was told to.
import type { Thread, Threads } from '../../src/runtime/threads.ts';
import { cleaningThread } from '../../src/storage/cleaning/cleaning-thread.ts';
import type { Dice } from './dice.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import { type SimulatedProcess, timersOf } from './simulated-process.ts';
import type { EventOwner, VirtualTime } from './virtual-time.ts';

const DIES_ONE_IN = 20;
/** A message, the start of a thread, its end. */
const HANDOVER_MS_MAX = 3;

export interface ThreadsWorld {
  readonly time: VirtualTime;
  readonly disk: SimulatedDisk;
  readonly dice: Dice;
}

export function simulatedThreads(world: ThreadsWorld, process: SimulatedProcess): Threads {
  let started = 0;
  return {
    start(module, data) {
      if (!module.pathname.endsWith('/cleaner-thread.js')) throw new Error(`no such module: ${module.pathname}`);
      return new SimulatedThread(world, process, `${process.name} thread ${++started}`, data);
    },
  };
}

class SimulatedThread implements Thread, EventOwner {
  readonly name: string;
  readonly #world: ThreadsWorld;
  readonly #process: SimulatedProcess;
  readonly #answer: () => Promise<unknown>;
  #ended = false;
  #reject: ((error: Error) => void) | undefined;

  constructor(world: ThreadsWorld, process: SimulatedProcess, name: string, data: unknown) {
    this.name = name;
    this.#world = world;
    this.#process = process;
    const { time, disk, dice } = world;
    const lateness = dice.stream(`${name} timers`);
    let workedMs = 0;
    const { clock } = process.runtime;
    const answer = cleaningThread({
      files: disk.seenBy(this),
      // Virtual time stands still while code runs; this code is to find that its work has taken some.
      clock: { nowMs: clock.nowMs, monotonicMs: () => clock.monotonicMs() + (workedMs += lateness.skewed(0, 6)) },
      timers: timersOf(time, this, lateness),
    });
    const copy = structuredClone(data);
    this.#answer = () => answer(copy);
    if (lateness.oneIn(DIES_ONE_IN)) time.plan(lateness.skewed(0, 200), this, () => this.#end());
  }

  get alive(): boolean {
    return !this.#ended && this.#process.alive;
  }

  get stoppedUntilMs(): number {
    return this.#process.stoppedUntilMs;
  }

  ask(_message: unknown): Promise<unknown> {
    if (this.#ended) return Promise.reject(new Error('the thread has ended'));
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#later(this, async () => {
        const told = structuredClone(await this.#answer());
        this.#later(this.#process, () => {
          this.#reject = undefined;
          resolve(told);
        });
      });
    });
  }

  async stop(): Promise<void> {
    const { time, dice } = this.#world;
    await time.wait(dice.skewed(0, HANDOVER_MS_MAX), this.#process);
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#reject?.(new Error('the thread has ended'));
    this.#reject = undefined;
  }

  #later(owner: EventOwner, what: () => void): void {
    const { time, dice } = this.#world;
    time.plan(dice.skewed(0, HANDOVER_MS_MAX), owner, what);
  }
}
