// The death of a broker's process under load: SIGKILL at the nth acknowledgement or after a while, whichever comes first. Loads
// count what is acknowledged, and write until the process is dead.
import type { ServeProcess } from '../integration/ottla-process.ts';

export interface Moment {
  readonly acknowledged?: number;
  readonly afterMs?: number;
}

/** Clients that write, and know afterwards what must be there. */
export interface CrashLoad {
  /** What the load needs, in an empty broker. */
  prepare(broker: ServeProcess): Promise<void>;
  writeUntilKilled(broker: ServeProcess, killing: Killing): Promise<void>;
  /** Throws an AssertionError when something is lost, there twice, in another order or not allowed to be there. */
  verify(broker: ServeProcess): Promise<void>;
}

export class Killing {
  acknowledged = 0;
  /** When the process has ended. */
  readonly done: Promise<void>;
  isStruck = false;
  readonly #broker: ServeProcess;
  readonly #moment: Moment;
  #struck: () => void = () => {};

  constructor(broker: ServeProcess, moment: Moment) {
    this.#broker = broker;
    this.#moment = moment;
    this.done = new Promise((resolve) => {
      this.#struck = resolve;
    });
    if (moment.afterMs !== undefined) setTimeout(() => void this.#strike(), moment.afterMs);
  }

  acknowledge(): void {
    if (++this.acknowledged >= (this.#moment.acknowledged ?? Number.POSITIVE_INFINITY)) void this.#strike();
  }

  async #strike(): Promise<void> {
    if (this.isStruck) return;
    this.isStruck = true;
    await this.#broker.stop('SIGKILL');
    this.#struck();
  }
}
