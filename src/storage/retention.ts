// Deletes whole segments that the topic no longer wants: by age, by size, or below the log's start (DeleteRecords). The new
// start is durable before a file goes. As Kafka's UnifiedLog.deleteOldSegments.
import { BATCH_HEADER_BYTES, batchLength, maxTimestamp } from '../records/record-batch.ts';
import type { Clock, LogLines, Timer, Timers } from '../runtime/runtime.ts';
import { timeEntryBytes } from './disk/segment-index.ts';
import type { Segment } from './disk/segments.ts';
import type { Log } from './partition-log.ts';
import type { CommitTicket } from './storage.ts';
import type { DeletionReason, StorageMetrics } from './storage-metrics.ts';

export interface RetentionOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly intervalMs: number;
  readonly logs: () => Iterable<Log>;
  readonly metrics: StorageMetrics;
  readonly flush: (log: Log) => Promise<void>;
  readonly whenDurable: (ticket: CommitTicket) => Promise<void>;
  readonly checkpointed: () => Promise<void>;
  readonly log: LogLines;
}

/** Kafka's "no limit" of age; of size it is everything below 0. */
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

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves when no pass is under way. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => {});
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    this.#timer = this.#options.timers.set(this.#options.intervalMs, () => {
      this.enforce()
        .catch((error) => {
          // Files that cannot be deleted are met again; a failed flush has told the engine itself.
          if (!this.#stopped) this.#options.log.warn('retention was interrupted', { error: String(error) });
        })
        .finally(() => {
          if (!this.#stopped) this.#schedule();
        });
    });
  }

  async #pass(): Promise<void> {
    const over: Log[] = [];
    await this.#each([...this.#options.logs()], async (log) => {
      if (mayHaveSomething(log) && (await this.#moveStart(log))) over.push(log);
    });
    if (over.length === 0 || this.#stopped) return;
    // A start must find every segment that the checkpoint counts as wanted, or that the write-ahead log still speaks of.
    await this.#each(over, async (log) => {
      if (!isPublished(log) && log.flushedOffset < log.nextStart) await this.#options.flush(log);
    });
    if (over.some((log) => !isPublished(log))) await this.#options.checkpointed();
    await this.#each(over, async (log) => {
      const until = Math.min(log.publishedStart, log.publishedPlace?.activeBase ?? 0);
      this.#options.metrics.deletedBytes.add(await log.segments.deleteBelow(until, log.config.fileDeleteDelayMs));
      if (log.flushing === undefined && log.inPlaceTicket < 0 && log.flushedOffset === log.writtenOffset) {
        log.flushedPlace = log.segments.placed;
        log.version++;
      }
    });
  }

  async #each(logs: readonly Log[], work: (log: Log) => Promise<void>): Promise<void> {
    for (const log of logs) {
      if (this.#stopped) return;
      try {
        // Compaction keeps to the segments it has found: their turn comes with the next pass.
        if (!log.deleted && !log.cleaning) await work(log);
      } catch (error) {
        // The directory of a deleted partition vanishes under this.
        if (!log.deleted) throw error;
      }
    }
  }

  /** Moves the start over segments that are over; true when files can be deleted. */
  async #moveStart(log: Log): Promise<boolean> {
    const { config } = log;
    const nowMs = this.#options.clock.nowMs();
    const byAge = config.cleanupPolicy.delete && config.retentionMs !== unlimited;
    const bySize = isLimitedInSize(log);
    const isFlushWanted = (byAge && isTooOldInMemory(log, nowMs)) || (bySize && isTooMuchInMemory(log));
    if (log.writtenOffset < log.committedOffset && isFlushWanted) await this.#options.flush(log);
    if (log.segments.active === undefined || log.deleted) return false;
    let start = log.nextStart;
    let sizeBytes = log.sizeBytes;
    let closed = await log.segments.closed(0, config, byAge);
    for (let i = 1; closed !== undefined; i++) {
      const { segment, endOffset } = closed;
      const tooOld = byAge && nowMs - (await log.segments.newestMs(segment)) > config.retentionMs;
      const tooMuch = bySize && sizeBytes - segment.sizeBytes >= config.retentionBytes;
      if (endOffset > log.committedOffset || !(tooOld || tooMuch || endOffset <= log.nextStart)) break;
      // Once: a segment below the start may only wait for its checkpoint.
      if (endOffset > log.nextStart) this.#count(tooOld ? 'age' : 'size');
      else if (endOffset > log.startCounted) this.#count('start');
      log.startCounted = Math.max(log.startCounted, endOffset);
      sizeBytes -= segment.sizeBytes;
      start = Math.max(start, endOffset);
      closed = await log.segments.closed(i, config, byAge);
    }
    const reason = closed === undefined ? await this.#whyActiveIsOver(log, byAge, bySize, nowMs) : undefined;
    if (reason !== undefined) {
      this.#count(reason);
      log.startCounted = log.endOffset;
      log.segments.rollNow(log.endOffset, config);
      log.flushedPlace = log.segments.placed;
      log.version++;
      start = log.endOffset;
    }
    if (start > log.nextStart) await this.#options.whenDurable(log.moveStart(start));
    return log.segments.hasSegmentsBelow(log.nextStart);
  }

  #count(reason: DeletionReason): void {
    this.#options.metrics.deletedSegments[reason].add(1);
  }

  /** Why the last segment too holds nothing that is wanted, while nothing is on its way to it. */
  async #whyActiveIsOver(
    log: Log,
    byAge: boolean,
    bySize: boolean,
    nowMs: number,
  ): Promise<DeletionReason | undefined> {
    const active = log.segments.active;
    if (active === undefined || !isAtRest(log, active)) return undefined;
    if (log.nextStart >= log.endOffset) return 'start';
    // Nothing at all is to stay; with any other limit, one segment may be as large as it is.
    if (bySize && log.config.retentionBytes === 0) return 'size';
    if (!byAge) return undefined;
    const isOld = nowMs - (await log.segments.newestMs(active)) > log.config.retentionMs;
    return isOld && log.segments.active === active && isAtRest(log, active) ? 'age' : undefined;
  }
}

/** The segment has all there is, and no write to it is under way. */
function isAtRest(log: Log, active: Segment): boolean {
  if (active.sizeBytes === 0 || log.flushing !== undefined || log.inPlaceTicket >= 0) return false;
  return log.flushedOffset >= log.endOffset;
}

function isLimitedInSize({ config }: Log): boolean {
  return config.cleanupPolicy.delete && config.retentionBytes >= 0;
}

/** The published checkpoint knows the start, and that everything below it is in segments. */
function isPublished(log: Log): boolean {
  return log.publishedStart >= log.nextStart && (log.publishedPlace?.activeBase ?? 0) >= log.nextStart;
}

/** Spares the listing of directories in which nothing can be over. */
function mayHaveSomething(log: Log): boolean {
  const { cleanupPolicy, retentionMs, retentionBytes } = log.config;
  if (log.deleted) return false;
  if (log.nextStart > 0) return true;
  return (
    (cleanupPolicy.delete && retentionMs !== unlimited) || (isLimitedInSize(log) && log.sizeBytes > retentionBytes)
  );
}

/**
 * A flush of what waits in memory would leave something that can be deleted: all of it is too old, or it closes a segment, or
 * makes one, that began with records that are.
 */
function isTooOldInMemory(log: Log, nowMs: number): boolean {
  const { retentionMs } = log.config;
  if (nowMs - newestInTail(log) > retentionMs) return true;
  const first = oldestInActive(log);
  return first >= 0 && nowMs - first > retentionMs && closesSegment(log, first);
}

/** The same by size. Which segment would go is not known before, but one of them. */
function isTooMuchInMemory(log: Log): boolean {
  const { retentionBytes } = log.config;
  if (log.sizeBytes <= retentionBytes) return false;
  return retentionBytes === 0 || closesSegment(log, oldestInActive(log));
}

/** A flush closes the active segment, or one that it makes, whose first records have this timestamp. */
function closesSegment(log: Log, firstMs: number): boolean {
  const { segmentMs, segmentJitterMs, segmentBytes, segmentIndexBytes, indexIntervalBytes } = log.config;
  const isLong = firstMs >= 0 && newestInTail(log) - firstMs > segmentMs - Math.min(segmentJitterMs, segmentMs);
  const sizeBytes = (log.segments.active?.sizeBytes ?? 0) + log.unwrittenBytes;
  // At most: not every batch is as small as one can be, or has an entry.
  const indexBytes = (sizeBytes / Math.max(indexIntervalBytes, BATCH_HEADER_BYTES)) * timeEntryBytes;
  return isLong || sizeBytes > segmentBytes || indexBytes > segmentIndexBytes;
}

/** When the active segment begins, or the one that a flush would make; −1 when its first records do not say. */
function oldestInActive(log: Log): number {
  const active = log.segments.active;
  const isBegun = active !== undefined && active.sizeBytes > 0 && active.firstTimestamp >= 0;
  return isBegun ? active.firstTimestamp : oldestUnwritten(log);
}

/** The greatest timestamp of the first batch that no segment has; −1 when it has none. */
function oldestUnwritten(log: Log): number {
  const first = log.tail.between(log.writtenOffset, log.writtenOffset + 1)[0];
  return first === undefined ? -1 : maxTimestamp(first.backing.buffer, first.start);
}

/**
 * The greatest timestamp of the last run: how recent the newest records are, near enough for whole segments. Records without
 * any have the time of their file: they are to be in one.
 */
function newestInTail(log: Log): number {
  const last = log.tail.last;
  if (last === undefined) return 0;
  let newest = -1;
  for (let at = last.start; at < last.end; ) {
    newest = Math.max(newest, maxTimestamp(last.backing.buffer, at));
    at += batchLength(last.backing.buffer, at);
  }
  return newest < 0 ? Number.NEGATIVE_INFINITY : newest;
}
