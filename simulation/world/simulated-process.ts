// One process of a simulated world, with the runtime that the production code gets in it. When it dies, nothing of it goes on:
// its timers do not fire, its files and sockets do nothing, what it awaited never comes. Then only its machine is left.
import type { Files } from '../../src/runtime/files.ts';
import type { Network } from '../../src/runtime/network.ts';
import type { LogFields, Runtime, Timers } from '../../src/runtime/runtime.ts';
import type { Threads } from '../../src/runtime/threads.ts';
import type { Dice } from './dice.ts';
import type { EventOwner, VirtualTime } from './virtual-time.ts';

/** Wall clocks start here: 2026-01-01. */
export const EPOCH_MS = 1_767_225_600_000;

/** A computer: its address, its clock, which is wrong by `clockErrorMs`. */
export interface Machine {
  readonly name: string;
  readonly address: string;
  clockErrorMs: number;
}

export interface ProcessWorld {
  readonly time: VirtualTime;
  readonly logged: (process: SimulatedProcess, level: 'info' | 'warn' | 'error', text: string) => void;
}

export class SimulatedProcess implements EventOwner {
  readonly name: string;
  readonly machine: Machine;
  readonly runtime: Runtime;
  alive = true;
  stoppedUntilMs = 0;

  constructor(
    world: ProcessWorld,
    name: string,
    machine: Machine,
    dice: Dice,
    open: (process: SimulatedProcess) => {
      readonly files: Files;
      readonly network: Network;
      readonly threads?: Threads;
    },
  ) {
    this.name = name;
    this.machine = machine;
    const { time } = world;
    const lateness = dice.stream(`${name} timers`);
    const random = dice.stream(`${name} random`);
    const log = (level: 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
      if (this.alive) world.logged(this, level, `${message}${fieldsText(fields)}`);
    };
    this.runtime = {
      clock: {
        nowMs: () => Math.floor(EPOCH_MS + time.nowMs + machine.clockErrorMs),
        monotonicMs: () => time.nowMs,
      },
      timers: timersOf(time, this, lateness),
      random: { bytes: (count) => random.bytes(count), below: (limit) => random.below(limit) },
      log: { info: log('info'), warn: log('warn'), error: log('error') },
      ...open(this),
    };
  }
}

/** Late by up to 2 ms; those of a dead owner do not fire. */
export function timersOf(time: VirtualTime, owner: EventOwner, lateness: Dice): Timers {
  return {
    set: (delayMs, callback) => {
      const event = time.plan(Math.max(1, delayMs) + lateness.skewed(0, 2), owner, callback);
      return {
        cancel: () => {
          event.callback = undefined;
        },
      };
    },
    defer: (callback) => void time.plan(lateness.skewed(0, 0.05), owner, callback),
  };
}

function fieldsText(fields: LogFields | undefined): string {
  let text = '';
  for (const [name, value] of Object.entries(fields ?? {})) if (value !== undefined) text += ` ${name}=${value}`;
  return text;
}
