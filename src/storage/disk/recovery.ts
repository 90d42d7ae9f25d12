// What a start finds: the checkpoint and the write-ahead log after it, folded into one record of recovery per partition.
// Blocks are followed by sequence, start epoch and the CRC of the header before. The first one that does not fit ends the
// log: a torn end, unless a later block or the checkpoint proves that it had been durable; that is damage, and refused.
import { crc32c } from '../../records/crc32c.ts';
import { batchLength, nextOffset } from '../../records/record-batch.ts';
import type { Files, OpenFile } from '../../runtime/files.ts';
import type { Arena, Backing } from '../arena.ts';
import { StorageError } from '../storage-error.ts';
import {
  type BlockEntry,
  blockHeaderBytes,
  decodeExtentPlace,
  descriptorBytes,
  EntryType,
  type ExtentPlace,
  headIsValid,
  type ReadHeader,
  readBlockHeader,
  readEntries,
} from './block.ts';
import type { Checkpoint, PartitionRecord } from './checkpoint.ts';
import { ExtentReader } from './extent-reader.ts';
import { laterBlockProves } from './later-blocks.ts';
import { RecoveredFiles } from './recovered-files.ts';
import { RecoveredBody, RecoveredRun } from './recovered-run.ts';
import { sameAsLast } from './same-as-last.ts';
import { segmentBase, segmentName } from './segment.ts';
import type { KnownSegments } from './segments.ts';
import { SlotReader } from './slot-reader.ts';
import { ALIGNMENTS, align, noteBlock, type WalPosition, type WalSlot } from './wal.ts';

/** Batches that a block says are in a segment. */
export interface RecoveredExtent {
  readonly place: ExtentPlace;
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly crc: number;
  readonly sequence: number;
}

/** All that is known about one partition before anybody opens it. */
export class RecoveredLog {
  readonly topicId: string;
  readonly partition: number;
  record: PartitionRecord | undefined;
  encodedRecord: Buffer | undefined;
  startOffset = 0;
  /** Up to here the state needs no replay; everything from here on is in `items`. */
  stateEnd = 0;
  flushedOffset = 0;
  flushedPlace: KnownSegments | undefined;
  /** As the checkpoint says; extents in the log may have moved the other one on. */
  publishedPlace: KnownSegments | undefined;
  /** End of what was found without a hole. */
  endOffset = 0;
  /** Offsets that some block speaks of end here: beyond endOffset, something is missing. */
  claimedEnd = 0;
  /** What follows the flushed offset, in order. */
  items: readonly (RecoveredRun | RecoveredExtent)[] = NO_ITEMS;
  /** Those of the items that are extents. */
  extents: readonly RecoveredExtent[] = NO_ITEMS;
  /** Runs met before those they follow: a carried copy of the older ones stands in a later block. */
  early: readonly RecoveredRun[] = NO_ITEMS;
  firstSequence = Number.POSITIVE_INFINITY;

  constructor(topicId: string, partition: number) {
    this.topicId = topicId;
    this.partition = partition;
  }

  /** What follows the end. */
  add(item: RecoveredRun | RecoveredExtent): void {
    this.items = withItem(this.items, item);
    if (!(item instanceof RecoveredRun)) this.extents = withItem(this.extents, item);
    this.endOffset = item.endOffset;
  }
}

/** What each list is until it gets its first item. Most partitions of a start need none, and there may be many. */
const NO_ITEMS: readonly never[] = [];

/** `list` itself, longer, unless it is the one that all share. */
function withItem<T>(list: readonly T[], item: T): readonly T[] {
  if (list.length === 0) return [item];
  (list as T[]).push(item);
  return list;
}

export function logKey(topicId: string, partition: number): string {
  return `${topicId}:${partition}`;
}

export interface Recovery {
  readonly logs: Map<string, RecoveredLog>;
  /** Where the next block goes. */
  readonly next: WalPosition;
  /** Everything up to this block is durable. */
  readonly lastSynced: number;
  /** What the replay had to look at in segments. */
  readonly extentBytes: number;
  /** What the blocks that it has met had to say. */
  readonly entryCount: number;
  /** To be synced before anything calls it durable. */
  readonly files: RecoveredFiles;
}

export interface RecoveryOptions {
  readonly files: Files;
  readonly dataDirectory: string;
  readonly slots: readonly WalSlot[];
  readonly checkpoint: Checkpoint;
  readonly arena: Arena;
  /** Entries of a block that are as large as this on average are not copied before it is known that they are needed. */
  readonly largeEntryBytes: number;
  /** Of the blocks that are going to be written. */
  readonly alignment: number;
  /** What stood in several segments may have to go into one, unless that would be larger. */
  readonly segmentBytesMax: number;
  /** Blocks that may be only in the page cache are synced before anybody is served. */
  readonly makeDurable: boolean;
}

const windowBytes = 4 * 1024 * 1024;

export interface Block {
  readonly slot: WalSlot;
  readonly position: number;
  readonly bytes: number;
  readonly header: ReadHeader;
  readonly entries: BlockEntry[];
  readonly body: Buffer;
}

export async function recover(options: RecoveryOptions): Promise<Recovery> {
  const extents = new ExtentReader(options.files, options.dataDirectory);
  const files = new RecoveredFiles(options.files);
  try {
    return await recoverLogs({ ...options, extents, recovered: files });
  } catch (error) {
    await files.close();
    throw error;
  } finally {
    await extents.close();
  }
}

interface Work extends RecoveryOptions {
  readonly extents: ExtentReader;
  readonly recovered: RecoveredFiles;
}

async function recoverLogs(options: Work): Promise<Recovery> {
  const { checkpoint } = options;
  const logs = new RecoveredLogs();
  checkpoint.records.forEach((record, i) => {
    const log = logs.add(record.topicId, record.partition);
    log.record = record;
    log.encodedRecord = checkpoint.encoded[i];
    log.startOffset = record.startOffset;
    log.stateEnd = record.stateEnd;
    log.flushedOffset = log.endOffset = record.flushedOffset;
    log.claimedEnd = record.stateEnd;
    if (record.activeBase >= 0) {
      log.publishedPlace = log.flushedPlace = {
        activeBase: record.activeBase,
        activeBytes: record.activeBytes,
        olderBytes: record.olderBytes,
        oldestBase: record.oldestBase,
      };
    }
  });

  const chain = new BlockChain(options);
  let unproven: Block[] = [];
  let entryCount = 0;
  for (let block = chain.next(); block !== undefined; block = chain.next()) {
    if (!(await extentsAreThere(options, block, logs))) break;
    noteBlock(block.slot, block.header.sequence, block.position, block.header.previousCrc);
    applyBlock(options, logs, block);
    entryCount += block.entries.length;
    chain.accept(block);
    unproven = unproven.filter((known) => known.header.sequence > chain.proven);
    if (block.header.sequence > chain.proven) unproven.push({ ...block, entries: [], body: emptyBuffer });
  }
  const next = chain.end();
  await writeAgain(unproven, options);
  let extentBytes = 0;
  for (const log of logs.all.values()) {
    if (log.extents.length === 0) continue;
    extentBytes += log.extents.reduce((sum, { place }) => sum + place.length, 0);
    await settle(options, log, chain.proven);
  }
  const lastSynced = options.makeDurable ? next.sequence - 1 : chain.proven;
  return { logs: logs.all, next, lastSynced, extentBytes, entryCount, files: options.recovered };
}

/**
 * The blocks that a start would replay, without looking at what they say is elsewhere. Entries and body are lent for the call.
 * Returns where the log ends; throws a StorageError where it ends too early.
 */
export function visitBlocks(options: ChainOptions, visit: (block: Block) => void): WalPosition {
  const chain = new BlockChain(options);
  for (let block = chain.next(); block !== undefined; block = chain.next()) {
    visit(block);
    chain.accept(block);
  }
  return chain.end();
}

type ChainOptions = Pick<RecoveryOptions, 'slots' | 'checkpoint' | 'alignment'>;

/** The blocks of the log from the checkpoint on, one after the other. */
class BlockChain {
  /** Up to this block everything was durable. */
  proven: number;
  readonly #options: ChainOptions;
  readonly #reader = new SlotReader(windowBytes);
  #expected: WalPosition;
  /** Where the last block ends. */
  #endBytes: number;
  #epoch = 0;

  constructor(options: ChainOptions) {
    this.#options = options;
    this.proven = options.checkpoint.lastDurable;
    this.#expected = options.checkpoint.replayFrom;
    this.#endBytes = this.#expected.position;
  }

  /** A block that is whole and follows the last one accepted; its entries and body are lent until the next call. */
  next(): Block | undefined {
    const { checkpoint, slots } = this.#options;
    const epoch = epochFor(checkpoint, this.#expected.sequence, this.#epoch);
    return findNext(this.#reader, slots, this.#expected, this.#endBytes, epoch, checkpoint.logId);
  }

  accept({ header, slot, position, bytes }: Block): void {
    this.proven = Math.max(this.proven, header.lastSynced);
    this.#epoch = header.startEpoch;
    this.#endBytes = position + bytes;
    this.#expected = {
      sequence: header.sequence + 1,
      slot: slot.index,
      position: align(this.#endBytes, this.#options.alignment),
      previousCrc: header.headerCrc,
    };
  }

  /** Where the log ends; throws a StorageError where it ends too early. */
  end(): WalPosition {
    const { checkpoint, slots } = this.#options;
    const { logId } = checkpoint;
    const expected = this.#expected;
    const endBytes = this.#endBytes;
    const oldestEpoch = (sequence: number): number => epochFor(checkpoint, sequence, this.#epoch);
    const isDamage =
      expected.sequence <= this.proven || laterBlockProves({ slots, logId, expected, endBytes, oldestEpoch });
    if (isDamage) throw damagedLog(this.#options, expected);
    return expected;
  }
}

/** What a start has found torn must not come back when the blocks written in its place are lost. */
function epochFor(checkpoint: Checkpoint, sequence: number, epoch: number): number {
  return sequence >= checkpoint.firstSequence ? Math.max(epoch, checkpoint.startEpoch) : epoch;
}

/**
 * The block that follows, right behind the last one or at the beginning of another file. Of two the one of the later start:
 * it was written in the place of one that had been found torn.
 */
function findNext(
  reader: SlotReader,
  slots: readonly WalSlot[],
  expected: WalPosition,
  end: number,
  epoch: number,
  logId: Buffer,
): Block | undefined {
  const candidates: { slot: WalSlot; position: number; epoch: number }[] = [];
  const look = (slot: WalSlot, position: number): void => {
    const fixed = reader.read(slot, position, blockHeaderBytes);
    const header = fixed && readBlockHeader(fixed, 0, logId);
    if (header?.sequence !== expected.sequence || header.previousCrc !== expected.previousCrc) return;
    if (header.startEpoch >= epoch) candidates.push({ slot, position, epoch: header.startEpoch });
  };
  const here = slots[expected.slot];
  // The run before may have had another durability, and with it another alignment.
  if (here !== undefined) for (const position of placesFor(end)) look(here, position);
  for (const slot of slots) {
    // A glance at the file's first header spares moving the window.
    if (slot === here && expected.position === 0) continue;
    if (reader.firstSequence(slot, logId) === expected.sequence) look(slot, 0);
  }
  candidates.sort((a, b) => b.epoch - a.epoch);
  for (const { slot, position } of candidates) {
    const block = readBlock(reader, slot, position, logId);
    if (block !== undefined) return block;
  }
  return undefined;
}

function placesFor(position: number): number[] {
  const places = ALIGNMENTS.map((alignment) => align(position, alignment));
  return places.filter((place, i) => places.indexOf(place) === i);
}

/** A whole, valid block, or undefined. Entries and body are views that the next read invalidates. */
function readBlock(reader: SlotReader, slot: WalSlot, position: number, logId: Buffer): Block | undefined {
  const fixed = reader.read(slot, position, blockHeaderBytes);
  const header = fixed && readBlockHeader(fixed, 0, logId);
  if (header === undefined) return undefined;
  const headBytes = blockHeaderBytes + header.entryCount * descriptorBytes;
  const bytes = headBytes + header.bodyBytes;
  const whole = reader.read(slot, position, bytes);
  if (whole === undefined) return undefined;
  const head = whole.subarray(0, headBytes);
  if (!headIsValid(head) || crc32c(whole, headBytes, bytes) !== header.bodyCrc) return undefined;
  return {
    slot,
    position,
    bytes,
    header,
    entries: readEntries(head, header.entryCount),
    body: whole.subarray(headBytes),
  };
}

/** `start`: where the entry's bytes begin in the body. */
function eachEntry(block: Block, visit: (entry: BlockEntry, start: number) => void): void {
  let start = 0;
  for (const entry of block.entries) {
    visit(entry, start);
    start += entry.bytes;
  }
}

/** By topic and partition; neighbours are mostly of the same topic. */
class RecoveredLogs {
  readonly all = new Map<string, RecoveredLog>();
  readonly #topics = new Map<string, Map<number, RecoveredLog>>();

  get(topicId: Buffer, partition: number): RecoveredLog | undefined {
    return this.#topic(topicId).partitions.get(partition);
  }

  add(topicId: Buffer, partition: number): RecoveredLog {
    const topic = this.#topic(topicId);
    const log = new RecoveredLog(topic.id, partition);
    topic.partitions.set(partition, log);
    this.all.set(logKey(topic.id, partition), log);
    return log;
  }

  readonly #topic = sameAsLast((topicId) => {
    const id = topicId.toString('base64url');
    let partitions = this.#topics.get(id);
    if (partitions === undefined) this.#topics.set(id, (partitions = new Map()));
    return { id, partitions };
  });
}

function applyBlock(options: RecoveryOptions, logs: RecoveredLogs, block: Block): void {
  const { sequence } = block.header;
  const runs = new BlockRuns(options, block);
  eachEntry(block, (entry, start) => {
    const log = logs.get(entry.topicId, entry.partition) ?? logs.add(entry.topicId, entry.partition);
    if (entry.type === EntryType.LOG_START) {
      log.startOffset = Math.max(log.startOffset, entry.baseOffset);
      log.firstSequence = Math.min(log.firstSequence, sequence);
      return;
    }
    if (entry.endOffset <= log.endOffset) return;
    log.firstSequence = Math.min(log.firstSequence, sequence);
    log.claimedEnd = Math.max(log.claimedEnd, entry.endOffset);
    if (entry.type === EntryType.EXTENT) {
      if (entry.baseOffset !== log.endOffset) return;
      const { baseOffset, endOffset, crc } = entry;
      giveUpCopies(options.arena, log);
      const place = decodeExtentPlace(block.body.subarray(start, start + entry.bytes));
      log.add({ place, baseOffset, endOffset, crc, sequence });
    } else {
      addBatches(runs, log, entry, start);
    }
    addEarly(options.arena, log);
  });
  runs.done();
}

/** Makes the runs of one block, and copies its body as soon as the first of them needs that. */
class BlockRuns {
  readonly block: Block;
  readonly #arena: Arena;
  readonly #body: RecoveredBody;
  /** Whether copies of its entries cost less than to read them again. */
  readonly #copies: boolean;
  #backing: Backing | undefined;

  constructor({ arena, largeEntryBytes }: RecoveryOptions, block: Block) {
    const { body, header, slot, position, bytes, entries } = block;
    this.block = block;
    this.#arena = arena;
    this.#body = new RecoveredBody(slot.file, position + bytes - body.length, header.sequence);
    this.#copies = body.length < entries.length * largeEntryBytes;
  }

  /** `from`: where it begins in the body. */
  run(from: number, length: number, baseOffset: number, endOffset: number): RecoveredRun {
    if (this.#copies) this.#copy();
    return new RecoveredRun(this.#body, from, length, baseOffset, endOffset, this.#backing);
  }

  #copy(): void {
    if (this.#backing === undefined) {
      const { body } = this.block;
      this.#backing = this.#arena.copy(body);
      this.#arena.reference(this.#backing);
      this.#body.start = this.#backing.used - body.length;
    }
    this.#arena.reference(this.#backing);
  }

  done(): void {
    if (this.#backing !== undefined) this.#arena.release(this.#backing);
  }
}

/** Adds what of the entry follows the log's end; all of it may be known, or its beginning. `start`: in the block's body. */
function addBatches(runs: BlockRuns, log: RecoveredLog, entry: BlockEntry, start: number): void {
  const { body } = runs.block;
  const { endOffset } = entry;
  let from = start;
  let baseOffset = entry.baseOffset;
  while (baseOffset < log.endOffset) {
    baseOffset = nextOffset(body, from);
    from += batchLength(body, from);
  }
  const run = runs.run(from, start + entry.bytes - from, baseOffset, endOffset);
  if (baseOffset > log.endOffset) log.early = withItem(log.early, run);
  else log.add(run);
}

/** So that a start needs no more memory than a log's tail, and uses the same again and again. */
function giveUpCopies(arena: Arena, { items }: RecoveredLog): void {
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i];
    if (!(item instanceof RecoveredRun)) return;
    item.release(arena);
  }
}

/** Runs that waited for their predecessors. */
function addEarly(arena: Arena, log: RecoveredLog): void {
  if (log.early.length === 0) return;
  for (let again = true; again; ) {
    again = false;
    for (const run of log.early) {
      if (run.baseOffset > log.endOffset) continue;
      log.early = log.early.filter((other) => other !== run);
      if (run.baseOffset === log.endOffset) {
        log.add(run);
      } else {
        run.release(arena);
      }
      again = true;
      break;
    }
  }
}

/** False when bytes that the block says were written in place are not there. A file that is gone belonged to a deleted topic. */
async function extentsAreThere({ extents: reader }: Work, block: Block, logs: RecoveredLogs): Promise<boolean> {
  const extents: { entry: BlockEntry; place: ExtentPlace }[] = [];
  eachEntry(block, (entry, start) => {
    if (entry.type !== EntryType.EXTENT) return;
    const known = logs.get(entry.topicId, entry.partition);
    if (known !== undefined && entry.endOffset <= known.endOffset) return;
    const place = decodeExtentPlace(block.body.subarray(start, start + entry.bytes));
    extents.push({ entry: { ...entry, topicId: Buffer.from(entry.topicId) }, place });
  });
  for (const { entry, place } of extents) {
    if ((await reader.topicIdIn(place.directory)) !== entry.topicId.toString('base64url')) continue;
    const bytes = await reader.read(place);
    if (bytes === undefined || crc32c(bytes) !== entry.crc) return false;
  }
  return true;
}

function damagedLog(options: Pick<RecoveryOptions, 'slots'>, expected: WalPosition): StorageError {
  const path = options.slots[expected.slot]?.file.path ?? 'the write-ahead log';
  return new StorageError(
    'DAMAGED',
    `${path}: block ${expected.sequence}, expected at byte ${expected.position}, was durable but is damaged or missing; restore the directory from a backup.`,
  );
}

/** The same bytes to the same places: the next sync writes them for sure, even where a failed one left the page clean. */
async function writeAgain(blocks: readonly Block[], { makeDurable, recovered }: Work): Promise<void> {
  const touched = new Set<OpenFile>();
  for (const { slot, position, bytes } of blocks) {
    const { file } = slot;
    if (!makeDurable) {
      recovered.addAgain({ file, position, bytes });
      continue;
    }
    const copy = Buffer.allocUnsafe(bytes);
    file.readSync(copy, position);
    file.writeSync([copy], position);
    touched.add(file);
  }
  for (const file of touched) await file.sync();
}

/** With extents: works out where the segments end. Runs before an extent were written before it, into the same segments. */
async function settle(options: Work, log: RecoveredLog, proven: number): Promise<void> {
  const { files, dataDirectory, recovered } = options;
  const { extents } = log;
  const last = extents[extents.length - 1] as RecoveredExtent;
  const directory = `${dataDirectory}/${last.place.directory}`;
  if ((await options.extents.topicIdIn(last.place.directory)) !== log.topicId) {
    cutAtLostExtent(options.arena, log, proven);
    return;
  }
  await removeBetween(files, directory, log.flushedPlace?.activeBase ?? -1, extents);
  const writer = new SegmentRewriter(options, directory, log.flushedPlace);
  let runs: RecoveredRun[] = [];
  for (const item of log.items) {
    if (item instanceof RecoveredRun) {
      runs.push(item);
      continue;
    }
    for (const run of runs) await writer.addRun(run, item.place.segmentBase);
    runs = [];
    await writer.addExtent(item, item.sequence > proven);
    if (item === last) break;
  }
  await writer.finish();
  if (options.makeDurable) {
    await files.syncDirectory(directory);
    await files.syncDirectory(dataDirectory);
  } else {
    recovered.addDirectory(directory);
    recovered.addDirectory(dataDirectory);
  }
  log.flushedPlace = writer.place;
  log.flushedOffset = last.endOffset;
}

/**
 * Without its directory a partition was deleted, and nobody will open it; or its directory never became durable: then
 * neither did the block, and the log ends before it.
 */
function cutAtLostExtent(arena: Arena, log: RecoveredLog, proven: number): void {
  const extent = log.extents[0] as RecoveredExtent;
  const at = log.items.indexOf(extent);
  if (extent.sequence <= proven) return;
  for (const item of [...log.items.slice(at), ...log.early]) if (item instanceof RecoveredRun) item.release(arena);
  log.items = log.items.slice(0, at);
  log.extents = NO_ITEMS;
  log.early = NO_ITEMS;
  log.endOffset = extent.baseOffset;
  log.claimedEnd = Math.max(log.stateEnd, log.endOffset);
}

/** Segments that only a lost middle of the log knew. */
async function removeBetween(
  files: Files,
  directory: string,
  activeBase: number,
  extents: readonly RecoveredExtent[],
): Promise<void> {
  const kept = new Set(extents.map(({ place }) => place.segmentBase));
  const last = Math.max(...kept);
  for (const name of await files.list(directory)) {
    const base = segmentBase(name);
    if (base === undefined || base <= activeBase || kept.has(base) || base > last) continue;
    for (const suffix of ['log', 'index', 'timeindex', 'txnindex'])
      await files.remove(`${directory}/${segmentName(base)}.${suffix}`);
  }
}

class SegmentRewriter {
  place: KnownSegments | undefined;
  #options: Work;
  #directory: string;
  #file: OpenFile | undefined;

  constructor(options: Work, directory: string, place: KnownSegments | undefined) {
    this.#options = options;
    this.#directory = directory;
    this.place = place;
  }

  /** Batches from `nextBase` on belong to that segment, those before to the current one. */
  async addRun(run: RecoveredRun, nextBase: number): Promise<void> {
    const buffer = run.read(this.#options.extents.buffer(run.length));
    for (let at = 0, offset = run.baseOffset; at < run.length; ) {
      const bytes = batchLength(buffer, at);
      const isFull = (this.place?.activeBytes ?? 0) + bytes > this.#options.segmentBytesMax;
      if (offset === nextBase || this.place === undefined || isFull) await this.#begin(offset);
      const file = await this.#current();
      const place = this.place as KnownSegments;
      file.writeSync([buffer.subarray(at, at + bytes)], place.activeBytes);
      this.place = { ...place, activeBytes: place.activeBytes + bytes };
      offset = nextOffset(buffer, at);
      at += bytes;
    }
  }

  async addExtent(extent: RecoveredExtent, again: boolean): Promise<void> {
    const { segmentBase, position, length } = extent.place;
    if (this.place?.activeBase !== segmentBase) await this.#begin(segmentBase);
    const place = this.place as KnownSegments;
    const file = await this.#current();
    if (place.activeBytes !== position) {
      throw new StorageError(
        'DAMAGED',
        `${file.path} ends at byte ${place.activeBytes} where the write-ahead log says ${position}.`,
      );
    }
    if (again && !this.#options.makeDurable) {
      this.#options.recovered.addAgain({ file, position, bytes: length });
    } else if (again) {
      const bytes = this.#options.extents.buffer(length);
      file.readSync(bytes, position);
      file.writeSync([bytes], position);
    }
    this.place = { ...place, activeBytes: position + length };
  }

  async #begin(base: number): Promise<void> {
    if (this.place?.activeBase === base) return;
    await this.finish();
    const olderBytes = this.place === undefined ? 0 : this.place.olderBytes + this.place.activeBytes;
    this.place = { activeBase: base, activeBytes: 0, olderBytes, oldestBase: this.place?.oldestBase ?? base };
  }

  async #current(): Promise<OpenFile> {
    const base = (this.place as KnownSegments).activeBase;
    this.#file ??= await this.#options.files.open(`${this.#directory}/${segmentName(base)}.log`, 'write');
    return this.#file;
  }

  async finish(): Promise<void> {
    if (this.place === undefined) return;
    const file = await this.#current();
    if (file.sizeSync() > this.place.activeBytes) file.truncateSync(this.place.activeBytes);
    this.#file = undefined;
    if (!this.#options.makeDurable) {
      await this.#options.recovered.add(file);
      return;
    }
    await file.sync();
    await file.close();
  }
}

const emptyBuffer = Buffer.alloc(0);
