// The contract of Files, run against every implementation.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Files } from './files.ts';

export function filesSuite(
  name: string,
  make: () => Promise<{ files: Files; directory: string; remove(): Promise<void> }>,
): void {
  const check = (title: string, body: (files: Files, directory: string) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const { files, directory, remove } = await make();
      try {
        await body(files, directory);
      } finally {
        await remove();
      }
    });
  };

  check('what was written at positions is read back from there, holes as zeros', async (files, directory) => {
    const file = await files.open(`${directory}/a`, 'create');
    file.writeSync([Buffer.from('abc'), Buffer.from(''), Buffer.from('def')], 2);
    await file.write([Buffer.alloc(200_000, 7), Buffer.alloc(3, 8)], 70_000);
    const whole = Buffer.alloc(300_000, 0xff);
    assert.equal(await file.read(whole, 0), 270_003);
    const expected = Buffer.alloc(270_003);
    expected.write('abcdef', 2);
    expected.fill(7, 70_000, 270_000);
    expected.fill(8, 270_000);
    assert.deepEqual(whole.subarray(0, 270_003), expected);
    assert.equal(file.readSync(whole.subarray(0, 10), 270_000), 3);
    assert.equal(file.readSync(whole.subarray(0, 10), 300_000), 0);
    assert.equal(file.sizeSync(), 270_003);
    await file.sync();
    await file.close();
    assert.deepEqual(await files.readFile(`${directory}/a`), expected);
  });

  check('a write of thousands of parts arrives whole', async (files, directory) => {
    const file = files.openSync(`${directory}/a`, 'write');
    const parts = Array.from({ length: 3000 }, (_, i) => Buffer.alloc(1 + (i % 7), i));
    file.writeSync(parts, 5);
    await file.write(parts, 20_000);
    const whole = Buffer.concat(parts);
    const back = Buffer.alloc(whole.length);
    file.readSync(back, 5);
    assert.deepEqual(back, whole);
    file.readSync(back, 20_000);
    assert.deepEqual(back, whole);
    await file.close();
  });

  check('truncation cuts, and what grows back is zeros', async (files, directory) => {
    const file = await files.open(`${directory}/a`, 'write');
    file.writeSync([Buffer.alloc(100, 1)], 0);
    file.truncateSync(10);
    assert.equal(file.sizeSync(), 10);
    file.writeSync([Buffer.from([2])], 20);
    const back = Buffer.alloc(21);
    file.readSync(back, 0);
    assert.deepEqual(back, Buffer.concat([Buffer.alloc(10, 1), Buffer.alloc(10), Buffer.from([2])]));
    await file.close();
  });

  check('opening follows its mode', async (files, directory) => {
    await assert.rejects(files.open(`${directory}/a`, 'read'), { name: 'FileError', code: 'ENOENT' });
    assert.throws(() => files.openSync(`${directory}/no/a`, 'write'), { name: 'FileError', code: 'ENOENT' });
    await (await files.open(`${directory}/a`, 'create')).close();
    await assert.rejects(files.open(`${directory}/a`, 'create'), { name: 'FileError', code: 'EEXIST' });
    await (await files.open(`${directory}/a`, 'write')).close();
    await (await files.open(`${directory}/a`, 'read')).close();
  });

  check('directories list their names in order; absent ones are an error', async (files, directory) => {
    await files.makeDirectory(`${directory}/x/y`);
    files.makeDirectorySync(`${directory}/x/y`);
    for (const name of ['c', 'a', 'b']) await (await files.open(`${directory}/x/${name}`, 'create')).close();
    assert.deepEqual(await files.list(`${directory}/x`), ['a', 'b', 'c', 'y']);
    await assert.rejects(files.list(`${directory}/z`), { code: 'ENOENT' });
    await files.syncDirectory(`${directory}/x`);
    assert.equal((await files.stat(`${directory}/x`))?.isDirectory, true);
    assert.equal((await files.stat(`${directory}/x/a`))?.isDirectory, false);
    assert.equal(await files.stat(`${directory}/nothing`), undefined);
  });

  check('rename replaces; link never does', async (files, directory) => {
    const put = async (name: string, text: string): Promise<void> => {
      const file = await files.open(`${directory}/${name}`, 'write');
      file.writeSync([Buffer.from(text)], 0);
      await file.close();
    };
    await put('a', 'one');
    await put('b', 'two');
    await files.rename(`${directory}/a`, `${directory}/b`);
    assert.equal((await files.readFile(`${directory}/b`)).toString(), 'one');
    assert.equal(await files.stat(`${directory}/a`), undefined);
    await put('c', 'three');
    await assert.rejects(files.link(`${directory}/c`, `${directory}/b`), { code: 'EEXIST' });
    await files.link(`${directory}/c`, `${directory}/d`);
    await files.remove(`${directory}/c`);
    assert.equal((await files.readFile(`${directory}/d`)).toString(), 'three');
    await assert.rejects(files.rename(`${directory}/none`, `${directory}/x`), { code: 'ENOENT' });
  });

  check('removing what is not there is no error, trees go with all below', async (files, directory) => {
    await files.remove(`${directory}/none`);
    await files.removeTree(`${directory}/none`);
    await files.makeDirectory(`${directory}/x/y/z`);
    await (await files.open(`${directory}/x/y/f`, 'create')).close();
    await files.removeTree(`${directory}/x`);
    assert.deepEqual(await files.list(directory), []);
  });

  check('a directory renamed with open files inside keeps them readable', async (files, directory) => {
    await files.makeDirectory(`${directory}/x`);
    const file = await files.open(`${directory}/x/f`, 'create');
    file.writeSync([Buffer.from('here')], 0);
    await files.rename(`${directory}/x`, `${directory}/y`);
    const back = Buffer.alloc(4);
    assert.equal(file.readSync(back, 0), 4);
    assert.equal(back.toString(), 'here');
    await file.close();
    assert.deepEqual(await files.list(`${directory}/y`), ['f']);
  });

  check('a lock has one holder, by name, until it is released', async (files, directory) => {
    const first = await files.lock(directory, 'broker-1');
    assert.ok(first);
    assert.equal(await files.lock(directory, 'broker-1'), undefined);
    const other = await files.lock(directory, 'broker-2');
    assert.ok(other);
    await first.release();
    const again = await files.lock(directory, 'broker-1');
    assert.ok(again);
    await again.release();
    await other.release();
    await assert.rejects(files.lock(`${directory}/none`, 'broker-1'), { code: 'ENOENT' });
  });

  check('free space is at most the total', async (files, directory) => {
    const { freeBytes, totalBytes } = await files.space(directory);
    assert.ok(freeBytes > 0 && freeBytes <= totalBytes);
  });
}
