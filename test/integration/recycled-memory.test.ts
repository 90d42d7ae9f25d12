// Memory that a broker uses again never shows in an answer: readers that are slow, or that go away in the middle, while the tail
// moves on. Released memory is poisoned here, so that an answer which was not held would arrive damaged.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type Broker, openBroker } from '../../src/broker.ts';
import { createTopic } from '../../src/client/admin.ts';
import { type Client, connectClient } from '../../src/client/client.ts';
import { Producer } from '../../src/client/producer.ts';
import { decodeResponse, decodeResponseHeader, encodeRequestFrame } from '../../src/protocol/api.ts';
import { fetch } from '../../src/protocol/messages/fetch.ts';
import { batchLength, nextOffset, verifyCrc } from '../../src/records/record-batch.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { resolveSettings } from '../../src/settings.ts';
import { temporaryDirectory } from './ottla-process.ts';

const MIB = 2 ** 20;
const TAIL_BYTES = 48 * MIB;
const RECORD_BYTES = 40_000;
const FETCH_VERSION = 11;

test('an answer that a slow client reads arrives whole, though all it was read from has left the tail', async (context) => {
  const { broker, client } = await running(context);
  await produce(client, 16 * MIB);
  const readers = Array.from({ length: 6 }, () => new SlowReader(broker.port));
  for (const reader of readers) await reader.askForEverything();
  // Some go away with most of their answer unsent; one has ended its own side before.
  readers[0]!.socket.destroy();
  readers[1]!.socket.end();
  await produce(client, 100 * MIB);
  readers[2]!.socket.destroy();
  for (const reader of readers.slice(3)) {
    assert.ok(checkedBytes(await reader.answer()) >= 12 * MIB);
  }
  await produce(client, 30 * MIB);
  const fresh = new SlowReader(broker.port);
  await fresh.askForEverything();
  assert.ok(checkedBytes(await fresh.answer()) > 0);
  fresh.socket.destroy();
});

async function running(context: TestContext): Promise<{ broker: Broker; client: Client }> {
  const directory = temporaryDirectory();
  const runtime = nodeRuntime({ writeLogLine: () => {} });
  const settings = resolveSettings({
    dataDirectory: directory.path,
    overrides: {
      'ottla.durability': 'os',
      listeners: 'PLAINTEXT://127.0.0.1:0',
      'ottla.tail.max.bytes': `${TAIL_BYTES}`,
      'ottla.released.memory.poison': 'true',
    },
  });
  const broker = await openBroker({ runtime, settings, directory: directory.path });
  const client = await connectClient(runtime, `127.0.0.1:${broker.port}`);
  context.after(async () => {
    client.close();
    await broker.close();
    directory.remove();
  });
  await createTopic(client, { name: 'recycled', partitions: 1 });
  return { broker, client };
}

/** Half in batches that are kept as they were received, half in small ones that are copied. */
async function produce(client: Client, bytes: number): Promise<void> {
  for (const batchBytesMax of [200_000, 10_000]) {
    const producer = new Producer(client, { batchBytesMax, bufferBytesMax: 64 * MIB });
    const recordBytes = Math.min(RECORD_BYTES, batchBytesMax / 2);
    for (let sent = 0; sent < bytes / 2; sent += recordBytes) {
      while (!producer.add({ topic: 'recycled', partition: 0, value: Buffer.alloc(recordBytes, sent % 251) }, () => {}))
        await producer.writable();
    }
    await producer.flush();
    await producer.close();
  }
}

/** Asks for all there is and reads nothing of the answer until it is wanted. */
class SlowReader {
  readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port });
    this.socket.on('error', () => {});
  }

  async askForEverything(): Promise<void> {
    const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 50 * MIB, currentLeaderEpoch: -1 };
    const request = {
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 50 * MIB,
      isolationLevel: 0,
      topics: [{ topic: 'recycled', partitions: [{ ...partition, logStartOffset: -1 }] }],
    };
    const frame = Buffer.concat(encodeRequestFrame(fetch, FETCH_VERSION, 1, 'slow', request as never));
    // The first bytes of the answer show that the broker has made it.
    const begun = new Promise<void>((resolve) => this.socket.once('readable', resolve));
    this.socket.write(frame);
    await begun;
  }

  async answer(): Promise<readonly Buffer[]> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.socket as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= 4 && bytes === 4 + Buffer.concat(chunks.slice(0, 4)).readInt32BE(0)) break;
    }
    const frame = Buffer.concat(chunks).subarray(4);
    const { bodyOffset } = decodeResponseHeader(fetch, FETCH_VERSION, frame);
    const { responses } = decodeResponse(fetch, FETCH_VERSION, frame, bodyOffset);
    const records: unknown = responses[0]!.partitions[0]!.records;
    return Array.isArray(records) ? records : [records as Buffer];
  }
}

/** Their bytes, all of them in batches that are intact and follow each other. */
function checkedBytes(parts: readonly Buffer[]): number {
  const records = Buffer.concat(parts);
  let offset: number | undefined;
  for (let at = 0; at < records.length; at += batchLength(records, at)) {
    assert.ok(verifyCrc(records, at), `the batch at byte ${at} is damaged`);
    const begin = Number(records.readBigInt64BE(at));
    if (offset !== undefined) assert.equal(begin, offset);
    offset = nextOffset(records, at);
  }
  return records.length;
}
