// ShareGroupTargetAssignmentMetadata, record type 12 of __consumer_offsets: the epoch of a share group's target assignment.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { int32, int64, string } from '../schema.ts';

export const shareGroupTargetAssignmentMetadataRecord = defineRecord({
  type: 12,
  name: 'ShareGroupTargetAssignmentMetadata',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
  },
  value: {
    assignmentEpoch: int32(),
    assignmentTimestamp: int64({ default: 0, tag: 0 }),
  },
});

export type ShareGroupTargetAssignmentMetadataKey = RecordKeyOf<typeof shareGroupTargetAssignmentMetadataRecord>;
export type ShareGroupTargetAssignmentMetadataValue = RecordValueOf<typeof shareGroupTargetAssignmentMetadataRecord>;
