// Produce, versions 3 to 13 (0 to 2 are advertised, as by Kafka 4, though refused: librdkafka would otherwise stop
// compressing without a word; KIP-896).
//
// Behaviour: every batch is appended in request order, synchronously; the answer follows when the newest of them is
// written (acks=1) or committed (acks=all), as one callback per request. Errors are per partition. A commit later than
// timeout.ms is answered REQUEST_TIMED_OUT and the append stands. acks=0 has no answer; an error closes the connection.
// A duplicate of an idempotent producer gets its original's offsets, once that is committed.
//
// Transactions: the first batch of one in a partition is admitted by the transaction coordinator, which from version 12 on
// adds the partition, before that only verifies it (version 11 understands TRANSACTION_ABORTABLE). Its errors are told as
// those that producers of that version act upon. Transactional batches in a request without a transactional id:
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED for all of it; of more than one producer: INVALID_PRODUCER_ID_MAPPING.
//
// Deviations: a partition named twice in one request is appended twice and answered twice (Kafka keeps the last and
// drops the other without a word). Null records are INVALID_RECORD (Kafka never answers). Kafka's single replica commits at
// append, so a timeout of 0 or less never comes to pass there; here it means 30 s. CONCURRENT_TRANSACTIONS is answered at
// once (Kafka first tries for a while by itself): the coordinator ends transactions without waiting, unless it cannot.
// THROTTLING_QUOTA_EXCEEDED: 100 000 producers have a transaction open in the partition, and no other can be remembered.
//
// KIPs: 98 (idempotence, transactions), 890 (transactions version 2), 467 (record errors), 516 (topic ids), 951 (leader hints).
import type { Metadata } from '../metadata/image.ts';
import { isInternalTopic } from '../metadata/topic-name.ts';
import {
  type AppendOptions,
  type AppendResult,
  FIRST_PRODUCE_VERSION_OF_TRANSACTIONS_V2,
  type Partition,
} from '../partition/partition.ts';
import type { Partitions } from '../partition/partitions.ts';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import { type ProduceRequest, type ProduceResponseInput, produce } from '../protocol/messages/produce.ts';
import * as batches from '../records/record-batch.ts';
import type { Clock, LogLines, Timers } from '../runtime/runtime.ts';
import type { CommitTicket, Storage } from '../storage/storage.ts';
import type { ApiHandler, Reply, RequestContext } from './api.ts';
import { type Deadline, Deadlines } from './deadlines.ts';
import { LeaderHints } from './leader-hints.ts';

/** Kafka lets this client id write to internal topics (its own tools use it). */
const ADMIN_CLIENT_ID = '__admin_client';
const TIMEOUT_MS_WITHOUT_ONE = 30_000;
const FIRST_VERSION_WITH_LEADER_HINTS = 10;
const FIRST_VERSION_WITH_TRANSACTION_ABORTABLE = 11;
const FIRST_VERSION_WITH_TOPIC_IDS = 13;

/** The part of the transaction coordinator that Produce asks. */
export interface TransactionAdmission {
  /** NONE: the partition is part of the producer's open transaction (now, with `add`). Synchronous. */
  admit(
    transactionalId: string,
    producerId: number,
    producerEpoch: number,
    topic: string,
    partition: number,
    options: { readonly add: boolean },
  ): ErrorCode;
}

type Dependencies = {
  readonly metadata: Metadata;
  readonly partitions: Partitions;
  readonly storage: Storage;
  /** Absent: no transaction can be open. */
  readonly transactions?: TransactionAdmission;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: LogLines;
  readonly brokerId: number;
};

type TopicResponse = ProduceResponseInput['responses'][number];
type PartitionResponse = {
  -readonly [K in keyof TopicResponse['partitionResponses'][number]]: TopicResponse['partitionResponses'][number][K];
};

export function produceHandler(dependencies: Dependencies): ApiHandler<ProduceRequest, ProduceResponseInput> {
  const deadlines = new Deadlines(dependencies.clock, dependencies.timers);
  return {
    api: produce,
    minVersion: 0,
    minHandledVersion: 3,
    maxVersion: 13,
    keepsNoBytes: true,
    dispatch(request, context, reply) {
      new ProduceInProgress(dependencies, deadlines, request, context, reply).start();
    },
    failed,
  };
}

function failed(request: ProduceRequest, errorCode: number): ProduceResponseInput | undefined {
  // An error of a request that wants no answer closes the connection.
  if (request.acks === 0) return undefined;
  const responses = request.topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1 })),
  }));
  return { responses };
}

/** One request from its appends to its answer. */
class ProduceInProgress implements Deadline {
  readonly dueAtMs: number;
  slotIndex = -1;
  readonly #dependencies: Dependencies;
  readonly #deadlines: Deadlines;
  readonly #request: ProduceRequest;
  readonly #context: RequestContext;
  readonly #reply: Reply<ProduceResponseInput>;
  #responses: readonly TopicResponse[] = [];
  /** What waits for the commit: asked again then, since the topic may be gone. */
  #pending: { readonly partition: Partition; readonly response: PartitionResponse }[] = [];
  #ticket: CommitTicket = -1;
  readonly #appendOptions: AppendOptions;
  /** Of the whole request, as in Kafka. */
  #refusesAll: ErrorCode = ErrorCode.NONE;
  /** What is being appended, for the question to the coordinator; and why it said no. */
  #asking: { topic: string; index: number; message: string | null } | undefined;
  #failed = false;
  #answered = false;

  constructor(
    dependencies: Dependencies,
    deadlines: Deadlines,
    request: ProduceRequest,
    context: RequestContext,
    reply: Reply<ProduceResponseInput>,
  ) {
    this.#dependencies = dependencies;
    this.#deadlines = deadlines;
    this.#request = request;
    this.#context = context;
    this.#reply = reply;
    this.#appendOptions = this.#makeAppendOptions();
    this.dueAtMs =
      dependencies.clock.monotonicMs() + (request.timeoutMs > 0 ? request.timeoutMs : TIMEOUT_MS_WITHOUT_ONE);
  }

  start(): void {
    this.#appendAll();
    const { acks } = this.#request;
    const { storage } = this.#dependencies;
    if (acks === 0) {
      if (this.#failed || this.#pending.length === 0) this.#finishWithoutAnswer();
      // Until the disk has it, it counts as a request in flight: else producers that wait for nothing outrun the disk.
      else storage.whenWritten(this.#ticket, () => this.#finishWithoutAnswer());
    } else if (this.#pending.length === 0) {
      this.#answer();
    } else if (acks === 1) {
      storage.whenWritten(this.#ticket, () => this.#durable());
    } else {
      storage.whenCommitted(this.#ticket, () => this.#durable());
      if (!this.#answered) this.#deadlines.add(this);
    }
  }

  expired(): void {
    for (const { response } of this.#pending) response.errorCode = ErrorCode.REQUEST_TIMED_OUT;
    this.#answer();
  }

  /** One for all partitions; only requests of transactions ask a coordinator. */
  #makeAppendOptions(): AppendOptions {
    const { acks, transactionalId } = this.#request;
    const { transactions } = this.#dependencies;
    const produceVersion = this.#context.apiVersion;
    if (transactionalId === null || transactions === undefined) return { acks, origin: 'client', produceVersion };
    const options = { add: produceVersion >= FIRST_PRODUCE_VERSION_OF_TRANSACTIONS_V2 };
    const asking = { topic: '', index: 0, message: null as string | null };
    this.#asking = asking;
    const admit = (producerId: number, producerEpoch: number): ErrorCode => {
      const { topic, index } = asking;
      const error = transactions.admit(transactionalId, producerId, producerEpoch, topic, index, options);
      const told = toldAs(error, produceVersion);
      asking.message = messageOf(error, told);
      return told;
    };
    return { acks, origin: 'client', produceVersion, admit };
  }

  #appendAll(): void {
    this.#refusesAll = refusalOfAll(this.#request);
    const byId = this.#context.apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS;
    const { image } = this.#dependencies.metadata;
    this.#responses = this.#request.topicData.map((topic) => {
      const name = byId ? image.topicsById.get(topic.topicId)?.name : topic.name;
      const partitionResponses = topic.partitionData.map(({ index, records }) => this.#append(name, index, records));
      return { name: topic.name, topicId: topic.topicId, partitionResponses };
    });
  }

  #append(topic: string | undefined, index: number, records: Buffer | null): PartitionResponse {
    if (this.#refusesAll !== ErrorCode.NONE) return this.#refusal(index, this.#refusesAll);
    if (topic === undefined) return this.#refusal(index, ErrorCode.UNKNOWN_TOPIC_ID);
    const partition = this.#dependencies.partitions.byName(topic, index);
    if (partition === undefined) return this.#refusal(index, this.#dependencies.partitions.absence(topic, index));
    const { acks } = this.#request;
    if (acks !== -1 && acks !== 0 && acks !== 1) return this.#refusal(index, ErrorCode.INVALID_REQUIRED_ACKS);
    if (isInternalTopic(topic) && this.#context.clientId !== ADMIN_CLIENT_ID) {
      return this.#refusal(index, ErrorCode.INVALID_TOPIC_EXCEPTION);
    }
    const asking = this.#asking;
    if (asking !== undefined) {
      asking.topic = topic;
      asking.index = index;
      asking.message = null;
    }
    const result = partition.append(records, this.#appendOptions);
    if (result.errorCode !== ErrorCode.NONE) this.#failed = true;
    const response = partitionResponse(index, result);
    if (asking !== undefined && asking.message !== null) response.errorMessage = asking.message;
    if (result.ticket !== undefined) {
      if (result.ticket > this.#ticket) this.#ticket = result.ticket;
      // Mostly the only one: a push would make room for seventeen.
      if (this.#pending.length === 0) this.#pending = [{ partition, response }];
      else this.#pending.push({ partition, response });
    }
    return response;
  }

  #refusal(index: number, errorCode: ErrorCode): PartitionResponse {
    this.#failed = true;
    return { index, errorCode, baseOffset: -1 };
  }

  #durable(): void {
    if (this.#answered) return;
    for (const { partition, response } of this.#pending) {
      if (partition.deleted) {
        response.errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
        response.baseOffset = -1;
      }
    }
    this.#answer();
  }

  #answer(): void {
    this.#answered = true;
    this.#deadlines.remove(this);
    const response: ProduceResponseInput = { responses: this.#responses };
    const canHint = this.#failed && this.#context.apiVersion >= FIRST_VERSION_WITH_LEADER_HINTS;
    this.#reply(canHint ? { ...response, nodeEndpoints: this.#hintLeaders() } : response);
  }

  #hintLeaders(): NonNullable<ProduceResponseInput['nodeEndpoints']> {
    const { metadata, brokerId } = this.#dependencies;
    const hints = new LeaderHints(metadata.image, brokerId, this.#context.connection);
    for (const topic of this.#responses) {
      const name = topic.name || metadata.image.topicsById.get(topic.topicId ?? '')?.name || '';
      for (const response of topic.partitionResponses as PartitionResponse[]) {
        if (response.errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER) continue;
        const leader = hints.of(name, response.index);
        if (leader !== undefined) response.currentLeader = leader;
      }
    }
    return hints.endpoints;
  }

  #finishWithoutAnswer(): void {
    this.#reply(null);
    if (!this.#failed) return;
    const { log } = this.#dependencies;
    log.info('closing a connection: a produce request with acks=0 failed', {
      client: this.#context.clientId ?? '',
      correlationId: this.#context.correlationId,
    });
    this.#context.connection.close('a produce request with acks=0 failed');
  }
}

function partitionResponse(index: number, result: AppendResult): PartitionResponse {
  return {
    index,
    errorCode: result.errorCode,
    baseOffset: result.baseOffset,
    logAppendTimeMs: result.logAppendTimeMs,
    logStartOffset: result.logStartOffset,
    recordErrors: result.recordErrors,
    errorMessage: result.errorMessage,
  };
}

/** NONE, or why nothing of a transactional request is looked at. */
function refusalOfAll({ topicData, transactionalId }: ProduceRequest): ErrorCode {
  let producerId = -1;
  let producerEpoch = -1;
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) {
      if (records === null || records.length < batches.BATCH_HEADER_BYTES) continue;
      if (!batches.isTransactional(records, 0)) continue;
      if (transactionalId === null) return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
      if (!batches.hasProducerId(records, 0)) continue;
      const id = batches.producerId(records, 0);
      const epoch = batches.producerEpoch(records, 0);
      if (producerId >= 0 && (id !== producerId || epoch !== producerEpoch))
        return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
      producerId = id;
      producerEpoch = epoch;
    }
  }
  return ErrorCode.NONE;
}

/** What a producer of this version knows how to act upon, for a code of the coordinator. */
function toldAs(error: ErrorCode, version: number): ErrorCode {
  switch (error) {
    case ErrorCode.PRODUCER_FENCED:
      return ErrorCode.INVALID_PRODUCER_EPOCH;
    case ErrorCode.TRANSACTION_ABORTABLE:
      return version < FIRST_VERSION_WITH_TRANSACTION_ABORTABLE ? ErrorCode.INVALID_TXN_STATE : error;
    case ErrorCode.CONCURRENT_TRANSACTIONS:
      return version < FIRST_PRODUCE_VERSION_OF_TRANSACTIONS_V2 ? ErrorCode.NOT_ENOUGH_REPLICAS : error;
    case ErrorCode.NETWORK_EXCEPTION:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.NOT_COORDINATOR:
      // Retried by every producer, and without asking for metadata first.
      return ErrorCode.NOT_ENOUGH_REPLICAS;
    default:
      return error;
  }
}

function messageOf(error: ErrorCode, told: ErrorCode): string | null {
  if (told === ErrorCode.INVALID_TXN_STATE) return 'the partition is not part of the transaction';
  if (told !== ErrorCode.NOT_ENOUGH_REPLICAS) return null;
  return `the transaction coordinator could not say whether the partition is part of the transaction: ${errorName(error)}`;
}
