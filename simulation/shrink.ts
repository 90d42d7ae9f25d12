// Makes a failing run smaller: fewer faults, fewer programs, less time, as long as the same checker still complains.
import { type RunOptions, type RunResult, runSeed } from './run-seed.ts';

export interface Shrunk {
  readonly options: RunOptions;
  readonly result: RunResult;
  readonly runs: number;
}

export async function shrink(options: RunOptions, failing: RunResult, runsMax: number): Promise<Shrunk> {
  const checker = failing.violations[0]?.checker;
  let best: { options: RunOptions; result: RunResult } = {
    options: {
      ...options,
      keepsTrace: false,
      onlyFaults: options.onlyFaults ?? failing.faults.map((_, i) => i),
      onlyPrograms: failing.programs,
    },
    result: failing,
  };
  let runs = 0;
  const tries = async (smaller: Partial<RunOptions>): Promise<boolean> => {
    if (runs >= runsMax) return false;
    runs++;
    const candidate = { ...best.options, ...smaller };
    const result = await runSeed(candidate);
    if (!result.violations.some((violation) => violation.checker === checker)) return false;
    best = { options: candidate, result };
    return true;
  };
  for (let progress = true; progress; ) {
    progress = false;
    for (const fault of [...(best.options.onlyFaults ?? [])].reverse()) {
      const onlyFaults = best.options.onlyFaults!.filter((each) => each !== fault);
      if (await tries({ onlyFaults })) progress = true;
    }
    for (const program of best.options.onlyPrograms ?? []) {
      const onlyPrograms = best.options.onlyPrograms!.filter((each) => each !== program);
      if (onlyPrograms.length > 0 && (await tries({ onlyPrograms }))) progress = true;
    }
    const durationMs = Math.round((best.options.durationMs ?? failing.durationMs) / 2);
    if (durationMs >= 500 && (await tries({ durationMs }))) progress = true;
  }
  return { ...best, runs };
}

/** What repeats a run on the command line. */
export function commandOf({ seed, workload, pace, durationMs, onlyFaults, onlyPrograms }: RunOptions): string {
  const parts = [`npm run simulate -- --seed ${seed} --workload ${workload}`];
  if (pace !== undefined && pace !== 1) parts.push(`--pace ${pace}`);
  if (durationMs !== undefined) parts.push(`--seconds ${durationMs / 1000}`);
  if (onlyFaults !== undefined) parts.push(`--faults ${onlyFaults.join(',') || 'none'}`);
  if (onlyPrograms !== undefined) parts.push(`--programs ${onlyPrograms.join(',')}`);
  return parts.join(' ');
}
