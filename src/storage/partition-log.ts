// The log of one partition: offsets, the tail in memory, the segments behind it. All changes happen synchronously; the
// commit loop, the flusher and retention move the marks.
//
//   start ≤ flushed ≤ written ≤ end      flushed: durable in segments       written: readable from segments
//   start ≤ committed ≤ end              committed: durable as the setting says
// Invariant: the tail holds everything from `written` (or below) to `end`: a read finds its bytes in one of the two.
import assert from 'node:assert/strict';
import { baseOffset, batchLength, maxTimestamp, nextOffset } from '../records/record-batch.ts';
import type { AbortedTransaction } from './aborted-index.ts';
import type { Arena } from './arena.ts';
import type { CleanedGroup } from './cleaning/clean-log.ts';
import type { Commit } from './commit.ts';
import type { KnownSegments, Segment, Segments } from './disk/segments.ts';
import { Run } from './run.ts';
import type {
  CommitTicket,
  LogConfig,
  LogRead,
  PartitionId,
  PartitionLog,
  PartitionState,
  TimestampAndOffset,
} from './storage.ts';
import { Tail } from './tail.ts';
import { firstRecordWith, recordAtOrAfter } from './timestamp-search.ts';

/** A run is extended up to this size. */
const runBytesMax = 16 * 1024;

/** What a log needs of the engine. */
export interface LogHost {
  readonly arena: Arena;
  /** The commit that an append of so many bytes joins; throws when nothing may be appended any more. */
  commitFor(bytes: number): Commit;
  readonly lastTicket: CommitTicket;
  /** The tail holds more bytes: the budget may have to give something up. */
  tailGrew(): void;
  logBecameDirty(log: Log): void;
  logDeleted(log: Log): void;
}

export interface LogStart {
  readonly startOffset: number;
  readonly flushedOffset: number;
  readonly flushedPlace: KnownSegments | undefined;
  readonly publishedPlace: KnownSegments | undefined;
  readonly publishedStart: number;
  readonly endOffset: number;
  readonly cleanedOffset: number;
}

const noSegments: readonly Segment[] = [];
const nothing: LogRead = { parts: [], sizeBytes: 0 };

export class Log implements PartitionLog {
  readonly id: PartitionId;
  readonly topicIdBytes: Buffer;
  readonly state: PartitionState;
  readonly segments: Segments;
  readonly tail = new Tail();
  config: LogConfig;
  /** Committed: what was moved and is not yet durable is `nextStart`. */
  startOffset: number;
  nextStart: number;
  endOffset: number;
  committedOffset: number;
  writtenOffset: number;
  flushedOffset: number;
  /** The segments as they were when everything below `flushedOffset` had become durable in them. */
  flushedPlace: KnownSegments | undefined;
  /** The segments as the published checkpoint knows them: what it names must not be deleted. */
  publishedPlace: KnownSegments | undefined;
  publishedStart: number;
  /** Of the published checkpoint: files count for abort markers below. */
  publishedIndexed = 0;
  /** Compaction has been here, and left nothing to do below. */
  cleanedOffset: number;
  /** Compaction may have changed everything below, since this log was opened. */
  compactedEnd = 0;
  compactions = 0;
  /** Compaction reads and replaces segments; retention stays away from them. */
  cleaning = false;
  /** Below, retention has counted what it removes. */
  startCounted = 0;
  /** Why compaction has given up on this log. */
  uncleanable: string | undefined;
  /** Oldest block whose bytes are in a segment, and that no sync under way makes durable there; Infinity when there is none. */
  unsyncedSequence = Number.POSITIVE_INFINITY;
  /** With durability `os`: everything below was synced, in the log or in segments. */
  syncedOffset: number;
  /** Segments with bytes that were written but not synced. */
  unsynced: readonly Segment[] = noSegments;
  /** The same of what a background flush is syncing, while commits go on writing into the segments. */
  syncingSequence = Number.POSITIVE_INFINITY;
  syncing: readonly Segment[] = noSegments;
  /** A background flush is under way. */
  flushing: Promise<void> | undefined;
  /** Where what the last background flush chose to place ends. */
  placingOffset = 0;
  /** It is placing bytes, or about to; commits stay away from the segments. */
  placing = false;
  /** A commit that wrote into the segments is not durable yet; the flusher stays away. */
  inPlaceTicket = -1;
  /** How often the tail is named in the order of giving up memory (tail-groups.ts). */
  queuedGroups = 0;
  /** Bytes in the tail that are in no segment. */
  unwrittenBytes = 0;
  /** Rises with every change that a checkpoint records. */
  version = 0;
  encodedRecord: Buffer | undefined;
  encodedVersion = -1;
  deleted = false;
  #host: LogHost;
  /** The run that the next append may extend, while its commit is still being formed. */
  #openRun: Run | undefined;
  #openTicket = -1;

  constructor(
    host: LogHost,
    id: PartitionId,
    topicIdBytes: Buffer,
    config: LogConfig,
    state: PartitionState,
    segments: Segments,
    start: LogStart,
  ) {
    this.#host = host;
    this.id = id;
    this.topicIdBytes = topicIdBytes;
    this.config = config;
    this.state = state;
    this.segments = segments;
    this.startOffset = this.nextStart = start.startOffset;
    this.flushedOffset = start.flushedOffset;
    this.flushedPlace = start.flushedPlace;
    this.publishedPlace = start.publishedPlace;
    this.publishedStart = start.publishedStart;
    this.cleanedOffset = start.cleanedOffset;
    this.syncedOffset = start.endOffset;
    this.writtenOffset = start.flushedOffset;
    this.endOffset = start.endOffset;
    this.committedOffset = start.endOffset;
  }

  get sizeBytes(): number {
    return this.segments.totalBytes + this.unwrittenBytes;
  }

  append(batches: readonly Buffer[]): CommitTicket {
    assert(!this.deleted, 'append to a deleted log');
    let bytes = 0;
    for (const batch of batches) bytes += batch.length;
    const commit = this.#host.commitFor(bytes);
    for (const batch of batches) this.#add(commit, batch);
    commit.bytes += bytes;
    this.unwrittenBytes += bytes;
    this.version++;
    this.#host.logBecameDirty(this);
    this.#host.tailGrew();
    return commit.ticket;
  }

  #add(commit: Commit, batch: Buffer): void {
    const base = baseOffset(batch, 0);
    let end = base;
    for (let at = 0; at < batch.length; at += batchLength(batch, at)) {
      assert.equal(baseOffset(batch, at), end === base ? this.endOffset : end, 'an append begins at the end offset');
      end = nextOffset(batch, at);
    }
    assert(end > base, 'an append holds whole batches');
    this.endOffset = end;
    const { arena } = this.#host;
    if (!arena.copies(batch)) {
      const backing = arena.keep(batch);
      this.#push(
        commit,
        new Run(this, backing, batch.byteOffset, batch.byteOffset + batch.length, base, end, Number.POSITIVE_INFINITY),
      );
      this.#openRun = undefined;
      return;
    }
    const backing = arena.copy(batch);
    const start = backing.used - batch.length;
    const open = this.#openTicket === commit.ticket ? this.#openRun : undefined;
    if (
      open !== undefined &&
      open.backing === backing &&
      open.end === start &&
      backing.used - open.start <= runBytesMax
    ) {
      open.end = backing.used;
      open.endOffset = end;
      return;
    }
    const run = new Run(this, backing, start, backing.used, base, end, Number.POSITIVE_INFINITY);
    this.#push(commit, run);
    this.#openRun = run;
    this.#openTicket = commit.ticket;
  }

  #push(commit: Commit, run: Run): void {
    this.#host.arena.reference(run.backing);
    this.tail.push(run);
    commit.runs.push(run);
  }

  read(offset: number, maxBytes: number, limitOffset: number, atLeastOne: boolean): LogRead | Promise<LogRead> {
    assert(
      offset >= this.startOffset && offset <= limitOffset && limitOffset <= this.endOffset,
      'a read lies inside the log',
    );
    if (offset >= limitOffset) return { parts: [], sizeBytes: 0 };
    if (offset >= this.#tailStart) return this.tail.read(offset, maxBytes, limitOffset, atLeastOne);
    return this.#readSegments(offset, maxBytes, limitOffset, atLeastOne);
  }

  #readSegments(
    offset: number,
    maxBytes: number,
    limitOffset: number,
    atLeastOne: boolean,
  ): LogRead | Promise<LogRead> {
    const limit = Math.min(limitOffset, this.writtenOffset);
    const found = this.segments.read(offset, maxBytes, limit, atLeastOne, this.config);
    // Compaction left nothing between the offset and what the tail begins with.
    const inTail = (): LogRead => {
      const from = Math.max(offset, this.#tailStart);
      return from < limitOffset ? this.tail.read(from, maxBytes, limitOffset, atLeastOne) : nothing;
    };
    if (!(found instanceof Promise)) return found ?? inTail();
    return found.then((read) => {
      this.#beginWithSegments();
      return read ?? inTail();
    });
  }

  /** Somebody has removed the oldest segments while no broker ran: as in Kafka the log begins with what is there. */
  #beginWithSegments(): void {
    const { isReady, oldestBase } = this.segments;
    if (!isReady || this.deleted || oldestBase <= this.nextStart || oldestBase > this.committedOffset) return;
    this.segments.warnOfMissing(this.nextStart);
    this.moveStart(oldestBase);
  }

  /** What is read from the tail begins here: compaction has changed what the tail still holds of earlier offsets. */
  get #tailStart(): number {
    return Math.max(this.compactedEnd, this.tail.first?.baseOffset ?? this.endOffset);
  }

  /** Puts what compaction made in the place of closed segments; resolves with the bytes freed. */
  replaceSegments(group: CleanedGroup): Promise<number> {
    return this.segments.replace(group, this.config.fileDeleteDelayMs, () => {
      this.compactedEnd = Math.max(this.compactedEnd, group.endOffset);
      this.compactions++;
      this.version++;
    });
  }

  async findTimestamp(timestampMs: number, limitOffset: number): Promise<TimestampAndOffset | undefined> {
    const inTail = [...this.tail];
    for (const run of inTail) run.retain();
    try {
      return await this.#findTimestamp(inTail, timestampMs, limitOffset);
    } finally {
      for (const run of inTail) run.release();
    }
  }

  /** `inTail`: all that the tail holds now. */
  async #findTimestamp(
    inTail: readonly Run[],
    timestampMs: number,
    limitOffset: number,
  ): Promise<TimestampAndOffset | undefined> {
    const startOffset = this.startOffset;
    let found: TimestampAndOffset | undefined;
    const look = (batch: Buffer): boolean => {
      found = recordAtOrAfter(batch, timestampMs, startOffset);
      return found !== undefined;
    };
    // Segments up to what the tail holds now: should the tail shrink meanwhile, its batches were seen here.
    const tailFrom = this.#tailStart;
    if (startOffset < tailFrom && startOffset < limitOffset) {
      await this.segments.visitFromTimestamp(
        timestampMs,
        startOffset,
        Math.min(limitOffset, tailFrom),
        this.config,
        look,
      );
      if (found !== undefined) return found;
    }
    for (const batch of batchesOf(inTail, Math.max(startOffset, tailFrom), limitOffset)) {
      if (maxTimestamp(batch, 0) >= timestampMs && look(batch)) return found;
    }
    return undefined;
  }

  async findMaxTimestamp(limitOffset: number): Promise<TimestampAndOffset | undefined> {
    const startOffset = this.startOffset;
    if (startOffset >= limitOffset) return undefined;
    const tailFrom = Math.min(limitOffset, this.#tailStart);
    // Below −1, so that the first record without a timestamp is found when no record has one, as in Kafka.
    let greatest = -2;
    let best: Buffer | undefined;
    for (const batch of batchesOf(this.tail, Math.max(startOffset, tailFrom), limitOffset)) {
      if (maxTimestamp(batch, 0) <= greatest) continue;
      greatest = maxTimestamp(batch, 0);
      best = batch;
    }
    if (startOffset < tailFrom) {
      // The tail may give it up while the segments are asked.
      if (best !== undefined) best = Buffer.from(best);
      const inSegments = await this.segments.maxTimestamp(startOffset, tailFrom, this.config);
      if (inSegments >= greatest) {
        // Segments may speak of offsets outside of the range; then everything that could win is looked at.
        const candidate =
          (await this.#greatestInSegments(inSegments, startOffset, tailFrom, true)) ??
          (await this.#greatestInSegments(Math.max(-1, greatest), startOffset, tailFrom));
        if (candidate !== undefined) best = candidate;
      }
    }
    return best === undefined ? undefined : firstRecordWith(best, startOffset);
  }

  /** The first batch with the greatest timestamp among those at or above `timestampMs`; with `isGreatest` there is none above. */
  async #greatestInSegments(
    timestampMs: number,
    startOffset: number,
    limitOffset: number,
    isGreatest = false,
  ): Promise<Buffer | undefined> {
    let best: Buffer | undefined;
    await this.segments.visitFromTimestamp(timestampMs, startOffset, limitOffset, this.config, (batch) => {
      if (best === undefined || maxTimestamp(batch, 0) > maxTimestamp(best, 0)) best = Buffer.from(batch);
      return isGreatest;
    });
    return best;
  }

  readAborted(fromOffset: number, limitOffset: number, indexedOffset: number): Promise<AbortedTransaction[]> {
    return this.segments.readAborted(fromOffset, limitOffset, indexedOffset, this.config);
  }

  moveStart(offset: number): CommitTicket {
    assert(offset <= this.committedOffset, 'the start moves over committed records only');
    if (offset <= this.nextStart) return this.#host.lastTicket;
    const commit = this.#host.commitFor(0);
    this.nextStart = offset;
    this.version++;
    commit.starts.push({ log: this, offset });
    return commit.ticket;
  }

  delete(): void {
    if (this.deleted) return;
    this.deleted = true;
    this.#host.logDeleted(this);
  }

  /** Lets go of all memory. */
  dropTail(): void {
    while (this.tail.count > 0) this.#host.arena.release(this.tail.shift().backing);
  }

  /** Gives up the oldest run when it can be read from a segment; false when there is none. */
  evictFirst(): boolean {
    const first = this.tail.first;
    if (first === undefined || first.endOffset > Math.min(this.writtenOffset, this.committedOffset)) return false;
    this.#host.arena.release(this.tail.shift().backing);
    return true;
  }

  /** Bytes of blocks from that one on are in the segment, and not durable there. */
  wroteInto(segment: Segment, sequence: number): void {
    if (!this.unsynced.includes(segment)) this.unsynced = [...this.unsynced, segment];
    this.unsyncedSequence = Math.min(this.unsyncedSequence, sequence);
  }

  /** A background flush is going to sync what was written so far. */
  syncBegan(): void {
    this.syncing = this.unsynced;
    this.syncingSequence = this.unsyncedSequence;
    this.syncedInPlace();
  }

  syncEnded(): void {
    this.syncing = noSegments;
    this.syncingSequence = Number.POSITIVE_INFINITY;
  }

  /** What was written since the last such sync began, a commit has synced by itself. */
  syncedInPlace(): void {
    this.unsynced = noSegments;
    this.unsyncedSequence = Number.POSITIVE_INFINITY;
  }

  /** The oldest block whose bytes are in a segment but not durable there; Infinity when there is none. */
  get neededInSegments(): number {
    return Math.min(this.unsyncedSequence, this.syncingSequence);
  }

  /** The oldest block of the write-ahead log that this log still needs; Infinity when none. */
  get firstNeededSequence(): number {
    let first = this.neededInSegments;
    // Not simply the first run's: a carried copy can stand in a later block than the runs after it.
    for (const run of this.tail.between(this.writtenOffset, this.endOffset)) first = Math.min(first, run.sequence);
    return first;
  }

  get isDirty(): boolean {
    return this.writtenOffset < this.endOffset || this.flushedOffset < this.writtenOffset;
  }
}

/** Views, one at a time, of the batches in runs that lie in [startOffset, limitOffset). */
function* batchesOf(runs: Iterable<Run>, startOffset: number, limitOffset: number): Generator<Buffer> {
  for (const run of runs) {
    if (run.endOffset <= startOffset) continue;
    const { buffer } = run.backing;
    for (let at = run.start; at < run.end; ) {
      const end = at + batchLength(buffer, at);
      const next = nextOffset(buffer, at);
      if (next > limitOffset) return;
      if (next > startOffset) yield buffer.subarray(at, end);
      at = end;
    }
  }
}
