// `npm run soak`: fresh seeds for a while, each workload in turn, at every pace, and what all of it adds up to. Sittings with one
// --file add up. HELP has the arguments.
import { parseArgs } from 'node:util';
import type { RunOptions } from './run-seed.ts';
import { SoakTotals } from './soak-totals.ts';
import { type Failure, trySeed } from './try-seed.ts';
import { WORKLOADS } from './workloads/workloads.ts';
import { Dice } from './world/dice.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    hours: { type: 'string' },
    file: { type: 'string' },
    seed: { type: 'string' },
    workload: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const HELP = `usage: npm run soak -- [options]

Simulates fresh seeds of the workload that has had the least virtual time so far, each at a pace of its own: in some runs clients
work without a pause, in others up to 32 times slower for 32 times as long, with more faults.

  --minutes M         so long, of real time (10); 0 only prints what the file holds
  --hours H           until each workload has had so many virtual hours, if that is sooner
  --file F            add to what this file holds of earlier sittings: JSON lines, only ever appended to
  --seed N            seeds from there on (the time)
  --workload a,b      only these: ${WORKLOADS.map(({ name }) => name).join(', ')}

  npm run soak -- --minutes 60 --file soak.jsonl
A run that breaks a promise is printed with the command that repeats it; the soak goes on, and ends with status 1.`;

/** How many times slower clients go about their work. Timers, retention and restarts meet other states then. */
const PACES = [1, 2, 4, 8, 16, 32];
/** Where a run's beginning and end take longest: so many times longer than usual. */
const RARE_LONGER = 8;
const SAVE_MS = 20_000;

async function main(): Promise<number> {
  const startedMs = performance.now();
  const untilMs = startedMs + Number(values.minutes) * 60_000;
  const fromSeed = values.seed === undefined ? Date.now() : Number(values.seed);
  const loadMsMax = values.hours === undefined ? Number.POSITIVE_INFINITY : Number(values.hours) * 3_600_000;
  const names = values.workload?.split(',') ?? WORKLOADS.map(({ name }) => name);
  const totals = new SoakTotals(values.file, fromSeed);
  const runs = new Map<string, number>();
  const failures: Failure[] = [];
  let savedMs = startedMs;
  process.stdout.write(`seeds from ${fromSeed} on; the same again: ${commandOf(fromSeed)}\n`);
  while (performance.now() < untilMs) {
    const workload = names.reduce((least, name) => (totals.loadMs(name) < totals.loadMs(least) ? name : least));
    if (totals.loadMs(workload) >= loadMsMax) break;
    const run = runs.get(workload) ?? 0;
    runs.set(workload, run + 1);
    const seed = fromSeed + run;
    const { result, failure } = await trySeed(runOf(seed, workload), true);
    totals.add(workload, result, failure?.command);
    if (failure !== undefined) failures.push(failure);
    if (performance.now() - savedMs < SAVE_MS) continue;
    savedMs = performance.now();
    totals.save();
    process.stderr.write(`${count(runs)} runs, ${failures.length} failed\n`);
  }
  totals.save();
  for (const line of totals.table()) process.stdout.write(`${line}\n`);
  for (const { command } of failures) process.stdout.write(`not ok ${command}\n`);
  process.stdout.write(`${count(runs) - failures.length} passed, ${failures.length} failed\n`);
  return failures.length > 0 ? 1 : 0;
}

function runOf(seed: number, workload: string): RunOptions {
  const pace = new Dice(seed, 'pace').pick(PACES);
  const { isRare, durationMs } = WORKLOADS.find(({ name }) => name === workload)!;
  return { seed, workload, pace, durationMs: isRare ? durationMs * pace * RARE_LONGER : undefined };
}

function count(runs: ReadonlyMap<string, number>): number {
  return [...runs.values()].reduce((sum, each) => sum + each, 0);
}

/** The same seeds, until as many have failed as this time; a machine that is slower gets less far in the same time. */
function commandOf(fromSeed: number): string {
  const only = values.workload === undefined ? '' : ` --workload ${values.workload}`;
  return `npm run soak -- --seed ${fromSeed} --minutes ${values.minutes}${only}`;
}

// Not by process.exit: what is printed must arrive.
if (values.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();
