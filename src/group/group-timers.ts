// The timers of the groups of one shard: at most one per group and key. Owned by the shard; closed with it, after which none fires.
import type { Timer, Timers } from '../runtime/runtime.ts';

export class GroupTimers {
  readonly #timers: Timers;
  readonly #fired: (groupId: string, key: string) => void;
  readonly #groups = new Map<string, Map<string, Timer>>();

  constructor(timers: Timers, fired: (groupId: string, key: string) => void) {
    this.#timers = timers;
    this.#fired = fired;
  }

  /** Replaces the one before. */
  arm(groupId: string, key: string, afterMs: number): void {
    let timers = this.#groups.get(groupId);
    if (timers === undefined) this.#groups.set(groupId, (timers = new Map()));
    timers.get(key)?.cancel();
    const timer = this.#timers.set(Math.max(0, afterMs), () => {
      this.#forget(groupId, key);
      this.#fired(groupId, key);
    });
    timers.set(key, timer);
  }

  cancel(groupId: string, key: string): void {
    this.#groups.get(groupId)?.get(key)?.cancel();
    this.#forget(groupId, key);
  }

  cancelGroup(groupId: string): void {
    for (const timer of this.#groups.get(groupId)?.values() ?? []) timer.cancel();
    this.#groups.delete(groupId);
  }

  close(): void {
    for (const groupId of [...this.#groups.keys()]) this.cancelGroup(groupId);
  }

  #forget(groupId: string, key: string): void {
    const timers = this.#groups.get(groupId);
    timers?.delete(key);
    if (timers?.size === 0) this.#groups.delete(groupId);
  }
}
