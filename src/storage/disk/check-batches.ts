// Batches that come out of a segment's file are checked before anybody sees them: each proves itself by its CRC, and what the
// CRC does not cover (base offset, length, leader epoch, magic) by its neighbours and by the partition's leader epochs.
// Offsets rise; between two batches some may be missing, where compaction took records.
import {
  BATCH_HEADER_BYTES,
  baseOffset,
  batchLength,
  MAGIC,
  magic,
  nextOffset,
  partitionLeaderEpoch,
  verifyCrc,
} from '../../records/record-batch.ts';
import { StorageError } from '../storage-error.ts';

export interface BatchPlace {
  readonly path: string;
  /** Of the first byte, in the file. */
  readonly position: number;
  /** No batch begins below. */
  readonly fromOffset: number;
  /** The leader epoch that a batch at this offset must carry; undefined when nobody knows. */
  readonly epochOf: (offset: number) => number | undefined;
}

/**
 * `bytes` holds whole batches up to `end`, and what comes after them begins at `followingBase`. Throws a StorageError that names
 * the damaged one.
 */
export function checkBatches(bytes: Buffer, end: number, followingBase: number, place: BatchPlace): void {
  let next = place.fromOffset;
  let last = 0;
  let lastFrom = next;
  for (let at = 0; at < end; at += batchLength(bytes, at)) {
    const what = damageAt(bytes, at, next, place.epochOf);
    if (what !== undefined) throw damagedBatch(place.path, place.position + at, next, what);
    last = at;
    lastFrom = next;
    next = nextOffset(bytes, at);
  }
  if (followingBase >= next) return;
  const what = 'or the one after it: their offsets contradict each other';
  throw damagedBatch(place.path, place.position + last, lastFrom, what);
}

/** What is wrong with the whole batch at `at`, in words that complete a sentence; undefined when nothing is. */
export function damageAt(
  bytes: Buffer,
  at: number,
  fromOffset: number,
  epochOf: BatchPlace['epochOf'] = () => undefined,
): string | undefined {
  if (magic(bytes, at) !== MAGIC) return `its magic is ${magic(bytes, at)}`;
  if (!verifyCrc(bytes, at)) return 'its CRC is wrong';
  const base = baseOffset(bytes, at);
  if (!(base >= fromOffset)) return `it says it begins at offset ${base}`;
  const epoch = epochOf(base);
  if (epoch !== undefined && partitionLeaderEpoch(bytes, at) !== epoch) {
    return `its leader epoch is ${partitionLeaderEpoch(bytes, at)} and should be ${epoch}`;
  }
  return undefined;
}

/** False for a length that no batch with so many bytes left can have. */
export function lengthIsPossible(bytes: number, leftBytes: number): boolean {
  return bytes >= BATCH_HEADER_BYTES && bytes <= leftBytes;
}

export function damagedBatch(path: string, position: number, fromOffset: number, what: string): StorageError {
  return new StorageError(
    'DAMAGED',
    `${path} is damaged at byte ${position}: the batch that should follow offset ${fromOffset - 1} cannot be read, ${what}; stop the broker and run \`ottla check\` on its data directory, which names everything that is lost.`,
  );
}
