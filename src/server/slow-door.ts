// Connections that came too fast. Those beyond the broker's rate wait in line for their turn, one after the other, as they would in
// the backlog of an acceptor that pauses; those of an address beyond its rate are closed after the time it is too early, so that
// a client which reconnects at once is slowed down. Invariant: what is held here is not read, and there is a limit to it.
import type { ConnectionRates } from '../quota/connection-rates.ts';
import type { Connection } from '../runtime/network.ts';
import type { Timer, Timers } from '../runtime/runtime.ts';

export interface SlowDoorOptions {
  readonly rates: ConnectionRates;
  readonly timers: Timers;
  readonly waitingMax: () => number;
}

interface Newcomer {
  readonly socket: Connection;
  readonly enter: () => void;
}

export class SlowDoor {
  readonly #options: SlowDoorOptions;
  readonly #line: Newcomer[] = [];
  readonly #early = new Map<Connection, Timer>();
  /** The one whose turn is next, and when it is. */
  #first: Newcomer | undefined;
  #turn: Timer | undefined;

  constructor(options: SlowDoorOptions) {
    this.#options = options;
  }

  /** Calls `enter` now, later or never; a sentence when the connection was closed because too many wait. */
  arrive(socket: Connection, enter: () => void): string | undefined {
    if (this.#turn === undefined) {
      this.#next({ socket, enter });
      return undefined;
    }
    return this.#waitInLine({ socket, enter });
  }

  close(): void {
    this.#turn?.cancel();
    this.#first?.socket.destroy();
    for (const { socket } of this.#line.splice(0)) socket.destroy();
    for (const [socket, timer] of this.#early) {
      timer.cancel();
      socket.destroy();
    }
    this.#early.clear();
  }

  #next(newcomer: Newcomer): void {
    const waitMs = this.#options.rates.paceMs();
    if (waitMs === 0) {
      this.#look(newcomer);
      return;
    }
    this.#first = newcomer;
    this.#turn = this.#options.timers.set(waitMs, () => {
      this.#first = undefined;
      this.#turn = undefined;
      this.#look(newcomer);
      for (let next = this.#line.shift(); next; next = this.#turn === undefined ? this.#line.shift() : undefined) {
        this.#next(next);
      }
    });
  }

  #waitInLine(newcomer: Newcomer): string | undefined {
    const { waitingMax } = this.#options;
    if (this.#line.length < waitingMax()) {
      this.#line.push(newcomer);
      return undefined;
    }
    newcomer.socket.destroy();
    return `${this.#line.length} connections wait because of max.connection.creation.rate`;
  }

  #look({ socket, enter }: Newcomer): void {
    const { rates, timers, waitingMax } = this.#options;
    const earlyMs = rates.tooEarlyMs(socket.remoteAddress);
    if (earlyMs === 0) {
      enter();
      return;
    }
    if (this.#early.size >= waitingMax()) {
      socket.destroy();
      return;
    }
    const timer = timers.set(earlyMs, () => {
      this.#early.delete(socket);
      socket.destroy();
    });
    this.#early.set(socket, timer);
  }
}
