// The commands that talk to a broker, as processes: topics, configs, produce and consume in their variants.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { type Finished, finished, runOttla, startOttla } from './ottla-process.ts';

let broker: RunningBroker;

before(async () => {
  broker = await startBroker();
});

after(async () => {
  await broker.close();
});

/** Runs a command against the broker; it must succeed. */
async function ottla(args: readonly string[], input?: string | Uint8Array): Promise<string> {
  const result = await attempt(args, input);
  assert.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`);
  return result.stdout.toString();
}

function attempt(args: readonly string[], input?: string | Uint8Array): Promise<Finished> {
  return runOttla(args, {
    env: { OTTLA_BOOTSTRAP: broker.bootstrapServers },
    ...(input !== undefined && { input: typeof input === 'string' ? Buffer.from(input) : input }),
  });
}

test('topics are created, listed, described, altered and deleted', async () => {
  assert.equal(
    await ottla(['topic', 'create', 'orders', '-p', '2', '-c', 'retention.ms=60000']),
    'created orders with 2 partitions\n',
  );
  const again = await attempt(['topic', 'create', 'orders']);
  assert.equal(again.code, 1);
  assert.match(
    again.stderr,
    /^ottla: topic orders was not created \(TOPIC_ALREADY_EXISTS: .*--if-not-exists accepts that\.\n$/,
  );
  assert.equal(await ottla(['topic', 'create', 'orders', '--if-not-exists']), 'orders exists\n');
  assert.match(await ottla(['topic', 'list']), /^orders$/m);
  await ottla(['produce', 'orders', '-p', '1'], 'a\nb\n');
  const [described] = JSON.parse(await ottla(['topic', 'describe', 'orders', '--json']));
  assert.deepEqual(described.configs, { 'retention.ms': '60000' });
  assert.deepEqual(
    described.partitions.map((partition: Record<string, unknown>) => [
      partition.partition,
      partition.startOffset,
      partition.endOffset,
    ]),
    [
      [0, 0, 0],
      [1, 0, 2],
    ],
  );
  assert.match(
    await ottla(['topic', 'describe', 'orders']),
    /^orders {2}id \S{22} {2}retention\.ms=60000\npartition {2}leader/,
  );
  assert.equal(await ottla(['topic', 'alter', 'orders', '-p', '3', '--unset', 'retention.ms']), 'changed orders\n');
  const [altered] = JSON.parse(await ottla(['topic', 'describe', 'orders', '--json']));
  assert.equal(altered.partitions.length, 3);
  assert.deepEqual(altered.configs, {});
  assert.equal(await ottla(['topic', 'delete', 'orders']), 'deleted orders\n');
  const gone = await attempt(['topic', 'delete', 'orders']);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /UNKNOWN_TOPIC_OR_PARTITION/);
  assert.equal(await ottla(['topic', 'delete', 'orders', '--if-exists']), 'orders does not exist\n');
});

test('configs of topics and brokers are described, set and unset', async () => {
  await ottla(['topic', 'create', 'configured']);
  assert.equal(
    await ottla(['config', 'set', 'topic', 'configured', 'retention.ms=1000', 'max.message.bytes=2000']),
    'changed topic configured\n',
  );
  const described = await ottla(['config', 'describe', 'topic', 'configured']);
  assert.match(described, /^retention\.ms +1000 +set on the topic$/m);
  assert.match(described, /^max\.message\.bytes +2000 +set on the topic$/m);
  const tooLarge = await attempt(['produce', 'configured'], `${'x'.repeat(5000)}\n`);
  assert.equal(tooLarge.code, 1);
  assert.match(tooLarge.stderr, /^ottla: line 1 was not written to configured \(MESSAGE_TOO_LARGE/);
  await ottla(['config', 'unset', 'topic', 'configured', 'retention.ms']);
  assert.doesNotMatch(await ottla(['config', 'describe', 'topic', 'configured']), /retention\.ms/);
  const wrong = await attempt(['config', 'set', 'topic', 'configured', 'retention.ms=soon']);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^ottla: the configs of topic configured were not changed \(INVALID_CONFIG: [^\n]+\n$/);
  await ottla(['config', 'set', 'broker', 'default', 'log.retention.ms=5000']);
  const all = JSON.parse(await ottla(['config', 'describe', 'broker', '1', '--json'])) as {
    name: string;
    value: string;
    source: string;
  }[];
  assert.deepEqual(
    all.filter((config) => config.name === 'log.retention.ms').map(({ value, source }) => [value, source]),
    [['5000', 'set on all brokers']],
  );
  await ottla(['config', 'unset', 'broker', 'default', 'log.retention.ms']);
});

test('any bytes go through, with a delimiter that they do not contain', async () => {
  const values = [Buffer.alloc(0), Buffer.from([0xff, 0xfe, 0x0a, 0x0d]), Buffer.from('ż\n'), Buffer.alloc(3000, 0x80)];
  const input = Buffer.concat(values.flatMap((value) => [value, Buffer.from('\0')]));
  await ottla(['produce', 'binary', '--delimiter', '\\0'], input);
  const result = await attempt(['consume', 'binary', '--delimiter', '\\0']);
  assert.ok(result.stdout.equals(input));
});

test('keys, headers, offsets and formats come out as they went in', async () => {
  await ottla(['produce', 'keyed', '-k', '\\t', '-H', 'source=test'], 'alice\ttea\nbob\tmilk\nalice\t\n');
  assert.equal(await ottla(['consume', 'keyed', '-o', 'key-value']), 'alice\ttea\nbob\tmilk\nalice\t\n');
  assert.equal(
    await ottla(['consume', 'keyed', '-o', '{partition}/{offset} {key}={value}']),
    '0/0 alice=tea\n0/1 bob=milk\n0/2 alice=\n',
  );
  const json = (await ottla(['consume', 'keyed', '--json', '-n', '1'])).trim();
  const { timestamp, ...rest } = JSON.parse(json);
  assert.deepEqual(rest, {
    topic: 'keyed',
    partition: 0,
    offset: 0,
    key: 'alice',
    value: 'tea',
    headers: [{ key: 'source', value: 'test' }],
  });
  assert.equal(typeof timestamp, 'number');
  const noKey = await attempt(['produce', 'keyed', '-k', '\\t'], 'carol\tmilk\nno key\n');
  assert.equal(noKey.code, 1);
  assert.match(noKey.stderr, /^ottla: line 2 has no key separator/);
  assert.equal(await ottla(['consume', 'keyed', '--from', 'offset:3']), 'milk\n');
});

test('reading begins and ends where it is told to', async () => {
  await ottla(['topic', 'create', 'positions']);
  await ottla(['produce', 'positions'], '0\n1\n2\n3\n4\n');
  assert.equal(await ottla(['consume', 'positions', '--from', 'offset:3']), '3\n4\n');
  assert.equal(await ottla(['consume', 'positions', '--from', 'offset:-2']), '3\n4\n');
  assert.equal(await ottla(['consume', 'positions', '--until', 'offset:2']), '0\n1\n');
  assert.equal(await ottla(['consume', 'positions', '--count', '2']), '0\n1\n');
  assert.equal(await ottla(['consume', 'positions', '--count', '0']), '');
  assert.equal(await ottla(['consume', 'positions', '--from', 'end']), '');
  assert.equal(await ottla(['consume', 'positions', '--from', 'time:-1h']), '0\n1\n2\n3\n4\n');
  assert.equal(await ottla(['consume', 'positions', '--from', 'time:2100-01-01']), '');
  const outside = await attempt(['consume', 'positions', '--from', 'offset:9']);
  assert.equal(outside.code, 1);
  assert.match(outside.stderr, /holds offsets 0 to 5, and 9 is not among them/);
  const noPartition = await attempt(['consume', 'positions', '-p', '7']);
  assert.equal(noPartition.code, 1);
  assert.match(noPartition.stderr, /has no partition 7/);
  const noTopic = await attempt(['consume', 'no-such-topic']);
  assert.equal(noTopic.code, 1);
  assert.match(noTopic.stderr, /^ottla: topic no-such-topic does not exist[^\n]*; `ottla topic list` [^\n]+\n$/);
  const noFile = await attempt(['produce', 'lines', '--file', '/nowhere/lines.txt']);
  assert.equal(noFile.code, 1);
  assert.match(
    noFile.stderr,
    /^ottla: --file \/nowhere\/lines\.txt cannot be read \(ENOENT\); name a readable file\.\n$/,
  );
});

test('following waits for new records until it is stopped', async () => {
  await ottla(['topic', 'create', 'followed']);
  const follower = startOttla(['consume', 'followed', '--follow', '--bootstrap-server', broker.bootstrapServers]);
  const end = finished(follower);
  const printed = new Promise<void>((resolve) => {
    let text = '';
    follower.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('last\n')) resolve();
    });
  });
  await ottla(['produce', 'followed'], 'first\n');
  await ottla(['produce', 'followed'], 'last\n');
  await printed;
  follower.kill('SIGINT');
  const result = await end;
  assert.deepEqual([result.code, result.stdout.toString(), result.stderr], [0, 'first\nlast\n', '']);
});

test('a reader that goes away ends the command quietly', async () => {
  await ottla(['produce', 'long'], 'x'.repeat(999).concat('\n').repeat(20_000));
  const consumer = startOttla(['consume', 'long', '--bootstrap-server', broker.bootstrapServers]);
  const end = finished(consumer);
  consumer.stdout?.once('data', () => consumer.stdout?.destroy());
  const result = await end;
  assert.deepEqual([result.code, result.signal, result.stderr], [0, null, '']);
});

test('every command explains itself, with examples where they help', async () => {
  for (const args of [
    ['--help'],
    ['help', 'serve'],
    ['produce', '--help'],
    ['consume', '--help'],
    ['topic', '--help'],
    ['topic', 'create', '--help'],
    ['config', '--help'],
  ]) {
    const help = await ottla(args);
    assert.match(help, /^Usage: ottla/);
  }
  assert.match(await ottla(['--version']), /^ottla \d+\.\d+\.\d+\n$/);
  assert.deepEqual(Object.keys(JSON.parse(await ottla(['version', '--json']))), ['ottla', 'node']);
});
