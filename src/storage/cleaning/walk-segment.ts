// Walks the whole batches of a segment's file, a buffer at a time, and lets others have their turn between two buffers. Each is
// checked before it is shown: what compaction writes anew has a new CRC, under which damage would pass for good.
import { BATCH_HEADER_BYTES, LENGTH_AT, LOG_OVERHEAD_BYTES, nextOffset } from '../../records/record-batch.ts';
import type { Files } from '../../runtime/files.ts';
import { damageAt, damagedBatch } from '../disk/check-batches.ts';
import { StorageError } from '../storage-error.ts';

/** Between two slices of work: resolves when it may go on, rejects when it must end. */
export type Pause = (bytes: number) => Promise<void>;

export interface Walk {
  readonly files: Files;
  readonly path: string;
  /** No batch begins below. */
  readonly baseOffset: number;
  /** None ends beyond. */
  readonly endOffset: number;
  readonly sizeBytes: number;
  readonly bufferBytes: number;
  readonly pause: Pause;
}

/** Visits each batch at `at` in a buffer that is only lent, until `visit` returns true; true when it did. */
export async function walkSegment(walk: Walk, visit: (buffer: Buffer, at: number) => boolean): Promise<boolean> {
  const { path, sizeBytes, pause } = walk;
  let next = walk.baseOffset;
  const file = await walk.files.open(path, 'read');
  try {
    let buffer = Buffer.allocUnsafe(Math.max(BATCH_HEADER_BYTES, Math.min(walk.bufferBytes, sizeBytes)));
    for (let position = 0; position < sizeBytes; ) {
      const want = Math.min(buffer.length, sizeBytes - position);
      const got = await file.read(buffer.subarray(0, want), position);
      let at = 0;
      while (at + BATCH_HEADER_BYTES <= got) {
        const end = at + LOG_OVERHEAD_BYTES + buffer.readInt32BE(at + LENGTH_AT);
        if (end > got) break;
        if (end < at + BATCH_HEADER_BYTES) throw noBatch(path, position + at);
        const what = damageAt(buffer, at, next) ?? tooLate(buffer, at, walk.endOffset);
        if (what !== undefined) throw damagedBatch(path, position + at, next, what);
        next = nextOffset(buffer, at);
        if (visit(buffer, at)) return true;
        at = end;
      }
      if (at === 0) {
        const bytes = got < LOG_OVERHEAD_BYTES ? 0 : LOG_OVERHEAD_BYTES + buffer.readInt32BE(LENGTH_AT);
        if (bytes <= want || bytes > sizeBytes - position) throw noBatch(path, position);
        buffer = Buffer.allocUnsafe(bytes);
      }
      position += at;
      await pause(at);
    }
    return false;
  } finally {
    await file.close();
  }
}

function tooLate(buffer: Buffer, at: number, endOffset: number): string | undefined {
  const next = nextOffset(buffer, at);
  return next > endOffset ? `it says it ends at offset ${next - 1}` : undefined;
}

function noBatch(path: string, position: number): StorageError {
  return new StorageError('DAMAGED', `${path} holds no whole batch at byte ${position}.`);
}
