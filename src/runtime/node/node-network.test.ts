import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import type { Connection, Receiver } from '../network.ts';
import { nodeNetwork, plainAddress } from './node-network.ts';

/** Collects what arrives into its own buffers. */
class Collector implements Receiver {
  readonly chunks: Buffer[] = [];
  bytes = 0;
  closedWith: (Error | undefined)[] = [];
  #buffer = Buffer.alloc(7);
  #waiting: (() => void)[] = [];

  buffer(): Uint8Array {
    return (this.#buffer = Buffer.alloc(7000));
  }
  received(count: number): void {
    this.chunks.push(this.#buffer.subarray(0, count));
    this.bytes += count;
    this.#wake();
  }
  closed(error?: Error): void {
    this.closedWith.push(error);
    this.#wake();
  }
  #wake(): void {
    for (const waiting of this.#waiting.splice(0)) waiting();
  }
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

async function pair(): Promise<{ server: Connection; client: Connection; stop(): Promise<void> }> {
  const network = nodeNetwork();
  let accepted!: (connection: Connection) => void;
  const acceptance = new Promise<Connection>((resolve) => (accepted = resolve));
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (connection) => accepted(connection));
  const client = await network.connect({ host: '127.0.0.1', port: listener.port });
  const server = await acceptance;
  return {
    server,
    client,
    async stop() {
      server.destroy();
      client.destroy();
      await listener.close();
    },
  };
}

test('bytes travel both ways through the receivers’ own buffers, in order, and gathered writes report when they are flushed', async () => {
  const { server, client, stop } = await pair();
  const atServer = new Collector();
  const atClient = new Collector();
  server.start(atServer);
  client.start(atClient);
  const parts = Array.from({ length: 50 }, (_, i) => Buffer.alloc(1000 + i * 371, i));
  let flushed = 0;
  client.write(parts, () => flushed++);
  server.write([Buffer.from('hello')]);
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  await atServer.until(() => atServer.bytes === total);
  await atClient.until(() => atClient.bytes === 5);
  assert.deepEqual(Buffer.concat(atServer.chunks), Buffer.concat(parts));
  assert.equal(flushed, 1);
  assert.equal(client.queuedBytes, 0);
  await stop();
});

test('the peer’s end is told once, after everything it sent', async () => {
  const { server, client, stop } = await pair();
  const atServer = new Collector();
  server.start(atServer);
  client.start(new Collector());
  client.write([Buffer.alloc(100_000, 1)]);
  client.end();
  await atServer.until(() => atServer.closedWith.length > 0);
  assert.equal(atServer.bytes, 100_000);
  assert.deepEqual(atServer.closedWith, [undefined]);
  await stop();
});

test('a paused connection delivers nothing until it is resumed', async () => {
  const { server, client, stop } = await pair();
  const atServer = new Collector();
  const atClient = new Collector();
  server.start(atServer);
  client.start(atClient);
  server.pause();
  client.write([Buffer.alloc(10)]);
  // A round trip in the other direction shows that time has passed and nothing was delivered.
  server.write([Buffer.from('x')]);
  await atClient.until(() => atClient.bytes === 1);
  assert.equal(atServer.bytes, 0);
  server.resume();
  await atServer.until(() => atServer.bytes === 10);
  await stop();
});

test('listening on a taken port fails with the code, and closing the listener frees the port while connections live on', async () => {
  const network = nodeNetwork();
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, () => {});
  await assert.rejects(
    network.listen({ host: '127.0.0.1', port: listener.port }, () => {}),
    { code: 'EADDRINUSE' },
  );
  const socket = createConnection({ host: '127.0.0.1', port: listener.port });
  await once(socket, 'connect');
  await listener.close();
  const again = await network.listen({ host: '127.0.0.1', port: listener.port }, () => {});
  assert.equal(again.port, listener.port);
  await again.close();
  socket.destroy();
});

test('connecting to nobody fails with the code', async () => {
  const network = nodeNetwork();
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, () => {});
  await listener.close();
  await assert.rejects(network.connect({ host: '127.0.0.1', port: listener.port }), { code: 'ECONNREFUSED' });
});

test('IPv4-mapped addresses are shown as IPv4', () => {
  assert.equal(plainAddress('::ffff:10.1.2.3'), '10.1.2.3');
  assert.equal(plainAddress('::1'), '::1');
  assert.equal(plainAddress('127.0.0.1'), '127.0.0.1');
});
