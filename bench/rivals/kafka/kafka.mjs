// Starts a real Apache Kafka 4.3.0 broker (KRaft, broker and controller in one process) on loopback, over a directory of its
// own, to compare Ottla with. Owns the process: stop() ends exactly that one and removes a directory that it made.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { untilAccepted } from '../../probe.mjs';

const here = dirname(fileURLToPath(import.meta.url));
export const cache = join(here, '..', '..', '..', '.cache', 'kafka');
export const classpath = join(cache, 'libs', '*');

/** Fetches the jars unless they are there; throws with the script's own words when it cannot. */
export function setUpKafka() {
  const { status } = spawnSync(join(here, 'setup'), { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error('Kafka could not be fetched (see above)');
}

/**
 * A directory formatted for one combined node, and the arguments that start Kafka over it. Nothing runs yet.
 * `properties` may be a function of the ports that were found free.
 */
export async function prepareKafka({ properties: wanted = {}, heap = '1g', data } = {}) {
  const made = data === undefined;
  const directory = data ?? mkdtempSync(join(tmpdir(), 'rival-kafka-'));
  const [port, controllerPort] = await freePorts(2);
  const properties = typeof wanted === 'function' ? wanted({ port, controllerPort }) : wanted;
  const nodeId = properties['node.id'] ?? '1';
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': nodeId,
    'controller.quorum.voters': `${nodeId}@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': join(directory, 'logs'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    ...properties,
  };
  mkdirSync(join(directory, 'logs'), { recursive: true });
  const file = join(directory, 'server.properties');
  writeFileSync(
    file,
    `${Object.entries(settings)
      .map(([key, value]) => `${key}=${value}`)
      .join('\n')}\n`,
  );
  // A directory that a broker was killed over is to be found as it is.
  if (!existsSync(join(directory, 'logs', 'meta.properties'))) format(classpath, file);
  const remove = () => made && rmSync(directory, { recursive: true, force: true });
  // The collector and heap that Kafka's own start script sets.
  const args = [
    `-Xmx${heap}`,
    `-Xms${heap}`,
    '-server',
    '-XX:+UseG1GC',
    '-XX:MaxGCPauseMillis=20',
    '-Djava.awt.headless=true',
  ];
  return { directory, port, remove, command: 'java', args: [...args, '-cp', classpath, 'kafka.Kafka', file] };
}

function format(classpath, file) {
  const { status, stderr, stdout } = spawnSync(
    'java',
    ['-cp', classpath, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', file],
    { encoding: 'utf8', timeout: 60_000 },
  );
  if (status !== 0) throw new Error(`Kafka's directory could not be formatted: ${stderr}${stdout}`);
}

/** A running broker that answers: `{ bootstrap, directory, pid, exited, stop() }`. */
export async function startKafka({ deadlineMs = 60_000, ...options } = {}) {
  const prepared = await prepareKafka(options);
  const child = spawn(prepared.command, prepared.args, { stdio: 'ignore' });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    if (child.exitCode === null) child.kill('SIGTERM');
    const forced = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(forced);
    prepared.remove();
  };
  try {
    await untilAccepted(
      '127.0.0.1',
      prepared.port,
      deadlineMs,
      async (probe) => {
        if (child.exitCode !== null) throw new Error(`Kafka ended with exit code ${child.exitCode}`);
        return (await probe.apiVersions()) && (await probe.brokers()) > 0;
      },
      100,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { bootstrap: `127.0.0.1:${prepared.port}`, directory: prepared.directory, pid: child.pid, exited, stop };
}

const clusterId = 'T3R0bGFSaXZhbEthZmthMQ';

export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => resolve(server));
      });
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
