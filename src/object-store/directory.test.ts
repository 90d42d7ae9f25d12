// The directory store: the contract on memory and disk, power cuts, leftovers, full disks.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FileError, type Files } from '../runtime/files.ts';
import { MemoryFiles } from '../runtime/memory/memory-files.ts';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import { nodeFiles } from '../runtime/node/node-files.ts';
import type { Random } from '../runtime/runtime.ts';
import { openDirectoryStore } from './directory.ts';
import { objectStoreSuite } from './object-store.suite.ts';

function countingRandom(): Random {
  let next = 0;
  return {
    bytes(count) {
      const bytes = Buffer.alloc(count);
      bytes.writeUInt32BE(++next, count - 4);
      return bytes;
    },
    below: (limit) => next++ % limit,
  };
}

const open = (files: Files, directory = '/data', owner = 'broker-1') =>
  openDirectoryStore({ files, random: countingRandom(), directory, owner });

objectStoreSuite('a directory in memory', () => open(new MemoryFiles()));

const temporary: string[] = [];
after(() => Promise.all(temporary.map((path) => rm(path, { recursive: true }))));

objectStoreSuite('a directory on the disk', async () => {
  const path = await mkdtemp(join(tmpdir(), 'ottla-store-'));
  temporary.push(path);
  return open(nodeFiles(), path);
});

describe('the directory store', () => {
  it('keeps what it acknowledged through a power cut that forgets everything not synced', async () => {
    const disk = new UnsyncedFiles();
    const store = await open(disk.files);
    await store.createIfAbsent('metadata/1.json', Buffer.from('one'));
    await store.createIfAbsent('deep/er/2.json', Buffer.from('two'));
    const later = await open(disk.crash().files);
    assert.equal((await later.get('metadata/1.json'))?.toString(), 'one');
    assert.equal((await later.get('deep/er/2.json'))?.toString(), 'two');
  });

  it('does not show an object that a killed process had linked but not synced, unless a power cut leaves it', async () => {
    const disk = new UnsyncedFiles();
    const store = await open(disk.files);
    await store.createIfAbsent('metadata/1.json', Buffer.from('one'));
    disk.faults.push({ operation: 'syncDirectory', path: /metadata$/, code: 'EIO', times: 1 });
    await assert.rejects(store.createIfAbsent('metadata/2.json', Buffer.from('two')), FileError);
    const killed = disk.kill();
    const next = await open(killed.files);
    assert.deepEqual(await next.list('metadata/'), ['metadata/1.json', 'metadata/2.json']);
    const afterPowerCut = await open(killed.crash().files);
    assert.equal((await afterPowerCut.get('metadata/2.json'))?.toString(), 'two');
  });

  it('removes what its own predecessor left behind, and nothing of its neighbours', async () => {
    const files = new MemoryFiles();
    await open(files);
    for (const name of ['broker-1-abc', 'broker-12-abc', 'broker-2-abc']) {
      await (await files.open(`/data/.new/${name}`, 'create')).close();
    }
    await open(files);
    assert.deepEqual(await files.list('/data/.new'), ['broker-12-abc', 'broker-2-abc']);
  });

  it('leaves no temporary file behind, whether it won or lost', async () => {
    const files = new MemoryFiles();
    const store = await open(files);
    await store.createIfAbsent('a', Buffer.from('1'));
    await store.createIfAbsent('a', Buffer.from('2'));
    assert.deepEqual(await files.list('/data/.new'), []);
    assert.deepEqual(await store.list(''), ['a']);
  });

  it('fails with the error of a full disk, and nothing is created', async () => {
    const files = new MemoryFiles();
    const store = await open(files);
    files.capacityBytes = 0;
    await assert.rejects(
      store.createIfAbsent('a', Buffer.from('1')),
      (error) => error instanceof FileError && error.code === 'ENOSPC',
    );
    files.capacityBytes = 1000;
    assert.equal(await store.get('a'), undefined);
    assert.equal(await store.createIfAbsent('a', Buffer.from('1')), true);
  });

  it('says in one sentence that a file system without hard links will not do', async () => {
    const files = new MemoryFiles();
    files.link = async (_from, to) => {
      throw new FileError('ENOTSUP', to, 'no');
    };
    const store = await open(files);
    await assert.rejects(store.createIfAbsent('a', Buffer.from('1')), /has no hard links, which metadata needs/);
  });
});
