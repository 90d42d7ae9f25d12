// One group of three members, told to the Node clients in their own words: two join, a third joins, one leaves, all while records
// are written; in the end a single one goes on at what was committed. A record may come again only while its offset is not
// committed, and a partition goes on where it was or where it is committed, so nothing is left out and order is kept.

import assert from 'node:assert/strict';

export const PARTITIONS = 6;
const WAIT_MS_MAX = 25_000;

class Ledger {
  next = new Array(PARTITIONS).fill(0);
  #committed = new Array(PARTITIONS).fill(0);
  #counts = new Map();
  #breach = null;
  #mayRepeat;

  constructor(mayRepeat) {
    this.#mayRepeat = mayRepeat;
  }

  consumed(member, partition, offset, value) {
    if (offset < this.#committed[partition] && !this.#mayRepeat) {
      this.breach(`${member} got ${partition}:${offset}, though ${this.#committed[partition]} was committed`);
    }
    if (offset > this.next[partition])
      this.breach(`${member} got ${partition}:${offset} before ${this.next[partition]}`);
    if (value !== `${partition}:${offset}`) this.breach(`${partition}:${offset} has the value ${value}`);
    this.next[partition] = Math.max(this.next[partition], offset + 1);
    this.#counts.set(member, this.count(member) + 1);
  }

  /** The offset to go on at, once the broker has accepted it. */
  committed(partition, offset) {
    this.#committed[partition] = Math.max(this.#committed[partition], offset);
  }

  breach(what) {
    this.#breach ??= what;
  }

  count(member) {
    return this.#counts.get(member) ?? 0;
  }

  async until(what, condition) {
    const deadline = Date.now() + WAIT_MS_MAX;
    while (this.#breach === null && !condition()) {
      if (Date.now() > deadline) throw new Error(`${what}; partitions are at ${this.next}`);
      await pause(10);
    }
    if (this.#breach !== null) throw new Error(this.#breach);
  }

  heardBy(member) {
    return this.until(`${member} got nothing`, () => this.count(member) > 0);
  }

  at(positions, what) {
    return this.until(what, () => this.next.every((position, partition) => position >= positions[partition]));
  }
}

/**
 * `client`: createTopic(partitions) → name; send(topic, [{ partition, value }]); join(name, topic, group, ledger) → { leave() },
 * a member that tells the ledger what it consumes and commits; committed(group, topic) → offset per partition. mayRepeat: the
 * client hands out records that it had fetched before it lost their partition.
 */
export async function shareTopic(client) {
  const topic = await client.createTopic(PARTITIONS);
  const group = `group-of-${topic}`;
  const ledger = new Ledger(client.mayRepeat ?? false);
  const members = [];
  const join = async (name) => {
    const member = await client.join(name, topic, group, ledger);
    members.push(member);
    return member;
  };
  const writer = startWriter((messages) => client.send(topic, messages));
  try {
    const [, b] = await Promise.all([join('a'), join('b')]);
    await Promise.all([ledger.heardBy('a'), ledger.heardBy('b')]);
    await join('c');
    await ledger.heardBy('c');
    await b.leave();
    await ledger.at(
      ledger.next.map((position) => position + 3),
      'a partition stands still after a member left',
    );
    const ends = await writer.end();
    await ledger.at(ends, `not every record of ${ends} came`);
    await Promise.all(members.splice(0).map((member) => member.leave()));
    assert.deepEqual(await client.committed(group, topic), ends);

    const more = ends.map((offset, partition) => ({ partition, value: `${partition}:${offset}` }));
    await client.send(topic, more);
    await join('later');
    await ledger.until('a later member does not go on where the group was', () => ledger.count('later') >= PARTITIONS);
    assert.equal(ledger.count('later'), PARTITIONS);
  } finally {
    await writer.end();
    await Promise.all(members.map((member) => member.leave()));
  }
}

/** Writes "partition:offset" to every partition in turn; end() tells where each ends. */
function startWriter(send) {
  const ends = new Array(PARTITIONS).fill(0);
  let ending = false;
  const done = (async () => {
    while (!ending) {
      await send(ends.map((offset, partition) => ({ partition, value: `${partition}:${offset}` })));
      for (let partition = 0; partition < PARTITIONS; partition++) ends[partition]++;
      await pause(10);
    }
  })();
  done.catch(() => {});
  return {
    end: async () => {
      ending = true;
      await done;
      return ends;
    },
  };
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
