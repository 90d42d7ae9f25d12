// Every record batch that Kafka's own classes wrote (test/golden/records.ndjson.gz) is read to what they said it means, and
// built again to the same bytes.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { readGolden } from '../../test/golden/read.ts';
import { buildBatch } from './build-batch.ts';
import { decompress, loadCompression } from './compression.ts';
import { Compression, compressionName } from './compression-type.ts';
import { ControlType, readControlType, readEndTransactionMarker } from './control-batch.ts';
import { type ReadBatch, type ReadRecord, readBatches } from './read-batches.ts';
import * as batch from './record-batch.ts';

interface GoldenRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly headers: readonly { readonly key: string; readonly value?: string | null }[];
  readonly control?: { readonly type: keyof typeof ControlType; readonly coordinatorEpoch?: number };
  readonly [field: string]: unknown;
}

interface GoldenBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly magic: number;
  readonly sizeInBytes: number;
  readonly compression: string;
  readonly timestampType: string;
  readonly maxTimestamp: number;
  readonly checksum: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly isTransactional: boolean;
  readonly isControlBatch: boolean;
  readonly partitionLeaderEpoch: number;
  readonly count: number | null;
  readonly deleteHorizonMs: number | null;
  readonly baseTimestamp?: number;
  readonly records: readonly GoldenRecord[];
}

interface GoldenCase {
  readonly case: string;
  readonly magic: number;
  readonly codec: string;
  readonly hex?: string;
  readonly valid?: boolean;
  readonly error?: string;
  readonly builderError?: string;
  readonly batches?: readonly GoldenBatch[];
}

const CASES = readGolden<GoldenCase>('records');
const LIMIT_BYTES = 1024 * 1024;

/** Java's exception for a broken case, and our kind of error. */
const ERROR_KINDS: Readonly<Record<string, string>> = {
  CorruptRecordException: 'corrupt',
  InvalidRecordException: 'invalid',
  IllegalArgumentException: 'unsupported',
  KafkaException: 'compression',
};

before(loadCompression);

describe('the golden record batches', () => {
  it('are all there', () => {
    assert.equal(CASES.length, 168);
    assert.equal(CASES.filter((golden) => golden.hex !== undefined).length, 154);
  });

  for (const golden of CASES) {
    if (golden.hex === undefined) continue;
    const bytes = Buffer.from(golden.hex, 'hex');
    const title = `${golden.case}, magic ${golden.magic}, ${golden.codec}`;
    if (golden.valid) {
      it(`${title}: reads to what Java reads`, () => {
        const read = [...readBatches(bytes, LIMIT_BYTES)];
        assert.equal(read.length, golden.batches!.length);
        read.forEach((found, index) => {
          assertBatch(found, golden.batches![index]!);
        });
      });
    } else {
      it(`${title}: is refused where Java refuses it`, () => {
        const kind = ERROR_KINDS[golden.error!.slice(0, golden.error!.indexOf(':'))]!;
        assert.throws(() => readAll(bytes), recordError(kind));
      });
    }
    if (golden.valid && golden.magic === 2 && !golden.case.startsWith('broken-') && golden.codec !== 'mixed') {
      it(`${title}: is built to the same bytes again`, () => assertRebuilt(bytes));
    }
  }

  it('compress no magic 0 or 1 with zstd', () => {
    const refused = CASES.filter((golden) => golden.builderError !== undefined);
    assert.ok(refused.every((golden) => golden.codec === 'zstd' && golden.magic < 2));
    const gzip = CASES.find((golden) => golden.case === 'basic' && golden.magic === 1 && golden.codec === 'gzip')!;
    const bytes = Buffer.from(gzip.hex!, 'hex');
    bytes[17] = Compression.ZSTD;
    assert.throws(() => [...[...readBatches(bytes)][0]!.records()], recordError('invalid'));
  });
});

function readAll(bytes: Buffer): void {
  for (const found of readBatches(bytes, LIMIT_BYTES)) {
    found.ensureValid();
    for (const record of found.records()) assert.ok(record.offset >= 0);
  }
}

/** What assert.throws compares with. */
function recordError(kind: string): { name: string; kind: string } {
  return { name: 'RecordError', kind };
}

function assertBatch(found: ReadBatch, golden: GoldenBatch): void {
  found.ensureValid();
  assert.deepEqual(
    {
      baseOffset: found.baseOffset,
      lastOffset: found.lastOffset,
      magic: found.magic,
      sizeInBytes: found.bytes.length,
      compression: compressionName(found.compression),
      timestampType: timestampTypeName(found),
      maxTimestamp: found.maxTimestampMs,
      checksum: found.checksum,
      producerId: found.producerId,
      producerEpoch: found.producerEpoch,
      baseSequence: found.baseSequence,
      isTransactional: found.isTransactional,
      isControlBatch: found.isControl,
      partitionLeaderEpoch: found.partitionLeaderEpoch,
      count: found.recordCount,
    },
    {
      baseOffset: golden.baseOffset,
      lastOffset: golden.lastOffset,
      magic: golden.magic,
      sizeInBytes: golden.sizeInBytes,
      compression: golden.compression,
      timestampType: golden.timestampType,
      maxTimestamp: golden.maxTimestamp,
      checksum: golden.checksum,
      producerId: golden.producerId,
      producerEpoch: golden.producerEpoch,
      baseSequence: golden.baseSequence,
      isTransactional: golden.isTransactional,
      isControlBatch: golden.isControlBatch,
      partitionLeaderEpoch: golden.partitionLeaderEpoch,
      count: golden.count,
    },
  );
  if (found.magic === batch.MAGIC) {
    assert.equal(batch.lastSequence(found.bytes, 0), golden.lastSequence);
    assert.equal(batch.deleteHorizonMs(found.bytes, 0) ?? null, golden.deleteHorizonMs);
    assert.equal(batch.baseTimestamp(found.bytes, 0), golden.baseTimestamp);
  }
  const records = [...found.records()];
  assert.equal(records.length, golden.records.length);
  records.forEach((record, index) => {
    assertRecord(record, golden.records[index]!);
  });
}

function timestampTypeName(found: ReadBatch): string {
  if (found.timestampType === undefined) return 'NoTimestampType';
  return found.timestampType === batch.TimestampType.CREATE_TIME ? 'CreateTime' : 'LogAppendTime';
}

function assertRecord(record: ReadRecord, golden: GoldenRecord): void {
  assert.equal(record.offset, golden.offset);
  assert.equal(record.timestampMs, golden.timestamp);
  assertField(record.key, golden, 'key');
  assertField(record.value, golden, 'value');
  assert.equal(record.headers.length, golden.headers.length);
  record.headers.forEach((header, index) => {
    assert.equal(header.key, golden.headers[index]!.key);
    assertField(header.value, golden.headers[index]!, 'value');
  });
  if (golden.control === undefined) return;
  assert.equal(readControlType(record.key), ControlType[golden.control.type]);
  assert.equal(readEndTransactionMarker(record.key, record.value)?.coordinatorEpoch, golden.control.coordinatorEpoch);
}

/** Long fields are given by length and hash. */
function assertField(field: Buffer | null, golden: Readonly<Record<string, unknown>>, name: string): void {
  const hash = golden[`${name}Sha256`];
  if (hash === undefined) {
    assert.equal(field?.toString('hex') ?? null, golden[name]);
    return;
  }
  assert.ok(field !== null);
  assert.equal(field.length, golden[`${name}Length`]);
  assert.equal(createHash('sha256').update(field).digest('hex'), hash);
}

/** Uncompressed: byte for byte. Compressed: another encoder may choose other bytes, so header and plain records count. */
function assertRebuilt(bytes: Buffer): void {
  const [original] = [...readBatches(bytes, LIMIT_BYTES)];
  assert.ok(original);
  const isLogAppendTime = original.timestampType === batch.TimestampType.LOG_APPEND_TIME;
  const createTimes = isLogAppendTime ? deltasAsTimestamps(original) : undefined;
  const deleteHorizonMs = batch.deleteHorizonMs(original.bytes, 0);
  const rebuilt = buildBatch({
    records: [...original.records()].map((record, index) => ({
      ...record,
      timestampMs: createTimes?.[index] ?? record.timestampMs,
    })),
    baseOffset: original.baseOffset,
    lastOffset: original.lastOffset,
    maxTimestampMs: original.maxTimestampMs,
    partitionLeaderEpoch: original.partitionLeaderEpoch,
    compression: original.compression,
    producerId: original.producerId,
    producerEpoch: original.producerEpoch,
    baseSequence: original.baseSequence,
    isTransactional: original.isTransactional,
    isControl: original.isControl,
    ...(isLogAppendTime ? { logAppendTimeMs: original.maxTimestampMs } : {}),
    ...(deleteHorizonMs === undefined ? {} : { deleteHorizonMs }),
  });
  if (original.compression === Compression.NONE) {
    assert.equal(rebuilt.toString('hex'), bytes.toString('hex'));
    return;
  }
  assert.ok(batch.verifyCrc(rebuilt, 0));
  assert.deepEqual(withoutLengthAndCrc(rebuilt), withoutLengthAndCrc(bytes));
  assert.deepEqual(plainRecords(rebuilt), plainRecords(bytes));
}

/** What the records' own timestamps were before the log's time covered them. */
function deltasAsTimestamps(original: ReadBatch): number[] {
  const bytes = Buffer.from(original.bytes);
  const type = batch.TimestampType.CREATE_TIME;
  batch.setMaxTimestampAndType(bytes, 0, type, original.maxTimestampMs);
  const [createTime] = [...readBatches(bytes, LIMIT_BYTES)];
  return [...createTime!.records()].map((record) => record.timestampMs);
}

function withoutLengthAndCrc(bytes: Buffer): Buffer {
  const header = Buffer.from(bytes.subarray(0, batch.BATCH_HEADER_BYTES));
  header.writeInt32BE(0, batch.LENGTH_AT);
  header.writeInt32BE(0, batch.CRC_AT);
  return header;
}

function plainRecords(bytes: Buffer): Buffer {
  const limit = { maxBytes: LIMIT_BYTES };
  return decompress(batch.compressionOf(bytes, 0), batch.recordBytes(bytes, 0), limit);
}
