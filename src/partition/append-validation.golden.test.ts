// What a real UnifiedLog of Kafka 4.3 answered to some thousand batches, good and bad (test/golden/append-validation.ndjson.gz),
// is what validateAppend answers. The differences that append-validation.ts declares are counted, so that no other hides.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { readGolden } from '../../test/golden/read.ts';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import { loadCompression } from '../records/compression.ts';
import { compressionByName } from '../records/compression-type.ts';
import { type ReadBatch, readBatches } from '../records/read-batches.ts';
import { BASE_TIMESTAMP_AT, CRC_AT, LENGTH_AT, TimestampType, verifyCrc } from '../records/record-batch.ts';
import type { AppendRules } from './append-rules.ts';
import { type Refused, type Validated, validateAppend } from './append-validation.ts';
import type { RecordRefusal } from './record-refusals.ts';

interface GoldenAppend {
  readonly case: string;
  readonly produceVersion: number;
  /** Topic configs other than the defaults below. */
  readonly configs: Readonly<Record<string, string>>;
  readonly hex: string;
  readonly expected: {
    readonly errorCode: number;
    readonly error: string;
    readonly exception?: string;
    readonly errorMessage: string | null;
    readonly recordErrors: readonly RecordRefusal[];
    readonly firstOffset?: number;
    readonly lastOffset?: number;
    readonly maxTimestamp?: number;
    readonly logAppendTime?: number;
    /** The batch in Kafka's segment. */
    readonly stored?: string;
    /** Whether Java can read that batch back. */
    readonly isReadable?: boolean;
  };
}

const PLACE = { origin: 'client', nextOffset: 1000, leaderEpoch: 7, nowMs: 1_700_000_001_000 } as const;

type Difference =
  | 'Kafka fails to rebuild'
  | 'Kafka stores what nobody can read'
  | 'Kafka stores wrong offsets'
  | 'Kafka meets the broken record before the broken stream'
  | 'Kafka tolerates bytes behind a stream'
  | 'Kafka has no code for a broken varint'
  | 'Kafka meets a bad record before the broken one';

const EXPECTED_DIFFERENCES: Readonly<Record<Difference, number>> = {
  'Kafka fails to rebuild': 17,
  'Kafka stores what nobody can read': 5,
  'Kafka stores wrong offsets': 5,
  'Kafka meets the broken record before the broken stream': 7,
  'Kafka tolerates bytes behind a stream': 3,
  'Kafka has no code for a broken varint': 2,
  'Kafka meets a bad record before the broken one': 1,
};

before(loadCompression);

describe('appending to a log answers as Kafka does', () => {
  const golden = readGolden<GoldenAppend>('append-validation');
  const differences = new Map<Difference, number>();

  it('for every recorded batch', () => {
    assert.ok(golden.length > 1000);
    for (const append of golden) {
      const answer = validateAppend(Buffer.from(append.hex, 'hex'), rulesOf(append.configs), {
        ...PLACE,
        zstdAllowed: append.produceVersion >= 7,
      });
      const difference = differenceOf(answer, append);
      if (difference === undefined) continue;
      differences.set(difference, (differences.get(difference) ?? 0) + 1);
    }
  });

  it('except where it differs on purpose', () => {
    assert.deepEqual(Object.fromEntries(differences), EXPECTED_DIFFERENCES);
  });
});

function rulesOf(configs: Readonly<Record<string, string>>): AppendRules {
  const number = (name: string, byDefault: number): number => Number(configs[name] ?? byDefault);
  const compression = configs['compression.type'] ?? 'producer';
  return {
    topicPartition: 'orders-3',
    maxMessageBytes: number('max.message.bytes', 1_048_588),
    segmentBytes: number('internal.segment.bytes', 1_073_741_824),
    compacted: (configs['cleanup.policy'] ?? 'delete').includes('compact'),
    timestampType:
      configs['message.timestamp.type'] === 'LogAppendTime' ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME,
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms', Number.MAX_SAFE_INTEGER),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms', 3_600_000),
    compression: compressionByName(compression === 'uncompressed' ? 'none' : compression),
    compressionLevel: undefined,
  };
}

/** Asserts equality; returns the reason where a declared difference explains the lack of it. */
function differenceOf(answer: Validated | Refused, append: GoldenAppend): Difference | undefined {
  const { expected } = append;
  if (answer.errorCode !== expected.errorCode) return differentCode(answer, append);
  if (answer.errorCode !== ErrorCode.NONE) {
    if (answer.errorMessage === null && expected.errorMessage !== null) {
      return 'Kafka meets a bad record before the broken one';
    }
    assert.equal(answer.errorMessage, expected.errorMessage, append.case);
    assert.deepEqual(answer.recordErrors, expected.recordErrors, append.case);
    return undefined;
  }
  assert.equal(answer.baseOffset, expected.firstOffset, append.case);
  assert.equal(answer.lastOffset, expected.lastOffset, append.case);
  assert.equal(answer.maxTimestampMs, expected.maxTimestamp, append.case);
  assert.equal(answer.logAppendTimeMs, expected.logAppendTime, append.case);
  return differentBatch(answer.batch, Buffer.from(expected.stored!, 'hex'), append.case);
}

function differentCode(answer: Validated | Refused, append: GoldenAppend): Difference {
  const { expected } = append;
  const exception = expected.exception ?? '';
  const reason = answer.errorCode === ErrorCode.NONE ? '' : answer.reason;
  const isUndecompressible = answer.errorCode === ErrorCode.UNKNOWN_SERVER_ERROR && /^Cannot decompress/.test(reason);
  if (answer.errorCode === ErrorCode.NONE && /key is skipped|Invalid negative|transactional messages/.test(exception)) {
    return 'Kafka fails to rebuild';
  }
  if (answer.errorCode === ErrorCode.INVALID_RECORD) {
    if (expected.isReadable === false) return 'Kafka stores what nobody can read';
    if (/IllegalArgumentException: Var(int|long) is too long/.test(exception)) {
      return 'Kafka has no code for a broken varint';
    }
  }
  if (isUndecompressible && expected.error === 'INVALID_RECORD') {
    return 'Kafka meets the broken record before the broken stream';
  }
  if (isUndecompressible && expected.error === 'NONE') return 'Kafka tolerates bytes behind a stream';
  assert.fail(`${append.case}: ${expected.error} (${exception}) became ${errorName(answer.errorCode)} (${reason})`);
}

function differentBatch(ours: Buffer, kafkas: Buffer, title: string): Difference | undefined {
  assert.ok(verifyCrc(ours, 0), title);
  if (ours.equals(kafkas)) return undefined;
  assert.deepEqual(comparableHeader(ours), comparableHeader(kafkas), title);
  const [mine] = [...readBatches(ours)];
  const [theirs] = [...readBatches(kafkas)];
  if (isSequential(theirs!)) {
    assert.deepEqual([...mine!.records()], [...theirs!.records()], title);
    return undefined;
  }
  assert.ok(isSequential(mine!), title);
  assert.deepEqual(withoutOffsets(mine!), withoutOffsets(theirs!), title);
  return 'Kafka stores wrong offsets';
}

/** Compressed lengths differ by encoder; recompressing keeps our base timestamp and moves Kafka's to the first record. */
function comparableHeader(bytes: Buffer): Buffer {
  const header = Buffer.from(bytes.subarray(0, 61));
  header.fill(0, LENGTH_AT, LENGTH_AT + 4);
  header.fill(0, CRC_AT, CRC_AT + 4);
  header.fill(0, BASE_TIMESTAMP_AT, BASE_TIMESTAMP_AT + 8);
  return header;
}

function isSequential(read: ReadBatch): boolean {
  return [...read.records()].every((record, index) => record.offset === read.baseOffset + index);
}

function withoutOffsets(read: ReadBatch): unknown[] {
  return [...read.records()].map(({ offset: _, ...rest }) => rest);
}
