// Walks a whole segment's file and tries every batch in it. Where one is damaged, the next sound one is looked for, so that what
// is lost can be named.
import {
  BATCH_HEADER_BYTES,
  baseOffset,
  batchLength,
  MAGIC,
  MAGIC_AT,
  nextOffset,
} from '../../records/record-batch.ts';
import type { OpenFile } from '../../runtime/files.ts';
import { damageAt, lengthIsPossible } from '../disk/check-batches.ts';

export interface SegmentRange {
  readonly baseOffset: number;
  /** One past the last offset that may be in it. */
  readonly endOffset: number;
  /** Bytes that belong to the log. */
  readonly sizeBytes: number;
  readonly epochOf: (offset: number) => number | undefined;
}

export interface Damage {
  readonly position: number;
  readonly bytes: number;
  /** What is lost: [baseOffset, endOffset). */
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly what: string;
}

export interface WalkResult {
  readonly damages: readonly Damage[];
  /** After the last sound batch. */
  readonly nextOffset: number;
}

/** `visit` gets every sound batch; the buffer is only lent, and holds it whole at `at`. */
export async function walkSegment(
  file: OpenFile,
  range: SegmentRange,
  visit: (buffer: Buffer, at: number, position: number) => void,
): Promise<WalkResult> {
  const window = new Window(file, range.sizeBytes);
  const damages: Damage[] = [];
  let next = range.baseOffset;
  for (let position = 0; position < range.sizeBytes; ) {
    const what = await damageOf(window, position, next, range);
    if (what === undefined) {
      const { buffer, at } = await window.at(position, BATCH_HEADER_BYTES);
      const bytes = batchLength(buffer, at);
      const whole = await window.at(position, bytes);
      visit(whole.buffer, whole.at, position);
      next = nextOffset(whole.buffer, whole.at);
      position += bytes;
      continue;
    }
    const resumed = await nextSound(window, position, next, range);
    const end = resumed?.position ?? range.sizeBytes;
    const endOffset = resumed?.baseOffset ?? range.endOffset;
    damages.push({ position, bytes: end - position, baseOffset: next, endOffset, what });
    position = end;
    if (resumed === undefined) next = range.endOffset;
  }
  return { damages, nextOffset: next };
}

async function damageOf(
  window: Window,
  position: number,
  next: number,
  range: SegmentRange,
): Promise<string | undefined> {
  const left = range.sizeBytes - position;
  const header = await window.at(position, Math.min(left, BATCH_HEADER_BYTES));
  if (header.bytes < BATCH_HEADER_BYTES) return 'the file ends in the middle of a batch';
  const bytes = batchLength(header.buffer, header.at);
  if (!lengthIsPossible(bytes, left)) return `it says it has ${bytes} bytes`;
  const { buffer, at, bytes: got } = await window.at(position, bytes);
  if (got < bytes) return 'the file ends in the middle of a batch';
  const what = damageAt(buffer, at, next, range.epochOf);
  if (what !== undefined) return what;
  return nextOffset(buffer, at) > range.endOffset
    ? `it says it ends at offset ${nextOffset(buffer, at) - 1}`
    : undefined;
}

/** The first sound batch behind a damaged one, of later offsets. */
async function nextSound(
  window: Window,
  position: number,
  next: number,
  range: SegmentRange,
): Promise<{ position: number; baseOffset: number } | undefined> {
  for (let from = position + 1; from + BATCH_HEADER_BYTES <= range.sizeBytes; from++) {
    const { buffer, at } = await window.at(from, BATCH_HEADER_BYTES);
    // Most positions are ruled out by what costs nothing.
    if (buffer[at + MAGIC_AT] !== MAGIC) continue;
    const base = baseOffset(buffer, at);
    if (!(base > next && base < range.endOffset)) continue;
    if ((await damageOf(window, from, next, range)) === undefined) return { position: from, baseOffset: base };
  }
  return undefined;
}

const WINDOW_BYTES = 4 * 1024 * 1024;

/** Part of a file in memory. */
class Window {
  readonly #file: OpenFile;
  readonly #sizeBytes: number;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(file: OpenFile, sizeBytes: number) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
  }

  /** Valid until the next call; `bytes` is less than asked for where the file ends. */
  async at(position: number, bytes: number): Promise<{ buffer: Buffer; at: number; bytes: number }> {
    if (position < this.#start || position + bytes > this.#start + this.#buffer.length) {
      const fresh = Buffer.allocUnsafe(Math.min(Math.max(WINDOW_BYTES, bytes), this.#sizeBytes - position));
      this.#buffer = fresh.subarray(0, await this.#file.read(fresh, position));
      this.#start = position;
    }
    const at = position - this.#start;
    return { buffer: this.#buffer, at, bytes: Math.max(0, Math.min(bytes, this.#buffer.length - at)) };
  }
}
