// ConsumerProtocolAssignment: what the leader of a classic consumer group hands to a member, inside SyncGroup.
// On the wire: an int16 version, then the message (versioned.ts).
import { defineMessage } from '../message.ts';
import { array, bytes, int32, string, structs } from '../schema.ts';

export const consumerProtocolAssignment = defineMessage({
  name: 'ConsumerProtocolAssignment',
  versions: '0-3',
  flexible: 'none',
  fields: {
    assignedPartitions: structs({
      topic: string(),
      partitions: array(int32()),
    }),
    userData: bytes({ nullable: true, default: null }),
  },
});

export type ConsumerProtocolAssignment = (typeof consumerProtocolAssignment)['$decoded'];
export type ConsumerProtocolAssignmentInput = (typeof consumerProtocolAssignment)['$input'];
