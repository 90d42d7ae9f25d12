// What every object store must do; run by the test of each implementation.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObjectStore } from './object-store.ts';

export function objectStoreSuite(name: string, open: () => Promise<ObjectStore>): void {
  describe(`${name} keeps the contract of an object store`, () => {
    it('gives back what was created, byte for byte', async () => {
      const store = await open();
      const body = Buffer.from([0, 255, 13, 10, 0]);
      assert.equal(await store.createIfAbsent('a/b/c.bin', body), true);
      assert.deepEqual(await store.get('a/b/c.bin'), body);
    });

    it('keeps its own copy of a body', async () => {
      const store = await open();
      const body = Buffer.from('before');
      await store.createIfAbsent('one', body);
      body.fill(0);
      (await store.get('one'))?.fill(1);
      assert.equal((await store.get('one'))?.toString(), 'before');
    });

    it('takes an empty body', async () => {
      const store = await open();
      assert.equal(await store.createIfAbsent('empty', Buffer.alloc(0)), true);
      assert.equal((await store.get('empty'))?.length, 0);
    });

    it('says that an object does not exist', async () => {
      const store = await open();
      assert.equal(await store.get('nothing/here'), undefined);
      assert.deepEqual(await store.list('nothing/'), []);
    });

    it('refuses a second creation and changes nothing', async () => {
      const store = await open();
      await store.createIfAbsent('key', Buffer.from('first'));
      assert.equal(await store.createIfAbsent('key', Buffer.from('second')), false);
      assert.equal((await store.get('key'))?.toString(), 'first');
    });

    it('lets exactly one of many simultaneous creators win', async () => {
      const store = await open();
      const bodies = Array.from({ length: 16 }, (_, index) => Buffer.from(`body ${index}`));
      const won = await Promise.all(bodies.map((body) => store.createIfAbsent('race/1.json', body)));
      const winners = bodies.filter((_, index) => won[index]);
      assert.equal(winners.length, 1);
      assert.deepEqual(await store.get('race/1.json'), winners[0]);
    });

    it('lists keys by prefix, after a key, in order, up to a limit', async () => {
      const store = await open();
      for (const key of [
        'm/3.json',
        'm/1.json',
        'm/2.json',
        'm/snapshot-1.json',
        'm.txt',
        'm/1/x',
        'n/1.json',
        'm-1',
      ]) {
        await store.createIfAbsent(key, Buffer.from(key));
      }
      assert.deepEqual(await store.list('m/'), ['m/1.json', 'm/1/x', 'm/2.json', 'm/3.json', 'm/snapshot-1.json']);
      assert.deepEqual(await store.list('m/', { after: 'm/1.json' }), [
        'm/1/x',
        'm/2.json',
        'm/3.json',
        'm/snapshot-1.json',
      ]);
      assert.deepEqual(await store.list('m/', { after: 'm/1/x', limit: 2 }), ['m/2.json', 'm/3.json']);
      assert.deepEqual(await store.list('m/snap'), ['m/snapshot-1.json']);
      assert.deepEqual(await store.list(''), [
        'm-1',
        'm.txt',
        'm/1.json',
        'm/1/x',
        'm/2.json',
        'm/3.json',
        'm/snapshot-1.json',
        'n/1.json',
      ]);
      assert.deepEqual(await store.list('m/', { after: 'z' }), []);
    });

    it('deletes, and lets a deleted key be created again', async () => {
      const store = await open();
      await store.createIfAbsent('gone', Buffer.from('1'));
      await store.delete('gone');
      await store.delete('gone');
      assert.equal(await store.get('gone'), undefined);
      assert.equal(await store.createIfAbsent('gone', Buffer.from('2')), true);
    });

    it('refuses names that are no object keys', async () => {
      const store = await open();
      for (const key of ['', '/a', 'a/', '../a', 'a/../b', '.hidden', 'a//b', 'a b', 'a\\b']) {
        await assert.rejects(store.createIfAbsent(key, Buffer.from('x')), key);
      }
    });
  });
}
