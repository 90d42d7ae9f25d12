// Consumer groups through a whole broker: members that share the work, come and go, and find their offsets again after
// the broker was stopped or killed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTopic } from '../../src/client/admin.ts';
import { type Client, connectClient } from '../../src/client/client.ts';
import { groupCoordinator } from '../../src/client/coordinators.ts';
import { GroupConsumer } from '../../src/client/group-consumer.ts';
import { commitOffsets, committedOffsets } from '../../src/client/groups.ts';
import { Producer } from '../../src/client/producer.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { heartbeat } from '../../src/protocol/messages/heartbeat.ts';
import { joinGroup } from '../../src/protocol/messages/join-group.ts';
import { syncGroup } from '../../src/protocol/messages/sync-group.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { finished, runOttla, serveOttla, startOttla, temporaryDirectory } from './ottla-process.ts';

const NO_DELAY = { 'group.initial.rebalance.delay.ms': 0 };

// The runtime's timers do not keep a process alive; while something waits for one, this does.
const alive = setInterval(() => {}, 60_000);
after(() => clearInterval(alive));

async function clientOf(bootstrapServers: string): Promise<Client> {
  return connectClient(nodeRuntime({ writeLogLine: () => {} }), bootstrapServers, { clientId: 'groups-test' });
}

/** Values `<from>` … `<to − 1>`, spread over the partitions by key. */
async function write(client: Client, topic: string, from: number, to: number): Promise<void> {
  const producer = new Producer(client);
  for (let i = from; i < to; i++) producer.add({ topic, key: `k${i}`, value: String(i) });
  await producer.flush();
  await producer.close();
}

/** Reads until all of the values were seen, checking order within partitions; every record is done at once. */
class Reader {
  readonly consumer: GroupConsumer;
  readonly values: number[] = [];
  readonly #next = new Map<number, number>();

  constructor(client: Client, groupId: string, topic: string) {
    this.consumer = new GroupConsumer(client, { groupId, topics: [topic], maxWaitMs: 50, commitIntervalMs: 100 });
  }

  async poll(): Promise<void> {
    for (const { topic, partition, records, nextOffset } of await this.consumer.poll()) {
      for (const record of records) {
        assert.ok(record.offset >= (this.#next.get(partition) ?? 0), 'in order');
        this.#next.set(partition, record.offset + 1);
        this.values.push(Number(record.value));
      }
      this.consumer.done(topic, partition, nextOffset);
    }
  }
}

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('groups in a broker', () => {
  let broker: RunningBroker;
  let client: Client;

  before(async () => {
    broker = await startBroker({
      settings: {
        'ottla.released.memory.poison': true,
        ...NO_DELAY,
        'group.consumer.min.heartbeat.interval.ms': 50,
        'group.consumer.heartbeat.interval.ms': 50,
      },
    });
    client = await clientOf(broker.bootstrapServers);
  });

  after(async () => {
    client.close();
    await broker.close();
  });

  test('two members share a topic, each record is read once, and who stays takes all', async () => {
    await createTopic(client, { name: 'shared', partitions: 4 });
    const first = new Reader(client, 'workers', 'shared');
    const second = new Reader(client, 'workers', 'shared');
    await write(client, 'shared', 0, 200);
    while (first.values.length < 200) await first.poll();
    while (second.consumer.assignment.length < 2 || first.consumer.assignment.length > 2) {
      await first.poll();
      await second.poll();
    }
    await write(client, 'shared', 200, 400);
    while (first.values.length + second.values.length < 400) {
      await first.poll();
      await second.poll();
    }
    await first.consumer.close();
    await write(client, 'shared', 400, 500);
    while (first.values.length + second.values.length < 500) await second.poll();
    await second.consumer.close();
    assert.deepEqual(sorted([...first.values, ...second.values]), range(0, 500));
    const [committed] = await committedOffsets(client, 'workers', null);
    assert.equal(
      [...committed!.offsets.values()].reduce((sum, offset) => sum + offset, 0),
      500,
    );
  });

  test('the command line reads as a member, leaves at once when it is stopped, and shows and moves the group', async () => {
    await createTopic(client, { name: 'lines', partitions: 2 });
    await write(client, 'lines', 0, 20);
    const env = { OTTLA_BOOTSTRAP: broker.bootstrapServers };
    const ottla = async (...args: string[]) => {
      const result = await runOttla(args, { env });
      assert.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`);
      return result.stdout.toString();
    };
    const child = startOttla(['consume', 'lines', '--group', 'cli', '--follow'], { env });
    let lines = '';
    await new Promise<void>((resolve) => {
      child.stdout!.on('data', (chunk: Buffer) => {
        lines += chunk.toString();
        if (lines.split('\n').length === 21) resolve();
      });
    });
    const [busy] = JSON.parse(await ottla('group', 'describe', 'cli', '--json'));
    assert.deepEqual([busy.type, busy.state, busy.members.length], ['consumer', 'Stable', 1]);
    assert.deepEqual(busy.members[0].assignment, [{ topic: 'lines', partitions: [0, 1] }]);
    const refused = await runOttla(['group', 'reset', 'cli', '-t', 'lines', '--to-earliest', '--execute'], { env });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^ottla: group cli is in use \(Stable\)/);
    const inUse = await runOttla(['group', 'delete', 'cli'], { env });
    assert.match(inUse.stderr, /NON_EMPTY_GROUP/);
    const end = finished(child);
    child.kill('SIGINT');
    assert.equal((await end).code, 0);

    const [idle] = JSON.parse(await ottla('group', 'describe', 'cli', '--json'));
    assert.deepEqual([idle.state, idle.members.length], ['Empty', 0]);
    assert.deepEqual(
      idle.partitions.map((each: Record<string, unknown>) => [each.partition, each.lag]),
      [
        [0, 0],
        [1, 0],
      ],
    );
    assert.match(await ottla('group', 'list'), /^cli$/m);
    assert.equal(await ottla('consume', 'lines', '--group', 'cli', '--count', '0'), '');
    const dry = await runOttla(['group', 'reset', 'cli', '--all-topics', '--to-offset', '1'], { env });
    assert.match(dry.stderr, /nothing was changed; add --execute/);
    assert.match(await ottla('group', 'describe', 'cli'), /^topic +partition +committed +end +lag +member$/m);
    const [unmoved] = JSON.parse(await ottla('group', 'describe', 'cli', '--json'));
    assert.deepEqual(unmoved.partitions, idle.partitions);
    await ottla('group', 'reset', 'cli', '--all-topics', '--shift-by', '-3', '--execute');
    const again = await ottla('consume', 'lines', '--group', 'cli');
    assert.equal(again.split('\n').length - 1, 6);
    assert.equal(await ottla('group', 'delete', 'cli'), 'deleted cli\n');
    const gone = await runOttla(['group', 'describe', 'cli'], { env });
    assert.match(
      gone.stderr,
      /^ottla: group cli does not exist: GROUP_ID_NOT_FOUND; `ottla group list` shows what there is\./,
    );
  });
});

test('offsets and members are there again after a stop and after a kill', async () => {
  const directory = temporaryDirectory();
  const args = ['--data', directory.path, '--set', 'group.initial.rebalance.delay.ms=0'];
  try {
    let member = { memberId: '', generationId: -1 };
    const kinds = ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const;
    for (const [round, signal] of kinds.entries()) {
      const served = await serveOttla(args);
      const client = await clientOf(served.bootstrapServers);
      if (round === 0) {
        await createTopic(client, { name: 'kept', partitions: 2 });
        member = await joinAlone(client, 'classic', 'kept');
      } else {
        const nodeId = await groupCoordinator(client, 'classic');
        const beat = await client.request(heartbeat, { groupId: 'classic', ...member }, { nodeId });
        assert.equal(beat.errorCode, 0, 'the member is still one');
        const [offsets] = await committedOffsets(client, 'simple', null);
        assert.deepEqual(offsets, {
          topic: 'kept',
          offsets: new Map([
            [0, round],
            [1, 10 * round],
          ]),
        });
      }
      const offsets = new Map([
        [0, round + 1],
        [1, 10 * (round + 1)],
      ]);
      await commitOffsets(client, 'simple', [{ topic: 'kept', offsets }]);
      // In the middle of a rebalance: somebody waits for the member to join again.
      const waiting = signal === 'SIGKILL' ? joinAlone(client, 'classic', 'kept').catch(() => {}) : undefined;
      if (waiting !== undefined) await commitOffsets(client, 'other', [{ topic: 'kept', offsets }]);
      await served.stop(signal);
      client.close();
      await waiting;
    }
  } finally {
    directory.remove();
  }
});

/** Joins with the classic protocol, as a member of a group of its own, and stays. */
async function joinAlone(
  client: Client,
  groupId: string,
  topic: string,
): Promise<{ memberId: string; generationId: number }> {
  const nodeId = await groupCoordinator(client, groupId);
  const metadata = Buffer.concat([
    Buffer.from([0, 0, 0, 0, 0, 1, 0, topic.length]),
    Buffer.from(topic),
    Buffer.alloc(4, 0xff),
  ]);
  const joined = await client.request(
    joinGroup,
    {
      groupId,
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 60_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata }],
    },
    { nodeId, maxVersion: 3, lane: 'join' },
  );
  assert.equal(joined.errorCode, 0);
  const { memberId, generationId } = joined;
  const assignments = [{ memberId, assignment: Buffer.alloc(0) }];
  const synced = await client.request(
    syncGroup,
    { groupId, memberId, generationId, assignments },
    { nodeId, maxVersion: 3 },
  );
  assert.equal(synced.errorCode, 0);
  return { memberId, generationId };
}
