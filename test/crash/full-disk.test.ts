// A file system that is really full: a small tmpfs, where the machine lets us mount one (Linux, root); elsewhere the simulator and
// the engine's tests stand in for it. Writes are refused, reads go on, and when there is room again writing resumes by itself.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { runOttla, serveOttla, temporaryDirectory } from '../integration/ottla-process.ts';

const DISK = '160m';
const FILLING_BYTES = 8 * 1024 * 1024;

const mounted = mountSmallDisk();

test('a full disk refuses writes, keeps what it has, and is written again when there is room', {
  skip: mounted === undefined ? 'no tmpfs can be mounted here (that takes Linux and root)' : false,
  timeout: 180_000,
}, async () => {
  const disk = mounted!;
  const data = path.join(disk.path, 'data');
  const filling: string[] = [];
  let broker = await serveOttla([
    '--data',
    data,
    '--set',
    'ottla.wal.file.bytes=8388608',
    '--set',
    'ottla.wal.max.bytes=33554432',
  ]);
  const env = { OTTLA_BOOTSTRAP: broker.bootstrapServers };
  const produce = (value: string) => runOttla(['produce', 'lines'], { env, input: Buffer.from(`${value}\n`) });
  try {
    assert.equal((await produce('before')).code, 0);
    for (;;) {
      const file = path.join(disk.path, `filling-${filling.length}`);
      filling.push(file);
      try {
        writeFileSync(file, Buffer.alloc(FILLING_BYTES));
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ENOSPC');
        break;
      }
    }
    let refused = await produce('refused');
    // The broker looks at the free space every few seconds.
    while (refused.code === 0) refused = await produce('not yet refused');
    assert.match(refused.stderr, /KAFKA_STORAGE_ERROR|TIMED_OUT|timed out|not delivered/i);
    assert.match((await runOttla(['consume', 'lines'], { env })).stdout.toString(), /^before\n/);
    for (const file of filling) rmSync(file);
    let accepted = await produce('after');
    while (accepted.code !== 0) accepted = await produce('after');
    await broker.stop('SIGKILL');
    broker = await serveOttla(['--data', data]);
    const again = { OTTLA_BOOTSTRAP: broker.bootstrapServers };
    const lines = (await runOttla(['consume', 'lines'], { env: again })).stdout.toString();
    assert.match(lines, /^before\n/);
    assert.match(lines, /\nafter\n/);
  } finally {
    await broker.stop('SIGKILL');
    disk.remove();
  }
});

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
