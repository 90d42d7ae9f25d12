// A map that never changes: a draft of it becomes a new map that shares every bucket it did not touch, so that changing
// one of ten thousand entries copies a few dozen. Small maps iterate in insertion order; larger ones by bucket.

const BUCKET_SIZE = 32;
const GROWTH = 8;

type Key = string | number;
type Bucket<K, V> = ReadonlyMap<K, V>;

export class PersistentMap<K extends Key, V> implements ReadonlyMap<K, V> {
  /** A power of two of them. */
  readonly #buckets: readonly Bucket<K, V>[];
  readonly size: number;

  constructor(buckets: readonly Bucket<K, V>[] = [new Map()], size = 0) {
    this.#buckets = buckets;
    this.size = size;
  }

  get(key: K): V | undefined {
    return this.#buckets[bucketOf(key, this.#buckets.length)]!.get(key);
  }

  has(key: K): boolean {
    return this.#buckets[bucketOf(key, this.#buckets.length)]!.has(key);
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }

  *entries(): MapIterator<[K, V]> {
    for (const bucket of this.#buckets) yield* bucket.entries();
    return undefined;
  }

  *keys(): MapIterator<K> {
    for (const bucket of this.#buckets) yield* bucket.keys();
    return undefined;
  }

  *values(): MapIterator<V> {
    for (const bucket of this.#buckets) yield* bucket.values();
    return undefined;
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  draft(): MapDraft<K, V> {
    return new MapDraft(this, this.#buckets);
  }

  /** Keys whose value is another than in `before`, gone and new ones included; shared buckets are not looked into. */
  *changedSince(before: PersistentMap<K, V>): Generator<K> {
    if (before === this) return;
    const comparable = before.#buckets.length === this.#buckets.length;
    for (let index = 0; index < this.#buckets.length; index++) {
      const bucket = this.#buckets[index]!;
      if (comparable && bucket === before.#buckets[index]) continue;
      for (const [key, value] of bucket) if (before.get(key) !== value) yield key;
    }
    for (let index = 0; index < before.#buckets.length; index++) {
      const bucket = before.#buckets[index]!;
      if (comparable && bucket === this.#buckets[index]) continue;
      for (const key of bucket.keys()) if (!this.has(key)) yield key;
    }
  }
}

/** The one place where buckets are written: those the draft has copied. */
export class MapDraft<K extends Key, V> {
  readonly #original: PersistentMap<K, V>;
  #buckets: Map<K, V>[];
  #owned: Set<number>;
  #size: number;
  #changed = false;

  constructor(original: PersistentMap<K, V>, buckets: readonly Bucket<K, V>[]) {
    this.#original = original;
    this.#buckets = [...buckets] as Map<K, V>[];
    this.#owned = new Set();
    this.#size = original.size;
  }

  get(key: K): V | undefined {
    return this.#buckets[bucketOf(key, this.#buckets.length)]!.get(key);
  }

  values(): IterableIterator<V> {
    return this.#buckets.flatMap((bucket) => [...bucket.values()]).values();
  }

  set(key: K, value: V): void {
    const bucket = this.#own(key);
    if (!bucket.has(key)) this.#size++;
    bucket.set(key, value);
    if (this.#size > this.#buckets.length * BUCKET_SIZE) this.#grow();
  }

  delete(key: K): void {
    if (this.#own(key).delete(key)) this.#size--;
  }

  /** The new map; the draft must not be used afterwards. */
  finish(): PersistentMap<K, V> {
    return this.#changed ? new PersistentMap(this.#buckets, this.#size) : this.#original;
  }

  #own(key: K): Map<K, V> {
    this.#changed = true;
    const index = bucketOf(key, this.#buckets.length);
    if (!this.#owned.has(index)) {
      this.#buckets[index] = new Map(this.#buckets[index]);
      this.#owned.add(index);
    }
    return this.#buckets[index]!;
  }

  #grow(): void {
    const larger = Array.from({ length: this.#buckets.length * GROWTH }, () => new Map<K, V>());
    for (const bucket of this.#buckets) {
      for (const [key, value] of bucket) larger[bucketOf(key, larger.length)]!.set(key, value);
    }
    this.#buckets = larger;
    this.#owned = new Set(larger.keys());
  }
}

function bucketOf(key: Key, count: number): number {
  if (count === 1) return 0;
  if (typeof key === 'number') return key & (count - 1);
  // FNV-1a.
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) & (count - 1);
}
