// A machine with a disk and a broker on it, and whoever starts the broker again when it has ended: crashed, lost its power, or
// given up. What a start may refuse is judged here: only what a planned fault of the disk explains.
import { type Broker, type BrokerFault, openBroker } from '../../src/broker.ts';
import type { Settings } from '../../src/settings.ts';
import type { StorageSettings } from '../../src/storage/settings.ts';
import type { Dice } from './dice.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { type Machine, type ProcessWorld, SimulatedProcess } from './simulated-process.ts';
import { simulatedThreads } from './simulated-threads.ts';

export type Ending = 'kill' | 'power' | 'stop';

export interface BrokerMachineOptions {
  readonly world: ProcessWorld;
  readonly machine: Machine;
  readonly disk: SimulatedDisk;
  readonly network: SimulatedNetwork;
  readonly dice: Dice;
  readonly settings: Settings;
  readonly storage: Partial<StorageSettings>;
  /** Large rounds of compaction run on threads. */
  readonly hasThreads: boolean;
  /** Something that must not be; the run is over. */
  readonly onViolation: (sentence: string) => void;
  readonly note: (sentence: string) => void;
}

const RESTART_MS = 300;
const RESTARTS_IN_VAIN_MAX = 200;

export class BrokerMachine {
  readonly machine: Machine;
  readonly disk: SimulatedDisk;
  process: SimulatedProcess | undefined;
  /** Set while clients are accepted. */
  broker: Broker | undefined;
  /** Called once, when the next broker is open. */
  onOpen: (() => void) | undefined;
  /** What follows is known to be allowed to refuse its data: somebody has damaged it. */
  damaged = false;
  starts = 0;
  readonly #options: BrokerMachineOptions;
  #inVain = 0;

  constructor(options: BrokerMachineOptions) {
    this.#options = options;
    this.machine = options.machine;
    this.disk = options.disk;
  }

  get isOpen(): boolean {
    return this.broker !== undefined;
  }

  start(): void {
    const { world, machine, network, dice, settings, storage, note } = this.#options;
    network.dark.delete(machine.address);
    const name = `${machine.name}.${++this.starts}`;
    const process = new SimulatedProcess(world, name, machine, dice, (self) => ({
      files: this.disk.seenBy(self),
      network: network.seenBy(self),
      ...(this.#options.hasThreads && {
        threads: simulatedThreads({ time: world.time, disk: this.disk, dice: dice.stream(`${name} threads`) }, self),
      }),
    }));
    this.process = process;
    note(`${name} starts`);
    openBroker({ runtime: process.runtime, settings, directory: '/data', storage }).then(
      (broker) => {
        if (!process.alive) return;
        note(`${name} is open`);
        this.broker = broker;
        this.#inVain = 0;
        this.onOpen?.();
        this.onOpen = undefined;
        broker.closed.then(
          () => {},
          (error) => this.#gaveUp(process, error),
        );
      },
      (error) => this.#gaveUp(process, error),
    );
  }

  /** Ends the process now; it starts again after `downMs`. */
  end(how: 'kill' | 'power', downMs: number): void {
    const { process } = this;
    if (process?.alive !== true) return;
    const { network, dice, note, world } = this.#options;
    note(`${process.name} ${how === 'kill' ? 'is killed' : 'loses its power'}`);
    process.alive = false;
    this.broker = undefined;
    if (how === 'power') {
      network.dark.add(this.machine.address);
      network.machineWentDark(process);
      this.disk.lostPower(dice.stream(`${process.name} power`));
    } else {
      network.processEnded(process);
      this.disk.processEnded();
    }
    world.time.plan(downMs, undefined, () => this.start());
  }

  /** Asks it to stop; should it hang, it is killed. */
  stop(downMs: number): void {
    const { broker, process } = this;
    if (broker === undefined || process === undefined) return;
    const { note, world } = this.#options;
    note(`${process.name} is asked to stop`);
    this.broker = undefined;
    const ended = () => {
      if (!process.alive) return;
      note(`${process.name} has stopped`);
      this.end('kill', downMs);
    };
    broker.close().then(ended, (error: Error) => {
      note(`${process.name} could not stop cleanly: ${error.message}`);
      ended();
    });
    world.time.plan(60_000, undefined, ended);
  }

  #gaveUp(process: SimulatedProcess, error: BrokerFault): void {
    if (!process.alive || this.process !== process) return;
    const { note, onViolation } = this.#options;
    note(`${process.name} gives up: ${error.message}`);
    if (!this.#isExplained(error)) {
      onViolation(`the broker gave up without a reason in the world: ${error.message}`);
    } else if (++this.#inVain > RESTARTS_IN_VAIN_MAX) {
      onViolation(`the broker does not start any more: ${error.message}`);
    }
    if (!this.damaged) this.end('kill', RESTART_MS);
  }

  #isExplained(error: BrokerFault): boolean {
    if (this.damaged) return true;
    return error.message.includes('(planned)') || /ENOSPC|FULL/.test(`${error.code} ${error.message}`);
  }
}
