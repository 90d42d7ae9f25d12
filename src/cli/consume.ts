// `ottla consume`: prints records of a topic, from a position until a position, a count, or for ever. Values come out as the
// bytes they are. Without --group, partitions are assigned, not subscribed: no group is involved, nothing is committed.
import { OffsetSpec } from '../client/admin.ts';
import type { Client } from '../client/client.ts';
import { Consumer, type FetchedRecords } from '../client/consumer.ts';
import { listOffsetsOf } from '../client/list-offsets.ts';
import { loadCompression } from '../records/compression.ts';
import { partitionList, wholeNumber } from './arguments.ts';
import { CommandFailure, usageFailure } from './command-failure.ts';
import { Command, Option } from './commander.ts';
import { type ConnectionOptions, withClient, withConnectionOptions } from './connection.ts';
import { consumeAsGroup } from './consume-group.ts';
import { type Position, parsePosition } from './position.ts';
import { Progress } from './progress.ts';
import { type RecordFormat, recordFormat } from './record-format.ts';
import { counted, formatBytes } from './table.ts';
import { unescapeBytes } from './text-escapes.ts';
import type { CommandWorld } from './world.ts';

interface ConsumeOptions extends ConnectionOptions {
  readonly partition?: readonly number[];
  readonly from: string;
  readonly until?: string;
  readonly count?: number;
  readonly follow?: boolean;
  readonly format: string;
  readonly keySeparator: string;
  readonly delimiter: string;
  readonly readCommitted?: boolean;
  readonly group?: string;
}

export function consumeCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('consume'))
    .description('print the records of a topic')
    .argument('<topic>', 'name')
    .option('-p, --partition <list>', 'partitions, for example 0 or 0,2 or 0-3 (default: all)', partitionList)
    .option('--from <position>', 'where to begin (see below)', 'beginning')
    .option('--until <position>', 'where to stop, exclusive (default: the end as it is now)')
    .option('-n, --count <n>', 'stop after this many records', wholeNumber(0))
    .option('-F, --follow', 'do not stop at the end, wait for more')
    .option('-o, --format <format>', "value, key-value, json, or a template such as '{offset} {key} {value}'", 'value')
    .addOption(
      new Option('-k, --key-separator <text>', 'between key and value with --format key-value').default('\\t', '\\t'),
    )
    .addOption(new Option('-d, --delimiter <text>', 'after each record').default('\\n', '\\n'))
    .option('-g, --group <name>', 'read as a member of this consumer group, from where it left off, and commit')
    .option('--read-committed', 'only records of committed transactions')
    .addHelpText(
      'after',
      `
Positions:
  beginning, end                  of each partition
  offset:42, offset:-10           an offset; negative counts back from the end
  time:2026-01-31T12:00:00Z       the first record at or after a time (also milliseconds since 1970)
  time:-15m                       so long ago (ms, s, m, h, d)

Fields of a template: {topic} {partition} {offset} {timestamp} {time} {key} {value} {headers}

Examples:
  ottla consume orders
  ottla consume orders --from offset:-10
  ottla consume orders --from time:-1h --format json
  ottla consume orders --follow --format '{partition}:{offset} {key} {value}'
  ottla consume orders --group billing --follow`,
    )
    .action((topic: string, options: ConsumeOptions) => consume(world, topic, options));
}

async function consume(world: CommandWorld, topic: string, options: ConsumeOptions): Promise<void> {
  const nowMs = world.runtime.clock.nowMs();
  const from = parsePosition(options.from, '--from', nowMs);
  const until = options.until === undefined ? undefined : parsePosition(options.until, '--until', nowMs);
  if (until !== undefined && options.follow) throw usageFailure('--follow and --until exclude each other.');
  const format = recordFormat(options.json ? 'json' : options.format, {
    delimiter: unescapeBytes(options.delimiter),
    keySeparator: unescapeBytes(options.keySeparator),
  });
  if (options.group !== undefined) checkGroupOptions(options, from);
  await loadCompression();
  await withClient(world, options, async (client) => {
    const printing = new Printing(world, format, options.count ?? Number.POSITIVE_INFINITY);
    if (options.group !== undefined) {
      const reading = {
        group: options.group,
        topic,
        from: from.kind === 'end' ? 'end' : 'beginning',
        follow: options.follow ?? false,
        readCommitted: options.readCommitted ?? false,
      } as const;
      const print = (fetched: FetchedRecords) => printing.print(fetched, undefined);
      await consumeAsGroup(world, client, reading, print, () => printing.finished);
      printing.done();
      return;
    }
    const partitions = await partitionsOf(client, topic, options.partition);
    const ranges = await resolveRanges(
      client,
      topic,
      partitions,
      from,
      options.follow ? undefined : (until ?? { kind: 'end' }),
      options.readCommitted ?? false,
    );
    const consumer = new Consumer(client, { readCommitted: options.readCommitted ?? false });
    await print(world, client, consumer, topic, ranges, printing);
    printing.done();
  });
}

function checkGroupOptions(options: ConsumeOptions, from: Position): void {
  if (options.partition !== undefined)
    throw usageFailure('--group and --partition exclude each other: the group decides.');
  if (options.until !== undefined) throw usageFailure('--group and --until exclude each other; use --count.');
  if (from.kind !== 'beginning' && from.kind !== 'end') {
    throw usageFailure('with --group, --from is beginning or end; `ottla group reset` moves a group elsewhere.');
  }
}

async function partitionsOf(
  client: Client,
  topic: string,
  chosen: readonly number[] | undefined,
): Promise<readonly number[]> {
  const { partitions } = await client.topic(topic);
  const all = partitions.map((partition) => partition.partition);
  for (const partition of chosen ?? []) {
    if (!all.includes(partition)) {
      throw new CommandFailure(
        `topic ${topic} has no partition ${partition}; it has ${counted(all.length, 'partition')}, counted from 0.`,
      );
    }
  }
  return chosen ?? all;
}

interface Range {
  readonly partition: number;
  readonly from: number;
  /** Exclusive; undefined is for ever. */
  readonly until: number | undefined;
}

async function resolveRanges(
  client: Client,
  topic: string,
  partitions: readonly number[],
  from: Position,
  until: Position | undefined,
  readCommitted: boolean,
): Promise<Range[]> {
  const starts = await listOffsetsOf(client, topic, partitions, OffsetSpec.EARLIEST);
  const ends = await listOffsetsOf(client, topic, partitions, OffsetSpec.LATEST, readCommitted);
  const firsts = await offsetsAt(client, topic, partitions, from, starts, ends);
  const lasts = until === undefined ? undefined : await offsetsAt(client, topic, partitions, until, starts, ends);
  return partitions.map((partition) => {
    const start = starts.get(partition) ?? 0;
    const end = ends.get(partition) ?? 0;
    const first = firsts.get(partition) ?? start;
    if (first < start || first > end) {
      throw new CommandFailure(
        `partition ${partition} of ${topic} holds offsets ${start} to ${end}, and ${first} is not among them; choose another --from.`,
      );
    }
    return { partition, from: first, until: lasts?.get(partition) };
  });
}

async function offsetsAt(
  client: Client,
  topic: string,
  partitions: readonly number[],
  position: Position,
  starts: ReadonlyMap<number, number>,
  ends: ReadonlyMap<number, number>,
): Promise<ReadonlyMap<number, number>> {
  switch (position.kind) {
    case 'beginning':
      return starts;
    case 'end':
      return ends;
    case 'time': {
      const found = await listOffsetsOf(client, topic, partitions, position.timestampMs);
      // No record is that young: the place is the end.
      return new Map(
        partitions.map((partition) => [partition, atLeastZero(found.get(partition)) ?? ends.get(partition) ?? 0]),
      );
    }
    case 'offset': {
      const { offset } = position;
      const back = (partition: number) => Math.max(starts.get(partition) ?? 0, (ends.get(partition) ?? 0) + offset);
      return new Map(partitions.map((partition) => [partition, offset < 0 ? back(partition) : offset]));
    }
  }
}

function atLeastZero(offset: number | undefined): number | undefined {
  return offset === undefined || offset < 0 ? undefined : offset;
}

/** Polls until every range is printed, the count is reached, the reader has gone or somebody wants to stop. */
async function print(
  world: CommandWorld,
  client: Client,
  consumer: Consumer,
  topic: string,
  ranges: readonly Range[],
  printing: Printing,
): Promise<void> {
  const open = new Map(
    ranges
      .filter((range) => range.until === undefined || range.from < range.until)
      .map((range) => [range.partition, range]),
  );
  if (open.size === 0 || printing.finished) return;
  const stop = () => client.close();
  world.interrupted.addEventListener('abort', stop, { once: true });
  world.output.onClosed(stop);
  try {
    await consumer.assign([...open.values()].map(({ partition, from }) => ({ topic, partition, from })));
    while (open.size > 0 && !printing.finished && !stopped(world)) {
      for (const fetched of await consumer.poll()) {
        const until = open.get(fetched.partition)?.until;
        printing.print(fetched, until);
        if (until !== undefined && fetched.nextOffset >= until) {
          open.delete(fetched.partition);
          consumer.unassign(topic, fetched.partition);
        }
      }
      await world.output.ready();
    }
  } catch (error) {
    // Stopping breaks the poll that is under way; that is the wish, not a failure.
    if (!stopped(world)) throw error;
  } finally {
    consumer.close();
  }
}

function stopped(world: CommandWorld): boolean {
  return world.interrupted.aborted || world.output.closed;
}

class Printing {
  readonly #world: CommandWorld;
  readonly #format: RecordFormat;
  readonly #progress: Progress;
  #left: number;
  #records = 0;
  #bytes = 0;

  constructor(world: CommandWorld, format: RecordFormat, count: number) {
    this.#world = world;
    this.#format = format;
    this.#left = count;
    this.#progress = new Progress(world, !world.output.isTerminal);
  }

  get finished(): boolean {
    return this.#left <= 0;
  }

  /** The records below `until`, in one write; returns the offset after the last one. */
  print(fetched: FetchedRecords, until: number | undefined): number {
    const pieces: Buffer[] = [];
    let next = fetched.nextOffset;
    for (const record of fetched.records) {
      if (this.finished || (until !== undefined && record.offset >= until)) {
        next = record.offset;
        break;
      }
      pieces.push(...this.#format({ topic: fetched.topic, partition: fetched.partition, ...record }));
      this.#left--;
      this.#records++;
    }
    const bytes = Buffer.concat(pieces);
    this.#bytes += bytes.length;
    if (bytes.length > 0) this.#world.output.write(bytes);
    this.#progress.show(() => `${counted(this.#records, 'record')}, ${formatBytes(this.#bytes)}`);
    return next;
  }

  done(): void {
    this.#progress.done();
    if (this.#records === 0 && this.#world.errors.isTerminal && !this.#world.output.closed) {
      this.#world.errors.line('no records there; --follow waits for new ones.');
    }
  }
}
