// `npm run bench -- NAME [ARG …]` runs one bench, `npm run bench` lists them. Micro benches print ratios inside one run;
// the others start brokers, Kafka among them where they compare, and each explains itself with --help.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const [name, ...args] = process.argv.slice(2);
const benches = listBenches();

if (name === undefined || name === '--help') {
  for (const [known, file] of benches) process.stdout.write(`${known.padEnd(16)} ${firstSentence(file)}\n`);
} else if (!benches.has(name)) {
  process.stderr.write(`there is no bench "${name}"; there are ${[...benches.keys()].join(', ')}\n`);
  process.exitCode = 2;
} else {
  const result = spawnSync(process.execPath, [benches.get(name), ...args], { cwd: root, stdio: 'inherit' });
  process.exitCode = result.status ?? 1;
}

function listBenches() {
  const found = new Map();
  for (const file of readdirSync(path.join(root, 'bench')).sort()) {
    const full = path.join(root, 'bench', file);
    // What exports something is a part of others.
    if (file.endsWith('.mjs') && !/^export /m.test(readFileSync(full, 'utf8'))) found.set(file.slice(0, -4), full);
  }
  const micro = path.join(root, 'dist', 'bench', 'micro');
  for (const file of existsSync(micro) ? readdirSync(micro).sort() : []) {
    if (file.endsWith('.js')) found.set(`micro/${file.slice(0, -3)}`, path.join(micro, file));
  }
  return found;
}

function firstSentence(file) {
  const comment = readFileSync(file, 'utf8').match(/^(?:#!.*\n)?\/\/ ?(.*?)(?:\n(?!\/\/)|$)/s)?.[1] ?? '';
  return comment.replace(/\n\/\/ ?/g, ' ').split(/(?<=\.)\s/)[0] ?? '';
}
