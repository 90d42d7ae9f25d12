// What single requests could do to a broker, and do not: each is refused or bounded, and another client goes on.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { type Api, encodeRequestFrame, type RequestInputOf } from '../../src/protocol/api.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { apiVersions } from '../../src/protocol/messages/api-versions.ts';
import { createTopics } from '../../src/protocol/messages/create-topics.ts';
import { metadata } from '../../src/protocol/messages/metadata.ts';
import { produce } from '../../src/protocol/messages/produce.ts';
import { REQUEST_ELEMENTS_MAX } from '../../src/protocol/reader.ts';
import { buildBatch } from '../../src/records/build-batch.ts';
import { Compression } from '../../src/records/compression-type.ts';
import { crc32c } from '../../src/records/crc32c.ts';
import { SecureClient } from '../secure-client.ts';

const VERSIONS = { clientSoftwareName: 'test', clientSoftwareVersion: '1' };
const BOMB_BYTES = 256 * 1024 * 1024;

let broker: RunningBroker;

before(async () => {
  broker = await startBroker({ settings: { 'connections.max.idle.ms': 1000 } });
});

after(async () => {
  await broker.close();
});

async function othersGoOn(): Promise<void> {
  assert.equal((await ask(apiVersions, 4, VERSIONS)).errorCode, ErrorCode.NONE);
}

async function ask<A extends Api>(api: A, version: number, request: RequestInputOf<A>) {
  const client = await SecureClient.connect(broker.port);
  try {
    return await client.call(api, version, request);
  } finally {
    client.end();
  }
}

const named = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `t${index}` }));

test('a request that names more topics than a request may hold closes its connection', async () => {
  const topics = named(REQUEST_ELEMENTS_MAX + 1);
  await assert.rejects(ask(metadata, 12, { topics, allowAutoTopicCreation: false }), /closed/);
  await othersGoOn();
});

test('a request that asks for too many new topics makes none', async () => {
  const answer = await ask(metadata, 12, { topics: named(20_000), allowAutoTopicCreation: true });
  assert.equal(answer.topics.length, 20_000);
  assert.ok(answer.topics.every(({ errorCode }) => errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
  const all = await ask(metadata, 12, { topics: null, allowAutoTopicCreation: false });
  assert.deepEqual(all.topics, []);
});

test('a count that lies is refused before anything is made of it', async () => {
  const frame = Buffer.concat(
    encodeRequestFrame(metadata, 8, 1, 'test', { topics: [], allowAutoTopicCreation: false }),
  );
  // Size, key, version, id, client id of four letters; then the count.
  frame.writeInt32BE(0x7fffffff, 4 + 8 + 6);
  const socket = connect(broker.port, '127.0.0.1').resume();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  socket.write(frame);
  await closed;
  await othersGoOn();
});

test('records that are small on the wire and huge when decompressed are refused', async () => {
  const topic = { name: 'bombed', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await ask(createTopics, 7, { topics: [topic], timeoutMs: 1000, validateOnly: false });
  const header = buildBatch({ records: [{ key: null, value: Buffer.alloc(1) }], compression: Compression.GZIP });
  const bomb = Buffer.concat([header.subarray(0, 61), gzipSync(Buffer.alloc(BOMB_BYTES))]);
  bomb.writeInt32BE(bomb.length - 12, 8);
  bomb.writeUInt32BE(crc32c(bomb.subarray(21)), 17);
  const { responses } = await ask(produce, 12, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 'bombed', partitionData: [{ index: 0, records: [bomb] }] }],
  });
  assert.notEqual(responses[0]?.partitionResponses[0]?.errorCode, ErrorCode.NONE);
  await othersGoOn();
});

test('who sends half a request and waits is shown the door', async () => {
  const socket = connect(broker.port, '127.0.0.1').resume();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  socket.write(Buffer.from([0, 0, 0, 100, 0, 18]));
  await closed;
  await othersGoOn();
});
