// Checks the storage of one broker id in a data directory that no broker uses: checkpoint, write-ahead log, partitions. The lock
// keeps brokers out meanwhile. Nothing is written without `repair`.
import type { Files, OpenFile } from '../../runtime/files.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { brokerDirectoryName } from '../disk/broker-directory.ts';
import { type Checkpoint, CheckpointFiles } from '../disk/checkpoint.ts';
import { visitBlocks } from '../disk/recovery.ts';
import { ALIGNMENTS, type WalSlot, walFileName } from '../disk/wal.ts';
import { StorageError } from '../storage-error.ts';
import type { CheckReport, Finding } from './finding.ts';
import { checkPartition, type PartitionKnowledge } from './partition-check.ts';

export interface DataCheckOptions {
  readonly runtime: Pick<Runtime, 'files'>;
  /** Absolute. */
  readonly directory: string;
  readonly brokerId: number;
  readonly repair: boolean;
  /** What a partition's snapshot says; undefined when there is none. */
  readonly read: (snapshot: Uint8Array | undefined) => PartitionKnowledge;
}

export function emptyReport(): CheckReport {
  return { findings: [], partitions: 0, segments: 0, batches: 0, bytes: 0, blocks: 0 };
}

/** Rejects with a StorageError when a broker uses the directory. */
export async function checkData(options: DataCheckOptions, report: CheckReport): Promise<void> {
  const { directory, brokerId } = options;
  const { files } = options.runtime;
  const broker = brokerDirectoryName(brokerId);
  const own = `${directory}/${broker}`;
  const lock = await files.lock(own, broker);
  if (lock === undefined) {
    throw new StorageError('IN_USE', `${directory} is in use by a running broker with id ${brokerId}; stop it first.`);
  }
  try {
    const checkpoint = await readCheckpoint(files, own, report);
    if (checkpoint === undefined) return;
    await checkLog(files, own, checkpoint, report);
    for (const record of checkpoint.records) {
      const knowledge = options.read(record.snapshot);
      await checkPartition({ files, dataDirectory: directory, record, knowledge, repair: options.repair, report });
    }
  } finally {
    await lock.release();
  }
}

async function readCheckpoint(files: Files, own: string, report: CheckReport): Promise<Checkpoint | undefined> {
  const checkpoints = new CheckpointFiles(files, own);
  try {
    const found = await checkpoints.read();
    if (found === undefined) report.findings.push(fatal(own, undefined, 'there is no checkpoint', RESTORE));
    return found;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    report.findings.push(fatal(`${own}/checkpoint-…`, undefined, error.message, RESTORE));
    return undefined;
  }
}

/** A block proves itself; what only the next start will cut off as torn is no damage. */
async function checkLog(files: Files, own: string, checkpoint: Checkpoint, report: CheckReport): Promise<void> {
  const slots = await openForReading(files, own);
  try {
    visitBlocks({ slots, checkpoint, alignment: ALIGNMENTS[1] }, () => {
      report.blocks++;
    });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    report.findings.push(fatal(`${own}/wal-…`, undefined, error.message, RESTORE));
  } finally {
    await Promise.all(slots.map(({ file }) => file.close()));
  }
}

export async function openForReading(files: Files, own: string): Promise<WalSlot[]> {
  const slots: WalSlot[] = [];
  const names = await files.list(own);
  for (let index = 0; names.includes(walFileName(index)); index++) {
    const file: OpenFile = await files.open(`${own}/${walFileName(index)}`, 'read');
    slots.push({ index, file, firstSequence: -1, lastSequence: -1, marks: [] });
  }
  return slots;
}

const RESTORE = 'restore the directory from a backup';

function fatal(file: string, position: number | undefined, what: string, remedy: string): Finding {
  return { kind: 'fatal', file, position, partition: undefined, offsets: undefined, what, remedy, repaired: false };
}
