// OffsetCommit, record type 1 of __consumer_offsets: a committed offset of a group and partition; a tombstone deletes it.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { int32, int64, string, uuid } from '../schema.ts';

export const offsetCommitRecord = defineRecord({
  type: 1,
  name: 'OffsetCommit',
  versions: '0-4',
  flexible: '4+',
  key: {
    group: string(),
    topic: string(),
    partition: int32(),
  },
  value: {
    offset: int64(),
    leaderEpoch: int32({ versions: '3+', default: -1 }),
    metadata: string(),
    commitTimestamp: int64(),
    expireTimestamp: int64({ versions: '1', default: -1 }),
    topicId: uuid({ versions: '4+', tag: 0 }),
  },
});

export type OffsetCommitKey = RecordKeyOf<typeof offsetCommitRecord>;
export type OffsetCommitValue = RecordValueOf<typeof offsetCommitRecord>;
