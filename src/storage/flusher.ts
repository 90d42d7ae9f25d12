// Background work of the engine: moves the tail's bytes into segments, makes them durable there, writes checkpoints, and so
// frees the write-ahead log. One round at a time. Order within a round: segment data → its directory → index of aborted
// transactions → checkpoint → only then reuse of the log.

import type { Timers } from '../runtime/runtime.ts';
import { ABORTED_ENTRY_BYTES, markerOffsetAt } from './aborted-index.ts';
import { type CheckpointFiles, encodeRecord } from './disk/checkpoint.ts';
import type { KnownSegments } from './disk/segments.ts';
import type { Wal } from './disk/wal.ts';
import { priorBytesMax } from './disk/wal-medium.ts';
import type { Log } from './partition-log.ts';
import { ReplayBacklog } from './replay-backlog.ts';
import { oldestSequence } from './run.ts';
import type { CommitTicket } from './storage.ts';
import { StorageError } from './storage-error.ts';

export interface FlusherOptions {
  readonly timers: Timers;
  readonly wal: Wal | undefined;
  readonly logId: Buffer;
  readonly startEpoch: number;
  /** Of this run. */
  readonly firstSequence: number;
  readonly checkpoints: Pick<CheckpointFiles, 'publish'>;
  /** Sync the log itself before a checkpoint: its commits are not synced one by one. */
  readonly syncWal: boolean;
  /** At most so many bytes are written again into the current log file instead of being flushed, in one round that frees files. */
  readonly carryBytesMax: number;
  /** Written in place since the published checkpoint, as the start has found it. */
  readonly extentBytes: number;
  /** After so many more of them a checkpoint is made; commits with more wait for it when that is not fast enough. */
  readonly extentReplayBytesMax: number;
  readonly extentBytesMax: number;
  /** The same of what the log itself says, in entries: the start has found so many, and after so many more they leave it. */
  readonly entryCount: number;
  readonly entryReplayMax: number;
  readonly logs: () => Iterable<Log>;
  readonly dirtyLogs: Set<Log>;
  /** Records of partitions that nobody opened yet, as stored. */
  readonly unopened: () => Iterable<{ encoded: Buffer | undefined; firstSequence: number }>;
  readonly lastTicket: () => CommitTicket;
  readonly whenDurable: (ticket: CommitTicket) => Promise<void>;
  /** One more file for the log. */
  readonly grow: () => Promise<void>;
  /** Puts a copy of the log's unwritten bytes into the next commit. */
  readonly carry: (log: Log) => void;
  /** Resolves when what the start put into segments is durable there. */
  readonly recoveredSynced: () => Promise<void>;
  /** Resolves when the partitions deleted so far have left their directories, durably. */
  readonly deletedLeft: () => Promise<void>;
  /** More of the log is in segments than before. */
  readonly onWritten: (log: Log) => void;
  readonly onFailed: (error: unknown) => void;
}

/** A partition with fewer unflushed bytes can stay in the log. */
const carryBytesPerLogMax = 128 * 1024;
/** So many aborted transactions may be in a partition's snapshot instead of its files. */
const abortedKeptMax = 64;
/** Partitions carried, or their records encoded, before other work gets its turn. */
const recordsPerTurn = 256;
/** Commits wait when there is so many times more to replay than makes entries leave the log. */
const entryReplaysMax = 3;
/** What was committed during a flush's writes is written by it too, so many times. */
const catchUpsMax = 8;

interface RoomWaiter {
  readonly ticket: CommitTicket;
  /** Of the log. */
  readonly needsFile: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Where a log and its segments end when a flush has written all that it will sync. */
interface Mark {
  readonly endOffset: number;
  readonly place: KnownSegments | undefined;
}

export class Flusher {
  #options: FlusherOptions;
  #running = false;
  #again = false;
  #roomWaiters: RoomWaiter[] = [];
  /** Bytes written in place. */
  #extentBytes: ReplayBacklog;
  /** What commits have put into the log. */
  #entries: ReplayBacklog;
  /** The commit that the running round cannot end without. */
  #awaited: CommitTicket = -1;
  #idleWaiters: (() => void)[] = [];
  #checkpointWaiters: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  #wantCheckpoint = false;
  /** Bytes that must leave the tail although the log has room. */
  #wantMemory: (() => number) | undefined;
  #freeing = false;
  #stopped = false;

  constructor(options: FlusherOptions) {
    this.#options = options;
    const { extentBytes, extentReplayBytesMax, extentBytesMax, entryCount, entryReplayMax } = options;
    this.#extentBytes = new ReplayBacklog(extentBytes, extentReplayBytesMax, extentBytesMax);
    this.#entries = new ReplayBacklog(entryCount, entryReplayMax, entryReplaysMax * entryReplayMax);
  }

  /** A log file was filled, or too much waits to be replayed. */
  request(checkpoint = false): void {
    if (checkpoint) this.#wantCheckpoint = true;
    if (this.#running) this.#again = true;
    else void this.#loop();
  }

  /** The tail holds more than its budget: flush until `excessBytes()` is 0 or less. */
  requestMemory(excessBytes: () => number): void {
    if (this.#wantMemory !== undefined || this.#freeing) return;
    this.#wantMemory = excessBytes;
    this.request();
  }

  /**
   * Resolves when a log file may have become free for this commit. When the running round waits for this very commit, the
   * log gets one file more: else both would wait for ever.
   */
  room(ticket: CommitTicket): Promise<void> {
    return this.#room(ticket, true);
  }

  /** The same for what a start would have to replay, in place or in the log, since no checkpoint covers it. */
  roomToReplay(ticket: CommitTicket): Promise<void> {
    return this.#room(ticket, false);
  }

  mayWriteInPlace(ticket: CommitTicket, bytes: number): boolean {
    return this.#extentBytes.hasRoomFor(bytes) || ticket <= this.#awaited;
  }

  wroteInPlace(bytes: number): void {
    this.#extentBytes.add(bytes);
    if (!this.#extentBytes.isDue) return;
    this.#extentBytes.asked();
    this.request(true);
  }

  /** `count`: without what was carried, which is no more work for a start than it was before. */
  wroteEntries(count: number): void {
    this.#entries.add(count);
    if (this.#entries.isDue && !this.#running) this.request();
  }

  /** As `mayWriteInPlace`, for what goes into the log. */
  mayWriteEntries(ticket: CommitTicket): boolean {
    return this.#entries.hasRoomFor(1) || ticket <= this.#awaited;
  }

  #room(ticket: CommitTicket, needsFile: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#roomWaiters.push({ ticket, needsFile, resolve, reject });
      this.#growIfAwaited();
      this.request(!needsFile);
    });
  }

  async #durable(ticket: CommitTicket): Promise<void> {
    this.#awaited = ticket;
    this.#growIfAwaited();
    await this.#options.whenDurable(ticket);
    this.#awaited = -1;
  }

  #growIfAwaited(): void {
    const urgent = this.#roomWaiters.filter(({ ticket }) => ticket <= this.#awaited);
    if (urgent.length === 0) return;
    this.#roomWaiters = this.#roomWaiters.filter(({ ticket }) => ticket > this.#awaited);
    const grown = urgent.some(({ needsFile }) => needsFile) ? this.#options.grow() : Promise.resolve();
    grown.then(
      () => {
        for (const { resolve } of urgent) resolve();
      },
      (error) => {
        for (const { reject } of urgent) reject(error);
      },
    );
  }

  /** Resolves when a checkpoint that was begun after this call is durable. */
  checkpointed(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkpointWaiters.push({ resolve, reject });
      if (this.#stopped) this.stop();
      this.request(true);
    });
  }

  stop(): void {
    this.#stopped = true;
    const reason = new StorageError('IO', 'storage is closed');
    for (const { reject } of [...this.#roomWaiters.splice(0), ...this.#checkpointWaiters.splice(0)]) reject(reason);
  }

  /** Resolves when no round runs. */
  idle(): Promise<void> {
    return this.#running ? new Promise((resolve) => this.#idleWaiters.push(resolve)) : Promise.resolve();
  }

  async #loop(): Promise<void> {
    this.#running = true;
    // Whoever asks may be in the middle of a change: look at the logs when it is done.
    await undefined;
    try {
      do {
        this.#again = false;
        await this.#round();
      } while ((this.#isUrgent || this.#wantMemory !== undefined) && !this.#stopped);
    } catch (error) {
      if (!this.#stopped) this.#options.onFailed(error);
    } finally {
      this.#running = false;
      for (const idle of this.#idleWaiters.splice(0)) idle();
    }
  }

  async #round(): Promise<void> {
    if (this.#stopped) return;
    const { wal } = this.#options;
    let target = -1;
    const leaving = this.#entries.isDue ? this.#entries.total : undefined;
    if (wal !== undefined && leaving !== undefined) {
      // All of them: the batches of a partition that stay go into one entry, and that costs less than to replay them one by one.
      this.#entries.asked();
      target = wal.nextSequence - 1;
      await this.#leave(target, wal.blockBytesMax);
    } else if (wal !== undefined) {
      target = this.#target(wal);
      if (target >= 0) await this.#leave(target, this.#options.carryBytesMax);
    }
    if (target >= 0 || this.#wantCheckpoint) {
      this.#wantCheckpoint = false;
      const waiters = this.#checkpointWaiters.splice(0);
      try {
        await this.checkpoint(false);
      } catch (error) {
        for (const { reject } of waiters) reject(error);
        throw error;
      }
      if (leaving !== undefined) this.#entries.published(leaving);
      for (const { resolve } of waiters) resolve();
    }
    for (const { resolve } of this.#roomWaiters.splice(0)) resolve();
    // Commits may have to wait for all before, but not for these: they are continued in the next round.
    await this.#freeMemory();
  }

  get #isUrgent(): boolean {
    return this.#again || this.#entries.isDue;
  }

  /** Half of the log's files are kept free: the last block of those that have to be emptied for that, or −1. */
  #target(wal: Wal): number {
    const wanted =
      Math.ceil(wal.slots.length / 2) - wal.freeSlots + (this.#roomWaiters.some(({ needsFile }) => needsFile) ? 1 : 0);
    return wanted > 0 ? wal.lastSequenceOfOldest(wanted) : -1;
  }

  /** Makes everything up to block `target` unnecessary: flushed, or carried into a newer block. */
  async #leave(target: number, carryBytesMax: number): Promise<void> {
    await this.#durable(target);
    const concerned = [...this.#options.dirtyLogs]
      .filter((log) => !log.deleted && log.firstNeededSequence <= target)
      .sort((a, b) => a.unwrittenBytes - b.unwrittenBytes);
    let smallBytes = 0;
    const carried: Log[] = [];
    const flushed: Log[] = [];
    // From the smallest up, as many as fit into the budget stay in the log.
    for (const log of concerned) {
      const isSmall = log.unwrittenBytes <= carryBytesPerLogMax && log.neededInSegments > target;
      const stays = isSmall && smallBytes + log.unwrittenBytes <= carryBytesMax;
      if (stays) smallBytes += log.unwrittenBytes;
      (stays ? carried : flushed).push(log);
    }
    await this.#flushAll(flushed.reverse());
    for (const [i, log] of carried.entries()) {
      if (i % recordsPerTurn === recordsPerTurn - 1) await this.#turn();
      // A flush that somebody else began has chosen its runs already.
      if (log.flushing !== undefined) await log.flushing;
      else if (!log.deleted) this.#options.carry(log);
    }
    await this.#durable(this.#options.lastTicket());
    // What was appended in place or re-entered the log meanwhile without leaving the old file.
    const late = [...this.#options.dirtyLogs].filter((log) => !log.deleted && log.firstNeededSequence <= target);
    await this.#flushAll(late);
  }

  /** Lets other work have its turn. */
  #turn(): Promise<void> {
    return new Promise((resolve) => this.#options.timers.defer(resolve));
  }

  async #freeMemory(): Promise<void> {
    const excess = this.#wantMemory;
    if (excess === undefined) return;
    this.#wantMemory = undefined;
    this.#freeing = true;
    const largest = [...this.#options.dirtyLogs].sort((a, b) => b.unwrittenBytes - a.unwrittenBytes);
    // Several at once, since memory is free when a log is written and not yet synced.
    await this.#each(largest, (log) => (excess() > 0 && !this.#isUrgent ? this.flush(log) : undefined)).finally(() => {
      this.#freeing = false;
    });
    if (excess() > 0 && this.#isUrgent) this.#wantMemory = excess;
  }

  /** Several at a time; the slots behind them bound the I/O. */
  #flushAll(logs: readonly Log[]): Promise<void> {
    return this.#each(logs, (log) => this.flush(log));
  }

  async #each(logs: readonly Log[], job: (log: Log) => Promise<void> | undefined): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      for (let log = logs[next++]; log !== undefined; log = logs[next++]) await job(log);
    };
    await Promise.all([work(), work(), work(), work()]);
  }

  /** Everything committed goes to segments and is durable there afterwards. */
  flush(log: Log): Promise<void> {
    if (log.deleted || this.#stopped) return Promise.resolve();
    log.flushing ??= this.#flush(log)
      .catch((error) => {
        // Whoever asked: after a failed write or sync nothing that was not durable before may be trusted.
        if (!this.#stopped) this.#options.onFailed(error);
        throw error;
      })
      .finally(() => {
        log.flushing = undefined;
      });
    return log.flushing;
  }

  async #flush(log: Log): Promise<void> {
    try {
      const mark = await this.#place(log);
      if (mark === undefined) return;
      await this.#sync(log, mark);
      await this.#storeAborted(log);
      await log.segments.storeIndexes(false);
    } catch (error) {
      // The directory of a deleted partition vanishes under its flush.
      if (!log.deleted) throw error;
    }
    if (!log.isDirty) this.#options.dirtyLogs.delete(log);
  }

  /** Writes what is committed; undefined when the log was deleted. From then on commits may write into the segments again. */
  async #place(log: Log): Promise<Mark | undefined> {
    log.placing = true;
    try {
      await log.segments.ready(log.config.indexIntervalBytes);
      if (log.inPlaceTicket >= 0) await this.#options.whenDurable(log.inPlaceTicket);
      if (log.deleted) return undefined;
      // With more behind, the next large commits would have to go through the write-ahead log too, and be written twice.
      await this.#write(log);
      for (let i = 1; i < catchUpsMax && log.unwrittenBytes > priorBytesMax && !this.#stopped; i++) {
        await this.#write(log);
      }
      log.syncBegan();
      return { endOffset: log.writtenOffset, place: log.segments.placed };
    } finally {
      log.placing = false;
    }
  }

  async #write(log: Log): Promise<void> {
    const until = log.committedOffset;
    if (until <= log.writtenOffset) return;
    const runs = log.tail.between(log.writtenOffset, until);
    log.placingOffset = until;
    const sequence = oldestSequence(runs);
    const stretches = log.segments.place(
      runs.map((run) => run.bytes()),
      log.config,
    );
    // A deleted log drops its tail while the bytes are on their way.
    for (const run of runs) run.retain();
    try {
      for (const stretch of stretches) {
        log.wroteInto(stretch.segment, sequence);
        (await log.segments.write(stretch)).release();
      }
    } finally {
      for (const run of runs) run.release();
    }
    for (const run of runs) log.unwrittenBytes -= run.sizeBytes;
    log.writtenOffset = until;
    log.version++;
    this.#options.onWritten(log);
  }

  async #sync(log: Log, mark: Mark): Promise<void> {
    for (const segment of log.syncing) await log.segments.syncInBackground(segment);
    log.syncEnded();
    // A commit that is synced by itself may have gone beyond.
    if (mark.endOffset <= log.flushedOffset) return;
    log.flushedOffset = mark.endOffset;
    log.flushedPlace = mark.place;
    log.version++;
  }

  /** After the batches: a file never speaks of markers that could still be lost. */
  async #storeAborted(log: Log): Promise<void> {
    const { aborted } = log.state;
    const entries = aborted?.below(log.flushedOffset);
    if (aborted === undefined || entries === undefined) return;
    await log.segments.storeAborted(entries);
    aborted.indexed(markerOffsetAt(entries, entries.length / ABORTED_ENTRY_BYTES - 1) + 1);
    log.version++;
  }

  /** Makes all blocks durable that are written now, and first what they say is in segments. */
  async syncLog(wal: Wal): Promise<void> {
    const upTo = wal.nextSequence - 1;
    await this.#options.recoveredSynced();
    await this.#syncSegments(upTo);
    // What a deleted one had in place was not synced: a block that speaks of it must not find its directory.
    await this.#options.deletedLeft();
    await wal.sync(upTo);
  }

  /** Makes durable what blocks up to that one say is in segments. */
  async #syncSegments(upTo: number): Promise<void> {
    const unsynced = (): Log[] =>
      [...this.#options.dirtyLogs].filter((log) => log.neededInSegments <= upTo && !log.deleted);
    // Again, since a flush that was under way knows nothing of what commits have written meanwhile.
    for (let logs = unsynced(); logs.length > 0 && !this.#stopped; logs = unsynced()) await this.#flushAll(logs);
  }

  /** Flushes every log; for a clean stop. */
  async flushEverything(): Promise<void> {
    // A flush that was under way knows nothing of what commits have written meanwhile.
    await Promise.all([...this.#options.dirtyLogs].map((log) => log.flushing));
    await this.#flushAll([...this.#options.logs()].filter((log) => log.isDirty || abortedCount(log) > 0));
    for (const log of this.#options.logs()) {
      if (log.segments.isReady && !log.deleted) await log.segments.storeIndexes(true);
    }
  }

  /** Writes the state of all partitions; afterwards the log before it may be written over. */
  async checkpoint(clean: boolean): Promise<void> {
    const { wal, checkpoints } = this.#options;
    const extentBytes = this.#extentBytes.total;
    // Of what is in segments only that which is durable there needs no replay after this checkpoint.
    await this.#syncSegments(this.#options.lastTicket());
    await this.#flushAll([...this.#options.logs()].filter((log) => abortedCount(log) > abortedKeptMax));
    let needed = wal?.nextSequence ?? this.#options.lastTicket() + 1;
    const records: Buffer[] = [];
    const places: { log: Log; place: KnownSegments | undefined; start: number; indexed: number }[] = [];
    let count = 0;
    for (const log of [...this.#options.logs()]) {
      if (log.deleted) continue;
      needed = Math.min(needed, log.firstNeededSequence);
      records.push(recordOf(log));
      places.push({
        log,
        place: log.flushedPlace,
        start: log.nextStart,
        indexed: log.state.aborted?.indexedOffset ?? 0,
      });
      if (++count % recordsPerTurn === 0) await this.#turn();
    }
    for (const { encoded, firstSequence } of this.#options.unopened()) {
      needed = Math.min(needed, firstSequence);
      if (encoded !== undefined) records.push(encoded);
    }
    // The snapshots speak of appends that may still be on their way.
    const ticket = this.#options.lastTicket();
    await this.#durable(ticket);
    if (this.#options.syncWal && wal !== undefined) await this.syncLog(wal);
    else await this.#options.recoveredSynced();
    // A directory that no checkpoint names any more would never be removed.
    await this.#options.deletedLeft();
    if (this.#stopped && !clean) return;
    const replayFrom = wal?.positionOf(needed) ?? { sequence: ticket + 1, slot: 0, position: 0, previousCrc: 0 };
    await checkpoints.publish(
      {
        clean,
        logId: this.#options.logId,
        startEpoch: this.#options.startEpoch,
        replayFrom,
        lastDurable: ticket,
        firstSequence: this.#options.firstSequence,
      },
      records,
    );
    wal?.release(replayFrom.sequence);
    this.#extentBytes.published(extentBytes);
    for (const { log, place, start, indexed } of places) {
      log.publishedPlace = place;
      log.publishedStart = start;
      log.publishedIndexed = indexed;
    }
  }
}

function abortedCount(log: Log): number {
  return log.state.aborted?.count ?? 0;
}

function recordOf(log: Log): Buffer {
  if (log.encodedRecord !== undefined && log.encodedVersion === log.version) return log.encodedRecord;
  log.encodedVersion = log.version;
  log.encodedRecord = encodeRecord({
    topic: log.id.topic,
    topicId: log.topicIdBytes,
    partition: log.id.partition,
    startOffset: log.nextStart,
    stateEnd: log.endOffset,
    flushedOffset: log.flushedOffset,
    activeBase: log.flushedPlace?.activeBase ?? -1,
    activeBytes: log.flushedPlace?.activeBytes ?? 0,
    olderBytes: log.flushedPlace?.olderBytes ?? 0,
    oldestBase: log.flushedPlace?.oldestBase ?? -1,
    cleanedOffset: log.cleanedOffset,
    snapshot: log.state.snapshot(),
  });
  return log.encodedRecord;
}
