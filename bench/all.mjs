// Every bench that compares brokers, one after the other, and then the report: what docs/benchmarks.md is made with. Takes about an hour with the
// defaults; nothing else should run meanwhile.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../test/conformance/broker.mjs';

const TIMED = [
  'produce',
  'fetch',
  'small-requests',
  'latency',
  'durable',
  'compressed',
  'java',
  'librdkafka',
  'many-partitions',
  'idle',
  'overload',
];
const OTHERS = ['startup', 'embedded', 'groups'];

if (process.argv.includes('--help')) {
  console.log(`usage: npm run bench -- all [--rounds N] [--seconds S] [--warm S] [--pin CORES]

Runs ${[...TIMED, ...OTHERS].join(', ')}, and report. The options go to the first ${TIMED.length}; each says with --help what they mean.`);
  process.exit(0);
}

let failed = 0;
for (const name of TIMED) run(name, process.argv.slice(2));
for (const name of OTHERS) run(name, []);
run('report', []);
// A missed target ends a bench with status 1 as well; the tables tell which.
process.exitCode = failed > 0 ? 1 : 0;

function run(name, args) {
  console.log(`\n== ${name}`);
  const { status } = spawnSync(process.execPath, [join(root, 'bench', `${name}.mjs`), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) failed++;
}
