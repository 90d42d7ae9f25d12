// One commit while it is formed, written and made durable: what all partitions appended meanwhile.
import type { Log } from './partition-log.ts';
import type { Run } from './run.ts';
import type { CommitTicket } from './storage.ts';

export class Commit {
  readonly ticket: CommitTicket;
  /** In order of append. */
  readonly runs: Run[] = [];
  /** Copies of older runs that keep small partitions in the log. */
  readonly carried: Run[] = [];
  /** New log starts. */
  readonly starts: { log: Log; offset: number }[] = [];
  bytes = 0;

  constructor(ticket: CommitTicket) {
    this.ticket = ticket;
  }
}
