// ConsumerGroupMemberMetadata, record type 5 of __consumer_offsets: what a member of a consumer group told about itself.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, bytes, int32, string, struct, structs } from '../schema.ts';

export const consumerGroupMemberMetadataRecord = defineRecord({
  type: 5,
  name: 'ConsumerGroupMemberMetadata',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
    memberId: string(),
  },
  value: {
    instanceId: string({ nullable: true }),
    rackId: string({ nullable: true }),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
    subscribedTopicRegex: string({ nullable: true }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    serverAssignor: string({ nullable: true }),
    classicMemberMetadata: struct(
      {
        sessionTimeoutMs: int32(),
        supportedProtocols: structs({
          name: string(),
          metadata: bytes(),
        }),
      },
      { nullable: true, tag: 0 },
    ),
  },
});

export type ConsumerGroupMemberMetadataKey = RecordKeyOf<typeof consumerGroupMemberMetadataRecord>;
export type ConsumerGroupMemberMetadataValue = RecordValueOf<typeof consumerGroupMemberMetadataRecord>;
