// Transactional producers (transactions v2: partitions join with their first batch, the epoch rises with every end). Each owns a
// transactional id, sends a few batches to some partitions, and commits or aborts; whatever goes wrong, it begins anew under
// its id, which fences what it was before.
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { endTxn } from '../../src/protocol/messages/end-txn.ts';
import { initProducerId } from '../../src/protocol/messages/init-producer-id.ts';
import { buildBatch } from '../../src/records/build-batch.ts';
import { logKey } from '../history.ts';
import { CoordinatorType, findsCoordinator } from './groups.ts';
import { type Identity, send } from './producers.ts';
import { outcomeOf, type ProgramContext, pause, someTopic, ValueMaker } from './program.ts';
import { asked } from './readers.ts';

const TIMEOUT_MS = 4_000;
const END_ATTEMPTS_MAX = 8;

export async function transactionalProducer(context: ProgramContext): Promise<void> {
  const { dice } = context;
  const values = new ValueMaker(context);
  const id = `tx-${context.process.name}`;
  await findsCoordinator(context, id, CoordinatorType.TRANSACTION);
  for (let count = 0; !context.isOver(); ) {
    let identity = await begin(context, id);
    for (let left = dice.between(1, 10); left > 0 && identity !== undefined && !context.isOver(); left--) {
      identity = await transact(context, id, `${id}/${count++}`, identity, values);
      await pause(context, dice.skewed(0, 400));
    }
  }
}

async function begin(context: ProgramContext, transactionalId: string): Promise<Identity | undefined> {
  while (!context.isOver()) {
    const response = await asked(context, initProducerId, { transactionalId, transactionTimeoutMs: TIMEOUT_MS });
    if (response !== undefined && outcomeOf(context, 'InitProducerId', response.errorCode) === 'ok') return response;
    await pause(context, context.dice.skewed(10, 300));
  }
  return undefined;
}

/** One transaction; who one is afterwards, or undefined when that is not known. */
async function transact(
  context: ProgramContext,
  transactionalId: string,
  transaction: string,
  identity: Identity,
  values: ValueMaker,
): Promise<Identity | undefined> {
  const { dice, history } = context;
  const sequences = new Map<string, number>();
  let allSent = true;
  for (let left = dice.between(1, 5); left > 0 && allSent; left--) {
    const topic = someTopic(context);
    if (topic === undefined) break;
    const partition = dice.below(topic.partitions);
    const log = logKey(topic.topicId, partition);
    const { values: bodies, sent } = values.some(4);
    const baseSequence = sequences.get(log) ?? 0;
    sequences.set(log, baseSequence + sent.length);
    const timestampMs = context.process.runtime.clock.nowMs();
    const records = bodies.map((value) => ({ key: null, value, timestampMs }));
    const batch = buildBatch({ records, ...identity, baseSequence, isTransactional: true });
    const op = history.nextOp();
    const event = { type: 'send', op, log, acks: -1, records: sent, producer: undefined, mayRepeat: false } as const;
    history.add({ ...event, transaction });
    const { outcome, baseOffset } = await send(context, topic, partition, -1, { batch, lane: 'tx', transactionalId });
    history.add({ type: 'sent', op, outcome, baseOffset });
    allSent = outcome === 'ok';
    if (dice.oneIn(3)) await pause(context, dice.skewed(0, 500));
  }
  // Left alone, it is aborted by its timeout, or by who comes next under its id.
  if (dice.oneIn(8)) {
    history.add({ type: 'transaction-ended', transaction, decision: 'aborted' });
    return undefined;
  }
  return end(context, transactionalId, transaction, identity, allSent && !dice.oneIn(4));
}

async function end(
  context: ProgramContext,
  transactionalId: string,
  transaction: string,
  identity: Identity,
  committed: boolean,
): Promise<Identity | undefined> {
  const { producerId, producerEpoch } = identity;
  for (let attempt = 0; attempt < END_ATTEMPTS_MAX; attempt++) {
    const response = await asked(context, endTxn, { transactionalId, producerId, producerEpoch, committed });
    const errorCode = response?.errorCode;
    if (errorCode !== undefined && outcomeOf(context, 'EndTxn', errorCode) === 'ok') {
      context.history.add({ type: 'transaction-ended', transaction, decision: committed ? 'committed' : 'aborted' });
      return response!.producerId >= 0 ? response : undefined;
    }
    if (errorCode !== undefined && !RETRIED.has(errorCode)) break;
    await pause(context, context.dice.skewed(10, 400));
  }
  context.history.add({ type: 'transaction-ended', transaction, decision: committed ? 'unknown' : 'aborted' });
  return undefined;
}

const RETRIED: ReadonlySet<number> = new Set([
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);
