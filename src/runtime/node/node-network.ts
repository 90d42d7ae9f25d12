// TCP over Node's sockets. Received bytes go straight into the receiver's buffers (Node's `onread`, two to four times
// cheaper than 'data' events); a write of several parts reaches the kernel as one writev. With TLS (node-tls.ts) 'data'
// events it is: the bytes were copied while they were decrypted anyhow.
import { type AddressInfo, createServer, Socket, type SocketConstructorOpts } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  type ClientTls,
  type Connection,
  type Listener,
  type Network,
  NetworkError,
  type Receiver,
  type TlsPeer,
  type TlsTerms,
} from '../network.ts';
import { secure, type TlsAcceptor, tlsAcceptor } from './node-tls.ts';

export function nodeNetwork(): Network {
  return { listen, connect };
}

function listen(
  address: { host: string; port: number; backlog?: number; tls?: TlsTerms },
  onConnection: (connection: Connection) => void,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const tls = address.tls && tlsAcceptor(address.tls);
    const server = createServer({ pauseOnConnect: tls === undefined, noDelay: true });
    server.on('connection', (socket) =>
      onConnection(tls ? new TlsConnection(socket, tls) : new NodeConnection(socket)),
    );
    server.once('error', (error) => reject(networkError(error, `cannot listen on ${address.host}:${address.port}`)));
    server.listen({ host: address.host, port: address.port, backlog: address.backlog ?? 511 }, () => {
      // Failures of single accepts (no file descriptors left) must not end the process.
      server.on('error', () => {});
      const bound = server.address() as AddressInfo;
      resolve({
        host: bound.address,
        port: bound.port,
        ...(tls && { changeTls: (terms: TlsTerms) => tls.changeTls(terms) }),
        // The port is free once the handle is closed; open connections go on, so 'close' of the server is not awaited.
        close: () =>
          new Promise((closed) => {
            server.close();
            setImmediate(closed);
          }),
      });
    });
  });
}

function connect(address: { host: string; port: number; timeoutMs?: number; tls?: ClientTls }): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = new Socket();
    const where = `${address.host}:${address.port}`;
    const failed = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(networkError(error, `cannot connect to ${where}`));
    };
    const timer = setTimeout(
      () => failed(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })),
      address.timeoutMs ?? 30_000,
    );
    socket.once('error', failed);
    const done = (connection: Connection): void => {
      clearTimeout(timer);
      socket.removeListener('error', failed);
      resolve(connection);
    };
    socket.connect({ host: address.host, port: address.port, noDelay: true }, () => {
      if (address.tls) {
        secure(
          socket,
          address.host,
          address.tls,
          (secured) => done(new TlsConnection(socket, already(secured))),
          failed,
        );
        return;
      }
      socket.pause();
      done(new NodeConnection(socket));
    });
  });
}

/** For a socket whose handshake is done before anybody listens to it. */
function already(secured: TLSSocket): Pick<TlsAcceptor, 'accept'> {
  return { accept: (_socket, onSecured) => onSecured(secured, { certificate: undefined }) };
}

interface Internals {
  _handle?: unknown;
  _server?: unknown;
}

class NodeConnection implements Connection {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  #socket: Socket;
  #receiver: Receiver | undefined;
  #closed = false;
  #closeError: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.localAddress = plainAddress(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort ?? 0;
    this.#watch(socket);
  }

  start(receiver: Receiver): void {
    this.#receiver = receiver;
    if (this.#closed) {
      // Broke between the hand-over and now; tell it after the caller is done setting up.
      setImmediate(() => receiver.closed(this.#closeError));
      return;
    }
    const direct = this.#direct(receiver);
    if (direct !== undefined) {
      this.#socket = direct;
      this.#watch(direct);
    } else {
      this.#socket.on('data', (bytes) => deliver(bytes, receiver));
      this.#socket.resume();
    }
  }

  /**
   * A second socket over the same handle that reads into the receiver's buffers: an accepted socket has no public way to
   * ask for that. Undefined where Node's insides look different; then 'data' events with a copy are used.
   */
  #direct(receiver: Receiver): Socket | undefined {
    const before = this.#socket as Socket & Internals;
    const handle = before._handle as { readStop?: unknown; useUserBuffer?: unknown } | null | undefined;
    if (typeof handle?.useUserBuffer !== 'function' || before.readableLength > 0 || before.writableLength > 0) return;
    const options = {
      handle,
      readable: true,
      writable: true,
      onread: {
        buffer: () => receiver.buffer(),
        callback: (count: number) => {
          if (!this.#closed) receiver.received(count);
          return true;
        },
      },
    } as unknown as SocketConstructorOpts;
    before.removeAllListeners();
    before.on('error', () => {});
    before._handle = null;
    const direct = new Socket(options) as Socket & Internals;
    if (before._server !== undefined) {
      // The server counts its connections; the count must fall when the new socket closes.
      direct._server = before._server;
      before._server = null;
    }
    return direct;
  }

  #watch(socket: Socket): void {
    socket.on('error', (error) => {
      this.#closeError = error;
    });
    socket.on('end', () => this.#closeOnce());
    socket.on('close', () => this.#closeOnce());
  }

  #closeOnce(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#receiver?.closed(this.#closeError);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  write(parts: readonly Uint8Array[], onDone?: (sent: boolean) => void): number {
    return writeParts(this.#socket, parts, onDone);
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  end(): void {
    this.#socket.end();
    // The peer may never close its side; once everything is sent there is nothing to wait for.
    this.#socket.once('finish', () => this.#socket.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Delivers what the TLS socket decrypts; before the handshake is done nothing, and what is written then goes nowhere. */
class TlsConnection implements Connection {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #raw: Socket;
  readonly #tls: Pick<TlsAcceptor, 'accept'>;
  #secured: TLSSocket | undefined;
  #receiver: Receiver | undefined;
  #closed = false;
  #closeError: Error | undefined;
  #paused = false;

  constructor(raw: Socket, tls: Pick<TlsAcceptor, 'accept'>) {
    this.#raw = raw;
    this.localAddress = plainAddress(raw.localAddress);
    this.localPort = raw.localPort ?? 0;
    this.remoteAddress = plainAddress(raw.remoteAddress);
    this.remotePort = raw.remotePort ?? 0;
    this.#tls = tls;
    raw.on('error', (error) => this.#failed(error));
    raw.on('close', () => this.#closeOnce());
  }

  start(receiver: Receiver): void {
    this.#receiver = receiver;
    if (this.#closed) {
      setImmediate(() => receiver.closed(this.#closeError));
      return;
    }
    this.#tls.accept(
      this.#raw,
      (secured, peer) => this.#start(secured, peer),
      (error) => this.#failed(error),
    );
  }

  #failed(error: Error): void {
    this.#closeError ??= error;
  }

  #start(secured: TLSSocket, peer: TlsPeer): void {
    if (this.#closed) {
      secured.destroy();
      return;
    }
    const receiver = this.#receiver!;
    this.#secured = secured;
    secured.on('error', (error) => {
      this.#closeError ??= error;
    });
    secured.on('end', () => this.#closeOnce());
    secured.on('close', () => this.#closeOnce());
    secured.on('data', (bytes: Buffer) => {
      if (!this.#closed) deliver(bytes, receiver);
    });
    if (this.#paused) secured.pause();
    receiver.secured?.(peer);
  }

  #closeOnce(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#receiver?.closed(this.#closeError);
  }

  pause(): void {
    this.#paused = true;
    this.#secured?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#secured?.resume();
  }

  write(parts: readonly Uint8Array[], onDone?: (sent: boolean) => void): number {
    if (this.#secured) return writeParts(this.#secured, parts, onDone);
    if (onDone) setImmediate(onDone, false);
    return 0;
  }

  get queuedBytes(): number {
    return this.#secured?.writableLength ?? 0;
  }

  end(): void {
    const socket = this.#secured;
    if (!socket) {
      this.#raw.destroy();
      return;
    }
    socket.end();
    socket.once('finish', () => socket.destroy());
  }

  destroy(): void {
    this.#secured?.destroy();
    this.#raw.destroy();
  }
}

function writeParts(socket: Socket, parts: readonly Uint8Array[], onDone?: (sent: boolean) => void): number {
  if (socket.destroyed || socket.writableEnded) {
    if (onDone) setImmediate(onDone, false);
    return 0;
  }
  const last = parts.length - 1;
  // Called for every write, with an error when the socket was destroyed before it was its turn.
  const done = onDone && ((error?: Error | null) => onDone(!error));
  if (last > 0) {
    socket.cork();
    for (let i = 0; i < last; i++) socket.write(parts[i] as Uint8Array);
    socket.write(parts[last] as Uint8Array, done);
    socket.uncork();
  } else if (last === 0) {
    socket.write(parts[0] as Uint8Array, done);
  } else if (onDone) {
    setImmediate(onDone, true);
  }
  return socket.writableLength;
}

function deliver(bytes: Uint8Array, receiver: Receiver): void {
  let position = 0;
  while (position < bytes.length) {
    const room = receiver.buffer();
    const count = Math.min(room.length, bytes.length - position);
    room.set(bytes.subarray(position, position + count));
    position += count;
    receiver.received(count);
  }
}

/** `::ffff:10.0.0.1` is the IPv4 address 10.0.0.1 as a dual-stack socket shows it. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address;
}

function networkError(error: Error, what: string): NetworkError {
  const code = (error as NodeJS.ErrnoException).code ?? 'UNKNOWN';
  return new NetworkError(code, `${what}: ${code}`, error);
}
