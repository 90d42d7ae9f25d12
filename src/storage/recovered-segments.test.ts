// What a start puts into segments: batches of the write-ahead log that stood in several of them may come into one, but into none
// that is too large; and a start that is killed in the middle of that has taken nothing away from the next one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dice } from '../../test/dice.ts';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import { type Engine, openStorage } from './engine.ts';
import type { Log } from './partition-log.ts';
import { batchOf, committed, defaultConfig, open, readAll, runtimeOver, smallSettings } from './storage.suite.ts';
import type { Durability, PartitionLog } from './storage.ts';

const directory = '/data/topic1-0';
const recoveredSegmentBytesMax = 25_000;
/** Smaller segments than a start may make, so that those it makes are told from them. */
const config = { ...defaultConfig, segmentBytes: 10_000, indexIntervalBytes: 500 };
const BATCHES = 36;

const batches = Array.from({ length: BATCHES }, (_, i) => batchOf(i, isInPlace(i) ? 8_500 : 2_000, timestampOf(i)));
const everything = Buffer.concat(batches);

/** Large ones: what waits in the log goes to segments with them, at the end all of it. */
function isInPlace(offset: number): boolean {
  return offset === 15 || offset === 17 || offset === BATCHES - 1;
}

/** Up and down, so that not every batch has an entry in the index of its segment. */
function timestampOf(offset: number): number {
  return 1_000 + 10 * offset + (offset % 3) * 25;
}

function start(disk: UnsyncedFiles, durability: Durability, settings = {}): Promise<Engine> {
  return openStorage({
    runtime: runtimeOver(disk.files),
    directory: '/data',
    brokerId: 1,
    durability,
    settings: {
      ...smallSettings,
      walFileBytes: 2 ** 20,
      tailBytes: 2 ** 20,
      extentReplayBytesMax: 2 ** 22,
      recoveredSegmentBytesMax,
      ...settings,
    },
  });
}

/** A directory whose broker was killed with almost everything after the checkpoint, written in place more than once. */
async function killed(durability: Durability): Promise<UnsyncedFiles> {
  const disk = new UnsyncedFiles();
  const engine = await start(disk, durability);
  const { log } = open(engine, 1, config);
  for (const [i, batch] of batches.entries()) {
    log.append([Buffer.from(batch)]);
    await committed(engine);
    if (i === 0) await engine.flush();
  }
  const sizes = await segmentSizes(disk);
  assert.ok(sizes.length > 8 && sizes.every((bytes) => bytes <= config.segmentBytes), `${sizes}`);
  const after = durability === 'fsync' ? disk.crash() : disk.kill();
  await engine.abandon();
  return after;
}

async function segments(disk: UnsyncedFiles): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const name of (await disk.files.list(directory)).filter((name) => name.endsWith('.log')).sort()) {
    found.set(name, await disk.files.readFile(`${directory}/${name}`));
  }
  return found;
}

async function segmentSizes(disk: UnsyncedFiles): Promise<number[]> {
  return [...(await segments(disk)).values()].map((bytes) => bytes.length);
}

/** Every batch by its offset, every timestamp, and all in a row. */
async function assertWhole(log: PartitionLog, what: string): Promise<void> {
  // As the start has counted it, and as the files are.
  for (const _ of ['before a read', 'after']) {
    assert.equal(log.sizeBytes, everything.length, what);
    assert.ok((await readAll(log, 0, 3_000)).equals(everything), what);
  }
  assert.equal(log.endOffset, BATCHES, what);
  for (const [offset, batch] of batches.entries()) {
    const { parts } = await log.read(offset, 1, BATCHES, true);
    assert.ok(Buffer.concat(parts).equals(batch), `${what}: offset ${offset}`);
    const timestampMs = timestampOf(offset);
    const expected = batches.findIndex((_, i) => timestampOf(i) >= timestampMs);
    assert.equal(
      (await log.findTimestamp(timestampMs, BATCHES))?.offset,
      expected,
      `${what}: timestamp ${timestampMs}`,
    );
  }
  const greatest = Math.max(...batches.map((_, i) => timestampOf(i)));
  assert.equal((await log.findMaxTimestamp(BATCHES))?.timestampMs, greatest, what);
  assert.equal(await log.findTimestamp(greatest + 1, BATCHES), undefined, what);
}

for (const durability of ['fsync', 'os'] as const) {
  test(`${durability}: a start splits what it puts into segments where one would be too large, as often as it starts`, async () => {
    let disk = await killed(durability);
    // One without the limit first: it leaves files that the others have to cut.
    const unlimited = await start(disk, durability, { recoveredSegmentBytesMax: 2 ** 31 - 1 });
    assert.ok(Math.max(...(await segmentSizes(disk))) > recoveredSegmentBytesMax);
    disk = disk.kill();
    await unlimited.abandon();

    const found: Map<string, Buffer>[] = [];
    for (const what of ['first start', 'second start']) {
      const engine = await start(disk, durability);
      const recovered = await segments(disk);
      const sizes = [...recovered.values()].map((bytes) => bytes.length);
      assert.ok(Math.max(...sizes) <= recoveredSegmentBytesMax, `${what}: ${sizes}`);
      assert.ok(sizes.filter((bytes) => bytes > config.segmentBytes).length > 1, `${what} makes new ones: ${sizes}`);
      for (const [name, bytes] of recovered) assert.equal(Number(bytes.readBigInt64BE(0)), Number(name.slice(0, 20)));
      await assertWhole(open(engine, 1, config).log, what);
      found.push(recovered);
      if (found.length === 1) {
        disk = disk.kill();
      } else {
        await engine.flush();
        disk = disk.crash();
      }
      await engine.abandon();
    }
    assert.deepEqual(found[1], found[0]);

    // The checkpoint names what the start had made, and nothing else has made it durable.
    const third = await start(disk, durability);
    assert.deepEqual(await segments(disk), found[0]);
    const { log } = open(third, 1, config);
    await assertWhole(log, 'third start');
    log.append([batchOf(BATCHES, 9_000)]);
    await third.close();
    const last = await start(disk, durability);
    const { log: reopened } = open(last, 1, config);
    assert.equal(reopened.endOffset, BATCHES + 1);
    assert.ok((await readAll(reopened)).equals(Buffer.concat([everything, batchOf(BATCHES, 9_000)])));
    await last.close();
  });

  test(`${durability}: what a start puts into other segments leaves no file of those where it was`, async () => {
    const disk = await killed(durability);
    const before = [...(await segments(disk)).keys()].map((name) => name.slice(0, 20));
    // As a flush leaves them that had many entries to store: here they speak of nothing that is there.
    for (const base of before.slice(1)) {
      for (const suffix of ['index', 'timeindex', 'txnindex']) {
        const file = await disk.files.open(`${directory}/${base}.${suffix}`, 'write');
        file.writeSync([Buffer.alloc(96, 0x11)], 0);
        await file.close();
      }
    }
    const engine = await start(disk, durability);
    const log = open(engine, 1, config).log as Log;
    assert.equal(log.segments.oldestBase, 0, 'the oldest one is counted from before the directory was listed');
    const after = [...(await segments(disk)).keys()].map((name) => name.slice(0, 20));
    const gone = before.filter((base) => !after.includes(base));
    assert.ok(gone.length > 3, `${gone} were put into others`);
    const names = await disk.files.list(directory);
    assert.deepEqual(
      names.filter((name) => gone.includes(name.slice(0, 20))),
      [],
    );
    await assertWhole(log, 'beside wrong indexes');
    await engine.close();
  });

  test(`${durability}: a start that ends anywhere while it does so leaves everything to the next one`, async () => {
    const dice = new Dice(7);
    const syncs = durability === 'fsync' ? (['sync', 'syncDirectory'] as const) : [];
    for (const operation of ['open', 'write', 'remove', ...syncs] as const) {
      let refusals = 0;
      for (let skip = 0; ; skip++) {
        const disk = await killed(durability);
        disk.faults.push({ operation, path: /topic1-0/, code: 'EIO', skip });
        const isOpen = await start(disk, durability).then(
          (engine) => engine.abandon().then(() => true),
          () => false,
        );
        if (isOpen) break;
        refusals++;
        const what = `${operation} ${skip}`;
        // After a power cut what was acknowledged without a sync may be gone, though nothing from the middle.
        const cut = disk.crash((limit) => dice.below(limit));
        const afterCut = await start(cut, durability);
        const { log } = open(afterCut, 1, config);
        if (durability === 'fsync') assert.equal(log.endOffset, BATCHES, `${what}, power cut`);
        assert.ok((await readAll(log)).equals(everything.subarray(0, log.sizeBytes)), `${what}, power cut`);
        await afterCut.close();
        const afterKill = await start(disk.kill(), durability);
        assert.ok((await readAll(open(afterKill, 1, config).log)).equals(everything), `${what}, kill`);
        await afterKill.close();
      }
      assert.ok(refusals > 0, `a start does ${operation}`);
    }
  });
}
