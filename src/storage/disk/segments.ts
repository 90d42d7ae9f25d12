// The segments of one partition. A start costs nothing here: the checkpoint names the active segment and how much of it
// counts; the directory is listed, the file cut to that length and the indexes brought in step on first use (`ready`).
// Invariant: segments are consecutive; only the last (active) one is written; only one writer at a time.
import assert from 'node:assert/strict';
import type { Region, RegionPool } from '../../protocol/region-pool.ts';
import {
  BATCH_HEADER_BYTES,
  baseOffset,
  batchLength,
  LOG_OVERHEAD_BYTES,
  lastOffset,
  maxTimestamp,
  nextOffset,
} from '../../records/record-batch.ts';
import type { Files } from '../../runtime/files.ts';
import type { Clock, LogLines, Random } from '../../runtime/runtime.ts';
import { ABORTED_ENTRY_BYTES, type AbortedTransaction, entriesBelow, markerOffsetAt } from '../aborted-index.ts';
import type { CleanedGroup } from '../cleaning/clean-log.ts';
import type { Run } from '../run.ts';
import type { StorageSettings } from '../settings.ts';
import type { Slots } from '../slots.ts';
import type { LogConfig, LogRead, PartitionId } from '../storage.ts';
import { isDamage, StorageError } from '../storage-error.ts';
import { appendAborted, collectFromFile, cutAborted } from './aborted-files.ts';
import { type BatchPlace, checkBatches, damageAt, damagedBatch, lengthIsPossible } from './check-batches.ts';
import type { FileCache, FileLease } from './file-cache.ts';
import type { IndexCache } from './index-cache.ts';
import { createPartitionDirectory, directoryName, readTopicId, renameForRemoval } from './partition-directory.ts';
import { isShortage } from './patient-files.ts';
import type { PromptReads } from './prompt-reads.ts';
import { removeFiles } from './remove-files.ts';
import { scanBatches } from './scan.ts';
import { finishSwaps, swapSegments } from './segment-swap.ts';

export type { Segment } from './segment.ts';

import { Segment, segmentBase, segmentName } from './segment.ts';
import {
  entriesAtMost,
  IndexEntries,
  offsetEntryBytes,
  soundOffsetEntries,
  soundTimeEntries,
  timeEntryBytes,
} from './segment-index.ts';
import { pieces, writeInPieces } from './write-in-pieces.ts';

/** What all partitions share. */
export interface SegmentsHost {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LogLines;
  readonly settings: StorageSettings;
  readonly dataDirectory: string;
  readonly cache: FileCache;
  readonly indexes: IndexCache;
  /** What is read for consumers goes into these. */
  readonly regions: RegionPool;
  readonly promptReads: PromptReads;
  /** For reads and background writes; the commit path does not take one. */
  readonly slots: Slots;
  /** Makes new partition directories durable; many callers share one sync. */
  syncDataDirectory(): Promise<void>;
  /** Resolves when a deleted partition of this name has left its directory. */
  whenLeft(directory: string): Promise<void>;
  /** Removes a renamed file or directory later. */
  removeLater(path: string, delayMs: number): void;
}

/** What the checkpoint and the write-ahead log know about a partition's segments. */
export interface KnownSegments {
  readonly activeBase: number;
  readonly activeBytes: number;
  readonly olderBytes: number;
  /** Oldest segment that `olderBytes` counts. */
  readonly oldestBase: number;
}

/** Consecutive batches on their way to one segment. */
export interface Stretch {
  readonly segment: Segment;
  readonly position: number;
  readonly parts: Buffer[];
  bytes: number;
  readonly baseOffset: number;
  endOffset: number;
}

/** Index entries are written to their files when there are this many. */
const entriesToStore = 1024;
const BASE_OFFSET_BYTES = 8;
const readHintsMax = 16;
/** A walk over fewer bytes is one read. */
const SHORT_WALK_BYTES = 8 * 1024;
/** Indexes count from the segment's base offset, in 32 bits with a sign. */
const OFFSETS_PER_SEGMENT_MAX = 2 ** 31;
/** Below this an index may be full at any batch. */
const indexBytesTrusted = 64 * 1024;

/** What the offset index says of a batch. */
interface IndexedBatch {
  readonly position: number;
  readonly lastOffset: number;
}

/** The last batch in the index that ends below an offset, and the two entries after it. */
interface IndexedAround {
  readonly before: IndexedBatch | undefined;
  readonly at: IndexedBatch | undefined;
  readonly after: IndexedBatch | undefined;
}

/** Where the index lets one expect the batch that contains an offset: what begins there proves to be it, or not. */
interface LikelyBatch {
  readonly position: number;
  readonly fromOffset: number;
  readonly bytes: number;
  readonly isIt: (batch: Buffer) => boolean;
}

/** Of the batch that contains an offset: its position, an offset that it cannot begin below, and how long it says it is (0: unknown). */
interface Located {
  readonly position: number;
  readonly fromOffset: number;
  readonly batchBytes: number;
}

export class Segments {
  readonly directory: string;
  #host: SegmentsHost;
  #id: PartitionId;
  #indexedOffset: () => number;
  #epochOf: (offset: number) => number | undefined;
  #segments: Segment[] = [];
  #known: KnownSegments | undefined;
  #olderBytes: number;
  #oldestBase: number;
  #ready: Promise<void> | undefined;
  #closing: Segment[] = [];
  #storing: Promise<void> = Promise.resolve();
  #knowing: Map<Segment, Promise<void>> | undefined;
  /** Where sequential readers are: their next offset and its position. */
  #hints: { offset: number; segment: Segment; position: number }[] = [];
  isReady = false;
  /** The partition is deleted: what is under way ends, nothing else begins. */
  deleted = false;
  #using = 0;
  #idleWaiters: (() => void)[] = [];
  /** While files change places under their names. */
  #gate: Promise<void> | undefined;

  /**
   * `indexedOffset`: below it the entries of aborted transactions are in files. `epochOf`: the leader epoch of the batch that
   * begins at an offset, where it is known.
   */
  constructor(
    host: SegmentsHost,
    id: PartitionId,
    known: KnownSegments | undefined,
    indexedOffset: () => number = () => 0,
    epochOf: (offset: number) => number | undefined = () => undefined,
  ) {
    this.#host = host;
    this.#indexedOffset = indexedOffset;
    this.#epochOf = epochOf;
    this.#id = id;
    this.directory = `${host.dataDirectory}/${directoryName(id.topic, id.partition)}`;
    this.#known = known;
    this.#olderBytes = known?.olderBytes ?? 0;
    this.#oldestBase = known?.oldestBase ?? -1;
    if (known !== undefined) this.#segments.push(new Segment(this.directory, known.activeBase, known.activeBytes));
  }

  get active(): Segment | undefined {
    return this.#segments[this.#segments.length - 1];
  }

  get olderBytes(): number {
    return this.#olderBytes;
  }

  /** Until the directory was listed, only the active one is known. */
  get count(): number {
    return this.#segments.length;
  }

  /** Base offset of the oldest segment; −1 when there is none. */
  get oldestBase(): number {
    return this.#oldestBase;
  }

  get totalBytes(): number {
    return this.#olderBytes + (this.active?.sizeBytes ?? 0);
  }

  /**
   * Everything that opens or renames files by their path passes here: the next partition of this name may use the path only
   * when all of it has ended.
   */
  async #use<T>(work: () => Promise<T>): Promise<T> {
    while (this.#gate !== undefined) await this.#gate;
    return this.#passed(work);
  }

  async #passed<T>(work: () => Promise<T>): Promise<T> {
    if (this.deleted) throw new StorageError('IO', `${this.directory} belongs to a deleted partition`);
    this.#using++;
    try {
      return await work();
    } finally {
      if (--this.#using === 0) for (const idle of this.#idleWaiters.splice(0)) idle();
    }
  }

  /** When all others have ended, and while none begins. `work` must be short, and wait for none of them. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#gate !== undefined) await this.#gate;
    let open = (): void => {};
    this.#gate = new Promise((resolve) => {
      open = resolve;
    });
    try {
      if (this.#using > 0) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
      return await this.#passed(work);
    } finally {
      this.#gate = undefined;
      open();
    }
  }

  /** Work on the files that nothing else names, such as compaction's. */
  whileInUse<T>(work: () => Promise<T>): Promise<T> {
    return this.#use(work);
  }

  /** Resolves when nothing uses the files of a deleted partition any more, and nobody remembers their indexes. */
  async left(): Promise<void> {
    if (this.#using > 0) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    for (const segment of this.#segments) this.#host.indexes.drop(segment.path);
  }

  /** Lists the directory and repairs what a crash left, once; a failed attempt is made again by the next caller. */
  ready(indexIntervalBytes: number): Promise<void> {
    this.#ready ??= this.#use(() => this.#prepare(indexIntervalBytes)).then(
      () => {
        this.isReady = true;
      },
      (error) => {
        this.#ready = undefined;
        throw error;
      },
    );
    return this.#ready;
  }

  async #prepare(indexIntervalBytes: number): Promise<void> {
    const { files } = this.#host;
    if (this.#known === undefined) {
      await this.#createDirectory();
      return;
    }
    const topicId = await readTopicId(files, this.directory);
    if (topicId !== this.#id.topicId) {
      throw new StorageError(
        'DAMAGED',
        `${this.directory} should hold topic id ${this.#id.topicId} but holds ${topicId ?? 'none'}.`,
      );
    }
    const active = this.active as Segment;
    const older: Segment[] = [];
    const stale: string[] = [];
    let names = await files.list(this.directory);
    if (await finishSwaps(files, this.directory, names)) names = await files.list(this.directory);
    for (const name of names) {
      const base = segmentBase(name);
      if (name.endsWith('.deleted')) stale.push(name);
      else if (base === undefined) continue;
      else if (base < active.baseOffset) older.push(new Segment(this.directory, base, -1));
      else if (base > active.baseOffset) {
        // Begun after the checkpoint: its batches come from the write-ahead log again.
        const stem = name.slice(0, -4);
        stale.push(...[name, `${stem}.index`, `${stem}.timeindex`].filter((file) => names.includes(file)));
      }
    }
    const indexed = names.filter((name) => {
      const base = segmentBase(name, 'txnindex');
      if (base === undefined) return false;
      // Beyond the checkpoint, or left behind by a deletion that a crash cut short.
      const isStale =
        base > active.baseOffset || (base < active.baseOffset && !names.includes(`${segmentName(base)}.log`));
      if (isStale) stale.push(name);
      return !isStale;
    });
    await removeFiles(
      files,
      stale.map((name) => `${this.directory}/${name}`),
    );
    if (active.sizeBytes > 0 && !names.includes(`${segmentName(active.baseOffset)}.log`)) {
      throw new StorageError('DAMAGED', `${active.logPath} is missing: restore the directory from a backup.`);
    }
    // An empty one may have been begun in memory only; or a broker that was killed had made it, its name not durable yet.
    active.isNew = active.sizeBytes === 0;
    const lease = await this.#host.cache.lease(active.logPath, 'write');
    try {
      const fileBytes = lease.file.sizeSync();
      if (fileBytes < active.sizeBytes) {
        throw new StorageError(
          'DAMAGED',
          `${active.logPath} has ${fileBytes} bytes where ${active.sizeBytes} were durable.`,
        );
      }
      if (fileBytes > active.sizeBytes) {
        lease.file.truncateSync(active.sizeBytes);
        // Should it be closed without another write, the cut must not come undone.
        await this.#host.slots.run(() => lease.file.sync());
      }
    } finally {
      lease.release();
    }
    this.#segments = [...older, active];
    // Segments may have gone, or shrunk by compaction, after the checkpoint had counted them.
    this.#oldestBase = (this.#segments[0] as Segment).baseOffset;
    this.#olderBytes = 0;
    for (const segment of older) this.#olderBytes += await this.#sizeOf(segment);
    await this.#know(active, indexIntervalBytes);
    await this.#cutAborted(indexed);
    active.jitterMs = 0;
  }

  /** Of the segments that have a file of aborted transactions, the newest may say too much. */
  async #cutAborted(names: readonly string[]): Promise<void> {
    const indexedOffset = this.#indexedOffset();
    for (const [i, segment] of this.#segments.entries()) {
      if (!names.includes(`${segmentName(segment.baseOffset)}.txnindex`)) continue;
      segment.abortedEntries = -1;
      const next = this.#segments[i + 1];
      if (next === undefined || next.baseOffset > indexedOffset) await cutAborted(this.#host, segment, indexedOffset);
    }
  }

  async #createDirectory(): Promise<void> {
    const { files, random, dataDirectory, log } = this.#host;
    await this.#host.whenLeft(this.directory);
    const name = directoryName(this.#id.topic, this.#id.partition);
    // A directory of this very topic is what a flush had begun when the broker died: all it held is still in the
    // write-ahead log, or this log would know its place. Anything else is somebody's and worth a word.
    const isOwn = (await readTopicId(files, this.directory)) === this.#id.topicId;
    const doomed = await renameForRemoval(files, random, dataDirectory, name);
    if (doomed !== undefined) {
      if (!isOwn) log.warn('set aside a partition directory that belongs to nothing', { directory: doomed });
      this.#host.removeLater(doomed, 60_000);
    }
    await createPartitionDirectory(files, this.directory, this.#id.topicId);
    await files.syncDirectory(this.directory);
    await this.#host.syncDataDirectory();
  }

  /**
   * Decides where the batches go and counts them there; the caller writes the stretches, in order, and nobody else places
   * meanwhile. `parts` begin and end at batch boundaries and follow the active segment's end.
   */
  place(parts: readonly Buffer[], config: LogConfig): Stretch[] {
    const stretches: Stretch[] = [];
    let stretch: Stretch | undefined;
    for (const part of parts) {
      let from = 0;
      for (let at = 0; at < part.length; ) {
        const bytes = batchLength(part, at);
        const segment = this.active;
        if (segment === undefined || this.#mustRoll(segment, part, at, bytes, config)) {
          if (stretch !== undefined && at > from) stretch.parts.push(part.subarray(from, at));
          from = at;
          stretch = begin(this.#roll(baseOffset(part, at), config), baseOffset(part, at));
          stretches.push(stretch);
        } else if (stretch === undefined) {
          stretch = begin(segment, baseOffset(part, at));
          stretches.push(stretch);
        }
        stretch.segment.add(part, at, config.indexIntervalBytes);
        stretch.bytes += bytes;
        stretch.endOffset = nextOffset(part, at);
        at += bytes;
      }
      if (stretch !== undefined && from < part.length) stretch.parts.push(from === 0 ? part : part.subarray(from));
    }
    return stretches;
  }

  /** How many segments `place` would write these to, or a few more. */
  segmentsFor(runs: readonly Run[], config: LogConfig): number {
    const { active } = this;
    const rollsAlways = config.segmentIndexBytes < indexBytesTrusted;
    const spanMs = config.segmentMs - Math.min(config.segmentJitterMs, config.segmentMs);
    let count = 1;
    let sizeBytes = active?.sizeBytes ?? 0;
    let first = active?.firstTimestamp ?? -1;
    for (const { backing, start, end } of runs) {
      const { buffer } = backing;
      for (let at = start; at < end; ) {
        const bytes = batchLength(buffer, at);
        const timestamp = maxTimestamp(buffer, at);
        const isOver = first >= 0 && timestamp >= 0 && timestamp - first > spanMs;
        if (sizeBytes > 0 && (rollsAlways || isOver || sizeBytes + bytes > config.segmentBytes)) {
          count++;
          sizeBytes = 0;
          first = -1;
        }
        if (first < 0) first = timestamp;
        sizeBytes += bytes;
        at += bytes;
      }
    }
    return count;
  }

  /**
   * Keeps the active segment open for a write that follows, until the function returned is called; undefined when no
   * descriptor is left for it.
   */
  openActive(): (() => void) | undefined {
    const { active } = this;
    if (active === undefined) return () => {};
    try {
      return this.#host.cache.leaseSync(active.logPath, 'write').release;
    } catch (error) {
      if (!isShortage(error)) throw error;
      this.#host.cache.closeIdle();
      return undefined;
    }
  }

  /** As Kafka's LogSegment.shouldRoll. */
  #mustRoll(segment: Segment, part: Buffer, at: number, bytes: number, config: LogConfig): boolean {
    if (segment.sizeBytes === 0) return false;
    if (segment.sizeBytes + bytes > config.segmentBytes) return true;
    const timestamp = maxTimestamp(part, at);
    if (segment.firstTimestamp >= 0 && timestamp >= 0) {
      if (timestamp - segment.firstTimestamp > config.segmentMs - segment.jitterMs) return true;
    }
    return lastOffset(part, at) - segment.baseOffset > 0x7fffffff || segment.indexIsFull(config.segmentIndexBytes);
  }

  #roll(base: number, config: LogConfig): Segment {
    const before = this.active;
    if (before !== undefined) {
      before.addTimeEntry();
      this.#olderBytes += before.sizeBytes;
      this.#closing.push(before);
    }
    const segment = new Segment(this.directory, base, 0);
    segment.known = true;
    segment.isNew = true;
    segment.jitterMs = this.#host.random.below(
      Math.floor(Math.min(config.segmentJitterMs, config.segmentMs, 2 ** 47)) + 1,
    );
    this.#segments.push(segment);
    if (before === undefined) this.#oldestBase = base;
    return segment;
  }

  /** Begins a new segment at `base` although the active one is not full (retention of its last bytes). */
  rollNow(base: number, config: LogConfig): void {
    const active = this.active;
    if (active !== undefined && active.sizeBytes > 0) this.#roll(base, config);
  }

  /** Writes at once; returns the lease so that the caller can sync. */
  writeSync(stretch: Stretch): FileLease {
    const lease = this.#host.cache.leaseSync(stretch.segment.logPath, 'write');
    try {
      writeInPieces(lease.file, stretch.parts, stretch.position);
    } catch (error) {
      lease.release();
      throw error;
    }
    stretch.segment.readableBytes = stretch.position + stretch.bytes;
    return lease;
  }

  /** Writes in the background. */
  write(stretch: Stretch): Promise<FileLease> {
    return this.#use(() => this.#write(stretch));
  }

  async #write(stretch: Stretch): Promise<FileLease> {
    const { cache, slots } = this.#host;
    const lease = await cache.lease(stretch.segment.logPath, 'write');
    try {
      for (const piece of pieces(stretch.parts)) {
        await slots.run(() => lease.file.write(piece.parts, stretch.position + piece.offset));
      }
    } catch (error) {
      lease.release();
      throw error;
    }
    stretch.segment.readableBytes = stretch.position + stretch.bytes;
    return lease;
  }

  /** What the checkpoint may say of the segments once everything placed so far is durable. */
  get placed(): KnownSegments | undefined {
    const active = this.active;
    if (active === undefined) return undefined;
    return {
      activeBase: active.baseOffset,
      activeBytes: active.sizeBytes,
      olderBytes: this.#olderBytes,
      oldestBase: this.#oldestBase,
    };
  }

  /** Makes what the lease's file holds durable, and the file's name when it is new. */
  async sync(segment: Segment, lease: FileLease): Promise<void> {
    const own = lease.file.sync();
    segment.syncs = [...segment.syncs, own];
    try {
      await Promise.all([own, segment.isNew ? this.#host.files.syncDirectory(this.directory) : undefined]);
    } catch (error) {
      segment.syncFailure = error;
    } finally {
      segment.syncs = segment.syncs.filter((sync) => sync !== own);
    }
    // Of those at the same time only one is told of a failure, whoever's bytes it concerns.
    if (segment.syncs.length > 0) await Promise.all(segment.syncs);
    if (segment.syncFailure !== undefined) throw segment.syncFailure;
    segment.isNew = false;
  }

  /** The same for a segment that was written earlier. */
  syncSegment(segment: Segment): Promise<void> {
    return this.#use(() => this.#syncSegment(segment));
  }

  /** In a background slot, which is taken by those only who were let in. */
  syncInBackground(segment: Segment): Promise<void> {
    return this.#use(() => this.#host.slots.run(() => this.#syncSegment(segment)));
  }

  async #syncSegment(segment: Segment): Promise<void> {
    const lease = await this.#host.cache.lease(segment.logPath, 'write');
    try {
      await this.sync(segment, lease);
    } finally {
      lease.release();
    }
  }

  /** Writes index entries that are due: all of closed segments, the active one's when they are many, or `all`. */
  storeIndexes(all: boolean): Promise<void> {
    // One after the other: each counts the entries that the one before it has stored.
    this.#storing = this.#storing.catch(() => {}).then(() => this.#use(() => this.#store(all)));
    return this.#storing;
  }

  async #store(all: boolean): Promise<void> {
    for (let closed = this.#closing[0]; closed !== undefined; closed = this.#closing[0]) {
      await this.#storeEntries(closed, true);
      this.#closing.shift();
    }
    const active = this.active;
    if (active === undefined || !active.known) return;
    if (active.newOffsets.count >= entriesToStore || (all && active.newOffsets.count + active.newTimes.count > 0)) {
      await this.#storeEntries(active, all || active.sizeBytes - active.bytesAtIndexSync > 64 * 1024 * 1024);
    }
  }

  async #storeEntries(segment: Segment, sync: boolean): Promise<void> {
    const { newOffsets, newTimes } = segment;
    const offsets = newOffsets.count;
    const times = newTimes.count;
    const store = async (path: string, entries: IndexEntries, stored: number): Promise<void> => {
      const lease = await this.#host.cache.lease(path, 'write');
      try {
        const bytes = Buffer.from(entries.bytes());
        const position = stored * entries.entryBytes;
        await this.#host.slots.run(async () => {
          await lease.file.write([bytes], position);
          if (lease.file.sizeSync() > position + bytes.length) lease.file.truncateSync(position + bytes.length);
          if (sync) await lease.file.sync();
        });
      } finally {
        lease.release();
      }
    };
    await store(segment.indexPath, newOffsets, segment.storedOffsetEntries);
    await store(segment.timeIndexPath, newTimes, segment.storedTimeEntries);
    this.#host.indexes.drop(segment.path);
    segment.storedOffsetEntries += offsets;
    segment.storedTimeEntries += times;
    segment.newOffsets = without(newOffsets, offsets);
    segment.newTimes = without(newTimes, times);
    if (sync) segment.bytesAtIndexSync = segment.sizeBytes;
  }

  /**
   * As PartitionLog.read, for offsets in segments; `limitOffset` is at most what is written. Undefined when no batch there
   * contains an offset in [offset, limitOffset): compaction has left nothing of them.
   */
  read(
    offset: number,
    maxBytes: number,
    limitOffset: number,
    atLeastOne: boolean,
    config: LogConfig,
  ): LogRead | Promise<LogRead | undefined> {
    const read = this.#gate === undefined ? this.#readAtOnce(offset, maxBytes, limitOffset) : undefined;
    return read ?? this.#use(() => this.#read(offset, maxBytes, limitOffset, atLeastOne, config));
  }

  /** Where a sequential reader goes on, and it is likely in memory; undefined when it needs the other way. */
  #readAtOnce(offset: number, maxBytes: number, limitOffset: number): LogRead | undefined {
    const hint = this.isReady && !this.deleted ? this.#hints.find((hint) => hint.offset === offset) : undefined;
    if (hint === undefined || hint.segment.gone) return undefined;
    const { segment, position } = hint;
    const { cache, promptReads, regions } = this.#host;
    const bytes = Math.min(maxBytes, this.#host.settings.coldReadBytesMax, segment.readableBytes - position);
    if (bytes < BATCH_HEADER_BYTES || !promptReads.mayRead()) return undefined;
    const lease = cache.leaseOpen(segment.logPath, 'read');
    if (lease === undefined) return undefined;
    const region = regions.take(bytes);
    try {
      const got = promptReads.read(lease.file, region.buffer.subarray(0, bytes), position);
      const read = region.buffer.subarray(0, got);
      const { end, endOffset } = wholeBatches(read, bytes, limitOffset);
      if (end > 0) {
        const following = this.#followingBase(segment, read, end, position);
        const place = this.#place(segment, position, offset);
        checkBatches(read, end, following ?? baseOffsetAt(lease, position + end), place);
        return this.#done(segment, region, end, endOffset, position);
      }
    } catch (error) {
      region.release();
      if (!isDamage(error)) throw error;
      // The other way finds it again, and says so to those who wait for the answer.
      return undefined;
    } finally {
      lease.release();
    }
    region.release();
    return undefined;
  }

  #place(segment: Segment, position: number, fromOffset: number): BatchPlace {
    return { path: segment.logPath, position, fromOffset, epochOf: this.#epochOf };
  }

  /** Where the batch after those up to `end` begins, or the segment ends; undefined when the bytes read do not say it. */
  #followingBase(segment: Segment, read: Buffer, end: number, position: number): number | undefined {
    if (position + end === segment.readableBytes) return this.#endOf(segment);
    return end + BASE_OFFSET_BYTES <= read.length ? baseOffset(read, end) : undefined;
  }

  #done(segment: Segment, region: Region, end: number, endOffset: number, position: number): LogRead {
    this.#hints.push({ offset: endOffset, segment, position: position + end });
    if (this.#hints.length > readHintsMax) this.#hints.shift();
    return { parts: [region.buffer.subarray(0, end)], sizeBytes: end, regions: [region], isCold: true };
  }

  async #read(
    offset: number,
    maxBytes: number,
    limitOffset: number,
    atLeastOne: boolean,
    config: LogConfig,
  ): Promise<LogRead | undefined> {
    await this.ready(config.indexIntervalBytes);
    const segment = this.#containing(offset);
    if (segment === undefined) return { parts: [], sizeBytes: 0 };
    const found = await this.#readSegment(segment, offset, maxBytes, limitOffset, atLeastOne, config);
    if (found !== undefined) return found;
    // Nothing from this offset to the end of its segment: what compaction left follows in a later one.
    for (const later of this.#segments.slice(this.#segments.indexOf(segment) + 1)) {
      if (later.baseOffset >= limitOffset) return undefined;
      const next = await this.#readSegment(later, later.baseOffset, maxBytes, limitOffset, atLeastOne, config);
      if (next !== undefined) return next;
    }
    return undefined;
  }

  /** Undefined when the segment has no batch with an offset at or above `offset` that begins below the limit. */
  async #readSegment(
    segment: Segment,
    offset: number,
    maxBytes: number,
    limitOffset: number,
    atLeastOne: boolean,
    config: LogConfig,
  ): Promise<LogRead | undefined> {
    await this.#know(segment, config.indexIntervalBytes);
    if (segment.readableBytes === 0) return undefined;
    const { cache, slots, settings } = this.#host;
    const want = Math.min(maxBytes, settings.coldReadBytesMax);
    const lease = await cache.lease(segment.logPath, 'read');
    try {
      return await slots.run(async () => {
        const direct = await this.#readIndexed(segment, lease, offset, want, limitOffset, atLeastOne);
        if (direct !== undefined) return direct;
        const { position, fromOffset, batchBytes } = await this.#locate(segment, lease, offset);
        if (position >= segment.readableBytes) return undefined;
        const place = this.#place(segment, position, fromOffset);
        const left = segment.readableBytes - position;
        let firstBytes = batchBytes;
        if (firstBytes <= want) {
          const read = await this.#readWhole(segment, lease, place, both(Math.min(want, left)), limitOffset);
          if (read === undefined || !('firstBytes' in read)) return read;
          firstBytes = read.firstBytes;
        }
        if (!lengthIsPossible(firstBytes, left)) {
          throw damagedBatch(segment.logPath, position, fromOffset, `it says it has ${firstBytes} bytes`);
        }
        if (!atLeastOne && firstBytes > maxBytes) return { parts: [], sizeBytes: 0 };
        const first = await this.#readWhole(segment, lease, place, both(firstBytes), limitOffset);
        if (first === undefined || !('firstBytes' in first)) return first;
        throw damagedBatch(segment.logPath, position, fromOffset, 'the file ends within it');
      });
    } finally {
      lease.release();
    }
  }

  /** As #readSegment, of a batch that the index names; undefined when it does not, or not rightly. */
  async #readIndexed(
    segment: Segment,
    lease: FileLease,
    offset: number,
    want: number,
    limitOffset: number,
    atLeastOne: boolean,
  ): Promise<LogRead | undefined> {
    if (this.#hints.some((hint) => hint.offset === offset && hint.segment === segment)) return undefined;
    const likely = await this.#likelyBatch(segment, offset);
    if (likely === undefined || (likely.bytes > want && !atLeastOne)) return undefined;
    const left = segment.readableBytes - likely.position;
    const sizes = { maxBytes: Math.min(want, left), readBytes: Math.min(Math.max(want, likely.bytes), left) };
    const place = this.#place(segment, likely.position, likely.fromOffset);
    const read = await this.#readWhole(segment, lease, place, sizes, limitOffset, likely.isIt);
    return read !== undefined && 'parts' in read ? read : undefined;
  }

  /**
   * Large batches have an entry each in the index, so that the first one that ends at or after the offset is mostly of the batch
   * that contains it, and the one after that says how long it is: one read, no walk. Undefined when the walk is short.
   */
  async #likelyBatch(segment: Segment, offset: number): Promise<LikelyBatch | undefined> {
    const { before, at, after } = await this.#lookup(segment, offset);
    if (at === undefined || after === undefined) return undefined;
    const bytes = after.position - at.position;
    const isShort = at.position - (before?.position ?? 0) < SHORT_WALK_BYTES;
    if (isShort || bytes > this.#host.settings.coldReadBytesMax) return undefined;
    const fromOffset = before === undefined ? segment.baseOffset : before.lastOffset + 1;
    const isIt = (batch: Buffer): boolean => {
      if (batch.length < BATCH_HEADER_BYTES || lastOffset(batch, 0) !== at.lastOffset) return false;
      const base = baseOffset(batch, 0);
      return base >= fromOffset && base <= offset;
    };
    return { position: at.position, fromOffset, bytes, isIt };
  }

  /**
   * The whole batches among the next `maxBytes`, or the first alone when it is among the next `readBytes`, checked; when there is
   * none, how long the first says it is (0: too few bytes to say). Undefined when the first, which is whole, begins at the limit
   * or later, or is not what was `expected`.
   */
  async #readWhole(
    segment: Segment,
    lease: FileLease,
    place: BatchPlace,
    { maxBytes, readBytes }: { maxBytes: number; readBytes: number },
    limitOffset: number,
    expected?: (first: Buffer) => boolean,
  ): Promise<LogRead | { firstBytes: number } | undefined> {
    const { path, position, fromOffset } = place;
    // With the base offset of what follows, where it is in the segment: it is checked too.
    const left = segment.readableBytes - position;
    const room = Math.max(BATCH_HEADER_BYTES, Math.min(readBytes + BASE_OFFSET_BYTES, left));
    const region = this.#host.regions.take(room);
    let isKept = false;
    try {
      const read = region.buffer.subarray(0, await lease.file.read(region.buffer.subarray(0, room), position));
      const firstBytes = read.length < LOG_OVERHEAD_BYTES ? 0 : batchLength(read, 0);
      if (expected !== undefined && !expected(read)) return undefined;
      const bytes = firstBytes <= readBytes ? Math.max(maxBytes, firstBytes) : maxBytes;
      const { end, endOffset } = wholeBatches(read, bytes, limitOffset);
      // One beyond the limit is checked as well: only if it is sound, compaction has left a gap before it.
      const checkedEnd = end > 0 ? end : wholeBatches(read, bytes, Number.POSITIVE_INFINITY).end;
      if (checkedEnd === 0) return { firstBytes };
      const following = this.#followingBase(segment, read, checkedEnd, position);
      checkBatches(read, checkedEnd, following ?? (await baseOffsetLater(lease, position + checkedEnd)), place);
      if (end > 0) {
        isKept = true;
        return this.#done(segment, region, end, endOffset, position);
      }
      if (baseOffset(read, 0) < limitOffset) throw damagedBatch(path, position, fromOffset, 'it ends beyond the log');
      return undefined;
    } finally {
      if (!isKept) region.release();
    }
  }

  #containing(offset: number): Segment | undefined {
    const before = entriesAtMost(this.#segments.length, offset, (i) => (this.#segments[i] as Segment).baseOffset);
    return this.#segments[before - 1];
  }

  async #locate(segment: Segment, lease: FileLease, offset: number): Promise<Located> {
    const hint = this.#hints.find((hint) => hint.offset === offset && hint.segment === segment);
    if (hint !== undefined) return { position: hint.position, fromOffset: offset, batchBytes: 0 };
    const { before } = await this.#lookup(segment, offset);
    if (before !== undefined) {
      // Indexes are only hints: where they mislead, the segment is read from its beginning, and they are made anew.
      const found = await this.#scanFrom(segment, lease, before, offset).catch((error) => error as Error);
      if (!(found instanceof Error)) return found;
      if (!isDamage(found)) throw found;
    }
    const found = await this.#scanFrom(segment, lease, { position: 0, lastOffset: undefined }, offset);
    if (before !== undefined) await this.#distrustIndex(segment);
    return found;
  }

  /** From a batch of which the index says where it ends, or from the segment's first. */
  async #scanFrom(
    segment: Segment,
    lease: FileLease,
    entry: { readonly position: number; readonly lastOffset: number | undefined },
    offset: number,
  ): Promise<Located> {
    let fromOffset = segment.baseOffset;
    let found = segment.readableBytes;
    let batchBytes = 0;
    let previous = fromOffset;
    await scanBatches(lease.file, entry.position, segment.readableBytes, (buffer, at, position, bytes) => {
      const isEntry = position === entry.position && entry.lastOffset !== undefined;
      if (isEntry && lastOffset(buffer, at) !== entry.lastOffset) {
        throw damagedBatch(segment.logPath, position, fromOffset, `its last offset is not ${entry.lastOffset}`);
      }
      if (!(baseOffset(buffer, at) >= fromOffset)) {
        throw damagedBatch(segment.logPath, position, fromOffset, `it says it begins at ${baseOffset(buffer, at)}`);
      }
      previous = fromOffset;
      fromOffset = nextOffset(buffer, at);
      if (fromOffset <= offset) return false;
      found = position;
      batchBytes = bytes;
      return true;
    });
    return { position: found, fromOffset: found < segment.readableBytes ? previous : fromOffset, batchBytes };
  }

  /** What the index files say of the segment is wrong: none of it counts, and a closed segment's are made again when next asked for. */
  async #distrustIndex(segment: Segment): Promise<void> {
    this.#host.log.warn('an index was damaged and is made again', { path: segment.indexPath });
    segment.storedOffsetEntries = segment.storedTimeEntries = 0;
    this.#host.indexes.drop(segment.path);
    if (segment === this.active) return;
    segment.known = false;
    const paths = [segment.indexPath, segment.timeIndexPath];
    for (const path of paths) await this.#host.cache.drop(path);
    await removeFiles(this.#host.files, paths);
  }

  async #lookup(segment: Segment, offset: number): Promise<IndexedAround> {
    const relative = offset - segment.baseOffset;
    const { newOffsets } = segment;
    const inNew = entriesAtMost(newOffsets.count, relative - 1, (i) => newOffsets.relativeOffset(i));
    if (inNew > 0) return neighbours(segment, newOffsets, inNew);
    const stored = (await this.#stored(segment)).offsets;
    return neighbours(
      segment,
      stored,
      entriesAtMost(stored.count, relative - 1, (i) => stored.relativeOffset(i)),
    );
  }

  async #stored(segment: Segment): Promise<{ offsets: IndexEntries; times: IndexEntries }> {
    const { storedOffsetEntries, storedTimeEntries } = segment;
    if (storedOffsetEntries + storedTimeEntries === 0) {
      return { offsets: new IndexEntries(offsetEntryBytes), times: new IndexEntries(timeEntryBytes) };
    }
    const cached = this.#host.indexes.get(segment.path);
    if (cached !== undefined) return cached;
    const load = async (path: string, entryBytes: number, count: number): Promise<IndexEntries> => {
      if (count === 0) return new IndexEntries(entryBytes);
      const bytes = await this.#host.files.readFile(path);
      return new IndexEntries(entryBytes, bytes.subarray(0, count * entryBytes));
    };
    const entries = {
      offsets: await load(segment.indexPath, offsetEntryBytes, storedOffsetEntries),
      times: await load(segment.timeIndexPath, timeEntryBytes, storedTimeEntries),
    };
    // Neither of a segment that has more entries by now, nor of one whose path another may take.
    const isCurrent =
      segment.storedOffsetEntries === storedOffsetEntries && segment.storedTimeEntries === storedTimeEntries;
    if (isCurrent && !segment.gone) this.#host.indexes.put(segment.path, entries);
    return entries;
  }

  /** Brings size, indexes and greatest timestamp of a segment from before this start in step with its file. */
  #know(segment: Segment, indexIntervalBytes: number): Promise<void> {
    if (segment.known) return Promise.resolve();
    this.#knowing ??= new Map();
    let knowing = this.#knowing.get(segment);
    if (knowing === undefined) {
      knowing = this.#learn(segment, indexIntervalBytes).finally(() => this.#knowing?.delete(segment));
      this.#knowing.set(segment, knowing);
    }
    return knowing;
  }

  async #learn(segment: Segment, indexIntervalBytes: number): Promise<void> {
    const { cache, slots, files } = this.#host;
    // Of its own: should a read fail, the next attempt begins anew.
    const learned = new Segment(this.directory, segment.baseOffset, 0);
    const lease = await cache.lease(segment.logPath, 'read');
    try {
      const sizeBytes = segment.sizeBytes >= 0 ? segment.sizeBytes : lease.file.sizeSync();
      let offsets = new IndexEntries(offsetEntryBytes, await readOrEmpty(files, segment.indexPath));
      let times = new IndexEntries(timeEntryBytes, await readOrEmpty(files, segment.timeIndexPath));
      offsets.count = soundOffsetEntries(offsets, sizeBytes);
      if (!(await agrees(lease, segment, offsets)) || times.count === 0) {
        offsets = new IndexEntries(offsetEntryBytes);
      }
      times.count = offsets.count === 0 ? 0 : cutUnsound(offsets, times, segment === this.active);
      if (!(await this.#timeAgrees(segment, lease, sizeBytes, offsets, times, times.count - 1))) times.count = 0;
      if (times.count === 0) {
        // Timestamps are learned from the beginning again.
        offsets = new IndexEntries(offsetEntryBytes);
        times = new IndexEntries(timeEntryBytes);
      }
      learned.storedOffsetEntries = offsets.count;
      learned.storedTimeEntries = times.count;
      if (times.count > 0) {
        learned.maxTimestamp = learned.lastTimeEntry = times.timestamp(times.count - 1);
        learned.offsetOfMaxTimestamp = segment.baseOffset + times.relativeOffset(times.count - 1);
      }
      const from = offsets.count === 0 ? 0 : offsets.position(offsets.count - 1);
      await slots.run(async () => {
        if (from > 0) {
          await scanBatches(lease.file, 0, sizeBytes, (buffer, at) => {
            learned.firstTimestamp = maxTimestamp(buffer, at);
            return true;
          });
        }
        learned.sizeBytes = from;
        let fromOffset = segment.baseOffset;
        await scanBatches(lease.file, from, sizeBytes, (buffer, at, position) => {
          const base = baseOffset(buffer, at);
          if (!(base >= fromOffset && base < segment.baseOffset + OFFSETS_PER_SEGMENT_MAX)) {
            throw damagedBatch(segment.logPath, position, fromOffset, `it says it begins at offset ${base}`);
          }
          fromOffset = nextOffset(buffer, at);
          learned.add(buffer, at, indexIntervalBytes);
          return false;
        });
      });
      learned.readableBytes = sizeBytes;
      learned.bytesAtIndexSync = from;
      segment.know(learned);
      if (segment !== this.active) {
        segment.addTimeEntry();
        if (segment.newOffsets.count + segment.newTimes.count > 0) await this.#storeEntries(segment, true);
      }
    } finally {
      lease.release();
    }
  }

  /**
   * Visits batches whose greatest timestamp is at least `timestampMs`, oldest first, from `startOffset` on, until `visit`
   * returns true. The visited buffer holds exactly that batch. What the time index rules out is not read.
   */
  visitFromTimestamp(
    timestampMs: number,
    startOffset: number,
    limitOffset: number,
    config: LogConfig,
    visit: (batch: Buffer) => boolean,
  ): Promise<boolean> {
    return this.#use(() => this.#visitFrom(timestampMs, startOffset, limitOffset, config, visit));
  }

  async #visitFrom(
    timestampMs: number,
    startOffset: number,
    limitOffset: number,
    config: LogConfig,
    visit: (batch: Buffer) => boolean,
  ): Promise<boolean> {
    await this.ready(config.indexIntervalBytes);
    const first = Math.max(
      0,
      entriesAtMost(this.#segments.length, startOffset, (i) => (this.#segments[i] as Segment).baseOffset) - 1,
    );
    for (const segment of this.#segments.slice(first)) {
      if (segment.baseOffset >= limitOffset) return false;
      await this.#know(segment, config.indexIntervalBytes);
      if (segment.maxTimestamp < timestampMs) continue;
      const from = Math.max(startOffset, await this.#offsetBefore(segment, timestampMs));
      if (await this.#visitSegment(segment, timestampMs, from, limitOffset, visit)) return true;
    }
    return false;
  }

  /** An offset that no batch whose greatest timestamp is at least `timestampMs` begins below. */
  async #offsetBefore(segment: Segment, timestampMs: number): Promise<number> {
    const { newTimes } = segment;
    const inNew = entriesAtMost(newTimes.count, timestampMs - 1, (i) => newTimes.timestamp(i)) - 1;
    if (inNew >= 0) return segment.baseOffset + newTimes.relativeOffset(inNew) + 1;
    const { offsets, times } = await this.#stored(segment);
    const inStored = entriesAtMost(times.count, timestampMs - 1, (i) => times.timestamp(i)) - 1;
    if (inStored < 0) return segment.baseOffset;
    const lease = await this.#host.cache.lease(segment.logPath, 'read');
    try {
      if (await this.#timeAgrees(segment, lease, segment.readableBytes, offsets, times, inStored)) {
        return segment.baseOffset + times.relativeOffset(inStored) + 1;
      }
    } finally {
      lease.release();
    }
    await this.#distrustIndex(segment);
    return segment.baseOffset;
  }

  /** Whether the batch that an entry of the time index speaks of is there, and has that timestamp. True without such an entry. */
  async #timeAgrees(
    segment: Segment,
    lease: FileLease,
    sizeBytes: number,
    offsets: IndexEntries,
    times: IndexEntries,
    index: number,
  ): Promise<boolean> {
    if (index < 0) return true;
    const relative = times.relativeOffset(index);
    const before = entriesAtMost(offsets.count, relative, (i) => offsets.relativeOffset(i)) - 1;
    let agrees = false;
    const visit = (buffer: Buffer, at: number): boolean => {
      const last = lastOffset(buffer, at);
      agrees = last === segment.baseOffset + relative && maxTimestamp(buffer, at) === times.timestamp(index);
      return last >= segment.baseOffset + relative;
    };
    try {
      const from = before < 0 ? 0 : offsets.position(before);
      await this.#host.slots.run(() => scanBatches(lease.file, from, sizeBytes, visit));
    } catch (error) {
      if (!isDamage(error)) throw error;
      return false;
    }
    return agrees;
  }

  async #visitSegment(
    segment: Segment,
    timestampMs: number,
    fromOffset: number,
    limitOffset: number,
    visit: (batch: Buffer) => boolean,
  ): Promise<boolean> {
    const { cache, slots } = this.#host;
    const lease = await cache.lease(segment.logPath, 'read');
    const check = (batch: Buffer, position: number): void => {
      const what = damageAt(batch, 0, segment.baseOffset, this.#epochOf);
      if (what !== undefined) throw damagedBatch(segment.logPath, position, baseOffset(batch, 0), what);
    };
    try {
      let position: number;
      const likely = await this.#readLikely(segment, lease, fromOffset);
      if (likely === undefined || nextOffset(likely.batch, 0) > limitOffset) {
        position = (await slots.run(() => this.#locate(segment, lease, fromOffset))).position;
      } else {
        position = likely.position;
        if (maxTimestamp(likely.batch, 0) >= timestampMs) {
          check(likely.batch, position);
          if (visit(likely.batch)) return true;
          position += likely.batch.length;
        }
      }
      while (position < segment.readableBytes) {
        let found: { position: number; bytes: number } | undefined;
        const end = await slots.run(() =>
          scanBatches(lease.file, position, segment.readableBytes, (buffer, at, here, bytes) => {
            if (nextOffset(buffer, at) > limitOffset) return true;
            if (nextOffset(buffer, at) <= fromOffset || maxTimestamp(buffer, at) < timestampMs) return false;
            found = { position: here, bytes };
            return true;
          }),
        );
        if (found === undefined) return false;
        const batch = Buffer.allocUnsafe(found.bytes);
        await lease.file.read(batch, found.position);
        check(batch, found.position);
        if (visit(batch)) return true;
        position = end;
      }
      return false;
    } finally {
      lease.release();
    }
  }

  /** The batch that contains `offset`, not checked, where the index names it; see #likelyBatch. */
  async #readLikely(
    segment: Segment,
    lease: FileLease,
    offset: number,
  ): Promise<{ batch: Buffer; position: number } | undefined> {
    const likely = await this.#likelyBatch(segment, offset);
    if (likely === undefined) return undefined;
    const { position } = likely;
    const room = Buffer.allocUnsafe(Math.min(likely.bytes, segment.readableBytes - position));
    const read = room.subarray(0, await this.#host.slots.run(() => lease.file.read(room, position)));
    if (!likely.isIt(read)) return undefined;
    const bytes = batchLength(read, 0);
    return bytes >= BATCH_HEADER_BYTES && bytes <= read.length
      ? { batch: read.subarray(0, bytes), position }
      : undefined;
  }

  /** The greatest timestamp in segments that hold offsets in [startOffset, limitOffset); may be of an offset outside of it. */
  maxTimestamp(startOffset: number, limitOffset: number, config: LogConfig): Promise<number> {
    return this.#use(() => this.#maxTimestamp(startOffset, limitOffset, config));
  }

  async #maxTimestamp(startOffset: number, limitOffset: number, config: LogConfig): Promise<number> {
    await this.ready(config.indexIntervalBytes);
    let greatest = -1;
    for (const segment of [...this.#segments]) {
      if (segment.baseOffset >= limitOffset) break;
      if (this.#endOf(segment) <= startOffset) continue;
      await this.#know(segment, config.indexIntervalBytes);
      greatest = Math.max(greatest, segment.maxTimestamp);
    }
    return greatest;
  }

  /** First offset after a segment, as far as the next one says. */
  #endOf(segment: Segment): number {
    return this.#segments[this.#segments.indexOf(segment) + 1]?.baseOffset ?? Number.MAX_SAFE_INTEGER;
  }

  /** As PartitionLog.readAborted. */
  readAborted(
    fromOffset: number,
    limitOffset: number,
    indexedOffset: number,
    config: LogConfig,
  ): Promise<AbortedTransaction[]> {
    return this.#use(async () => {
      await this.ready(config.indexIntervalBytes);
      const found: AbortedTransaction[] = [];
      const first = entriesAtMost(this.#segments.length, fromOffset, (i) => (this.#segments[i] as Segment).baseOffset);
      for (const segment of this.#segments.slice(Math.max(0, first - 1))) {
        if (segment.baseOffset >= indexedOffset) break;
        if (segment.abortedEntries === 0) continue;
        if (await collectFromFile(this.#host, segment, { fromOffset, limitOffset, indexedOffset }, found)) break;
      }
      return found;
    });
  }

  /** Puts entries, in order of their markers, which are in segments, beside these; durable when it resolves. */
  storeAborted(entries: Buffer): Promise<void> {
    return this.#use(async () => {
      let hasNew = false;
      for (let at = 0; at < entries.length; ) {
        const segment = this.#containing(markerOffsetAt(entries, at / ABORTED_ENTRY_BYTES));
        const rest = entries.subarray(at);
        const end = segment === undefined ? this.#segments[0]?.baseOffset : this.#endOf(segment);
        const bytes = entriesBelow(rest, end ?? Number.MAX_SAFE_INTEGER) * ABORTED_ENTRY_BYTES;
        // Without one: retention has deleted it meanwhile.
        if (segment !== undefined && (await appendAborted(this.#host, segment, rest.subarray(0, bytes)))) hasNew = true;
        at += bytes;
      }
      if (hasNew) await this.#host.files.syncDirectory(this.directory);
    });
  }

  /** The closed segment at an index from the oldest on, its size known, and its greatest timestamp when asked for. */
  closed(
    index: number,
    config: LogConfig,
    withTimestamp: boolean,
  ): Promise<{ segment: Segment; endOffset: number } | undefined> {
    return this.#use(() => this.#closed(index, config, withTimestamp));
  }

  async #closed(
    index: number,
    config: LogConfig,
    withTimestamp: boolean,
  ): Promise<{ segment: Segment; endOffset: number } | undefined> {
    await this.ready(config.indexIntervalBytes);
    const segment = this.#segments[index];
    const next = this.#segments[index + 1];
    if (segment === undefined || next === undefined) return undefined;
    if (withTimestamp) await this.#know(segment, config.indexIntervalBytes);
    else await this.#sizeOf(segment);
    return { segment, endOffset: next.baseOffset };
  }

  /** All entries of aborted transactions in files; for compaction. */
  allAborted(config: LogConfig): Promise<Buffer> {
    return this.#use(async () => {
      await this.ready(config.indexIntervalBytes);
      const parts: Buffer[] = [];
      for (const segment of [...this.#segments]) {
        if (segment.abortedEntries === 0) continue;
        const bytes = await readOrEmpty(this.#host.files, segment.txnIndexPath);
        const count = segment.abortedEntries < 0 ? Number.POSITIVE_INFINITY : segment.abortedEntries;
        parts.push(bytes.subarray(0, Math.min(bytes.length, count * ABORTED_ENTRY_BYTES)));
      }
      return Buffer.concat(parts);
    });
  }

  /** Puts what compaction made of closed segments in their place; reads that are under way end first. Returns the bytes freed. */
  replace(group: CleanedGroup, delayMs: number, onReplaced: () => void): Promise<number> {
    return this.#alone(async () => {
      const freed = await this.#replace(group, delayMs);
      // Before anybody is let in again.
      onReplaced();
      return freed;
    });
  }

  async #replace(group: CleanedGroup, delayMs: number): Promise<number> {
    const { files, cache, indexes } = this.#host;
    const at = this.#segments.findIndex(({ baseOffset }) => baseOffset === group.baseOffset);
    const old = this.#segments.slice(at, at + group.segments);
    assert(at >= 0 && this.#segments[at + group.segments]?.baseOffset === group.endOffset, 'what is replaced is there');
    for (const segment of old) {
      for (const path of [segment.logPath, segment.indexPath, segment.timeIndexPath, segment.txnIndexPath]) {
        await cache.drop(path);
      }
      indexes.drop(segment.path);
    }
    const { baseOffset, endOffset, hasAborted } = group;
    const replaced = old.map((segment) => segment.baseOffset);
    const doomed = await swapSegments(files, {
      directory: this.directory,
      baseOffset,
      endOffset,
      replaced,
      hasAborted,
    });
    const segment = new Segment(this.directory, baseOffset, group.sizeBytes);
    segment.abortedEntries = group.abortedEntries;
    this.#segments.splice(at, old.length, segment);
    this.#closing = this.#closing.filter((closing) => !old.includes(closing));
    let oldBytes = 0;
    for (const gone of old) {
      gone.gone = true;
      oldBytes += gone.sizeBytes;
    }
    this.#olderBytes += group.sizeBytes - oldBytes;
    for (const path of doomed) this.#host.removeLater(path, delayMs);
    return oldBytes - group.sizeBytes;
  }

  hasSegmentsBelow(offset: number): boolean {
    const second = this.#segments[1];
    return second !== undefined && second.baseOffset <= offset;
  }

  async #sizeOf(segment: Segment): Promise<number> {
    if (segment.sizeBytes < 0) {
      segment.sizeBytes = (await this.#host.files.stat(segment.logPath))?.sizeBytes ?? 0;
      segment.readableBytes = segment.sizeBytes;
    }
    return segment.sizeBytes;
  }

  /** Takes the oldest segments, which end at or below `offset`, out of the log; their files go after the delay. */
  deleteBelow(offset: number, delayMs: number): Promise<number> {
    return this.#use(() => this.#deleteBelow(offset, delayMs));
  }

  async #deleteBelow(offset: number, delayMs: number): Promise<number> {
    let freed = 0;
    const doomed: Segment[] = [];
    while (this.#segments.length > 1 && (this.#segments[1] as Segment).baseOffset <= offset) {
      const segment = this.#segments[0] as Segment;
      freed += await this.#sizeOf(segment);
      this.#segments.shift();
      this.#olderBytes -= segment.sizeBytes;
      this.#oldestBase = (this.#segments[0] as Segment).baseOffset;
      doomed.push(segment);
    }
    this.#closing = this.#closing.filter((segment) => !doomed.includes(segment));
    for (const segment of doomed) {
      segment.gone = true;
      this.#host.indexes.drop(segment.path);
      for (const path of [segment.logPath, segment.indexPath, segment.timeIndexPath, segment.txnIndexPath]) {
        await this.#host.cache.drop(path);
        if ((await this.#host.files.stat(path)) === undefined) continue;
        await this.#host.files.rename(path, `${path}.deleted`);
        this.#host.removeLater(`${path}.deleted`, delayMs);
      }
    }
    return freed;
  }

  /** True when something is left to do before the indexes match the segments. */
  get hasClosing(): boolean {
    return this.#closing.length > 0;
  }
}

function begin(segment: Segment, baseOffset: number): Stretch {
  return { segment, position: segment.sizeBytes, parts: [], bytes: 0, baseOffset, endOffset: baseOffset };
}

/** End of the last whole batch from position 0 within `maxBytes` and below `limitOffset`, and the offset after it. */
function wholeBatches(bytes: Buffer, maxBytes: number, limitOffset: number): { end: number; endOffset: number } {
  let end = 0;
  let endOffset = -1;
  while (end + BATCH_HEADER_BYTES <= bytes.length) {
    const next = end + batchLength(bytes, end);
    if (next < end + BATCH_HEADER_BYTES || next > bytes.length || next > maxBytes) break;
    const offset = nextOffset(bytes, end);
    if (!(offset <= limitOffset)) break;
    end = next;
    endOffset = offset;
  }
  return { end, endOffset };
}

/** On the page of what was just read, or the next one, which the kernel has read ahead. */
function baseOffsetAt(lease: FileLease, position: number): number {
  const bytes = Buffer.alloc(BASE_OFFSET_BYTES);
  lease.file.readSync(bytes, position);
  return baseOffset(bytes, 0);
}

async function baseOffsetLater(lease: FileLease, position: number): Promise<number> {
  const bytes = Buffer.alloc(BASE_OFFSET_BYTES);
  await lease.file.read(bytes, position);
  return baseOffset(bytes, 0);
}

/** The entries from the one before an index to the one after it. */
function neighbours(segment: Segment, entries: IndexEntries, index: number): IndexedAround {
  const entry = (i: number): IndexedBatch | undefined =>
    i < 0 || i >= entries.count
      ? undefined
      : { position: entries.position(i), lastOffset: segment.baseOffset + entries.relativeOffset(i) };
  return { before: entry(index - 1), at: entry(index), after: entry(index + 1) };
}

function both(bytes: number): { maxBytes: number; readBytes: number } {
  return { maxBytes: bytes, readBytes: bytes };
}

/**
 * How many time entries to go on from. Where one is out of order, it or the one before it is wrong: from what both speak of on,
 * the log is read again, so the offset entries end there too. The last entry of a closed segment may be of any batch; in the
 * active one, what lies beyond the offset entries is left from before a crash.
 */
function cutUnsound(offsets: IndexEntries, times: IndexEntries, isActive: boolean): number {
  const last = isActive ? offsets.relativeOffset(offsets.count - 1) : Number.MAX_SAFE_INTEGER;
  const sound = soundTimeEntries(times, last);
  if (sound === times.count) return sound;
  const kept = Math.max(0, sound - 1);
  const known = kept === 0 ? -1 : times.relativeOffset(kept - 1);
  offsets.count = entriesAtMost(offsets.count, known, (i) => offsets.relativeOffset(i));
  return kept;
}

/** The last entry must name a batch that is really there. */
async function agrees(lease: FileLease, segment: Segment, offsets: IndexEntries): Promise<boolean> {
  if (offsets.count === 0) return true;
  const header = Buffer.alloc(61);
  const last = offsets.count - 1;
  if ((await lease.file.read(header, offsets.position(last))) < header.length) return false;
  return lastOffset(header, 0) === segment.baseOffset + offsets.relativeOffset(last);
}

async function readOrEmpty(files: Files, path: string): Promise<Buffer> {
  try {
    return await files.readFile(path);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

function without(entries: IndexEntries, count: number): IndexEntries {
  return new IndexEntries(entries.entryBytes, Buffer.from(entries.bytes().subarray(count * entries.entryBytes)));
}
