// Random work, random crashes of a disk that forgets what was not synced, and a model that knows what was acknowledged.
// Partitions are also deleted and made again under the same name at once. Some batches stand for abort markers: what files
// and state together say of aborted transactions must be what the surviving batches say.
// A failure names its seed: OTTLA_SEED=<seed> OTTLA_SEEDS=1 runs that one again, OTTLA_SEEDS=2000 looks further;
// OTTLA_RETENTION=1 adds deletion by age.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dice } from '../../test/dice.ts';
import * as batches from '../records/record-batch.ts';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import { AbortedEntries, type AbortedTransaction, collectAborted } from './aborted-index.ts';
import { type Engine, openStorage } from './engine.ts';
import {
  batchOf,
  defaultConfig,
  partitionId,
  RememberingState,
  readAll,
  runtimeOver,
  smallSettings,
} from './storage.suite.ts';
import type { Durability, PartitionLog } from './storage.ts';

const config = {
  ...defaultConfig,
  segmentBytes: 30_000,
  indexIntervalBytes: 1_000,
  retentionMs: process.env.OTTLA_RETENTION === undefined ? -1 : 3_600_000,
};
const partitions = 4;

/** What a partition was given, and what of it may never be lost again. */
class Model {
  readonly number: number;
  topicNumber: number;
  batches: Buffer[] = [];
  endOffset = 0;
  /** Everything below was acknowledged, or served after a start. */
  safeEnd = 0;
  safeStart = 0;

  constructor(number: number) {
    this.number = this.topicNumber = number;
  }

  /** Deleted, and made again under the same name with a topic id of its own. */
  remake(): void {
    this.topicNumber += partitions;
    this.batches = [];
    this.endOffset = this.safeEnd = this.safeStart = 0;
  }

  add(batch: Buffer): void {
    this.batches.push(Buffer.from(batch));
    this.endOffset = Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23) + 1;
  }

  bytesBetween(start: number, end: number): Buffer {
    return Buffer.concat(
      this.batches.filter((batch) => {
        const base = Number(batch.readBigInt64BE(0));
        return base + batch.readInt32BE(23) >= start && base < end;
      }),
    );
  }

  /** After a start: what is beyond `end` never happened. */
  cut(end: number): void {
    while (this.batches.length > 0 && Number(this.batches[this.batches.length - 1]!.readBigInt64BE(0)) >= end) {
      this.batches.pop();
    }
    this.endOffset = this.safeEnd = end;
  }
}

/** A batch as an abort marker: of that producer, whose transaction began so many offsets before. */
function markAborted(batch: Buffer, producerId: number, offsetsBefore: number): void {
  batch.writeInt16BE(batches.CONTROL_BIT, batches.ATTRIBUTES_AT);
  batch.writeBigInt64BE(BigInt(producerId), batches.PRODUCER_ID_AT);
  batch.writeInt32BE(offsetsBefore, batches.BASE_SEQUENCE_AT);
  batches.updateCrc(batch, 0);
}

function abortedBy(batch: Buffer): (AbortedTransaction & { readonly markerOffset: number }) | undefined {
  if (!batches.isControl(batch, 0)) return undefined;
  const markerOffset = batches.baseOffset(batch, 0);
  const firstOffset = markerOffset - batches.baseSequence(batch, 0);
  return { producerId: batches.producerId(batch, 0), firstOffset, markerOffset };
}

const SNAPSHOT_TEXT_BYTES = 24;

/** Also remembers aborted transactions, as a partition does. */
class AbortingState extends RememberingState {
  readonly aborted = new AbortedEntries();

  override snapshot(): Uint8Array {
    const bytes = Buffer.alloc(SNAPSHOT_TEXT_BYTES + this.aborted.encodedBytes);
    bytes.set(super.snapshot());
    this.aborted.encode(bytes, SNAPSHOT_TEXT_BYTES);
    return bytes;
  }
  override restore(snapshot: Uint8Array): void {
    super.restore(snapshot.subarray(0, SNAPSHOT_TEXT_BYTES));
    this.aborted.decode(Buffer.from(snapshot), SNAPSHOT_TEXT_BYTES);
  }
  override replayBatch(batch: Buffer): void {
    super.replayBatch(batch);
    this.appended(batch);
  }
  appended(batch: Buffer): void {
    const found = abortedBy(batch);
    if (found === undefined) return;
    const { producerId, firstOffset, markerOffset } = found;
    this.aborted.add(producerId, firstOffset, markerOffset, markerOffset + 1);
  }
}

interface Opened {
  readonly log: PartitionLog;
  readonly state: AbortingState;
}

async function verifyAborted({ log, state }: Opened, model: Model, where: string, dice: Dice): Promise<void> {
  const known = model.batches.map(abortedBy).filter((aborted) => aborted !== undefined);
  const span = log.endOffset - log.startOffset;
  for (const part of [0, 0.5, 0.9, dice.below(100) / 100]) {
    const from = log.startOffset + Math.floor(span * part);
    const limit = part === 0 ? log.endOffset : from + dice.below(log.endOffset - from + 1);
    const { indexedOffset } = state.aborted;
    const inMemory: AbortedTransaction[] = [];
    collectAborted(state.aborted.bytes(), from, limit, inMemory);
    const inFiles = from < indexedOffset ? await log.readAborted(from, limit, indexedOffset) : [];
    const expected = known
      .filter(({ firstOffset, markerOffset }) => markerOffset >= from && firstOffset < limit)
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
    assert.deepEqual([...inFiles, ...inMemory], expected, `${where}: aborted in [${from}, ${limit})`);
  }
}

interface Running {
  readonly engine: Engine;
  readonly logs: Opened[];
  readonly failed: () => boolean;
}

async function start(disk: UnsyncedFiles, durability: Durability, models: Model[], dice: Dice): Promise<Running> {
  let failed = false;
  const engine = await openStorage({
    runtime: runtimeOver(disk.files, {
      // Real time would make a seed's run differ from its next.
      timers: {
        set: (delayMs, callback) => {
          const handle = delayMs < 1_000 ? setImmediate(callback) : undefined;
          return { cancel: () => handle && clearImmediate(handle) };
        },
        defer: (callback) => void setImmediate(callback),
      },
      random: {
        bytes: (count) => Buffer.from(Array.from({ length: count }, () => dice.below(256))),
        below: dice.below,
      },
    }),
    directory: '/data',
    brokerId: 1,
    durability,
    settings: { ...smallSettings, spaceCheckMs: 1_000_000, formingBytesMax: 2 ** 30 },
    onFailure: () => {
      failed = true;
    },
  });
  const logs = models.map((model) => openFor(engine, model));
  engine.discardUnopened();
  return { engine, logs, failed: () => failed };
}

function openFor(engine: Engine, model: Model): Opened {
  const state = new AbortingState();
  const log = engine.openLog(partitionId(model.number, model.topicNumber), config, state);
  state.log = log;
  const { topicNumber } = model;
  state.committed = (offset) => {
    if (model.topicNumber === topicNumber) model.safeEnd = Math.max(model.safeEnd, offset);
  };
  state.startMoved = (offset) => {
    if (model.topicNumber === topicNumber) model.safeStart = Math.max(model.safeStart, offset);
  };
  return { log, state };
}

async function verify({ logs }: Running, models: Model[], title: string, mayLose: boolean, dice: Dice): Promise<void> {
  for (const [i, { log, state }] of logs.entries()) {
    const model = models[i] as Model;
    const where = `${title}, partition ${i}`;
    if (!mayLose) {
      assert.ok(
        log.endOffset >= model.safeEnd,
        `${where}: ends at ${log.endOffset}, ${model.safeEnd} was acknowledged`,
      );
      assert.ok(
        log.startOffset >= model.safeStart,
        `${where}: starts at ${log.startOffset}, was moved to ${model.safeStart}`,
      );
    }
    assert.ok(log.endOffset <= model.endOffset, `${where}: holds what was never appended`);
    const bytes = await readAll(log);
    assert.deepEqual(bytes, model.bytesBetween(log.startOffset, log.endOffset), `${where}: bytes`);
    const from = Number(/\d+/.exec(state.restored ?? '0')?.[0]);
    const expected = model.batches
      .map((batch) => Number(batch.readBigInt64BE(0)))
      .filter((base) => base >= from && base < log.endOffset);
    assert.deepEqual(state.replayed, expected, `${where}: replayed from ${from}`);
    model.cut(log.endOffset);
    model.safeStart = log.startOffset;
    await verifyAborted({ log, state }, model, where, dice);
  }
}

async function work({ engine, logs, failed }: Running, models: Model[], dice: Dice): Promise<void> {
  const steps = dice.below(120);
  for (let step = 0; step < steps && !failed() && engine.writable; step++) {
    const index = dice.below(3) === 0 ? 0 : dice.below(partitions);
    const { log, state } = logs[index] as Opened;
    const model = models[index] as Model;
    switch (dice.below(14)) {
      case 0:
        // Not awaited for ever: the engine may fail.
        for (let turns = 0; log.committedOffset < log.endOffset && turns < 200 && !failed(); turns++) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        break;
      case 1:
        if (log.committedOffset > log.startOffset && dice.below(4) === 0) {
          log.moveStart(log.startOffset + dice.below(log.committedOffset - log.startOffset + 1));
        }
        break;
      case 2:
        if (dice.below(3) === 0) void engine.enforceRetention().catch(() => {});
        break;
      case 3:
        if (dice.below(4) === 0) void engine.flush().catch(() => {});
        break;
      case 4:
      case 5:
        for (let turns = dice.below(6); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
        break;
      case 6:
        if (log.committedOffset > log.startOffset) {
          const from = log.startOffset + dice.below(log.committedOffset - log.startOffset);
          const { parts } = await log.read(from, 10_000, log.committedOffset, true);
          const bytes = Buffer.concat(parts);
          if (failed()) return;
          assert.ok(bytes.length > 0);
          const first = bytes.subarray(0, batches.batchLength(bytes, 0));
          assert.ok(
            model.batches.some((batch) => batch.equals(first)),
            'what is read was appended',
          );
        }
        break;
      case 7:
        if (dice.below(4) > 0) break;
        log.delete();
        model.remake();
        logs[index] = openFor(engine, model);
        break;
      case 8:
        await verifyAborted({ log, state }, model, 'meanwhile', dice).catch((error) => {
          if (!failed()) throw error;
        });
        break;
      default: {
        const batch = batchOf(log.endOffset, [5, 50, 500, 2_000, 9_000, 25_000][dice.below(6)] as number, 1_000 + step);
        // Different bytes at the same offset after a crash, so that a mix-up shows.
        batch.writeUInt32BE(dice.below(2 ** 31), batch.length - 5);
        batches.updateCrc(batch, 0);
        const newest = model.batches.findLast((known) => batches.isControl(known, 0));
        const room = log.endOffset - (newest === undefined ? 0 : batches.nextOffset(newest, 0));
        if (room > 0 && dice.below(3) === 0) markAborted(batch, dice.below(1_000_000), 1 + dice.below(room));
        model.add(batch);
        state.appended(batch);
        log.append([batch]);
      }
    }
  }
}

async function scenario(seed: number, durability: Durability): Promise<void> {
  const dice = new Dice(seed);
  const delay = (): Promise<void> | undefined => {
    if (dice.below(3) > 0) return undefined;
    return new Promise((resolve) => setImmediate(resolve));
  };
  let disk = new UnsyncedFiles({ delay });
  const models = Array.from({ length: partitions }, (_, i) => new Model(i + 1));
  const rounds = 3 + dice.below(4);
  for (let round = 0; round < rounds; round++) {
    const running = await start(disk, durability, models, dice);
    await verify(running, models, `seed ${seed}, round ${round}`, durability !== 'fsync', dice);
    if (dice.below(8) === 0)
      disk.faults.push({ operation: 'sync', path: /./, code: 'EIO', skip: dice.below(40), times: 1 });
    if (dice.below(6) > 0) await work(running, models, dice);
    const end = dice.below(6);
    if (end === 0 && !running.failed()) await running.engine.close().catch(() => {});
    disk.faults.length = 0;
    if (end === 0) disk = disk.kill();
    else if (end === 1) disk = disk.kill();
    else disk = disk.crash(end === 2 ? undefined : dice.below);
  }
}

for (const durability of ['fsync', 'os'] as const) {
  test(`${durability}: whatever is crashed when, nothing safe is lost, nothing else appears`, async () => {
    const from = Number(process.env.OTTLA_SEED ?? 1);
    const count = Number(process.env.OTTLA_SEEDS ?? 50);
    for (let seed = from; seed < from + count; seed++) {
      try {
        await scenario(seed, durability);
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
      }
    }
  });
}
