// What the benches that compare brokers share: medians, the memory of a process, and the file a result is kept in.
import { mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../test/conformance/broker.mjs';

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Resident set size; Linux. */
export function residentBytes(pid) {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(kilobytes) * 1024;
}

// Linux counts CPU time in /proc in hundredths of a second, on every architecture.
const TICKS_PER_SECOND = 100;

/** User and system time of a process so far, in milliseconds; Linux. */
export function cpuMs(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** Bytes that a process has read so far from files and sockets, wherever the operating system had them; Linux. */
export function readBytes(pid) {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))[1]);
}

/** Bytes that may still be written where a directory is. */
export function freeBytes(directory) {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

/** What the host of a virtual machine has kept from its cores so far, in milliseconds, summed over them; Linux. */
export function stolenMs() {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0].trim().split(/\s+/);
  return (Number(fields[8]) * 1000) / TICKS_PER_SECOND;
}

/** Resolves when the process has had next to nothing to do for some seconds. */
export async function untilIdle(pid, seconds) {
  for (let idle = 0; idle < seconds; ) {
    const before = cpuMs(pid);
    await sleep(1000);
    idle = cpuMs(pid) - before < 50 ? idle + 1 : 0;
  }
}

/** Writes bench/results/<name>.json: what was measured, when, and on which machine. */
export function writeResult(name, { what, ...figures }) {
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${platform()} ${release()}`,
    node: process.version,
  };
  const directory = join(root, 'bench', 'results');
  mkdirSync(directory, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  const result = { what, kafka: '4.3.0, heap 1 GiB', machine, date, ...figures };
  writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
}
