// When segments of a partition begin and when their files go: segment.ms with its jitter, and file.delete.delay.ms.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryFiles } from '../runtime/memory/memory-files.ts';
import { nodeRuntime } from '../runtime/node/node-runtime.ts';
import type { Runtime, Timers } from '../runtime/runtime.ts';
import { type Engine, openStorage } from './engine.ts';
import { batchOf, committed, defaultConfig, open, readAll, runtimeOver, smallSettings } from './storage.suite.ts';
import type { LogConfig } from './storage.ts';

const DELAY_MS = 1_234_567;

function start(files: MemoryFiles, overrides: Partial<Runtime> = {}): Promise<Engine> {
  return openStorage({
    runtime: runtimeOver(files, overrides),
    directory: '/data',
    brokerId: 1,
    durability: 'fsync',
    settings: smallSettings,
  });
}

/** Base offsets of the segments that batches 100 ms apart end up in. */
async function segmentsOf(config: Partial<LogConfig>, below: (limit: number) => number): Promise<number[]> {
  const files = new MemoryFiles();
  const engine = await start(files, { random: { ...nodeRuntime().random, below } });
  const { log } = open(engine, 1, { ...defaultConfig, ...config });
  for (let i = 0; i < 25; i++) log.append([batchOf(i, 100, 10_000 + 100 * i)]);
  await committed(engine);
  await engine.close();
  const names = await files.list('/data/topic1-0');
  return names.filter((name) => name.endsWith('.log')).map((name) => Number(name.slice(0, 20)));
}

test('a segment is closed when the next batch is more than segment.ms younger than its first', async () => {
  assert.deepEqual(await segmentsOf({ segmentMs: 1_000 }, () => 0), [0, 11, 22]);
});

test('a segment is closed earlier by a part of segment.jitter.ms that chance draws for it', async () => {
  const config = { segmentMs: 1_000, segmentJitterMs: 400 };
  assert.deepEqual(await segmentsOf(config, () => 0), [0, 11, 22], 'nothing was drawn');
  assert.deepEqual(await segmentsOf(config, (limit) => limit - 1), [0, 7, 14, 21], 'all of it was drawn');
  let draws = 0;
  const inTurns = (limit: number): number => (draws++ % 2 === 0 ? 0 : limit - 1);
  assert.deepEqual(await segmentsOf(config, inTurns), [0, 11, 18], 'each segment draws for itself');
});

test('a jitter beyond segment.ms cannot close a segment before its second batch', async () => {
  const everyBatch = await segmentsOf({ segmentMs: 1_000, segmentJitterMs: 9_000 }, (limit) => limit - 1);
  assert.deepEqual(
    everyBatch,
    Array.from({ length: 25 }, (_, i) => i),
  );
});

/** Timers of which those with the delay under test wait for the test. */
function heldTimers(): { timers: Timers; held: (() => void)[] } {
  const { timers } = nodeRuntime();
  const held: (() => void)[] = [];
  const set: Timers['set'] = (delayMs, callback) => {
    if (delayMs !== DELAY_MS) return timers.set(delayMs, callback);
    held.push(callback);
    return { cancel() {} };
  };
  return { timers: { set, defer: (callback) => timers.defer(callback) }, held };
}

/** The removal that a timer begins has no end that could be awaited. */
async function gone(files: MemoryFiles, directory: string, isDoomed: (name: string) => boolean): Promise<void> {
  while ((await files.list(directory)).some(isDoomed)) await new Promise((resolve) => setImmediate(resolve));
}

test('files that retention removed stay on the disk for file.delete.delay.ms, under another name', async () => {
  const files = new MemoryFiles();
  const { timers, held } = heldTimers();
  const engine = await start(files, { timers });
  const config = { ...defaultConfig, segmentBytes: 1_000, retentionBytes: 3_000, fileDeleteDelayMs: DELAY_MS };
  const { log } = open(engine, 1, config);
  for (let i = 0; i < 40; i++) log.append([batchOf(i, 200, 5_000 + i)]);
  await committed(engine);
  await engine.flush();
  await engine.enforceRetention();
  const names = await files.list('/data/topic1-0');
  assert.ok(log.startOffset > 0);
  assert.ok(!names.includes('00000000000000000000.log'));
  assert.ok(names.includes('00000000000000000000.log.deleted'), names.join());
  assert.equal(held.length, names.filter((name) => name.endsWith('.deleted')).length);
  for (const remove of held) remove();
  await gone(files, '/data/topic1-0', (name) => name.endsWith('.deleted'));
  await engine.close();
});

test('the directory of a deleted topic stays for file.delete.delay.ms, under another name', async () => {
  const files = new MemoryFiles();
  const { timers, held } = heldTimers();
  const engine = await start(files, { timers });
  const { log } = open(engine, 1, { ...defaultConfig, fileDeleteDelayMs: DELAY_MS });
  log.append([batchOf(0, 20_000)]);
  await committed(engine);
  await engine.flush();
  log.delete();
  await engine.flush();
  const doomed = (await files.list('/data')).filter((name) => name.startsWith('topic1-0'));
  assert.match(doomed.join(), /^topic1-0\.[0-9a-f]{32}-delete$/);
  assert.equal(held.length, 1);
  held[0]?.();
  await gone(files, '/data', (name) => name.startsWith('topic1-0'));
  await engine.close();
});

test('files that were on their way out when the broker stopped go when it runs again', async () => {
  const files = new MemoryFiles();
  const { timers } = heldTimers();
  const config = { ...defaultConfig, segmentBytes: 1_000, retentionBytes: 3_000, fileDeleteDelayMs: DELAY_MS };
  const engine = await start(files, { timers });
  const { log } = open(engine, 1, config);
  const { log: other } = open(engine, 2, config);
  other.append([batchOf(0, 20_000)]);
  for (let i = 0; i < 40; i++) log.append([batchOf(i, 200, 5_000 + i)]);
  await committed(engine);
  await engine.flush();
  await engine.enforceRetention();
  other.delete();
  await engine.close();
  const again = await start(files, { timers });
  await gone(files, '/data', (name) => name.endsWith('-delete'));
  // A partition's own files are looked at when it is used.
  const { log: reopened } = open(again, 1, config);
  await reopened.read(reopened.startOffset, 100, reopened.endOffset, true);
  await gone(files, '/data/topic1-0', (name) => name.endsWith('.deleted'));
  await again.close();
});

test('a data directory works at any other path', async () => {
  const files = new MemoryFiles();
  const engine = await start(files);
  const { log } = open(engine, 1);
  for (let i = 0; i < 20; i++) log.append([batchOf(i, 3_000)]);
  await committed(engine);
  await engine.flush();
  log.append([batchOf(20, 100)]);
  await committed(engine);
  const expected = await readAll(log);
  // Without a stop: what moves is what a broken machine left on its disk.
  await engine.abandon();
  await files.makeDirectory('/elsewhere');
  await files.rename('/data', '/elsewhere/moved');
  const moved = await openStorage({
    runtime: runtimeOver(files),
    directory: '/elsewhere/moved',
    brokerId: 1,
    durability: 'fsync',
    settings: smallSettings,
  });
  const { log: found } = open(moved, 1);
  assert.equal(found.endOffset, 21);
  assert.ok(expected.equals(await readAll(found)));
  found.append([batchOf(21, 100)]);
  await committed(moved);
  await moved.close();
});
