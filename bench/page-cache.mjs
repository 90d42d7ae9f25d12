// A page cache that is full, as on a machine that has been at work for a while: what a broker writes then takes the place of older pages. On a
// virtual machine a page that the guest has not used for a while is dear, up to several times the cost of all else in a produce request, and
// whichever broker meets it pays; so a file without content, which needs no room on the disk, is read before every row. Owns that file.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEBIBYTE = 2 ** 20;
/** For the brokers and their clients. */
const LEFT_FREE_MIB = 4096;

/** `fill()` reads the file, `remove()` deletes it. */
export function pageCacheFile() {
  const sizeMib = Math.max(0, availableMemoryMib() - LEFT_FREE_MIB);
  const directory = mkdtempSync(join(tmpdir(), 'bench-page-cache-'));
  const file = join(directory, 'pages');
  writeFileSync(file, '');
  truncateSync(file, sizeMib * MEBIBYTE);
  return {
    sizeMib,
    fill() {
      spawnSync('sync', { timeout: 120_000 });
      spawnSync('dd', [`if=${file}`, 'of=/dev/null', 'bs=1M'], { stdio: 'ignore', timeout: 300_000 });
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function availableMemoryMib() {
  const line = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'));
  return Math.floor(Number(line?.[1] ?? 0) / 1024);
}
