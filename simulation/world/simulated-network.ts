// The network of a simulated world: machines with addresses, listeners on them, connections between them, and what can go
// wrong on the way. Bytes of one direction of one connection arrive in order, as with TCP; all else is open.
import { type Connection, type Listener, type Network, NetworkError } from '../../src/runtime/network.ts';
import type { Dice } from './dice.ts';
import { ConnectionEnd, connectEnds } from './simulated-connection.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';

interface Listening {
  readonly process: SimulatedProcess;
  readonly onConnection: (connection: Connection) => void;
}

export class SimulatedNetwork {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly trace: Trace;
  /** Added to every journey while the network is slow. */
  slownessMs = 0;
  /** Addresses of machines whose programs read so much at once, then pause. */
  readonly slowReaders = new Map<string, { readonly bytesMax: number; readonly pauseMs: number }>();
  readonly #listening = new Map<string, Listening>();
  readonly #processes = new Map<string, SimulatedProcess>();
  readonly #ends = new Set<ConnectionEnd>();
  /** Pairs of addresses, `from>to`, between which nothing passes. */
  readonly #cut = new Set<string>();
  #nextPort = 20_000;
  #connections = 0;

  constructor(time: VirtualTime, dice: Dice, trace: Trace) {
    this.time = time;
    this.dice = dice;
    this.trace = trace;
  }

  /** What a process sees of it. */
  seenBy(process: SimulatedProcess): Network {
    this.#processes.set(process.machine.address, process);
    return {
      listen: (address, onConnection) => this.#listen(process, address, onConnection),
      connect: (address) => this.#connect(process, address),
    };
  }

  journeyMs(): number {
    return this.dice.skewed(0.05, 4) + (this.slownessMs > 0 ? this.dice.skewed(0, this.slownessMs) : 0);
  }

  passes(from: string, to: string): boolean {
    return !this.#cut.has(`${from}>${to}`);
  }

  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cut.clear();
    this.slownessMs = 0;
    this.slowReaders.clear();
  }

  /** A process ended and its machine lives: the kernel sends what it took and closes. */
  processEnded(process: SimulatedProcess): void {
    this.#forgetListeners(process);
    for (const end of [...this.#ends]) if (end.process === process) end.kernelCloses();
  }

  /** A machine lost its power: nobody hears of it. */
  machineWentDark(process: SimulatedProcess): void {
    this.#forgetListeners(process);
    for (const end of [...this.#ends]) if (end.process === process) end.vanish();
  }

  /** Breaks some connections of a machine. */
  breakConnections(address: string, dice: Dice): number {
    let broken = 0;
    for (const end of [...this.#ends]) {
      if (end.localAddress !== address || dice.oneIn(2)) continue;
      broken++;
      end.breakDown(dice.below(3));
    }
    return broken;
  }

  ended(end: ConnectionEnd): void {
    this.#ends.delete(end);
  }

  #forgetListeners(process: SimulatedProcess): void {
    for (const [key, listening] of this.#listening) if (listening.process === process) this.#listening.delete(key);
  }

  async #listen(
    process: SimulatedProcess,
    { host, port }: { host: string; port: number },
    onConnection: (connection: Connection) => void,
  ): Promise<Listener> {
    await this.time.wait(this.dice.skewed(0.01, 1), process);
    const key = `${host}:${port}`;
    if (this.#listening.has(key)) throw new NetworkError('EADDRINUSE', `cannot listen on ${key}: EADDRINUSE`);
    const listening = { process, onConnection };
    this.#listening.set(key, listening);
    return {
      host,
      port,
      close: async () => {
        if (this.#listening.get(key) === listening) this.#listening.delete(key);
        await this.time.wait(0, process);
      },
    };
  }

  async #connect(
    process: SimulatedProcess,
    { host, port, timeoutMs = 30_000 }: { host: string; port: number; timeoutMs?: number },
  ): Promise<Connection> {
    const { address } = process.machine;
    const startedMs = this.time.nowMs;
    await this.time.wait(this.journeyMs(), process);
    const target = this.#processes.get(host);
    const isDark = target === undefined || (!target.alive && !this.#isUp(host));
    if (isDark || !this.passes(address, host) || !this.passes(host, address)) {
      await this.time.wait(timeoutMs - (this.time.nowMs - startedMs), process);
      throw new NetworkError('ETIMEDOUT', `cannot connect to ${host}:${port}: ETIMEDOUT`);
    }
    const listening = this.#listening.get(`${host}:${port}`);
    if (listening === undefined) {
      await this.time.wait(this.journeyMs(), process);
      throw new NetworkError('ECONNREFUSED', `cannot connect to ${host}:${port}: ECONNREFUSED`);
    }
    const number = ++this.#connections;
    const here = { address, port: this.#nextPort++ };
    const there = { address: host, port };
    const client = new ConnectionEnd(this, process, `${number}c`, here, there);
    const server = new ConnectionEnd(this, listening.process, `${number}s`, there, here);
    connectEnds(client, server);
    this.#ends.add(client).add(server);
    this.time.plan(0, listening.process, () => {
      if (!server.isOver) listening.onConnection(server);
    });
    await this.time.wait(this.journeyMs(), process);
    return client;
  }

  /** Machines that went dark and have not come back. */
  readonly dark = new Set<string>();

  #isUp(address: string): boolean {
    return !this.dark.has(address);
  }
}
