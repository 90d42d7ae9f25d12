// A run: neighbouring batches of one log that lie side by side in memory. The tail, the commit and the flush all speak in
// runs, so that a thousand small batches cost one object.
import { batchLength, nextOffset } from '../records/record-batch.ts';
import type { Arena, Backing } from './arena.ts';
import type { Log } from './partition-log.ts';

export class Run {
  readonly log: Log;
  readonly backing: Backing;
  readonly start: number;
  end: number;
  readonly baseOffset: number;
  /** One past the last offset. */
  endOffset: number;
  /**
   * The block of the write-ahead log that holds these bytes; of a carried copy the oldest one, until the copy is durable.
   * Infinity before the first write.
   */
  sequence: number;

  constructor(
    log: Log,
    backing: Backing,
    start: number,
    end: number,
    baseOffset: number,
    endOffset: number,
    sequence: number,
  ) {
    this.log = log;
    this.backing = backing;
    this.start = start;
    this.end = end;
    this.baseOffset = baseOffset;
    this.endOffset = endOffset;
    this.sequence = sequence;
  }

  get sizeBytes(): number {
    return this.end - this.start;
  }

  /** All of it, a view. */
  bytes(): Buffer {
    return this.backing.buffer.subarray(this.start, this.end);
  }

  /** Its bytes stay what they are until `release`, whatever becomes of the tail. For whoever looks at them after a pause. */
  retain(): void {
    this.backing.region?.retain();
  }

  release(): void {
    this.backing.region?.release();
  }

  /** Position of the batch that contains `offset`, which lies in this run. */
  positionOf(offset: number): number {
    const buffer = this.backing.buffer;
    let position = this.start;
    while (position < this.end && nextOffset(buffer, position) <= offset) position += batchLength(buffer, position);
    return position;
  }

  /** End of the last whole batch from `position` that ends at or below `limitOffset` within `maxBytes`; `position` when none. */
  endWithin(position: number, maxBytes: number, limitOffset: number): number {
    if (this.endOffset <= limitOffset && this.end - position <= maxBytes) return this.end;
    const buffer = this.backing.buffer;
    let end = position;
    while (end < this.end) {
      const next = end + batchLength(buffer, end);
      if (next - position > maxBytes || nextOffset(buffer, end) > limitOffset) break;
      end = next;
    }
    return end;
  }
}

/** The oldest block that holds any of them; Infinity for none. */
export function oldestSequence(runs: readonly Run[]): number {
  return runs.reduce((least, run) => Math.min(least, run.sequence), Number.POSITIVE_INFINITY);
}

/** One run in the place of neighbours of one log, which are let go of: their bytes are copied side by side. At least one. */
export function joinRuns(arena: Arena, runs: readonly Run[]): Run {
  const first = runs[0] as Run;
  const { endOffset } = runs[runs.length - 1] as Run;
  const bytes = runs.reduce((sum, run) => sum + run.sizeBytes, 0);
  const backing = arena.join(
    runs.map((run) => run.bytes()),
    bytes,
  );
  arena.reference(backing);
  for (const run of runs) arena.release(run.backing);
  const start = backing.used - bytes;
  return new Run(first.log, backing, start, backing.used, first.baseOffset, endOffset, oldestSequence(runs));
}
