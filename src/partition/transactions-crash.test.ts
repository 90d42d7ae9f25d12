// Transactions in a partition over the real engine, on a disk that forgets what was not synced: producers write and end
// transactions, late batches and markers come in between, crashes come at any moment. After each start, and in between, the
// partition must say what a model says that looks at nothing but the list of what was appended.
// A failure names its seed: OTTLA_SEED=<seed> OTTLA_SEEDS=1 runs that one again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dice } from '../../test/dice.ts';
import { readable } from '../client/aborted-transactions.ts';
import { Configs } from '../metadata/configs/configs.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { ControlType } from '../records/control-batch.ts';
import { readBatches } from '../records/read-batches.ts';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import { type Engine, openStorage } from '../storage/engine.ts';
import { runtimeOver, smallSettings } from '../storage/storage.suite.ts';
import { IsolationLevel, Partition } from './partition.ts';
import { batchOf, ManualMetadata, ManualTime } from './partition-world.suite.ts';

const PRODUCERS = [1, 2, 3, 4];

/** One batch of the log. */
interface Appended {
  readonly producerId: number;
  readonly epoch: number;
  readonly baseOffset: number;
  readonly values: readonly string[];
  readonly lastSequence: number;
  /** Undefined: records. */
  readonly end?: 'commit' | 'abort';
}

/** What the list of batches means, worked out from its beginning each time. */
class Model {
  appended: Appended[] = [];

  get endOffset(): number {
    const last = this.appended.at(-1);
    return last === undefined ? 0 : last.baseOffset + Math.max(1, last.values.length);
  }

  cut(endOffset: number): void {
    this.appended = this.appended.filter(({ baseOffset }) => baseOffset < endOffset);
  }

  producer(id: number): { epoch: number; lastSequence: number; firstOffset: number } {
    let epoch = -1;
    let lastSequence = -1;
    let firstOffset = -1;
    for (const batch of this.appended) {
      if (batch.producerId !== id) continue;
      if (batch.epoch !== epoch) lastSequence = -1;
      epoch = batch.epoch;
      if (batch.end !== undefined) firstOffset = -1;
      else {
        lastSequence = batch.lastSequence;
        if (firstOffset < 0) firstOffset = batch.baseOffset;
      }
    }
    return { epoch, lastSequence, firstOffset };
  }

  /** Every transaction: where it begins, and its marker if there is one. */
  transactions(): { producerId: number; firstOffset: number; marker: Appended | undefined }[] {
    const all: { producerId: number; firstOffset: number; marker: Appended | undefined }[] = [];
    const open = new Map<number, { producerId: number; firstOffset: number; marker: Appended | undefined }>();
    for (const batch of this.appended) {
      const { producerId } = batch;
      const known = open.get(producerId);
      if (batch.end !== undefined) {
        if (known !== undefined) known.marker = batch;
        open.delete(producerId);
      } else if (known === undefined) {
        const begun = { producerId, firstOffset: batch.baseOffset, marker: undefined };
        all.push(begun);
        open.set(producerId, begun);
      }
    }
    return all;
  }

  lastStableOffset(highWatermark: number, startOffset: number): number {
    const unstable = this.transactions().filter(
      ({ marker }) => marker === undefined || marker.baseOffset >= highWatermark,
    );
    const first = Math.min(...unstable.map(({ firstOffset }) => firstOffset));
    return Math.min(highWatermark, Math.max(first, startOffset));
  }

  aborted(from: number, limit: number): { producerId: number; firstOffset: number }[] {
    return this.transactions()
      .filter(({ marker, firstOffset }) => marker?.end === 'abort' && marker.baseOffset >= from && firstOffset < limit)
      .sort((a, b) => a.marker!.baseOffset - b.marker!.baseOffset)
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
  }

  /** Values of committed transactions in [from, limit). */
  committed(from: number, limit: number): string[] {
    const decided = this.transactions().filter(({ marker }) => marker?.end === 'commit');
    const isCommitted = ({ producerId, baseOffset }: Appended) =>
      decided.some(
        (one) => one.producerId === producerId && one.firstOffset <= baseOffset && baseOffset < one.marker!.baseOffset,
      );
    return this.appended
      .filter(isCommitted)
      .flatMap(({ baseOffset, values }) => values.filter((_, i) => baseOffset + i >= from && baseOffset + i < limit));
  }
}

/** Undefined when the log's start has moved past what was being read. */
async function readCommitted(partition: Partition, from: number): Promise<string[] | undefined> {
  const values: string[] = [];
  const limit = partition.lastStableOffset;
  for (let offset = from; offset < limit; ) {
    const result = partition.read({
      offset,
      maxBytes: 3_000,
      atLeastOne: true,
      isolationLevel: IsolationLevel.READ_COMMITTED,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
    });
    if (offset < partition.logStartOffset) return undefined;
    assert.equal(result.errorCode, ErrorCode.NONE);
    const bytes = Buffer.concat((await result.read)?.parts ?? []);
    const batches = [...readBatches(bytes)];
    const end = batches.at(-1)!.lastOffset + 1;
    for (const { batch, isReadable } of readable(batches, await partition.abortedTransactions(offset, end))) {
      if (!isReadable) continue;
      for (const record of batch.records()) {
        // The last stable offset may have moved on meanwhile.
        if (record.offset >= from && record.offset < limit) values.push(String(record.value));
      }
    }
    offset = end;
  }
  return values;
}

/** One partition in one life of the engine, and what was done to it. */
class Life {
  readonly model: Model;
  readonly partition: Partition;
  readonly engine: Engine;
  readonly dice: Dice;
  readonly title: string;
  #stableBefore = 0;

  constructor(model: Model, partition: Partition, engine: Engine, dice: Dice, title: string) {
    this.model = model;
    this.partition = partition;
    this.engine = engine;
    this.dice = dice;
    this.title = title;
  }

  send(): void {
    const { model, partition, dice } = this;
    const producerId = PRODUCERS[dice.below(PRODUCERS.length)]!;
    const { epoch, lastSequence, firstOffset } = model.producer(producerId);
    let asked = false;
    const count = 1 + dice.below(dice.below(8) === 0 ? 120 : 4);
    const values = Array.from({ length: count }, (_, i) => `${producerId}:${partition.logEndOffset + i}`);
    const sent = { producerId, producerEpoch: Math.max(epoch, 0), baseSequence: lastSequence + 1 };
    const result = partition.append(batchOf(values, { ...sent, isTransactional: true }), {
      acks: -1,
      origin: 'client',
      produceVersion: 12,
      admit: () => {
        asked = true;
        return ErrorCode.NONE;
      },
    });
    if (result.errorCode === ErrorCode.KAFKA_STORAGE_ERROR) return;
    assert.equal(asked, firstOffset < 0, `${this.title}: the coordinator is asked at the first batch alone`);
    assert.equal(result.errorCode, ErrorCode.NONE, this.title);
    model.appended.push({
      producerId,
      epoch: sent.producerEpoch,
      baseOffset: result.baseOffset,
      values,
      lastSequence: lastSequence + count,
    });
  }

  /** Of an epoch that a marker has ended. */
  sendLate(): void {
    const { model, partition, dice } = this;
    const producerId = PRODUCERS[dice.below(PRODUCERS.length)]!;
    const { epoch } = model.producer(producerId);
    if (epoch < 1) return;
    const late = { producerId, producerEpoch: dice.below(epoch), baseSequence: dice.below(5), isTransactional: true };
    const result = partition.append(batchOf(['late'], late), {
      acks: -1,
      origin: 'client',
      produceVersion: 12,
      admit: () => assert.fail('nobody needs to be asked'),
    });
    if (result.errorCode === ErrorCode.KAFKA_STORAGE_ERROR) return;
    assert.equal(result.errorCode, ErrorCode.INVALID_PRODUCER_EPOCH, this.title);
  }

  end(): void {
    const { model, partition, dice } = this;
    const producerId = PRODUCERS[dice.below(PRODUCERS.length)]!;
    const { epoch, firstOffset } = model.producer(producerId);
    const transactionVersion = dice.below(3);
    const isLate = dice.below(4) === 0;
    const producerEpoch = Math.max(0, transactionVersion === 2 && !isLate ? epoch + 1 : epoch);
    const end = dice.below(2) === 0 ? 'commit' : 'abort';
    const type = end === 'commit' ? ControlType.COMMIT : ControlType.ABORT;
    const marker = { type, producerId, producerEpoch, coordinatorEpoch: 0, transactionVersion };
    const { errorCode, baseOffset } = partition.appendMarker(marker);
    if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR) return;
    if (transactionVersion === 2 && producerEpoch <= epoch && firstOffset >= 0) {
      assert.equal(errorCode, ErrorCode.INVALID_PRODUCER_EPOCH, this.title);
      return;
    }
    assert.equal(errorCode, ErrorCode.NONE, this.title);
    model.appended.push({ producerId, epoch: producerEpoch, baseOffset, values: [], lastSequence: -1, end });
  }

  async verify(): Promise<void> {
    const { model, partition, dice, title } = this;
    const { highWatermark, lastStableOffset, logStartOffset } = partition;
    assert.equal(partition.logEndOffset, model.endOffset, `${title}: end`);
    assert.equal(
      lastStableOffset,
      model.lastStableOffset(highWatermark, logStartOffset),
      `${title}: last stable offset`,
    );
    assert.ok(lastStableOffset >= this.#stableBefore, `${title}: the last stable offset went back`);
    this.#stableBefore = lastStableOffset;
    for (const producerId of PRODUCERS) {
      const expected = model.producer(producerId);
      const found = [...partition.describeProducers()].find((one) => one.producerId === producerId);
      assert.deepEqual(
        [found?.producerEpoch ?? -1, found?.lastSequence ?? -1, found?.currentTxnStartOffset ?? -1],
        [expected.epoch, expected.lastSequence, expected.firstOffset],
        `${title}: producer ${producerId}`,
      );
    }
    const from = logStartOffset + dice.below(lastStableOffset - logStartOffset + 1);
    const limit = from + dice.below(lastStableOffset - from + 1);
    assert.deepEqual(await partition.abortedTransactions(from, limit), model.aborted(from, limit), `${title}: aborted`);
    const start = dice.below(3) === 0 ? from : logStartOffset;
    const visible = model.committed(start, partition.lastStableOffset);
    const read = await readCommitted(partition, start);
    assert.deepEqual(read ?? visible, visible, `${title}: what is committed is visible`);
  }
}

async function scenario(seed: number): Promise<void> {
  const dice = new Dice(seed);
  const time = new ManualTime();
  const config = new Configs({ metadata: new ManualMetadata(), nodeId: 1, staticValues: new Map() }).topic('t');
  const delay = () => (dice.below(3) > 0 ? undefined : new Promise<void>((resolve) => setImmediate(resolve)));
  let disk = new UnsyncedFiles({ delay });
  const model = new Model();
  let stable = 0;
  const rounds = 3 + dice.below(3);
  for (let round = 0; round <= rounds; round++) {
    const engine = await openStorage({
      runtime: runtimeOver(disk.files),
      directory: '/data',
      brokerId: 1,
      durability: 'fsync',
      settings: { ...smallSettings, spaceCheckMs: 1_000_000 },
    });
    const id = { topic: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partition: 0 };
    const image = { leader: 1, leaderEpoch: round, replicas: [1], isr: [1] };
    const dependencies = { storage: engine, clock: time };
    const partition = new Partition(dependencies, id, { ...config, segmentBytes: 6_000 }, image);
    engine.discardUnopened();
    model.cut(partition.logEndOffset);
    const life = new Life(model, partition, engine, dice, `seed ${seed}, round ${round}`);
    assert.ok(partition.lastStableOffset >= stable, 'what was stable is so after a crash');
    await life.verify();
    for (let step = dice.below(200); step > 0; step--) {
      const action = dice.below(24);
      if (action < 10) life.send();
      else if (action < 16) life.end();
      else if (action === 16) life.sendLate();
      else if (action < 20) await new Promise((resolve) => setImmediate(resolve));
      else if (action === 20 && dice.below(3) === 0) await engine.flush();
      else if (action === 21 && dice.below(10) === 0) {
        partition.deleteRecords(Math.max(0, partition.highWatermark - dice.below(60)));
      } else if (action === 22) partition.removeExpiredProducers(1_000);
      else await life.verify();
    }
    // Without a start that was moved, which the crash may forget.
    stable = model.lastStableOffset(partition.highWatermark, 0);
    if (round === rounds || dice.below(4) === 0) {
      await engine.close();
      disk = disk.kill();
    } else {
      disk = dice.below(2) === 0 ? disk.crash(dice.below) : disk.crash();
    }
  }
}

test('whatever crashes when, a partition knows its transactions as its batches tell them', async () => {
  const from = Number(process.env.OTTLA_SEED ?? 1);
  const count = Number(process.env.OTTLA_SEEDS ?? 25);
  for (let seed = from; seed < from + count; seed++) {
    try {
      await scenario(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
});
