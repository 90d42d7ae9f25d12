// Which blocks beyond the end of the log prove that what is missing there had been durable, wherever in the files they stand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenFile } from '../../runtime/files.ts';
import { type BlockEntry, EntryType, encodeBlockHead } from './block.ts';
import { laterBlockProves } from './later-blocks.ts';
import { align, type WalSlot } from './wal.ts';

const logId = Buffer.from('0123abcd');
const MISSING = 10;

interface Written {
  readonly sequence: number;
  readonly lastSynced?: number;
  readonly startEpoch?: number;
  readonly bodyBytes?: number;
  readonly entries?: number;
  readonly log?: Buffer;
}

/** A log file; each block names the one before. */
class LogFile {
  #parts: Buffer[] = [];
  #bytes = 0;
  #previousCrc = 0;

  get bytes(): number {
    return this.#bytes;
  }

  block({ sequence, lastSynced = 0, startEpoch = 1, bodyBytes = 100, entries = 1, log = logId }: Written): this {
    const body = Buffer.alloc(bodyBytes, sequence);
    const entry: BlockEntry = {
      type: EntryType.BATCHES,
      topicId: Buffer.alloc(16),
      partition: 0,
      baseOffset: sequence,
      endOffset: sequence + 1,
      bytes: bodyBytes,
      crc: 0,
    };
    const header = { logId: log, startEpoch, sequence, lastSynced, previousCrc: this.#previousCrc };
    const { head, crc } = encodeBlockHead(header, Array(entries).fill(entry), { bytes: bodyBytes, crc: 0 });
    this.#previousCrc = crc;
    return this.#add(head, body);
  }

  /** Up to the next multiple of `alignment`. */
  fill(alignment: number): this {
    return this.#add(Buffer.alloc(align(this.#bytes, alignment) - this.#bytes));
  }

  /** What is no block. */
  rubbish(bytes: number): this {
    return this.#add(Buffer.alloc(bytes, 0xa5));
  }

  get content(): Buffer {
    return Buffer.concat(this.#parts);
  }

  slot(index: number, damagedAt?: number): WalSlot {
    const { content } = this;
    if (damagedAt !== undefined) content.writeUInt8(content.readUInt8(damagedAt) ^ 1, damagedAt);
    return slotOf(index, content);
  }

  #add(...parts: Buffer[]): this {
    for (const part of parts) {
      this.#parts.push(part);
      this.#bytes += part.length;
    }
    return this;
  }
}

function slotOf(index: number, content: Buffer): WalSlot {
  const file = {
    path: `wal-${index}`,
    sizeSync: () => content.length,
    readSync: (into: Uint8Array, position: number) => content.copy(into, 0, position),
  } as unknown as OpenFile;
  return { index, file, firstSequence: -1, lastSequence: -1, marks: [] };
}

/** Blocks 7 to 9, of which the last ends where MISSING should begin. */
function untilMissing(): LogFile {
  const file = new LogFile();
  for (const sequence of [7, 8, 9]) file.fill(64).block({ sequence });
  return file;
}

function proves(slots: WalSlot[], endBytes: number, oldestEpoch = 0): boolean {
  const expected = { sequence: MISSING, slot: 0, position: align(endBytes, 64), previousCrc: 0 };
  return laterBlockProves({ slots, logId, expected, endBytes, oldestEpoch: () => oldestEpoch });
}

test('a later block that was formed when the missing one was durable proves it, in the same file and in another', () => {
  const ended = untilMissing();
  const endBytes = ended.bytes;
  assert.equal(proves([ended.slot(0)], endBytes), false);
  const behind = untilMissing().fill(64).rubbish(640).block({ sequence: 12, lastSynced: 10 });
  assert.equal(proves([behind.slot(0)], endBytes), true);
  const other = new LogFile().block({ sequence: 11, lastSynced: 10 });
  assert.equal(proves([ended.slot(0), other.slot(1)], endBytes), true);
});

test('one that was formed before proves nothing, nor one of a start that was found torn, nor one of another log', () => {
  const ended = untilMissing();
  const second = (written: Partial<Written>): WalSlot =>
    new LogFile().block({ sequence: 11, lastSynced: 10, ...written }).slot(1);
  assert.equal(proves([ended.slot(0), second({ lastSynced: 9 })], ended.bytes), false);
  assert.equal(proves([ended.slot(0), second({})], ended.bytes, 2), false);
  assert.equal(proves([ended.slot(0), second({ startEpoch: 2 })], ended.bytes, 2), true);
  assert.equal(proves([ended.slot(0), second({ log: Buffer.from('another!') })], ended.bytes), false);
});

test('it is found behind the older blocks of its file, whatever their sizes and alignments', () => {
  const ended = untilMissing();
  for (const sizes of [[100], [100, 50_000, 100, 30_000], [1_000_000, 1, 1, 1]]) {
    for (const alignment of [64, 4096]) {
      const other = new LogFile();
      sizes.forEach(
        (bodyBytes, i) => void other.fill(alignment).block({ sequence: 1 + i, bodyBytes, entries: 1 + i * 400 }),
      );
      assert.equal(proves([ended.slot(0), other.slot(1)], ended.bytes), false);
      // Of another lap: it does not continue the sequence.
      other.fill(4096).block({ sequence: 15, lastSynced: 14 });
      assert.equal(proves([ended.slot(0), other.slot(1)], ended.bytes), true);
    }
  }
});

test('it is found where no head leads to it: behind a damaged one, and behind bytes that are no block', () => {
  const ended = untilMissing();
  const other = new LogFile().block({ sequence: 11, lastSynced: 10 }).fill(64).block({ sequence: 12, lastSynced: 11 });
  for (const at of [0, 20, 24, 40, 60, 64, 110])
    assert.equal(proves([ended.slot(0), other.slot(1, at)], ended.bytes), true);
  const far = new LogFile().rubbish(9 * 1024 * 1024 + 64).block({ sequence: 11, lastSynced: 10 });
  assert.equal(proves([ended.slot(0), far.slot(1)], ended.bytes), true);
});

test('a damaged head is no proof', () => {
  const ended = untilMissing();
  const other = new LogFile().block({ sequence: 11, lastSynced: 10 });
  for (const at of [0, 8, 20, 24, 32, 60, 64, 110]) {
    assert.equal(proves([ended.slot(0), other.slot(1, at)], ended.bytes), false, `byte ${at}`);
  }
});

test('of two heads where the next block may be, the walk goes on from the one that was written next', () => {
  const ended = untilMissing();
  // With the larger alignment behind block 1; the older block in between would lead past the later one.
  const other = new LogFile().block({ sequence: 1 });
  const older = new LogFile().block({ sequence: 4, bodyBytes: 20_000 });
  const place = align(other.bytes, 64);
  other.fill(4096).block({ sequence: 2 }).fill(4096).block({ sequence: 15, lastSynced: 14 }).fill(65_536);
  const { content } = other;
  older.content.copy(content, place, 0, 300);
  assert.equal(proves([ended.slot(0), slotOf(1, content)], ended.bytes), true);
});

test('an older block at the place of the missing one hides none that lies within it', () => {
  const { bytes: endBytes } = untilMissing();
  const file = untilMissing().fill(64);
  const older = file.bytes;
  file.block({ sequence: 3, bodyBytes: 40_000 });
  const within = new LogFile().block({ sequence: 12, lastSynced: 11 });
  const { content } = file;
  assert.equal(proves([slotOf(0, content)], endBytes), false);
  within.content.copy(content, align(older + 10_000, 64));
  assert.equal(proves([slotOf(0, content)], endBytes), true);
});
