// Whether blocks beyond the end of the write-ahead log prove that the end is damage. A start looks at every head in the log's files,
// which are thousands once a topic has grown: so walking makes no object for a small one.
import { readInt64 } from '../../records/int64.ts';
import { blockHeaderBytes, blockPattern, descriptorBytes, headerAt, headIsValid } from './block.ts';
import { SlotReader } from './slot-reader.ts';
import { ALIGNMENTS, align, type WalPosition, type WalSlot } from './wal.ts';

/** Holds several heads of small blocks, and is not much to read for one of a large block. */
const windowBytes = 16 * 1024;

export interface LaterBlocksOptions {
  readonly slots: readonly WalSlot[];
  readonly logId: Buffer;
  /** Where a block is missing. */
  readonly expected: WalPosition;
  /** Where the last block before it ends. */
  readonly endBytes: number;
  /** The start epoch below which a block of that sequence was found torn, and says nothing. */
  readonly oldestEpoch: (sequence: number) => number;
}

/**
 * True when a block was formed after the missing one had become durable. From head to head where they follow one another; what
 * comes after the last of them is searched.
 */
export function laterBlockProves({ slots, logId, expected, endBytes, oldestEpoch }: LaterBlocksOptions): boolean {
  const pattern = blockPattern(logId);
  const reader = new SlotReader(windowBytes);
  const isProof = (head: BlockHead): boolean =>
    head.sequence > expected.sequence &&
    head.lastSynced >= expected.sequence &&
    head.startEpoch >= oldestEpoch(head.sequence);
  for (const slot of slots) {
    // Where the missing block belongs an older one may stand, and hide later ones.
    const limit = slot.index === expected.slot ? endBytes : Number.POSITIVE_INFINITY;
    const head = new BlockHead(reader, slot, pattern);
    let end = 0;
    for (let found = head.moveTo(0); found && head.position < limit; found = head.moveOn()) {
      if (isProof(head)) return true;
      end = head.end;
    }
    for (const at of reader.find(slot, pattern, Math.min(end, limit)))
      if (head.moveTo(at) && isProof(head)) return true;
  }
  return false;
}

/** One valid head after the other in a file, whatever has become of the bodies. */
class BlockHead {
  position = 0;
  /** Of the whole block. */
  end = 0;
  sequence = -1;
  lastSynced = 0;
  startEpoch = 0;
  readonly #reader: SlotReader;
  readonly #slot: WalSlot;
  readonly #pattern: Buffer;
  #crc = 0;
  #previousCrc = 0;

  constructor(reader: SlotReader, slot: WalSlot, pattern: Buffer) {
    this.#reader = reader;
    this.#slot = slot;
    this.#pattern = pattern;
  }

  /**
   * What stands behind the block: at one of two places the block that was written next, or else the first valid one, which is of
   * another lap.
   */
  moveOn(): boolean {
    const { end, sequence } = this;
    const crc = this.#crc;
    let first = -1;
    let before = -1;
    for (const alignment of ALIGNMENTS) {
      const position = align(end, alignment);
      if (position === before) continue;
      before = position;
      if (!this.moveTo(position)) continue;
      if (this.sequence === sequence + 1 && this.#previousCrc === crc) return true;
      if (first < 0) first = position;
    }
    return first >= 0 && this.moveTo(first);
  }

  /** False, and nothing changes, when no valid head of this log stands there. */
  moveTo(position: number): boolean {
    const reader = this.#reader;
    const fixed = reader.locate(this.#slot, position, blockHeaderBytes);
    if (fixed < 0 || !this.#isHere(reader.window, fixed)) return false;
    const headBytes = blockHeaderBytes + reader.window.readUInt32BE(fixed + headerAt.entryCount) * descriptorBytes;
    const at = reader.locate(this.#slot, position, headBytes);
    const bytes = reader.window;
    if (at < 0 || !headIsValid(bytes, at, at + headBytes)) return false;
    this.position = position;
    this.end = position + headBytes + bytes.readUInt32BE(at + headerAt.bodyBytes);
    this.sequence = readInt64(bytes, at + headerAt.sequence);
    this.lastSynced = readInt64(bytes, at + headerAt.lastSynced);
    this.startEpoch = bytes.readUInt32BE(at + headerAt.startEpoch);
    this.#previousCrc = bytes.readUInt32BE(at + headerAt.previousCrc);
    this.#crc = bytes.readUInt32BE(at + headerAt.headerCrc);
    return true;
  }

  #isHere(bytes: Buffer, at: number): boolean {
    const pattern = this.#pattern;
    for (let i = 0; i < pattern.length; i++) if (bytes[at + i] !== pattern[i]) return false;
    return true;
  }
}
