// Deletes whole segments that the topic no longer wants: by age, by size, or below the log's start (DeleteRecords). The new
// start is durable before a file goes. As Kafka's UnifiedLog.deleteOldSegments.
import { maxTimestamp } from '../records/record-batch.ts';
import type { Clock, Timer, Timers } from '../runtime/runtime.ts';
import type { Log } from './partition-log.ts';
import type { CommitTicket } from './storage.ts';

export interface RetentionOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly intervalMs: number;
  readonly logs: () => Iterable<Log>;
  readonly flush: (log: Log) => Promise<void>;
  readonly whenDurable: (ticket: CommitTicket) => Promise<void>;
  readonly checkpointed: () => Promise<void>;
  readonly onFailed: (error: unknown) => void;
}

/** Kafka's "no limit". */
const unlimited = -1;

export class Retention {
  #options: RetentionOptions;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#schedule();
  }

  /** One pass over all logs; a pass that is under way is awaited, not doubled. */
  enforce(): Promise<void> {
    this.#running ??= this.#pass().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    this.#timer = this.#options.timers.set(this.#options.intervalMs, () => {
      this.enforce()
        .catch((error) => {
          if (!this.#stopped) this.#options.onFailed(error);
        })
        .finally(() => {
          if (!this.#stopped) this.#schedule();
        });
    });
  }

  async #pass(): Promise<void> {
    for (const log of [...this.#options.logs()]) {
      if (this.#stopped) return;
      try {
        if (mayHaveSomething(log)) await this.#retain(log);
      } catch (error) {
        if (!log.deleted) throw error;
      }
    }
  }

  async #retain(log: Log): Promise<void> {
    const { config } = log;
    const nowMs = this.#options.clock.nowMs();
    const byAge = config.cleanupPolicy.delete && config.retentionMs !== unlimited;
    if (byAge && log.writtenOffset < log.committedOffset && nowMs - newestInTail(log) > config.retentionMs) {
      await this.#options.flush(log);
    }
    if (log.segments.active === undefined || log.deleted) return;
    let start = log.startOffset;
    let sizeBytes = log.sizeBytes;
    const closed = await log.segments.closedSegments(config, byAge);
    let all = true;
    for (const { segment, endOffset } of closed) {
      const tooOld = byAge && segment.maxTimestamp >= 0 && nowMs - segment.maxTimestamp > config.retentionMs;
      const tooMuch =
        config.cleanupPolicy.delete &&
        config.retentionBytes !== unlimited &&
        sizeBytes - segment.sizeBytes >= config.retentionBytes;
      if (endOffset > log.committedOffset || !(tooOld || tooMuch || endOffset <= log.startOffset)) {
        all = false;
        break;
      }
      sizeBytes -= segment.sizeBytes;
      start = Math.max(start, endOffset);
    }
    if (all && this.#activeIsOver(log, byAge, nowMs)) {
      log.segments.rollNow(log.endOffset, config);
      log.flushedPlace = log.segments.placed;
      log.version++;
      start = log.endOffset;
    }
    if (start > log.startOffset) await this.#options.whenDurable(log.moveStart(start));
    if (closed.length === 0 && start < log.endOffset) return;
    // A start must find the segment that the checkpoint calls active, and those that the write-ahead log still speaks of.
    if (log.startOffset > publishedBase(log)) {
      await this.#options.flush(log);
      await this.#options.checkpointed();
    }
    const until = Math.min(log.startOffset, publishedBase(log));
    if (!log.deleted) await log.segments.deleteBelow(until, config.fileDeleteDelayMs);
  }

  /** The last segment too holds nothing that is wanted, and nothing is on its way to it. */
  #activeIsOver(log: Log, byAge: boolean, nowMs: number): boolean {
    const active = log.segments.active;
    if (active === undefined || active.sizeBytes === 0 || log.flushing !== undefined || log.inPlaceTicket >= 0)
      return false;
    if (log.flushedOffset < log.endOffset) return false;
    if (log.startOffset >= log.endOffset) return true;
    return byAge && active.maxTimestamp >= 0 && nowMs - active.maxTimestamp > log.config.retentionMs;
  }
}

/** Segments before this offset are named by nothing that a start would read. */
function publishedBase(log: Log): number {
  return log.publishedPlace?.activeBase ?? 0;
}

/** Spares the listing of directories in which nothing can be over. */
function mayHaveSomething(log: Log): boolean {
  const { cleanupPolicy, retentionMs, retentionBytes } = log.config;
  if (log.deleted) return false;
  if (log.startOffset > 0) return true;
  return (
    cleanupPolicy.delete &&
    (retentionMs !== unlimited || (retentionBytes !== unlimited && log.sizeBytes > retentionBytes))
  );
}

/** The greatest timestamp of the last run: how recent the newest records are, near enough for whole segments. */
function newestInTail(log: Log): number {
  const last = log.tail.last;
  if (last === undefined) return 0;
  let newest = -1;
  for (let at = last.start; at < last.end; ) {
    newest = Math.max(newest, maxTimestamp(last.backing.buffer, at));
    at += 12 + last.backing.buffer.readInt32BE(at + 8);
  }
  return newest < 0 ? Number.POSITIVE_INFINITY : newest;
}
