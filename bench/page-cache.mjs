// A page cache that is full, as on a machine that has been at work for a while: what a broker writes then takes the place of older pages. On a
// virtual machine a page that the guest has not used for a while is dear, up to several times the cost of all else in a produce request, and
// whichever broker meets it pays; so the file that fills the cache is read again before every row. Owns that file.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEBIBYTE = 2 ** 20;
/** For the brokers and their clients. */
const LEFT_FREE_MIB = 4096;
const DISK_LEFT_MIB = 30 * 1024;

/** `fill()` reads the file, `remove()` deletes it; where the disk has no room for it, both do nothing. */
export function pageCacheFile() {
  const sizeMib = Math.min(availableMemoryMib() - LEFT_FREE_MIB, freeDiskMib() - DISK_LEFT_MIB);
  if (sizeMib < 1024) return { sizeMib: 0, fill: () => {}, remove: () => {} };
  const directory = mkdtempSync(join(tmpdir(), 'bench-page-cache-'));
  const file = join(directory, 'pages');
  const made = spawnSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M', `count=${sizeMib}`, 'conv=fdatasync'], {
    stdio: 'ignore',
    timeout: 300_000,
  });
  if (made.status !== 0) throw new Error(`dd could not write ${sizeMib} MiB to ${file}`);
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

function freeDiskMib() {
  const { bavail, bsize } = statfsSync(tmpdir());
  return Math.floor((bavail * bsize) / MEBIBYTE);
}
