// A topic that is filled to any size with batches of small and of large records, a second of record time apart, and single requests
// to it: what the benches of large logs share. It knows what it has written, so that offsets and times can be drawn from all of it.

import { compiled } from './group-members.mjs';

const { buildBatch } = await compiled('records/build-batch.js');
const { BASE_TIMESTAMP_AT, MAX_TIMESTAMP_AT, updateCrc } = await compiled('records/record-batch.js');
const [{ produce }, { fetch }, { listOffsets }] = await Promise.all(
  ['produce', 'fetch', 'list-offsets'].map((name) => compiled(`protocol/messages/${name}.js`)),
);

const IN_FLIGHT = 8;
export const BATCH_BYTES = 500_000;
/** A year ago: with a second for each batch, no record is from the future. */
const START_MS = Date.now() - 365 * 86_400_000;

export class GrowingTopic {
  bytes;
  /** The longest that one of its requests took. */
  slowestMs = 0;
  #name;
  #ends;
  // Half of the bytes in small records, half in large ones.
  #batches = [batchOf(Math.floor(BATCH_BYTES / 100), 100), batchOf(Math.floor(BATCH_BYTES / 1000), 1000)];
  #sent;
  #startMs;

  /** `state`: of the one that filled the same topic before. */
  constructor(name, partitions, { bytes, sent, startMs } = { bytes: 0, sent: 0, startMs: START_MS }) {
    this.#name = name;
    this.bytes = bytes;
    this.#sent = sent;
    this.#startMs = startMs;
    this.#ends = Array(partitions).fill(0);
  }

  get state() {
    return { bytes: this.bytes, sent: this.#sent, startMs: this.#startMs };
  }

  /** Over all partitions evenly. Rejects when the broker goes away. */
  async fillTo(connection, bytes) {
    const before = this.bytes;
    const started = performance.now();
    this.slowestMs = 0;
    const work = async () => {
      while (this.bytes < bytes) {
        const partition = this.#sent % this.#ends.length;
        const { batch, records } = this.#batches[Math.floor(this.#sent / this.#ends.length) % 2];
        this.#sent++;
        this.bytes += batch.length;
        this.#ends[partition] += records;
        const sent = performance.now();
        await send(connection, this.#name, [[partition, this.#timed(batch)]]);
        this.slowestMs = Math.max(this.slowestMs, performance.now() - sent);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
    return { bytes: this.bytes - before, ms: performance.now() - started };
  }

  /** Each batch a second after the one before: a time to look for. */
  #timed(batch) {
    const timed = Buffer.from(batch);
    const timestampMs = BigInt(this.#startMs + this.#sent * 1000);
    timed.writeBigInt64BE(timestampMs, BASE_TIMESTAMP_AT);
    timed.writeBigInt64BE(timestampMs, MAX_TIMESTAMP_AT);
    updateCrc(timed, 0);
    return timed;
  }

  /** Of a broker that was killed while this was filled, what it has may end elsewhere. */
  async lookAgain(connection) {
    const found = await offsetsFor(
      connection,
      this.#name,
      this.#ends.map((_, partitionIndex) => ({ partitionIndex, timestamp: -1 })),
    );
    for (const { partitionIndex, offset } of found) this.#ends[partitionIndex] = offset;
  }

  fetchNewest(connection) {
    const partition = random(this.#ends.length);
    return fetchOne(connection, this.#name, partition, this.#ends[partition] - 1);
  }

  fetchRandom(connection) {
    const partition = random(this.#ends.length);
    return fetchOne(connection, this.#name, partition, random(this.#ends[partition]));
  }

  lookUpRandom(connection) {
    const partitionIndex = random(this.#ends.length);
    const timestamp = this.#startMs + random(this.#sent) * 1000;
    return offsetsFor(connection, this.#name, [{ partitionIndex, timestamp }]);
  }
}

export function batchOf(count, valueBytes) {
  const value = Buffer.alloc(valueBytes, 'v');
  const records = Array.from({ length: count }, () => ({ key: null, value, timestampMs: START_MS }));
  return { batch: buildBatch({ records }), records: count };
}

/** `batches`: pairs of a partition and its bytes, which the broker's answer may refuse: then it throws. */
export async function send(connection, topic, batches) {
  const { responses } = await connection.request(
    produce,
    {
      transactionalId: null,
      acks: -1,
      // A disk that has to write back what came before may take its time.
      timeoutMs: 110_000,
      topicData: [{ name: topic, partitionData: batches.map(([index, batch]) => ({ index, records: [batch] })) }],
    },
    { maxVersion: 12 },
  );
  const failed = responses[0].partitionResponses.find(({ errorCode }) => errorCode !== 0);
  if (failed !== undefined) throw new Error(`produce: ${failed.errorCode}`);
}

async function offsetsFor(connection, name, partitions) {
  const { topics } = await connection.request(listOffsets, {
    replicaId: -1,
    topics: [{ name, partitions }],
    timeoutMs: 30_000,
  });
  const failed = topics[0].partitions.find(({ errorCode }) => errorCode !== 0);
  if (failed !== undefined) throw new Error(`list offsets: ${failed.errorCode}`);
  return topics[0].partitions;
}

export async function fetchOne(connection, topic, partition, fetchOffset) {
  const { responses } = await connection.request(
    fetch,
    {
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1 << 20,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic, partitions: [{ partition, currentLeaderEpoch: -1, fetchOffset, partitionMaxBytes: 4096 }] }],
      forgottenTopicsData: [],
      rackId: '',
    },
    { maxVersion: 12 },
  );
  const { errorCode, records } = responses[0].partitions[0];
  if (errorCode !== 0) throw new Error(`fetch: ${errorCode}`);
  if (records === null || records.length === 0) throw new Error(`nothing at ${fetchOffset}`);
}

export function random(limit) {
  return Math.floor(Math.random() * limit);
}
