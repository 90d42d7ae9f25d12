// Brings a log and its partition's state to where the recovery found them.
import { BATCH_HEADER_BYTES, batchLength, isControl, nextOffset } from '../records/record-batch.ts';
import { FileError, type Files, type OpenFile } from '../runtime/files.ts';
import type { Arena } from './arena.ts';
import {
  isInMemory,
  type RecoveredExtent,
  type RecoveredLog,
  type RecoveredRun,
  type RecoveredStretch,
  readStretch,
} from './disk/recovery.ts';
import { segmentName } from './disk/segment.ts';
import type { Log } from './partition-log.ts';
import { Run } from './run.ts';
import { StorageError, storageError } from './storage-error.ts';

/** More than any control batch has. */
const windowBytes = 64 * 1024;

export function restoreLog(files: Files, dataDirectory: string, log: Log, recovered: RecoveredLog, arena: Arena): void {
  if (recovered.endOffset < recovered.claimedEnd) {
    throw new StorageError(
      'DAMAGED',
      `${log.id.topic}-${log.id.partition} ends at offset ${recovered.endOffset} but held records up to ${recovered.claimedEnd}: restore the directory from a backup.`,
    );
  }
  if (recovered.record?.snapshot !== undefined) log.state.restore(recovered.record.snapshot);
  for (const item of recovered.items) {
    const isReplayed = item.endOffset > recovered.stateEnd;
    if ('place' in item) {
      if (isReplayed) replayExtent(log, files, dataDirectory, item, recovered.stateEnd);
      continue;
    }
    const isInTail = item.endOffset > recovered.flushedOffset;
    if (!isReplayed && !isInTail) {
      if (isInMemory(item)) arena.release(item.backing);
      continue;
    }
    const run = isInMemory(item) ? item : copyAgain(item, arena);
    const { backing, start, end, baseOffset, endOffset, sequence } = run;
    if (isReplayed) replay(log, backing.buffer.subarray(start, end), recovered.stateEnd);
    if (!isInTail) {
      arena.release(backing);
      continue;
    }
    log.tail.push(new Run(log, backing, start, end, baseOffset, endOffset, sequence));
    log.unwrittenBytes += end - start;
  }
  for (const run of recovered.early) arena.release(run.backing);
}

function copyAgain(stretch: RecoveredStretch, arena: Arena): RecoveredRun {
  const backing = arena.copy(readStretch(stretch, Buffer.allocUnsafe(stretch.length)));
  arena.reference(backing);
  return { ...stretch, backing, start: backing.used - stretch.length, end: backing.used };
}

function replay(log: Log, batches: Buffer, fromOffset: number): void {
  for (let at = 0; at < batches.length; ) {
    const end = at + batchLength(batches, at);
    const isAll = end - at === batches.length;
    if (nextOffset(batches, at) > fromOffset) log.state.replayBatch(isAll ? batches : batches.subarray(at, end));
    at = end;
  }
}

/** From the segment, of which the recovery has read all: here only what the state looks at. */
function replayExtent(
  log: Log,
  files: Files,
  dataDirectory: string,
  extent: RecoveredExtent,
  fromOffset: number,
): void {
  const { directory, segmentBase, position, length } = extent.place;
  const path = `${dataDirectory}/${directory}/${segmentName(segmentBase)}.log`;
  let file: OpenFile;
  try {
    file = files.openSync(path, 'read');
  } catch (error) {
    // What the disk or the system refuses now may be there next time.
    if (!(error instanceof FileError && error.code === 'ENOENT')) throw storageError(error);
    throw new StorageError(
      'DAMAGED',
      `${path} is missing, though durable records were in it: restore the directory from a backup.`,
      error,
    );
  }
  try {
    const end = position + length;
    for (let at = position; at < end; ) {
      const window = Buffer.allocUnsafe(Math.min(windowBytes, end - at));
      if (file.readSync(window, at) !== window.length) throw endsBefore(file, end);
      let used = 0;
      while (used + BATCH_HEADER_BYTES <= window.length) {
        const bytes = batchLength(window, used);
        const isWhole = used + bytes <= window.length;
        if (!isWhole && (used > 0 || isControl(window, used))) break;
        const head = window.subarray(used, isWhole ? used + bytes : window.length);
        if (nextOffset(head, 0) > fromOffset) log.state.replayBatch(head);
        used += bytes;
      }
      if (used === 0) throw endsBefore(file, end);
      at += used;
    }
  } finally {
    void file.close();
  }
}

function endsBefore(file: OpenFile, position: number): StorageError {
  return new StorageError('DAMAGED', `${file.path} ends before byte ${position}, which was durable.`);
}
