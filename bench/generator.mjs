// The load generator of bench/load as a function: a job in, what was counted out. It is compiled with Go when it is first asked for
// (docs/decisions/0005-load-generator.md says why Go), and throws when any request was answered with an error.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../test/conformance/broker.mjs';

const source = join(root, 'bench', 'load');
const program = join(root, '.cache', 'load', 'load');
/** Beyond the job's own time: connecting, and a broker that is slow to answer the last requests. */
const GRACE_MS = 60_000;

/** Compiles the generator; Go does nothing when nothing changed. */
export function setUpGenerator() {
  mkdirSync(join(root, '.cache', 'load'), { recursive: true });
  const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: source, encoding: 'utf8' });
  if (built.error?.code === 'ENOENT') throw new Error('the load generator needs Go (1.21 or later): install it');
  if (built.status !== 0) throw new Error(`the load generator does not compile: ${built.stderr}`);
}

/** Runs one job (bench/load/job.go); `cores` pins the generator to some (taskset's list). */
export async function generate(job, { cores } = {}) {
  const [command, args] = cores === undefined ? [program, []] : ['taskset', ['-c', cores, program]];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  let complaints = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  child.stderr.on('data', (text) => {
    complaints += text;
  });
  const limit = setTimeout(
    () => child.kill('SIGKILL'),
    ((job.warmSeconds ?? 0) + (job.seconds ?? 120)) * 1000 + GRACE_MS,
  );
  child.stdin.on('error', () => {}); // it ended early; its exit status says why
  child.stdin.end(JSON.stringify(job));
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  clearTimeout(limit);
  if (status !== 0) throw new Error(`the load generator ended with ${status}: ${complaints.trim()}`);
  const result = JSON.parse(output);
  if (result.errors) throw new Error(`requests were answered with errors: ${JSON.stringify(result.errors)}`);
  return result;
}
