// The embedded broker in a warm process, as a test suite uses it: startBroker(), a topic, one record produced, the same consumed, close(). Everything
// in memory; the client is Ottla's own, over loopback. Kafka cannot do this, so the target is a time.

import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ottla } from '../test/conformance/broker.mjs';
import { keep, measuresOf, publish } from './compare.mjs';
import { connectTo, createTopic, untilFetched } from './group-members.mjs';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '50' }, help: { type: 'boolean', default: false } },
});
if (options.help) {
  console.log(`usage: npm run bench -- embedded [--rounds N]

Milliseconds from startBroker() to the end of close(), a topic, a produce and a fetch between them: median of --rounds (50) after as
many that do not count. Ends with status 1 when it is more than bench/targets.json allows.`);
  process.exit(0);
}

const library = (path) => import(pathToFileURL(join(dirname(ottla), '..', 'dist', path)));
const { startBroker } = await library(join('lib', 'index.js'));
const { produce } = await library(join('src', 'protocol', 'messages', 'produce.js'));
const { buildBatch } = await library(join('src', 'records', 'build-batch.js'));
const rounds = Number(options.rounds);

for (let i = 0; i < rounds; i++) await life();
const steps = {};
for (let i = 0; i < rounds; i++) keep(steps, 'ottla', await life());
const row = 'start, topic, produce, consume, close';
publish({
  name: 'embedded',
  names: ['ottla'],
  durability: 'memory',
  table: [{ name: row, measures: measuresOf('embedded', row, { ottla: { ms: steps.ottla.ms } }, ['ottla']) }],
  conditions: { rounds },
});

async function life() {
  const begun = performance.now();
  const broker = await startBroker();
  const connection = await connectTo(broker.bootstrapServers);
  const topicId = await createTopic(connection, 'embedded', 1);
  const records = buildBatch({
    records: [{ key: null, value: Buffer.from('record'), timestampMs: 1_700_000_000_000 }],
  });
  const { responses } = await connection.request(produce, {
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{ name: 'embedded', topicId, partitionData: [{ index: 0, records }] }],
  });
  const { errorCode } = responses[0].partitionResponses[0];
  if (errorCode !== 0) throw new Error(`producing failed with error code ${errorCode}`);
  await untilFetched(connection, 'embedded', topicId, [0]);
  connection.close();
  await broker.close();
  return { ms: performance.now() - begun };
}
