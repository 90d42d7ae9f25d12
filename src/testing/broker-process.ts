// One run of a test broker, as a process would be one: what the production code gets as its runtime, and an end to it. When it
// is killed nothing of it goes on: its timers and what it deferred are not called, its connections break, its files are closed to it.
import { FileError } from '../runtime/files.ts';
import { type MemoryDirectory, MemoryFiles, type MemoryFilesHooks } from '../runtime/memory/memory-files.ts';
import type { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import type { Connection, Listener, Network } from '../runtime/network.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { VirtualBrokers } from './virtual-brokers.ts';
import type { VirtualClock } from './virtual-clock.ts';
import { WatchedConnection } from './watched-connection.ts';

export interface ProcessSurroundings {
  readonly real: Runtime;
  readonly clock: VirtualClock;
  readonly disk: TestDisk;
  readonly brokers: VirtualBrokers;
}

/** A disk in memory: with `fsync` one that knows what was not synced, else one that keeps all that was written. */
export type TestDisk =
  | { readonly kind: 'forgetful'; readonly files: UnsyncedFiles }
  | { readonly kind: 'plain'; readonly root: MemoryDirectory };

export class BrokerProcess {
  readonly runtime: Runtime;
  readonly #surroundings: ProcessSurroundings;
  readonly #connections = new Set<WatchedConnection>();
  readonly #listeners = new Set<Listener>();
  #alive = true;

  constructor(surroundings: ProcessSurroundings) {
    this.#surroundings = surroundings;
    const { real, clock, disk } = surroundings;
    const isAlive = () => this.#alive;
    const quiet = (level: 'info' | 'warn' | 'error'): Runtime['log']['info'] => {
      return (message, fields) => {
        if (this.#alive) real.log[level](message, fields);
      };
    };
    const { threads: _, ...shared } = real;
    this.runtime = {
      ...shared,
      clock,
      timers: clock.timersOf(this, isAlive),
      // What is in memory can be seen by one thread only.
      files: disk.kind === 'plain' ? plainFiles(disk.root, clock, isAlive) : disk.files.files,
      network: this.#network(real.network),
      log: { info: quiet('info'), warn: quiet('warn'), error: quiet('error') },
    };
  }

  get connections(): Iterable<WatchedConnection> {
    return this.#connections;
  }

  /** Resolves when its ports are free. */
  async kill(): Promise<void> {
    this.#alive = false;
    this.#surroundings.clock.drop(this);
    for (const connection of [...this.#connections]) connection.destroy();
    await closeAll([...this.#listeners]);
  }

  /** After a clean stop. */
  ended(): void {
    this.#alive = false;
    this.#surroundings.clock.drop(this);
  }

  #network(real: Network): Network {
    return {
      ...real,
      listen: async (address, onConnection) => {
        const { brokers } = this.#surroundings;
        const accept = (connection: Connection) => this.#accept(connection, onConnection);
        const first = await real.listen(address, accept);
        const open = [first];
        this.#listeners.add(first);
        // Behind the first listener there is one for each virtual broker more; those keep their ports over a crash.
        for (let index = 1; index < brokers.count; index++) {
          const listener = await real.listen({ ...address, port: brokers.portAt(index) ?? 0 }, accept);
          this.#listeners.add(listener);
          open.push(listener);
        }
        for (const [index, { port }] of open.entries()) brokers.opened(index, port);
        return brokers.count === 1 ? first : { host: first.host, port: first.port, close: () => closeAll(open) };
      },
    };
  }

  #accept(connection: Connection, onConnection: (connection: Connection) => void): void {
    if (!this.#alive) {
      connection.destroy();
      return;
    }
    const watched = new WatchedConnection(connection, this.#surroundings.real.timers, () =>
      this.#connections.delete(watched),
    );
    this.#connections.add(watched);
    onConnection(watched);
  }
}

function plainFiles(root: MemoryDirectory, clock: VirtualClock, isAlive: () => boolean): MemoryFiles {
  const hooks: MemoryFilesHooks = {
    before(_operation, path) {
      if (!isAlive()) throw new FileError('EIO', path, `${path}: the process was killed`);
    },
  };
  return new MemoryFiles({ root, nowMs: () => clock.nowMs(), hooks });
}

async function closeAll(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()));
}
