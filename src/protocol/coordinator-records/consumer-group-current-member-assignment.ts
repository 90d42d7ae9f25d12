// ConsumerGroupCurrentMemberAssignment, record type 8 of __consumer_offsets: what a member of a consumer group owns now.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, type Fields, int8, int32, string, structs, uuid } from '../schema.ts';

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
  assignmentEpochs: array(int32(), { nullable: true, tag: 0 }),
} satisfies Fields;

export const consumerGroupCurrentMemberAssignmentRecord = defineRecord({
  type: 8,
  name: 'ConsumerGroupCurrentMemberAssignment',
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
    partitionsPendingRevocation: structs(topicPartitions),
  },
});

export type ConsumerGroupCurrentMemberAssignmentKey = RecordKeyOf<typeof consumerGroupCurrentMemberAssignmentRecord>;
export type ConsumerGroupCurrentMemberAssignmentValue = RecordValueOf<
  typeof consumerGroupCurrentMemberAssignmentRecord
>;
