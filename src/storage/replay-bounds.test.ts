// How much a start has to replay, whatever was written before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import { type Engine, openStorage } from './engine.ts';
import type { Log } from './partition-log.ts';
import type { StorageSettings } from './settings.ts';
import { batchOf, committed, open, readAll, runtimeOver, smallSettings } from './storage.suite.ts';

const entryReplayMax = 100;
const settings = { ...smallSettings, walFileBytes: 4 * 2 ** 20, tailBytes: 8 * 2 ** 20, entryReplayMax };

function start(disk: UnsyncedFiles, overrides: Partial<StorageSettings> = {}): Promise<Engine> {
  return openStorage({
    runtime: runtimeOver(disk.files),
    directory: '/data',
    brokerId: 1,
    durability: 'os',
    settings: { ...settings, ...overrides },
  });
}

test('of many small batches a start replays no more than since the last checkpoint but one', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  const logs = Array.from({ length: 20 }, (_, i) => open(engine, i + 1).log);
  for (let round = 0; round < 200; round++) {
    for (const log of logs) log.append([batchOf(log.endOffset, 20)]);
    await committed(engine);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const again = await start(disk.kill());
  await engine.abandon().catch(() => {});
  let replayed = 0;
  for (let i = 0; i < logs.length; i++) {
    const { log, state } = open(again, i + 1);
    replayed += state.replayed.length;
    assert.equal(log.endOffset, 200);
    assert.equal((await readAll(log)).length, log.sizeBytes);
  }
  assert.ok(replayed > 0 && replayed <= 3 * entryReplayMax, `${replayed} of 4000`);
  await again.close();
});

test('commits wait for a checkpoint before there is too much to replay', async () => {
  let held: Promise<void> | undefined;
  let release = (): void => {};
  const disk = new UnsyncedFiles({
    delay: (operation, path) => (operation === 'sync' && /checkpoint/.test(path) ? held : undefined),
  });
  const engine = await start(disk);
  const logs = Array.from({ length: 20 }, (_, i) => open(engine, i + 1).log as Log);
  held = new Promise((resolve) => {
    release = resolve;
  });
  for (let round = 0; round < 50; round++) {
    for (const log of logs) log.append([batchOf(log.endOffset, 20)]);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  const entries = logs.reduce((sum, log) => sum + log.committedOffset, 0);
  assert.ok(entries >= 3 * entryReplayMax && entries < 4 * entryReplayMax, `${entries} of 1000 are committed`);
  held = undefined;
  release();
  await committed(engine);
  assert.ok(logs.every((log) => log.committedOffset === 50));
  await engine.close();
});

test('entries leave the log before memory is freed, for which no commit waits', async () => {
  let segmentSyncs = 0;
  const syncsBefore: number[] = [];
  const disk = new UnsyncedFiles({
    delay: (operation, path) => {
      if (operation === 'rename' && /checkpoint/.test(path)) syncsBefore.push(segmentSyncs);
      if (operation === 'sync' && /topic\d+-0\/\d+\.log/.test(path)) segmentSyncs++;
      return undefined;
    },
  });
  const tailBytes = 2 ** 20;
  const engine = await start(disk, { tailBytes });
  const logs = Array.from({ length: 3 * entryReplayMax }, (_, i) => open(engine, i + 1).log as Log);
  for (const log of logs) log.append([batchOf(0, 6_000)]);
  await committed(engine);
  for (let turn = 0; engine.excessBytes > 0 && turn < 10_000; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(engine.excessBytes, 0);
  assert.ok(segmentSyncs > 50, `${segmentSyncs} logs were flushed`);
  assert.equal(syncsBefore[1], 0, 'the first checkpoint after that of the start');
  await engine.close();
});

test('small batches stay in the log beside large ones, which are in place and have to be synced', async () => {
  const engine = await start(new UnsyncedFiles());
  const large = open(engine, 1).log as Log;
  large.append([batchOf(0, 20)]);
  await committed(engine);
  await engine.flush();
  const logs = Array.from({ length: 2 * entryReplayMax }, (_, i) => open(engine, i + 2).log as Log);
  large.append([batchOf(1, 50_000)]);
  await committed(engine);
  assert.equal(large.writtenOffset, 2);
  assert.ok(large.isDirty, 'it is in place, and not durable there');
  for (const log of logs) log.append([batchOf(0, 20)]);
  await committed(engine);
  for (let turn = 0; large.isDirty && turn < 1_000; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!large.isDirty, 'the round has been');
  assert.equal(logs.filter((log) => log.writtenOffset > 0).length, 0);
  await engine.close();
});

test('without a log in this life nothing waits for entries of the last one to leave it', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  const logs = Array.from({ length: 2 * entryReplayMax }, (_, i) => open(engine, i + 1).log);
  for (const log of logs) log.append([batchOf(0, 20)]);
  await committed(engine);
  const killed = disk.kill();
  await engine.abandon();
  const again = await openStorage({
    runtime: runtimeOver(killed.files),
    directory: '/data',
    brokerId: 1,
    durability: 'memory',
    settings,
  });
  for (let i = 0; i < logs.length; i++) assert.equal(open(again, i + 1).log.endOffset, 1);
  await again.flush();
  await again.close();
});

test('what is carried for that is no reason for the next round', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  const logs = Array.from({ length: 2 * entryReplayMax }, (_, i) => open(engine, i + 1).log);
  for (const log of logs) log.append([batchOf(0, 20)]);
  await committed(engine);
  await engine.close();
  const rest = await disk.files.list('/data/broker-1');
  const checkpoints = rest.filter((name) => name.startsWith('checkpoint-')).map((name) => Number(name.slice(11)));
  assert.ok(Math.max(...checkpoints) < 10, `${checkpoints} were written`);
});

for (const durability of ['fsync', 'os'] as const) {
  test(`${durability}: large batches in the log are read again for the tail, and served only when they are still what they were`, async () => {
    const disk = new UnsyncedFiles();
    const options = { directory: '/data', brokerId: 1, durability, settings };
    const engine = await openStorage({ ...options, runtime: runtimeOver(disk.files) });
    const { log } = open(engine, 1);
    // A quarter of what goes in place, and more; some with small ones in their block.
    const bytes = (engine.settings.extentBytes * 3) / 8;
    for (let i = 0; i < 6; i++) {
      log.append([batchOf(log.endOffset, bytes)]);
      if (i % 2 === 0) log.append([batchOf(log.endOffset, 20)]);
      await committed(engine);
    }
    const written = await readAll(log);
    const killed = disk.kill();
    await engine.abandon();

    const again = await openStorage({ ...options, runtime: runtimeOver(killed.files) });
    const { log: found, state } = open(again, 1);
    assert.equal(found.endOffset, 9);
    assert.deepEqual(
      state.replayed,
      Array.from({ length: 9 }, (_, i) => i),
    );
    assert.ok((await readAll(found)).equals(written));
    const flipping = killed.kill();
    await again.abandon();

    const damaged = await openStorage({ ...options, runtime: runtimeOver(flipping.files) });
    const position = (await flipping.files.readFile('/data/broker-1/wal-0')).indexOf('8:8:8:');
    await flipping.flipBit('/data/broker-1/wal-0', position + bytes / 2, 3);
    assert.throws(() => open(damaged, 1), { code: 'DAMAGED' });
    await damaged.abandon();
  });
}
