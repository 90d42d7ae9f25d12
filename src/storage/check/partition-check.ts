// Checks one partition's directory against what its checkpoint knows: every batch of every segment, the indexes by the
// batches they speak of, the files of aborted transactions by the markers in the log. With `repair`, indexes are made
// again, and what is lost is replaced by a batch that says so (lost-batch.ts).
import { readInt64 } from '../../records/int64.ts';
import * as batches from '../../records/record-batch.ts';
import type { Files, OpenFile } from '../../runtime/files.ts';
import { AbortedFromLog } from '../aborted-from-log.ts';
import { ABORTED_ENTRY_BYTES, entriesBelow, markerOffsetAt } from '../aborted-index.ts';
import type { PartitionRecord } from '../disk/checkpoint.ts';
import { directoryName, readTopicId } from '../disk/partition-directory.ts';
import { replaceFile } from '../disk/replace-file.ts';
import { segmentBase, segmentName } from '../disk/segment.ts';
import { IndexEntries, offsetEntryBytes, timeEntryBytes } from '../disk/segment-index.ts';
import type { CheckReport, Finding } from './finding.ts';
import { lostBatch } from './lost-batch.ts';
import { type Damage, walkSegment } from './segment-walk.ts';

/** What only the partition can read of its snapshot. */
export interface PartitionKnowledge {
  epochOf(offset: number): number | undefined;
  /** Files of aborted transactions count for markers below. */
  readonly indexedOffset: number;
}

export interface PartitionCheckOptions {
  readonly files: Files;
  readonly dataDirectory: string;
  readonly record: PartitionRecord;
  readonly knowledge: PartitionKnowledge;
  readonly repair: boolean;
  readonly report: CheckReport;
}

interface BatchSeen {
  readonly position: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
}

export async function checkPartition(options: PartitionCheckOptions): Promise<void> {
  const { record } = options;
  options.report.partitions++;
  // Everything is in the write-ahead log.
  if (record.activeBase < 0) return;
  await new PartitionCheck(options).run();
}

class PartitionCheck {
  readonly #options: PartitionCheckOptions;
  readonly #name: string;
  readonly #directory: string;
  readonly #aborted = new AbortedFromLog();
  #oldestBase = 0;

  constructor(options: PartitionCheckOptions) {
    this.#options = options;
    this.#name = directoryName(options.record.topic, options.record.partition);
    this.#directory = `${options.dataDirectory}/${this.#name}`;
  }

  async run(): Promise<void> {
    const { files, record } = this.#options;
    const topicId = record.topicId.toString('base64url');
    const found = await readTopicId(files, this.#directory);
    if (found !== topicId) {
      this.#find({
        kind: 'fatal',
        file: `${this.#directory}/partition.metadata`,
        what: `the topic id there is ${found ?? 'missing or unreadable'} and should be ${topicId}`,
        remedy: `write "version: 0" and "topic_id: ${topicId}" to it, as two lines, if the directory is that topic's`,
      });
      return;
    }
    const names = await files.list(this.#directory);
    const bases = names
      .map((name) => segmentBase(name))
      .filter((base): base is number => base !== undefined && base <= record.activeBase)
      .sort((a, b) => a - b);
    if (!bases.includes(record.activeBase) && record.activeBytes > 0) {
      this.#find({
        kind: 'fatal',
        file: `${this.#directory}/${segmentName(record.activeBase)}.log`,
        offsets: [record.activeBase, record.flushedOffset],
        what: 'the file is missing',
        remedy: 'restore it from a backup',
      });
    }
    this.#oldestBase = bases[0] ?? 0;
    for (const [i, base] of bases.entries()) {
      const isActive = base === record.activeBase;
      const endOffset = isActive ? record.flushedOffset : (bases[i + 1] as number);
      await this.#checkSegment(base, endOffset, isActive ? record.activeBytes : undefined, names);
    }
  }

  async #checkSegment(
    base: number,
    endOffset: number,
    knownBytes: number | undefined,
    names: readonly string[],
  ): Promise<void> {
    const { files, report, knowledge, record } = this.#options;
    const path = `${this.#directory}/${segmentName(base)}`;
    const file = await files.open(`${path}.log`, this.#options.repair ? 'write' : 'read');
    try {
      const sizeBytes = knownBytes ?? file.sizeSync();
      report.segments++;
      report.bytes += sizeBytes;
      const seen: BatchSeen[] = [];
      const { epochOf } = knowledge;
      let epoch = epochOf(base) ?? 0;
      const walk = await walkSegment(
        file,
        { baseOffset: base, endOffset, sizeBytes, epochOf },
        (buffer, at, position) => {
          report.batches++;
          epoch = Math.max(epoch, batches.partitionLeaderEpoch(buffer, at));
          seen.push({
            position,
            lastOffset: batches.lastOffset(buffer, at),
            maxTimestamp: batches.maxTimestamp(buffer, at),
          });
          this.#aborted.add(buffer, at);
        },
      );
      for (const damage of walk.damages) await this.#damaged(file, damage, epochOf(damage.baseOffset) ?? epoch);
      const isCompacted = endOffset <= record.cleanedOffset;
      if (walk.nextOffset < endOffset && !isCompacted) this.#endsEarly(file, sizeBytes, walk.nextOffset, endOffset);
      await this.#checkIndexes(path, base, seen, names);
      await this.#checkAborted(path, base, endOffset, names);
    } finally {
      await file.close();
    }
  }

  async #damaged(file: OpenFile, damage: Damage, leaderEpoch: number): Promise<void> {
    const { baseOffset, endOffset, position, bytes, what } = damage;
    const stands = lostBatch(bytes, { baseOffset, endOffset, leaderEpoch });
    const repaired = this.#options.repair && stands !== undefined;
    if (repaired) {
      file.writeSync([stands], position);
      await file.sync();
    }
    const remedy = repaired
      ? 'replaced by a batch that consumers pass over'
      : stands === undefined
        ? 'restore the file from a backup'
        : 'restore the file from a backup, or run `ottla check --repair` to give these offsets up';
    this.#find({ kind: 'lost', file: file.path, position, offsets: [baseOffset, endOffset], what, remedy, repaired });
  }

  /** Compaction leaves such gaps too, and a crash may come before the checkpoint knows of it: then nothing is lost that should be there. */
  #endsEarly(file: OpenFile, position: number, from: number, to: number): void {
    const what = 'the file ends before these offsets (it is as it should be only where the topic is compacted)';
    const remedy = 'restore the file from a backup, unless the topic is compacted';
    this.#find({ kind: 'lost', file: file.path, position, offsets: [from, to], what, remedy });
  }

  /** An entry must name a batch that is there; missing entries only make reads slower. */
  async #checkIndexes(path: string, base: number, seen: readonly BatchSeen[], names: readonly string[]): Promise<void> {
    const byPosition = new Map(seen.map((batch) => [batch.position, batch]));
    const byLast = new Map(seen.map((batch) => [batch.lastOffset, batch]));
    const short = segmentName(base);
    const wrong: Finding[] = [];
    if (names.includes(`${short}.index`)) {
      const entries = new IndexEntries(offsetEntryBytes, await this.#options.files.readFile(`${path}.index`));
      for (let i = 0; i < entries.count; i++) {
        if (byPosition.get(entries.position(i))?.lastOffset === base + entries.relativeOffset(i)) continue;
        // Entries of batches beyond the checkpoint are cut off by the next start.
        if (base + entries.relativeOffset(i) > (seen.at(-1)?.lastOffset ?? -1)) break;
        wrong.push(this.#indexFinding(`${path}.index`, i * offsetEntryBytes));
        break;
      }
    }
    if (names.includes(`${short}.timeindex`)) {
      const entries = new IndexEntries(timeEntryBytes, await this.#options.files.readFile(`${path}.timeindex`));
      for (let i = 0; i < entries.count; i++) {
        if (byLast.get(base + entries.relativeOffset(i))?.maxTimestamp === entries.timestamp(i)) continue;
        if (base + entries.relativeOffset(i) > (seen.at(-1)?.lastOffset ?? -1)) break;
        wrong.push(this.#indexFinding(`${path}.timeindex`, i * timeEntryBytes));
        break;
      }
    }
    for (const finding of wrong) this.#options.report.findings.push(finding);
    if (wrong.length === 0 || !this.#options.repair) return;
    for (const suffix of ['index', 'timeindex']) await this.#options.files.remove(`${path}.${suffix}`);
  }

  #indexFinding(file: string, position: number): Finding {
    const { repair } = this.#options;
    return {
      kind: 'rebuilt',
      file,
      position,
      partition: this.#name,
      offsets: undefined,
      what: 'an entry names a batch that is not there',
      remedy: repair
        ? 'removed; the broker makes it again from the segment'
        : 'the broker makes it again from the segment when it meets it',
      repaired: repair,
    };
  }

  async #checkAborted(path: string, base: number, endOffset: number, names: readonly string[]): Promise<void> {
    const { files, knowledge, repair } = this.#options;
    const limit = Math.min(endOffset, knowledge.indexedOffset);
    const expected = this.#aborted.below(limit);
    const isThere = names.includes(`${segmentName(base)}.txnindex`);
    const stored = isThere ? await files.readFile(`${path}.txnindex`) : Buffer.alloc(0);
    const counting = stored.subarray(0, entriesBelow(stored, limit) * ABORTED_ENTRY_BYTES);
    const what = differenceOf(counting, expected, base, this.#oldestBase);
    if (what === undefined) return;
    if (repair) await replaceFile(files, this.#directory, `${path}.txnindex`, expected);
    this.#find({
      kind: 'rebuilt',
      file: `${path}.txnindex`,
      what: isThere ? what : 'the file is missing',
      remedy: repair
        ? 'made again from the markers in the log'
        : 'run `ottla check --repair`: until then readers of committed records may be shown aborted ones',
      repaired: repair,
    });
  }

  #find(finding: Partial<Finding> & Pick<Finding, 'kind' | 'file' | 'what' | 'remedy'>): void {
    const { findings } = this.#options.report;
    findings.push({ position: undefined, offsets: undefined, repaired: false, partition: this.#name, ...finding });
  }
}

/**
 * Undefined when the file says what the log says. Entries of markers that the log does not have any more are left by
 * compaction; of a transaction whose beginning is not in the log any more, the file alone knows it.
 */
function differenceOf(stored: Buffer, expected: Buffer, base: number, oldestBase: number): string | undefined {
  const inFile = new Map<number, Buffer>();
  let newest = base - 1;
  for (let at = 0; at + ABORTED_ENTRY_BYTES <= stored.length; at += ABORTED_ENTRY_BYTES) {
    const marker = markerOffsetAt(stored, at / ABORTED_ENTRY_BYTES);
    if (marker <= newest) return `its entries are out of order at byte ${at}`;
    newest = marker;
    inFile.set(marker, stored.subarray(at, at + ABORTED_ENTRY_BYTES));
  }
  for (let at = 0; at < expected.length; at += ABORTED_ENTRY_BYTES) {
    const marker = markerOffsetAt(expected, at / ABORTED_ENTRY_BYTES);
    const entry = inFile.get(marker);
    if (entry === undefined) return `the transaction that was aborted at offset ${marker} is missing`;
    if (readInt64(entry, 10) < oldestBase || readInt64(entry, 26) < oldestBase) continue;
    if (!entry.equals(expected.subarray(at, at + ABORTED_ENTRY_BYTES))) {
      return `the entry of the transaction that was aborted at offset ${marker} is wrong`;
    }
  }
  return undefined;
}
