import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { readGolden } from '../../test/golden/read.ts';
import { buildBatch, type RecordToBuild } from './build-batch.ts';
import { loadCompression } from './compression.ts';
import { Compression } from './compression-type.ts';
import { completeBatchLength, readBatches } from './read-batches.ts';
import * as batch from './record-batch.ts';
import { openRecords } from './record-cursor.ts';
import { RecordError } from './record-error.ts';

before(loadCompression);

const bytesArbitrary = fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)));

/** Plain objects, comparable with what is read. */
const PLAIN = { noNullPrototype: true } as const;

const headerArbitrary = fc.record({ key: fc.string({ unit: 'grapheme' }), value: bytesArbitrary }, PLAIN);

const recordArbitrary: fc.Arbitrary<Required<Omit<RecordToBuild, 'offset'>>> = fc.record(
  {
    key: bytesArbitrary,
    value: bytesArbitrary,
    timestampMs: fc.oneof(fc.integer({ min: -1, max: 5_000_000_000_000 }), fc.constant(-1)),
    headers: fc.array(headerArbitrary, { maxLength: 5 }),
  },
  PLAIN,
);

describe('a built batch', () => {
  it('reads to its records, under every codec', () => {
    const property = fc.property(
      fc.array(recordArbitrary, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(...Object.values(Compression)),
      fc.nat(Number.MAX_SAFE_INTEGER - 1000),
      (records, compression, baseOffset) => {
        const bytes = buildBatch({ records, compression, baseOffset });
        const [read] = [...readBatches(bytes)];
        assert.ok(read !== undefined);
        read.ensureValid();
        assert.equal(read.baseOffset, baseOffset);
        assert.equal(read.lastOffset, baseOffset + records.length - 1);
        assert.equal(read.maxTimestampMs, Math.max(...records.map((record) => record.timestampMs)));
        assert.deepEqual(
          [...read.records()],
          records.map((record, index) => ({ ...record, offset: baseOffset + index })),
        );
      },
    );
    fc.assert(property, { numRuns: 200 });
  });

  it('keeps offsets with gaps and a range wider than its records', () => {
    const records = [100, 103, 250].map((offset) => ({ key: null, value: Buffer.from('v'), offset }));
    const bytes = buildBatch({ records, lastOffset: 300 });
    const [read] = [...readBatches(bytes)];
    assert.deepEqual([read!.baseOffset, read!.lastOffset, read!.recordCount], [100, 300, 3]);
    assert.deepEqual(
      [...read!.records()].map((record) => record.offset),
      [100, 103, 250],
    );
  });
});

describe('a sequence of batches', () => {
  it('ends silently where the last one is cut', () => {
    const one = buildBatch({ records: [{ key: null, value: Buffer.from('one') }] });
    const two = Buffer.concat([one, one]);
    for (let length = 0; length <= two.length; length++) {
      const count = length < one.length ? 0 : length < two.length ? 1 : 2;
      assert.equal([...readBatches(two.subarray(0, length))].length, count);
    }
  });

  it('knows a batch by its length alone', () => {
    const one = buildBatch({ records: [{ key: null, value: Buffer.from('one') }] });
    assert.equal(completeBatchLength(Buffer.concat([Buffer.alloc(3), one]), 3), one.length);
    assert.equal(completeBatchLength(one.subarray(0, 16), 0), 0);
  });
});

describe('the records of a batch', () => {
  it('are walked without their keys and values being touched', () => {
    const bytes = buildBatch({
      records: [
        { key: Buffer.from('k'), value: null, timestampMs: 5 },
        { key: null, value: Buffer.from('value'), timestampMs: 9 },
      ],
      baseOffset: 40,
    });
    const cursor = openRecords(bytes, 0);
    assert.equal(cursor.next(), true);
    assert.deepEqual([cursor.offset, cursor.timestampMs, cursor.keyLength, cursor.valueLength], [40, 5, 1, -1]);
    assert.equal(cursor.next(), true);
    assert.deepEqual([cursor.offset, cursor.timestampMs, cursor.keyLength, cursor.valueLength], [41, 9, -1, 5]);
    assert.equal(cursor.value()!.buffer, bytes.buffer);
    assert.equal(cursor.next(), false);
    assert.equal(cursor.next(), false);
  });

  it('are stamped in the header alone', () => {
    const bytes = buildBatch({ records: [{ key: null, value: null, timestampMs: 5 }] });
    batch.setMaxTimestampAndType(bytes, 0, batch.TimestampType.LOG_APPEND_TIME, 77);
    assert.ok(batch.verifyCrc(bytes, 0));
    assert.equal([...[...readBatches(bytes)][0]!.records()][0]!.timestampMs, 77);
  });

  it('are not believed in number', () => {
    const bytes = buildBatch({ records: [{ key: null, value: null }] });
    bytes.writeInt32BE(0x7fff_ffff, batch.RECORD_COUNT_AT);
    assert.throws(() => [...[...readBatches(bytes)][0]!.records()], { name: 'RecordError', kind: 'invalid' });
  });
});

describe('sequences', () => {
  it('wrap from 2^31 − 1 to 0', () => {
    assert.equal(batch.incrementSequence(0x7fff_fffe, 1), 0x7fff_ffff);
    assert.equal(batch.incrementSequence(0x7fff_ffff, 1), 0);
    assert.equal(batch.incrementSequence(0x7fff_fffe, 5), 3);
  });
});

describe('hostile bytes', () => {
  const seeds = readGolden<{ hex?: string; size?: number }>('records')
    .filter((golden) => golden.hex !== undefined && golden.size! < 5000)
    .map((golden) => Buffer.from(golden.hex!, 'hex'));

  it('give records within the limit or the one error', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255) });
    const property = fc.property(fc.nat(), fc.array(change, { maxLength: 6 }), fc.nat(), (seed, changes, cut) => {
      const original = seeds[seed % seeds.length]!;
      const bytes = Buffer.from(original.subarray(0, cut % 5 === 0 ? cut % original.length : original.length));
      if (bytes.length > 0) for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
      assertReadable(bytes);
    });
    fc.assert(property, { numRuns: 4000 });
  });

  it('may be anything', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => assertReadable(Buffer.from(bytes))),
      { numRuns: 2000 },
    );
  });

  it('may say of themselves what they like behind a plausible start', () => {
    const start = Buffer.from(seeds[0]!.subarray(0, 12));
    const property = fc.property(
      fc.constantFrom(0, 1, 2),
      fc.uint8Array({ minLength: 20, maxLength: 200 }),
      (magic, tail) => {
        const bytes = Buffer.concat([start, tail]);
        bytes.writeInt32BE(tail.length, batch.LENGTH_AT);
        bytes[batch.MAGIC_AT] = magic;
        assertReadable(bytes);
      },
    );
    fc.assert(property, { numRuns: 3000 });
  });

  function assertReadable(bytes: Buffer): void {
    const maxBytes = 20_000;
    try {
      for (const read of readBatches(bytes, maxBytes)) {
        let held = 0;
        for (const { key, value } of read.records()) held += (key?.length ?? 0) + (value?.length ?? 0);
        assert.ok(held <= Math.max(maxBytes, bytes.length));
        assert.equal(typeof read.baseOffset, 'number');
      }
    } catch (error) {
      assert.ok(error instanceof RecordError, String((error as Error).stack));
    }
  }
});
