// A walk over the batches of a segment reads at once while that is quick, and only then; and the index files of an active segment
// follow it, so that a start has little to walk over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenFile } from '../../runtime/files.ts';
import { MemoryFiles } from '../../runtime/memory/memory-files.ts';
import { openStorage } from '../engine.ts';
import { batchOf, committed, open, runtimeOver, smallSettings } from '../storage.suite.ts';
import { PromptReads } from './prompt-reads.ts';
import { scanBatches } from './scan.ts';

const BATCHES = 200;
const content = Buffer.concat(Array.from({ length: BATCHES }, (_, i) => batchOf(i, 20_000)));

/** Counts how the file is read, and lets time pass. */
function slowAfter(quickReads: number) {
  const state = { nowMs: 0, atOnce: 0, inThreads: 0 };
  const copy = (into: Uint8Array, position: number): number => content.copy(into, 0, position);
  const file = {
    path: 'file',
    readSync(into: Uint8Array, position: number): number {
      state.nowMs += state.atOnce++ < quickReads ? 0.001 : 5;
      return copy(into, position);
    },
    async read(into: Uint8Array, position: number): Promise<number> {
      state.inThreads++;
      return copy(into, position);
    },
  } as unknown as OpenFile;
  const timers = { defer: () => {} } as never;
  const prompt = new PromptReads({ nowMs: () => 0, monotonicMs: () => state.nowMs }, timers, 1);
  return { state, file, prompt };
}

async function walk(file: OpenFile, prompt: PromptReads): Promise<number[]> {
  const positions: number[] = [];
  await scanBatches(file, 0, content.length, (_buffer, _at, position) => void positions.push(position), prompt);
  return positions;
}

test('a walk reads at once as long as nothing has to come from a disk', async () => {
  const expected = Array.from({ length: BATCHES }, (_, i) => (i * content.length) / BATCHES);
  const quick = slowAfter(Number.POSITIVE_INFINITY);
  assert.deepEqual(await walk(quick.file, quick.prompt), expected);
  assert.equal(quick.state.inThreads, 0);
  const slow = slowAfter(3);
  assert.deepEqual(await walk(slow.file, slow.prompt), expected);
  assert.equal(slow.state.atOnce, 4);
  assert.ok(slow.state.inThreads > 3);
});

test('the index of an active segment follows it, however large its batches are', async () => {
  const files = new MemoryFiles();
  const engine = await openStorage({
    runtime: runtimeOver(files),
    directory: '/data',
    brokerId: 1,
    durability: 'os',
    settings: { ...smallSettings, walFileBytes: 8 * 2 ** 20, tailBytes: 8 * 2 ** 20, commitBytesMax: 2 ** 20 },
  });
  const { log } = open(engine, 1);
  // In place, with a flush that makes them durable after every few.
  for (let i = 0; i < 80; i++) {
    log.append([batchOf(i, 500_000)]);
    await committed(engine);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  const index = await files.readFile('/data/topic1-0/00000000000000000000.index');
  assert.ok(index.length / 8 >= 32, `${index.length / 8} entries of 79 are in the file`);
  await engine.close();
});

test('a walk over many small batches gives others their turn', async () => {
  const small = Buffer.concat(Array.from({ length: 5_000 }, (_, i) => batchOf(i, 10)));
  const state = { inThreads: 0, atOnce: 0 };
  const file = {
    path: 'file',
    readSync: (into: Uint8Array, position: number) => {
      state.atOnce++;
      return small.copy(into, 0, position);
    },
    read: async (into: Uint8Array, position: number) => {
      state.inThreads++;
      return small.copy(into, 0, position);
    },
  } as unknown as OpenFile;
  const prompt = new PromptReads({ nowMs: () => 0, monotonicMs: () => 0 }, { defer: () => {} } as never, 1);
  let visited = 0;
  await scanBatches(file, 0, small.length, () => void visited++, prompt);
  assert.equal(visited, 5_000);
  assert.ok(state.inThreads > 2 && state.atOnce <= 1, JSON.stringify(state));
});
