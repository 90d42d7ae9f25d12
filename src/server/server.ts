// The broker's front door: listens, accepts within the limits, keeps the open connections, closes the idle ones, stops.
// Each connection is a ClientConnection; what they share (memory budget, limits, log) is here.
import type { Registry } from '../apis/registry.ts';
import type { RegionPool } from '../protocol/region-pool.ts';
import type { ConnectionRates } from '../quota/connection-rates.ts';
import { LimitedLog } from '../runtime/limited-log.ts';
import type { Connection, Listener } from '../runtime/network.ts';
import type { Runtime, Timer } from '../runtime/runtime.ts';
import { ConnectionIdentity } from '../security/connection-identity.ts';
import type { ListenerGate } from '../security/listener-gates.ts';
import { PrincipalMapping } from '../security/principal-mapping.ts';
import { ClientConnection, type ConnectionSurroundings, type LoginLimits } from './client-connection.ts';
import { type ConnectionLimitSettings, ConnectionLimits } from './connection-limits.ts';
import { RequestMemory } from './request-memory.ts';
import { SlowDoor } from './slow-door.ts';

/** Read again whenever they matter, so that dynamic configs apply: `() => configs.broker`. */
export interface ServerLimits extends ConnectionLimitSettings {
  /** Not positive: never. */
  readonly connectionsMaxIdleMs: number;
  readonly socketRequestMaxBytes: number;
  readonly socketListenBacklogSize: number;
}

export interface ListenerAddress {
  readonly name: string;
  /** '' is every interface. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface ServerOptions {
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'network' | 'log'>;
  readonly registry: Registry;
  readonly listeners: readonly ListenerAddress[];
  readonly limits: () => ServerLimits;
  /** By listener; one that is not here is plain text without a login. */
  readonly gates?: ReadonlyMap<string, ListenerGate>;
  readonly login?: LoginLimits;
  /** Absent: connections may come as fast as they like. */
  readonly connectionRates?: ConnectionRates;
  /** Requests read and not answered, and answers not read, of all connections together. */
  readonly requestMemoryMaxBytes: number;
  /** What others hold beyond their own budget: requests may take so much less. Tell `memoryFreed` when it fell. */
  readonly memoryOwedBytes?: () => number;
  /** Receive into these; see ConnectionSurroundings. */
  readonly regions?: RegionPool;
}

export interface Server {
  /** As bound: port 0 has become a real one. In the order of the settings. */
  readonly listeners: readonly ListenerAddress[];
  readonly connectionCount: number;
  /** `memoryOwedBytes` fell. */
  memoryFreed(): void;
  /**
   * Stops accepting, lets requests that were taken be answered (but no long polls) for at most `graceMs`, closes everything.
   */
  close(graceMs?: number): Promise<void>;
}

const SWEEP_MS_MAX = 5_000;
const SWEEP_MS_MIN = 20;
/** While request memory is full, answers may lie unread no longer than this. */
const UNREAD_WHILE_FULL_MS_MAX = 30_000;
const GRACE_MS = 5_000;
const NO_LOGINS: LoginLimits = { loginBytesMax: 0, loginMsMax: 30_000, failedLoginDelayMs: 0 };
const DEFAULT_MAPPING = new PrincipalMapping('DEFAULT');

/** Rejects with the NetworkError of the first listener that cannot be opened; none stays open then. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const server = new ListeningServer(options);
  await server.listen();
  return server;
}

class ListeningServer implements Server {
  readonly #options: ServerOptions;
  readonly #limits: ConnectionLimits;
  readonly #memory: RequestMemory;
  readonly #log: LimitedLog;
  readonly #slowDoor: SlowDoor | undefined;
  readonly #connections = new Set<ClientConnection>();
  readonly #bound: { readonly address: ListenerAddress; readonly listener: Listener }[] = [];
  #nextConnectionId = 1;
  #sweepTimer: Timer | undefined;
  #closing = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#limits = new ConnectionLimits(options.limits);
    const { requestMemoryMaxBytes, memoryOwedBytes = () => 0 } = options;
    this.#memory = new RequestMemory(() => requestMemoryMaxBytes - memoryOwedBytes(), options.runtime.timers);
    this.#log = new LimitedLog(options.runtime.log, options.runtime.clock);
    const { connectionRates: rates, limits, runtime } = options;
    const waitingMax = () => limits().socketListenBacklogSize;
    this.#slowDoor = rates && new SlowDoor({ rates, timers: runtime.timers, waitingMax });
  }

  get listeners(): readonly ListenerAddress[] {
    return this.#bound.map(({ address }) => address);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  memoryFreed(): void {
    this.#memory.limitChanged();
  }

  async listen(): Promise<void> {
    const backlog = this.#options.limits().socketListenBacklogSize;
    try {
      for (const { name, host, port } of this.#options.listeners) {
        const gate = this.#options.gates?.get(name);
        const listener = await this.#options.runtime.network.listen(
          { host, port, backlog, ...(gate?.tls && { tls: gate.tls }) },
          (socket) => this.#arrived(name, socket),
        );
        gate?.onTlsChange((terms) => listener.changeTls?.(terms));
        this.#bound.push({ address: { name, host, port: listener.port }, listener });
      }
    } catch (error) {
      await Promise.all(this.#bound.map(({ listener }) => listener.close()));
      throw error;
    }
    this.#sweepLater();
  }

  async close(graceMs = GRACE_MS): Promise<void> {
    if (this.#closing) {
      return;
    }
    this.#closing = true;
    this.#sweepTimer?.cancel();
    this.#slowDoor?.close();
    await Promise.all(this.#bound.map(({ listener }) => listener.close()));
    for (const connection of [...this.#connections]) {
      connection.drain();
    }
    await this.#emptyWithin(graceMs);
    for (const connection of [...this.#connections]) {
      connection.destroy();
    }
  }

  #arrived(listener: string, socket: Connection): void {
    const refusal = this.#slowDoor
      ? this.#slowDoor.arrive(socket, () => this.#accept(listener, socket))
      : this.#accept(listener, socket);
    if (refusal !== undefined) {
      this.#log.warn('Refusing a connection', { remote: socket.remoteAddress, reason: refusal });
    }
  }

  #accept(listener: string, socket: Connection): void {
    const refusal = this.#closing ? 'the broker is stopping' : this.#limits.open(socket.remoteAddress);
    if (refusal !== undefined) {
      this.#log.warn('Refusing a connection', { remote: socket.remoteAddress, reason: refusal });
      socket.destroy();
      return;
    }
    const identity =
      this.#options.gates?.get(listener)?.newIdentity() ??
      new ConnectionIdentity({ protocol: 'PLAINTEXT', mapping: DEFAULT_MAPPING, sasl: undefined });
    const connection = new ClientConnection(this.#nextConnectionId++, listener, socket, identity, this.#surroundings());
    this.#connections.add(connection);
    connection.start();
  }

  #surroundings(): ConnectionSurroundings {
    const { registry, runtime, limits, regions } = this.#options;
    return {
      regions,
      registry,
      memory: this.#memory,
      clock: runtime.clock,
      timers: runtime.timers,
      login: this.#options.login ?? NO_LOGINS,
      log: this.#log,
      frameBytesMax: limits().socketRequestMaxBytes,
      onGone: (connection) => this.#forget(connection),
    };
  }

  #forget(connection: ClientConnection): void {
    this.#connections.delete(connection);
    this.#limits.closed(connection.remoteAddress);
    if (this.#connections.size === 0) {
      this.#onEmpty?.();
    }
  }

  #sweepLater(): void {
    const idleMs = this.#options.limits().connectionsMaxIdleMs;
    const loginMs = (this.#options.login ?? NO_LOGINS).loginMsMax;
    const shortestMs = idleMs > 0 ? Math.min(idleMs, loginMs) : loginMs;
    const everyMs = Math.min(Math.max(shortestMs / 4, SWEEP_MS_MIN), SWEEP_MS_MAX);
    this.#sweepTimer = this.#options.runtime.timers.set(everyMs, () => {
      this.#sweep();
      this.#sweepLater();
    });
  }

  #sweep(): void {
    const nowMs = this.#options.runtime.clock.monotonicMs();
    const idleMs = this.#options.limits().connectionsMaxIdleMs;
    for (const connection of [...this.#connections]) {
      connection.closeIfLate(nowMs);
      if (this.#memory.isFull && connection.isStalledReader(nowMs, UNREAD_WHILE_FULL_MS_MAX)) {
        connection.destroy();
      } else if (idleMs > 0) {
        connection.closeIfIdle(nowMs, idleMs);
      }
    }
  }

  #emptyWithin(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#connections.size === 0) {
        resolve();
        return;
      }
      const timer = this.#options.runtime.timers.set(graceMs, resolve);
      this.#onEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
