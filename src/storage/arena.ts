// Memory behind the tail. Small batches are copied into arena chunks, in append order, so that a 100-byte slice does not
// pin a receive buffer and so that a commit's batches lie side by side; large ones are kept as they came. What is
// counted is the buffers behind the slices, each once.
//
// A backing is what the tail keeps; the region below it (protocol/region-pool.ts) lives on while somebody else still looks
// at it: an answer on its way to a socket, a flush. That is not counted here: giving up more of the tail would not help.
import { type Region, type RegionPool, regionOf } from '../protocol/region-pool.ts';

/** A buffer and the number of runs that look into it. */
export class Backing {
  readonly buffer: Buffer;
  /** What the buffer keeps alive, which can be more than it shows. */
  readonly pinnedBytes: number;
  /** Undefined: memory that the garbage collector frees. */
  readonly region: Region | undefined;
  references = 0;
  /** Bytes handed out, for an arena chunk. */
  used = 0;

  constructor(buffer: Buffer, pinnedBytes: number, region: Region | undefined) {
    this.buffer = buffer;
    this.pinnedBytes = pinnedBytes;
    this.region = region;
  }
}

/** Up to this size a batch is always copied. */
const copyBytesMax = 16 * 1024;
/** A batch is kept by reference when its buffer is at most this many times as large. */
const pinFactorMax = 4;

export class Arena {
  /** Bytes of all buffers that runs look into, and of the chunk being filled. */
  usedBytes = 0;
  readonly regions: RegionPool;
  #chunkBytes: number;
  #chunk: Backing;
  #external = new Map<ArrayBufferLike, Backing>();

  constructor(chunkBytes: number, regions: RegionPool) {
    this.#chunkBytes = chunkBytes;
    this.regions = regions;
    this.#chunk = new Backing(Buffer.alloc(0), 0, undefined);
  }

  /** True when `batch` should be copied rather than kept. */
  copies(batch: Buffer): boolean {
    return batch.length <= copyBytesMax || batch.buffer.byteLength > pinFactorMax * batch.length;
  }

  /** Copies `batch`; returns the backing, whose last `batch.length` used bytes are the copy. The caller references it. */
  copy(batch: Buffer): Backing {
    const backing = this.#room(batch.length);
    batch.copy(backing.buffer, backing.used);
    backing.used += batch.length;
    return backing;
  }

  /** The same for bytes that the caller puts there. */
  room(bytes: number): Backing {
    const backing = this.#room(bytes);
    backing.used += bytes;
    return backing;
  }

  /** The same for several buffers of `bytes` in all, side by side. */
  join(parts: readonly Buffer[], bytes: number): Backing {
    const backing = this.#room(bytes);
    for (const part of parts) {
      part.copy(backing.buffer, backing.used);
      backing.used += part.length;
    }
    return backing;
  }

  /** A backing for a batch that is kept as it came; positions in it are positions in `backing.buffer`. */
  keep(batch: Buffer): Backing {
    let backing = this.#external.get(batch.buffer);
    if (backing === undefined) {
      const region = regionOf(batch);
      region?.retain();
      backing = new Backing(region?.buffer ?? Buffer.from(batch.buffer), batch.buffer.byteLength, region);
      this.#external.set(batch.buffer, backing);
      this.usedBytes += backing.pinnedBytes;
    }
    return backing;
  }

  reference(backing: Backing): void {
    backing.references++;
  }

  release(backing: Backing): void {
    if (--backing.references > 0) return;
    this.usedBytes -= backing.pinnedBytes;
    this.#external.delete(backing.buffer.buffer);
    backing.region?.release();
  }

  #room(bytes: number): Backing {
    const chunk = this.#chunk;
    if (chunk.used + bytes <= chunk.buffer.length) return chunk;
    // A batch of a chunk's size or more gets a buffer of its own; the chunk goes on being filled.
    const large = bytes * 2 > this.#chunkBytes;
    const size = large ? bytes : this.#chunkBytes;
    const region = this.regions.take(size);
    const fresh = new Backing(region.buffer, region.buffer.length, region);
    this.usedBytes += fresh.pinnedBytes;
    if (!large) {
      if (chunk.pinnedBytes > 0) this.release(chunk);
      this.reference(fresh);
      this.#chunk = fresh;
    }
    return fresh;
  }
}
