// The recent batches of one log, in memory, without holes: everything not yet in a segment, and as much before it as the
// budget allows. Reading here is synchronous. Invariant: the runs are consecutive and end at the log's end offset.
import type { Region } from '../protocol/region-pool.ts';
import { batchLength } from '../records/record-batch.ts';
import type { Run } from './run.ts';
import type { LogRead } from './storage.ts';

export class Tail {
  #runs: Run[] = [];
  /** Runs before this index are gone; the array is cut when half of it is. */
  #head = 0;

  get count(): number {
    return this.#runs.length - this.#head;
  }

  get first(): Run | undefined {
    return this.#runs[this.#head];
  }

  get last(): Run | undefined {
    return this.count === 0 ? undefined : this.#runs[this.#runs.length - 1];
  }

  push(run: Run): void {
    this.#runs.push(run);
  }

  shift(): Run {
    const run = this.#runs[this.#head] as Run;
    this.#head++;
    if (this.#head * 2 > this.#runs.length) {
      this.#runs = this.#runs.slice(this.#head);
      this.#head = 0;
    }
    return run;
  }

  /** The runs that hold offsets in [from, until), which must be run boundaries. */
  between(from: number, until: number): Run[] {
    const runs: Run[] = [];
    for (let i = this.#indexOf(from); i < this.#runs.length; i++) {
      const run = this.#runs[i] as Run;
      if (run.baseOffset >= until) break;
      runs.push(run);
    }
    return runs;
  }

  /** Puts `fresh` in the place of the neighbouring runs `old`. */
  replace(old: readonly Run[], fresh: readonly Run[]): void {
    this.#runs.splice(this.#indexOf((old[0] as Run).baseOffset), old.length, ...fresh);
  }

  /** As PartitionLog.read, for an offset at or above the first run's. */
  read(offset: number, maxBytes: number, limitOffset: number, atLeastOne: boolean): LogRead {
    const parts: Buffer[] = [];
    const regions: Region[] = [];
    let sizeBytes = 0;
    let last: Run | undefined;
    let lastStart = 0;
    for (let i = this.#indexOf(offset); i < this.#runs.length; i++) {
      const run = this.#runs[i] as Run;
      const start = run.baseOffset >= offset ? run.start : run.positionOf(offset);
      let end = run.endWithin(start, maxBytes - sizeBytes, limitOffset);
      if (end === start && sizeBytes === 0 && atLeastOne) {
        end = run.endWithin(start, batchLength(run.backing.buffer, start), limitOffset);
      }
      if (end === start) break;
      const { region } = run.backing;
      if (region !== undefined && region !== regions[regions.length - 1]) {
        region.retain();
        regions.push(region);
      }
      if (last !== undefined && last.backing === run.backing && last.end === start) {
        // Side by side in memory: one longer part instead of two.
        parts[parts.length - 1] = run.backing.buffer.subarray(lastStart, end);
      } else {
        parts.push(run.backing.buffer.subarray(start, end));
        lastStart = start;
      }
      sizeBytes += end - start;
      if (end < run.end || sizeBytes >= maxBytes) break;
      last = run;
    }
    return { parts, sizeBytes, regions };
  }

  /** Index of the run that contains `offset`, or of the first one after it. */
  #indexOf(offset: number): number {
    let low = this.#head;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle] as Run).endOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  [Symbol.iterator](): IterableIterator<Run> {
    return this.#runs.slice(this.#head).values();
  }
}
