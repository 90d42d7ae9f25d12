// Transactional producers of both versions: in v2 partitions join with their first batch and the epoch rises with every end, in
// v1 partitions and groups are added first. Each owns a transactional id and a group, sends a few batches to some partitions,
// sometimes commits an offset of the group with them, and commits or aborts; whatever goes wrong, it begins anew under its id,
// which fences what it was before. The offset is a register that the end of the transaction writes.
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { addOffsetsToTxn } from '../../src/protocol/messages/add-offsets-to-txn.ts';
import { addPartitionsToTxn } from '../../src/protocol/messages/add-partitions-to-txn.ts';
import { endTxn } from '../../src/protocol/messages/end-txn.ts';
import { initProducerId } from '../../src/protocol/messages/init-producer-id.ts';
import { txnOffsetCommit } from '../../src/protocol/messages/txn-offset-commit.ts';
import { buildBatch, type RecordToBuild } from '../../src/records/build-batch.ts';
import { logKey, type SentRecord } from '../history.ts';
import { CoordinatorType, committedOffset, findsCoordinator, registerOf } from './groups.ts';
import { type Identity, send } from './producers.ts';
import { type KnownTopic, outcomeOf, type ProgramContext, pause, someTopic, think, ValueMaker } from './program.ts';
import { asked } from './readers.ts';

const TIMEOUT_MS = 4_000;
const END_ATTEMPTS_MAX = 8;

/** The newest versions that mean transactions v1. */
const V1 = { produce: 11, txnOffsetCommit: 4, endTxn: 4, addPartitions: 3 } as const;

/** One epoch of one producer id. */
export interface Session {
  readonly transactionalId: string;
  readonly group: string;
  readonly identity: Identity;
  readonly isV1: boolean;
  /** The next sequence, by partition: in v1 they go on from one transaction to the next. */
  readonly sequences: Map<string, number>;
}

/** A transaction's write of the group's offset. */
interface PendingOffset {
  readonly op: number;
  readonly topic: KnownTopic;
}

export async function transactionalProducer(context: ProgramContext): Promise<void> {
  const { dice } = context;
  const values = new ValueMaker(context);
  const transactionalId = `tx-${context.process.name}`;
  const group = `group-${context.process.name}`;
  await findsCoordinator(context, transactionalId, CoordinatorType.TRANSACTION);
  await findsCoordinator(context, group, CoordinatorType.GROUP);
  for (let count = 1; !context.isOver(); ) {
    const identity = await begin(context, transactionalId, context.isOver);
    const isV1 = dice.oneIn(3);
    let session = identity && { transactionalId, group, identity, isV1, sequences: new Map<string, number>() };
    for (let left = dice.between(1, 10); left > 0 && session !== undefined && !context.isOver(); left--) {
      session = await transact(context, session, count++, values);
      await think(context, dice.skewed(0, 400));
      const [topic] = context.topics;
      if (topic !== undefined && dice.oneIn(3)) await committedOffset(context, group, topic, 0);
    }
  }
}

/** Fences who had the id before, and ends what it left open. */
export async function begin(
  context: ProgramContext,
  transactionalId: string,
  givesUp: () => boolean,
  transactionTimeoutMs = TIMEOUT_MS,
): Promise<Identity | undefined> {
  while (!givesUp()) {
    const response = await asked(context, initProducerId, { transactionalId, transactionTimeoutMs });
    if (response !== undefined && outcomeOf(context, 'InitProducerId', response.errorCode) === 'ok') return response;
    await pause(context, context.dice.skewed(10, 300));
  }
  return undefined;
}

/** One transaction; who one is afterwards, or undefined when that is not known. */
async function transact(
  context: ProgramContext,
  session: Session,
  count: number,
  values: ValueMaker,
): Promise<Session | undefined> {
  const { dice, history } = context;
  const transaction = `${session.transactionalId}/${count}`;
  const added = new Set<string>();
  let allSent = true;
  for (let left = dice.between(1, 5); left > 0 && allSent; left--) {
    const topic = someTopic(context);
    if (topic === undefined) break;
    const partition = dice.below(topic.partitions);
    const log = logKey(topic.topicId, partition);
    if (session.isV1 && !added.has(log)) {
      if (!(await addPartition(context, session, topic, partition))) {
        allSent = false;
        break;
      }
      added.add(log);
    }
    allSent = await sendSome(context, session, transaction, topic, partition, values);
    if (dice.oneIn(3)) await pause(context, dice.skewed(0, 500));
  }
  const [first] = context.topics;
  let offset: PendingOffset | undefined;
  if (allSent && first !== undefined && dice.oneIn(3)) {
    offset = { op: history.nextOp(), topic: first };
    // A number that no other transaction writes.
    const register = registerOf(session.group, first, 0);
    history.add({ type: 'write', op: offset.op, register, value: String(count) });
    const place = { topic: first, partition: 0, offset: count };
    allSent = (await sendOffset(context, session, place)) === ErrorCode.NONE;
  }
  // Left alone, it is aborted by its timeout, or by who comes next under its id.
  if (dice.oneIn(8)) {
    history.add({ type: 'transaction-ended', transaction, decision: 'aborted' });
    if (offset !== undefined) history.add({ type: 'written', op: offset.op, outcome: 'refused' });
    return undefined;
  }
  const next = await end(context, session, transaction, offset, allSent && !dice.oneIn(4));
  // Which sequences the partitions have seen is not known: in v2 they begin anew anyway.
  return session.isV1 && !allSent ? undefined : next;
}

async function sendSome(
  context: ProgramContext,
  session: Session,
  transaction: string,
  topic: KnownTopic,
  partition: number,
  values: ValueMaker,
): Promise<boolean> {
  const made = values.some(topic, 4, context.process.runtime.clock.nowMs());
  return sendBatch(context, session, transaction, topic, partition, made);
}

/** False: it is not known whether it was written, or it was not. */
export async function sendBatch(
  context: ProgramContext,
  { transactionalId, identity, isV1, sequences }: Session,
  transaction: string,
  topic: KnownTopic,
  partition: number,
  { records, sent }: { readonly records: readonly RecordToBuild[]; readonly sent: readonly SentRecord[] },
): Promise<boolean> {
  const { history } = context;
  const log = logKey(topic.topicId, partition);
  const baseSequence = sequences.get(log) ?? 0;
  sequences.set(log, baseSequence + sent.length);
  const { producerId, producerEpoch } = identity;
  const batch = buildBatch({ records, producerId, producerEpoch, baseSequence, isTransactional: true });
  const op = history.nextOp();
  const event = { type: 'send', op, log, acks: -1, records: sent, producer: undefined, mayRepeat: false } as const;
  history.add({ ...event, transaction });
  const maxVersion = isV1 ? V1.produce : undefined;
  const how = { batch, lane: 'tx', transactionalId, maxVersion };
  const { outcome, baseOffset } = await send(context, topic, partition, -1, how);
  history.add({ type: 'sent', op, outcome, baseOffset });
  return outcome === 'ok';
}

async function addPartition(
  context: ProgramContext,
  { transactionalId, identity }: Session,
  topic: KnownTopic,
  partition: number,
): Promise<boolean> {
  const request = {
    transactions: [],
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: identity.producerId,
    v3AndBelowProducerEpoch: identity.producerEpoch,
    v3AndBelowTopics: [{ name: topic.name, partitions: [partition] }],
  };
  return repeated(context, 'AddPartitionsToTxn', async () => {
    const response = await asked(context, addPartitionsToTxn, request, { maxVersion: V1.addPartitions });
    return response?.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode;
  });
}

/** The error code of the last answer; undefined: there was none. `member`: who commits it, when it is one of the group. */
export async function sendOffset(
  context: ProgramContext,
  { transactionalId, group: groupId, identity, isV1 }: Session,
  { topic, partition, offset }: { readonly topic: KnownTopic; readonly partition: number; readonly offset: number },
  member: { readonly memberId?: string; readonly generationId?: number } = {},
): Promise<number | undefined> {
  const { producerId, producerEpoch } = identity;
  const who = { transactionalId, producerId, producerEpoch, groupId };
  if (isV1) {
    const errorCode = await lastAnswer(context, 'AddOffsetsToTxn', async () => {
      return (await asked(context, addOffsetsToTxn, who))?.errorCode;
    });
    if (errorCode !== ErrorCode.NONE) return errorCode;
  }
  const partitions = [{ partitionIndex: partition, committedOffset: offset, committedMetadata: '' }];
  const options = { maxVersion: isV1 ? V1.txnOffsetCommit : undefined };
  const request = { ...who, ...member, topics: [{ name: topic.name, partitions }] };
  return lastAnswer(context, 'TxnOffsetCommit', async () => {
    return (await asked(context, txnOffsetCommit, request, options))?.topics[0]?.partitions[0]?.errorCode;
  });
}

async function repeated(
  context: ProgramContext,
  api: string,
  ask: () => Promise<number | undefined>,
): Promise<boolean> {
  return (await lastAnswer(context, api, ask)) === ErrorCode.NONE;
}

/** Asks until it is answered with success, or with what no repetition changes; undefined: it was not in the end. */
async function lastAnswer(
  context: ProgramContext,
  api: string,
  ask: () => Promise<number | undefined>,
): Promise<number | undefined> {
  let errorCode: number | undefined;
  for (let attempt = 0; attempt < END_ATTEMPTS_MAX; attempt++) {
    errorCode = await ask();
    if (errorCode !== undefined && outcomeOf(context, api, errorCode) === 'ok') return errorCode;
    if (errorCode !== undefined && !RETRIED.has(errorCode)) return errorCode;
    await pause(context, context.dice.skewed(10, 400));
  }
  return errorCode;
}

/** Who one is afterwards; undefined when the end is not known, or it was none. */
export async function end(
  context: ProgramContext,
  session: Session,
  transaction: string,
  offset: PendingOffset | undefined,
  committed: boolean,
): Promise<Session | undefined> {
  const { history } = context;
  const { producerId, producerEpoch } = session.identity;
  const request = { transactionalId: session.transactionalId, producerId, producerEpoch, committed };
  const options = { maxVersion: session.isV1 ? V1.endTxn : undefined };
  let next: Identity | undefined;
  const isEnded = await repeated(context, 'EndTxn', async () => {
    const response = await asked(context, endTxn, request, options);
    next = response;
    return response?.errorCode;
  });
  const decision = !committed ? 'aborted' : isEnded ? 'committed' : 'unknown';
  history.add({ type: 'transaction-ended', transaction, decision });
  if (offset !== undefined) {
    const outcome = decision === 'committed' ? 'ok' : decision === 'aborted' ? 'refused' : 'unknown';
    history.add({ type: 'written', op: offset.op, outcome });
  }
  if (!isEnded || next === undefined) return undefined;
  if (session.isV1) return session;
  const { producerId: nextId, producerEpoch: nextEpoch } = next;
  if (nextId < 0) return undefined;
  return { ...session, identity: { producerId: nextId, producerEpoch: nextEpoch }, sequences: new Map() };
}

const RETRIED: ReadonlySet<number> = new Set([
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);
