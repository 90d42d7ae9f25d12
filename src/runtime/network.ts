// Stream sockets as the server and the client need them: bytes arrive in buffers the receiver chose (no copy), and a
// gathered write takes a list of buffers.

export interface Network {
  /** Port 0 takes a free one. Rejects with NetworkError (`code` EADDRINUSE, EACCES, …). */
  listen(
    address: { host: string; port: number; backlog?: number },
    onConnection: (connection: Connection) => void,
  ): Promise<Listener>;
  connect(address: { host: string; port: number; timeoutMs?: number }): Promise<Connection>;
}

export class NetworkError extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'NetworkError';
    this.code = code;
  }
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Stops accepting; open connections stay. */
  close(): Promise<void>;
}

export interface Connection {
  /** Numeric addresses; IPv4-mapped IPv6 is given as IPv4. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Starts delivery; call it once, synchronously after the connection was handed over. */
  start(receiver: Receiver): void;
  /** Stops asking the kernel for bytes, so that TCP slows the sender down. */
  pause(): void;
  resume(): void;
  /**
   * Queues the parts in order, as one gathered write. The buffers belong to the connection until `onDone` is called, once:
   * the kernel took them, or (`sent` false) they will never be looked at again because the connection broke. That `closed`
   * was called says nothing: what is queued may still go out to a peer that has ended its own side. Returns the bytes now
   * queued and not yet taken by the kernel.
   */
  write(parts: readonly Uint8Array[], onDone?: (sent: boolean) => void): number;
  readonly queuedBytes: number;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once, dropping what is queued. */
  destroy(): void;
}

export interface Receiver {
  /** Where the next bytes go: a non-empty view that the receiver keeps free until `received` is called. */
  buffer(): Uint8Array;
  /** The first `count` bytes of the last view were filled. */
  received(count: number): void;
  /** The peer finished or the connection broke; called once, nothing follows. */
  closed(error?: Error): void;
}
