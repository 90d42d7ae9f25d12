// `npm run simulate:bugs`: plants every deliberate bug, one after the other, and lets the simulator look for it, with the seeds that
// are known to find it first. A simulator that finds nothing is blind, and this says so. HELP has the arguments.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { PLANTED_BUGS, type PlantedBug } from './bugs.ts';

const HELP = `usage: npm run simulate:bugs -- [options] [NAME ...]

Plants deliberate bugs, all or those of the names, one after the other, and lets the simulator look for each.

  --from-scratch      without the seeds that are known to find it: from 1 on
  OTTLA_SEEDS=N       so many seeds at most for each (1000)

  npm run simulate:bugs -- --from-scratch a-partition-given-twice
The names: ${PLANTED_BUGS.map(({ name }) => name).join(', ')}.
Ends with status 1 when one was not found.
`;

const here = path.dirname(fileURLToPath(import.meta.url));

export interface Hunt {
  readonly bug: PlantedBug;
  /** The seed that showed it to a checker that should see it; undefined when none did. */
  readonly seed: number | undefined;
  readonly checkers: readonly string[];
  /** How many seeds it took. */
  readonly runs: number;
  readonly output: string;
}

export interface HuntOptions {
  readonly seedsMax: number;
  readonly fromScratch?: boolean;
}

export async function hunt(bug: PlantedBug, { seedsMax, fromScratch = false }: HuntOptions): Promise<Hunt> {
  const seeds = fromScratch ? [1] : [...bug.seeds, 1];
  const output = await run(bug.name, [
    ...['--seed', seeds.join(','), '--seeds', String(seedsMax), '--workload', bug.workload],
    ...['--until', bug.caughtBy.join(','), '--no-shrink', '--json'],
  ]);
  const line = output.trim().split('\n').at(-1) ?? '';
  let result: { runs: number; failed: { seed: number; checkers: string[] }[] } | undefined;
  try {
    result = JSON.parse(line) as typeof result;
  } catch {
    // It ended without its last line: the output says why.
  }
  const found = result?.failed.find(({ checkers }) => checkers.some((checker) => bug.caughtBy.includes(checker)));
  return { bug, seed: found?.seed, checkers: found?.checkers ?? [], runs: result?.runs ?? 0, output };
}

function run(name: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const plant = pathToFileURL(path.join(here, 'plant.js')).href;
    const child = spawn(process.execPath, ['--import', plant, path.join(here, '..', 'simulate.js'), ...args], {
      env: { ...process.env, OTTLA_PLANTED_BUG: name },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stderr.on('data', (bytes) => {
      if (!/runs, \d+ failed/.test(String(bytes))) output += bytes;
    });
    child.stdout.on('data', (bytes) => {
      output += bytes;
    });
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}

async function main(): Promise<number> {
  const { values, positionals: names } = parseArgs({
    options: {
      'from-scratch': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = names.find((name) => !PLANTED_BUGS.some((bug) => bug.name === name));
  if (unknown !== undefined) throw new Error(`there is no planted bug ${unknown}`);
  const options = { seedsMax: Number(process.env.OTTLA_SEEDS ?? 1_000), fromScratch: values['from-scratch'] };
  let found = 0;
  let blind = 0;
  for (const bug of PLANTED_BUGS) {
    if (names.length > 0 && !names.includes(bug.name)) continue;
    const { seed, checkers, runs, output } = await hunt(bug, options);
    if (seed !== undefined) {
      found++;
      const isStale = !options.fromScratch && !bug.seeds.includes(seed);
      const stale = isStale ? ` (the known seeds ${bug.seeds.join(', ')} do not show it any more)` : '';
      process.stdout.write(`ok     ${bug.name}: seed ${seed}, by ${checkers.join(', ')}${stale}\n`);
    } else {
      blind++;
      process.stdout.write(`not ok ${bug.name}: not found by ${runs} seeds\n${output.slice(0, 2_000)}`);
    }
  }
  process.stdout.write(`${found} passed, ${blind} failed\n`);
  return blind > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
