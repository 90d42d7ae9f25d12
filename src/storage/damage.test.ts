// Bits that flip in files at rest. Whatever is flipped: reads return what was written, or refuse and say what is damaged.
// OTTLA_SEED and OTTLA_SEEDS as in crash.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dice } from '../../test/dice.ts';
import { buildBatch } from '../records/build-batch.ts';
import { batchLength, MAGIC_AT, nextOffset, PARTITION_LEADER_EPOCH_AT } from '../records/record-batch.ts';
import type { Files } from '../runtime/files.ts';
import { MemoryDirectory, MemoryFile, MemoryFiles } from '../runtime/memory/memory-files.ts';
import { type Engine, openStorage } from './engine.ts';
import {
  defaultConfig,
  open,
  partitionId,
  RememberingState,
  readAll,
  runtimeOver,
  smallSettings,
} from './storage.suite.ts';
import type { PartitionLog } from './storage.ts';
import { isDamage } from './storage-error.ts';

const config = { ...defaultConfig, segmentBytes: 20_000, indexIntervalBytes: 500 };
const directory = '/data/topic1-0';
const BATCHES = 200;

async function engineOver(files: Files): Promise<Engine> {
  return openStorage({
    runtime: runtimeOver(files),
    directory: '/data',
    brokerId: 1,
    durability: 'fsync',
    settings: smallSettings,
  });
}

/** A log of several segments, all of it flushed; and what it holds. */
async function filled(
  keyOf: (i: number) => string | null = () => null,
): Promise<{ files: MemoryFiles; bytes: Buffer }> {
  const files = new MemoryFiles();
  const engine = await engineOver(files);
  const { log } = open(engine, 1, config);
  for (let i = 0; i < BATCHES; i++) {
    const key = keyOf(i);
    const records = Array.from({ length: 1 + (i % 4) }, (_, k) => ({
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from(`${i}/${k}`.repeat(30)),
      timestampMs: 1_000 + i * 10,
      headers: [],
    }));
    log.append([buildBatch({ baseOffset: log.endOffset, partitionLeaderEpoch: 0, records })]);
  }
  await engine.flush();
  const bytes = await readAll(log);
  await engine.close();
  return { files, bytes };
}

function copyOf(files: MemoryFiles): MemoryFiles {
  const copy = (directory: MemoryDirectory): MemoryDirectory => {
    const made = new MemoryDirectory();
    for (const [name, node] of directory.entries) {
      const file = new MemoryFile();
      if (node instanceof MemoryFile) file.content = node.content.clone();
      made.entries.set(name, node instanceof MemoryFile ? file : copy(node));
    }
    return made;
  };
  return new MemoryFiles({ root: copy(files.root) });
}

async function flip(files: Files, path: string, dice: Dice): Promise<string> {
  const file = await files.open(path, 'write');
  const position = dice.below(file.sizeSync());
  await file.close();
  await flipAt(files, path, position, dice);
  return `${path}, byte ${position}`;
}

async function flipAt(files: Files, path: string, position: number, dice: Dice): Promise<void> {
  const file = await files.open(path, 'write');
  const byte = Buffer.alloc(1);
  file.readSync(byte, position);
  byte[0]! ^= 1 << dice.below(8);
  file.writeSync([byte], position);
  await file.close();
}

/** Leader epochs as a partition would know them. */
class KnowingState extends RememberingState {
  epochOf(): number {
    return 0;
  }
}

function openKnowing(engine: Engine, logConfig = config): PartitionLog {
  const state = new KnowingState();
  const log = engine.openLog(partitionId(1), logConfig, state);
  state.log = log;
  return log;
}

/** Every read on its own: true when some of them were refused for damage. */
async function readsAreHonest(log: PartitionLog, bytes: Buffer, where: string): Promise<boolean> {
  let refused = false;
  for (let offset = 0; offset < log.endOffset; ) {
    const from = positionOf(bytes, offset);
    try {
      const { parts, sizeBytes } = await log.read(offset, 3_000, log.endOffset, true);
      assert.ok(sizeBytes > 0, `${where}: nothing at offset ${offset}`);
      const got = Buffer.concat(parts);
      assert.ok(got.equals(bytes.subarray(from, from + got.length)), `${where}: wrong bytes at offset ${offset}`);
    } catch (error) {
      if (!isDamage(error)) throw error;
      assert.match((error as Error).message, /topic1-0\/\d{20}\.log/, where);
      refused = true;
    }
    offset = nextOffset(bytes, from);
  }
  return refused;
}

function positionOf(bytes: Buffer, offset: number): number {
  let at = 0;
  while (nextOffset(bytes, at) <= offset) at += 12 + bytes.readInt32BE(at + 8);
  return at;
}

async function lookUpsAreRight(log: PartitionLog, where: string): Promise<void> {
  for (let i = 1; i < BATCHES; i += 7) {
    const found = await log.findTimestamp(1_000 + i * 10 - 5, log.endOffset);
    assert.equal(found?.timestampMs, 1_000 + i * 10, `${where}: looked for ${1_000 + i * 10 - 5}`);
  }
}

for (const suffix of ['log', 'index', 'timeindex']) {
  test(`a flipped bit in a .${suffix} file is never served`, async () => {
    const { files: original, bytes } = await filled();
    const names = (await original.list(directory)).filter((name) => name.endsWith(`.${suffix}`));
    assert.ok(names.length > 3);
    const from = Number(process.env.OTTLA_SEED ?? 1);
    const count = Number(process.env.OTTLA_SEEDS ?? 60);
    let refusals = 0;
    for (let seed = from; seed < from + count; seed++) {
      const dice = new Dice(seed);
      const files = copyOf(original);
      const where = `seed ${seed}: ${await flip(files, `${directory}/${names[dice.below(names.length)]}`, dice)}`;
      const engine = await engineOver(files);
      const log = openKnowing(engine);
      if (suffix !== 'log') await lookUpsAreRight(log, where);
      const refused = await readsAreHonest(log, bytes, where);
      if (suffix !== 'log') assert.ok(!refused, `${where}: an index can be made again`);
      if (refused) refusals++;
      await engine.abandon();
    }
    if (suffix === 'log') assert.equal(refusals, count, 'every bit of a segment counts');
  });
}

test('compaction refuses a segment with a flipped bit, and leaves the log as it was', async () => {
  const { files: original, bytes } = await filled((i) => `key ${i % 7}`);
  const from = Number(process.env.OTTLA_SEED ?? 1);
  const count = Number(process.env.OTTLA_SEEDS ?? 60);
  // The newest segment is not compacted.
  const names = (await original.list(directory)).filter((name) => name.endsWith('.log')).slice(0, -1);
  for (let seed = from; seed < from + count; seed++) {
    const dice = new Dice(seed);
    const files = copyOf(original);
    const path = `${directory}/${names[dice.below(names.length)]}`;
    const position = await positionInBatch(files, path, dice);
    await flipAt(files, path, position, dice);
    const where = `seed ${seed}: ${path}, byte ${position}`;
    const engine = await engineOver(files);
    const log = openKnowing(engine, { ...config, cleanupPolicy: { delete: false, compact: true } });
    await engine.clean();
    assert.ok(await readsAreHonest(log, bytes, where), `${where}: the damage is still there to be seen`);
    await engine.abandon();
  }
});

test('compaction of a log without damage leaves the newest record of each key', async () => {
  const { files } = await filled((i) => `key ${i % 7}`);
  const engine = await engineOver(files);
  const log = openKnowing(engine, { ...config, cleanupPolicy: { delete: false, compact: true } });
  const bytes = (await readAll(log)).length;
  await engine.clean();
  assert.ok((await readAll(log)).length < bytes / 4);
  await engine.close();
});

/** A byte of some batch, but none of its leader epoch, which compaction takes over as it is. */
async function positionInBatch(files: Files, path: string, dice: Dice): Promise<number> {
  const bytes = await files.readFile(path);
  for (;;) {
    const position = dice.below(bytes.length);
    let start = 0;
    while (start + batchLength(bytes, start) <= position) start += batchLength(bytes, start);
    const isEpoch = position >= start + PARTITION_LEADER_EPOCH_AT && position < start + MAGIC_AT;
    if (!isEpoch) return position;
  }
}
