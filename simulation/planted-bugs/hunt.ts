// Plants every deliberate bug, one after the other, and lets the simulator look for it: `npm run simulate:bugs [NAME …]`, with
// OTTLA_SEEDS seeds at most for each. A simulator that finds nothing is blind, and this says so.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PLANTED_BUGS, type PlantedBug } from './bugs.ts';

const here = path.dirname(fileURLToPath(import.meta.url));

export interface Hunt {
  readonly bug: PlantedBug;
  /** How many seeds it took; undefined when it was not found. */
  readonly seeds: number | undefined;
  readonly checkers: readonly string[];
  /** Found by one of those that were expected to. */
  readonly asExpected: boolean;
  readonly output: string;
}

export async function hunt(bug: PlantedBug, seedsMax: number): Promise<Hunt> {
  const args = ['--seeds', String(seedsMax), '--workload', bug.workload, '--no-shrink', '--json'];
  const { output, status } = await run(bug.name, args);
  const line = output.trim().split('\n').at(-1) ?? '';
  let found: { seed: number; checkers: string[] } | undefined;
  try {
    found = (JSON.parse(line) as { failed: { seed: number; checkers: string[] }[] }).failed[0];
  } catch {
    // It ended without its last line: the output says why.
  }
  const checkers = found?.checkers ?? [];
  const asExpected = status === 1 && checkers.some((checker) => bug.caughtBy.includes(checker));
  return { bug, seeds: found?.seed, checkers, asExpected, output };
}

function run(name: string, args: readonly string[]): Promise<{ output: string; status: number | null }> {
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
    child.on('close', (status) => resolve({ output, status }));
  });
}

async function main(): Promise<number> {
  const names = process.argv.slice(2);
  const seedsMax = Number(process.env.OTTLA_SEEDS ?? 1_000);
  let blind = 0;
  for (const bug of PLANTED_BUGS) {
    if (names.length > 0 && !names.includes(bug.name)) continue;
    const { seeds, checkers, asExpected, output } = await hunt(bug, seedsMax);
    if (asExpected) process.stdout.write(`ok     ${bug.name}: seed ${seeds}, by ${checkers.join(', ')}\n`);
    else {
      blind++;
      const what = seeds === undefined ? `not found within ${seedsMax} seeds` : `found by ${checkers.join(', ')} only`;
      process.stdout.write(`not ok ${bug.name}: ${what}\n${seeds === undefined ? output.slice(0, 2_000) : ''}`);
    }
  }
  const all = names.length > 0 ? names.length : PLANTED_BUGS.length;
  process.stdout.write(`${all - blind} passed, ${blind} failed\n`);
  return blind > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
