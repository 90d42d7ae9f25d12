// Keeps what an Ottla of today writes, for the Ottlas of later to open: `node test/data-directories/keep.mjs OTTLA NAME` runs
// that command (bin/ottla of a release) over a fresh directory, writes to it what `kept.test.ts` expects, kills it, and
// packs the directory into NAME.json.gz: path → base64. To be run once, before a format changes.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const [ottla, name] = process.argv.slice(2);
if (ottla === undefined || name === undefined) throw new Error('usage: keep.mjs OTTLA NAME');
const data = mkdtempSync(path.join(tmpdir(), 'ottla-keep-'));

async function serve() {
  const settings = ['--set', 'ottla.wal.file.bytes=4194304', '--set', 'offsets.topic.num.partitions=1'];
  const child = spawn(process.execPath, [ottla, 'serve', '--port', '0', '--data', data, ...settings]);
  const bootstrap = await new Promise((resolve, reject) => {
    let output = '';
    const read = (chunk) => {
      output += chunk;
      const ready = /ottla ready on (\S+)/.exec(output);
      if (ready !== null) resolve(ready[1]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', () => reject(new Error(output)));
  });
  const end = async (signal) => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  };
  return { bootstrap, end };
}

function run(bootstrap, input, ...args) {
  const { status, stderr } = spawnSync(process.execPath, [ottla, ...args, '--bootstrap-server', bootstrap], { input });
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
}

/** A transaction that its producer gives up once the records are in the log. */
async function abort(bootstrap, input, topic) {
  const args = [
    'produce',
    topic,
    '--key-separator',
    '\t',
    '--transactional-id',
    'torn',
    '--bootstrap-server',
    bootstrap,
  ];
  const child = spawn(process.execPath, [ottla, ...args], { stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin.write(input);
  const deadline = Date.now() + 30_000;
  for (;;) {
    const { stdout } = spawnSync(process.execPath, [ottla, 'consume', topic, '--bootstrap-server', bootstrap]);
    if (stdout.includes('value 949\n')) break;
    if (Date.now() > deadline) throw new Error('the records to be aborted did not arrive');
  }
  child.kill('SIGINT');
  await ended;
}

function lines(from, to) {
  return Array.from({ length: to - from }, (_, i) => `key ${(from + i) % 10}\tvalue ${from + i}\n`).join('');
}

// What a clean stop left in segments and checkpoint, and what only the write-ahead log has.
const first = await serve();
run(first.bootstrap, '', 'topic', 'create', 'plain', '--partitions', '2');
run(first.bootstrap, '', 'topic', 'create', 'compacted', '--config', 'cleanup.policy=compact');
for (const topic of ['plain', 'compacted'])
  run(first.bootstrap, lines(0, 200), 'produce', topic, '--key-separator', '\t');
run(first.bootstrap, '', 'topic', 'create', 'ledger', '--config', 'retention.ms=31536000000000');
run(first.bootstrap, lines(0, 100), 'produce', 'ledger', '--key-separator', '\t', '--transactional-id', 'till');
run(first.bootstrap, '', 'consume', 'plain', '--group', 'readers', '--count', '150');
await first.end('SIGTERM');
const second = await serve();
for (const topic of ['plain', 'compacted'])
  run(second.bootstrap, lines(200, 300), 'produce', topic, '--key-separator', '\t');
run(second.bootstrap, lines(100, 150), 'produce', 'ledger', '--key-separator', '\t', '--transactional-id', 'till');
await abort(second.bootstrap, lines(900, 950), 'ledger');
run(second.bootstrap, '', 'consume', 'plain', '--group', 'readers', '--count', '100');
await second.end('SIGKILL');

const kept = {};
for (const file of readdirSync(data, { recursive: true }).sort()) {
  const full = path.join(data, file);
  if (!statSync(full).isFile()) continue;
  kept[file.split(path.sep).join('/')] = readFileSync(full).toString('base64');
}
const here = path.dirname(fileURLToPath(import.meta.url));
writeFileSync(path.join(here, `${name}.json.gz`), gzipSync(JSON.stringify(kept), { level: 9 }));
rmSync(data, { recursive: true, force: true });
