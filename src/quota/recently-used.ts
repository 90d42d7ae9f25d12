// A map that forgets: what was not used for an hour, and beyond a number of entries what was used longest ago. Clients name
// themselves, so without a bound they could fill the memory with names.

const KEPT_MS = 3_600_000;
const ENTRIES_MAX = 20_000;

export class RecentlyUsed<T> {
  /** Longest unused first. */
  readonly #entries = new Map<string, { readonly value: T; usedAtMs: number }>();
  readonly #entriesMax: number;

  constructor(entriesMax: number = ENTRIES_MAX) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, nowMs: number, make: () => T): T {
    const entry = this.#entries.get(key) ?? { value: make(), usedAtMs: nowMs };
    entry.usedAtMs = nowMs;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#forget(nowMs);
    return entry.value;
  }

  #forget(nowMs: number): void {
    for (const [key, { usedAtMs }] of this.#entries) {
      if (this.#entries.size <= this.#entriesMax && nowMs - usedAtMs < KEPT_MS) return;
      this.#entries.delete(key);
    }
  }
}
