// `ottla serve --testing`: everything of the test broker over HTTP.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectClient } from '../../src/client/client.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { finished, runOttla, startOttla } from '../integration/ottla-process.ts';
import { send } from './clients.ts';

interface Answer {
  readonly status: number;
  // What comes is JSON of many shapes.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly body: any;
}

type Ask = (method: string, path: string, body?: unknown) => Promise<Answer>;

async function withControl(args: readonly string[], work: (ask: Ask, bootstrap: string, url: string) => Promise<void>) {
  const child = startOttla(['serve', '--testing', '--port', '0', '--json', ...args]);
  const end = finished(child);
  try {
    const line = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.stdout?.on('data', (chunk) => {
        text += chunk;
        if (text.includes('\n')) resolve(text);
      });
      void end.then(({ stderr }) => reject(new Error(`it ended: ${stderr}`)));
    });
    const { ready, control } = JSON.parse(line) as { ready: string; control: string };
    await work(askOf(control), ready, control);
  } finally {
    child.kill('SIGTERM');
  }
  const { code, stderr } = await end;
  assert.equal(code, 0, stderr);
}

function askOf(url: string): Ask {
  return async (method, path, body) => {
    const answer = await fetch(`${url}${path}`, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true;
    return { status: answer.status, body: isJson ? JSON.parse(text) : text };
  };
}

async function sendTo(bootstrap: string, values: readonly string[]): Promise<void> {
  const client = await connectClient(nodeRuntime(), bootstrap, { clientId: 'app', retryBackoffMs: 10 });
  await client.refreshMetadata(['orders'], true);
  await send(client, 'orders', values);
  client.close();
}

test('clock, faults, journal, records and expectations are there over HTTP', async () => {
  await withControl([], async (ask, bootstrap) => {
    const status = await ask('GET', '/');
    assert.equal(status.body.bootstrapServers, bootstrap);
    const before = status.body.clock.nowMs;
    const later = await ask('POST', '/clock/advance', { by: '1 day' });
    assert.ok(later.body.nowMs - before >= 86_400_000);
    assert.equal((await ask('POST', '/clock/freeze')).body.frozen, true);
    assert.equal((await ask('POST', '/clock/resume')).body.frozen, false);

    const fault = { api: 'Produce', action: { error: 'NOT_ENOUGH_REPLICAS' } };
    const { id } = (await ask('POST', '/faults', fault)).body;
    assert.equal((await ask('GET', '/faults')).body.faults.length, 1);
    await sendTo(bootstrap, ['{"id":1}', 'plain']);
    assert.equal((await ask('POST', `/faults/${id}/struck`, {})).body.strikes, 1);
    assert.equal((await ask('GET', `/faults/${id}`)).body.strikes, 1);
    assert.equal((await ask('DELETE', '/faults')).status, 200);

    const produced = (await ask('GET', '/journal?api=Produce&topic=orders')).body;
    assert.equal(produced.entries.length, 3);
    assert.deepEqual(produced.entries[0].topics, { orders: [0] });
    assert.match(
      (await ask('GET', '/journal?format=text&api=Produce')).body,
      /\{error NOT_ENOUGH_REPLICAS\}: answered/,
    );
    assert.equal((await ask('POST', '/idle', {})).status, 200);

    const { records } = (await ask('GET', '/topics/orders/records?last=1')).body;
    assert.equal(records[0].value, 'plain');
    assert.equal(records[0].valueBase64, Buffer.from('plain').toString('base64'));
    const expected = { records: [{ value: { id: 1 } }, { value: { $matches: '^pl' } }], inOrder: true };
    assert.equal((await ask('POST', '/topics/orders/expect', expected)).status, 200);
    const missing = await ask('POST', '/topics/orders/expect', { records: [{ value: 'x' }], timeoutMs: 0 });
    assert.equal(missing.status, 409);
    assert.match(missing.body.message, /has not received/);
    assert.equal((await ask('POST', '/topics/orders/expect-not', { record: { value: 'plain' } })).status, 409);
    const late = await ask('POST', '/groups/billing/caught-up', { timeoutMs: 0 });
    assert.deepEqual([late.status, late.body.error], [409, 'WaitTimeout']);
    const verdict = (await ask('POST', '/exactly-once', { input: 'orders', output: 'orders' })).body;
    assert.equal(verdict.exactlyOnce, true, JSON.stringify(verdict));
    assert.match(verdict.text, /^exactly once/);
    await ask('DELETE', '/journal');
    assert.equal((await ask('GET', '/journal')).body.count, 0);
  });
});

test('brokers, snapshots, forks and crashes are there over HTTP', async () => {
  await withControl(['--brokers', '2'], async (ask, bootstrap) => {
    await sendTo(bootstrap, ['a']);
    const { snapshot } = (await ask('POST', '/snapshots')).body;
    await sendTo(bootstrap, ['b']);
    const restored = (await ask('POST', '/brokers', { snapshot })).body;
    const fork = (await ask('POST', '/brokers', { fork: 0 })).body;
    const fresh = (await ask('POST', '/brokers', { brokers: 1 })).body;
    const values = async (base: string) =>
      (await ask('GET', `${base}/topics/orders/records`)).body.records.map(({ value }: { value: string }) => value);
    assert.deepEqual(await values(`/brokers/${restored.id}`), ['a']);
    assert.deepEqual(await values(`/brokers/${fork.id}`), ['a', 'b']);
    assert.deepEqual(await values(`/brokers/${fresh.id}`), []);
    assert.equal((await ask('GET', '/brokers')).body.brokers.length, 4);
    assert.equal((await ask('DELETE', `/brokers/${fork.id}`)).status, 200);
    assert.equal((await ask('GET', `/brokers/${fork.id}`)).status, 404);

    assert.equal((await ask('POST', '/crash')).body.running, false);
    assert.equal((await ask('POST', '/start')).body.running, true);
    assert.equal((await ask('POST', '/restart')).body.running, true);
    assert.deepEqual(await values(''), ['a', 'b']);
    const { leader } = (await ask('GET', '/leaders/orders/0')).body;
    assert.notEqual((await ask('POST', '/leaders/orders/0')).body.leader, leader);
    assert.equal(typeof (await ask('POST', '/coordinators/group/billing')).body.coordinator, 'number');
    assert.equal((await ask('POST', '/coordinators/group/billing/load', { for: '1s' })).status, 200);
  });
});

test('what makes no sense is answered with a sentence, and strangers with 403', async () => {
  await withControl([], async (ask, _bootstrap, url) => {
    for (const [method, path, body, status, message] of [
      ['POST', '/clock/advance', { by: 'a while' }, 400, /is no duration/],
      ['POST', '/faults', { action: {} }, 400, /is one of/],
      ['POST', '/brokers', { durabilty: 'os' }, 400, /has no option durabilty/],
      ['GET', '/nothing', undefined, 404, /no GET \/nothing/],
      ['GET', '/brokers/77/journal', undefined, 404, /no broker 77/],
      ['DELETE', '/brokers/0', undefined, 400, /closed with the process/],
    ] as const) {
      const answer = await ask(method, path, body);
      assert.equal(answer.status, status, path);
      assert.match(answer.body.message, message);
    }
    const page = await fetch(`${url}/crash`, { method: 'POST', headers: { origin: 'http://example.org' } });
    assert.equal(page.status, 403);
  });
  const refused = await runOttla(['serve', '--testing', '--data', 'here']);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /keeps everything in memory/);
  assert.equal((await runOttla(['serve', '--control-port', '1'])).code, 2);
});
