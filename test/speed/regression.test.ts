// A guard against gross regressions of the hot paths: each is compared with the least that the same work can cost, inside one run, and may take several
// times the ratio that was measured when this was written. No absolute times, no small differences: `npm run bench` is for those.
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writevSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { startBroker } from '../../src/index.ts';
import { decodeRequest, encodeRequest } from '../../src/protocol/api.ts';
import { fetch } from '../../src/protocol/messages/fetch.ts';
import { metadata } from '../../src/protocol/messages/metadata.ts';
import { produce } from '../../src/protocol/messages/produce.ts';
import { buildBatch } from '../../src/records/build-batch.ts';
import { setBaseOffset } from '../../src/records/record-batch.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { openStorage } from '../../src/storage/engine.ts';
import type { LogConfig, PartitionState } from '../../src/storage/storage.ts';
import { ratioOf, ratioOfAsync } from './rounds.ts';

const BATCH_BYTES = 64 * 1024;
const batch = buildBatch({
  records: Array.from({ length: 64 }, () => ({
    key: null,
    value: Buffer.alloc(BATCH_BYTES / 64 - 16, 'x'),
    timestampMs: 1_700_000_000_000,
  })),
});

test('decoding a Produce request costs a small multiple of reading its fields by hand', () => {
  const body = Buffer.concat(
    encodeRequest(produce, 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: 'web-access-log', partitionData: [{ index: 3, records: batch }] }],
    }),
  );
  let sink = 0;
  const calls = 20_000;
  const ratio = ratioOf(
    () => {
      for (let i = 0; i < calls; i++) sink += decodeRequest(produce, 9, body).topicData[0]!.partitionData[0]!.index;
    },
    () => {
      for (let i = 0; i < calls; i++) sink += readByHand(body).index;
    },
  );
  assert.ok(sink > 0);
  assert.ok(ratio < 8, `${ratio.toFixed(1)} times as much`);
});

/** No loops, no checks: the shape is known. Positions: id 0, acks 1, timeout 3, topics 7, name 8, partitions 23, index 24, records 28. */
function readByHand(body: Buffer): { name: string; acks: number; index: number; records: Buffer } {
  const name = body.toString('utf8', 9, 8 + body[8]!);
  const acks = body.readInt16BE(1) + body.readInt32BE(3) * 0;
  return { name, acks, index: body.readInt32BE(24), records: body.subarray(31, body.length - 3) };
}

test('appending large batches costs a small multiple of writing the same bytes to a file', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'ottla-speed-'));
  const file = openSync(path.join(directory, 'plain'), 'w');
  const runtime = { ...nodeRuntime(), log: { info() {}, warn() {}, error() {} } };
  const engine = await openStorage({ runtime, directory: path.join(directory, 'data'), brokerId: 1, durability: 'os' });
  try {
    const log = engine.openLog({ topic: 't', topicId: 'AQEBAQEBAQEBAQEBAQEBAQ', partition: 0 }, LOG_CONFIG, NO_STATE);
    const batches = 16;
    let position = 0;
    const ratio = await ratioOfAsync(
      async () => {
        let ticket = 0;
        for (let i = 0; i < batches; i++) {
          const own = Buffer.from(batch); // as from a socket
          setBaseOffset(own, 0, log.endOffset);
          ticket = log.append([own]);
        }
        await new Promise<void>((resolve) => engine.whenCommitted(ticket, resolve));
      },
      async () => {
        const parts = Array.from({ length: batches }, () => Buffer.from(batch));
        writevSync(file, parts, position);
        position = (position + batches * batch.length) % (64 * 1024 * 1024);
        await new Promise((resolve) => setImmediate(resolve));
      },
      60,
    );
    assert.ok(ratio < 10, `${ratio.toFixed(1)} times as much`);
  } finally {
    await engine.close();
    closeSync(file);
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a fetch at the tail costs a small multiple of sending the same bytes', async () => {
  const broker = await startBroker();
  const bytes = 4 * batch.length;
  const plain = createServer((socket) => {
    const large = Buffer.alloc(bytes);
    socket.on('error', () => {});
    socket.on('data', () => socket.write(large));
  });
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  const toBroker = await Exchange.open(broker.port);
  const toPlain = await Exchange.open((plain.address() as { port: number }).port);
  try {
    await produceTo(toBroker, 'tail', 4);
    const request = fetchRequest('tail', bytes);
    const frame = await toBroker.ask(request, undefined);
    assert.ok(frame > bytes, `${frame} bytes came, and ${bytes} were produced`);
    const ratio = await ratioOfAsync(
      async () => {
        for (let i = 0; i < 50; i++) await toBroker.ask(request, frame);
      },
      async () => {
        for (let i = 0; i < 50; i++) await toPlain.ask(request, bytes);
      },
    );
    assert.ok(ratio < 8, `${ratio.toFixed(1)} times as much`);
  } finally {
    toBroker.close();
    toPlain.close();
    plain.close();
    await broker.close();
  }
});

const LOG_CONFIG: LogConfig = {
  segmentBytes: 1 << 30,
  segmentMs: 604_800_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 << 20,
  indexIntervalBytes: 4096,
  retentionBytes: -1,
  retentionMs: -1,
  fileDeleteDelayMs: 0,
  cleanupPolicy: { delete: true, compact: false },
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: 86_400_000,
};

const NO_STATE: PartitionState = {
  snapshot: () => Buffer.alloc(0),
  restore() {},
  replayBatch() {},
  committed() {},
  startMoved() {},
};

/** A socket that sends one request and counts the bytes of what comes back. */
class Exchange {
  readonly #socket: Socket;
  #received = 0;
  #expected: number | undefined;
  #resolve: ((bytes: number) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes) => this.#count(bytes));
  }

  static open(port: number): Promise<Exchange> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port }, () => resolve(new Exchange(socket)));
      socket.once('error', reject);
    });
  }

  /** Resolves with the bytes that came; `expected` undefined: as many as the answer's own size says. */
  ask(request: Buffer, expected: number | undefined): Promise<number> {
    this.#received = 0;
    this.#expected = expected;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #count(bytes: Buffer): void {
    if (this.#received === 0) this.#expected ??= 4 + bytes.readInt32BE(0);
    this.#received += bytes.length;
    if (this.#received >= this.#expected!) this.#resolve?.(this.#received);
  }
}

async function produceTo(exchange: Exchange, topic: string, count: number): Promise<void> {
  // Metadata creates the topic.
  await exchange.ask(framed(metadata.key, 4, encodeRequest(metadata, 4, { topics: [{ name: topic }] })), undefined);
  for (let i = 0; i < count; i++) {
    const topicData = [{ name: topic, partitionData: [{ index: 0, records: Buffer.from(batch) }] }];
    const body = encodeRequest(produce, 8, { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData });
    await exchange.ask(framed(produce.key, 8, body), undefined);
  }
}

function fetchRequest(topic: string, bytes: number): Buffer {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 2 * bytes }];
  const request = { maxWaitMs: 500, minBytes: 1, topics: [{ topic, partitions }], forgottenTopicsData: [] };
  return framed(fetch.key, 11, encodeRequest(fetch, 11, request));
}

/** Versions before flexible ones: the header is key, version, correlation id and a client id that is null. */
function framed(apiKey: number, version: number, body: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(14);
  head.writeInt16BE(apiKey, 4);
  head.writeInt16BE(version, 6);
  head.writeInt16BE(-1, 12);
  const frame = Buffer.concat([head, ...body]);
  frame.writeInt32BE(frame.length - 4, 0);
  return frame;
}
