// The bytes of one in-memory file, in chunks: growing never copies what is there (but for the first small chunk), holes
// read as zeros. A clone shares the chunks: whoever writes into one first makes it its own.
// Invariant: a chunk that somebody else may see is never written to.

const chunkBytes = 64 * 1024;
const firstChunkBytesMin = 1024;

export class MemoryContent {
  #chunks: (Buffer | undefined)[] = [];
  #sizeBytes = 0;
  /** The list of chunks is seen by a clone too. */
  #sharesList = false;
  /** Chunks that no clone sees; undefined: all of them. */
  #own: Set<number> | undefined;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Copies into `into`; returns the bytes there were. */
  read(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.#sizeBytes - position));
    let done = 0;
    while (done < count) {
      const at = position + done;
      const inChunk = at % chunkBytes;
      const step = Math.min(count - done, chunkBytes - inChunk);
      const chunk = this.#chunks[(at - inChunk) / chunkBytes];
      const have = chunk === undefined ? 0 : Math.max(0, Math.min(step, chunk.length - inChunk));
      if (have > 0) into.set((chunk as Buffer).subarray(inChunk, inChunk + have), done);
      if (have < step) into.fill(0, done + have, done + step);
      done += step;
    }
    return count;
  }

  /** Copies `bytes` in; the caller keeps its buffer. */
  write(bytes: Uint8Array, position: number): void {
    let done = 0;
    while (done < bytes.length) {
      const at = position + done;
      const inChunk = at % chunkBytes;
      const step = Math.min(bytes.length - done, chunkBytes - inChunk);
      this.#chunk((at - inChunk) / chunkBytes, inChunk + step).set(bytes.subarray(done, done + step), inChunk);
      done += step;
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, position + bytes.length);
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#sizeBytes) {
      const keep = Math.ceil(sizeBytes / chunkBytes);
      this.#ownList();
      this.#chunks.length = Math.min(this.#chunks.length, keep);
      // What grows back later must read as zeros.
      const inChunk = sizeBytes - (keep - 1) * chunkBytes;
      if (inChunk < (this.#chunks[keep - 1]?.length ?? 0)) this.#chunk(keep - 1, inChunk).fill(0, inChunk);
    }
    this.#sizeBytes = sizeBytes;
  }

  /** Takes the same time whatever the size. */
  clone(): MemoryContent {
    const copy = new MemoryContent();
    copy.#chunks = this.#chunks;
    copy.#sizeBytes = this.#sizeBytes;
    copy.#sharesList = true;
    copy.#own = new Set();
    this.#sharesList = true;
    this.#own = new Set();
    return copy;
  }

  #ownList(): void {
    if (!this.#sharesList) return;
    this.#chunks = [...this.#chunks];
    this.#sharesList = false;
  }

  /**
   * The chunk, at least `bytes` long and ready to be written to; only a file's first chunk starts small, so that many small
   * files stay small.
   */
  #chunk(index: number, bytes: number): Buffer {
    this.#ownList();
    const chunk = this.#chunks[index];
    const isOwn = this.#own === undefined || this.#own.has(index);
    if (chunk !== undefined && chunk.length >= bytes && isOwn) return chunk;
    let length = chunkBytes;
    if (index === 0) for (length = firstChunkBytesMin; length < Math.max(bytes, chunk?.length ?? 0); ) length *= 2;
    const grown = Buffer.alloc(length);
    if (chunk !== undefined) chunk.copy(grown);
    this.#chunks[index] = grown;
    this.#own?.add(index);
    return grown;
  }
}
