// ShareGroupMetadata, record type 11 of __consumer_offsets: a share group (KIP-932) and its epoch.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { exactInt64, int32, string } from '../schema.ts';

export const shareGroupMetadataRecord = defineRecord({
  type: 11,
  name: 'ShareGroupMetadata',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
  },
  value: {
    epoch: int32(),
    metadataHash: exactInt64(),
  },
});

export type ShareGroupMetadataKey = RecordKeyOf<typeof shareGroupMetadataRecord>;
export type ShareGroupMetadataValue = RecordValueOf<typeof shareGroupMetadataRecord>;
