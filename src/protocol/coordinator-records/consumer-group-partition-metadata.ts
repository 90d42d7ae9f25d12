// ConsumerGroupPartitionMetadata, record type 4 of __consumer_offsets: partitions of the subscribed topics; no longer written since metadata hashes.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, int32, string, structs, uuid } from '../schema.ts';

export const consumerGroupPartitionMetadataRecord = defineRecord({
  type: 4,
  name: 'ConsumerGroupPartitionMetadata',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
  },
  value: {
    topics: structs({
      topicId: uuid(),
      topicName: string(),
      numPartitions: int32(),
      partitionMetadata: structs({
        partition: int32(),
        racks: array(string()),
      }),
    }),
  },
});

export type ConsumerGroupPartitionMetadataKey = RecordKeyOf<typeof consumerGroupPartitionMetadataRecord>;
export type ConsumerGroupPartitionMetadataValue = RecordValueOf<typeof consumerGroupPartitionMetadataRecord>;
