// ConsumerGroupTargetAssignmentMetadata, record type 6 of __consumer_offsets: the epoch of a consumer group's target assignment.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { int32, int64, string } from '../schema.ts';

export const consumerGroupTargetAssignmentMetadataRecord = defineRecord({
  type: 6,
  name: 'ConsumerGroupTargetAssignmentMetadata',
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

export type ConsumerGroupTargetAssignmentMetadataKey = RecordKeyOf<typeof consumerGroupTargetAssignmentMetadataRecord>;
export type ConsumerGroupTargetAssignmentMetadataValue = RecordValueOf<
  typeof consumerGroupTargetAssignmentMetadataRecord
>;
