// ShareGroupTargetAssignmentMember, record type 13 of __consumer_offsets: the target assignment of a member of a share group.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, int32, string, structs, uuid } from '../schema.ts';

export const shareGroupTargetAssignmentMemberRecord = defineRecord({
  type: 13,
  name: 'ShareGroupTargetAssignmentMember',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
    memberId: string(),
  },
  value: {
    topicPartitions: structs({
      topicId: uuid(),
      partitions: array(int32()),
    }),
  },
});

export type ShareGroupTargetAssignmentMemberKey = RecordKeyOf<typeof shareGroupTargetAssignmentMemberRecord>;
export type ShareGroupTargetAssignmentMemberValue = RecordValueOf<typeof shareGroupTargetAssignmentMemberRecord>;
