// Compaction: looks for the log with the largest share of dirty bytes, has it cleaned segment group by segment group, and
// puts each group in its place. As many logs at a time as log.cleaner.threads says, which share the memory and the bytes per second
// that are allowed; what is done in one is spread over many turns, or another thread.
// Only closed segments below the last stable offset are touched, and only when the published checkpoint has them as closed
// too: then no start needs them as they were. Source of the rules: Kafka's LogCleaner and LogCleanerManager.
import { FileError, type Files } from '../runtime/files.ts';
import type { Clock, LogLines, Random, Timer, Timers } from '../runtime/runtime.ts';
import type { Threads } from '../runtime/threads.ts';
import type { CleanedGroup, CleaningEnd, CleaningPlan, SegmentToClean } from './cleaning/clean-log.ts';
import { type CleaningRun, isDamage, runInSlices, runOnThread, type ThreadPlan } from './cleaning/cleaning-run.ts';
import type { Pause } from './cleaning/walk-segment.ts';
import type { Log } from './partition-log.ts';
import type { LogConfig } from './storage.ts';
import { StorageError } from './storage-error.ts';
import type { StorageMetrics } from './storage-metrics.ts';

/** As Kafka's log.cleaner settings. */
export interface CleanerSettings {
  readonly enabled: boolean;
  /** Logs that are compacted side by side; each has its share of what follows. */
  readonly threads: number;
  readonly backoffMs: number;
  readonly dedupeBufferBytes: number;
  readonly loadFactor: number;
  readonly ioBufferBytes: number;
  readonly ioBytesPerSecondMax: number;
}

export interface CleanerOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: LogLines;
  readonly logs: () => Iterable<Log>;
  readonly metrics: StorageMetrics;
  readonly flush: (log: Log) => Promise<void>;
  readonly checkpointed: () => Promise<void>;
  /** Resolves when retention is not at work. */
  readonly retentionIdle: () => Promise<void> | undefined;
  /** Rounds that read less run in slices. */
  readonly threadBytesMin: number;
  /** The engine cannot go on. */
  readonly onFailed: (error: unknown) => void;
}

/** What is to be done in one log. */
interface Dirty {
  readonly log: Log;
  readonly segments: readonly SegmentToClean[];
  readonly firstDirtyOffset: number;
  readonly uncleanableOffset: number;
  readonly ratio: number;
}

/** What a look at a log depended on, besides the time. */
interface Looked {
  readonly version: number;
  readonly stableOffset: number;
  readonly config: LogConfig;
}

/** Tells a round that is under way that its log, or the cleaner, is gone. */
class Interrupted extends Error {}

export const defaultCleanerSettings: CleanerSettings = {
  enabled: true,
  threads: 1,
  backoffMs: 15_000,
  dedupeBufferBytes: 128 * 1024 * 1024,
  loadFactor: 0.9,
  ioBufferBytes: 512 * 1024,
  ioBytesPerSecondMax: Number.MAX_VALUE,
};

/** One slice of work on the event loop reads no more than this. */
const sliceBytesMax = 64 * 1024;
/** How often it is looked whether a round on a thread must end early. */
const lookMs = 100;

/** Where large rounds run. */
export interface CleaningThreads {
  readonly threads: Threads;
  /** Its entry: cleaner-thread.ts. */
  readonly module: URL;
}

export class Cleaner {
  #options: CleanerOptions;
  #settings: () => CleanerSettings = () => defaultCleanerSettings;
  #threads: CleaningThreads | undefined;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  /** As each log was when there was nothing to do in it. */
  #looked = new WeakMap<Log, Looked>();

  constructor(options: CleanerOptions) {
    this.#options = options;
  }

  /** From now on, again and again. */
  start(settings: () => CleanerSettings, threads?: CleaningThreads): void {
    this.#settings = settings;
    this.#threads = threads;
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Resolves when no round is under way. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => {});
  }

  /** Cleans until no log is dirty enough; a pass that is under way is awaited, not doubled. */
  clean(): Promise<void> {
    this.#running ??= this.#pass().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  #schedule(): void {
    this.#timer = this.#options.timers.set(this.#settings().backoffMs, () => {
      const pass = this.#settings().enabled ? this.clean() : Promise.resolve();
      pass
        .catch((error) => {
          if (!this.#stopped) this.#options.log.warn('compaction was interrupted', { error: String(error) });
        })
        .finally(() => {
          if (!this.#stopped) this.#schedule();
        });
    });
  }

  async #pass(): Promise<void> {
    const ends = await Promise.allSettled(Array.from({ length: this.#settings().threads }, () => this.#cleanAll()));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  async #cleanAll(): Promise<void> {
    for (;;) {
      let filthiest: Dirty | undefined;
      for (const log of [...this.#options.logs()]) {
        if (this.#stopped) return;
        if (!this.#mayBeDirty(log)) continue;
        const dirty = await this.#lookAt(log);
        if (dirty !== undefined && dirty.ratio > (filthiest?.ratio ?? -1)) filthiest = dirty;
      }
      if (filthiest === undefined) return;
      const { log } = filthiest;
      // A pass of retention that has moved the log's start deletes its segments, too, before the log is kept from it.
      for (let wait = this.#options.retentionIdle(); wait !== undefined; wait = this.#options.retentionIdle())
        await wait;
      // Another may have taken it while this one looked on or waited.
      if (log.cleaning) continue;
      log.cleaning = true;
      try {
        await this.#cleanOne(filthiest);
      } finally {
        log.cleaning = false;
      }
    }
  }

  #mayBeDirty(log: Log): boolean {
    if (!log.config.cleanupPolicy.compact || log.deleted || log.uncleanable !== undefined) return false;
    if (log.cleaning) return false;
    return hasLags(log.config) || !isAsLooked(log, this.#looked.get(log));
  }

  async #lookAt(log: Log): Promise<Dirty | undefined> {
    try {
      if (wouldRoll(log)) await this.#options.flush(log);
      const now: Looked = { version: log.version, stableOffset: stableOffsetOf(log), config: log.config };
      const dirty = await this.#measure(log);
      if (dirty === undefined) this.#looked.set(log, now);
      return dirty;
    } catch (error) {
      // The directory of a deleted partition vanishes under this.
      if (log.deleted || this.#stopped) return undefined;
      throw error;
    }
  }

  /** As LogCleanerManager.grabFilthiestCompactedLog judges one log. */
  async #measure(log: Log): Promise<Dirty | undefined> {
    const { config, segments } = log;
    const nowMs = this.#options.clock.nowMs();
    const firstDirtyOffset = firstDirtyOf(log);
    const limit = Math.min(stableOffsetOf(log), log.flushedPlace?.activeBase ?? 0);
    if (segments.active === undefined || limit <= firstDirtyOffset) return undefined;
    const found: SegmentToClean[] = [];
    let cleanBytes = 0;
    let dirtyBytes = 0;
    let isOverdue = false;
    for (let i = 0; ; i++) {
      const closed = await segments.closed(i, config, hasLags(config));
      if (closed === undefined || closed.endOffset > limit) break;
      const { segment, endOffset } = closed;
      const isDirty = endOffset > firstDirtyOffset;
      if (isDirty && config.minCompactionLagMs > 0) {
        if ((await segments.newestMs(segment)) > nowMs - config.minCompactionLagMs) break;
      }
      if (isDirty && segment.firstTimestamp > 0 && segment.firstTimestamp < nowMs - config.maxCompactionLagMs) {
        isOverdue = true;
      }
      if (segment.baseOffset < firstDirtyOffset) cleanBytes += segment.sizeBytes;
      if (isDirty) dirtyBytes += segment.sizeBytes;
      const { baseOffset, sizeBytes } = segment;
      found.push({ baseOffset, endOffset, sizeBytes, hasAborted: segment.abortedEntries !== 0 });
    }
    const ratio = dirtyBytes / (cleanBytes + dirtyBytes);
    if (dirtyBytes === 0 || !(isOverdue || ratio > config.minCleanableDirtyRatio)) return undefined;
    const uncleanableOffset = (found[found.length - 1] as SegmentToClean).endOffset;
    return { log, segments: found, firstDirtyOffset, uncleanableOffset, ratio };
  }

  async #cleanOne(dirty: Dirty): Promise<void> {
    const { log } = dirty;
    try {
      await this.#publish(log, dirty.uncleanableOffset);
      // Retention may have been here since.
      const first = dirty.segments.findIndex(({ endOffset }) => endOffset > log.segments.oldestBase);
      if (first < 0 || log.deleted) return;
      await this.#round(log, { ...dirty, segments: dirty.segments.slice(first) });
    } catch (error) {
      if (error instanceof Interrupted || log.deleted || this.#stopped) return;
      // What a disk refuses now it may take later.
      if (!isDamage(error)) {
        // A thread that cannot be had must not end compaction; what files refuse is a StorageError or a FileError.
        if (!(error instanceof StorageError || error instanceof FileError)) this.#threads = undefined;
        throw error;
      }
      log.uncleanable = String(error);
      const partition = `${log.id.topic}-${log.id.partition}`;
      this.#options.log.error('a log cannot be compacted', { partition, error: String(error) });
    }
  }

  /** What is cleaned must be closed, and its abort markers be in files, in the checkpoint that a start would find. */
  async #publish(log: Log, offset: number): Promise<void> {
    do await this.#options.flush(log);
    while (log.state.aborted?.below(offset) !== undefined && !log.deleted && !this.#stopped);
    const indexedOffset = log.state.aborted?.indexedOffset ?? 0;
    const isPublished = (log.publishedPlace?.activeBase ?? 0) >= offset && log.publishedIndexed >= indexedOffset;
    if (!isPublished) await this.#options.checkpointed();
  }

  async #round(log: Log, dirty: Dirty): Promise<void> {
    const { clock } = this.#options;
    const settings = this.#share();
    const { config } = log;
    const plan: CleaningPlan = {
      directory: log.segments.directory,
      segments: dirty.segments,
      firstDirtyOffset: dirty.firstDirtyOffset,
      uncleanableOffset: dirty.uncleanableOffset,
      aborted: await abortedOf(log),
      lastRecords: log.state.kept?.lastRecords() ?? new Map(),
      nowMs: clock.nowMs(),
      deleteRetentionMs: config.deleteRetentionMs,
      segmentBytes: config.segmentBytes,
      segmentIndexBytes: config.segmentIndexBytes,
      indexIntervalBytes: config.indexIntervalBytes,
      mapBytesMax: settings.dedupeBufferBytes,
      loadFactor: settings.loadFactor,
      bufferBytes: Math.min(settings.ioBufferBytes, sliceBytesMax),
      hashSeed: this.#options.random.below(2 ** 31),
    };
    const run = this.#begin(log, plan);
    // In use between the swaps: a deleted partition's directory stays until the round has noticed.
    const next = () => log.segments.whileInUse(() => this.#next(log, run));
    try {
      let step = await next();
      for (; !step.done; step = await next()) {
        this.#options.metrics.cleanerFreedBytes.add(Math.max(0, await this.#replace(log, step.value)));
        if (log.flushing === undefined && log.inPlaceTicket < 0 && log.flushedOffset === log.writtenOffset) {
          log.flushedPlace = log.segments.placed;
          log.version++;
        }
      }
      this.#ended(log, step.value);
    } finally {
      await run.stop();
    }
  }

  /** What one of those that run side by side may use. */
  #share(): CleanerSettings {
    const settings = this.#settings();
    const threads = Math.max(1, settings.threads);
    return {
      ...settings,
      dedupeBufferBytes: Math.floor(settings.dedupeBufferBytes / threads),
      ioBufferBytes: Math.max(1, Math.floor(settings.ioBufferBytes / threads)),
      ioBytesPerSecondMax: settings.ioBytesPerSecondMax / threads,
    };
  }

  #ended(log: Log, { endOffset }: CleaningEnd): void {
    log.cleanedOffset = endOffset;
    log.version++;
    this.#options.metrics.cleanerRounds.add(1);
  }

  #begin(log: Log, plan: CleaningPlan): CleaningRun {
    const files = this.#options.files;
    let bytes = 0;
    for (const segment of plan.segments) bytes += segment.sizeBytes;
    if (this.#threads === undefined || bytes < this.#options.threadBytesMin)
      return runInSlices(files, plan, this.#pauseFor(log));
    const { threads, module } = this.#threads;
    const { ioBytesPerSecondMax: bytesPerSecondMax, ioBufferBytes } = this.#share();
    const data: ThreadPlan = { plan: { ...plan, bufferBytes: ioBufferBytes }, bytesPerSecondMax };
    return runOnThread(threads.start(module, data), (read) => {
      this.#options.metrics.cleanerReadBytes.add(read);
    });
  }

  /** A round that is on a thread hears nothing: it is stopped when its log, or the cleaner, is gone. */
  async #next(log: Log, run: CleaningRun): ReturnType<CleaningRun['next']> {
    const isGone = () => this.#stopped || log.deleted;
    let timer: Timer | undefined;
    const look = (): void => {
      if (isGone()) void run.stop();
      else timer = this.#options.timers.set(lookMs, look);
    };
    look();
    try {
      return await run.next();
    } finally {
      timer?.cancel();
    }
  }

  async #replace(log: Log, group: CleanedGroup): Promise<number> {
    try {
      return await log.replaceSegments(group);
    } catch (error) {
      // Names and what memory knows of them may differ now; only a start brings them together again.
      if (!log.deleted) this.#options.onFailed(error);
      throw error;
    }
  }

  /** Lets others have their turn, and keeps to the bytes allowed per second. */
  #pauseFor(log: Log): Pause {
    const { timers, clock } = this.#options;
    const since = clock.monotonicMs();
    let total = 0;
    return async (bytes) => {
      this.#options.metrics.cleanerReadBytes.add(bytes);
      total += bytes;
      await new Promise<void>((resolve) => timers.defer(resolve));
      for (;;) {
        if (this.#stopped || log.deleted) throw new Interrupted();
        const { ioBytesPerSecondMax } = this.#share();
        const aheadMs = (total / ioBytesPerSecondMax) * 1000 - (clock.monotonicMs() - since);
        if (aheadMs <= 1) return;
        await new Promise<void>((resolve) => void timers.set(Math.min(aheadMs, lookMs), resolve));
      }
    };
  }
}

function stableOffsetOf(log: Log): number {
  return log.state.kept?.lastStableOffset() ?? log.committedOffset;
}

function hasLags(config: LogConfig): boolean {
  return config.minCompactionLagMs > 0 || config.maxCompactionLagMs < Number.MAX_SAFE_INTEGER;
}

function isAsLooked(log: Log, looked: Looked | undefined): boolean {
  return looked?.version === log.version && looked.stableOffset === stableOffsetOf(log) && looked.config === log.config;
}

/** A cleaned offset beyond the log is of a log that was longer; below the start there is nothing to clean. */
function firstDirtyOf(log: Log): number {
  if (log.cleanedOffset > log.endOffset) return log.nextStart;
  return Math.max(log.cleanedOffset, log.nextStart);
}

/** Flushing the tail closes at least one segment. */
function wouldRoll(log: Log): boolean {
  if (log.writtenOffset >= log.committedOffset) return false;
  return log.segments.segmentsFor(log.tail.between(log.writtenOffset, log.committedOffset), log.config) > 1;
}

/** In files, and those whose markers are not there yet. */
async function abortedOf(log: Log): Promise<Buffer> {
  const newest = log.state.aborted?.below(Number.MAX_SAFE_INTEGER) ?? Buffer.alloc(0);
  const indexed = await log.segments.allAborted(log.config);
  return Buffer.concat([indexed, newest]);
}
