// `npm test`: the checks of scripts/check.mjs, then every compiled *.test.js, then one closing line.
// `npm test -- PART …` runs only the test files whose path contains one of the parts (and no checks).
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChecks } from './check.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
/** A single file never needs this long, even on a slow machine; it bounds a test that hangs. */
const TEST_TIMEOUT_MS = 300_000;

const parts = process.argv.slice(2);
const files = testFiles().filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)));
if (files.length === 0) {
  process.stderr.write(`no test file contains ${parts.join(' or ')}\n`);
  process.exit(2);
}
const checksFailed = parts.length === 0 ? await runChecks() : 0;
const status = await runTests(files, checksFailed);
process.exitCode = status;

function testFiles() {
  const found = [];
  const walk = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const full = path.join(directory, entry.name);
      if (entry.isDirectory()) walk(full);
      else if (entry.name.endsWith('.test.js')) found.push(full);
    }
  };
  for (const folder of ['src', 'test', 'scripts', 'examples', 'simulation']) {
    const full = path.join(root, 'dist', folder);
    if (existsSync(full)) walk(full);
  }
  return found.sort();
}

function runTests(tests, failedBefore) {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [
        '--test',
        '--enable-source-maps',
        `--test-timeout=${TEST_TIMEOUT_MS}`,
        '--test-concurrency=2',
        `--test-reporter=${path.join(root, 'scripts', 'reporter.mjs')}`,
        '--test-reporter-destination=stdout',
        ...tests,
      ],
      { cwd: root, stdio: 'inherit', env: { ...process.env, OTTLA_CHECKS_FAILED: String(failedBefore) } },
    );
    child.on('error', (error) => {
      process.stderr.write(`the test runner could not be started: ${error.message}\n`);
      resolve(1);
    });
    child.on('exit', (code) => resolve(failedBefore > 0 ? 1 : (code ?? 1)));
  });
}
