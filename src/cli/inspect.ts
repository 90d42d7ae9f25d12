// `ottla inspect`: shows what the files of a data directory hold: batches of a segment, blocks of the write-ahead log, the checkpoint,
// the metadata. Reads only; the broker may run, and what it writes meanwhile may look torn.
import { dirname, resolve } from 'node:path';
import { metadataFiles } from '../metadata/metadata-check.ts';
import { openDirectoryStore } from '../object-store/directory.ts';
import * as batches from '../records/record-batch.ts';
import { openForReading } from '../storage/check/data-check.ts';
import { walkSegment } from '../storage/check/segment-walk.ts';
import { EntryType } from '../storage/disk/block.ts';
import { brokerDirectoryName } from '../storage/disk/broker-directory.ts';
import { type Checkpoint, CheckpointFiles } from '../storage/disk/checkpoint.ts';
import { visitBlocks } from '../storage/disk/recovery.ts';
import { segmentBase } from '../storage/disk/segment.ts';
import { ALIGNMENTS } from '../storage/disk/wal.ts';
import { StorageError } from '../storage/storage-error.ts';
import { brokersIn } from './check.ts';
import { CommandFailure } from './command-failure.ts';
import { Command } from './commander.ts';
import { type Cell, formatTable } from './table.ts';
import type { CommandWorld } from './world.ts';

interface InspectOptions {
  readonly data: string;
  readonly json?: boolean;
}

type Row = Readonly<Record<string, Cell | boolean>>;

export function inspectCommand(world: CommandWorld): Command {
  const command = new Command('inspect').description('show what the files of a data directory hold').addHelpText(
    'after',
    `
Examples:
  ottla inspect log ottla-data/orders-0/00000000000000000000.log    its batches
  ottla inspect wal --data ottla-data                              blocks that a start would replay
  ottla inspect checkpoint --json
  ottla inspect metadata`,
  );
  command.addCommand(
    new Command('log')
      .description('the batches of segments')
      .argument('<file...>', 'names of .log files')
      .option('--json', 'print one JSON document a line')
      .action((files: string[], options: InspectOptions) => inspectLog(world, files, options)),
  );
  const onData = (name: string, description: string, work: (options: InspectOptions) => Promise<void>): void => {
    command.addCommand(
      new Command(name)
        .description(description)
        .option('-d, --data <directory>', 'the data directory', './ottla-data')
        .option('--json', 'print one JSON document a line')
        .action(work),
    );
  };
  onData('wal', 'the blocks of the write-ahead log that a start would replay', (options) => inspectWal(world, options));
  onData('checkpoint', 'what the checkpoint says of each partition', (options) => inspectCheckpoint(world, options));
  onData('metadata', 'the commits and snapshots of the metadata', (options) => inspectMetadata(world, options));
  return command;
}

function show(world: CommandWorld, options: InspectOptions, columns: readonly string[], rows: readonly Row[]): void {
  if (options.json) for (const row of rows) world.output.json(row);
  else {
    const cell = (value: Cell | boolean): Cell => (typeof value === 'boolean' ? (value ? 'yes' : '') : value);
    world.output.write(
      formatTable(
        columns,
        rows.map((row) => columns.map((column) => cell(row[column]))),
      ),
    );
  }
}

async function inspectLog(world: CommandWorld, names: readonly string[], options: InspectOptions): Promise<void> {
  let damaged = 0;
  for (const name of names) {
    const path = resolve(world.workingDirectory, name);
    const base = segmentBase(path.slice(dirname(path).length + 1));
    if (base === undefined)
      throw new CommandFailure(`${name} is no segment; name files such as 00000000000000000000.log.`, 2);
    const file = await world.runtime.files.open(path, 'read');
    const rows: Row[] = [];
    try {
      const sizeBytes = file.sizeSync();
      const range = { baseOffset: base, endOffset: Number.MAX_SAFE_INTEGER, sizeBytes, epochOf: () => undefined };
      const { damages } = await walkSegment(file, range, (buffer, at, position) => {
        rows.push(batchRow(buffer, at, position));
      });
      for (const { position, bytes, what } of damages) rows.push({ position, bytes, damage: what });
      damaged += damages.length;
    } finally {
      await file.close();
    }
    rows.sort((a, b) => Number(a.position) - Number(b.position));
    const columns = [
      'position',
      'bytes',
      'first',
      'last',
      'epoch',
      'records',
      'producer',
      'sequence',
      'transactional',
      'control',
    ];
    show(world, options, damaged > 0 ? [...columns, 'damage'] : columns, rows);
  }
  if (damaged > 0) throw new CommandFailure(`${damaged} damaged; \`ottla check\` says what to do.`);
}

function batchRow(buffer: Buffer, at: number, position: number): Row {
  return {
    position,
    bytes: batches.batchLength(buffer, at),
    first: batches.baseOffset(buffer, at),
    last: batches.lastOffset(buffer, at),
    epoch: batches.partitionLeaderEpoch(buffer, at),
    records: batches.recordCount(buffer, at),
    producer: batches.hasProducerId(buffer, at) ? batches.producerId(buffer, at) : null,
    sequence: batches.hasProducerId(buffer, at) ? batches.baseSequence(buffer, at) : null,
    transactional: batches.isTransactional(buffer, at),
    control: batches.isControl(buffer, at),
  };
}

async function checkpointsIn(
  world: CommandWorld,
  options: InspectOptions,
): Promise<{ own: string; checkpoint: Checkpoint }[]> {
  const directory = resolve(world.workingDirectory, options.data);
  const found: { own: string; checkpoint: Checkpoint }[] = [];
  for (const id of await brokersIn(world, directory)) {
    const own = `${directory}/${brokerDirectoryName(id)}`;
    const checkpoint = await new CheckpointFiles(world.runtime.files, own).read();
    if (checkpoint === undefined) throw new CommandFailure(`${own} has no checkpoint.`);
    found.push({ own, checkpoint });
  }
  return found;
}

const ENTRY_NAMES: Readonly<Record<number, string>> = {
  [EntryType.BATCHES]: 'batches',
  [EntryType.EXTENT]: 'extent',
  [EntryType.LOG_START]: 'log start',
};

async function inspectWal(world: CommandWorld, options: InspectOptions): Promise<void> {
  for (const { own, checkpoint } of await checkpointsIn(world, options)) {
    const topics = new Map(checkpoint.records.map(({ topic, topicId }) => [topicId.toString('base64url'), topic]));
    const slots = await openForReading(world.runtime.files, own);
    const rows: Row[] = [];
    try {
      visitBlocks({ slots, checkpoint, alignment: ALIGNMENTS[1] }, ({ header, slot, position, entries }) => {
        for (const { type, topicId, partition, baseOffset, endOffset, bytes } of entries) {
          const id = topicId.toString('base64url');
          rows.push({
            block: header.sequence,
            file: `wal-${slot.index}`,
            position,
            start: header.startEpoch,
            synced: header.lastSynced,
            entry: ENTRY_NAMES[type] ?? `type ${type}`,
            partition: `${topics.get(id) ?? id}-${partition}`,
            from: baseOffset,
            to: endOffset,
            bytes,
          });
        }
      });
    } catch (error) {
      show(world, options, WAL_COLUMNS, rows);
      if (!(error instanceof StorageError)) throw error;
      throw new CommandFailure(error.message, 1, error);
    } finally {
      await Promise.all(slots.map(({ file }) => file.close()));
    }
    show(world, options, WAL_COLUMNS, rows);
  }
}

const WAL_COLUMNS = ['block', 'file', 'position', 'start', 'synced', 'entry', 'partition', 'from', 'to', 'bytes'];

async function inspectCheckpoint(world: CommandWorld, options: InspectOptions): Promise<void> {
  for (const { own, checkpoint } of await checkpointsIn(world, options)) {
    const { clean, startEpoch, lastDurable, replayFrom } = checkpoint;
    const from = `wal-${replayFrom.slot} byte ${replayFrom.position}`;
    if (!options.json) {
      world.output.line(
        `${own}: ${clean ? 'a clean stop' : 'not a clean stop'}, start ${startEpoch}, durable up to block ${lastDurable}, replay from block ${replayFrom.sequence} (${from})`,
      );
    }
    const rows = checkpoint.records.map((record) => ({
      partition: `${record.topic}-${record.partition}`,
      start: record.startOffset,
      end: record.stateEnd,
      flushed: record.flushedOffset,
      segment: record.activeBase < 0 ? null : record.activeBase,
      bytes: record.activeBytes + record.olderBytes,
      snapshot: record.snapshot?.length ?? null,
    }));
    show(world, options, ['partition', 'start', 'end', 'flushed', 'segment', 'bytes', 'snapshot'], rows);
  }
}

async function inspectMetadata(world: CommandWorld, options: InspectOptions): Promise<void> {
  const { files, random } = world.runtime;
  const directory = resolve(world.workingDirectory, options.data);
  await brokersIn(world, directory);
  const store = await openDirectoryStore({ files, random, directory, owner: 'inspect' });
  const rows: Row[] = [];
  let damaged = 0;
  for await (const { number, isSnapshot, bytes, file, problem } of metadataFiles(store)) {
    if (problem !== undefined) damaged++;
    rows.push({
      number,
      kind: isSnapshot ? 'snapshot' : 'commit',
      at: file?.at ?? null,
      bytes,
      changes: file?.changes.length ?? null,
      first: problem ?? file?.changes[0]?.type ?? null,
    });
  }
  show(world, options, ['number', 'kind', 'at', 'bytes', 'changes', 'first'], rows);
  if (damaged > 0) throw new CommandFailure(`${damaged} damaged; \`ottla check\` says what to do.`);
}
