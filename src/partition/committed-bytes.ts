// Counts the bytes of a partition that were committed since it was opened, so that a fetch waiting for many bytes knows
// when they are there without reading. Owned by a Partition; as long as its uncommitted appends.

export class CommittedBytes {
  /** Only ever grows. */
  total = 0;
  /** The same with what is not committed yet. */
  appendedTotal = 0;
  /** Appends not yet committed, oldest at `#head`: the offset after each, and its bytes. */
  #ends: number[] = [];
  #sizes: number[] = [];
  #head = 0;

  appended(endOffset: number, sizeBytes: number): void {
    this.#ends.push(endOffset);
    this.#sizes.push(sizeBytes);
    this.appendedTotal += sizeBytes;
  }

  committed(committedOffset: number): void {
    while (this.#head < this.#ends.length && this.#ends[this.#head]! <= committedOffset) {
      this.total += this.#sizes[this.#head]!;
      this.#head++;
    }
    if (this.#head === this.#ends.length) {
      this.#ends.length = 0;
      this.#sizes.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 > this.#ends.length) {
      this.#ends = this.#ends.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
  }
}
