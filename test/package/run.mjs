// The package as its users get it: packed, installed into an empty project, used through its command and its import.
// Run by .ci/run; needs the package registry for the dependencies.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const work = mkdtempSync(path.join(tmpdir(), 'ottla-package-'));
const project = path.join(work, 'project');
let passed = 0;
let failed = 0;

function check(what, body) {
  try {
    body();
    passed++;
    process.stdout.write(`ok ${what}\n`);
  } catch (error) {
    failed++;
    process.stdout.write(`not ok ${what}\n${error.stack}\n`);
  }
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: project, encoding: 'utf8', timeout: 300_000, ...options });
  assert.equal(result.error, undefined);
  assert.equal(result.status, 0, `${command} ${args.join(' ')} ended with ${result.status}: ${result.stderr}`);
  return result.stdout;
}

const USE = `
import { startBroker } from 'ottla';
const broker = await startBroker();
if (!/^127\\.0\\.0\\.1:\\d+$/.test(broker.bootstrapServers)) throw new Error(broker.bootstrapServers);
await broker.close();
import { startTestBroker } from 'ottla/testing';
const test = await startTestBroker();
await test.clock.advance('7 days');
await test.close();
process.stdout.write('closed');
`;

/** Starts `ottla serve` with the arguments it is given, and uses the other commands against it. */
const SERVE = `
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
const ottla = 'node_modules/.bin/ottla';
const broker = spawn(ottla, ['serve', '--port', '0', ...process.argv.slice(2)], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const deadline = setTimeout(() => broker.kill('SIGKILL'), 60_000);
let said = '';
const address = await new Promise((resolve, reject) => {
  broker.stdout.on('data', (chunk) => {
    const ready = /ready on (\\S+:\\d+)/.exec((said += chunk));
    if (ready) resolve(ready[1]);
  });
  broker.on('exit', () => reject(new Error('the broker ended: ' + said)));
});
const call = (args, input) => {
  const { status, stdout, stderr } = spawnSync(ottla, [...args, '--bootstrap-server', address], { input, encoding: 'utf8', timeout: 60_000 });
  if (status !== 0) throw new Error(args.join(' ') + ': ' + stderr);
  return stdout;
};
call(['topic', 'create', 'words', '--partitions', '1']);
call(['produce', 'words'], 'one\\ntwo\\n');
process.stdout.write(call(['consume', 'words']));
broker.kill('SIGTERM');
const [status] = await once(broker, 'exit');
clearTimeout(deadline);
process.stdout.write('ended ' + status);
`;

try {
  run('npm', ['pack', '--pack-destination', work], { cwd: root });
  const tarball = readdirSync(work).find((name) => name.endsWith('.tgz'));
  run('mkdir', ['-p', project], { cwd: work });
  writeFileSync(path.join(project, 'package.json'), '{ "name": "project", "private": true, "type": "module" }\n');
  check('the package installs into an empty project', () => {
    run('npm', ['install', '--no-audit', '--no-fund', path.join(work, tarball)]);
  });
  check('its command runs', () => {
    assert.match(run('npx', ['--no-install', 'ottla', 'version']), /^ottla \d+\.\d+\.\d+\n$/);
  });
  check('its command serves: records come back, and it ends when it is told to', () => {
    writeFileSync(path.join(project, 'serve.mjs'), SERVE);
    assert.equal(run(process.execPath, ['serve.mjs', '--data', 'data']), 'one\ntwo\nended 0');
    assert.equal(run(process.execPath, ['serve.mjs', '--testing']), 'one\ntwo\nended 0');
  });
  check('its import starts a broker, and closing it lets the process end', () => {
    writeFileSync(path.join(project, 'use.mjs'), USE);
    assert.equal(run(process.execPath, ['use.mjs']), 'closed');
  });
  check('it ships no tests', () => {
    const files = run('tar', ['-tzf', path.join(work, tarball)], { cwd: work }).split('\n');
    assert.deepEqual(
      files.filter((file) => /\.(test|suite)\./.test(file)),
      [],
    );
    for (const types of ['index', 'testing']) assert.ok(files.includes(`package/dist/src/${types}.d.ts`));
  });
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
