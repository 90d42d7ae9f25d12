// `ottla check`: reads a whole data directory that no broker uses and names everything that is damaged. With --repair it makes
// again what can be made again, and gives up the records that cannot be read.
import { resolve } from 'node:path';
import { checkMetadata } from '../metadata/metadata-check.ts';
import { openDirectoryStore } from '../object-store/directory.ts';
import { LeaderEpochs } from '../partition/leader-epochs.ts';
import { decodeSnapshot } from '../partition/partition-snapshot.ts';
import { ProducerState } from '../partition/producer-state.ts';
import { AbortedEntries } from '../storage/aborted-index.ts';
import { checkData, emptyReport } from '../storage/check/data-check.ts';
import type { CheckReport, Finding } from '../storage/check/finding.ts';
import type { PartitionKnowledge } from '../storage/check/partition-check.ts';
import { brokerIdOf } from '../storage/disk/broker-directory.ts';
import { CommandFailure } from './command-failure.ts';
import { Command } from './commander.ts';
import { counted, formatBytes, formatTable } from './table.ts';
import type { CommandWorld } from './world.ts';

const DEFAULT_DATA = './ottla-data';

interface CheckOptions {
  readonly data: string;
  readonly repair?: boolean;
  readonly json?: boolean;
}

export function checkCommand(world: CommandWorld): Command {
  return new Command('check')
    .description('read a whole data directory and name what is damaged; no broker may use it meanwhile')
    .option('-d, --data <directory>', 'the data directory', DEFAULT_DATA)
    .option('--repair', 'make again what can be made again, and give up the records that cannot be read')
    .option('--json', 'print JSON for programs')
    .addHelpText(
      'after',
      `
Exit code: 0 when nothing is damaged, or everything was repaired; 1 otherwise.

Examples:
  ottla check --data /var/lib/ottla
  ottla check --data /var/lib/ottla --repair     records that cannot be read are replaced by a mark that consumers skip`,
    )
    .action((options: CheckOptions) => check(world, options));
}

async function check(world: CommandWorld, options: CheckOptions): Promise<void> {
  const { files, random } = world.runtime;
  const directory = resolve(world.workingDirectory, options.data);
  const report = emptyReport();
  const brokerIds = await brokersIn(world, directory);
  for (const brokerId of brokerIds) {
    const repair = options.repair ?? false;
    await checkData({ runtime: world.runtime, directory, brokerId, repair, read: knowledgeOf }, report);
  }
  const store = await openDirectoryStore({ files, random, directory, owner: 'check' });
  for (const { key, problem } of await checkMetadata(store))
    report.findings.push(metadataFinding(directory, key, problem));
  const left = report.findings.filter(({ repaired }) => !repaired).length;
  if (options.json) world.output.json({ ...report, ok: left === 0 });
  else show(world, report, directory);
  if (left > 0) {
    throw new CommandFailure(
      `${counted(left, 'place')} in ${directory} ${left === 1 ? 'is' : 'are'} damaged${options.repair ? ' and could not be repaired' : '; nothing was changed'}.`,
    );
  }
}

/** Ids of the brokers that keep something in the directory. */
export async function brokersIn(world: CommandWorld, directory: string): Promise<number[]> {
  const { files } = world.runtime;
  const names = (await files.stat(directory))?.isDirectory ? await files.list(directory) : [];
  const ids = names.flatMap((name) => brokerIdOf(name) ?? []);
  if (ids.length === 0) {
    throw new CommandFailure(`${directory} is no data directory of Ottla; name one with --data.`);
  }
  return ids;
}

function knowledgeOf(snapshot: Uint8Array | undefined): PartitionKnowledge {
  const parts = { epochs: new LeaderEpochs(), producers: new ProducerState(), aborted: new AbortedEntries() };
  if (snapshot !== undefined) decodeSnapshot(snapshot, parts);
  return { epochOf: (offset) => parts.epochs.epochOf(offset), indexedOffset: parts.aborted.indexedOffset };
}

function metadataFinding(directory: string, key: string, problem: string): Finding {
  return {
    kind: 'fatal',
    file: `${directory}/${key}`,
    position: undefined,
    partition: undefined,
    offsets: undefined,
    what: problem,
    remedy: 'restore the file from a backup',
    repaired: false,
  };
}

function show(world: CommandWorld, report: CheckReport, directory: string): void {
  const { findings, partitions, segments, batches, bytes, blocks } = report;
  if (findings.length > 0) {
    world.output.write(
      formatTable(
        ['damaged', 'byte', 'offsets lost', 'what', 'what to do'],
        findings.map(({ file, position, offsets, kind, what, remedy }) => [
          file.startsWith(`${directory}/`) ? file.slice(directory.length + 1) : file,
          position,
          kind === 'lost' && offsets !== undefined ? `${offsets[0]} to ${offsets[1] - 1}` : null,
          what,
          remedy,
        ]),
      ),
    );
  }
  world.output.line(
    `${counted(partitions, 'partition')}, ${counted(segments, 'segment')}, ${counted(batches, 'batch').replace(/batchs$/, 'batches')}, ${formatBytes(bytes)}, ${counted(blocks, 'block')} of the write-ahead log: ${findings.length === 0 ? 'nothing is damaged.' : `${counted(findings.length, 'place')} damaged.`}`,
  );
}
