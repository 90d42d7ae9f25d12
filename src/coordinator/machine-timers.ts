// The timers of the machines of one shard: at most one per machine and key. Owned by the shard; closed with it, after which none fires.
import type { Timer, Timers } from '../runtime/runtime.ts';

export class MachineTimers {
  readonly #timers: Timers;
  readonly #fired: (id: string, key: string) => void;
  readonly #machines = new Map<string, Map<string, Timer>>();

  constructor(timers: Timers, fired: (id: string, key: string) => void) {
    this.#timers = timers;
    this.#fired = fired;
  }

  /** Replaces the one before. */
  arm(id: string, key: string, afterMs: number): void {
    let timers = this.#machines.get(id);
    if (timers === undefined) this.#machines.set(id, (timers = new Map()));
    timers.get(key)?.cancel();
    const timer = this.#timers.set(Math.max(0, afterMs), () => {
      this.#forget(id, key);
      this.#fired(id, key);
    });
    timers.set(key, timer);
  }

  cancel(id: string, key: string): void {
    this.#machines.get(id)?.get(key)?.cancel();
    this.#forget(id, key);
  }

  cancelAll(id: string): void {
    for (const timer of this.#machines.get(id)?.values() ?? []) timer.cancel();
    this.#machines.delete(id);
  }

  close(): void {
    for (const id of [...this.#machines.keys()]) this.cancelAll(id);
  }

  #forget(id: string, key: string): void {
    const timers = this.#machines.get(id);
    timers?.delete(key);
    if (timers?.size === 0) this.#machines.delete(id);
  }
}
