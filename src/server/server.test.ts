// The server over real sockets: what it answers, what it refuses, and that nothing a client sends takes it down.
import assert from 'node:assert/strict';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { ApiHandler, RequestContext } from '../apis/api.ts';
import { apiVersionsHandler } from '../apis/api-versions.ts';
import { features } from '../apis/features.ts';
import { type AnyApiHandler, Registry } from '../apis/registry.ts';
import { type Api, decodeResponse, decodeResponseHeader, encodeRequestFrame } from '../protocol/api.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { FrameAssembler } from '../protocol/frame-assembler.ts';
import { apiVersions } from '../protocol/messages/api-versions.ts';
import { heartbeat } from '../protocol/messages/heartbeat.ts';
import { listOffsets } from '../protocol/messages/list-offsets.ts';
import { syncGroup } from '../protocol/messages/sync-group.ts';
import { FileError } from '../runtime/files.ts';
import { nodeRuntime } from '../runtime/node/node-runtime.ts';
import type { Runtime, Timers } from '../runtime/runtime.ts';
import { type Server, type ServerLimits, startServer } from './server.ts';

const LIMITS: ServerLimits = {
  connectionsMaxIdleMs: 600_000,
  socketRequestMaxBytes: 1024 * 1024,
  socketListenBacklogSize: 50,
  maxConnections: 0x7fffffff,
  maxConnectionsPerIp: 0x7fffffff,
  maxConnectionsPerIpOverrides: '',
};

interface Setting {
  readonly handlers?: readonly AnyApiHandler[];
  readonly limits?: Partial<ServerLimits>;
  readonly requestMemoryMaxBytes?: number;
  readonly memoryOwedBytes?: () => number;
  readonly runtime?: Partial<Runtime>;
}

interface Running {
  readonly server: Server;
  readonly logLines: string[];
  connect(): Promise<RawClient>;
}

async function running(context: TestContext, setting: Setting = {}): Promise<Running> {
  const logLines: string[] = [];
  const runtime = { ...nodeRuntime({ writeLogLine: (line) => void logLines.push(line) }), ...setting.runtime };
  const registry = new Registry(setting.handlers ?? []);
  const image = { version: 7 } as never;
  registry.add(apiVersionsHandler({ registry, features: features({ image }) }));
  const server = await startServer({
    runtime,
    registry,
    listeners: [{ name: 'PLAINTEXT', host: '127.0.0.1', port: 0 }],
    limits: () => ({ ...LIMITS, ...setting.limits }),
    requestMemoryMaxBytes: setting.requestMemoryMaxBytes ?? 64 * 1024 * 1024,
    ...(setting.memoryOwedBytes && { memoryOwedBytes: setting.memoryOwedBytes }),
  });
  const clients: RawClient[] = [];
  context.after(async () => {
    for (const client of clients) {
      client.destroy();
    }
    await server.close(0);
  });
  const connect = async () => {
    const client = new RawClient(server.listeners[0]!.port);
    clients.push(client);
    await client.connected;
    return client;
  };
  return { server, logLines, connect };
}

/** A socket that sends bytes as told and collects the frames that come back. */
class RawClient {
  readonly connected: Promise<void>;
  readonly closed: Promise<void>;
  readonly socket: net.Socket;
  readonly #assembler = new FrameAssembler(64 * 1024 * 1024);
  readonly #frames: Buffer[] = [];
  readonly #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(port: number) {
    this.socket = net.connect({ host: '127.0.0.1', port });
    this.connected = new Promise((resolve) => this.socket.once('connect', () => resolve()));
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
    this.socket.on('error', () => {});
    this.socket.on('data', (bytes) => this.#received(bytes));
    this.socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  send(...parts: Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  request<Input>(api: Api<unknown, unknown, Input>, version: number, id: number, body: NoInfer<Input>): void {
    this.send(...encodeRequestFrame(api, version, id, 'test', body));
  }

  /** The next frame, or undefined when the connection closed. */
  async frame(): Promise<Buffer | undefined> {
    while (this.#frames.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.#frames.shift();
  }

  async answer<Response>(api: Api<unknown, Response>, version: number): Promise<{ id: number; body: Response }> {
    const frame = await this.frame();
    assert.ok(frame, 'the connection was closed');
    const { correlationId, bodyOffset } = decodeResponseHeader(api as Api, version, frame);
    return { id: correlationId, body: decodeResponse(api, version, frame, bodyOffset) };
  }

  async askVersions(id: number): Promise<void> {
    this.request(apiVersions, 0, id, {});
    const { id: answered } = await this.answer(apiVersions, 0);
    assert.equal(answered, id);
  }

  destroy(): void {
    this.socket.destroy();
  }

  #received(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const room = this.#assembler.buffer();
      const count = Math.min(room.length, bytes.length - at);
      bytes.copy(room, 0, at, at + count);
      at += count;
      this.#assembler.received(count);
      for (let frame = this.#assembler.next(); frame; frame = this.#assembler.next()) {
        this.#frames.push(frame);
      }
    }
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) {
      resolve();
    }
  }
}

type Dispatch = ApiHandler<unknown, unknown>['dispatch'];

function heartbeats(dispatch: Dispatch, more: Partial<AnyApiHandler> = {}): AnyApiHandler {
  return { api: heartbeat, minVersion: 0, maxVersion: 4, dispatch, ...more };
}

const HEARTBEAT = { groupId: 'g', generationId: 1, memberId: 'm' };
const OK = { throttleTimeMs: 0, errorCode: 0 };

function declared(size: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(size);
  return bytes;
}

test('pipelined requests are answered in their order while the first is parked', async (context) => {
  const parked: (() => void)[] = [];
  const { connect } = await running(context, {
    handlers: [
      heartbeats((_request, { correlationId }, reply) => {
        if (correlationId === 0) {
          parked.push(() => reply(OK));
        } else {
          reply(OK);
          if (correlationId === 9) {
            for (const answer of parked) {
              answer();
            }
          }
        }
      }),
    ],
  });
  const client = await connect();
  for (let id = 0; id < 10; id++) {
    client.request(heartbeat, 4, id, HEARTBEAT);
  }
  for (let id = 0; id < 10; id++) {
    assert.equal((await client.answer(heartbeat, 4)).id, id);
  }
});

test('a request is dispatched only when the one before it is done with its dispatch', async (context) => {
  const events: string[] = [];
  const { connect } = await running(context, {
    handlers: [
      heartbeats(async (_request, { correlationId }, reply) => {
        events.push(`begin ${correlationId}`);
        await new Promise((resolve) => setImmediate(resolve));
        events.push(`end ${correlationId}`);
        reply(OK);
      }),
    ],
  });
  const client = await connect();
  for (let id = 0; id < 3; id++) {
    client.request(heartbeat, 4, id, HEARTBEAT);
  }
  for (let id = 0; id < 3; id++) {
    await client.answer(heartbeat, 4);
  }
  assert.deepEqual(events, ['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2']);
});

test('a muted connection takes no request until its time is over, and others go on', async (context) => {
  let unmute: (() => void) | undefined;
  const { timers } = nodeRuntime();
  const byHand: Timers = {
    defer: (callback) => timers.defer(callback),
    set(delayMs, callback) {
      if (delayMs !== 1234) return timers.set(delayMs, callback);
      unmute = callback;
      return { cancel() {} };
    },
  };
  const taken: number[] = [];
  const { connect } = await running(context, {
    runtime: { timers: byHand },
    handlers: [
      heartbeats((_request, { correlationId, connection }, reply) => {
        taken.push(correlationId);
        if (correlationId === 0) connection.mute(1234);
        reply(OK);
      }),
    ],
  });
  const client = await connect();
  client.request(heartbeat, 4, 0, HEARTBEAT);
  client.request(heartbeat, 4, 1, HEARTBEAT);
  assert.equal((await client.answer(heartbeat, 4)).id, 0);
  const other = await connect();
  other.request(heartbeat, 4, 2, HEARTBEAT);
  assert.equal((await other.answer(heartbeat, 4)).id, 2);
  assert.deepEqual(taken, [0, 2]);
  unmute!();
  assert.equal((await client.answer(heartbeat, 4)).id, 1);
});

test('ApiVersions of an unknown version is answered in version 0 with the range that works', async (context) => {
  const { connect } = await running(context);
  const client = await connect();
  const frame = Buffer.concat(encodeRequestFrame(apiVersions, 4, 5, 'test', {}));
  frame.writeInt16BE(99, 6);
  client.send(frame);
  const { id, body } = await client.answer(apiVersions, 0);
  assert.equal(id, 5);
  assert.equal(body.errorCode, ErrorCode.UNSUPPORTED_VERSION);
  assert.deepEqual(body.apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 4 }]);
  await client.askVersions(6);
});

const refusals: Record<string, Buffer> = {
  'a negative length': declared(-1),
  'a length beyond socket.request.max.bytes': declared(1024 * 1024 + 1),
  'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  'an empty frame': declared(0),
  'a frame without room for a header': Buffer.concat([declared(3), Buffer.alloc(3)]),
  'an unknown API': Buffer.concat([declared(10), Buffer.from([3, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff])]),
  'a negative API': Buffer.concat([declared(10), Buffer.from([0xff, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff])]),
  'an unknown version': Buffer.concat([declared(10), Buffer.from([0, 12, 0, 99, 0, 0, 0, 1, 0xff, 0xff])]),
  'a body that ends too early': Buffer.concat([declared(10), Buffer.from([0, 12, 0, 0, 0, 0, 0, 1, 0xff, 0xff])]),
};

for (const [what, bytes] of Object.entries(refusals)) {
  test(`${what} closes its connection and no other`, async (context) => {
    const { connect, logLines } = await running(context, { handlers: [heartbeats((_r, _c, reply) => reply(OK))] });
    const [bad, good] = [await connect(), await connect()];
    bad.send(bytes);
    await bad.closed;
    assert.equal(await bad.frame(), undefined);
    await good.askVersions(1);
    assert.match(logLines.join(''), /Closing a connection/);
  });
}

test('what was answered before a broken frame is still sent', async (context) => {
  const { connect } = await running(context);
  const client = await connect();
  client.send(...encodeRequestFrame(apiVersions, 0, 1, null, {}), declared(-5));
  assert.equal((await client.answer(apiVersions, 0)).id, 1);
  await client.closed;
});

test('a client that leaves in the middle of a frame is forgotten', async (context) => {
  const { connect, server } = await running(context);
  const [leaving, staying] = [await connect(), await connect()];
  await leaving.askVersions(1);
  leaving.send(declared(1000), Buffer.alloc(10));
  leaving.destroy();
  await leaving.closed;
  while (server.connectionCount > 1) {
    await staying.askVersions(2);
  }
  assert.equal(server.connectionCount, 1);
});

test('no bytes at all stop the server', async (context) => {
  const { connect } = await running(context, {
    handlers: [
      heartbeats((_r, _c, reply) => reply(OK)),
      {
        api: listOffsets,
        minVersion: 1,
        maxVersion: 11,
        dispatch: (_r, _c, reply) => reply({ throttleTimeMs: 0, topics: [] }),
      },
    ],
  });
  const raw = fc.uint8Array({ maxLength: 200 });
  const framed = fc
    .tuple(fc.constantFrom(2, 12, 18), fc.integer({ min: -1, max: 12 }), raw)
    .map(([key, version, body]) => {
      const header = Buffer.alloc(12);
      header.writeInt32BE(8 + body.length);
      header.writeInt16BE(key, 4);
      header.writeInt16BE(version, 6);
      return Buffer.concat([header, body]);
    });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(raw, framed), { maxLength: 5 }), async (pieces) => {
      const client = await connect();
      client.send(...pieces);
      client.socket.end();
      await client.closed;
    }),
    { numRuns: 150 },
  );
  await (await connect()).askVersions(1);
});

test('a disk that fails under a handler is KAFKA_STORAGE_ERROR', async (context) => {
  const dispatch = async (): Promise<void> => {
    throw new FileError('ENOSPC', '/x', 'no space left');
  };
  const { connect } = await running(context, { handlers: [heartbeats(dispatch)] });
  const client = await connect();
  client.request(heartbeat, 4, 1, HEARTBEAT);
  assert.equal((await client.answer(heartbeat, 4)).body.errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
});

test('a handler that throws answers UNKNOWN_SERVER_ERROR where the API can say so', async (context) => {
  const fail = () => {
    throw new Error('broken on purpose');
  };
  const { connect, logLines } = await running(context, { handlers: [heartbeats(fail)] });
  const client = await connect();
  for (const version of [0, 4]) {
    client.request(heartbeat, version, version, HEARTBEAT);
    const { body } = await client.answer(heartbeat, version);
    assert.equal(body.errorCode, ErrorCode.UNKNOWN_SERVER_ERROR);
  }
  assert.match(logLines.join(''), /A request failed api=Heartbeat .*broken on purpose/);
  await client.askVersions(9);
});

test('a handler that rejects closes the connection of an API that cannot say so, and the server goes on', async (context) => {
  const dispatch = () => Promise.reject(new Error('broken on purpose'));
  const { connect } = await running(context, {
    handlers: [{ api: listOffsets, minVersion: 1, maxVersion: 11, dispatch }],
  });
  const [client, other] = [await connect(), await connect()];
  client.request(listOffsets, 11, 1, { replicaId: -1, topics: [] });
  await client.closed;
  await other.askVersions(1);
});

test('an answer that cannot be encoded does not surface where it was given', async (context) => {
  const dispatch: Dispatch = (_request, _context, reply) =>
    reply({ throttleTimeMs: 0, errorCode: 0, assignment: null });
  const { connect, logLines } = await running(context, {
    handlers: [{ api: syncGroup, minVersion: 0, maxVersion: 5, dispatch }],
  });
  const client = await connect();
  client.request(syncGroup, 5, 1, { groupId: 'g', generationId: 1, memberId: 'm', assignments: [] });
  const { body } = await client.answer(syncGroup, 5);
  assert.equal(body.errorCode, ErrorCode.UNKNOWN_SERVER_ERROR);
  assert.match(logLines.join(''), /A request failed/);
});

test('an answer of nothing sends nothing and holds up nothing', async (context) => {
  const { connect } = await running(context, {
    handlers: [heartbeats((_r, { correlationId }, reply) => reply(correlationId === 1 ? null : OK))],
  });
  const client = await connect();
  client.request(heartbeat, 4, 1, HEARTBEAT);
  client.request(heartbeat, 4, 2, HEARTBEAT);
  assert.equal((await client.answer(heartbeat, 4)).id, 2);
});

test('a client that does not read is not answered without bound, and gets everything once it reads', async (context) => {
  const requests = 300;
  let dispatched = 0;
  const assignment = Buffer.alloc(1024 * 1024);
  const { connect } = await running(context, {
    handlers: [
      {
        api: syncGroup,
        minVersion: 0,
        maxVersion: 5,
        dispatch(_request, _context, reply) {
          dispatched += 1;
          reply({ throttleTimeMs: 0, errorCode: 0, assignment });
        },
      },
    ],
  });
  const [slow, other] = [await connect(), await connect()];
  slow.socket.pause();
  for (let id = 0; id < requests; id++) {
    slow.request(syncGroup, 1, id, { groupId: 'g', generationId: 1, memberId: 'm', assignments: [] });
  }
  for (let round = 0, before = -1; before !== dispatched || round < 50; round++) {
    before = dispatched;
    await other.askVersions(round);
  }
  assert.ok(dispatched < 100, `${dispatched} MiB were answered to a client that reads nothing`);
  slow.socket.resume();
  for (let id = 0; id < requests; id++) {
    assert.equal((await slow.answer(syncGroup, 1)).id, id);
  }
});

test('unfinished requests beyond the memory for requests do not stop each other for ever', async (context) => {
  const { connect } = await running(context, {
    handlers: [heartbeats((_r, _c, reply) => reply(OK))],
    requestMemoryMaxBytes: 300_000,
  });
  const body = Buffer.concat(
    encodeRequestFrame(heartbeat, 0, 1, 'c'.repeat(20), { ...HEARTBEAT, groupId: 'g'.repeat(20_000) }),
  );
  const clients = await Promise.all(Array.from({ length: 30 }, connect));
  const half = body.length >> 1;
  for (const client of clients) {
    client.send(body.subarray(0, half));
  }
  for (const client of clients) {
    client.send(body.subarray(half));
  }
  for (const client of clients) {
    assert.equal((await client.answer(heartbeat, 0)).id, 1);
  }
});

test('while others hold the memory for requests clients wait, and go on when it is free', async (context) => {
  let owedBytes = 0;
  let answerFirst = (): void => {};
  let dispatched = 0;
  const { server, connect } = await running(context, {
    handlers: [
      heartbeats((_r, _c, reply) => {
        dispatched += 1;
        // Something is being answered all the time: nobody is chosen to read on in spite of the limit.
        if (dispatched === 1) answerFirst = () => reply(OK);
        else reply(OK);
      }),
    ],
    requestMemoryMaxBytes: 100_000,
    memoryOwedBytes: () => owedBytes,
  });
  const [first, second, other] = [await connect(), await connect(), await connect()];
  first.request(heartbeat, 4, 1, HEARTBEAT);
  await other.askVersions(1);
  owedBytes = 100_000;
  // What makes the connection find out is read; what follows is not.
  second.request(heartbeat, 4, 1, HEARTBEAT);
  assert.equal((await second.answer(heartbeat, 4)).id, 1);
  second.request(heartbeat, 4, 2, HEARTBEAT);
  const answer = second.answer(heartbeat, 4);
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(dispatched, 2);
  owedBytes = 0;
  server.memoryFreed();
  assert.equal((await answer).id, 2);
  answerFirst();
  assert.equal((await first.answer(heartbeat, 4)).id, 1);
});

test('one connection more than the limit of an address is closed at once', async (context) => {
  const { connect } = await running(context, { limits: { maxConnectionsPerIp: 2 } });
  const [first] = [await connect(), await connect()];
  const refused = await connect();
  await refused.closed;
  await first.askVersions(1);
});

test('a connection is closed when idle too long, and not while its request is being answered', async (context) => {
  let nowMs = 0;
  const sweeps: (() => void)[] = [];
  const timers: Timers = {
    set: (_delayMs, callback) => {
      sweeps.push(callback);
      return { cancel: () => {} };
    },
    defer: (callback) => void setImmediate(callback),
  };
  const parked: ((response: unknown) => void)[] = [];
  const { connect } = await running(context, {
    limits: { connectionsMaxIdleMs: 1_000 },
    handlers: [heartbeats((_r, _c, reply) => void parked.push(reply))],
    runtime: { clock: { nowMs: () => nowMs, monotonicMs: () => nowMs }, timers },
  });
  const [idle, waiting] = [await connect(), await connect()];
  await idle.askVersions(1);
  waiting.request(heartbeat, 4, 1, HEARTBEAT);
  while (parked.length === 0) {
    await idle.askVersions(2);
  }
  nowMs = 1_001;
  sweeps.splice(0).forEach((sweep) => {
    sweep();
  });
  await idle.closed;
  parked[0]!(OK);
  assert.equal((await waiting.answer(heartbeat, 4)).id, 1);
});

test('a stopping server answers what it took, but waits for no long poll', async (context) => {
  const parked: ((response: unknown) => void)[] = [];
  const { connect, server } = await running(context, {
    handlers: [
      heartbeats((_r, _c, reply) => void parked.push(reply)),
      { api: listOffsets, minVersion: 1, maxVersion: 11, longPoll: true, dispatch: () => {} },
    ],
  });
  const [asking, polling] = [await connect(), await connect()];
  asking.request(heartbeat, 4, 1, HEARTBEAT);
  polling.request(listOffsets, 11, 1, { replicaId: -1, topics: [] });
  polling.request(apiVersions, 0, 2, {});
  while (parked.length === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const stopped = server.close(60_000);
  await polling.closed;
  parked[0]!(OK);
  assert.equal((await asking.answer(heartbeat, 4)).id, 1);
  await asking.closed;
  await stopped;
  assert.equal(server.connectionCount, 0);
});

test('a handler learns when its connection is gone, once', async (context) => {
  let gone = 0;
  let forgotten = 0;
  const seen: RequestContext[] = [];
  const { connect, server } = await running(context, {
    handlers: [
      heartbeats((_r, requestContext, reply) => {
        seen.push(requestContext);
        requestContext.connection.onClosed(() => gone++);
        requestContext.connection.onClosed(() => forgotten++)();
        reply(OK);
      }),
    ],
  });
  const client = await connect();
  client.request(heartbeat, 4, 1, HEARTBEAT);
  await client.answer(heartbeat, 4);
  assert.equal(seen[0]!.clientId, 'test');
  assert.equal(seen[0]!.connection.localPort, server.listeners[0]!.port);
  assert.equal(seen[0]!.connection.closed, false);
  client.destroy();
  while (server.connectionCount > 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual([gone, forgotten, seen[0]!.connection.closed], [1, 0, true]);
});

test('a listener that cannot be opened leaves none open', async (context) => {
  const { server } = await running(context);
  const taken = server.listeners[0]!.port;
  const options = {
    runtime: nodeRuntime(),
    registry: new Registry(),
    limits: () => LIMITS,
    requestMemoryMaxBytes: 1,
  };
  const listeners = [
    { name: 'A', host: '127.0.0.1', port: 0 },
    { name: 'B', host: '127.0.0.1', port: taken },
  ];
  await assert.rejects(startServer({ ...options, listeners }), { code: 'EADDRINUSE' });
});
