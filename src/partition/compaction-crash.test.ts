// Compaction of a partition over the real engine, on a disk that forgets what was not synced: producers write keys, deletions
// and transactions in every codec, compaction and retention come in between, crashes come at any moment, also in the middle of
// a swap of segments. What is read must be what a model says that knows nothing but the list of what was appended.
// A failure names its seed: OTTLA_SEED=<seed> OTTLA_SEEDS=1 runs that one again, OTTLA_SEEDS=1000 looks further.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dice } from '../../test/dice.ts';
import { readable } from '../client/aborted-transactions.ts';
import { Configs } from '../metadata/configs/configs.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { buildBatch } from '../records/build-batch.ts';
import { Compression } from '../records/compression-type.ts';
import { ControlType } from '../records/control-batch.ts';
import { readBatches } from '../records/read-batches.ts';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import type { Random, Timers } from '../runtime/runtime.ts';
import { type Engine, openStorage } from '../storage/engine.ts';
import type { Log } from '../storage/partition-log.ts';
import { runtimeOver, smallSettings } from '../storage/storage.suite.ts';
import { IsolationLevel, Partition } from './partition.ts';
import { ManualMetadata, ManualTime } from './partition-world.suite.ts';

const PRODUCERS = [1, 2, 3];
const KEYS = 12;
const CODECS = [Compression.NONE, Compression.NONE, Compression.GZIP, Compression.SNAPPY, Compression.LZ4];
const DELETE_RETENTION_MS = 10_000;

interface Written {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
  readonly timestampMs: number;
}

interface Appended {
  readonly baseOffset: number;
  readonly endOffset: number;
  /** −1: none. */
  readonly producerId: number;
  readonly epoch: number;
  readonly lastSequence: number;
  readonly isTransactional: boolean;
  readonly records: readonly Written[];
  readonly end?: 'commit' | 'abort';
}

class Model {
  appended: Appended[] = [];

  cut(endOffset: number): void {
    this.appended = this.appended.filter(({ baseOffset }) => baseOffset < endOffset);
  }

  producer(id: number): { epoch: number; lastSequence: number; firstOffset: number } {
    let found = { epoch: -1, lastSequence: -1, firstOffset: -1 };
    for (const { producerId, epoch, lastSequence, baseOffset, isTransactional, end } of this.appended) {
      if (producerId !== id) continue;
      const kept = epoch === found.epoch ? found.lastSequence : -1;
      if (end !== undefined) found = { epoch, lastSequence: kept, firstOffset: -1 };
      else {
        const firstOffset = isTransactional && found.firstOffset < 0 ? baseOffset : found.firstOffset;
        found = { epoch, lastSequence, firstOffset };
      }
    }
    return found;
  }

  /** Records that a reader of committed ones may see, in [from, limit). */
  visible(from: number, limit: number): Written[] {
    const ends = this.appended.filter(({ end }) => end !== undefined);
    return this.appended
      .filter(({ isTransactional, producerId, baseOffset, end }) => {
        if (end !== undefined) return false;
        if (!isTransactional) return true;
        return ends.find((one) => one.producerId === producerId && one.baseOffset > baseOffset)?.end === 'commit';
      })
      .flatMap(({ records }) => records.filter(({ offset }) => offset >= from && offset < limit));
  }
}

class Life {
  readonly model: Model;
  readonly partition: Partition;
  readonly log: Log;
  readonly engine: Engine;
  readonly dice: Dice;
  readonly time: ManualTime;
  readonly title: string;

  /** Whether compaction or retention may be under way. */
  readonly isBusy: () => boolean;

  constructor(given: Omit<Life, 'send' | 'end' | 'read' | 'verify' | 'verifyCompacted' | 'verifyTimestamps'>) {
    this.isBusy = given.isBusy;
    this.model = given.model;
    this.partition = given.partition;
    this.log = given.log;
    this.engine = given.engine;
    this.dice = given.dice;
    this.time = given.time;
    this.title = given.title;
  }

  send(): void {
    const { model, partition, dice } = this;
    const producerId = dice.below(3) === 0 ? -1 : PRODUCERS[dice.below(PRODUCERS.length)]!;
    const known = model.producer(producerId);
    const isTransactional = producerId >= 0 && (known.firstOffset >= 0 || dice.below(2) === 0);
    const base = partition.logEndOffset;
    const epoch = producerId < 0 ? -1 : Math.max(known.epoch, 0);
    const baseSequence = producerId < 0 ? -1 : known.lastSequence + 1;
    const records = Array.from({ length: 1 + dice.below(dice.below(4) === 0 ? 30 : 4) }, (_, i) => ({
      offset: base + i,
      key: `key ${dice.below(KEYS)}`,
      value: dice.below(4) === 0 ? null : `${base + i}:${'x'.repeat(dice.below(80))}`,
      timestampMs: this.time.nowMs() - dice.below(2_000),
    }));
    const batch = buildBatch({
      records: records.map(({ key, value, timestampMs }) => ({
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        timestampMs,
        headers: dice.below(3) === 0 ? [{ key: 'h', value: Buffer.from(key) }] : [],
      })),
      compression: CODECS[dice.below(CODECS.length)]!,
      ...(producerId < 0 ? {} : { producerId, producerEpoch: epoch, baseSequence, isTransactional }),
    });
    const { errorCode } = partition.append(batch, { acks: -1, origin: 'client', admit: () => ErrorCode.NONE });
    if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR) return;
    assert.equal(errorCode, ErrorCode.NONE, this.title);
    const lastSequence = producerId < 0 ? -1 : baseSequence + records.length - 1;
    const endOffset = base + records.length;
    model.appended.push({ baseOffset: base, endOffset, producerId, epoch, lastSequence, isTransactional, records });
  }

  end(): void {
    const { model, partition, dice } = this;
    const producerId = PRODUCERS[dice.below(PRODUCERS.length)]!;
    const { epoch } = model.producer(producerId);
    const end = dice.below(2) === 0 ? 'commit' : 'abort';
    const type = end === 'commit' ? ControlType.COMMIT : ControlType.ABORT;
    const producerEpoch = epoch + 1;
    const { errorCode, baseOffset } = partition.appendMarker({
      type,
      producerId,
      producerEpoch,
      coordinatorEpoch: 0,
      transactionVersion: 2,
    });
    if (errorCode !== ErrorCode.NONE) return;
    model.appended.push({
      baseOffset,
      endOffset: baseOffset + 1,
      producerId,
      epoch: producerEpoch,
      lastSequence: -1,
      isTransactional: true,
      records: [],
      end,
    });
  }

  /** Undefined when retention has moved the log's start past what was being read. */
  async read(from: number, limit: number, isolationLevel: IsolationLevel): Promise<Written[] | undefined> {
    const { partition, title } = this;
    const found: Written[] = [];
    for (let offset = from; offset < limit; ) {
      const { compactions } = partition;
      const result = partition.read({
        offset,
        maxBytes: 20_000,
        atLeastOne: true,
        isolationLevel,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
      });
      if (offset < partition.logStartOffset) return undefined;
      assert.equal(result.errorCode, ErrorCode.NONE);
      const batches = [...readBatches(Buffer.concat((await result.read)?.parts ?? []))];
      assert.ok(batches.length > 0, `${title}: something can be read at ${offset} of ${limit}`);
      const end = batches.at(-1)!.lastOffset + 1;
      assert.ok(end > offset, `${title}: reads get on`);
      const all =
        isolationLevel === IsolationLevel.READ_COMMITTED
          ? readable(batches, await partition.abortedTransactions(offset, end))
          : batches.map((batch) => ({ batch, isReadable: !batch.isControl }));
      if (partition.compactions !== compactions) continue;
      for (const { batch, isReadable } of all) {
        if (!isReadable) continue;
        for (const record of batch.records()) {
          if (record.offset < from || record.offset >= limit || record.offset < offset) continue;
          const { timestampMs } = record;
          const value = record.value === null ? null : String(record.value);
          found.push({ offset: record.offset, key: String(record.key), value, timestampMs });
        }
      }
      offset = end;
    }
    return found;
  }

  async verify(): Promise<void> {
    const { model, partition, title, dice } = this;
    for (const producerId of PRODUCERS) {
      const { epoch, lastSequence, firstOffset } = model.producer(producerId);
      const found = [...partition.describeProducers()].find((one) => one.producerId === producerId);
      assert.deepEqual(
        [found?.producerEpoch ?? -1, found?.lastSequence ?? -1, found?.currentTxnStartOffset ?? -1],
        [epoch, lastSequence, firstOffset],
        `${title}: producer ${producerId}`,
      );
    }
    const { logStartOffset: start, lastStableOffset: limit } = partition;
    const visible = model.visible(start, limit);
    const byOffset = new Map(visible.map((record) => [record.offset, record]));
    const read = await this.read(start, limit, IsolationLevel.READ_COMMITTED);
    if (read === undefined) return;
    for (const record of read)
      assert.deepEqual(record, byOffset.get(record.offset), `${title}: what is read was visible`);
    const kept = new Set(read.map(({ offset }) => offset));
    const newest = new Map(visible.map((record) => [record.key, record]));
    for (const record of newest.values()) {
      // Deletion markers may go some time after compaction has met them.
      if (record.value === null && this.time.nowMs() - record.timestampMs > DELETE_RETENTION_MS) continue;
      assert.ok(kept.has(record.offset), `${title}: the newest record of ${record.key}, ${record.offset}, is there`);
    }
    const activeBase = this.log.flushedPlace?.activeBase ?? 0;
    for (const { offset } of visible) {
      if (offset >= activeBase) assert.ok(kept.has(offset), `${title}: ${offset} was not compacted`);
    }
    const from = start + dice.below(limit - start + 1);
    const again = await this.read(from, limit, IsolationLevel.READ_COMMITTED);
    if (again === undefined) return;
    // Compaction may have come in between.
    const between = read.filter(({ offset }) => offset >= from);
    assert.ok(
      again.every(({ offset }) => between.some((record) => record.offset === offset)),
      `${title}: nothing new from ${from}`,
    );
    await this.verifyTimestamps();
  }

  /** ListOffsets tells the first record at or after a time, whatever was rolled, removed and compacted. */
  async verifyTimestamps(): Promise<void> {
    const { partition, dice, time, title } = this;
    const { compactions } = partition;
    const all = await this.read(partition.logStartOffset, partition.highWatermark, IsolationLevel.READ_UNCOMMITTED);
    if (all === undefined || this.isBusy() || partition.compactions !== compactions) return;
    for (let i = 0; i < 3; i++) {
      const timestampMs: number = all[dice.below(all.length + 1)]?.timestampMs ?? time.nowMs() - dice.below(30_000);
      const expected: Written | undefined = all.find((record) => record.timestampMs >= timestampMs);
      const found = await partition.findTimestamp(timestampMs, IsolationLevel.READ_UNCOMMITTED);
      // Records of markers have timestamps too.
      if (found !== undefined && (expected === undefined || found.offset < expected.offset)) {
        const marker = this.model.appended.find(({ baseOffset, end }) => baseOffset === found.offset && end);
        assert.ok(
          marker !== undefined && found.timestampMs >= timestampMs,
          `${title}: ${found.offset} at ${timestampMs}`,
        );
        continue;
      }
      assert.equal(found?.offset, expected?.offset, `${title}: the offset of ${timestampMs}`);
    }
  }

  /** Below the cleaned offset a key has no older record left. */
  async verifyCompacted(): Promise<void> {
    const { log, partition, title } = this;
    const read = await this.read(partition.logStartOffset, partition.lastStableOffset, IsolationLevel.READ_COMMITTED);
    if (read === undefined) return;
    const clean = read.filter(({ offset }) => offset < log.cleanedOffset);
    assert.equal(new Set(clean.map(({ key }) => key)).size, clean.length, `${title}: one record for each key`);
  }
}

async function scenario(seed: number): Promise<{ rounds: number }> {
  const dice = new Dice(seed);
  const time = new ManualTime();
  const defaults = new Configs({ metadata: new ManualMetadata(), nodeId: 1, staticValues: new Map() }).topic('t');
  const withDelete = dice.below(3) === 0;
  const config = {
    ...defaults,
    segmentBytes: 4_000,
    indexIntervalBytes: 300,
    cleanupPolicy: withDelete ? ['compact', 'delete'] : ['compact'],
    retentionMs: withDelete ? 60_000 : -1,
    minCleanableDirtyRatio: dice.below(2) === 0 ? 0 : 0.5,
    minCompactionLagMs: dice.below(4) === 0 ? 500 : 0,
    deleteRetentionMs: DELETE_RETENTION_MS,
    fileDeleteDelayMs: 0,
  };
  const delay = () => (dice.below(3) > 0 ? undefined : new Promise<void>((resolve) => setImmediate(resolve)));
  let disk = new UnsyncedFiles({ delay });
  const model = new Model();
  let cleanings = 0;
  const rounds = 3 + dice.below(4);
  for (let round = 0; round <= rounds; round++) {
    const engine = await openStorage({
      runtime: runtimeOver(disk.files, { clock: time, timers: immediateTimers, random: randomOf(dice) }),
      directory: '/data',
      brokerId: 1,
      durability: 'fsync',
      settings: { ...smallSettings, spaceCheckMs: 1_000_000 },
    });
    // A small map makes a log take several rounds.
    const dedupeBufferBytes = dice.below(2) === 0 ? 24 * 8 : 1024 * 1024;
    const threads = 1 + dice.below(2);
    engine.startCleaning(() => ({ ...slowCleaner, threads, dedupeBufferBytes }));
    const id = { topic: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partition: 0 };
    const image = { leader: 1, leaderEpoch: round, replicas: [1], isr: [1] };
    let log: Log | undefined;
    const storage = Object.assign(Object.create(engine), {
      openLog: (...args: Parameters<Engine['openLog']>) => {
        log = engine.openLog(...args);
        return log;
      },
      whenWritten: engine.whenWritten.bind(engine),
      whenCommitted: engine.whenCommitted.bind(engine),
    });
    Object.defineProperty(storage, 'writable', { get: () => engine.writable });
    const partition = new Partition({ storage, clock: time }, id, config, image);
    engine.discardUnopened();
    model.cut(partition.logEndOffset);
    let busy = 0;
    const inBackground = (work: Promise<void>): void => {
      busy++;
      void work.catch(() => {}).finally(() => busy--);
    };
    const title = `seed ${seed}, round ${round}`;
    const life = new Life({
      model,
      partition,
      log: log as unknown as Log,
      engine,
      dice,
      time,
      title,
      isBusy: () => busy > 0,
    });
    await life.verify();
    for (let step = dice.below(250); step > 0; step--) {
      const action = dice.below(30);
      if (action < 14) life.send();
      else if (action < 18) life.end();
      else if (action < 22) await new Promise((resolve) => setImmediate(resolve));
      else if (action === 22 && dice.below(2) === 0) await engine.flush();
      else if (action === 23 && dice.below(4) === 0) {
        await engine.clean();
        if (config.minCleanableDirtyRatio === 0) await life.verifyCompacted();
        cleanings++;
      } else if (action === 24 && dice.below(3) === 0) inBackground(engine.clean());
      else if (action === 25 && dice.below(6) === 0) inBackground(engine.enforceRetention());
      else if (action === 26 && withDelete && dice.below(10) === 0) {
        partition.deleteRecords(Math.max(0, partition.highWatermark - dice.below(60)));
      } else if (action === 27) time.advance(dice.below(4_000));
      else if (dice.below(3) === 0) await life.verify();
    }
    if (round === rounds || dice.below(4) === 0) {
      await engine.close();
      disk = disk.kill();
    } else {
      if (dice.below(2) === 0) inBackground(engine.clean());
      for (let turns = dice.below(60); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
      disk = dice.below(2) === 0 ? disk.crash(dice.below) : disk.crash();
    }
  }
  return { rounds: cleanings };
}

/** Real time would make a seed's run differ from its next. */
const immediateTimers: Timers = {
  set: (delayMs, callback) => {
    const handle = delayMs < 1_000 ? setImmediate(callback) : undefined;
    return { cancel: () => handle && clearImmediate(handle) };
  },
  defer: (callback) => void setImmediate(callback),
};

function randomOf({ below }: Dice): Random {
  return { bytes: (count) => Buffer.from(Array.from({ length: count }, () => below(256))), below };
}

const slowCleaner = {
  enabled: false,
  backoffMs: 100_000_000,
  dedupeBufferBytes: 1024 * 1024,
  loadFactor: 0.9,
  ioBufferBytes: 1_000,
  ioBytesPerSecondMax: Number.MAX_VALUE,
};

test('whatever is compacted and crashes when, the newest record of every key is there, and nothing that was not', async () => {
  const from = Number(process.env.OTTLA_SEED ?? 1);
  const count = Number(process.env.OTTLA_SEEDS ?? 12);
  let cleanings = 0;
  for (let seed = from; seed < from + count; seed++) {
    try {
      cleanings += (await scenario(seed)).rounds;
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
  if (count > 10) assert.ok(cleanings > count / 4, `${cleanings} compactions were waited for`);
});
