// The write-ahead log on a disk: a ring of files that are written over again and again (blocks: block.ts). One writer, one
// write at a time. Invariant: a file is written over only when the published checkpoint needs none of its blocks.
//
// Files `wal-0` … `wal-<n−1>`; each is a row of blocks from position 0, every block at a multiple of the alignment. The next
// block stands behind the last one, or, where it did not fit, at position 0 of another file; which one is found by
// content, so the number and size of the files may change between starts.
import type { Files, OpenFile } from '../../runtime/files.ts';
import { type BlockBody, type BlockEntry, encodeBlockHead } from './block.ts';
import { writeInPieces } from './write-in-pieces.ts';

export interface WalSlot {
  readonly index: number;
  readonly file: OpenFile;
  /** Sequences of the blocks in it; −1 when it is free. */
  firstSequence: number;
  lastSequence: number;
  /** Where a replay may start in it: the first of its blocks, and one in every mebibyte. */
  marks: WalPosition[];
}

/** Where a replay starts: the block with this sequence, here or at position 0 of another file. */
export interface WalPosition {
  readonly sequence: number;
  readonly slot: number;
  readonly position: number;
  readonly previousCrc: number;
}

export interface WalOptions {
  readonly logId: Buffer;
  readonly startEpoch: number;
  readonly fileBytes: number;
  /** Blocks start at multiples of this. */
  readonly alignment: number;
  /** Where the next block goes. */
  readonly next: WalPosition;
  readonly lastSynced: number;
  /** Called when a file is full and the next one was begun. */
  readonly onRolled: () => void;
}

export class Wal {
  readonly slots: WalSlot[];
  #options: WalOptions;
  #current: WalSlot;
  #position: number;
  #previousCrc: number;
  #sequence: number;
  #lastSynced: number;
  #unsynced = new Set<WalSlot>();
  #padding: Buffer;

  constructor(slots: WalSlot[], options: WalOptions) {
    this.slots = slots;
    this.#options = options;
    this.#current = slots[options.next.slot] as WalSlot;
    this.#position = align(options.next.position, options.alignment);
    this.#previousCrc = options.next.previousCrc;
    this.#sequence = options.next.sequence;
    this.#lastSynced = options.lastSynced;
    // What a start found may be in the page cache only.
    for (const slot of slots) if (slot.lastSequence > options.lastSynced) this.#unsynced.add(slot);
    this.#padding = Buffer.alloc(options.alignment);
  }

  /** The sequence that the next block gets. */
  get nextSequence(): number {
    return this.#sequence;
  }

  /** False when a block of this size must wait until a file is released. */
  hasRoom(bytes: number): boolean {
    return this.#position + bytes <= this.#options.fileBytes || this.#freeSlot() !== undefined;
  }

  /** Bytes of a block; larger ones than this never fit. */
  get blockBytesMax(): number {
    return this.#options.fileBytes;
  }

  /** Writes the next block, or throws; then nothing may be written any more. */
  write(entries: readonly BlockEntry[], body: BlockBody): number {
    const sequence = this.#sequence;
    const { head, crc } = encodeBlockHead(
      {
        logId: this.#options.logId,
        startEpoch: this.#options.startEpoch,
        sequence,
        lastSynced: this.#lastSynced,
        previousCrc: this.#previousCrc,
      },
      entries,
      body,
    );
    const bytes = head.length + body.bytes;
    if (this.#position + bytes > this.#options.fileBytes) this.#roll();
    const slot = this.#current;
    const end = align(this.#position + bytes, this.#options.alignment);
    const parts: Uint8Array[] = [head, ...body.parts];
    // Whole pages: the kernel need not read what is written over.
    const padding = Math.min(end, this.#options.fileBytes) - this.#position - bytes;
    if (padding > 0) parts.push(this.#padding.subarray(0, padding));
    writeInPieces(slot.file, parts, this.#position);
    noteBlock(slot, sequence, this.#position, this.#previousCrc);
    this.#unsynced.add(slot);
    this.#position = end;
    this.#previousCrc = crc;
    this.#sequence++;
    return sequence;
  }

  /**
   * Makes everything written so far durable. Blocks up to `provenUpTo` may then call themselves durable: all of them,
   * unless bytes that later ones describe elsewhere are not.
   */
  async sync(provenUpTo = this.#sequence - 1): Promise<void> {
    const slots = [...this.#unsynced];
    this.#unsynced.clear();
    if (slots.length === 1) await (slots[0] as WalSlot).file.sync();
    else await Promise.all(slots.map((slot) => slot.file.sync()));
    this.#lastSynced = Math.max(this.#lastSynced, provenUpTo);
  }

  /** Sequence of the last block that must leave for the oldest `count` files in use to become free; the current one stays. */
  lastSequenceOfOldest(count: number): number {
    const used = this.slots
      .filter((slot) => slot !== this.#current && slot.lastSequence >= 0)
      .sort((a, b) => a.firstSequence - b.firstSequence);
    return used[Math.min(count, used.length) - 1]?.lastSequence ?? -1;
  }

  get freeSlots(): number {
    return this.slots.reduce((count, slot) => count + (slot.lastSequence < 0 && slot !== this.#current ? 1 : 0), 0);
  }

  /**
   * Where a replay has to start so that it meets every block from `sequence` on: not far before it, or the end of the log when
   * there is no such block yet.
   */
  positionOf(sequence: number): WalPosition {
    for (const { firstSequence, lastSequence, marks } of this.slots) {
      if (firstSequence < 0 || firstSequence > sequence || sequence > lastSequence) continue;
      const before = marks.filter((mark) => mark.sequence <= sequence);
      return before[before.length - 1] as WalPosition;
    }
    return {
      sequence: this.#sequence,
      slot: this.#current.index,
      position: this.#position,
      previousCrc: this.#previousCrc,
    };
  }

  /** Frees the files that hold only blocks before `sequence`. Call it when a checkpoint that starts there is durable. */
  release(sequence: number): void {
    for (const slot of this.slots) {
      if (slot !== this.#current && slot.lastSequence >= 0 && slot.lastSequence < sequence) {
        slot.firstSequence = -1;
        slot.lastSequence = -1;
        slot.marks = [];
      }
    }
  }

  /** One more file; its name is durable when this resolves. */
  async grow(files: Files, directory: string): Promise<void> {
    const index = this.slots.length;
    const file = await files.open(`${directory}/${walFileName(index)}`, 'write');
    await files.syncDirectory(directory);
    this.slots.push({ index, file, firstSequence: -1, lastSequence: -1, marks: [] });
  }

  async close(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.file.close()));
  }

  #roll(): void {
    const free = this.#freeSlot();
    if (free === undefined) throw new Error('the write-ahead log has no free file');
    this.#current = free;
    this.#position = 0;
    this.#options.onRolled();
  }

  /** The next free file in ring order: one lap touches all of them before any is written over. */
  #freeSlot(): WalSlot | undefined {
    const count = this.slots.length;
    for (let i = 1; i < count; i++) {
      const slot = this.slots[(this.#current.index + i) % count] as WalSlot;
      if (slot.lastSequence < 0) return slot;
    }
    return undefined;
  }
}

const markBytes = 1024 * 1024;

/** A block was written to the file, or found in it; in order. */
export function noteBlock(slot: WalSlot, sequence: number, position: number, previousCrc: number): void {
  if (slot.firstSequence < 0) slot.firstSequence = sequence;
  slot.lastSequence = sequence;
  const last = slot.marks[slot.marks.length - 1];
  if (last !== undefined && position - last.position < markBytes) return;
  slot.marks.push({ sequence, slot: slot.index, position, previousCrc });
}

/** That blocks may have, the smallest first: without syncs there is no reason to waste bytes of a page. */
export const ALIGNMENTS = [64, 4096] as const;

export function align(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}

export function walFileName(index: number): string {
  return `wal-${index}`;
}

/** Opens `wal-0` … and as many further files as the directory already has. */
export async function openSlots(files: Files, directory: string, count: number): Promise<WalSlot[]> {
  const names = new Set(await files.list(directory));
  let total = count;
  while (names.has(walFileName(total))) total++;
  const slots: WalSlot[] = [];
  for (let index = 0; index < total; index++) {
    const file = await files.open(`${directory}/${walFileName(index)}`, 'write');
    slots.push({ index, file, firstSequence: -1, lastSequence: -1, marks: [] });
  }
  return slots;
}
