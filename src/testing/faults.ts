// The faults of a test broker: which are planned, which request each strikes next. Owned by the broker; they outlive its crashes.
import type { Dice } from './dice.ts';
import { dice } from './dice.ts';
import { apiNames, checkFault, type Fault } from './fault.ts';
import type { Subject } from './request-subject.ts';

/** A fault that was added. */
export interface PlannedFault {
  readonly id: number;
  readonly fault: Fault;
  /** Requests that it struck. */
  readonly strikes: number;
  /** Resolves when it has struck so often (default: once). */
  struck(times?: number): Promise<void>;
  remove(): void;
}

export interface RequestToMatch {
  readonly api: string;
  readonly clientId: string | null;
  readonly subject: Subject;
}

class Planned implements PlannedFault {
  readonly id: number;
  readonly fault: Fault;
  strikes = 0;
  readonly #dice: Dice | undefined;
  readonly #removed: () => void;
  readonly #apis: ReadonlySet<string>;
  #seen = 0;
  #waiting: { readonly times: number; readonly resolve: () => void }[] = [];

  constructor(id: number, fault: Fault, removed: () => void) {
    this.id = id;
    this.fault = fault;
    this.#removed = removed;
    this.#apis = new Set(apiNames(fault));
    this.#dice = fault.seed === undefined ? undefined : dice(fault.seed);
  }

  /** Counts the request when it is one of those meant, and says whether it is struck. */
  strikesAt(request: RequestToMatch): boolean {
    if (this.isOver || !this.#isMeant(request)) return false;
    this.#seen++;
    const { nth = 1, probability } = this.fault;
    const struck = this.#dice === undefined ? this.#seen >= nth : this.#dice() < probability!;
    if (struck) this.#struck();
    return struck;
  }

  get isOver(): boolean {
    const { times = this.#dice === undefined ? 1 : Number.POSITIVE_INFINITY } = this.fault;
    return this.strikes >= times;
  }

  struck(times = 1): Promise<void> {
    if (this.strikes >= times) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ times, resolve }));
  }

  remove(): void {
    this.#removed();
  }

  #struck(): void {
    this.strikes++;
    const told = this.#waiting.filter(({ times }) => this.strikes >= times);
    this.#waiting = this.#waiting.filter(({ times }) => this.strikes < times);
    for (const { resolve } of told) resolve();
  }

  #isMeant({ api, clientId, subject }: RequestToMatch): boolean {
    const { fault } = this;
    if (this.#apis.size > 0 && !this.#apis.has(api)) return false;
    if (fault.clientId !== undefined && fault.clientId !== clientId) return false;
    if (fault.group !== undefined && !subject.groups.has(fault.group)) return false;
    if (fault.transactionalId !== undefined && !subject.transactionalIds.has(fault.transactionalId)) return false;
    if (fault.topic === undefined) return true;
    const partitions = subject.topics.get(fault.topic);
    return partitions !== undefined && (fault.partition === undefined || partitions.has(fault.partition));
  }
}

/** More would be a test that forgot to remove them. */
const FAULTS_MAX = 10_000;

export class Faults {
  #planned: Planned[] = [];
  #nextId = 1;

  /** Throws TypeError for a fault that makes no sense. Of several that meet a request, the one added first strikes. */
  add(fault: Fault): PlannedFault {
    checkFault(fault);
    if (this.#planned.length >= FAULTS_MAX) throw new RangeError(`there are ${FAULTS_MAX} faults already.`);
    const id = this.#nextId++;
    const planned = new Planned(id, structuredClone(fault), () => this.remove(id));
    this.#planned.push(planned);
    return planned;
  }

  /** Those that may still strike. */
  list(): PlannedFault[] {
    return [...this.#planned];
  }

  remove(id: number): boolean {
    const before = this.#planned.length;
    this.#planned = this.#planned.filter((planned) => planned.id !== id);
    return this.#planned.length < before;
  }

  clear(): void {
    this.#planned = [];
  }

  get isEmpty(): boolean {
    return this.#planned.length === 0;
  }

  /** The fault that strikes this request; each planned one counts it. */
  match(request: RequestToMatch): Fault | undefined {
    let found: Planned | undefined;
    for (const planned of this.#planned) {
      if (planned.strikesAt(request)) {
        found = planned;
        break;
      }
    }
    if (found?.isOver === true) this.remove(found.id);
    return found?.fault;
  }
}
