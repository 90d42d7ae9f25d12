// The leader epochs of one partition's log: where each epoch began. Answers OffsetForLeaderEpoch and the divergence
// check of Fetch. Owned by a Partition; entries rise strictly in epoch and in start offset.
// Source of the rules: Kafka's LeaderEpochFileCache (KIP-101, KIP-279).
import { readInt64, writeInt64 } from '../records/int64.ts';

export const UNDEFINED_EPOCH = -1;
export const UNDEFINED_OFFSET = -1;

export interface EpochStart {
  readonly epoch: number;
  readonly startOffset: number;
}

export interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

export const UNDEFINED_END: EpochEnd = { epoch: UNDEFINED_EPOCH, endOffset: UNDEFINED_OFFSET };

const ENTRY_BYTES = 12;

export class LeaderEpochs {
  #entries: EpochStart[] = [];

  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? UNDEFINED_EPOCH;
  }

  get earliest(): EpochStart | undefined {
    return this.#entries[0];
  }

  get entries(): readonly EpochStart[] {
    return this.#entries;
  }

  /** From `startOffset` on, batches carry `epoch`. An epoch that is already the latest changes nothing. */
  assign(epoch: number, startOffset: number): void {
    const latest = this.#entries.at(-1);
    if (latest !== undefined && latest.epoch >= epoch) return;
    // An epoch in which nothing was written leaves no trace: its end would equal its start.
    while (this.#entries.length > 0 && this.#entries.at(-1)!.startOffset >= startOffset) this.#entries.pop();
    this.#entries.push({ epoch, startOffset });
  }

  /** The epoch of the record at `offset`; undefined when it is older than the history. */
  epochOf(offset: number): number | undefined {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.startOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#entries[low - 1]?.epoch;
  }

  /**
   * The largest known epoch at or below `epoch`, and the offset after its last record. `logEndOffset` ends the latest
   * epoch. An epoch above the latest is undefined; one below the first ends where the first begins.
   */
  endOf(epoch: number, logEndOffset: number): EpochEnd {
    const latest = this.#entries.at(-1);
    if (epoch === UNDEFINED_EPOCH || latest === undefined || epoch > latest.epoch) return UNDEFINED_END;
    if (epoch === latest.epoch) return { epoch, endOffset: logEndOffset };
    let floor: EpochStart | undefined;
    for (const entry of this.#entries) {
      if (entry.epoch > epoch) return { epoch: floor?.epoch ?? epoch, endOffset: entry.startOffset };
      floor = entry;
    }
    throw new Error('an epoch below the latest has a higher neighbour');
  }

  /** The log begins at `startOffset` now: epochs that lie wholly below it are forgotten. */
  moveStart(startOffset: number): void {
    let below = 0;
    while (below < this.#entries.length && this.#entries[below]!.startOffset <= startOffset) below++;
    if (below === 0) return;
    const containing = this.#entries[below - 1]!;
    this.#entries.splice(0, below, { epoch: containing.epoch, startOffset });
  }

  get encodedBytes(): number {
    return 4 + this.#entries.length * ENTRY_BYTES;
  }

  /** Layout: count int32, then epoch int32 and start offset int64 each. Returns the position after. */
  encode(into: Buffer, position: number): number {
    let at = into.writeInt32BE(this.#entries.length, position);
    for (const entry of this.#entries) {
      at = into.writeInt32BE(entry.epoch, at);
      writeInt64(into, entry.startOffset, at);
      at += 8;
    }
    return at;
  }

  decode(from: Buffer, position: number): number {
    const count = from.readInt32BE(position);
    let at = position + 4;
    this.#entries = [];
    for (let index = 0; index < count; index++) {
      this.#entries.push({ epoch: from.readInt32BE(at), startOffset: readInt64(from, at + 4) });
      at += ENTRY_BYTES;
    }
    return at;
  }
}
