// The contract of Storage on any Files, and what tests of storage share: batches, a partition state that remembers what it
// was told, and a runtime over given files.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildBatch } from '../records/build-batch.ts';
import { BATCH_HEADER_BYTES, batchLength, isControl } from '../records/record-batch.ts';
import type { Files } from '../runtime/files.ts';
import { nodeRuntime } from '../runtime/node/node-runtime.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type Engine, openStorage, type StorageOptions } from './engine.ts';
import type { Log } from './partition-log.ts';
import type { StorageSettings } from './settings.ts';
import type { Durability, LogConfig, LogRead, PartitionId, PartitionLog, PartitionState } from './storage.ts';

export const defaultConfig: LogConfig = {
  segmentBytes: 1024 * 1024 * 1024,
  segmentMs: 604_800_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 * 1024 * 1024,
  indexIntervalBytes: 4096,
  retentionBytes: -1,
  retentionMs: -1,
  fileDeleteDelayMs: 0,
  cleanupPolicy: { delete: true, compact: false },
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: 86_400_000,
};

/** Small sizes: many laps, many segments. */
export const smallSettings: Partial<StorageSettings> = {
  poisonsReleasedMemory: true,
  walFileBytes: 64 * 1024,
  walFiles: 4,
  tailBytes: 96 * 1024,
  extentBytes: 8 * 1024,
  commitBytesMax: 16 * 1024,
  extentReplayBytesMax: 256 * 1024,
  reserveBytes: 0,
  openFilesMax: 8,
};

export function batchAt(
  baseOffset: number,
  records: readonly { value: string | Buffer; timestampMs?: number }[],
  leaderEpoch = 0,
): Buffer {
  return buildBatch({
    baseOffset,
    partitionLeaderEpoch: leaderEpoch,
    records: records.map(({ value, timestampMs }) => ({
      key: null,
      value: typeof value === 'string' ? Buffer.from(value) : value,
      timestampMs: timestampMs ?? 1_000,
      headers: [],
    })),
  });
}

/** A batch of one record whose value has so many bytes. */
export function batchOf(baseOffset: number, valueBytes: number, timestampMs = 1_000): Buffer {
  return batchAt(baseOffset, [{ value: Buffer.alloc(valueBytes, `${baseOffset}:`), timestampMs }]);
}

/** Remembers what storage said; its snapshot is the number of offsets it has seen. */
export class RememberingState implements PartitionState {
  log: PartitionLog | undefined;
  restored: string | undefined;
  readonly replayed: number[] = [];
  readonly committedOffsets: number[] = [];
  readonly starts: number[] = [];
  snapshots = 0;

  snapshot(): Uint8Array {
    this.snapshots++;
    return Buffer.from(`end ${this.log?.endOffset ?? 0}`);
  }
  restore(snapshot: Uint8Array): void {
    this.restored = Buffer.from(snapshot).toString();
  }
  replayBatch(batch: Buffer): void {
    const isWhole = batch.length === batchLength(batch, 0);
    assert.ok(isWhole || (batch.length >= BATCH_HEADER_BYTES && !isControl(batch, 0)), 'whole, or with its header');
    this.replayed.push(Number(batch.readBigInt64BE(0)));
  }
  committed(offset: number): void {
    this.committedOffsets.push(offset);
  }
  startMoved(offset: number): void {
    this.starts.push(offset);
  }
}

export const silentLog: Runtime['log'] = { info() {}, warn() {}, error() {} };

export function runtimeOver(files: Files, overrides: Partial<Runtime> = {}): Runtime {
  return { ...nodeRuntime(), files, log: silentLog, ...overrides };
}

export function topicIdOf(number: number): string {
  const bytes = Buffer.alloc(16, 0x11);
  bytes.writeUInt32BE(number, 0);
  return bytes.toString('base64url');
}

export function partitionId(number: number, topicNumber = number): PartitionId {
  return { topic: `topic${number}`, topicId: topicIdOf(topicNumber), partition: 0 };
}

export function open(
  engine: Engine,
  number: number,
  config: LogConfig = defaultConfig,
): { log: PartitionLog; state: RememberingState } {
  const state = new RememberingState();
  const log = engine.openLog(partitionId(number), config, state);
  state.log = log;
  return { log, state };
}

export function committed(engine: Engine, ticket = engine.currentTicket): Promise<void> {
  return new Promise((resolve) => engine.whenCommitted(ticket, resolve));
}

/** Everything from the start (or `from`) to the committed offset, read in steps, as one buffer. */
export async function readAll(log: PartitionLog, from = log.startOffset, stepBytes = 64 * 1024): Promise<Buffer> {
  const parts: Buffer[] = [];
  let offset = from;
  while (offset < log.committedOffset) {
    const { parts: got }: LogRead = await log.read(offset, stepBytes, log.committedOffset, true);
    assert.ok(got.length > 0, `offset ${offset} of ${log.committedOffset} can be read`);
    for (const part of got) {
      for (let at = 0; at < part.length; at += batchLength(part, at)) {
        offset = Number(part.readBigInt64BE(at)) + part.readInt32BE(at + 23) + 1;
      }
      parts.push(Buffer.from(part));
    }
  }
  return Buffer.concat(parts);
}

export function storageSuite(
  name: string,
  make: () => Promise<{ files: Files; directory: string; remove(): Promise<void> }>,
): void {
  const check = (
    title: string,
    body: (context: {
      start(overrides?: Partial<StorageOptions>): Promise<Engine>;
      files: Files;
      directory: string;
    }) => Promise<void>,
  ): void => {
    for (const durability of ['fsync', 'os', 'memory'] as Durability[]) {
      test(`${name}, ${durability}: ${title}`, async () => {
        const { files, directory, remove } = await make();
        const engines: Engine[] = [];
        const start = async (overrides: Partial<StorageOptions> = {}): Promise<Engine> => {
          const engine = await openStorage({
            runtime: runtimeOver(files),
            directory,
            brokerId: 1,
            durability,
            settings: smallSettings,
            ...overrides,
            onFailure: (error) => {
              throw error;
            },
          });
          engines.push(engine);
          return engine;
        };
        try {
          await body({ start, files, directory });
        } finally {
          for (const engine of engines) await engine.close();
          await remove();
        }
      });
    }
  };

  check('what was appended is read back byte for byte, before and after a clean restart', async ({ start }) => {
    const engine = await start();
    const { log } = open(engine, 1);
    const expected: Buffer[] = [];
    for (let i = 0; i < 50; i++) {
      const batch = batchAt(log.endOffset, [{ value: `value ${i}` }, { value: `more ${i}` }]);
      expected.push(Buffer.from(batch));
      log.append([batch]);
    }
    assert.equal(log.endOffset, 100);
    assert.equal(log.committedOffset, 0);
    await committed(engine);
    assert.equal(log.committedOffset, 100);
    assert.deepEqual(await readAll(log), Buffer.concat(expected));
    assert.equal(log.sizeBytes, Buffer.concat(expected).length);
    await engine.close();

    const again = await start();
    assert.equal(again.uncleanStart, false);
    const { log: reopened, state } = open(again, 1);
    assert.equal(state.restored, 'end 100');
    assert.deepEqual(state.replayed, []);
    assert.equal(reopened.endOffset, 100);
    assert.equal(reopened.committedOffset, 100);
    assert.deepEqual(await readAll(reopened), Buffer.concat(expected));
    assert.equal(reopened.sizeBytes, Buffer.concat(expected).length);
  });

  check('many laps of the log, segments that roll, and every size of batch lose nothing', async ({ start }) => {
    const engine = await start();
    const config = { ...defaultConfig, segmentBytes: 40_000, indexIntervalBytes: 512 };
    const logs = [1, 2, 3, 4, 5].map((number) => open(engine, number, config));
    const expected = logs.map(() => [] as Buffer[]);
    let seed = 7;
    const below = (limit: number): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % limit;
    for (let round = 0; round < 400; round++) {
      const index = below(100) < 50 ? 0 : below(logs.length);
      const { log } = logs[index] as (typeof logs)[0];
      const batch = batchOf(log.endOffset, [10, 300, 3000, 20_000][below(4)] as number, 1_000 + round);
      (expected[index] as Buffer[]).push(Buffer.from(batch));
      log.append([batch]);
      if (below(3) === 0) await committed(engine);
    }
    await committed(engine);
    for (const [index, { log }] of logs.entries()) {
      assert.deepEqual(await readAll(log, 0, 5_000), Buffer.concat(expected[index] as Buffer[]), `log ${index}`);
    }
    await engine.close();
    const again = await start();
    for (const [index] of logs.entries()) {
      const { log } = open(again, index + 1, config);
      assert.deepEqual(
        await readAll(log, 0, 5_000),
        Buffer.concat(expected[index] as Buffer[]),
        `log ${index}, reopened`,
      );
      const batch = batchOf(log.endOffset, 20_000);
      log.append([batch]);
      await committed(again);
      assert.deepEqual(await readAll(log, log.endOffset - 1), batch);
    }
  });

  check('a read returns whole batches within its limits, the first one even when it is larger', async ({ start }) => {
    const engine = await start();
    const { log } = open(engine, 1);
    for (let i = 0; i < 10; i++) log.append([batchAt(log.endOffset, [{ value: 'x'.repeat(100) }, { value: 'y' }])]);
    await committed(engine);
    const size = log.sizeBytes / 10;
    for (const where of ['tail', 'segment']) {
      if (where === 'segment') {
        await engine.flush();
        while ((log as unknown as { evictFirst(): boolean }).evictFirst()) {}
      }
      assert.equal((await log.read(0, size * 3, 20, true)).sizeBytes, size * 3, where);
      assert.equal((await log.read(0, size * 3 - 1, 20, true)).sizeBytes, size * 2, where);
      assert.equal((await log.read(0, size * 10, 5, true)).sizeBytes, size * 2, where);
      assert.equal((await log.read(3, size * 10, 20, true)).sizeBytes, size * 9, where);
      assert.equal((await log.read(3, 10, 20, true)).sizeBytes, size, where);
      assert.equal((await log.read(3, 10, 20, false)).sizeBytes, 0, where);
      assert.equal((await log.read(20, 10, 20, true)).sizeBytes, 0, where);
    }
  });

  check('timestamps are found to the record, in segments and in the tail', async ({ start }) => {
    const engine = await start();
    const config = { ...defaultConfig, segmentBytes: 2_000, indexIntervalBytes: 200 };
    const { log } = open(engine, 1, config);
    for (let i = 0; i < 60; i++) {
      log.append([
        batchAt(
          log.endOffset,
          [
            { value: 'a'.repeat(40), timestampMs: 1_000 + i * 10 },
            { value: 'b', timestampMs: 1_005 + i * 10 },
          ],
          3,
        ),
      ]);
      if (i === 40) {
        await committed(engine);
        await engine.flush();
        while ((log as unknown as { evictFirst(): boolean }).evictFirst()) {}
      }
    }
    await committed(engine);
    for (const [timestampMs, offset] of [
      [0, 0],
      [1_000, 0],
      [1_001, 1],
      [1_005, 1],
      [1_006, 2],
      [1_333, 67],
      [1_590, 118],
      [1_595, 119],
    ] as const) {
      const found = await log.findTimestamp(timestampMs, log.committedOffset);
      assert.equal(found?.offset, offset, `at ${timestampMs}`);
      assert.equal(found?.leaderEpoch, 3);
    }
    assert.equal(await log.findTimestamp(1_596, log.committedOffset), undefined);
    assert.equal(await log.findTimestamp(1_595, 118), undefined);
    assert.deepEqual(await log.findMaxTimestamp(120), { timestampMs: 1_595, offset: 119, leaderEpoch: 3 });
    assert.deepEqual(await log.findMaxTimestamp(20), { timestampMs: 1_095, offset: 19, leaderEpoch: 3 });
  });

  check('a moved start stays moved, and segments below it go', async ({ start, files, directory }) => {
    const engine = await start();
    const config = { ...defaultConfig, segmentBytes: 1_000 };
    const { log, state } = open(engine, 1, config);
    for (let i = 0; i < 30; i++) log.append([batchOf(log.endOffset, 200)]);
    await committed(engine);
    await engine.flush();
    await committed(engine, log.moveStart(17));
    assert.equal(log.startOffset, 17);
    assert.deepEqual(state.starts, [17]);
    const before = log.sizeBytes;
    await engine.enforceRetention();
    assert.ok(log.sizeBytes < before);
    const names = await files.list(`${directory}/topic1-0`);
    assert.ok(!names.includes('00000000000000000000.log'));
    await engine.close();
    const again = await start();
    const { log: reopened } = open(again, 1, config);
    assert.equal(reopened.startOffset, 17);
    assert.equal(Number((await readAll(reopened)).readBigInt64BE(0)), 17);
  });

  check(
    'retention by size and by age deletes whole old segments, the last one too when all is over',
    async ({ start }) => {
      const engine = await start();
      const config = { ...defaultConfig, segmentBytes: 1_000, retentionBytes: 3_000 };
      const { log, state } = open(engine, 1, config);
      for (let i = 0; i < 40; i++) log.append([batchOf(log.endOffset, 200, 5_000 + i)]);
      await committed(engine);
      await engine.flush();
      await engine.enforceRetention();
      assert.ok(log.sizeBytes >= 3_000 && log.sizeBytes < 4_200, `${log.sizeBytes} bytes are left`);
      assert.ok(log.startOffset > 0);
      assert.deepEqual(state.starts, [log.startOffset]);
      log.config = { ...config, retentionMs: 1_000 };
      await engine.enforceRetention();
      assert.equal(log.startOffset, 40);
      assert.equal(log.sizeBytes, 0);
      log.append([batchOf(40, 100, Date.now())]);
      await committed(engine);
      await engine.enforceRetention();
      assert.equal(log.startOffset, 40);
      await engine.close();
      const again = await start();
      const { log: reopened } = open(again, 1, config);
      assert.deepEqual([reopened.startOffset, reopened.endOffset], [40, 41]);
      assert.deepEqual(await readAll(reopened), await readAll(log));
    },
  );

  check('a size below 0 is no limit, and with 0 nothing stays', async ({ start }) => {
    const engine = await start();
    const config = { ...defaultConfig, segmentBytes: 1_000, retentionBytes: -5 };
    const { log } = open(engine, 1, config);
    for (let i = 0; i < 10; i++) log.append([batchOf(i, 200)]);
    await committed(engine);
    await engine.flush();
    await engine.enforceRetention();
    assert.equal(log.startOffset, 0);
    log.append([batchOf(10, 200)]);
    await committed(engine);
    log.config = { ...config, retentionBytes: 0 };
    await engine.enforceRetention();
    assert.deepEqual([log.startOffset, log.sizeBytes], [11, 0]);
    await engine.close();
  });

  check('retention by size also counts what no segment holds yet', async ({ start }) => {
    const engine = await start();
    const config = { ...defaultConfig, segmentBytes: 1_000, retentionBytes: 3_000 };
    const { log } = open(engine, 1, config);
    for (let i = 0; i < 40; i++) log.append([batchOf(i, 200)]);
    await committed(engine);
    await engine.enforceRetention();
    assert.ok(log.sizeBytes >= 3_000 && log.sizeBytes < 4_200, `${log.sizeBytes} bytes are left`);
    await engine.close();
  });

  check('a segment that begins without a timestamp is over segment.ms after it was begun', async ({ start }) => {
    const engine = await start();
    const { log } = open(engine, 1, { ...defaultConfig, segmentMs: 50, retentionBytes: 0 });
    const { segments } = log as Log;
    for (let i = 0; i < 2; i++) log.append([batchOf(i, 200, -1)]);
    await committed(engine);
    await engine.flush();
    assert.equal(segments.count, 1);
    await sleep(60);
    log.append([batchOf(2, 200, Date.now())]);
    await committed(engine);
    await engine.flush();
    assert.equal(segments.count, 2);
    await engine.close();
  });

  check('retention by size counts segments that a small index closes', async ({ start }) => {
    const engine = await start();
    const small = { segmentIndexBytes: 24, indexIntervalBytes: 0, retentionBytes: 1 };
    const { log } = open(engine, 1, { ...defaultConfig, ...small });
    for (let i = 0; i < 20; i++) log.append([batchOf(i, 20, i)]);
    await committed(engine);
    await engine.enforceRetention();
    assert.ok(log.startOffset > 10, `the log starts at ${log.startOffset}`);
    await engine.close();
  });

  check('records without a timestamp are as old as their file', async ({ start }) => {
    const engine = await start();
    const config = { ...defaultConfig, segmentBytes: 1_000, retentionMs: 3_600_000 };
    const { log } = open(engine, 1, config);
    for (let i = 0; i < 10; i++) log.append([batchOf(i, 200, -1)]);
    await committed(engine);
    assert.deepEqual(await log.findMaxTimestamp(10), { timestampMs: -1, offset: 0, leaderEpoch: 0 });
    await engine.enforceRetention();
    assert.equal(log.startOffset, 0);
    assert.deepEqual(await log.findMaxTimestamp(10), { timestampMs: -1, offset: 0, leaderEpoch: 0 });
    log.config = { ...config, retentionMs: 0 };
    await sleep(20);
    await engine.enforceRetention();
    assert.equal(log.startOffset, 10);
    await engine.close();
  });

  check(
    'a deleted partition leaves its directory, and a new one of the same name begins empty',
    async ({ start, files, directory }) => {
      const engine = await start();
      const { log } = open(engine, 1);
      log.append([batchOf(0, 20_000)]);
      await committed(engine);
      await engine.flush();
      log.delete();
      const state = new RememberingState();
      const fresh = engine.openLog(partitionId(1, 99), defaultConfig, state);
      fresh.append([batchOf(0, 10)]);
      await committed(engine);
      await engine.flush();
      const metadata = (await files.readFile(`${directory}/topic1-0/partition.metadata`)).toString();
      assert.equal(metadata, `version: 0\ntopic_id: ${topicIdOf(99)}\n`);
      await engine.close();
      const again = await start();
      const reopened = again.openLog(partitionId(1, 99), defaultConfig, new RememberingState());
      again.discardUnopened();
      assert.equal(reopened.endOffset, 1);
      assert.deepEqual(await readAll(reopened), batchOf(0, 10));
    },
  );

  check('what nobody opens is kept until it is discarded', async ({ start, files, directory }) => {
    const engine = await start();
    open(engine, 1).log.append([batchOf(0, 10)]);
    open(engine, 2).log.append([batchOf(0, 10)]);
    await committed(engine);
    await engine.close();
    const second = await start();
    assert.equal(open(second, 1).log.endOffset, 1);
    await second.close();
    const third = await start();
    assert.equal(open(third, 2).log.endOffset, 1);
    third.discardUnopened();
    await third.close();
    assert.deepEqual(
      (await files.list(directory)).filter((name) => name === 'topic1-0'),
      [],
    );
    const fourth = await start();
    assert.equal(open(fourth, 1).log.endOffset, 0);
    assert.equal(open(fourth, 2).log.endOffset, 1);
  });

  check(
    'the same broker id twice over one directory is refused in one sentence, another id is not',
    async ({ start, directory }) => {
      await start();
      await assert.rejects(start(), (error: Error & { code: string }) => {
        assert.equal(error.code, 'IN_USE');
        assert.ok(error.message.includes(directory) && error.message.includes('id 1'), error.message);
        return true;
      });
      const other = await start({ brokerId: 2 });
      assert.equal(other.uncleanStart, false);
    },
  );

  check('callbacks come in ticket order, written before committed', async ({ start }) => {
    const engine = await start();
    const { log } = open(engine, 1);
    const seen: string[] = [];
    for (let i = 0; i < 5; i++) {
      const ticket = log.append([batchOf(log.endOffset, 6_000)]);
      engine.whenCommitted(ticket, () => seen.push(`committed ${ticket}`));
      engine.whenWritten(ticket, () => seen.push(`written ${ticket}`));
    }
    await committed(engine);
    for (const kind of ['written', 'committed']) {
      const tickets = seen.filter((line) => line.startsWith(kind)).map((line) => Number(line.split(' ')[1]));
      assert.equal(tickets.length, 5);
      assert.deepEqual(
        tickets,
        tickets.toSorted((a, b) => a - b),
      );
    }
    for (const line of seen.filter((line) => line.startsWith('committed'))) {
      assert.ok(seen.indexOf(line.replace('committed', 'written')) < seen.indexOf(line));
    }
    let immediate = false;
    engine.whenCommitted(1, () => (immediate = true));
    assert.ok(immediate, 'a ticket that is done calls back at once');
  });
}
