// StreamsGroupMetadata, record type 17 of __consumer_offsets: a streams group (KIP-1071) and its epoch.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { exactInt64, type Fields, int32, string, structs } from '../schema.ts';

const lastAssignmentConfig = {
  key: string(),
  value: string(),
} satisfies Fields;

export const streamsGroupMetadataRecord = defineRecord({
  type: 17,
  name: 'StreamsGroupMetadata',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
  },
  value: {
    epoch: int32(),
    metadataHash: exactInt64(),
    validatedTopologyEpoch: int32({ default: -1, tag: 0 }),
    lastAssignmentConfigs: structs(lastAssignmentConfig, { nullable: true, tag: 1 }),
  },
});

export type StreamsGroupMetadataKey = RecordKeyOf<typeof streamsGroupMetadataRecord>;
export type StreamsGroupMetadataValue = RecordValueOf<typeof streamsGroupMetadataRecord>;
