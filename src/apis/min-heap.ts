// Numbers of which the least is wanted: a binary heap in an array. Owned by `Deadlines`. Invariant: no number is less than
// its parent, which stands at half its index (rounded down).

export class MinHeap {
  readonly #values: number[];

  constructor(values: Iterable<number> = []) {
    this.#values = [...values].sort((a, b) => a - b);
  }

  get size(): number {
    return this.#values.length;
  }

  get least(): number | undefined {
    return this.#values[0];
  }

  push(value: number): void {
    const values = this.#values;
    let at = values.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = values[parent] as number;
      if (above <= value) break;
      values[at] = above;
      at = parent;
    }
    values[at] = value;
  }

  /** Removes the least; undefined when there is none. */
  pop(): number | undefined {
    const values = this.#values;
    const least = values[0];
    const last = values.pop();
    if (values.length > 0) this.#sinkFromTop(last as number);
    return least;
  }

  #sinkFromTop(value: number): void {
    const values = this.#values;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= values.length) break;
      if (child + 1 < values.length && (values[child + 1] as number) < (values[child] as number)) child++;
      const below = values[child] as number;
      if (below >= value) break;
      values[at] = below;
      at = child;
    }
    values[at] = value;
  }
}
