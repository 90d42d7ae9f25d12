// Checks the files of the metadata log: each by its checksum, and that none is missing that a start would read.
import type { ObjectStore } from '../object-store/object-store.ts';
import { type CommitFile, decodeCommitFile } from './commit-file.ts';
import { MetadataError } from './metadata-error.ts';

export interface MetadataFile {
  readonly key: string;
  readonly number: number;
  readonly isSnapshot: boolean;
  readonly bytes: number;
  /** Undefined when it cannot be read. */
  readonly file: CommitFile | undefined;
  readonly problem: string | undefined;
}

/** Snapshots and commits, each in the order of their numbers. */
export async function* metadataFiles(store: ObjectStore): AsyncGenerator<MetadataFile> {
  for (const key of await store.list('metadata/')) {
    const parts = /^metadata\/(snapshot-)?(\d{20})\.json$/.exec(key);
    if (parts === null) continue;
    const number = Number(parts[2]);
    const isSnapshot = parts[1] !== undefined;
    const body = (await store.get(key)) ?? Buffer.alloc(0);
    try {
      const file = decodeCommitFile(key, body, number);
      yield { key, number, isSnapshot, bytes: body.length, file, problem: undefined };
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      yield { key, number, isSnapshot, bytes: body.length, file: undefined, problem: error.message };
    }
  }
}

/** What is wrong, by key; a missing commit has the key that it would have. */
export async function checkMetadata(store: ObjectStore): Promise<{ key: string; problem: string }[]> {
  const problems: { key: string; problem: string }[] = [];
  const commits: number[] = [];
  let newestSnapshot = 0;
  for await (const { key, number, isSnapshot, problem } of metadataFiles(store)) {
    if (problem !== undefined) problems.push({ key, problem });
    if (isSnapshot) newestSnapshot = Math.max(newestSnapshot, number);
    else commits.push(number);
  }
  const last = commits.at(-1) ?? 0;
  for (let number = newestSnapshot + 1; number <= last; number++) {
    if (commits.includes(number)) continue;
    const key = `metadata/${String(number).padStart(20, '0')}.json`;
    problems.push({
      key,
      problem: `The metadata file ${key} is missing; restore it from a copy of the data directory.`,
    });
  }
  return problems;
}
