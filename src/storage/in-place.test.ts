// Large batches, which are written in place, beside the background work on the same segments.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileOperation } from '../runtime/memory/memory-files.ts';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import { type Engine, openStorage } from './engine.ts';
import type { Log } from './partition-log.ts';
import { batchOf, committed, defaultConfig, open, readAll, runtimeOver, smallSettings } from './storage.suite.ts';
import type { Durability, LogConfig } from './storage.ts';

/** Above smallSettings.extentBytes. */
const largeBytes = 10_000;

function start(disk: UnsyncedFiles, settings = smallSettings, durability: Durability = 'os'): Promise<Engine> {
  return openStorage({
    runtime: runtimeOver(disk.files),
    directory: '/data',
    brokerId: 1,
    durability,
    settings,
  });
}

/** A disk whose syncs of segments wait while it is held. */
function slowDisk() {
  let release = (): void => {};
  let held: Promise<void> | undefined;
  const disk = new UnsyncedFiles({
    delay: (operation: FileOperation, path: string) =>
      operation === 'sync' && /topic\d-0\/\d+\.log$/.test(path) ? held : undefined,
  });
  const hold = (): void => {
    held = new Promise((resolve) => {
      release = () => {
        held = undefined;
        resolve();
      };
    });
  };
  return { disk, hold, release: () => release() };
}

function turns(count: number): Promise<void> {
  return new Promise((resolve) => {
    const next = (left: number): void => void (left === 0 ? resolve() : setImmediate(() => next(left - 1)));
    next(count);
  });
}

/** A log that goes in place from now on, with one batch. */
async function ready(engine: Engine, config?: LogConfig): Promise<Log> {
  const log = open(engine, 1, config).log as Log;
  log.append([batchOf(0, 10)]);
  await committed(engine);
  await engine.flush();
  return log;
}

/** A log of which megabytes can wait in the tail. */
const roomySettings = { ...smallSettings, walFileBytes: 8 * 2 ** 20, tailBytes: 32 * 2 ** 20, commitBytesMax: 2 ** 20 };

/** More than a commit in place takes along. */
async function appendBehind(engine: Engine, log: Log): Promise<void> {
  while (log.unwrittenBytes < 2 * 2 ** 20) {
    log.append([batchOf(log.endOffset, 1_000)]);
    await committed(engine);
  }
}

test('while a flush waits for its sync, large batches go on in place', async () => {
  const { disk, hold, release } = slowDisk();
  const engine = await start(disk);
  const log = await ready(engine);
  const expected = [batchOf(0, 10)];
  const append = async (bytes: number): Promise<void> => {
    expected.push(batchOf(log.endOffset, bytes));
    log.append([batchOf(log.endOffset, bytes)]);
    await committed(engine);
  };
  await append(100);
  hold();
  const flushed = engine.flush();
  await turns(10);
  assert.notEqual(log.flushing, undefined, 'the flush waits');
  await append(largeBytes);
  await append(largeBytes);
  assert.equal(log.writtenOffset, log.endOffset);
  assert.ok(log.firstNeededSequence < Number.POSITIVE_INFINITY, 'none of it is durable');
  release();
  await flushed;
  await engine.flush();
  assert.equal(log.flushedOffset, log.endOffset);
  assert.equal(log.firstNeededSequence, Number.POSITIVE_INFINITY);
  await append(largeBytes);
  const again = await start(disk.kill());
  const { log: recovered } = open(again, 1);
  assert.deepEqual(await readAll(recovered), Buffer.concat(expected));
  await again.close();
});

test('while the segments of other logs wait for their syncs, a log is written to its own and read from there', async () => {
  const { disk, hold, release } = slowDisk();
  const engine = await start(disk);
  const [log, ...others] = [1, 2, 3, 4].map((number) => open(engine, number).log as Log) as [Log, ...Log[]];
  const append = async (to: Log, bytes: number): Promise<void> => {
    to.append([batchOf(to.endOffset, bytes)]);
    await committed(engine);
  };
  for (const each of [log, ...others]) await append(each, 10);
  await engine.flush();
  for (const each of others) await append(each, 100);
  hold();
  const flushed = engine.flush();
  await turns(10);
  assert.ok(
    others.every((each) => each.flushing !== undefined),
    'the flushes wait',
  );
  // More than stays in memory: it has to be written, and the first of it is read from the segment.
  for (let i = 0; i < 130; i++) await append(log, 1_000);
  await turns(50);
  assert.ok(log.writtenOffset > 1, 'something was written');
  assert.ok((log.tail.first?.baseOffset ?? 0) > 1, 'the tail has given it up');
  const read = await log.read(0, 20_000, log.committedOffset, true);
  assert.ok(read.sizeBytes > 10_000);
  for (const region of read.regions ?? []) region.release();
  release();
  await flushed;
  await engine.close();
});

test('a kill or a power cut in the middle of such a flush loses nothing that the durability promises', async () => {
  for (const way of ['kill', 'crash'] as const) {
    const { disk, hold, release } = slowDisk();
    const engine = await start(disk);
    const log = await ready(engine);
    log.append([batchOf(1, 100)]);
    await committed(engine);
    hold();
    const flushed = engine.flush();
    await turns(10);
    log.append([batchOf(2, largeBytes)]);
    await committed(engine);
    const rest = disk[way]();
    release();
    await assert.rejects(flushed);
    await engine.abandon();
    const again = await start(rest);
    const { log: recovered } = open(again, 1);
    assert.equal(recovered.endOffset, way === 'kill' ? 3 : 1);
    assert.equal((await readAll(recovered)).length, recovered.sizeBytes);
    await again.close();
  }
});

test('a stop in the middle of such a flush makes durable what was written beside it', async () => {
  const { disk, hold, release } = slowDisk();
  const engine = await start(disk, roomySettings);
  const log = await ready(engine, { ...defaultConfig, segmentBytes: 100_000 });
  await appendBehind(engine, log);
  hold();
  const append = async (): Promise<void> => {
    log.append([batchOf(log.endOffset, largeBytes)]);
    await committed(engine);
  };
  await append();
  await turns(10);
  assert.notEqual(log.flushing, undefined, 'the large batch asked for a flush, which waits');
  // Into segments that the flush does not know.
  for (let i = 0; i < 20 || log.writtenOffset < log.endOffset; i++) await append();
  const { endOffset } = log;
  const closed = engine.close();
  await turns(10);
  release();
  await closed;
  const again = await start(disk.crash(), roomySettings);
  assert.equal(again.uncleanStart, false);
  const { log: recovered } = open(again, 1);
  assert.equal(recovered.endOffset, endOffset);
  assert.equal((await readAll(recovered)).length, recovered.sizeBytes);
  await again.close();
});

test('a commit in place fails with the sync that ran beside its own, which alone is told of lost pages', async () => {
  const { disk, hold, release } = slowDisk();
  const engine = await start(disk, smallSettings, 'fsync');
  const log = await ready(engine);
  log.append([batchOf(1, 100)]);
  await committed(engine);
  hold();
  const flushed = engine.flush();
  await turns(10);
  assert.notEqual(log.flushing, undefined, 'the flush waits');
  let told = false;
  engine.whenCommitted(log.append([batchOf(2, largeBytes)]), () => {
    told = true;
  });
  await turns(10);
  assert.equal(log.writtenOffset, 3, 'it went in place');
  disk.faults.push({ operation: 'sync', path: /topic1-0/, code: 'EIO', times: 1 });
  release();
  await assert.rejects(flushed);
  await turns(10);
  assert.equal(told, false);
  assert.notEqual(engine.failure, undefined);
  await engine.close();
});

test('what is written in place waits for a checkpoint before a start would have too much to read', async () => {
  const { disk, hold, release } = slowDisk();
  const engine = await start(disk);
  const log = await ready(engine);
  hold();
  const batches = Math.ceil((2 * 3 * (smallSettings.extentReplayBytesMax as number)) / largeBytes);
  for (let i = 0; i < batches; i++) {
    log.append([batchOf(log.endOffset, largeBytes)]);
    await turns(3);
  }
  const bytesMax = 3 * (smallSettings.extentReplayBytesMax as number) + (smallSettings.commitBytesMax as number);
  assert.ok(log.committedOffset * largeBytes <= bytesMax, `${log.committedOffset} of ${log.endOffset} are written`);
  release();
  await committed(engine);
  assert.equal(log.committedOffset, log.endOffset);
  await engine.close();
});

test('large batches go in place again although much was appended before that no segment has', async () => {
  const { disk } = slowDisk();
  const engine = await start(disk, roomySettings);
  const log = await ready(engine);
  await appendBehind(engine, log);
  for (let i = 0; log.writtenOffset < log.endOffset && i < 50; i++) {
    log.append([batchOf(log.endOffset, largeBytes)]);
    await committed(engine);
    await turns(2);
  }
  assert.equal(log.writtenOffset, log.endOffset);
  await engine.close();
});

test('a segment that cannot be opened at a start is a fault of the disk, a missing one is damage', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  const log = await ready(engine);
  log.append([batchOf(1, largeBytes)]);
  await committed(engine);
  for (const [code, expected] of [
    ['EIO', { code: 'IO', message: /EIO/ }],
    ['ENOENT', { code: 'DAMAGED', message: /topic1-0\/0+\.log is missing/ }],
  ] as const) {
    const killed = disk.kill();
    const again = await start(killed);
    killed.faults.push({ operation: 'open', path: /topic1-0\/0+\.log$/, code, times: 1 });
    assert.throws(() => open(again, 1), expected);
    await again.close();
  }
  const again = await start(disk.kill());
  assert.equal(open(again, 1).log.endOffset, 2);
  await again.close();
});
