// Commits into the write-ahead log of a disk. One block per commit; a partition with many bytes in it has them written in
// place, to its segment, and the block says where (an extent). Everything is durable before the commit is.
import { checksumOfBatches } from '../../records/batches-checksum.ts';
import { crc32c } from '../../records/crc32c.ts';
import { checksum } from '../../records/record-batch.ts';
import type { Commit } from '../commit.ts';
import type { CommitMedium } from '../commit-loop.ts';
import type { Log } from '../partition-log.ts';
import type { Run } from '../run.ts';
import type { CommitTicket } from '../storage.ts';
import {
  type BlockBody,
  type BlockEntry,
  blockHeaderBytes,
  descriptorBytes,
  EntryType,
  encodeExtentPlace,
} from './block.ts';
import type { FileLease } from './file-cache.ts';
import { directoryName } from './partition-directory.ts';
import type { KnownSegments, Segment } from './segments.ts';
import type { Wal } from './wal.ts';

/** Bytes of earlier commits that one in-place write may take along; more is left to the flusher. */
export const priorBytesMax = 1024 * 1024;
/** A commit that would begin more segments than this goes through the log. */
const segmentsMax = 16;

export interface WalMediumOptions {
  readonly wal: Wal;
  readonly fsync: boolean;
  readonly extentBytes: number;
  /** Asks for a free log file; resolves when there may be one. */
  readonly makeRoom: (ticket: CommitTicket) => Promise<void>;
  /** Whether more may be written now, in place or into the log; `makeRoomToReplay` resolves when it makes sense to ask again. */
  readonly mayWriteInPlace: (ticket: CommitTicket, bytes: number) => boolean;
  readonly mayWriteEntries: (ticket: CommitTicket) => boolean;
  readonly makeRoomToReplay: (ticket: CommitTicket) => Promise<void>;
  /** Gets a partition's segments ready for writing in place, soon. */
  readonly wantReady: (log: Log) => void;
  /** The same, and moves what waits in its tail to them. */
  readonly wantFlushed: (log: Log) => void;
  /** The same: resolves when the next commit can write in place. */
  readonly makeReady: (log: Log) => Promise<void>;
  /** Resolves a little later. */
  readonly pause: () => Promise<void>;
  readonly onExtents: (bytes: number) => void;
  /** Of the block, without those that are carried. */
  readonly onEntries: (count: number) => void;
  /** Where commits are not synced one by one: makes everything written so far durable, now or at most so much later. */
  readonly syncWritten: () => Promise<void>;
  readonly syncWithin: (delayMs: number) => void;
}

interface InPlace {
  readonly log: Log;
  readonly writes: { segment: Segment; lease: FileLease }[];
  readonly endOffset: number;
  placed: KnownSegments | undefined;
}

export class WalMedium implements CommitMedium {
  #options: WalMediumOptions;
  /** What the commit being made wrote into segments. */
  #inPlace: InPlace[] = [];
  /** Logs of which the prepared commit goes in place, their active segments kept open. */
  #prepared = new Map<Log, () => void>();
  /** There was no descriptor for one of them. */
  #short = false;

  constructor(options: WalMediumOptions) {
    this.#options = options;
  }

  prepare(commit: Commit): Promise<void> | undefined {
    const wait = this.#prepare(commit);
    if (wait !== undefined) this.#closePrepared();
    return wait;
  }

  #prepare(commit: Commit): Promise<void> | undefined {
    const { wal } = this.#options;
    const byLog = bytesByLog(commit);
    this.#short = false;
    let blockBytes = blockHeaderBytes;
    for (const run of commit.carried) blockBytes += run.sizeBytes + descriptorBytes;
    blockBytes += (commit.runs.length + commit.starts.length) * descriptorBytes;
    let extentBytes = 0;
    let largest: Log | undefined;
    let largestBytes = 0;
    for (const [log, bytes] of byLog) {
      if (log.deleted) continue;
      const extents = bytes >= this.#options.extentBytes ? this.#extentsInPlace(log, commit) : 0;
      if (extents > 0) {
        blockBytes += 400 * (1 + extents);
        extentBytes += bytes;
        continue;
      }
      blockBytes += bytes;
      if (bytes <= largestBytes) continue;
      largest = log;
      largestBytes = bytes;
    }
    if (blockBytes > wal.blockBytesMax && largest !== undefined) {
      return this.#short ? this.#options.pause() : this.#options.makeReady(largest);
    }
    const mayBeReplayed =
      (extentBytes === 0 || this.#options.mayWriteInPlace(commit.ticket, extentBytes)) &&
      this.#options.mayWriteEntries(commit.ticket);
    if (!mayBeReplayed) return this.#options.makeRoomToReplay(commit.ticket);
    if (!wal.hasRoom(blockBytes)) return this.#options.makeRoom(commit.ticket);
    return undefined;
  }

  #closePrepared(): void {
    // Clearing an empty map makes garbage too, at every commit.
    if (this.#prepared.size === 0) return;
    for (const close of this.#prepared.values()) close();
    this.#prepared.clear();
  }

  /** In how many pieces the commit path may write to the log's segments now; 0 when it may not. */
  #extentsInPlace(log: Log, commit: Commit): number {
    if (!log.segments.isReady) {
      // From the next large commit on.
      this.#options.wantReady(log);
      return 0;
    }
    if (log.placing) return 0;
    if (this.#priorBytes(log, commit) > priorBytesMax) {
      // Else all would be written twice until the log's files are full.
      this.#options.wantFlushed(log);
      return 0;
    }
    const runs = log.tail.between(log.writtenOffset, endOffsetOf(log, commit));
    const extents = log.segments.segmentsFor(runs, log.config);
    // What is too large for a block has no other way.
    if (extents > segmentsMax && commit.bytes * 2 <= this.#options.wal.blockBytesMax) return 0;
    const close = log.segments.openActive();
    if (close === undefined) {
      this.#short = true;
      return 0;
    }
    this.#prepared.set(log, close);
    return extents;
  }

  #priorBytes(log: Log, commit: Commit): number {
    let bytes = log.unwrittenBytes;
    for (const run of log.tail.between(firstOffsetOf(log, commit), log.endOffset)) bytes -= run.sizeBytes;
    return bytes;
  }

  /** Follows a `prepare` that had nothing to wait for, in the same turn. */
  write(commit: Commit): void {
    try {
      this.#write(commit, this.#prepared);
    } catch (error) {
      // A file that somebody holds would keep the engine from closing.
      for (const { writes } of this.#inPlace) for (const { lease } of writes) lease.release();
      throw error;
    } finally {
      this.#closePrepared();
    }
  }

  #write(commit: Commit, inPlace: ReadonlyMap<Log, unknown>): void {
    const { wal } = this.#options;
    const entries: BlockEntry[] = [];
    const body = new Body();
    for (const { log, offset } of commit.starts) {
      entries.push(entry(EntryType.LOG_START, log, offset, 0, 0, 0));
    }
    for (const run of commit.carried) this.#addRun(entries, body, run);
    for (const run of commit.runs) {
      if (!inPlace.has(run.log)) this.#addRun(entries, body, run);
    }
    this.#inPlace = [];
    for (const log of inPlace.keys()) this.#writeInPlace(log, commit, entries, body);
    const sequence = wal.write(entries, body);
    if (sequence !== commit.ticket) throw new Error(`block ${sequence} was written for commit ${commit.ticket}`);
    this.#options.onEntries(entries.length - commit.carried.length);
    for (const run of commit.runs) run.sequence = sequence;
    for (const { log, writes } of this.#inPlace) {
      log.inPlaceTicket = sequence;
      for (const { segment } of writes) log.wroteInto(segment, sequence);
    }
  }

  #addRun(entries: BlockEntry[], body: Body, run: Run): void {
    if (run.log.deleted) return;
    const bytes = run.sizeBytes;
    entries.push(
      entry(EntryType.BATCHES, run.log, run.baseOffset, run.endOffset, bytes, checksum(run.backing.buffer, run.start)),
    );
    body.addRun(run);
  }

  /** Everything of the log that is in no segment yet goes there; what this commit brings is described as extents. */
  #writeInPlace(log: Log, commit: Commit, entries: BlockEntry[], body: Body): void {
    const from = firstOffsetOf(log, commit);
    const priorRuns = log.tail.between(log.writtenOffset, from);
    // Not simply the first one's: a carried copy can stand in a later block than the runs after it.
    for (const run of priorRuns) log.unsyncedSequence = Math.min(log.unsyncedSequence, run.sequence);
    const prior = priorRuns.map((run) => run.bytes());
    const until = endOffsetOf(log, commit);
    const fresh = log.tail.between(from, until).map((run) => run.bytes());
    const writes: { segment: Segment; lease: FileLease }[] = [];
    const inPlace: InPlace = { log, writes, endOffset: until, placed: undefined };
    this.#inPlace.push(inPlace);
    let freshBytes = 0;
    for (const stretch of prior.length > 0 ? log.segments.place(prior, log.config) : []) {
      writes.push({ segment: stretch.segment, lease: log.segments.writeSync(stretch) });
    }
    for (const stretch of log.segments.place(fresh, log.config)) {
      writes.push({ segment: stretch.segment, lease: log.segments.writeSync(stretch) });
      let crc = 0;
      for (const part of stretch.parts) crc = checksumOfBatches(part, 0, part.length, crc);
      const place = encodeExtentPlace({
        segmentBase: stretch.segment.baseOffset,
        position: stretch.position,
        length: stretch.bytes,
        directory: directoryName(log.id.topic, log.id.partition),
      });
      entries.push(entry(EntryType.EXTENT, log, stretch.baseOffset, stretch.endOffset, place.length, crc));
      body.add(place);
      freshBytes += stretch.bytes;
    }
    let written = freshBytes;
    for (const part of prior) written += part.length;
    log.unwrittenBytes -= written;
    log.writtenOffset = until;
    log.version++;
    this.#options.onExtents(freshBytes);
    inPlace.placed = log.segments.placed;
  }

  sync(commit: Commit): Promise<void> | undefined {
    const inPlace = this.#inPlace;
    if (!this.#options.fsync) {
      for (const { log, writes } of inPlace) {
        log.inPlaceTicket = -1;
        for (const { lease } of writes) lease.release();
      }
      return this.#syncWhereAsked(commit);
    }
    const log = this.#options.wal.sync();
    return inPlace.length === 0 ? log : this.#syncAll(log, inPlace);
  }

  /** flush.messages and flush.ms: topics that want more than the operating system's word. */
  #syncWhereAsked({ runs }: Commit): Promise<void> | undefined {
    let withinMs = Number.MAX_SAFE_INTEGER;
    let isDue = false;
    for (const { log, endOffset } of runs) {
      const { flushMessages, flushMs } = log.config;
      if (flushMs < withinMs) withinMs = flushMs;
      if (endOffset - log.syncedOffset >= flushMessages) isDue = true;
    }
    if (withinMs < Number.MAX_SAFE_INTEGER && !isDue) this.#options.syncWithin(withinMs);
    if (!isDue) return undefined;
    return this.#options.syncWritten().then(() => {
      for (const { log, endOffset } of runs) log.syncedOffset = endOffset;
    });
  }

  async #syncAll(walSync: Promise<void>, inPlace: readonly InPlace[]): Promise<void> {
    const outcomes = await Promise.allSettled([walSync, ...inPlace.map(({ log, writes }) => syncWrites(log, writes))]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    for (const { log, endOffset, placed } of inPlace) {
      log.flushedOffset = endOffset;
      log.flushedPlace = placed;
      log.syncedInPlace();
      log.inPlaceTicket = -1;
      log.version++;
    }
  }
}

async function syncWrites(log: Log, writes: readonly { segment: Segment; lease: FileLease }[]): Promise<void> {
  const done = new Set<Segment>();
  try {
    for (const { segment, lease } of writes) {
      if (done.has(segment)) continue;
      done.add(segment);
      await log.segments.sync(segment, lease);
    }
    // Bytes that a background flush wrote but has not synced would otherwise count as durable with this commit.
    for (const segment of [...log.unsynced, ...log.syncing]) {
      if (!done.has(segment) && !log.deleted) await log.segments.syncSegment(segment);
    }
  } finally {
    for (const { lease } of writes) lease.release();
  }
}

function entry(
  type: EntryType,
  log: Log,
  baseOffset: number,
  endOffset: number,
  bytes: number,
  crc: number,
): BlockEntry {
  return { type, topicId: log.topicIdBytes, partition: log.id.partition, baseOffset, endOffset, bytes, crc };
}

function bytesByLog(commit: Commit): Map<Log, number> {
  const bytes = new Map<Log, number>();
  for (const run of commit.runs) bytes.set(run.log, (bytes.get(run.log) ?? 0) + run.sizeBytes);
  return bytes;
}

function firstOffsetOf(log: Log, commit: Commit): number {
  for (const run of commit.runs) if (run.log === log) return run.baseOffset;
  return log.endOffset;
}

function endOffsetOf(log: Log, commit: Commit): number {
  for (let i = commit.runs.length - 1; i >= 0; i--) {
    const run = commit.runs[i] as Run;
    if (run.log === log) return run.endOffset;
  }
  return log.endOffset;
}

/** The body of a block: runs that lie side by side in memory become one part of the gathered write. */
class Body implements BlockBody {
  readonly parts: Buffer[] = [];
  bytes = 0;
  /** Of each part; else it is the place of an extent. */
  readonly #holdsBatches: boolean[] = [];
  #buffer: Buffer | undefined;
  #start = 0;
  #end = 0;

  addRun(run: Run): void {
    const { buffer } = run.backing;
    this.bytes += run.sizeBytes;
    if (this.#buffer === buffer && this.#end === run.start) {
      this.#end = run.end;
      this.parts[this.parts.length - 1] = buffer.subarray(this.#start, run.end);
      return;
    }
    this.parts.push(run.bytes());
    this.#holdsBatches.push(true);
    this.#buffer = buffer;
    this.#start = run.start;
    this.#end = run.end;
  }

  /** Of whole parts at a time: one call for a thousand small batches. */
  get crc(): number {
    let crc = 0;
    this.parts.forEach((part, index) => {
      const checksum = this.#holdsBatches[index] ? checksumOfBatches : crc32c;
      crc = checksum(part, 0, part.length, crc);
    });
    return crc;
  }

  add(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.parts.push(bytes);
    this.#holdsBatches.push(false);
    this.#buffer = undefined;
  }
}
