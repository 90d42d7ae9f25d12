// `npm run check`: the structure (scripts/tidy.ts) and the style (Biome). Types are checked by the build itself.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Runs all checks, prints what they find, and returns how many of them failed. */
export async function runChecks() {
  const { tidy, ranksTable } = await import(pathToFileURL(path.join(root, 'dist', 'scripts', 'tidy.js')).href);
  let failed = 0;
  const problems = tidy(root);
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.stdout.write(`${problems.length === 0 ? 'ok    ' : 'not ok'} tidy: ${ranksTable(root)}\n`);
  if (problems.length > 0) failed++;
  const biome = path.join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  const result = spawnSync(process.execPath, [biome, 'check', '--colors=off', '--max-diagnostics=50', '.'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (result.status !== 0) {
    failed++;
    process.stdout.write(`${result.stdout}${result.stderr}`);
  }
  process.stdout.write(`${result.status === 0 ? 'ok    ' : 'not ok'} biome\n`);
  return failed;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = (await runChecks()) > 0 ? 1 : 0;
