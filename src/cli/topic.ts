// `ottla topic`: create, list, describe, alter, delete.
import { OffsetSpec } from '../client/admin.ts';
import type { Client } from '../client/client.ts';
import { listOffsetsOf } from '../client/list-offsets.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { createPartitions } from '../protocol/messages/create-partitions.ts';
import { createTopics } from '../protocol/messages/create-topics.ts';
import { deleteTopics } from '../protocol/messages/delete-topics.ts';
import { metadata } from '../protocol/messages/metadata.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import { collect, keyValuePairs, wholeNumber } from './arguments.ts';
import { CommandFailure, usageFailure } from './command-failure.ts';
import { Command } from './commander.ts';
import { alterConfigs, CONFIG_SOURCE, describeConfigs, RESOURCE_TYPE } from './configs.ts';
import { brokerRefusal, type ConnectionOptions, withClient, withConnectionOptions } from './connection.ts';
import { counted, formatTable } from './table.ts';
import type { CommandWorld } from './world.ts';

const TIMEOUT_MS = 30_000;

export function topicCommand(world: CommandWorld): Command {
  return new Command('topic')
    .description('create, list, describe, alter and delete topics')
    .addCommand(createCommand(world))
    .addCommand(listCommand(world))
    .addCommand(describeCommand(world))
    .addCommand(alterCommand(world))
    .addCommand(deleteCommand(world));
}

// ---- create

interface CreateOptions extends ConnectionOptions {
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config?: readonly string[];
  readonly ifNotExists?: boolean;
  readonly validateOnly?: boolean;
}

function createCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('create'))
    .description('create topics')
    .argument('<topic...>', 'names')
    .option('-p, --partitions <n>', "number of partitions; -1 is the broker's default", wholeNumber(-1), -1)
    .option('-r, --replication-factor <n>', "number of copies; -1 is the broker's default", wholeNumber(-1), -1)
    .option('-c, --config <name=value>', 'a config of the topic; may be repeated', collect)
    .option('--if-not-exists', 'succeed when the topic is there already')
    .option('--validate-only', 'check only, create nothing')
    .addHelpText('after', '\nExample:\n  ottla topic create orders --partitions 4 --config retention.ms=3600000')
    .action((names: string[], options: CreateOptions) =>
      withClient(world, options, (client) => create(world, client, names, options)),
    );
}

async function create(world: CommandWorld, client: Client, names: string[], options: CreateOptions): Promise<void> {
  const configs = keyValuePairs(options.config ?? [], '--config retention.ms=3600000');
  const response = await client.request(createTopics, {
    topics: names.map((name) => ({
      name,
      numPartitions: options.partitions,
      replicationFactor: options.replicationFactor,
      assignments: [],
      configs: configs.map(([configName, value]) => ({ name: configName, value })),
    })),
    timeoutMs: TIMEOUT_MS,
    validateOnly: options.validateOnly ?? false,
  });
  const results = response.topics.map((topic) => {
    const exists = topic.errorCode === ErrorCode.TOPIC_ALREADY_EXISTS && options.ifNotExists === true;
    if (topic.errorCode !== ErrorCode.NONE && !exists) {
      throw brokerRefusal(`topic ${topic.name} was not created`, topic.errorCode, topic.errorMessage);
    }
    return {
      name: topic.name,
      created: !exists && !options.validateOnly,
      topicId: topic.topicId,
      partitions: topic.numPartitions,
    };
  });
  if (options.json) return world.output.json(results);
  for (const { name, created, partitions } of results) {
    if (created) world.output.line(`created ${name} with ${counted(partitions, 'partition')}`);
    else world.output.line(options.validateOnly ? `${name} could be created` : `${name} exists`);
  }
}

// ---- list

interface ListOptions extends ConnectionOptions {
  readonly internal?: boolean;
}

function listCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('list'))
    .description('list topics')
    .option('--internal', "include the broker's internal topics")
    .action((options: ListOptions) => withClient(world, options, (client) => list(world, client, options)));
}

async function list(world: CommandWorld, client: Client, options: ListOptions): Promise<void> {
  const topics = (await topicsOf(client, null))
    .filter((topic) => options.internal || !topic.isInternal)
    .map((topic) => ({
      name: topic.name,
      partitions: topic.partitions.length,
      replicationFactor: topic.partitions[0]?.replicaNodes.length ?? 0,
      internal: topic.isInternal,
    }));
  if (options.json) return world.output.json(topics);
  if (topics.length === 0) {
    world.errors.line('no topics yet; `ottla topic create NAME` makes one, and so does writing to it.');
  } else if (world.output.isTerminal) {
    world.output.write(
      formatTable(
        ['topic', 'partitions', 'replicas'],
        topics.map((topic) => [topic.name, topic.partitions, topic.replicationFactor]),
      ),
    );
  } else {
    for (const topic of topics) world.output.line(topic.name);
  }
}

// ---- describe

function describeCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('describe'))
    .description('show partitions, offsets and configs of topics')
    .argument('<topic...>', 'names')
    .action((names: string[], options: ConnectionOptions) =>
      withClient(world, options, (client) => describe(world, client, names, options)),
    );
}

async function describe(
  world: CommandWorld,
  client: Client,
  names: string[],
  options: ConnectionOptions,
): Promise<void> {
  const topics = await topicsOf(client, names);
  const described = [];
  for (const topic of topics) {
    const partitions = topic.partitions.map((partition) => partition.partitionIndex);
    const [starts, ends, configs] = await Promise.all([
      listOffsetsOf(client, topic.name, partitions, OffsetSpec.EARLIEST),
      listOffsetsOf(client, topic.name, partitions, OffsetSpec.LATEST),
      describeConfigs(client, RESOURCE_TYPE.topic, topic.name),
    ]);
    described.push({
      name: topic.name,
      topicId: topic.topicId,
      internal: topic.isInternal,
      configs: Object.fromEntries(
        configs.filter((config) => config.source === CONFIG_SOURCE.topic).map((config) => [config.name, config.value]),
      ),
      partitions: topic.partitions.map((partition) => ({
        partition: partition.partitionIndex,
        leader: partition.leaderId,
        leaderEpoch: partition.leaderEpoch,
        replicas: partition.replicaNodes,
        isr: partition.isrNodes,
        startOffset: starts.get(partition.partitionIndex) ?? -1,
        endOffset: ends.get(partition.partitionIndex) ?? -1,
      })),
    });
  }
  if (options.json) return world.output.json(described);
  described.forEach((topic, index) => {
    if (index > 0) world.output.line('');
    const configs = Object.entries(topic.configs).map(([name, value]) => `${name}=${value}`);
    world.output.line(`${topic.name}  id ${topic.topicId}${configs.length === 0 ? '' : `  ${configs.join(' ')}`}`);
    world.output.write(
      formatTable(
        ['partition', 'leader', 'epoch', 'replicas', 'start offset', 'end offset', 'records'],
        topic.partitions.map((it) => [
          it.partition,
          it.leader,
          it.leaderEpoch,
          it.replicas.join(','),
          it.startOffset,
          it.endOffset,
          it.endOffset - it.startOffset,
        ]),
      ),
    );
  });
}

/** Topics as Metadata tells them, by name; null is all of them. */
async function topicsOf(client: Client, names: readonly string[] | null) {
  const response = await client.request(metadata, {
    topics: names === null ? null : names.map((name) => ({ name })),
    allowAutoTopicCreation: false,
  });
  return response.topics
    .map((topic) => {
      if (topic.errorCode !== ErrorCode.NONE || topic.name === null) {
        throw brokerRefusal(`topic ${topic.name ?? ''} cannot be described`, topic.errorCode);
      }
      topic.partitions.sort((a, b) => a.partitionIndex - b.partitionIndex);
      return { ...topic, name: topic.name };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

// ---- alter

interface AlterOptions extends ConnectionOptions {
  readonly partitions?: number;
  readonly set?: readonly string[];
  readonly unset?: readonly string[];
}

function alterCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('alter'))
    .description('add partitions, change configs')
    .argument('<topic>', 'name')
    .option('-p, --partitions <n>', 'the new number of partitions, larger than before', wholeNumber(1))
    .option('-s, --set <name=value>', 'set a config; may be repeated', collect)
    .option('-u, --unset <name>', 'return a config to its default; may be repeated', collect)
    .addHelpText('after', '\nExample:\n  ottla topic alter orders --partitions 8 --set retention.ms=60000')
    .action((name: string, options: AlterOptions) =>
      withClient(world, options, (client) => alter(world, client, name, options)),
    );
}

async function alter(world: CommandWorld, client: Client, name: string, options: AlterOptions): Promise<void> {
  const set = keyValuePairs(options.set ?? [], '--set retention.ms=60000');
  const unset = options.unset ?? [];
  if (options.partitions === undefined && set.length + unset.length === 0) {
    throw usageFailure('nothing to change; give --partitions, --set or --unset.');
  }
  if (set.length + unset.length > 0) await alterConfigs(client, RESOURCE_TYPE.topic, name, set, unset);
  if (options.partitions !== undefined) {
    const response = await client.request(createPartitions, {
      topics: [{ name, count: options.partitions, assignments: null }],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    });
    for (const result of response.results) {
      if (result.errorCode !== ErrorCode.NONE) {
        throw brokerRefusal(`the partitions of ${name} were not changed`, result.errorCode, result.errorMessage);
      }
    }
  }
  if (options.json) world.output.json({ name, partitions: options.partitions, set: Object.fromEntries(set), unset });
  else world.output.line(`changed ${name}`);
}

// ---- delete

interface DeleteOptions extends ConnectionOptions {
  readonly ifExists?: boolean;
}

function deleteCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('delete'))
    .description('delete topics with everything in them')
    .argument('<topic...>', 'names')
    .option('--if-exists', 'succeed when the topic is not there')
    .action((names: string[], options: DeleteOptions) =>
      withClient(world, options, (client) => remove(world, client, names, options)),
    );
}

async function remove(world: CommandWorld, client: Client, names: string[], options: DeleteOptions): Promise<void> {
  const response = await client.request(deleteTopics, {
    topics: names.map((name) => ({ name, topicId: ZERO_UUID })),
    topicNames: names,
    timeoutMs: TIMEOUT_MS,
  });
  const results = response.responses.map((topic) => {
    const absent = topic.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION && options.ifExists === true;
    if (topic.errorCode !== ErrorCode.NONE && !absent) {
      throw brokerRefusal(`topic ${topic.name} was not deleted`, topic.errorCode, topic.errorMessage);
    }
    return { name: topic.name, deleted: !absent };
  });
  if (results.length !== names.length)
    throw new CommandFailure('the broker did not answer for every topic; look with `ottla topic list`.');
  if (options.json) return world.output.json(results);
  for (const { name, deleted } of results) world.output.line(deleted ? `deleted ${name}` : `${name} does not exist`);
}
