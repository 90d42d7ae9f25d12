// `npm run simulate`: runs seeds, prints what was found and the command that repeats it.
import { parseArgs } from 'node:util';
import { runSeed } from './run-seed.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    workload: { type: 'string' },
    seconds: { type: 'string' },
    faults: { type: 'string' },
    programs: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed ?? 1);
const count = Number(values.seeds ?? 1);
let failed = 0;
for (let seed = first; seed < first + count; seed++) {
  for (const { name } of WORKLOADS) {
    if (values.workload !== undefined && values.workload !== name) continue;
    const started = performance.now();
    const result = await runSeed({
      seed,
      workload: name,
      durationMs: values.seconds === undefined ? undefined : Number(values.seconds) * 1000,
      onlyFaults: values.faults?.split(',').filter(Boolean).map(Number),
      onlyPrograms: values.programs?.split(','),
      keepsTrace: values.trace,
    });
    if (values.trace) for (const line of result.trace) console.log(line);
    const ms = performance.now() - started;
    console.log(
      `${name} ${seed} ${result.durability} ${result.violations.length} violations, ${result.events} events, ${result.operations} ops, ${result.starts} starts, ${result.endedAtMs.toFixed(0)} virtual ms, ${ms.toFixed(0)} ms, ${result.fingerprint}`,
    );
    for (const { checker, sentence } of result.violations) console.log(`  ${checker}: ${sentence}`);
    if (result.violations.length > 0) failed++;
  }
}
process.exit(failed > 0 ? 1 : 0);
