// Partitions over the real engine, on a disk that forgets what was not synced: idempotent producers send, crashes come at
// any moment, producers send again what was not acknowledged. Every record must be there once, in order, where its
// acknowledgement said, and what was readable before a crash must be so after it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dice } from '../../test/dice.ts';
import { Configs } from '../metadata/configs/configs.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { readBatches } from '../records/read-batches.ts';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import { type Engine, openStorage } from '../storage/engine.ts';
import { runtimeOver, smallSettings } from '../storage/storage.suite.ts';
import { Partition } from './partition.ts';
import { batchOf, ManualMetadata, ManualTime } from './partition-world.suite.ts';

const SEEDS = 25;
const IN_FLIGHT_MAX = 5;

interface Sent {
  readonly sequence: number;
  readonly count: number;
}

/** One producer writing to one partition, as a client does: five requests in flight, the oldest sent again first. */
class Producer {
  readonly id: number;
  #inFlight: Sent[] = [];
  #nextSequence = 0;
  /** Rises when the connection breaks: answers that were under way are lost. */
  #connection = 0;
  #isConnected = true;
  /** Sequence of the first record of each acknowledged batch → its offset. */
  readonly acknowledged = new Map<number, number>();

  constructor(id: number) {
    this.id = id;
  }

  get isFull(): boolean {
    return this.#inFlight.length >= IN_FLIGHT_MAX;
  }

  disconnect(): void {
    this.#connection++;
    this.#isConnected = false;
  }

  send(to: Partition, engine: Engine, count: number): void {
    if (!this.#isConnected) this.sendAgain(to, engine);
    if (this.isFull) return;
    const sent = { sequence: this.#nextSequence, count };
    this.#nextSequence += count;
    this.#inFlight.push(sent);
    this.#transmit(sent, to, engine);
  }

  /** After a crash, or after an answer that was lost. */
  sendAgain(to: Partition, engine: Engine): void {
    this.#connection++;
    this.#isConnected = true;
    for (const sent of this.#inFlight) this.#transmit(sent, to, engine);
  }

  #transmit(sent: Sent, to: Partition, engine: Engine): void {
    const values = Array.from({ length: sent.count }, (_, index) => `${this.id}:${sent.sequence + index}`);
    const batch = batchOf(values, { producerId: this.id, producerEpoch: 0, baseSequence: sent.sequence });
    const result = to.append(batch, { acks: -1, origin: 'client' });
    if (result.errorCode === ErrorCode.KAFKA_STORAGE_ERROR) return;
    assert.equal(result.errorCode, ErrorCode.NONE, `producer ${this.id}, sequence ${sent.sequence}`);
    const connection = this.#connection;
    const acknowledge = () => {
      if (connection !== this.#connection) return;
      this.#inFlight = this.#inFlight.filter((other) => other !== sent);
      this.acknowledged.set(sent.sequence, result.baseOffset);
    };
    if (result.ticket === undefined) acknowledge();
    else engine.whenCommitted(result.ticket, acknowledge);
  }
}

/** What a partition has shown to readers, by offset. */
type Seen = Map<number, string>;

async function readCommitted(partition: Partition, from: number): Promise<[number, string][]> {
  const records: [number, string][] = [];
  for (let offset = from; offset < partition.highWatermark; ) {
    const result = partition.read({
      offset,
      maxBytes: 20_000,
      atLeastOne: true,
      isolationLevel: 0,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
    });
    assert.equal(result.errorCode, ErrorCode.NONE);
    for (const part of (await result.read)?.parts ?? []) {
      for (const batch of readBatches(Buffer.from(part))) {
        for (const record of batch.records()) records.push([record.offset, String(record.value)]);
        offset = batch.lastOffset + 1;
      }
    }
  }
  return records;
}

async function verify(partition: Partition, producers: readonly Producer[], seen: Seen, title: string): Promise<void> {
  const records = await readCommitted(partition, 0);
  const values = new Map(records);
  for (const [offset, value] of seen) assert.equal(values.get(offset), value, `${title}: offset ${offset} changed`);
  for (const producer of producers) {
    const own = records.filter(([, value]) => value.startsWith(`${producer.id}:`));
    own.forEach(([, value], index) => {
      assert.equal(value, `${producer.id}:${index}`, `${title}: once and in order`);
    });
    for (const [sequence, offset] of producer.acknowledged) {
      assert.equal(values.get(offset), `${producer.id}:${sequence}`, `${title}: acknowledged at ${offset}`);
    }
  }
}

async function scenario(seed: number): Promise<void> {
  const dice = new Dice(seed);
  const time = new ManualTime();
  const config = new Configs({ metadata: new ManualMetadata(), nodeId: 1, staticValues: new Map() }).topic('t');
  const delay = () => (dice.below(3) > 0 ? undefined : new Promise<void>((resolve) => setImmediate(resolve)));
  let disk = new UnsyncedFiles({ delay });
  const producers = [0, 1].map((partition) => [1, 2, 3].map((id) => new Producer(10 * partition + id)));
  const seen: Seen[] = [new Map(), new Map()];
  const rounds = 3 + dice.below(3);
  for (let round = 0; round <= rounds; round++) {
    const isLast = round === rounds;
    const engine = await openStorage({
      runtime: runtimeOver(disk.files),
      directory: '/data',
      brokerId: 1,
      durability: 'fsync',
      settings: { ...smallSettings, spaceCheckMs: 1_000_000 },
    });
    const partitions = [0, 1].map((index) => {
      const id = { topic: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partition: index };
      const image = { leader: 1, leaderEpoch: round, replicas: [1], isr: [1] };
      return new Partition({ storage: engine, clock: time }, id, { ...config, segmentBytes: 30_000 }, image);
    });
    engine.discardUnopened();
    const title = `seed ${seed}, round ${round}`;
    for (const [index, partition] of partitions.entries()) {
      await verify(partition, producers[index]!, seen[index]!, `${title}, after the start`);
      for (const producer of producers[index]!) producer.sendAgain(partition, engine);
    }
    for (let step = isLast ? 0 : dice.below(150); step > 0; step--) {
      const index = dice.below(2);
      const partition = partitions[index]!;
      const producer = producers[index]![dice.below(3)]!;
      const action = dice.below(20);
      if (action === 0) producer.sendAgain(partition, engine);
      else if (action === 6) producer.disconnect();
      else if (action === 1) await engine.flush();
      else if (action < 5) await new Promise((resolve) => setImmediate(resolve));
      else if (action === 5) for (const [at, value] of await readCommitted(partition, 0)) seen[index]!.set(at, value);
      else if (!producer.isFull) producer.send(partition, engine, 1 + dice.below(dice.below(10) === 0 ? 300 : 5));
    }
    if (isLast) {
      await new Promise<void>((resolve) =>
        engine.whenCommitted(partitions[0]!.append(batchOf(['end']), { acks: -1, origin: 'client' }).ticket!, resolve),
      );
      for (const [index, partition] of partitions.entries()) {
        await verify(partition, producers[index]!, seen[index]!, `${title}, at the end`);
        assert.equal(partition.highWatermark, partition.logEndOffset);
        for (const producer of producers[index]!)
          assert.equal(producer.isFull && producer.acknowledged.size === 0, false);
      }
      await engine.close();
    } else {
      disk = dice.below(2) === 0 ? disk.crash(dice.below) : disk.crash();
    }
  }
}

test('idempotent producers write every record once, in order, whatever crashes when', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    await scenario(seed);
  }
});

test('leader epochs are known after restarts, from the batches that carry them', async () => {
  const time = new ManualTime();
  const config = new Configs({ metadata: new ManualMetadata(), nodeId: 1, staticValues: new Map() }).topic('t');
  let disk = new UnsyncedFiles();
  for (const leaderEpoch of [0, 3, 4]) {
    const engine = await openStorage({
      runtime: runtimeOver(disk.files),
      directory: '/data',
      brokerId: 1,
      durability: 'fsync',
      settings: smallSettings,
    });
    const id = { topic: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partition: 0 };
    const image = { leader: 1, leaderEpoch, replicas: [1], isr: [1] };
    const partition = new Partition({ storage: engine, clock: time }, id, config, image);
    engine.discardUnopened();
    const { ticket } = partition.append(batchOf(['a', 'b']), { acks: -1, origin: 'client' });
    await new Promise<void>((resolve) => engine.whenCommitted(ticket!, resolve));
    assert.deepEqual(partition.endOfEpoch(leaderEpoch), { epoch: leaderEpoch, endOffset: partition.highWatermark });
    if (leaderEpoch === 4) {
      assert.deepEqual(partition.endOfEpoch(0), { epoch: 0, endOffset: 2 });
      assert.deepEqual(partition.endOfEpoch(2), { epoch: 0, endOffset: 2 });
      assert.deepEqual(partition.endOfEpoch(3), { epoch: 3, endOffset: 4 });
      const [last] = await readCommitted(partition, 4);
      assert.equal(last?.[1], 'a');
      await engine.close();
    } else {
      disk = disk.crash();
    }
  }
});
