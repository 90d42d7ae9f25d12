// The `.txnindex` files beside the segments of a partition (layout: aborted-index.ts), one for each segment that holds abort
// markers. What counts of a file are its leading entries with a marker below the partition's indexed offset: these are
// durable. A crash may leave more, which is cut off before the first use.
import {
  ABORTED_ENTRY_BYTES,
  type AbortedTransaction,
  collectAborted,
  entriesBelow,
  markerOffsetAt,
} from '../aborted-index.ts';
import type { FileLease } from './file-cache.ts';
import type { Segment } from './segment.ts';
import type { SegmentsHost } from './segments-host.ts';

/** Read at once; a larger file is searched first. */
const chunkBytes = 1024 * ABORTED_ENTRY_BYTES;

/** Leaves of a file what counts, durably. */
export async function cutAborted(host: SegmentsHost, segment: Segment, indexedOffset: number): Promise<void> {
  await withFile(host, segment, 'write', async ({ file }) => {
    const sizeBytes = file.sizeSync();
    let count = 0;
    let newest = segment.baseOffset - 1;
    for (let at = 0; at + ABORTED_ENTRY_BYTES <= sizeBytes; at += chunkBytes) {
      const entries = await readEntries(host, { file }, at, sizeBytes);
      for (let i = 0; (i + 1) * ABORTED_ENTRY_BYTES <= entries.length; i++) {
        const marker = markerOffsetAt(entries, i);
        // Zeros are a hole that a crash left.
        if (marker <= newest || marker === 0 || marker >= indexedOffset) {
          at = sizeBytes;
          break;
        }
        newest = marker;
        count++;
      }
    }
    segment.abortedEntries = count;
    if (count * ABORTED_ENTRY_BYTES === sizeBytes) return;
    file.truncateSync(count * ABORTED_ENTRY_BYTES);
    // Should the process die without another write, the cut must not come undone.
    await host.slots.runLong(() => file.sync());
  });
}

/** Adds entries, durably but for the name of a new file: true when the file is new. */
export async function appendAborted(host: SegmentsHost, segment: Segment, entries: Buffer): Promise<boolean> {
  const isNew = segment.abortedEntries === 0;
  await withFile(host, segment, 'write', async ({ file }) => {
    const position = storedCount(segment, file.sizeSync()) * ABORTED_ENTRY_BYTES;
    await host.slots.run(() => file.write([entries], position));
    await host.slots.runLong(() => file.sync());
    segment.abortedEntries = position / ABORTED_ENTRY_BYTES + entries.length / ABORTED_ENTRY_BYTES;
  });
  // Retention may have renamed what was there before this opened it.
  if (segment.gone) await host.files.remove(segment.txnIndexPath);
  return isNew;
}

/** As collectAborted, over what counts of a file. */
export async function collectFromFile(
  host: SegmentsHost,
  segment: Segment,
  range: { readonly fromOffset: number; readonly limitOffset: number; readonly indexedOffset: number },
  into: AbortedTransaction[],
): Promise<boolean> {
  let isComplete = false;
  await withFile(host, segment, 'read', async (lease) => {
    const sizeBytes = storedCount(segment, lease.file.sizeSync()) * ABORTED_ENTRY_BYTES;
    let at = sizeBytes <= chunkBytes ? 0 : await positionOf(host, lease, range.fromOffset, sizeBytes);
    for (; at < sizeBytes && !isComplete; at += chunkBytes) {
      const entries = await readEntries(host, lease, at, sizeBytes);
      const counting = entriesBelow(entries, range.indexedOffset) * ABORTED_ENTRY_BYTES;
      isComplete =
        collectAborted(entries.subarray(0, counting), range.fromOffset, range.limitOffset, into) ||
        counting < entries.length;
    }
  });
  return isComplete;
}

/** Where the first entry with a marker at or above `offset` stands, by halving. */
async function positionOf(host: SegmentsHost, { file }: FileLease, offset: number, sizeBytes: number): Promise<number> {
  const entry = Buffer.alloc(ABORTED_ENTRY_BYTES);
  let low = 0;
  let high = sizeBytes / ABORTED_ENTRY_BYTES;
  await host.slots.run(async () => {
    while (low < high) {
      const middle = (low + high) >>> 1;
      await file.read(entry, middle * ABORTED_ENTRY_BYTES);
      if (markerOffsetAt(entry, 0) < offset) low = middle + 1;
      else high = middle;
    }
  });
  return low * ABORTED_ENTRY_BYTES;
}

/** Whole entries of one chunk. */
async function readEntries(
  host: SegmentsHost,
  { file }: Pick<FileLease, 'file'>,
  position: number,
  sizeBytes: number,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes - position));
  const got = await host.slots.run(() => file.read(bytes, position));
  return bytes.subarray(0, got - (got % ABORTED_ENTRY_BYTES));
}

function storedCount(segment: Segment, sizeBytes: number): number {
  if (segment.abortedEntries < 0) segment.abortedEntries = Math.floor(sizeBytes / ABORTED_ENTRY_BYTES);
  return segment.abortedEntries;
}

async function withFile(
  host: SegmentsHost,
  segment: Segment,
  mode: 'read' | 'write',
  work: (lease: FileLease) => Promise<void>,
): Promise<void> {
  const lease = await host.cache.lease(segment.txnIndexPath, mode);
  try {
    await work(lease);
  } finally {
    lease.release();
  }
}
