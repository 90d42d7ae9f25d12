// Makes `.txnindex` files again where all indexes of a segment are missing, as Kafka does: whoever removes the indexes of a
// directory removes these too, and readers of committed records must not be shown what was aborted.

import { BATCH_HEADER_BYTES, isControl, nextOffset } from '../../records/record-batch.ts';
import { AbortedFromLog } from '../aborted-from-log.ts';
import { isDamage } from '../storage-error.ts';
import { replaceFile } from './replace-file.ts';
import { scanBatches } from './scan.ts';
import type { Segment } from './segment.ts';
import type { SegmentsHost } from './segments-host.ts';

/**
 * `segments`: all of a partition, oldest first, their sizes known. `lost`: those without index files. Markers from the indexed
 * offset on are in memory. Nobody else may use the files meanwhile.
 */
export async function rebuildAborted(
  host: SegmentsHost,
  directory: string,
  segments: readonly Segment[],
  lost: readonly Segment[],
  indexedOffset: number,
): Promise<void> {
  // A broker that was killed leaves its newest segments without index files too. To read all of the log is for those only that miss some.
  const suspects = new Set<Segment>();
  for (const segment of lost) if (await hasMarkers(host, segment, indexedOffset)) suspects.add(segment);
  if (suspects.size === 0) return;
  const fromLog = new AbortedFromLog();
  for (const segment of segments) {
    if (suspects.size === 0) break;
    await visitBatches(host, segment, indexedOffset, (batch) => {
      fromLog.add(batch, 0);
      return false;
    });
    const entries = fromLog.below(indexedOffset);
    if (!suspects.delete(segment) || entries.length === 0) continue;
    host.log.warn('a file of aborted transactions was missing and is made again', { path: segment.txnIndexPath });
    await replaceFile(host.files, directory, segment.txnIndexPath, entries);
    segment.abortedEntries = -1;
  }
}

async function hasMarkers(host: SegmentsHost, segment: Segment, indexedOffset: number): Promise<boolean> {
  let found = false;
  await visitBatches(host, segment, indexedOffset, (batch) => {
    found = isControl(batch, 0);
    return found;
  });
  return found;
}

/** Headers of batches, and control batches as a whole. What cannot be read ends the segment: who reads there is told. */
async function visitBatches(
  host: SegmentsHost,
  segment: Segment,
  limitOffset: number,
  visit: (batch: Buffer) => boolean,
): Promise<void> {
  const lease = await host.cache.lease(segment.logPath, 'read');
  try {
    for (let position = 0; position < segment.sizeBytes; ) {
      let control: { readonly position: number; readonly bytes: number } | undefined;
      let isDone = false;
      const from = position;
      position = await host.slots.run(() =>
        scanBatches(lease.file, from, segment.sizeBytes, (buffer, at, here, bytes) => {
          isDone = nextOffset(buffer, at) > limitOffset;
          if (!isDone && isControl(buffer, at)) control = { position: here, bytes };
          else if (!isDone) isDone = visit(buffer.subarray(at, at + BATCH_HEADER_BYTES));
          return isDone || control !== undefined;
        }),
      );
      if (control !== undefined) {
        const batch = Buffer.alloc(control.bytes);
        const { position: at } = control;
        await host.slots.run(() => lease.file.read(batch, at));
        isDone = visit(batch);
      }
      if (isDone) return;
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    host.log.warn('a segment cannot be read to its end', { path: segment.logPath, error: String(error) });
  } finally {
    lease.release();
  }
}
