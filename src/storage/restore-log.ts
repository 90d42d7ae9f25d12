// Brings a log and its partition's state to where the recovery found them.
import { batchLength, nextOffset } from '../records/record-batch.ts';
import { FileError, type Files, type OpenFile } from '../runtime/files.ts';
import type { Arena } from './arena.ts';
import { visitBatchHeads } from './disk/batch-heads.ts';
import { RecoveredRun } from './disk/recovered-run.ts';
import type { RecoveredExtent, RecoveredLog } from './disk/recovery.ts';
import { segmentName } from './disk/segment.ts';
import type { Log } from './partition-log.ts';
import { Run } from './run.ts';
import { StorageError, storageError } from './storage-error.ts';

export function restoreLog(files: Files, dataDirectory: string, log: Log, recovered: RecoveredLog, arena: Arena): void {
  if (recovered.endOffset < recovered.claimedEnd) {
    throw new StorageError(
      'DAMAGED',
      `${log.id.topic}-${log.id.partition} ends at offset ${recovered.endOffset} but held records up to ${recovered.claimedEnd}: restore the directory from a backup.`,
    );
  }
  if (recovered.record?.snapshot !== undefined) log.state.restore(recovered.record.snapshot);
  const extents = new ExtentFiles(files, dataDirectory);
  try {
    for (const item of recovered.items) {
      const isReplayed = item.endOffset > recovered.stateEnd;
      if (!(item instanceof RecoveredRun)) {
        const { position, length } = item.place;
        if (isReplayed) replayFile(log, extents.open(item), position, length, recovered.stateEnd);
        continue;
      }
      const isInTail = item.endOffset > recovered.flushedOffset;
      const run = isInTail && item.backing === undefined ? item.load(arena) : item;
      const { backing } = run;
      if (backing === undefined) {
        if (isReplayed) replayFile(log, item.wal, item.position, item.length, recovered.stateEnd);
        continue;
      }
      const { start, end } = run;
      if (isReplayed) replay(log, backing.buffer.subarray(start, end), recovered.stateEnd);
      if (isInTail) {
        log.tail.push(new Run(log, backing, start, end, run.baseOffset, run.endOffset, run.sequence));
        log.unwrittenBytes += end - start;
      } else {
        run.release(arena);
      }
    }
  } finally {
    extents.close();
  }
  for (const run of recovered.early) run.release(arena);
}

function replay(log: Log, batches: Buffer, fromOffset: number): void {
  for (let at = 0; at < batches.length; ) {
    const end = at + batchLength(batches, at);
    const isAll = end - at === batches.length;
    if (nextOffset(batches, at) > fromOffset) log.state.replayBatch(isAll ? batches : batches.subarray(at, end));
    at = end;
  }
}

/** Of what the recovery has read whole: here only what the state looks at. */
function replayFile(log: Log, file: OpenFile, position: number, length: number, fromOffset: number): void {
  const isThere = visitBatchHeads(file, position, length, (batch) => {
    if (nextOffset(batch, 0) > fromOffset) log.state.replayBatch(batch);
  });
  if (isThere) return;
  const what = 'its batches were durable and cannot be read: restore the directory from a backup.';
  throw new StorageError(
    'DAMAGED',
    `${file.path} is damaged between bytes ${position} and ${position + length}: ${what}`,
  );
}

/** Of one log, one at a time: what was written in place lies in one segment after the other. */
class ExtentFiles {
  #files: Files;
  #dataDirectory: string;
  #file: OpenFile | undefined;

  constructor(files: Files, dataDirectory: string) {
    this.#files = files;
    this.#dataDirectory = dataDirectory;
  }

  open({ place: { directory, segmentBase } }: RecoveredExtent): OpenFile {
    const path = `${this.#dataDirectory}/${directory}/${segmentName(segmentBase)}.log`;
    if (this.#file?.path === path) return this.#file;
    this.close();
    try {
      this.#file = this.#files.openSync(path, 'read');
      return this.#file;
    } catch (error) {
      // What the disk or the system refuses now may be there next time.
      if (!(error instanceof FileError && error.code === 'ENOENT')) throw storageError(error);
      throw new StorageError(
        'DAMAGED',
        `${path} is missing, though durable records were in it: restore the directory from a backup.`,
        error,
      );
    }
  }

  close(): void {
    void this.#file?.close();
    this.#file = undefined;
  }
}
