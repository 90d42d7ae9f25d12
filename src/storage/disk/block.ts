// A block of the write-ahead log: everything one commit made durable, for all partitions together. Big endian.
//
//    0  uint32  magic "OTLB"
//    4  uint16  format version (1)
//    6  uint16  zero
//    8  8 bytes log id: made with the log, so that a foreign file never fits
//   16  uint32  start epoch: new at every start of the broker
//   20  uint32  number of entries
//   24  uint64  sequence of this block
//   32  uint64  sequence up to which blocks were known to be durable when this one was formed
//   40  uint32  body bytes
//   44  uint32  CRC-32C of the body
//   48  uint32  header CRC of the block before
//   52  8 bytes zero
//   60  uint32  CRC-32C of bytes 0–59 and of the descriptors
//   64          descriptors, 56 bytes each, then the body (the entries' bytes, in order)
//
// A descriptor:
//    0  uint8   type: 1 batches, 2 extent, 3 log start
//    1  3 bytes zero
//    4  int32   partition
//    8  16 bytes topic id
//   24  int64   batches, extent: base offset; log start: the new start offset
//   32  int64   end offset (one past the last); 0 for a log start
//   40  uint32  bytes in the body
//   44  uint32  batches: CRC field of the first batch; extent: CRC-32C of the extent's bytes
//   48  8 bytes zero
// The body of an extent entry says where the bytes are: int64 base offset of the segment, uint32 position, uint32 length,
// then the directory's name in UTF-8.
import { crc32c } from '../../records/crc32c.ts';
import { readInt64, writeInt64 } from '../../records/int64.ts';

export const blockHeaderBytes = 64;
export const descriptorBytes = 56;
const topicIdBytes = 16;
/** Of the header's fields; readBlockHeader makes an object of them, which is too much for who looks at thousands of headers. */
export const headerAt = {
  startEpoch: 16,
  entryCount: 20,
  sequence: 24,
  lastSynced: 32,
  bodyBytes: 40,
  bodyCrc: 44,
  previousCrc: 48,
  headerCrc: 60,
} as const;
const magic = 0x4f544c42;
const formatVersion = 1;

export const EntryType = { BATCHES: 1, EXTENT: 2, LOG_START: 3 } as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

export interface BlockEntry {
  readonly type: EntryType;
  /** 16 bytes. */
  readonly topicId: Buffer;
  readonly partition: number;
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly bytes: number;
  readonly crc: number;
}

export interface BlockHeader {
  readonly logId: Buffer;
  readonly startEpoch: number;
  readonly sequence: number;
  readonly lastSynced: number;
  readonly previousCrc: number;
}

export interface ReadHeader extends BlockHeader {
  readonly entryCount: number;
  readonly bodyBytes: number;
  readonly bodyCrc: number;
  readonly headerCrc: number;
}

/** The entries' bytes, in order. */
export interface BlockBody {
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  /** CRC-32C of them. */
  readonly crc: number;
}

/** Header and descriptors in one buffer; `crc` is what the next block names as its predecessor. */
export function encodeBlockHead(
  header: BlockHeader,
  entries: readonly BlockEntry[],
  body: Pick<BlockBody, 'bytes' | 'crc'>,
): { head: Buffer; crc: number } {
  const head = Buffer.alloc(blockHeaderBytes + entries.length * descriptorBytes);
  head.writeUInt32BE(magic, 0);
  head.writeUInt16BE(formatVersion, 4);
  header.logId.copy(head, 8);
  head.writeUInt32BE(header.startEpoch, headerAt.startEpoch);
  head.writeUInt32BE(entries.length, headerAt.entryCount);
  writeInt64(head, header.sequence, headerAt.sequence);
  writeInt64(head, header.lastSynced, headerAt.lastSynced);
  head.writeUInt32BE(body.bytes, headerAt.bodyBytes);
  head.writeUInt32BE(body.crc, headerAt.bodyCrc);
  head.writeUInt32BE(header.previousCrc, headerAt.previousCrc);
  let at = blockHeaderBytes;
  for (const entry of entries) {
    head[at] = entry.type;
    head.writeInt32BE(entry.partition, at + 4);
    entry.topicId.copy(head, at + 8);
    writeInt64(head, entry.baseOffset, at + 24);
    writeInt64(head, entry.endOffset, at + 32);
    head.writeUInt32BE(entry.bytes, at + 40);
    head.writeUInt32BE(entry.crc, at + 44);
    at += descriptorBytes;
  }
  const crc = headCrc(head, 0, head.length);
  head.writeUInt32BE(crc, headerAt.headerCrc);
  return { head, crc };
}

/** The fixed part, or undefined when these bytes are no block of this log. Checked for form only: see `headIsValid`. */
export function readBlockHeader(bytes: Buffer, position: number, logId: Buffer): ReadHeader | undefined {
  if (position + blockHeaderBytes > bytes.length || bytes.readUInt32BE(position) !== magic) return undefined;
  if (bytes.readUInt16BE(position + 4) !== formatVersion) return undefined;
  if (logId.compare(bytes, position + 8, position + 16) !== 0) return undefined;
  return {
    logId,
    startEpoch: bytes.readUInt32BE(position + headerAt.startEpoch),
    entryCount: bytes.readUInt32BE(position + headerAt.entryCount),
    sequence: readInt64(bytes, position + headerAt.sequence),
    lastSynced: readInt64(bytes, position + headerAt.lastSynced),
    bodyBytes: bytes.readUInt32BE(position + headerAt.bodyBytes),
    bodyCrc: bytes.readUInt32BE(position + headerAt.bodyCrc),
    previousCrc: bytes.readUInt32BE(position + headerAt.previousCrc),
    headerCrc: bytes.readUInt32BE(position + headerAt.headerCrc),
  };
}

/** [start, end) is exactly header and descriptors. */
export function headIsValid(bytes: Buffer, start = 0, end = bytes.length): boolean {
  return headCrc(bytes, start, end) === bytes.readUInt32BE(start + headerAt.headerCrc);
}

export function readEntries(head: Buffer, entryCount: number): BlockEntry[] {
  const entries: BlockEntry[] = [];
  let topicId: Buffer = head.subarray(0, 0);
  for (let i = 0, at = blockHeaderBytes; i < entryCount; i++, at += descriptorBytes) {
    // One view for neighbours of the same topic.
    if (i === 0 || !repeats(head, at + 8, topicIdBytes, descriptorBytes)) {
      topicId = head.subarray(at + 8, at + 8 + topicIdBytes);
    }
    entries.push({
      type: head[at] as EntryType,
      partition: head.readInt32BE(at + 4),
      topicId,
      baseOffset: readInt64(head, at + 24),
      endOffset: readInt64(head, at + 32),
      bytes: head.readUInt32BE(at + 40),
      crc: head.readUInt32BE(at + 44),
    });
  }
  return entries;
}

/** Whether the bytes are the same as so many bytes before. */
function repeats(bytes: Buffer, at: number, count: number, before: number): boolean {
  for (let i = at; i < at + count; i++) if (bytes[i] !== bytes[i - before]) return false;
  return true;
}

function headCrc(bytes: Buffer, start: number, end: number): number {
  return crc32c(bytes, start + blockHeaderBytes, end, crc32c(bytes, start, start + headerAt.headerCrc));
}

/** What begins every block of this log: for finding blocks in damaged files. */
export function blockPattern(logId: Buffer): Buffer {
  const pattern = Buffer.alloc(16);
  pattern.writeUInt32BE(magic, 0);
  pattern.writeUInt16BE(formatVersion, 4);
  logId.copy(pattern, 8);
  return pattern;
}

export interface ExtentPlace {
  readonly segmentBase: number;
  readonly position: number;
  readonly length: number;
  readonly directory: string;
}

export function encodeExtentPlace(place: ExtentPlace): Buffer {
  const name = Buffer.from(place.directory);
  const bytes = Buffer.alloc(16 + name.length);
  writeInt64(bytes, place.segmentBase, 0);
  bytes.writeUInt32BE(place.position, 8);
  bytes.writeUInt32BE(place.length, 12);
  name.copy(bytes, 16);
  return bytes;
}

export function decodeExtentPlace(bytes: Buffer): ExtentPlace {
  return {
    segmentBase: readInt64(bytes, 0),
    position: bytes.readUInt32BE(8),
    length: bytes.readUInt32BE(12),
    directory: bytes.toString('utf8', 16),
  };
}
