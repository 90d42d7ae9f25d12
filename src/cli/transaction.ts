// `ottla transaction`: list, describe, find-hanging, abort, fence. Reading and repairing; transactions are written by clients and by
// `ottla produce --transactional-id`.
import type { Client } from '../client/client.ts';
import {
  abortTransaction,
  type DescribedTransaction,
  describeTransaction,
  fenceProducer,
  hangingTransactions,
  type PartitionProducer,
  type PartitionTransaction,
  transactionAt,
  transactionsOf,
} from '../client/transactions.ts';
import { collect, durationMs, partitionList, wholeNumber } from './arguments.ts';
import { usageFailure } from './command-failure.ts';
import { Command } from './commander.ts';
import { type ConnectionOptions, withClient, withConnectionOptions } from './connection.ts';
import { Progress } from './progress.ts';
import { counted, formatDuration, formatTable } from './table.ts';
import type { CommandWorld } from './world.ts';

export function transactionCommand(world: CommandWorld): Command {
  return new Command('transaction')
    .description('list and describe transactions, find and end hanging ones')
    .addCommand(listCommand(world))
    .addCommand(describeCommand(world))
    .addCommand(findHangingCommand(world))
    .addCommand(abortCommand(world))
    .addCommand(fenceCommand(world));
}

// ---- list

interface ListOptions extends ConnectionOptions {
  readonly state?: readonly string[];
  readonly producerId?: readonly string[];
  readonly olderThan?: number;
  readonly transactionalIdPattern?: string;
}

function listCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('list'))
    .description('list transactional ids and the state of their transactions')
    .option('--state <state>', 'only in this state, for example Ongoing; may be repeated', collect)
    .option('--producer-id <id>', 'only of this producer id; may be repeated', collect)
    .option('--older-than <duration>', 'only transactions that are open for longer, for example 90s or 15m', durationMs)
    .option('--transactional-id-pattern <regex>', 'only ids that match this regular expression as a whole')
    .addHelpText(
      'after',
      `
States: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort

Examples:
  ottla transaction list
  ottla transaction list --state Ongoing --older-than 15m
  ottla transaction list --transactional-id-pattern 'billing-.*' --json`,
    )
    .action((options: ListOptions) => withClient(world, options, (client) => list(world, client, options)));
}

async function list(world: CommandWorld, client: Client, options: ListOptions): Promise<void> {
  const { state, producerId = [], olderThan, transactionalIdPattern } = options;
  const transactions = await transactionsOf(client, {
    ...(state !== undefined && { states: state }),
    producerIds: producerId.map(wholeNumber(0)),
    ...(olderThan !== undefined && { olderThanMs: olderThan }),
    ...(transactionalIdPattern !== undefined && { transactionalIdPattern }),
  });
  if (options.json) return world.output.json(transactions);
  if (transactions.length === 0) world.errors.line('no transactions there.');
  else if (world.output.isTerminal) {
    world.output.write(
      formatTable(
        ['transactional id', 'state', 'producer id', 'coordinator'],
        transactions.map((each) => [each.transactionalId, each.state, `${each.producerId}`, `${each.coordinator}`]),
      ),
    );
  } else for (const { transactionalId } of transactions) world.output.line(transactionalId);
}

// ---- describe

function describeCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('describe'))
    .description('show the state, the producer and the partitions of transactions')
    .argument('<transactional-id...>', 'transactional ids')
    .addHelpText(
      'after',
      `
Examples:
  ottla transaction describe billing-0
  ottla transaction describe billing-0 billing-1 --json`,
    )
    .action((ids: string[], options: ConnectionOptions) =>
      withClient(world, options, async (client) => {
        const transactions: DescribedTransaction[] = [];
        for (const id of ids) transactions.push(await describeTransaction(client, id));
        if (options.json) world.output.json(transactions);
        else for (const transaction of transactions) show(world, transaction);
      }),
    );
}

function show(world: CommandWorld, transaction: DescribedTransaction): void {
  const { transactionalId, state, producerId, producerEpoch, coordinator, timeoutMs, startTimeMs } = transaction;
  const producer = `producer ${producerId} epoch ${producerEpoch}`;
  world.output.line(
    `${transactionalId}  ${state}, ${producer}, timeout ${formatDuration(timeoutMs)}, coordinator ${coordinator}`,
  );
  if (startTimeMs !== null && !state.startsWith('Complete')) {
    const openForMs = Math.max(0, world.runtime.clock.nowMs() - startTimeMs);
    world.output.line(`open since ${new Date(startTimeMs).toISOString()}, for ${formatDuration(openForMs)}`);
  }
  const partitions = transaction.partitions.flatMap(({ topic, partitions: list }) =>
    list.map((partition) => [topic, partition]),
  );
  if (partitions.length > 0) world.output.write(formatTable(['topic', 'partition'], partitions));
}

// ---- find-hanging

const MINUTE_MS = 60_000;

interface FindOptions extends ConnectionOptions {
  readonly topic?: string;
  readonly partition?: readonly number[];
  readonly brokerId?: number;
  readonly maxTransactionTimeout: number;
}

function findHangingCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('find-hanging'))
    .description('find transactions that partitions hold open and no coordinator will end')
    .option('-t, --topic <topic>', 'only in this topic (default: all)')
    .option(
      '-p, --partition <list>',
      'only in these partitions of the topic, for example 0 or 0,2 or 0-3',
      partitionList,
    )
    .option('--broker-id <id>', 'only in replicas of this broker, as it sees them', wholeNumber(0))
    .option(
      '--max-transaction-timeout <minutes>',
      'shorter ones are not looked at; the transaction.max.timeout.ms of the brokers',
      wholeNumber(0, 1_000_000),
      15,
    )
    .addHelpText(
      'after',
      `
A hanging transaction keeps readers of committed records where it begins, for ever. It is ended with \`ottla transaction abort\`.

Examples:
  ottla transaction find-hanging
  ottla transaction find-hanging --topic orders --partition 0-3
  ottla transaction find-hanging --broker-id 1 --max-transaction-timeout 60 --json`,
    )
    .action((options: FindOptions) => withClient(world, options, (client) => findHanging(world, client, options)));
}

async function findHanging(world: CommandWorld, client: Client, options: FindOptions): Promise<void> {
  const { topic, partition, brokerId, maxTransactionTimeout, json } = options;
  if (partition !== undefined && topic === undefined) throw usageFailure('--partition needs --topic.');
  const progress = new Progress(world);
  const hanging = await hangingTransactions(client, {
    topic,
    partitions: partition,
    brokerId,
    timeoutMaxMs: maxTransactionTimeout * MINUTE_MS,
    onSearched: (topics, ofTopics) => progress.show(() => `${topics} of ${counted(ofTopics, 'topic')} searched`),
  }).finally(() => progress.done());
  if (json) return world.output.json(hanging);
  if (hanging.length === 0) return world.errors.line('no hanging transactions there.');
  const nowMs = world.runtime.clock.nowMs();
  world.output.write(
    formatTable(
      ['topic', 'partition', 'start offset', 'producer id', 'producer epoch', 'coordinator epoch', 'last write'],
      hanging.map((each) => [
        each.topic,
        each.partition,
        `${each.transactionStartOffset}`,
        `${each.producerId}`,
        each.producerEpoch,
        each.coordinatorEpoch,
        `${formatDuration(Math.max(0, nowMs - each.lastTimestampMs))} ago`,
      ]),
    ),
  );
  if (world.errors.isTerminal) world.errors.line(`to end the first: ${abortLine(hanging[0]!)}`);
}

function abortLine({ topic, partition, transactionStartOffset }: PartitionProducer): string {
  return `ottla transaction abort --topic ${topic} --partition ${partition} --start-offset ${transactionStartOffset}`;
}

// ---- abort

interface AbortOptions extends ConnectionOptions {
  readonly topic: string;
  readonly partition: number;
  readonly startOffset?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly coordinatorEpoch?: number;
}

const EPOCH_MAX = 0x7fff;

function abortCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('abort'))
    .description('end a hanging transaction in one partition with an abort marker')
    .requiredOption('-t, --topic <topic>', 'name')
    .requiredOption('-p, --partition <n>', 'partition', wholeNumber(0, 1_000_000))
    .option('--start-offset <n>', 'where the transaction begins', wholeNumber(0))
    .option('--producer-id <id>', 'instead: whose it is, with the two epochs', wholeNumber(0))
    .option('--producer-epoch <n>', 'of the producer', wholeNumber(0, EPOCH_MAX))
    .option('--coordinator-epoch <n>', 'as find-hanging shows it', wholeNumber(-1))
    .addHelpText(
      'after',
      `
Only for transactions that find-hanging shows: what is aborted here although its producer lives, that producer may still
commit elsewhere. To end a producer and all of its transaction use \`ottla transaction fence\`.

Examples:
  ottla transaction abort --topic orders --partition 0 --start-offset 1234
  ottla transaction abort -t orders -p 0 --producer-id 7 --producer-epoch 2 --coordinator-epoch 0`,
    )
    .action((options: AbortOptions) => withClient(world, options, (client) => abort(world, client, options)));
}

async function abort(world: CommandWorld, client: Client, options: AbortOptions): Promise<void> {
  const transaction = await chosenBy(client, options);
  await abortTransaction(client, transaction);
  const { topic, partition, producerId, producerEpoch } = transaction;
  if (options.json) return world.output.json({ topic, partition, producerId, producerEpoch });
  world.output.line(
    `aborted the transaction of producer ${producerId} epoch ${producerEpoch} in ${topic}-${partition}`,
  );
}

function chosenBy(client: Client, options: AbortOptions): PartitionTransaction | Promise<PartitionTransaction> {
  const { topic, partition, startOffset, producerId, producerEpoch, coordinatorEpoch } = options;
  const someOfProducer = [producerId, producerEpoch, coordinatorEpoch].some((value) => value !== undefined);
  if (startOffset !== undefined && !someOfProducer) return transactionAt(client, topic, partition, startOffset);
  if (
    startOffset !== undefined ||
    producerId === undefined ||
    producerEpoch === undefined ||
    coordinatorEpoch === undefined
  ) {
    throw usageFailure(
      'say which transaction: --start-offset, or --producer-id, --producer-epoch and --coordinator-epoch.',
    );
  }
  return { topic, partition, producerId, producerEpoch, coordinatorEpoch };
}

// ---- fence

function fenceCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('fence'))
    .description('end the producers of transactional ids and abort what they have open')
    .argument('<transactional-id...>', 'transactional ids')
    .addHelpText(
      'after',
      `
The producers get PRODUCER_FENCED or INVALID_PRODUCER_EPOCH and have to be made anew. An id that did not exist does afterwards.

Example:
  ottla transaction fence billing-0`,
    )
    .action((ids: string[], options: ConnectionOptions) =>
      withClient(world, options, async (client) => {
        const fenced: { transactionalId: string; producerId: number; producerEpoch: number }[] = [];
        for (const transactionalId of ids) {
          fenced.push({ transactionalId, ...(await fenceProducer(client, transactionalId)) });
        }
        if (options.json) world.output.json(fenced);
        else for (const { transactionalId } of fenced) world.output.line(`fenced ${transactionalId}`);
      }),
    );
}
