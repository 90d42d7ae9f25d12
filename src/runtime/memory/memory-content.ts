// The bytes of one in-memory file, in chunks: growing never copies what is there (but for the first small chunk), holes
// read as zeros.

const chunkBytes = 64 * 1024;
const firstChunkBytesMin = 1024;

export class MemoryContent {
  #chunks: (Buffer | undefined)[] = [];
  #sizeBytes = 0;

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
      this.#chunks.length = Math.min(this.#chunks.length, keep);
      // What grows back later must read as zeros.
      const last = this.#chunks[keep - 1];
      const inChunk = sizeBytes - (keep - 1) * chunkBytes;
      if (last !== undefined && inChunk < last.length) last.fill(0, inChunk);
    }
    this.#sizeBytes = sizeBytes;
  }

  clone(): MemoryContent {
    const copy = new MemoryContent();
    copy.#chunks = this.#chunks.map((chunk) => chunk && Buffer.from(chunk));
    copy.#sizeBytes = this.#sizeBytes;
    return copy;
  }

  /** The chunk, at least `bytes` long; only a file's first chunk starts small, so that many small files stay small. */
  #chunk(index: number, bytes: number): Buffer {
    let chunk = this.#chunks[index];
    if (chunk !== undefined && chunk.length >= bytes) return chunk;
    let length = chunkBytes;
    if (index === 0) for (length = firstChunkBytesMin; length < bytes; ) length *= 2;
    const grown = Buffer.alloc(length);
    if (chunk !== undefined) chunk.copy(grown);
    chunk = grown;
    this.#chunks[index] = chunk;
    return chunk;
  }
}
