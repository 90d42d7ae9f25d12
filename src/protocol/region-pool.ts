// Memory for bytes that come and go: what sockets fill, what batches are copied into, what old records are read into.
// A region is used again when its last user has let go, because allocating as many bytes as are received makes the
// garbage collector the dearest part of a broker. One pool per broker, owned by the storage engine.
//
// Who takes a region has its first reference. Whoever keeps a view beyond the call that showed it retains the region, and
// releases it once. Who never releases does no harm: the region is then left to the garbage collector, as any buffer.
// Who releases and still looks at it reads what others write there: with `poisons`, which tests set, released memory is
// overwritten at once and checked before it is used again, so that neither goes unseen.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

export interface RegionPoolOptions {
  /** Memory that waits for its next use; beyond, and what `trim` finds idle, is left to the garbage collector. */
  readonly freeBytesMax: number;
  readonly poisons?: boolean;
}

/** Sizes are multiples of an eighth of a power of two, so that requests of nearly the same size share them. */
const STEPS_PER_DOUBLING = 8;
const STEP_BYTES_MIN = 4096;
const POISON = 0xdb;

const regions = new WeakMap<ArrayBufferLike, Region>();

/** The region that a view looks into; undefined when its memory is none of a pool. */
export function regionOf(view: Uint8Array): Region | undefined {
  return regions.get(view.buffer);
}

export class Region {
  readonly buffer: Buffer;
  readonly #pool: RegionPool;
  #references = 1;

  /** Made by RegionPool.take alone. */
  constructor(pool: RegionPool, buffer: Buffer) {
    this.#pool = pool;
    this.buffer = buffer;
  }

  get references(): number {
    return this.#references;
  }

  retain(): void {
    assert(this.#references > 0, 'a region is retained by somebody who may still look at it');
    this.#references++;
  }

  release(): void {
    assert(this.#references > 0, 'a region is released once for each reference');
    if (--this.#references === 0) this.#pool.giveBack(this.buffer);
  }
}

/** Releases each of them once. */
export function releaseAll(held: readonly Region[]): void {
  for (let i = 0; i < held.length; i++) (held[i] as Region).release();
}

export class RegionPool {
  readonly #freeBytesMax: number;
  readonly #poisons: boolean;
  /** By size, a size that ran out and came back behind the others; of a size the last one is taken first: caches hold it. */
  readonly #free = new Map<number, Buffer[]>();
  #freeBytes = 0;
  /** Since the last trim. */
  #leastFreeBytes = 0;
  #allocated = 0;

  constructor(options: RegionPoolOptions) {
    this.#freeBytesMax = options.freeBytesMax;
    this.#poisons = options.poisons ?? false;
  }

  /** Waiting for their next use. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Regions that were not there to be used again; tests and tools. */
  get allocated(): number {
    return this.#allocated;
  }

  /** A region of at least so many bytes, with whatever in them, and one reference. */
  take(bytes: number): Region {
    const size = roundedUp(bytes);
    const region = new Region(this, this.#takeFree(size) ?? this.#allocate(size));
    regions.set(region.buffer.buffer, region);
    return region;
  }

  /** Lets go of as much as nobody needed since the last call. To be called now and then. */
  trim(): void {
    this.#drop(this.#leastFreeBytes, undefined);
    this.#leastFreeBytes = this.#freeBytes;
  }

  /** Called by the region whose last reference went. */
  giveBack(buffer: Buffer): void {
    regions.delete(buffer.buffer);
    if (this.#poisons) buffer.fill(POISON);
    const excessBytes = this.#freeBytes + buffer.length - this.#freeBytesMax;
    if (excessBytes > 0) this.#drop(excessBytes, buffer.length);
    if (this.#freeBytes + buffer.length > this.#freeBytesMax) return;
    const sameSize = this.#free.get(buffer.length);
    if (sameSize === undefined) this.#free.set(buffer.length, [buffer]);
    else sameSize.push(buffer);
    this.#freeBytes += buffer.length;
  }

  /** Drops at least so many bytes, if there are, but none of the size to keep: first of sizes not asked for since longest. */
  #drop(bytes: number, keptSize: number | undefined): void {
    const until = this.#freeBytes - bytes;
    for (const [size, buffers] of this.#free) {
      if (this.#freeBytes <= until) break;
      if (size === keptSize) continue;
      const count = Math.min(Math.ceil((this.#freeBytes - until) / size), buffers.length);
      buffers.length -= count;
      this.#freeBytes -= count * size;
      if (buffers.length === 0) this.#free.delete(size);
    }
    this.#leastFreeBytes = Math.min(this.#leastFreeBytes, this.#freeBytes);
  }

  #takeFree(size: number): Buffer | undefined {
    const sameSize = this.#free.get(size);
    // Poison stays as long as possible, so that late readers meet it.
    const buffer = this.#poisons ? sameSize?.shift() : sameSize?.pop();
    if (buffer === undefined) return undefined;
    this.#freeBytes -= size;
    this.#leastFreeBytes = Math.min(this.#leastFreeBytes, this.#freeBytes);
    if (sameSize?.length === 0) this.#free.delete(size);
    if (this.#poisons) {
      assert(buffer.equals(Buffer.alloc(size, POISON)), 'memory was written after it was released');
    }
    return buffer;
  }

  #allocate(size: number): Buffer {
    this.#allocated++;
    return Buffer.allocUnsafeSlow(size);
  }
}

function roundedUp(bytes: number): number {
  const power = 2 ** Math.floor(Math.log2(Math.max(bytes, 1)));
  const step = Math.max(STEP_BYTES_MIN, power / STEPS_PER_DOUBLING);
  return Math.ceil(bytes / step) * step;
}
