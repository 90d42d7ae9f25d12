// One run for a command: what it did wrong is printed, with the command that repeats it and that of a smaller run.
import { type RunOptions, type RunResult, runSeed } from './run-seed.ts';
import { commandOf, shrink } from './shrink.ts';

export interface Tried {
  readonly result: RunResult;
  /** Undefined: no promise was broken. */
  readonly failure: Failure | undefined;
}

export interface Failure {
  readonly seed: number;
  readonly workload: string;
  readonly checkers: readonly string[];
  /** Of the smallest run that was found to break the same promise. */
  readonly command: string;
}

const SHRINKING_RUNS_MAX = 80;

export async function trySeed(options: RunOptions, shrinks: boolean): Promise<Tried> {
  const result = await runSeed(options);
  for (const line of result.trace) process.stdout.write(`${line}\n`);
  return { result, failure: result.violations.length > 0 ? await failed(options, result, shrinks) : undefined };
}

async function failed(options: RunOptions, result: RunResult, shrinks: boolean): Promise<Failure> {
  const { seed, workload } = options;
  process.stdout.write(`seed ${seed} of ${workload} (${result.durability}) broke a promise:\n`);
  for (const { checker, sentence } of result.violations) process.stdout.write(`  ${checker}: ${sentence}\n`);
  let command = commandOf(options);
  process.stdout.write(`again:   ${command}\n`);
  if (shrinks) {
    const smaller = await shrink(options, result, SHRINKING_RUNS_MAX);
    command = commandOf(smaller.options);
    process.stdout.write(`smaller: ${command}\n`);
    for (const { checker, sentence } of smaller.result.violations.slice(0, 3)) {
      process.stdout.write(`  ${checker}: ${sentence}\n`);
    }
  }
  return { seed, workload, checkers: [...new Set(result.violations.map(({ checker }) => checker))], command };
}
