// Reads what is in one segment's file: from an offset on, where a reader was or the index points, and batches by their timestamp.
// Every batch that leaves here was checked.
import type { Region } from '../../protocol/region-pool.ts';
import {
  BATCH_HEADER_BYTES,
  baseOffset,
  batchLength,
  LOG_OVERHEAD_BYTES,
  lastOffset,
  maxTimestamp,
  nextOffset,
} from '../../records/record-batch.ts';
import type { LogRead } from '../storage.ts';
import { isDamage } from '../storage-error.ts';
import { type BatchPlace, checkBatches, damageAt, damagedBatch, lengthIsPossible } from './check-batches.ts';
import type { FileLease } from './file-cache.ts';
import { damaged, scanBatches } from './scan.ts';
import type { Segment } from './segment.ts';
import { distrustIndexes, type IndexedBatch, type LikelyBatch, likelyBatch, lookUp } from './segment-indexes.ts';
import type { SegmentsHost } from './segments-host.ts';

const BASE_OFFSET_BYTES = 8;
const readHintsMax = 16;

/** What a reader must know of the other segments. */
interface SegmentsOfLog {
  readonly active: Segment | undefined;
  /** First offset after a segment, as far as the next one says. */
  endOf(segment: Segment): number;
  /** The leader epoch of the batch that begins at an offset, where it is known. */
  readonly epochOf: (offset: number) => number | undefined;
}

/** Of the batch that contains an offset: its position, an offset that it cannot begin below, and how long it says it is (0: unknown). */
interface Located {
  readonly position: number;
  readonly fromOffset: number;
  readonly batchBytes: number;
}

/** Of one partition. The caller has brought the segment in step with its file (`learn`), and keeps it from being replaced. */
export class SegmentReader {
  #host: SegmentsHost;
  #log: SegmentsOfLog;
  /** Where sequential readers are: their next offset and its position. */
  #hints: { offset: number; segment: Segment; position: number }[] = [];

  constructor(host: SegmentsHost, log: SegmentsOfLog) {
    this.#host = host;
    this.#log = log;
  }

  /** Where a sequential reader goes on, and it is likely in memory; undefined when it needs the other way. */
  readAtOnce(offset: number, maxBytes: number, limitOffset: number): LogRead | undefined {
    const hint = this.#hints.find((hint) => hint.offset === offset);
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
    return { path: segment.logPath, position, fromOffset, epochOf: this.#log.epochOf };
  }

  /** Where the batch after those up to `end` begins, or the segment ends; undefined when the bytes read do not say it. */
  #followingBase(segment: Segment, read: Buffer, end: number, position: number): number | undefined {
    if (position + end === segment.readableBytes) return this.#log.endOf(segment);
    return end + BASE_OFFSET_BYTES <= read.length ? baseOffset(read, end) : undefined;
  }

  #done(segment: Segment, region: Region, end: number, endOffset: number, position: number): LogRead {
    this.#hints.push({ offset: endOffset, segment, position: position + end });
    if (this.#hints.length > readHintsMax) this.#hints.shift();
    return { parts: [region.buffer.subarray(0, end)], sizeBytes: end, regions: [region], isCold: true };
  }

  /** Undefined when the segment has no batch with an offset at or above `offset` that begins below the limit. */
  async read(
    segment: Segment,
    offset: number,
    maxBytes: number,
    limitOffset: number,
    atLeastOne: boolean,
  ): Promise<LogRead | undefined> {
    if (segment.readableBytes === 0) return undefined;
    const { cache, slots, settings } = this.#host;
    const want = Math.min(maxBytes, settings.coldReadBytesMax);
    const lease = await cache.lease(segment.logPath, 'read');
    try {
      return await slots.run(async () => {
        const hint = this.#hints.find((hint) => hint.offset === offset && hint.segment === segment);
        let located: Located;
        if (hint !== undefined) located = { position: hint.position, fromOffset: offset, batchBytes: 0 };
        else {
          const around = await lookUp(this.#host, segment, offset);
          const likely = likelyBatch(this.#host, segment, offset, around);
          const direct = likely && (await this.#readLikely(segment, lease, likely, want, limitOffset, atLeastOne));
          if (direct !== undefined) return direct;
          located = await this.#locate(segment, lease, offset, around.before);
        }
        const { position, fromOffset, batchBytes } = located;
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

  /** As `read`, of a batch that the index names; undefined when it does not name it rightly, or the caller has no room for it. */
  async #readLikely(
    segment: Segment,
    lease: FileLease,
    likely: LikelyBatch,
    want: number,
    limitOffset: number,
    atLeastOne: boolean,
  ): Promise<LogRead | undefined> {
    if (likely.bytes > want && !atLeastOne) return undefined;
    const left = segment.readableBytes - likely.position;
    const sizes = { maxBytes: Math.min(want, left), readBytes: Math.min(Math.max(want, likely.bytes), left) };
    const place = this.#place(segment, likely.position, likely.fromOffset);
    const read = await this.#readWhole(segment, lease, place, sizes, limitOffset, likely.isIt);
    return read !== undefined && 'parts' in read ? read : undefined;
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
    const bytesMin = Math.max(BATCH_HEADER_BYTES, readBytes);
    const region = this.#host.regions.take(bytesMin);
    // With the base offset of what follows, where there is room: it is checked too.
    const room = Math.min(bytesMin + BASE_OFFSET_BYTES, region.buffer.length, segment.readableBytes - position);
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

  /** By a walk from the last batch that the index knows to end below the offset. */
  async #locate(
    segment: Segment,
    lease: FileLease,
    offset: number,
    before: IndexedBatch | undefined,
  ): Promise<Located> {
    if (before !== undefined) {
      // Indexes are only hints: where they mislead, the segment is read from its beginning, and they are made anew.
      const found = await this.#scanFrom(segment, lease, before, offset).catch((error) => error as Error);
      if (!(found instanceof Error)) return found;
      if (!isDamage(found)) throw found;
    }
    const found = await this.#scanFrom(segment, lease, { position: 0, lastOffset: undefined }, offset);
    if (before !== undefined) await distrustIndexes(this.#host, segment, this.#log.active === segment);
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

  /** As Segments.visitFromTimestamp, in one segment, of which something is known, from a known offset on. */
  async visit(
    segment: Segment,
    timestampMs: number,
    fromOffset: number,
    limitOffset: number,
    visit: (batch: Buffer) => boolean,
  ): Promise<boolean> {
    const { cache, slots } = this.#host;
    const lease = await cache.lease(segment.logPath, 'read');
    try {
      const isWanted = (batch: Buffer, at: number): boolean =>
        nextOffset(batch, at) > fromOffset && maxTimestamp(batch, at) >= timestampMs;
      const around = await lookUp(this.#host, segment, fromOffset);
      const likely = likelyBatch(this.#host, segment, fromOffset, around);
      const first =
        likely &&
        (await this.#visitBatch(segment, lease, likely, visit, (batch) => {
          return likely.isIt(batch) && isWanted(batch, 0) && nextOffset(batch, 0) <= limitOffset;
        }));
      if (first?.isFound) return true;
      const walked = (): Promise<Located> => this.#locate(segment, lease, fromOffset, around.before);
      let position = first?.end ?? (await slots.run(walked)).position;
      while (position < segment.readableBytes) {
        let found: { position: number; bytes: number } | undefined;
        const from = position;
        position = await slots.run(() =>
          scanBatches(lease.file, from, segment.readableBytes, (buffer, at, here, bytes) => {
            if (nextOffset(buffer, at) > limitOffset) return true;
            if (isWanted(buffer, at)) found = { position: here, bytes };
            return found !== undefined;
          }),
        );
        if (found === undefined) return false;
        const visited = await this.#visitBatch(segment, lease, found, visit);
        if (visited === undefined) throw damaged(lease.file, found.position);
        if (visited.isFound) return true;
      }
      return false;
    } finally {
      lease.release();
    }
  }

  /** Shows the batch, checked, and says where it ends; undefined when it is not whole within the bytes, or not `expected`. */
  async #visitBatch(
    segment: Segment,
    lease: FileLease,
    { position, bytes }: { readonly position: number; readonly bytes: number },
    visit: (batch: Buffer) => boolean,
    expected: (read: Buffer) => boolean = () => true,
  ): Promise<{ isFound: boolean; end: number } | undefined> {
    const { regions, slots } = this.#host;
    const region = regions.take(bytes);
    try {
      const room = region.buffer.subarray(0, Math.min(bytes, segment.readableBytes - position));
      const read = room.subarray(0, await slots.run(() => lease.file.read(room, position)));
      if (read.length < BATCH_HEADER_BYTES || !expected(read)) return undefined;
      const batchBytes = batchLength(read, 0);
      if (!lengthIsPossible(batchBytes, read.length)) return undefined;
      const batch = read.subarray(0, batchBytes);
      const what = damageAt(batch, 0, segment.baseOffset, this.#log.epochOf);
      if (what !== undefined) throw damagedBatch(segment.logPath, position, baseOffset(batch, 0), what);
      return { isFound: visit(batch), end: position + batchBytes };
    } finally {
      region.release();
    }
  }
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

function both(bytes: number): { maxBytes: number; readBytes: number } {
  return { maxBytes: bytes, readBytes: bytes };
}
