// StreamsGroupCurrentMemberAssignment, record type 22 of __consumer_offsets: what a member of a streams group owns now.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, type Fields, int8, int32, string, structs } from '../schema.ts';

const taskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
  assignmentEpochs: array(int32(), { nullable: true, tag: 0 }),
} satisfies Fields;

export const streamsGroupCurrentMemberAssignmentRecord = defineRecord({
  type: 22,
  name: 'StreamsGroupCurrentMemberAssignment',
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
    activeTasks: structs(taskIds),
    standbyTasks: structs(taskIds),
    warmupTasks: structs(taskIds),
    activeTasksPendingRevocation: structs(taskIds),
    standbyTasksPendingRevocation: structs(taskIds),
    warmupTasksPendingRevocation: structs(taskIds),
  },
});

export type StreamsGroupCurrentMemberAssignmentKey = RecordKeyOf<typeof streamsGroupCurrentMemberAssignmentRecord>;
export type StreamsGroupCurrentMemberAssignmentValue = RecordValueOf<typeof streamsGroupCurrentMemberAssignmentRecord>;
