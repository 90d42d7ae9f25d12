// librdkafka as client (from Python, whose wheel carries it): a producer with its defaults (linger 5 ms, acks=all), records of 100 bytes. Calling it record
// by record from Python may be the limit; what a record costs the broker is the figure that it cannot blur.

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../test/conformance/broker.mjs';
import { compare } from './compare.mjs';
import { withTopic } from './figures.mjs';
import { cpuMs, residentBytes } from './measured.mjs';

const PARTITIONS = 4;

await compare({
  name: 'librdkafka',
  help: `Records per second and server CPU per record of a producer with librdkafka's defaults, ${PARTITIONS} partitions, records of 100 bytes. Needs Python 3.`,
  needsGenerator: false,
  rows: [
    { name: 'producer, defaults', measure: (broker, run) => produce(broker, run, {}) },
    { name: 'producer, lz4', measure: (broker, run) => produce(broker, run, { 'compression.type': 'lz4' }) },
  ],
});

function produce(broker, { seconds }, properties) {
  python();
  return withTopic(broker, PARTITIONS, async (topic) => {
    const before = broker.pid ? cpuMs(broker.pid) : Number.NaN;
    let residentMax = 0;
    const watch = setInterval(() => {
      if (broker.pid) residentMax = Math.max(residentMax, residentBytes(broker.pid) / 2 ** 20);
    }, 100);
    try {
      const { records, recordsPerSecond } = await run(broker.bootstrap, topic, seconds, properties);
      const cpuPerRecord = broker.pid ? ((cpuMs(broker.pid) - before) * 1000) / records : undefined;
      return { recordsPerSecond, cpuPerRecord, residentMax: residentMax || undefined };
    } finally {
      clearInterval(watch);
    }
  });
}

/** The environment that the conformance run uses too; made when it is missing. */
function python() {
  const { status, stderr } = spawnSync(join(root, 'test', 'conformance', 'librdkafka', 'setup'), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`librdkafka could not be set up: ${stderr}`);
  return join(root, '.cache', 'librdkafka', 'venv', 'bin', 'python');
}

async function run(bootstrap, topic, seconds, properties) {
  const script = join(root, 'bench', 'load', 'librdkafka.py');
  const args = ['-B', script, bootstrap, topic, String(seconds), JSON.stringify(properties)];
  const child = spawn(python(), args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 180_000 });
  let text = '';
  let complaints = '';
  child.stdout.on('data', (bytes) => {
    text += bytes;
  });
  child.stderr.on('data', (bytes) => {
    complaints += bytes;
  });
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (status !== 0) throw new Error(`the producer ended with ${status}: ${complaints.trim()}`);
  return JSON.parse(text);
}
