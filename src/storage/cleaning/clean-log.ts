// One round of compaction over a log: the newest offset of every key of its dirty part goes into a map, then the segments are
// written anew, in groups that make one segment each. It only reads segments and writes files of its own
// (`.cleaned`); whoever runs it puts each group in its place. What it takes and gives is plain data, and it knows neither
// clock nor log, so that it can run on another thread. Source of the rules: Kafka's Cleaner.
import * as batches from '../../records/record-batch.ts';
import { openRecords } from '../../records/record-cursor.ts';
import type { Files, OpenFile } from '../../runtime/files.ts';
import { ABORTED_ENTRY_BYTES } from '../aborted-index.ts';
import { Segment, segmentName } from '../disk/segment.ts';
import { CLEANED_SUFFIX, SEGMENT_SUFFIXES } from '../disk/segment-swap.ts';
import { CleanedTransactions } from './cleaned-transactions.ts';
import { type FilterRules, filterBatch, type LastRecord } from './filter-batch.ts';
import { OFFSET_MAP_ENTRY_BYTES, OffsetMap } from './offset-map.ts';
import { type Pause, type Walk, walkSegment } from './walk-segment.ts';

export interface SegmentToClean {
  readonly baseOffset: number;
  /** Base offset of the segment after it. */
  readonly endOffset: number;
  readonly sizeBytes: number;
  /** It has a file of aborted transactions. */
  readonly hasAborted: boolean;
}

export interface CleaningPlan {
  readonly directory: string;
  /** From the log's first one up to the first that may not be cleaned. */
  readonly segments: readonly SegmentToClean[];
  readonly firstDirtyOffset: number;
  readonly uncleanableOffset: number;
  /** Entries, as stored, of the aborted transactions that overlap the segments. */
  readonly aborted: Buffer;
  readonly lastRecords: ReadonlyMap<number, LastRecord>;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly segmentBytes: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  readonly mapBytesMax: number;
  readonly loadFactor: number;
  readonly bufferBytes: number;
  readonly hashSeed: number;
}

/** Segments that one new one, durable under names of its own, can stand for. */
export interface CleanedGroup {
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly segments: number;
  readonly sizeBytes: number;
  readonly abortedEntries: number;
  /** A file of aborted transactions was written, be it empty. */
  readonly hasAborted: boolean;
}

export interface CleaningEnd {
  /** Below it everything is clean now. */
  readonly endOffset: number;
  readonly keys: number;
}

export async function* cleanLog(
  files: Files,
  plan: CleaningPlan,
  pause: Pause,
): AsyncGenerator<CleanedGroup, CleaningEnd> {
  const map = await buildMap(files, plan, pause);
  const endOffset = map.latestOffset + 1;
  const rules: FilterRules = {
    map,
    transactions: new CleanedTransactions(plan.aborted, plan.segments[0]?.baseOffset ?? 0),
    lastRecords: plan.lastRecords,
    roundEndOffset: plan.uncleanableOffset,
    nowMs: plan.nowMs,
    deleteRetentionMs: plan.deleteRetentionMs,
  };
  const segments = plan.segments.filter(({ baseOffset }) => baseOffset < endOffset);
  for (const group of await grouped(files, plan, segments)) {
    const cleaned = new Segment(plan.directory, (group[0] as SegmentToClean).baseOffset, 0);
    try {
      yield await cleanGroup(files, plan, group, cleaned, rules, pause);
    } catch (error) {
      // Above all on a full disk.
      for (const suffix of SEGMENT_SUFFIXES) await files.remove(`${cleaned.path}.${suffix}${CLEANED_SUFFIX}`);
      throw error;
    }
  }
  return { endOffset, keys: map.size };
}

async function buildMap(files: Files, plan: CleaningPlan, pause: Pause): Promise<OffsetMap> {
  const { firstDirtyOffset, uncleanableOffset, loadFactor } = plan;
  const wanted = Math.ceil((uncleanableOffset - firstDirtyOffset) / loadFactor) + 2;
  const slots = Math.min(wanted, Math.floor(plan.mapBytesMax / OFFSET_MAP_ENTRY_BYTES));
  const map = new OffsetMap(slots, loadFactor, plan.hashSeed);
  const dirty = plan.segments.filter((segment) => segment.endOffset > firstDirtyOffset);
  const transactions = new CleanedTransactions(plan.aborted, dirty[0]?.baseOffset ?? 0);
  const visit = (buffer: Buffer, at: number): boolean => mapBatch(buffer, at, map, transactions, firstDirtyOffset);
  for (const segment of dirty) {
    if (await walkSegment(walkOver(files, plan, segment, pause), visit)) break;
    map.latestOffset = Math.max(map.latestOffset, segment.endOffset - 1);
  }
  return map;
}

/** True when the map is full, with what came before some record of this batch. */
function mapBatch(
  buffer: Buffer,
  at: number,
  map: OffsetMap,
  transactions: CleanedTransactions,
  firstDirtyOffset: number,
): boolean {
  if (batches.isControl(buffer, at)) {
    transactions.onControlBatch(buffer, at);
  } else if (!transactions.onBatch(buffer, at) && batches.lastOffset(buffer, at) >= firstDirtyOffset) {
    const record = openRecords(buffer, at);
    while (record.next()) {
      if (record.keyLength < 0 || record.offset < firstDirtyOffset) continue;
      if (map.isFull) {
        // Even a batch with more keys than the map can hold gets on.
        map.latestOffset = record.offset - 1;
        return true;
      }
      map.put(record.bytes, record.keyStart, record.keyLength, record.offset);
    }
  }
  const last = batches.lastOffset(buffer, at);
  if (last >= firstDirtyOffset) map.latestOffset = last;
  return false;
}

/** Neighbours whose sum makes at most one segment. */
async function grouped(
  files: Files,
  plan: CleaningPlan,
  segments: readonly SegmentToClean[],
): Promise<SegmentToClean[][]> {
  const groups: SegmentToClean[][] = [];
  let group: SegmentToClean[] = [];
  let sizeBytes = 0;
  let offsetBytes = 0;
  let timeBytes = 0;
  for (const segment of segments) {
    const path = `${plan.directory}/${segmentName(segment.baseOffset)}`;
    const offsets = (await files.stat(`${path}.index`))?.sizeBytes ?? 0;
    const times = (await files.stat(`${path}.timeindex`))?.sizeBytes ?? 0;
    const first = group[0];
    const fits =
      first !== undefined &&
      sizeBytes + segment.sizeBytes <= plan.segmentBytes &&
      offsetBytes + offsets <= plan.segmentIndexBytes &&
      timeBytes + times <= plan.segmentIndexBytes &&
      (segment.sizeBytes === 0 || segment.endOffset - 1 - first.baseOffset <= 0x7fffffff);
    if (!fits) {
      group = [];
      groups.push(group);
      sizeBytes = offsetBytes = timeBytes = 0;
    }
    group.push(segment);
    sizeBytes += segment.sizeBytes;
    offsetBytes += offsets;
    timeBytes += times;
  }
  return groups;
}

async function cleanGroup(
  files: Files,
  plan: CleaningPlan,
  group: readonly SegmentToClean[],
  cleaned: Segment,
  rules: FilterRules,
  pause: Pause,
): Promise<CleanedGroup> {
  const { baseOffset } = group[0] as SegmentToClean;
  const { endOffset } = group[group.length - 1] as SegmentToClean;
  const writer = new SegmentWriter(files, cleaned, plan);
  await writer.open();
  try {
    for (const segment of group) {
      const walk = walkOver(files, plan, segment, async (bytes) => {
        await writer.write();
        await pause(bytes);
      });
      await walkSegment(walk, (buffer, at) => {
        const kept = filterBatch(buffer, at, rules);
        if (kept !== undefined) writer.add(kept);
        return false;
      });
    }
    await writer.finish();
  } finally {
    await writer.close();
  }
  const aborted = rules.transactions.takeKept();
  const hasAborted = aborted.length > 0 || group.some((segment) => segment.hasAborted);
  await store(files, `${cleaned.indexPath}${CLEANED_SUFFIX}`, cleaned.newOffsets.bytes());
  await store(files, `${cleaned.timeIndexPath}${CLEANED_SUFFIX}`, cleaned.newTimes.bytes());
  if (hasAborted) await store(files, `${cleaned.txnIndexPath}${CLEANED_SUFFIX}`, aborted);
  return {
    baseOffset,
    endOffset,
    segments: group.length,
    sizeBytes: cleaned.sizeBytes,
    abortedEntries: aborted.length / ABORTED_ENTRY_BYTES,
    hasAborted,
  };
}

/**
 * Bytes after which what was written is synced: a sync of a whole segment at its end would keep the disk, and with it the commits of
 * the log, waiting for all of it at once.
 */
const syncBytes = 4 * 1024 * 1024;

/** Writes batches behind one another, those of one buffer at once. */
class SegmentWriter {
  #files: Files;
  #segment: Segment;
  #path: string;
  #indexIntervalBytes: number;
  #file: OpenFile | undefined;
  #parts: Buffer[] = [];
  #written = 0;
  #synced = 0;

  constructor(files: Files, segment: Segment, plan: CleaningPlan) {
    this.#files = files;
    this.#segment = segment;
    this.#path = `${segment.logPath}${CLEANED_SUFFIX}`;
    this.#indexIntervalBytes = plan.indexIntervalBytes;
  }

  async open(): Promise<void> {
    this.#file = await emptyFile(this.#files, this.#path);
  }

  /** The bytes must stay as they are until the next `write`. */
  add(batch: Buffer): void {
    this.#segment.add(batch, 0, this.#indexIntervalBytes);
    this.#parts.push(batch);
  }

  async write(): Promise<void> {
    const parts = this.#parts;
    if (parts.length === 0) return;
    this.#parts = [];
    await this.#file?.write(parts, this.#written);
    this.#written = this.#segment.sizeBytes;
    if (this.#written - this.#synced >= syncBytes) await this.#sync();
  }

  async finish(): Promise<void> {
    await this.write();
    this.#segment.addTimeEntry();
    await this.#sync();
  }

  async #sync(): Promise<void> {
    this.#synced = this.#written;
    await this.#file?.sync();
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}

function walkOver(files: Files, plan: CleaningPlan, segment: SegmentToClean, pause: Pause): Walk {
  const path = `${plan.directory}/${segmentName(segment.baseOffset)}.log`;
  const { baseOffset, endOffset, sizeBytes } = segment;
  return { files, path, baseOffset, endOffset, sizeBytes, bufferBytes: plan.bufferBytes, pause };
}

/** Durable when it resolves, but for its name. */
async function store(files: Files, path: string, bytes: Buffer): Promise<void> {
  const file = await emptyFile(files, path);
  try {
    if (bytes.length > 0) await file.write([bytes], 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function emptyFile(files: Files, path: string): Promise<OpenFile> {
  await files.remove(path);
  return files.open(path, 'create');
}
