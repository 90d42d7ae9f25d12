// What small partitions have in the write-ahead log is carried into a newer commit, so that no older block is needed: here that
// the copies last until that commit is durable, and no longer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import { openStorage, type StorageOptions } from './engine.ts';
import type { Log } from './partition-log.ts';
import type { Run } from './run.ts';
import { batchOf, committed, defaultConfig, open, readAll, runtimeOver, smallSettings } from './storage.suite.ts';

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('a carried copy that the tail gives up before its commit is written stays what it is until the commit is durable', async () => {
  // Syncs of the log, each of which waits to be let through: the commits that come meanwhile are not written.
  const held: (() => void)[] = [];
  let holds = false;
  const disk = new UnsyncedFiles({
    delay: (operation, path) =>
      holds && operation === 'sync' && /wal-/.test(path)
        ? new Promise<void>((resolve) => held.push(resolve))
        : undefined,
  });
  const options: Omit<StorageOptions, 'runtime'> = {
    directory: '/data',
    brokerId: 1,
    durability: 'fsync',
    settings: {
      ...smallSettings,
      walFileBytes: 2 ** 20,
      commitBytesMax: 2 ** 18,
      // Nothing goes in place, nothing leaves the tail for want of memory, and the fourth entry has all of them leave the log.
      extentBytes: 2 ** 20,
      tailBytes: 2 ** 20,
      entryReplayMax: 4,
    },
  };
  const engine = await openStorage({ ...options, runtime: runtimeOver(disk.files) });
  // Compaction flushes it as soon as that closes a segment, and finds nothing to clean.
  const config = {
    ...defaultConfig,
    segmentBytes: 20_000,
    cleanupPolicy: { delete: false, compact: true },
    minCleanableDirtyRatio: 1,
  };
  const small = open(engine, 1, config).log as Log;
  const other = open(engine, 2).log;
  // Together of a size that has a region of its own, which does not wait for an arena's chunk to be full.
  const batches = [0, 1, 2].map((offset) => batchOf(offset, 15_000));
  for (const batch of batches) {
    small.append([Buffer.from(batch)]);
    await committed(engine);
  }
  holds = true;
  other.append([batchOf(0, 10)]);
  while (held.length === 0) await turn();
  other.append([batchOf(1, 10)]);
  held.shift()?.();
  // The flusher comes when the fourth commit is durable; by then the fifth is on its way to the disk.
  while (small.tail.count > 1) await turn();
  const { region } = (small.tail.first as Run).backing;
  assert.ok(region !== undefined);
  other.append([batchOf(2, 10)]);
  await engine.clean();
  assert.equal(small.writtenOffset, 3);
  assert.ok(small.evictFirst());
  assert.equal(small.tail.count, 0);
  assert.equal(region.references, 1, 'the commit still looks at it');

  holds = false;
  held.shift()?.();
  await committed(engine);
  assert.equal(region.references, 0, 'nobody looks at it any more');
  // Once as they were appended, once as they were carried.
  const log = await disk.files.readFile('/data/broker-1/wal-0');
  const carriedAt = log.indexOf(Buffer.concat(batches));
  assert.ok(carriedAt >= 0, 'the copy is in the log, as it was');
  assert.ok(log.indexOf(batches[0] as Buffer) < carriedAt);

  const again = await openStorage({ ...options, runtime: runtimeOver(disk.crash().files) });
  assert.equal(again.uncleanStart, true);
  assert.ok((await readAll(open(again, 1, config).log)).equals(Buffer.concat(batches)));
  assert.equal(open(again, 2).log.endOffset, 3);
  await again.close();
});
