// Runs the examples of testing with Ottla, each with its own test runner, in .cache/examples: `node examples/testing/run.mjs [NAME …]`.
// Prints "ok" or "not ok" for each, what a failed one said, and "N passed, N failed" at the end.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '..', '..');
const cache = path.join(root, '.cache', 'examples');
const INSTALL_MS_MAX = 400_000;
const SHOWN_CHARACTERS_MAX = 4_000;
const TEST_MS_MAX = 300_000;

/** Other languages start the command; their examples say `npx ottla` by themselves. */
const OTTLA_COMMAND = `${process.execPath} ${path.join(root, 'bin', 'ottla')}`;

const npm = {
  locks: ['package.json', 'package-lock.json'],
  async install(directory) {
    await command(directory, ['npm', 'ci', '--silent', '--no-audit', '--no-fund'], INSTALL_MS_MAX);
    symlinkSync(root, path.join(directory, 'node_modules', 'ottla'), 'dir');
  },
  test: ['npm', 'test', '--silent'],
};

const EXAMPLES = {
  'node-test': npm,
  vitest: npm,
  jest: npm,
  junit: {
    locks: ['pom.xml'],
    install: (directory) => command(directory, ['mvn', '-q', '-B', 'test-compile'], INSTALL_MS_MAX),
    test: ['mvn', '-q', '-B', 'test'],
  },
  pytest: {
    locks: ['requirements.txt'],
    async install(directory) {
      await command(directory, ['python3', '-m', 'venv', 'venv'], INSTALL_MS_MAX);
      const pip = ['venv/bin/pip', 'install', '-q', '--disable-pip-version-check', '--only-binary', ':all:'];
      await command(directory, [...pip, '-r', 'requirements.txt'], INSTALL_MS_MAX);
    },
    test: ['venv/bin/python', '-m', 'pytest', '-q', '-p', 'no:cacheprovider'],
  },
  go: {
    locks: ['go.mod', 'go.sum'],
    install: (directory) => command(directory, ['go', 'vet', './...'], INSTALL_MS_MAX),
    test: ['go', 'test', '-count=1', './...'],
  },
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(EXAMPLES, name));
if (unknown.length > 0) {
  process.stderr.write(`there is no example ${unknown.join(', ')}; there are ${Object.keys(EXAMPLES).join(', ')}\n`);
  process.exit(2);
}
await command(root, ['node', 'scripts/setup.mjs'], INSTALL_MS_MAX);
let passed = 0;
let failed = 0;
for (const [name, example] of Object.entries(EXAMPLES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  try {
    const directory = await prepared(name, example);
    await command(directory, example.test, TEST_MS_MAX);
    passed++;
    process.stdout.write(`ok     examples/testing/${name}\n`);
  } catch (error) {
    failed++;
    process.stdout.write(`not ok examples/testing/${name}\n${error.message}\n`);
  }
}
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** The example in a directory of its own, with what it needs; installed again only when that changed. */
async function prepared(name, { locks, install }) {
  const source = path.join(here, name);
  const directory = path.join(cache, name);
  const stamp = path.join(directory, '.installed');
  const needs = locks.map((file) => readFileSync(path.join(source, file), 'utf8')).join('\n');
  const isInstalled = existsSync(stamp) && readFileSync(stamp, 'utf8') === needs;
  if (!isInstalled) rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  cpSync(source, directory, { recursive: true });
  if (!isInstalled) {
    await install(directory);
    writeFileSync(stamp, needs);
  }
  return directory;
}

/** Rejects with what it printed. What it started and left behind ends with it. */
function command(directory, [program, ...args], msMax) {
  const goCache = path.join(root, '.cache', 'go');
  const child = spawn(program, args, {
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      OTTLA_COMMAND,
      GOMODCACHE: path.join(goCache, 'mod'),
      GOCACHE: path.join(goCache, 'build'),
      GOFLAGS: '-modcacherw -mod=readonly',
      KAFKAJS_NO_PARTITIONER_WARNING: '1',
    },
  });
  const printed = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => printed.push(bytes));
  return new Promise((resolve, reject) => {
    const fail = (why) => {
      const text = shortened(Buffer.concat(printed).toString());
      reject(new Error(`${[program, ...args].join(' ')}: ${why}\n${text}`));
    };
    const endAll = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Nothing is left of it.
      }
    };
    const deadline = setTimeout(endAll, msMax);
    child.on('error', (error) => fail(error.message));
    child.on('exit', () => {
      clearTimeout(deadline);
      endAll();
    });
    child.on('close', (status, signal) => {
      if (status === 0) resolve();
      else fail(signal === null ? `exit status ${status}` : `ended by ${signal}`);
    });
  });
}

/** Clients that cannot connect say so many times a second. */
function shortened(text) {
  if (text.length <= 2 * SHOWN_CHARACTERS_MAX) return text;
  return `${text.slice(0, SHOWN_CHARACTERS_MAX)}\n…\n${text.slice(-SHOWN_CHARACTERS_MAX)}`;
}
