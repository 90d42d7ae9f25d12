// Cuts a stream of bytes into records at a delimiter, without looking at the bytes in between: no encoding is assumed and
// nothing is trimmed. What follows the last delimiter is a record of its own unless it is empty.

export class LineTooLong extends Error {
  readonly code = 'LINE_TOO_LONG';
}

export class LineSplitter {
  readonly #delimiter: Buffer;
  readonly #lineBytesMax: number;
  /** Bytes after the last delimiter seen, in pieces. */
  #rest: Buffer[] = [];
  #restBytes = 0;

  constructor(delimiter: Buffer, lineBytesMax: number) {
    if (delimiter.length === 0) throw new RangeError('the delimiter must not be empty');
    this.#delimiter = delimiter;
    this.#lineBytesMax = lineBytesMax;
  }

  /** The records that this chunk completes: views of it where possible, so the chunk must not change afterwards. */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let bytes = chunk;
    let searchFrom = 0;
    // A delimiter of several bytes may straddle chunks; then the search goes on in one joined buffer.
    if (this.#delimiter.length > 1 && this.#restBytes > 0) {
      searchFrom = Math.max(0, this.#restBytes - this.#delimiter.length + 1);
      bytes = Buffer.concat([...this.#rest, chunk]);
      this.#rest = [];
      this.#restBytes = 0;
    }
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(this.#delimiter, Math.max(start, searchFrom));
      if (end < 0) break;
      lines.push(this.#complete(bytes.subarray(start, end)));
      start = end + this.#delimiter.length;
    }
    if (start < bytes.length) this.#keep(bytes.subarray(start));
    return lines;
  }

  /** The record after the last delimiter, if there is one. */
  finish(): Buffer | undefined {
    return this.#restBytes === 0 ? undefined : this.#complete(Buffer.alloc(0));
  }

  #complete(end: Buffer): Buffer {
    const line = this.#restBytes === 0 ? end : Buffer.concat([...this.#rest, end]);
    this.#rest = [];
    this.#restBytes = 0;
    if (line.length > this.#lineBytesMax) throw this.#tooLong();
    return line;
  }

  #keep(piece: Buffer): void {
    this.#rest.push(piece);
    this.#restBytes += piece.length;
    if (this.#restBytes > this.#lineBytesMax + this.#delimiter.length) throw this.#tooLong();
  }

  #tooLong(): LineTooLong {
    return new LineTooLong(
      `a line is longer than ${this.#lineBytesMax} bytes; choose another --delimiter or split the input`,
    );
  }
}
