// Every request about transactions, at every version, in every state of a transactional id, from the right producer and from wrong ones;
// then what became of the transaction, the partition and the coordinator's log.

import { apis } from './exchange.mjs';
import { IDENTITIES } from './transaction-session.mjs';

/** How a session gets into a state. */
const states = {
  'unknown id': async (t) => {
    t.producer = { id: t.world.otherProducerId, epoch: 0 };
  },
  empty: (t) => t.init(),
  'initialised three times': async (t) => {
    await t.init();
    await t.init();
    await t.init();
  },
  'a partition added': async (t) => {
    await t.init();
    await t.add();
  },
  'data written': async (t) => {
    await t.init();
    await t.add([t.partitions[0]]);
    await t.produce();
  },
  'offsets pending': async (t) => {
    await t.init();
    await t.addOffsets();
    await t.commitOffsets();
  },
  committed: async (t) => {
    await t.init();
    await t.add();
    await t.produce();
    await t.commit();
  },
  aborted: async (t) => {
    await t.init();
    await t.add();
    await t.produce();
    await t.abort();
  },
  'v2, empty': (t) => t.modern().init(),
  'v2, data written': async (t) => {
    await t.modern().init();
    await t.produce();
  },
  'v2, offsets pending': async (t) => {
    await t.modern().init();
    await t.commitOffsets();
  },
  'v2, committed': async (t) => {
    await t.modern().init();
    await t.produce();
    await t.commit();
  },
  'v2, aborted': async (t) => {
    await t.modern().init();
    await t.produce();
    await t.abort();
  },
  'v2, aborted without a transaction': async (t) => {
    await t.modern().init();
    await t.abort();
  },
  'v2, a second transaction': async (t) => {
    await t.modern().init();
    await t.produce();
    await t.commit();
    await t.produce();
  },
  'over its time': async (t) => {
    await t.init({ timeoutMs: 200 });
    await t.add();
    await t.produce();
    await t.settled((state) => state === 'CompleteAbort');
  },
  'v2, over its time': async (t) => {
    await t.modern().init({ timeoutMs: 200 });
    await t.produce();
    await t.settled((state) => state === 'CompleteAbort');
  },
};

const versionsOf = ({ minVersion, maxVersion }, from = minVersion, to = maxVersion) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Of each: its versions, and the request. */
const operations = {
  'InitProducerId anew': [versionsOf(apis.initProducerId), (t, version) => t.init({ version }), { anonymous: true }],
  'InitProducerId to go on': [
    versionsOf(apis.initProducerId, 3),
    (t, version, who) => t.init({ version, id: who.id, epoch: who.epoch }),
  ],
  AddPartitionsToTxn: [
    versionsOf(apis.addPartitionsToTxn, 0, 3),
    (t, version, who) => t.add(t.partitions, { version, who }),
  ],
  'AddPartitionsToTxn, batched': [
    versionsOf(apis.addPartitionsToTxn, 4),
    (t, version, who) => t.add(t.partitions, { version, who }),
  ],
  'AddPartitionsToTxn, verify': [
    versionsOf(apis.addPartitionsToTxn, 4),
    (t, version, who) => t.addMany([t.batched({ who, verifyOnly: true })], version),
  ],
  AddOffsetsToTxn: [versionsOf(apis.addOffsetsToTxn), (t, version, who) => t.addOffsets({ version, who })],
  TxnOffsetCommit: [versionsOf(apis.txnOffsetCommit), (t, version, who) => t.commitOffsets(7, { version, who })],
  'EndTxn commit': [versionsOf(apis.endTxn), (t, version, who) => t.commit({ version, who })],
  'EndTxn abort': [versionsOf(apis.endTxn), (t, version, who) => t.abort({ version, who })],
  'Produce transactional': [
    versionsOf(apis.produce),
    (t, version, who) => t.produce(t.partitions[0], { version, who }),
  ],
  'Produce transactional to a partition not added': [
    versionsOf(apis.produce, 11),
    (t, version, who) => t.produce(t.partitions[1], { version, who }),
  ],
  'Produce without a transaction': [
    [3, 11, 12, 13],
    (t, version, who) => t.produce(t.partitions[0], { version, who, transactional: false }),
  ],
  'WriteTxnMarkers commit': [
    versionsOf(apis.writeTxnMarkers),
    (t, version, who) => t.writeMarkers([t.marker({ who, committed: true })], version),
  ],
  'WriteTxnMarkers abort, of a transaction v2': [
    [2],
    (t, version, who) => t.writeMarkers([t.marker({ who, transactionVersion: 2 })], version),
  ],
};

export const matrix = Object.entries(states).flatMap(([state, enter]) =>
  Object.entries(operations).flatMap(([operation, [versions, ask, { anonymous = false } = {}]]) =>
    versions.flatMap((version) =>
      Object.keys(IDENTITIES)
        .slice(0, anonymous ? 1 : undefined)
        .map((identity) => ({
          name: `State ${state}: ${operation} v${version}${anonymous ? '' : `, ${identity}`}`,
          run: async (t) => {
            await enter(t);
            await ask(t, version, t.as(identity));
            await t.observe();
          },
        })),
    ),
  ),
);
