// One output stream of a command: writes in order, slows its writer down, and knows when the reader has gone
// (`ottla consume … | head`), which ends the command quietly. Owned by the command line; one per stream of the process.

/** What Output needs of process.stdout and process.stderr. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(chunk: string | Uint8Array): boolean;
  on(event: 'error' | 'drain', listener: (error: Error) => void): unknown;
}

export class Output {
  readonly #stream: OutputStream;
  readonly #waiting: (() => void)[] = [];
  readonly #onClosed: (() => void)[] = [];
  #full = false;
  #closed = false;

  constructor(stream: OutputStream) {
    this.#stream = stream;
    stream.on('drain', () => {
      this.#full = false;
      this.#wake();
    });
    stream.on('error', () => this.#close());
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Width in characters; 80 when it is no terminal. */
  get columns(): number {
    return this.#stream.columns ?? 80;
  }

  /** The reader has gone: nothing that is written from now on arrives. */
  get closed(): boolean {
    return this.#closed;
  }

  onClosed(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClosed.push(listener);
  }

  /** Queues the part; the stream owns the bytes from now on. */
  write(part: string | Uint8Array): void {
    if (this.#closed) return;
    if (!this.#stream.write(part)) this.#full = true;
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  /** One JSON document on one line. */
  json(value: unknown): void {
    this.line(JSON.stringify(value));
  }

  /** Resolves when the stream wants more, or will never want any. */
  ready(): Promise<void> {
    if (!this.#full || this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake();
    for (const listener of this.#onClosed.splice(0)) listener();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
