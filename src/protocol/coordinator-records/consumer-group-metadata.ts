// ConsumerGroupMetadata, record type 3 of __consumer_offsets: a consumer group (KIP-848) and its epoch.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { exactInt64, int32, string } from '../schema.ts';

export const consumerGroupMetadataRecord = defineRecord({
  type: 3,
  name: 'ConsumerGroupMetadata',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
  },
  value: {
    epoch: int32(),
    metadataHash: exactInt64({ default: 0, tag: 0 }),
  },
});

export type ConsumerGroupMetadataKey = RecordKeyOf<typeof consumerGroupMetadataRecord>;
export type ConsumerGroupMetadataValue = RecordValueOf<typeof consumerGroupMetadataRecord>;
