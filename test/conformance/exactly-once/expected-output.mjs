// What a reader of committed records must see, checked line by line. Keeps the first breach.

/** "partition offset | input-offset value…": the records of each partition of the input, each once, in order. */
export class CopiedRecords {
  breach = null;
  /** `{ partition, inputs }` of the breach. */
  place = null;
  /** By partition: the value at each input offset, as the broker acknowledged it. */
  #written;
  #next;
  #lastOffset;

  constructor(written) {
    this.#written = written;
    this.#next = written.map(() => 0);
    this.#lastOffset = written.map(() => -1);
  }

  take(line) {
    const [partition, offset, inputOffset, ...value] = line.split(' ');
    const expected = this.#next[partition]++;
    if (Number(offset) <= this.#lastOffset[partition]) {
      this.#breached(`${partition}:${offset} came after ${partition}:${this.#lastOffset[partition]}`);
    }
    this.#lastOffset[partition] = Number(offset);
    if (Number(inputOffset) !== expected) {
      this.place ??= { partition: Number(partition), inputs: [Number(inputOffset), expected] };
      this.#breached(`${partition}:${offset} is of input ${inputOffset}, and ${expected} is next`);
    }
    const written = this.#written[partition][expected];
    // An acknowledgement may come after what it acknowledges; the end looks again at everything.
    if (written !== undefined && written !== value.join(' ')) {
      this.#breached(`${partition}:${offset} is ${value.join(' ')}, and ${written} was written`);
    }
  }

  count() {
    return this.#next.reduce((sum, one) => sum + one, 0);
  }

  complete() {
    return this.#next.every((next, partition) => next >= this.#written[partition].length);
  }

  #breached(what) {
    this.breach ??= what;
  }
}

/** "partition offset key count sum": each key counts up from 1 without a gap, and ends with the count and sum of what was written. */
export class Counts {
  breach = null;
  #written;
  #totals = new Map();

  constructor(written) {
    this.#written = written;
  }

  take(line) {
    const [partition, offset, key, count, sum] = line.split(' ');
    const before = this.#totals.get(key) ?? { count: 0, sum: 0 };
    if (Number(count) !== before.count + 1) {
      this.breach ??= `${partition}:${offset} counts ${count} of ${key} after ${before.count}`;
    }
    if (Number(sum) < before.sum) this.breach ??= `${partition}:${offset} sums ${sum} of ${key} after ${before.sum}`;
    this.#totals.set(key, { count: Number(count), sum: Number(sum) });
  }

  count() {
    return [...this.#totals.values()].reduce((sum, { count }) => sum + count, 0);
  }

  complete() {
    const expected = new Map();
    for (const value of this.#written.flat()) {
      const [key, amount] = value.split(' ');
      const total = expected.get(key) ?? { count: 0, sum: 0 };
      expected.set(key, { count: total.count + 1, sum: total.sum + Number(amount) });
    }
    for (const [key, { count, sum }] of expected) {
      const total = this.#totals.get(key);
      if (total === undefined || total.count < count) return false;
      if (total.count > count || total.sum !== sum) {
        this.breach ??= `${key} has ${total.count} records and the sum ${total.sum}; written were ${count} and ${sum}`;
      }
    }
    return true;
  }
}
