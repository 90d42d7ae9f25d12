// Producers of transactions as bare requests, so that a bench measures the broker and not a client: a prepared batch, of which each send
// changes producer, sequence and checksum. Both protocols: with version 2 a produce request adds its partition and each end gives a new
// epoch; with version 1 the partition is added by a request of its own and the epoch stays. One connection each.

import { compiled, connectTo, findCoordinator, pause } from './group-members.mjs';

const { buildBatch } = await compiled('records/build-batch.js');
const batch = await compiled('records/record-batch.js');
const { writeInt64 } = await compiled('records/int64.js');
const { produce } = await compiled('protocol/messages/produce.js');
const { initProducerId } = await compiled('protocol/messages/init-producer-id.js');
const { addPartitionsToTxn } = await compiled('protocol/messages/add-partitions-to-txn.js');
const { endTxn } = await compiled('protocol/messages/end-txn.js');

const TRANSACTION_TIMEOUT_MS = 60_000;
const CONCURRENT_TRANSACTIONS = 51;
const COORDINATOR_ERRORS = [14, 15, 16];
/** By protocol: the newest version of each request that belongs to it. */
const VERSIONS = { 1: { produce: 11, endTxn: 4 }, 2: { produce: 12, endTxn: 5 } };

/** A producer of batches of `records` values of `valueBytes`; without transactionalId an idempotent one. */
export class BatchProducer {
  #connection;
  #transactionalId;
  #versions;
  #topic;
  #partition;
  #template;
  #records;
  #producerId = -1;
  #producerEpoch = -1;
  #sequence = 0;
  #protocol;

  static async open(bootstrap, options) {
    const producer = new BatchProducer(await connectTo(bootstrap), options);
    await producer.#initialize();
    return producer;
  }

  constructor(connection, { transactionalId = null, protocol = 2, topic, partition, records, valueBytes }) {
    this.#connection = connection;
    this.#transactionalId = transactionalId;
    this.#protocol = protocol;
    this.#versions = VERSIONS[protocol];
    this.#topic = topic;
    this.#partition = partition;
    this.#records = records;
    this.#template = buildBatch({
      records: Array.from({ length: records }, () => ({
        key: null,
        value: Buffer.alloc(valueBytes, 'x'),
        timestampMs: Date.now(),
      })),
      isTransactional: transactionalId !== null,
      producerId: 0,
      producerEpoch: 0,
      baseSequence: 0,
    });
  }

  get bytes() {
    return this.#template.length;
  }

  async #initialize() {
    if (this.#transactionalId !== null) await findCoordinator(this.#connection, this.#transactionalId, 1);
    const body = { transactionalId: this.#transactionalId, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS };
    const answer = await this.#again(() => this.#connection.request(initProducerId, body));
    this.#producerId = answer.producerId;
    this.#producerEpoch = answer.producerEpoch;
  }

  /** What version 1 needs before the first batch of a transaction. */
  async begin() {
    if (this.#protocol === 2) return;
    await this.#again(async () => {
      const { resultsByTopicV3AndBelow } = await this.#connection.request(
        addPartitionsToTxn,
        {
          v3AndBelowTransactionalId: this.#transactionalId,
          v3AndBelowProducerId: this.#producerId,
          v3AndBelowProducerEpoch: this.#producerEpoch,
          v3AndBelowTopics: [{ name: this.#topic, partitions: [this.#partition] }],
        },
        { maxVersion: 3 },
      );
      return { errorCode: resultsByTopicV3AndBelow[0].resultsByPartition[0].partitionErrorCode };
    });
  }

  /** One batch; several may be on their way, but the first of a transaction goes alone, because a broker may ask for it again. */
  async send() {
    const records = Buffer.from(this.#template);
    writeInt64(records, this.#producerId, batch.PRODUCER_ID_AT);
    records.writeInt16BE(this.#producerEpoch, batch.PRODUCER_EPOCH_AT);
    records.writeInt32BE(this.#sequence, batch.BASE_SEQUENCE_AT);
    batch.updateCrc(records, 0);
    this.#sequence += this.#records;
    await this.#again(async () => {
      const { responses } = await this.#connection.request(
        produce,
        {
          transactionalId: this.#transactionalId,
          acks: -1,
          timeoutMs: 30_000,
          topicData: [{ name: this.#topic, partitionData: [{ index: this.#partition, records }] }],
        },
        { maxVersion: this.#versions.produce },
      );
      return responses[0].partitionResponses[0];
    });
  }

  async commit() {
    const answer = await this.#again(() =>
      this.#connection.request(
        endTxn,
        {
          transactionalId: this.#transactionalId,
          producerId: this.#producerId,
          producerEpoch: this.#producerEpoch,
          committed: true,
        },
        { maxVersion: this.#versions.endTxn },
      ),
    );
    if (this.#protocol === 1) return;
    this.#producerId = answer.producerId;
    this.#producerEpoch = answer.producerEpoch;
    this.#sequence = 0;
  }

  close() {
    this.#connection.close();
  }

  /** Until the broker has brought the transaction before to its end; clients wait and ask again, too. */
  async #again(request) {
    for (;;) {
      const answer = await request();
      const { errorCode } = answer;
      if (errorCode === 0) return answer;
      if (errorCode !== CONCURRENT_TRANSACTIONS && !COORDINATOR_ERRORS.includes(errorCode)) {
        throw new Error(`a request of a transaction failed with error code ${errorCode}`);
      }
      await pause(1);
    }
  }
}
