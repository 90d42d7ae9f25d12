// The checkpoint: every partition's small state, and where in the write-ahead log a replay starts. A start reads this file
// and that part of the log, nothing else. Big endian.
//
//    0  uint32  magic "OTLC"
//    4  uint16  format version (2)
//    6  uint16  flags: 1 = written by a clean stop
//    8  8 bytes log id
//   16  uint32  start epoch of the broker run that wrote it
//   20  uint32  number of records
//   24  int64   replay start: sequence            32  int32 file of the log   36  uint32 header CRC of the block before
//   40  int64   replay start: position in that file
//   48  int64   sequence of the last block that was durable: a log that ends before it is damaged
//   56  int64   first sequence of that run: later blocks of earlier runs were found torn, and stay dead
//   64          records, then uint32 CRC-32C of everything before
//
// A record:
//    0  uint32  bytes that follow
//    4  16 bytes topic id
//   20  int32   partition
//   24  int64   start offset          32  int64  state end: the snapshot covers appends below this offset
//   40  int64   flushed offset: everything below is durable in segments
//   48  int64   base offset of the active segment, −1 when there is no segment
//   56  int64   bytes of the active segment below the flushed offset; whatever the file holds beyond is cut
//   64  int64   bytes in all older segments
//   72  int64   base offset of the oldest segment that these bytes count, −1 when there is no segment
//   80  int64   cleaned offset: compaction has nothing to do below it
//   88  uint16  bytes of the topic's name, then the name
//       uint32  bytes of the snapshot (2³²−1: none), then the snapshot
//
// Version 1, which is still read, had no cleaned offset: the name's length stood at 80.
//
// Files `checkpoint-<number>`: the new one is written as `checkpoint.new`, synced, read back and compared, renamed, its name
// synced; only then the one before is removed.

import { crc32c } from '../../records/crc32c.ts';
import { readInt64, writeInt64 } from '../../records/int64.ts';
import { FileError, type Files } from '../../runtime/files.ts';
import { StorageError } from '../storage-error.ts';
import { sameAsLast } from './same-as-last.ts';
import type { WalPosition } from './wal.ts';

const magic = 0x4f544c43;
const formatVersion = 2;
const headerBytes = 64;
const recordFixedBytes = 90;
/** Position of the name's length. */
const nameAt = { 1: 80, 2: 88 } as const;
const cleanFlag = 1;
const noSnapshot = 0xffffffff;

export interface CheckpointHeader {
  readonly clean: boolean;
  readonly logId: Buffer;
  readonly startEpoch: number;
  readonly replayFrom: WalPosition;
  readonly lastDurable: number;
  /** The run with `startEpoch` wrote its blocks from this sequence on. */
  readonly firstSequence: number;
}

export interface PartitionRecord {
  readonly topic: string;
  readonly topicId: Buffer;
  readonly partition: number;
  readonly startOffset: number;
  readonly stateEnd: number;
  readonly flushedOffset: number;
  readonly activeBase: number;
  readonly activeBytes: number;
  readonly olderBytes: number;
  readonly oldestBase: number;
  readonly cleanedOffset: number;
  readonly snapshot: Uint8Array | undefined;
}

export function encodeRecord(record: PartitionRecord): Buffer {
  const name = Buffer.from(record.topic);
  const snapshotBytes = record.snapshot?.length ?? 0;
  const bytes = Buffer.alloc(recordFixedBytes + name.length + 4 + snapshotBytes);
  bytes.writeUInt32BE(bytes.length - 4, 0);
  record.topicId.copy(bytes, 4);
  bytes.writeInt32BE(record.partition, 20);
  writeInt64(bytes, record.startOffset, 24);
  writeInt64(bytes, record.stateEnd, 32);
  writeInt64(bytes, record.flushedOffset, 40);
  writeInt64(bytes, record.activeBase, 48);
  writeInt64(bytes, record.activeBytes, 56);
  writeInt64(bytes, record.olderBytes, 64);
  writeInt64(bytes, record.oldestBase, 72);
  writeInt64(bytes, record.cleanedOffset, 80);
  bytes.writeUInt16BE(name.length, 88);
  name.copy(bytes, recordFixedBytes);
  const at = recordFixedBytes + name.length;
  bytes.writeUInt32BE(record.snapshot === undefined ? noSnapshot : snapshotBytes, at);
  if (record.snapshot !== undefined) bytes.set(record.snapshot, at + 4);
  return bytes;
}

/** Views into `bytes`, which begins at a record's length field. `nameOf` turns a topic's name into text. */
export function decodeRecord(
  bytes: Buffer,
  version: 1 | 2 = formatVersion,
  nameOf = (name: Buffer): string => name.toString(),
): PartitionRecord {
  const nameStart = nameAt[version] + 2;
  const nameEnd = nameStart + bytes.readUInt16BE(nameAt[version]);
  const snapshotBytes = bytes.readUInt32BE(nameEnd);
  return {
    topicId: bytes.subarray(4, 20),
    partition: bytes.readInt32BE(20),
    startOffset: readInt64(bytes, 24),
    stateEnd: readInt64(bytes, 32),
    flushedOffset: readInt64(bytes, 40),
    activeBase: readInt64(bytes, 48),
    activeBytes: readInt64(bytes, 56),
    olderBytes: readInt64(bytes, 64),
    oldestBase: readInt64(bytes, 72),
    cleanedOffset: version === 1 ? 0 : readInt64(bytes, 80),
    topic: nameOf(bytes.subarray(nameStart, nameEnd)),
    snapshot: snapshotBytes === noSnapshot ? undefined : bytes.subarray(nameEnd + 4, nameEnd + 4 + snapshotBytes),
  };
}

export interface Checkpoint extends CheckpointHeader {
  readonly records: readonly PartitionRecord[];
  /** The same, as they are stored now. */
  readonly encoded: readonly Buffer[];
}

/** The file's parts, its CRC included. */
export function encodeCheckpoint(header: CheckpointHeader, records: readonly Buffer[]): Buffer[] {
  const head = Buffer.alloc(headerBytes);
  head.writeUInt32BE(magic, 0);
  head.writeUInt16BE(formatVersion, 4);
  head.writeUInt16BE(header.clean ? cleanFlag : 0, 6);
  header.logId.copy(head, 8);
  head.writeUInt32BE(header.startEpoch, 16);
  head.writeUInt32BE(records.length, 20);
  writeInt64(head, header.replayFrom.sequence, 24);
  head.writeInt32BE(header.replayFrom.slot, 32);
  head.writeUInt32BE(header.replayFrom.previousCrc, 36);
  writeInt64(head, header.replayFrom.position, 40);
  writeInt64(head, header.lastDurable, 48);
  writeInt64(head, header.firstSequence, 56);
  let crc = crc32c(head);
  for (const record of records) crc = crc32c(record, 0, record.length, crc);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc, 0);
  return [head, ...records, tail];
}

/** Undefined when the bytes are damaged. Throws when a newer Ottla wrote them. */
export function decodeCheckpoint(bytes: Buffer, path: string): Checkpoint | undefined {
  if (bytes.length < headerBytes + 4 || bytes.readUInt32BE(0) !== magic) return undefined;
  const version = bytes.readUInt16BE(4);
  if (version > formatVersion) {
    throw new StorageError(
      'NEWER_FORMAT',
      `${path} has format ${version}, newer than the ${formatVersion} this Ottla knows: start it with the newer Ottla that wrote it.`,
    );
  }
  if (crc32c(bytes, 0, bytes.length - 4) !== bytes.readUInt32BE(bytes.length - 4)) return undefined;
  const count = bytes.readUInt32BE(20);
  const records: PartitionRecord[] = [];
  const encoded: Buffer[] = [];
  // One text for all partitions of a topic, which stand side by side.
  const nameOf = sameAsLast((name) => name.toString());
  for (let i = 0, at = headerBytes; i < count; i++) {
    const end = at + 4 + bytes.readUInt32BE(at);
    const stored = bytes.subarray(at, end);
    const record = decodeRecord(stored, version === 1 ? 1 : 2, nameOf);
    encoded.push(version === formatVersion ? stored : encodeRecord(record));
    records.push(record);
    at = end;
  }
  return {
    clean: (bytes.readUInt16BE(6) & cleanFlag) !== 0,
    logId: bytes.subarray(8, 16),
    startEpoch: bytes.readUInt32BE(16),
    replayFrom: {
      sequence: readInt64(bytes, 24),
      slot: bytes.readInt32BE(32),
      previousCrc: bytes.readUInt32BE(36),
      position: readInt64(bytes, 40),
    },
    lastDurable: readInt64(bytes, 48),
    firstSequence: readInt64(bytes, 56),
    records,
    encoded,
  };
}

/** The checkpoint files of one broker. */
export class CheckpointFiles {
  #files: Files;
  #directory: string;
  #number = 0;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /** The newest one; undefined when there is none yet. */
  async read(): Promise<Checkpoint | undefined> {
    const numbers = await this.#numbers();
    for (const number of numbers) {
      this.#number = Math.max(this.#number, number);
      const path = this.#path(number);
      const checkpoint = decodeCheckpoint(await this.#files.readFile(path), path);
      // An older one is complete too when the newer was damaged before the older could be removed.
      if (checkpoint !== undefined) return checkpoint;
    }
    if (numbers.length === 0) return undefined;
    throw new StorageError(
      'DAMAGED',
      `${this.#path(this.#number)} is damaged and there is no older one: restore the directory from a backup.`,
    );
  }

  /** Durable when it resolves. */
  async publish(header: CheckpointHeader, records: readonly Buffer[]): Promise<void> {
    const parts = encodeCheckpoint(header, records);
    const temporary = `${this.#directory}/checkpoint.new`;
    const number = this.#number + 1;
    await this.#files.remove(temporary);
    const file = await this.#files.open(temporary, 'write');
    try {
      await file.write(parts, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    const back = await this.#files.readFile(temporary);
    let at = 0;
    for (const part of parts) {
      if (part.compare(back, at, at + part.length) !== 0) {
        throw new FileError('EIO', temporary, `${temporary} reads back differently from what was written`);
      }
      at += part.length;
    }
    await this.#files.rename(temporary, this.#path(number));
    await this.#files.syncDirectory(this.#directory);
    this.#number = number;
    for (const older of await this.#numbers()) {
      if (older < number) await this.#files.remove(this.#path(older));
    }
  }

  /** Newest first. */
  async #numbers(): Promise<number[]> {
    const names = await this.#files.list(this.#directory);
    return names
      .flatMap((name) => /^checkpoint-(\d{10})$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a);
  }

  #path(number: number): string {
    return `${this.#directory}/checkpoint-${String(number).padStart(10, '0')}`;
  }
}
