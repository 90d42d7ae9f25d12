// Walks over batches in a file without reading all of them: for a start, which has checked them and now wants what a partition's state
// looks at. Where batches are small it reads all, in few pieces; where they are large, little more than their headers.
import { BATCH_HEADER_BYTES, batchLength, isControl } from '../../records/record-batch.ts';
import type { OpenFile } from '../../runtime/files.ts';
import { lengthIsPossible } from './check-batches.ts';

/** More than any control batch has. */
const windowBytesMax = 64 * 1024;
/** A page. */
const windowBytesMin = 4096;
/** Nobody waits between a read and the last look at what was read. */
let buffer: Buffer | undefined;

/**
 * Calls `visit` with each batch of these bytes of the file: whole when it is a control batch, else at least its header. Lent for the
 * call. False when the file does not hold such batches.
 */
export function visitBatchHeads(
  file: OpenFile,
  position: number,
  length: number,
  visit: (batch: Buffer) => void,
): boolean {
  buffer ??= Buffer.allocUnsafeSlow(windowBytesMax);
  const end = position + length;
  let windowBytes = windowBytesMin;
  for (let at = position; at < end; ) {
    const window = buffer.subarray(0, Math.min(windowBytes, end - at));
    if (file.readSync(window, at) !== window.length) return false;
    let used = 0;
    while (used + BATCH_HEADER_BYTES <= window.length) {
      const bytes = batchLength(window, used);
      if (!lengthIsPossible(bytes, end - at - used)) return false;
      const isWhole = used + bytes <= window.length;
      if (!isWhole && isControl(window, used)) break;
      visit(window.subarray(used, isWhole ? used + bytes : window.length));
      used += bytes;
    }
    if (used === 0 && (window.length < windowBytes || windowBytes === windowBytesMax)) return false;
    at += used;
    windowBytes = used > 2 * window.length ? windowBytesMin : Math.min(windowBytesMax, 4 * windowBytes);
  }
  return true;
}
