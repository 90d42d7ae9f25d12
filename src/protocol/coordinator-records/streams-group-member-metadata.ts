// StreamsGroupMemberMetadata, record type 19 of __consumer_offsets: what a member of a streams group told about itself.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { type Fields, int32, string, struct, structs, uint16 } from '../schema.ts';

const endpoint = {
  host: string(),
  port: uint16(),
} satisfies Fields;

const keyValue = {
  key: string(),
  value: string(),
} satisfies Fields;

export const streamsGroupMemberMetadataRecord = defineRecord({
  type: 19,
  name: 'StreamsGroupMemberMetadata',
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
    rebalanceTimeoutMs: int32({ default: -1 }),
    topologyEpoch: int32(),
    processId: string(),
    userEndpoint: struct(endpoint, { nullable: true, default: null }),
    clientTags: structs(keyValue),
  },
});

export type StreamsGroupMemberMetadataKey = RecordKeyOf<typeof streamsGroupMemberMetadataRecord>;
export type StreamsGroupMemberMetadataValue = RecordValueOf<typeof streamsGroupMemberMetadataRecord>;
