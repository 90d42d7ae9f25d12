// The last reading of a run: every log from its start to its end, when nothing goes wrong any more.
import type { FinalReading } from './checkers/log-contents.ts';
import { type FetchedRecord, logKey } from './history.ts';
import { isKeyed, type KnownTopic, type ProgramContext, pause } from './workloads/program.ts';
import { askOffset, fetchOnce } from './workloads/readers.ts';

export async function readEverything(context: ProgramContext, topics: readonly KnownTopic[]): Promise<FinalReading[]> {
  const finals: FinalReading[] = [];
  for (const topic of topics) {
    if (topic.doomed) continue;
    for (let partition = 0; partition < topic.partitions; partition++) {
      let final: FinalReading | undefined;
      // Where the oldest records go by themselves, the beginning may go while it is read.
      while (final === undefined) {
        final = await (isKeyed(topic) ? readSettled(context, topic, partition) : readLog(context, topic, partition));
      }
      finals.push(final);
    }
  }
  return finals;
}

/** Two readings that agree: compaction has not come between the beginning and the end. */
async function readSettled(
  context: ProgramContext,
  topic: KnownTopic,
  partition: number,
): Promise<FinalReading | undefined> {
  const before = await readLog(context, topic, partition);
  const after = await readLog(context, topic, partition);
  return JSON.stringify(before) === JSON.stringify(after) ? after : undefined;
}

async function readLog(
  context: ProgramContext,
  topic: KnownTopic,
  partition: number,
): Promise<FinalReading | undefined> {
  const logStartOffset = await answerOf(context, () => askOffset(context, topic, partition, 'earliest'));
  const endOffset = await answerOf(context, () => askOffset(context, topic, partition, 'latest'));
  const records: FetchedRecord[] = [];
  const hidden: string[] = [];
  for (let offset = logStartOffset; offset < endOffset; ) {
    const fetched = await answerOf(context, () =>
      fetchOnce(context, topic, partition, offset, { readCommitted: true, maxBytes: 100_000, maxWaitMs: 100 }),
    );
    if (fetched === 'out-of-range') {
      if (topic.loses !== undefined) return undefined;
      context.onViolation(
        'lost',
        `${offset} of ${topic.name}-${partition} is out of range, between ${logStartOffset} and ${endOffset}`,
      );
      break;
    }
    for (const record of fetched.records) if (record.offset >= offset) records.push(record);
    hidden.push(...fetched.hidden);
    if (fetched.nextOffset <= offset) await pause(context, 50);
    offset = Math.max(offset, fetched.nextOffset);
  }
  return { log: logKey(topic.topicId, partition), logStartOffset, endOffset, records, hidden };
}

/** Asks again until there is an answer; the run's own limit ends it. */
async function answerOf<T>(context: ProgramContext, ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await pause(context, 100);
  }
}
