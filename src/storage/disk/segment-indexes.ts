// What the two index files of a segment say, how they are written, and how a segment from before this start is learned from them
// and the log. Indexes are only hints: each entry that is used is proved by the batch it names; what is wrong is made again.
import { BATCH_HEADER_BYTES, baseOffset, lastOffset, maxTimestamp, nextOffset } from '../../records/record-batch.ts';
import { isDamage } from '../storage-error.ts';
import { damagedBatch } from './check-batches.ts';
import type { FileLease } from './file-cache.ts';
import { readOrEmpty } from './read-or-empty.ts';
import { removeFiles } from './remove-files.ts';
import { scanBatches } from './scan.ts';
import type { Segment } from './segment.ts';
import {
  entriesAtMost,
  IndexEntries,
  offsetEntryBytes,
  soundOffsetEntries,
  soundTimeEntries,
  timeEntryBytes,
} from './segment-index.ts';
import type { SegmentsHost } from './segments-host.ts';

/** Indexes count from the segment's base offset, in 32 bits with a sign. */
const OFFSETS_PER_SEGMENT_MAX = 2 ** 31;
/** A walk over fewer bytes is one read. */
const SHORT_WALK_BYTES = 8 * 1024;

/** What the offset index says of a batch. */
export interface IndexedBatch {
  readonly position: number;
  readonly lastOffset: number;
}

/** The last batch in the index that ends below an offset, and the two entries after it. */
export interface IndexedAround {
  readonly before: IndexedBatch | undefined;
  readonly at: IndexedBatch | undefined;
  readonly after: IndexedBatch | undefined;
}

/** Where the index lets one expect the batch that contains an offset: what begins there proves to be it, or not. */
export interface LikelyBatch {
  readonly position: number;
  readonly fromOffset: number;
  readonly bytes: number;
  readonly isIt: (batch: Buffer) => boolean;
}

/** Adds the entries that are only in memory to the segment's index files. */
export async function storeEntries(host: SegmentsHost, segment: Segment, sync: boolean): Promise<void> {
  // Commits may add to all three meanwhile.
  const { newOffsets, newTimes, sizeBytes } = segment;
  const offsets = newOffsets.count;
  const times = newTimes.count;
  const store = async (path: string, entries: IndexEntries, stored: number): Promise<void> => {
    const lease = await host.cache.lease(path, 'write');
    try {
      const bytes = Buffer.from(entries.bytes());
      const position = stored * entries.entryBytes;
      await host.slots.run(async () => {
        await lease.file.write([bytes], position);
        if (lease.file.sizeSync() > position + bytes.length) lease.file.truncateSync(position + bytes.length);
      });
      if (sync) await host.slots.runLong(() => lease.file.sync());
    } finally {
      lease.release();
    }
  };
  await store(segment.indexPath, newOffsets, segment.storedOffsetEntries);
  await store(segment.timeIndexPath, newTimes, segment.storedTimeEntries);
  host.indexes.drop(segment.path);
  segment.storedOffsetEntries += offsets;
  segment.storedTimeEntries += times;
  segment.newOffsets = without(newOffsets, offsets);
  segment.newTimes = without(newTimes, times);
  segment.bytesAtIndexStore = sizeBytes;
  if (sync) segment.bytesAtIndexSync = sizeBytes;
}

/** Brings size, indexes and greatest timestamp of a segment from before this start in step with its file. */
export async function learn(
  host: SegmentsHost,
  segment: Segment,
  isActive: boolean,
  indexIntervalBytes: number,
): Promise<void> {
  const { cache, slots, files } = host;
  // Of its own: should a read fail, the next attempt begins anew.
  const learned = segment.unlearned();
  const lease = await cache.lease(segment.logPath, 'read');
  try {
    const sizeBytes = segment.sizeBytes >= 0 ? segment.sizeBytes : lease.file.sizeSync();
    let offsets = new IndexEntries(offsetEntryBytes, await readOrEmpty(files, segment.indexPath));
    const timeBytes = await readOrEmpty(files, segment.timeIndexPath);
    const isTorn = timeBytes.length % timeEntryBytes !== 0;
    let times = new IndexEntries(timeEntryBytes, timeBytes);
    offsets.count = soundOffsetEntries(offsets, sizeBytes);
    if (!(await agrees(lease, segment, offsets)) || times.count === 0) {
      offsets = new IndexEntries(offsetEntryBytes);
    }
    times.count = offsets.count === 0 ? 0 : cutUnsound(offsets, times, isActive, isTorn);
    if (!(await timeAgrees(host, segment, lease, sizeBytes, offsets, times, times.count - 1))) times.count = 0;
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
      await scanBatches(
        lease.file,
        from,
        sizeBytes,
        (buffer, at, position) => {
          const base = baseOffset(buffer, at);
          if (!(base >= fromOffset && base < segment.baseOffset + OFFSETS_PER_SEGMENT_MAX)) {
            throw damagedBatch(segment.logPath, position, fromOffset, `it says it begins at offset ${base}`);
          }
          fromOffset = nextOffset(buffer, at);
          learned.add(buffer, at, indexIntervalBytes);
          return false;
        },
        host.promptReads,
      );
    });
    learned.readableBytes = sizeBytes;
    learned.bytesAtIndexStore = from;
    learned.bytesAtIndexSync = from;
    segment.know(learned);
    if (!isActive) {
      segment.addTimeEntry();
      if (segment.newOffsets.count + segment.newTimes.count > 0) await storeEntries(host, segment, true);
    }
    // Mostly who makes a segment known goes on with a read of it.
    const isAll = segment.storedOffsetEntries === offsets.count && segment.storedTimeEntries === times.count;
    if (isAll && !segment.gone) host.indexes.offer(segment.path, { offsets, times });
  } finally {
    lease.release();
  }
}

/** What the offset index knows around `offset`. */
export async function lookUp(host: SegmentsHost, segment: Segment, offset: number): Promise<IndexedAround> {
  const relative = offset - segment.baseOffset;
  const { newOffsets } = segment;
  const inNew = entriesAtMost(newOffsets.count, relative - 1, (i) => newOffsets.relativeOffset(i));
  if (inNew > 0) return neighbours(segment, newOffsets, inNew);
  const { offsets } = await stored(host, segment);
  return neighbours(
    segment,
    offsets,
    entriesAtMost(offsets.count, relative - 1, (i) => offsets.relativeOffset(i)),
  );
}

async function stored(host: SegmentsHost, segment: Segment): Promise<{ offsets: IndexEntries; times: IndexEntries }> {
  const { storedOffsetEntries, storedTimeEntries } = segment;
  if (storedOffsetEntries + storedTimeEntries === 0) {
    return { offsets: new IndexEntries(offsetEntryBytes), times: new IndexEntries(timeEntryBytes) };
  }
  const cached = host.indexes.get(segment.path);
  if (cached !== undefined) return cached;
  const load = async (path: string, entryBytes: number, count: number): Promise<IndexEntries> => {
    if (count === 0) return new IndexEntries(entryBytes);
    const bytes = await host.files.readFile(path);
    return new IndexEntries(entryBytes, bytes.subarray(0, count * entryBytes));
  };
  const entries = {
    offsets: await load(segment.indexPath, offsetEntryBytes, storedOffsetEntries),
    times: await load(segment.timeIndexPath, timeEntryBytes, storedTimeEntries),
  };
  // Neither of a segment that has more entries by now, nor of one whose path another may take.
  const isCurrent =
    segment.storedOffsetEntries === storedOffsetEntries && segment.storedTimeEntries === storedTimeEntries;
  if (isCurrent && !segment.gone) host.indexes.put(segment.path, entries);
  return entries;
}

/**
 * Large batches have an entry each in the index, so that the first one that ends at or after the offset is mostly of the batch
 * that contains it, and the one after that says how long it is: one read, no walk. Undefined when the walk is short.
 */
export function likelyBatch(
  host: SegmentsHost,
  segment: Segment,
  offset: number,
  { before, at, after }: IndexedAround,
): LikelyBatch | undefined {
  // One that is on its way to the file has its entry already.
  if (at === undefined || after === undefined || at.position >= segment.readableBytes) return undefined;
  const bytes = after.position - at.position;
  const isShort = at.position - (before?.position ?? 0) < SHORT_WALK_BYTES;
  if (isShort || bytes > host.settings.coldReadBytesMax) return undefined;
  const fromOffset = before === undefined ? segment.baseOffset : before.lastOffset + 1;
  const isIt = (batch: Buffer): boolean => {
    if (batch.length < BATCH_HEADER_BYTES || lastOffset(batch, 0) !== at.lastOffset) return false;
    const base = baseOffset(batch, 0);
    return base >= fromOffset && base <= offset;
  };
  return { position: at.position, fromOffset, bytes, isIt };
}

/** An offset that no batch whose greatest timestamp is at least `timestampMs` begins below. */
export async function offsetBefore(
  host: SegmentsHost,
  segment: Segment,
  timestampMs: number,
  isActive: boolean,
): Promise<number> {
  const { newTimes } = segment;
  const inNew = entriesAtMost(newTimes.count, timestampMs - 1, (i) => newTimes.timestamp(i)) - 1;
  if (inNew >= 0) return segment.baseOffset + newTimes.relativeOffset(inNew) + 1;
  const { offsets, times } = await stored(host, segment);
  const inStored = entriesAtMost(times.count, timestampMs - 1, (i) => times.timestamp(i)) - 1;
  if (inStored < 0) return segment.baseOffset;
  const lease = await host.cache.lease(segment.logPath, 'read');
  try {
    if (await timeAgrees(host, segment, lease, segment.readableBytes, offsets, times, inStored)) {
      return segment.baseOffset + times.relativeOffset(inStored) + 1;
    }
  } finally {
    lease.release();
  }
  await distrustIndexes(host, segment, isActive);
  return segment.baseOffset;
}

/** Whether the batch that an entry of the time index speaks of is there, and has that timestamp. True without such an entry. */
async function timeAgrees(
  host: SegmentsHost,
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
    await host.slots.run(() => scanBatches(lease.file, from, sizeBytes, visit));
  } catch (error) {
    if (!isDamage(error)) throw error;
    return false;
  }
  return agrees;
}

/** What the index files say of the segment is wrong: none of it counts, and a closed segment's are made again when next asked for. */
export async function distrustIndexes(host: SegmentsHost, segment: Segment, isActive: boolean): Promise<void> {
  host.log.warn('an index was damaged and is made again', { path: segment.indexPath });
  segment.storedOffsetEntries = segment.storedTimeEntries = 0;
  host.indexes.drop(segment.path);
  if (isActive) return;
  segment.known = false;
  const paths = [segment.indexPath, segment.timeIndexPath];
  for (const path of paths) await host.cache.drop(path);
  await removeFiles(host.files, paths);
}

/** The entries from the one before an index to the one after it. */
function neighbours(segment: Segment, entries: IndexEntries, index: number): IndexedAround {
  const entry = (i: number): IndexedBatch | undefined =>
    i < 0 || i >= entries.count
      ? undefined
      : { position: entries.position(i), lastOffset: segment.baseOffset + entries.relativeOffset(i) };
  return { before: entry(index - 1), at: entry(index), after: entry(index + 1) };
}

/**
 * How many time entries to go on from. Where one is out of order, it or the one before it is wrong: from what both speak of on,
 * the log is read again, so the offset entries end there too. The last entry of a closed segment may be of any batch; in the
 * active one, what lies beyond the offset entries is left from before a crash.
 */
function cutUnsound(offsets: IndexEntries, times: IndexEntries, isActive: boolean, isTorn: boolean): number {
  const last = isActive ? offsets.relativeOffset(offsets.count - 1) : Number.MAX_SAFE_INTEGER;
  const sound = soundTimeEntries(times, last);
  if (sound === times.count && !isTorn) return sound;
  const kept = Math.max(0, sound - 1);
  const known = kept === 0 ? -1 : times.relativeOffset(kept - 1);
  offsets.count = entriesAtMost(offsets.count, known, (i) => offsets.relativeOffset(i));
  return kept;
}

/** The last entry must name a batch that is really there. */
async function agrees(lease: FileLease, segment: Segment, offsets: IndexEntries): Promise<boolean> {
  if (offsets.count === 0) return true;
  const header = Buffer.alloc(BATCH_HEADER_BYTES);
  const last = offsets.count - 1;
  if ((await lease.file.read(header, offsets.position(last))) < header.length) return false;
  return lastOffset(header, 0) === segment.baseOffset + offsets.relativeOffset(last);
}

function without(entries: IndexEntries, count: number): IndexEntries {
  return new IndexEntries(entries.entryBytes, Buffer.from(entries.bytes().subarray(count * entries.entryBytes)));
}
