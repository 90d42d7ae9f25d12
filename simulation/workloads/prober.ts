// Somebody who expects an answer, whatever it says: where the disk is full and nothing else is wrong, nobody is left waiting.

import { ErrorCode } from '../../src/protocol/error-code.ts';
import { buildBatch } from '../../src/records/build-batch.ts';
import { logKey } from '../history.ts';
import { send } from './producers.ts';
import { type KnownTopic, type ProgramContext, pause, someTopic, ValueMaker } from './program.ts';
import { askOffset } from './readers.ts';

/** A life that ends, its restart, and the time-outs of the client in between. */
const UNANSWERED_MS_MAX = 15_000;

/** `answers` is the complaint: for so long, neither a Produce nor a ListOffsets has been answered. In the end one is taken. */
export async function prober(context: ProgramContext): Promise<void> {
  const { clock } = context.process.runtime;
  let writtenMs = clock.monotonicMs();
  let readMs = writtenMs;
  const complain = (sinceMs: number, what: string): void => {
    const forMs = Math.round(clock.monotonicMs() - sinceMs);
    if (forMs > UNANSWERED_MS_MAX) context.onViolation('answers', `for ${forMs} ms ${what}`);
  };
  const values = new ValueMaker(context, '', [10]);
  for (let isTaken = false; !isTaken || !context.isOver(); ) {
    await pause(context, 200);
    const topic = someTopic(context);
    if (topic === undefined) continue;
    if ((await askOffset(context, topic, 0, 'latest')) !== undefined) readMs = clock.monotonicMs();
    complain(readMs, 'nothing could be read');
    const answer = await probe(context, topic, values);
    isTaken = answer === 'taken';
    if (answer !== 'none') writtenMs = clock.monotonicMs();
    complain(writtenMs, 'no Produce was answered');
  }
}

async function probe(
  context: ProgramContext,
  topic: KnownTopic,
  values: ValueMaker,
): Promise<'taken' | 'refused' | 'none'> {
  const { history } = context;
  const { records, sent } = values.some(topic, 1, context.process.runtime.clock.nowMs());
  const op = history.nextOp();
  const event = { type: 'send', op, log: logKey(topic.topicId, 0), acks: -1, records: sent } as const;
  history.add({ ...event, producer: undefined, mayRepeat: false });
  const how = { batch: buildBatch({ records }), lane: 'probe' };
  const { outcome, baseOffset, errorCode } = await send(context, topic, 0, -1, how);
  history.add({ type: 'sent', op, outcome, baseOffset });
  if (outcome === 'ok') return 'taken';
  return outcome === 'refused' || errorCode !== ErrorCode.NONE ? 'refused' : 'none';
}
