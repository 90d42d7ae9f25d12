import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GoldenMessage, readGolden } from '../../test/golden/read.ts';
import { ALL_APIS } from './all-apis.ts';
import { type Api, decodeRequestHeader, decodeResponseHeader, encodeRequestFrame, encodeResponseFrame } from './api.ts';
import { consumerProtocolAssignment } from './consumer-protocol/assignment.ts';
import { consumerProtocolSubscription } from './consumer-protocol/subscription.ts';
import { transactionLogRecord } from './coordinator-records/transaction-log.ts';
import { GROUP_RECORDS } from './group-records.ts';
import type { Message } from './message.ts';
import { requestHeader, responseHeader } from './messages/headers.ts';
import { Reader } from './reader.ts';
import { type Field, type Fields, includesVersion } from './schema.ts';
import { ZERO_UUID } from './uuid.ts';

const CORRELATION_ID = 0x0a0b0c0d;
const CLIENT_ID = 'golden-ż';

for (const api of ALL_APIS) {
  test(`${api.name} agrees with Kafka's bytes at every version`, () => {
    const seen = new Set<string>();
    for (const vector of readGolden(api.name)) {
      // InitProducerId 6: not stable, not defined here.
      if (vector.unstable) continue;
      const message = vector.kind === 'request' ? api.request : api.response;
      assert.equal(message.name, vector.name);
      checkMessage(message, vector);
      if (vector.variant === 'full') checkFrame(api, vector);
      seen.add(`${vector.kind} ${vector.version}`);
    }
    assert.equal(seen.size, 2 * (api.maxVersion - api.minVersion + 1));
  });
}

test("headers agree with Kafka's bytes", () => {
  for (const vector of readGolden('_headers')) {
    checkMessage(vector.name === 'RequestHeader' ? requestHeader : responseHeader, vector);
  }
});

test("the records of __consumer_offsets and __transaction_state agree with Kafka's bytes", () => {
  for (const vector of [...readGolden('_group-coordinator'), ...readGolden('_transaction-coordinator')]) {
    const record = vector.name.startsWith('TransactionLog') ? transactionLogRecord : GROUP_RECORDS.get(vector.apiKey!);
    assert.ok(record, `record type ${vector.apiKey}`);
    const message = vector.kind === 'coordinator-key' ? record.key : record.value;
    assert.equal(message.name, vector.name);
    checkMessage(message, vector);
    const prefix = Buffer.alloc(2);
    prefix.writeInt16BE(vector.kind === 'coordinator-key' ? record.type : vector.version);
    assert.equal(prefix.toString('hex') + vector.hex, vector.prefixedHex);
  }
});

test("the consumer protocol agrees with Kafka's bytes", () => {
  for (const vector of readGolden('_consumer-protocol')) {
    checkMessage(
      vector.name === 'ConsumerProtocolSubscription' ? consumerProtocolSubscription : consumerProtocolAssignment,
      vector,
    );
  }
});

/** Exact mode: the json with defaults filled in, all bytes read, the same bytes written. Normal mode: the same but rounded. */
function checkMessage(message: Message, vector: GoldenMessage): void {
  const what = `${vector.name} version ${vector.version} ${vector.variant}`;
  const bytes = Buffer.from(vector.hex, 'hex');
  const reader = new Reader(bytes);
  const decoded = message.read(reader, vector.version, 'exact');
  assert.equal(reader.remaining, 0, `${what}: bytes left`);
  assert.deepEqual(asJson(decoded), expected(message.fields, vector.json, vector.version), what);
  assertBytes(message.encode(vector.version, decoded, 'exact'), vector.hex, what);

  const normal = message.decode(vector.version, bytes);
  assert.deepEqual(rounded(normal), rounded(decoded), `${what}: normal mode`);
  if (vector.variant !== 'unknownTags' && vector.variant !== 'extreme') {
    const again = message.decode(vector.version, message.encode(vector.version, normal));
    assert.deepEqual(again, normal, `${what}: normal mode round trip`);
  }
}

function checkFrame(api: Api, vector: GoldenMessage): void {
  const frame = Buffer.from(vector.frameHex!, 'hex');
  const withoutSize = frame.subarray(4);
  const body = Buffer.from(vector.hex, 'hex');
  if (vector.kind === 'request') {
    const header = decodeRequestHeader(withoutSize);
    assert.deepEqual(
      { ...header, bodyOffset: withoutSize.subarray(header.bodyOffset).toString('hex') },
      {
        apiKey: api.key,
        apiVersion: vector.version,
        correlationId: CORRELATION_ID,
        clientId: CLIENT_ID,
        bodyOffset: vector.hex,
      },
    );
    const request = api.request.decode(vector.version, body, 'exact');
    const encoded = encodeRequestFrame(api, vector.version, CORRELATION_ID, CLIENT_ID, request);
    assertBytes(Buffer.concat(encoded), vector.frameHex!, `frame of ${vector.name} version ${vector.version}`);
  } else {
    const header = decodeResponseHeader(api, vector.version, withoutSize);
    assert.equal(header.correlationId, CORRELATION_ID);
    assert.equal(withoutSize.subarray(header.bodyOffset).toString('hex'), vector.hex);
    const response = api.response.decode(vector.version, body, 'exact');
    const encoded = encodeResponseFrame(api, vector.version, CORRELATION_ID, response);
    assertBytes(Buffer.concat(encoded), vector.frameHex!, `frame of ${vector.name} version ${vector.version}`);
  }
}

function assertBytes(encoded: Buffer, hex: string, what: string): void {
  const bytes = Buffer.from(hex, 'hex');
  const same = bytes.findIndex((byte, i) => byte !== encoded[i]);
  assert.ok(bytes.equals(encoded), `${what}: ${encoded.length} bytes for ${bytes.length}, first difference at ${same}`);
}

/** What the exact mode gives, in the words of the golden json: unsafe int64 as decimal strings, bytes as base64. */
function asJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => name !== 'unknownTags');
  return Object.fromEntries(entries.map(([name, inner]) => [name, asJson(inner)]));
}

/** The json, with what it leaves out: fields of other versions and tagged fields at their default. */
function expected(fields: Fields, json: Readonly<Record<string, unknown>>, version: number): unknown {
  for (const name of Object.keys(json)) assert.ok(name in fields, `unknown field ${name}`);
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, expectedValue(field, json[name], version)]),
  );
}

function expectedValue(field: Field, json: unknown, version: number): unknown {
  if (json === undefined) {
    const { versions, tag } = field.options;
    assert.ok(tag !== undefined || (versions !== undefined && !includesVersion(versions, version)));
    return defaultJson(field);
  }
  if (json === null) return null;
  if (field.type === 'array') {
    return (json as unknown[]).map((element) => expectedValue(field.element!, element, version));
  }
  if (field.type === 'struct') return expected(field.fields!, json as Record<string, unknown>, version);
  return json;
}

function defaultJson(field: Field): unknown {
  const value = field.options.default;
  if (value !== undefined) return value === 2 ** 63 ? '9223372036854775807' : value;
  if (field.type === 'struct') {
    return Object.fromEntries(Object.entries(field.fields!).map(([name, inner]) => [name, defaultJson(inner)]));
  }
  if (field.type === 'array') return [];
  if (field.type === 'bool') return false;
  if (field.type === 'uuid') return ZERO_UUID;
  return field.type === 'string' || field.type === 'bytes' || field.type === 'records' ? '' : 0;
}

/** Without what the modes differ in: bigints are numbers, unknown tags are gone. */
function rounded(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => name !== 'unknownTags');
  return Object.fromEntries(entries.map(([name, inner]) => [name, rounded(inner)]));
}
