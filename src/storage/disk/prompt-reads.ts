// Reads old records at once where that is cheap. What the page cache holds costs half as much when the event loop reads it
// as when a thread does; what it does not hold would make every client wait. Nothing says beforehand which it is, so
// reads are made in small pieces and timed: the first slow piece ends the read with what there is, and a number of reads, doubled
// each time, goes through threads before the next attempt. Owned by the engine, one for all partitions.
import type { OpenFile } from '../../runtime/files.ts';
import type { Clock, Timers } from '../../runtime/runtime.ts';

/** One slow piece is what all clients may have to wait for: as much as a kernel reads ahead. */
const PIECE_BYTES = 128 * 1024;
/** Others get their turn when reads of one turn took so long. */
const TURN_MS_MAX = 3;
const REFUSALS_MIN = 16;
const REFUSALS_MAX = 4096;
/** So many fast reads in a row make up for one slow one. */
const FAST_READS_TRUSTED = 64;

export class PromptReads {
  readonly #clock: Clock;
  readonly #timers: Timers;
  /** A piece that takes longer came from a disk. 0: nothing is read at once. */
  readonly #pieceMsMax: number;
  /** Reads that are still to go through threads. */
  #refusals = 0;
  #refusalsNext = REFUSALS_MIN;
  #fastReads = 0;
  #spentMs = 0;

  constructor(clock: Clock, timers: Timers, pieceMsMax: number) {
    this.#clock = clock;
    this.#timers = timers;
    this.#pieceMsMax = pieceMsMax;
  }

  /** Asked once for each read. */
  mayRead(): boolean {
    if (this.#pieceMsMax <= 0 || this.#spentMs >= TURN_MS_MAX) return false;
    if (this.#refusals === 0) return true;
    this.#refusals--;
    return false;
  }

  /** Fills `into` from its beginning until it is full, the file ends or it takes too long; returns the bytes read. */
  read(file: OpenFile, into: Uint8Array, position: number): number {
    let count = 0;
    while (count < into.length) {
      const piece = into.subarray(count, count + PIECE_BYTES);
      const begunMs = this.#clock.monotonicMs();
      const got = file.readSync(piece, position + count);
      const tookMs = this.#clock.monotonicMs() - begunMs;
      count += got;
      this.#spent(tookMs);
      if (tookMs > this.#pieceMsMax) {
        this.#wasSlow();
        return count;
      }
      if (got < piece.length) break;
    }
    if (++this.#fastReads >= FAST_READS_TRUSTED) this.#refusalsNext = REFUSALS_MIN;
    return count;
  }

  #wasSlow(): void {
    this.#fastReads = 0;
    this.#refusals = this.#refusalsNext;
    this.#refusalsNext = Math.min(2 * this.#refusalsNext, REFUSALS_MAX);
  }

  #spent(ms: number): void {
    if (this.#spentMs === 0) {
      this.#timers.defer(() => {
        this.#spentMs = 0;
      });
    }
    // More than nothing, also by a clock that does not see it.
    this.#spentMs += Math.max(ms, 0.001);
  }
}
