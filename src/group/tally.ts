// How many there are of each: names come and go one at a time, and one that nobody counts is gone.

export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, this.count(name) + 1);
  }

  remove(name: string): void {
    const count = this.count(name) - 1;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  get size(): number {
    return this.#counts.size;
  }

  keys(): Iterable<string> {
    return this.#counts.keys();
  }

  all(predicate: (count: number) => boolean): boolean {
    for (const count of this.#counts.values()) if (!predicate(count)) return false;
    return true;
  }

  /** The most frequent; between equals the one that comes first in `order`. Undefined when there is none. */
  mostFrequent(order: readonly string[]): string | undefined {
    let best: string | undefined;
    for (const name of order) if (this.count(name) > (best === undefined ? 0 : this.count(best))) best = name;
    return best;
  }
}
