// Brings a log and its partition's state to where the recovery found them.
import { batchLength, nextOffset } from '../records/record-batch.ts';
import type { Files, OpenFile } from '../runtime/files.ts';
import type { Arena } from './arena.ts';
import type { RecoveredExtent, RecoveredLog } from './disk/recovery.ts';
import { segmentName } from './disk/segment.ts';
import type { Log } from './partition-log.ts';
import { Run } from './run.ts';
import { StorageError } from './storage-error.ts';

export function restoreLog(files: Files, dataDirectory: string, log: Log, recovered: RecoveredLog, arena: Arena): void {
  if (recovered.endOffset < recovered.claimedEnd) {
    throw new StorageError(
      'DAMAGED',
      `${log.id.topic}-${log.id.partition} ends at offset ${recovered.endOffset} but held records up to ${recovered.claimedEnd}: restore the directory from a backup.`,
    );
  }
  if (recovered.record?.snapshot !== undefined) log.state.restore(recovered.record.snapshot);
  for (const item of recovered.items) {
    if (item.endOffset > recovered.stateEnd) {
      if ('place' in item) replay(log, readExtent(files, dataDirectory, item), recovered.stateEnd);
      else replay(log, item.backing.buffer.subarray(item.start, item.end), recovered.stateEnd);
    }
    if ('place' in item) continue;
    if (item.endOffset <= recovered.flushedOffset) {
      arena.release(item.backing);
      continue;
    }
    log.tail.push(new Run(log, item.backing, item.start, item.end, item.baseOffset, item.endOffset, item.sequence));
    log.unwrittenBytes += item.end - item.start;
  }
  for (const run of recovered.early) arena.release(run.backing);
}

function replay(log: Log, batches: Buffer, fromOffset: number): void {
  for (let at = 0; at < batches.length; ) {
    const end = at + batchLength(batches, at);
    if (nextOffset(batches, at) > fromOffset) log.state.replayBatch(batches.subarray(at, end));
    at = end;
  }
}

function readExtent(files: Files, dataDirectory: string, extent: RecoveredExtent): Buffer {
  const { directory, segmentBase, position, length } = extent.place;
  const path = `${dataDirectory}/${directory}/${segmentName(segmentBase)}.log`;
  let file: OpenFile;
  try {
    file = files.openSync(path, 'read');
  } catch (error) {
    throw new StorageError(
      'DAMAGED',
      `${path} cannot be opened, though durable records are in it: restore the directory from a backup.`,
      error,
    );
  }
  try {
    const bytes = Buffer.allocUnsafe(length);
    if (file.readSync(bytes, position) !== length) {
      throw new StorageError('DAMAGED', `${file.path} ends before byte ${position + length}, which was durable.`);
    }
    return bytes;
  } finally {
    void file.close();
  }
}
