// Compaction through the command line and a real directory: a topic large enough for a thread of its own, its deletion in
// the middle of a round, and what a consumer finds afterwards, also after a restart.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { runOttla, serveOttla, temporaryDirectory } from './ottla-process.ts';

const KEYS = 1_000;
const ROUNDS = 24;
const SETTINGS = ['--set', 'log.cleaner.backoff.ms=20', '--set', 'log.segment.delete.delay.ms=0'];
const TOPIC = [
  '--config',
  'cleanup.policy=compact',
  '--config',
  'segment.bytes=1048576',
  '--config',
  'min.cleanable.dirty.ratio=0',
];

function lines(): Buffer {
  const value = 'v'.repeat(500);
  const all: string[] = [];
  for (let round = 0; round < ROUNDS; round++)
    for (let key = 0; key < KEYS; key++) all.push(`${key} ${round} ${value}`);
  return Buffer.from(`${all.join('\n')}\n`);
}

function segmentBytes(directory: string): number {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .reduce((sum, name) => sum + (statSync(path.join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Waits for what another process does; the test's own time limit is the deadline. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function consumed(connection: string[], topic: string): Promise<Map<string, string[]>> {
  const { stdout, code, stderr } = await runOttla(['consume', topic, '--format', '{key} {value}', ...connection]);
  assert.equal(code, 0, stderr);
  const byKey = new Map<string, string[]>();
  for (const line of stdout.toString().trim().split('\n')) {
    const [key, round] = line.split(' ') as [string, string];
    byKey.set(key, [...(byKey.get(key) ?? []), round]);
  }
  return byKey;
}

test('a large topic is compacted to the newest record of each key, and stays so', { timeout: 120_000 }, async () => {
  const directory = temporaryDirectory();
  let broker = await serveOttla(['--data', directory.path, ...SETTINGS]);
  try {
    let connection = ['--bootstrap-server', broker.bootstrapServers];
    for (const topic of ['kept', 'deleted']) {
      const created = await runOttla(['topic', 'create', topic, ...TOPIC, ...connection]);
      assert.equal(created.code, 0, created.stderr);
      const produced = await runOttla(['produce', topic, '--key-separator', ' ', ...connection], { input: lines() });
      assert.equal(produced.code, 0, produced.stderr);
    }
    const deleted = await runOttla(['topic', 'delete', 'deleted', ...connection]);
    assert.equal(deleted.code, 0, deleted.stderr);
    await until(() => segmentBytes(path.join(directory.path, 'kept-0')) < 4_000_000);
    await until(() => !readdirSync(directory.path).includes('deleted-0'));
    for (let life = 0; life < 2; life++) {
      const byKey = await consumed(connection, 'kept');
      assert.equal(byKey.size, KEYS);
      for (const [key, rounds] of byKey) assert.equal(rounds.at(-1), String(ROUNDS - 1), `the newest of ${key}`);
      if (life === 1) break;
      const end = await broker.stop();
      assert.equal(end.code, 0, end.stderr);
      assert.doesNotMatch(end.stderr, /compact/);
      broker = await serveOttla(['--data', directory.path, ...SETTINGS]);
      connection = ['--bootstrap-server', broker.bootstrapServers];
    }
  } finally {
    const end = await broker.stop();
    directory.remove();
    assert.equal(end.code, 0, end.stderr);
  }
});
