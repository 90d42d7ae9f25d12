// Turns appends into commits: one commit in flight, everything that arrives meanwhile forms the next one. Callbacks are
// called in ticket order, once, and never for work that a failed commit carried.
import type { Timers } from '../runtime/runtime.ts';
import { Commit } from './commit.ts';
import type { CommitTicket } from './storage.ts';

/** Where commits become durable. */
export interface CommitMedium {
  /** A promise when the commit has to wait before it can be written; asked again afterwards. */
  prepare(commit: Commit): Promise<void> | undefined;
  /** Synchronous; throws when it failed. */
  write(commit: Commit): void;
  /** Undefined when the commit is durable as soon as it is written. */
  sync(commit: Commit): Promise<void> | undefined;
}

export interface CommitLoopOptions {
  readonly timers: Timers;
  readonly medium: CommitMedium;
  readonly bytesMax: number;
  readonly firstTicket: CommitTicket;
  /** Durable: moves the marks of the logs. Before any callback. */
  readonly onDurable: (commit: Commit) => void;
  /** Tells the partitions, after the next commit was started. */
  readonly onCommitted: (commit: Commit) => void;
  readonly onFailed: (error: unknown) => void;
  /** A callback has thrown, which is a bug of its owner; the others are called all the same. */
  readonly onThrown: (error: unknown) => void;
}

interface Waiter {
  readonly ticket: CommitTicket;
  readonly callback: () => void;
}

export class CommitLoop {
  #options: CommitLoopOptions;
  #forming: Commit[] = [];
  #lastTicket: CommitTicket;
  #written: CommitTicket;
  #durable: CommitTicket;
  #writtenWaiters: Waiters;
  #durableWaiters: Waiters;
  #scheduled = false;
  #busy = false;
  #inFlight: Promise<void> = Promise.resolve();
  #failed = false;

  constructor(options: CommitLoopOptions) {
    this.#options = options;
    this.#writtenWaiters = new Waiters(options.onThrown);
    this.#durableWaiters = new Waiters(options.onThrown);
    this.#lastTicket = this.#written = this.#durable = options.firstTicket - 1;
  }

  /** The commit that an append of `bytes` joins. */
  commitFor(bytes: number): Commit {
    const last = this.#forming[this.#forming.length - 1];
    if (last !== undefined && (last.bytes === 0 || last.bytes + bytes <= this.#options.bytesMax)) return last;
    const fresh = new Commit(++this.#lastTicket);
    this.#forming.push(fresh);
    this.#schedule();
    return fresh;
  }

  get currentTicket(): CommitTicket {
    return this.#forming.length > 0 ? this.#lastTicket : this.#lastTicket + 1;
  }

  /** The last ticket that something was appended under. */
  get lastTicket(): CommitTicket {
    return this.#lastTicket;
  }

  /** Bytes of the commits that wait to be written. */
  get formingBytes(): number {
    let bytes = 0;
    for (const commit of this.#forming) bytes += commit.bytes;
    return bytes;
  }

  get durableTicket(): CommitTicket {
    return this.#durable;
  }

  whenWritten(ticket: CommitTicket, callback: () => void): void {
    this.#when(this.#writtenWaiters, this.#written, ticket, callback);
  }

  whenCommitted(ticket: CommitTicket, callback: () => void): void {
    this.#when(this.#durableWaiters, this.#durable, ticket, callback);
  }

  #when(waiters: Waiters, done: CommitTicket, ticket: CommitTicket, callback: () => void): void {
    // Nothing was appended under a ticket beyond the last one: then the last one says when all before it is done.
    const last = Math.min(ticket, this.#lastTicket);
    if (this.#failed) return;
    if (last <= done && !waiters.hasBefore(done)) callback();
    else waiters.add(last, callback);
  }

  /** Nothing is written any more and no callback is called. */
  fail(): void {
    this.#failed = true;
    this.#forming = [];
    this.#writtenWaiters.clear();
    this.#durableWaiters.clear();
  }

  #schedule(): void {
    if (this.#scheduled || this.#busy) return;
    this.#scheduled = true;
    this.#options.timers.defer(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  /** Writes commits until one has to wait for something. */
  #run(): void {
    if (this.#busy || this.#failed) return;
    const { medium } = this.#options;
    for (let commit = this.#forming[0]; commit !== undefined; commit = this.#forming[0]) {
      let sync: Promise<void> | undefined;
      try {
        const wait = medium.prepare(commit);
        if (wait !== undefined) {
          this.#wait(wait, () => this.#run());
          return;
        }
        this.#forming.shift();
        medium.write(commit);
        sync = medium.sync(commit);
      } catch (error) {
        this.#options.onFailed(error);
        return;
      }
      this.#written = commit.ticket;
      if (sync !== undefined) {
        this.#wait(sync, () => this.#synced(commit));
        this.#writtenWaiters.call(this.#written);
        return;
      }
      this.#writtenWaiters.call(this.#written);
      this.#advance(commit);
      this.#announce(commit);
      if (this.#failed) return;
    }
  }

  /** Resolves when nothing is on its way to the disk. */
  idle(): Promise<void> {
    return this.#inFlight.catch(() => {});
  }

  #wait(promise: Promise<void>, then: () => void): void {
    this.#busy = true;
    this.#inFlight = promise;
    promise.then(
      () => {
        this.#busy = false;
        if (!this.#failed) then();
      },
      (error) => this.#options.onFailed(error),
    );
  }

  #synced(commit: Commit): void {
    this.#advance(commit);
    // The disk gets its next work before the answers to this one are made.
    this.#run();
    if (!this.#failed) this.#announce(commit);
  }

  #advance(commit: Commit): void {
    this.#durable = commit.ticket;
    this.#options.onDurable(commit);
  }

  #announce(commit: Commit): void {
    this.#options.onCommitted(commit);
    this.#durableWaiters.call(commit.ticket);
    if (this.#forming.length > 0) this.#schedule();
  }
}

/** Callbacks in ticket order. */
class Waiters {
  #waiting: Waiter[] = [];
  #head = 0;
  #calling = false;
  #onThrown: (error: unknown) => void;

  constructor(onThrown: (error: unknown) => void) {
    this.#onThrown = onThrown;
  }

  /** Some callback for a ticket up to this one is still to be called. */
  hasBefore(ticket: CommitTicket): boolean {
    const first = this.#waiting[this.#head];
    return this.#calling || (first !== undefined && first.ticket <= ticket);
  }

  add(ticket: CommitTicket, callback: () => void): void {
    let at = this.#waiting.length;
    while (at > this.#head && (this.#waiting[at - 1] as Waiter).ticket > ticket) at--;
    if (at === this.#waiting.length) this.#waiting.push({ ticket, callback });
    else this.#waiting.splice(at, 0, { ticket, callback });
  }

  call(ticket: CommitTicket): void {
    if (this.#calling) return;
    this.#calling = true;
    try {
      for (;;) {
        const next = this.#waiting[this.#head];
        if (next === undefined || next.ticket > ticket) break;
        this.#head++;
        try {
          next.callback();
        } catch (error) {
          this.#onThrown(error);
        }
      }
    } finally {
      this.#calling = false;
      if (this.#head * 2 > this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#head);
        this.#head = 0;
      }
    }
  }

  clear(): void {
    this.#waiting = [];
    this.#head = 0;
  }
}
