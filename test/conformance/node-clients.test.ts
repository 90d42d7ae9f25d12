// The conformance run with the clients that need nothing but Node, as part of `npm test`. `.ci/run` runs all clients.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const RUN_MS_MAX = 240_000;

test('KafkaJS, @platformatic/kafka and ottla produce and consume the access log, before and after a restart', async () => {
  const { status, lines } = await run(path.join(root, 'test', 'conformance', 'run.mjs'), ['--node-only']);
  const failures = lines.filter((line) => line.startsWith('not ok'));
  assert.deepEqual(failures, [], lines.slice(-5).join('\n'));
  assert.match(lines.at(-1) ?? '', /^[1-9]\d* passed, 0 failed$/);
  assert.equal(status, 0);
});

function run(script: string, args: readonly string[]): Promise<{ status: number | null; lines: string[] }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: RUN_MS_MAX,
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, lines: output.trim().split('\n') }));
  });
}
