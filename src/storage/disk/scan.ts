// Walks batch headers in a segment's file without reading more than it must keep.

import { BATCH_HEADER_BYTES, LOG_OVERHEAD_BYTES } from '../../records/record-batch.ts';
import type { OpenFile } from '../../runtime/files.ts';
import { StorageError } from '../storage-error.ts';
import type { PromptReads } from './prompt-reads.ts';

/** Enough for a header, and for the small batches between two entries of an index. */
const windowBytesMin = 8 * 1024;
const windowBytesMax = 128 * 1024;
const promptVisitsMax = 32;

/**
 * Calls `visit` for each batch that starts in [from, until), with a buffer that holds its header at `at` (only lent) and its
 * position in the file. `visit` returns true to stop. With `prompt` large batches are read at once while the disk is not needed.
 * Returns the position after the last visited batch.
 */
export async function scanBatches(
  file: OpenFile,
  from: number,
  until: number,
  visit: (buffer: Buffer, at: number, position: number, bytes: number) => boolean | undefined,
  prompt?: PromptReads,
): Promise<number> {
  let window = Buffer.alloc(0);
  let windowStart = from;
  let windowBytes = windowBytesMin / 2;
  let visitedInWindow = 0;
  let position = from;
  while (position < until) {
    const windowEnd = windowStart + window.length;
    if (position + BATCH_HEADER_BYTES > windowEnd) {
      // A walk over batches that are not far apart soon reads all there is, in large pieces; past large batches only headers.
      const isNear = position - windowEnd < windowBytesMax;
      windowBytes = isNear ? Math.min(2 * windowBytes, windowBytesMax) : windowBytesMin;
      const bytes = Math.min(windowBytes, until - position);
      const fresh = Buffer.allocUnsafe(bytes);
      // Many small batches take longer to visit than to read: after a window of them others get their turn.
      const atOnce = visitedInWindow <= promptVisitsMax && prompt?.mayRead() ? prompt.read(file, fresh, position) : 0;
      visitedInWindow = 0;
      const got = atOnce >= BATCH_HEADER_BYTES ? atOnce : await file.read(fresh, position);
      window = fresh.subarray(0, got);
      windowStart = position;
      if (got < BATCH_HEADER_BYTES) throw damaged(file, position);
    }
    const at = position - windowStart;
    const bytes = LOG_OVERHEAD_BYTES + window.readInt32BE(at + 8);
    if (bytes < BATCH_HEADER_BYTES || position + bytes > until) throw damaged(file, position);
    visitedInWindow++;
    if (visit(window, at, position, bytes)) return position + bytes;
    position += bytes;
  }
  return position;
}

export function damaged(file: OpenFile, position: number): StorageError {
  return new StorageError('DAMAGED', `${file.path} holds no whole batch at byte ${position}.`);
}
