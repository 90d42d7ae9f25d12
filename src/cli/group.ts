// `ottla group`: list, describe, reset, delete. Groups of both protocols.
import { OffsetSpec } from '../client/admin.ts';
import type { Client } from '../client/client.ts';
import { type DescribedGroup, describeGroup } from '../client/group-description.ts';
import { commitOffsets, committedOffsets, deleteGroup, groupsOf, type TopicOffsets } from '../client/groups.ts';
import { listOffsetsOf } from '../client/list-offsets.ts';
import { collect, partitionList, wholeNumber } from './arguments.ts';
import { CommandFailure, usageFailure } from './command-failure.ts';
import { Command } from './commander.ts';
import { type ConnectionOptions, withClient, withConnectionOptions } from './connection.ts';
import { splitOnce } from './position.ts';
import { formatTable } from './table.ts';
import type { CommandWorld } from './world.ts';

export function groupCommand(world: CommandWorld): Command {
  return new Command('group')
    .description('list, describe, reset and delete consumer groups')
    .addCommand(listCommand(world))
    .addCommand(describeCommand(world))
    .addCommand(resetCommand(world))
    .addCommand(deleteCommand(world));
}

// ---- list

interface ListOptions extends ConnectionOptions {
  readonly state?: readonly string[];
  readonly type?: readonly string[];
}

function listCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('list'))
    .description('list groups')
    .option('--state <state>', 'only groups in this state, for example Stable or Empty; may be repeated', collect)
    .option('--type <type>', 'only groups of this type, classic or consumer; may be repeated', collect)
    .action((options: ListOptions) => withClient(world, options, (client) => list(world, client, options)));
}

async function list(world: CommandWorld, client: Client, options: ListOptions): Promise<void> {
  const groups = await groupsOf(client, options.state ?? [], options.type ?? []);
  if (options.json) return world.output.json(groups);
  if (groups.length === 0) world.errors.line('no groups there.');
  else if (world.output.isTerminal) {
    world.output.write(
      formatTable(
        ['group', 'type', 'state'],
        groups.map(({ group, type, state }) => [group, type, state]),
      ),
    );
  } else for (const { group } of groups) world.output.line(group);
}

// ---- describe

function describeCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('describe'))
    .description('show members, assignment, committed offsets and lag of groups')
    .argument('<group...>', 'names')
    .action((names: string[], options: ConnectionOptions) =>
      withClient(world, options, async (client) => {
        const groups: DescribedGroup[] = [];
        for (const name of names) groups.push(await describeGroup(client, name));
        if (options.json) world.output.json(groups);
        else for (const group of groups) show(world, group);
      }),
    );
}

function show(world: CommandWorld, { group, type, state, coordinator, members, partitions }: DescribedGroup): void {
  world.output.line(`${group}  ${type}, ${state}, ${members.length} members, coordinator ${coordinator}`);
  if (partitions.length > 0) {
    world.output.write(
      formatTable(
        ['topic', 'partition', 'committed', 'end', 'lag', 'member'],
        partitions.map((each) => [each.topic, each.partition, each.committed, each.end, each.lag, each.member]),
      ),
    );
  }
  if (members.length > 0) {
    world.output.write(
      formatTable(
        ['member', 'instance', 'client', 'host', 'partitions'],
        members.map((member) => [
          member.member,
          member.instance,
          member.client,
          member.host,
          member.assignment.reduce((sum, { partitions: list }) => sum + list.length, 0),
        ]),
      ),
    );
  }
}

// ---- reset

interface ResetOptions extends ConnectionOptions {
  readonly topic?: readonly string[];
  readonly allTopics?: boolean;
  readonly toEarliest?: boolean;
  readonly toLatest?: boolean;
  readonly toCurrent?: boolean;
  readonly toOffset?: number;
  readonly toDatetime?: string;
  readonly shiftBy?: number;
  readonly execute?: boolean;
  readonly dryRun?: boolean;
}

function resetCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('reset'))
    .description('move the committed offsets of a group that has no members')
    .argument('<group>', 'name')
    .option('-t, --topic <topic[:partitions]>', 'for example orders or orders:0,2-4; may be repeated', collect)
    .option('--all-topics', 'every topic that the group has offsets of')
    .option('--to-earliest', 'to the beginning')
    .option('--to-latest', 'to the end')
    .option('--to-current', 'to the committed offset; to the end where there is none')
    .option('--to-offset <n>', 'to this offset', wholeNumber(0))
    .option('--to-datetime <time>', 'to the first record at or after a time, for example 2026-01-31T12:00:00Z')
    .option('--shift-by <n>', 'forwards, or backwards when negative', wholeNumber(Number.MIN_SAFE_INTEGER))
    .option('--execute', 'do it; otherwise it is only shown what would be done')
    .option('--dry-run', 'only show (the default)')
    .addHelpText(
      'after',
      `
Examples:
  ottla group reset billing --topic orders --to-earliest
  ottla group reset billing --topic orders:0,2 --shift-by -10 --execute
  ottla group reset billing --all-topics --to-datetime 2026-01-31T12:00:00Z --execute`,
    )
    .action((group: string, options: ResetOptions) =>
      withClient(world, options, (client) => reset(world, client, group, options)),
    );
}

interface Move {
  readonly topic: string;
  readonly partition: number;
  readonly from: number | null;
  readonly to: number;
}

async function reset(world: CommandWorld, client: Client, group: string, options: ResetOptions): Promise<void> {
  const target = targetOf(options);
  if (options.execute && options.dryRun) throw usageFailure('--execute and --dry-run exclude each other.');
  const { state, members } = await describeGroup(client, group, { mayBeNew: true });
  if (members.length > 0 || !['Empty', 'Dead'].includes(state)) {
    throw new CommandFailure(
      `group ${group} is in use (${state}); offsets can be moved when all its consumers have stopped.`,
    );
  }
  const committed = await committedOffsets(client, group, null);
  const moves: Move[] = [];
  for (const { topic, partitions } of await scopeOf(client, group, committed, options)) {
    const before = committed.find((each) => each.topic === topic)?.offsets ?? new Map<number, number>();
    const places = await target(client, topic, partitions, before);
    for (const partition of partitions) {
      moves.push({ topic, partition, from: before.get(partition) ?? null, to: places.get(partition) ?? 0 });
    }
  }
  if (options.execute) {
    const topics = new Map<string, Map<number, number>>();
    for (const { topic, partition, to } of moves) {
      topics.set(topic, (topics.get(topic) ?? new Map<number, number>()).set(partition, to));
    }
    const list: TopicOffsets[] = [...topics].map(([topic, offsets]) => ({ topic, offsets }));
    if (list.length > 0) await commitOffsets(client, group, list);
  }
  if (options.json) return world.output.json({ group, executed: options.execute ?? false, offsets: moves });
  world.output.write(
    formatTable(
      ['topic', 'partition', 'from', 'to'],
      moves.map(({ topic, partition, from, to }) => [topic, partition, from, to]),
    ),
  );
  if (!options.execute) world.errors.line('nothing was changed; add --execute to do it.');
}

async function scopeOf(
  client: Client,
  group: string,
  committed: readonly TopicOffsets[],
  options: ResetOptions,
): Promise<{ topic: string; partitions: number[] }[]> {
  if (options.allTopics === (options.topic !== undefined)) {
    throw usageFailure('say which topics: --topic NAME (may be repeated) or --all-topics.');
  }
  if (options.allTopics) {
    if (committed.length === 0) throw new CommandFailure(`group ${group} has no offsets; name a topic with --topic.`);
    return committed.map(({ topic, offsets }) => ({ topic, partitions: [...offsets.keys()].sort((a, b) => a - b) }));
  }
  const scope: { topic: string; partitions: number[] }[] = [];
  for (const text of options.topic ?? []) {
    const [topic, list] = splitOnce(text, ':');
    const all = (await client.topic(topic)).partitions.map(({ partition }) => partition);
    const partitions = list === undefined ? all : partitionList(list);
    const missing = partitions.find((partition) => !all.includes(partition));
    if (missing !== undefined) throw new CommandFailure(`topic ${topic} has no partition ${missing}.`);
    scope.push({ topic, partitions });
  }
  return scope;
}

type Target = (
  client: Client,
  topic: string,
  partitions: readonly number[],
  committed: ReadonlyMap<number, number>,
) => Promise<ReadonlyMap<number, number>>;

function targetOf(options: ResetOptions): Target {
  const targets: Target[] = [];
  const at =
    (timestampMs: number): Target =>
    (client, topic, partitions) =>
      listOffsetsOf(client, topic, partitions, timestampMs);
  if (options.toEarliest) targets.push(at(OffsetSpec.EARLIEST));
  if (options.toLatest) targets.push(at(OffsetSpec.LATEST));
  if (options.toDatetime !== undefined) targets.push(orEnd(at(timeOf(options.toDatetime))));
  const { toOffset, shiftBy } = options;
  if (toOffset !== undefined) targets.push(within(() => toOffset));
  if (shiftBy !== undefined) {
    targets.push(
      within((committed, partition) => {
        const from = committed.get(partition);
        if (from === undefined) {
          throw new CommandFailure(`partition ${partition} has no committed offset to shift; use another target.`);
        }
        return from + shiftBy;
      }),
    );
  }
  if (options.toCurrent)
    targets.push(within((committed, partition) => committed.get(partition) ?? Number.MAX_SAFE_INTEGER));
  const [target, ...others] = targets;
  if (target === undefined || others.length > 0) {
    throw usageFailure(
      'say where to, once: --to-earliest, --to-latest, --to-current, --to-offset, --to-datetime or --shift-by.',
    );
  }
  return target;
}

function timeOf(text: string): number {
  const timestampMs = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timestampMs)) throw usageFailure(`${text} is no time; write for example 2026-01-31T12:00:00Z.`);
  return timestampMs;
}

/** No record is that young: the place is the end. */
function orEnd(target: Target): Target {
  return async (client, topic, partitions, committed) => {
    const found = await target(client, topic, partitions, committed);
    const ends = await listOffsetsOf(client, topic, partitions, OffsetSpec.LATEST);
    return new Map(
      [...found].map(([partition, offset]) => [partition, offset < 0 ? (ends.get(partition) ?? 0) : offset]),
    );
  };
}

/** Not before the beginning nor behind the end. */
function within(place: (committed: ReadonlyMap<number, number>, partition: number) => number): Target {
  return async (client, topic, partitions, committed) => {
    const starts = await listOffsetsOf(client, topic, partitions, OffsetSpec.EARLIEST);
    const ends = await listOffsetsOf(client, topic, partitions, OffsetSpec.LATEST);
    return new Map(
      partitions.map((partition) => {
        const end = ends.get(partition) ?? 0;
        return [partition, Math.max(starts.get(partition) ?? 0, Math.min(end, place(committed, partition)))];
      }),
    );
  };
}

// ---- delete

function deleteCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('delete'))
    .description('delete groups that have no members, with their offsets')
    .argument('<group...>', 'names')
    .action((names: string[], options: ConnectionOptions) =>
      withClient(world, options, async (client) => {
        for (const name of names) await deleteGroup(client, name);
        if (options.json) world.output.json(names);
        else for (const name of names) world.output.line(`deleted ${name}`);
      }),
    );
}
