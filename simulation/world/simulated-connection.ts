// One end of a simulated connection, with the send buffer of its kernel and the stretch of network to the other end. Parts
// are copied only when the kernel takes them, so that a buffer that is used again too early shows. Invariant: what arrives is
// a prefix of what was written, in order; `closed` is told once, and never in the turn of a call.
import { type Connection, NetworkError, type Receiver } from '../../src/runtime/network.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** One gathered write. Where its parts meet is chance (buffers are shared by what a process sends), so that nothing depends on it. */
interface Queued {
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly onDone: ((sent: boolean) => void) | undefined;
}

interface Place {
  readonly address: string;
  readonly port: number;
}

/** While the way is cut, the kernel tries again this often. */
const retransmitMs = 200;

export class ConnectionEnd implements Connection {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #network: SimulatedNetwork;
  readonly #windowBytes: number;
  #peer!: ConnectionEnd;
  #receiver: Receiver | undefined;
  #paused = false;
  /** A slow program reads nothing before. */
  #readsAtMs = 0;
  /** Given by the program, not yet taken by the kernel. */
  #queue: Queued[] = [];
  #queuedBytes = 0;
  /** Taken, and not yet read by the program at the other end. */
  #kernelBytes = 0;
  /** On the way to the other end, in order; 'end' says that nothing follows. */
  #onTheWay: (Buffer | 'end')[] = [];
  #lastArrivalMs = 0;
  /** Arrived here, not read. */
  #arrived: (Buffer | 'end')[] = [];
  /** The program wants no more; what is queued still goes out. */
  #ending = false;
  #over = false;
  /** The other end does not know of this connection any more. */
  #peerVanished = false;

  constructor(network: SimulatedNetwork, process: SimulatedProcess, name: string, local: Place, remote: Place) {
    this.#network = network;
    this.process = process;
    this.name = name;
    this.localAddress = local.address;
    this.localPort = local.port;
    this.remoteAddress = remote.address;
    this.remotePort = remote.port;
    this.#windowBytes = 1024 * 2 ** network.dice.between(3, 10);
  }

  setPeer(peer: ConnectionEnd): void {
    this.#peer = peer;
  }

  get isOver(): boolean {
    return this.#over;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  start(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#deliverSoon();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#deliverSoon();
  }

  write(parts: readonly Uint8Array[], onDone?: (sent: boolean) => void): number {
    if (this.#over || this.#ending || !this.process.alive) {
      onDone?.(false);
      return 0;
    }
    const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
    this.#queue.push({ parts: [...parts], sizeBytes, onDone });
    this.#queuedBytes += sizeBytes;
    this.#take();
    return this.#queuedBytes;
  }

  end(): void {
    if (this.#over || this.#ending || !this.process.alive) return;
    this.#ending = true;
    this.#take();
  }

  destroy(): void {
    if (this.#over || !this.process.alive) return;
    this.#send('end');
    this.#finish(undefined);
  }

  /** The process is gone: the kernel sends what it has taken, then closes. */
  kernelCloses(): void {
    if (this.#over) return;
    this.#send('end');
    this.#finish(undefined);
  }

  /** The machine is gone with all that was on its way from it. */
  vanish(): void {
    if (this.#over) return;
    this.#onTheWay = [];
    this.#peer.#peerVanished = true;
    this.#finish(undefined);
  }

  /** 0: both ends are told. 1: only this one hears of it. 2: only the other one. */
  breakDown(whoHears: number): void {
    if (this.#over) return;
    const peer = this.#peer;
    this.#onTheWay = [];
    peer.#onTheWay = [];
    this.#network.trace.line(this.process.name, () => `connection ${this.name} breaks (${whoHears})`);
    this.#peerVanished = peer.#peerVanished = true;
    for (const end of whoHears === 0 ? [this, peer] : whoHears === 1 ? [this] : [peer]) end.#resetSoon();
  }

  #take(): void {
    let taken = 0;
    while (this.#queue.length > 0 && (this.#kernelBytes === 0 || this.#kernelBytes < this.#windowBytes)) {
      const { parts, sizeBytes, onDone } = this.#queue.shift() as Queued;
      const room = Math.max(1024, this.#windowBytes - this.#kernelBytes);
      const bytes = Buffer.concat(parts);
      const part = bytes.subarray(0, room);
      if (part.length < sizeBytes) {
        const rest = bytes.subarray(room);
        this.#queue.unshift({ parts: [rest], sizeBytes: rest.length, onDone });
      } else if (onDone !== undefined) {
        this.#network.time.plan(this.#network.dice.skewed(0, 0.5), this.process, () => {
          onDone(!this.#over);
        });
      }
      this.#queuedBytes -= part.length;
      this.#kernelBytes += part.length;
      taken += part.length;
      if (part.length > 0) this.#send(part);
    }
    if (this.#peerVanished && taken > 0) this.#resetSoon();
    if (this.#ending && this.#queue.length === 0 && !this.#over) {
      this.#send('end');
      this.#finish(undefined);
    }
  }

  /** In as many pieces as the network likes. */
  #send(bytes: Buffer | 'end'): void {
    if (this.#peerVanished) return;
    const { dice } = this.#network;
    if (bytes !== 'end' && bytes.length > 1 && dice.oneIn(4)) {
      const at = dice.between(1, bytes.length - 1);
      this.#sendPiece(bytes.subarray(0, at));
      this.#sendPiece(bytes.subarray(at));
    } else {
      this.#sendPiece(bytes);
    }
  }

  #sendPiece(piece: Buffer | 'end'): void {
    const { time } = this.#network;
    this.#onTheWay.push(piece);
    const arrivalMs = Math.max(this.#lastArrivalMs, time.nowMs + this.#network.journeyMs());
    this.#lastArrivalMs = arrivalMs;
    time.plan(arrivalMs - time.nowMs, undefined, () => this.#arrive());
  }

  #arrive(): void {
    if (this.#onTheWay.length === 0) return;
    if (!this.#network.passes(this.localAddress, this.remoteAddress)) {
      this.#network.time.plan(retransmitMs, undefined, () => this.#arrive());
      return;
    }
    const piece = this.#onTheWay.shift() as Buffer | 'end';
    const peer = this.#peer;
    if (peer.#over) {
      // Nobody is there any more: the kernel, when there is one, says so.
      if (piece !== 'end') this.#resetSoon();
      return;
    }
    peer.#arrived.push(piece);
    peer.#deliverSoon();
  }

  #deliverSoon(): void {
    this.#network.time.plan(0, this.process, () => this.#deliver());
  }

  #deliver(): void {
    const receiver = this.#receiver;
    if (receiver === undefined || this.#network.time.nowMs < this.#readsAtMs) return;
    const slow = this.#network.slowReaders.get(this.localAddress);
    while (this.#arrived.length > 0 && !this.#paused && !this.#over) {
      const piece = this.#arrived[0] as Buffer | 'end';
      if (piece === 'end') {
        this.#finish(undefined, true);
        return;
      }
      const room = receiver.buffer();
      const count = Math.min(room.length, piece.length, slow?.bytesMax ?? piece.length);
      room.set(piece.subarray(0, count));
      if (count === piece.length) this.#arrived.shift();
      else this.#arrived[0] = piece.subarray(count);
      this.#peer.#wasRead(count);
      this.#network.trace.line(this.process.name, () => `connection ${this.name} receives ${count} bytes`);
      receiver.received(count);
      if (slow !== undefined) {
        this.#pauseReading(slow.pauseMs);
        return;
      }
    }
  }

  #pauseReading(pauseMs: number): void {
    const { time } = this.#network;
    this.#readsAtMs = time.nowMs + pauseMs;
    time.plan(pauseMs, this.process, () => this.#deliver());
  }

  #wasRead(count: number): void {
    this.#kernelBytes -= count;
    if (this.#over || (this.#queue.length === 0 && !this.#ending)) return;
    this.#network.time.plan(this.#network.journeyMs(), this.process, () => {
      if (!this.#over) this.#take();
    });
  }

  #resetSoon(): void {
    this.#network.time.plan(this.#network.journeyMs(), undefined, () => {
      if (this.#over) return;
      if (!this.#network.passes(this.remoteAddress, this.localAddress) || this.#network.dark.has(this.remoteAddress)) {
        this.#network.time.plan(retransmitMs, undefined, () => this.#resetSoon());
        return;
      }
      this.#finish(new NetworkError('ECONNRESET', 'the connection was reset'), true);
    });
  }

  #finish(error: NetworkError | undefined, atOnce = false): void {
    this.#over = true;
    const unsent = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const { onDone } of unsent) onDone?.(false);
    this.#network.ended(this);
    const tell = () => this.#receiver?.closed(error);
    if (atOnce && this.process.stoppedUntilMs <= this.#network.time.nowMs && this.process.alive) tell();
    else this.#network.time.plan(0, this.process, tell);
  }
}

export function connectEnds(one: ConnectionEnd, other: ConnectionEnd): void {
  one.setPeer(other);
  other.setPeer(one);
}
