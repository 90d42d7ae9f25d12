// The process is killed with SIGKILL under load, again and again over one directory. Whatever was acknowledged must be
// there afterwards, once and in order. (This proves `fsync` and `os` against the death of the process; a power cut is
// simulated elsewhere, by a file system that forgets what was not synced.) `npm run crash` does so for as many rounds as asked.
import { test } from 'node:test';
import { killAgainAndAgain } from './kill-rounds.ts';
import { KilledRecords } from './killed-records.ts';

/** Acknowledged records per round before the kill; different each time so that it hits different moments. */
const ACKNOWLEDGED_BEFORE_KILL = [1, 700, 12_000];

for (const durability of ['fsync', 'os']) {
  test(`what was acknowledged survives kill -9 under load (${durability})`, { timeout: 720_000 }, async () => {
    const moments = ACKNOWLEDGED_BEFORE_KILL.map((acknowledged) => ({ acknowledged }));
    await killAgainAndAgain(new KilledRecords(), ['--durability', durability], moments);
  });
}
