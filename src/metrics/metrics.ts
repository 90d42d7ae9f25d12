// What the broker counts of itself, by name: counters, which only rise, and gauges, which are read when somebody asks. One registry
// for each broker, filled by whoever has something to tell and read by whoever exports it.
// Invariant: a name is registered once, and counting costs an addition.
import assert from 'node:assert/strict';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Metric {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  /** One sentence, with the unit. */
  readonly help: string;
  /** The values of now. */
  samples(): Iterable<Sample>;
}

const NAME = /^[a-z][a-z0-9_]*$/;
const NO_LABELS: Labels = {};

export class Counter {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  add(amount: number): void {
    assert(amount >= 0, 'a counter only rises');
    this.#value += amount;
  }
}

export class Metrics {
  #metrics = new Map<string, Metric>();

  /** A counter without labels. */
  counter(name: string, help: string): Counter {
    const counter = new Counter();
    this.#register({ name, kind: 'counter', help, samples: () => [{ labels: NO_LABELS, value: counter.value }] });
    return counter;
  }

  /** One counter for each value of a label; the values are known beforehand, so that their number is too. */
  counters<Value extends string>(
    name: string,
    help: string,
    label: string,
    values: readonly Value[],
  ): Readonly<Record<Value, Counter>> {
    const counters = Object.fromEntries(values.map((value) => [value, new Counter()])) as Record<Value, Counter>;
    const samples = (): Sample[] =>
      values.map((value) => ({ labels: { [label]: value }, value: counters[value].value }));
    this.#register({ name, kind: 'counter', help, samples });
    return counters;
  }

  /** `read` is called when somebody asks: a number, or one for each set of labels. */
  gauge(name: string, help: string, read: () => number | Iterable<Sample>): void {
    const samples = (): Iterable<Sample> => {
      const found = read();
      return typeof found === 'number' ? [{ labels: NO_LABELS, value: found }] : found;
    };
    this.#register({ name, kind: 'gauge', help, samples });
  }

  /** In order of their names. */
  all(): Metric[] {
    return [...this.#metrics.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The value of one, with these labels; undefined when there is none. For tests and tools. */
  value(name: string, labels: Labels = NO_LABELS): number | undefined {
    for (const sample of this.#metrics.get(name)?.samples() ?? []) {
      const names = Object.keys(labels);
      if (names.every((key) => sample.labels[key] === labels[key])) return sample.value;
    }
    return undefined;
  }

  #register(metric: Metric): void {
    assert(NAME.test(metric.name), `${metric.name} is no name of a metric`);
    assert(!this.#metrics.has(metric.name), `${metric.name} is registered already`);
    this.#metrics.set(metric.name, metric);
  }
}
