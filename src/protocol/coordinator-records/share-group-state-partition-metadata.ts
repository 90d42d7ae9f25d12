// ShareGroupStatePartitionMetadata, record type 15 of __consumer_offsets: which partitions of a share group have state.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, type Fields, int32, string, structs, uuid } from '../schema.ts';

const topicPartitionsInfo = {
  topicId: uuid(),
  topicName: string(),
  partitions: array(int32()),
} satisfies Fields;

const topicInfo = {
  topicId: uuid(),
  topicName: string(),
} satisfies Fields;

export const shareGroupStatePartitionMetadataRecord = defineRecord({
  type: 15,
  name: 'ShareGroupStatePartitionMetadata',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
  },
  value: {
    initializingTopics: structs(topicPartitionsInfo),
    initializedTopics: structs(topicPartitionsInfo),
    deletingTopics: structs(topicInfo),
  },
});

export type ShareGroupStatePartitionMetadataKey = RecordKeyOf<typeof shareGroupStatePartitionMetadataRecord>;
export type ShareGroupStatePartitionMetadataValue = RecordValueOf<typeof shareGroupStatePartitionMetadataRecord>;
