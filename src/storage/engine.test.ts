// What a disk can do to the engine, one case at a time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '../metrics/metrics.ts';
import { MemoryFiles } from '../runtime/memory/memory-files.ts';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { Commit } from './commit.ts';
import type { Wal } from './disk/wal.ts';
import { WalMedium } from './disk/wal-medium.ts';
import { type Engine, openStorage, type StorageOptions } from './engine.ts';
import { Log } from './partition-log.ts';
import type { Run } from './run.ts';
import {
  batchAt,
  batchOf,
  committed,
  defaultConfig,
  open,
  partitionId,
  RememberingState,
  readAll,
  runtimeOver,
  smallSettings,
} from './storage.suite.ts';
import type { StorageError } from './storage-error.ts';

type Overrides = Partial<StorageOptions>;

function start(disk: UnsyncedFiles, overrides: Overrides = {}): Promise<Engine> {
  return openStorage({
    runtime: runtimeOver(disk.files),
    directory: '/data',
    brokerId: 1,
    durability: 'fsync',
    settings: smallSettings,
    ...overrides,
  });
}

function turns(count: number): Promise<void> {
  return new Promise((resolve) => {
    const next = (left: number): void => {
      if (left === 0) resolve();
      else setImmediate(() => next(left - 1));
    };
    next(count);
  });
}

test('a thousand partitions in one commit cost one sync', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk, { settings: { reserveBytes: 0 } });
  const logs = Array.from({ length: 1000 }, (_, i) => open(engine, i));
  const before = disk.syncs;
  for (const { log } of logs) log.append([batchOf(0, 100)]);
  await committed(engine);
  assert.equal(disk.syncs - before, 1);
  for (const { log, state } of logs) {
    assert.equal(log.committedOffset, 1);
    assert.deepEqual(state.committedOffsets, [1]);
  }
  const again = await start(disk.crash(), { settings: { reserveBytes: 0 } });
  assert.equal(again.uncleanStart, true);
  for (let i = 0; i < 1000; i++) assert.equal(open(again, i).log.endOffset, 1);
  await again.close();
});

test('a failed sync acknowledges nothing, closes the engine to writes, and is told once', async () => {
  const disk = new UnsyncedFiles();
  const failures: StorageError[] = [];
  const engine = await start(disk, { onFailure: (error) => failures.push(error) });
  const { log, state } = open(engine, 1);
  await new Promise<void>((resolve) => engine.whenCommitted(log.append([batchOf(0, 10)]), resolve));
  disk.faults.push({ operation: 'sync', path: /wal-/, code: 'EIO' });
  const called: string[] = [];
  const ticket = log.append([batchOf(1, 10)]);
  engine.whenWritten(ticket, () => called.push('written'));
  engine.whenCommitted(ticket, () => called.push('committed'));
  await turns(10);
  engine.whenCommitted(ticket, () => called.push('committed late'));
  assert.deepEqual(called, ['written']);
  assert.deepEqual(state.committedOffsets, [1]);
  assert.equal(log.committedOffset, 1);
  assert.equal(engine.writable, false);
  assert.deepEqual(
    failures.map(({ code }) => code),
    ['IO'],
  );
  assert.throws(() => log.append([batchOf(2, 10)]), { name: 'StorageError' });
  await engine.abandon();

  // What the failed sync left in the page cache only may be served again, but then for good.
  disk.faults.length = 0;
  const again = await start(disk);
  const { log: recovered } = open(again, 1);
  assert.equal(again.uncleanStart, true);
  assert.equal(recovered.endOffset, 2);
  const afterPowerCut = await start(disk.crash());
  assert.equal(open(afterPowerCut, 1).log.endOffset, 2);
  await afterPowerCut.close();
});

test('a full disk turns appends away, not reads, and takes them again when there is space', async () => {
  const disk = new UnsyncedFiles({ capacityBytes: 1_000_000 });
  const settings = { ...smallSettings, reserveBytes: 300_000, spaceCheckMs: 5 };
  const engine = await start(disk, { settings });
  const { log } = open(engine, 1, { ...defaultConfig, segmentBytes: 50_000, retentionBytes: 100_000 });
  while (engine.writable) {
    log.append([batchOf(log.endOffset, 5_000)]);
    await committed(engine);
    await engine.flush();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const { freeBytes } = await engine.space();
  assert.ok(freeBytes > 100_000, `${freeBytes} bytes of the reserve are left`);
  assert.equal((await readAll(log)).length, log.sizeBytes);
  await engine.enforceRetention();
  while (!engine.writable) await new Promise((resolve) => setTimeout(resolve, 5));
  log.append([batchOf(log.endOffset, 10)]);
  await committed(engine);
  await engine.close();
});

test('a write refused for want of space fails the engine as FULL; opened again over the same disk it lost nothing', async () => {
  const disk = new UnsyncedFiles({ capacityBytes: 60_000 });
  let failure: StorageError | undefined;
  const engine = await start(disk, { onFailure: (error) => (failure = error) });
  const { log } = open(engine, 1);
  let safe = 0;
  while (failure === undefined) {
    log.append([batchOf(log.endOffset, 3_000)]);
    await turns(5);
    safe = log.committedOffset;
  }
  assert.equal(failure.code, 'FULL');
  assert.ok(safe > 5);
  await engine.abandon();
  disk.files.capacityBytes = 2_000_000;
  const again = await start(disk);
  const { log: recovered } = open(again, 1);
  assert.ok(recovered.endOffset >= safe);
  recovered.append([batchOf(recovered.endOffset, 3_000)]);
  await committed(again);
  await again.close();
});

test('a block that ends torn is the end of the log; what was acknowledged before it is there', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  const { log } = open(engine, 1);
  for (let i = 0; i < 3; i++) {
    log.append([batchOf(i, 100)]);
    await committed(engine);
  }
  log.append([batchOf(3, 100)]);
  await turns(2);
  const after = disk.kill();
  const wal = await after.files.readFile('/data/broker-1/wal-0');
  // The last block is cut in the middle of its body.
  const file = await after.files.open('/data/broker-1/wal-0', 'write');
  file.truncateSync(3 * 4096 + 130);
  assert.ok(wal.length > 3 * 4096 + 130);
  const again = await start(after);
  const { log: recovered } = open(again, 1);
  assert.equal(recovered.endOffset, 3);
  assert.deepEqual(await readAll(recovered), Buffer.concat([0, 1, 2].map((offset) => batchOf(offset, 100))));
  await again.close();
});

test('a bit flipped in a block that later blocks prove durable is damage: the start is refused and names the place', async () => {
  for (const [position, what] of [
    [4096 + 70, 'descriptor'],
    [4096 + 30, 'header'],
    [4096 + 200, 'body'],
  ] as const) {
    const disk = new UnsyncedFiles();
    const engine = await start(disk);
    const { log } = open(engine, 1);
    for (let i = 0; i < 4; i++) {
      log.append([batchOf(i, 300)]);
      await committed(engine);
    }
    const after = disk.crash();
    await after.flipBit('/data/broker-1/wal-0', position, 3);
    await assert.rejects(start(after), (error: StorageError) => {
      assert.equal(error.code, 'DAMAGED', what);
      assert.match(error.message, /wal-0: block 2, expected at byte 4096/);
      return true;
    });
  }
});

test('after a kill another durability reads what the one before had written', async () => {
  for (const order of [
    ['os', 'fsync'],
    ['fsync', 'os', 'fsync'],
  ] as const) {
    let disk = new UnsyncedFiles();
    let written = 0;
    for (const durability of order) {
      const engine = await start(disk, { durability });
      const { log } = open(engine, 1);
      assert.equal(log.endOffset, written, order.join(', then '));
      for (let i = 0; i < 4; i++) {
        log.append([batchOf(log.endOffset, 300)]);
        await committed(engine);
      }
      written += 4;
      disk = disk.kill();
    }
    const engine = await start(disk);
    assert.equal((await readAll(open(engine, 1).log)).length, written * batchOf(0, 300).length);
    await engine.close();
  }
});

test('blocks of an earlier lap, of the same size at the same place, are not taken for new ones', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  const { log } = open(engine, 1);
  // One block per page, all of one size; several laps.
  for (let i = 0; i < 200; i++) {
    log.append([batchOf(i, 1_000)]);
    await committed(engine);
  }
  await engine.flush();
  const end = log.endOffset;
  const again = await start(disk.crash());
  const { log: recovered } = open(again, 1);
  assert.equal(recovered.endOffset, end);
  assert.equal((await readAll(recovered)).length, recovered.sizeBytes);
  await again.close();
});

test('a checkpoint of a newer format is refused in one sentence, a damaged one too', async () => {
  const disk = new UnsyncedFiles();
  await (await start(disk)).close();
  const name = (await disk.files.list('/data/broker-1')).find((name) => name.startsWith('checkpoint-')) as string;
  const path = `/data/broker-1/${name}`;
  await disk.flipBit(path, 5, 4);
  await assert.rejects(start(disk), { code: 'NEWER_FORMAT', message: /newer than/ });
  await disk.flipBit(path, 5, 4);
  await disk.flipBit(path, 20, 0);
  await assert.rejects(start(disk), { code: 'DAMAGED' });
});

test('partitions without their broker’s folder are not cut to nothing: the start is refused', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  open(engine, 1).log.append([batchOf(0, 20_000)]);
  await engine.close();
  await disk.files.removeTree('/data/broker-1');
  await assert.rejects(start(disk), { code: 'DAMAGED', message: /topic1-0/ });
});

test('durable batches that are missing after the checkpoint refuse to open as a shorter log', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  const { log } = open(engine, 1);
  log.append([batchOf(0, 100)]);
  await engine.flush();
  await engine.close();
  await disk.files.remove('/data/topic1-0/00000000000000000000.log');
  const again = await start(disk);
  const { log: reopened } = open(again, 1);
  await assert.rejects(async () => reopened.read(0, 100, 1, true), { code: 'DAMAGED' });
  await again.abandon();
});

test('a first start that is killed anywhere leaves no name behind that a power cut could take from the next one', async () => {
  for (let operations = 0, ended = false; !ended; operations++) {
    let left = operations;
    let stuck = (): void => {};
    const killed = new Promise<void>((resolve) => {
      stuck = resolve;
    });
    let disk = new UnsyncedFiles({
      delay: () => {
        if (left-- > 0) return undefined;
        stuck();
        return new Promise(() => {});
      },
    });
    const isOpen = start(disk, { directory: '/var/lib/data' }).then(() => true);
    ended = await Promise.race([isOpen, killed.then(() => false)]);
    left = Number.POSITIVE_INFINITY;
    disk = disk.kill();
    const second = await start(disk, { directory: '/var/lib/data' });
    open(second, 1).log.append([batchOf(0, 100)]);
    await committed(second);
    const third = await start(disk.crash(), { directory: '/var/lib/data' });
    assert.equal(open(third, 1).log.endOffset, 1, `killed at operation ${operations}`);
    await third.close();
  }
});

test('an empty segment whose file a killed broker had made keeps what is written to it, its name made durable again', async () => {
  let disk = new UnsyncedFiles();
  const first = await start(disk);
  const { log } = open(first, 1);
  log.append([batchOf(0, 100)]);
  await first.flush();
  log.moveStart(1);
  await committed(first);
  // Begins another segment, in memory only, and the checkpoint of a clean stop names it.
  await first.enforceRetention();
  await first.close();

  const path = '/data/topic1-0/00000000000000000001.log';
  assert.equal(await disk.files.stat(path), undefined);
  const second = await start(disk);
  // Looks for older segments, and makes the file.
  await open(second, 1).log.findTimestamp(1, 1);
  await second.enforceRetention();
  assert.notEqual(await disk.files.stat(path), undefined);
  disk = disk.kill();

  const third = await start(disk);
  open(third, 1).log.append([batchOf(1, 100)]);
  await third.flush();
  await third.close();

  const fourth = await start(disk.crash());
  const { log: survivor } = open(fourth, 1);
  assert.equal(survivor.endOffset, 2);
  assert.equal((await readAll(survivor, 1)).length, batchOf(1, 100).length);
  await fourth.close();
});

test('missing or damaged indexes are rebuilt from the log', async () => {
  for (const harm of ['missing', 'zeros', 'garbage']) {
    const files = new MemoryFiles();
    const disk = { files } as UnsyncedFiles;
    const config = { ...defaultConfig, segmentBytes: 20_000, indexIntervalBytes: 300 };
    const engine = await start(disk);
    const { log } = open(engine, 1, config);
    for (let i = 0; i < 100; i++) log.append([batchOf(i, 400, 1_000 + i)]);
    await committed(engine);
    const expected = await readAll(log);
    await engine.close();
    for (const name of await files.list('/data/topic1-0')) {
      if (!/index$/.test(name)) continue;
      const path = `/data/topic1-0/${name}`;
      if (harm === 'missing') {
        await files.remove(path);
        continue;
      }
      const file = await files.open(path, 'write');
      file.writeSync([Buffer.alloc(file.sizeSync(), harm === 'zeros' ? 0 : 0xe7)], 0);
    }
    const again = await start(disk);
    const { log: reopened } = open(again, 1, config);
    assert.deepEqual(await readAll(reopened, 0, 2_000), expected, harm);
    assert.equal((await reopened.findTimestamp(1_050, 100))?.offset, 50, harm);
    await again.close();
    assert.ok((await files.stat('/data/topic1-0/00000000000000000000.index')) !== undefined);
  }
});

test('segments and indexes are laid out as Kafka’s', async () => {
  const files = new MemoryFiles();
  const engine = await start({ files } as UnsyncedFiles);
  const config = { ...defaultConfig, segmentBytes: 3_000, indexIntervalBytes: 600 };
  const { log } = open(engine, 1, config);
  const batches = Array.from({ length: 20 }, (_, i) =>
    batchAt(i * 2, [
      { value: 'v'.repeat(200), timestampMs: 50 + i },
      { value: 'w', timestampMs: 40 },
    ]),
  );
  for (const batch of batches) log.append([Buffer.from(batch)]);
  await engine.close();
  const size = (batches[0] as Buffer).length;
  const perSegment = Math.floor(3_000 / size);
  const bases = Array.from({ length: Math.ceil(20 / perSegment) }, (_, i) => i * perSegment * 2);
  const names = (await files.list('/data/topic1-0')).filter((name) => name.endsWith('.log'));
  assert.deepEqual(
    names,
    bases.map((base) => `${String(base).padStart(20, '0')}.log`),
  );
  const index = await files.readFile('/data/topic1-0/00000000000000000000.index');
  const times = await files.readFile('/data/topic1-0/00000000000000000000.timeindex');
  // An entry for the batch that comes after more than 600 bytes: its last offset and its position.
  const every = Math.floor(600 / size) + 1;
  for (let entry = 0; entry * 8 < index.length; entry++) {
    const batch = (entry + 1) * every;
    assert.equal(index.readUInt32BE(entry * 8), batch * 2 + 1);
    assert.equal(index.readUInt32BE(entry * 8 + 4), batch * size);
    assert.equal(Number(times.readBigInt64BE(entry * 12)), 50 + batch);
    assert.equal(times.readUInt32BE(entry * 12 + 8), batch * 2 + 1);
  }
  // A closed segment's last time entry is its greatest timestamp.
  assert.equal(Number(times.readBigInt64BE(times.length - 12)), 50 + perSegment - 1);
});

test('a time index that was cut inside an entry is not believed about what it has lost', async () => {
  const files = new MemoryFiles();
  const config = { ...defaultConfig, segmentBytes: 8_000, indexIntervalBytes: 0 };
  const first = await start({ files } as UnsyncedFiles);
  const { log } = open(first, 1, config);
  // Timestamps rise to 1009 in the middle of the first segment, and fall again.
  for (let i = 0; i < 40; i++) log.append([batchOf(i, 200, 1_000 + (i < 10 ? i : -i))]);
  await first.close();
  const path = '/data/topic1-0/00000000000000000000.timeindex';
  const file = await files.open(path, 'write');
  const { length } = await files.readFile(path);
  assert.ok(length >= 60, `${length} bytes of index`);
  await file.truncateSync(12 * 3 + 5);
  await file.close();
  const second = await start({ files } as UnsyncedFiles);
  const { log: again } = open(second, 1, config);
  assert.deepEqual(await again.findTimestamp(1_007, 40), { timestampMs: 1_007, offset: 7, leaderEpoch: 0 });
  assert.equal((await again.findMaxTimestamp(40))?.offset, 9);
  await second.close();
});

test('an unclean stop is told at the next start, a clean one is not', async () => {
  let disk = new UnsyncedFiles();
  const first = await start(disk);
  assert.equal(first.uncleanStart, false);
  await first.close();
  const second = await start(disk);
  assert.equal(second.uncleanStart, false);
  disk = disk.kill();
  const third = await start(disk);
  assert.equal(third.uncleanStart, true);
  await third.close();
});

test('a start reads neither the segments nor their directories', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  const config = { ...defaultConfig, segmentBytes: 1_000 };
  for (let number = 0; number < 20; number++) {
    const { log } = open(engine, number, config);
    for (let i = 0; i < 20; i++) log.append([batchOf(i, 300)]);
  }
  await engine.close();
  disk.faults.push(
    { operation: 'open', path: /topic/, code: 'EIO' },
    { operation: 'list', path: /topic/, code: 'EIO' },
  );
  const again = await start(disk);
  for (let number = 0; number < 20; number++) assert.equal(open(again, number, config).log.endOffset, 20);
  disk.faults.length = 0;
  await again.close();
});

test('small partitions stay in the log: laps of it do not flush each of them', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk, {
    settings: {
      ...smallSettings,
      extentBytes: 64 * 1024,
      tailBytes: 2 ** 20,
      walFileBytes: 256 * 1024,
      commitBytesMax: 32 * 1024,
    },
  });
  const small = Array.from({ length: 50 }, (_, i) => open(engine, 100 + i));
  for (const { log } of small) log.append([batchOf(0, 50)]);
  const { log } = open(engine, 1);
  for (let i = 0; i < 1500; i++) {
    log.append([batchOf(log.endOffset, 1_500)]);
    if (i % 10 === 9) await committed(engine);
  }
  const directories = (await disk.files.list('/data')).filter((name) => /^topic1\d\d-/.test(name));
  assert.deepEqual(directories, [], 'no small partition was given a directory');
  const again = await start(disk.crash(), { settings: { ...smallSettings, walFileBytes: 256 * 1024 } });
  for (let i = 0; i < 50; i++) {
    const { log } = open(again, 100 + i);
    assert.deepEqual(await readAll(log), batchOf(0, 50));
  }
  await again.close();
});

test('a batch larger than a log file goes in place and survives', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  const { log } = open(engine, 1);
  const expected: Buffer[] = [];
  for (const bytes of [100, 300_000, 50, 200_000, 200_000]) {
    const batch = batchOf(log.endOffset, bytes);
    expected.push(Buffer.from(batch));
    log.append([batch]);
  }
  await committed(engine);
  const again = await start(disk.crash());
  const { log: recovered } = open(again, 1);
  assert.deepEqual(await readAll(recovered), Buffer.concat(expected));
  await again.close();
});

test('a partition deleted in the middle of everything takes nothing else with it', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  const { log: kept } = open(engine, 1);
  const { log: doomed } = open(engine, 2);
  for (let i = 0; i < 20; i++) {
    kept.append([batchOf(kept.endOffset, 2_000)]);
    if (i < 10) doomed.append([batchOf(doomed.endOffset, 9_000)]);
    if (i === 10) doomed.delete();
    if (i % 4 === 0) await committed(engine);
  }
  await committed(engine);
  const again = await start(disk.crash());
  const { log: recovered } = open(again, 1);
  again.discardUnopened();
  assert.equal(recovered.endOffset, 20);
  assert.equal((await readAll(recovered)).length, recovered.sizeBytes);
  const fresh = again.openLog(
    { ...partitionId(2), topicId: partitionId(77).topicId },
    defaultConfig,
    new RememberingState(),
  );
  fresh.append([batchOf(0, 9_000)]);
  await committed(again);
  assert.deepEqual(await readAll(fresh), batchOf(0, 9_000));
  await again.close();
});

test('a segment that could not be read once is read rightly afterwards', async () => {
  const disk = new UnsyncedFiles();
  const config = { ...defaultConfig, segmentBytes: 10_000, indexIntervalBytes: 100_000 };
  const engine = await start(disk);
  const { log } = open(engine, 1, config);
  for (let i = 0; i < 40; i++) log.append([batchOf(i, 1_000)]);
  await engine.close();
  for (const name of await disk.files.list('/data/topic1-0')) {
    if (name.endsWith('index')) await disk.files.remove(`/data/topic1-0/${name}`);
  }
  const again = await start(disk);
  const { log: reopened } = open(again, 1, config);
  disk.faults.push({ operation: 'read', path: /topic1-0\/0+\.log$/, code: 'EIO', times: 1 });
  await assert.rejects(async () => reopened.read(0, 1_000, 40, true), { code: 'EIO' });
  const { parts } = await reopened.read(3, 1_000, 40, true);
  assert.deepEqual(parts, [batchOf(3, 1_000)]);
  await again.close();
});

test('a cold batch above the size of one read is whole when the caller has room for it', async () => {
  const disk = new UnsyncedFiles();
  const settings = { ...smallSettings, coldReadBytesMax: 1_000 };
  const engine = await start(disk, { settings });
  open(engine, 1).log.append([batchOf(0, 5_000)]);
  await engine.close();
  const again = await start(disk, { settings });
  const { log } = open(again, 1);
  assert.deepEqual((await log.read(0, 10_000, 1, false)).parts, [batchOf(0, 5_000)]);
  assert.equal((await log.read(0, 4_000, 1, false)).sizeBytes, 0);
  assert.deepEqual((await log.read(0, 4_000, 1, true)).parts, [batchOf(0, 5_000)]);
  await again.close();
});

test('a partition made again under its name while the one before is being written shares nothing with it', async () => {
  let hold: Promise<void> | undefined;
  let held = 0;
  const disk = new UnsyncedFiles({
    delay: (operation, path) => {
      if (operation !== 'write' || !/topic1-0\/\d+\.log$/.test(path)) return undefined;
      if (hold !== undefined) held++;
      return hold;
    },
  });
  const engine = await start(disk, { settings: { ...smallSettings, extentBytes: 2 ** 20 } });
  const made = (topicNumber: number) =>
    engine.openLog(partitionId(1, topicNumber), defaultConfig, new RememberingState());
  const first = made(1);
  let release = (): void => {};
  hold = new Promise((resolve) => {
    release = resolve;
  });
  first.append([batchOf(0, 3_000)]);
  const flushed = engine.flush();
  while (held === 0) await turns(1);
  first.delete();
  made(2).delete();
  const third = made(3);
  third.append([batchOf(0, 50)]);
  third.append([batchOf(1, 60)]);
  await committed(engine);
  const thirdFlushed = engine.flush();
  await turns(20);
  hold = undefined;
  release();
  await Promise.all([flushed, thirdFlushed]);
  const expected = Buffer.concat([batchOf(0, 50), batchOf(1, 60)]);
  assert.deepEqual(await disk.files.readFile('/data/topic1-0/00000000000000000000.log'), expected);
  const again = await start(disk.crash());
  const recovered = again.openLog(partitionId(1, 3), defaultConfig, new RememberingState());
  again.discardUnopened();
  assert.deepEqual(await readAll(recovered), expected);
  await again.close();
});

test('a partition made again under its name is not looked up in the indexes of the one before', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk, { settings: { ...smallSettings, tailBytes: 1 } });
  const config = { ...defaultConfig, segmentBytes: 20_000, indexIntervalBytes: 500 };
  for (const [topicNumber, valueBytes] of [
    [1, 700],
    [2, 333],
  ] as const) {
    const log = engine.openLog(partitionId(1, topicNumber), config, new RememberingState());
    for (let i = 0; i < 100; i++) log.append([batchOf(i, valueBytes)]);
    await committed(engine);
    await engine.flush();
    for (let i = 0; i < 100; i += 7) {
      const { parts } = await log.read(i, 300, log.committedOffset, true);
      assert.deepEqual(parts[0]?.subarray(0, 61), batchOf(i, valueBytes).subarray(0, 61));
    }
    log.delete();
  }
  await engine.close();
});

test('over the budget, looking for what can be given up costs no more than what is given up', async (t) => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk, { settings: { ...smallSettings, walFileBytes: 2 ** 22, tailBytes: 2 ** 19 } });
  const logs = Array.from({ length: 50 }, (_, i) => open(engine, i + 1).log);
  const looks = t.mock.method(Log.prototype, 'evictFirst');
  let runs = 0;
  for (let round = 0; round < 100; round++) {
    // One after the other: no two of a partition's batches lie side by side.
    for (const log of logs) log.append([batchOf(log.endOffset, 100)]);
    runs += logs.length;
    await committed(engine);
  }
  await engine.flush();
  for (const log of logs) assert.equal((await readAll(log)).length, log.sizeBytes);
  assert.ok(looks.mock.callCount() < 3 * runs, `${looks.mock.callCount()} looks at ${runs} runs`);
  assert.ok(engine.arena.usedBytes <= 2 ** 19, `${engine.arena.usedBytes} bytes are kept`);
  await engine.close();
});

test('below the budget, the order of eviction holds runs, not appends, and nothing for deleted partitions', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk, { settings: { ...smallSettings, tailBytes: 2 ** 26, commitBytesMax: 2 ** 20 } });
  const { log } = open(engine, 1);
  for (let i = 0; i < 2_000; i++) log.append([batchOf(i, 10)]);
  await committed(engine);
  assert.ok(engine.evictionsQueued < 50, `${engine.evictionsQueued} for 2000 appends`);
  for (let number = 2; number < 300; number++) {
    const { log: doomed } = open(engine, number);
    doomed.append([batchOf(0, 10)]);
    doomed.delete();
  }
  assert.ok(engine.evictionsQueued < 150, `${engine.evictionsQueued} after 298 deletions`);
  assert.equal((await readAll(log)).length, log.sizeBytes);
  await engine.close();
});

test('while too much waits for the disk nothing more is accepted, afterwards it is', async () => {
  let hold: Promise<void> | undefined;
  const disk = new UnsyncedFiles({
    delay: (operation, path) => (operation === 'sync' && /wal-/.test(path) ? hold : undefined),
  });
  const engine = await start(disk);
  const { log } = open(engine, 1);
  let release = (): void => {};
  hold = new Promise((resolve) => {
    release = resolve;
  });
  log.append([batchOf(0, 100)]);
  await turns(5);
  let bytes = 0;
  for (; engine.writable && bytes < 2 ** 20; bytes += 1_000) log.append([batchOf(log.endOffset, 1_000)]);
  assert.equal(engine.writable, false);
  assert.ok(bytes < 2 * engine.settings.formingBytesMax, `${bytes} bytes were accepted`);
  hold = undefined;
  release();
  await committed(engine);
  assert.equal(engine.writable, true);
  log.append([batchOf(log.endOffset, 1_000)]);
  await committed(engine);
  assert.equal(log.committedOffset, log.endOffset);
  await engine.close();
});

test('a callback that throws takes no other with it', async () => {
  const disk = new UnsyncedFiles();
  const lines: string[] = [];
  const log = { info() {}, warn() {}, error: (message: string) => void lines.push(message) };
  const engine = await start(disk, { runtime: runtimeOver(disk.files, { log }) });
  const first = open(engine, 1);
  const second = open(engine, 2);
  first.state.committed = () => {
    throw new Error('no state');
  };
  first.log.append([batchOf(0, 10)]);
  const ticket = second.log.append([batchOf(0, 10)]);
  const called: string[] = [];
  const callback = (name: string) => () => {
    called.push(name);
    if (name.startsWith('bad')) throw new Error(name);
  };
  engine.whenWritten(ticket, callback('bad written'));
  engine.whenWritten(ticket, callback('written'));
  engine.whenCommitted(ticket, callback('bad committed'));
  engine.whenCommitted(ticket, callback('committed'));
  await committed(engine);
  assert.deepEqual(called, ['bad written', 'written', 'bad committed', 'committed']);
  assert.deepEqual(second.state.committedOffsets, [1]);
  assert.equal(lines.filter((line) => line === 'a callback of a commit has thrown').length, 3);
  await engine.close();
});

test('while a write in place takes earlier runs along, the oldest block of any of them stays needed', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk, { settings: { ...smallSettings, extentBytes: 2 ** 20 } });
  const log = open(engine, 1).log as Log;
  await log.segments.ready(4096);
  for (const base of [0, 1]) {
    log.append([batchOf(base, 100)]);
    await committed(engine);
  }
  // As a carried copy leaves it: the first run in a later block than the second.
  const [first, second] = [...log.tail] as [Run, Run];
  first.sequence = 10;
  second.sequence = 9;
  log.append([batchOf(2, 20_000)]);
  const commit = new Commit(11);
  commit.runs.push(log.tail.last as Run);
  const medium = new WalMedium({
    wal: { blockBytesMax: 2 ** 20, hasRoom: () => true, write: () => 11, sync: async () => {} } as unknown as Wal,
    fsync: true,
    extentBytes: 1_000,
    makeRoom: () => Promise.reject(new Error('there is room')),
    mayWriteInPlace: () => true,
    mayWriteEntries: () => true,
    makeRoomToReplay: () => Promise.reject(new Error('there is room')),
    wantReady: () => {},
    wantFlushed: () => {},
    makeReady: () => Promise.reject(new Error('it is ready')),
    pause: () => Promise.reject(new Error('nothing is short')),
    onExtents: () => {},
    onEntries: () => {},
    syncWritten: () => Promise.reject(new Error('each commit is synced')),
    syncWithin: () => {},
  });
  assert.equal(medium.prepare(commit), undefined);
  medium.write(commit);
  assert.equal(log.writtenOffset, 3);
  assert.equal(log.firstNeededSequence, 9);
  await medium.sync(commit);
  await engine.abandon();
});

/** Pauses are short, and keep the process. */
const quickTimers: Runtime['timers'] = {
  set: (delayMs, callback) => {
    const handle = delayMs < 1_000 ? setImmediate(callback) : undefined;
    return { cancel: () => clearImmediate(handle) };
  },
  defer: (callback) => void setImmediate(callback),
};

test('while no file descriptor is left commits go through the log, and what needs one waits', async () => {
  const disk = new UnsyncedFiles();
  const failures: StorageError[] = [];
  const engine = await start(disk, {
    runtime: runtimeOver(disk.files, { timers: quickTimers }),
    settings: { ...smallSettings, openFilesMax: 1 },
    onFailure: (error) => failures.push(error),
  });
  const logs = [1, 2].map((number) => open(engine, number).log);
  for (const log of logs) {
    log.append([batchOf(0, 10_000)]);
    await committed(engine);
  }
  await engine.flush();
  disk.faults.push({ operation: 'open', path: /topic\d-0/, code: 'EMFILE', times: 4 });
  for (const log of logs) {
    log.append([batchOf(1, 10_000)]);
    await committed(engine);
  }
  await engine.flush();
  assert.deepEqual(failures, []);
  for (const log of logs) assert.equal((await readAll(log)).length, log.sizeBytes);
  const again = await start(disk.crash());
  for (const number of [1, 2]) assert.equal(open(again, number).log.endOffset, 2);
  await again.close();
});

test('a batch too large for the log waits for a file descriptor', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk, {
    runtime: runtimeOver(disk.files, { timers: quickTimers }),
    settings: { ...smallSettings, openFilesMax: 1 },
  });
  const { log } = open(engine, 1);
  log.append([batchOf(0, 10_000)]);
  await committed(engine);
  await engine.flush();
  disk.faults.push({ operation: 'open', path: /topic1-0/, code: 'EMFILE', times: 3 });
  (log as Log).segments.openActive()?.();
  log.append([batchOf(1, 200_000)]);
  await committed(engine);
  assert.equal((await readAll(log)).length, log.sizeBytes);
  await engine.close();
});

test('a topic that rolls with every batch fails nobody', async () => {
  const disk = new UnsyncedFiles();
  const failures: StorageError[] = [];
  const engine = await start(disk, { onFailure: (error) => failures.push(error) });
  const { log } = open(engine, 1, { ...defaultConfig, segmentMs: 1 });
  await (log as Log).segments.ready(4096);
  const expected: Buffer[] = [];
  for (let i = 0; i < 600; i++) {
    const batch = batchOf(i, 10, 1_000 + i * 10);
    expected.push(Buffer.from(batch));
    log.append([batch]);
  }
  await committed(engine);
  await engine.flush();
  assert.deepEqual(failures, []);
  assert.ok((await readAll(log)).equals(Buffer.concat(expected)));
  const again = await start(disk.crash());
  assert.ok((await readAll(open(again, 1).log)).equals(Buffer.concat(expected)));
  await again.close();
});

test('an engine whose disk fills up while a batch is written in place can still be closed', async () => {
  const disk = new UnsyncedFiles();
  const failures: StorageError[] = [];
  const engine = await start(disk, { onFailure: (error) => failures.push(error) });
  const { log } = open(engine, 1);
  log.append([batchOf(0, 10)]);
  await committed(engine);
  await engine.flush();
  disk.faults.push({ operation: 'write', path: /topic1-0\/\d+\.log$/, code: 'ENOSPC' });
  log.append([batchOf(1, 12_000)]);
  while (failures.length === 0) await turns(1);
  assert.equal(failures[0]?.code, 'FULL');
  await engine.abandon();
  disk.faults.length = 0;
  const again = await start(disk.kill());
  assert.equal(open(again, 1).log.endOffset, 1);
  await again.close();
});

test('a log start is shown when its move is durable, not before', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk);
  const { log } = open(engine, 1);
  for (let i = 0; i < 4; i++) log.append([batchOf(i, 10)]);
  await committed(engine);
  log.moveStart(3);
  assert.equal(log.startOffset, 0);
  assert.deepEqual((await log.read(0, 10_000, 1, true)).parts, [batchOf(0, 10)]);
  await committed(engine);
  assert.equal(log.startOffset, 3);
  await engine.close();
});

test('flush.messages makes a topic durable before it is acknowledged, whatever lies before it in the log', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk, { durability: 'os' });
  const { log: plain } = open(engine, 1);
  const { log: asking } = open(engine, 2, { ...defaultConfig, flushMessages: 2 });
  plain.append([batchOf(0, 10)]);
  await committed(engine);
  await engine.flush();
  // In place, in a segment that nobody syncs.
  plain.append([batchOf(1, 12_000)]);
  await committed(engine);
  const before = disk.syncs;
  asking.append([batchOf(0, 10)]);
  await committed(engine);
  assert.equal(disk.syncs, before, 'one record is not two');
  asking.append([batchOf(1, 10)]);
  await committed(engine);
  const again = await start(disk.crash(), { durability: 'os' });
  assert.equal(open(again, 1).log.endOffset, 2);
  assert.equal(open(again, 2).log.endOffset, 2);
  await again.close();
});

test('flush.ms makes a topic durable soon after its records were written', async () => {
  const disk = new UnsyncedFiles();
  const engine = await start(disk, { durability: 'os' });
  const { log } = open(engine, 1, { ...defaultConfig, flushMs: 1 });
  const before = disk.syncs;
  log.append([batchOf(0, 10)]);
  await committed(engine);
  while (disk.syncs === before) await turns(1);
  await turns(5);
  const again = await start(disk.crash(), { durability: 'os' });
  assert.equal(open(again, 1).log.endOffset, 1);
  await again.close();
});

test('old records in memory go by age, though newer ones of their partition keep arriving', async () => {
  const engine = await start(new UnsyncedFiles());
  const nowMs = Date.now();
  const config = { ...defaultConfig, retentionMs: 3_600_000, segmentMs: 600_000 };
  const { log } = open(engine, 1, config);
  for (const ageMs of [7_200_000, 7_100_000, 1_000]) {
    log.append([batchOf(log.endOffset, 100, nowMs - ageMs)]);
    await committed(engine);
  }
  await engine.enforceRetention();
  assert.equal(log.startOffset, 2);
  // In a segment by now, which what follows closes.
  const { log: other } = open(engine, 2, config);
  other.append([batchOf(0, 100, nowMs - 7_200_000)]);
  await committed(engine);
  await engine.flush();
  other.append([batchOf(1, 100, nowMs)]);
  await committed(engine);
  await engine.enforceRetention();
  assert.equal(other.startOffset, 1);
  await engine.close();
});

test('records in memory that only their age tells from those of one segment are left there', async () => {
  const engine = await start(new UnsyncedFiles());
  const nowMs = Date.now();
  const { log } = open(engine, 1, { ...defaultConfig, retentionMs: 3_600_000, segmentMs: 36_000_000 });
  for (const ageMs of [7_200_000, 1_000]) {
    log.append([batchOf(log.endOffset, 100, nowMs - ageMs)]);
    await committed(engine);
  }
  await engine.enforceRetention();
  assert.equal(log.startOffset, 0);
  assert.equal((log as Log).writtenOffset, 0);
  await engine.close();
});

test('storage counts what retention removes, and why, and what its logs hold', async () => {
  const metrics = new Metrics();
  const engine = await start(new UnsyncedFiles(), { metrics });
  const config = { ...defaultConfig, segmentBytes: 3_000, retentionBytes: 5_000 };
  const { log } = open(engine, 1, config);
  for (let i = 0; i < 10; i++) {
    log.append([batchOf(i, 1_000)]);
    await committed(engine);
  }
  await engine.flush();
  const labels = { topic: 'topic1', partition: '0' };
  assert.equal(metrics.value('log_size_bytes', labels), log.sizeBytes);
  assert.equal(metrics.value('log_segments', labels), 5);
  const before = log.sizeBytes;
  await engine.enforceRetention();
  assert.equal(metrics.value('retention_deleted_segments_total', { reason: 'size' }), 2);
  assert.equal(metrics.value('retention_deleted_bytes_total'), before - log.sizeBytes);
  log.moveStart(10);
  await committed(engine);
  await engine.enforceRetention();
  assert.equal(metrics.value('retention_deleted_segments_total', { reason: 'start' }), 3);
  assert.equal(metrics.value('log_end_offset', labels), 10);
  await engine.close();
});
test('what the tail holds beyond its budget is told, and so is that it became less', async () => {
  let hold: Promise<void> | undefined;
  const disk = new UnsyncedFiles({
    delay: (operation, path) => (operation === 'write' && /\.log$/.test(path) ? hold : undefined),
  });
  // All goes through the log first, and only a flush makes room in the tail.
  const settings = { ...smallSettings, walFileBytes: 2 ** 20, commitBytesMax: 2 ** 18, extentBytes: 2 ** 20 };
  const engine = await start(disk, { settings });
  const { log } = open(engine, 1);
  let release = (): void => {};
  hold = new Promise((resolve) => {
    release = resolve;
  });
  assert.equal(engine.excessBytes, 0);
  for (let i = 0; i < 40; i++) log.append([batchOf(log.endOffset, 10_000)]);
  await committed(engine);
  const heldBytes = engine.excessBytes;
  assert.ok(heldBytes >= 400_000 - settings.tailBytes! - 64 * 1024, `${heldBytes}`);
  const fell = new Promise<void>((resolve) => engine.onExcessFell(resolve));
  hold = undefined;
  release();
  await fell;
  assert.ok(engine.excessBytes < heldBytes);
  await engine.flush();
  assert.ok(engine.excessBytes <= 64 * 1024, `${engine.excessBytes} after everything is in segments`);
  await engine.close();
});

test('a reader that goes on where it stopped is served from files at once, unless they are slow', async () => {
  for (const promptReadPieceMsMax of [1, 0]) {
    const disk = new UnsyncedFiles();
    const settings = { ...smallSettings, tailBytes: 1, promptReadPieceMsMax };
    const engine = await start(disk, { settings });
    const { log } = open(engine, 1);
    const batches: Buffer[] = [];
    for (let i = 0; i < 60; i++) {
      batches.push(batchOf(i, 500));
      log.append([batches[i]!]);
    }
    await committed(engine);
    await engine.flush();
    const kinds: string[] = [];
    const read: Buffer[] = [];
    for (let offset = 0; offset < 60; offset += 5) {
      const reading = log.read(offset, 5 * batches[0]!.length, log.committedOffset, true);
      kinds.push(reading instanceof Promise ? 'later' : 'at once');
      const { parts, regions } = await reading;
      read.push(...parts.map((part) => Buffer.from(part)));
      for (const region of regions ?? []) region.release();
    }
    assert.deepEqual(Buffer.concat(read), Buffer.concat(batches));
    const others = promptReadPieceMsMax > 0 ? 'at once' : 'later';
    assert.deepEqual(kinds, ['later', ...new Array(11).fill(others)]);
    await engine.close();
  }
});
