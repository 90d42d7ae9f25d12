// One topic of one broker, taken through a history step by step, and what it holds afterwards.
import { setTimeout as sleep } from 'node:timers/promises';
import { apis, buildBatch, exchange, readBatches } from '../differential/exchange.mjs';

const WAIT_MS_MAX = 10_000;
const TOPIC_CONFIG = 2;
const LOG_APPEND_TIME = 1;

export class World {
  constructor(bootstrap, topic) {
    this.bootstrap = bootstrap;
    this.topic = topic;
    this.producers = new Map();
  }

  ask(api, version, message) {
    return exchange(this.bootstrap, apis[api], version, message);
  }

  async create(configs) {
    const answer = await this.ask('createTopics', 5, {
      topics: [
        {
          name: this.topic,
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
        },
      ],
      timeoutMs: 30_000,
      validateOnly: false,
    });
    const { errorCode, errorMessage } = answer.topics[0];
    if (errorCode !== 0) throw new Error(`${this.topic} cannot be created: ${errorCode} ${errorMessage}`);
    // A leader may need its moment.
    await until(async () => (await this.end()) === 0, 'the topic is there');
  }

  async step(step) {
    if (step.kind === 'produce') await this.#produce(step, {});
    else if (step.kind === 'transactional') await this.#transactional(step);
    else if (step.kind === 'end') await this.#end(step);
    else if (step.kind === 'config') await this.#configure(step.values);
    else await sleep(step.ms);
  }

  async #produce({ records, codec }, producer, transactionalId = null) {
    const batch = buildBatch({
      records: records.map(({ key, value, timestampMs, header }) => ({
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        timestampMs,
        headers: header ? [{ key: 'h', value: Buffer.from('of a record') }] : [],
      })),
      compression: codec,
      ...producer,
    });
    const answer = await this.ask('produce', 11, {
      transactionalId,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: this.topic, partitionData: [{ index: 0, records: [batch] }] }],
    });
    const { errorCode } = answer.responses[0].partitionResponses[0];
    if (errorCode !== 0) throw new Error(`produce: ${errorCode}`);
  }

  async #transactional(step) {
    const transactionalId = `${this.topic}-${step.producer}`;
    let producer = this.producers.get(step.producer);
    if (producer === undefined) {
      // Which also creates the coordinator's topic.
      await this.#settled('findCoordinator', 3, { key: transactionalId, keyType: 1 });
      const begun = await this.#settled('initProducerId', 4, {
        transactionalId,
        transactionTimeoutMs: 600_000,
        producerId: -1,
        producerEpoch: -1,
      });
      producer = { producerId: begun.producerId, producerEpoch: begun.producerEpoch, sequence: 0, added: false };
      this.producers.set(step.producer, producer);
    }
    const { producerId, producerEpoch } = producer;
    if (!producer.added) {
      await this.#settled('addPartitionsToTxn', 3, {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: [{ name: this.topic, partitions: [0] }],
      });
      producer.added = true;
    }
    await this.#produce(
      step,
      { producerId, producerEpoch, baseSequence: producer.sequence, isTransactional: true },
      transactionalId,
    );
    producer.sequence += step.records.length;
  }

  async #end({ producer, commits }) {
    const known = this.producers.get(producer);
    const before = await this.end();
    await this.#settled('endTxn', 4, {
      transactionalId: `${this.topic}-${producer}`,
      producerId: known.producerId,
      producerEpoch: known.producerEpoch,
      committed: commits,
    });
    known.added = false;
    // The marker comes after the answer.
    await until(async () => (await this.end()) > before, 'the marker is there');
  }

  /** Asks again while the coordinator is not ready. */
  async #settled(api, version, message) {
    let answer;
    await until(async () => {
      answer = await this.ask(api, version, message);
      const error = answer.errorCode || answer.resultsByTopicV3AndBelow?.[0]?.resultsByPartition[0].partitionErrorCode;
      return !error;
    }, api);
    return answer;
  }

  async #configure(values) {
    const answer = await this.ask('incrementalAlterConfigs', 1, {
      resources: [
        {
          resourceType: TOPIC_CONFIG,
          resourceName: this.topic,
          configs: Object.entries(values).map(([name, value]) => ({ name, configOperation: 0, value })),
        },
      ],
      validateOnly: false,
    });
    const { errorCode, errorMessage } = answer.responses[0];
    if (errorCode !== 0) throw new Error(`${JSON.stringify(values)}: ${errorCode} ${errorMessage}`);
  }

  async end() {
    const answer = await this.ask('listOffsets', 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: this.topic, partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }] }],
    });
    return answer.topics?.[0].partitions[0].offset ?? -1;
  }

  /** Every batch and record, how far a reader of committed ones comes, and what that one is told to leave out. */
  async contents() {
    const end = await this.end();
    const batches = [];
    for (let offset = 0; offset < end; ) {
      const { read } = await this.#fetch(offset, 0);
      if (read.length === 0) throw new Error(`nothing can be read at ${offset} of ${end}`);
      for (const batch of read) batches.push(batchTold(batch));
      offset = read[read.length - 1].lastOffset + 1;
    }
    const aborted = new Set();
    let stable = 0;
    for (;;) {
      const { read, abortedTransactions } = await this.#fetch(stable, 1);
      for (const { firstOffset } of abortedTransactions) aborted.add(firstOffset);
      if (read.length === 0) break;
      stable = read[read.length - 1].lastOffset + 1;
    }
    // Kafka also names some that begin beyond what it lets one read.
    const readable = [...aborted].filter((firstOffset) => firstOffset < stable);
    return { end, stable, aborted: readable.sort((a, b) => a - b), batches };
  }

  async #fetch(fetchOffset, isolationLevel) {
    const answer = await this.ask('fetch', 12, {
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 50_000_000,
      isolationLevel,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topic: this.topic,
          partitions: [
            {
              partition: 0,
              currentLeaderEpoch: -1,
              fetchOffset,
              lastFetchedEpoch: -1,
              logStartOffset: -1,
              partitionMaxBytes: 50_000_000,
            },
          ],
        },
      ],
      forgottenTopicsData: [],
      rackId: '',
    });
    const { errorCode, records, abortedTransactions } = answer.responses[0].partitions[0];
    if (errorCode !== 0) throw new Error(`fetch at ${fetchOffset}: ${errorCode}`);
    const read = [...readBatches(Buffer.concat(records === null ? [] : [records].flat()))];
    return { read, abortedTransactions: abortedTransactions ?? [] };
  }
}

/** What two brokers must agree about: all but producer ids, bytes of codecs, and times that they have given. */
function batchTold(batch) {
  const isStamped = batch.isControl || batch.timestampType === LOG_APPEND_TIME;
  return {
    timestampType: batch.timestampType,
    offsets: [batch.baseOffset, batch.lastOffset],
    isControl: batch.isControl,
    isTransactional: batch.isTransactional,
    compression: batch.compression,
    records: [...batch.records()].map((record) => ({
      offset: record.offset,
      key: batch.isControl ? record.key?.toString('hex') : String(record.key),
      value: batch.isControl || record.value === null ? null : String(record.value),
      timestampMs: isStamped ? 0 : record.timestampMs,
      headers: record.headers.map(({ key, value }) => `${key}=${value}`),
    })),
  };
}

async function until(condition, what) {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited too long: ${what}`);
    await sleep(20);
  }
}
