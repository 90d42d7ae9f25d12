// The main job on real data: 10,000 lines of a web site's access log in through `ottla produce`, out through
// `ottla consume`, complete, in order, byte for byte.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { repositoryRoot, runOttla, serveOttla, temporaryDirectory } from './ottla-process.ts';

const LOG = gunzipSync(readFileSync(path.join(repositoryRoot(), 'examples', 'access-log', 'web-access.log.gz')));
const LINES = 10_000;

for (const compression of ['none', 'gzip', 'snappy', 'lz4']) {
  test(`the access log goes in and comes out byte for byte (compression ${compression})`, async () => {
    const directory = temporaryDirectory();
    const broker = await serveOttla(['--data', directory.path]);
    try {
      const connection = ['--bootstrap-server', broker.bootstrapServers];
      const produced = await runOttla(
        ['produce', 'access-log', '--compression', compression, '--json', ...connection],
        {
          input: LOG,
        },
      );
      assert.equal(produced.stderr, '');
      assert.equal(produced.code, 0);
      const summary = JSON.parse(produced.stdout.toString());
      assert.equal(summary.records, LINES);
      const consumed = await runOttla(['consume', 'access-log', ...connection]);
      assert.equal(consumed.stderr, '');
      assert.equal(consumed.code, 0);
      assert.ok(consumed.stdout.equals(LOG), 'what came out differs from what went in');
    } finally {
      const end = await broker.stop();
      directory.remove();
      assert.equal(end.code, 0, end.stderr);
    }
  });
}

test('with keys and several partitions every line arrives once, in order within its key', async () => {
  const directory = temporaryDirectory();
  const broker = await serveOttla(['--data', directory.path]);
  try {
    const connection = ['--bootstrap-server', broker.bootstrapServers];
    const created = await runOttla(['topic', 'create', 'by-client', '--partitions', '4', ...connection]);
    assert.equal(created.code, 0, created.stderr);
    const produced = await runOttla(['produce', 'by-client', '--key-separator', ' ', ...connection], { input: LOG });
    assert.equal(produced.code, 0, produced.stderr);
    const consumed = await runOttla(['consume', 'by-client', '--format', '{key} {value}', ...connection]);
    assert.equal(consumed.code, 0, consumed.stderr);
    assert.deepEqual(linesByKey(consumed.stdout), linesByKey(LOG));
    const described = await runOttla(['topic', 'describe', 'by-client', '--json', ...connection]);
    const partitions = JSON.parse(described.stdout.toString())[0].partitions as { endOffset: number }[];
    assert.equal(partitions.length, 4);
    assert.ok(
      partitions.every((partition) => partition.endOffset > 0),
      'keys spread over the partitions',
    );
  } finally {
    await broker.stop();
    directory.remove();
  }
});

function linesByKey(log: Buffer): Map<string, string[]> {
  const byKey = new Map<string, string[]>();
  const lines = log.toString('latin1').split('\n').slice(0, -1);
  assert.equal(lines.length, LINES);
  for (const line of lines) {
    const key = line.slice(0, line.indexOf(' '));
    byKey.set(key, [...(byKey.get(key) ?? []), line]);
  }
  return new Map([...byKey].sort(([a], [b]) => (a < b ? -1 : 1)));
}
