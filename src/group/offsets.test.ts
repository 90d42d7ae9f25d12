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

function replayed(records: readonly CoordinatorRecord[]): CommittedOffsets {
  const offsets = new CommittedOffsets();
  for (const { key, value } of records) offsets.replay(recordType(key), key, value);
  return offsets;
}

function contentOf(offsets: CommittedOffsets): unknown {
  return [...offsets.groupIds()]
    .sort()
    .map((groupId) => [
      groupId,
      [...offsets.of(groupId)].map(([name, partitions]) => [name, [...partitions].sort((a, b) => a[0] - b[0])]).sort(),
    ]);
}

describe('Committed offsets', () => {
  it('are after any changes what their records replay to', () => {
    const group = fc.constantFrom('g1', 'g2');
    const name = fc.constantFrom('t', 'u');
    const change = fc.oneof(
      fc.record({ kind: fc.constant('commit' as const), group, name, partition: fc.nat(3), offset: fc.nat() }),
      fc.record({ kind: fc.constant('delete' as const), group, name, partition: fc.nat(3) }),
      fc.record({ kind: fc.constant('topic' as const), name }),
      fc.record({ kind: fc.constant('group' as const), group }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const offsets = new CommittedOffsets();
        const records: CoordinatorRecord[] = [];
        for (const each of changes) {
          if (each.kind === 'commit') {
            const topics = [topic(each.name, { [each.partition]: each.offset })];
            records.push(...offsets.commit(each.group, topics, rules).records);
          } else if (each.kind === 'delete') {
            records.push(...offsets.delete(each.group, each.name, [each.partition]));
          } else if (each.kind === 'topic') records.push(...offsets.deleteTopic(each.name, TOPIC_ID));
          else records.push(...offsets.deleteGroup(each.group));
        }
        const again = replayed(records);
        assert.deepEqual(contentOf(again), contentOf(offsets));
        assert.equal(again.count, offsets.count);
      }),
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
