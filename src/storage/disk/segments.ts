// The segments of one partition. A start costs nothing here: the checkpoint names the active segment and how much of it
// counts; the directory is listed, the file cut to that length and the indexes brought in step on first use (`ready`).
// Invariant: segments are consecutive; only the last (active) one is written; only one writer at a time.
import assert from 'node:assert/strict';
import { baseOffset, batchLength, lastOffset, maxTimestamp, nextOffset } from '../../records/record-batch.ts';
import { ABORTED_ENTRY_BYTES, type AbortedTransaction, entriesBelow, markerOffsetAt } from '../aborted-index.ts';
import type { CleanedGroup } from '../cleaning/clean-log.ts';
import type { Run } from '../run.ts';
import type { LogConfig, LogRead, PartitionId } from '../storage.ts';
import { StorageError } from '../storage-error.ts';
import { appendAborted, collectFromFile, cutAborted } from './aborted-files.ts';
import type { FileLease } from './file-cache.ts';
import { createPartitionDirectory, directoryName, readTopicId, renameForRemoval } from './partition-directory.ts';
import { isShortage } from './patient-files.ts';
import { readOrEmpty } from './read-or-empty.ts';
import { rebuildAborted } from './rebuild-aborted.ts';
import { removeFiles } from './remove-files.ts';
import { finishSwaps, swapSegments } from './segment-swap.ts';

export type { Segment } from './segment.ts';

import { Segment, segmentBase, segmentName } from './segment.ts';
import { entriesAtMost } from './segment-index.ts';
import { learn, offsetBefore, storeEntries } from './segment-indexes.ts';
import { SegmentReader } from './segment-reader.ts';
import type { SegmentsHost } from './segments-host.ts';
import { pieces, writeInPieces } from './write-in-pieces.ts';

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

/**
 * At the end of a flush index entries are written to their files when there are this many, or the batches since are so many bytes: a
 * start walks over them.
 */
const entriesToStore = 1024;
const bytesToStore = 16 * 1024 * 1024;
/** A write in the background ends with a turn of the event loop: smaller pieces would not keep up with what commits bring. */
const backgroundPieceBytes = 4 * 1024 * 1024;
/** Below this an index may be full at any batch. */
const indexBytesTrusted = 64 * 1024;

export class Segments {
  readonly directory: string;
  #host: SegmentsHost;
  #id: PartitionId;
  #indexedOffset: () => number;
  readonly epochOf: (offset: number) => number | undefined;
  #segments: Segment[] = [];
  #known: KnownSegments | undefined;
  #olderBytes: number;
  #oldestBase: number;
  #ready: Promise<void> | undefined;
  #closing: Segment[] = [];
  #storing: Promise<void> = Promise.resolve();
  #knowing: Map<Segment, Promise<void>> | undefined;
  /** Made with the first read of a segment: most partitions are read from the tail only. */
  #reader: SegmentReader | undefined;
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
    this.epochOf = epochOf;
    this.#id = id;
    this.directory = `${host.dataDirectory}/${directoryName(id.topic, id.partition)}`;
    this.#known = known;
    this.#olderBytes = known?.olderBytes ?? 0;
    this.#oldestBase = known?.oldestBase ?? -1;
    if (known !== undefined) {
      const { activeBase, activeBytes } = known;
      this.#segments.push(new Segment(this.directory, activeBase, activeBytes, host.clock.nowMs()));
    }
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

  warnOfMissing(startOffset: number): void {
    const { directory, oldestBase } = this;
    this.#host.log.warn('the oldest segments are missing, the log begins later now', {
      directory,
      startOffset,
      oldestBase,
    });
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
        await this.#host.slots.runLong(() => lease.file.sync());
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
    await this.#rebuildAborted(names);
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

  async #rebuildAborted(names: readonly string[]): Promise<void> {
    const indexedOffset = this.#indexedOffset();
    const present = new Set(names);
    const lost = this.#segments.filter(({ baseOffset, sizeBytes }) => {
      if (baseOffset >= indexedOffset || sizeBytes === 0) return false;
      const stem = segmentName(baseOffset);
      return !present.has(`${stem}.index`) && !present.has(`${stem}.txnindex`);
    });
    if (lost.length === 0) return;
    await rebuildAborted(this.#host, this.directory, this.#segments, lost, indexedOffset);
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
    // Without a timestamp the age of the active segment may close it.
    let count = active !== undefined && active.firstTimestamp < 0 ? 2 : 1;
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
    const { firstTimestamp, createdMs } = segment;
    const ageMs = firstTimestamp >= 0 ? maxTimestamp(part, at) - firstTimestamp : this.#host.clock.nowMs() - createdMs;
    if (ageMs > config.segmentMs - segment.jitterMs) return true;
    return lastOffset(part, at) - segment.baseOffset > 0x7fffffff || segment.indexIsFull(config.segmentIndexBytes);
  }

  #roll(base: number, config: LogConfig): Segment {
    const before = this.active;
    if (before !== undefined) {
      before.addTimeEntry();
      this.#olderBytes += before.sizeBytes;
      this.#closing.push(before);
    }
    const segment = new Segment(this.directory, base, 0, this.#host.clock.nowMs());
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
      for (const piece of pieces(stretch.parts, backgroundPieceBytes)) {
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

  /** Makes what the lease's file holds durable, and the file's name when it is new; in the background by one thread, not two. */
  async sync(segment: Segment, lease: FileLease, inBackground = false): Promise<void> {
    const own = lease.file.sync();
    segment.syncs = [...segment.syncs, own];
    try {
      if (inBackground) await own;
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
    return this.#use(() => this.#host.slots.runLong(() => this.#syncSegment(segment, true)));
  }

  async #syncSegment(segment: Segment, inBackground = false): Promise<void> {
    const lease = await this.#host.cache.lease(segment.logPath, 'write');
    try {
      await this.sync(segment, lease, inBackground);
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
      await storeEntries(this.#host, closed, true);
      this.#closing.shift();
    }
    const active = this.active;
    if (active === undefined || !active.known) return;
    const isDue =
      active.newOffsets.count >= entriesToStore || active.sizeBytes - active.bytesAtIndexStore >= bytesToStore;
    if (isDue || (all && active.newOffsets.count + active.newTimes.count > 0)) {
      await storeEntries(this.#host, active, all || active.sizeBytes - active.bytesAtIndexSync > 64 * 1024 * 1024);
    }
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
    const mayRead = this.#gate === undefined && this.isReady && !this.deleted;
    const read = mayRead ? this.#reader?.readAtOnce(offset, maxBytes, limitOffset) : undefined;
    return read ?? this.#use(() => this.#read(offset, maxBytes, limitOffset, atLeastOne, config));
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

  async #readSegment(
    segment: Segment,
    offset: number,
    maxBytes: number,
    limitOffset: number,
    atLeastOne: boolean,
    config: LogConfig,
  ): Promise<LogRead | undefined> {
    await this.#know(segment, config.indexIntervalBytes);
    return this.#openReader().read(segment, offset, maxBytes, limitOffset, atLeastOne);
  }

  #openReader(): SegmentReader {
    this.#reader ??= new SegmentReader(this.#host, this);
    return this.#reader;
  }

  #containing(offset: number): Segment | undefined {
    const before = entriesAtMost(this.#segments.length, offset, (i) => (this.#segments[i] as Segment).baseOffset);
    return this.#segments[before - 1];
  }

  /** Brings size, indexes and greatest timestamp of a segment from before this start in step with its file. */
  #know(segment: Segment, indexIntervalBytes: number): Promise<void> {
    if (segment.known) return Promise.resolve();
    this.#knowing ??= new Map();
    let knowing = this.#knowing.get(segment);
    if (knowing === undefined) {
      knowing = learn(this.#host, segment, segment === this.active, indexIntervalBytes).finally(() =>
        this.#knowing?.delete(segment),
      );
      this.#knowing.set(segment, knowing);
    }
    return knowing;
  }

  /**
   * Visits batches whose greatest timestamp is at least `timestampMs`, oldest first, from `startOffset` on, until `visit`
   * returns true. The visited buffer, only lent, holds exactly that batch. What the time index rules out is not read.
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
      const from = Math.max(startOffset, await offsetBefore(this.#host, segment, timestampMs, segment === this.active));
      if (await this.#openReader().visit(segment, timestampMs, from, limitOffset, visit)) return true;
    }
    return false;
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
      if (this.endOf(segment) <= startOffset) continue;
      await this.#know(segment, config.indexIntervalBytes);
      greatest = Math.max(greatest, segment.maxTimestamp);
    }
    return greatest;
  }

  /** First offset after a segment, as far as the next one says. */
  endOf(segment: Segment): number {
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
        const end = segment === undefined ? this.#segments[0]?.baseOffset : this.endOf(segment);
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

  /** The greatest timestamp of a segment that is known; where no record has one, when it was written last, as in Kafka. */
  async newestMs(segment: Segment): Promise<number> {
    if (segment.maxTimestamp >= 0) return segment.maxTimestamp;
    return (await this.#host.files.stat(segment.logPath))?.modifiedMs ?? Number.POSITIVE_INFINITY;
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
