// Clients that offer more than the broker takes: it stops reading at its memory limit, answers everything in the end, and its process stays as small as
// the limits say. Sizes are asserted, never speed.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { BrokerConnection } from '../../src/client/broker-connection.ts';
import { encodeRequest } from '../../src/protocol/api.ts';
import { createTopics } from '../../src/protocol/messages/create-topics.ts';
import { produce } from '../../src/protocol/messages/produce.ts';
import { buildBatch } from '../../src/records/build-batch.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { serveOttla, temporaryDirectory } from './ottla-process.ts';

const MIB = 2 ** 20;
const REQUEST_MEMORY_BYTES = 16 * MIB;
const TAIL_BYTES = 16 * MIB;
/** The write-ahead log has its default size, which holds most of what is offered: it must not decide how much is in memory. */
const LIMIT_BYTES = REQUEST_MEMORY_BYTES + TAIL_BYTES;
const CONNECTIONS = 12;
const REQUESTS_EACH = 600;
const RECORD_BYTES = 100_000;
/** Beyond the limits: buffers that the allocator and the collector have not given back. Far below the 720 MB offered at once. */
const SLACK_BYTES = 160 * MIB;
const VERSION = 9;

test('clients that send without waiting make the process no larger than its limits allow', {
  skip: !existsSync('/proc/self/status'),
}, async () => {
  const directory = temporaryDirectory();
  const limits = [`ottla.request.memory.max.bytes=${REQUEST_MEMORY_BYTES}`, `ottla.tail.max.bytes=${TAIL_BYTES}`];
  const broker = await serveOttla(['--data', directory.path, ...limits.flatMap((limit) => ['--set', limit])]);
  try {
    await createTopic(broker.bootstrapServers);
    const before = peakBytes(broker.child.pid!);
    const frame = produceFrame();
    const answered = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => sendAtOnce(broker.port, frame, REQUESTS_EACH)),
    );
    assert.deepEqual(answered, new Array(CONNECTIONS).fill(REQUESTS_EACH));
    const grownBytes = peakBytes(broker.child.pid!) - before;
    const allowed = LIMIT_BYTES + SLACK_BYTES;
    assert.ok(
      grownBytes <= allowed,
      `grew by ${Math.round(grownBytes / MIB)} MiB, and ${allowed / MIB} MiB are allowed`,
    );
  } finally {
    const end = await broker.stop();
    directory.remove();
    assert.equal(end.code, 0, end.stderr);
  }
});

async function createTopic(bootstrapServers: string): Promise<void> {
  const [host, port] = bootstrapServers.split(':') as [string, string];
  const options = {
    clientId: 'overload',
    connectTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    inFlightRequestsMax: 1,
    responseBytesMax: MIB,
  };
  const connection = await BrokerConnection.open(nodeRuntime(), { host, port: Number(port) }, options);
  const topic = { name: 'overload', numPartitions: 4, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await connection.request(createTopics, { topics: [topic], timeoutMs: 60_000 });
  assert.equal(topics[0]!.errorCode, 0);
  connection.close();
}

function produceFrame(): Buffer {
  const records = buildBatch({
    records: [{ key: null, value: Buffer.alloc(RECORD_BYTES, 'x'), timestampMs: 1_700_000_000_000 }],
  });
  const body = Buffer.concat(
    encodeRequest(produce, VERSION, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 60_000,
      topicData: [{ name: 'overload', partitionData: [{ index: 0, records }] }],
    }),
  );
  const head = Buffer.from('000000000000000900000001ffff00', 'hex'); // size, Produce 9, correlation id, no client id, no tags
  head.writeInt32BE(head.length - 4 + body.length, 0);
  return Buffer.concat([head, body]);
}

/** Sends everything without waiting for an answer; resolves with the number of answers without an error. */
function sendAtOnce(port: number, frame: Buffer, count: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let received = Buffer.alloc(0);
    let good = 0;
    let answers = 0;
    socket.on('error', reject);
    socket.on('close', () => resolve(good));
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        // Correlation id, tags, topics, name, partitions, index, and then the error code.
        if (received.readInt16BE(4 + 4 + 1 + 1 + 1 + 'overload'.length + 1 + 4) === 0) good++;
        answers++;
        received = received.subarray(4 + received.readInt32BE(0));
      }
      if (answers === count) socket.end();
    });
    for (let i = 0; i < count; i++) socket.write(frame);
  });
}

/** The largest resident set so far. */
function peakBytes(pid: number): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
