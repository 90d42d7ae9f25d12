// Stories about transactions that a single request in a state (transaction-matrix.mjs) does not tell: retries, delays, several
// producers, offsets of groups, wrong arguments, hanging transactions, and what a reader of committed records sees.

import { apis } from './exchange.mjs';

const UNKNOWN_TOPIC = 'no-such-topic';

const versions = ({ minVersion, maxVersion }, from = minVersion) =>
  Array.from({ length: maxVersion - from + 1 }, (_, i) => from + i);

/** One scenario, or one for each of some things that it runs over. */
const scenario = (name, run) => [{ name: `Transaction: ${name}`, run }];
const forEach = (list, name, run) => list.flatMap((item) => scenario(name(item), (t) => run(t, item)));

/** As clients before, and with, transactions v2. */
const bothKinds = (name, run) => [
  ...scenario(`${name}, v1`, (t) => run(t, { modern: false, add: (partitions) => t.add(partitions) })),
  ...scenario(`${name}, v2`, (t) => run(t.modern(), { modern: true, add: async () => {} })),
];

export const scenarios = [
  ...lifeOfAProducer(),
  ...retriesAndDelays(),
  ...sequenceNumbers(),
  ...initialisation(),
  ...addingPartitions(),
  ...readers(),
  ...offsetsOfGroups(),
  ...hangingTransactions(),
  ...listing(),
  ...coordinators(),
];

function lifeOfAProducer() {
  return [
    ...bothKinds('commit, abort, commit', async (t, { add }) => {
      await t.init();
      for (const committed of [true, false, true]) {
        await add();
        for (const partition of t.partitions) await t.produce(partition, { count: 3 });
        await t.describe();
        await t.describeProducers();
        await t.end(committed);
        await t.observe();
      }
    }),
    ...bothKinds('several batches, then a commit', async (t, { add }) => {
      await t.init();
      await add();
      for (let i = 0; i < 5; i++) await t.produce(t.partitions[i % 2], { count: 2 });
      await t.commit();
      await t.observe();
    }),
    ...bothKinds('initialised while a transaction is open', async (t, { add }) => {
      await t.init();
      await add();
      await t.produce();
      const zombie = t.another();
      zombie.producer = t.producer;
      await t.init();
      await t.observe();
      await zombie.produce();
      await zombie.add();
      await zombie.commit();
      await zombie.abort();
      await zombie.addOffsets();
      await zombie.commitOffsets();
      await add();
      await t.produce();
      await zombie.commit();
      await zombie.abort();
      await t.commit();
      await t.observe();
    }),
    ...bothKinds('an empty transaction is ended', async (t) => {
      await t.init();
      await t.commit();
      await t.abort();
      await t.observe();
    }),
    ...scenario('from v1 to v2 and back in one life', async (t) => {
      await t.init();
      await t.add();
      await t.produce();
      await t.commit();
      t.modern();
      await t.produce();
      await t.commit();
      await t.observe();
      await t.add(t.partitions, { version: 3 });
      await t.produce(t.partitions[0], { version: 11 });
      await t.commit({ version: 4 });
      await t.observe();
      await t.produce();
      await t.abort();
      await t.observe();
    }),
    ...scenario('partitions added as v1, ended as v2', async (t) => {
      await t.init();
      await t.add();
      await t.produce();
      await t.commit({ version: 5 });
      await t.observe();
    }),
    ...scenario('written as v2, ended as v1', async (t) => {
      await t.modern().init();
      await t.produce();
      await t.commit({ version: 4 });
      await t.observe();
    }),
    ...scenario('offsets as v2 and records as v1 in one transaction', async (t) => {
      await t.init();
      await t.add();
      await t.produce();
      await t.commitOffsets(3, { version: 5 });
      await t.commit();
      await t.observe();
      await t.offsets();
    }),
    ...bothKinds('the time is over', async (t, { add }) => {
      await t.init({ timeoutMs: 300 });
      await add();
      await t.produce();
      await t.settled((state) => state === 'CompleteAbort');
      await t.observe();
      await t.produce();
      await add();
      await t.commit();
      await t.abort();
      await t.init({ id: t.producer.id, epoch: t.producer.epoch });
      await add();
      await t.produce();
      await t.commit();
      await t.observe();
    }),
    ...bothKinds('the topic is deleted while a transaction is open', async (t, { add }) => {
      const own = `${t.topic}-${t.partitions[0]}-own`;
      const creation = {
        topics: [{ name: own, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
        timeoutMs: 5000,
        validateOnly: false,
      };
      await t.step('CreateTopics', apis.createTopics, 6, creation, ['topics']);
      await ready(t, own);
      await t.init();
      if (!t.isModern) await t.add([], { topics: [{ name: own, partitions: [0] }] });
      await t.produce(0, { topic: own });
      await add();
      await t.produce();
      await t.step('DeleteTopics', apis.deleteTopics, 5, { topicNames: [own], timeoutMs: 5000 });
      await t.commit();
      await t.observe();
    }),
  ];
}

function retriesAndDelays() {
  return [
    ...bothKinds('the same end twice', async (t, { add }) => {
      for (const committed of [true, false]) {
        await t.init();
        await add();
        await t.produce();
        const { producer } = t;
        await t.end(committed);
        await t.end(committed, { who: producer });
        await t.observe();
      }
    }),
    ...bothKinds('another end than before', async (t, { add }) => {
      for (const committed of [true, false]) {
        await t.init();
        await add();
        await t.produce();
        const { producer } = t;
        await t.end(committed);
        await t.end(!committed, { who: producer, keep: true });
        await t.observe();
      }
    }),
    ...bothKinds('a delayed end of the transaction before', async (t, { add }) => {
      for (const committed of [true, false]) {
        await t.init();
        await add();
        await t.produce();
        const { producer } = t;
        await t.end(committed);
        await add();
        await t.produce();
        await t.end(!committed, { who: producer, keep: true });
        await t.end(committed, { who: producer, keep: true });
        await t.observe();
        await t.commit();
        await t.observe();
      }
    }),
    ...bothKinds('a delayed batch of the transaction before', async (t, { add }) => {
      await t.init();
      await add();
      await t.produce();
      const { producer } = t;
      await t.commit();
      await t.produce(t.partitions[0], { who: producer, sequence: 1 });
      await add();
      await t.produce(t.partitions[1]);
      await t.produce(t.partitions[0], { who: producer, sequence: 1 });
      await t.produce(t.partitions[0], { who: producer, sequence: 2 });
      await t.observe();
      await t.abort();
      await t.observe();
    }),
    ...bothKinds('a delayed batch after an abort', async (t, { add }) => {
      await t.init();
      await add();
      await t.produce();
      const { producer } = t;
      await t.abort();
      await t.produce(t.partitions[0], { who: producer, sequence: 1 });
      await t.produce(t.partitions[1], { who: producer, sequence: 0 });
      await t.observe();
    }),
    ...bothKinds('delayed offsets of the transaction before', async (t, { modern }) => {
      await t.init();
      if (!modern) await t.addOffsets();
      await t.commitOffsets(3);
      const { producer } = t;
      await t.commit();
      await t.commitOffsets(1, { who: producer });
      await t.offsets();
      await t.observe();
    }),
    ...scenario('the same batch twice, within and after', async (t) => {
      await t.init();
      await t.add();
      await t.produce(t.partitions[0], { sequence: 0 });
      await t.produce(t.partitions[0], { sequence: 0 });
      await t.commit();
      await t.produce(t.partitions[0], { sequence: 0 });
      await t.observe();
    }),
    ...scenario('the same batch twice, within and after, v2', async (t) => {
      await t.modern().init();
      await t.produce(t.partitions[0], { sequence: 0 });
      await t.produce(t.partitions[0], { sequence: 0 });
      const { producer } = t;
      await t.commit();
      await t.produce(t.partitions[0], { sequence: 0, who: producer });
      await t.observe();
    }),
    ...forEach(
      [3, 4, 5],
      (version) => `InitProducerId again and again with what it answered, v${version}`,
      async (t, version) => {
        await t.init({ version });
        for (let i = 0; i < 3; i++) {
          const { producer } = t;
          await t.init({ version, id: producer.id, epoch: producer.epoch });
          await t.init({ version, id: producer.id, epoch: producer.epoch, keep: true });
          await t.init({ version, id: producer.id, epoch: producer.epoch + 2, keep: true });
          await t.init({ version, id: producer.id, epoch: producer.epoch - 1, keep: true });
        }
        await t.observe();
      },
    ),
    ...bothKinds('InitProducerId to go on after each end', async (t, { add }) => {
      await t.init();
      for (const committed of [true, false]) {
        await add();
        await t.produce();
        const { producer } = t;
        await t.end(committed);
        await t.init({ id: producer.id, epoch: producer.epoch, keep: true });
        await t.init({ id: t.producer.id, epoch: t.producer.epoch });
        await t.observe();
      }
    }),
  ];
}

function sequenceNumbers() {
  return [
    ...bothKinds('a batch out of order', async (t, { add }) => {
      await t.init();
      await add();
      await t.produce(t.partitions[0], { sequence: 5 });
      await t.produce(t.partitions[0], { sequence: 0 });
      await t.produce(t.partitions[0], { sequence: 2 });
      await t.produce(t.partitions[0], { sequence: 1 });
      await t.observe();
      await t.commit();
      await t.produce(t.partitions[0], { sequence: 1 });
      await t.observe();
    }),
    ...scenario('after an epoch was raised, a batch that does not begin at 0', async (t) => {
      await t.init();
      await t.add();
      await t.produce();
      await t.commit();
      await t.init({ id: t.producer.id, epoch: t.producer.epoch });
      await t.add();
      await t.produce(t.partitions[0], { sequence: 1 });
      await t.produce(t.partitions[0], { sequence: 0 });
      await t.observe();
    }),
    ...scenario('after a commit of v2, a batch that does not begin at 0', async (t) => {
      await t.modern().init();
      await t.produce(t.partitions[0], { count: 4 });
      await t.commit();
      await t.produce(t.partitions[0], { sequence: 4 });
      await t.observe();
      await t.produce(t.partitions[0], { sequence: 0 });
      await t.observe();
    }),
    ...forEach(
      [11, 12],
      (version) => `acks 0 and 1 in a transaction, v${version}`,
      async (t, version) => {
        await t.init();
        await t.add();
        await t.produce(t.partitions[0], { version, acks: 1 });
        await t.observe();
      },
    ),
    ...forEach(
      versions(apis.produce),
      (version) => `wrong kinds of batches, Produce v${version}`,
      async (t, version) => {
        await t.init();
        await t.add();
        const [partition] = t.partitions;
        await t.produce(partition, { version, transactionalId: null });
        await t.produce(partition, { version, transactionalId: '' });
        await t.produce(partition, { version, transactionalId: `${t.name}-other` });
        await t.produce(partition, { version, transactional: false, transactionalId: t.name });
        await t.produce(partition, { version, control: true });
        await t.produce(partition, { version, who: { id: -1, epoch: -1 } });
        await t.produce(partition, { version, who: { id: t.producer.id, epoch: -1 } });
        await t.observe();
      },
    ),
    ...bothKinds('records outside of the transaction from the same producer', async (t, { add }) => {
      await t.init();
      await add();
      await t.produce(t.partitions[0]);
      await t.produce(t.partitions[0], { transactional: false });
      await t.produce(t.partitions[1], { transactional: false });
      await t.observe();
      await t.commit();
      await t.produce(t.partitions[0], { transactional: false });
      await t.observe();
    }),
  ];
}

function initialisation() {
  return [
    ...forEach(
      versions(apis.initProducerId),
      (version) => `InitProducerId with wrong arguments, v${version}`,
      async (t, version) => {
        for (const timeoutMs of [0, -1, 900_000, 900_001, 2 ** 31 - 1]) await t.init({ version, timeoutMs });
        await t.init({ version, transactionalId: '' });
        await t.init({ version, transactionalId: null, timeoutMs: 0, keep: true });
        if (version < 3) return;
        await t.init({ version, id: t.producer.id, epoch: -1 });
        await t.init({ version, id: -1, epoch: 0 });
        await t.init({ version, id: t.world.otherProducerId, epoch: 0, keep: true });
        await t.init({ version, transactionalId: null, id: t.producer.id, epoch: 0, keep: true });
        await t.observe();
      },
    ),
    ...scenario('another timeout with every InitProducerId', async (t) => {
      for (const timeoutMs of [1000, 5000, 60_000]) {
        await t.init({ timeoutMs });
        await t.describe();
      }
      await t.coordinatorLog();
    }),
    ...scenario('a long transactional id', async (t) => {
      for (const transactionalId of [`${t.name}-${'x'.repeat(1000)}`, `${t.name} ż/é\t.`]) {
        await t.init({ transactionalId });
        await t.describe([transactionalId]);
      }
    }),
  ];
}

function addingPartitions() {
  const topics = (t) => [
    [],
    [{ name: UNKNOWN_TOPIC, partitions: [0] }],
    [{ name: t.topic, partitions: [999] }],
    [{ name: t.topic, partitions: [] }],
    [{ name: t.topic, partitions: [t.partitions[0], t.partitions[0]] }],
    [
      { name: t.topic, partitions: t.partitions },
      { name: UNKNOWN_TOPIC, partitions: [0, 1] },
    ],
    [
      { name: t.topic, partitions: [t.partitions[0], 999] },
      { name: t.topic, partitions: [t.partitions[1]] },
    ],
    [{ name: '', partitions: [0] }],
    [{ name: 'no/topic', partitions: [0] }],
    [{ name: '__consumer_offsets', partitions: [0] }],
    [{ name: '__transaction_state', partitions: [0] }],
    [{ name: t.topic, partitions: [-1] }],
  ];
  return [
    ...forEach(
      versions(apis.addPartitionsToTxn),
      (version) => `AddPartitionsToTxn with strange partitions, v${version}`,
      async (t, version) => {
        await t.init();
        for (const named of topics(t)) {
          await t.add([], { version, topics: named });
          await t.describe();
        }
        await t.abort();
        await t.observe();
      },
    ),
    ...forEach(
      [4, 5],
      (version) => `AddPartitionsToTxn of several transactions, v${version}`,
      async (t, version) => {
        await t.init();
        const second = t.another(`${t.name}-second`);
        await second.init();
        await t.addMany([], version);
        await t.addMany([t.batched(), second.batched()], version);
        await t.addMany([t.batched(), second.batched({ who: { id: 1, epoch: 7 } })], version);
        await t.addMany([t.batched(), t.batched()], version);
        await t.addMany([t.batched({ verifyOnly: true }), second.batched({ verifyOnly: true })], version);
        await t.addMany(
          [t.batched({ verifyOnly: true, topics: [{ name: UNKNOWN_TOPIC, partitions: [0] }] }), second.batched()],
          version,
        );
        await t.addMany([{ ...t.batched(), transactionalId: '' }], version);
        await t.addMany([{ ...t.batched(), transactionalId: 'nobody' }], version);
        await t.describe();
        await second.describe();
        await t.abort();
        await second.abort();
      },
    ),
    ...forEach(
      [4, 5],
      (version) => `AddPartitionsToTxn verifies what was added, v${version}`,
      async (t, version) => {
        await t.init();
        await t.addMany([t.batched({ verifyOnly: true })], version);
        await t.add([t.partitions[0]]);
        await t.addMany([t.batched({ verifyOnly: true })], version);
        await t.addMany(
          [t.batched({ verifyOnly: true, topics: [{ name: t.topic, partitions: [t.partitions[0]] }] })],
          version,
        );
        await t.commit();
        await t.addMany([t.batched({ verifyOnly: true })], version);
      },
    ),
    ...forEach(
      versions(apis.endTxn),
      (version) => `wrong arguments of EndTxn and AddOffsetsToTxn, v${version}`,
      async (t, version) => {
        await t.init();
        const empty = t.another('');
        empty.producer = t.producer;
        for (const who of [t.producer, { id: -1, epoch: -1 }]) await empty.commit({ version, who, settled: false });
        if (version <= apis.addOffsetsToTxn.maxVersion) {
          await empty.addOffsets({ version });
          await t.addOffsets({ version, groupId: '' });
        }
        await t.describe();
        await t.abort();
      },
    ),
  ];
}

function readers() {
  return [
    ...bothKinds('two producers in one partition', async (t, { add, modern }) => {
      const [partition] = t.partitions;
      const second = t.another(`${t.name}-second`);
      const third = t.another(`${t.name}-third`);
      for (const each of [t, second, third]) {
        await each.init();
        if (!modern) await each.add();
      }
      await t.produce(partition, { count: 2 });
      await second.produce(partition);
      await t.fetch();
      await third.produce(partition, { count: 3 });
      await t.produce(partition);
      await second.abort();
      await t.fetch();
      await t.endOffset();
      await t.commit();
      await t.fetch();
      await t.endOffset();
      if (!modern) await second.add();
      await second.produce(partition);
      await third.abort();
      await t.fetch();
      await second.commit();
      await t.observe();
      for (let offset = 0; offset <= 12; offset++) await t.fetch(partition, { offset });
      for (const maxBytes of [1, 100, 200, 300]) await t.fetch(partition, { maxBytes });
      await add();
    }),
    ...bothKinds('records without a transaction behind an open one', async (t, { add }) => {
      const [partition] = t.partitions;
      const plain = t.another(`${t.name}-plain`);
      const nobody = { who: { id: -1, epoch: -1 }, transactional: false };
      await t.init();
      await plain.produce(partition, nobody);
      await add();
      await t.produce(partition);
      await plain.produce(partition, nobody);
      for (const isolationLevel of [0, 1]) {
        for (const timestamp of [-1, -2, -3, 0]) await t.endOffset(partition, { isolationLevel, timestamp });
        for (const offset of [0, 1, 2, 3, 4]) await t.fetch(partition, { isolationLevel, offset });
      }
      await t.abort();
      for (const isolationLevel of [0, 1]) {
        for (const timestamp of [-1, -2, -3, 0]) await t.endOffset(partition, { isolationLevel, timestamp });
        for (const offset of [0, 1, 2, 3, 4, 5]) await t.fetch(partition, { isolationLevel, offset });
      }
    }),
    ...forEach(
      versions(apis.fetch),
      (version) => `an aborted and an open transaction, Fetch v${version}`,
      async (t, version) => {
        const [partition] = t.partitions;
        await t.init();
        for (const committed of [true, false]) {
          await t.add();
          await t.produce(partition);
          await t.end(committed);
        }
        await t.add();
        await t.produce(partition);
        for (const isolationLevel of [0, 1, 2]) {
          for (const offset of [0, 2, 3, 4, 5]) await t.fetch(partition, { version, isolationLevel, offset });
        }
      },
    ),
    ...forEach(
      versions(apis.listOffsets),
      (version) => `offsets of an open transaction, ListOffsets v${version}`,
      async (t, version) => {
        if (version < 2) return;
        await t.init();
        await t.add();
        await t.produce();
        for (const isolationLevel of [0, 1]) {
          for (const timestamp of [-1, -2, 0, 4_000_000_000_000]) {
            await t.endOffset(t.partitions[0], { version, isolationLevel, timestamp });
          }
        }
      },
    ),
    ...bothKinds('records are deleted under transactions', async (t, { add }) => {
      const [partition] = t.partitions;
      await t.init();
      await add();
      await t.produce(partition, { count: 4 });
      await t.abort();
      await add();
      await t.produce(partition, { count: 2 });
      for (const offset of [2, 5, -1]) {
        await t.step(`DeleteRecords to ${offset}`, apis.deleteRecords, 2, {
          topics: [{ name: t.topic, partitions: [{ partitionIndex: partition, offset }] }],
          timeoutMs: 3000,
        });
        await t.fetch(partition, { offset: Math.max(0, offset) });
        await t.fetch(partition, { offset: 5 });
        await t.describeProducers();
      }
      await t.commit();
      await t.describe();
      await t.describeProducers();
    }),
  ];
}

function offsetsOfGroups() {
  return [
    ...bothKinds('offsets are pending, then committed, then aborted', async (t, { modern }) => {
      await t.init();
      for (const [offset, committed] of [
        [3, true],
        [5, false],
        [7, true],
      ]) {
        if (!modern) await t.addOffsets();
        await t.commitOffsets(offset);
        for (const requireStable of [true, false]) {
          await t.offsets({ requireStable });
          await t.offsets({ requireStable, topics: null });
        }
        await t.end(committed);
        await t.offsets();
      }
      await t.offsetsLog();
      await t.observe();
    }),
    ...forEach(
      versions(apis.offsetFetch).filter((version) => version < 9),
      (version) => `pending offsets, OffsetFetch v${version}`,
      async (t, version) => {
        if (version < 1) return;
        await t.init();
        await t.addOffsets();
        await t.commitOffsets();
        for (const requireStable of [true, false]) await t.offsets({ version, requireStable });
        await t.commit();
        for (const requireStable of [true, false]) await t.offsets({ version, requireStable });
      },
    ),
    ...bothKinds('an ordinary commit overtakes pending offsets', async (t, { modern }) => {
      await t.init();
      for (const committed of [true, false]) {
        await t.plainOffsetCommit(1);
        if (!modern) await t.addOffsets();
        await t.commitOffsets(3);
        await t.plainOffsetCommit(2);
        await t.offsets();
        await t.offsets({ requireStable: false });
        await t.end(committed);
        await t.offsets();
      }
      await t.offsetsLog();
    }),
    ...bothKinds('two transactions with offsets of one partition', async (t, { modern }) => {
      const second = t.another(`${t.name}-second`);
      for (const each of [t, second]) {
        await each.init();
        if (!modern) await each.addOffsets();
      }
      await t.commitOffsets(3);
      await second.commitOffsets(4);
      await t.offsets();
      await t.commit();
      await t.offsets();
      await second.abort();
      await t.offsets();
      await t.offsetsLog();
    }),
    ...bothKinds('the group is deleted while offsets are pending', async (t, { modern }) => {
      await t.init();
      await t.plainOffsetCommit(1);
      if (!modern) await t.addOffsets();
      await t.commitOffsets(3);
      await t.step('OffsetDelete', apis.offsetDelete, 0, {
        groupId: t.group,
        topics: [{ name: t.topic, partitions: [{ partitionIndex: t.partitions[0] }] }],
      });
      await t.offsets();
      await t.step('DeleteGroups', apis.deleteGroups, 2, { groupsNames: [t.group] });
      await t.offsets();
      await t.commit();
      await t.offsets();
    }),
    ...forEach(
      versions(apis.txnOffsetCommit),
      (version) => `wrong offsets, TxnOffsetCommit v${version}`,
      async (t, version) => {
        await t.init();
        await t.addOffsets();
        await t.commitOffsets(3, { version, groupId: '' });
        await t.commitOffsets(3, { version, groupId: `${t.group}-other` });
        await t.commitOffsets(3, { version, topic: UNKNOWN_TOPIC });
        await t.commitOffsets(3, { version, topic: '' });
        await t.commitOffsets(3, { version, partition: 999 });
        await t.commitOffsets(-1, { version });
        if (version >= 3) {
          await t.commitOffsets(3, { version, memberId: 'nobody', generationId: 1 });
          await t.commitOffsets(3, { version, memberId: 'nobody', generationId: -1 });
          await t.commitOffsets(3, { version, memberId: '', generationId: 4 });
          await t.commitOffsets(3, { version, groupInstanceId: 'instance', memberId: 'nobody', generationId: 1 });
        }
        await t.describe();
        await t.offsets({ requireStable: false });
        await t.commit();
        await t.offsets();
      },
    ),
    ...forEach(
      [4, 5],
      (version) => `offsets of a group that was not added, TxnOffsetCommit v${version}`,
      async (t, version) => {
        await t.init();
        await t.commitOffsets(3, { version });
        await t.describe();
        await t.offsets();
        await t.commit();
        await t.offsets();
        await t.observe();
      },
    ),
    ...bothKinds('offsets of a group that has members', async (t, { modern }) => {
      await t.init();
      const join = (memberId) =>
        t.step(
          'JoinGroup',
          apis.joinGroup,
          3,
          {
            groupId: t.group,
            sessionTimeoutMs: 10_000,
            rebalanceTimeoutMs: 10_000,
            memberId,
            protocolType: 'consumer',
            protocols: [{ name: 'range', metadata: Buffer.alloc(6) }],
          },
          ['memberId', 'leader', 'members'],
        );
      const { memberId, generationId } = await join('');
      if (!modern) await t.addOffsets();
      await t.commitOffsets(3, { memberId, generationId });
      await t.step(
        'SyncGroup',
        apis.syncGroup,
        3,
        {
          groupId: t.group,
          generationId,
          memberId,
          assignments: [{ memberId, assignment: Buffer.alloc(4) }],
        },
        ['assignment'],
      );
      await t.commitOffsets(3, { memberId, generationId });
      await t.commitOffsets(4, { memberId, generationId: generationId + 1 });
      await t.commitOffsets(4, { memberId: 'nobody', generationId });
      await t.commitOffsets(5);
      await t.offsets();
      await t.commit();
      await t.offsets();
    }),
    ...bothKinds('offsets of a group of the consumer protocol', async (t, { modern }) => {
      await t.init();
      const beat = (memberEpoch, memberId = 'AAAAAAAAAAAAAAAAAAAAKg') =>
        t.step(
          'ConsumerGroupHeartbeat',
          apis.consumerGroupHeartbeat,
          1,
          {
            groupId: t.group,
            memberId,
            memberEpoch,
            rebalanceTimeoutMs: 10_000,
            subscribedTopicNames: [t.topic],
            topicPartitions: [],
          },
          ['heartbeatIntervalMs', 'assignment'],
        );
      const { memberEpoch, memberId } = await beat(0);
      if (!modern) await t.addOffsets();
      await t.commitOffsets(3, { memberId, generationId: memberEpoch });
      await t.commitOffsets(4, { memberId, generationId: memberEpoch - 1 });
      await t.commitOffsets(4, { memberId, generationId: memberEpoch + 1 });
      await t.commitOffsets(4, { memberId: 'nobody', generationId: memberEpoch });
      await t.commitOffsets(5);
      await t.offsets();
      await t.commit();
      await t.offsets();
    }),
  ];
}

function hangingTransactions() {
  return [
    ...forEach(
      [1, 2],
      (version) => `WriteTxnMarkers for a transaction that is open, v${version}`,
      async (t, version) => {
        await t.init();
        await t.add();
        await t.produce();
        const { id, epoch } = t.producer;
        await t.writeMarkers([], version);
        await t.writeMarkers([t.marker({ who: { id, epoch: epoch - 1 } })], version);
        await t.writeMarkers([t.marker({ coordinatorEpoch: -1 })], version);
        await t.describeProducers();
        await t.writeMarkers([t.marker({ topics: [{ name: UNKNOWN_TOPIC, partitionIndexes: [0] }] })], version);
        await t.writeMarkers(
          [t.marker({ topics: [{ name: t.topic, partitionIndexes: [999, t.partitions[1]] }] })],
          version,
        );
        await t.writeMarkers([t.marker({ coordinatorEpoch: 5 })], version);
        await t.observe();
        await t.produce();
        await t.commit();
        await t.observe();
      },
    ),
    ...forEach(
      [1, 2],
      (version) => `coordinator epochs, WriteTxnMarkers v${version}`,
      async (t, version) => {
        await t.init();
        await t.add();
        for (const coordinatorEpoch of [3, 2, 3, 4, -1]) {
          await t.produce();
          await t.writeMarkers([t.marker({ coordinatorEpoch })], version);
          await t.describeProducers();
          await t.fetch();
        }
      },
    ),
    ...forEach(
      [0, 1, 2],
      (transactionVersion) => `markers of transaction version ${transactionVersion}`,
      async (t, transactionVersion) => {
        await t.modern().init();
        await t.produce();
        const { id, epoch } = t.producer;
        for (const [committed, add] of [
          [false, 0],
          [true, 1],
          [true, 1],
          [false, 3],
          [false, 2],
        ]) {
          await t.writeMarkers([t.marker({ who: { id, epoch: epoch + add }, committed, transactionVersion })]);
          await t.fetch();
          await t.describeProducers();
        }
      },
    ),
    ...forEach(
      [1, 2],
      (version) => `several markers in one request, WriteTxnMarkers v${version}`,
      async (t, version) => {
        const second = t.another(`${t.name}-second`);
        for (const each of [t, second]) {
          await each.init();
          await each.add();
          await each.produce();
        }
        await t.writeMarkers([t.marker(), second.marker({ committed: true })], version);
        await t.writeMarkers([t.marker(), t.marker()], version);
        await t.observe();
      },
    ),
    ...forEach(
      [1, 2],
      (version) => `markers for producers that nobody knows, WriteTxnMarkers v${version}`,
      async (t, version) => {
        for (const who of [
          { id: t.world.otherProducerId, epoch: 0 },
          { id: t.world.otherProducerId, epoch: 3 },
          { id: t.world.otherProducerId, epoch: 2 },
        ]) {
          await t.writeMarkers([t.marker({ who })], version);
          await t.describeProducers();
          await t.fetch();
        }
      },
    ),
    ...forEach(
      [1, 2],
      (version) => `a marker ends pending offsets, WriteTxnMarkers v${version}`,
      async (t, version) => {
        for (const committed of [false, true]) {
          await t.init();
          await t.addOffsets();
          await t.commitOffsets(committed ? 8 : 9);
          await t.offsets();
          const topics = [{ name: '__consumer_offsets', partitionIndexes: [t.groupPartition] }];
          await t.writeMarkers([t.marker({ topics, committed })], version);
          await t.offsets();
          await t.abort();
          await t.offsets();
        }
      },
    ),
    ...scenario('a hanging transaction is found and aborted', async (t) => {
      await t.init();
      await t.add();
      await t.produce();
      await t.commit();
      // The marker of the coordinator has come: what is written now with v1 and an old client nobody will end.
      await t.produce(t.partitions[0], { version: 11 });
      await t.fetch();
      await t.describeProducers();
      await t.writeMarkers([t.marker()], 1);
      await t.observe();
    }),
    ...scenario('DescribeProducers of what is not there', async (t) => {
      for (const topics of [
        [],
        [{ name: UNKNOWN_TOPIC, partitionIndexes: [0] }],
        [{ name: t.topic, partitionIndexes: [] }],
        [{ name: t.topic, partitionIndexes: [999, -1, ...t.partitions] }],
        [{ name: '', partitionIndexes: [0] }],
        [{ name: 'no/topic', partitionIndexes: [0] }],
        [
          { name: t.topic, partitionIndexes: [t.partitions[0]] },
          { name: t.topic, partitionIndexes: [t.partitions[0]] },
        ],
      ]) {
        await t.describeProducers(topics);
      }
    }),
    ...scenario('DescribeProducers of producers without transactions', async (t) => {
      const who = { id: t.world.otherProducerId, epoch: 0 };
      for (let i = 0; i < 3; i++) await t.produce(t.partitions[0], { who, transactional: false, count: 2 });
      await t.describeProducers();
    }),
  ];
}

function listing() {
  const filters = (t) => [
    {},
    { stateFilters: ['Ongoing'] },
    { stateFilters: ['Ongoing', 'CompleteCommit', 'Empty'] },
    { stateFilters: ['ongoing'] },
    { stateFilters: ['Nonsense'] },
    { stateFilters: ['Nonsense', 'Ongoing', ''] },
    { stateFilters: ['Dead', 'PrepareEpochFence', 'PrepareCommit', 'PrepareAbort', 'CompleteAbort'] },
    { producerIdFilters: [t.producer.id] },
    { producerIdFilters: [t.producer.id, t.world.otherProducerId] },
    { producerIdFilters: [-1] },
    { producerIdFilters: [t.world.otherProducerId] },
    { producerIdFilters: [t.producer.id], stateFilters: ['Empty'] },
  ];
  return [
    ...forEach(
      versions(apis.listTransactions),
      (version) => `ListTransactions with filters, v${version}`,
      async (t, version) => {
        const own = ['committed', 'aborted', 'open', 'empty'];
        for (const what of own) {
          const each = t.another(`${t.name}-${what}`);
          await each.init();
          t.producer = each.producer;
          if (what === 'empty') continue;
          await each.add();
          await each.produce();
          if (what !== 'open') await each.end(what === 'committed');
        }
        const ask = (filter) =>
          t.list(filter, version, (states) =>
            states.filter(({ transactionalId }) => transactionalId.startsWith(`${t.name}-`)),
          );
        for (const filter of filters(t)) await ask(filter);
        if (version >= 1) for (const durationFilter of [-1, 0, 1, 3_600_000, -5]) await ask({ durationFilter });
        if (version < 2) return;
        const patterns = [
          null,
          '',
          `${t.name}.*`,
          `${t.name}-(open|empty)`,
          t.name,
          '[',
          '(?i)OPEN',
          '.*open',
          '*',
          '\\',
        ];
        for (const transactionalIdPattern of patterns) await ask({ transactionalIdPattern });
      },
    ),
    ...scenario('DescribeTransactions of what is not there', async (t) => {
      await t.init();
      for (const ids of [[], ['nobody'], [''], [t.name, t.name], [t.name, 'nobody', '']]) await t.describe(ids);
    }),
  ];
}

function coordinators() {
  return forEach(
    versions(apis.findCoordinator),
    (version) => `FindCoordinator v${version}`,
    async (t, version) => {
      for (const keys of [[t.name], [''], [t.name, `${t.name}-2`, ''], []]) {
        for (const keyType of [0, 1]) {
          if (version < 1 && keyType > 0) continue;
          await t.step(
            `FindCoordinator v${version} ${keyType} of ${keys.length}`,
            apis.findCoordinator,
            version,
            version < 4 ? { key: keys[0] ?? '', ...(version >= 1 && { keyType }) } : { keyType, coordinatorKeys: keys },
          );
        }
      }
    },
  );
}

/** Kafka's partitions are not ready when it has answered CreateTopics. */
async function ready(t, topic) {
  for (let attempt = 0; attempt < 100; attempt++) {
    const answer = await t.fetch(0, { topic, step: false });
    if (answer.responses?.[0]?.partitions[0]?.errorCode === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
