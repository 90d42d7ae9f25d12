// One segment of a partition: `<base offset, 20 digits>.log` with its indexes. This object knows the bytes that belong to
// the log (the file may hold more after a crash), and, while the segment is active, the index entries that are not in
// the index files yet.
import { batchLength, lastOffset, maxTimestamp } from '../../records/record-batch.ts';
import { IndexEntries, offsetEntryBytes, timeEntryBytes } from './segment-index.ts';

const noSyncs: readonly Promise<void>[] = [];

export class Segment {
  readonly baseOffset: number;
  /** Path without the suffix. */
  readonly path: string;
  /** Bytes of the log in it; −1 while nobody asked (older segments after a start). */
  sizeBytes: number;
  /** Of these, how many have been written and may be read; behind sizeBytes only while a write is on its way. */
  readableBytes = 0;
  /** Greatest timestamp so far, and the last offset of the batch that has it; −1 when there is none. */
  maxTimestamp = -1;
  offsetOfMaxTimestamp = -1;
  /** Timestamp of the first batch, for segment.ms; −1 when it has none, or is unknown. */
  firstTimestamp = -1;
  /** When the segment was begun, or this broker started: segment.ms counts from here where the first batch has no timestamp. */
  readonly createdMs: number;
  /** How much earlier than segment.ms this one rolls. */
  jitterMs = 0;
  bytesSinceEntry = 0;
  /** Entries in the files, and those that are only here. */
  storedOffsetEntries = 0;
  storedTimeEntries = 0;
  lastTimeEntry = -1;
  newOffsets = new IndexEntries(offsetEntryBytes);
  newTimes = new IndexEntries(timeEntryBytes);
  /** Its size when entries were written to the files last, and when these were synced. */
  bytesAtIndexStore = 0;
  bytesAtIndexSync = 0;
  /** Its name in the directory is not durable yet. */
  isNew = false;
  /** Statistics and indexes were brought in step with the file. */
  known = false;
  /** In the file of aborted transactions; 0: there is no such file, −1: nobody asked it yet. */
  abortedEntries = 0;
  /** Taken out of the log by retention. */
  gone = false;
  /** Of its file, on their way to the disk. */
  syncs: readonly Promise<void>[] = noSyncs;
  /** Of one of them: no later one says anything about the bytes before. */
  syncFailure: unknown;

  constructor(directory: string, baseOffset: number, sizeBytes: number, createdMs = Number.POSITIVE_INFINITY) {
    this.createdMs = createdMs;
    this.baseOffset = baseOffset;
    this.path = `${directory}/${segmentName(baseOffset)}`;
    this.sizeBytes = sizeBytes;
    this.readableBytes = Math.max(0, sizeBytes);
  }

  get logPath(): string {
    return `${this.path}.log`;
  }
  get indexPath(): string {
    return `${this.path}.index`;
  }
  get timeIndexPath(): string {
    return `${this.path}.timeindex`;
  }

  get txnIndexPath(): string {
    return `${this.path}.txnindex`;
  }

  /** The same one, of which nothing is known. */
  unlearned(): Segment {
    return new Segment(this.path.slice(0, this.path.lastIndexOf('/')), this.baseOffset, 0);
  }

  /** Takes over what was learned from the files. */
  know(learned: Segment): void {
    this.sizeBytes = learned.sizeBytes;
    this.readableBytes = learned.readableBytes;
    this.maxTimestamp = learned.maxTimestamp;
    this.offsetOfMaxTimestamp = learned.offsetOfMaxTimestamp;
    this.firstTimestamp = learned.firstTimestamp;
    this.bytesSinceEntry = learned.bytesSinceEntry;
    this.storedOffsetEntries = learned.storedOffsetEntries;
    this.storedTimeEntries = learned.storedTimeEntries;
    this.lastTimeEntry = learned.lastTimeEntry;
    this.newOffsets = learned.newOffsets;
    this.newTimes = learned.newTimes;
    this.bytesAtIndexStore = learned.bytesAtIndexStore;
    this.bytesAtIndexSync = learned.bytesAtIndexSync;
    this.known = true;
  }

  /** Counts a batch that is written at the end of the segment, as Kafka's LogSegment.append does. */
  add(buffer: Buffer, at: number, indexIntervalBytes: number): void {
    const bytes = batchLength(buffer, at);
    const last = lastOffset(buffer, at);
    const timestamp = maxTimestamp(buffer, at);
    if (this.sizeBytes === 0) this.firstTimestamp = timestamp;
    if (timestamp > this.maxTimestamp) {
      this.maxTimestamp = timestamp;
      this.offsetOfMaxTimestamp = last;
    }
    if (this.bytesSinceEntry > indexIntervalBytes) {
      this.newOffsets.addOffset(last - this.baseOffset, this.sizeBytes);
      this.addTimeEntry();
      this.bytesSinceEntry = 0;
    }
    this.sizeBytes += bytes;
    this.bytesSinceEntry += bytes;
  }

  /** Also the last entry of a segment that is closed: its greatest timestamp. */
  addTimeEntry(): void {
    if (this.maxTimestamp <= this.lastTimeEntry) return;
    this.newTimes.addTime(this.maxTimestamp, this.offsetOfMaxTimestamp - this.baseOffset);
    this.lastTimeEntry = this.maxTimestamp;
  }

  /** One of the indexes has no room for another entry. */
  indexIsFull(segmentIndexBytes: number): boolean {
    return (
      (this.storedOffsetEntries + this.newOffsets.count + 1) * offsetEntryBytes > segmentIndexBytes ||
      (this.storedTimeEntries + this.newTimes.count + 1) * timeEntryBytes > segmentIndexBytes
    );
  }
}

export function segmentName(baseOffset: number): string {
  return String(baseOffset).padStart(20, '0');
}

/** The base offset of a `.log` file's name (or that of another suffix), or undefined for other names. */
export function segmentBase(name: string, suffix = 'log'): number | undefined {
  if (name.slice(20) !== `.${suffix}`) return undefined;
  const digits = /^\d{20}/.exec(name)?.[0];
  return digits === undefined ? undefined : Number(digits);
}
