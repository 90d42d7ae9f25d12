// Makes a clone ready to run: installs the locked dependencies and compiles the sources, each only when something changed.
// `node scripts/setup.mjs --run FILE [ARG …]` then runs FILE with the arguments in this very process.
// Plain JavaScript, because it is what runs before anything is compiled.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const OLDEST_NODE = 20;
const SOURCES = ['src', 'test', 'bench', 'scripts', 'examples', 'simulation'];

/** Brings node_modules and dist up to date; exits with one sentence when that is not possible. */
export function setUp() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < OLDEST_NODE) {
    fail(`Ottla needs Node ${OLDEST_NODE} or newer, and this is ${process.versions.node}; install a newer Node.`);
  }
  installDependencies();
  compile();
}

function installDependencies() {
  const stamp = path.join(root, 'node_modules', '.ottla-installed');
  const wanted = hashOf([path.join(root, 'package.json'), path.join(root, 'package-lock.json')]);
  if (readIfPresent(stamp) === wanted) return;
  say('installing dependencies (npm ci) …');
  run(npm(), ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'npm ci failed; its message is above.');
  writeFileSync(stamp, wanted);
}

function compile() {
  const stamp = path.join(root, 'dist', '.compiled');
  const wanted = hashOf([fileURLToPath(import.meta.url), path.join(root, 'tsconfig.json'), ...typescriptFiles()]);
  if (readIfPresent(stamp) === wanted) return;
  say('compiling …');
  rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  run(process.execPath, [compiler, '-p', root], 'the sources do not compile; the compiler’s message is above.');
  bundle();
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

/**
 * dist/lib: the command and the library in a few files. Node needs longer to find and link three hundred modules than the
 * broker needs to start (docs/decisions/0004-bundled-start.md). Tests run the modules of dist/src one by one.
 */
function bundle() {
  const esbuild = createRequire(import.meta.url)('esbuild');
  const entry = (name) => path.join(root, 'dist', 'src', name);
  try {
    esbuild.buildSync({
      entryPoints: [
        entry('index.js'),
        entry('testing.js'),
        entry(path.join('cli', 'main.js')),
        entry('cleaner-thread.js'),
      ],
      outbase: path.join(root, 'dist', 'src'),
      outdir: path.join(root, 'dist', 'lib'),
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: `node${OLDEST_NODE}`,
      packages: 'external',
      sourcemap: true,
      logLevel: 'warning',
    });
  } catch (error) {
    fail(`the compiled sources cannot be bundled: ${error.message}`);
  }
}

function typescriptFiles() {
  const found = [];
  const walk = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const full = path.join(directory, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && entry.name !== 'work') walk(full);
      } else if (entry.name.endsWith('.ts')) {
        found.push(full);
      }
    }
  };
  for (const folder of SOURCES) {
    const full = path.join(root, folder);
    if (existsSync(full) && statSync(full).isDirectory()) walk(full);
  }
  return found.sort();
}

function hashOf(files) {
  const hash = createHash('sha256').update(process.version);
  for (const file of files) {
    hash.update(`\0${path.relative(root, file)}\0`);
    hash.update(readFileSync(file));
  }
  return hash.digest('hex');
}

function readIfPresent(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function npm() {
  return process.platform === 'win32' ? 'npm.cmd' : 'npm';
}

function run(command, args, complaint) {
  // What set-up prints goes to standard error: the standard output belongs to the command that runs afterwards.
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32' && command.endsWith('.cmd'),
  });
  if (result.error) fail(`${command} could not be started: ${result.error.message}`);
  if (result.status !== 0) fail(complaint);
}

function say(text) {
  process.stderr.write(`ottla set-up: ${text}\n`);
}

function fail(text) {
  process.stderr.write(`ottla set-up: ${text}\n`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setUp();
  const [flag, file, ...args] = process.argv.slice(2);
  if (flag === '--run' && file !== undefined) {
    const full = path.resolve(root, file);
    process.argv = [process.argv[0], full, ...args];
    if (path.extname(full) === '') createRequire(import.meta.url)(full);
    else await import(pathToFileURL(full).href);
  } else if (flag !== undefined) {
    fail('usage: node scripts/setup.mjs [--run FILE [ARG …]]');
  }
}
