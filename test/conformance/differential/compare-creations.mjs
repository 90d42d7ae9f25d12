// Asks both brokers for topics that are not there, and compares how each is answered at first and what becomes of it: the
// creation that such a question begins goes on behind the answer, so each is asked again until nothing is missing or a second is over.

import { differencesOf } from './differences.mjs';
import { apis, exchange } from './exchange.mjs';

const VERSION = 12;
const PATIENCE_MS = 1000;
const AGAIN_MS = 50;
/** What names begin with, so that brokers may be compared several times. */
const RUN = `creation-${Date.now()}`;

/** Names asked for together; `prepare` comes first, `atOnce` asks on so many connections. */
const creations = [
  { name: 'Creation: one topic', topics: [`${RUN}-one`] },
  { name: 'Creation: the broker’s own topics', topics: ['__share_group_state', '__cluster_metadata'] },
  { name: 'Creation: names that no topic can have', topics: ['no/topic', '', '.', 'x'.repeat(250)] },
  {
    name: 'Creation: a name that collides',
    prepare: (bootstrap) => create(bootstrap, `${RUN}.dotted`),
    topics: [`${RUN}_dotted`],
  },
  {
    name: 'Creation: topics of which some are there',
    prepare: (bootstrap) => create(bootstrap, `${RUN}-there`),
    topics: [`${RUN}-b`, `${RUN}-there`, 'no/topic', `${RUN}-a`],
  },
  { name: 'Creation: a name twice', topics: [`${RUN}-twice`, `${RUN}-twice`] },
  { name: 'Creation: on three connections at once', topics: [`${RUN}-thrice`], atOnce: 3 },
  {
    name: 'Creation: right after the deletion',
    prepare: async (bootstrap) => {
      await create(bootstrap, `${RUN}-gone`);
      await exchange(bootstrap, apis.deleteTopics, 6, { topics: [{ name: `${RUN}-gone` }], timeoutMs: 5000 });
    },
    topics: [`${RUN}-gone`],
  },
];

export async function compareCreations(worlds, texts) {
  const chosen = creations.filter(({ name }) => texts.length === 0 || texts.some((text) => name.startsWith(text)));
  let different = 0;
  for (const { name, prepare, topics, atOnce = 1 } of chosen) {
    const [kafka, ottla] = await Promise.all(
      worlds.map(async ({ bootstrap }) => {
        await prepare?.(bootstrap);
        const first = await Promise.all(Array.from({ length: atOnce }, () => ask(bootstrap, topics)));
        return { first, last: await lastAnswer(bootstrap, topics) };
      }),
    );
    const differences = differencesOf(kafka, ottla);
    if (differences.length === 0) continue;
    different++;
    console.log(`${name}\n    ${differences.join('\n    ')}`);
  }
  console.log(`${chosen.length} creations compared, ${different} differ`);
}

async function lastAnswer(bootstrap, topics) {
  for (let waitedMs = 0; ; waitedMs += AGAIN_MS) {
    const answer = await ask(bootstrap, topics);
    if (waitedMs >= PATIENCE_MS || answer.every(({ errorCode }) => errorCode === 0)) return answer;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** In one order; Kafka has found topics first. */
async function ask(bootstrap, names) {
  const { topics } = await exchange(bootstrap, apis.metadata, VERSION, {
    topics: names.map((name) => ({ name })),
    allowAutoTopicCreation: true,
  });
  return topics
    .map(({ name, errorCode, isInternal, partitions }) => ({
      name,
      errorCode,
      isInternal,
      partitions: partitions.length,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Its partitions are there when this resolves. */
async function create(bootstrap, name) {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await exchange(bootstrap, apis.createTopics, 7, { topics: [topic], timeoutMs: 5000, validateOnly: false });
  const { errorCode } = (
    await exchange(bootstrap, apis.metadata, VERSION, { topics: [{ name }], allowAutoTopicCreation: false })
  ).topics[0];
  if (errorCode === 0) return;
  await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  await create(bootstrap, name);
}
