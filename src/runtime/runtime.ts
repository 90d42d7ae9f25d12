// The outside world as interfaces: everything Ottla reads from or does to its surroundings goes through here.
// Production gets `runtime/node/`, tests and the simulator bring their own; nothing outside this folder touches a
// clock, a timer, a random number, a file or a socket.
import type { Files } from './files.ts';
import type { Network } from './network.ts';
import type { Threads } from './threads.ts';

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly files: Files;
  readonly network: Network;
  readonly log: LogLines;
  /** Absent where there is one thread only. */
  readonly threads?: Threads;
  /** Absent where there is no web. */
  readonly web?: Web;
}

export interface Web {
  /** The body of a GET that was answered 200. Rejects with an Error when it was not, when it is larger or takes longer. */
  text(url: string, limits: { readonly bytesMax: number; readonly timeoutMs: number }): Promise<string>;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. May jump; use it for record timestamps and retention only. */
  nowMs(): number;
  /** Never goes back; milliseconds with a fraction, from an arbitrary origin. Use it for every duration. */
  monotonicMs(): number;
}

export interface Timers {
  /** Calls `callback` once, `delayMs` from now at the earliest. A pending timer never keeps a process alive by itself. */
  set(delayMs: number, callback: () => void): Timer;
  /** Calls `callback` after the I/O events that are already waiting (Node's setImmediate). */
  defer(callback: () => void): void;
}

export interface Timer {
  /** After this call the callback will not run. Calling it twice, or after the callback ran, does nothing. */
  cancel(): void;
}

export interface Random {
  /** Fresh bytes, owned by the caller. */
  bytes(count: number): Buffer;
  /** An integer in [0, limit). */
  below(limit: number): number;
}

export interface LogLines {
  /** One line for the operator. `fields` are printed as key=value. Never throws. */
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Waits `delayMs` on the given timers. */
export function sleep(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.set(delayMs, resolve);
  });
}
