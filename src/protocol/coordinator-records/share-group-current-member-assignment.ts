// ShareGroupCurrentMemberAssignment, record type 14 of __consumer_offsets: what a member of a share group owns now.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, type Fields, int8, int32, string, structs, uuid } from '../schema.ts';

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
} satisfies Fields;

export const shareGroupCurrentMemberAssignmentRecord = defineRecord({
  type: 14,
  name: 'ShareGroupCurrentMemberAssignment',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
    memberId: string(),
  },
  value: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: structs(topicPartitions),
  },
});

export type ShareGroupCurrentMemberAssignmentKey = RecordKeyOf<typeof shareGroupCurrentMemberAssignmentRecord>;
export type ShareGroupCurrentMemberAssignmentValue = RecordValueOf<typeof shareGroupCurrentMemberAssignmentRecord>;
