// What a soak has done, by workload, in this sitting and in those before it. They are kept in a file of JSON lines that is only
// ever appended to, so that many sittings add up and one that is cut short loses a minute at most.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Fault } from './world/faults.ts';

export interface WorkloadTotals {
  runs: number;
  /** Virtual time in which clients worked, without what comes before and after. */
  loadMs: number;
  /** What clients asked for. */
  operations: number;
  /** Of it, changes whose success they were told: batches, commits, topics, configs, ends of transactions, deletions. */
  acknowledged: number;
  faults: number;
  /** Of a broker. */
  starts: number;
  violations: number;
}

export interface RunFigures {
  readonly durationMs: number;
  readonly operations: number;
  readonly starts: number;
  readonly faults: readonly Fault[];
  readonly did: ReadonlyMap<string, number>;
}

/** One line of the file: what was done since the line before. */
interface Line {
  /** Seeds are counted from here, for each workload. */
  readonly fromSeed: number;
  readonly workloads: Readonly<Record<string, WorkloadTotals>>;
  /** Commands that repeat what failed. */
  readonly failed: readonly string[];
}

const ACKNOWLEDGED = ['sent ok', 'written ok', 'deleted-records', 'transaction-ended committed'];

export class SoakTotals {
  /** Of all sittings. */
  readonly all = new Map<string, WorkloadTotals>();
  readonly #file: string | undefined;
  readonly #fromSeed: number;
  /** Not in the file yet. */
  #unsaved = new Map<string, WorkloadTotals>();
  #unsavedFailures: string[] = [];

  constructor(file: string | undefined, fromSeed: number) {
    this.#file = file;
    this.#fromSeed = fromSeed;
    if (file === undefined || !existsSync(file)) return;
    for (const text of readFileSync(file, 'utf8').split('\n')) {
      if (text === '') continue;
      const { workloads } = JSON.parse(text) as Line;
      for (const [name, totals] of Object.entries(workloads)) addTo(this.all, name, totals);
    }
  }

  loadMs(workload: string): number {
    return this.all.get(workload)?.loadMs ?? 0;
  }

  add(
    workload: string,
    { durationMs, operations, starts, faults, did }: RunFigures,
    failure: string | undefined,
  ): void {
    const totals = {
      runs: 1,
      loadMs: durationMs,
      operations,
      acknowledged: ACKNOWLEDGED.reduce((sum, what) => sum + (did.get(what) ?? 0), 0),
      faults: faults.length,
      starts,
      violations: failure === undefined ? 0 : 1,
    };
    addTo(this.all, workload, totals);
    addTo(this.#unsaved, workload, totals);
    if (failure !== undefined) this.#unsavedFailures.push(failure);
  }

  save(): void {
    if (this.#file === undefined || this.#unsaved.size === 0) return;
    const line: Line = {
      fromSeed: this.#fromSeed,
      workloads: Object.fromEntries(this.#unsaved),
      failed: this.#unsavedFailures,
    };
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
    this.#unsaved = new Map();
    this.#unsavedFailures = [];
  }

  /** A table for people. */
  table(): string[] {
    const lines = [
      ['workload', 'runs', 'virtual hours', 'operations', 'acknowledged', 'faults', 'starts', 'violations'],
      ...[...this.all].sort().map(([name, totals]) => [name, ...figures(totals)]),
      ['all', ...figures([...this.all.values()].reduce(sum, nothing()))],
    ];
    const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
    return lines.map((line) =>
      line.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  '),
    );
  }
}

function figures({ runs, loadMs, operations, acknowledged, faults, starts, violations }: WorkloadTotals): string[] {
  const hours = (loadMs / 3_600_000).toFixed(2);
  return [String(runs), hours, ...[operations, acknowledged, faults, starts, violations].map(String)];
}

function nothing(): WorkloadTotals {
  return { runs: 0, loadMs: 0, operations: 0, acknowledged: 0, faults: 0, starts: 0, violations: 0 };
}

function sum(one: WorkloadTotals, other: WorkloadTotals): WorkloadTotals {
  return {
    runs: one.runs + other.runs,
    loadMs: one.loadMs + other.loadMs,
    operations: one.operations + other.operations,
    acknowledged: one.acknowledged + other.acknowledged,
    faults: one.faults + other.faults,
    starts: one.starts + other.starts,
    violations: one.violations + other.violations,
  };
}

function addTo(map: Map<string, WorkloadTotals>, name: string, totals: WorkloadTotals): void {
  map.set(name, sum(map.get(name) ?? nothing(), totals));
}
