// `npm run fuzz`: hostile clients against a whole broker over real sockets. The broker must stay alive, answer everybody else, keep its
// memory, and never find a bug in itself ("A request failed" in its log).
//
//   --seconds S   how long (default 60)          --seed N         what is sent (default: the time)
//   --inputs N    until so many were sent        --connections N  at a time (default 12)
//   --everything  hostile clients may change rights, users, quotas and the broker's configs, too
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AclOperation, PatternType, Permission, ResourceType } from '../../src/protocol/acl-codes.ts';
import { apiVersions } from '../../src/protocol/messages/api-versions.ts';
import { createAcls } from '../../src/protocol/messages/create-acls.ts';
import { createTopics } from '../../src/protocol/messages/create-topics.ts';
import { loadCompression } from '../../src/records/compression.ts';
import { Dice } from '../dice.ts';
import { startOttla } from '../integration/ottla-process.ts';
import { SecureClient } from '../secure-client.ts';
import { HostileFrames, type ServedApi } from './frames.ts';
import { hostileBatches } from './hostile-batches.ts';
import { HostileConnection } from './hostile-connection.ts';
import { Witness } from './witness.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    inputs: { type: 'string', default: 'Infinity' },
    connections: { type: 'string', default: '12' },
    everything: { type: 'boolean', default: false },
  },
});

const NAMES = ['fuzz-a', 'fuzz-b', 'fuzz-c', 'fuzz-d'];
const ROUND_TRIP_EVERY_MS = 200;
/** One thread serves all; slower than this is a hang. */
const ROUND_TRIP_MS_MAX = 20_000;
const MEMORY_BYTES_MAX = 1.5 * 1024 * 1024 * 1024;
/** What the last third may have more than the second. */
const MEMORY_GROWTH_BYTES_MAX = 200 * 1024 * 1024;
const STOP_MS_MAX = 30_000;
const OUTPUT_LENGTH_MAX = 200_000;
const LINE_LENGTH_MAX = 1000;
const SETTINGS = {
  'sasl.enabled.mechanisms': 'PLAIN',
  'listener.name.sasl_plaintext.plain.sasl.jaas.config':
    'org.apache.kafka.common.security.plain.PlainLoginModule required user_admin="secret";',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:admin',
  'allow.everyone.if.no.acl.found': 'true',
  'delegation.token.secret.key': 'secret',
  'ottla.partitions.per.topic.max': '3',
  'log.retention.bytes': '1048576',
  'log.segment.bytes': '1048576',
  'log.retention.check.interval.ms': '1000',
  'connections.max.idle.ms': '2000',
};

interface Broker {
  readonly pid: number;
  readonly hostilePort: number;
  readonly adminPort: number;
  readonly output: () => string;
  readonly isAlive: () => boolean;
  stop(): Promise<number | null>;
}

async function startBroker(directory: string): Promise<Broker> {
  const [hostilePort, adminPort] = [await freePort(), await freePort()];
  const listeners = `listeners=PLAINTEXT://127.0.0.1:${hostilePort},SASL_PLAINTEXT://127.0.0.1:${adminPort}`;
  const settings = Object.entries(SETTINGS).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const child = startOttla(['serve', '--data', directory, '--durability', 'os', '--set', listeners, ...settings]);
  let output = '';
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ready = new Promise<void>((resolve) => {
    const take = (text: Buffer) => {
      output = (output + text).slice(-OUTPUT_LENGTH_MAX);
      if (/ottla ready on/.test(output)) resolve();
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
  });
  await Promise.race([ready, exited]);
  return {
    pid: child.pid!,
    hostilePort,
    adminPort,
    output: () => output,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    async stop() {
      child.kill('SIGTERM');
      const forced = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      await exited;
      clearTimeout(forced);
      return child.exitCode;
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Topics for hostile clients, and what they may not; what to send them about. */
async function furnish(broker: Broker): Promise<{ topicIds: string[]; served: readonly ServedApi[] }> {
  const admin = await SecureClient.connect(broker.adminPort);
  const { apiKeys } = await admin.call(apiVersions, 4, { clientSoftwareName: 'fuzz', clientSoftwareVersion: '1' });
  assert.equal((await admin.plain('admin', 'secret')).errorCode, 0);
  const { topics } = await admin.call(createTopics, 7, {
    topics: NAMES.map((name) => ({ name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] })),
    timeoutMs: 5000,
    validateOnly: false,
  });
  const rule = (operation: number, permissionType: number) => ({
    resourceType: ResourceType.CLUSTER,
    resourceName: 'kafka-cluster',
    resourcePatternType: PatternType.LITERAL,
    principal: 'User:ANONYMOUS',
    host: '*',
    operation,
    permissionType,
  });
  const denied = values.everything ? [] : [AclOperation.ALTER, AclOperation.ALTER_CONFIGS];
  const { results } = await admin.call(createAcls, 3, {
    creations: [rule(AclOperation.ALL, Permission.ALLOW), ...denied.map((one) => rule(one, Permission.DENY))],
  });
  assert.ok(results.every(({ errorCode }) => errorCode === 0));
  admin.end();
  return { topicIds: topics.map(({ topicId }) => topicId), served: apiKeys };
}

function memoryBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

/** The highest of a part of the samples. */
function highest(samples: readonly number[], from: number, to: number): number {
  return Math.max(0, ...samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to)));
}

async function main(): Promise<number> {
  const seed = Number(values.seed);
  const directory = mkdtempSync(join(tmpdir(), 'ottla-fuzz-'));
  const broker = await startBroker(directory);
  const problems: string[] = [];
  const samples: number[] = [];
  const dice = new Dice(seed);
  const attackers: HostileConnection[] = [];
  let witness: Witness | undefined;
  try {
    const { topicIds, served } = await furnish(broker);
    const known = { names: NAMES, topicIds, batches: hostileBatches() };
    for (let index = 0; index < Number(values.connections); index++) {
      const own = new Dice(dice.below(2 ** 31));
      attackers.push(new HostileConnection(broker.hostilePort, new HostileFrames(own, known, served), own));
    }
    witness = await Witness.begin(broker.adminPort, 'admin', 'secret');
    const running = Promise.all(attackers.map((attacker) => attacker.run()));
    await Promise.race([watch(broker, witness, attackers, samples), running]);
    for (const attacker of attackers) attacker.end();
    await running;
  } catch (error) {
    problems.push(`somebody else was harmed: ${error instanceof Error ? error.message : String(error)}`);
    for (const attacker of attackers) attacker.end();
  }
  witness?.end();
  if (!broker.isAlive()) problems.push('the broker died');
  problems.push(...memoryProblems(samples));
  const status = await broker.stop();
  if (status !== 0) problems.push(`the broker ended with ${status}`);
  for (const line of broker
    .output()
    .split('\n')
    .filter((each) => each.includes('A request failed'))) {
    problems.push(line.slice(0, LINE_LENGTH_MAX));
  }
  rmSync(directory, { recursive: true, force: true });
  for (const problem of problems) console.log(`not ok ${problem}`);
  const inputs = attackers.reduce((sum, attacker) => sum + attacker.inputs, 0);
  const answers = attackers.reduce((sum, attacker) => sum + attacker.answers, 0);
  const connections = attackers.reduce((sum, attacker) => sum + attacker.connections, 0);
  const memory = `${Math.round(highest(samples, 0, 1) / 1e6)} MB at most, ${Math.round((samples.at(-1) ?? 0) / 1e6)} MB at the end`;
  const slowest = `the slowest of ${witness?.roundTrips} round trips took ${Math.round(witness?.slowestMs ?? 0)} ms`;
  console.log(
    `# seed ${seed}: ${inputs} inputs on ${connections} connections, ${answers} answers; memory ${memory}; ${slowest}`,
  );
  if (problems.length > 0) console.log(broker.output().slice(-5000));
  console.log(`${problems.length === 0 ? 1 : 0} passed, ${problems.length} failed`);
  return problems.length === 0 ? 0 : 1;
}

/** Until time is up or enough was sent. */
async function watch(broker: Broker, witness: Witness, attackers: HostileConnection[], samples: number[]) {
  const untilMs = performance.now() + Number(values.seconds) * 1000;
  const isEnough = () => attackers.reduce((sum, { inputs }) => sum + inputs, 0) >= Number(values.inputs);
  while (performance.now() < untilMs && !isEnough() && broker.isAlive()) {
    await witness.roundTrip(ROUND_TRIP_MS_MAX);
    samples.push(memoryBytes(broker.pid));
    await new Promise((resolve) => setTimeout(resolve, ROUND_TRIP_EVERY_MS));
  }
}

function memoryProblems(samples: readonly number[]): string[] {
  const problems: string[] = [];
  const [before, after] = [highest(samples, 1 / 3, 2 / 3), highest(samples, 2 / 3, 1)];
  const text = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  if (after > before + MEMORY_GROWTH_BYTES_MAX) problems.push(`memory grows: ${text(before)}, then ${text(after)}`);
  if (highest(samples, 0, 1) > MEMORY_BYTES_MAX) problems.push(`it took ${text(highest(samples, 0, 1))} of memory`);
  return problems;
}

await loadCompression();
process.exitCode = await main();
