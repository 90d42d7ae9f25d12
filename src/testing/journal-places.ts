// Where in a journal a record was: the requests that gave it to a client, wrote it, or committed beyond it. Reads decoded requests and answers of
// Fetch, Produce and the commits of offsets, of every version.
import type { JournalEntry } from './journal.ts';
import type { BatchSummary } from './plain.ts';

export interface PlaceOfRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface Fetched {
  readonly topic: string;
  readonly partition: number;
  readonly lastStableOffset: number;
  readonly batches: readonly BatchSummary[];
}

export function fetched({ api, response, topicNames }: JournalEntry): Fetched[] {
  if (api !== 'Fetch' || response === undefined) return [];
  const { responses = [] } = response as {
    responses?: readonly {
      topic: string;
      topicId?: string;
      partitions: readonly { partitionIndex: number; lastStableOffset?: number; records: unknown }[];
    }[];
  };
  return responses.flatMap(({ topic, topicId, partitions }) =>
    partitions.map(({ partitionIndex, lastStableOffset = -1, records }) => ({
      topic: topic || topicNames.get(topicId ?? '') || '',
      partition: partitionIndex,
      lastStableOffset,
      batches: Array.isArray(records) ? (records as BatchSummary[]) : [],
    })),
  );
}

/** Requests that gave, wrote or committed the record there. */
export function requestsAt(
  { journal }: { readonly journal: readonly JournalEntry[] },
  place: PlaceOfRecord,
  apis: readonly string[],
): number[] {
  return journal.filter((entry) => apis.includes(entry.api) && touches(entry, place)).map(({ number }) => number);
}

function touches(entry: JournalEntry, { topic, partition, offset }: PlaceOfRecord): boolean {
  if (!entry.topics.get(topic)?.has(partition)) return false;
  if (entry.api === 'Fetch') {
    return fetched(entry).some(
      (given) =>
        given.topic === topic && given.partition === partition && given.batches.some((batch) => covers(batch, offset)),
    );
  }
  if (entry.api === 'Produce') {
    const base = baseOffsetOf(entry, topic, partition);
    return base !== undefined && offset >= base && offset < base + recordsIn(entry, topic, partition);
  }
  return committedBy(entry, topic, partition) > offset;
}

interface TopicPart {
  readonly name?: string;
  readonly topicId?: string;
  readonly [field: string]: unknown;
}

function partOf(entry: JournalEntry, parts: unknown, topic: string): TopicPart | undefined {
  return (parts as readonly TopicPart[] | undefined)?.find(
    ({ name, topicId }) => (name || entry.topicNames.get(topicId ?? '')) === topic,
  );
}

function baseOffsetOf(entry: JournalEntry, topic: string, partition: number): number | undefined {
  const part = partOf(entry, (entry.response as { responses?: unknown } | undefined)?.responses, topic);
  const partitions = part?.partitionResponses as
    | readonly { index: number; errorCode: number; baseOffset: number }[]
    | undefined;
  const found = partitions?.find(({ index }) => index === partition);
  return found?.errorCode === 0 ? found.baseOffset : undefined;
}

function recordsIn(entry: JournalEntry, topic: string, partition: number): number {
  const part = partOf(entry, (entry.request as { topicData?: unknown }).topicData, topic);
  const partitions = part?.partitionData as
    | readonly { index: number; records: readonly BatchSummary[] | null }[]
    | undefined;
  const batches = partitions?.find(({ index }) => index === partition)?.records ?? [];
  return batches.reduce(
    (sum, { records, baseOffset, lastOffset }) => sum + (records ?? lastOffset - baseOffset + 1),
    0,
  );
}

function committedBy(entry: JournalEntry, topic: string, partition: number): number {
  const part = partOf(entry, (entry.request as { topics?: unknown }).topics, topic);
  const partitions = part?.partitions as readonly { partitionIndex: number; committedOffset: number }[] | undefined;
  return partitions?.find(({ partitionIndex }) => partitionIndex === partition)?.committedOffset ?? -1;
}

export function covers({ baseOffset, lastOffset }: BatchSummary, offset: number): boolean {
  return offset >= baseOffset && offset <= lastOffset;
}
