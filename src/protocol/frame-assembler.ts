// Cuts a stream of bytes into frames (an int32 size, then so many bytes), for both ends of a connection.
//
// Bytes arrive in regions that this file takes, and a frame is a view into its region: nothing is copied but the beginning
// of a frame that did not fit into the rest of its region. Nothing that a frame was cut from is written again while
// somebody may look at it: without a pool, or after `keepRegion`, a region is used once and freed with its last view; of a
// pool (region-pool.ts) it goes back when this file has left it and everybody who retained it has let go.
//
// An idle connection costs one region of 1 KiB. Regions grow while reads fill them and shrink again. A frame larger than
// that gets a region of its own, which grows as its bytes arrive: a declared size alone allocates no more than twice
// what this connection has sent in one frame before (64 KiB for a stranger).
import { Buffer } from 'node:buffer';
import type { Region, RegionPool } from './region-pool.ts';

const SIZE_BYTES = 4;
const REGION_BYTES_MIN = 1024;
const REGION_BYTES_MAX = 256 * 1024;
/** A region with less room than this is left behind, so that reads do not become tiny. */
const ROOM_BYTES_MIN = 256;
/** Smaller regions are not worth pooling. */
const POOLED_BYTES_MIN = 16 * 1024;
const TRUSTED_BYTES_MIN = 64 * 1024;
const TRUSTED_BYTES_MAX = 8 * 1024 * 1024;
const EMPTY = Buffer.alloc(0);

/** The peer declared a frame that is negative or larger than allowed; the stream has no meaning after it. */
export class FrameSizeError extends Error {
  readonly sizeBytes: number;
  constructor(sizeBytes: number, maxBytes: number) {
    super(
      `a frame of ${sizeBytes} bytes is ${sizeBytes < 0 ? 'negative' : `larger than the ${maxBytes} bytes allowed`}`,
    );
    this.name = 'FrameSizeError';
    this.sizeBytes = sizeBytes;
  }
}

export class FrameAssembler {
  #maxFrameBytes: number;
  readonly #pool: RegionPool | undefined;
  #region: Buffer = EMPTY;
  /** Of the region, unless it is nobody's or to be left to the garbage collector. */
  #pooled: Region | undefined;
  /** First byte of the region that no frame was cut from. */
  #start = 0;
  /** First byte of the region that was not received yet. */
  #end = 0;
  #regionBytes = REGION_BYTES_MIN;
  #largestRead = 0;
  #largestFrame = 0;
  #roomOffered = 0;

  /** With a pool, a frame's bytes are good until the next call of `buffer`; see `keepRegion`. */
  constructor(maxFrameBytes: number, pool?: RegionPool) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#pool = pool;
  }

  /** Somebody keeps views of the frame given out last, for nobody knows how long. */
  keepRegion(): void {
    this.#pooled = undefined;
  }

  /** From the next frame on. */
  set maxFrameBytes(bytes: number) {
    this.#maxFrameBytes = bytes;
  }

  /** Bytes received that belong to no frame yet given out. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** Where the next bytes go; never empty. */
  buffer(): Buffer {
    if (this.#mustMove()) {
      this.#moveToNewRegion();
    }
    this.#roomOffered = this.#region.length - this.#end;
    return this.#region.subarray(this.#end);
  }

  /** The first `count` bytes of the last `buffer()` were filled. */
  received(count: number): void {
    this.#end += count;
    this.#largestRead = Math.max(this.#largestRead, count);
    if (count === this.#roomOffered) {
      this.#regionBytes = Math.min(this.#regionBytes * 4, REGION_BYTES_MAX);
    }
  }

  /** The next whole frame without its size, or undefined until more bytes arrive. Throws FrameSizeError. */
  next(): Buffer | undefined {
    const pending = this.#end - this.#start;
    if (pending < SIZE_BYTES) {
      return undefined;
    }
    const size = this.#region.readInt32BE(this.#start);
    if (size < 0 || size > this.#maxFrameBytes) {
      throw new FrameSizeError(size, this.#maxFrameBytes);
    }
    if (pending < SIZE_BYTES + size) {
      return undefined;
    }
    const begin = this.#start + SIZE_BYTES;
    this.#start = begin + size;
    this.#largestFrame = Math.max(this.#largestFrame, size);
    return this.#region.subarray(begin, this.#start);
  }

  /** Whether `next` would give a frame (or throw). */
  get hasNext(): boolean {
    const declared = this.#declaredBytes();
    return (
      declared !== undefined &&
      (declared < 0 || declared > this.#maxFrameBytes || this.pendingBytes >= SIZE_BYTES + declared)
    );
  }

  #declaredBytes(): number | undefined {
    return this.pendingBytes < SIZE_BYTES ? undefined : this.#region.readInt32BE(this.#start);
  }

  /** The region is left when little room remains, or when a larger one would hold more of the frame that is arriving. */
  #mustMove(): boolean {
    const room = this.#region.length - this.#end;
    const declared = this.#declaredBytes();
    const missing = declared === undefined ? 0 : SIZE_BYTES + declared - this.pendingBytes;
    if (missing <= 0) {
      return room < ROOM_BYTES_MIN;
    }
    return missing > room && (room === 0 || this.#nextRegionBytes() > this.pendingBytes + room);
  }

  #moveToNewRegion(): void {
    if (this.#largestRead * 16 < this.#regionBytes && this.#regionBytes > REGION_BYTES_MIN) {
      this.#regionBytes /= 4;
    }
    const pending = this.pendingBytes;
    const left = this.#region;
    const leftPooled = this.#pooled;
    this.#takeRegion(Math.max(this.#nextRegionBytes(), pending + 1));
    left.copy(this.#region, 0, this.#start, this.#end);
    leftPooled?.release();
    this.#start = 0;
    this.#end = pending;
    this.#largestRead = 0;
  }

  /** Small regions share Node's pool of 8 KiB; larger ones have memory of their own. */
  #takeRegion(bytes: number): void {
    this.#pooled = bytes >= POOLED_BYTES_MIN ? this.#pool?.take(bytes) : undefined;
    this.#region = this.#pooled?.buffer ?? (bytes <= 4096 ? Buffer.allocUnsafe(bytes) : Buffer.allocUnsafeSlow(bytes));
  }

  #nextRegionBytes(): number {
    const pending = this.pendingBytes;
    const declared = this.#declaredBytes();
    const frameBytes = declared === undefined ? 0 : Math.min(Math.max(declared, 0), this.#maxFrameBytes) + SIZE_BYTES;
    if (frameBytes <= pending) {
      return Math.max(this.#regionBytes, pending + ROOM_BYTES_MIN);
    }
    const trusted = Math.min(Math.max(2 * this.#largestFrame, TRUSTED_BYTES_MIN), TRUSTED_BYTES_MAX);
    const affordable = Math.min(frameBytes, Math.max(2 * pending, trusted));
    return Math.max(affordable, this.#regionBytes);
  }
}
