// `ottla check` and `ottla inspect` over a data directory that a broker has filled: what is flipped, cut or removed is named, with
// the offsets that are lost; what can be made again is; and after a repair the broker serves everything else.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createTopic } from '../../src/client/admin.ts';
import { connectClient } from '../../src/client/client.ts';
import { TransactionalProducer } from '../../src/client/transactional-producer.ts';
import { startBroker } from '../../src/index.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { type Finished, runOttla, temporaryDirectory } from './ottla-process.ts';

const LINES = 4_000;
const original = temporaryDirectory();
const copies: { remove(): void }[] = [];

before(async () => {
  const broker = await startBroker({ data: original.path });
  const env = { OTTLA_BOOTSTRAP: broker.bootstrapServers };
  const client = await connectClient(nodeRuntime(), broker.bootstrapServers);
  const configs = { 'segment.bytes': String(1024 * 1024) };
  await createTopic(client, { name: 'lines', partitions: 1, configs });
  await createTopic(client, { name: 'payments', partitions: 1 });
  const lines = Array.from({ length: LINES }, (_, i) => `${i} ${'x'.repeat(600)}`).join('\n');
  assert.equal((await runOttla(['produce', 'lines'], { env, input: Buffer.from(lines) })).code, 0);
  const producer = new TransactionalProducer(client, 'payer');
  await produceTransactions(producer);
  await client.close();
  await broker.close();
});

after(() => {
  original.remove();
  for (const copy of copies) copy.remove();
});

async function produceTransactions(producer: TransactionalProducer): Promise<void> {
  await producer.init();
  for (let i = 0; i < 6; i++) {
    producer.begin();
    await producer.send({ topic: 'payments', partition: 0, value: Buffer.from(`payment ${i}`) });
    if (i % 2 === 0) await producer.abort();
    else await producer.commit();
  }
  await producer.close();
}

function copy(): string {
  const directory = temporaryDirectory();
  copies.push(directory);
  cpSync(original.path, directory.path, { recursive: true });
  return directory.path;
}

function check(data: string, ...args: string[]): Promise<Finished> {
  return runOttla(['check', '--data', data, ...args]);
}

function flip(file: string, position: number): void {
  const bytes = readFileSync(file);
  bytes[position]! ^= 4;
  writeFileSync(file, bytes);
}

function firstSegment(data: string, suffix = 'log'): string {
  return path.join(data, 'lines-0', `${'0'.repeat(20)}.${suffix}`);
}

async function consumed(data: string): Promise<string[]> {
  const broker = await startBroker({ data });
  try {
    const args = ['consume', 'lines'];
    const { stdout, stderr, code } = await runOttla(args, { env: { OTTLA_BOOTSTRAP: broker.bootstrapServers } });
    assert.equal(code, 0, stderr);
    return stdout.toString().trim().split('\n');
  } finally {
    await broker.close();
  }
}

test('a directory in order is called so', async () => {
  const { code, stdout, stderr } = await check(original.path);
  assert.equal(code, 0, `${stdout}${stderr}`);
  assert.match(stdout.toString(), /nothing is damaged\.\n$/);
});

test('a flipped bit in a segment is named with its offsets; after the repair everything else is served', async () => {
  const data = copy();
  flip(firstSegment(data), 300_000);
  const { code, stdout, stderr } = await check(data, '--json');
  assert.equal(code, 1);
  assert.match(stderr, /^ottla: 1 place in .* is damaged; nothing was changed\.\n$/);
  const [finding] = JSON.parse(stdout.toString()).findings;
  assert.equal(finding.kind, 'lost');
  assert.equal(finding.file, firstSegment(data));
  assert.equal(finding.what, 'its CRC is wrong');
  const [from, to] = finding.offsets;
  assert.ok(finding.position <= 300_000 && from < to && to < LINES);

  assert.equal((await check(data, '--repair')).code, 0);
  assert.equal((await check(data)).code, 0, 'there is nothing left to repair');
  const values = await consumed(data);
  const numbers = values.map((line) => Number(line.split(' ')[0]));
  const expected = Array.from({ length: LINES }, (_, i) => i).filter((i) => i < from || i >= to);
  assert.deepEqual(numbers, expected);
});

test('a segment that was overwritten in the middle, headers and all, loses only what was there', async () => {
  const data = copy();
  const file = firstSegment(data);
  const bytes = readFileSync(file);
  bytes.fill(0xee, 200_000, 420_000);
  writeFileSync(file, bytes);
  const { stdout } = await check(data, '--json');
  const { findings } = JSON.parse(stdout.toString());
  assert.equal(findings.length, 1);
  assert.equal((await check(data, '--repair')).code, 0);
  const [from, to] = findings[0].offsets;
  assert.equal((await consumed(data)).length, LINES - (to - from));
});

test('a consumer of damaged records is told so, and gets no byte of them', async () => {
  const data = copy();
  flip(firstSegment(data), 300_000);
  const broker = await startBroker({ data });
  try {
    const args = ['consume', 'lines'];
    const { stdout, stderr, code } = await runOttla(args, { env: { OTTLA_BOOTSTRAP: broker.bootstrapServers } });
    assert.equal(code, 1);
    assert.match(stderr, /^ottla: cannot fetch lines-0 at \d+; stop the broker and run `ottla check`/);
    for (const line of stdout.toString().trim().split('\n')) assert.match(line, /^(\d+ x{600})?$/);
  } finally {
    await broker.close();
  }
});

test('damaged indexes are found, and made again', async () => {
  const data = copy();
  flip(firstSegment(data, 'index'), 3);
  flip(firstSegment(data, 'timeindex'), 7);
  const { code, stdout } = await check(data);
  assert.equal(code, 1);
  assert.match(stdout.toString(), /0\.index .*an entry names a batch that is not there/);
  assert.match(stdout.toString(), /0\.timeindex /);
  assert.equal((await check(data, '--repair')).code, 0);
  assert.equal((await consumed(data)).length, LINES);
  assert.equal((await check(data)).code, 0);
});

test('a file of aborted transactions that is missing or wrong is made again from the markers', async () => {
  for (const harm of ['remove', 'flip', 'cut']) {
    const data = copy();
    const directory = path.join(data, 'payments-0');
    const name = readdirSync(directory).find((each) => each.endsWith('.txnindex'));
    assert.ok(name !== undefined);
    const file = path.join(directory, name);
    const before = readFileSync(file);
    assert.ok(before.length >= 2 * 34);
    if (harm === 'remove') rmSync(file);
    else if (harm === 'flip') flip(file, 8);
    else truncateSync(file, before.length - 34);
    const { code, stdout } = await check(data);
    assert.equal(code, 1, harm);
    assert.match(stdout.toString(), /\.txnindex/, harm);
    assert.equal((await check(data, '--repair')).code, 0, harm);
    assert.ok(readFileSync(file).equals(before), harm);
  }
});

test('without any index a start makes the files of aborted transactions again', async () => {
  const data = copy();
  const directory = path.join(data, 'payments-0');
  const indexes = readdirSync(directory).filter((each) => each.endsWith('index'));
  const name = indexes.find((each) => each.endsWith('.txnindex'));
  assert.ok(name !== undefined);
  const before = readFileSync(path.join(directory, name));
  for (const each of indexes) rmSync(path.join(directory, each));
  const broker = await startBroker({ data });
  try {
    const args = ['consume', 'payments', '--read-committed'];
    const { stdout } = await runOttla(args, { env: { OTTLA_BOOTSTRAP: broker.bootstrapServers } });
    assert.deepEqual(stdout.toString().trim().split('\n'), ['payment 1', 'payment 3', 'payment 5']);
  } finally {
    await broker.close();
  }
  assert.ok(readFileSync(path.join(directory, name)).equals(before));
});

test('where the oldest segment was removed, the log begins with the next one', async () => {
  const data = copy();
  const directory = path.join(data, 'lines-0');
  const oldest = path.basename(firstSegment(data), '.log');
  for (const each of readdirSync(directory)) if (each.startsWith(oldest)) rmSync(path.join(directory, each));
  const next = readdirSync(directory)
    .filter((each) => each.endsWith('.log'))
    .sort()[0];
  const from = Number.parseInt(next as string, 10);
  const broker = await startBroker({ data });
  try {
    const env = { OTTLA_BOOTSTRAP: broker.bootstrapServers };
    // The first read finds out; whoever reads from then on is told where the log begins.
    await runOttla(['consume', 'lines', '--count', '1'], { env });
    const { stdout, stderr, code } = await runOttla(['consume', 'lines'], { env });
    assert.equal(code, 0, stderr);
    const lines = stdout.toString().trim().split('\n');
    assert.ok(from > 0);
    assert.equal(lines[0]?.split(' ')[0], String(from));
    assert.equal(lines.length, LINES - from);
  } finally {
    await broker.close();
  }
});

test('damaged metadata is named', async () => {
  const data = copy();
  const directory = path.join(data, 'metadata');
  const name = readdirSync(directory).filter((each) => /^\d+\.json$/.test(each))[1] as string;
  flip(path.join(directory, name), 60);
  const { code, stdout } = await check(data);
  assert.equal(code, 1);
  assert.match(stdout.toString(), new RegExp(`metadata/${name}`));
});

test('a directory in use is refused, one that is none is told apart', async () => {
  const data = copy();
  const broker = await startBroker({ data });
  try {
    const inUse = await check(data);
    assert.equal(inUse.code, 1);
    assert.match(inUse.stderr, /is in use by a running broker/);
  } finally {
    await broker.close();
  }
  const none = await check(path.join(data, 'lines-0'));
  assert.match(none.stderr, /is no data directory of Ottla/);
});

test('inspect shows batches, blocks, the checkpoint and the metadata', async () => {
  const log = await runOttla(['inspect', 'log', firstSegment(original.path), '--json']);
  const rows = log.stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual([rows[0].position, rows[0].first, rows[0].epoch], [0, 0, 0]);
  for (let i = 1; i < rows.length; i++) assert.equal(rows[i].first, rows[i - 1].last + 1);
  const data = ['--data', original.path];
  const checkpoint = await runOttla(['inspect', 'checkpoint', ...data]);
  assert.match(checkpoint.stdout.toString(), /a clean stop.*\npartition /);
  assert.match(checkpoint.stdout.toString(), /lines-0 +0 +4,000 +4,000/);
  const wal = await runOttla(['inspect', 'wal', ...data]);
  assert.equal(wal.code, 0, wal.stderr);
  assert.match(wal.stdout.toString(), /^block +file/);
  const metadata = await runOttla(['inspect', 'metadata', ...data]);
  assert.match(metadata.stdout.toString(), /commit .* cluster-created\n/);
});
