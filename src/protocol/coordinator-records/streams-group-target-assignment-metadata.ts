// StreamsGroupTargetAssignmentMetadata, record type 20 of __consumer_offsets: the epoch of a streams group's target assignment.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { int32, int64, string } from '../schema.ts';

export const streamsGroupTargetAssignmentMetadataRecord = defineRecord({
  type: 20,
  name: 'StreamsGroupTargetAssignmentMetadata',
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

export type StreamsGroupTargetAssignmentMetadataKey = RecordKeyOf<typeof streamsGroupTargetAssignmentMetadataRecord>;
export type StreamsGroupTargetAssignmentMetadataValue = RecordValueOf<
  typeof streamsGroupTargetAssignmentMetadataRecord
>;
