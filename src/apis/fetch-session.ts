// Fetch sessions (KIP-227): what a consumer asked for and what it was told last, so that its requests name only what
// changed and answers leave out what did not. Owned by the Fetch handler; one per broker.
// Source of the rules: Kafka's FetchSession, FetchSessionCacheShard and FetchManager. Deviations: one cache instead of
// eight shards (so that small `max.incremental.fetch.session.cache.slots` work), and the partitions of all sessions
// together are bounded.
import { ErrorCode } from '../protocol/error-code.ts';

export const INVALID_SESSION_ID = 0;
export const INITIAL_EPOCH = 0;
export const FINAL_EPOCH = -1;

/** A session is worth keeping for this long after its creation, and after its last use. */
const EVICTION_MS = 120_000;
const EPOCH_MAX = 0x7fff_ffff;
const SESSION_ID_LIMIT = 0x7fff_ffff;
const CACHED_PARTITIONS_MAX = 1_000_000;

/** What a request says of one partition. */
export interface PartitionRequest {
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: number;
  readonly lastFetchedEpoch: number;
  readonly logStartOffset: number;
  readonly partitionMaxBytes: number;
}

export interface TopicRequest {
  /** '' from version 13 on. */
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly PartitionRequest[];
}

export interface FetchRequestFields {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly topics: readonly TopicRequest[];
  readonly forgottenTopicsData: readonly {
    readonly topic: string;
    readonly topicId: string;
    readonly partitions: readonly number[];
  }[];
}

/** What of an answer decides whether an unchanged partition may be left out. */
export interface PartitionAnswer {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly recordsBytes: number;
  readonly diverging: boolean;
}

/** One partition as a request, alone or through its session, asks for it. */
export class FetchedPartition {
  readonly key: string;
  /** '' while a topic id is unknown. */
  topic: string;
  readonly topicId: string;
  readonly partition: number;
  maxBytes = 0;
  fetchOffset = 0;
  currentLeaderEpoch = -1;
  lastFetchedEpoch = -1;
  /** What the consumer was told last; −1: tell it again. */
  toldHighWatermark = -1;
  toldLogStartOffset = -1;

  constructor(key: string, topic: string, topicId: string, request: PartitionRequest) {
    this.key = key;
    this.topic = topic;
    this.topicId = topicId;
    this.partition = request.partition;
    this.update(request);
  }

  update(request: PartitionRequest): void {
    this.maxBytes = request.partitionMaxBytes;
    this.fetchOffset = request.fetchOffset;
    this.currentLeaderEpoch = request.currentLeaderEpoch;
    this.lastFetchedEpoch = request.lastFetchedEpoch;
  }

  /** Whether the answer must be sent, given what was told before; notes what is told now. */
  mustTell(answer: PartitionAnswer): boolean {
    let must = answer.recordsBytes > 0 || answer.diverging;
    if (this.toldHighWatermark !== answer.highWatermark) {
      must = true;
      this.toldHighWatermark = answer.highWatermark;
    }
    if (this.toldLogStartOffset !== answer.logStartOffset) {
      must = true;
      this.toldLogStartOffset = answer.logStartOffset;
    }
    if (answer.errorCode !== ErrorCode.NONE) {
      must = true;
      this.toldHighWatermark = -1;
    }
    return must;
  }
}

/** The partitions a fetch is about, and how its answer is to be framed. */
export interface FetchContext {
  /** Not NONE: the whole request is answered with it. */
  readonly errorCode: ErrorCode;
  readonly partitions: readonly FetchedPartition[];
  /** Call once when the answers (same order as `partitions`) are known; says which of them to send. */
  conclude(answers: readonly PartitionAnswer[]): FetchConclusion;
}

export interface FetchConclusion {
  readonly errorCode: ErrorCode;
  readonly sessionId: number;
  /** Undefined: all. */
  readonly included: readonly boolean[] | undefined;
}

interface Session {
  readonly id: number;
  readonly usesTopicIds: boolean;
  readonly createdAtMs: number;
  lastUsedMs: number;
  /** The epoch the next request must carry. */
  epoch: number;
  /** In the order in which they are read: those that returned records move to the end. */
  readonly partitions: Map<string, FetchedPartition>;
}

type Dependencies = {
  /** `max.incremental.fetch.session.cache.slots`. */
  readonly slots: number;
  readonly nowMs: () => number;
  /** An integer in [0, limit). */
  readonly randomBelow: (limit: number) => number;
};

export class FetchSessions {
  /** Least recently used first. */
  readonly #sessions = new Map<number, Session>();
  readonly #dependencies: Dependencies;
  #cachedPartitions = 0;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get cachedPartitions(): number {
    return this.#cachedPartitions;
  }

  /** Decides what the request is about. `nameOf` resolves a topic id ('' when unknown). */
  open(request: FetchRequestFields, usesTopicIds: boolean, nameOf: (topicId: string) => string): FetchContext {
    const isFull = request.sessionEpoch === INITIAL_EPOCH || request.sessionEpoch === FINAL_EPOCH;
    if (isFull) {
      if (request.sessionId !== INVALID_SESSION_ID) this.#remove(request.sessionId);
      const partitions = requestedPartitions(request.topics, usesTopicIds, nameOf);
      if (request.sessionEpoch === FINAL_EPOCH) return sessionless(partitions);
      return this.#full(partitions, usesTopicIds);
    }
    return this.#incremental(request, usesTopicIds, nameOf);
  }

  #full(partitions: Map<string, FetchedPartition>, usesTopicIds: boolean): FetchContext {
    const ordered = [...partitions.values()];
    return {
      errorCode: ErrorCode.NONE,
      partitions: ordered,
      conclude: (answers) => {
        for (let index = 0; index < ordered.length; index++) {
          const answer = answers[index]!;
          ordered[index]!.toldHighWatermark = answer.highWatermark;
          ordered[index]!.toldLogStartOffset = answer.logStartOffset;
        }
        return { errorCode: ErrorCode.NONE, sessionId: this.#create(partitions, usesTopicIds), included: undefined };
      },
    };
  }

  #incremental(request: FetchRequestFields, usesTopicIds: boolean, nameOf: (topicId: string) => string): FetchContext {
    const session = this.#sessions.get(request.sessionId);
    if (session === undefined) return failed(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    if (session.epoch !== request.sessionEpoch) return failed(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    if (session.usesTopicIds !== usesTopicIds) return failed(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);

    this.#update(session, request, nameOf);
    if (this.#cachedPartitions > CACHED_PARTITIONS_MAX) {
      this.#remove(session.id);
      return failed(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    }
    if (session.partitions.size === 0) {
      this.#remove(session.id);
      return sessionless(session.partitions);
    }
    this.#touch(session);
    session.epoch = nextEpoch(session.epoch);
    return this.#continue(session, session.epoch);
  }

  #update(session: Session, request: FetchRequestFields, nameOf: (topicId: string) => string): void {
    const before = session.partitions.size;
    for (const topic of request.topics) {
      for (const partition of topic.partitions) {
        const key = keyOf(session.usesTopicIds ? topic.topicId : topic.topic, partition.partition);
        const cached = session.partitions.get(key);
        if (cached === undefined) session.partitions.set(key, fetched(key, topic, partition));
        else cached.update(partition);
      }
    }
    for (const topic of request.forgottenTopicsData) {
      const name = session.usesTopicIds ? topic.topicId : topic.topic;
      for (const partition of topic.partitions) session.partitions.delete(keyOf(name, partition));
    }
    if (session.usesTopicIds) {
      for (const cached of session.partitions.values()) if (cached.topic === '') cached.topic = nameOf(cached.topicId);
    }
    this.#cachedPartitions += session.partitions.size - before;
  }

  #continue(session: Session, epoch: number): FetchContext {
    const ordered = [...session.partitions.values()];
    return {
      errorCode: ErrorCode.NONE,
      partitions: ordered,
      conclude: (answers) => {
        // Another request of the session came meanwhile: its answer counts, this one's would be taken for news.
        if (session.epoch !== epoch) {
          return { errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH, sessionId: session.id, included: NOTHING };
        }
        const included = ordered.map((partition, index) => {
          const answer = answers[index]!;
          const tell = partition.mustTell(answer);
          if (answer.recordsBytes > 0 && session.partitions.delete(partition.key)) {
            session.partitions.set(partition.key, partition);
          }
          return tell;
        });
        return { errorCode: ErrorCode.NONE, sessionId: session.id, included };
      },
    };
  }

  #create(partitions: Map<string, FetchedPartition>, usesTopicIds: boolean): number {
    const nowMs = this.#dependencies.nowMs();
    if (this.#sessions.size >= this.#dependencies.slots && !this.#evictFor(partitions.size, nowMs)) {
      return INVALID_SESSION_ID;
    }
    if (this.#cachedPartitions + partitions.size > CACHED_PARTITIONS_MAX) return INVALID_SESSION_ID;
    let id: number;
    do id = 1 + this.#dependencies.randomBelow(SESSION_ID_LIMIT - 1);
    while (this.#sessions.has(id));
    this.#sessions.set(id, {
      id,
      usesTopicIds,
      createdAtMs: nowMs,
      lastUsedMs: nowMs,
      epoch: nextEpoch(INITIAL_EPOCH),
      partitions,
    });
    this.#cachedPartitions += partitions.size;
    return id;
  }

  /** A session may take the place of one that is stale, or of a smaller one that is not new. */
  #evictFor(partitionCount: number, nowMs: number): boolean {
    const oldest = this.#sessions.values().next().value;
    if (oldest === undefined) return false;
    if (nowMs - oldest.lastUsedMs > EVICTION_MS) return this.#remove(oldest.id);
    let smallest: Session | undefined;
    for (const session of this.#sessions.values()) {
      if (nowMs - session.createdAtMs <= EVICTION_MS) continue;
      if (smallest === undefined || session.partitions.size < smallest.partitions.size) smallest = session;
    }
    if (smallest === undefined || smallest.partitions.size >= partitionCount) return false;
    return this.#remove(smallest.id);
  }

  #touch(session: Session): void {
    session.lastUsedMs = this.#dependencies.nowMs();
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  #remove(id: number): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    this.#cachedPartitions -= session.partitions.size;
    return this.#sessions.delete(id);
  }
}

const NOTHING: readonly boolean[] = [];

function nextEpoch(epoch: number): number {
  return epoch === EPOCH_MAX ? 1 : epoch + 1;
}

function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

function fetched(key: string, topic: TopicRequest, partition: PartitionRequest): FetchedPartition {
  return new FetchedPartition(key, topic.topic, topic.topicId, partition);
}

/** A partition named twice keeps its first place and its last parameters. */
function requestedPartitions(
  topics: readonly TopicRequest[],
  usesTopicIds: boolean,
  nameOf: (topicId: string) => string,
): Map<string, FetchedPartition> {
  const partitions = new Map<string, FetchedPartition>();
  for (const topic of topics) {
    const name = usesTopicIds ? nameOf(topic.topicId) : topic.topic;
    for (const request of topic.partitions) {
      const key = keyOf(usesTopicIds ? topic.topicId : topic.topic, request.partition);
      const known = partitions.get(key);
      if (known === undefined) partitions.set(key, new FetchedPartition(key, name, topic.topicId, request));
      else known.update(request);
    }
  }
  return partitions;
}

function sessionless(partitions: Map<string, FetchedPartition>): FetchContext {
  return {
    errorCode: ErrorCode.NONE,
    partitions: [...partitions.values()],
    conclude: () => ({ errorCode: ErrorCode.NONE, sessionId: INVALID_SESSION_ID, included: undefined }),
  };
}

function failed(errorCode: ErrorCode): FetchContext {
  return {
    errorCode,
    partitions: [],
    conclude: () => ({ errorCode, sessionId: INVALID_SESSION_ID, included: NOTHING }),
  };
}
