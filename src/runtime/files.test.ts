import assert from 'node:assert/strict';
import fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { mock, test } from 'node:test';
import { filesSuite } from './files.suite.ts';
import { MemoryFiles } from './memory/memory-files.ts';
import { UnsyncedFiles } from './memory/unsynced-files.ts';
import { nodeFiles } from './node/node-files.ts';

filesSuite('node files', async () => {
  const directory = await mkdtemp(`${tmpdir()}/ottla-files-`);
  return { files: nodeFiles(), directory, remove: () => rm(directory, { recursive: true, force: true }) };
});

filesSuite('memory files', async () => {
  const files = new MemoryFiles();
  await files.makeDirectory('/data');
  return { files, directory: '/data', remove: async () => {} };
});

filesSuite('files that forget the unsynced', async () => {
  const { files } = new UnsyncedFiles();
  await files.makeDirectory('/data');
  return { files, directory: '/data', remove: async () => {} };
});

test('after a crash synced bytes under synced names are there, and nothing else', async () => {
  const disk = new UnsyncedFiles();
  const { files } = disk;
  await files.makeDirectory('/d');
  await files.syncDirectory('/');
  const kept = await files.open('/d/kept', 'create');
  kept.writeSync([Buffer.from('synced')], 0);
  await kept.sync();
  kept.writeSync([Buffer.from('LOST')], 0);
  await files.syncDirectory('/d');
  const nameless = await files.open('/d/nameless', 'create');
  nameless.writeSync([Buffer.from('synced too')], 0);
  await nameless.sync();
  await files.rename('/d/kept', '/d/renamed');
  const after = disk.crash();
  assert.deepEqual(await after.files.list('/d'), ['kept']);
  assert.equal((await after.files.readFile('/d/kept')).toString(), 'synced');
  assert.throws(() => kept.writeSync([Buffer.from('x')], 0), { code: 'EIO' });
});

test('after a failed sync the bytes are visible but no later sync makes them durable', async () => {
  const disk = new UnsyncedFiles();
  const file = await disk.files.open('/f', 'create');
  await disk.files.syncDirectory('/');
  file.writeSync([Buffer.from('one')], 0);
  disk.faults.push({ operation: 'sync', path: /f$/, code: 'EIO', times: 1 });
  await assert.rejects(file.sync(), { code: 'EIO' });
  assert.equal((await disk.files.readFile('/f')).toString(), 'one');
  await file.sync();
  assert.equal((await disk.crash().files.readFile('/f')).length, 0);
});

test('a full memory disk refuses to grow and says so', async () => {
  const files = new MemoryFiles({ capacityBytes: 100 });
  const file = await files.open('/f', 'create');
  file.writeSync([Buffer.alloc(90)], 0);
  assert.throws(() => file.writeSync([Buffer.alloc(11)], 90), { name: 'FileError', code: 'ENOSPC' });
  file.writeSync([Buffer.alloc(90)], 5);
  assert.deepEqual(await files.space('/'), { freeBytes: 5, totalBytes: 100 });
});

test('a file system without links is told, not worked around', async () => {
  const directory = await mkdtemp(`${tmpdir()}/ottla-files-`);
  const refused = mock.method(fs, 'link', (_from: string, _to: string, done: (error: Error) => void) =>
    done(Object.assign(new Error('no links'), { code: 'EPERM' })),
  );
  try {
    const files = nodeFiles();
    await (await files.open(`${directory}/a`, 'create')).close();
    await assert.rejects(files.link(`${directory}/a`, `${directory}/b`), { name: 'FileError', code: 'EPERM' });
    assert.deepEqual(await files.list(directory), ['a']);
  } finally {
    refused.mock.restore();
    await rm(directory, { recursive: true, force: true });
  }
});
