import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGolden } from '../../test/golden/read.ts';
import { ALL_APIS, apiByKey } from './all-apis.ts';
import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  decodeResponseHeader,
  encodeRequest,
  encodeRequestFrame,
  encodeResponse,
  encodeResponseFrame,
} from './api.ts';
import { firstFlexibleVersion } from './header.ts';
import { apiVersions } from './messages/api-versions.ts';
import { type FetchResponse, fetch } from './messages/fetch.ts';
import { metadata } from './messages/metadata.ts';
import { type ProduceRequest, type ProduceRequestInput, produce } from './messages/produce.ts';
import { ProtocolError } from './protocol-error.ts';
import { REFERENCE_BYTES_MIN } from './writer.ts';

function produceRequest(records: ProduceRequestInput['topicData'][number]['partitionData'][number]['records']) {
  return { acks: -1, timeoutMs: 1000, topicData: [{ name: 'topic', partitionData: [{ index: 0, records }] }] };
}

function recordsOf(request: ProduceRequest): Buffer | null {
  return request.topicData[0]!.partitionData[0]!.records;
}

test('large records are passed by reference in both directions', () => {
  const records = Buffer.alloc(REFERENCE_BYTES_MIN, 7);
  const pieces = encodeRequest(produce, 9, produceRequest(records));
  assert.equal(pieces.length, 3);
  assert.equal(pieces[1], records);
  const frame = Buffer.concat(pieces);
  const decoded = recordsOf(decodeRequest(produce, 9, frame));
  assert.equal(decoded?.buffer, frame.buffer);
  assert.ok(decoded.equals(records));
});

test('small records are packed with what surrounds them', () => {
  const records = Buffer.alloc(REFERENCE_BYTES_MIN - 1, 7);
  const pieces = encodeRequest(produce, 9, produceRequest(records));
  assert.equal(pieces.length, 1);
  assert.ok(recordsOf(decodeRequest(produce, 9, pieces[0]!))!.equals(records));
});

test('records may be given in pieces', () => {
  const pieces = [Buffer.from('head'), Buffer.alloc(5000, 1), Buffer.alloc(0), Buffer.from('tail')];
  const encoded = encodeRequest(produce, 3, produceRequest(pieces));
  assert.ok(encoded.includes(pieces[1]!));
  const decoded = recordsOf(decodeRequest(produce, 3, Buffer.concat(encoded)));
  assert.ok(decoded!.equals(Buffer.concat(pieces)));
});

test('buffers of an earlier encode do not change when more is encoded', () => {
  const message = { throttleTimeMs: 1, brokers: [], topics: [], clusterId: 'x'.repeat(300) };
  const first = encodeResponseFrame(metadata, 9, 1, message);
  const before = Buffer.concat(first);
  // Enough to run through several slabs, and an encode that fails half-way.
  for (let i = 0; i < 1000; i++) {
    encodeResponseFrame(metadata, 9, i, { ...message, clusterId: `${i}`.repeat(50) });
    if (i % 100 === 0) {
      assert.throws(
        () => encodeResponseFrame(metadata, 9, i, { ...message, clusterId: 'x'.repeat(40_000) }),
        ProtocolError,
      );
    }
  }
  assert.ok(Buffer.concat(first).equals(before));
  assert.equal(before.readInt32BE(0), before.length - 4);
});

test('a message larger than the slab comes out whole', () => {
  const topics = Array.from({ length: 5000 }, (_, i) => ({
    errorCode: 0,
    name: `topic-${i}-${'x'.repeat(i % 90)}`,
    partitions: [],
  }));
  const frame = Buffer.concat(encodeResponseFrame(metadata, 12, 5, { brokers: [], topics }));
  assert.equal(frame.readInt32BE(0), frame.length - 4);
  const { correlationId, bodyOffset } = decodeResponseHeader(metadata, 12, frame.subarray(4));
  assert.equal(correlationId, 5);
  const decoded = decodeResponse(metadata, 12, frame, 4 + bodyOffset);
  assert.deepEqual(
    decoded.topics.map((topic) => topic.name),
    topics.map((topic) => topic.name),
  );
});

test('ApiVersions is answered with response header version 0 at every version', () => {
  const message = { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] };
  for (let version = 0; version <= 4; version++) {
    const frame = Buffer.concat(encodeResponseFrame(apiVersions, version, 77, message));
    assert.deepEqual(decodeResponseHeader(apiVersions, version, frame.subarray(4)), {
      correlationId: 77,
      bodyOffset: 4,
    });
    assert.equal(decodeResponse(apiVersions, version, frame, 8).errorCode, 35);
  }
});

test('the features of an ApiVersions response travel as tagged fields from version 3 on', () => {
  const message = {
    errorCode: 0,
    apiKeys: [],
    supportedFeatures: [{ name: 'metadata.version', minVersion: 7, maxVersion: 29 }],
    finalizedFeaturesEpoch: 12,
    finalizedFeatures: [{ name: 'metadata.version', maxVersionLevel: 29, minVersionLevel: 29 }],
    zkMigrationReady: true,
  };
  const decoded = decodeResponse(apiVersions, 4, Buffer.concat(encodeResponse(apiVersions, 4, message)));
  assert.deepEqual(decoded, { throttleTimeMs: 0, ...message });
  const old = decodeResponse(apiVersions, 2, Buffer.concat(encodeResponse(apiVersions, 2, message)));
  assert.deepEqual(old.supportedFeatures, []);
  assert.equal(old.finalizedFeaturesEpoch, -1);
});

test('an unknown tagged field is skipped, and a known one must fill its size', () => {
  const encoded = Buffer.concat(encodeResponse(apiVersions, 3, { errorCode: 0, apiKeys: [] })).toString('hex');
  assert.equal(encoded.slice(-2), '00');
  const withTags = (tags: string): number =>
    decodeResponse(apiVersions, 3, Buffer.from(encoded.slice(0, -2) + tags, 'hex')).finalizedFeaturesEpoch;
  assert.equal(withTags('0263030102030108000000000000000c'), 12);
  assert.throws(() => withTags('010109000000000000000c00'), { name: 'ProtocolError', code: 'malformed' });
  assert.throws(() => withTags('010107000000000000000c'), { name: 'ProtocolError', code: 'malformed' });
  assert.throws(() => withTags('0101ff7f'), { name: 'ProtocolError', code: 'truncated' });
});

test('a struct that can be null is null on the wire', () => {
  const partition = { partitionIndex: 1, errorCode: 0, highWatermark: 5, abortedTransactions: null, records: null };
  const message = { throttleTimeMs: 0, responses: [{ topic: 't', partitions: [partition] }] };
  const decoded: FetchResponse = decodeResponse(fetch, 12, Buffer.concat(encodeResponse(fetch, 12, message)));
  assert.deepEqual(decoded.responses[0]!.partitions[0], {
    ...partition,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergingEpoch: { epoch: -1, endOffset: -1 },
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
    snapshotId: { endOffset: -1, epoch: -1 },
    preferredReadReplica: -1,
  });
});

test('a request header is read for every API, and for one that nobody knows', () => {
  for (const api of ALL_APIS) {
    assert.equal(firstFlexibleVersion(api.key), api.firstFlexibleVersion, api.name);
    assert.equal(apiByKey(api.key), api);
  }
  const unknown = Buffer.from('03e7000500000009ffff', 'hex');
  assert.deepEqual(decodeRequestHeader(unknown), {
    apiKey: 999,
    apiVersion: 5,
    correlationId: 9,
    clientId: null,
    bodyOffset: 10,
  });
  for (let length = 0; length < unknown.length; length++) {
    assert.throws(() => decodeRequestHeader(unknown.subarray(0, length)), { name: 'ProtocolError', code: 'truncated' });
  }
});

test('the header of an ApiVersions request of a future version is read', () => {
  const [frame] = encodeRequestFrame(apiVersions, 3, 4, 'ś', { clientSoftwareName: 'x', clientSoftwareVersion: '1' });
  frame!.writeInt16BE(99, 6);
  const header = decodeRequestHeader(frame!.subarray(4));
  assert.deepEqual(
    { ...header, bodyOffset: 0 },
    {
      apiKey: 18,
      apiVersion: 99,
      correlationId: 4,
      clientId: 'ś',
      bodyOffset: 0,
    },
  );
  assert.throws(() => decodeRequest(apiVersions, 99, frame!), { code: 'unsupported-version' });
});

interface RecordedRequest {
  readonly api: string;
  readonly apiKey: number;
  readonly version: number;
  readonly clientId: string;
  readonly requestHexNoLength: string;
}

test("requests that Kafka's tools sent to a real broker decode and encode back to their bytes", () => {
  const recorded = readGolden<RecordedRequest>('client-requests');
  assert.ok(recorded.length > 300);
  for (const line of recorded) {
    const frame = Buffer.from(line.requestHexNoLength, 'hex');
    const header = decodeRequestHeader(frame);
    assert.equal(header.apiKey, line.apiKey);
    assert.equal(header.apiVersion, line.version);
    assert.equal(header.clientId, line.clientId);
    const api = apiByKey(line.apiKey)!;
    assert.equal(api.name, line.api);
    const request = api.request.decode(line.version, frame.subarray(header.bodyOffset), 'exact');
    const encoded = encodeRequestFrame(api, line.version, header.correlationId, header.clientId, request);
    assert.equal(Buffer.concat(encoded).toString('hex', 4), line.requestHexNoLength, `${line.api} ${line.version}`);
  }
});
