// Stream sockets as the server and the client need them: bytes arrive in buffers the receiver chose (no copy), and a
// gathered write takes a list of buffers.

export interface Network {
  /** Port 0 takes a free one. Rejects with NetworkError (`code` EADDRINUSE, EACCES, …). */
  listen(
    address: { host: string; port: number; backlog?: number; tls?: TlsTerms },
    onConnection: (connection: Connection) => void,
  ): Promise<Listener>;
  /** With `tls` it resolves once the handshake is done and the other end is who it should be. */
  connect(address: { host: string; port: number; timeoutMs?: number; tls?: ClientTls }): Promise<Connection>;
}

/** How a client speaks TLS. */
export interface ClientTls {
  /** Its own key and certificate, for brokers that ask for one. */
  readonly identity?: TlsTerms['identity'] | undefined;
  /** PEM texts of the authorities that the broker's certificate must come from; empty: those that the platform trusts. */
  readonly trusted: readonly string[];
  /** Whether the certificate must name the host that was dialled. */
  readonly checksName: boolean;
}

/** How a listener speaks TLS; versions below 1.2 are never spoken. */
export interface TlsTerms {
  /** Private key and certificate chain: PEM texts, or one PKCS#12 store. */
  readonly identity:
    | { readonly key: string; readonly certificates: string; readonly password: string | undefined }
    | { readonly store: Buffer; readonly password: string };
  /** PEM texts of the authorities that client certificates must come from. */
  readonly trusted: readonly string[];
  readonly clientCertificate: 'none' | 'requested' | 'required';
  readonly versionMin: 'TLSv1.2' | 'TLSv1.3';
  readonly versionMax: 'TLSv1.2' | 'TLSv1.3';
  /** Names of Java or OpenSSL; empty: the platform's choice. */
  readonly cipherSuites: readonly string[];
  /** A connection that has not finished its handshake by then is closed. */
  readonly handshakeMsMax: number;
}

/** What is known of the other end once the handshake is done. */
export interface TlsPeer {
  /** The client's own certificate in DER; only when it comes from a trusted authority. */
  readonly certificate: Buffer | undefined;
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
  /** Handshakes from now on use these; throws NetworkError when they cannot be used. Only on a listener that has TLS. */
  changeTls?(terms: TlsTerms): void;
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
  /** On a listener with TLS: called once before the first bytes. */
  secured?(peer: TlsPeer): void;
  /** The peer finished or the connection broke; called once, nothing follows. */
  closed(error?: Error): void;
}
