// A topic of a test broker as a test wants to see it: its records, decoded. Read by a client of the test broker's own, which is neither in the
// journal nor struck by faults, and never waits for the broker's time. Invariant: records come by partition, and in each by offset.
import type { Ask } from '../administration.ts';
import { readable } from '../client/aborted-transactions.ts';
import { OffsetSpec } from '../client/admin.ts';
import type { Client } from '../client/client.ts';
import { ClientError, throwOnError } from '../client/client-error.ts';
import { listOffsetsOf } from '../client/list-offsets.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { fetch } from '../protocol/messages/fetch.ts';
import { type ReadRecord, readBatches } from '../records/read-batches.ts';
import { isInterruption } from './interruption.ts';
import type { WaitOptions, Watchers } from './watchers.ts';

/** A record, decoded: keys, values and headers are taken for UTF-8; the bytes are there as well. */
export interface TopicRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  /** The value parsed; undefined when it is no JSON. */
  readonly json: unknown;
  readonly headers: Readonly<Record<string, string | null>>;
  readonly keyBytes: Buffer | null;
  readonly valueBytes: Buffer | null;
}

export interface RecordsOptions {
  readonly partition?: number;
  /** Default: `committed`, without what is open or was aborted. */
  readonly isolation?: 'committed' | 'uncommitted';
  /** The newest so many of each partition. Default: all there are. */
  readonly last?: number;
}

const PARTITION_BYTES_MAX = 16 * 1024 * 1024;

export class TopicView {
  readonly name: string;
  readonly #ask: Ask;
  readonly #watchers: Watchers;

  constructor(name: string, ask: Ask, watchers: Watchers) {
    this.name = name;
    this.#ask = ask;
    this.#watchers = watchers;
  }

  /** What is in the topic now; nothing when there is no such topic. */
  async records(options: RecordsOptions = {}): Promise<TopicRecord[]> {
    return this.#ask(async (client) => {
      const partitions = await partitionsOf(client, this.name, options.partition);
      const read = partitions.map((partition) => readPartition(client, this.name, partition, options));
      return (await Promise.all(read)).flat();
    });
  }

  /** Waits until there are at least so many records, and returns all. Rejects with WaitTimeout. */
  atLeast(count: number, { timeoutMs, ...options }: RecordsOptions & WaitOptions = {}): Promise<TopicRecord[]> {
    let seen = 0;
    return this.until(
      (records) => {
        seen = records.length;
        return seen >= count;
      },
      () => `topic ${this.name} has ${seen} records, not ${count}`,
      { ...options, ...(timeoutMs !== undefined && { timeoutMs }) },
    );
  }

  /** Waits until the records are as wanted. While the broker is down they are looked at again later. */
  until(
    isWanted: (records: readonly TopicRecord[]) => boolean,
    failure: () => string,
    { timeoutMs, ...options }: RecordsOptions & WaitOptions = {},
  ): Promise<TopicRecord[]> {
    return this.#watchers.until(
      async () => {
        try {
          const records = await this.records(options);
          return isWanted(records) ? records : undefined;
        } catch (error) {
          if (isInterruption(error)) return undefined;
          throw error;
        }
      },
      failure,
      timeoutMs === undefined ? {} : { timeoutMs },
    );
  }
}

async function partitionsOf(client: Client, topic: string, only: number | undefined): Promise<number[]> {
  const [found] = await client.refreshMetadata([topic]);
  const all = found?.partitions.map(({ partition }) => partition) ?? [];
  return only === undefined ? all : all.filter((partition) => partition === only);
}

async function readPartition(
  client: Client,
  topic: string,
  partition: number,
  { isolation = 'committed', last }: RecordsOptions,
): Promise<TopicRecord[]> {
  const committed = isolation === 'committed';
  const offsets = async (spec: number) =>
    (await listOffsetsOf(client, topic, [partition], spec, committed)).get(partition) ?? 0;
  const end = await offsets(OffsetSpec.LATEST);
  const records: TopicRecord[] = [];
  for (let position = await offsets(OffsetSpec.EARLIEST); position < end; ) {
    const from = position;
    const fetched = await fetchAt(client, topic, partition, position, committed);
    if (fetched === undefined) {
      // Retention or DeleteRecords was quicker.
      position = Math.max(position + 1, await offsets(OffsetSpec.EARLIEST));
      continue;
    }
    for (const { batch, isReadable } of fetched) {
      position = Math.max(position, batch.lastOffset + 1);
      if (!isReadable) continue;
      for (const record of batch.records()) {
        if (record.offset >= from && record.offset < end) records.push(decoded(topic, partition, record));
      }
    }
    // Compacted or deleted meanwhile: there is nothing more to read.
    if (position === from) break;
  }
  return last === undefined ? records : records.slice(Math.max(0, records.length - last));
}

/** Undefined where there is nothing any more. */
async function fetchAt(client: Client, topic: string, partition: number, fetchOffset: number, committed: boolean) {
  const { topicId } = await client.topic(topic);
  const response = await client.request(
    fetch,
    {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: PARTITION_BYTES_MAX,
      isolationLevel: committed ? 1 : 0,
      topics: [{ topic, topicId, partitions: [{ partition, fetchOffset, partitionMaxBytes: PARTITION_BYTES_MAX }] }],
    },
    { nodeId: await client.leader(topic, partition) },
  );
  throwOnError(response.errorCode, `topic ${topic} cannot be read`);
  const answer = response.responses[0]?.partitions[0];
  if (answer === undefined) throw new ClientError('CLOSED', `topic ${topic} was not answered`);
  if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return undefined;
  throwOnError(answer.errorCode, `partition ${partition} of topic ${topic} cannot be read at ${fetchOffset}`);
  return readable(readBatches(answer.records ?? Buffer.alloc(0)), committed ? answer.abortedTransactions : null);
}

function decoded(topic: string, partition: number, record: ReadRecord): TopicRecord {
  const { offset, timestampMs } = record;
  const keyBytes = record.key === null ? null : Buffer.from(record.key);
  const valueBytes = record.value === null ? null : Buffer.from(record.value);
  const value = valueBytes?.toString('utf8') ?? null;
  return {
    topic,
    partition,
    offset,
    timestampMs,
    key: keyBytes?.toString('utf8') ?? null,
    value,
    json: parsed(value),
    headers: Object.fromEntries(record.headers.map(({ key, value }) => [key, value?.toString('utf8') ?? null])),
    keyBytes,
    valueBytes,
  };
}

function parsed(value: string | null): unknown {
  if (value === null) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
