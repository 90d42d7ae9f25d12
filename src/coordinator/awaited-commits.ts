// Answers of a shard that wait for a commit, with one timer for all: a commit that takes too long is answered before it is
// known how it ended. Owned by the shard. Invariant: commits end in the order in which they are awaited.
import type { Clock, Timer, Timers } from '../runtime/runtime.ts';
import type { CommitTicket, Storage } from '../storage/storage.ts';

interface AwaitedCommit<Pending> {
  readonly dueAtMs: number;
  readonly pending: readonly Pending[];
  committed: boolean;
}

export interface CommitSurroundings {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly timers: Timers;
}

export class AwaitedCommits<Pending> {
  readonly #surroundings: CommitSurroundings;
  readonly #tooLate: (pending: Pending) => void;
  #awaited: AwaitedCommit<Pending>[] = [];
  #timer: Timer | undefined;

  constructor(surroundings: CommitSurroundings, tooLate: (pending: Pending) => void) {
    this.#surroundings = surroundings;
    this.#tooLate = tooLate;
  }

  /** The replies are sent at the commit; before it, `pending` are told when the time is over. */
  await(ticket: CommitTicket, timeoutMs: number, replies: readonly (() => void)[], pending: readonly Pending[]): void {
    const { storage, clock } = this.#surroundings;
    const awaited = { dueAtMs: 0, pending, committed: false };
    storage.whenCommitted(ticket, () => {
      awaited.committed = true;
      while (this.#awaited[0]?.committed) this.#awaited.shift();
      for (const reply of replies) reply();
    });
    if (awaited.committed) return;
    awaited.dueAtMs = clock.monotonicMs() + timeoutMs;
    this.#awaited.push(awaited);
    if (this.#timer === undefined) this.#arm();
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#awaited = [];
  }

  #arm(): void {
    const { clock, timers } = this.#surroundings;
    const afterMs = Math.max(0, this.#awaited[0]!.dueAtMs - clock.monotonicMs());
    this.#timer = timers.set(afterMs, () => {
      this.#timer = undefined;
      const nowMs = clock.monotonicMs();
      while (this.#awaited.length > 0 && this.#awaited[0]!.dueAtMs <= nowMs) {
        for (const pending of this.#awaited.shift()!.pending) this.#tooLate(pending);
      }
      if (this.#awaited.length > 0) this.#arm();
    });
  }
}
