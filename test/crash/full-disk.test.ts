// A file system that is really full: a small tmpfs, where the machine lets us mount one (Linux, root); elsewhere the simulator and
// the engine's tests stand in for it. Writes are refused, reads go on, and when there is room again writing resumes by itself.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { runOttla, type ServeProcess, serveOttla, temporaryDirectory } from '../integration/ottla-process.ts';

const DISK = '160m';
const FILLING_BYTES = 8 * 1024 * 1024;
/** Below the 64 MiB at which the broker refuses, well above what it writes meanwhile. */
const LEFT_FREE_BYTES = 40 * 1024 * 1024;

const mounted = mountSmallDisk();
const skip = mounted === undefined ? 'no tmpfs can be mounted here (that takes Linux and root)' : false;

test('a full disk refuses writes, keeps what it has, and is written again when there is room', {
  skip,
  timeout: 300_000,
}, async (context) => {
  const disk = mounted!;
  const data = path.join(disk.path, 'data');
  let broker = await serve(data);
  try {
    await context.test('at the reserve, records are refused and can be read', async () => {
      assert.equal((await produce(broker, 'before')).code, 0);
      const filling = fillUntil(disk.path, () => freeBytes(disk.path) < LEFT_FREE_BYTES);
      // The broker looks at the free space every few seconds.
      const refused = await produceUntil(broker, 'not yet refused', ({ code }) => code !== 0);
      assert.match(refused.stderr, /KAFKA_STORAGE_ERROR|TIMED_OUT|timed out|not delivered/i);
      assert.match(await consume(broker), /^before\n/);
      for (const file of filling) rmSync(file);
      await produceUntil(broker, 'between', ({ code }) => code === 0);
    });
    await context.test('when somebody else takes the last byte, all goes on once there is room', async () => {
      const filling = fillUntil(disk.path, () => false);
      await produceUntil(broker, 'x'.repeat(100_000), ({ code }) => code !== 0);
      for (const file of filling) rmSync(file);
      await produceUntil(broker, 'after', ({ code }) => code === 0);
      assert.equal(broker.child.exitCode, null);
    });
    await context.test('everything acknowledged is there after a kill', async () => {
      await broker.stop('SIGKILL');
      broker = await serve(data);
      const lines = await consume(broker);
      assert.match(lines, /^before\n/);
      assert.match(lines, /\nbetween\n/);
      assert.match(lines, /\nafter\n/);
    });
  } finally {
    await broker.stop('SIGKILL');
    disk.remove();
  }
});

function serve(data: string): Promise<ServeProcess> {
  return serveOttla(['--data', data, '--set', 'ottla.wal.file.bytes=8388608', '--set', 'ottla.wal.max.bytes=33554432']);
}

type Outcome = Awaited<ReturnType<typeof runOttla>>;

function produce(broker: ServeProcess, value: string): Promise<Outcome> {
  return runOttla(['produce', 'lines'], {
    env: { OTTLA_BOOTSTRAP: broker.bootstrapServers },
    input: Buffer.from(`${value}\n`),
  });
}

async function produceUntil(
  broker: ServeProcess,
  value: string,
  isEnough: (outcome: Outcome) => boolean,
): Promise<Outcome> {
  for (;;) {
    const outcome = await produce(broker, value);
    if (isEnough(outcome)) return outcome;
  }
}

async function consume(broker: ServeProcess): Promise<string> {
  const { stdout } = await runOttla(['consume', 'lines'], { env: { OTTLA_BOOTSTRAP: broker.bootstrapServers } });
  return stdout.toString();
}

/** Files that fill the disk until `isEnough`, or until not a byte is left. */
function fillUntil(directory: string, isEnough: () => boolean): string[] {
  const files: string[] = [];
  while (!isEnough()) {
    const file = path.join(directory, `filling-${files.length}`);
    files.push(file);
    try {
      writeFileSync(file, Buffer.alloc(FILLING_BYTES));
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ENOSPC');
      break;
    }
  }
  return files;
}

function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

function mountSmallDisk(): { readonly path: string; remove(): void } | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const directory = temporaryDirectory();
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', directory.path]);
  if (mount.status !== 0) {
    directory.remove();
    return undefined;
  }
  return {
    path: directory.path,
    remove() {
      spawnSync('umount', ['-l', directory.path]);
      directory.remove();
    },
  };
}
