// `npm run crash`: kills a broker's process at random moments under load, round after round, and reads everything after each. HELP has
// the arguments.
import { parseArgs } from 'node:util';
import { Dice } from '../dice.ts';
import { killAgainAndAgain, type RoundMoment } from './kill-rounds.ts';
import { KilledRecords } from './killed-records.ts';
import { KilledTransactions } from './killed-transactions.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    seconds: { type: 'string' },
    durability: { type: 'string', default: 'fsync,os' },
    load: { type: 'string', default: 'records,transactions' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    help: { type: 'boolean', default: false },
  },
});

const HELP = `usage: npm run crash -- [options]

Starts a broker, writes to it, kills it (SIGKILL) at a random moment, now and then kills the next start too, starts it again, and reads
everything: what was acknowledged has to be there, once and in order, transactions whole or not at all.

  --rounds N              kills at each durability (20)
  --seconds S             stop after so long, whatever is left of the rounds
  --durability fsync,os   at these durabilities
  --load L                with these clients: records, transactions (both, in turn)
  --seed N                of the moments, as far as a real machine can repeat them (from the time)

Ends with status 1 when something was wrong; the data is left for a look.`;

/** A new directory after so many: each start reads what all of them wrote. */
const ROUNDS_PER_DIRECTORY = 25;
const PROGRESS_MS = 10_000;
/** A log that is gone through often, and segments that are full soon. */
const SMALL = [
  ...['--set', 'ottla.wal.file.bytes=8388608', '--set', 'ottla.wal.max.bytes=33554432'],
  ...['--set', 'log.segment.bytes=1048576'],
];

interface Totals {
  rounds: number;
  acknowledged: number;
  killedStarts: number;
}

async function main(): Promise<number> {
  const startedMs = performance.now();
  const untilMs = values.seconds === undefined ? Number.POSITIVE_INFINITY : startedMs + Number(values.seconds) * 1000;
  const loads = values.load.split(',');
  const perDurability = new Map(values.durability.split(',').map((name) => [name, nothing()]));
  const dice = new Dice(Number(values.seed));
  process.stdout.write(`moments by --seed ${values.seed}\n`);
  let saidMs = startedMs;
  const say = () => {
    if (performance.now() - saidMs < PROGRESS_MS) return;
    saidMs = performance.now();
    for (const line of linesOf(perDurability)) process.stderr.write(`${line}\n`);
  };
  let failed = 0;
  for (let turn = 0; failed === 0 && performance.now() < untilMs; turn++) {
    const unfinished = [...perDurability].filter(([, { rounds }]) => rounds < Number(values.rounds));
    if (unfinished.length === 0) break;
    const [durability, totals] = unfinished[turn % unfinished.length]!;
    const load = loads[Math.floor(turn / perDurability.size) % loads.length]!;
    const args = ['--durability', durability, ...(dice.below(2) === 0 ? SMALL : [])];
    const rounds = Math.min(ROUNDS_PER_DIRECTORY, Number(values.rounds) - totals.rounds);
    try {
      await killAgainAndAgain(
        loadOf(load, dice),
        args,
        momentsOf(load, dice, rounds, untilMs, totals),
        ({ acknowledged }) => {
          totals.rounds++;
          totals.acknowledged += acknowledged;
          say();
        },
      );
    } catch (error) {
      failed++;
      process.stdout.write(`not ok ${durability}, ${load}: ${(error as Error).message}\n`);
    }
  }
  for (const line of linesOf(perDurability)) process.stdout.write(`${line}\n`);
  const passed = [...perDurability.values()].reduce((sum, { rounds }) => sum + rounds, 0);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

function loadOf(load: string, dice: Dice): KilledRecords | KilledTransactions {
  if (load === 'records') return new KilledRecords();
  if (load === 'transactions') return new KilledTransactions(dice);
  throw new Error(`there is no load ${load}; there are records and transactions`);
}

/** Half of them by what was acknowledged, half by time alone, which may come before the first answer. */
function* momentsOf(load: string, dice: Dice, rounds: number, untilMs: number, totals: Totals): Generator<RoundMoment> {
  const countMax = load === 'records' ? 6_000 : 300;
  for (let round = 0; round < rounds && performance.now() < untilMs; round++) {
    const startKilledAfterMs = dice.below(5) === 0 ? dice.below(600) : undefined;
    if (startKilledAfterMs !== undefined) totals.killedStarts++;
    const count = 1 + dice.below(dice.below(countMax) + 1);
    const afterMs = dice.below(1_200);
    yield dice.below(2) === 0 ? { acknowledged: count, startKilledAfterMs } : { afterMs, startKilledAfterMs };
  }
}

function nothing(): Totals {
  return { rounds: 0, acknowledged: 0, killedStarts: 0 };
}

function linesOf(perDurability: ReadonlyMap<string, Totals>): string[] {
  return [...perDurability].map(
    ([durability, { rounds, acknowledged, killedStarts }]) =>
      `${durability}: ${rounds} kills under load, ${killedStarts} more during a start, ${acknowledged} records and transactions acknowledged`,
  );
}

// Not by process.exit: what is printed must arrive.
if (values.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();
