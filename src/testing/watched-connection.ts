// A connection of a test broker: known to it, so that it can be broken, and its next answer be sent in pieces.
import type { Connection, Receiver } from '../runtime/network.ts';
import type { Timers } from '../runtime/runtime.ts';

interface Splitting {
  readonly pieces: number;
  readonly pauseMs: number;
}

export class WatchedConnection implements Connection {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #connection: Connection;
  readonly #timers: Timers;
  readonly #onOver: () => void;
  #splitting: Splitting | undefined;
  /** Pieces on their way, and what must not overtake them. */
  #pending: Promise<void> | undefined;
  #pendingBytes = 0;
  #over = false;

  constructor(connection: Connection, timers: Timers, onOver: () => void) {
    this.#connection = connection;
    this.#timers = timers;
    this.#onOver = onOver;
    this.localAddress = connection.localAddress;
    this.localPort = connection.localPort;
    this.remoteAddress = connection.remoteAddress;
    this.remotePort = connection.remotePort;
  }

  start(receiver: Receiver): void {
    this.#connection.start({
      ...receiver,
      closed: (error) => {
        this.#ended();
        receiver.closed(error);
      },
    });
  }

  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  /** The next write goes out in so many pieces, with pauses in between. */
  splitNext(pieces: number, pauseMs: number): void {
    this.#splitting = { pieces, pauseMs };
  }

  write(parts: readonly Uint8Array[], onDone?: (sent: boolean) => void): number {
    const splitting = this.#splitting;
    this.#splitting = undefined;
    if (splitting === undefined && this.#pending === undefined) return this.#connection.write(parts, onDone);
    // Copied: the caller may use its buffers again once it hears that they are sent.
    const bytes = Buffer.concat(parts);
    this.#pendingBytes += bytes.length;
    const before = this.#pending ?? Promise.resolve();
    const work = before.then(() => this.#sendPieces(bytes, splitting ?? { pieces: 1, pauseMs: 0 }, onDone));
    this.#pending = work;
    void work.then(() => {
      if (this.#pending === work) this.#pending = undefined;
    });
    return this.queuedBytes;
  }

  async #sendPieces(bytes: Buffer, { pieces, pauseMs }: Splitting, onDone?: (sent: boolean) => void): Promise<void> {
    const size = Math.max(1, Math.ceil(bytes.length / pieces));
    for (let at = 0; at < bytes.length && !this.#over; at += size) {
      if (at > 0) await new Promise<void>((resolve) => void this.#timers.set(pauseMs, resolve));
      if (!this.#over) this.#connection.write([bytes.subarray(at, at + size)]);
    }
    this.#pendingBytes -= bytes.length;
    onDone?.(!this.#over);
  }

  get queuedBytes(): number {
    return this.#connection.queuedBytes + this.#pendingBytes;
  }

  end(): void {
    if (this.#pending === undefined) this.#connection.end();
    else void this.#pending.then(() => this.#connection.end());
  }

  destroy(): void {
    this.#ended();
    this.#connection.destroy();
  }

  #ended(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onOver();
  }
}
