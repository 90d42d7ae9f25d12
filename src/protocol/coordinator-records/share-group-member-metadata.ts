// ShareGroupMemberMetadata, record type 10 of __consumer_offsets: what a member of a share group told about itself.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, string } from '../schema.ts';

export const shareGroupMemberMetadataRecord = defineRecord({
  type: 10,
  name: 'ShareGroupMemberMetadata',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
    memberId: string(),
  },
  value: {
    rackId: string({ nullable: true }),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
  },
});

export type ShareGroupMemberMetadataKey = RecordKeyOf<typeof shareGroupMemberMetadataRecord>;
export type ShareGroupMemberMetadataValue = RecordValueOf<typeof shareGroupMemberMetadataRecord>;
