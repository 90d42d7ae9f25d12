// StreamsGroupTargetAssignmentMember, record type 21 of __consumer_offsets: the target assignment of a member of a streams group.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, type Fields, int32, string, structs } from '../schema.ts';

const taskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
} satisfies Fields;

export const streamsGroupTargetAssignmentMemberRecord = defineRecord({
  type: 21,
  name: 'StreamsGroupTargetAssignmentMember',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
    memberId: string(),
  },
  value: {
    activeTasks: structs(taskIds),
    standbyTasks: structs(taskIds),
    warmupTasks: structs(taskIds),
  },
});

export type StreamsGroupTargetAssignmentMemberKey = RecordKeyOf<typeof streamsGroupTargetAssignmentMemberRecord>;
export type StreamsGroupTargetAssignmentMemberValue = RecordValueOf<typeof streamsGroupTargetAssignmentMemberRecord>;
