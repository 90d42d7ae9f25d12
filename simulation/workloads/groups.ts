// Consumer groups: members of both protocols that read, commit, come and go; and committers that are no members. Every commit
// is a write of a register, every look at a committed offset a read of it.
import type { ClientError } from '../../src/client/client-error.ts';
import { GroupConsumer } from '../../src/client/group-consumer.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { findCoordinator } from '../../src/protocol/messages/find-coordinator.ts';
import { offsetCommit } from '../../src/protocol/messages/offset-commit.ts';
import { offsetFetch } from '../../src/protocol/messages/offset-fetch.ts';
import { logKey } from '../history.ts';
import { checkOwners, type Owner, ownersOf } from './owners.ts';
import {
  failureOf,
  idOf,
  type KnownTopic,
  outcomeOf,
  type ProgramContext,
  pause,
  someTopic,
  think,
} from './program.ts';
import { asked } from './readers.ts';

/** The newest version that names topics. */
const BY_NAME = 9;

export interface CommitOf {
  readonly group: string;
  readonly memberId: string;
  readonly generation: number;
}

export function registerOf(group: string, topic: KnownTopic, partition: number): string {
  return `${group} ${logKey(topic.topicId, partition)}`;
}

/** The error code of the answer; undefined without one. */
export async function commitOffset(
  context: ProgramContext,
  { group, memberId, generation }: CommitOf,
  topic: KnownTopic,
  partition: number,
  offset: number,
): Promise<number | undefined> {
  const { history } = context;
  const op = history.nextOp();
  history.add({ type: 'write', op, register: registerOf(group, topic, partition), value: String(offset) });
  const response = await asked(
    context,
    offsetCommit,
    {
      groupId: group,
      memberId,
      generationIdOrMemberEpoch: generation,
      topics: [
        {
          name: topic.name,
          topicId: '',
          partitions: [{ partitionIndex: partition, committedOffset: offset, committedMetadata: '' }],
        },
      ],
    },
    { maxVersion: BY_NAME },
  );
  const errorCode = response?.topics[0]?.partitions[0]?.errorCode;
  const outcome = errorCode === undefined ? 'unknown' : outcomeOf(context, 'OffsetCommit', errorCode);
  history.add({ type: 'written', op, outcome });
  return errorCode;
}

/** −1: none; undefined: no answer, or a transaction is open that may move it. */
export async function committedOffset(
  context: ProgramContext,
  group: string,
  topic: KnownTopic,
  partition: number,
): Promise<number | undefined> {
  const { history } = context;
  const op = history.nextOp();
  history.add({ type: 'read', op, register: registerOf(group, topic, partition) });
  const offset = await stableOffset(context, group, topic, partition);
  if (offset === undefined) return undefined;
  history.add({ type: 'read-value', op, value: offset < 0 ? '' : String(offset) });
  return offset;
}

/** The same, no read of a register. */
export async function stableOffset(
  context: ProgramContext,
  group: string,
  topic: KnownTopic,
  partition: number,
): Promise<number | undefined> {
  const topics = [{ name: topic.name, topicId: '', partitionIndexes: [partition] }];
  const response = await asked(
    context,
    offsetFetch,
    { groupId: group, topics, groups: [{ groupId: group, topics }], requireStable: true },
    { maxVersion: BY_NAME },
  );
  const answer = response?.groups[0];
  if (answer === undefined || outcomeOf(context, 'OffsetFetch', answer.errorCode) !== 'ok') return undefined;
  const found = answer.topics[0]!.partitions[0]!;
  if (outcomeOf(context, 'OffsetFetch', found.errorCode) !== 'ok') return undefined;
  return found.committedOffset;
}

/** Of FindCoordinator. */
export const CoordinatorType = { GROUP: 0, TRANSACTION: 1 } as const;

/** As every client does first: the coordinator's topic is made when somebody asks for it. */
export async function findsCoordinator(context: ProgramContext, key: string, keyType: number): Promise<void> {
  for (;;) {
    const response = await asked(context, findCoordinator, { key, keyType, coordinatorKeys: [key] });
    if (response?.coordinators[0]?.errorCode === ErrorCode.NONE) return;
    await pause(context, context.dice.skewed(10, 300));
  }
}

/** Somebody who keeps offsets in groups without members. */
export async function committer(context: ProgramContext): Promise<void> {
  const { dice } = context;
  await findsCoordinator(context, 'kept-0', CoordinatorType.GROUP);
  for (let count = 1; !context.isOver(); count++) {
    await think(context, dice.skewed(0, 300));
    const topic = someTopic(context);
    if (topic === undefined) continue;
    const group = `kept-${dice.below(3)}`;
    const partition = dice.below(topic.partitions);
    if (dice.oneIn(2)) await committedOffset(context, group, topic, partition);
    else {
      // A number that nobody else commits.
      const offset = 1_000 * count + (Number(context.process.name.at(-1)) || 0);
      await commitOffset(context, { group, memberId: '', generation: -1 }, topic, partition, offset);
    }
  }
}

/** A member by the consumer protocol, with src/client/group-consumer.ts. Ends when its group has read everything. */
export function consumerMember(group: string): (context: ProgramContext) => Promise<void> {
  return async (context) => {
    const owners = ownersOf(context, group);
    while (!context.hasReadAll(group)) {
      const consumer = new GroupConsumer(context.client, {
        groupId: group,
        topics: context.topics.map(({ name }) => name),
        from: 'beginning',
        maxWaitMs: context.dice.pick([50, 300, 800]),
        commitIntervalMs: context.dice.pick([100, 1_000]),
        rebalanceTimeoutMs: 8_000,
      });
      const owner: Owner = {
        name: context.process.name,
        get assignment() {
          return consumer.assignment;
        },
        answeredMs: Number.NEGATIVE_INFINITY,
      };
      owners.add(owner);
      try {
        await beMember(context, group, consumer, owner);
        // Once it has said that it leaves, others may have what it had, whether it hears of that or not.
        owners.delete(owner);
        await consumer.close();
      } catch (error) {
        const { message } = error as Error;
        context.note(`as a member: ${message}`);
        failureOf(error);
        // Whether it is a member still is its own care; all that it may say is that the broker cannot be reached.
        if (!(error as ClientError).retriable) {
          context.onViolation('membership', `${owner.name} of ${group} was told: ${message}`);
        }
        // Its place goes with its session; it does not use it any more.
      } finally {
        owners.delete(owner);
      }
      await pause(context, context.dice.skewed(10, 500));
    }
  };
}

async function beMember(context: ProgramContext, group: string, consumer: GroupConsumer, owner: Owner): Promise<void> {
  const { dice, history } = context;
  let known: ReadonlySet<string> = new Set();
  for (let polls = dice.between(5, 80); polls > 0 && !context.hasReadAll(group); polls--) {
    const startedMs = context.process.runtime.clock.monotonicMs();
    for (const { topic, partition, records, nextOffset } of await consumer.poll()) {
      const { topicId } = context.topics.find(({ name }) => name === topic)!;
      const ids = records.map(({ value }) => idOf(value));
      history.add({
        type: 'handed-out',
        group,
        member: owner.name,
        log: logKey(topicId, partition),
        ids,
      });
      consumer.done(topic, partition, nextOffset);
    }
    owner.answeredMs = startedMs;
    known = checkOwners(context, group, owner, startedMs, known);
  }
}
