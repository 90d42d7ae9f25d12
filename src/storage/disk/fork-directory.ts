// Another data directory with the same content, in a time that does not grow with it: old segments are linked, because nothing ever
// writes into them again (retention and compaction only take names away); the newest of each partition and everything else is
// copied. Only from a directory that was stopped cleanly: then nothing but the newest segment is ever cut or appended to.
import type { Files } from '../../runtime/files.ts';
import { brokerIdOf } from './broker-directory.ts';
import { CheckpointFiles } from './checkpoint.ts';

/** The message is one sentence for the operator. */
export class ForkRefused extends Error {
  readonly code: 'IN_USE' | 'NOT_CLEAN' | 'EXISTS';
  constructor(code: 'IN_USE' | 'NOT_CLEAN' | 'EXISTS', message: string) {
    super(message);
    this.name = 'ForkRefused';
    this.code = code;
  }
}

export interface ForkedDirectory {
  readonly linkedFiles: number;
  readonly copiedFiles: number;
  readonly copiedBytes: number;
}

/** Of a segment, what never changes once there is a newer one. */
const SEGMENT_FILE = /^(\d{20})\.(log|index|timeindex)$/;
const COPY_BYTES = 1024 * 1024;

/** `to` must not exist. Rejects with ForkRefused, StorageError (a damaged checkpoint) or FileError, and leaves nothing then. */
export async function forkDirectory(files: Files, from: string, to: string): Promise<ForkedDirectory> {
  if ((await files.stat(to)) !== undefined) {
    throw new ForkRefused('EXISTS', `${to} exists already; name a directory that does not.`);
  }
  const brokers = (await files.list(from)).filter((name) => brokerIdOf(name) !== undefined);
  if (brokers.length === 0) throw new ForkRefused('NOT_CLEAN', `${from} holds no data of a broker.`);
  const locks: { release(): Promise<void> }[] = [];
  try {
    for (const broker of brokers) {
      const own = `${from}/${broker}`;
      const lock = await files.lock(own, broker);
      if (lock === undefined) throw new ForkRefused('IN_USE', `${from} is in use by a running broker; stop it first.`);
      locks.push(lock);
      if ((await new CheckpointFiles(files, own).read())?.clean !== true) {
        throw new ForkRefused(
          'NOT_CLEAN',
          `${from} was not stopped cleanly; start a broker over it and stop it first.`,
        );
      }
    }
    const fork = new Fork(files);
    await fork.directory(from, to);
    return fork;
  } catch (error) {
    await files.removeTree(to).catch(() => {});
    throw error;
  } finally {
    for (const lock of locks) await lock.release();
  }
}

class Fork implements ForkedDirectory {
  linkedFiles = 0;
  copiedFiles = 0;
  copiedBytes = 0;
  readonly #files: Files;

  constructor(files: Files) {
    this.#files = files;
  }

  async directory(from: string, to: string): Promise<void> {
    await this.#files.makeDirectory(to);
    const names = await this.#files.list(from);
    const newest = names.reduce((base, name) => maxOf(base, SEGMENT_FILE.exec(name)?.[1] ?? ''), '');
    for (const name of names) {
      const [source, target] = [`${from}/${name}`, `${to}/${name}`];
      const stat = await this.#files.stat(source);
      if (stat === undefined) continue;
      const base = SEGMENT_FILE.exec(name)?.[1];
      if (stat.isDirectory) await this.directory(source, target);
      else if (base !== undefined && base < newest) await this.#link(source, target);
      else if (!/(^|\.)lock$/.test(name)) await this.#copy(source, target);
    }
    await this.#files.syncDirectory(to);
  }

  async #link(from: string, to: string): Promise<void> {
    await this.#files.link(from, to);
    this.linkedFiles++;
  }

  async #copy(from: string, to: string): Promise<void> {
    const source = await this.#files.open(from, 'read');
    try {
      const target = await this.#files.open(to, 'create');
      try {
        const buffer = Buffer.allocUnsafe(COPY_BYTES);
        const sizeBytes = source.sizeSync();
        for (let at = 0; at < sizeBytes; ) {
          const count = await source.read(buffer, at);
          if (count === 0) break;
          await target.write([buffer.subarray(0, count)], at);
          at += count;
        }
        await target.sync();
        this.copiedFiles++;
        this.copiedBytes += sizeBytes;
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  }
}

function maxOf(one: string, other: string): string {
  return other > one ? other : one;
}
