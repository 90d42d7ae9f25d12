import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { chunksOf } from '../coordinator/coordinator-log.ts';
import { recordType } from '../protocol/coordinator-record.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { CoordinatorRecord } from './effects.ts';
import { CommittedOffsets } from './offsets.ts';

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
const OTHER_ID = 'AAAAAAAAAAAAAAAAAAAAAg';

const rules = {
  nowMs: 1000,
  retentionTimeMs: -1,
  metadataLengthMax: 10,
  batchBytesMax: 1_000_000,
  verdict: ErrorCode.NONE as number,
};

const topic = (name: string, offsets: Record<number, number>, topicId = TOPIC_ID) => ({
  name,
  topicId,
  partitions: Object.entries(offsets).map(([partition, committedOffset]) => ({
    partitionIndex: Number(partition),
    committedOffset,
    committedLeaderEpoch: -1,
    committedMetadata: null,
  })),
});

/** As they stand in the log; `producerId` is that of a transactional batch. */
type LogEntry =
  | { readonly record: CoordinatorRecord; readonly producerId?: number }
  | { readonly marker: { readonly producerId: number; readonly isCommitted: boolean } };

function replayed(log: readonly LogEntry[]): CommittedOffsets {
  const offsets = new CommittedOffsets();
  for (const entry of log) {
    if ('marker' in entry) offsets.endTransaction(entry.marker.producerId, entry.marker.isCommitted);
    else offsets.replay(recordType(entry.record.key), entry.record.key, entry.record.value, entry.producerId);
  }
  return offsets;
}

const GROUPS = ['g1', 'g2'];
const TOPICS = ['t', 'u'];
const PARTITIONS = [0];
const PRODUCERS = [7, 8];

const EVERY_PARTITION = GROUPS.flatMap((group) =>
  TOPICS.flatMap((name) => PARTITIONS.map((partition) => ({ group, name, partition }))),
);

interface Place {
  readonly group: string;
  readonly name: string;
  readonly partition: number;
}

/**
 * What the offsets have to be, from the history alone: an offset counts unless something deleted the partition's after it, in
 * a transaction only when the next marker of its producer is a commit; the last that counts is the partition's.
 */
class Model {
  readonly #history: (
    | (Place & { readonly kind: 'commit'; readonly offset: number; readonly producerId: number | undefined })
    | (Place & { readonly kind: 'deletion' })
    | { readonly kind: 'marker'; readonly producerId: number; readonly isCommitted: boolean }
  )[] = [];

  commit(place: Place, offset: number, producerId?: number): void {
    this.#history.push({ ...place, kind: 'commit', offset, producerId });
  }

  delete(isGone: (place: Place) => boolean): void {
    for (const place of EVERY_PARTITION.filter(isGone)) this.#history.push({ ...place, kind: 'deletion' });
  }

  end(producerId: number, isCommitted: boolean): void {
    this.#history.push({ kind: 'marker', producerId, isCommitted });
  }

  stateOf(place: Place): { offset: number | undefined; isPending: boolean } {
    let offset: number | undefined;
    let isPending = false;
    this.#history.forEach((event, at) => {
      if (event.kind !== 'commit' || !isSame(event, place)) return;
      const later = this.#history.slice(at);
      if (later.some((other) => other.kind === 'deletion' && isSame(other, place))) return;
      const end = later.find((other) => other.kind === 'marker' && other.producerId === event.producerId);
      if (event.producerId === undefined || (end?.kind === 'marker' && end.isCommitted)) offset = event.offset;
      else if (end === undefined) isPending = true;
    });
    return { offset, isPending };
  }
}

function isSame(one: Place, other: Place): boolean {
  return one.group === other.group && one.name === other.name && one.partition === other.partition;
}

function stateOf(offsets: CommittedOffsets, { group, name, partition }: Place) {
  return {
    offset: offsets.get(group, name, partition)?.offset,
    isPending: offsets.isPending(group, name, partition),
  };
}

const inGroups = { group: fc.constantFrom(...GROUPS) };
const inTopics = { ...inGroups, name: fc.constantFrom(...TOPICS) };
const inPartitions = { ...inTopics, partition: fc.constantFrom(...PARTITIONS) };
const ofProducers = { producerId: fc.constantFrom(...PRODUCERS) };

const commits = { ...inPartitions, offset: fc.nat() };
const change = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const), ...commits }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pending' as const), ...commits, ...ofProducers }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), ...ofProducers, isCommitted: fc.boolean() }) },
  fc.record({ kind: fc.constant('refused' as const), ...commits, ...ofProducers }),
  fc.record({ kind: fc.constant('delete' as const), ...inPartitions }),
  fc.record({ kind: fc.constant('topic' as const), name: fc.constantFrom(...TOPICS) }),
  fc.record({ kind: fc.constant('group' as const), ...inGroups }),
  fc.record({ kind: fc.constant('expire' as const), ...inTopics }),
  fc.record({ kind: fc.constant('restart' as const) }),
);
type Change = typeof change extends fc.Arbitrary<infer Made> ? Made : never;

/** The offsets, the log that they wrote, and the model that sees the same. */
class History {
  offsets = new CommittedOffsets();
  readonly log: LogEntry[] = [];
  readonly model = new Model();

  happen(each: Change): void {
    const { offsets, model } = this;
    switch (each.kind) {
      case 'commit':
        this.#write(offsets.commit(each.group, [topic(each.name, { [each.partition]: each.offset })], rules).records);
        model.commit(each, each.offset);
        break;
      case 'pending':
      case 'refused': {
        const topics = [topic(each.name, { [each.partition]: each.offset })];
        const { records, apply } = offsets.commitPending(each.producerId, each.group, topics, rules);
        if (each.kind === 'refused') break;
        this.#write(records, each.producerId);
        apply();
        model.commit(each, each.offset, each.producerId);
        break;
      }
      case 'end':
        this.log.push({ marker: each });
        offsets.endTransaction(each.producerId, each.isCommitted);
        model.end(each.producerId, each.isCommitted);
        break;
      case 'delete':
        this.#write(offsets.delete(each.group, each.name, [each.partition]));
        model.delete((place) => isSame(place, each));
        break;
      case 'topic':
        this.#write(offsets.deleteTopic(each.name, TOPIC_ID));
        model.delete(({ name }) => name === each.name);
        break;
      case 'group':
        this.#write(offsets.deleteGroup(each.group));
        model.delete(({ group }) => group === each.group);
        break;
      case 'expire':
        this.#write(offsets.expire(each.group, (name) => name === each.name));
        model.delete(
          (place) => place.group === each.group && place.name === each.name && !model.stateOf(place).isPending,
        );
        break;
      case 'restart':
        this.offsets = replayed(this.log);
    }
  }

  #write(records: readonly CoordinatorRecord[], producerId?: number): void {
    for (const record of records) this.log.push(producerId === undefined ? { record } : { record, producerId });
  }
}

describe('Committed offsets', () => {
  it('are after any changes, transactions and restarts what the history says, and what their records replay to', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const history = new History();
        for (const each of changes) {
          history.happen(each);
          for (const place of EVERY_PARTITION) {
            assert.deepEqual(stateOf(history.offsets, place), history.model.stateOf(place));
          }
        }
        const { offsets, log } = history;
        const again = replayed(log);
        for (const { group, name, partition } of EVERY_PARTITION) {
          assert.deepEqual(again.get(group, name, partition), offsets.get(group, name, partition));
          assert.equal(again.isPending(group, name, partition), offsets.isPending(group, name, partition));
        }
        assert.deepEqual([again.count, again.pendingCount], [offsets.count, offsets.pendingCount]);
        assert.deepEqual([...again.groupIds()].sort(), [...offsets.groupIds()].sort());
        // Whoever is still open can end: nothing is left behind.
        for (const producerId of PRODUCERS) offsets.endTransaction(producerId, false);
        assert.equal(offsets.pendingCount, 0);
      }),
      { numRuns: 300 },
    );
  });

  it('are all refused when the verdict on one partition is no, but for those with a bad note', () => {
    const offsets = new CommittedOffsets();
    const asked = topic('t', { 0: 1, 1: 2 });
    const noted = { ...asked.partitions[1]!, committedMetadata: 'x'.repeat(11) };
    const verdict = (_: string, partition: number) => (partition === 1 ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.NONE);
    const refused = offsets.commit('g', [asked], { ...rules, verdict });
    assert.deepEqual([refused.errorCode, refused.records.length], [ErrorCode.STALE_MEMBER_EPOCH, 0]);
    assert.equal(offsets.count, 0);
    const partly = offsets.commit('g', [{ ...asked, partitions: [asked.partitions[0]!, noted] }], {
      ...rules,
      verdict,
    });
    assert.deepEqual(partly.partitionErrors, [[ErrorCode.NONE, ErrorCode.OFFSET_METADATA_TOO_LARGE]]);
    assert.equal(offsets.get('g', 't', 0)?.offset, 1);
  });

  it('that do not fit in one batch are refused together and change nothing', () => {
    const offsets = new CommittedOffsets();
    offsets.commit('g', [topic('t', { 0: 1 })], rules);
    const asked = [topic('t', { 0: 2, 1: 2, 2: 2 })];
    const refused = offsets.commit('g', asked, { ...rules, batchBytesMax: 200 });
    assert.deepEqual([refused.errorCode, refused.records.length], [ErrorCode.UNKNOWN_SERVER_ERROR, 0]);
    assert.deepEqual([offsets.get('g', 't', 0)?.offset, offsets.count], [1, 1]);
  });

  it('of a topic that has the name now stay when the one that had it is deleted', () => {
    const offsets = new CommittedOffsets();
    offsets.commit('g', [topic('t', { 0: 1 }, OTHER_ID), topic('t', { 1: 2 }, ZERO_UUID)], rules);
    offsets.deleteTopic('t', TOPIC_ID);
    assert.equal(offsets.get('g', 't', 0)?.offset, 1);
    assert.equal(offsets.get('g', 't', 1), undefined);
  });

  it('of a lost topic give no tombstone that would take what a transaction committed to its namesake', () => {
    const offsets = new CommittedOffsets();
    offsets.commit('g', [topic('t', { 0: 1, 1: 1 }, OTHER_ID)], rules);
    offsets.commitPending(7, 'g', [topic('t', { 0: 2 })], rules).apply();
    const tombstones = offsets.deleteLost((topicId) => topicId === OTHER_ID);
    assert.equal(tombstones.length, 1);
    assert.deepEqual([offsets.get('g', 't', 0), offsets.get('g', 't', 1)], [undefined, undefined]);
    offsets.endTransaction(7, true);
    assert.equal(offsets.get('g', 't', 0)?.offset, 2);
  });

  it('that are pending are bounded, and what is beyond may come when transactions have ended', () => {
    const offsets = new CommittedOffsets();
    const many = [topic('t', Object.fromEntries(Array.from({ length: 50_000 }, (_, partition) => [partition, 1])))];
    const unbounded = { ...rules, batchBytesMax: Number.POSITIVE_INFINITY };
    const commit = (producerId: number, topics = many) => offsets.commitPending(producerId, 'g', topics, unbounded);
    commit(7).apply();
    commit(8).apply();
    assert.equal(offsets.pendingCount, 100_000);
    const refused = commit(9, [topic('t', { 0: 1 })]);
    assert.deepEqual([refused.errorCode, refused.records.length], [ErrorCode.COORDINATOR_NOT_AVAILABLE, 0]);
    offsets.endTransaction(7, true);
    assert.equal(commit(9, [topic('t', { 0: 1 })]).errorCode, ErrorCode.NONE);
  });
});

describe('Batches of what need not be atomic', () => {
  it('hold all records in order, and none is larger than asked unless it is a single record', () => {
    const record = fc.nat(60).map((bytes) => ({ key: Buffer.alloc(bytes), value: null }));
    fc.assert(
      fc.property(fc.array(record), fc.integer({ min: 1, max: 300 }), (records, maxBytes) => {
        const chunks = [...chunksOf(records, maxBytes)];
        assert.deepEqual(chunks.flat(), records);
        for (const chunk of chunks) {
          const bytes = chunk.reduce((sum, { key }) => sum + key.length, 0);
          assert.ok(chunk.length === 1 || bytes <= maxBytes);
        }
      }),
    );
  });
});
