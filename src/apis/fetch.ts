// Fetch, versions 4 to 18.
//
// Behaviour: partitions are read in the order of the request or of its session; the first batch found is returned even
// when it is larger than every maximum (KIP-74), later ones only when whole and within the partition's and the
// request's maximum (at most fetch.max.bytes). With fewer than min.bytes and no partition in error the request is parked
// until commits bring enough or max.wait.ms has passed, then everything is read again. A partition of a session that
// returned records moves behind the others, so that answers cut by their maximum serve all in turn.
// Only committed records are returned; to read_committed readers only what lies below the last stable offset, with the
// aborted transactions in it (Kafka's list may name some that begin shortly behind what it returns). Errors of topics that do not exist do not end the wait (as in Kafka).
//
// Deviations: records always end at a batch boundary (Kafka may cut a batch after the first; clients drop the piece).
// Debugging consumers (replica id −2) see committed records only. There are no followers: a replica id of 0 or more is
// answered per partition as Kafka answers a broker that is not among the replicas. A negative partition maximum counts as 0
// (Kafka: UNKNOWN_SERVER_ERROR). As in Kafka 4.3, and against KIP-110, versions below 10 get zstd as it is.
//
// KIPs: 74, 98 (read_committed), 101/320/595 (leader epochs, divergence), 227 (sessions), 516 (topic ids), 903, 951 (leader hints).
import type { Metadata } from '../metadata/image.ts';
import type { FetchWaiter } from '../partition/fetch-waiters.ts';
import { IsolationLevel, type Partition, type ReadResult } from '../partition/partition.ts';
import type { Partitions } from '../partition/partitions.ts';
import { AclOperation, ResourceType } from '../protocol/acl-codes.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { type FetchRequest, type FetchResponseInput, fetch } from '../protocol/messages/fetch.ts';
import { type Region, releaseAll } from '../protocol/region-pool.ts';
import { batchLength, nextOffset } from '../records/record-batch.ts';
import { FileError } from '../runtime/files.ts';
import { runSoon } from '../runtime/microtask.ts';
import type { Clock, LogLines, Random, Timers } from '../runtime/runtime.ts';
import type { Authorizer } from '../security/authorizer.ts';
import type { AbortedTransaction } from '../storage/aborted-index.ts';
import type { LogRead } from '../storage/storage.ts';
import { isDamage, StorageError } from '../storage/storage-error.ts';
import type { ApiHandler, Reply, RequestContext } from './api.ts';
import { type Deadline, Deadlines } from './deadlines.ts';
import { type FetchContext, type FetchedPartition, FetchSessions, type PartitionAnswer } from './fetch-session.ts';
import { LeaderHints } from './leader-hints.ts';

const FIRST_VERSION_WITH_TOPIC_IDS = 13;
const FIRST_VERSION_WITH_LEADER_HINTS = 16;
const LAST_VERSION_WITHOUT_STORAGE_ERROR = 5;

/** Requests waiting at once; beyond, they are answered with what there is. */
const PARKED_MAX = 20_000;
/**
 * What all requests in progress together hold of files: unlike slices of the tail, it takes memory of its own. Beyond,
 * a request that has some is answered with that.
 */
const COLD_BYTES_MAX = 64 * 1024 * 1024;

type Dependencies = {
  readonly metadata: Metadata;
  readonly partitions: Partitions;
  /** `fetch.max.bytes` and `max.incremental.fetch.session.cache.slots`. */
  readonly settings: { readonly fetchMaxBytes: number; readonly maxIncrementalFetchSessionCacheSlots: number };
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: LogLines;
  readonly brokerId: number;
  /** Undefined: everybody may read everything. */
  readonly authorizer?: Authorizer | undefined;
};

interface Shared extends Dependencies {
  readonly sessions: FetchSessions;
  readonly deadlines: Deadlines;
  /** Bytes read from files for requests that are not answered yet. */
  coldBytes: number;
}

type Topic = FetchResponseInput['responses'][number];
type PartitionData = Topic['partitions'][number];
type MutableTopic = { topic: string; topicId: string; partitions: PartitionData[] };

export function fetchHandler(dependencies: Dependencies): ApiHandler<FetchRequest, FetchResponseInput> {
  const { clock, timers, random, settings } = dependencies;
  const sessions = new FetchSessions({
    slots: settings.maxIncrementalFetchSessionCacheSlots,
    nowMs: () => clock.monotonicMs(),
    randomBelow: (limit) => random.below(limit),
  });
  const shared: Shared = { ...dependencies, sessions, deadlines: new Deadlines(clock, timers), coldBytes: 0 };
  return {
    api: fetch,
    minVersion: 4,
    maxVersion: 18,
    longPoll: true,
    dispatch(request, context, reply) {
      new FetchInProgress(shared, request, context, reply).start();
    },
  };
}

/** What one partition of the request came to. */
interface Outcome extends PartitionAnswer {
  readonly lastStableOffset: number;
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number } | undefined;
  readonly records: readonly Buffer[];
  readonly aborted: readonly AbortedTransaction[];
  /** Refused before it was read: such partitions neither end the wait nor count. */
  readonly unread: boolean;
}

/** One request from its first read to its answer. */
class FetchInProgress implements FetchWaiter<Partition>, Deadline {
  readonly dueAtMs: number;
  slotIndex = -1;
  readonly #shared: Shared;
  readonly #isolationLevel: number;
  readonly #context: RequestContext;
  readonly #reply: Reply<FetchResponseInput>;
  readonly #fetch: FetchContext;
  readonly #minBytes: number;
  readonly #maxBytes: number;
  readonly #replicaId: number;
  /** Parallel to `#fetch.partitions`; undefined where there is nothing to read. */
  readonly #partitions: (Partition | undefined)[];
  readonly #outcomes: Outcome[];
  /** Each partition's committed bytes at the time it was read. */
  readonly #seenBytes: number[];
  #hasUnread = false;
  #bytes = 0;
  #coldBytes = 0;
  /** What was read and not yet sent or let go of lives in these. */
  #regions: Region[] = [];
  #mustAnswer: boolean;
  #parked = false;
  #checkQueued = false;
  #finished = false;
  #forgetConnection: (() => void) | undefined;

  constructor(shared: Shared, request: FetchRequest, context: RequestContext, reply: Reply<FetchResponseInput>) {
    this.#shared = shared;
    // Not the request itself: thousands of these may wait at once, each for half a second.
    this.#isolationLevel = request.isolationLevel;
    this.#context = context;
    this.#reply = reply;
    const { image } = shared.metadata;
    this.#fetch = shared.sessions.open(
      request,
      this.#usesTopicIds,
      (topicId) => image.topicsById.get(topicId)?.name ?? '',
    );
    // Made at their size: an array that grows takes seventeen places for its first element.
    const count = this.#fetch.partitions.length;
    this.#partitions = new Array(count);
    this.#outcomes = new Array(count);
    this.#seenBytes = new Array(count);
    this.#maxBytes = Math.min(request.maxBytes, shared.settings.fetchMaxBytes);
    this.#minBytes = Math.min(request.minBytes, this.#maxBytes);
    this.#replicaId = context.apiVersion < 15 ? request.replicaId : request.replicaState.replicaId;
    this.dueAtMs = shared.clock.monotonicMs() + request.maxWaitMs;
    this.#mustAnswer = request.maxWaitMs <= 0;
  }

  get #usesTopicIds(): boolean {
    return this.#context.apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS;
  }

  start(): void {
    const { authorizer } = this.#shared;
    const mayRead = authorizer && this.#asks(authorizer);
    let readable = 0;
    for (const [index, wanted] of this.#fetch.partitions.entries()) {
      const target = this.#resolve(wanted, mayRead);
      const found = typeof target === 'object';
      this.#partitions[index] = found ? target : undefined;
      this.#outcomes[index] = found ? NOT_READ : failed(target, true);
      this.#seenBytes[index] = 0;
      if (found) readable++;
      else this.#hasUnread = true;
    }
    if (readable === 0) this.#answer();
    else this.#read();
  }

  /** Called from the commit loop, for several partitions in a row: they are looked at together afterwards. */
  partitionMoved(): void {
    if (this.#checkQueued) return;
    this.#checkQueued = true;
    runSoon(() => {
      this.#checkQueued = false;
      if (this.#parked && this.#isEnough()) this.#unpark();
    });
  }

  expired(): void {
    if (this.#parked) this.#unpark();
  }

  #resolve(wanted: FetchedPartition, mayRead: ((topic: string) => boolean) | undefined): Partition | ErrorCode {
    const { partitions } = this.#shared;
    if (wanted.topic === '' && this.#usesTopicIds) return ErrorCode.UNKNOWN_TOPIC_ID;
    if (mayRead && !mayRead(wanted.topic)) return ErrorCode.TOPIC_AUTHORIZATION_FAILED;
    const partition = partitions.byName(wanted.topic, wanted.partition);
    if (partition === undefined) return partitions.absence(wanted.topic, wanted.partition);
    if (this.#usesTopicIds && partition.id.topicId !== wanted.topicId) return ErrorCode.INCONSISTENT_TOPIC_ID;
    return partition;
  }

  /** Of a session, too, whoever opened it. Asks once for a topic. */
  #asks(authorizer: Authorizer): (topic: string) => boolean {
    const { principal, remoteAddress: host } = this.#context.connection;
    const known = new Map<string, boolean>();
    return (topic) => {
      const allowed =
        known.get(topic) ?? authorizer.allows({ principal, host }, AclOperation.READ, ResourceType.TOPIC, topic);
      known.set(topic, allowed);
      return allowed;
    };
  }

  #read(): void {
    this.#bytes = 0;
    this.#tookCold(-this.#coldBytes);
    this.#releaseRegions();
    this.#readFrom(0);
  }

  /** In order, because what one partition returns lowers what the next may; goes on by itself after a cold read. */
  #readFrom(start: number): void {
    for (let index = start; index < this.#partitions.length; index++) {
      const partition = this.#partitions[index];
      if (partition === undefined) continue;
      const reading = this.#readAt(index, partition);
      if (reading === undefined) continue;
      void reading.then(() => this.#goOn(index + 1));
      return;
    }
    this.#afterReading();
  }

  /** A promise, which never rejects, when files have to be read. */
  #readAt(index: number, partition: Partition): Promise<void> | undefined {
    this.#seenBytes[index] = partition.readableBytes(this.#isolationLevel);
    try {
      const { compactions } = partition;
      const result = this.#readOne(partition, this.#fetch.partitions[index]!);
      const { read } = result;
      if (read instanceof Promise) return this.#readCold(index, partition, result, compactions);
      this.#hold(read);
      const aborted = this.#abortedIn(index, partition, read);
      if (aborted instanceof Promise) {
        // It is asked for again, where a failure can be awaited.
        aborted.catch(() => {});
        return this.#readCold(index, partition, result, compactions);
      }
      this.#took(index, result, read, aborted);
    } catch (error) {
      // Nobody above could answer: this may run in a timer or after a commit.
      this.#couldNotRead(index, partition, error);
    }
    return undefined;
  }

  /** The records, or only the list of aborted transactions, come from files. */
  async #readCold(index: number, partition: Partition, first: ReadResult, compactions: number): Promise<void> {
    try {
      let result = first;
      let { read, aborted } = await this.#readWithAborted(index, partition, result);
      for (let before = compactions; partition.compactions !== before; ) {
        // Compaction came in between: records and list may not belong together.
        before = partition.compactions;
        result = this.#readOne(partition, this.#fetch.partitions[index]!);
        if (!(result.read instanceof Promise)) this.#hold(result.read);
        ({ read, aborted } = await this.#readWithAborted(index, partition, result));
      }
      // The directory may belong to a new topic of the same name by now, and with it what was read.
      if (partition.deleted) this.#couldNotRead(index, partition, undefined);
      else this.#took(index, result, read, aborted);
    } catch (error) {
      this.#couldNotRead(index, partition, error);
    }
  }

  async #readWithAborted(
    index: number,
    partition: Partition,
    result: ReadResult,
  ): Promise<{ read: LogRead | undefined; aborted: readonly AbortedTransaction[] }> {
    const read = result.read instanceof Promise ? this.#hold(await result.read) : result.read;
    return { read, aborted: await this.#abortedIn(index, partition, read) };
  }

  /** Of what was read, for readers of committed records. */
  #abortedIn(
    index: number,
    partition: Partition,
    read: LogRead | undefined,
  ): readonly AbortedTransaction[] | Promise<readonly AbortedTransaction[]> {
    if (read === undefined || this.#isolationLevel !== IsolationLevel.READ_COMMITTED) return NONE_ABORTED;
    const { fetchOffset } = this.#fetch.partitions[index]!;
    if (read.sizeBytes === 0 || !partition.mayHaveAborted(fetchOffset)) return NONE_ABORTED;
    return partition.abortedTransactions(fetchOffset, endOffsetOf(read));
  }

  /** After a cold read, in which time passed. */
  #goOn(index: number): void {
    if (this.#context.connection.closed) this.#finish(NOBODY_READS);
    else this.#readFrom(index);
  }

  /** What was read is there until it is sent or let go of. */
  #hold(read: LogRead | undefined): LogRead | undefined {
    if (read?.regions !== undefined) this.#regions.push(...read.regions);
    if (read?.isCold) this.#tookCold(read.sizeBytes);
    return read;
  }

  #releaseRegions(): void {
    releaseAll(this.#regions);
    this.#regions = [];
  }

  #tookCold(bytes: number): void {
    this.#coldBytes += bytes;
    this.#shared.coldBytes += bytes;
  }

  /** What the answer may still take up. */
  get #roomBytes(): number {
    const isCut = this.#coldBytes > 0 && this.#shared.coldBytes >= COLD_BYTES_MAX;
    if (isCut) this.#mustAnswer = true;
    return isCut ? 0 : this.#maxBytes - this.#bytes;
  }

  #readOne(partition: Partition, wanted: FetchedPartition): ReadResult {
    const result = partition.read({
      offset: wanted.fetchOffset,
      maxBytes: Math.max(0, Math.min(wanted.maxBytes, this.#roomBytes)),
      atLeastOne: this.#bytes === 0,
      isolationLevel: this.#isolationLevel,
      currentLeaderEpoch: wanted.currentLeaderEpoch,
      lastFetchedEpoch: wanted.lastFetchedEpoch,
    });
    if (this.#replicaId < 0 || result.errorCode !== ErrorCode.NONE) return result;
    const errorCode =
      wanted.currentLeaderEpoch >= 0 ? ErrorCode.UNKNOWN_LEADER_EPOCH : ErrorCode.NOT_LEADER_OR_FOLLOWER;
    return { ...result, errorCode, read: undefined };
  }

  #took(index: number, result: ReadResult, read: LogRead | undefined, aborted: readonly AbortedTransaction[]): void {
    if (result.errorCode !== ErrorCode.NONE) {
      this.#outcomes[index] = failed(result.errorCode, false);
      this.#mustAnswer = true;
      return;
    }
    if (result.divergingEpoch !== undefined) this.#mustAnswer = true;
    const recordsBytes = read?.sizeBytes ?? 0;
    this.#bytes += recordsBytes;
    this.#outcomes[index] = {
      errorCode: ErrorCode.NONE,
      highWatermark: result.highWatermark,
      lastStableOffset: result.lastStableOffset,
      logStartOffset: result.logStartOffset,
      divergingEpoch: result.divergingEpoch,
      diverging: result.divergingEpoch !== undefined,
      records: read?.parts ?? NO_RECORDS,
      recordsBytes,
      aborted,
      unread: false,
    };
  }

  #couldNotRead(index: number, partition: Partition, error: unknown): void {
    this.#outcomes[index] = this.#readFailure(partition, error);
    this.#mustAnswer = true;
  }

  #readFailure(partition: Partition, error: unknown): Outcome {
    if (partition.deleted) return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, false);
    this.#shared.log.error('a fetch could not read a partition', {
      topic: partition.id.topic,
      partition: partition.id.partition,
      error: error instanceof Error ? error.message : String(error),
    });
    // As Kafka answers for records that are damaged: consumers tell it instead of trying again for ever.
    if (isDamage(error)) return failed(ErrorCode.CORRUPT_MESSAGE, false);
    const isStorage = error instanceof FileError || error instanceof StorageError;
    return failed(isStorage ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.UNKNOWN_SERVER_ERROR, false);
  }

  #afterReading(): void {
    if (this.#mustAnswer || this.#bytes >= this.#minBytes || this.#shared.deadlines.size >= PARKED_MAX) {
      this.#answer();
    } else {
      this.#park();
    }
  }

  #park(): void {
    // A cold read let time pass: what came meanwhile wakes nobody.
    if (this.#isEnough()) {
      this.#mustAnswer = true;
      this.#read();
      return;
    }
    this.#parked = true;
    this.#letGo();
    for (const partition of this.#partitions) partition?.addWaiter(this);
    this.#shared.deadlines.add(this);
    this.#forgetConnection = this.#context.connection.onClosed(() => this.#abandon());
  }

  /** Everything is read again later: until then the records need not be kept. */
  #letGo(): void {
    this.#tookCold(-this.#coldBytes);
    this.#releaseRegions();
    this.#outcomes.forEach((outcome, index) => {
      if (outcome.unread) return;
      const { recordsBytes } = outcome;
      this.#outcomes[index] = recordsBytes === 0 ? NOT_READ : { ...NOT_READ, recordsBytes };
    });
  }

  /** Whether a read would return min.bytes, or an error: judged from counters, without reading. */
  #isEnough(): boolean {
    let available = this.#bytes;
    for (let index = 0; index < this.#partitions.length; index++) {
      const partition = this.#partitions[index];
      if (partition === undefined) continue;
      if (partition.deleted) return true;
      const arrived = partition.readableBytes(this.#isolationLevel) - this.#seenBytes[index]!;
      if (arrived === 0) continue;
      if (this.#minBytes <= 1) return true;
      const room = this.#fetch.partitions[index]!.maxBytes - this.#outcomes[index]!.recordsBytes;
      available += Math.max(0, Math.min(arrived, room));
    }
    return available >= this.#minBytes;
  }

  #unpark(): void {
    this.#leaveParking();
    this.#mustAnswer = true;
    this.#read();
  }

  #leaveParking(): void {
    this.#parked = false;
    for (const partition of this.#partitions) partition?.removeWaiter(this);
    this.#shared.deadlines.remove(this);
    this.#forgetConnection?.();
    this.#forgetConnection = undefined;
  }

  /** The connection is gone: nobody waits for the answer. */
  #abandon(): void {
    if (!this.#parked) return;
    this.#leaveParking();
    this.#finish(NOBODY_READS);
  }

  #answer(): void {
    const conclusion = this.#fetch.conclude(this.#outcomes);
    const { errorCode, sessionId, included } = conclusion;
    if (errorCode !== ErrorCode.NONE) {
      this.#finish({ throttleTimeMs: 0, errorCode, sessionId, responses: [] });
      return;
    }
    const hints = new LeaderHints(this.#shared.metadata.image, this.#shared.brokerId, this.#context.connection);
    let responses: MutableTopic[] = [];
    // What could not be read comes last, as in Kafka.
    for (let pass = 0; pass < (this.#hasUnread ? 2 : 1); pass++) {
      for (let index = 0; index < this.#outcomes.length; index++) {
        const outcome = this.#outcomes[index]!;
        if (outcome.unread !== (pass === 1) || (included !== undefined && !included[index])) continue;
        const wanted = this.#fetch.partitions[index]!;
        responses = withPartition(responses, wanted, this.#partitionData(wanted, outcome, hints));
      }
    }
    const response: FetchResponseInput = { throttleTimeMs: 0, errorCode, sessionId, responses };
    // Replicas know the brokers: they are told who leads, not where.
    const endpoints = this.#replicaId < 0 ? hints.endpoints : [];
    this.#finish(endpoints.length > 0 ? { ...response, nodeEndpoints: endpoints } : response);
  }

  #partitionData(wanted: FetchedPartition, outcome: Outcome, hints: LeaderHints): PartitionData {
    const version = this.#context.apiVersion;
    if (outcome.unread) return withHint(unreadData(wanted.partition, outcome.errorCode), wanted, version, hints);
    const data: PartitionData = {
      partitionIndex: wanted.partition,
      errorCode: errorCodeFor(version, outcome.errorCode),
      highWatermark: outcome.highWatermark,
      lastStableOffset: outcome.lastStableOffset,
      logStartOffset: outcome.logStartOffset,
      abortedTransactions: this.#abortedTransactions(outcome),
      records: outcome.records,
    };
    if (outcome.errorCode !== ErrorCode.NONE) return withHint(data, wanted, version, hints);
    return outcome.divergingEpoch === undefined ? data : { ...data, divergingEpoch: outcome.divergingEpoch };
  }

  /** Readers of committed records get a list, others null. */
  #abortedTransactions(outcome: Outcome): readonly AbortedTransaction[] | null {
    const committedOnly = this.#isolationLevel === IsolationLevel.READ_COMMITTED;
    return committedOnly && outcome.errorCode === ErrorCode.NONE ? outcome.aborted : null;
  }

  #finish(response: FetchResponseInput): void {
    if (this.#finished) throw new Error('a fetch was answered twice');
    this.#finished = true;
    this.#tookCold(-this.#coldBytes);
    const regions = this.#regions;
    this.#reply(response, regions.length === 0 ? undefined : () => releaseAll(regions));
  }
}

const NO_RECORDS: readonly Buffer[] = [];
const NONE_ABORTED: readonly AbortedTransaction[] = [];

/** One past the last offset of what was read, which is not empty. */
function endOffsetOf({ parts }: LogRead): number {
  const last = parts[parts.length - 1]!;
  for (let at = 0; ; ) {
    const next = at + batchLength(last, at);
    if (next >= last.length) return nextOffset(last, at);
    at = next;
  }
}

/** For a connection that is gone. */
const NOBODY_READS: FetchResponseInput = {
  throttleTimeMs: 0,
  errorCode: ErrorCode.NONE,
  sessionId: 0,
  responses: [],
};

const NOT_READ: Outcome = failed(ErrorCode.NONE, true);

function failed(errorCode: ErrorCode, unread: boolean): Outcome {
  return {
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergingEpoch: undefined,
    diverging: false,
    records: NO_RECORDS,
    recordsBytes: 0,
    aborted: NONE_ABORTED,
    unread,
  };
}

/** In the last topic of the answer when it is the partition's, else in a new one. Lists begin with what they mostly end with: one. */
function withPartition(responses: MutableTopic[], wanted: FetchedPartition, data: PartitionData): MutableTopic[] {
  const last = responses.at(-1);
  if (last !== undefined && last.topicId === wanted.topicId && last.topic === wanted.topic) {
    last.partitions.push(data);
    return responses;
  }
  const topic = { topic: wanted.topic, topicId: wanted.topicId, partitions: [data] };
  if (last === undefined) return [topic];
  responses.push(topic);
  return responses;
}

/** Kafka's FetchResponse.partitionResponse: what a partition that was not read is answered with. */
function unreadData(partitionIndex: number, errorCode: number): PartitionData {
  return { partitionIndex, errorCode, highWatermark: -1, abortedTransactions: [], records: NO_RECORDS };
}

function withHint(data: PartitionData, wanted: FetchedPartition, version: number, hints: LeaderHints): PartitionData {
  if (version < FIRST_VERSION_WITH_LEADER_HINTS) return data;
  if (data.errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER && data.errorCode !== ErrorCode.FENCED_LEADER_EPOCH) {
    return data;
  }
  const currentLeader = hints.of(wanted.topic, wanted.partition);
  return currentLeader === undefined ? data : { ...data, currentLeader };
}

/** Old clients take the storage error for a fatal one; this one makes them refresh and try again. */
function errorCodeFor(version: number, errorCode: number): number {
  return errorCode === ErrorCode.KAFKA_STORAGE_ERROR && version <= LAST_VERSION_WITHOUT_STORAGE_ERROR
    ? ErrorCode.NOT_LEADER_OR_FOLLOWER
    : errorCode;
}
