// What clients that are too fast are told, what they get and for how long their connection is made to wait.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntityQuotas, Image } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { fetch } from '../protocol/messages/fetch.ts';
import { heartbeat } from '../protocol/messages/heartbeat.ts';
import { produce } from '../protocol/messages/produce.ts';
import { saslHandshake } from '../protocol/messages/sasl-handshake.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { RequestContext } from './api.ts';
import { TestConnection } from './data-api-world.suite.ts';
import type { AnyApiHandler } from './registry.ts';
import { Throttling } from './throttling.ts';

const SETTINGS = {
  quotaWindowNum: 11,
  quotaWindowSizeSeconds: 1,
  controllerQuotaWindowNum: 11,
  controllerQuotaWindowSizeSeconds: 1,
};

function world(quotas: Readonly<Record<string, number>>) {
  const time = { ms: 0 };
  const clientQuotas = new Map<string, EntityQuotas>();
  if (Object.keys(quotas).length > 0) {
    clientQuotas.set('app', { entity: { 'client-id': 'app' }, quotas: new Map(Object.entries(quotas)) });
  }
  const clock = { nowMs: () => time.ms, monotonicMs: () => time.ms };
  const throttling = new Throttling({
    metadata: { image: { clientQuotas } as unknown as Image },
    clock,
    settings: SETTINGS,
  });
  const connection = new TestConnection();
  /** The answer as the client gets it, and the request as the handler got it. */
  const call = (
    api: AnyApiHandler['api'],
    answer: unknown,
    { apiVersion = api.maxVersion, clientId = 'app', requestBytes = 0, tookMs = 0, request = {} } = {},
  ) => {
    let seen: unknown;
    let answered: unknown;
    const handler: AnyApiHandler = {
      api,
      minVersion: api.minVersion,
      maxVersion: api.maxVersion,
      dispatch(got, _context, reply) {
        seen = got;
        time.ms += tookMs;
        reply(answer);
      },
    };
    const context: RequestContext = {
      apiKey: api.key,
      apiVersion,
      correlationId: 1,
      clientId,
      connection,
      requestBytes,
    };
    void throttling.around(handler).dispatch(request, context, (response) => {
      answered = response;
    });
    return { seen, answered: answered as Record<string, unknown> | null };
  };
  return { throttling, connection, call, time };
}

const PRODUCED = { responses: [], throttleTimeMs: 0 };
const FETCHED = {
  throttleTimeMs: 0,
  errorCode: ErrorCode.NONE,
  sessionId: 7,
  responses: [
    {
      topicId: ZERO_UUID,
      partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: 1, records: [Buffer.alloc(2000)] }],
    },
  ],
};

test('a producer is told to wait until its rate is back at the quota, and its connection waits as long', () => {
  const { call, connection } = world({ producer_byte_rate: 1000 });
  assert.equal(call(produce, PRODUCED, { requestBytes: 10_000 }).answered?.throttleTimeMs, 0);
  assert.equal(connection.mutedMs, undefined);
  // 15,000 bytes in what counts as 10 seconds: 5 seconds too early.
  assert.equal(call(produce, PRODUCED, { requestBytes: 5_000 }).answered?.throttleTimeMs, 5000);
  assert.equal(connection.mutedMs, 5000);
});

test('a producer that wants no answer waits, too', () => {
  const { call, connection } = world({ producer_byte_rate: 1000 });
  assert.equal(call(produce, null, { requestBytes: 20_000 }).answered, null);
  assert.equal(connection.mutedMs, 10_000);
});

test('other clients and other APIs are not slowed down by it', () => {
  const { call, connection } = world({ producer_byte_rate: 1 });
  call(produce, PRODUCED, { requestBytes: 1_000_000, clientId: 'other' });
  call(heartbeat, { throttleTimeMs: 0, errorCode: 0 }, { requestBytes: 1_000_000 });
  assert.equal(connection.mutedMs, undefined);
});

test('a fetch that is too fast is answered without records, which then do not count', () => {
  const { call, connection, time } = world({ consumer_byte_rate: 400 });
  const records = ({ answered }: ReturnType<typeof call>) => (answered!.responses as unknown[]).length;
  assert.equal(records(call(fetch, FETCHED)), 1);
  const empty = call(fetch, FETCHED);
  assert.equal(records(empty), 0);
  assert.deepEqual([empty.answered?.sessionId, empty.answered?.errorCode], [7, 0]);
  const waitMs = empty.answered?.throttleTimeMs as number;
  assert.ok(waitMs > 0);
  assert.equal(connection.mutedMs, waitMs);
  time.ms = 20_000;
  assert.equal(records(call(fetch, FETCHED)), 1);
});

test('a fetch asks for no more than the quota gives in its windows', () => {
  const { call } = world({ consumer_byte_rate: 400 });
  const request = { maxBytes: 1_000_000 };
  assert.deepEqual(call(fetch, FETCHED, { request }).seen, { maxBytes: 4000 });
  assert.deepEqual(call(fetch, FETCHED, { request, clientId: 'other' }).seen, request);
});

test('who takes more than his share of the time waits, a window at most', () => {
  const { call, connection } = world({ request_percentage: 1 });
  const answer = { throttleTimeMs: 0, errorCode: 0 };
  assert.equal(call(heartbeat, answer, { tookMs: 50 }).answered?.throttleTimeMs, 0);
  assert.equal(call(heartbeat, answer, { tookMs: 500 }).answered?.throttleTimeMs, 1000);
  assert.equal(connection.mutedMs, 1000);
});

test('an answer that already says how long to wait keeps it, and the connection waits', () => {
  const { call, connection } = world({ controller_mutation_rate: 1 });
  assert.equal(call(heartbeat, { throttleTimeMs: 300, errorCode: 0 }).answered?.throttleTimeMs, 300);
  assert.equal(connection.mutedMs, 300);
});

test('a login is not measured', () => {
  const { call, connection } = world({ request_percentage: 0.0001 });
  call(saslHandshake, { errorCode: 0, mechanisms: [] }, { tookMs: 10_000 });
  assert.equal(connection.mutedMs, undefined);
});

test('without quotas request and answer pass as they are', () => {
  const { call } = world({});
  const request = { maxBytes: 5 };
  const { seen, answered } = call(fetch, FETCHED, { request, tookMs: 1000 });
  assert.equal(seen, request);
  assert.equal(answered, FETCHED);
});

test('changes of topics are refused while there is debt, and paid for once however often they are decided', () => {
  const { throttling, time } = world({ controller_mutation_rate: 1 });
  const client = { user: 'ANONYMOUS', clientId: 'app' };
  const first = throttling.mutations.of(client, true)!;
  first.charge('a', 15);
  first.charge('a', 15);
  assert.equal(first.throttleMs, 0);
  const second = throttling.mutations.of(client, true)!;
  assert.throws(() => second.charge('b', 1), { errorCode: ErrorCode.THROTTLING_QUOTA_EXCEEDED });
  assert.equal(second.throttleMs, 4000);
  time.ms = 4000;
  throttling.mutations.of(client, true)!.charge('b', 1);
});

test('a client that does not know the refusal may go on, and waits afterwards', () => {
  const { throttling } = world({ controller_mutation_rate: 1 });
  const quota = throttling.mutations.of({ user: 'ANONYMOUS', clientId: 'app' }, false)!;
  quota.charge('a', 15);
  assert.equal(quota.throttleMs, 4000);
  quota.charge('b', 1);
  assert.equal(quota.throttleMs, 5000);
});
