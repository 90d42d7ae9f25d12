import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbitraryMessage } from '../../test/protocol-arbitrary.ts';
import { ALL_APIS } from './all-apis.ts';
import { consumerProtocolAssignment } from './consumer-protocol/assignment.ts';
import { consumerProtocolSubscription } from './consumer-protocol/subscription.ts';
import { transactionLogRecord } from './coordinator-records/transaction-log.ts';
import { GROUP_RECORDS } from './group-records.ts';
import { defineMessage, type Message } from './message.ts';
import { requestHeader } from './messages/headers.ts';
import { ProtocolError } from './protocol-error.ts';
import { ELEMENTS_MAX } from './reader.ts';
import { array, bytes, int8, int32, int64, string, structs, uuid } from './schema.ts';

const MESSAGES: readonly Message[] = [
  ...ALL_APIS.flatMap((api) => [api.request, api.response]),
  ...[...GROUP_RECORDS.values(), transactionLogRecord].flatMap((record) => [record.key, record.value]),
  consumerProtocolSubscription,
  consumerProtocolAssignment,
  requestHeader,
];

/** Objects and slots that a decoded value holds, in words of eight bytes: what it costs, roughly. */
function words(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, element) => sum + 1 + words(element), 4);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return 1;
  return Object.values(value).reduce((sum: number, element) => sum + 1 + words(element), 3);
}

/** Decodes bytes that may be anything: gives the message, or null for a ProtocolError; every other error gets through. */
function tryDecode(message: Message, version: number, frame: Buffer): unknown {
  try {
    return message.decode(version, frame);
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

/** Words per byte of a frame (the worst definition reaches 6), and words of a message of defaults. */
const WORDS_PER_BYTE_MAX = 8;
const WORDS_FIXED_MAX = 100;

function assertBounded(message: Message, version: number, frame: Buffer): void {
  const decoded = tryDecode(message, version, frame);
  const cost = words(decoded);
  assert.ok(
    cost <= WORDS_PER_BYTE_MAX * frame.length + WORDS_FIXED_MAX,
    `${message.name} version ${version}: ${cost} words for ${frame.length} bytes`,
  );
}

for (const message of MESSAGES) {
  test(`${message.name}: random messages come back, and damaged ones do no harm`, () => {
    for (let version = message.minVersion; version <= message.maxVersion; version++) {
      fc.assert(
        fc.property(
          arbitraryMessage(message, version),
          fc.nat(),
          fc.uint8Array({ minLength: 1, maxLength: 5 }),
          (value, place, damage) => {
            const encoded = message.encode(version, value);
            assert.deepEqual(message.decode(version, encoded), value);
            assert.deepEqual(message.encode(version, message.decode(version, encoded, 'exact'), 'exact'), encoded);
            const at = place % (encoded.length + 1);
            assertBounded(message, version, encoded.subarray(0, at));
            const damaged = Buffer.from(encoded);
            damaged.set(damage.slice(0, damaged.length - at), at);
            assertBounded(message, version, damaged);
            assertBounded(message, version, Buffer.concat([encoded.subarray(0, at), damage, encoded.subarray(at)]));
          },
        ),
        { numRuns: 6 },
      );
    }
  });

  test(`${message.name}: random bytes give a message or a ProtocolError`, () => {
    const versions = fc.integer({ min: message.minVersion, max: message.maxVersion });
    // Small bytes make small lengths and counts, which get further into a decoder than large ones.
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.nat(3), { maxLength: 200 }).map((values) => Uint8Array.from(values)),
    );
    fc.assert(
      fc.property(versions, noise, (version, frame) => assertBounded(message, version, Buffer.from(frame))),
      { numRuns: 40 },
    );
  });
}

const lists = defineMessage({
  name: 'Lists',
  versions: '0-1',
  flexible: '1+',
  fields: { outer: structs({ inner: structs({ name: string() }) }), numbers: array(int8()) },
});

test('a declared count is checked against the bytes that are left', () => {
  const liar = Buffer.from('7fffffff00000000', 'hex');
  assert.throws(() => lists.decode(0, liar), { name: 'ProtocolError', code: 'truncated' });
  // Flexible: the outer count is 1, the inner one 2^32 − 2.
  const nested = Buffer.from('02ffffffff0f0000', 'hex');
  assert.throws(() => lists.decode(1, nested), { name: 'ProtocolError', code: 'truncated' });
});

test('a message has a limited number of elements, numbers apart', () => {
  const frame = Buffer.alloc(ELEMENTS_MAX + 100, 1);
  const strings = defineMessage({
    name: 'Strings',
    versions: '0',
    flexible: '0+',
    fields: { names: array(string()), numbers: array(int8()) },
  });
  const put = (count: number): Buffer => {
    const value = count + 1;
    const length = [(value & 0x7f) | 0x80, ((value >> 7) & 0x7f) | 0x80, (value >> 14) & 0x7f];
    return Buffer.concat([Buffer.from(length), frame.subarray(0, count), Buffer.from([1, 0])]);
  };
  assert.equal(strings.decode(0, put(ELEMENTS_MAX)).names.length, ELEMENTS_MAX);
  assert.throws(() => strings.decode(0, put(ELEMENTS_MAX + 1)), { name: 'ProtocolError', code: 'too-large' });
});

test('a version that a message does not have is a ProtocolError', () => {
  for (const version of [-1, 2, 0.5, Number.NaN]) {
    assert.throws(() => lists.decode(version, Buffer.alloc(9)), { code: 'unsupported-version' });
    assert.throws(() => lists.encode(version, { outer: [], numbers: [] }), { code: 'unsupported-version' });
  }
});

const scalars = defineMessage({
  name: 'Scalars',
  versions: '0-1',
  flexible: 'none',
  fields: {
    big: int64(),
    id: uuid(),
    text: string({ nullable: '1+' }),
    payload: bytes({ nullable: true, default: null }),
    late: int32({ versions: '1+', default: 7 }),
  },
});

test('an int64 beyond the safe range is the nearest double, and exact on demand', () => {
  const encode = (big: number | bigint): Buffer => scalars.encode(0, { big, id: 'A'.repeat(22), text: '' });
  const both = (hex: string): unknown[] => {
    const frame = Buffer.concat([Buffer.from(hex, 'hex'), encode(0).subarray(8)]);
    return [scalars.decode(0, frame).big, scalars.decode(0, frame, 'exact').big];
  };
  assert.deepEqual(both('001fffffffffffff'), [2 ** 53 - 1, 2 ** 53 - 1]);
  assert.deepEqual(both('ffe0000000000001'), [-(2 ** 53) + 1, -(2 ** 53) + 1]);
  assert.deepEqual(both('0020000000000001'), [2 ** 53, 2n ** 53n + 1n]);
  assert.deepEqual(both('7fffffffffffffff'), [2 ** 63, 2n ** 63n - 1n]);
  assert.deepEqual(both('8000000000000000'), [-(2 ** 63), -(2n ** 63n)]);
  assert.equal(encode(2 ** 63).toString('hex', 0, 8), '7fffffffffffffff');
  assert.equal(encode(Number.MAX_VALUE).toString('hex', 0, 8), '7fffffffffffffff');
  assert.equal(encode(-(2 ** 63)).toString('hex', 0, 8), '8000000000000000');
  assert.equal(encode(Number.NEGATIVE_INFINITY).toString('hex', 0, 8), '8000000000000000');
  assert.equal(encode(2n ** 63n - 1n).toString('hex', 0, 8), '7fffffffffffffff');
  assert.equal(encode(-1).toString('hex', 0, 8), 'ffffffffffffffff');
});

test('what a version does not have is left out, and what is left out is at its default', () => {
  const message = { big: 1, id: 'AAAAAAAAAAAAAAAAAAAAAQ', text: 'x', late: 9 };
  assert.equal(scalars.decode(0, scalars.encode(0, message)).late, 7);
  assert.equal(scalars.decode(1, scalars.encode(1, message)).late, 9);
  assert.equal(scalars.decode(1, scalars.encode(1, { ...message, late: undefined })).late, 7);
  assert.equal(scalars.decode(1, scalars.encode(1, message)).payload, null);
});

test('null, a false uuid or an overlong string where the field cannot carry it is a ProtocolError', () => {
  const message = { big: 1, id: 'A'.repeat(22), text: null as string | null };
  assert.equal(scalars.decode(1, scalars.encode(1, message)).text, null);
  assert.throws(() => scalars.encode(0, message), { name: 'ProtocolError', code: 'unencodable' });
  for (const id of ['', 'A'.repeat(21), `${'A'.repeat(21)}=`, `${'A'.repeat(21)}é`]) {
    assert.throws(() => scalars.encode(1, { ...message, id }), { name: 'ProtocolError', code: 'unencodable' });
  }
  assert.equal(scalars.encode(1, { ...message, text: 'x'.repeat(32767) }).length, 8 + 16 + 2 + 32767 + 4 + 4);
  assert.throws(() => scalars.encode(1, { ...message, text: 'x'.repeat(32768) }), { code: 'unencodable' });
  assert.throws(() => scalars.decode(0, scalars.encode(1, message)), { code: 'malformed' });
});
