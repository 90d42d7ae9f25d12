// Reads assigned partitions: from an offset, a time, the beginning or the end, with one long poll per leader at a time.
// It knows no groups and commits nothing. Invariant: a partition's position is the offset after the last record handed
// out, so that every record is handed out once and in order.
import { ErrorCode } from '../protocol/error-code.ts';
import { type FetchResponse, fetch } from '../protocol/messages/fetch.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import { type ReadRecord, readBatches } from '../records/read-batches.ts';
import type { Timer } from '../runtime/runtime.ts';
import { readable } from './aborted-transactions.ts';
import { listOffset } from './admin.ts';
import type { Client } from './client.ts';
import { ClientError } from './client-error.ts';

export interface ConsumerOptions {
  /** How long a broker may wait for `minBytes`. */
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  /** Per request and per partition; the first batch is returned even when it is larger. */
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
  /** Hides records of transactions that are open or were aborted. */
  readonly readCommitted?: boolean;
  /** Verifies the checksum of every batch. */
  readonly checkCrcs?: boolean;
  /** What happens at an offset that does not exist any more; `none` rejects with OFFSET_OUT_OF_RANGE. */
  readonly offsetReset?: 'beginning' | 'end' | 'none';
}

const DEFAULTS = {
  maxWaitMs: 500,
  minBytes: 1,
  maxBytes: 50 * 1024 * 1024,
  partitionMaxBytes: 4 * 1024 * 1024,
  readCommitted: false,
  checkCrcs: true,
  offsetReset: 'none' as const,
};

/** An offset, or a place that is looked up; `timestampMs` is the first record at or after it, the end when there is none. */
export type StartPosition = number | 'beginning' | 'end' | { readonly timestampMs: number };

export interface Assignment {
  readonly topic: string;
  readonly partition: number;
  readonly from: StartPosition;
}

/** What one poll found for one partition. Keys and values are views of the response. */
export interface FetchedRecords {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ReadRecord[];
  /** The position after these records. */
  readonly nextOffset: number;
  /** What may be read now ends here (the last stable offset with `readCommitted`). */
  readonly endOffset: number;
  readonly logStartOffset: number;
}

interface Partition {
  readonly topic: string;
  readonly partition: number;
  position: number;
}

interface Poll {
  readonly leader: number;
  readonly partitions: readonly Partition[];
  readonly result: Promise<Poll>;
  response?: FetchResponse;
  error?: ClientError;
}

const FETCH_VERSION_BEFORE_IDS = 12;

export class Consumer {
  readonly #client: Client;
  readonly #options: Required<ConsumerOptions>;
  readonly #lane: string;
  #partitions: Partition[] = [];
  readonly #polls = new Map<number, Poll>();
  #closed = false;

  constructor(client: Client, options: ConsumerOptions = {}) {
    this.#client = client;
    this.#options = { ...DEFAULTS, ...options };
    // A long poll holds up the answers behind it on its connection, so consumers do not share one.
    this.#lane = `fetch-${client.runtime.random.bytes(6).toString('hex')}`;
  }

  /** Replaces what is read, and looks up where to begin. */
  async assign(assignments: readonly Assignment[]): Promise<void> {
    const partitions = assignments.map(async ({ topic, partition, from }) => ({
      topic,
      partition,
      position:
        typeof from === 'number'
          ? from
          : await listOffset(this.#client, topic, partition, from, this.#options.readCommitted),
    }));
    this.#partitions = await Promise.all(partitions);
    this.#polls.clear();
  }

  /** The offset of the next record that will be handed out; undefined when not assigned. */
  position(topic: string, partition: number): number | undefined {
    return this.#find(topic, partition)?.position;
  }

  seek(topic: string, partition: number, offset: number): void {
    const found = this.#find(topic, partition);
    if (found) {
      found.position = offset;
    }
  }

  unassign(topic: string, partition: number): void {
    this.#partitions = this.#partitions.filter((entry) => entry.topic !== topic || entry.partition !== partition);
  }

  /**
   * Waits until some assigned partition has records, for at most `timeoutMs`; empty when there were none. Retries what is worth
   * retrying; rejects with ClientError otherwise.
   */
  async poll(timeoutMs = this.#options.maxWaitMs): Promise<FetchedRecords[]> {
    const deadlineMs = this.#nowMs() + timeoutMs;
    for (;;) {
      if (this.#closed) {
        throw new ClientError('CLOSED', 'the consumer was closed');
      }
      await this.#client.retrying(() => this.#startPolls());
      const poll = await this.#firstToAnswer(deadlineMs);
      if (poll === undefined) {
        return [];
      }
      this.#polls.delete(poll.leader);
      const fetched = await this.#take(poll);
      if (fetched.some(({ records }) => records.length > 0) || this.#nowMs() >= deadlineMs) {
        return fetched;
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#partitions = [];
    this.#polls.clear();
  }

  #find(topic: string, partition: number): Partition | undefined {
    return this.#partitions.find((entry) => entry.topic === topic && entry.partition === partition);
  }

  /** Every leader of an assigned partition has a fetch on its way. */
  async #startPolls(): Promise<void> {
    const byLeader = new Map<number, Partition[]>();
    for (const partition of this.#partitions) {
      const leader = await this.#client.leader(partition.topic, partition.partition);
      const list = byLeader.get(leader);
      if (list) {
        list.push(partition);
      } else {
        byLeader.set(leader, [partition]);
      }
    }
    for (const [leader, partitions] of byLeader) {
      if (!this.#polls.has(leader)) {
        this.#polls.set(leader, await this.#startPoll(leader, partitions));
      }
    }
  }

  async #startPoll(leader: number, partitions: readonly Partition[]): Promise<Poll> {
    const { maxWaitMs, minBytes, maxBytes, partitionMaxBytes, readCommitted } = this.#options;
    const topics = new Map<string, Partition[]>();
    for (const partition of partitions) {
      topics.set(partition.topic, [...(topics.get(partition.topic) ?? []), partition]);
    }
    const ids = new Map<string, string>();
    for (const topic of topics.keys()) {
      ids.set(topic, (await this.#client.topic(topic)).topicId);
    }
    const allHaveIds = [...ids.values()].every((id) => id !== ZERO_UUID);
    const request = this.#client.request(
      fetch,
      {
        maxWaitMs,
        minBytes,
        maxBytes,
        isolationLevel: readCommitted ? 1 : 0,
        topics: [...topics].map(([topic, list]) => ({
          topic,
          topicId: ids.get(topic)!,
          partitions: list.map(({ partition, position }) => ({ partition, fetchOffset: position, partitionMaxBytes })),
        })),
      },
      {
        nodeId: leader,
        lane: this.#lane,
        timeoutMs: maxWaitMs + this.#client.options.requestTimeoutMs,
        ...(!allHaveIds && { maxVersion: FETCH_VERSION_BEFORE_IDS }),
      },
    );
    const result: Promise<Poll> = request.then(
      (response) => Object.assign(poll, { response }),
      (error: ClientError) => Object.assign(poll, { error }),
    );
    const poll: Poll = { leader, partitions: partitions.map((partition) => ({ ...partition })), result };
    return poll;
  }

  #firstToAnswer(deadlineMs: number): Promise<Poll | undefined> {
    return new Promise((resolve) => {
      const { timers } = this.#client.runtime;
      const timer: Timer = timers.set(Math.max(0, deadlineMs - this.#nowMs()), () => resolve(undefined));
      for (const poll of this.#polls.values()) {
        poll.result.then((answered) => {
          timer.cancel();
          resolve(answered);
        });
      }
    });
  }

  async #take(poll: Poll): Promise<FetchedRecords[]> {
    const errorCode = poll.response?.errorCode ?? ErrorCode.NONE;
    if (poll.error || errorCode !== ErrorCode.NONE) {
      const error = poll.error ?? new ClientError(errorCode, 'cannot fetch');
      return this.#retryLater(poll, error);
    }
    const fetched: FetchedRecords[] = [];
    let failure: ClientError | undefined;
    for (const topic of poll.response!.responses) {
      for (const answer of topic.partitions) {
        const name = topic.topic || (await this.#nameOf(poll, topic.topicId));
        const asked = poll.partitions.find(
          (entry) => entry.topic === name && entry.partition === answer.partitionIndex,
        );
        const current = asked && this.#find(asked.topic, asked.partition);
        // Not assigned any more, or moved by `seek` meanwhile: the answer is to a question of the past.
        if (current === undefined || current.position !== asked!.position) {
          continue;
        }
        if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE && this.#options.offsetReset !== 'none') {
          const { topic: lost, partition } = current;
          current.position = await listOffset(
            this.#client,
            lost,
            partition,
            this.#options.offsetReset,
            this.#options.readCommitted,
          );
        } else if (answer.errorCode !== ErrorCode.NONE) {
          failure = new ClientError(
            answer.errorCode,
            `cannot fetch ${current.topic}-${current.partition} at ${current.position}`,
          );
          this.#client.forgetTopic(current.topic);
        } else {
          fetched.push(this.#read(current, answer));
        }
      }
    }
    if (failure && fetched.every(({ records }) => records.length === 0)) {
      return this.#retryLater(poll, failure);
    }
    return fetched;
  }

  async #retryLater(poll: Poll, error: ClientError): Promise<FetchedRecords[]> {
    // Records that are damaged where they are stored: asking again would bring the same.
    if (!error.retriable || error.errorCode === ErrorCode.CORRUPT_MESSAGE || this.#closed) {
      throw error;
    }
    for (const { topic } of poll.partitions) {
      this.#client.forgetTopic(topic);
    }
    const { timers } = this.#client.runtime;
    await new Promise<void>((resolve) => {
      timers.set(this.#client.options.retryBackoffMs, resolve);
    });
    return [];
  }

  async #nameOf(poll: Poll, topicId: string): Promise<string> {
    for (const { topic } of poll.partitions) {
      if ((await this.#client.topic(topic)).topicId === topicId) {
        return topic;
      }
    }
    return '';
  }

  #read(partition: Partition, answer: FetchResponse['responses'][number]['partitions'][number]): FetchedRecords {
    const records: ReadRecord[] = [];
    const from = partition.position;
    const batches = readBatches(answer.records ?? Buffer.alloc(0));
    for (const batch of readable(batches, this.#options.readCommitted ? answer.abortedTransactions : null)) {
      if (this.#options.checkCrcs) {
        batch.batch.ensureValid();
      }
      if (batch.isReadable) {
        for (const record of batch.batch.records()) {
          if (record.offset >= from) {
            records.push(record);
          }
        }
      }
      partition.position = Math.max(partition.position, batch.batch.lastOffset + 1);
    }
    return {
      topic: partition.topic,
      partition: partition.partition,
      records,
      nextOffset: partition.position,
      endOffset:
        this.#options.readCommitted && answer.lastStableOffset >= 0 ? answer.lastStableOffset : answer.highWatermark,
      logStartOffset: answer.logStartOffset,
    };
  }

  #nowMs(): number {
    return this.#client.runtime.clock.monotonicMs();
  }
}
