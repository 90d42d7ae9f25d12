// Produce, versions 3 to 13 (0 to 2 are advertised, as by Kafka 4, though refused: librdkafka would otherwise stop
// compressing without a word; KIP-896).
//
// Behaviour: every batch is appended in request order, synchronously; the answer follows when the newest of them is
// written (acks=1) or committed (acks=all), as one callback per request. Errors are per partition. A commit later than
// timeout.ms is answered REQUEST_TIMED_OUT and the append stands. acks=0 has no answer; an error closes the connection.
// A duplicate of an idempotent producer gets its original's offsets, once that is committed.
//
// Deviations: a partition named twice in one request is appended twice and answered twice (Kafka keeps the last and
// drops the other without a word). Null records are INVALID_RECORD (Kafka never answers). Transactional batches are
// refused with INVALID_TXN_STATE: no transaction can be open on this broker, and this is what Kafka says of a partition
// that is not part of one (without a transactional id in the request: TRANSACTIONAL_ID_AUTHORIZATION_FAILED for all of
// it, as in Kafka). Kafka's single replica commits at append, so a timeout of 0 or less never comes to pass there; here
// it means 30 s.
//
// KIPs: 98 (idempotence), 467 (record errors), 516 (topic ids), 951 (leader hints).
import type { Metadata } from '../metadata/image.ts';
import { isInternalTopic } from '../metadata/topic-name.ts';
import type { AppendResult, Partition } from '../partition/partition.ts';
import type { Partitions } from '../partition/partitions.ts';
import { ErrorCode } from '../protocol/error-code.ts';
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
const FIRST_VERSION_WITH_TOPIC_IDS = 13;

type Dependencies = {
  readonly metadata: Metadata;
  readonly partitions: Partitions;
  readonly storage: Storage;
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
  readonly #dependencies: Dependencies;
  readonly #deadlines: Deadlines;
  readonly #request: ProduceRequest;
  readonly #context: RequestContext;
  readonly #reply: Reply<ProduceResponseInput>;
  readonly #responses: TopicResponse[] = [];
  /** What waits for the commit: asked again then, since the topic may be gone. */
  readonly #pending: { readonly partition: Partition; readonly response: PartitionResponse }[] = [];
  #ticket: CommitTicket = -1;
  /** Then Kafka refuses the whole request. */
  #lacksTransactionalId = false;
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

  #appendAll(): void {
    this.#lacksTransactionalId = this.#request.transactionalId === null && hasTransactionalRecords(this.#request);
    const byId = this.#context.apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS;
    const { image } = this.#dependencies.metadata;
    for (const topic of this.#request.topicData) {
      const name = byId ? image.topicsById.get(topic.topicId)?.name : topic.name;
      const partitionResponses: PartitionResponse[] = [];
      for (const { index, records } of topic.partitionData) {
        partitionResponses.push(this.#append(name, index, records));
      }
      this.#responses.push({ name: topic.name, topicId: topic.topicId, partitionResponses });
    }
  }

  #append(topic: string | undefined, index: number, records: Buffer | null): PartitionResponse {
    if (this.#lacksTransactionalId) return this.#refusal(index, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    if (topic === undefined) return this.#refusal(index, ErrorCode.UNKNOWN_TOPIC_ID);
    const partition = this.#dependencies.partitions.byName(topic, index);
    if (partition === undefined) return this.#refusal(index, this.#dependencies.partitions.absence(topic, index));
    const { acks } = this.#request;
    if (acks !== -1 && acks !== 0 && acks !== 1) return this.#refusal(index, ErrorCode.INVALID_REQUIRED_ACKS);
    if (isInternalTopic(topic) && this.#context.clientId !== ADMIN_CLIENT_ID) {
      return this.#refusal(index, ErrorCode.INVALID_TOPIC_EXCEPTION);
    }
    const result = partition.append(records, {
      acks,
      origin: 'client',
      produceVersion: this.#context.apiVersion,
    });
    if (result.errorCode !== ErrorCode.NONE) this.#failed = true;
    const response = partitionResponse(index, result);
    if (result.ticket !== undefined) {
      if (result.ticket > this.#ticket) this.#ticket = result.ticket;
      this.#pending.push({ partition, response });
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

function hasTransactionalRecords(request: ProduceRequest): boolean {
  return request.topicData.some(({ partitionData }) =>
    partitionData.some(({ records }) => {
      return records !== null && records.length >= batches.BATCH_HEADER_BYTES && batches.isTransactional(records, 0);
    }),
  );
}
