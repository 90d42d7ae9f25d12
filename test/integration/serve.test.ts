// `ottla serve` as a process: its start, its stops, and everything that can be wrong when it begins.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { finished, repositoryRoot, runOttla, serveOttla, startOttla, temporaryDirectory } from './ottla-process.ts';

const LINES = Array.from({ length: 5_000 }, (_, index) => `line ${index}\n`).join('');

test('SIGTERM stops it cleanly, and the next start serves the same data', async () => {
  const directory = temporaryDirectory();
  try {
    for (let round = 1; round <= 3; round++) {
      const broker = await serveOttla(['--data', directory.path]);
      assert.match(broker.readyLine, /^ottla ready on 127\.0\.0\.1:\d+ \(data .+, [\d.]+ m?s\)$/);
      const connection = ['--bootstrap-server', broker.bootstrapServers];
      const produced = await runOttla(['produce', 'lines', ...connection], { input: Buffer.from(LINES) });
      assert.equal(produced.code, 0, produced.stderr);
      const consumed = await runOttla(['consume', 'lines', ...connection]);
      assert.equal(consumed.stdout.toString(), LINES.repeat(round));
      const end = await broker.stop('SIGTERM');
      assert.deepEqual([end.code, end.signal, end.stderr], [0, null, '']);
    }
  } finally {
    directory.remove();
  }
});

test('a SIGTERM in the middle of a long produce loses nothing that was acknowledged', async () => {
  const directory = temporaryDirectory();
  try {
    const broker = await serveOttla(['--data', directory.path]);
    const producer = startOttla(['produce', 'lines', '--json', '--bootstrap-server', broker.bootstrapServers]);
    const end = finished(producer);
    producer.stdin?.on('error', () => {});
    for (let part = 0; part < 4; part++) producer.stdin?.write(LINES);
    // Something has arrived when a reader finds a record.
    let seen = '';
    while (seen === '') {
      const probe = await runOttla(['consume', 'lines', '--count', '1', '--bootstrap-server', broker.bootstrapServers]);
      seen = probe.stdout.toString();
    }
    producer.kill('SIGTERM');
    await broker.stop('SIGTERM');
    const summary = JSON.parse((await end).stdout.toString() || '{"records":0}') as { records: number };
    const again = await serveOttla(['--data', directory.path]);
    const consumed = await runOttla(['consume', 'lines', '--bootstrap-server', again.bootstrapServers]);
    await again.stop();
    const lines = consumed.stdout.toString();
    assert.ok(lines.split('\n').length - 1 >= summary.records, 'fewer records than were acknowledged');
    assert.ok(LINES.repeat(4).startsWith(lines), 'what is there is not the beginning of what was sent');
  } finally {
    directory.remove();
  }
});

test('a second process over the same directory is refused in one sentence', async () => {
  const directory = temporaryDirectory();
  const broker = await serveOttla(['--data', directory.path]);
  try {
    const second = await runOttla(['serve', '--port', '0', '--data', directory.path]);
    assert.equal(second.code, 1);
    assert.equal(second.stdout.toString(), '');
    assert.match(second.stderr, /^ottla: .*in use.*\n$/);
  } finally {
    await broker.stop();
    directory.remove();
  }
});

test('a data directory that was moved, after a kill as after a clean stop, opens in its new place with everything', async () => {
  const directory = temporaryDirectory();
  // So long that the second one goes to a segment at once, and the write-ahead log then tells only the place.
  const line = `${'long '.repeat(80_000)}\n`;
  let written = '';
  let data = path.join(directory.path, 'first');
  try {
    for (const [round, signal] of (['SIGKILL', 'SIGTERM', 'SIGTERM'] as const).entries()) {
      const broker = await serveOttla(['--data', data]);
      const connection = ['--bootstrap-server', broker.bootstrapServers];
      if (round > 0) {
        const consumed = await runOttla(['consume', 'lines', ...connection]);
        assert.ok(consumed.stdout.equals(Buffer.from(written)), `round ${round}`);
      }
      for (const input of round < 2 ? [line, line, LINES] : []) {
        const produced = await runOttla(['produce', 'lines', ...connection], { input: Buffer.from(input) });
        assert.equal(produced.code, 0, produced.stderr);
        written += input;
      }
      await broker.stop(signal);
      const next = path.join(directory.path, `place${round}`, 'deeper');
      mkdirSync(path.dirname(next));
      renameSync(data, next);
      data = next;
    }
    assert.equal(readdirSync(directory.path).includes('first'), false, 'nothing was made where it was');
  } finally {
    directory.remove();
  }
});

test('a data directory of a newer format, and one that is no directory, are refused in one sentence', async () => {
  const directory = temporaryDirectory();
  try {
    const data = path.join(directory.path, 'data');
    await (await serveOttla(['--data', data])).stop();
    const commits = path.join(data, 'metadata');
    for (const name of readdirSync(commits)) {
      const file = path.join(commits, name);
      writeFileSync(file, readFileSync(file, 'utf8').replace('"format":1', '"format":99'));
    }
    const newer = await runOttla(['serve', '--port', '0', '--data', data]);
    assert.equal(newer.code, 1);
    assert.match(newer.stderr, /^ottla: [^\n]*newer[^\n]*\n$/);
    writeFileSync(path.join(directory.path, 'file'), 'not a directory');
    const file = await runOttla(['serve', '--port', '0', '--data', path.join(directory.path, 'file')]);
    assert.equal(file.code, 1);
    assert.match(file.stderr, /^ottla: [^\n]*\/file[^\n]*\n$/);
  } finally {
    directory.remove();
  }
});

test('a port in use is refused in one sentence that names it', async () => {
  const directory = temporaryDirectory();
  const broker = await serveOttla(['--data', path.join(directory.path, 'a')]);
  try {
    const second = await runOttla(['serve', '--port', String(broker.port), '--data', path.join(directory.path, 'b')]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, new RegExp(`^ottla: .*${broker.port}.*--port.*\n$`));
  } finally {
    await broker.stop();
    directory.remove();
  }
});

test('settings come from a properties file, and --set is stronger', async () => {
  const directory = temporaryDirectory();
  const file = path.join(directory.path, 'server.properties');
  writeFileSync(file, 'num.partitions=3\nauto.create.topics.enable=true\n');
  const broker = await serveOttla([
    '--data',
    path.join(directory.path, 'd'),
    '--config',
    file,
    '--set',
    'num.partitions=5',
  ]);
  try {
    const connection = ['--bootstrap-server', broker.bootstrapServers];
    const created = await runOttla(['topic', 'create', 'five', ...connection]);
    assert.equal(created.stdout.toString(), 'created five with 5 partitions\n');
  } finally {
    await broker.stop();
    directory.remove();
  }
});

test('a wrong setting, a missing file and a wrong argument each get one sentence and their exit code', async () => {
  const cases: [string[], number, RegExp][] = [
    [['serve', '--set', 'num.partition=3'], 1, /did you mean num\.partitions\?/],
    [['serve', '--set', 'num.partitions=many'], 1, /num\.partitions/],
    [['serve', '--config', '/does/not/exist.properties'], 1, /cannot be read \(ENOENT\)/],
    [['serve', '--port', '70000'], 2, /whole number from 0 to 65535/],
    [['serve', '--durability', 'perhaps'], 2, /fsync, os, memory/],
    [['serve', '--set', 'novalue'], 2, /name=value/],
    [['serev'], 2, /unknown command 'serev'/],
    [['topic', 'creat', 'x'], 2, /unknown command 'creat'/],
    [['consume'], 2, /missing required argument 'topic'/],
    [['consume', 'x', '--from', 'somewhere'], 2, /is not a position/],
    [['topic', 'list', '--bootstrap-server', '127.0.0.1:1'], 1, /no broker answers at 127\.0\.0\.1:1/],
    [['topic', 'list', '--bootstrap-server', 'nonsense:port'], 1, /is not a bootstrap server/],
  ];
  for (const [args, code, sentence] of cases) {
    const result = await runOttla(args);
    assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, sentence);
    assert.match(result.stderr, /^ottla: [^\n]+[.?]\n$/, args.join(' '));
    assert.equal(result.stdout.toString(), '');
  }
});

test('bin/ottla in the clone is the same command', async () => {
  const command = path.join(repositoryRoot(), 'bin', 'ottla');
  const result = await finished(spawn(process.execPath, [command, 'version'], { stdio: ['ignore', 'pipe', 'pipe'] }));
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout.toString(), /^ottla \d+\.\d+\.\d+\n$/);
});
