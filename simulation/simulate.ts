// `npm run simulate`: runs seeds and says what was found, with the command that repeats it. Without arguments: every workload once,
// with seed 1. HELP has the arguments.
import { parseArgs } from 'node:util';
import type { RunOptions } from './run-seed.ts';
import { type Failure, trySeed } from './try-seed.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    workload: { type: 'string' },
    seconds: { type: 'string' },
    pace: { type: 'string' },
    faults: { type: 'string' },
    programs: { type: 'string' },
    trace: { type: 'boolean', default: false },
    until: { type: 'string' },
    json: { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
    'go-on': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const HELP = `usage: npm run simulate -- [options]

Whole brokers and their clients under virtual time, over disks and networks that fail. A seed is the same run each time.

  --seed N            that seed (1); N,N,… those seeds, in that order
  --seeds N           so many, from there on
  --minutes M         as many as fit, from there on
  --workload W        of that workload only (each in turn): ${WORKLOADS.map(({ name }) => name).join(', ')}
  --seconds S         so many seconds of virtual time
  --pace P            clients that go about their work P times slower, for P times as long (1)
  --faults 0,3|none   of the planned faults only these
  --programs a,b      of the clients only these
  --trace             print what happens
  --no-shrink         leave a run that fails as it is
  --go-on             do not stop at the first run that fails
  --until a,b         stop at the first run in which one of these checkers complains
  --json              one line of JSON at the end

  npm run simulate -- --minutes 5                  every workload, for five minutes
  npm run simulate -- --seed 42 --workload records --trace
Ends with status 1 when a promise was broken, after the command that repeats the run.`;

const PROGRESS_MS = 10_000;

interface Totals {
  runs: number;
  failed: Failure[];
  virtualMs: number;
  events: number;
  operations: number;
  starts: number;
}

async function main(): Promise<number> {
  const workloads = values.workload === undefined ? WORKLOADS.map(({ name }) => name) : values.workload.split(',');
  const startedMs = performance.now();
  const untilMs = values.minutes === undefined ? Number.POSITIVE_INFINITY : startedMs + Number(values.minutes) * 60_000;
  const totals: Totals = { runs: 0, failed: [], virtualMs: 0, events: 0, operations: 0, starts: 0 };
  let saidMs = startedMs;
  for (const seed of seeds()) {
    if (performance.now() >= untilMs) break;
    for (const workload of workloads) {
      if (values.workload === undefined && isRare(workload) && seed % 50 !== 0) continue;
      await one(seed, workload, totals);
      if (isTheEnd(totals)) return finish(totals, startedMs);
      if (performance.now() - saidMs < PROGRESS_MS) continue;
      saidMs = performance.now();
      process.stderr.write(`${totals.runs} runs, ${totals.failed.length} failed, now at seed ${seed}\n`);
    }
  }
  return finish(totals, startedMs);
}

function isTheEnd({ failed }: Totals): boolean {
  const last = failed.at(-1);
  if (last === undefined || values['go-on']) return false;
  return values.until === undefined || values.until.split(',').some((checker) => last.checkers.includes(checker));
}

function* seeds(): Generator<number> {
  const named = values.seed.split(',').map(Number);
  yield* named;
  const last = named.at(-1)!;
  const count = values.seeds !== undefined ? Number(values.seeds) : values.minutes !== undefined ? 2 ** 53 : 1;
  for (let more = 1; more < count; more++) yield last + more;
}

function isRare(workload: string): boolean {
  return WORKLOADS.find(({ name }) => name === workload)?.isRare === true;
}

async function one(seed: number, workload: string, totals: Totals): Promise<void> {
  const options: RunOptions = {
    seed,
    workload,
    pace: values.pace === undefined ? undefined : Number(values.pace),
    durationMs: values.seconds === undefined ? undefined : Number(values.seconds) * 1000,
    onlyFaults: values.faults
      ?.split(',')
      .filter((fault) => fault !== 'none')
      .map(Number),
    onlyPrograms: values.programs?.split(','),
    keepsTrace: values.trace,
  };
  const isWhole = values.faults === undefined && values.programs === undefined;
  const { result, failure } = await trySeed(options, isWhole && !values['no-shrink']);
  totals.runs++;
  totals.virtualMs += result.endedAtMs;
  totals.events += result.events;
  totals.operations += result.operations;
  totals.starts += result.starts;
  if (failure !== undefined) totals.failed.push(failure);
}

function finish(totals: Totals, startedMs: number): number {
  const { runs, failed, virtualMs, events, operations, starts } = totals;
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  if (values.json) process.stdout.write(`${JSON.stringify({ ...totals, seconds })}\n`);
  else {
    process.stdout.write(
      `${runs - failed.length} passed, ${failed.length} failed: ${(virtualMs / 3_600_000).toFixed(2)} virtual hours, ${operations} operations, ${starts} starts of a broker, ${events} events in ${seconds} s\n`,
    );
  }
  return failed.length > 0 ? 1 : 0;
}

// Not by process.exit: what is printed must arrive.
if (values.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();
