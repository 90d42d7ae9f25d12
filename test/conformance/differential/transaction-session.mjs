// One transactional producer as a sequence of raw requests to one broker, with a transcript of every answer. What may differ between
// two brokers is put aside or gets a name: producer ids by the order they were seen in, times by whether there is one. Record
// bytes are told batch by batch. CONCURRENT_TRANSACTIONS is asked again, as clients do, and the first answer is kept beside the last.

import {
  apis,
  buildBatch,
  coordinatorPartition,
  decodeRecordKey,
  decodeRecordValue,
  exchange,
  readBatches,
  readEndTransactionMarker,
  transactionLogRecord,
} from './exchange.mjs';

const CONCURRENT_TRANSACTIONS = 51;
const AGAIN_MS_MAX = 500;
const AGAIN_AFTER_MS = 15;
const SETTLED_MS_MAX = 8000;
const COORDINATOR_PARTITIONS = 4;
const NOW = Date.now();

/** The newest versions of clients before and with transactions v2 (KIP-890). */
export const CLASSIC = { init: 4, add: 3, addOffsets: 3, commitOffsets: 4, end: 4, produce: 11 };
export const MODERN = { init: 5, add: 3, addOffsets: 4, commitOffsets: 5, end: 5, produce: 12 };

/** Who a request says it comes from, as a change of who it is. */
export const IDENTITIES = {
  'right identity': ({ id, epoch }) => ({ id, epoch }),
  'epoch before': ({ id, epoch }) => ({ id, epoch: epoch - 1 }),
  'epoch after': ({ id, epoch }) => ({ id, epoch: epoch + 1 }),
  'epoch after next': ({ id, epoch }) => ({ id, epoch: epoch + 2 }),
  'id of another': ({ epoch }, other) => ({ id: other, epoch }),
  'no identity': () => ({ id: -1, epoch: -1 }),
};

const ASIDE = new Set([
  'throttleTimeMs',
  'errorMessage',
  'logAppendTimeMs',
  'topicId',
  'nodeId',
  'host',
  'port',
  'currentLeader',
]);

const PRODUCER_IDS = new Set(['producerId', 'previousProducerId', 'nextProducerId', 'producerIdFilters']);
const PARTITIONS = new Set(['partitionIndex', 'partitionIndexes', 'index', 'partition', 'partitions', 'partitionIds']);

export class TransactionSession {
  /** `place`: { topic, partitions } of its own, named as in the other world. */
  constructor(world, name, place) {
    this.world = world;
    this.name = name;
    this.topic = place.topic;
    this.partitions = place.partitions;
    this.group = `group-of-${name}`;
    this.producer = { id: -1, epoch: -1 };
    this.versions = CLASSIC;
    this.transcript = [];
    this.#ownNames = new Map([
      [this.topic, 'topic'],
      [this.name, 'transactional id'],
      [this.group, 'group'],
    ]);
  }

  /** Producer ids as the transcript has them. */
  #names = new Map();
  #ownNames;
  #sequences = new Map();
  #stateStart;
  #offsetsStart;

  /** Notes where the coordinator's topics end, so that only what comes later is told. */
  async begin() {
    this.#stateStart = await this.#endOf(
      '__transaction_state',
      coordinatorPartition(this.name, COORDINATOR_PARTITIONS),
    );
    this.#offsetsStart = await this.#endOf(
      '__consumer_offsets',
      coordinatorPartition(this.group, COORDINATOR_PARTITIONS),
    );
    return this;
  }

  /** Another producer of the same transactional id, or of its own: shares the transcript and the names. */
  another(name = this.name) {
    const session = new TransactionSession(this.world, name, { topic: this.topic, partitions: this.partitions });
    session.transcript = this.transcript;
    session.versions = this.versions;
    session.group = this.group;
    session.#names = this.#names;
    return session;
  }

  get isModern() {
    return this.versions === MODERN;
  }

  /** The partition of __consumer_offsets that has the group's offsets. */
  get groupPartition() {
    return coordinatorPartition(this.group, COORDINATOR_PARTITIONS);
  }

  modern() {
    this.versions = MODERN;
    return this;
  }

  as(identity) {
    return IDENTITIES[identity](this.producer, this.world.otherProducerId);
  }

  // ---- what a producer asks

  async init({
    version = this.versions.init,
    timeoutMs = 60_000,
    id = -1,
    epoch = -1,
    transactionalId = this.name,
    keep = false,
  } = {}) {
    const answer = await this.step(`InitProducerId v${version}`, apis.initProducerId, version, {
      transactionalId,
      transactionTimeoutMs: timeoutMs,
      ...(version >= 3 && { producerId: id, producerEpoch: epoch }),
    });
    if (answer.errorCode === 0 && !keep) this.producer = { id: answer.producerId, epoch: answer.producerEpoch };
    return answer;
  }

  add(partitions = this.partitions, { version = this.versions.add, who = this.producer, topics } = {}) {
    const named = topics ?? [{ name: this.topic, partitions }];
    return this.step(
      `AddPartitionsToTxn v${version}`,
      apis.addPartitionsToTxn,
      version,
      version < 4
        ? {
            v3AndBelowTransactionalId: this.name,
            v3AndBelowProducerId: who.id,
            v3AndBelowProducerEpoch: who.epoch,
            v3AndBelowTopics: named,
          }
        : { transactions: [this.batched({ who, topics: named })] },
    );
  }

  /** One entry of the batched form, which brokers send. */
  batched({
    who = this.producer,
    topics = [{ name: this.topic, partitions: this.partitions }],
    verifyOnly = false,
  } = {}) {
    return { transactionalId: this.name, producerId: who.id, producerEpoch: who.epoch, verifyOnly, topics };
  }

  addMany(transactions, version = 5) {
    return this.step(`AddPartitionsToTxn v${version}`, apis.addPartitionsToTxn, version, { transactions });
  }

  addOffsets({ version = this.versions.addOffsets, who = this.producer, groupId = this.group } = {}) {
    return this.step(`AddOffsetsToTxn v${version}`, apis.addOffsetsToTxn, version, {
      transactionalId: this.name,
      producerId: who.id,
      producerEpoch: who.epoch,
      groupId,
    });
  }

  async produce(
    partition = this.partitions[0],
    {
      version = this.versions.produce,
      who = this.producer,
      count = 1,
      sequence,
      transactional = true,
      transactionalId = transactional ? this.name : null,
      acks = -1,
      control = false,
      topic = this.topic,
    } = {},
  ) {
    const key = `${partition} ${who.id} ${who.epoch}`;
    const baseSequence = sequence ?? this.#sequences.get(key) ?? 0;
    const records = buildBatch({
      records: Array.from({ length: count }, (_, i) => ({ key: null, value: Buffer.from(`v${i}`), timestampMs: NOW })),
      producerId: who.id,
      producerEpoch: who.epoch,
      baseSequence: who.id < 0 ? -1 : baseSequence,
      isTransactional: transactional,
      isControl: control,
    });
    const answer = await this.step(`Produce v${version} sequence ${baseSequence}`, apis.produce, version, {
      transactionalId,
      acks,
      timeoutMs: 3000,
      topicData: [
        {
          ...(version >= 13 ? { topicId: this.world.id(topic) } : { name: topic }),
          partitionData: [{ index: partition, records }],
        },
      ],
    });
    const errorCode = answer.responses?.[0]?.partitionResponses[0]?.errorCode;
    if (errorCode === 0) this.#sequences.set(key, baseSequence + count);
    return answer;
  }

  commitOffsets(
    offset = 3,
    {
      version = this.versions.commitOffsets,
      who = this.producer,
      groupId = this.group,
      topic = this.topic,
      partition = this.partitions[0],
      ...member
    } = {},
  ) {
    return this.step(`TxnOffsetCommit v${version}`, apis.txnOffsetCommit, version, {
      transactionalId: this.name,
      groupId,
      producerId: who.id,
      producerEpoch: who.epoch,
      ...(version >= 3 && member),
      topics: [
        { name: topic, partitions: [{ partitionIndex: partition, committedOffset: offset, committedMetadata: 'm' }] },
      ],
    });
  }

  /** Ends the transaction and waits until its markers are written, unless told not to. */
  async end(committed, { version = this.versions.end, who = this.producer, settled = true, keep = false } = {}) {
    const answer = await this.step(`EndTxn v${version} ${committed ? 'commit' : 'abort'}`, apis.endTxn, version, {
      transactionalId: this.name,
      producerId: who.id,
      producerEpoch: who.epoch,
      committed,
    });
    if (answer.errorCode === 0 && version >= 5 && !keep) {
      this.producer = { id: answer.producerId, epoch: answer.producerEpoch };
    }
    if (settled) await this.settled();
    return answer;
  }

  commit(options) {
    return this.end(true, options);
  }

  abort(options) {
    return this.end(false, options);
  }

  // ---- what others ask

  writeMarkers(markers, version = 2) {
    return this.step(`WriteTxnMarkers v${version}`, apis.writeTxnMarkers, version, { markers });
  }

  marker({
    who = this.producer,
    committed = false,
    coordinatorEpoch = 0,
    transactionVersion,
    topics = [{ name: this.topic, partitionIndexes: this.partitions }],
  } = {}) {
    return {
      producerId: who.id,
      producerEpoch: who.epoch,
      transactionResult: committed,
      coordinatorEpoch,
      topics,
      ...(transactionVersion !== undefined && { transactionVersion }),
    };
  }

  describe(transactionalIds = [this.name]) {
    return this.step('DescribeTransactions', apis.describeTransactions, 0, { transactionalIds });
  }

  describeProducers(topics = [{ name: this.topic, partitionIndexes: this.partitions }]) {
    return this.step('DescribeProducers', apis.describeProducers, 0, { topics });
  }

  /** `keep`: which of the transactions are the sequence's own; others may come and go. */
  async list(filters, version, keep) {
    const answer = await exchange(this.world.bootstrap, apis.listTransactions, version, {
      stateFilters: [],
      producerIdFilters: [],
      ...filters,
    });
    if (answer.transactionStates) {
      const own = keep(answer.transactionStates);
      answer.transactionStates = own.sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
    }
    const asked = JSON.stringify(this.#normalised(filters)).replaceAll(this.name, '');
    this.#tell(`ListTransactions v${version} ${asked}`, answer);
  }

  plainOffsetCommit(offset, { partition = this.partitions[0] } = {}) {
    return this.step('OffsetCommit', apis.offsetCommit, 8, {
      groupId: this.group,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      groupInstanceId: null,
      topics: [
        {
          name: this.topic,
          partitions: [
            { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: 'p' },
          ],
        },
      ],
    });
  }

  offsets({ requireStable = true, version = 8, topics } = {}) {
    const asked = topics === null ? null : [{ name: this.topic, partitionIndexes: this.partitions }];
    return this.step(
      `OffsetFetch v${version}${requireStable ? ' stable' : ''}${topics === null ? ' all' : ''}`,
      apis.offsetFetch,
      version,
      version < 8
        ? { groupId: this.group, topics: asked, ...(version >= 7 && { requireStable }) }
        : { groups: [{ groupId: this.group, topics: asked }], requireStable },
    );
  }

  endOffset(partition = this.partitions[0], { timestamp = -1, isolationLevel = 1, version = 7 } = {}) {
    return this.step(`ListOffsets v${version} ${timestamp} isolation ${isolationLevel}`, apis.listOffsets, version, {
      replicaId: -1,
      isolationLevel,
      ...(version >= 10 && { timeoutMs: 3000 }),
      topics: [{ name: this.topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }] }],
    });
  }

  fetch(
    partition = this.partitions[0],
    {
      version = 12,
      isolationLevel = 1,
      offset = 0,
      maxBytes = 1_000_000,
      topic = this.topic,
      step = true,
      maxWaitMs = 0,
    } = {},
  ) {
    const message = {
      replicaId: -1,
      maxWaitMs,
      minBytes: 1,
      maxBytes,
      isolationLevel,
      topics: [
        {
          ...(version >= 13 ? { topicId: this.world.id(topic) } : { topic }),
          partitions: [
            {
              partition,
              fetchOffset: offset,
              currentLeaderEpoch: -1,
              lastFetchedEpoch: -1,
              logStartOffset: -1,
              partitionMaxBytes: maxBytes,
            },
          ],
        },
      ],
      forgottenTopicsData: [],
      rackId: '',
    };
    return step
      ? this.step(`Fetch v${version} at ${offset} isolation ${isolationLevel}`, apis.fetch, version, message)
      : exchange(this.world.bootstrap, apis.fetch, version, message);
  }

  // ---- what became of it

  /** The state of the id, both views of each partition, its producers, and the coordinator's records. */
  async observe() {
    await this.settled();
    await this.describe();
    for (const partition of this.partitions) await this.fetch(partition);
    await this.describeProducers();
    await this.coordinatorLog();
  }

  /** The records about this transactional id since the session began. */
  async coordinatorLog() {
    const topic = '__transaction_state';
    const records = await this.#read(topic, coordinatorPartition(this.name, COORDINATOR_PARTITIONS), this.#stateStart);
    const told = [];
    for (const { record } of records) {
      if (decodeRecordKey(transactionLogRecord, record.key).transactionalId !== this.name) continue;
      const { value } = record;
      told.push(value && { valueVersion: value.readInt16BE(0), ...decodeRecordValue(transactionLogRecord, value) });
    }
    this.#tell('__transaction_state', told);
  }

  /** The batches of this session's producers in its group's partition of the offsets topic. */
  async offsetsLog() {
    const topic = '__consumer_offsets';
    const records = await this.#read(
      topic,
      coordinatorPartition(this.group, COORDINATOR_PARTITIONS),
      this.#offsetsStart,
    );
    const own = records.filter(({ batch }) => this.#names.has(batch.producerId));
    this.#tell(
      '__consumer_offsets',
      own.map(({ batch, record }) => ({
        ...this.#toldBatch(batch),
        baseOffset: undefined,
        lastOffset: undefined,
        keyBytes: record.key.length,
      })),
    );
  }

  /** Until the coordinator has written what it has to; the clock of the brokers decides how long that takes. */
  async settled(wanted = (state) => !state.startsWith('Prepare')) {
    const until = Date.now() + SETTLED_MS_MAX;
    for (;;) {
      const answer = await exchange(this.world.bootstrap, apis.describeTransactions, 0, {
        transactionalIds: [this.name],
      });
      const state = answer.transactionStates?.[0]?.transactionState ?? '';
      if (wanted(state)) return;
      if (Date.now() > until) return this.#tell('settled', { never: state });
      await pause();
    }
  }

  /** One request, recorded without the fields `aside`; returns the answer as it came. */
  async step(label, api, version, message, aside = []) {
    const until = Date.now() + AGAIN_MS_MAX;
    const first = await exchange(this.world.bootstrap, api, version, message);
    let last = first;
    while (hasCode(last, CONCURRENT_TRANSACTIONS) && Date.now() < until) {
      await pause();
      last = await exchange(this.world.bootstrap, api, version, message);
    }
    const told = last === first ? last : { atFirst: first, atLast: last };
    this.#tell(
      label,
      typeof told === 'string' ? told : { ...told, ...Object.fromEntries(aside.map((key) => [key, undefined])) },
    );
    return last;
  }

  #tell(label, answer) {
    this.transcript.push({ label, answer: this.#normalised(answer) });
  }

  #normalised(value, key = '') {
    if (ASIDE.has(key)) return undefined;
    if (value === null || value === undefined) return value;
    if (PRODUCER_IDS.has(key) && !Array.isArray(value)) return this.#named(value);
    if (/(TimeMs|TimestampMs|[tT]imestamp)$/.test(key)) return value > 0 ? 'some time' : value;
    if (Buffer.isBuffer(value)) return [...readBatches(value)].map((batch) => this.#toldBatch(batch));
    if (key === 'abortedTransactions') {
      return value.map((item) => this.#normalised(item)).sort((a, b) => a.firstOffset - b.firstOffset);
    }
    // Both by number and by name: the producers of a partition are kept in no order.
    if (key === 'activeProducers') {
      return value.map((item) => this.#normalised(item)).sort((a, b) => (a.producerId < b.producerId ? -1 : 1));
    }
    if ((key === 'partitions' || key === 'partitionIds') && typeof value[0] === 'number') {
      return value.map((item) => this.#ownPartition(item)).sort((a, b) => a - b); // a set, in no order
    }
    if (Array.isArray(value)) return value.map((item) => this.#normalised(item, typeof item === 'number' ? key : ''));
    if (typeof value === 'string')
      return this.#ownNames.get(value) ?? value.replaceAll(this.name, 'id').replaceAll(this.topic, 'topic');
    if (typeof value === 'number' && PARTITIONS.has(key)) return this.#ownPartition(value);
    if (typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, this.#normalised(item, field)]));
  }

  /** By its place among the session's own, so that sequences that differ alike are told together. */
  #ownPartition(index) {
    const at = this.partitions.indexOf(index);
    return at < 0 ? index : at;
  }

  #toldBatch(batch) {
    const { baseOffset, lastOffset, producerEpoch, baseSequence, isTransactional, isControl } = batch;
    const [record] = isControl ? batch.records() : [];
    return {
      baseOffset,
      lastOffset,
      producerId: this.#named(batch.producerId),
      producerEpoch,
      baseSequence,
      isTransactional,
      ...(record && { marker: readEndTransactionMarker(record.key, record.value) }),
    };
  }

  #named(id) {
    if (id < 0) return id;
    if (id === this.world.otherProducerId) return 'the id of another';
    if (!this.#names.has(id)) this.#names.set(id, `producer ${this.#names.size + 1}`);
    return this.#names.get(id);
  }

  async #endOf(topic, partitionIndex) {
    const answer = await exchange(this.world.bootstrap, apis.listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions: [{ partitionIndex, currentLeaderEpoch: -1, timestamp: -1 }] }],
    });
    return answer.topics[0].partitions[0].offset;
  }

  async #read(topic, partition, offset) {
    const found = [];
    for (let at = Math.max(0, offset); ; ) {
      const answer = await this.fetch(partition, { topic, offset: at, isolationLevel: 0, step: false });
      const { records, errorCode } = answer.responses[0].partitions[0];
      if (errorCode !== 0) throw new Error(`${this.world.name}: ${topic}-${partition} at ${at}: error ${errorCode}`);
      const from = at;
      for (const batch of readBatches(records ?? Buffer.alloc(0))) {
        at = batch.lastOffset + 1;
        for (const record of batch.records()) if (record.offset >= offset) found.push({ batch, record });
      }
      if (at === from) return found;
    }
  }
}

function hasCode(value, code) {
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return false;
  return Object.entries(value).some(([key, item]) =>
    key === 'errorCode' || key === 'partitionErrorCode' ? item === code : hasCode(item, code),
  );
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
}
