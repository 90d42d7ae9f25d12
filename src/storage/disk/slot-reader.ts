// Reads the files of the write-ahead log at a start, through a window that moves forward; what it returns is valid until the next
// read.
import { blockHeaderBytes, readBlockHeader } from './block.ts';
import type { WalSlot } from './wal.ts';

const searchBytes = 4 * 1024 * 1024;

export class SlotReader {
  #slot: WalSlot | undefined;
  #start = 0;
  #window: Buffer = Buffer.alloc(0);
  #buffer: Buffer | undefined;
  #firstSequences = new Map<WalSlot, number | undefined>();
  #sizes = new Map<WalSlot, number>();
  #windowBytes: number;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  /** Undefined when the file ends before. */
  read(slot: WalSlot, position: number, bytes: number): Buffer | undefined {
    const end = this.#start + this.#window.length;
    if (this.#slot !== slot || position < this.#start || position + bytes > end) {
      if (position + bytes > this.#sizeOf(slot)) return undefined;
      const kept = this.#slot === slot && position >= this.#start && position < end ? end - position : 0;
      const got = kept + this.#fill(slot, position, Math.max(this.#windowBytes, bytes), kept);
      this.#slot = slot;
      this.#start = position;
      this.#window = (this.#buffer as Buffer).subarray(0, got);
      if (got < bytes) return undefined;
    }
    return this.#window.subarray(position - this.#start, position - this.#start + bytes);
  }

  /** The last `kept` bytes of the window begin the next one. Returns how many more were read. */
  #fill(slot: WalSlot, position: number, want: number, kept: number): number {
    const { length } = this.#window;
    const last = this.#window.subarray(length - kept, length);
    if (this.#buffer === undefined || this.#buffer.length < want) this.#buffer = Buffer.allocUnsafeSlow(want);
    last.copy(this.#buffer, 0);
    return slot.file.readSync(this.#buffer.subarray(kept, want), position + kept);
  }

  /** Asked once: a start looks into a file thousands of times, and nobody writes. */
  #sizeOf(slot: WalSlot): number {
    let size = this.#sizes.get(slot);
    if (size === undefined) this.#sizes.set(slot, (size = slot.file.sizeSync()));
    return size;
  }

  /** Sequence that the file's first header claims. */
  firstSequence(slot: WalSlot, logId: Buffer): number | undefined {
    if (!this.#firstSequences.has(slot)) {
      const bytes = Buffer.alloc(blockHeaderBytes);
      const whole = slot.file.readSync(bytes, 0) === bytes.length;
      this.#firstSequences.set(slot, whole ? readBlockHeader(bytes, 0, logId)?.sequence : undefined);
    }
    return this.#firstSequences.get(slot);
  }

  /** Positions of a pattern from `start` on. */
  *find(slot: WalSlot, pattern: Buffer, start: number): Generator<number> {
    const size = this.#sizeOf(slot);
    const window = Buffer.allocUnsafe(Math.min(searchBytes, size));
    for (let from = start; from + pattern.length <= size; ) {
      const got = slot.file.readSync(window, from);
      for (
        let at = window.indexOf(pattern);
        at >= 0 && at + pattern.length <= got;
        at = window.indexOf(pattern, at + 1)
      ) {
        yield from + at;
      }
      if (from + got >= size) return;
      from += got - pattern.length + 1;
    }
  }
}
