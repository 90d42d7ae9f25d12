// The aborted transactions of a partition as its batches tell them: what the files of aborted transactions are made again from.
import { ControlType, readControlType } from '../records/control-batch.ts';
import * as batches from '../records/record-batch.ts';
import { openRecords } from '../records/record-cursor.ts';
import { AbortedEntries } from './aborted-index.ts';

/** Is shown the batches of a partition, oldest first; of those that are no control batches a header is enough. */
export class AbortedFromLog {
  /** First offsets of open transactions, by producer. */
  readonly #open = new Map<number, number>();
  readonly #entries = new AbortedEntries();

  add(buffer: Buffer, at: number): void {
    if (!batches.isTransactional(buffer, at)) return;
    const producerId = batches.producerId(buffer, at);
    if (!batches.isControl(buffer, at)) {
      if (!this.#open.has(producerId)) this.#open.set(producerId, batches.baseOffset(buffer, at));
      return;
    }
    const first = this.#open.get(producerId);
    this.#open.delete(producerId);
    const cursor = openRecords(buffer, at);
    if (first === undefined || !cursor.next() || readControlType(cursor.key()) !== ControlType.ABORT) return;
    const marker = batches.baseOffset(buffer, at);
    this.#entries.add(producerId, first, marker, Math.min(marker + 1, ...this.#open.values()));
  }

  /** Takes out the entries with a marker below `offset`. */
  below(offset: number): Buffer {
    const taken = this.#entries.below(offset) ?? Buffer.alloc(0);
    this.#entries.dropBelow(offset);
    return taken;
  }
}
