// ConsumerGroupTargetAssignmentMember, record type 7 of __consumer_offsets: the target assignment of a member of a consumer group.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, int32, string, structs, uuid } from '../schema.ts';

export const consumerGroupTargetAssignmentMemberRecord = defineRecord({
  type: 7,
  name: 'ConsumerGroupTargetAssignmentMember',
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

export type ConsumerGroupTargetAssignmentMemberKey = RecordKeyOf<typeof consumerGroupTargetAssignmentMemberRecord>;
export type ConsumerGroupTargetAssignmentMemberValue = RecordValueOf<typeof consumerGroupTargetAssignmentMemberRecord>;
