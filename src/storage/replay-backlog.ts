// How much a start would have to replay since no published checkpoint covers it, in a unit of its owner's: so much more asks for a
// checkpoint, and with more than the most that there may be commits wait for one. Owned by the flusher.

export class ReplayBacklog {
  /** All so far. */
  #total: number;
  /** Of it, what was there at the last request, and what the published checkpoint covers. */
  #asked = 0;
  #published = 0;
  readonly #asksAfter: number;
  readonly #max: number;

  /** `found`: by the start. */
  constructor(found: number, asksAfter: number, max: number) {
    this.#total = found;
    this.#asksAfter = asksAfter;
    this.#max = max;
  }

  get total(): number {
    return this.#total;
  }

  add(count: number): void {
    this.#total += count;
  }

  /** So much was added since the last request that the next one is due. */
  get isDue(): boolean {
    return this.#total - this.#asked >= this.#asksAfter;
  }

  /** Everything so far leaves the backlog with a checkpoint that is asked for now. */
  asked(): void {
    this.#asked = this.#total;
  }

  /** A checkpoint covers what was there when `total` was all. */
  published(total: number): void {
    this.#published = total;
  }

  /** What is alone may be of any size. */
  hasRoomFor(count: number): boolean {
    const left = this.#total - this.#published;
    return left === 0 || left + count <= this.#max;
  }
}
