// Several brokers for clients, one in truth: each has a port and an id of its own, and refuses what it does not lead or coordinate, as Kafka's
// brokers do. Behind them is the one broker with all data, so that a leader that moves has everything at once. Also with one
// broker: coordinators that load for a while. Invariant: at every moment each partition, group and transactional id has one broker.
import type { Clock } from '../runtime/runtime.ts';

export type CoordinatorKind = 'group' | 'transaction';

export class VirtualBrokers {
  readonly count: number;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** In the order of ids; empty until they are open. */
  readonly #ports: number[] = [];
  readonly #leaders = new Map<string, number>();
  readonly #coordinators = new Map<string, number>();
  readonly #loadingUntilMs = new Map<string, number>();
  #firstId = 0;

  constructor(count: number, clock: Pick<Clock, 'monotonicMs'>) {
    this.count = count;
    this.#clock = clock;
  }

  /** The ids follow that of the one broker there is. */
  numberFrom(firstId: number): void {
    this.#firstId = firstId;
  }

  get ids(): number[] {
    return Array.from({ length: this.count }, (_, index) => this.#firstId + index);
  }

  opened(index: number, port: number): void {
    this.#ports[index] = port;
  }

  /** Undefined until it was open once. */
  portAt(index: number): number | undefined {
    return this.#ports[index];
  }

  port(id: number): number {
    return this.#ports[id - this.#firstId] ?? 0;
  }

  /** Who listens there. */
  at(port: number): number {
    return this.#firstId + Math.max(0, this.#ports.indexOf(port));
  }

  leader(topic: string, partition: number): number {
    return this.#firstId + (this.#leaders.get(`${topic}-${partition}`) ?? partition % this.count);
  }

  /** To the next one when it is not said to which; returns the new leader. */
  moveLeader(topic: string, partition: number, to?: number): number {
    const index = this.#target(to, this.leader(topic, partition));
    this.#leaders.set(`${topic}-${partition}`, index);
    return this.#firstId + index;
  }

  coordinator(kind: CoordinatorKind, name: string): number {
    return this.#firstId + (this.#coordinators.get(`${kind} ${name}`) ?? hash(name) % this.count);
  }

  moveCoordinator(kind: CoordinatorKind, name: string, to?: number): number {
    const index = this.#target(to, this.coordinator(kind, name));
    this.#coordinators.set(`${kind} ${name}`, index);
    return this.#firstId + index;
  }

  /** From now on, for so long. */
  loadCoordinator(kind: CoordinatorKind, name: string, forMs: number): void {
    this.#loadingUntilMs.set(`${kind} ${name}`, this.#clock.monotonicMs() + forMs);
  }

  isLoading(kind: CoordinatorKind, name: string): boolean {
    const key = `${kind} ${name}`;
    const untilMs = this.#loadingUntilMs.get(key);
    if (untilMs === undefined) return false;
    if (this.#clock.monotonicMs() < untilMs) return true;
    this.#loadingUntilMs.delete(key);
    return false;
  }

  /** Nobody has to be refused anything. */
  get areOne(): boolean {
    return this.count === 1 && this.#loadingUntilMs.size === 0;
  }

  #target(to: number | undefined, from: number): number {
    if (this.count === 1)
      throw new TypeError('there is one broker only; start several with startTestBroker({ brokers: 3 }).');
    if (to === undefined) return (from - this.#firstId + 1) % this.count;
    if (this.ids.includes(to)) return to - this.#firstId;
    throw new TypeError(`there is no broker ${to}, only ${this.ids.join(', ')}.`);
  }
}

/** Spreads names over brokers, the same each time. */
function hash(name: string): number {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)!) >>> 0;
  return sum;
}
