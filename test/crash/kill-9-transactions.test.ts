// The process is killed with SIGKILL while several producers write transactions, again and again over one directory
// (killed-transactions.ts says what has to be true afterwards). `npm run crash` does so for as many rounds as asked.
import { test } from 'node:test';
import { Dice } from '../dice.ts';
import { killAgainAndAgain } from './kill-rounds.ts';
import { KilledTransactions } from './killed-transactions.ts';

/** Ends that were answered in a round before the kill; different each time so that it hits different moments. */
const ENDS_BEFORE_KILL = [1, 40, 150, 400];

for (const seed of [1, 2]) {
  test(`transactions are whole or not there after kill -9 (dice ${seed})`, { timeout: 240_000 }, async () => {
    const moments = ENDS_BEFORE_KILL.map((acknowledged) => ({ acknowledged }));
    await killAgainAndAgain(new KilledTransactions(new Dice(seed)), [], moments);
  });
}
