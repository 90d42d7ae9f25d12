// The simulator itself: a seed repeats itself to the last line, past failures stay mended, a few seeds of every workload find
// nothing, and planted bugs are found. The seeds are always the same: `npm run simulate` is there for others. OTTLA_PLANTED_BUGS=all
// plants every bug.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PAST_FAILURES } from './past-failures.ts';
import { PLANTED_BUGS } from './planted-bugs/bugs.ts';
import { hunt } from './planted-bugs/hunt.ts';
import { planted } from './planted-bugs/load-hook.ts';
import { runSeed } from './run-seed.ts';
import { commandOf } from './shrink.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const here = path.dirname(fileURLToPath(import.meta.url));

async function passes(seed: number, workload: string, pace = 1): Promise<void> {
  const { violations } = await runSeed({ seed, workload, pace });
  const text = violations.map(({ checker, sentence }) => `${checker}: ${sentence}`).join('\n');
  assert.equal(text, '', `${commandOf({ seed, workload, pace })}\n${text}`);
}

for (const workload of ['restarts', 'groups', 'topics']) {
  test(`${workload}: the same seed is the same run, to the last line`, async () => {
    const one = await runSeed({ seed: 3, workload, keepsTrace: true });
    const other = await runSeed({ seed: 3, workload, keepsTrace: true });
    assert.ok(one.trace.length > 1_000);
    assert.equal(one.fingerprint(), other.fingerprint());
    assert.deepEqual(other.trace, one.trace);
  });
}

test('the same seed is the same run in another process, and whether lines are kept or not', async () => {
  const args = [path.join(here, 'simulate.js'), '--seed', '3', '--workload', 'restarts', '--trace'];
  const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  assert.equal(status, 0);
  const kept = await runSeed({ seed: 3, workload: 'restarts', keepsTrace: true });
  assert.ok(stdout.startsWith(`${kept.trace.join('\n')}\n`));
  const unkept = await runSeed({ seed: 3, workload: 'restarts' });
  assert.equal(unkept.fingerprint(), kept.fingerprint());
});

test('where nothing goes wrong, every workload does what it is there for', async () => {
  const expected: Readonly<Record<string, readonly string[]>> = {
    records: ['sent ok', 'fetched', 'listed-offset', 'deleted-records'],
    restarts: ['sent ok', 'fetched', 'deleted-records'],
    large: ['sent ok', 'fetched'],
    retries: ['sent ok', 'fetched'],
    full: ['sent ok', 'fetched', 'deleted-records'],
    groups: ['sent ok', 'written ok', 'read-value', 'handed-out'],
    topics: ['sent ok', 'written ok', 'read-value', 'topic-delete-asked'],
    retention: ['sent ok', 'fetched'],
    transactions: [
      'sent ok',
      'transaction-ended committed',
      'transaction-ended aborted',
      'written ok',
      'written refused',
      'read-value',
    ],
    copies: ['sent ok', 'fetched', 'transaction-ended committed', 'transaction-ended aborted'],
    compaction: ['sent ok', 'fetched', 'fetched over a hole', 'transaction-ended committed'],
    many: ['sent ok'],
  };
  for (const { name } of WORKLOADS) {
    const did = new Set<string>();
    // Each seed leaves some clients out.
    for (let seed = 1; seed <= 4; seed++) {
      const result = await runSeed({ seed, workload: name, onlyFaults: [] });
      assert.deepEqual(result.violations, [], `seed ${seed} of ${name}`);
      for (const [what, count] of result.did) if (count >= 5) did.add(what);
    }
    for (const what of expected[name]!) assert.ok(did.has(what), `${name}: ${what}`);
  }
});

test('seeds that failed once pass', async () => {
  for (const { seed, workload, pace } of PAST_FAILURES) await passes(seed, workload, pace);
});

test('a few seeds of every workload pass', async () => {
  for (const { name, isRare } of WORKLOADS) {
    for (let seed = 1; seed <= (isRare === true ? 1 : 4); seed++) await passes(seed, name);
  }
});

test('every planted bug has its place in the code exactly once', () => {
  for (const bug of PLANTED_BUGS) {
    const source = readFileSync(path.join(here, '..', 'src', bug.file), 'utf8');
    assert.notEqual(planted(source, bug), source);
  }
});

const FEW = ['acknowledge-at-the-write', 'reuse-the-log-before-segments-are-synced', 'sequences-not-checked'];

for (const bug of PLANTED_BUGS) {
  if (process.env.OTTLA_PLANTED_BUGS !== 'all' && !FEW.includes(bug.name)) continue;
  test(`the simulator finds it when ${bug.sentence}`, async () => {
    const { seed, runs, output } = await hunt(bug, { seedsMax: 1_000 });
    assert.ok(seed !== undefined, `${bug.name}: not found by ${runs} seeds\n${output.slice(0, 2_000)}`);
  });
}
