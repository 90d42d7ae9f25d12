// Producers. `plain` sends every batch once and never again; `idempotent` sends a partition's batches in order, several at a
// time, and the same ones again until each has an answer; `library` leaves all of that to src/client/producer.ts.
import { Producer } from '../../src/client/producer.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { initProducerId } from '../../src/protocol/messages/init-producer-id.ts';
import { produce } from '../../src/protocol/messages/produce.ts';
import { buildBatch } from '../../src/records/build-batch.ts';
import { logKey } from '../history.ts';
import {
  failureOf,
  type KnownTopic,
  outcomeOf,
  type ProgramContext,
  pause,
  someTopic,
  think,
  ValueMaker,
} from './program.ts';

const CODECS = [0, 0, 0, 1, 2, 3, 4] as const;

export async function plainProducer(context: ProgramContext): Promise<void> {
  const lanes = Array.from({ length: context.dice.between(1, 3) }, (_, lane) => sendPlainly(context, lane));
  await Promise.all(lanes);
}

/** Batches that are written in place, to their segment. */
export function largeProducer(context: ProgramContext): Promise<void> {
  return sendPlainly(context, 0, [3_000, 9_000, 20_000]);
}

async function sendPlainly(context: ProgramContext, lane: number, sizes?: readonly number[]): Promise<void> {
  const { dice, history } = context;
  const values = new ValueMaker(context, `.${lane}`, sizes);
  while (!context.isOver()) {
    await think(context, dice.skewed(0, 400));
    const topic = someTopic(context);
    if (topic === undefined) continue;
    const partition = dice.below(topic.partitions);
    const { records, sent } = values.some(topic, 8, context.process.runtime.clock.nowMs());
    const acks = dice.oneIn(6) ? 1 : -1;
    const op = history.nextOp();
    const log = logKey(topic.topicId, partition);
    history.add({ type: 'send', op, log, acks, records: sent, producer: undefined, mayRepeat: false });
    const { outcome, baseOffset } = await send(context, topic, partition, acks, {
      batch: buildBatch({ records, compression: dice.pick(CODECS) }),
      lane: `plain-${lane}`,
    });
    history.add({ type: 'sent', op, outcome, baseOffset });
  }
}

interface SendResult {
  readonly outcome: 'ok' | 'refused' | 'unknown';
  readonly baseOffset: number;
  readonly errorCode: number;
}

export async function send(
  context: ProgramContext,
  topic: KnownTopic,
  partition: number,
  acks: number,
  {
    batch,
    lane,
    transactionalId,
    maxVersion,
  }: { batch: Buffer; lane: string; transactionalId?: string; maxVersion?: number | undefined },
): Promise<SendResult> {
  try {
    const response = await context.client.request(
      produce,
      {
        transactionalId: transactionalId ?? null,
        acks,
        timeoutMs: 5_000,
        topicData: [
          { name: topic.name, topicId: topic.topicId, partitionData: [{ index: partition, records: batch }] },
        ],
      },
      { lane, maxVersion },
    );
    const answer = response.responses[0]!.partitionResponses[0]!;
    const known = outcomeOf(context, 'Produce', answer.errorCode);
    // A topic that goes refuses what it may have taken and shown before.
    const outcome = known === 'refused' && topic.doomed ? 'unknown' : known;
    return { outcome, baseOffset: outcome === 'ok' ? answer.baseOffset : -1, errorCode: answer.errorCode };
  } catch (error) {
    return { outcome: failureOf(error), baseOffset: -1, errorCode: ErrorCode.NONE };
  }
}

interface WindowEntry {
  readonly op: number;
  readonly batch: Buffer;
  done: boolean;
}

/** Batches of one producer to one partition on their way at the same time, as many as Kafka's producers have. */
const WINDOW = 5;

/** One partition at a time for a while, so that a producer id stays short enough to be thrown away now and then. */
export async function idempotentProducer(context: ProgramContext): Promise<void> {
  const { dice } = context;
  const values = new ValueMaker(context);
  while (!context.isOver()) {
    const identity = await newIdentity(context);
    if (identity === undefined) return;
    const topic = someTopic(context);
    if (topic === undefined) {
      await pause(context, 200);
      continue;
    }
    await sendIdempotently(context, topic, dice.below(topic.partitions), identity, values, dice.between(1, 12));
  }
}

export interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

async function newIdentity(context: ProgramContext): Promise<Identity | undefined> {
  while (!context.isOver()) {
    try {
      const response = await context.client.request(initProducerId, {
        transactionalId: null,
        transactionTimeoutMs: 60_000,
      });
      if (outcomeOf(context, 'InitProducerId', response.errorCode) === 'ok') return response;
    } catch (error) {
      failureOf(error);
    }
    await pause(context, 100);
  }
  return undefined;
}

async function sendIdempotently(
  context: ProgramContext,
  topic: KnownTopic,
  partition: number,
  identity: Identity,
  values: ValueMaker,
  rounds: number,
): Promise<void> {
  const { dice, history } = context;
  const log = logKey(topic.topicId, partition);
  const producer = `${identity.producerId}/${identity.producerEpoch}`;
  let sequence = 0;
  for (let round = 0; round < rounds && !context.isOver(); round++) {
    const window: WindowEntry[] = [];
    for (let i = dice.between(1, WINDOW); i > 0; i--) {
      const { records, sent } = values.some(topic, 5, context.process.runtime.clock.nowMs());
      const op = history.nextOp();
      history.add({ type: 'send', op, log, acks: -1, records: sent, producer, mayRepeat: false });
      window.push({ op, batch: buildBatch({ records, ...identity, baseSequence: sequence }), done: false });
      sequence += records.length;
    }
    if (!(await deliverWindow(context, topic, partition, window, round > 0))) return;
    await think(context, dice.skewed(0, 300));
  }
}

/** Until every batch has an answer, in order. False when the producer has to begin anew. */
async function deliverWindow(
  context: ProgramContext,
  topic: KnownTopic,
  partition: number,
  window: readonly WindowEntry[],
  isKnown: boolean,
): Promise<boolean> {
  const { history, dice } = context;
  let firstError: number = ErrorCode.NONE;
  for (let attempt = 0; attempt < 60; attempt++) {
    const waiting = window.filter(({ done }) => !done);
    if (waiting.length === 0) return true;
    // A lane of its own for each attempt: what an earlier one has on its way may overtake it.
    const lane = `idempotent-${dice.oneIn(3) ? attempt : 0}`;
    // Sometimes a lane for each batch too, so that they overtake one another; not the first ones, because an unknown producer
    // may begin anywhere.
    const apart = isKnown && dice.oneIn(4);
    const results = await Promise.all(
      waiting.map(({ batch }, i) =>
        send(context, topic, partition, -1, { batch, lane: apart ? `${lane}-${i}` : lane }),
      ),
    );
    let fatal = false;
    firstError = results[0]!.errorCode;
    results.forEach(({ outcome, baseOffset, errorCode }, i) => {
      const entry = waiting[i]!;
      const isDuplicate = errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER;
      if (outcome === 'ok' || isDuplicate) {
        entry.done = true;
        history.add({ type: 'sent', op: entry.op, outcome: 'ok', baseOffset });
      } else if (errorCode !== ErrorCode.NONE && !RETRIED.has(errorCode)) {
        fatal = true;
      }
    });
    // Of a producer that is not known the first batch may be any: after one that the full disk refused comes one for which there
    // is room again, and what was refused is too late. As in Kafka, after NOT_ENOUGH_REPLICAS.
    const beganLater =
      !isKnown && firstError === ErrorCode.KAFKA_STORAGE_ERROR && !window[0]!.done && window.some(({ done }) => done);
    if (fatal || beganLater || topic.doomed) break;
    if (window.some(({ done }) => !done)) await pause(context, dice.skewed(10, 800));
  }
  if (firstError === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && !topic.doomed) {
    context.onViolation('stuck-producer', `the next batch for ${topic.name}-${partition} is out of order, for ever`);
  }
  // An attempt that was not answered may have been carried out, so that later refusals say nothing.
  for (const entry of window) {
    if (!entry.done) history.add({ type: 'sent', op: entry.op, outcome: 'unknown', baseOffset: -1 });
  }
  return window.every(({ done }) => done);
}

const RETRIED: ReadonlySet<number> = new Set([
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
]);

export async function libraryProducer(context: ProgramContext): Promise<void> {
  const { dice, history, client } = context;
  const values = new ValueMaker(context);
  const producer = new Producer(client, {
    compression: dice.pick(['none', 'none', 'lz4', 'zstd']),
    lingerMs: dice.below(3) * 10,
    deliveryTimeoutMs: 60_000,
    allowAutoTopicCreation: false,
  });
  while (!context.isOver()) {
    await think(context, dice.skewed(0, 300));
    const topic = someTopic(context);
    if (topic === undefined) continue;
    for (let i = dice.below(10); i > 0; i--) {
      const partition = dice.below(topic.partitions);
      const { value, sent } = values.next();
      const op = history.nextOp();
      const log = logKey(topic.topicId, partition);
      history.add({ type: 'send', op, log, acks: -1, records: [sent], producer: undefined, mayRepeat: true });
      producer.add({ topic: topic.name, partition, value }, (_error, delivery) => {
        const outcome = delivery === undefined ? 'unknown' : 'ok';
        history.add({ type: 'sent', op, outcome, baseOffset: delivery?.offset ?? -1 });
      });
    }
  }
  await producer.close();
}
