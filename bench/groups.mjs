// Consumer groups, Ottla and Kafka 4.3 in turns on this machine: time from subscribing to the first record, a rebalance with 50
// members over 500 partitions, commits per second, memory for 1,000 groups. Members are bare requests (group-members.mjs), the same
// for every broker. Kafka does not sync to disk before it answers; so Ottla runs twice, as it does by default (fsync) and with the
// durability that Kafka has (os), and the ratios compare the latter. Prints a table and writes bench/results/groups.json.

import { parseArgs } from 'node:util';
import {
  ClassicMember,
  ConsumerMember,
  commit,
  connectTo,
  createTopic,
  findGroup,
  firstRecord,
  pause,
} from './group-members.mjs';
import { residentBytes } from './measured.mjs';
import { untilAccepted } from './probe.mjs';
import { RATIO_MAX, rivals, Turns } from './turns.mjs';

const MEMBERS = 50;
const PARTITIONS = 500;
const GROUPS = 1000;
const COMMIT_CONNECTIONS = 10;
const COMMITS_IN_FLIGHT = 8;
const COMMIT_PARTITIONS = 10;
const COMMIT_MS = 4000;
/** What waits by default, for more members or for more changes, so that one rebalance serves them all. */
const NO_WAITING = { 'group.initial.rebalance.delay.ms': '0', 'group.consumer.assignment.interval.ms': '0' };
const AS_IT_COMES = { 'group.initial.rebalance.delay.ms': '3000' };

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    'ottla-only': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(`usage: npm run bench -- groups [--rounds N] [--ottla-only]

Medians of --rounds (5), Ottla with durability fsync and os, and Kafka 4.3, in turns:
  first record        from FindCoordinator to the first fetched record of a new group, classic and consumer protocol;
  rebalance           the ${MEMBERS}th member joins a group over ${PARTITIONS} partitions, until all have their partitions
  commits per second  ${COMMIT_CONNECTIONS} connections, ${COMMITS_IN_FLIGHT} commits of ${COMMIT_PARTITIONS} partitions in flight on each
  memory              resident growth by ${GROUPS} groups of one member with ${COMMIT_PARTITIONS} offsets each
All with group.initial.rebalance.delay.ms=0 and group.consumer.assignment.interval.ms=0; memory, and one first record and
one rebalance, on fresh brokers with these as they come (3 seconds and 1 second).
Needs Linux (/proc), and Java 17 and Maven for Kafka. Ends with status 1 when Ottla (os) is worse than Kafka in anything
by more than ${RATIO_MAX}.`);
  process.exit(0);
}

const turns = new Turns(rivals(options['ottla-only']), Number(options.rounds));
let count = 0;

/** What is measured: better is 'less' or 'more'. */
const measures = [
  {
    name: 'first record of a young broker, classic',
    unit: 'ms',
    better: 'less',
    once: true,
    of: (at) => timeToFirst(at, 'classic'),
  },
  { name: 'first record, classic', unit: 'ms', better: 'less', of: (at) => timeToFirst(at, 'classic') },
  { name: 'first record, consumer protocol', unit: 'ms', better: 'less', of: (at) => timeToFirst(at, 'consumer') },
  { name: `rebalance of ${MEMBERS} members, classic`, unit: 'ms', better: 'less', of: classicRebalance },
  { name: `rebalance of ${MEMBERS} members, consumer protocol`, unit: 'ms', better: 'less', of: consumerRebalance },
  { name: 'commits per second', unit: '/s', better: 'more', of: commitsPerSecond },
];

await turns.run(NO_WAITING, prepare, measures);
await turns.run(AS_IT_COMES, prepare, [
  { name: `memory for ${GROUPS} groups`, unit: 'MiB', better: 'less', once: true, of: memoryOfGroups },
  {
    name: 'resident memory after that',
    unit: 'MiB',
    better: 'less',
    once: true,
    of: async ({ pid }) => megabytes(pid),
  },
  {
    name: 'first record, classic, default settings',
    unit: 'ms',
    better: 'less',
    once: true,
    of: (at) => timeToFirst(at, 'classic'),
  },
  {
    name: `rebalance of ${MEMBERS} members, consumer protocol, default settings`,
    unit: 'ms',
    better: 'less',
    once: true,
    of: consumerRebalance,
  },
]);
turns.summarise('groups', 'consumer groups');

/** The topics of all measures, one of them with a record in its partition. */
async function prepare(broker) {
  const connection = await connectTo(broker.bootstrap);
  broker.first = await createTopic(connection, 'first', 1);
  broker.many = await createTopic(connection, 'many', PARTITIONS);
  await createTopic(connection, 'committed', COMMIT_PARTITIONS);
  const [host, port] = broker.bootstrap.split(':');
  await untilAccepted(host, Number(port), 30_000, async (probe) => (await probe.produce('first')) === 0, 50);
  connection.close();
}

async function timeToFirst(broker, protocol) {
  const connection = await connectTo(broker.bootstrap);
  const group = `first-${count++}`;
  try {
    const begun = performance.now();
    await findGroup(connection, group);
    let partitions;
    if (protocol === 'classic') {
      partitions = await new ClassicMember(connection, group, 'first', 1).join();
    } else {
      const member = new ConsumerMember(connection, group, 'first', broker.first);
      while (member.owned.length === 0) await member.beat();
      partitions = member.owned;
    }
    await firstRecord(connection, group, 'first', broker.first, partitions);
    return performance.now() - begun;
  } finally {
    connection.close();
  }
}

async function classicRebalance(broker) {
  const group = `classic-${count++}`;
  return withConnections(broker, MEMBERS, async (connections) => {
    await findGroup(connections[0], group);
    const members = connections.map((connection) => new ClassicMember(connection, group, 'many', PARTITIONS));
    const last = members.pop();
    const steady = new Set();
    // Each heartbeats every few milliseconds, so that what is measured is the broker and not the members' patience.
    const settle = async (member) => {
      for (let partitions = await member.join(); ; partitions = await member.join()) {
        member.partitions = partitions;
        steady.add(member);
        while (!(await member.mustRejoin())) {
          if (done) return;
          await pause(5);
        }
        steady.delete(member);
      }
    };
    let done = false;
    const lives = members.map(settle);
    const failure = Promise.all(lives);
    failure.catch(() => {});
    const shared = (all) => {
      const same = all.every(({ generation }) => generation === all[0].generation);
      return (
        same &&
        all.every((one) => steady.has(one)) &&
        all.reduce((sum, one) => sum + one.partitions.length, 0) === PARTITIONS
      );
    };
    await until(() => shared(members), failure);
    const begun = performance.now();
    lives.push(settle(last));
    await until(() => shared([...members, last]), failure);
    const took = performance.now() - begun;
    done = true;
    await Promise.all(lives);
    return took;
  });
}

async function consumerRebalance(broker) {
  const group = `consumer-${count++}`;
  return withConnections(broker, MEMBERS, async (connections) => {
    await findGroup(connections[0], group);
    const members = connections.map((connection) => new ConsumerMember(connection, group, 'many', broker.many));
    const last = members.pop();
    let done = false;
    const live = async (member) => {
      while (!done) {
        await member.beat();
        await pause(5);
      }
    };
    const lives = members.map(live);
    const failure = Promise.all(lives);
    failure.catch(() => {});
    const even = (all) =>
      all.every(({ owned, epoch }) => epoch === all[0].epoch && owned.length > 0) &&
      new Set(all.flatMap(({ owned }) => owned)).size === PARTITIONS &&
      all.reduce((sum, { owned }) => sum + owned.length, 0) === PARTITIONS;
    await until(() => even(members), failure);
    const begun = performance.now();
    lives.push(live(last));
    await until(() => even([...members, last]), failure);
    const took = performance.now() - begun;
    done = true;
    await Promise.all(lives);
    return took;
  });
}

async function commitsPerSecond(broker) {
  return withConnections(broker, COMMIT_CONNECTIONS, async (connections) => {
    let commits = 0;
    const begun = performance.now();
    const lane = async (connection, index) => {
      const group = `commits-${index}`;
      await findGroup(connection, group);
      const one = async () => {
        while (performance.now() - begun < COMMIT_MS) {
          await commit(connection, group, 'committed', COMMIT_PARTITIONS, commits);
          commits++;
        }
      };
      await Promise.all(Array.from({ length: COMMITS_IN_FLIGHT }, one));
    };
    await Promise.all(connections.map(lane));
    return (commits * 1000) / (performance.now() - begun);
  });
}

async function memoryOfGroups(broker) {
  const before = megabytes(broker.pid);
  await withConnections(broker, 1, async ([connection]) => {
    const groups = Array.from({ length: GROUPS }, (_, index) => `memory-${index}`);
    for (let from = 0; from < GROUPS; from += 20) {
      await Promise.all(
        groups.slice(from, from + 20).map(async (group) => {
          await findGroup(connection, group);
          await commit(connection, group, 'committed', COMMIT_PARTITIONS, 1);
          const member = new ConsumerMember(connection, group, 'committed', broker.first);
          while (member.epoch === 0) await member.beat();
        }),
      );
    }
  });
  return Math.max(0, megabytes(broker.pid) - before);
}

async function withConnections(broker, number, body) {
  const connections = await Promise.all(Array.from({ length: number }, () => connectTo(broker.bootstrap)));
  try {
    return await body(connections);
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function until(holds, failure, deadlineMs = 120_000) {
  const deadline = performance.now() + deadlineMs;
  let failed;
  failure.catch((error) => {
    failed = error;
  });
  while (!holds()) {
    if (failed !== undefined) throw failed;
    if (performance.now() > deadline) throw new Error('the group did not settle');
    await pause(1);
  }
}

function megabytes(pid) {
  return residentBytes(pid) / 2 ** 20;
}
