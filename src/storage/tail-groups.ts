// In which order the tails of all logs give up memory, and what keeps the number of runs small. Committed runs of one log that
// are neighbours form a group, which is given up as a whole; groups go in the order of their first commits. When a group of
// small runs is full its bytes are copied side by side and become one run: a run is several objects for the garbage
// collector to look at, and a million of them made it stop the broker for milliseconds.
//
// So a tail has at most one run for each KiB of it and `SMALL_RUNS_MAX` more for each partition, but for what a write
// into segments keeps apart. Groups that no segment has when it is their turn wait aside until more of their log was written, so
// that looking for what can go costs no more than what goes. Owned by the engine. Invariant: every committed run in a tail
// lies in a group that is queued or waits here, carried ones by the end offset that they share with one.
import type { Arena } from './arena.ts';
import type { Log } from './partition-log.ts';
import { joinRuns, type Run } from './run.ts';

/** A larger run is a group by itself and is never copied. */
const SMALL_BYTES_MAX = 2 * 1024;
/** A group is full when it holds so much. */
const SMALL_RUNS_MAX = 32;
const GROUP_BYTES_MAX = 16 * 1024;

const NONE: readonly TailGroup[] = [];

/** Committed neighbours of one log, from `startOffset` on. */
class TailGroup {
  readonly log: Log;
  readonly startOffset: number;
  endOffset: number;
  bytes: number;
  runs = 1;

  constructor({ log, baseOffset, endOffset, sizeBytes }: Run) {
    this.log = log;
    this.startOffset = baseOffset;
    this.endOffset = endOffset;
    this.bytes = sizeBytes;
  }

  get isFull(): boolean {
    return this.runs >= SMALL_RUNS_MAX || this.bytes >= GROUP_BYTES_MAX;
  }

  add(run: Run): void {
    this.endOffset = run.endOffset;
    this.bytes += run.sizeBytes;
    this.runs++;
  }
}

export class TailGroups {
  readonly #arena: Arena;
  #queue: TailGroup[] = [];
  /** Groups before this index are gone; the array is cut when half of it is. */
  #head = 0;
  /** The last group of a log, when it may grow. */
  #growing = new Map<Log, TailGroup>();
  /** Groups that no segment had when it was their turn. */
  #waiting = new Map<Log, TailGroup[]>();
  #waitingCount = 0;
  /** How many of the queued ones belong to deleted logs, about; they, and what they keep alive, go when they are the greater part. */
  #deleted = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  get count(): number {
    return this.#queue.length - this.#head + this.#waitingCount;
  }

  /** The next run of its log is committed. */
  add(run: Run): void {
    const { log } = run;
    const growing = this.#growing.get(log);
    const isSmall = run.sizeBytes <= SMALL_BYTES_MAX;
    if (growing !== undefined && isSmall) {
      growing.add(run);
      if (growing.isFull) this.#close(growing);
      return;
    }
    if (growing !== undefined) this.#close(growing);
    const group = new TailGroup(run);
    this.#queue.push(group);
    log.queuedGroups++;
    if (isSmall) this.#growing.set(log, group);
  }

  /** The log's committed runs were replaced by one, which other work holds: nothing of it is to be copied. */
  carried(log: Log): void {
    this.#growing.delete(log);
  }

  /** The log has let go of its tail. */
  deleted(log: Log): void {
    this.#growing.delete(log);
    this.#deleted += log.queuedGroups - this.#leave(log).length;
    if (this.#deleted < 64 || this.#deleted * 2 < this.#queue.length - this.#head) return;
    this.#queue = this.#queue.slice(this.#head).filter((group) => !group.log.deleted);
    this.#head = this.#deleted = 0;
  }

  /** More of the log can be read from segments than before. */
  written(log: Log): void {
    for (const group of this.#leave(log)) this.#queue.push(group);
  }

  /** Gives up the oldest groups that segments hold until `isEnough()`; false when that took all of them. */
  giveUp(isEnough: () => boolean): boolean {
    while (!isEnough()) {
      const group = this.#queue[this.#head];
      if (group === undefined) return false;
      this.#head++;
      if (group.log.deleted) this.#deleted = Math.max(0, this.#deleted - 1);
      else if (this.#giveUp(group)) group.log.queuedGroups--;
      else this.#wait(group);
      if (this.#head * 2 > this.#queue.length) {
        this.#queue = this.#queue.slice(this.#head);
        this.#head = 0;
      }
    }
    return true;
  }

  #wait(group: TailGroup): void {
    const waiting = this.#waiting.get(group.log);
    if (waiting === undefined) this.#waiting.set(group.log, [group]);
    else waiting.push(group);
    this.#waitingCount++;
  }

  /** They wait no longer. */
  #leave(log: Log): readonly TailGroup[] {
    const waiting = this.#waiting.get(log);
    if (waiting === undefined) return NONE;
    this.#waiting.delete(log);
    this.#waitingCount -= waiting.length;
    return waiting;
  }

  /** False when no segment holds all of it. */
  #giveUp(group: TailGroup): boolean {
    const { log, endOffset } = group;
    for (let first = log.tail.first; first !== undefined && first.endOffset <= endOffset; first = log.tail.first) {
      if (!log.evictFirst()) return false;
    }
    if (this.#growing.get(log) === group) this.#growing.delete(log);
    return true;
  }

  /** It grows no more: its runs become one. */
  #close(group: TailGroup): void {
    const { log, startOffset, endOffset } = group;
    this.#growing.delete(log);
    // What was or is being written to segments ends where a run ends.
    const from = Math.max(
      startOffset,
      markBelow(endOffset, log.writtenOffset),
      markBelow(endOffset, log.placingOffset),
    );
    const runs = log.tail.between(from, endOffset);
    if (runs.length > 1) log.tail.replace(runs, [joinRuns(this.#arena, runs)]);
  }
}

function markBelow(endOffset: number, mark: number): number {
  return mark < endOffset ? mark : 0;
}
