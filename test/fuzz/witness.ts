// A client that minds its own business while others are hostile: it logs in, writes a record, reads it back, and starts over. What it
// meets says whether the others were harmed.
import assert from 'node:assert/strict';
import { createTopics } from '../../src/protocol/messages/create-topics.ts';
import { fetch } from '../../src/protocol/messages/fetch.ts';
import { produce } from '../../src/protocol/messages/produce.ts';
import { buildBatch } from '../../src/records/build-batch.ts';
import { SecureClient } from '../secure-client.ts';

const TOPIC = 'witness-7f3a9c';
const FETCH_BYTES = 100_000;

export class Witness {
  readonly #client: SecureClient;
  roundTrips = 0;
  slowestMs = 0;

  private constructor(client: SecureClient) {
    this.#client = client;
  }

  static async begin(port: number, user: string, password: string): Promise<Witness> {
    const client = await SecureClient.connect(port);
    assert.equal((await client.plain(user, password)).errorCode, 0);
    const topic = { name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
    const { topics } = await client.call(createTopics, 7, { topics: [topic], timeoutMs: 1000, validateOnly: false });
    assert.equal(topics[0]?.errorCode, 0);
    return new Witness(client);
  }

  /** Rejects when the answer is wrong or does not come. */
  async roundTrip(msMax: number): Promise<void> {
    const startMs = performance.now();
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error(`no answer within ${msMax} ms`)), msMax).unref();
    });
    await Promise.race([this.#writeAndRead(`record ${this.roundTrips}`), late]);
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
    this.roundTrips++;
  }

  end(): void {
    this.#client.end();
  }

  async #writeAndRead(text: string): Promise<void> {
    const records = buildBatch({ records: [{ key: null, value: Buffer.from(text) }] });
    const { responses } = await this.#client.call(produce, 12, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: TOPIC, partitionData: [{ index: 0, records: [records] }] }],
    });
    const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
    assert.deepEqual([errorCode, baseOffset], [0, this.roundTrips]);
    const fetched = await this.#client.call(fetch, 12, {
      maxWaitMs: 1000,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topic: TOPIC,
          partitions: [{ partition: 0, fetchOffset: this.roundTrips, partitionMaxBytes: FETCH_BYTES }],
        },
      ],
      forgottenTopicsData: [],
      rackId: '',
    });
    const bytes = fetched.responses[0]!.partitions[0]!.records ?? Buffer.alloc(0);
    assert.ok(bytes.includes(text), `offset ${this.roundTrips} is not there`);
  }
}
