import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import { type Engine, openStorage } from './engine.ts';
import { Log } from './partition-log.ts';
import type { StorageSettings } from './settings.ts';
import { batchOf, committed, defaultConfig, open, readAll, runtimeOver, smallSettings } from './storage.suite.ts';
import { TailGroups } from './tail-groups.ts';

const roomy = { ...smallSettings, walFileBytes: 2 ** 22, tailBytes: 2 ** 22, extentBytes: 2 ** 20 };

function start(disk: UnsyncedFiles, settings: Partial<StorageSettings> = roomy): Promise<Engine> {
  return openStorage({ runtime: runtimeOver(disk.files), directory: '/data', brokerId: 1, durability: 'os', settings });
}

function openLog(engine: Engine, number: number): Log {
  return open(engine, number, { ...defaultConfig, segmentBytes: 30_000 }).log as Log;
}

async function appendAlone(engine: Engine, log: Log, bytes: number): Promise<Buffer> {
  const batch = batchOf(log.endOffset, bytes);
  const copy = Buffer.from(batch);
  log.append([batch]);
  await committed(engine);
  return copy;
}

test('small batches of many commits become few runs, and every one of them is still read', async () => {
  const engine = await start(new UnsyncedFiles());
  const logs = [openLog(engine, 1), openLog(engine, 2)];
  const expected: Buffer[][] = [[], []];
  for (let i = 0; i < 1_000; i++) {
    for (const [index, log] of logs.entries()) expected[index]!.push(await appendAlone(engine, log, 10));
  }
  for (const [index, log] of logs.entries()) {
    assert.ok(log.tail.count <= 1_000 / 32 + 32, `${log.tail.count} runs`);
    assert.deepEqual(await readAll(log), Buffer.concat(expected[index]!));
    assert.deepEqual(await readAll(log, 577, 300), Buffer.concat(expected[index]!.slice(577)));
  }
  assert.ok(engine.evictionsQueued <= 2 * (1_000 / 32 + 1), `${engine.evictionsQueued} groups`);
  await engine.close();
});

test('after a start, too, small batches are few runs', async () => {
  const disk = new UnsyncedFiles();
  const before = await start(disk);
  const log = openLog(before, 1);
  const expected: Buffer[] = [];
  for (let i = 0; i < 500; i++) expected.push(await appendAlone(before, log, 10));
  await before.abandon();
  const engine = await start(disk);
  const again = openLog(engine, 1);
  assert.ok(again.tail.count <= 500 / 32 + 32, `${again.tail.count} runs`);
  assert.deepEqual(await readAll(again), Buffer.concat(expected));
  await engine.close();
});

test('batches that come while earlier ones are written to a segment are not joined with those', async () => {
  let reached = (): void => {};
  let hold: Promise<void> | undefined;
  const disk = new UnsyncedFiles({
    delay: (operation, path) => {
      if (hold === undefined || operation !== 'write' || !path.endsWith('.log')) return undefined;
      reached();
      return hold;
    },
  });
  const engine = await start(disk);
  const log = openLog(engine, 1);
  const expected: Buffer[] = [];
  for (let i = 0; i < 20; i++) expected.push(await appendAlone(engine, log, 10));
  let release = (): void => {};
  const isWriting = new Promise<void>((resolve) => {
    reached = resolve;
  });
  hold = new Promise((resolve) => {
    release = resolve;
  });
  const flushed = engine.flush();
  await isWriting;
  for (let i = 0; i < 60; i++) expected.push(await appendAlone(engine, log, 10));
  hold = undefined;
  release();
  await flushed;
  await engine.flush();
  assert.ok(log.tail.count > 1);
  assert.deepEqual(await disk.files.readFile('/data/topic1-0/00000000000000000000.log'), Buffer.concat(expected));
  assert.deepEqual(await readAll(log), Buffer.concat(expected));
  await engine.close();
});

test('what was committed first is given up first, also when a busy partition has joined runs', async () => {
  const engine = await start(new UnsyncedFiles(), { ...roomy, tailBytes: 2 ** 18 });
  const busy = openLog(engine, 1);
  const quiet = openLog(engine, 2);
  for (let i = 0; i < 100; i++) await appendAlone(engine, busy, 10);
  await appendAlone(engine, quiet, 10);
  for (let i = 0; i < 100; i++) await appendAlone(engine, busy, 10);
  await engine.flush();
  const third = openLog(engine, 3);
  while (busy.tail.count > 0) {
    const hadFirst = (busy.tail.first?.baseOffset ?? 0) < 96;
    if (!hadFirst) assert.equal(quiet.tail.count, 0);
    else assert.equal(quiet.tail.count, 1);
    await appendAlone(engine, third, 5_000);
    await engine.flush();
  }
  await engine.close();
});

test('what no segment has waits until more of its log was written, or the log is deleted', async (t) => {
  const engine = await start(new UnsyncedFiles());
  const logs = [openLog(engine, 1), openLog(engine, 2)] as const;
  const groups = new TailGroups(engine.arena);
  for (const log of logs) {
    for (let i = 0; i < 10; i++) await appendAlone(engine, log, 5_000);
    for (const run of log.tail) groups.add(run);
  }
  const looks = t.mock.method(Log.prototype, 'evictFirst');
  const giveUp = (): number => {
    looks.mock.resetCalls();
    assert.equal(
      groups.giveUp(() => false),
      false,
    );
    return looks.mock.callCount();
  };
  assert.equal(giveUp(), 20);
  await engine.flush();
  assert.equal(giveUp(), 0);
  assert.equal(groups.count, 20);
  groups.written(logs[0]);
  assert.equal(giveUp(), 10);
  assert.equal(groups.count, 10);
  assert.equal(logs[0].tail.count, 0);
  groups.deleted(logs[1]);
  assert.equal(groups.count, 0);
  await engine.close();
});

test('whatever is appended, committed and flushed when, the tails and segments together hold it, now and after a crash', async () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ append: fc.constantFrom(1, 10, 400, 2_100, 9_000), log: fc.nat(2) }) },
    { weight: 4, arbitrary: fc.constant('commit' as const) },
    { weight: 1, arbitrary: fc.constant('flush' as const) },
    { weight: 1, arbitrary: fc.constant('flush later' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 150, size: 'max' }), async (steps) => {
      const disk = new UnsyncedFiles();
      let engine = await start(disk, smallSettings);
      const numbers = [1, 2, 3];
      let logs = numbers.map((number) => openLog(engine, number));
      const expected: Buffer[][] = numbers.map(() => []);
      const flushes: Promise<void>[] = [];
      for (const one of steps) {
        if (one === 'commit') await committed(engine);
        else if (one === 'flush') await engine.flush();
        else if (one === 'flush later') flushes.push(engine.flush());
        else {
          const batch = batchOf(logs[one.log]!.endOffset, one.append);
          expected[one.log]!.push(Buffer.from(batch));
          logs[one.log]!.append([batch]);
        }
      }
      await committed(engine);
      await Promise.all(flushes);
      for (const [index, log] of logs.entries()) assert.deepEqual(await readAll(log), Buffer.concat(expected[index]!));
      await engine.abandon();
      engine = await start(disk, smallSettings);
      logs = numbers.map((number) => openLog(engine, number));
      for (const [index, log] of logs.entries()) assert.deepEqual(await readAll(log), Buffer.concat(expected[index]!));
      await engine.close();
    }),
    { numRuns: 60 },
  );
});
