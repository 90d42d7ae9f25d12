import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readGolden } from '../../test/golden/read.ts';
import { coordinatorPartition, javaStringHash } from './java-string-hash.ts';
import { murmur2, partitionOfKey } from './murmur2.ts';
import { ProtocolError } from './protocol-error.ts';
import { Reader } from './reader.ts';
import { isUuid, uuidFromBytes, uuidToBytes, ZERO_UUID } from './uuid.ts';
import { Writer } from './writer.ts';

interface Primitive {
  readonly kind: string;
  readonly value: string;
  readonly hex: string;
}

interface Hash {
  readonly kind: 'hash';
  readonly input: string;
  readonly murmur2: number;
  readonly murmur2Positive: number;
  readonly javaStringHashCode: number;
  readonly partitionOf50: number;
}

function vectors(kind: string): Primitive[] {
  const found = readGolden<Primitive>('primitives').filter((line) => line.kind === kind);
  assert.ok(found.length > 0);
  return found;
}

function written(write: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  write(writer);
  return Buffer.concat(writer.finish());
}

test("unsigned varints agree with Kafka's", () => {
  for (const { value, hex } of vectors('unsignedVarint')) {
    const number = Number(value) >>> 0;
    const reader = new Reader(Buffer.from(hex, 'hex'));
    assert.equal(reader.uvarint(), number);
    assert.equal(reader.remaining, 0);
    assert.equal(written((writer) => writer.uvarint(number)).toString('hex'), hex);
  }
});

test('an unsigned varint of more than five bytes is malformed', () => {
  assert.throws(() => new Reader(Buffer.from('8080808080808001', 'hex')).uvarint(), { code: 'malformed' });
  assert.throws(() => new Reader(Buffer.from('808080', 'hex')).uvarint(), { code: 'truncated' });
});

test("doubles agree with Kafka's", () => {
  for (const { value, hex } of vectors('float64')) {
    assert.ok(Object.is(new Reader(Buffer.from(hex, 'hex')).float64(), Number(value)));
    assert.equal(written((writer) => writer.float64(Number(value))).toString('hex'), hex);
  }
});

test("uuids agree with Kafka's", () => {
  for (const { value, hex } of vectors('uuid')) {
    assert.equal(new Reader(Buffer.from(hex, 'hex')).uuid(), value);
    assert.equal(written((writer) => writer.uuid(value)).toString('hex'), hex);
    assert.equal(uuidToBytes(value).toString('hex'), hex);
    assert.equal(uuidFromBytes(Buffer.from(hex, 'hex')), value);
    assert.ok(isUuid(value));
  }
  assert.equal(uuidToBytes(ZERO_UUID).toString('hex'), '0'.repeat(32));
  assert.throws(() => uuidFromBytes(Buffer.alloc(15)), ProtocolError);
});

test('only the 22 characters of 16 bytes are a uuid', () => {
  for (const text of ['', 'A'.repeat(23), `${'A'.repeat(21)}B`, `${'A'.repeat(21)}+`])
    assert.equal(isUuid(text), false);
});

test('strings and uuids are told apart however often they come', () => {
  // Few distinct values many times: both the cache's hits and its misses.
  const text = fc.array(
    fc.constantFrom('a', 'b', 'aa', 'topic-1', 'topic-2', 'zażółć', 'x'.repeat(64), 'x'.repeat(65)),
  );
  fc.assert(
    fc.property(text, fc.array(fc.string({ unit: 'binary', maxLength: 8 })), (again, others) => {
      const values = [...again, ...others, ...again];
      const reader = new Reader(written((writer) => values.forEach((value) => void writer.compactString(value))));
      for (const value of values) assert.equal(reader.compactString(), value);
    }),
    { numRuns: 200 },
  );
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 16, maxLength: 16, max: 1 })), (ids) => {
      const reader = new Reader(Buffer.concat(ids));
      for (const id of ids) assert.equal(reader.uuid(), Buffer.from(id).toString('base64url'));
    }),
    { numRuns: 200 },
  );
});

test('invalid UTF-8 becomes replacement characters, as in Java', () => {
  assert.equal(new Reader(Buffer.from('0003ff41c3', 'hex')).string(), '\ufffdA\ufffd');
});

test("murmur2 and Java's string hash agree with Kafka's", () => {
  const hashes = readGolden<Hash>('primitives').filter((line) => line.kind === 'hash');
  assert.ok(hashes.length > 5);
  for (const line of hashes) {
    assert.equal(murmur2(Buffer.from(line.input)), line.murmur2, line.input);
    assert.equal(partitionOfKey(Buffer.from(line.input), 7), line.murmur2Positive % 7);
    assert.equal(javaStringHash(line.input), line.javaStringHashCode);
    assert.equal(coordinatorPartition(line.input, 50), line.partitionOf50);
  }
});

test('an id whose hash is the smallest integer has a coordinator', () => {
  assert.equal(javaStringHash('polygenelubricants'), -0x8000_0000);
  assert.equal(coordinatorPartition('polygenelubricants', 50), 0);
});
