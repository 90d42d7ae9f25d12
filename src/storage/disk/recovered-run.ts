// Batches that a start finds in the write-ahead log: where they stand, and a copy in memory where one is wanted. A start holds
// hundreds of thousands of runs at a time, so that each of their fields costs it something; what those of a block share is stored once.
import type { OpenFile } from '../../runtime/files.ts';
import type { Arena, Backing } from '../arena.ts';
import { StorageError } from '../storage-error.ts';
import { checkBatches } from './check-batches.ts';

/** The body of a block in the log, and in memory that stays as soon as that is needed: its runs lie there as they did before the start. */
export class RecoveredBody {
  readonly wal: OpenFile;
  /** In the log's file. */
  readonly position: number;
  readonly sequence: number;
  /** Where the copy begins in its backing; without a meaning while there is none. */
  start = 0;

  constructor(wal: OpenFile, position: number, sequence: number) {
    this.wal = wal;
    this.position = position;
    this.sequence = sequence;
  }
}

/** Neighbouring batches of one partition. */
export class RecoveredRun {
  readonly #body: RecoveredBody;
  /** In the body. */
  readonly #from: number;
  readonly length: number;
  readonly baseOffset: number;
  readonly endOffset: number;
  /**
   * Of the copy, of which the run owns a reference until it is part of a tail. Undefined for large ones, which are read again where
   * somebody needs them, and for those that an extent follows, since they were in a segment before it.
   */
  backing: Backing | undefined;

  constructor(
    body: RecoveredBody,
    from: number,
    length: number,
    baseOffset: number,
    endOffset: number,
    backing: Backing | undefined,
  ) {
    this.#body = body;
    this.#from = from;
    this.length = length;
    this.baseOffset = baseOffset;
    this.endOffset = endOffset;
    this.backing = backing;
  }

  get sequence(): number {
    return this.#body.sequence;
  }

  get wal(): OpenFile {
    return this.#body.wal;
  }

  /** In the log's file. */
  get position(): number {
    return this.#body.position + this.#from;
  }

  /** In the backing. */
  get start(): number {
    return this.#body.start + this.#from;
  }

  get end(): number {
    return this.start + this.length;
  }

  /** Lets go of the copy. */
  release(arena: Arena): void {
    if (this.backing !== undefined) arena.release(this.backing);
    this.backing = undefined;
  }

  /** Reads it again, into memory of the caller's own. */
  read(into: Buffer): Buffer {
    const { wal, position, length } = this;
    const bytes = into.subarray(0, length);
    if (wal.readSync(bytes, position) === length) return bytes;
    throw new StorageError(
      'DAMAGED',
      `${wal.path} ends before byte ${position + length}, which was there a moment ago.`,
    );
  }

  /** The same run with a copy, for the tail, which nobody checks when it is read from: so its batches are checked again. */
  load(arena: Arena): RecoveredRun {
    const { wal, position, length, baseOffset, endOffset } = this;
    const backing = arena.room(length);
    arena.reference(backing);
    const start = backing.used - length;
    const bytes = this.read(backing.buffer.subarray(start, backing.used));
    checkBatches(bytes, length, endOffset, {
      path: wal.path,
      position,
      fromOffset: baseOffset,
      epochOf: () => undefined,
    });
    const body = new RecoveredBody(wal, position, this.sequence);
    body.start = start;
    return new RecoveredRun(body, 0, length, baseOffset, endOffset, backing);
  }
}
