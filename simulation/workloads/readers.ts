// Readers: fetch from anywhere, ask for offsets, follow the end, and write down what they were told.

import { readable } from '../../src/client/aborted-transactions.ts';
import type { RequestOptions } from '../../src/client/client.ts';
import type { Api } from '../../src/protocol/api.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { deleteRecords } from '../../src/protocol/messages/delete-records.ts';
import { type FetchResponse, fetch } from '../../src/protocol/messages/fetch.ts';
import { listOffsets } from '../../src/protocol/messages/list-offsets.ts';
import { readBatches } from '../../src/records/read-batches.ts';
import { type FetchedRecord, logKey } from '../history.ts';
import {
  failureOf,
  type KnownTopic,
  outcomeOf,
  type ProgramContext,
  pause,
  readingOf,
  someTopic,
  think,
} from './program.ts';

/** Follows one partition after another, from the beginning, the end or somewhere. */
export async function reader(context: ProgramContext): Promise<void> {
  const { dice } = context;
  while (!context.isOver()) {
    const topic = someTopic(context);
    if (topic === undefined) {
      await pause(context, 200);
      continue;
    }
    const partition = dice.below(topic.partitions);
    let offset = dice.oneIn(3) ? 0 : dice.below(300);
    const readCommitted = dice.oneIn(2);
    for (let polls = dice.between(2, 20); polls > 0 && !context.isOver(); polls--) {
      const fetched = await fetchOnce(context, topic, partition, offset, {
        readCommitted,
        maxBytes: dice.pick([1, 1_000, 20_000, 1_000_000]),
        maxWaitMs: dice.pick([0, 50, 500, 2_000]),
      });
      if (fetched === 'out-of-range')
        offset = dice.oneIn(2) ? 0 : ((await askOffset(context, topic, partition, 'earliest')) ?? 0);
      else if (fetched === undefined) await pause(context, dice.skewed(10, 300));
      else offset = Math.max(offset, fetched.nextOffset);
      if (dice.oneIn(4)) await think(context, dice.skewed(0, 200));
    }
  }
}

export interface Fetched {
  readonly records: readonly FetchedRecord[];
  readonly hidden: readonly string[];
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

/** Undefined: no answer, or one that says to try again. */
export async function fetchOnce(
  context: ProgramContext,
  topic: KnownTopic,
  partition: number,
  offset: number,
  { readCommitted, maxBytes, maxWaitMs }: { readCommitted: boolean; maxBytes: number; maxWaitMs: number },
): Promise<Fetched | 'out-of-range' | undefined> {
  const { history } = context;
  const log = logKey(topic.topicId, partition);
  const op = history.nextOp();
  history.add({ type: 'fetch', op, log, offset, readCommitted });
  const response = await asked(context, fetch, {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 4_000_000,
    isolationLevel: readCommitted ? 1 : 0,
    topics: [
      {
        topic: topic.name,
        topicId: topic.topicId,
        partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: maxBytes }],
      },
    ],
  });
  if (response === undefined) return undefined;
  if (outcomeOf(context, 'Fetch', response.errorCode) !== 'ok') return undefined;
  const answer = response.responses[0]?.partitions[0];
  if (answer === undefined) {
    context.onViolation('bad-answer', `Fetch of ${log} was answered without it`);
    return undefined;
  }
  if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return 'out-of-range';
  if (outcomeOf(context, 'Fetch', answer.errorCode) !== 'ok') return undefined;
  return noteFetched(context, op, log, offset, answer, readCommitted);
}

function noteFetched(
  context: ProgramContext,
  op: number,
  log: string,
  offset: number,
  answer: FetchResponse['responses'][number]['partitions'][number],
  readCommitted: boolean,
): Fetched {
  const spans: (readonly [number, number])[] = [];
  const records: FetchedRecord[] = [];
  const hidden: string[] = [];
  const aborted = readCommitted ? (answer.abortedTransactions ?? []) : null;
  try {
    for (const { batch, isReadable } of readable(readBatches(answer.records ?? Buffer.alloc(0)), aborted)) {
      batch.ensureValid();
      spans.push([batch.baseOffset, batch.lastOffset]);
      if (batch.isControl) continue;
      for (const record of batch.records()) {
        const reading = readingOf(record);
        records.push(reading);
        if (!isReadable) hidden.push(reading.id);
      }
    }
  } catch (error) {
    context.onViolation('corrupt', `${log} from ${offset} was served damaged: ${(error as Error).message}`);
  }
  const { highWatermark, lastStableOffset, logStartOffset } = answer;
  context.history.add({ type: 'fetched', op, highWatermark, lastStableOffset, logStartOffset, spans, records, hidden });
  return { records, hidden, nextOffset: (spans.at(-1)?.[1] ?? offset - 1) + 1, highWatermark, logStartOffset };
}

const TIMESTAMPS = { earliest: -2, latest: -1, stable: -1 } as const;

export async function askOffset(
  context: ProgramContext,
  topic: KnownTopic,
  partition: number,
  which: keyof typeof TIMESTAMPS,
): Promise<number | undefined> {
  const { history } = context;
  const op = history.nextOp();
  history.add({ type: 'list-offset', op, log: logKey(topic.topicId, partition), which });
  const response = await asked(context, listOffsets, {
    replicaId: -1,
    isolationLevel: which === 'stable' ? 1 : 0,
    topics: [{ name: topic.name, partitions: [{ partitionIndex: partition, timestamp: TIMESTAMPS[which] }] }],
  });
  const answer = response?.topics[0]?.partitions[0];
  // It is asked by name: once the topic may be another, the answer says nothing about this one.
  if (answer === undefined || outcomeOf(context, 'ListOffsets', answer.errorCode) !== 'ok' || topic.doomed)
    return undefined;
  history.add({ type: 'listed-offset', op, offset: answer.offset });
  return answer.offset;
}

/** Asks where logs begin and end. */
export async function offsetLister(context: ProgramContext): Promise<void> {
  const { dice } = context;
  while (!context.isOver()) {
    const topic = someTopic(context);
    if (topic !== undefined) {
      await askOffset(
        context,
        topic,
        dice.below(topic.partitions),
        dice.pick(['earliest', 'latest', 'stable'] as const),
      );
    }
    await think(context, dice.skewed(0, 500));
  }
}

/** Deletes the beginnings of logs. */
export async function recordDeleter(context: ProgramContext): Promise<void> {
  const { dice, history } = context;
  while (!context.isOver()) {
    await think(context, dice.skewed(20, 2_500));
    const topic = someTopic(context);
    if (topic === undefined) continue;
    const partition = dice.below(topic.partitions);
    const end = (await askOffset(context, topic, partition, 'latest')) ?? 0;
    const beforeOffset = dice.oneIn(8) ? -1 : dice.below(end + 1);
    const op = history.nextOp();
    history.add({ type: 'delete-records', op, log: logKey(topic.topicId, partition), beforeOffset });
    const response = await asked(context, deleteRecords, {
      topics: [{ name: topic.name, partitions: [{ partitionIndex: partition, offset: beforeOffset }] }],
      timeoutMs: 5_000,
    });
    const answer = response?.topics[0]?.partitions[0];
    if (answer === undefined || outcomeOf(context, 'DeleteRecords', answer.errorCode) !== 'ok' || topic.doomed)
      continue;
    history.add({ type: 'deleted-records', op, lowWatermark: answer.lowWatermark });
    if (beforeOffset >= 0 && answer.lowWatermark < beforeOffset) {
      context.onViolation(
        'start-moved',
        `DeleteRecords before ${beforeOffset} was answered with ${answer.lowWatermark}`,
      );
    }
  }
}

/** Undefined when there was no answer. */
export async function asked<Response, Input>(
  context: ProgramContext,
  api: Api<unknown, Response, Input>,
  body: NoInfer<Input>,
  options: RequestOptions = {},
): Promise<Response | undefined> {
  try {
    return await context.client.request(api, body, { timeoutMs: context.dice.pick([1_000, 3_000, 8_000]), ...options });
  } catch (error) {
    failureOf(error);
    return undefined;
  }
}
