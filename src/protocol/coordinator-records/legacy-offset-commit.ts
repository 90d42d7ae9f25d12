// LegacyOffsetCommit, record type 0 of __consumer_offsets: a committed offset in the form of the first Kafka versions; read only.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { int32, int64, string } from '../schema.ts';

export const legacyOffsetCommitRecord = defineRecord({
  type: 0,
  name: 'LegacyOffsetCommit',
  versions: '0',
  flexible: 'none',
  key: {
    group: string(),
    topic: string(),
    partition: int32(),
  },
  value: {
    offset: int64(),
    metadata: string(),
    commitTimestamp: int64(),
  },
});

export type LegacyOffsetCommitKey = RecordKeyOf<typeof legacyOffsetCommitRecord>;
export type LegacyOffsetCommitValue = RecordValueOf<typeof legacyOffsetCommitRecord>;
