// The transactions of one partition that hold back its last stable offset: the open ones, and those whose marker is
// appended but not committed yet. Owned by ProducerState; bounded by the producers and by what waits for a commit.
// Invariant: transactions begin at rising offsets, so the first of each line is the lowest.
// Source of the rules: Kafka's ProducerStateManager (ongoingTxns, unreplicatedTxns).

export interface Transaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Bytes that the partition had appended before, counted since it was opened: negative, and estimated, for what is older. */
  bytesBefore: number;
  /** Offset of the marker that ended it; −1 while it is open. */
  markerOffset: number;
  /** The marker is committed. */
  isStable: boolean;
}

export class UnstableTransactions {
  readonly #open = new Line((transaction) => transaction.markerOffset >= 0);
  readonly #unstable = new Line((transaction) => transaction.isStable);
  /** Ended, their markers not committed, in order of the markers. */
  #ended: Transaction[] = [];
  #endedHead = 0;

  get openCount(): number {
    return this.#open.count;
  }

  /** Oldest of those without a marker. */
  get firstOpen(): Transaction | undefined {
    return this.#open.first;
  }

  /** Oldest of those without a committed marker: the last stable offset is at most where it begins. */
  get first(): Transaction | undefined {
    return this.#unstable.first;
  }

  begin(producerId: number, firstOffset: number, bytesBefore: number): Transaction {
    const transaction = { producerId, firstOffset, bytesBefore, markerOffset: -1, isStable: false };
    this.#open.push(transaction);
    this.#unstable.push(transaction);
    return transaction;
  }

  end(transaction: Transaction, markerOffset: number): void {
    transaction.markerOffset = markerOffset;
    this.#open.left();
    this.#ended.push(transaction);
  }

  /** After a restart: where those that were found lie among the bytes, so that each end of one counts as progress. */
  estimateBytes(bytesBefore: (firstOffset: number) => number): void {
    for (const transaction of this.#unstable) transaction.bytesBefore = bytesBefore(transaction.firstOffset);
  }

  /** Markers below the high watermark are committed. */
  committed(highWatermark: number): void {
    if (this.#ended.length === 0) return;
    while (this.#endedHead < this.#ended.length && this.#ended[this.#endedHead]!.markerOffset < highWatermark) {
      this.#ended[this.#endedHead++]!.isStable = true;
      this.#unstable.left();
    }
    if (this.#endedHead === this.#ended.length) this.#ended.length = 0;
    else if (this.#endedHead >= 64 && this.#endedHead * 2 > this.#ended.length) {
      this.#ended = this.#ended.slice(this.#endedHead);
    } else return;
    this.#endedHead = 0;
  }
}

/** Transactions in order of their first offsets. Those that left stay until they are first, or the greater part. */
class Line {
  readonly #hasLeft: (transaction: Transaction) => boolean;
  #transactions: Transaction[] = [];
  #head = 0;
  #leftCount = 0;

  constructor(hasLeft: (transaction: Transaction) => boolean) {
    this.#hasLeft = hasLeft;
  }

  get count(): number {
    return this.#transactions.length - this.#head - this.#leftCount;
  }

  get first(): Transaction | undefined {
    return this.#transactions[this.#head];
  }

  *[Symbol.iterator](): Generator<Transaction> {
    for (let i = this.#head; i < this.#transactions.length; i++) {
      const transaction = this.#transactions[i]!;
      if (!this.#hasLeft(transaction)) yield transaction;
    }
  }

  push(transaction: Transaction): void {
    this.#transactions.push(transaction);
  }

  /** One of them has left just now. */
  left(): void {
    this.#leftCount++;
    while (this.#head < this.#transactions.length && this.#hasLeft(this.#transactions[this.#head]!)) {
      this.#head++;
      this.#leftCount--;
    }
    const goneCount = this.#head + this.#leftCount;
    if (this.#head === this.#transactions.length) this.#transactions.length = 0;
    else if (goneCount >= 64 && goneCount * 2 > this.#transactions.length) {
      this.#transactions = this.#transactions.slice(this.#head).filter((transaction) => !this.#hasLeft(transaction));
    } else return;
    this.#head = this.#leftCount = 0;
  }
}
