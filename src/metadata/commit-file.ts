// One file of the metadata log: a commit or a snapshot. Both hold changes; a snapshot's make the whole image out of nothing.
//
//   {"format":1,"number":42,"at":"2026-11-23T22:00:00.000Z","nonce":"Zm9v…","crc32c":"89abcdef","changes":[
//   {"type":"topic-created","name":"orders",…},
//   {"type":"config-set","resource":"topic:orders","name":"retention.ms","value":"60000"}
//   ]}
//
// `number` is that of the commit, or of the last commit a snapshot holds. `nonce` tells a writer whether the file is its
// own. `crc32c` is over the whole file with eight zeros in its place.
import { crc32c } from '../records/crc32c.ts';
import type { MetadataChange } from './image.ts';
import { MetadataError } from './metadata-error.ts';

export const FORMAT = 1;
const CHECKSUM_FIELD = '"crc32c":"';
const NO_CHECKSUM = '00000000';

export interface CommitFile {
  readonly number: number;
  readonly at: string;
  readonly nonce: string;
  readonly changes: readonly MetadataChange[];
}

export function encodeCommitFile(file: CommitFile): Buffer {
  const head = JSON.stringify({ format: FORMAT, number: file.number, at: file.at, nonce: file.nonce });
  const lines = file.changes.map((change) => JSON.stringify(change)).join(',\n');
  const body = Buffer.from(`${head.slice(0, -1)},${CHECKSUM_FIELD}${NO_CHECKSUM}","changes":[\n${lines}\n]}\n`);
  body.write(checksum(body), checksumPosition(body), 'latin1');
  return body;
}

/** Throws MetadataError that names `key`. */
export function decodeCommitFile(key: string, body: Buffer, number: number): CommitFile {
  let file: Partial<CommitFile> & { format?: unknown };
  try {
    file = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw damaged(key, 'it is not complete JSON', error);
  }
  if (typeof file?.format !== 'number') throw damaged(key, 'it does not say its format');
  if (file.format > FORMAT) throw newer(key, `format ${file.format}, and this version reads ${FORMAT}`);
  const position = checksumPosition(body);
  const stored = body.toString('latin1', position, position + NO_CHECKSUM.length);
  const zeroed = Buffer.from(body);
  zeroed.write(NO_CHECKSUM, Math.min(position, body.length), 'latin1');
  if (checksum(zeroed) !== stored) throw damaged(key, 'its checksum is wrong');
  if (file.number !== number) throw damaged(key, `it says it is number ${file.number}`);
  return file as CommitFile;
}

export function damaged(key: string, what: string, cause?: unknown): MetadataError {
  return new MetadataError(
    'DAMAGED',
    `The metadata file ${key} is damaged: ${what}; restore it from a copy of the data directory.`,
    cause,
  );
}

function newer(key: string, what: string): MetadataError {
  return new MetadataError(
    'NEWER_FORMAT',
    `The metadata file ${key} was written by a newer version of Ottla (${what}); start that version.`,
  );
}

function checksumPosition(body: Buffer): number {
  const at = body.indexOf(CHECKSUM_FIELD, 0, 'latin1');
  return at < 0 ? body.length : at + CHECKSUM_FIELD.length;
}

function checksum(body: Buffer): string {
  return crc32c(body).toString(16).padStart(8, '0');
}
