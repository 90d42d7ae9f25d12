// Administrators: topics that come, go and come again under the same name, configs that are altered, partitions that are
// added; and onlookers who ask what there is. What metadata says is read and written as registers.

import { ErrorCode } from '../../src/protocol/error-code.ts';
import { createPartitions } from '../../src/protocol/messages/create-partitions.ts';
import { createTopics } from '../../src/protocol/messages/create-topics.ts';
import { deleteTopics } from '../../src/protocol/messages/delete-topics.ts';
import { describeConfigs } from '../../src/protocol/messages/describe-configs.ts';
import { incrementalAlterConfigs } from '../../src/protocol/messages/incremental-alter-configs.ts';
import { metadata } from '../../src/protocol/messages/metadata.ts';
import type { KnownTopic, ProgramContext } from './program.ts';
import { outcomeOf, pause, think } from './program.ts';
import { asked } from './readers.ts';

const TOPIC_RESOURCE = 2;
const TOPIC_SOURCE = 1;
const SET = 0;
const CONFIG = 'retention.ms';

/** A disk that failed in the middle of a change may have it all the same: the error says to look again. */
function changeOutcome(context: ProgramContext, api: string, errorCode: number): 'ok' | 'refused' | 'unknown' {
  const outcome = outcomeOf(context, api, errorCode);
  return errorCode === ErrorCode.KAFKA_STORAGE_ERROR ? 'unknown' : outcome;
}

/** One name each: it alone makes and deletes it, everybody may use it. */
export async function topicMaker(context: ProgramContext): Promise<void> {
  const { dice } = context;
  const name = `passing-${context.process.name}`;
  while (!context.isOver()) {
    const topic = await make(context, name, dice.between(1, 3));
    if (topic === undefined) continue;
    context.addTopic(topic);
    await think(context, dice.skewed(50, 3_000));
    if (context.isOver()) return;
    await destroy(context, topic);
    if (dice.oneIn(2)) await think(context, dice.skewed(0, 300));
  }
}

async function make(context: ProgramContext, name: string, partitions: number): Promise<KnownTopic | undefined> {
  const { history } = context;
  while (!context.isOver()) {
    const op = history.nextOp();
    history.add({ type: 'write', op, register: `topic ${name}`, value: 'there' });
    const response = await asked(context, createTopics, {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: -1,
          assignments: [],
          configs: [
            { name: 'internal.segment.bytes', value: '30000' },
            { name: 'file.delete.delay.ms', value: String(context.dice.pick([0, 100, 2_000])) },
          ],
        },
      ],
      timeoutMs: 5_000,
    });
    const answer = response?.topics[0];
    const outcome = answer === undefined ? 'unknown' : changeOutcome(context, 'CreateTopics', answer.errorCode);
    history.add({ type: 'written', op, outcome });
    const isThere = outcome === 'ok' || answer?.errorCode === ErrorCode.TOPIC_ALREADY_EXISTS;
    // A request that was given up before may have made it, with its own number of partitions.
    const made = outcome === 'ok' ? { topicId: answer!.topicId, partitions } : undefined;
    const found = made ?? (isThere ? await lookUp(context, name) : undefined);
    if (found !== undefined) {
      history.add({ type: 'topic-created', topicId: found.topicId, name });
      return { name, ...found, loses: undefined, doomed: false };
    }
    await pause(context, context.dice.skewed(10, 300));
  }
  return undefined;
}

async function destroy(context: ProgramContext, topic: KnownTopic): Promise<void> {
  const { history } = context;
  const { name, topicId } = topic;
  topic.doomed = true;
  history.add({ type: 'topic-delete-asked', topicId, name });
  for (;;) {
    const op = history.nextOp();
    history.add({ type: 'write', op, register: `topic ${name}`, value: '' });
    const response = await asked(context, deleteTopics, {
      // By its id: a request that was given up, and comes late, must not take the next topic of this name.
      topics: [{ name: null, topicId }],
      topicNames: [],
      timeoutMs: 5_000,
    });
    const answer = response?.responses[0];
    const outcome = answer === undefined ? 'unknown' : changeOutcome(context, 'DeleteTopics', answer.errorCode);
    history.add({ type: 'written', op, outcome });
    if (outcome === 'ok' || answer?.errorCode === ErrorCode.UNKNOWN_TOPIC_ID) return;
    await pause(context, context.dice.skewed(10, 300));
  }
}

async function lookUp(
  context: ProgramContext,
  name: string,
): Promise<{ readonly topicId: string; readonly partitions: number } | undefined> {
  const response = await asked(context, metadata, { topics: [{ name }], allowAutoTopicCreation: false });
  const answer = response?.topics[0];
  if (answer?.errorCode !== ErrorCode.NONE) return undefined;
  return { topicId: answer.topicId, partitions: answer.partitions.length };
}

/** Looks whether topics are there, by all names that ever were. */
export async function onlooker(context: ProgramContext): Promise<void> {
  const { dice, history } = context;
  while (!context.isOver()) {
    await think(context, dice.skewed(0, 300));
    if (context.topics.length === 0) continue;
    const { name } = dice.pick(context.topics);
    const op = history.nextOp();
    if (!name.startsWith('passing-')) {
      await readConfig(context, name);
      continue;
    }
    history.add({ type: 'read', op, register: `topic ${name}` });
    const response = await asked(context, metadata, { topics: [{ name }], allowAutoTopicCreation: false });
    const errorCode = response?.topics[0]?.errorCode;
    if (errorCode === ErrorCode.NONE) history.add({ type: 'read-value', op, value: 'there' });
    else if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) history.add({ type: 'read-value', op, value: '' });
  }
}

async function readConfig(context: ProgramContext, name: string): Promise<void> {
  const { history } = context;
  const op = history.nextOp();
  history.add({ type: 'read', op, register: `config ${name}` });
  const response = await asked(context, describeConfigs, {
    resources: [{ resourceType: TOPIC_RESOURCE, resourceName: name, configurationKeys: [CONFIG] }],
  });
  const result = response?.results[0];
  if (result === undefined || outcomeOf(context, 'DescribeConfigs', result.errorCode) !== 'ok') return;
  const config = result.configs.find((each) => each.name === CONFIG)!;
  history.add({ type: 'read-value', op, value: config.configSource === TOPIC_SOURCE ? config.value! : '' });
}

/** Alters configs, and adds partitions. */
export async function configAlterer(context: ProgramContext): Promise<void> {
  const { dice, history } = context;
  for (let count = 1; !context.isOver(); count++) {
    await think(context, dice.skewed(0, 800));
    const lasting = context.topics.filter(({ name, doomed }) => !doomed && !name.startsWith('passing-'));
    if (lasting.length === 0) continue;
    const topic = dice.pick(lasting);
    if (dice.oneIn(6) && topic.partitions < 6) {
      await addPartition(context, topic);
      continue;
    }
    const op = history.nextOp();
    // Long enough that nothing is over, and different each time.
    const value = String(10 ** 12 + count * 10 + (Number(context.process.name.at(-1)) || 0));
    history.add({ type: 'write', op, register: `config ${topic.name}`, value });
    const response = await asked(context, incrementalAlterConfigs, {
      resources: [
        {
          resourceType: TOPIC_RESOURCE,
          resourceName: topic.name,
          configs: [{ name: CONFIG, configOperation: SET, value }],
        },
      ],
      validateOnly: false,
    });
    const answer = response?.responses[0];
    const outcome =
      answer === undefined ? 'unknown' : changeOutcome(context, 'IncrementalAlterConfigs', answer.errorCode);
    history.add({ type: 'written', op, outcome });
  }
}

async function addPartition(context: ProgramContext, topic: KnownTopic): Promise<void> {
  const count = topic.partitions + 1;
  const response = await asked(context, createPartitions, {
    topics: [{ name: topic.name, count, assignments: null }],
    timeoutMs: 5_000,
    validateOnly: false,
  });
  const answer = response?.results[0];
  if (answer !== undefined && changeOutcome(context, 'CreatePartitions', answer.errorCode) === 'ok')
    topic.partitions = count;
}
