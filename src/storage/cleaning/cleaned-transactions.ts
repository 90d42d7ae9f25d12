// What compaction knows of transactions while it reads a log from its beginning: which batches are of aborted ones, and
// which markers end a transaction of which nothing is left. Collects the entries of the new index of aborted transactions.
// Source of the rules: Kafka's CleanedTransactionMetadata.

import { ControlType, readControlType } from '../../records/control-batch.ts';
import { readInt64 } from '../../records/int64.ts';
import * as batches from '../../records/record-batch.ts';
import { openRecords } from '../../records/record-cursor.ts';
import { ABORTED_ENTRY_BYTES, markerOffsetAt } from '../aborted-index.ts';

interface Aborted {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly entry: Buffer;
  /** A batch of it was met: its marker has to stay. */
  seen: boolean;
}

export class CleanedTransactions {
  #ahead: Aborted[];
  #next = 0;
  #open = new Map<number, Aborted>();
  /** Producers with batches of a transaction that was not aborted. */
  #committed = new Set<number>();
  #kept: Buffer[] = [];

  /** `aborted`: entries as stored (aborted-index.ts); those that end before `fromOffset`, where reading begins, do not count. */
  constructor(aborted: Buffer, fromOffset: number) {
    this.#ahead = [];
    for (let at = 0; at + ABORTED_ENTRY_BYTES <= aborted.length; at += ABORTED_ENTRY_BYTES) {
      const entry = aborted.subarray(at, at + ABORTED_ENTRY_BYTES);
      if (markerOffsetAt(entry, 0) < fromOffset) continue;
      this.#ahead.push({ producerId: readInt64(entry, 2), firstOffset: readInt64(entry, 10), entry, seen: false });
    }
    this.#ahead.sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** True for a batch of records that nobody may see. */
  onBatch(buffer: Buffer, at: number): boolean {
    this.#advance(batches.lastOffset(buffer, at));
    if (!batches.isTransactional(buffer, at)) return false;
    const producerId = batches.producerId(buffer, at);
    const aborted = this.#open.get(producerId);
    if (aborted === undefined) {
      this.#committed.add(producerId);
      return false;
    }
    aborted.seen = true;
    return true;
  }

  /** True for a marker of a transaction without batches: it may go. */
  onControlBatch(buffer: Buffer, at: number): boolean {
    this.#advance(batches.lastOffset(buffer, at));
    const record = openRecords(buffer, at);
    // Emptied earlier.
    if (!record.next()) return true;
    const producerId = batches.producerId(buffer, at);
    switch (readControlType(record.key())) {
      case ControlType.ABORT: {
        const aborted = this.#open.get(producerId);
        this.#open.delete(producerId);
        if (aborted?.seen !== true) return true;
        this.#kept.push(aborted.entry);
        return false;
      }
      case ControlType.COMMIT:
        return !this.#committed.delete(producerId);
      default:
        return false;
    }
  }

  /** Entries, in order, of the markers met since the last call that stay. */
  takeKept(): Buffer {
    const kept = Buffer.concat(this.#kept);
    this.#kept = [];
    return kept;
  }

  #advance(offset: number): void {
    for (let next = this.#ahead[this.#next]; next !== undefined && next.firstOffset <= offset; ) {
      if (!this.#open.has(next.producerId)) this.#open.set(next.producerId, next);
      next = this.#ahead[++this.#next];
    }
  }
}
